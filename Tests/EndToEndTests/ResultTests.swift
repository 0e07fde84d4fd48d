// The result file and the end of a run: the schema, histograms that others can read, signals, cut
// streams, figures against the mock's truth, and files that are whole or not there.

import Foundation
import Glibc
import Testing

@Suite("Results")
struct ResultTests {
    /// Lets a Python fixture judge result files.
    private func expectSound(_ runs: [LoadRun], _ fixture: String) async throws {
        let directory = try TemporaryDirectory()
        var files: [String] = []
        for (number, run) in runs.enumerated() {
            files.append(try directory.write("\(number).json", Array(run.resultText.utf8)))
        }
        let script = [Tool.fixture(fixture)]
        // Python decodes each second of each file, beside tests that keep all CPUs busy.
        let outcome = try await Tool.run(Tool.python, script + files, timeout: .seconds(120))
        #expect(outcome.status == 0, "\(outcome.stdout)\(outcome.stderr)")
        #expect(outcome.stdout.hasPrefix("OK"))
        #expect(!outcome.stdout.contains("sums only"))
    }

    @Test(
        "every kind of result obeys the schema, and its histograms say what it says",
        .enabled(if: Tool.hasPython, Comment(rawValue: Tool.noPython))
    )
    func schema() async throws {
        let mock = try await Mock([
            "--itl", "exp:5ms", "--fault", "http-503@head:0.2", "--fault", "reset@stream:0.2",
        ])
        let secure = try await Mock(
            try await Certificates.serving("good") + ["--reasoning", "3", "--ping", "1ms"]
        )
        let usage = #"{"messages":[],"stream":true,"stream_options":{"include_usage":true}}"#
        let closed = try ClosedPort()
        defer { closed.release() }
        let runs = [
            try await LoadRun.run(
                Mock.chatBody + ["-c", "20", "-d", "2s", "--ramp", "300ms", "-t", "2", mock.chat]
            ),
            try await LoadRun.run(
                ["--body", usage, "-k", "-c", "4", "-n", "8", "--label", "a=b", secure.chat]
            ),
            try await LoadRun.run([
                "-c", "3", "-d", "500ms", "--warmup", "200ms", "--drain", "0", "--until", "x",
                "--max-events", "9", "--timeout", "5s", "--connect-rate", "0", mock.events,
            ]),
            try await LoadRun.run(["-n", "2", "http://127.0.0.1:\(closed.number)/?key=v"]),
            try await LoadRun.run([
                "-n", "4", "--source-ip", "127.0.0.2", "--clock", "user", "--reuse", "2",
                mock.events,
            ]),
            try await LoadRun.run(
                ["--trace", Tool.fixture("traces/mooncake.jsonl"), "--speed", "20", mock.chat]
            ),
        ]
        try await expectSound(runs, "validate_result.py")
        try await expectSound(runs, "check_histograms.py")
    }

    @Test("what the client counts is what the mock did, and its latencies are the mock's")
    func truth() async throws {
        let mock = try await Mock(["--ttft", "60ms", "--itl", "50ms", "--tokens", "12"])
        let run = try await LoadRun.run(Mock.chatBody + ["-c", "50", "-n", "150", mock.chat])
        let truth = try await mock.stop()
        #expect(run.failures == [:])
        #expect(run.completed == 150)
        #expect(truth["counts"]["completed"].int == 150)
        #expect(run.events == truth["counts"]["events"].int)
        #expect(run.result["counts"]["token_events"].int == truth["counts"]["tokens"].int)
        #expect(run.count(of: "ttft") == truth["metrics"]["ttft"]["count"].int)
        #expect(run.count(of: "gap") == truth["metrics"]["gap"]["count"].int)
        #expect(run.result["client"]["clock"].text == "kernel")
        for name in ["ttft", "gap"] {
            let told = try #require(run.result["metrics"][name]["p50"].int)
            let real = try #require(truth["metrics"][name]["p50"].int)
            // The median: what a busy machine does to a few streams must not fail this.
            #expect(abs(told - real) < 2_000_000, "\(name): \(told), in truth \(real)")
        }
    }

    @Test("--drain 0 cuts what still runs, counts it and shows its waits")
    func cut() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(2))), .hold,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-c", "6", "-d", "400ms", "--drain", "0", server.url])
        #expect(run.requests("cut") == 6)
        #expect(run.started == 6)
        #expect(run.outcome.status == 0)
        let waits = run.result["metrics"]["e2e"]["unfinished"]
        #expect(waits["count"].int == 6)
        #expect((waits["greatest_age"].int ?? 0) > 0)
        #expect(run.result["metrics"]["gap"]["unfinished"]["count"].int == 6)
        #expect(!run.result["metrics"]["ttft"]["unfinished"].exists)
    }

    @Test("--drain lets running streams finish, and starts none")
    func drain() async throws {
        let mock = try await Mock(["--ttft", "200ms", "--itl", "20ms", "--tokens", "20"])
        let run = try await LoadRun.run(Mock.chatBody + ["-c", "5", "-d", "300ms", mock.chat])
        #expect(run.completed == 5)
        #expect(run.started == 5)
        #expect(run.requests("cut") == 0)
    }

    // MARK: Signals

    @Test(
        "the first signal ends the run with a report",
        arguments: [(SIGHUP, 129, "SIGHUP"), (SIGINT, 130, "SIGINT"), (SIGTERM, 143, "SIGTERM")]
    )
    func interrupted(signal: Int32, status: Int, name: String) async throws {
        // Programs started under nohup(1) ignore it.
        if signal == SIGHUP { Glibc.signal(SIGHUP, SIG_DFL) }
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(2))), .hold,
        ])
        defer { server.stop() }
        let load = try LoadRun.start(["-c", "5", "-d", "60s", server.url])
        try await load.process.wait { _ in server.requests.count == 5 }
        let sent = Date()
        load.process.send(signal: signal)
        let run = try await load.finish()
        #expect(run.written.timeIntervalSince(sent) < 1.5)
        #expect(Int(run.outcome.status) == status)
        #expect(run.requests("cut") == 5, "\(run.result["counts"])")
        #expect(run.result["run"]["interrupted"].bool == true)
        #expect(run.result["run"]["signal"].text == name)
        #expect(run.outcome.stdout.lowercased().contains("interrupted"))
    }

    @Test("the second signal ends the process at once")
    func interruptedTwice() async throws {
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        let directory = try TemporaryDirectory()
        // Opening a pipe that nobody reads waits: the report can't be finished.
        let pipe = directory.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let process = try Binary.start(["-d", "60s", "--no-progress", "-o", pipe, server.url])
        try await process.wait { _ in server.requests.count == 1 }
        process.send(signal: SIGINT)
        try await Task.sleep(for: .milliseconds(300))
        process.send(signal: SIGINT)
        let outcome = try await process.outcome(within: .seconds(5))
        #expect(outcome.status == 130)
    }

    // MARK: Files

    @Test("a directory that vanishes costs the file, not the report")
    func vanished() async throws {
        let directory = try TemporaryDirectory()
        let place = directory.file("place")
        let server = try ScriptedServer([
            .readRequest, .awaitRemoval(of: place), .send(Wire.stream(Wire.events(2))),
        ])
        defer { server.stop() }
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        let process = try Binary.start([
            "-n", "1", "--no-progress", "-o", "\(place)/r.json", server.url,
        ])
        try await process.wait { _ in !server.requests.isEmpty }
        try FileManager.default.removeItem(atPath: place)
        let outcome = try await process.outcome()
        #expect(outcome.status == 1)
        #expect(outcome.stderr.contains("\(place)/r.json"))
        #expect(outcome.stdout.contains("ttft"), "the report is printed")
        #expect(directory.names.isEmpty)
    }

    @Test("a full device is a sentence and status 1")
    func full() async throws {
        let mock = try await Mock()
        let outcome = try await Binary.run([
            "-n", "1", "--no-progress", "-o", "/dev/full", mock.events,
        ])
        #expect(outcome.status == 1)
        #expect(outcome.stderr.contains("/dev/full"))
        #expect(outcome.stdout.contains("ttft"))
    }

    @Test("a result file replaces an older one whole")
    func replaced() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let file = try directory.write("r.json", [UInt8](repeating: 0x78, count: 1 << 20))
        let outcome = try await Binary.run(["-n", "1", "--no-progress", "-o", file, mock.events])
        #expect(outcome.status == 0)
        let document = try JSONValue(parsing: directory.text("r.json"))
        #expect(document["schema_version"].int == 1)
        #expect(directory.names == ["r.json"])
    }

    @Test("a place that can't be written to is refused before any load")
    func refusedPlace() async throws {
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        let outcome = try await Binary.run(["-n", "1", "-o", "/no/such/place/r.json", server.url])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains("/no/such/place/r.json"))
        #expect(server.accepted == 0)
    }

    @Test(
        "-o - and --format json put the document on standard output",
        arguments: [
            ["-o", "-"], ["--format", "json"],
        ]
    )
    func onOutput(_ arguments: [String]) async throws {
        let mock = try await Mock()
        let outcome = try await Binary.run(arguments + ["-n", "1", "--no-progress", mock.events])
        #expect(outcome.status == 0)
        let document = try JSONValue(parsing: outcome.stdout)
        #expect(document["counts"]["requests"]["completed"].int == 1)
    }
}
