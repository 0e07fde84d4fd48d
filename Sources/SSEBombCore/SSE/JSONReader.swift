// A strict cursor over JSON text (RFC 8259) in files that a user gave: says where text stops being
// JSON, and finds strings and values in place. Not for what a server sends (that is JSONScanner,
// which forgives more and costs less). Knows no key and no file.

/// The place where a text stops being JSON.
public struct JSONFault: Error, Equatable, Sendable {
    /// What was expected there; nil where the text ends too early.
    public var expected: String?
    /// Bytes from the start of the text.
    public var offset: Int

    /// "expected ..." or "it ends too early".
    public var problem: String { expected.map { "expected \($0)" } ?? "it ends too early" }
}

/// A place in a text as people count it.
public struct TextPlace: Equatable, Sendable {
    /// From 1.
    public var line: Int
    /// From 1, in bytes.
    public var column: Int

    /// The place of the byte at `offset`.
    public init(of offset: Int, in text: UnsafeRawBufferPointer) {
        line = 1
        var lineStart = 0
        for index in 0..<min(offset, text.count) where text[index] == 0x0A {
            line += 1
            lineStart = index + 1
        }
        column = min(offset, text.count) - lineStart + 1
    }
}

/// A forward-only reader of JSON text, which must outlive it. Offsets count from the start of the
/// text.
public struct JSONReader {
    /// Deeper documents are refused: parsers on the other side have such limits, too.
    public static let deepestNesting = 512

    private let text: UnsafeRawBufferPointer
    /// The next byte.
    public private(set) var offset: Int
    private let end: Int

    /// A reader that stands at `range`'s start and goes no further than its end.
    public init(_ text: UnsafeRawBufferPointer, in range: Range<Int>? = nil) {
        self.text = text
        offset = range?.lowerBound ?? 0
        end = range?.upperBound ?? text.count
    }

    /// The next byte; 0, which no JSON token begins with, at the end.
    public var byte: UInt8 { offset < end ? text[offset] : 0 }
    /// Nothing is left.
    public var isAtEnd: Bool { offset >= end }

    /// A fault at the next byte.
    public func fault(_ expected: String) -> JSONFault {
        JSONFault(expected: offset >= end ? nil : expected, offset: offset)
    }

    /// Skips white space.
    public mutating func skipSpace() {
        while offset < end {
            switch text[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard self.byte == UInt8(ascii: byte) else { return false }
        offset += 1
        return true
    }
}

// MARK: - Objects and arrays

extension JSONReader {
    /// Enters the object that begins here; false when it is empty and thus behind.
    public mutating func enterObject() throws(JSONFault) -> Bool {
        guard take("{") else { throw fault("an object") }
        skipSpace()
        return !take("}")
    }

    /// Reads a member's name and goes to its value. The name as it is spelled, without quotes.
    public mutating func key() throws(JSONFault) -> Range<Int> {
        guard byte == UInt8(ascii: "\"") else { throw fault("a member name in quotes") }
        let name = try string()
        skipSpace()
        guard take(":") else { throw fault("':' behind the member name") }
        skipSpace()
        return name
    }

    /// Behind a member's value: goes to the next name; false when the object is behind.
    public mutating func nextMember() throws(JSONFault) -> Bool {
        skipSpace()
        if take("}") { return false }
        guard take(",") else { throw fault("',' or '}'") }
        skipSpace()
        return true
    }

    /// Enters the array that begins here; false when it is empty and thus behind.
    public mutating func enterArray() throws(JSONFault) -> Bool {
        guard take("[") else { throw fault("an array") }
        skipSpace()
        return !take("]")
    }

    /// Behind an element: goes to the next one; false when the array is behind.
    public mutating func nextElement() throws(JSONFault) -> Bool {
        skipSpace()
        if take("]") { return false }
        guard take(",") else { throw fault("',' or ']'") }
        skipSpace()
        return true
    }
}

// MARK: - Values

extension JSONReader {
    /// Skips the value that begins here.
    ///
    /// - Parameter depth: how many containers it is in.
    /// - Returns: where it stands.
    @discardableResult
    public mutating func skipValue(depth: Int = 0) throws(JSONFault) -> Range<Int> {
        let start = offset
        guard depth <= Self.deepestNesting else { throw fault("less nesting") }
        switch byte {
        case UInt8(ascii: "{"):
            guard try enterObject() else { break }
            repeat {
                _ = try key()
                try skipValue(depth: depth + 1)
            } while try nextMember()
        case UInt8(ascii: "["):
            guard try enterArray() else { break }
            repeat { try skipValue(depth: depth + 1) } while try nextElement()
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
        return start..<offset
    }

    /// Reads the string that begins here: where it stands, without its quotes and not unescaped.
    public mutating func string() throws(JSONFault) -> Range<Int> {
        guard take("\"") else { throw fault("a string") }
        let start = offset
        while true {
            let stop = nextStop()
            try checkCharacters(upTo: stop)
            offset = stop
            if take("\"") { return start..<(offset - 1) }
            guard offset < end else { throw fault("a closing quote") }
            offset += 1
            try escape()
        }
    }

    /// The next quotation mark or reverse solidus, or the end.
    private func nextStop() -> Int {
        guard let base = text.baseAddress else { return end }
        return ByteScan.stringStop(base + offset, base + end) - base
    }

    /// Control characters stand in strings as escapes only (RFC 8259, 7), and text is UTF-8 (8.1).
    private mutating func checkCharacters(upTo stop: Int) throws(JSONFault) {
        while offset < stop {
            if stop - offset >= 8 {
                let word = text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let highs: UInt64 = 0x8080_8080_8080_8080
                // Below 0x20 the subtraction borrows into the high bit.
                if (word | (word &- 0x2020_2020_2020_2020)) & highs == 0 {
                    offset += 8
                    continue
                }
            }
            let byte = text[offset]
            if byte < 0x20 { throw fault("control characters in strings as \\u escapes") }
            if byte < 0x80 {
                offset += 1
                continue
            }
            guard let length = UTF8Check.length(at: offset, in: text, end: stop) else {
                throw JSONFault(expected: "UTF-8 in the string", offset: offset)
            }
            offset += length
        }
    }

    private mutating func escape() throws(JSONFault) {
        let kind = byte
        guard "\"\\/bfnrtu".utf8.contains(kind) else {
            throw fault("one of \"\\/bfnrtu behind the backslash")
        }
        offset += 1
        guard kind == UInt8(ascii: "u") else { return }
        for _ in 0..<4 {
            guard HexDigit.value(of: byte) != nil else { throw fault("four hex digits") }
            offset += 1
        }
    }

    private mutating func word(_ text: StaticString) throws(JSONFault) {
        for place in 0..<text.utf8CodeUnitCount {
            guard byte == text.utf8Start[place] else { throw fault("'\(text)'") }
            offset += 1
        }
    }

    private mutating func number() throws(JSONFault) {
        if byte == UInt8(ascii: "-") { offset += 1 }
        if byte == UInt8(ascii: "0") { offset += 1 } else { try digits("a value") }
        if byte == UInt8(ascii: ".") {
            offset += 1
            try digits("a digit behind the point")
        }
        if byte | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { offset += 1 }
            try digits("a digit in the exponent")
        }
    }

    private mutating func digits(_ expected: String) throws(JSONFault) {
        let start = offset
        while byte &- 0x30 <= 9 { offset += 1 }
        guard offset > start else { throw fault(expected) }
    }

    /// Reads the whole number that begins here; nil, and it is skipped, for any other value and for
    /// one of more than nine digits.
    public mutating func wholeNumber() throws(JSONFault) -> UInt32? {
        let range = try skipValue()
        guard range.count <= 9 else { return nil }
        var value: UInt32 = 0
        for byte in text[range] {
            guard byte &- 0x30 <= 9 else { return nil }
            value = value * 10 + UInt32(byte &- 0x30)
        }
        return value
    }

    /// Whether the bytes of `range` are these.
    public func spells(_ range: Range<Int>, _ name: StaticString) -> Bool {
        range.count == name.utf8CodeUnitCount
            && name.withUTF8Buffer { $0.elementsEqual(text[range]) }
    }
}

/// Hexadecimal digits in ASCII.
enum HexDigit {
    /// The digit's value, nil for another byte.
    static func value(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The digit of the low four bits.
    static func lower(_ value: UInt64) -> UInt8 {
        let nibble = UInt8(truncatingIfNeeded: value & 15)
        return nibble < 10 ? 0x30 + nibble : 0x57 + nibble
    }

    /// The same in capitals, as percent-encoding has them (RFC 3986, 2.1).
    static func upper(_ value: UInt8) -> UInt8 {
        let nibble = value & 15
        return nibble < 10 ? 0x30 + nibble : 0x37 + nibble
    }
}

/// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
enum UTF8Check {
    /// Length of the character whose first byte, not ASCII, is at `start`; nil where it isn't one.
    static func length(at start: Int, in text: UnsafeRawBufferPointer, end: Int) -> Int? {
        let first = text[start]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC2, first <= 0xF4, start + length <= end else { return nil }
        let second = text[start + 1]
        let lowest: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
        let highest: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
        guard second >= lowest, second <= highest else { return nil }
        for place in 2..<max(2, length) where text[start + place] & 0xC0 != 0x80 { return nil }
        return length
    }
}
