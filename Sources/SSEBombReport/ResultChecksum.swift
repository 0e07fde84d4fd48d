// The result file's `checksum`, by which a file that was damaged anywhere is told from a sound one:
// a flipped digit is a number like any other. Must not know what stands in the document.

import SSEBombCore

/// The first member of a result's document.
///
/// CRC-32 of all that follows it, without the white space between tokens, so that a file may be
/// laid out anew.
enum ResultChecksum {
    private static let before = Array("{\"checksum\":\"".utf8)
    private static let behind = Array("\",".utf8)
    private static let digits = 8

    /// A document, as JSONEncoder lays it out, with its checksum.
    static func stamped(_ document: [UInt8]) -> [UInt8] {
        let text = hexadecimal(crc32(Array(compact(document).dropFirst())))
        return Array("{\n  \"checksum\" : \"\(text)\",".utf8) + document.dropFirst()
    }

    /// Whether a document is what was written; true where it has no checksum.
    static func isSound(_ document: [UInt8]) -> Bool {
        let bytes = compact(document)
        let start = before.count + digits
        guard bytes.starts(with: before), bytes.dropFirst(start).starts(with: behind) else {
            return true
        }
        let rest = Array(bytes[(start + behind.count)...])
        return hexadecimal(crc32(rest)).utf8.elementsEqual(bytes[before.count..<start])
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }

    /// Without white space between tokens (RFC 8259, 2).
    private static func compact(_ document: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(document.count)
        var isInside = false
        var isEscaped = false
        for byte in document {
            if isInside {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInside = false
                }
            } else {
                if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { continue }
                isInside = byte == UInt8(ascii: "\"")
            }
            bytes.append(byte)
        }
        return bytes
    }
}
