// The head of a request as the mock needs it: method, route, framing, a few fields. A pure function
// of bytes from the wire, which are hostile; no I/O, no allocation.

import Glibc

/// What the mock serves.
enum MockRoute: Equatable, BitwiseCopyable {
    /// Whether an answer with tokens is streamed.
    enum Streaming: Equatable, BitwiseCopyable {
        case always
        case never
        /// As the request's `stream` says, and where it doesn't, as this does.
        case asked(otherwise: Bool)
        /// As a JSON array, which the mock doesn't.
        case asArray
    }

    case tokens(MockAPI, Streaming)
    case events
    case models
    case health
    case stats
    case unknown

    /// Whether it is asked with POST; all others with GET or HEAD.
    var isPost: Bool {
        if case .tokens = self { return true }
        return false
    }

    /// The API whose errors it answers with.
    var api: MockAPI {
        if case .tokens(let api, _) = self { return api }
        return .chat
    }

    /// - Parameter model: where in the path a model is named, if it is, and plainly.
    fileprivate init(
        path: UnsafeRawBufferPointer,
        query: UnsafeRawBufferPointer,
        model: inout Range<Int>
    ) {
        self = .unknown
        for (text, route) in Self.fixed where MockRequest.equals(path, text) { self = route }
        guard self == .unknown else { return }
        if let rest = Self.after("/v2/models/", path) {
            self.init(triton: path, from: rest, &model)
        } else if let rest = Self.after("/v1beta/models/", path)
            ?? Self.after("/v1/models/", path)
        {
            self.init(gemini: path, from: rest, query, &model)
        }
    }

    private static let fixed: [(StaticString, MockRoute)] = [
        ("/v1/chat/completions", .tokens(.chat, .asked(otherwise: false))),
        ("/v1/completions", .tokens(.completions, .asked(otherwise: false))),
        ("/v1/responses", .tokens(.responses, .asked(otherwise: false))),
        ("/v1/messages", .tokens(.anthropic, .asked(otherwise: false))),
        ("/generate_stream", .tokens(.tgi, .always)),
        ("/generate", .tokens(.tgi, .never)),
        ("/completion", .tokens(.llamacpp, .asked(otherwise: false))),
        ("/api/chat", .tokens(.ollamaChat, .asked(otherwise: true))),
        ("/api/generate", .tokens(.ollamaGenerate, .asked(otherwise: true))),
        ("/events", .events), ("/v1/models", .models), ("/health", .health), ("/stats", .stats),
    ]

    /// `/v2/models/NAME[/versions/VERSION]/generate[_stream]`.
    private init(
        triton path: UnsafeRawBufferPointer,
        from start: Int,
        _ model: inout Range<Int>
    ) {
        self = .unknown
        guard let first = path[start...].firstIndex(of: UInt8(ascii: "/")),
            let last = path.lastIndex(of: UInt8(ascii: "/"))
        else { return }
        let versions = UnsafeRawBufferPointer(rebasing: path[first..<last])
        guard versions.isEmpty || Self.after("/versions/", versions) != nil else { return }
        let verb = UnsafeRawBufferPointer(rebasing: path[last...])
        if MockRequest.equals(verb, "/generate_stream") {
            self = .tokens(.triton, .always)
        } else if MockRequest.equals(verb, "/generate") {
            self = .tokens(.triton, .never)
        }
        model = Self.plain(path, start..<first)
    }

    /// `/v1beta/models/NAME:streamGenerateContent?alt=sse` or `:generateContent`, also under `/v1`.
    private init(
        gemini path: UnsafeRawBufferPointer,
        from start: Int,
        _ query: UnsafeRawBufferPointer,
        _ model: inout Range<Int>
    ) {
        self = .unknown
        guard let colon = path[start...].lastIndex(of: UInt8(ascii: ":")) else { return }
        let verb = UnsafeRawBufferPointer(rebasing: path[colon...])
        if MockRequest.equals(verb, ":streamGenerateContent") {
            let asksForEvents = query.split(separator: UInt8(ascii: "&"))
                .contains { MockRequest.equals(UnsafeRawBufferPointer(rebasing: $0), "alt=sse") }
            self = .tokens(.gemini, asksForEvents ? .always : .asArray)
        } else if MockRequest.equals(verb, ":generateContent") {
            self = .tokens(.gemini, .never)
        }
        model = Self.plain(path, start..<colon)
    }

    /// Where a path goes on behind a prefix, if it does.
    private static func after(_ prefix: StaticString, _ path: UnsafeRawBufferPointer) -> Int? {
        let length = prefix.utf8CodeUnitCount
        guard path.count > length else { return nil }
        let start = UnsafeRawBufferPointer(rebasing: path[..<length])
        return MockRequest.equals(start, prefix) ? length : nil
    }

    /// The range, unless its bytes would have to be escaped in JSON or are not what names are of.
    private static func plain(_ path: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
        let isPlain = path[range].allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                || (UInt8(ascii: "-")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
        }
        return isPlain ? range : 0..<0
    }
}

/// A parsed request head.
struct MockRequest: BitwiseCopyable {
    enum Method: UInt8 {
        case get
        case head
        case post
        case other
    }

    var method = Method.other
    var route = MockRoute.unknown
    /// Whether the connection stays usable after the response (RFC 9112 section 9.3).
    var keepsAlive = true
    /// An HTTP/1.0 client knows no chunks (RFC 9112 section 6.1).
    var isHTTP10 = false
    var expectsContinue = false
    /// Bytes of the head with its empty line, and of the body behind it.
    var headLength = 0
    var bodyLength = 0
    /// Where the target names a model, in the head's bytes; empty where it doesn't.
    var modelStart = 0
    var modelLength = 0
    /// The number in `Last-Event-ID`; 0 where there is none or it isn't one of the mock's ids.
    var lastEventID: UInt32 = 0

    static let mostHeadBytes = 64 << 10
    static let mostBodyBytes = 64 << 20

    enum Outcome {
        /// The head isn't complete; all of `bytes` was looked through.
        case needMore
        case head(MockRequest)
        /// Not a request that can be answered otherwise than with this status, after which the
        /// connection is of no use.
        case refused(UInt16)
    }

    /// Parses a head from the start of `bytes`.
    ///
    /// - Parameter searched: how many bytes an earlier call has looked through in vain.
    static func parse(_ bytes: UnsafeRawBufferPointer, searched: Int) -> Outcome {
        // Empty lines before a request line are ignored (RFC 9112 section 2.2).
        var blank = 0
        while blank + 1 < bytes.count, bytes[blank] == 13, bytes[blank + 1] == 10 { blank += 2 }
        let text = UnsafeRawBufferPointer(rebasing: bytes[blank...])
        guard let length = headLength(text, searched: max(0, searched - blank)) else {
            return bytes.count > mostHeadBytes ? .refused(431) : .needMore
        }
        guard blank + length <= mostHeadBytes else { return .refused(431) }
        var request = MockRequest()
        request.headLength = blank + length
        // Without the empty line, so that every line ends in CRLF and none is empty.
        var lines = Lines(rest: UnsafeRawBufferPointer(rebasing: text[..<(length - 2)]))
        guard let first = lines.next(), request.parseRequestLine(first, at: blank) else {
            return .refused(400)
        }
        var lengths = 0
        while let line = lines.next() {
            if let status = request.parseField(line, &lengths) { return .refused(status) }
        }
        return .head(request)
    }

    /// Bytes up to and with the first empty line.
    private static func headLength(_ bytes: UnsafeRawBufferPointer, searched: Int) -> Int? {
        // Three bytes of the end may have come before.
        let from = max(0, min(searched, bytes.count) - 3)
        var position = from
        while let line = lineEnd(bytes, from: position) {
            if line + 3 < bytes.count, bytes[line + 2] == 13, bytes[line + 3] == 10 {
                return line + 4
            }
            position = line + 2
        }
        return nil
    }

    /// Where the next CRLF begins.
    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from: Int) -> Int? {
        var position = from
        while let base = bytes.baseAddress, position + 1 < bytes.count,
            let found = memchr(base + position, 13, bytes.count - 1 - position)
        {
            let end = UnsafeRawPointer(found) - base
            if bytes[end + 1] == 10 { return end }
            position = end + 1
        }
        return nil
    }

    /// Lines of a head, each without its CRLF.
    private struct Lines {
        var rest: UnsafeRawBufferPointer

        mutating func next() -> UnsafeRawBufferPointer? {
            guard let length = MockRequest.lineEnd(rest, from: 0) else { return nil }
            defer { rest = UnsafeRawBufferPointer(rebasing: rest[(length + 2)...]) }
            return UnsafeRawBufferPointer(rebasing: rest[..<length])
        }
    }
}

// MARK: - Lines of the head

extension MockRequest {
    /// `METHOD SP target SP HTTP/1.x` (RFC 9112 section 3). False when it is something else.
    private mutating func parseRequestLine(
        _ line: UnsafeRawBufferPointer,
        at start: Int
    ) -> Bool {
        guard let first = line.firstIndex(of: 32), first > 0,
            let last = line.lastIndex(of: 32), last > first + 1
        else { return false }
        let version = UnsafeRawBufferPointer(rebasing: line[(last + 1)...])
        if Self.equals(version, "HTTP/1.0") {
            isHTTP10 = true
            keepsAlive = false
        } else if !Self.equals(version, "HTTP/1.1") {
            return false
        }
        let word = UnsafeRawBufferPointer(rebasing: line[..<first])
        if Self.equals(word, "POST") {
            method = .post
        } else if Self.equals(word, "GET") {
            method = .get
        } else if Self.equals(word, "HEAD") {
            method = .head
        }
        let target = line[(first + 1)..<last]
        let pathEnd = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        var model = 0..<0
        route = MockRoute(
            path: UnsafeRawBufferPointer(rebasing: target[..<pathEnd]),
            query: UnsafeRawBufferPointer(rebasing: target[pathEnd...].dropFirst()),
            model: &model
        )
        modelStart = start + first + 1 + model.lowerBound
        modelLength = model.count
        return true
    }

    /// Takes one field line; the status to refuse it with, or nil.
    private mutating func parseField(
        _ line: UnsafeRawBufferPointer,
        _ lengths: inout Int
    ) -> UInt16? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[colon - 1] != 32, line[0] != 32, line[0] != 9
        else { return 400 }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        let value = Self.trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
        if Self.equalsIgnoringCase(name, "content-length") {
            lengths += 1
            guard lengths == 1, let length = Self.decimal(value) else { return 400 }
            guard length <= Self.mostBodyBytes else { return 413 }
            bodyLength = length
        } else if Self.equalsIgnoringCase(name, "transfer-encoding") {
            // A server may insist on a length (RFC 9110 section 15.5.12).
            return 411
        } else if Self.equalsIgnoringCase(name, "connection") {
            if Self.lists(value, "close") { keepsAlive = false }
            if isHTTP10, Self.lists(value, "keep-alive") { keepsAlive = true }
        } else if Self.equalsIgnoringCase(name, "expect") {
            expectsContinue = Self.equalsIgnoringCase(value, "100-continue")
        } else if Self.equalsIgnoringCase(name, "last-event-id") {
            lastEventID = Self.decimal(value).flatMap { UInt32(exactly: $0) } ?? 0
        }
        return nil
    }

    static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        guard let base = bytes.baseAddress else { return true }
        return memcmp(base, text.utf8Start, bytes.count) == 0
    }

    /// `text` is lower case.
    private static func equalsIgnoringCase(
        _ bytes: UnsafeRawBufferPointer,
        _ text: StaticString
    ) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count {
            let byte = bytes[index]
            let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            if (isUpper ? byte | 0x20 : byte) != text.utf8Start[index] { return false }
        }
        return true
    }

    /// Whether a comma-separated list has a member.
    private static func lists(_ value: UnsafeRawBufferPointer, _ member: StaticString) -> Bool {
        var rest = value[...]
        while true {
            let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.endIndex
            let item = trimmed(UnsafeRawBufferPointer(rebasing: rest[..<end]))
            if equalsIgnoringCase(item, member) { return true }
            guard end < rest.endIndex else { return false }
            rest = rest[(end + 1)...]
        }
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0
        var end = bytes.count
        while start < end, bytes[start] == 32 || bytes[start] == 9 { start += 1 }
        while end > start, bytes[end - 1] == 32 || bytes[end - 1] == 9 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// A number of digits only; nil for anything else or more than 18 digits.
    private static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard (1...18).contains(bytes.count) else { return nil }
        var value = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            // At most 18 digits: below 10^18.
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
