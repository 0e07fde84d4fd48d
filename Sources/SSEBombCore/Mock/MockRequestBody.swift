// What the mock reads from a JSON request body: whether to stream, how much, for which model. One
// pass that knows depth, strings and escapes; bytes from the wire are hostile. No allocation, no
// recursion; knows no connection.

import Glibc

/// The parameters of a completion request.
struct MockRequestBody: BitwiseCopyable {
    /// `stream`; nil where the request leaves it out.
    var stream: Bool?
    /// The API's own limit of tokens.
    var limit: UInt32?
    /// `stream_options.include_usage`.
    var includesUsage = false
    /// `stream_options.continuous_usage_stats`.
    var countsContinuously = false
    /// Where the model's name lies in the body, quotes excluded; empty when there is none.
    var modelStart = 0
    var modelLength = 0

    /// Reads a body for an API; nil when it isn't one JSON object.
    ///
    /// Brackets, strings and their order are checked; what other values look like inside is not:
    /// the mock is no validator.
    init?(parsing bytes: UnsafeRawBufferPointer, for api: MockAPI) {
        names = api.limits
        var scan = Scan(bytes: bytes)
        scan.skipBlanks()
        guard scan.peek == UInt8(ascii: "{") else { return nil }
        guard readObject(&scan, as: .request) else { return nil }
        scan.skipBlanks()
        guard scan.isAtEnd else { return nil }
    }

    private let names: (preferred: StaticString, other: StaticString, object: StaticString)

    private enum Scope {
        case request
        case streamOptions
        /// The object that holds the limit, where it isn't the request.
        case limits
    }

    /// Reads the members of the object that begins here. One level of nesting at most, so the two
    /// scopes are the whole depth of this recursion; everything else is skipped flat.
    private mutating func readObject(_ scan: inout Scan, as scope: Scope) -> Bool {
        scan.advance()
        scan.skipBlanks()
        if scan.take(UInt8(ascii: "}")) { return true }
        while true {
            scan.skipBlanks()
            guard let key = scan.string() else { return false }
            scan.skipBlanks()
            guard scan.take(UInt8(ascii: ":")) else { return false }
            scan.skipBlanks()
            guard readMember(&scan, key, scope) else { return false }
            scan.skipBlanks()
            if scan.take(UInt8(ascii: "}")) { return true }
            guard scan.take(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func readMember(
        _ scan: inout Scan,
        _ key: Range<Int>,
        _ scope: Scope
    ) -> Bool {
        let name = UnsafeRawBufferPointer(rebasing: scan.bytes[key])
        if scope == .request, scan.peek == UInt8(ascii: "{") {
            if MockRequest.equals(name, "stream_options") {
                return readObject(&scan, as: .streamOptions)
            }
            if Self.equals(name, names.object) { return readObject(&scan, as: .limits) }
        }
        guard let value = scan.value() else { return false }
        let text = UnsafeRawBufferPointer(rebasing: scan.bytes[value])
        let isTrue = MockRequest.equals(text, "true")
        switch scope {
        case .streamOptions:
            if MockRequest.equals(name, "include_usage") { includesUsage = isTrue }
            if MockRequest.equals(name, "continuous_usage_stats") { countsContinuously = isTrue }
        case .limits:
            if Self.equals(name, names.other) { limit = limit ?? Self.count(text) }
        case .request:
            if MockRequest.equals(name, "stream") { stream = isTrue }
            if Self.equals(name, names.preferred) {
                limit = Self.count(text) ?? limit
            } else if Self.equals(name, names.other), names.object.utf8CodeUnitCount == 0 {
                limit = limit ?? Self.count(text)
            }
            if MockRequest.equals(name, "model"), text.count >= 2, text[0] == UInt8(ascii: "\"") {
                modelStart = value.lowerBound + 1
                modelLength = value.count - 2
            }
        }
        return true
    }

    /// Whether a member has the name that an API gives it; "" is no name.
    private static func equals(_ name: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        text.utf8CodeUnitCount > 0 && MockRequest.equals(name, text)
    }

    /// A non-negative whole number, clamped; nil for `null` and everything else.
    private static func count(_ text: UnsafeRawBufferPointer) -> UInt32? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            // Clamped every turn, so ten times it always fits.
            value = min(value * 10 + UInt64(byte - UInt8(ascii: "0")), UInt64(UInt32.max))
        }
        return UInt32(value)
    }
}

/// A cursor over JSON text. Every step checks the end; none goes past it.
private struct Scan {
    let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }
    /// The next byte; 0, which no JSON token begins with, at the end.
    var peek: UInt8 { position < bytes.count ? bytes[position] : 0 }

    mutating func advance() { position += 1 }

    mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    mutating func skipBlanks() {
        while peek == 32 || peek == 10 || peek == 13 || peek == 9 { position += 1 }
    }

    /// The inside of the string that begins here.
    mutating func string() -> Range<Int>? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while position < bytes.count {
            guard let base = bytes.baseAddress,
                let quote = memchr(base + position, 0x22, bytes.count - position)
            else { return nil }
            let end = UnsafeRawPointer(quote) - base
            // The quote is escaped when an odd number of backslashes stands before it.
            var slash = end
            while slash > start, bytes[slash - 1] == UInt8(ascii: "\\") { slash -= 1 }
            position = end + 1
            if (end - slash) & 1 == 0 { return start..<end }
        }
        return nil
    }

    /// The whole value that begins here, quotes and brackets included.
    mutating func value() -> Range<Int>? {
        let start = position
        switch peek {
        case UInt8(ascii: "\""): return string().map { start..<($0.upperBound + 1) }
        case UInt8(ascii: "{"), UInt8(ascii: "["): return nested()
        default:
            while !isAtEnd, !Self.endsScalar(peek) { position += 1 }
            return position > start ? start..<position : nil
        }
    }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        byte <= 32 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")
            || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[")
    }

    /// The object or array that begins here, however deep. Kinds of brackets are not told apart:
    /// their number decides.
    private mutating func nested() -> Range<Int>? {
        let start = position
        var depth = 0
        while !isAtEnd {
            switch peek {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                position += 1
                if depth == 0 { return start..<position }
            case UInt8(ascii: "\""): if string() == nil { return nil }
            default: position += 1
            }
        }
        return nil
    }
}
