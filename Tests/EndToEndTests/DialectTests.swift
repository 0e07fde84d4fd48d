// Streams of other APIs than OpenAI's, served from the fixtures to the real binary: what the report
// and the result file say of the API, and of the server's own times.

import Foundation
import Testing

@Suite("Dialects of the real binary")
struct DialectTests {
    private func fixture(_ name: String) throws -> String {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/dialects/\(name)")
        return try String(contentsOf: path, encoding: .utf8)
    }

    @Test("llama.cpp's times stand beside the client's")
    func serverTimes() async throws {
        let body = try fixture("llamacpp.sse")
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(body)), .again])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "3", "\(server.url)/completion"])
        #expect(run.completed == 3)
        #expect(run.result["plan"]["api"].text == "llamacpp")
        #expect(run.result["plan"]["api_from"].text == "path")
        #expect(run.result["metrics"]["server_prefill"]["max"].int == 21_500_000)
        #expect(run.count(of: "server_decode") == 3 && run.count(of: "server_queue") == nil)
        let text = run.outcome.stdout.replacing(/\n +/, with: " ")
        #expect(text.contains("api llamacpp, recognised from the path"))
        #expect(text.contains("server says prefill 21.5 ms (n 3), client saw ttft "))
        #expect(run.result["counts"]["finish_reasons"].counts == ["limit": 3])
    }

    @Test("Ollama's lines are read without SSE, and recognised")
    func ollama() async throws {
        let body = try fixture("ollama-chat.ndjson")
        let answer = Wire.whole(type: "application/x-ndjson", body)
        let server = try ScriptedServer([.readRequest, .send(answer), .again])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", server.url])
        #expect(run.completed == 2 && run.events == 8)
        #expect(run.result["plan"]["api"].text == "ollama")
        #expect(run.result["plan"]["api_from"].text == "events")
        #expect(run.result["counts"]["tokens"]["completion"].int == 564)
        #expect(run.outcome.stdout.contains("server says decode 4.54 s (n 2)"))
    }

    @Test("any other API is read by paths, and the file says which")
    func custom() async throws {
        let body = """
            data: {"piece":{"text":"a"}}

            data: {"piece":{"text":"b"},"n":5,"why":"full"}

            data: over


            """
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(body)), .again])
        defer { server.stop() }
        let flags = [
            "--field", "content=piece.text", "--field", "usage.completion=n", "--field",
            "finish=why", "--end", "over",
        ]
        let run = try await LoadRun.run(flags + ["-n", "2", server.url])
        #expect(run.completed == 2 && run.result["plan"]["api"].text == "custom")
        #expect(run.result["plan"]["end"].text == "over")
        let fields = run.result["plan"]["fields"].array?.compactMap(\.text)
        #expect(fields == ["content=piece.text", "usage.completion=n", "finish=why"])
        #expect(run.result["counts"]["finish_reasons"].counts == ["full": 2])
        #expect(run.result["counts"]["tokens"]["completion"].int == 10)
    }
}
