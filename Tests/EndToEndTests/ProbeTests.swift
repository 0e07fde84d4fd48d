// `ssebomb probe`: the shape of its JSON lines, and the WHATWG standard's event stream through the
// whole binary, cut anywhere.

import Foundation
import Testing

@Suite("probe")
struct ProbeTests {
    private struct Probe {
        let outcome: Outcome
        let lines: [JSONValue]
        var events: [JSONValue] { lines.filter { $0["event"].exists } }
        var end: JSONValue? { lines.last }
    }

    private func probe(_ arguments: [String]) async throws -> Probe {
        let outcome = try await Binary.run(["probe", "--json"] + arguments)
        let lines = try outcome.stdout.split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        return Probe(outcome: outcome, lines: lines)
    }

    @Test("its lines have the documented members, in the order of what happened")
    func shapes() async throws {
        let mock = try await Mock(
            ["--tokens", "3", "--role-first", "--itl", "30ms", "--ping", "10ms"]
                + (try await Certificates.serving("good"))
        )
        let probe = try await probe(Mock.chatBody + ["-k", mock.chat])
        #expect(probe.outcome.status == 0)
        #expect(probe.lines.prefix(3).map { $0["phase"].text } == ["connect", "tls", "head"])
        #expect(probe.lines[0].keys == ["at_ns", "phase"])
        let head = probe.lines[2]
        #expect(head.keys == ["at_ns", "headers", "phase", "status"])
        #expect(head["status"].int == 200)
        #expect(head["headers"].array?.compactMap { $0.text }.contains("Content-Type") == true)
        let members = ["at_ns", "coalesced", "data", "event", "gap_ns", "id", "token"]
        #expect(probe.events.allSatisfy { $0.keys == members })
        // The role, three tokens, the finish and the marker.
        #expect(probe.events.map { $0["token"].bool } == [false, true, true, true, false, false])
        #expect(probe.events.last?["data"].text == "[DONE]")
        #expect(probe.events.map { $0["gap_ns"].isNull } == [true, true, false, false, true, true])
        #expect(probe.lines.contains { $0.keys == ["comment"] && $0["comment"].bool == true })
        let end = try #require(probe.end)
        #expect(end.keys == ["e2e_ns", "end", "failure", "reusable", "status", "ttft_ns"])
        #expect(end["end"].text == "completed")
        #expect(end["failure"].isNull)
        #expect(end["status"].int == 200)
        #expect(end["reusable"].bool == true)
        let ttft = try #require(end["ttft_ns"].int)
        #expect(ttft >= 2_000_000 && ttft < end["e2e_ns"].int ?? 0)
        let times = probe.lines.compactMap { $0["at_ns"].int }
        #expect(times == times.sorted())
        #expect(times.first ?? -1 > 0)
    }

    @Test("a failed stream ends with its kind and status, and exit 1")
    func failed() async throws {
        let mock = try await Mock(["--fault", "http-503@head"])
        let probe = try await probe([mock.events])
        #expect(probe.outcome.status == 1)
        let end = try #require(probe.end)
        #expect(end["end"].text == "failed")
        #expect(end["failure"].text == "http_status")
        #expect(end["status"].int == 503)
        // Its body came whole: the connection could carry another request.
        #expect(end["reusable"].bool == true)
        #expect(end["ttft_ns"].isNull)
    }

    @Test("an unreachable target ends without a status")
    func refused() async throws {
        let port = try ClosedPort()
        defer { port.release() }
        let probe = try await probe(["http://127.0.0.1:\(port.number)/"])
        #expect(probe.outcome.status == 1)
        #expect(probe.lines.count == 1)
        #expect(probe.end?["failure"].text == "connect_refused")
        #expect(probe.end?["status"].isNull == true)
    }

    @Test("for people it names each thing, and shows an error's body")
    func readable() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("500 Oops", type: "text/plain", "the engine died")),
        ])
        defer { server.stop() }
        let failed = try await Binary.run(["probe", server.url])
        #expect(failed.status == 1)
        #expect(failed.stdout.contains("http_status"))
        #expect(failed.stderr.contains("the engine died"))
        let mock = try await Mock(["--tokens", "3"])
        let fine = try await Binary.run(["probe"] + Mock.chatBody + [mock.chat])
        #expect(fine.status == 0)
        for word in ["connect", "head", "[token", "completed", "finish reason stop"] {
            #expect(fine.stdout.contains(word), "\(word) in \(fine.stdout)")
        }
    }

    // MARK: Event streams (WHATWG HTML, 9.2.6)

    /// What has to be dispatched for a body: type, data, id.
    struct Stream: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let body: [UInt8]
        let events: [[String]]

        init(_ name: String, _ body: String, _ events: [[String]]) {
            self.init(name, bytes: Array(body.utf8), events)
        }

        init(_ name: String, bytes: [UInt8], _ events: [[String]]) {
            testDescription = name
            body = bytes
            self.events = events
        }
    }

    static let streams = [
        Stream("LF", "data: a\n\ndata: b\n\n", [["message", "a", ""], ["message", "b", ""]]),
        Stream(
            "CRLF",
            "data: a\r\n\r\ndata: b\r\n\r\n",
            [["message", "a", ""], ["message", "b", ""]]
        ),
        Stream("CR", "data: a\r\rdata: b\r\r", [["message", "a", ""], ["message", "b", ""]]),
        Stream(
            "mixed ends",
            "data: a\r\ndata: b\n\rdata: c\r\n\n",
            [
                ["message", "a\nb", ""], ["message", "c", ""],
            ]
        ),
        Stream(
            "a byte order mark",
            "\u{FEFF}data: a\n\n\u{FEFF}data: never\n\ndata: b\n\n",
            [
                ["message", "a", ""], ["message", "b", ""],
            ]
        ),
        Stream("comments", ": hello\n\ndata: a\n:\ndata: b\n\n:x\n\n", [["message", "a\nb", ""]]),
        Stream(
            "data of several lines",
            "data: YHOO\ndata: +2\ndata: 10\n\n",
            [
                ["message", "YHOO\n+2\n10", ""]
            ]
        ),
        Stream(
            "empty data",
            "data\n\ndata\ndata\n\ndata:\n\n",
            [
                ["message", "", ""], ["message", "\n", ""], ["message", "", ""],
            ]
        ),
        Stream(
            "one space only",
            "data:test\n\ndata: test\n\ndata:  test\n\n",
            [
                ["message", "test", ""], ["message", "test", ""], ["message", " test", ""],
            ]
        ),
        Stream(
            "types",
            "event: add\ndata: 1\n\nevent: remove\ndata: 2\n\ndata: 3\n\n",
            [
                ["add", "1", ""], ["remove", "2", ""], ["message", "3", ""],
            ]
        ),
        Stream("a type without data", "event: add\n\ndata: 3\n\n", [["message", "3", ""]]),
        Stream(
            "ids",
            "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [
                ["message", "a", "1"], ["message", "b", "1"], ["message", "c", ""],
            ]
        ),
        Stream(
            "an id with NUL is none",
            "id: 1\ndata: a\n\nid: 2\u{0}\ndata: b\n\n",
            [
                ["message", "a", "1"], ["message", "b", "1"],
            ]
        ),
        Stream(
            "unknown fields",
            "foo: bar\ndatas: x\n data: y\nData: z\ndata: a\n\n",
            [
                ["message", "a", ""]
            ]
        ),
        Stream("colons in data", "data: a:b: c\n\n", [["message", "a:b: c", ""]]),
        Stream("no blank line at the end", "data: a\n\ndata: never\n", [["message", "a", ""]]),
        Stream(
            "invalid UTF-8 is replaced",
            bytes: Array("data: a".utf8) + [0xFF, 0xC3] + Array("b\n\n".utf8),
            [["message", "a\u{FFFD}\u{FFFD}b", ""]]
        ),
        Stream(
            "control characters",
            "data: \u{1}\t\u{7F}\"\\\u{2028}\n\n",
            [
                ["message", "\u{1}\t\u{7F}\"\\\u{2028}", ""]
            ]
        ),
    ]

    @Test("events are those of the standard", arguments: streams, [Int.max, 1, 3])
    func conformance(_ stream: Stream, piece: Int) async throws {
        let head = Wire.head("200 OK", [Wire.eventStream, "Content-Length: \(stream.body.count)"])
        let size = min(piece, max(1, stream.body.count))
        let pieces = stride(from: 0, to: stream.body.count, by: size).map { start in
            ServerAction.send(Array(stream.body[start..<min(start + size, stream.body.count)]))
        }
        let server = try ScriptedServer([.readRequest, .send(head)] + pieces)
        defer { server.stop() }
        let probe = try await probe(["--api", "raw", server.url])
        let found = probe.events.map { event in
            ["event", "data", "id"].map { event[$0].text ?? "?" }
        }
        #expect(found == stream.events)
        #expect(probe.end?["end"].text == "completed")
    }

    @Test("only digits make a retry field")
    func retry() async throws {
        let body = "retry: 1500\nretry: x\nretry: 1.5\nretry:\nretry: -3\nretry: 20\n\ndata: a\n\n"
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(body))])
        defer { server.stop() }
        let probe = try await probe([server.url])
        #expect(probe.lines.compactMap { $0["retry_ms"].int } == [1_500, 20])
        #expect(probe.events.count == 1)
    }

    @Test(
        "--max-events and --until end a probe",
        arguments: [["--max-events", "2"], ["--until", "event 1"]]
    )
    func ends(_ arguments: [String]) async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(5))), .hold,
        ])
        defer { server.stop() }
        let probe = try await probe(arguments + [server.url])
        #expect(probe.events.count == 2)
        #expect(probe.end?["end"].text == "completed")
        #expect(probe.outcome.status == 0)
    }
}
