// The mock server over real sockets: shapes on the wire, routes, faults, and that its truth adds
// up.

import Glibc
import Testing

@testable import SSEBombCore

@Suite struct MockServerTests {
    /// A server that answers at once, changed as a test wants it.
    private func start(_ change: (inout MockPlan) -> Void = { _ in }) throws -> MockServer {
        var plan = MockPlan()
        plan.ttft = .constant(1e6)
        plan.itl = .constant(0)
        plan.tokens = .constant(5)
        change(&plan)
        let server = try MockServer(plan)
        try server.start()
        return server
    }

    private func exchange(_ server: MockServer, _ path: String, _ body: String) -> String {
        let client = MockClient(port: server.port)
        let head = "POST \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        client.send(head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
        #expect(client.read() == .closed)
        return client.takeText()
    }

    private func get(_ server: MockServer, _ path: String, fields: String = "") -> String {
        let client = MockClient(port: server.port)
        client.send("GET \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(fields)\r\n")
        #expect(client.read() == .closed)
        return client.takeText()
    }

    private static let chat = "/v1/chat/completions"
    private static let stream = #"{"stream":true}"#

    // MARK: - Streams

    @Test("a chat stream is five deltas, a finish and the end marker")
    func chatStream() throws {
        let server = try start()
        let (head, body) = MockClient.split(exchange(server, Self.chat, Self.stream))
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"))
        #expect(head.contains("Transfer-Encoding: chunked\r\n"))
        let text = try #require(MockClient.unchunk(body))
        let events = text.split(separator: "\n\n", omittingEmptySubsequences: false)
        try #require(events.count == 8 && events[7].isEmpty)
        #expect(events[0].hasPrefix(#"data: {"id":"chatcmpl-"#))
        #expect(events[0].contains(#""delta":{"content":" with"},"finish_reason":null}]}"#))
        #expect(events[5].hasSuffix(#""delta":{},"finish_reason":"stop"}]}"#))
        #expect(events[6] == "data: [DONE]")
    }

    @Test(
        "every wire shape carries the same events",
        arguments: [MockPlan.Framing.chunked, .close, .length],
        [MockPlan.Chunking.events(1), .events(3), .events(16), .bytes(1), .bytes(7)]
    )
    func shapes(framing: MockPlan.Framing, chunking: MockPlan.Chunking) throws {
        let body = #"{"stream":true,"stream_options":{"include_usage":true}}"#
        func events(_ change: (inout MockPlan) -> Void) throws -> String {
            let server = try start {
                $0.roleFirst = true
                $0.reasoningTokens = 2
                change(&$0)
            }
            let (head, body) = MockClient.split(exchange(server, Self.chat, body))
            switch server.truth().requests == 1 ? framing : .chunked {
            case .length where head.contains("Content-Length"):
                #expect(head.contains("Content-Length: \(body.utf8.count)\r\n"))
                return body
            case .close where !head.contains("chunked"): return body
            default: return try #require(MockClient.unchunk(body))
            }
        }
        let plain = try events { _ in }
        #expect(plain.contains(#""delta":{"reasoning_content":" have"}"#))
        let shaped = try events {
            $0.framing = framing
            $0.chunking = chunking
        }
        #expect(shaped == plain)
    }

    @Test(
        "line ends are as asked for",
        arguments: [MockPlan.Newline.lf, .crlf, .cr],
        [Self.chat, "/events"]
    )
    func newlines(newline: MockPlan.Newline, path: String) throws {
        let server = try start { $0.newline = newline }
        let isChat = path == Self.chat
        let answer = isChat ? exchange(server, path, Self.stream) : get(server, path)
        let text = try #require(MockClient.unchunk(MockClient.split(answer).body))
        let end = newline == .lf ? "\n" : newline == .crlf ? "\r\n" : "\r"
        let bytes = text.utf8
        let (returns, feeds) = (bytes.count { $0 == 13 }, bytes.count { $0 == 10 })
        // A chat has seven events of two lines; /events has retry and five events of three.
        let lines = isChat ? 14 : 17
        #expect(feeds == (newline == .cr ? 0 : lines))
        #expect(returns == (newline == .lf ? 0 : lines))
        #expect(text.utf8.reversed().starts(with: (end + end).utf8.reversed()))
    }

    @Test("the finish reason is length when max_tokens cut the answer, and usage counts it")
    func limit() throws {
        let server = try start()
        let body = #"{"stream":true,"max_tokens":2,"stream_options":{"include_usage":true}}"#
        let text = exchange(server, "/v1/completions", body)
        #expect(text.contains(#""finish_reason":"length"}],"usage":null}"#))
        #expect(text.contains(#""choices":[],"usage":{"prompt_tokens":      17,"#))
        #expect(text.contains(#""completion_tokens":       2}}"#))
        #expect(text.components(of: #""text":" "#) == 2)
    }

    @Test("continuous usage counts up from event to event")
    func continuousUsage() throws {
        let server = try start()
        let body = #"{"stream":true,"stream_options":{"continuous_usage_stats":true}}"#
        let text = exchange(server, Self.chat, body)
        for number in 1...5 {
            #expect(text.contains("\"completion_tokens\":       \(number)}}"))
        }
        #expect(!text.contains(#""choices":[]"#))
    }

    @Test("without stream the answer is one JSON object of the told length")
    func whole() throws {
        let server = try start { $0.tokens = .constant(100_000) }
        let (head, body) = MockClient.split(exchange(server, Self.chat, #"{"model":"m"}"#))
        #expect(head.contains("Content-Type: application/json\r\n"))
        #expect(head.contains("Content-Length: \(body.utf8.count)\r\n"))
        #expect(body.hasPrefix(#"{"id":"chatcmpl-"#) && body.contains(#""model":"m""#))
        #expect(body.hasSuffix(#""completion_tokens":100000,"total_tokens":100003}}"#))
    }

    @Test("the same seed gives the same bytes, another one others")
    func seeds() throws {
        func answer(_ seed: UInt64) throws -> String {
            let server = try start {
                $0.seed = seed
                $0.tokens = .uniform(3, 40)
            }
            return exchange(server, Self.chat, Self.stream)
        }
        let first = try answer(1)
        #expect(try answer(1) == first)
        #expect(try answer(2) != first)
    }

    @Test("pings fill the silence and are no events")
    func pings() throws {
        let server = try start {
            $0.ttft = .constant(60e6)
            $0.ping = 10_000_000
            $0.tokens = .constant(1)
        }
        let text = exchange(server, Self.chat, Self.stream)
        let parts = text.splitOnce(#""content":"#)
        #expect((3...6).contains(parts.before.components(of: "8\r\n: ping\n\n\r\n")))
        #expect(server.truth().events == 3)
    }

    // MARK: - Connections

    @Test("requests sent together are answered one after the other on one connection")
    func pipelining() throws {
        let server = try start()
        let client = MockClient(port: server.port)
        let one = "POST \(Self.chat) HTTP/1.1\r\nContent-Length: 15\r\n\r\n\(Self.stream)"
        client.send(one + "GET /health HTTP/1.1\r\n\r\n" + one)
        client.send("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
        #expect(client.read() == .closed)
        let text = client.takeText()
        #expect(text.components(of: "HTTP/1.1 200 OK\r\n") == 4)
        #expect(text.components(of: "data: [DONE]") == 2)
        #expect(text.hasSuffix(#"{"status":"ok"}"#))
        let ids = text.components(of: "chatcmpl-")
        #expect(ids == 12)
        #expect(server.truth().connections == 1)
    }

    @Test("a request may come byte by byte, and a big body is waited for after 100 Continue")
    func slowRequest() throws {
        let server = try start()
        let client = MockClient(port: server.port)
        for byte in Array("GET /health HTTP/1.1\r\nHost: a\r\n\r\n".utf8) { client.send([byte]) }
        #expect(client.read(until: "ok\"}") == .found)
        _ = client.takeText()
        let blanks = String(repeating: " ", count: 3_000_000)
        client.send(
            "POST \(Self.chat) HTTP/1.1\r\nExpect: 100-continue\r\n"
                + "Content-Length: \(15 + blanks.utf8.count)\r\n\r\n"
        )
        #expect(client.read(until: "\r\n\r\n") == .found)
        #expect(client.takeText() == "HTTP/1.1 100 Continue\r\n\r\n")
        client.send(Self.stream + blanks)
        #expect(client.read(until: "[DONE]") == .found)
        #expect(client.takeText().hasPrefix("HTTP/1.1 200 OK\r\n"))
    }

    @Test("HTTP/1.0 gets a body without chunks that ends with the connection")
    func oldVersion() throws {
        let server = try start()
        let client = MockClient(port: server.port)
        client.send("GET /events HTTP/1.0\r\n\r\n")
        #expect(client.read() == .closed)
        let (head, body) = MockClient.split(client.takeText())
        #expect(head.contains("Connection: close\r\n") && !head.contains("chunked"))
        #expect(body.hasPrefix("retry: 1000\n\nid: 00000001\n"))
        #expect(body.hasSuffix("\"text\":\" your\"}\n\n"))
    }

    @Test("events go on after Last-Event-ID, and past the last there is nothing")
    func lastEventID() throws {
        let server = try start()
        let text = get(server, "/events", fields: "Last-Event-ID: 00000003\r\n")
        #expect(text.contains("id: 00000004\n") && text.contains("id: 00000005\n"))
        #expect(!text.contains("id: 00000003\n"))
        let last = get(server, "/events", fields: "Last-Event-ID: 5\r\n")
        #expect(last.hasPrefix("HTTP/1.1 204 No Content\r\n"))
    }

    @Test(
        "what isn't served is refused by its status",
        arguments: [
            ("GET /nope HTTP/1.1\r\nConnection: close\r\n\r\n", "404"),
            ("GET /v1/completions HTTP/1.1\r\nConnection: close\r\n\r\n", "405"),
            ("DELETE /health HTTP/1.1\r\nConnection: close\r\n\r\n", "405"),
            ("POST /v1/completions HTTP/1.1\r\nConnection: close\r\n\r\n", "400"),
            ("POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}", "411"),
            ("POST /v1/completions HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n{}", "413"),
            ("nonsense\r\n\r\n", "400"),
        ]
    )
    func refusals(request: String, status: String) throws {
        let server = try start()
        let client = MockClient(port: server.port)
        client.send(request)
        #expect(client.read() == .closed)
        #expect(client.takeText().hasPrefix("HTTP/1.1 \(status) "))
    }

    @Test(
        "HEAD is GET without the body",
        arguments: ["/health", "/events", "/stats", "/v1/models"]
    )
    func head(path: String) throws {
        let server = try start()
        let client = MockClient(port: server.port)
        client.send("HEAD \(path) HTTP/1.1\r\nConnection: close\r\n\r\n")
        #expect(client.read() == .closed)
        let (head, body) = MockClient.split(client.takeText())
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && body.isEmpty)
    }

    // MARK: - Faults

    /// What a client sees of one faulty chat stream.
    private func fault(_ kind: FaultKind, _ phase: FaultPhase) throws -> (MockClient.End, String) {
        let server = try start { $0.faults = [FaultRule(kind, at: phase)] }
        let client = MockClient(port: server.port)
        client.post(Self.chat, Self.stream)
        let isStall = kind == .stall || kind == .noResponse
        // A stall shows in what doesn't come; the server's end then ends the reading.
        if isStall { usleep(50_000) }
        let end: MockClient.End
        if isStall {
            server.stop()
            end = client.read()
        } else {
            end = client.read(until: "no message\r\n")
        }
        server.stop()
        server.wait()
        #expect(server.truth().faults.map(\.kind) == [kind])
        return (end, client.takeText())
    }

    @Test("a reset is a reset in every phase", arguments: FaultPhase.allCases)
    func resets(phase: FaultPhase) throws {
        #expect(try fault(.reset, phase).0 == .reset)
    }

    @Test(
        "an early close ends after what its phase allows",
        arguments: [(FaultPhase.accept, 0), (.head, 0), (.first, 0), (.stream, 1), (.end, 5)]
    )
    func closes(phase: FaultPhase, tokens: Int) throws {
        let (end, text) = try fault(.close, phase)
        // The request may still be on its way when a connection is closed at accept.
        #expect(end == .closed || phase == .accept)
        let count = text.components(of: #""content":"#)
        #expect(phase == .stream ? (1...4).contains(count) : count == tokens)
        #expect(text.isEmpty == (phase == .accept || phase == .head))
        #expect(!text.contains("[DONE]") && !text.hasSuffix("0\r\n\r\n"))
    }

    @Test(
        "a stall sends what its phase allows and no more",
        arguments: [(FaultPhase.head, 0), (.first, 0), (.end, 5)]
    )
    func stalls(phase: FaultPhase, tokens: Int) throws {
        let (_, text) = try fault(.stall, phase)
        #expect(text.isEmpty == (phase == .head))
        #expect(text.components(of: #""content":"#) == tokens)
        #expect(!text.contains("[DONE]"))
    }

    @Test(
        "a status fault is answered with its status and leaves the connection usable",
        arguments: [(FaultKind.http429, "429"), (.http503, "503"), (.http500, "500")]
    )
    func statuses(kind: FaultKind, status: String) throws {
        let server = try start { $0.faults = [FaultRule(kind, at: .head)] }
        let client = MockClient(port: server.port)
        for _ in 0..<2 {
            client.post(Self.chat, Self.stream)
            #expect(client.read(until: "}}") == .found)
            let text = client.takeText()
            #expect(text.hasPrefix("HTTP/1.1 \(status) "))
            #expect(text.contains("Retry-After: 1\r\n") == (kind != .http500))
        }
    }

    @Test("broken heads, chunks and lines are as broken as they say")
    func broken() throws {
        #expect(try fault(.malformedHead, .head).1.hasPrefix("HTTP/1.1 2OO OK\r\n"))
        #expect(try fault(.malformedChunk, .first).1.contains("\r\n\r\nzz\r\ndata: {"))
    }

    @Test("an endless line is longer than 8 MiB and has no end")
    func endlessLine() throws {
        let server = try start {
            $0.faults = [FaultRule(.endlessLine, at: .first)]
            $0.framing = .close
        }
        let client = MockClient(port: server.port)
        client.post(Self.chat, Self.stream)
        #expect(client.read(until: "\r\n\r\ndata: xxx") == .found)
        let end = client.received.lastIndex(of: 10) ?? 0
        #expect(client.read(atLeast: 8 << 20) == .found)
        let line = client.received[(end + 1)...]
        #expect(line.starts(with: "data: x".utf8))
        #expect(line.withUnsafeBytes { memchr($0.baseAddress!, 10, $0.count) } == nil)
    }

    @Test("an error event is followed by the regular end, garbage by nothing")
    func lateFaults() throws {
        let server = try start { $0.faults = [FaultRule(.errorEvent, at: .first)] }
        let text = exchange(server, Self.chat, Self.stream)
        #expect(text.contains(#"data: {"error":{"message":"#))
        #expect(text.hasSuffix("data: [DONE]\n\n\r\n0\r\n\r\n"))
        #expect(try fault(.garbageAfter, .end).1.contains("0\r\n\r\nbytes that belong to no"))
    }

    @Test("a big head is well-formed and over 100,000 bytes; a wrong type is text/html")
    func heads() throws {
        let big = try start { $0.faults = [FaultRule(.bigHead, at: .head)] }
        let (head, body) = MockClient.split(exchange(big, Self.chat, Self.stream))
        #expect(head.utf8.count > 100_000 && MockClient.unchunk(body) != nil)
        let wrong = try start { $0.faults = [FaultRule(.wrongType, at: .head)] }
        #expect(exchange(wrong, Self.chat, Self.stream).contains("Content-Type: text/html\r\n"))
    }

    // MARK: - Truth

    @Test("the truth adds up, and its times are those of the schedule")
    func truth() throws {
        let server = try start {
            $0.ttft = .constant(20e6)
            $0.itl = .constant(4e6)
            $0.tokens = .constant(10)
        }
        let clients = (0..<20).map { _ in MockClient(port: server.port) }
        for client in clients { client.post(Self.chat, Self.stream) }
        for client in clients { #expect(client.read(until: "[DONE]") == .found) }
        server.stop()
        server.wait()
        let truth = server.truth()
        #expect(truth.connections == 20 && truth.requests == 20 && truth.streams == 20)
        #expect(truth.completed == 20 && truth.streamsOpen == 0 && truth.abandoned == 0)
        #expect(truth.tokens == 200 && truth.events == 240)
        #expect(truth.ttft.count == 20 && truth.gap.count == 180)
        // Never early, neither the first token nor, its gaps added up, the last. How late is the
        // machine's affair.
        #expect(truth.ttft.min >= 20_000_000)
        #expect(truth.ttft.sum + truth.gap.sum >= 20 * (20_000_000 + 9 * 4_000_000))
        let json = truth.json
        #expect(json.contains(#""tokens":200"#))
        #expect(json.contains(#""ttft":{"unit":"ns","count":20"#))
        let parts = json.splitOnce(#""gap":"#).after.splitOnce(#""histogram":""#)
        let base64 = String(parts.after.prefix { $0 != "\"" })
        #expect(try HistogramSnapshot.decode(base64: base64).count == 180)
    }

    @Test("tokens sent together have gaps of 0 between them")
    func groupedGaps() throws {
        let server = try start {
            $0.chunking = .events(4)
            $0.tokens = .constant(8)
            $0.itl = .constant(1e6)
        }
        _ = exchange(server, Self.chat, Self.stream)
        let gap = server.truth().gap
        #expect(gap.count == 7 && gap.count(atMost: 0) == 6)
    }

    @Test("/stats is the truth so far")
    func stats() throws {
        let server = try start()
        _ = exchange(server, Self.chat, Self.stream)
        let (head, body) = MockClient.split(get(server, "/stats"))
        #expect(head.contains("Content-Length: \(body.utf8.count)\r\n"))
        #expect(body.hasPrefix(#"{"schema_version":1,"counts":{"connections":2,"requests":2,"#))
        #expect(body.contains(#""tokens":5,"events":7,"#))
    }

    @Test("a reader that never reads is dropped, and one that leaves is counted")
    func badReaders() throws {
        let server = try start { $0.tokens = .constant(1_000_000) }
        let lazy = MockClient(port: server.port, receiveBuffer: 4_096)
        lazy.post(Self.chat, Self.stream)
        let deadline = Instant.now() + Nanoseconds.seconds(5)
        while server.truth().slowReaders == 0, Instant.now() < deadline { usleep(5_000) }
        #expect(server.truth().slowReaders == 1)
        #expect(server.truth().partialSends >= 1)

        let patient = try start { $0.ttft = .constant(60e9) }
        var leaver: MockClient? = MockClient(port: patient.port)
        leaver?.post(Self.chat, Self.stream)
        #expect(leaver?.read(until: "\r\n\r\n") == .found)
        #expect(patient.truth().streamsOpen == 1)
        leaver = nil
        while patient.truth().abandoned == 0, Instant.now() < deadline { usleep(5_000) }
        #expect(patient.truth().abandoned == 1 && patient.truth().streamsOpen == 0)
    }

    @Test("every stream has one end, however it comes to it")
    func ends() throws {
        let server = try start {
            $0.ttft = .constant(20e6)
            $0.itl = .constant(5e6)
            $0.tokens = .constant(40)
            $0.faults = [
                FaultRule(.reset, at: .stream, probability: 0.1),
                FaultRule(.errorEvent, at: .stream, probability: 0.1),
                FaultRule(.stall, at: .stream, probability: 0.1),
                FaultRule(.http503, at: .head, probability: 0.1),
            ]
        }
        for number in 0..<60 {
            let client = MockClient(port: server.port)
            client.post(Self.chat, Self.stream)
            // At once, before the first token, between tokens, with bytes unread and read.
            switch number % 5 {
            case 0: break
            case 1: _ = client.read(until: "\r\n\r\n")
            case 2: usleep(30_000)
            case 3: client.resetOnClose()
            default: _ = client.read(until: "data: ")
            }
        }
        let deadline = Instant.now() + Nanoseconds.seconds(5)
        while server.truth().streamsOpen > 0, Instant.now() < deadline { usleep(5_000) }
        let truth = server.truth()
        #expect(truth.streamsOpen == 0 && truth.streams >= 30 && truth.abandoned >= 10)
        let ended = truth.completed + truth.abandoned + truth.broken + truth.slowReaders
        #expect(truth.streams == ended, "\(truth.json)")
    }

    @Test("two loops share one port")
    func twoLoops() throws {
        let cpu = usableCPUs()[0]
        let server = try start { $0.cpus = [cpu, cpu] }
        let clients = (0..<32).map { _ in MockClient(port: server.port) }
        for client in clients { client.post(Self.chat, Self.stream) }
        for client in clients { #expect(client.read(until: "[DONE]") == .found) }
        server.stop()
        server.wait()
        #expect(server.truth().completed == 32)
    }

    @Test("a port that is taken is refused with the address in the sentence")
    func takenPort() throws {
        let server = try start()
        var plan = MockPlan()
        plan.port = server.port
        let error = #expect(throws: SetupError.self) { try MockServer(plan) }
        #expect(error?.sentence.contains("127.0.0.1:\(server.port)") == true)
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(of part: String) -> Int {
        let (bytes, wanted) = (Array(utf8), Array(part.utf8))
        guard bytes.count >= wanted.count else { return 0 }
        return (0...(bytes.count - wanted.count)).count {
            bytes[$0] == wanted[0] && bytes[$0..<($0 + wanted.count)].elementsEqual(wanted)
        }
    }

    /// What stands before and behind the first occurrence of a text.
    fileprivate func splitOnce(_ part: String) -> (before: String, after: String) {
        guard let range = firstRange(of: part) else { return (self, "") }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]))
    }
}
