// --per-request of the real binary: lines whose sums are the report's, stamps in their order, files
// that are whole or not there.

import Foundation
import Glibc
import Testing

@Suite("The request log")
struct RequestLogTests {
    private static let stamps = [
        "sched_ns", "conn0_ns", "conn1_ns", "tls1_ns", "send0_ns", "sendN_ns", "hdr_ns", "ev0_ns",
        "tok0_ns", "out0_ns", "tokN_ns", "done_ns",
    ]
    private static let members =
        stamps + [
            "basis", "body_bytes", "cached_tokens", "class", "events", "failure", "finish_reason",
            "loop", "max_gap_ns", "measured", "number", "outcome", "prompt_tokens",
            "reasoning_tokens", "request", "request_bytes", "run_started_unix_ns", "slow_reader",
            "status", "stream", "token_events", "tokens", "turn", "window_events",
            "window_token_events",
        ]

    /// A run with its request log, each line with the documented members.
    private func logged(_ arguments: [String]) async throws -> LoggedRun {
        let run = try await LoggedRun.run("--per-request", arguments)
        #expect(run.lines.allSatisfy { $0.keys == Self.members.sorted() })
        return run
    }

    private func difference(_ line: JSONValue, _ from: String, _ to: String) -> Int? {
        line[from].int.flatMap { start in line[to].int.map { $0 - start } }
    }

    @Test("lines add up to the report: requests, outcomes, tokens, bytes and latencies")
    func sums() async throws {
        let mock = try await Mock([
            "--tokens", "20", "--ttft", "lognormal:10ms,0.5", "--fault", "reset@stream:0.2",
            "--fault", "http-503@head:0.1",
        ])
        let body = Mock.chatBody[1].replacingOccurrences(
            of: #""stream":true"#,
            with: #""stream":true,"stream_options":{"include_usage":true}"#
        )
        let run = try await logged([
            "-c", "20", "-n", "400", "-t", "2", "--body", body, mock.chat,
        ])
        let counts = run.result["counts"]
        #expect(run.lines.count == counts["requests"]["started"].int && run.lines.count == 400)
        #expect(counts["request_log"].counts == ["written": 400, "lost": 0])
        #expect(run.outcome.stdout.contains("400 requests, 0 lost"))
        func lines(_ member: String, _ value: String) -> [JSONValue] {
            run.lines.filter { $0[member].text == value }
        }
        for outcome in ["completed", "failed", "cancelled", "cut"] {
            #expect(lines("outcome", outcome).count == counts["requests"][outcome].int)
        }
        let failures = try #require(counts["failures"].counts)
        #expect(failures.keys.sorted() == ["http_status", "reset"])
        for (kind, count) in failures { #expect(lines("failure", kind).count == count) }
        for (code, count) in try #require(counts["status"].counts) {
            #expect(run.lines.count { $0["status"].int == Int(code) } == count, "\(code)")
        }
        for (reason, count) in try #require(counts["finish_reasons"].counts) {
            #expect(lines("finish_reason", reason).count == count, "\(reason)")
        }
        func sum(_ member: String) -> Int { run.lines.reduce(0) { $0 + ($1[member].int ?? 0) } }
        #expect(sum("events") == counts["events"].int)
        #expect(sum("token_events") == counts["token_events"].int)
        #expect(sum("tokens") == counts["tokens"]["completion"].int)
        #expect(sum("prompt_tokens") == counts["tokens"]["prompt"].int && sum("prompt_tokens") > 0)
        #expect(sum("request_bytes") == counts["bytes"]["sent"].int)
        #expect(sum("body_bytes") == counts["bytes"]["body"].int)
        let completed = lines("outcome", "completed")
        for (metric, of, from, to) in [
            ("ttft", run.lines, "send0_ns", "tok0_ns"),
            ("ttfe", run.lines, "send0_ns", "ev0_ns"), ("headers", run.lines, "send0_ns", "hdr_ns"),
            ("e2e", completed, "send0_ns", "done_ns"),
            ("connect", run.lines, "conn0_ns", "conn1_ns"),
            ("last_token", completed, "send0_ns", "tokN_ns"),
        ] {
            let values = of.compactMap { difference($0, from, to) }.sorted()
            let record = run.result["metrics"][metric]
            #expect(record["count"].int == values.count && values.count > 10, "\(metric)")
            #expect(record["sum"].int == values.reduce(0, +), "\(metric)")
            // The percentile is the upper edge of its cell, which is at most 0.1 % wide.
            for (name, share) in [("p50", 0.5), ("p90", 0.9)] {
                let rank = Int((share * Double(values.count)).rounded(.up))
                let exact = Double(values[max(0, rank - 1)])
                let told = try #require(record[name].double)
                #expect(told >= exact && told <= exact * 1.001 + 1, "\(metric) \(name)")
            }
        }
        let start = try #require(run.lines.first?["run_started_unix_ns"].int)
        #expect(run.lines.allSatisfy { $0["run_started_unix_ns"].int == start })
        // Less than a day ago: a wall clock, and not the time since boot.
        #expect(abs(Double(start) / 1e9 - Date().timeIntervalSince1970) < 86_400)
    }

    @Test("ramp and drain are told and marked; classes, streams and requests are named")
    func places() async throws {
        let directory = try TemporaryDirectory()
        let mock = try await Mock(["--itl", "5ms"])
        let scenario = try directory.write(
            "s.toml",
            Array(
                """
                duration = "1s"
                ramp = "400ms"

                [[class]]
                name = "one"
                url = "\(mock.chat)"
                streams = 2
                body = '{"stream":true,"messages":[]}'

                [[class]]
                name = "two"
                url = "\(mock.events)"
                streams = 1
                """.utf8
            )
        )
        let run = try await logged(["-t", "2", "--scenario", scenario])
        let requests = run.result["counts"]["requests"]
        let outside = try #require(requests["outside_window"].int)
        #expect(run.lines.count { $0["measured"].bool == true } == requests["started"].int)
        #expect(run.lines.count { $0["measured"].bool == false } == outside && outside > 0)
        for line in run.lines {
            let sched = try #require(line["sched_ns"].int)
            let inside = (400_000_000..<1_400_000_000).contains(sched)
            #expect(line["measured"].bool == inside)
        }
        func sum(_ member: String, _ lines: [JSONValue]) -> Int {
            lines.reduce(0) { $0 + ($1[member].int ?? 0) }
        }
        // Requests of the ramp have events in the measured window, and those of the window have
        // some behind it.
        let counts = run.result["counts"]
        #expect(sum("window_events", run.lines) == counts["events"].int)
        #expect(sum("window_token_events", run.lines) == counts["token_events"].int)
        #expect(sum("events", run.lines) > sum("window_events", run.lines))
        #expect(run.lines.contains { $0["measured"].bool == false && $0["window_events"].int != 0 })
        for one in try #require(run.result["classes"].array) {
            let lines = run.lines.filter { $0["class"].text == one["name"].text }
            #expect(!lines.isEmpty)
            #expect(sum("window_events", lines) == one["counts"]["events"].int)
            #expect(sum("window_token_events", lines) == one["counts"]["token_events"].int)
            #expect(
                lines.count { $0["measured"].bool == true }
                    == one["counts"]["requests"]["started"].int
            )
            #expect(one["counts"]["request_log"]["written"].int == lines.count)
            #expect(Set(lines.map { $0["number"].int }).count == lines.count)
        }
        for lines in Dictionary(grouping: run.lines, by: { $0["stream"].int }).values {
            #expect(lines.compactMap { $0["request"].int } == Array(1...lines.count))
            #expect(Set(lines.map { $0["loop"].int }).count == 1)
        }
    }

    @Test("under TLS the handshake has its stamp, and stamps stand in order")
    func secure() async throws {
        let mock = try await Mock(["--tls-self-signed"])
        let run = try await logged(
            Mock.chatBody + ["-c", "3", "-n", "9", "-k", "--reuse", "1", mock.chat]
        )
        #expect(run.lines.count == 9)
        for line in run.lines {
            let own = ["sched_ns", "conn0_ns", "conn1_ns", "tls1_ns", "send0_ns", "sendN_ns"]
                .compactMap { line[$0].int }
            #expect(own.count == 6 && own == own.sorted(), "\(own)")
            let arrivals = ["hdr_ns", "ev0_ns", "tok0_ns", "tokN_ns", "done_ns"]
                .compactMap { line[$0].int }
            #expect(arrivals.count == 5 && arrivals == arrivals.sorted(), "\(arrivals)")
        }
    }

    @Test("turns of sessions are numbered, and given up streams are cancelled")
    func behaviour() async throws {
        let mock = try await Mock()
        let run = try await logged(
            ["-c", "2", "-n", "2", "--turns", "3", "--model", "m", "--prompt", "hi", mock.chat]
        )
        #expect(run.lines.compactMap { $0["turn"].int }.sorted() == [1, 1, 2, 2, 3, 3])
        #expect(Set(run.lines.map { $0["number"].int }) == [0, 1])
        let left = try await logged(
            Mock.chatBody + ["-n", "4", "--cancel-after", "3 tokens", mock.chat]
        )
        #expect(left.lines.allSatisfy { $0["outcome"].text == "cancelled" })
        #expect(left.lines.allSatisfy { $0["tokens"].int == 3 && $0["turn"].isNull })
    }

    // MARK: Files

    @Test("a full device is a sentence and status 1, and costs nothing else")
    func full() async throws {
        let mock = try await Mock()
        let outcome = try await Binary.run([
            "-n", "1", "--no-progress", "--per-request", "/dev/full", mock.events,
        ])
        #expect(outcome.status == 1)
        #expect(outcome.stderr.contains("/dev/full") && outcome.stderr.contains("--per-request"))
        #expect(outcome.stderr.split(separator: "\n").count == 1)
        #expect(outcome.stdout.contains("ttft"))
    }

    @Test("a stored result has the very lines; one without says how to get them")
    func stored() async throws {
        let directory = try TemporaryDirectory()
        let mock = try await Mock(["--tokens", "8", "--fault", "reset@stream:0.3"])
        let (result, requests) = (directory.file("r.json"), directory.file("q.ndjson"))
        let arguments = ["-c", "6", "-n", "60", "-t", "2", "--no-progress"] + Mock.chatBody
        let run = try await Binary.run(
            arguments + ["-o", result, "--per-request", requests, mock.chat]
        )
        #expect(run.status == 0, "\(run.stderr)")
        let again = directory.file("again.ndjson")
        var report = try await Binary.run(["report", result, "--per-request", again])
        #expect(report.status == 0 && report.stderr == "", "\(report.stderr)")
        #expect(directory.text("again.ndjson") == directory.text("q.ndjson"))
        #expect(directory.text("q.ndjson").split(separator: "\n").count == 60)
        report = try await Binary.run(["report", result, "--per-request", "-"])
        #expect(directory.text("q.ndjson") == report.stdout)
        // The result itself comes back whole, too.
        report = try await Binary.run(["report", result, "--format", "json"])
        #expect(directory.text("r.json") == report.stdout)
        let plain = directory.file("plain.json")
        _ = try await Binary.run(arguments + ["-o", plain, mock.chat])
        report = try await Binary.run(["report", plain, "--per-request", directory.file("none")])
        #expect(report.status == 64 && !directory.names.contains("none"))
        #expect(report.stderr.contains("keeps no single requests"), "\(report.stderr)")
    }

    @Test("an interrupt cuts every stream, and each has its line")
    func interrupted() async throws {
        let directory = try TemporaryDirectory()
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(2))), .hold,
        ])
        defer { server.stop() }
        let process = try Binary.start([
            "-c", "5", "-d", "60s", "--no-progress", "--per-request", directory.file("q.ndjson"),
            server.url,
        ])
        try await process.wait { _ in server.requests.count == 5 }
        #expect(directory.names.count == 1 && !directory.names.contains("q.ndjson"))
        process.send(signal: SIGINT)
        #expect(try await process.outcome().status == 130)
        #expect(directory.names == ["q.ndjson"])
        let lines = try directory.text("q.ndjson").split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        #expect(lines.map { $0["outcome"].text } == Array(repeating: "cut", count: 5))
    }

    @Test(
        "what can't be is refused before any load",
        arguments: [
            (["--per-request", "/no/such/place/q"], "/no/such/place/q"),
            (["--per-request", "-"], "name a file"),
            (["--per-request", "/tmp/x", "-o", "/tmp/x"], "same file"),
            (["--per-request", "/tmp/x", "--event-log", "/tmp/x"], "same file"),
            (["--per-request", "/tmp/x", "--repeat", "2"], "--per-request is of one run"),
        ] as [([String], String)]
    )
    func refused(_ arguments: [String], _ part: String) async throws {
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        let outcome = try await Binary.run(arguments + [server.url])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        #expect(server.accepted == 0)
    }
}
