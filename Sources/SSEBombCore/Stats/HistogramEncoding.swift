// HdrHistogram's V2 encoding of a snapshot, plain and compressed, and its base64 text: what result
// files carry and every HdrHistogram reader understands. Input is hostile here: sizes are bounded
// before memory is taken, and every fault is one named error. Must not know files or JSON.

/// Why an encoded histogram was refused.
public enum HistogramDecodingError: Error, Equatable {
    /// The text is not base64 with padding: a foreign byte, a wrong length, bits after the end.
    case notBase64
    /// More input than any histogram of this layout needs, packed or unpacked.
    case tooLarge
    /// The input ends inside a header, a count or the compressed stream.
    case truncated
    /// The first word is not that of a V2 encoding, or of a compressed one where that is due.
    case unknownFormat(cookie: UInt32)
    /// A length field disagrees with the bytes that are there.
    case wrongLength
    /// The zlib stream is damaged.
    case damagedCompression
    /// Another precision, lowest value, index offset or value scale than ssebomb's.
    case otherLayout
    /// A count for values above 86,400 s.
    case valueOutOfRange
    /// Counts whose sum exceeds 2^63 - 1.
    case countOverflow
    /// No memory for the decompression.
    case outOfMemory
}

/// Figures of the V2 format: a 40-byte header (all big-endian), then the counts from cell 0 to the
/// last that isn't 0, as ZigZag LEB128, where a negative number -n stands for n cells of 0.
private enum V2 {
    // The low byte's 0x10 says that counts are variable-length words.
    static let cookie: UInt32 = 0x1c84_9303 | 0x10
    static let compressedCookie: UInt32 = 0x1c84_9304 | 0x10
    static let headerLength = 40
    static let compressedHeaderLength = 8
    /// HdrHistogram's LEB128 ends with the ninth byte, whose eight bits are all payload.
    static let longestWord = 9
    /// The most cells of three digits that 63-bit values can need, rounded up; other writers may
    /// have a higher range, as long as nothing was counted there.
    static let mostCells = 65_536
    static let longest = headerLength + mostCells * longestWord
    /// Deflate never grows data by more than this, and base64 makes four bytes of three.
    static let longestCompressed = compressedHeaderLength + longest + longest / 1_000 + 64
    static let longestText = (longestCompressed + 2) / 3 * 4
}

// MARK: - Encoding

extension HistogramSnapshot {
    /// The plain V2 encoding. Carries the counts alone: `sum`, `min`, `max` and `clipped` are not
    /// part of the format.
    func encodedV2() -> [UInt8] {
        var payload: [UInt8] = []
        payload.reserveCapacity(cells.count * 3)
        var next = 0
        for (cell, cellCount) in zip(cells, counts) {
            let zeros = Int(cell) - next
            // One lone 0 is written as itself, as the reference writers do.
            if zeros > 0 { payload.appendZigZag(zeros == 1 ? 0 : -Int64(zeros)) }
            payload.appendZigZag(Int64(clamping: cellCount))
            next = Int(cell) + 1
        }
        var encoded: [UInt8] = []
        encoded.reserveCapacity(V2.headerLength + payload.count)
        encoded.appendBigEndian(V2.cookie)
        encoded.appendBigEndian(UInt32(payload.count))
        encoded.appendBigEndian(UInt32(0))  // Normalising index offset: of shifted histograms only.
        encoded.appendBigEndian(HistogramLayout.significantDigits)
        encoded.appendBigEndian(HistogramLayout.lowestDiscernible)
        encoded.appendBigEndian(HistogramLayout.highestTrackable)
        encoded.appendBigEndian(Double(1).bitPattern)  // Integer to double conversion ratio.
        encoded += payload
        return encoded
    }

    /// The V2 compressed encoding: cookie and length, then the plain encoding in zlib format.
    public func encodedV2Compressed() -> [UInt8] {
        let packed = ZLibFormat.compress(encodedV2())
        var encoded: [UInt8] = []
        encoded.reserveCapacity(V2.compressedHeaderLength + packed.count)
        encoded.appendBigEndian(V2.compressedCookie)
        encoded.appendBigEndian(UInt32(packed.count))
        encoded += packed
        return encoded
    }

    /// The V2 compressed encoding as base64 text: what the result file carries.
    public func base64V2() -> String { Base64.encode(encodedV2Compressed()) }
}

// MARK: - Decoding

extension HistogramSnapshot {
    /// Reads base64 of a V2 encoding, compressed or plain. Sum, least and greatest value are those
    /// of the cells, since the format carries none.
    public static func decode(
        base64 text: String
    ) throws(HistogramDecodingError) -> HistogramSnapshot {
        let utf8 = Array(text.utf8.prefix(V2.longestText + 1))
        guard utf8.count <= V2.longestText else { throw .tooLarge }
        return try decode(Base64.decode(utf8))
    }

    /// Reads a V2 encoding, compressed or plain.
    static func decode(_ bytes: [UInt8]) throws(HistogramDecodingError) -> HistogramSnapshot {
        var reader = ByteReader(bytes: bytes)
        let cookie: UInt32 = try reader.bigEndian()
        guard cookie == V2.compressedCookie else { return try decodePlain(bytes) }
        let length: UInt32 = try reader.bigEndian()
        guard Int(length) <= V2.longestCompressed else { throw .tooLarge }
        guard Int(length) >= reader.remaining else { throw .wrongLength }
        guard Int(length) == reader.remaining else { throw .truncated }
        return try decodePlain(inflate(bytes[V2.compressedHeaderLength...]))
    }

    private static func inflate(
        _ packed: ArraySlice<UInt8>
    ) throws(HistogramDecodingError) -> [UInt8] {
        do throws(ZLibError) {
            return try ZLibFormat.expand(packed, limit: V2.longest)
        } catch {
            switch error {
            case .tooLarge: throw .tooLarge
            case .truncated: throw .truncated
            case .trailing: throw .wrongLength
            case .outOfMemory: throw .outOfMemory
            case .damaged: throw .damagedCompression
            }
        }
    }

    private static func decodePlain(
        _ bytes: [UInt8]
    ) throws(HistogramDecodingError) -> HistogramSnapshot {
        var reader = ByteReader(bytes: bytes)
        let cookie: UInt32 = try reader.bigEndian()
        guard cookie == V2.cookie else { throw .unknownFormat(cookie: cookie) }
        let length: UInt32 = try reader.bigEndian()
        let offset: UInt32 = try reader.bigEndian()
        let digits: UInt32 = try reader.bigEndian()
        let lowest: UInt64 = try reader.bigEndian()
        let highest: UInt64 = try reader.bigEndian()
        let ratio: UInt64 = try reader.bigEndian()
        // With these equal, cells mean the same values however high the range goes.
        guard offset == 0, digits == HistogramLayout.significantDigits,
            lowest == HistogramLayout.lowestDiscernible, highest >= 2, highest <= Int64.max,
            Double(bitPattern: ratio) == 1
        else { throw .otherLayout }
        guard Int(length) >= reader.remaining else { throw .wrongLength }
        guard Int(length) == reader.remaining else { throw .truncated }
        return try decodeCounts(&reader)
    }

    private static func decodeCounts(
        _ reader: inout ByteReader
    ) throws(HistogramDecodingError) -> HistogramSnapshot {
        var cells: [UInt16] = []
        var counts: [UInt64] = []
        var cell = 0
        var total: Int64 = 0
        while reader.remaining > 0 {
            let word = try reader.zigZag()
            if word > 0 {
                guard cell < HistogramLayout.cellCount else { throw .valueOutOfRange }
                let (sum, overflow) = total.addingReportingOverflow(word)
                guard !overflow else { throw .countOverflow }
                total = sum
                cells.append(UInt16(cell))
                counts.append(UInt64(word))
            }
            let run = word < 0 ? word.magnitude : 1
            guard run <= UInt64(V2.mostCells - cell) else { throw .valueOutOfRange }
            cell += Int(run)
        }
        return HistogramSnapshot(cells: cells, counts: counts)
    }
}

// MARK: - Bytes

extension [UInt8] {
    fileprivate mutating func appendBigEndian<Word: FixedWidthInteger>(_ word: Word) {
        for shift in stride(from: Word.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }

    /// Appends a signed number as ZigZag LEB128 of at most nine bytes.
    fileprivate mutating func appendZigZag(_ value: Int64) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        for _ in 1..<V2.longestWord {
            guard rest >= 0x80 else { break }
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }
}

/// A cursor that never leaves its bytes.
private struct ByteReader {
    let bytes: [UInt8]
    var position = 0

    var remaining: Int { bytes.count - position }

    mutating func byte() throws(HistogramDecodingError) -> UInt8 {
        guard position < bytes.count else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func bigEndian<Word: FixedWidthInteger>() throws(HistogramDecodingError) -> Word {
        var word: Word = 0
        for _ in 0..<(Word.bitWidth / 8) { word = word << 8 | Word(truncatingIfNeeded: try byte()) }
        return word
    }

    mutating func zigZag() throws(HistogramDecodingError) -> Int64 {
        var value: UInt64 = 0
        for index in 0..<V2.longestWord {
            let next = try byte()
            let isLast = index == V2.longestWord - 1
            value |= UInt64(isLast ? next : next & 0x7f) << UInt64(7 * index)
            if next < 0x80 { break }
        }
        return Int64(bitPattern: value >> 1) ^ -Int64(value & 1)
    }
}

/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    /// The text of the bytes.
    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for index in 0..<3 {
                bits = bits << 8 | (index < group.count ? UInt32(group[start + index]) : 0)
            }
            for index in 0..<4 {
                let sextet = Int(bits >> UInt32(18 - 6 * index)) & 63
                text.append(index <= group.count ? alphabet[sextet] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a text. Only the canonical text of some bytes is accepted: no white space,
    /// full padding, unused bits 0.
    static func decode(_ text: [UInt8]) throws(HistogramDecodingError) -> [UInt8] {
        guard text.count % 4 == 0 else { throw .notBase64 }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        let digits = text.count - padding
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for character in text[..<digits] {
            guard let sextet = value(of: character) else { throw .notBase64 }
            bits = (bits << 6 | sextet) & 0xffff
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
        }
        guard bits & (1 << bitCount - 1) == 0 else { throw .notBase64 }
        return bytes
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
