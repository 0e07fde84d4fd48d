// The mock's readers of requests and its writers of digits, at every split and at the end of
// memory.

import Testing

@testable import SSEBombCore

@Suite struct MockRequestTests {
    private func parse(_ text: String) -> MockRequest.Outcome {
        parse(Array(text.utf8), searched: 0)
    }

    private func parse(_ bytes: [UInt8], searched: Int) -> MockRequest.Outcome {
        let buffer = GuardedBuffer(bytes)
        return withExtendedLifetime(buffer) {
            MockRequest.parse(buffer.bytes, searched: searched)
        }
    }

    private func head(_ text: String) -> MockRequest? {
        guard case .head(let request) = parse(text) else { return nil }
        return request
    }

    private func status(_ text: String) -> UInt16? {
        guard case .refused(let status) = parse(text) else { return nil }
        return status
    }

    @Test("a request head gives route, method, length and what its fields ask for")
    func whole() throws {
        let text =
            "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:  12 \r\n"
            + "Expect: 100-Continue\r\nConnection: keep-alive, Close\r\nLast-Event-ID: 42\r\n\r\n"
        let request = try #require(head(text + "body"))
        #expect(
            request.route == .tokens(.chat, .asked(otherwise: false)) && request.method == .post
        )
        #expect(request.headLength == text.utf8.count && request.bodyLength == 12)
        #expect(request.expectsContinue && !request.keepsAlive && !request.isHTTP10)
        #expect(request.lastEventID == 42)
    }

    @Test("a head cut anywhere needs more, and then parses from where the search stopped")
    func everySplit() {
        let bytes = Array("\r\nGET /events HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n".utf8)
        for split in 0..<bytes.count {
            guard case .needMore = parse(Array(bytes[..<split]), searched: 0) else {
                Issue.record("\(split) bytes are no head")
                return
            }
            guard case .head(let request) = parse(bytes, searched: split) else {
                Issue.record("not found after a search of \(split) bytes")
                return
            }
            #expect(request.headLength == bytes.count && request.route == .events)
        }
    }

    @Test(
        "HTTP/1.0 closes unless it asks for more",
        arguments: [("", false), ("Connection: keep-alive\r\n", true)]
    )
    func version10(field: String, keepsAlive: Bool) throws {
        let request = try #require(head("GET /health HTTP/1.0\r\n\(field)\r\n"))
        #expect(request.isHTTP10)
        #expect(request.keepsAlive == keepsAlive)
    }

    @Test(
        "a broken head is refused with its status",
        arguments: [
            ("GET /health\r\n\r\n", UInt16(400)), ("GET  HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\n\r\n", 400), ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA : b\r\n\r\n", 400), ("GET / HTTP/1.1\r\n: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ]
    )
    func refusals(text: String, expected: UInt16) {
        #expect(status(text) == expected)
    }

    @Test("a head over 64 KiB is refused, whether it ends or not")
    func tooLong() {
        let field = "X: " + String(repeating: "x", count: 1 << 16) + "\r\n"
        #expect(status("GET / HTTP/1.1\r\n" + field) == 431)
        #expect(status("GET / HTTP/1.1\r\n" + field + "\r\n") == 431)
        #expect(status(String(repeating: "\r\n", count: 1 << 16)) == 431)
    }

    private func body(_ text: String, for api: MockAPI = .chat) -> MockRequestBody? {
        let buffer = GuardedBuffer(Array(text.utf8))
        return withExtendedLifetime(buffer) { MockRequestBody(parsing: buffer.bytes, for: api) }
    }

    @Test("parameters are read at their own depth only")
    func parameters() throws {
        let text = #"""
            {"messages":[{"stream":true,"max_tokens":1,"content":"\"stream\":true,}]\\"}],
             "model" : "a\"b", "max_tokens": 77 ,"n":1,"x":{"stream":true},
             "stream_options":{"include_usage":true,"y":[1,{"z":2}]}, "temperature":0.5}
            """#
        let parameters = try #require(body(text))
        #expect(parameters.stream == nil && parameters.limit == 77)
        #expect(parameters.includesUsage && !parameters.countsContinuously)
        let model = Array(text.utf8)[parameters.modelStart...].prefix(parameters.modelLength)
        #expect(String(decoding: model, as: UTF8.self) == #"a\"b"#)
    }

    @Test(
        "a path names an API and, in some, a model",
        arguments: [
            ("/v2/models/en-1/generate_stream", MockRoute.tokens(.triton, .always), "en-1"),
            ("/v2/models/a/versions/2/generate", .tokens(.triton, .never), "a"),
            ("/v2/models/a/version/2/generate", .unknown, ""),
            ("/v2/models/a/infer", .unknown, "a"), ("/v2/models/generate", .unknown, ""),
            ("/v1beta/models/g:streamGenerateContent?alt=sse", .tokens(.gemini, .always), "g"),
            ("/v1/models/g:streamGenerateContent?k=1&alt=sse", .tokens(.gemini, .always), "g"),
            ("/v1beta/models/g:streamGenerateContent", .tokens(.gemini, .asArray), "g"),
            ("/v1beta/models/g\"x:generateContent", .tokens(.gemini, .never), ""),
            ("/v1beta/models/g:countTokens", .unknown, "g"), ("/v1beta/models/g", .unknown, ""),
            ("/generate", .tokens(.tgi, .never), ""), ("/api/chat/", .unknown, ""),
        ] as [(String, MockRoute, String)]
    )
    func routes(target: String, route: MockRoute, model: String) throws {
        let text = "\r\nPOST \(target) HTTP/1.1\r\n\r\n"
        let request = try #require(head(text))
        #expect(request.route == route)
        let bytes = Array(text.utf8)[request.modelStart...].prefix(request.modelLength)
        #expect(String(decoding: bytes, as: UTF8.self) == model)
    }

    @Test("limits are read at the place that the API gives them, and nowhere else")
    func limitsOfAPIs() {
        let text = #"{"":{"max_tokens":1,"":2},"options":{"num_predict":7},"n_predict":8}"#
        #expect(body(text, for: .ollamaChat)?.limit == 7)
        #expect(body(text, for: .llamacpp)?.limit == 8)
        for api in [MockAPI.chat, .tgi, .gemini, .triton, .responses, .anthropic] {
            #expect(body(text, for: api).map { $0.limit == nil } == true)
        }
        #expect(body(#"{"n_predict":-1}"#, for: .llamacpp).map { $0.limit == nil } == true)
        let both = #"{"parameters":{"max_tokens":3},"max_tokens":4}"#
        #expect(body(both, for: .triton)?.limit == 4)
        #expect(body(#"{"parameters":{"max_tokens":3}}"#, for: .triton)?.limit == 3)
    }

    @Test("numbers with a point have a fixed length and the right digits")
    func fixedNumbers() {
        let block = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8)
        defer { block.deallocate() }
        func text(_ write: (inout WireWriter) -> Void) -> String {
            var writer = WireWriter(block, capacity: 64)
            write(&writer)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
        #expect(text { $0.append(fixed: 0, places: 3) } == "       0.000")
        #expect(text { $0.append(fixed: 12_003, places: 3) } == "      12.003")
        #expect(text { $0.append(fixed: 5, places: 9) } == "       0.000000005")
        #expect(text { $0.append(fixed: .max, places: 3) } == "99999999.615")
        #expect(text { $0.append(decimal: 0, width: 3) } == "  0")
        #expect(text { $0.append(decimal: 12_345, width: 3) } == "12345")
    }

    @Test("max_completion_tokens goes before max_tokens, wherever it stands")
    func limits() {
        #expect(body(#"{"max_completion_tokens":5,"max_tokens":9}"#)?.limit == 5)
        #expect(body(#"{"max_tokens":9,"max_completion_tokens":5}"#)?.limit == 5)
        #expect(body(#"{"max_tokens":null}"#).map { $0.limit == nil } == true)
        #expect(body(#"{"max_tokens":99999999999999999999}"#)?.limit == .max)
        #expect(body(#"{"stream":true,"stream_options":null}"#)?.stream == true)
        #expect(body(" {} ").map { $0.stream == nil } == true)
    }

    @Test(
        "what is no object is refused",
        arguments: [
            "", "[]", "1", "{", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#, #"{"a":1,}"#, #"{"a":1}x"#,
            #"{"a":"\"}"#, #"{"a":[{]}"#, #"{"a":1 2}"#, #"{"stream_options":{"#,
        ]
    )
    func noObject(text: String) {
        #expect(body(text) == nil)
    }

    @Test("a body cut anywhere is no object")
    func cutBody() {
        let text = #"{"a":[1,"]"],"stream_options":{"include_usage":true},"model":"x\\"}"#
        for length in 0..<text.utf8.count {
            #expect(body(String(text.prefix(length))) == nil)
        }
        #expect(body(text) != nil)
    }

    @Test("digits of fixed width are those of the number")
    func digits() {
        func text(_ word: UInt64) -> String {
            withUnsafeBytes(of: word) { String(decoding: $0, as: UTF8.self) }
        }
        var numbers: [UInt32] = Array(0...2_000) + [99_999_999, 10_000_000, 9_999_999, 1_000_000]
        var random = SeededRandom(seed: 3)
        for _ in 0..<5_000 {
            numbers.append(UInt32(random.next() % 100_000_000) >> UInt32(random.next() % 27))
        }
        for number in numbers {
            let plain = String(number)
            let zeros = String(repeating: "0", count: 8 - plain.count)
            let blanks = String(repeating: " ", count: 8 - plain.count)
            #expect(text(WireDigits.decimal(number)) == zeros + plain)
            #expect(text(WireDigits.rightAligned(number)) == blanks + plain)
        }
        for value in [0, 1, 0x0123_4567_89AB_CDEF, .max] as [UInt64] {
            let plain = String(value, radix: 16)
            let words = WireDigits.hexadecimal(value)
            let zeros = String(repeating: "0", count: 16 - plain.count)
            #expect(text(words.high) + text(words.low) == zeros + plain)
        }
    }

    @Test(
        "a chunk is its length in hexadecimal, the bytes, and CRLF",
        arguments: [1, 15, 16, 4_096]
    )
    func chunk(length: Int) {
        let block = UnsafeMutableRawPointer.allocate(byteCount: 8_192, alignment: 8)
        defer { block.deallocate() }
        var writer = WireWriter(block, capacity: 8_192)
        writer.append("before")
        writer.append(repeating: 120, count: length)
        writer.frameChunk(since: 6)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        let size = String(length, radix: 16)
        #expect(text == "before\(size)\r\n" + String(repeating: "x", count: length) + "\r\n")
        writer.frameChunk(since: writer.count)
        #expect(writer.count == text.utf8.count)
    }
}
