// The mock's APIs over real sockets: each one's events, limits, words for an end, errors and whole
// answers, and that all wire shapes carry the same.

import Foundation
import Testing

@testable import SSEBombCore

@Suite struct MockAPITests {
    /// How an API is asked, and what it says.
    struct Case: Sendable, CustomTestStringConvertible {
        let api: MockAPI
        let path: String
        /// Members of the body beside the limit.
        var body = #""model":"m1""#
        /// The limit's member, with "N" for the number.
        var limit = #""max_tokens":N"#
        /// Words for an end of its own and by the limit; "" where there are none.
        var ends = ("", "")
        /// What stands before a word of content, of reasoning ("" where it has no place) and of a
        /// call's arguments ("" where there are no calls).
        var marks = ("", "", "")

        var testDescription: String { path }

        func request(limit number: Int? = nil) -> String {
            let limit = number.map { "," + self.limit.replacing("N", with: String($0)) } ?? ""
            return "{\(body)\(limit)}"
        }
    }

    static let cases = [
        Case(
            api: .chat,
            path: "/v1/chat/completions",
            body: #""stream":true,"stream_options":{"include_usage":true}"#,
            limit: #""max_completion_tokens":N"#,
            ends: (#""finish_reason":"stop""#, #""finish_reason":"length""#),
            marks: (#""delta":{"content":""#, #""reasoning_content":""#, #""arguments":""#)
        ),
        Case(
            api: .completions,
            path: "/v1/completions",
            body: #""stream":true"#,
            ends: (#""finish_reason":"stop""#, #""finish_reason":"length""#),
            marks: (#""text":" "#, "", "")
        ),
        Case(
            api: .responses,
            path: "/v1/responses",
            body: #""stream":true"#,
            limit: #""max_output_tokens":N"#,
            ends: ("event: response.completed\n", #""reason":"max_output_tokens""#),
            marks: (
                #""content_index":0,"delta":""#, #""content_index":0,"delta":""#,
                #""output_index":0,"delta":""#
            )
        ),
        Case(
            api: .anthropic,
            path: "/v1/messages",
            body: #""stream":true"#,
            ends: (#""stop_reason":"end_turn""#, #""stop_reason":"max_tokens""#),
            marks: (
                #""text_delta","text":""#, #""thinking_delta","thinking":""#,
                #""partial_json":""#
            )
        ),
        Case(
            api: .tgi,
            path: "/generate_stream",
            body: #""inputs":"x""#,
            limit: #""parameters":{"details":true,"max_new_tokens":N}"#,
            ends: (#""finish_reason":"eos_token""#, #""finish_reason":"length""#),
            marks: (#""text":" "#, "", "")
        ),
        Case(
            api: .llamacpp,
            path: "/completion",
            body: #""stream":true"#,
            limit: #""n_predict":N"#,
            ends: (#""stop_type":"eos""#, #""stop_type":"limit""#),
            marks: (#""content":" "#, "", "")
        ),
        Case(
            api: .ollamaChat,
            path: "/api/chat",
            limit: #""options":{"num_predict":N}"#,
            ends: (#""done_reason":"stop""#, #""done_reason":"length""#),
            marks: (#""content":" "#, #""thinking":""#, #""arguments":{"text":""#)
        ),
        Case(
            api: .ollamaGenerate,
            path: "/api/generate",
            limit: #""options":{"num_predict":N}"#,
            ends: (#""done_reason":"stop""#, #""done_reason":"length""#),
            marks: (#""response":" "#, #""thinking":""#, "")
        ),
        Case(
            api: .triton,
            path: "/v2/models/ensemble/generate_stream",
            limit: #""parameters":{"max_tokens":N}"#,
            marks: (#""text_output":""#, "", "")
        ),
        Case(
            api: .gemini,
            path: "/v1beta/models/m1:streamGenerateContent?alt=sse",
            limit: #""generationConfig":{"maxOutputTokens":N}"#,
            ends: (#""finishReason":"STOP""#, #""finishReason":"MAX_TOKENS""#),
            marks: (#"{"text":" "#, #""thought":true"#, #""args":{"text":""#)
        ),
    ]

    /// What an exchange gave: the answer's head and body, and what the server says it sent.
    struct Exchange {
        let head: String
        let body: String
        let truth: MockTruth
    }

    private func ask(
        _ path: String,
        _ body: String,
        _ change: (inout MockPlan) -> Void = { _ in }
    ) throws -> Exchange {
        var plan = MockPlan()
        plan.ttft = .constant(1e6)
        plan.itl = .constant(0)
        plan.tokens = .constant(5)
        change(&plan)
        let server = try MockServer(plan)
        try server.start()
        let client = MockClient(port: server.port)
        client.send(
            "POST \(path) HTTP/1.1\r\nConnection: close\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
        )
        #expect(client.read() == .closed)
        server.stop()
        server.wait()
        let (head, raw) = MockClient.split(client.takeText())
        let isChunked = head.contains("Transfer-Encoding: chunked")
        let text = isChunked ? try #require(MockClient.unchunk(raw)) : raw
        if head.contains("Content-Length") {
            #expect(head.contains("Content-Length: \(text.utf8.count)\r\n"))
        }
        return Exchange(head: head, body: text, truth: server.truth())
    }

    /// The data of each event, or each line; end markers of OpenAI's left out.
    private func data(_ text: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("data:") || $0.hasPrefix("{") }
            .map { $0.hasPrefix("data:") ? String($0.dropFirst(5)) : String($0) }
            .filter { $0 != " [DONE]" }
    }

    private func object(_ text: String) throws -> [String: Any] {
        let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(parsed as? [String: Any])
    }

    // MARK: - Streams

    @Test("every event is JSON, tokens and events are as many as the truth says", arguments: cases)
    func events(_ item: Case) throws {
        let answer = try ask(item.path, item.request())
        let type = item.api.isLines ? "application/x-ndjson" : "text/event-stream; charset=utf-8"
        #expect(answer.head.contains("Content-Type: \(type)\r\n"))
        let events = data(answer.body)
        for event in events { _ = try object(event) }
        let markers = answer.body.contains("[DONE]") ? 1 : 0
        #expect(answer.truth.tokens == 5 && answer.truth.completed == 1)
        #expect(answer.truth.events == UInt64(events.count + markers))
        #expect(events.count { $0.contains(item.marks.0) } == 5)
        #expect(answer.body.contains(item.ends.0) || item.ends.0.isEmpty)
        let names = answer.body.split(separator: "\n").filter { $0.hasPrefix("event:") }
        let isNamed = item.api == .responses || item.api == .anthropic
        #expect(names.count == (isNamed ? events.count : 0))
        for (name, event) in zip(names, events) {
            #expect(try object(event)["type"] as? String == String(name.dropFirst(7)))
        }
    }

    @Test("each API's own limit cuts the answer, and another's doesn't", arguments: cases)
    func limits(_ item: Case) throws {
        let cut = try ask(item.path, item.request(limit: 2))
        #expect(cut.truth.tokens == 2)
        #expect(cut.body.contains(item.ends.1) || item.ends.1.isEmpty)
        #expect(!cut.body.contains(item.ends.0) || item.ends.0.isEmpty)
        let foreign = item.api == .llamacpp ? #""max_tokens":2"# : #""n_predict":2"#
        let whole = try ask(item.path, "{\(item.body),\(foreign)}")
        #expect(whole.truth.tokens == 5)
    }

    @Test("reasoning comes first, where the API tells it from content", arguments: cases)
    func reasoning(_ item: Case) throws {
        let answer = try ask(item.path, item.request()) { $0.reasoningTokens = 2 }
        let events = data(answer.body)
        for event in events { _ = try object(event) }
        #expect(answer.truth.tokens == 5)
        if item.api == .responses {
            #expect(events.count { $0.contains("response.reasoning_text.delta") } == 2)
            #expect(events.count { $0.contains("response.output_text.delta") } == 3)
        } else if item.marks.1.isEmpty {
            #expect(events.count { $0.contains(item.marks.0) } == 5)
        } else {
            // An opening event may have the mark with no word behind it; Gemini's is a flag.
            let mark = item.api == .gemini ? item.marks.1 : item.marks.1 + " "
            let thoughts = events.map { $0.contains(mark) }
            let first = try #require(thoughts.firstIndex(of: true))
            #expect(thoughts.count { $0 } == 2 && thoughts[first + 1])
            let said = events[(first + 2)...].count { $0.contains(item.marks.0) }
            #expect(said == 3)
        }
    }

    @Test("a tool call's pieces are JSON together, or each call is whole", arguments: cases)
    func toolCalls(_ item: Case) throws {
        let answer = try ask(item.path, item.request()) { $0.toolCalls = true }
        let events = data(answer.body)
        for event in events { _ = try object(event) }
        #expect(answer.truth.tokens == 5)
        let mark = item.marks.2
        guard !mark.isEmpty else {
            return #expect(events.count { $0.contains(item.marks.0) } == 5)
        }
        let pieces = events.compactMap { event -> String? in
            guard let range = event.firstRange(of: mark) else { return nil }
            // The piece ends at the first quote that isn't escaped.
            var piece = ""
            var isEscaped = false
            for character in event[range.upperBound...] {
                if character == "\"", !isEscaped { break }
                isEscaped = character == "\\" && !isEscaped
                if !isEscaped { piece.append(character) }
            }
            return piece
        }
        .filter { !$0.isEmpty }
        guard item.api.cutsArguments else { return #expect(pieces.count == 5) }
        // The first token is the tool's name. Of Responses, the last two hold all pieces.
        let arguments = try object(pieces[..<4].joined())
        #expect(arguments["text"] as? String == " have this will your")
        #expect(pieces[4...].allSatisfy { $0 == pieces[..<4].joined() })
    }

    @Test("numbers of Responses' events go up by one", arguments: [false, true], [0, 2, 9])
    func sequence(callsTools: Bool, reasoning: Int) throws {
        let answer = try ask("/v1/responses", #"{"stream":true}"#) {
            $0.toolCalls = callsTools
            $0.reasoningTokens = UInt32(reasoning)
        }
        let numbers = try data(answer.body).map { try object($0)["sequence_number"] as? Int }
        #expect(numbers == Array(0..<numbers.count))
        let last = try object(try #require(data(answer.body).last))
        #expect(last["type"] as? String == "response.completed")
        let response = try #require(last["response"] as? [String: Any])
        let usage = try #require(response["usage"] as? [String: Any])
        #expect(usage["output_tokens"] as? Int == 5)
        let details = try #require(usage["output_tokens_details"] as? [String: Any])
        #expect(details["reasoning_tokens"] as? Int == min(5, reasoning))
    }

    @Test(
        "every framing and grouping carries the same bytes",
        arguments: cases,
        [MockPlan.Framing.chunked, .close, .length]
    )
    func shapes(_ item: Case, framing: MockPlan.Framing) throws {
        for callsTools in [false, true] {
            func body(_ change: (inout MockPlan) -> Void) throws -> String {
                try ask(item.path, item.request()) {
                    $0.reasoningTokens = 2
                    $0.toolCalls = callsTools
                    change(&$0)
                }.body
            }
            let plain = try body { _ in }
            for chunking in [MockPlan.Chunking.events(1), .events(4), .bytes(7)] {
                let shaped = try body {
                    $0.framing = framing
                    $0.chunking = chunking
                }
                #expect(shaped == plain)
            }
        }
    }

    @Test("Ollama streams unless told not to, the others only when told to")
    func streamDefaults() throws {
        func isStream(_ path: String, _ body: String) throws -> Bool {
            try ask(path, body).truth.streams == 1
        }
        #expect(try isStream("/api/chat", "{}"))
        #expect(try !isStream("/api/chat", #"{"stream":false}"#))
        for path in ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/completion"] {
            #expect(try !isStream(path, "{}"))
            #expect(try isStream(path, #"{"stream":true}"#))
        }
        #expect(try isStream("/generate_stream", #"{"stream":false}"#))
        #expect(try !isStream("/generate", #"{"stream":true}"#))
        #expect(try !isStream("/v2/models/a/versions/1/generate", "{}"))
        #expect(try !isStream("/v1/models/a:generateContent", "{}"))
        let array = try ask("/v1beta/models/a:streamGenerateContent", "{}")
        #expect(array.head.hasPrefix("HTTP/1.1 400 ") && array.body.contains("alt=sse"))
    }

    @Test("an answer in one piece is JSON with all words", arguments: cases, [false, true])
    func whole(_ item: Case, callsTools: Bool) throws {
        let path = item.path.replacing("generate_stream", with: "generate")
            .replacing("streamGenerateContent?alt=sse", with: "generateContent")
        let answer = try ask(path, #"{"stream":false}"#) { $0.toolCalls = callsTools }
        #expect(answer.head.contains("Content-Type: application/json\r\n"))
        #expect(answer.truth.tokens == 5 && answer.truth.streams == 0)
        _ = try object(answer.body)
        #expect(answer.body.contains(" with have this will your"))
        #expect(answer.body.contains("\"say\"") == (callsTools && !item.marks.2.isEmpty))
    }

    // MARK: - Errors, times, pings

    @Test("errors have the API's own shape, as an event and as a status", arguments: cases)
    func errors(_ item: Case) throws {
        let event = try ask(item.path, item.request()) {
            $0.faults = [FaultRule(.errorEvent, at: .stream)]
        }
        let last = try object(try #require(data(event.body).last))
        let status = try object(
            try ask(item.path, item.request()) {
                $0.faults = [FaultRule(.http503, at: .head)]
            }.body
        )
        switch item.api {
        case .responses:
            #expect(last["type"] as? String == "error")
            #expect(last["message"] as? String == "the engine died while generating")
            #expect(status["error"] is [String: Any])
        case .anthropic:
            let error = try #require(last["error"] as? [String: Any])
            #expect(last["type"] as? String == "error" && event.body.contains("event: error\n"))
            #expect(error["type"] as? String == "api_error")
            #expect((status["error"] as? [String: Any])?["type"] as? String == "overloaded_error")
        case .tgi, .ollamaChat, .ollamaGenerate, .triton:
            #expect(last["error"] as? String == "the engine died while generating")
            #expect(last["error_type"] as? String == (item.api == .tgi ? "generation" : nil))
            #expect(status["error"] as? String == "no worker is free")
        case .gemini:
            #expect((last["error"] as? [String: Any])?["status"] as? String == "INTERNAL")
            #expect((status["error"] as? [String: Any])?["status"] as? String == "UNAVAILABLE")
        case .chat, .completions, .llamacpp, .events:
            #expect((last["error"] as? [String: Any])?["code"] as? Int == 500)
            #expect((status["error"] as? [String: Any])?["code"] as? Int == 503)
        }
        let isOpenAI = item.api == .chat || item.api == .completions
        #expect(event.body.contains("[DONE]") == isOpenAI)
        #expect(event.truth.completed == 0 && event.truth.streamsOpen == 0)
    }

    @Test("the server's times are those of the schedule")
    func times() throws {
        func last(_ path: String, _ timing: MockPlan.Timing? = nil) throws -> [String: Any] {
            let body = #"{"stream":true,"stream_options":{"include_usage":true}}"#
            let answer = try ask(path, body) {
                $0.ttft = .constant(12.5e6)
                $0.itl = .constant(1e6)
                $0.timing = timing
            }
            return try object(try #require(data(answer.body).last))
        }
        let chat = "/v1/chat/completions"
        let metrics = try #require(try last(chat, .metrics)["metrics"] as? [String: Double])
        #expect(metrics["time_to_first_token_ms"] == 12.5 && metrics["queue_time_ms"] == 0)
        #expect(metrics["generation_time_ms"] == 5 && metrics["mean_itl_ms"] == 1)
        #expect(metrics["tokens_per_second"] == 1_000)
        let usage = try #require(try last(chat, .usage)["usage"] as? [String: Double])
        #expect(usage["prompt_time"] == 0.0125 && usage["completion_time"] == 0.005)
        #expect(usage["total_time"] == 0.0175 && usage["completion_tokens"] == 5)
        for event in [try last(chat, .timings), try last("/completion")] {
            let timings = try #require(event["timings"] as? [String: Double])
            #expect(timings["prompt_ms"] == 12.5 && timings["predicted_ms"] == 5)
            #expect(timings["predicted_n"] == 5 && timings["predicted_per_second"] == 1_000)
        }
        let plain = try last(chat)
        #expect(plain["metrics"] == nil && plain["timings"] == nil)
        let done = try last("/api/chat")
        #expect(done["prompt_eval_duration"] as? Int == 12_500_000)
        #expect(done["eval_duration"] as? Int == 5_000_000)
        #expect(done["total_duration"] as? Int == 17_500_000)
    }

    @Test("a ping is a comment, to Anthropic an event, to Ollama nothing")
    func pings() throws {
        func body(_ path: String) throws -> Exchange {
            try ask(path, #"{"stream":true}"#) {
                $0.ttft = .constant(60e6)
                $0.ping = 10_000_000
            }
        }
        let anthropic = try body("/v1/messages")
        let events = data(anthropic.body)
        let pings = events.count { $0.contains(#"{"type":"ping"}"#) }
        // One always comes with the head.
        #expect((3...7).contains(pings))
        #expect(anthropic.truth.events == UInt64(events.count))
        #expect(try body("/v1/responses").body.contains("\n\n: ping\n\n"))
        let lines = try body("/api/chat").body.split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        #expect(lines.count == 7 && lines.dropLast().allSatisfy { $0.hasPrefix("{") })
    }

    @Test("texts that are repeated at the end are bounded, the tokens aren't")
    func longTexts() throws {
        let answer = try ask("/v1/responses", #"{"stream":true}"#) {
            $0.tokens = .constant(20_000)
            $0.reasoningTokens = 9_000
            $0.framing = .length
            $0.chunking = .events(256)
        }
        #expect(answer.truth.tokens == 20_000 && answer.truth.completed == 1)
        let last = try object(try #require(data(answer.body).last))
        let response = try #require(last["response"] as? [String: Any])
        let output = try #require(response["output"] as? [[String: Any]])
        let parts = try output.map { try #require($0["content"] as? [[String: Any]]) }
        #expect(parts.map { ($0[0]["text"] as? String)?.utf8.count } == [40_960, 40_960])
    }

    // MARK: - Plain events

    @Test("a stream of events ends properly after so many, and goes on where it ended")
    func closeAfter() throws {
        var plan = MockPlan()
        plan.ttft = .constant(0)
        plan.itl = .constant(0)
        plan.tokens = .constant(5)
        plan.retry = 1_500_000_000
        plan.closeAfter = 2
        let server = try MockServer(plan)
        try server.start()
        var ids: [String] = []
        let client = MockClient(port: server.port)
        for connection in 0..<3 {
            let field = ids.last.map { "Last-Event-ID: \($0)\r\n" } ?? ""
            client.send("GET /events HTTP/1.1\r\n\(field)\r\n")
            #expect(client.read(until: "\r\n0\r\n\r\n") == .found)
            let text = try #require(MockClient.unchunk(MockClient.split(client.takeText()).body))
            #expect(text.hasPrefix("retry: 1500\n\n"))
            let lines = text.split(separator: "\n").filter { $0.hasPrefix("id: ") }
            #expect(lines.count == (connection < 2 ? 2 : 1))
            ids += lines.map { String($0.dropFirst(4)) }
        }
        #expect(ids == (1...5).map { "0000000\($0)" })
        client.send("GET /events HTTP/1.1\r\nLast-Event-ID: \(ids[4])\r\n\r\n")
        #expect(client.read(until: "\r\n\r\n") == .found)
        #expect(client.takeText().hasPrefix("HTTP/1.1 204 "))
        server.stop()
        server.wait()
        let truth = server.truth()
        #expect(truth.streams == 3 && truth.resumed == 2 && truth.completed == 3)
        #expect(truth.json.contains(#""resumed":2"#))
        plan.closeAfter = 0
        #expect(throws: SetupError.self) { try MockServer(plan) }
    }
}
