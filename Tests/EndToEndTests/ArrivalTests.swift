// The open load model of the real binary: requests start by the schedule whatever the server does,
// and what has to wait shows where it belongs.

import Foundation
import Glibc
import Testing

@Suite("Arrivals", .serialized)
struct ArrivalTests {
    private func codes(_ run: LoadRun) -> [String] {
        (run.result["verdict"]["reasons"].array ?? []).compactMap { $0["code"].text }
    }

    @Test(
        "a number of requests arrives, on as few connections as it takes, with any number of loops",
        arguments: ["1", "2"]
    )
    func number(threads: String) async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            ["-R", "200", "-n", "60", "-t", threads] + Mock.chatBody + [mock.chat]
        )
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)")
        #expect(run.started == 60 && run.completed == 60 && run.requests("dropped") == 0)
        let opened = try #require(run.opened)
        #expect(opened < 60 && run.reused == 60 - opened)
        #expect(run.result["plan"]["model"].text == "open")
        #expect(run.result["plan"]["rate"].double == 200)
        #expect(run.result["plan"]["arrivals"].text == "poisson")
        let arrivals = run.result["arrivals"]
        #expect(arrivals["due"].int == 60 && arrivals["waited"].int == 0)
        #expect(arrivals["pacing_error"]["count"].int == 60)
        #expect(arrivals["ks"]["n"].int == 59)
        #expect(run.count(of: "send_lag") == 60)
        let truth = try await mock.stop()
        #expect(truth["counts"]["requests"].int == 60)
    }

    @Test("a constant rate keeps its promise to the request, and warm-up is not part of it")
    func constant() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            ["-R", "100", "--arrivals", "constant", "--warmup", "0.5", "-d", "1.5"]
                + Mock.chatBody + [mock.chat]
        )
        #expect(run.started == 150 && run.completed == 150)
        #expect(run.requests("outside_window") == 50)
        #expect(run.result["arrivals"]["achieved"].double == 100)
        #expect(run.result["arrivals"]["greatest_deviation"].int != nil)
        #expect(!run.result["arrivals"]["ks"].exists)
        // What a user would see stands first.
        let report = run.outcome.stdout
        let first = try #require(
            report.split(separator: "\n").drop { !$0.hasPrefix("Latency") }
                .dropFirst().first
        )
        #expect(first.hasPrefix("  ttft_sched"), "\(first)")
        #expect(report.contains("100/s constant for 1,500 ms"))
    }

    /// A server that answers at once, except while `gate` exists.
    private func stalling(_ gate: String) throws -> ScriptedServer {
        let body =
            #"data: {"object":"chat.completion.chunk","choices":[{"index":0,"#
            + #""delta":{"content":"x"},"finish_reason":"stop"}]}"# + "\n\ndata: [DONE]\n\n"
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n"
        return try ScriptedServer([
            .readRequest, .awaitRemoval(of: gate), .send(head + body), .again,
        ])
    }

    @Test("a server that stalls makes requests wait: in ttft_sched, not in ttft")
    func coordinatedOmission() async throws {
        let directory = try TemporaryDirectory()
        let gate = try directory.write("gate", [])
        let server = try stalling(gate)
        defer { server.stop() }
        let load = try LoadRun.start(
            ["-R", "100", "--arrivals", "constant", "-d", "4", "--max-streams", "4"]
                + [server.url + "/v1/chat/completions"]
        )
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        try await Task.sleep(for: .seconds(2))
        try FileManager.default.removeItem(atPath: gate)
        let run = try await load.finish()
        #expect(run.started == 400 && run.completed == 400 && run.requests("dropped") == 0)
        // Four requests met the stall. A closed model would have sent no others meanwhile.
        let metrics = run.result["metrics"]
        let (ttft, sched) = (metrics["ttft"], metrics["ttft_sched"])
        #expect(try #require(ttft["max"].int) > 1_900_000_000)
        #expect(try #require(ttft["p95"].int) < 500_000_000)
        #expect(try #require(sched["p90"].int) > 1_200_000_000)
        #expect(try #require(sched["max"].int) < 3_500_000_000)
        // Of 2 s at 100/s, all but the four, and what came while these were caught up.
        #expect(try #require(run.result["arrivals"]["waited"].int) >= 190)
        #expect(try #require(metrics["send_lag"]["p90"].int) > 1_200_000_000)
        #expect(try #require(metrics["e2e_sched"]["p90"].int) > 1_200_000_000)
        #expect(run.outcome.stdout.contains("for a free stream of 4; 0 dropped"))
    }

    @Test("what still waits at the end is dropped, shown, and counted beside the percentiles")
    func dropped() async throws {
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["-R", "50", "--arrivals", "constant", "-d", "1", "--drain", "0", "--max-streams", "2"]
                + [server.url]
        )
        #expect(run.started == 2 && run.requests("cut") == 2 && run.requests("dropped") == 48)
        #expect(run.result["arrivals"]["due"].int == 50)
        #expect(run.result["arrivals"]["achieved"].double == 2)
        for metric in ["ttft_sched", "e2e_sched"] {
            let waits = run.result["metrics"][metric]["unfinished"]
            #expect(waits["count"].int == 50, "\(metric)")
            #expect(try #require(waits["greatest_age"].int) > 900_000_000)
        }
        #expect(run.result["metrics"]["ttft"]["unfinished"]["count"].int == 2)
        #expect(codes(run).contains("rate_achieved") && !codes(run).contains("streams_held"))
        #expect(run.outcome.stdout.contains("48 dropped"))
    }

    @Test("failures neither stop arrivals nor make them wait")
    func failures() async throws {
        let run = try await LoadRun.run(
            ["-R", "100", "--arrivals", "constant", "-d", "1", "http://127.0.0.1:1/"]
        )
        #expect(run.outcome.status == 69)
        #expect(run.started == 100 && run.failures == ["connect_refused": 100])
        #expect(run.requests("backoff_s") == 0 && run.requests("dropped") == 0)
    }

    @Test("what a stopped client missed is caught up, and its lateness is on record")
    func catchUp() async throws {
        let mock = try await Mock()
        let load = try LoadRun.start(
            ["-R", "200", "--arrivals", "constant", "-d", "4"] + Mock.chatBody + [mock.chat]
        )
        // Well inside the run, however long a busy machine takes to start it.
        try await Task.sleep(for: .seconds(2))
        try await Contention.stop(load.process, for: .milliseconds(600))
        let run = try await load.finish()
        #expect(run.started == 800 && run.completed == 800 && run.requests("dropped") == 0)
        let lag = run.result["metrics"]["send_lag"]
        #expect(try #require(lag["max"].int) > 500_000_000)
        #expect(run.result["arrivals"]["waited"].int == 0)
        #expect(try #require(run.result["arrivals"]["pacing_error"]["max"].int) > 500_000_000)
        #expect(codes(run).contains("pacing_error"))
    }

    @Test("a signal drops nothing but what was due by then")
    func interrupted() async throws {
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        let load = try LoadRun.start(
            ["-R", "100", "--arrivals", "constant", "-d", "60", "--max-streams", "3", server.url]
        )
        while server.requests.count < 3 { try await Task.sleep(for: .milliseconds(2)) }
        try await Task.sleep(for: .milliseconds(500))
        load.process.send(signal: SIGINT)
        let run = try await load.finish(within: .seconds(5))
        #expect(run.outcome.status == 130)
        #expect(run.started == 3 && run.requests("cut") == 3)
        let dropped = try #require(run.requests("dropped"))
        let measured = try #require(run.result["run"]["measured_s"].double)
        #expect(abs(Double(dropped + 3) - 100 * measured) <= 10, "\(dropped) in \(measured) s")
    }

    @Test("more streams than fit are refused by the flag that asked for them")
    func tooMany() async throws {
        let outcome = try await Tool.run(
            "/bin/sh",
            ["-c", "ulimit -n 100 && exec \(Binary.path) -R 5 --max-streams 500 \(Self.url)"]
        )
        #expect(outcome.status == 64 && outcome.stderr.contains("use --max-streams "))
        let fitted = try await Tool.run(
            "/bin/sh",
            ["-c", "ulimit -n 100 && exec \(Binary.path) -R 5 --dry-run \(Self.url)"]
        )
        let rows = fitted.stdout.split(separator: "\n").filter { $0.hasPrefix("max_streams") }
        let most = try #require(rows.first?.split(separator: " ").last.flatMap { Int($0) })
        #expect(fitted.status == 0 && (10..<100).contains(most))
    }

    private static let url = "http://127.0.0.1:1/"
}
