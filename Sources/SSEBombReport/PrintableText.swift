// Text that others chose (servers, mostly) made fit for a terminal: nothing in it can move the
// cursor, change colours, reorder what follows or flood the screen. Must not know what the text
// means or which secrets it may hold.

/// Rendering of untrusted bytes and strings.
enum PrintableText {
    /// `bytes` as one line: printable Unicode as it is, everything else as an escape (`\n`, `\t`,
    /// `\r`, `\x1b`, `\u{202e}`), bytes that are not UTF-8 as `\x..`.
    static func escaped(_ bytes: [UInt8]) -> String {
        var text = ""
        var index = 0
        while index < bytes.count {
            let length = sequenceLength(bytes[index])
            let end = index + length
            if length > 0, end <= bytes.count,
                let scalar = String(validating: bytes[index..<end], as: UTF8.self)?.unicodeScalars
                    .first
            {
                append(scalar, to: &text)
                index = end
            } else {
                text += "\\x" + hexadecimal(UInt32(bytes[index]), digits: 2)
                index += 1
            }
        }
        return text
    }

    /// Length that the first byte of a UTF-8 sequence announces, 0 where none can begin with it.
    private static func sequenceLength(_ first: UInt8) -> Int {
        switch first {
        case 0..<0x80: 1
        case 0xc2..<0xe0: 2
        case 0xe0..<0xf0: 3
        case 0xf0..<0xf5: 4
        default: 0
        }
    }

    /// A string as one line of at most `limit` characters, with an ellipsis where it was cut.
    static func line(_ string: String, limit: Int = .max) -> String {
        cut(escaped(Array(string.utf8)), to: limit)
    }

    /// As `line`, but cut in the middle: of names both ends tell.
    static func name(_ string: String, limit: Int) -> String {
        let text = escaped(Array(string.utf8))
        guard text.count > limit else { return text }
        let end = (limit - 1) / 2
        return text.prefix(limit - 1 - end) + "…" + text.suffix(end)
    }

    /// `text` in at most `lines` lines of `columns` characters; the last ends with an ellipsis
    /// where something is left out.
    static func wrapped(_ text: String, columns: Int, lines: Int) -> [String] {
        var result: [String] = []
        var rest = Substring(text)
        while !rest.isEmpty, result.count < lines {
            let isLast = result.count == lines - 1
            if isLast {
                result.append(cut(String(rest), to: columns))
                break
            }
            result.append(String(rest.prefix(columns)))
            rest = rest.dropFirst(columns)
        }
        return result
    }

    private static func cut(_ text: String, to limit: Int) -> String {
        guard limit < .max, text.count > limit else { return text }
        return text.prefix(max(0, limit - 1)) + "…"
    }

    private static func append(_ scalar: Unicode.Scalar, to text: inout String) {
        switch scalar {
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        default:
            if isPrintable(scalar) {
                text.unicodeScalars.append(scalar)
            } else if scalar.value < 0x80 {
                text += "\\x" + hexadecimal(scalar.value, digits: 2)
            } else {
                text += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
    }

    /// Controls (C0, C1, DEL), formats (bidirectional overrides, zero-width joiners), line and
    /// paragraph separators, private and unassigned code points aren't.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            false
        default: true
        }
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
