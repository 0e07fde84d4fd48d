// Steps that the readers of all APIs have in common: members by their type, token text, counts,
// times. Knows no key and no API.

/// What stands where text belongs.
enum JSONText {
    /// An empty string or null.
    case empty
    case filled
    /// A value of another type.
    case strange
    case malformed
}

// Each method is called behind a key and takes the colon and the value. `depth` is the number of
// containers that the value is in. False means malformed text.
extension JSONScanner {
    /// A scanner inside of `data` at the one value it may hold, an object; nil where it holds
    /// something else.
    init?(objectIn data: UnsafeRawBufferPointer) {
        guard let base = data.baseAddress else { return nil }
        self.init(base, base + data.count)
        skipSpace()
        guard byte == UInt8(ascii: "{") else { return nil }
    }

    /// The facts of an event that is no object: the end marker that OpenAI's APIs have and
    /// gateways put behind every other's streams, or nothing known.
    @inline(never)  // Once a stream.
    static func coldReadMarker(_ data: UnsafeRawBufferPointer, into facts: inout EventFacts) {
        facts = .nothingKnown
        guard let base = data.baseAddress else { return }
        var scanner = JSONScanner(base, base + data.count)
        scanner.skipSpace()
        if scanner.take("[DONE]"), scanner.isAtEnd() { facts.contents = .done }
    }

    @inline(__always)  // The usual values are one vector loop or one comparison.
    mutating func skipMemberValue(depth: Int) -> Bool {
        passColon() && skipValue(depth: depth)
    }

    /// Skips a member whose key nobody has taken.
    @inline(never)  // Keys that no dialect asks for: off the usual way.
    mutating func skipMember(depth: Int) -> Bool {
        skipKey() && passColon() && skipValue(depth: depth)
    }

    /// Enters the object behind the colon; a value of another type is skipped and says `.end`.
    mutating func enterMemberObject(depth: Int) -> Step {
        guard passColon() else { return .malformed }
        if byte == UInt8(ascii: "{") { return enterObject() }
        return skipValue(depth: depth) ? .end : .malformed
    }

    /// Enters the array behind the colon; a value of another type is skipped and says `.end`.
    mutating func enterMemberArray(depth: Int) -> Step {
        guard passColon() else { return .malformed }
        if byte == UInt8(ascii: "[") { return enterArray() }
        return skipValue(depth: depth) ? .end : .malformed
    }

    /// Reads a string as it stands; a value of another type leaves `text` alone.
    @inline(__always)  // Once an event; its outcome stays in registers.
    mutating func readName(_ text: inout UnsafeRawBufferPointer, depth: Int) -> Bool {
        guard passColon() else { return false }
        guard byte == UInt8(ascii: "\"") else { return skipValue(depth: depth) }
        guard let found = readString() else { return false }
        text = found
        return true
    }

    /// Sets `flag` where the value is `true`.
    mutating func readFlag(_ flag: inout Bool, depth: Int) -> Bool {
        guard passColon() else { return false }
        if take("true") {
            flag = true
            return true
        }
        return skipValue(depth: depth)
    }

    /// Reads a count; what is none leaves `value` alone or makes it -1.
    mutating func readMemberCount(_ value: inout Int64, depth: Int) -> Bool {
        guard passColon() else { return false }
        let isDigit = byte &- 0x30 <= 9
        return isDigit ? readCount(&value) : skipValue(depth: depth)
    }

    /// Reads the one count that is asked for of an object. The object may be null.
    @inline(__always)  // The key must be a constant.
    mutating func readDetail(_ key: StaticString, _ value: inout Int64, depth: Int) -> Bool {
        var step = enterMemberObject(depth: depth)
        while step == .item {
            let isRead =
                take(key)
                ? readMemberCount(&value, depth: depth + 1) : skipMember(depth: depth + 1)
            guard isRead else { return false }
            step = nextMember()
        }
        return step == .end
    }

    /// Reads a duration that is a number of units of ten to `exponent` nanoseconds; what is none
    /// leaves `value` alone.
    mutating func readTime(_ value: inout Int64, exponent: Int, depth: Int) -> Bool {
        guard passColon() else { return false }
        guard byte &- 0x30 <= 9 else { return skipValue(depth: depth) }
        let start = position
        guard skipScalar() else { return false }
        let digits = UnsafeRawBufferPointer(start: start, count: position - start)
        if let time = DecimalTime.nanoseconds(digits, exponent: exponent) {
            value = time
        } else if digits.allSatisfy({ $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }) {
            value = 0
        }
        return true
    }
}

// MARK: - Facts

extension EventFacts {
    /// Reads a member whose key was just taken and whose value is token text of a kind.
    @inline(__always)  // The kind must be a constant.
    mutating func readTokens(
        _ kind: Contents,
        _ scanner: inout JSONScanner,
        depth: Int
    ) -> Bool {
        guard scanner.passColon() else { return false }
        return readTokenValue(kind, &scanner, depth: depth)
    }

    /// The same, behind the colon.
    @inline(__always)  // As above.
    mutating func readTokenValue(
        _ kind: Contents,
        _ scanner: inout JSONScanner,
        depth: Int
    ) -> Bool {
        guard scanner.byte == UInt8(ascii: "\"") else {
            if scanner.take("null") { return true }
            contents.insert(.unknown)
            return scanner.skipValue(depth: depth)
        }
        guard let text = scanner.readString() else { return false }
        if text.isEmpty { return true }
        contents.insert(kind)
        if kind == .content, contentText.isEmpty { contentText = text }
        return true
    }

    /// Reads an error: an object or a non-empty string. Servers that always send the key send null.
    mutating func readError(_ scanner: inout JSONScanner, depth: Int) -> Bool {
        guard scanner.passColon() else { return false }
        if scanner.take("\"\"") { return true }
        if scanner.byte == UInt8(ascii: "{") || scanner.byte == UInt8(ascii: "\"") {
            contents.insert(.error)
        }
        return scanner.skipValue(depth: depth)
    }

    /// Sets the finish reason unless it is empty: some servers send an empty one until the end.
    mutating func finish(_ reason: UnsafeRawBufferPointer) {
        guard !reason.isEmpty else { return }
        contents.insert(.finish)
        finishReason = reason
    }
}
