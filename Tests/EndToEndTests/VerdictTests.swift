// The verdict of the real binary: each reason brought about for real, and a healthy run that has
// none. These tests measure, so they run alone, one after the other.

import Foundation
import Glibc
import Testing

@Suite(
    "Verdict",
    .serialized,
    .enabled(if: Contention.isAlone, Comment(rawValue: Contention.notAlone)),
    .enabled(if: Contention.cpus != nil, "needs two CPUs")
)
struct VerdictTests {
    private let server = Contention.cpus?.server ?? ""
    private let client = Contention.cpus?.client ?? ""

    private func codes(_ run: LoadRun) -> [String] {
        (run.result["verdict"]["reasons"].array ?? []).compactMap { $0["code"].text }
    }

    private func state(_ run: LoadRun) -> String? { run.result["verdict"]["state"].text }

    private func expect(
        _ code: String,
        _ run: LoadRun,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let reasons = run.result["verdict"]["reasons"].array ?? []
        let reason = try #require(
            reasons.first { $0["code"].text == code },
            "\(codes(run))",
            sourceLocation: sourceLocation
        )
        #expect(state(run) != "valid", sourceLocation: sourceLocation)
        // In the report too, before everything else.
        let words = try #require(reason["sentence"].text)
        let report = run.outcome.stdout.split(separator: "\n\n").first ?? ""
        let text = report.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        #expect(text.hasPrefix("verdict \(state(run) ?? "")"), sourceLocation: sourceLocation)
        #expect(text.contains(words), sourceLocation: sourceLocation)
    }

    /// The same of a run behind a program that limits it, and answers 77 where it can't.
    private func expect(_ code: String, behind words: [String], _ arguments: [String]) async throws
    {
        let directory = try TemporaryDirectory()
        let file = directory.file("result.json")
        let outcome = try await Tool.run(
            "/usr/bin/env",
            words + [Binary.path, "-t", "1", "--no-progress", "-o", file] + arguments,
            timeout: .seconds(90)
        )
        guard outcome.status != 77, !outcome.stderr.contains("unshare failed") else {
            try Test.cancel("this machine can't be limited so: \(outcome.stderr)")
        }
        let result = try JSONValue(parsing: directory.text("result.json"))
        let codes = (result["verdict"]["reasons"].array ?? []).compactMap { $0["code"].text }
        #expect(codes.contains(code), "\(codes)")
        #expect(outcome.stdout.hasPrefix("verdict"))
    }

    /// A load on a mock on another CPU; 50 ms between tokens unless told otherwise.
    private func mock(_ arguments: [String] = [], cpu: String? = nil) async throws -> Mock {
        var all = ["--cpus", cpu ?? server]
        for (flag, value) in [("--ttft", "20ms"), ("--itl", "50ms"), ("--tokens", "20")]
        where !arguments.contains(flag) {
            all += [flag, value]
        }
        return try await Mock(all + arguments)
    }

    private func load(_ mock: Mock, _ arguments: [String]) -> [String] {
        Mock.chatBody + ["--cpus", client] + arguments + [mock.chat]
    }

    // MARK: Healthy

    @Test("a healthy run is valid, plain and strict")
    func healthy() async throws {
        let mock = try await mock(["--itl", "200ms"])
        let run = try await LoadRun.run(load(mock, ["-c", "100", "-d", "3s", "--strict"]))
        #expect(state(run) == "valid", "\(run.result["verdict"])")
        #expect(run.result["verdict"]["server"].array?.isEmpty == true)
        #expect(run.outcome.status == 0)
        #expect(run.outcome.stdout.hasPrefix("verdict           valid\n"))
    }

    // MARK: CPU

    @Test("a process that never rests on the client's CPU is noticed, with the late gaps named")
    func spinner() async throws {
        let mock = try await mock(["--itl", "20ms", "--tokens", "1000"])
        let spinner = try Contention.spinner(on: client)
        let run = try await LoadRun.run(
            load(mock, ["-c", "500", "-d", "4s", "--drain", "0", "--strict"])
        )
        spinner.send(signal: SIGKILL)
        try expect("run_queue_wait", run)
        #expect(run.outcome.stdout.contains("coalesced at reading"))
        #expect(run.outcome.status == 97)
    }

    @Test("a server on the client's CPU is noticed")
    func oneCore() async throws {
        let mock = try await mock(["--itl", "20ms", "--tokens", "1000"], cpu: client)
        let run = try await LoadRun.run(load(mock, ["-c", "500", "-d", "4s", "--drain", "0"]))
        try expect("run_queue_wait", run)
    }

    @Test("a client that is stopped for two seconds is invalid, and the server isn't blamed")
    func stopped() async throws {
        let mock = try await mock(["--itl", "100ms", "--tokens", "15"])
        let running = try LoadRun.start(load(mock, ["-c", "100", "-d", "5s"]))
        try await Task.sleep(for: .seconds(2))
        try await Contention.stop(running.process, for: .seconds(2))
        let run = try await running.finish()
        #expect(state(run) == "invalid")
        for code in ["late_gaps", "stamp_window", "delivery_lag", "send_lag"] {
            try expect(code, run)
        }
        #expect(run.result["verdict"]["server"].array?.isEmpty == true)
    }

    @Test("a loop with more events than it can handle is noticed")
    func saturated() async throws {
        let mock = try await mock(["--itl", "1ms", "--tokens", "100000"])
        let run = try await LoadRun.run(
            load(mock, ["-c", "400", "-d", "3s", "--drain", "0"]),
            timeout: .seconds(60)
        )
        try expect("loop_busy", run)
    }

    @Test("a loop that loses its CPU thousands of times a second is noticed")
    func preempted() async throws {
        let mock = try await mock(["--itl", "10ms", "--tokens", "1000"])
        guard let thief = try await Contention.preemptor(on: client) else {
            try Test.cancel("this machine permits no real-time priority")
        }
        let run = try await LoadRun.run(load(mock, ["-c", "400", "-d", "3s", "--drain", "0"]))
        thief.send(signal: SIGKILL)
        try expect("involuntary_switches", run)
    }

    @Test(
        "what a control group's limits take is noticed",
        arguments: [("cpu_limit.py", "cpu_throttled"), ("memory_limit.py", "memory_stall")]
    )
    func limited(_ fixture: String, _ code: String) async throws {
        let mock = try await mock(["--itl", "20ms", "--tokens", "1000"])
        try await expect(
            code,
            behind: ["python3", Tool.fixture(fixture)],
            load(mock, ["-c", "400", "-d", "3s", "--drain", "0"])
        )
    }

    // MARK: Load

    @Test("streams that were never held are noticed")
    func notHeld() async throws {
        let mock = try await mock(["--tokens", "1000"])
        let run = try await LoadRun.run(
            load(mock, ["-c", "200", "-d", "4s", "--connect-rate", "20/s", "--drain", "0"])
        )
        try expect("streams_held", run)
    }

    @Test("slots in back-off are noticed")
    func backOff() async throws {
        let mock = try await mock(["--fault", "http-503@head:0.5"])
        let run = try await LoadRun.run(load(mock, ["-c", "20", "-d", "3s"]))
        try expect("back_off", run)
    }

    @Test("a machine without a free port is noticed")
    func ports() async throws {
        try await expect(
            "local_resource",
            behind: ["unshare", "--net", "--map-root-user", "python3"]
                + [Tool.fixture("without_ports.py")],
            ["-c", "2", "-n", "2", "http://127.0.0.1:8000/"]
        )
    }

    @Test("a window in which no request was due is noticed")
    func nothing() async throws {
        let mock = try await mock(["--tokens", "40"])
        let run = try await LoadRun.run(
            load(mock, ["-c", "1", "--warmup", "500ms", "-d", "200ms", "--drain", "0"])
        )
        try expect("nothing_measured", run)
    }

    // MARK: Reading

    @Test("a reader that leaves more than a read can take is noticed")
    func slowReader() async throws {
        let mock = try await mock(["--itl", "0ms", "--tokens", "1000000"])
        let running = try LoadRun.start(load(mock, ["-c", "4", "-d", "3s", "--drain", "0"]))
        try await Task.sleep(for: .seconds(1))
        try await Contention.stop(running.process, for: .seconds(1))
        try expect("full_reads", try await running.finish())
    }

    @Test("without kernel stamps a client that was away is noticed")
    func userClock() async throws {
        let mock = try await mock(["--itl", "200ms", "--tokens", "1000"])
        let running = try LoadRun.start(
            load(mock, ["-c", "50", "-d", "3s", "--drain", "0", "--clock", "user"])
        )
        try await Task.sleep(for: .seconds(1))
        try await Contention.stop(running.process, for: .milliseconds(500))
        let run = try await running.finish()
        try expect("loop_paused", run)
        #expect(run.result["metrics"]["delivery_lag"].exists == false)
        #expect(run.outcome.stdout.contains("no kernel stamps"))
    }

    @Test("a stamp that is that of later bytes is noticed")
    func laterBytes() async throws {
        // A comment after every 60 ms of silence: tokens and comments share the late reads.
        let mock = try await mock(["--itl", "100ms", "--tokens", "1000", "--ping", "60ms"])
        let running = try LoadRun.start(load(mock, ["-c", "100", "-d", "4s", "--drain", "0"]))
        for _ in 0..<8 {
            try await Task.sleep(for: .milliseconds(200))
            try await Contention.stop(running.process, for: .milliseconds(90))
        }
        let run = try await running.finish()
        try expect("late_gaps", run)
        #expect((run.result["counts"]["late_stamps"].int ?? 0) > 0)
    }

    @Test("requests that brought nothing are noticed")
    func noEvents() async throws {
        let mock = try await mock(["--ttft", "60s"])
        let run = try await LoadRun.run(
            load(mock, ["-c", "5", "-d", "300ms", "--drain", "0", "--strict"])
        )
        try expect("nothing_measured", run)
        #expect(run.outcome.status == 97)
        #expect(run.outcome.stderr.contains("the measurement is invalid, which --strict refuses"))
    }

    @Test("a process that runs out of descriptors is noticed")
    func descriptors() async throws {
        let mock = try await mock(["--tokens", "3"])
        let running = try LoadRun.start(
            load(mock, ["-c", "40", "-d", "3s", "--no-keepalive"])
        )
        try await Task.sleep(for: .seconds(1))
        let limited = try await Tool.run(
            "/usr/bin/env",
            ["prlimit", "--pid", "\(running.process.pid)", "--nofile=20:20"]
        )
        #expect(limited.status == 0, "\(limited.stderr)")
        try expect("local_resource", try await running.finish())
    }

    // MARK: The server

    private func server(_ run: LoadRun) -> [String] {
        (run.result["verdict"]["server"].array ?? []).compactMap { $0["code"].text }
    }

    @Test(
        "nginx that buffers is said to send in bursts, and one that doesn't is not",
        .enabled(if: Tool.hasNginx, Comment(rawValue: Tool.noNginx))
    )
    func nginx() async throws {
        let proxy = try await Nginx(["--itl", "10ms", "--tokens", "200"])
        let path = "/v1/chat/completions"
        let arguments = Mock.chatBody + ["--cpus", client, "-c", "5", "-n", "10"]
        let bursty = try await LoadRun.run(arguments + [proxy.plain + "/held" + path])
        #expect(server(bursty) == ["bursts"])
        let sentence = bursty.result["verdict"]["server"][0]["sentence"].text ?? ""
        #expect(sentence.contains("bursts of about") && sentence.contains("one every"))
        #expect(bursty.outcome.stdout.contains("proxy_buffering off"))
        let plain = try await LoadRun.run(arguments + [proxy.plain + path])
        #expect(server(plain) == [])
    }

    @Test(
        "a stream that nginx holds back until it is whole is no stream",
        .enabled(if: Tool.hasNginx, Comment(rawValue: Tool.noNginx))
    )
    func lump() async throws {
        let proxy = try await Nginx(["--itl", "50ms", "--tokens", "10"])
        let run = try await LoadRun.run(
            Mock.chatBody
                + ["--cpus", client, "-c", "5", "-n", "20"]
                + [proxy.plain + "/held/v1/chat/completions"]
        )
        #expect(server(run).contains("one_lump"), "\(run.result["counts"])")
        // Of some the client may have been too late to tell; most are told.
        #expect((run.result["counts"]["lumps"]["streams"].int ?? 0) > 10)
        #expect(run.outcome.stdout.contains("of 20 streams came in one lump"))
    }

    @Test(
        "haproxy's defaults send in bursts; without delay they don't",
        .enabled(if: Tool.hasHAProxy, Comment(rawValue: Tool.noHAProxy))
    )
    func haproxy() async throws {
        let shape = ["--itl", "20ms", "--tokens", "60"]
        let arguments = Mock.chatBody + ["--cpus", client, "-c", "5", "-n", "10"]
        let defaults = try await HAProxy(shape)
        let bursty = try await LoadRun.run(arguments + [defaults.url + "/v1/chat/completions"])
        #expect(server(bursty) == ["bursts"], "\(bursty.result["counts"]["coalesced"])")
        let prompt = try await HAProxy(shape, options: "option http-no-delay")
        let plain = try await LoadRun.run(arguments + [prompt.url + "/v1/chat/completions"])
        #expect(server(plain) == [])
    }

    @Test("tokens of one step, each in a send of its own, are a burst, and no late client")
    func separateSends() async throws {
        let step =
            [ServerAction.wait(milliseconds: 80)]
            + (0..<6).map { _ in ServerAction.send(Wire.chunk(Wire.events(1))) }
        let steps = (0..<20).flatMap { _ in step }
        let scripted = try ScriptedServer(
            [.readRequest, .send(Wire.head())] + steps + [.send(Wire.lastChunk), .again],
            cpu: Int(server)
        )
        defer { scripted.stop() }
        // A machine with other work keeps the client from its CPU, and its gaps are late then; a
        // fault of the client's would show in a run that was left alone, too.
        var shares: [Double] = []
        for _ in 0..<3 {
            let run = try await LoadRun.run(
                // Spread over the time of a step: ten streams at once would be late for one CPU.
                ["-c", "10", "-n", "30", "--ramp", "80ms", "--cpus", client, scripted.url]
            )
            let coalesced = run.result["counts"]["coalesced"]
            let late = try #require(coalesced["at_reading"].int)
            #expect(late * 20 < coalesced["at_arrival"].int ?? 0, "\(coalesced)")
            #expect(server(run) == ["bursts"], "\(coalesced)")
            #expect(!codes(run).contains("delivery_lag") && !codes(run).contains("stamp_window"))
            guard codes(run).contains("late_gaps") else { return }
            let loop = run.result["client"]["loops"][0]
            let wait = try #require(loop["run_queue_wait_s"].double)
            shares.append(wait / (try #require(loop["window_s"].double)))
        }
        #expect(shares.allSatisfy { $0 > 0.004 }, "late_gaps without a wait: \(shares)")
    }
}
