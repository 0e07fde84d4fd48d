// Servers that weren't written here: nginx as TLS terminator and chunked proxy in front of the
// mock, and an event stream of uvicorn and sse-starlette.

import Foundation
import Glibc
import Testing

@Suite("Behind nginx", .enabled(if: Tool.hasNginx, Comment(rawValue: Tool.noNginx)))
struct ProxyTests {
    @Test("streams complete through a chunked proxy, and every event arrives")
    func chunked() async throws {
        let proxy = try await Nginx(["--tokens", "30", "--itl", "5ms"])
        let run = try await LoadRun.run(
            Mock.chatBody + ["-c", "20", "-n", "60", proxy.plain + "/v1/chat/completions"]
        )
        let truth = try await proxy.mock.stop()["counts"]
        #expect(run.completed == 60)
        #expect(run.failures == [:])
        #expect(run.events == truth["events"].int)
        #expect(run.result["counts"]["token_events"].int == 1_800)
        #expect(run.opened == 20)
    }

    @Test(
        "streams complete through a TLS terminator, and sessions are resumed",
        arguments: ["1.2", "1.3"]
    )
    func terminated(_ version: String) async throws {
        let proxy = try await Nginx(["--tokens", "20"])
        let arguments =
            Mock.chatBody + [
                "--cacert", try await Certificates.file("ca.pem"), "--tls-max", version,
                proxy.secure + "/v1/chat/completions",
            ]
        let kept = try await LoadRun.run(["-c", "10", "-n", "30"] + arguments)
        #expect(kept.completed == 30)
        #expect(kept.result["counts"]["token_events"].int == 600)
        #expect(kept.opened == 10)
        let reopened = try await LoadRun.run(["-n", "4", "--no-keepalive"] + arguments)
        #expect(reopened.completed == 4)
        #expect(reopened.result["counts"]["connections"]["tls_resumed"].int == 3)
    }

    @Test("events that arrive together through a buffering proxy are counted as coalesced")
    func buffered() async throws {
        let proxy = try await Nginx(["--tokens", "50", "--chunking", "50-events"])
        let run = try await LoadRun.run(
            Mock.chatBody + ["-c", "2", "-n", "4", proxy.plain + "/buffered/v1/chat/completions"]
        )
        #expect(run.completed == 4)
        #expect(run.result["counts"]["token_events"].int == 200)
        let coalesced = run.result["counts"]["coalesced"]
        #expect((coalesced["at_arrival"].int ?? 0) + (coalesced["at_reading"].int ?? 0) > 0)
    }

    @Test("a proxy without its server is http_status, with the proxy's page as sample")
    func badGateway() async throws {
        let proxy = try await Nginx()
        let run = try await LoadRun.run(["-c", "2", "-n", "4", proxy.plain + "/dead/events"])
        #expect(run.failures == ["http_status": 4])
        #expect(run.statuses == ["502": 4])
        let error = try #require(run.errors("http_status").first)
        #expect(error["sample"].text?.contains("502 Bad Gateway") == true)
        #expect(run.outcome.status == 69)
        #expect(run.outcome.stdout.contains("502 Bad Gateway"))
    }

    @Test("a proxy compresses only for those who ask")
    func compressed() async throws {
        let proxy = try await Nginx()
        let plain = try await LoadRun.run(["-n", "2", proxy.plain + "/compressed/events"])
        #expect(plain.completed == 2)
        let asked = try await LoadRun.run([
            "-n", "2", "-H", "Accept-Encoding: gzip", proxy.plain + "/compressed/events",
        ])
        #expect(asked.failures == ["content_encoding": 2])
    }

    @Test("a server that dies behind a proxy ends its streams early")
    func upstreamLost() async throws {
        let proxy = try await Nginx(["--fault", "reset@stream"])
        let run = try await LoadRun.run(
            Mock.chatBody + ["-c", "2", "-n", "4", proxy.plain + "/v1/chat/completions"]
        )
        #expect(run.failures == ["closed_early": 4])
    }
}

@Suite("A Python server", .enabled(if: Tool.hasPython, Comment(rawValue: Tool.noPython)))
struct PythonServerTests {
    @Test("events, ids, retry and pings of sse-starlette arrive")
    func starlette() async throws {
        let (server, url) = try await Tool.server(Tool.python, [Tool.fixture("sse_server.py")])
        defer { server.send(signal: SIGTERM) }
        let run = try await LoadRun.run(["-c", "5", "-n", "15", url + "/events?count=20&gap=0.01"])
        #expect(run.completed == 15)
        #expect(run.failures == [:])
        #expect(run.events == 300)
        #expect(run.result["counts"]["event_types"].counts == ["tick": 300])
        #expect(run.result["counts"]["retries"].int == 15)
    }

    @Test("pings of sse-starlette are counted as comments")
    func pings() async throws {
        let (server, url) = try await Tool.server(Tool.python, [Tool.fixture("sse_server.py")])
        defer { server.send(signal: SIGTERM) }
        let run = try await LoadRun.run(["-c", "3", "-n", "3", url + "/events?count=2&gap=0.8"])
        #expect(run.completed == 3)
        #expect(run.events == 6)
        #expect((run.comments ?? 0) >= 3)
    }

    @Test("probe shows what sse-starlette sent")
    func probed() async throws {
        let (server, url) = try await Tool.server(Tool.python, [Tool.fixture("sse_server.py")])
        defer { server.send(signal: SIGTERM) }
        let outcome = try await Binary.run(["probe", "--json", url + "/events?count=3&gap=0.01"])
        let lines = try outcome.stdout.split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        let events = lines.filter { $0["event"].exists }
        #expect(events.map { $0["event"].text } == ["tick", "tick", "tick"])
        #expect(events.map { $0["id"].text } == ["0", "1", "2"])
        let data = try JSONValue(parsing: events.last?["data"].text ?? "")
        #expect(data["text"].text == "grün\nund mehr")
        #expect(data["number"].int == 2)
        #expect(lines.contains { $0["retry_ms"].int == 1_500 })
        #expect(outcome.status == 0)
    }
}
