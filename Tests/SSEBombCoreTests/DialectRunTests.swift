// Whole runs against a scripted server that sends each API's fixture: what is counted, where the
// stream ends, which API is said to be recognised and from what, and what content types may be.

import Testing

@testable import SSEBombCore

/// How a scripted answer differs from the fixture's own.
private struct Answer {
    var target = "/events"
    var contentType: String?
    /// Of the fixture's body.
    var body: [UInt8]?
    var dialect = Dialect.undetermined
    var requests: UInt64 = 1
}

/// One run against a server that answers every request with a fixture.
private func run(_ fixture: DialectFixture, _ answer: Answer = Answer()) throws -> RunResult {
    let body = try answer.body ?? fixture.body()
    let type =
        answer.contentType ?? (fixture.isLines ? "application/x-ndjson" : "text/event-stream")
    let text = String(decoding: body, as: UTF8.self)
    let server = try ScriptedServer { peer in
        while peer.awaitRequest() {
            peer.send(
                "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            // Two pieces that arrive apart, cut inside an event.
            let half = text.utf8.count / 2
            let cut = text.utf8.index(text.startIndex, offsetBy: half)
            for piece in [String(text[..<cut]), String(text[cut...])] where !piece.isEmpty {
                peer.send("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
                peer.sleep(milliseconds: 3)
            }
            peer.send("0\r\n\r\n")
        }
    }
    defer { server.stop() }
    var plan = planWithoutTarget(streams: 1, duration: nil)
    plan.addresses = [server.address]
    plan.request.target = answer.target
    plan.requests = answer.requests
    plan.dialect = answer.dialect
    plan.fields = fixture.fields
    plan.timeouts.total = Nanoseconds.seconds(20)
    let template = try RequestTemplate(plan.request, userAgent: "test")
    return try Coordinator(plan: plan, template: template).run()
}

@Suite("Runs by dialect", .serialized, .timeLimit(.minutes(2))) struct DialectRunTests {
    @Test("a stream of each API is completed, counted and named", arguments: DialectFixture.all)
    func completed(_ fixture: DialectFixture) throws {
        // The custom one ends with an error event on purpose; it has a test of its own.
        guard fixture.dialect != .custom else { return }
        let result = try run(fixture)
        #expect(result.counts.completed == 1, "\(result.errors.map(\.detail))")
        #expect(result.dialect == fixture.dialect && result.dialectOrigin == .events)
        let readings = fixture.readings
        let tokens = readings.filter { !$0.contents.isDisjoint(with: .tokens) }
        #expect(result.counts.tokenEvents == UInt64(tokens.count))
        let reasoning = tokens.filter { $0.contents.isDisjoint(with: [.content, .toolCall]) }
        #expect(result.counts.reasoningEvents == UInt64(reasoning.count))
        #expect(result.counts.unknownEvents == 0)
        let reasons = readings.map(\.finish).filter { !$0.isEmpty }
        #expect(Array(result.counts.finishReasons.keys) == reasons)
        for (place, counted) in [
            result.counts.promptTokens, nil, result.counts.cachedTokens,
            result.counts.reasoningTokens,
        ].enumerated() where place != 1 {
            let last = readings.map { $0.usage[place] }.last { $0 >= 0 }
            #expect(counted == last.map { UInt64($0) })
        }
        let completion = readings.map { $0.usage[1] }.last { $0 >= 0 }
        #expect(
            result.counts.completionTokens == completion.map { UInt64($0) } ?? UInt64(tokens.count)
        )
        for (place, metric) in [Metric.serverPrefill, .serverDecode, .serverQueue].enumerated() {
            let last = readings.map { $0.times[place] }.last { $0 >= 0 }
            #expect(result.histograms[metric]?.max == last, "\(metric)")
            #expect(result.histograms[metric]?.count == last.map { _ in 1 })
        }
    }

    @Test("a path is believed until events say otherwise, and no token is lost")
    func wrongPath() throws {
        var answer = Answer(target: "/v1/chat/completions", requests: 3)
        let right = try run(.chat, answer)
        #expect(right.counts.completed == 3)
        #expect(right.dialect == .openaiChat && right.dialectOrigin == .path)
        let wrong = try run(.messages, answer)
        #expect(wrong.counts.completed == 3 && wrong.counts.tokenEvents == 6)
        #expect(wrong.counts.unknownEvents == 0)
        #expect(wrong.dialect == .anthropic && wrong.dialectOrigin == .events)
        answer.target = "/v1/completions"
        let llama = try run(.llama, answer)
        #expect(llama.counts.completed == 3 && llama.dialect == .llamacpp)
        answer.dialect = .openaiChat
        let given = try run(.messages, answer)
        #expect(given.counts.failures == [.closedEarly: 3] && given.counts.tokenEvents == 0)
        // One of the eleven has a usage, as chat has one.
        #expect(given.counts.unknownEvents == 30)
        #expect(given.dialect == .openaiChat && given.dialectOrigin == .flag)
    }

    @Test("where the end of the body is the end: only behind what the API says last")
    func bodyEnds() throws {
        var answer = Answer(dialect: .gemini)
        let whole = try DialectFixture.gemini.body()
        #expect(try run(.gemini, answer).counts.completed == 1)
        // Without the last event, that with the finish reason.
        let lines = String(decoding: whole, as: UTF8.self).split(separator: "\n").dropLast()
        answer.body = Array(lines.map { $0 + "\n\n" }.joined().utf8)
        let cut = try run(.gemini, answer)
        #expect(cut.counts.failures == [.closedEarly: 1] && cut.counts.tokenEvents == 3)

        answer = Answer(dialect: .triton)
        #expect(try run(.triton, answer).counts.completed == 1)
        answer.body = Array(": nothing\n\n".utf8)
        #expect(try run(.triton, answer).counts.failures == [.closedEarly: 1])

        for fixture in [DialectFixture.messages, .tgi, .llama, .responses, .chat] {
            var bytes = try fixture.body()
            bytes.removeLast(3)
            let early = try run(fixture, Answer(body: bytes, dialect: fixture.dialect))
            #expect(early.counts.failures == [.closedEarly: 1], "\(fixture.file)")
        }
    }

    @Test("streams that are read by paths end with the text, or with the body")
    func custom() throws {
        var fixture = DialectFixture.custom
        let event = #"data: {"out":[{"text":"a"}]}"# + "\n\n"
        var answer = Answer(dialect: .custom)
        answer.body = Array((event + event + "data: {\"end\":1}\n\n").utf8)
        let marked = try run(fixture, answer)
        #expect(marked.counts.completed == 1 && marked.counts.tokenEvents == 2)
        answer.body = Array((event + event).utf8)
        #expect(try run(fixture, answer).counts.failures == [.closedEarly: 1])
        fixture.fields?.end = nil
        let unmarked = try run(fixture, answer)
        #expect(unmarked.counts.completed == 1 && unmarked.dialect == .custom)
        answer.body = Array((#"data: {"fault":"x"}"# + "\n\n").utf8)
        #expect(try run(fixture, answer).counts.failures == [.errorEvent: 1])
        answer.contentType = "application/x-ndjson"
        answer.body = Array("{\"late\":\"z\"}\n{\"late\":\"y\"}\n".utf8)
        let lines = try run(fixture, answer)
        #expect(lines.counts.completed == 1 && lines.counts.tokenEvents == 2)
    }

    @Test("lines without SSE are Ollama's, or of an API that nobody named")
    func contentTypes() throws {
        var answer = Answer(target: "/api/chat")
        let path = try run(.ollamaChat, answer)
        #expect(path.counts.completed == 1 && path.dialectOrigin == .path)
        answer.target = "/v1/chat/completions"
        #expect(try run(.ollamaChat, answer).counts.failures == [.sseProtocol: 1])
        answer = Answer(contentType: "application/json", dialect: .ollama)
        let json = try run(.ollamaChat, answer)
        #expect(json.counts.failures == [.sseProtocol: 1])
        #expect(json.errors.first?.detail.contains("application/x-ndjson") == true)
        answer = Answer(body: Array("one\ntwo\n".utf8))
        let raw = try run(.ollamaChat, answer)
        #expect(raw.counts.completed == 1 && raw.dialect == .raw && raw.counts.tokenEvents == 2)
        // A gateway that makes an event stream of it.
        let text = String(decoding: try DialectFixture.ollamaChat.body(), as: UTF8.self)
        let events = text.split(separator: "\n").map { "data: \($0)\n\n" }.joined()
        answer = Answer(
            contentType: "text/event-stream",
            body: Array(events.utf8),
            dialect: .ollama
        )
        #expect(try run(.ollamaChat, answer).counts.completed == 1)
    }

    @Test("an error in Ollama's lines fails the request")
    func ollamaError() throws {
        let body =
            "{\"message\":{\"content\":\"a\"},\"done\":false}\n{\"error\":\"model runner\"}\n"
        let result = try run(.ollamaChat, Answer(body: Array(body.utf8)))
        #expect(result.counts.failures == [.errorEvent: 1] && result.counts.tokenEvents == 1)
        #expect(result.errors.first?.sample.isEmpty == false)
    }
}
