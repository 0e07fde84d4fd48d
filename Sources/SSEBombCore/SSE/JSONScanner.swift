// A cursor over one JSON text (RFC 8259) in memory: walks members and elements, skips what nobody
// asked for, reads integers and string ranges in place. Never allocates, never reads outside its
// range. Knows no key and no API; checks a skipped value only for balance and ended strings.

/// A forward-only reader of one JSON text.
///
/// Every method that returns `Bool` answers false for malformed text; the caller then gives the
/// whole text up, for nothing that was read from it can be trusted.
struct JSONScanner {
    /// Deepest nesting that is read. A limit of the text's own choice would cost memory.
    static let depthLimit = 64

    /// Where a member or element loop stands.
    enum Step {
        /// At the first byte of a key or an element.
        case item
        /// Past the closing bracket.
        case end
        case malformed
    }

    private(set) var position: UnsafeRawPointer
    private let end: UnsafeRawPointer

    /// Creates a scanner at the start of `text`, which must outlive it.
    init(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) {
        position = start
        self.end = end
    }

    /// The next byte, or 0 at the end; a NUL byte is legal nowhere between JSON tokens.
    var byte: UInt8 {
        @inline(__always) get { position < end ? position.load(as: UInt8.self) : 0 }
    }

    /// Skips white space, and tells whether nothing else is left.
    mutating func isAtEnd() -> Bool {
        skipSpace()
        return position == end
    }

    @inline(__always)  // Mostly one comparison: APIs send compact JSON.
    mutating func skipSpace() {
        guard byte <= 0x20 else { return }
        skipSpaceRun()
    }

    @inline(never)  // Keeps the loop out of the compact case.
    private mutating func skipSpaceRun() {
        while position < end {
            switch position.load(as: UInt8.self) {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    /// Moves past `text` if it is next.
    @inline(__always)  // The length must be a constant.
    mutating func take(_ text: StaticString) -> Bool {
        guard ByteScan.begins(position, end, with: text) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }

    @inline(__always)  // One comparison.
    private mutating func takeByte(_ expected: UInt8) -> Bool {
        guard byte == expected else { return false }
        position += 1
        return true
    }
}

// MARK: - Members and elements

// Each step first tries the two spellings that servers use, compact and with one space; other white
// space and the ends are apart.
extension JSONScanner {
    /// The first byte of the key whose quotation mark is next.
    var keyByte: UInt8 {
        @inline(__always) get {
            end - position >= 2 ? position.load(fromByteOffset: 1, as: UInt8.self) : 0
        }
    }

    /// Enters an object: at its first key, or past it when it is empty.
    @inline(__always)  // Once an object.
    mutating func enterObject() -> Step {
        takePair("{\"") ? .item : enterObjectSlowly()
    }

    @inline(never)  // Empty objects and white space.
    private mutating func enterObjectSlowly() -> Step {
        guard takeByte(UInt8(ascii: "{")) else { return .malformed }
        skipSpace()
        if byte == UInt8(ascii: "\"") { return .item }
        return takeByte(UInt8(ascii: "}")) ? .end : .malformed
    }

    /// After a member's value: at the next key, or past the object.
    @inline(__always)  // Once a member.
    mutating func nextMember() -> Step {
        if takePair(",\"") { return .item }
        if ByteScan.begins(position, end, with: ", \"") {
            position += 2
            return .item
        }
        return nextMemberSlowly()
    }

    @inline(never)  // Ends of objects and white space.
    private mutating func nextMemberSlowly() -> Step {
        skipSpace()
        if takeByte(UInt8(ascii: ",")) {
            skipSpace()
            return byte == UInt8(ascii: "\"") ? .item : .malformed
        }
        return takeByte(UInt8(ascii: "}")) ? .end : .malformed
    }

    /// Enters an array: at its first element, or past it when it is empty.
    mutating func enterArray() -> Step {
        guard takeByte(UInt8(ascii: "[")) else { return .malformed }
        skipSpace()
        return takeByte(UInt8(ascii: "]")) ? .end : .item
    }

    /// After an element: at the next one, or past the array.
    mutating func nextElement() -> Step {
        skipSpace()
        if takeByte(UInt8(ascii: ",")) {
            skipSpace()
            return .item
        }
        return takeByte(UInt8(ascii: "]")) ? .end : .malformed
    }

    /// From behind a key to the first byte of its value.
    @inline(__always)  // Once a member.
    mutating func passColon() -> Bool {
        if end - position >= 3, byte == UInt8(ascii: ":") {
            if keyByte > 0x20 {
                position += 1
                return true
            }
            if keyByte == 0x20, position.load(fromByteOffset: 2, as: UInt8.self) > 0x20 {
                position += 2
                return true
            }
        }
        return passColonSlowly()
    }

    @inline(never)  // Other white space, or the text is about to end.
    private mutating func passColonSlowly() -> Bool {
        skipSpace()
        guard takeByte(UInt8(ascii: ":")) else { return false }
        skipSpace()
        return true
    }

    /// Moves past the first of two bytes if both are next.
    @inline(__always)  // The pair must be a constant.
    private mutating func takePair(_ pair: StaticString) -> Bool {
        guard ByteScan.begins(position, end, with: pair) else { return false }
        position += 1
        return true
    }

    /// Moves past a key of this spelling, which holds neither quotation mark nor reverse solidus,
    /// if it is next.
    mutating func takeKey(_ key: UnsafeRawBufferPointer) -> Bool {
        let length = key.count + 2
        guard end - position >= length, byte == UInt8(ascii: "\""),
            position.load(fromByteOffset: length - 1, as: UInt8.self) == UInt8(ascii: "\""),
            ByteScan.begins(position + 1, end, with: key)
        else { return false }
        position += length
        return true
    }

    /// Skips a key that the caller didn't recognise by its plain spelling.
    ///
    /// A key may spell a lower-case letter or underscore as `\u00XX`. The caller's comparisons
    /// would miss it, so such a key counts as malformed: it is not known which key it is.
    mutating func skipKey() -> Bool {
        guard takeByte(UInt8(ascii: "\"")) else { return false }
        while true {
            position = ByteScan.stringStop(position, end)
            guard position < end else { return false }
            if takeByte(UInt8(ascii: "\"")) { return true }
            if ByteScan.begins(position, end, with: "\\u005")
                || ByteScan.begins(position, end, with: "\\u006")
                || ByteScan.begins(position, end, with: "\\u007")
            {
                return false
            }
            guard end - position >= 2 else { return false }
            position += 2
        }
    }
}

// MARK: - Values

extension JSONScanner {
    /// Reads a string; the range, without quotation marks and not unescaped, or nil.
    @inline(__always)  // The result stays in registers.
    mutating func readString() -> UnsafeRawBufferPointer? {
        let start = position + 1
        guard skipString() else { return nil }
        return UnsafeRawBufferPointer(start: start, count: position - 1 - start)
    }

    /// Skips a string.
    @inline(__always)  // The most frequent value; one vector loop.
    mutating func skipString() -> Bool {
        guard takeByte(UInt8(ascii: "\"")) else { return false }
        while true {
            position = ByteScan.stringStop(position, end)
            guard position < end else { return false }
            if takeByte(UInt8(ascii: "\"")) { return true }
            // An escape: the byte behind the reverse solidus never ends the string.
            guard end - position >= 2 else { return false }
            position += 2
        }
    }

    /// Skips a value of any type.
    ///
    /// - Parameter depth: How many containers the value is in, below `depthLimit`.
    @inline(__always)  // The string case is the usual one and must see its vector loop.
    mutating func skipValue(depth: Int) -> Bool {
        switch byte {
        case UInt8(ascii: "\""): skipString()
        case UInt8(ascii: "{"), UInt8(ascii: "["): skipContainer(depth: depth)
        case UInt8(ascii: "n"): take("null")
        default: skipScalar()
        }
    }

    /// Skips a number, `true` or `false`; a number by the bytes it may have, not by its grammar.
    mutating func skipScalar() -> Bool {
        let first = byte
        guard first == UInt8(ascii: "-") || first &- 0x30 <= 9 else {
            return take("true") || take("false")
        }
        position += 1
        // Eight digits at once: adding 6 to a byte of 0x3A or more, and only then, leaves 0x30.
        while end - position >= 8 {
            let word = position.loadUnaligned(as: UInt64.self)
            let highs: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
            let carried = (word &+ 0x0606_0606_0606_0606) & highs
            guard (word & highs) | carried &>> 4 == 0x3333_3333_3333_3333 else { break }
            position += 8
        }
        while position < end {
            let byte = position.load(as: UInt8.self)
            // "+", ",", "-", ".", "/" and the digits lie in a row.
            guard byte &- 0x2B <= 0x0E && byte != UInt8(ascii: ",") || byte | 0x20 == 0x65 else {
                break
            }
            position += 1
        }
        return true
    }

    /// Skips a number. `value` becomes -1 unless it is a whole number of at most 12 digits: no
    /// response has a million million tokens, and what counts add up to must stay in range.
    ///
    /// - Returns: False for malformed text.
    mutating func readCount(_ value: inout Int64) -> Bool {
        let start = position
        var result: Int64 = 0
        while position < end, position - start < 12 {
            let digit = position.load(as: UInt8.self) &- 0x30
            guard digit <= 9 else { break }
            result = result &* 10 &+ Int64(digit)
            position += 1
        }
        let next = byte | 0x20
        let isWhole = position > start && next &- 0x30 > 9 && next != 0x2E && next != 0x65
        guard !isWhole else {
            value = result
            return true
        }
        value = -1
        position = start
        return skipScalar()
    }

    /// Skips an object or array by its brackets and strings alone.
    mutating func skipContainer(depth: Int) -> Bool {
        // One bit a level, 1 for an object: depthLimit levels fit one word.
        var kinds: UInt64 = 0
        var level = depth
        repeat {
            position = ByteScan.bracketOrQuote(position, end)
            switch byte {
            case UInt8(ascii: "\""):
                guard skipString() else { return false }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard level < Self.depthLimit else { return false }
                kinds = kinds &<< 1 | (byte == UInt8(ascii: "{") ? 1 : 0)
                level += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard kinds & 1 == (byte == UInt8(ascii: "}") ? 1 : 0) else { return false }
                kinds &>>= 1
                level -= 1
                position += 1
            default:
                return false
            }
        } while level > depth
        return true
    }
}
