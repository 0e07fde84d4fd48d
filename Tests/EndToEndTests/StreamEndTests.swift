// How bodies are framed and how streams end: chunks, lengths, the end of the connection, markers,
// numbers of events, and the cuts and line ends that the wire may have. The real binary throughout.

import Foundation
import Testing

@Suite("Bodies and their ends")
struct StreamEndTests {
    private func expectCompleted(
        _ count: Int,
        events: Int,
        _ run: LoadRun,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(run.completed == count, sourceLocation: sourceLocation)
        #expect(run.events == events, sourceLocation: sourceLocation)
        #expect(run.failures == [:], sourceLocation: sourceLocation)
        #expect(run.outcome.status == 0, sourceLocation: sourceLocation)
    }

    @Test("interim responses are skipped")
    func interim() async throws {
        let early = Wire.head("103 Early Hints", ["Link: </a>"])
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head("100 Continue", [])), .send(early + early),
            .wait(milliseconds: 20), .send(Wire.stream(Wire.events(2))), .again,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "3", server.url])
        expectCompleted(3, events: 6, run)
        #expect(run.statuses == ["200": 3])
        #expect(run.opened == 1)
    }

    @Test("a body may end with its connection")
    func closeDelimited() async throws {
        let head = Wire.head("200 OK", [Wire.eventStream])
        let server = try ScriptedServer([
            .readRequest, .send(head + Wire.events(3)), .wait(milliseconds: 20), .close,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "3", server.url])
        expectCompleted(3, events: 9, run)
        #expect(run.opened == 3)
    }

    @Test("a body may end at its Content-Length")
    func contentLength() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("200 OK", Wire.events(3))), .again,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "3", server.url])
        expectCompleted(3, events: 9, run)
        #expect(run.opened == 1)
    }

    @Test("chunks may have extensions, trailers and any cut")
    func chunks() async throws {
        let text =
            Wire.head() + "A;name=\"v;\"\r\ndata: one\n\r\n" + "0001\r\n\n\r\n"
            + Wire.chunk("da") + Wire.chunk("ta: two\n\n") + "0\r\nX-Trailer: yes\r\n\r\n"
        let bytes = text.utf8.flatMap { byte in
            [ServerAction.send([byte])]
        }
        let server = try ScriptedServer([.readRequest] + bytes + [.again])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", server.url])
        expectCompleted(2, events: 4, run)
        #expect(run.opened == 1)
    }

    @Test("an event without its blank line at the end of the body is not dispatched")
    func unfinishedEvent() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.stream(Wire.events(2) + "data: never\n")), .again,
        ])
        defer { server.stop() }
        expectCompleted(2, events: 4, try await LoadRun.run(["-n", "2", server.url]))
    }

    @Test("--until ends a stream at the event with that data")
    func until() async throws {
        let body = Wire.events(2) + "data: stop it\n\n" + Wire.events(5)
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(body)), .again])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", "--until", "stop it", server.url])
        expectCompleted(2, events: 6, run)
        #expect(run.opened == 1, "the rest of the message is read, the connection used again")
    }

    @Test("--max-events ends a stream that has no other end")
    func maxEvents() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(3))), .hold,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "1", "--max-events", "3", server.url])
        expectCompleted(1, events: 3, run)
    }

    @Test("[DONE] completes a chat whose body never ends")
    func done() async throws {
        let body = Wire.delta("a") + Wire.delta("", finish: "stop") + Wire.done
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(body)), .hold,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "1", "--api", "openai-chat", server.url])
        expectCompleted(1, events: 3, run)
        #expect(run.result["counts"]["finish_reasons"].counts == ["stop": 1])
        #expect(run.result["counts"]["token_events"].int == 1)
    }

    @Test(
        "whatever the wire looks like, every event of the mock arrives",
        arguments: [
            ["--framing", "chunked"], ["--framing", "close"], ["--framing", "length"],
            ["--newline", "crlf"], ["--newline", "cr"], ["--chunking", "1-bytes"],
            ["--chunking", "7-bytes", "--newline", "crlf"], ["--chunking", "3-events"],
            ["--chunking", "13-bytes", "--framing", "length", "--newline", "cr"],
            ["--role-first"], ["--ping", "1ms", "--itl", "20ms"],
            ["--fault", "garbage-after@end"],
        ]
    )
    func wireShapes(_ shape: [String]) async throws {
        let mock = try await Mock(shape)
        let run = try await LoadRun.run(Mock.chatBody + ["-c", "3", "-n", "9", mock.chat])
        let truth = try await mock.stop()["counts"]
        #expect(run.completed == 9)
        #expect(run.events == truth["events"].int)
        #expect(run.result["counts"]["token_events"].int == 90)
        #expect(truth["tokens"].int == 90)
        #expect(run.result["counts"]["finish_reasons"].counts == ["stop": 9])
        #expect(run.count(of: "ttft") == 9)
        #expect(run.count(of: "gap") == 81)
        #expect(run.result["counts"]["unknown_events"].int == 0)
        if shape.contains("--ping") { #expect((run.comments ?? 0) > 0) }
        let closes = shape.contains("close") || shape.contains("--fault")
        #expect(run.opened == (closes ? 9 : 3))
    }

    @Test("plain events of the mock arrive, with and without TLS", arguments: [false, true])
    func plainEvents(isTLS: Bool) async throws {
        let mock = try await Mock(isTLS ? try await Certificates.serving("good") : [])
        let run = try await LoadRun.run(["-c", "3", "-n", "9", "-k", mock.events])
        let truth = try await mock.stop()["counts"]
        #expect(run.completed == 9)
        #expect(run.events == truth["events"].int)
    }

    @Test("reasoning is told apart from output")
    func reasoning() async throws {
        // Four steps of 50 ms lie between the two first tokens: more than a loop that waits for a
        // CPU lets come together.
        let mock = try await Mock(["--reasoning", "4", "--itl", "50ms"])
        let run = try await LoadRun.run(Mock.chatBody + ["-n", "2", mock.chat])
        #expect(run.completed == 2)
        #expect(run.count(of: "ttfo") == 2)
        let ttft = try #require(run.result["metrics"]["ttft"]["min"].int)
        let ttfo = try #require(run.result["metrics"]["ttfo"]["min"].int)
        #expect(ttfo > ttft)
    }

    @Test("an API that the stream doesn't speak is noticed")
    func anotherAPI() async throws {
        let mock = try await Mock()
        let flags = Mock.chatBody + ["-n", "1", "--api", "anthropic", mock.chat]
        let run = try await LoadRun.run(flags)
        #expect(run.result["counts"]["token_events"].int == 0)
        #expect(run.outcome.stderr.contains("not one event had a token of anthropic's, and 1"))
    }

    @Test("token counts come from the server's usage where it gives one")
    func usage() async throws {
        let mock = try await Mock()
        let body =
            #"{"messages":[],"stream":true,"max_tokens":6,"stream_options":{"include_usage":true}}"#
        let run = try await LoadRun.run(["--body", body, "-n", "3", mock.chat])
        #expect(run.completed == 3)
        #expect(run.result["counts"]["tokens"]["completion"].int == 18)
        #expect(run.result["counts"]["tokens"]["basis"].text != "event")
        #expect(run.result["counts"]["finish_reasons"].counts == ["length": 3])
    }
}
