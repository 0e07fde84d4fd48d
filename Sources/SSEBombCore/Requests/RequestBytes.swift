// How a prompt's text is written where it stands: in a JSON string, as one, in a URL, in a header
// field, as plain text. The text comes as the inside of a JSON string, which is how files have it.

/// What stands around a text, and so decides how it is spelled.
enum TextNotation: Equatable, BitwiseCopyable {
    /// Inside the quotes of a JSON string: as it is.
    case insideString
    /// Where a JSON value stands: with quotes.
    case jsonValue
    /// In a request target: all but unreserved characters percent-encoded (RFC 3986, 2.3).
    case target
    /// In a header field: control characters become spaces (RFC 9110, 5.5).
    case header
    /// In a body that isn't JSON: unescaped.
    case plain
}

/// Writers into a spill.
enum RequestBytes {
    /// Appends the text in `escaped` as `notation` has it.
    static func append(
        _ escaped: UnsafeRawBufferPointer,
        as notation: TextNotation,
        to target: inout Spill,
        pool: SpillPool
    ) {
        switch notation {
        case .insideString: append(escaped, to: &target, pool: pool)
        case .jsonValue:
            append(byte: UInt8(ascii: "\""), to: &target, pool: pool)
            append(escaped, to: &target, pool: pool)
            append(byte: UInt8(ascii: "\""), to: &target, pool: pool)
        case .target, .header, .plain:
            var text = EscapedText(escaped)
            while let scalar = text.next() {
                for byte in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? .init() {
                    append(byte: byte, as: notation, to: &target, pool: pool)
                }
            }
        }
    }

    private static func append(
        byte: UInt8,
        as notation: TextNotation,
        to target: inout Spill,
        pool: SpillPool
    ) {
        switch notation {
        case .target where !isUnreserved(byte):
            append(byte: UInt8(ascii: "%"), to: &target, pool: pool)
            append(byte: HexDigit.upper(byte >> 4), to: &target, pool: pool)
            append(byte: HexDigit.upper(byte), to: &target, pool: pool)
        case .header where byte < 0x20 || byte == 0x7F:
            append(byte: 0x20, to: &target, pool: pool)
        default: append(byte: byte, to: &target, pool: pool)
        }
    }

    /// Appends bytes as they are.
    static func append(
        _ bytes: UnsafeRawBufferPointer,
        to target: inout Spill,
        pool: SpillPool
    ) {
        guard let base = bytes.baseAddress else { return }
        target.append(base, bytes.count, pool: pool)
    }

    /// Appends one byte.
    static func append(byte: UInt8, to target: inout Spill, pool: SpillPool) {
        withUnsafeBytes(of: byte) { append($0, to: &target, pool: pool) }
    }

    /// Appends a number in decimal digits.
    static func append(decimal number: UInt64, to target: inout Spill, pool: SpillPool) {
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var start = digits.count
            var rest = number
            repeat {
                start -= 1
                digits[start] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            append(UnsafeRawBufferPointer(rebasing: digits[start...]), to: &target, pool: pool)
        }
    }

    /// Appends so many hexadecimal digits of a number, from its lowest.
    static func append(hex number: UInt64, digits: Int, to target: inout Spill, pool: SpillPool) {
        for place in (0..<digits).reversed() {
            append(byte: HexDigit.lower(number >> (4 * UInt64(place))), to: &target, pool: pool)
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~".utf8.contains(byte)
        }
    }

    /// The text as the inside of a JSON string (RFC 8259, 7).
    static func escaped(_ text: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case 0x0A: result += "\\n".utf8
            case ..<0x20:
                result += "\\u00".utf8
                result += [HexDigit.lower(UInt64(byte >> 4)), HexDigit.lower(UInt64(byte))]
            default: result.append(byte)
            }
        }
        return result
    }
}

/// The characters of a JSON string's inside, which must have been checked by a `JSONReader`.
struct EscapedText {
    private let bytes: UnsafeRawBufferPointer
    private var index = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next scalar's value; half a surrogate pair comes as it is. nil at the end.
    mutating func next() -> UInt32? {
        guard index < bytes.count else { return nil }
        let first = bytes[index]
        index += 1
        if first == UInt8(ascii: "\\") { return escape() }
        if first < 0x80 { return UInt32(first) }
        let length = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1
        var scalar = UInt32(first) & (0x3F >> UInt32(length))
        for _ in 0..<length {
            scalar = scalar << 6 | UInt32(byte() & 0x3F)
        }
        return scalar
    }

    private mutating func byte() -> UInt8 {
        guard index < bytes.count else { return 0 }
        index += 1
        return bytes[index - 1]
    }

    private mutating func escape() -> UInt32 {
        let kind = byte()
        switch kind {
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "u"): return unicode()
        default: return UInt32(kind)
        }
    }

    private mutating func unicode() -> UInt32 {
        let high = unit()
        let hasPair =
            high & 0xFC00 == 0xD800 && index + 6 <= bytes.count
            && bytes[index] == UInt8(ascii: "\\") && bytes[index + 1] == UInt8(ascii: "u")
        guard hasPair else { return high }
        let resume = index
        index += 2
        let low = unit()
        guard low & 0xFC00 == 0xDC00 else {
            index = resume
            return high
        }
        return 0x1_0000 + (high & 0x3FF) << 10 + (low & 0x3FF)
    }

    private mutating func unit() -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 { value = value << 4 | UInt32(HexDigit.value(of: byte()) ?? 0) }
        return value
    }
}

/// Text for JSON.
public enum JSONEscape {
    /// `text` as the inside of a JSON string.
    public static func escaped(_ text: String) -> String {
        String(decoding: RequestBytes.escaped(text.utf8), as: UTF8.self)
    }
}
