// --sent-at and --event-log of the real binary: stamps that are known to the digit, lines that
// equal the counts, files that are whole or not there, and the plain Python server of perf/proof.

import Foundation
import Glibc
import Testing

@Suite("Send times and the event log")
struct SingleEventTests {
    /// Streams of three events whose data is given.
    private func server(_ events: [String]) throws -> ScriptedServer {
        let body = events.map { "data: \($0)\n\n" }.joined()
        return try ScriptedServer([.readRequest, .send(Wire.stream(body)), .again])
    }

    @Test(
        "a time of any spelling and unit is carried into the log to the nanosecond",
        arguments: [
            ("t", #"{"t":1234567}"#, 1_234_567), ("t:ns", #"{"t":"1234567"}"#, 1_234_567),
            ("m.t:us", #"{"m":{"t":1234.567}}"#, 1_234_567),
            (".m.t:ms", #"{"m":{"t":1.234567}}"#, 1_234_567),
            ("s[1]:s", #"{"s":[0,"0.001234567"]}"#, 1_234_567),
            ("s.1.t:s", #"{"s":[0,{"t":1.234567e-3}]}"#, 1_234_567),
            (".:us", "1234.567", 1_234_567),
        ]
    )
    func spellings(path: String, data: String, sent: Int) async throws {
        let server = try server([data, data])
        defer { server.stop() }
        let run = try await LoggedRun.run(
            "--event-log",
            ["-c", "3", "-n", "6", "--sent-at", path, server.url]
        )
        #expect(run.outcome.status == 0)
        #expect(run.lines.count == 12)
        let members = [
            "at_ns", "event", "one_way_ns", "request", "sent_ns", "stream", "token", "window_ns",
        ]
        for line in run.lines {
            #expect(line.keys == members)
            let at = try #require(line["at_ns"].int)
            #expect(line["sent_ns"].int == sent)
            #expect(line["one_way_ns"].int == at - sent)
            #expect(line["token"].bool == true)
        }
        #expect(
            run.result["counts"]["sent_at"].counts == ["read": 12, "missing": 0, "before_send": 0]
        )
        #expect(run.result["counts"]["event_log"].counts == ["written": 12, "lost": 0])
        #expect(run.result["counts"]["events"].int == 12)
        #expect(run.result["metrics"]["one_way"]["count"].int == 12)
        // Exact, unlike percentiles.
        let delays = run.lines.compactMap { $0["one_way_ns"].int }
        #expect(run.result["metrics"]["one_way"]["min"].int == delays.min())
        #expect(run.result["metrics"]["one_way"]["max"].int == delays.max())
        #expect(run.result["plan"]["event_log_streams"].int == 3)
        // This machine was started longer ago than a minute, or else the delay is no wonder.
        let isOld = delays.min() ?? 0 > 60_000_000_000
        #expect(run.outcome.stdout.contains("is '") == isOld, "\(run.outcome.stdout)")
    }

    @Test(
        "events without a time and from another clock are counted, and the report says what to do"
    )
    func unusable() async throws {
        let server = try server(["{}", #"{"t":999999999999999999}"#, "x", "[]"])
        defer { server.stop() }
        let run = try await LoggedRun.run("--event-log", ["-n", "2", "--sent-at", "t", server.url])
        #expect(run.outcome.status == 0)
        #expect(
            run.result["counts"]["sent_at"].counts == ["read": 2, "missing": 6, "before_send": 2]
        )
        #expect(!run.result["metrics"]["one_way"].exists)
        #expect(
            run.lines.map { $0["sent_ns"].isNull } == [
                true, false, true, true, true, false, true, true,
            ]
        )
        #expect(run.lines.allSatisfy { $0["sent_ns"].isNull == $0["one_way_ns"].isNull })
        #expect(run.lines.compactMap { $0["one_way_ns"].int }.allSatisfy { $0 < 0 })
        #expect(run.outcome.stdout.contains("ssebomb probe"))
        #expect(run.outcome.stdout.contains("isn't this machine's"))
    }

    @Test("a log without --sent-at has arrivals alone, and its lines are those of the sample")
    func arrivals() async throws {
        let mock = try await Mock(["--itl", "5ms"])
        let run = try await LoggedRun.run(
            "--event-log",
            Mock.chatBody + [
                "-c", "6", "-n", "12", "-t", "2", "--event-log-streams", "3", mock.chat,
            ]
        )
        #expect(run.outcome.status == 0)
        // Ten tokens, the finish and the marker, of two requests of each stream at most.
        let streams = Dictionary(grouping: run.lines) { $0["stream"].int ?? 0 }
        #expect(streams.count == 3)
        #expect(run.result["counts"]["event_log"]["written"].int == run.lines.count)
        #expect(
            run.lines.count % 12 == 0 && run.lines.count <= run.result["counts"]["events"].int ?? 0
        )
        #expect(run.lines.allSatisfy { $0["sent_ns"].isNull })
        for lines in streams.values {
            let times = lines.compactMap { $0["at_ns"].int }
            #expect(times == times.sorted())
            #expect(lines.filter { $0["token"].bool == true }.count == lines.count / 12 * 10)
        }
        #expect(!run.result["counts"]["sent_at"].exists && !run.result["plan"]["sent_at"].exists)
    }

    @Test("probe shows each event's delay, in words and in JSON")
    func probe() async throws {
        let server = try server([#"{"t":5}"#, "{}"])
        defer { server.stop() }
        let json = try await Binary.run(["probe", "--json", "--sent-at", "t", server.url])
        let events = try json.stdout.split(separator: "\n")
            .map { try JSONValue(parsing: String($0)) }.filter { $0["event"].exists }
        try #require(events.count == 2)
        #expect((events[0]["one_way_ns"].int ?? 0) > 0)
        #expect(events[1]["one_way_ns"].isNull)
        let text = try await Binary.run(["probe", "--sent-at", "t", server.url])
        #expect(text.stdout.contains("one-way"))
    }

    // MARK: Files

    @Test("a full device is a sentence and status 1, and costs nothing else")
    func full() async throws {
        let mock = try await Mock()
        let outcome = try await Binary.run([
            "-n", "1", "--no-progress", "--event-log", "/dev/full", mock.events,
        ])
        #expect(outcome.status == 1)
        #expect(outcome.stderr.contains("/dev/full") && outcome.stderr.contains("--event-log"))
        #expect(outcome.stderr.split(separator: "\n").count == 1)
        #expect(outcome.stdout.contains("ttft"))
    }

    @Test("a signal ends the log in good order", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("e.ndjson")
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(2))), .hold,
        ])
        defer { server.stop() }
        let process = try Binary.start([
            "-c", "5", "-d", "60s", "--no-progress", "--event-log", log, server.url,
        ])
        try await process.wait { _ in server.requests.count == 5 }
        // Nothing has its name while the run goes on.
        #expect(directory.names.count == 1 && !directory.names.contains("e.ndjson"))
        process.send(signal: signal)
        let outcome = try await process.outcome()
        #expect(outcome.status == 128 + signal)
        #expect(directory.names == ["e.ndjson"])
        let lines = directory.text("e.ndjson").split(separator: "\n")
        #expect(lines.count <= 10)
        for line in lines { _ = try JSONValue(parsing: String(line)) }
    }

    @Test("a second signal leaves no log and no piece of one")
    func interruptedTwice() async throws {
        let directory = try TemporaryDirectory()
        let pipe = directory.file("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        let server = try ScriptedServer([.readRequest, .hold])
        defer { server.stop() }
        // Opening a pipe that nobody reads waits: the result can't be finished, and the log stands
        // aside until it is.
        let process = try Binary.start([
            "-d", "60s", "--no-progress", "-o", pipe, "--event-log", directory.file("e.ndjson"),
            server.url,
        ])
        try await process.wait { _ in server.requests.count == 1 }
        process.send(signal: SIGINT)
        try await Task.sleep(for: .milliseconds(300))
        #expect(directory.names.count == 2, "\(directory.names)")
        process.send(signal: SIGINT)
        let outcome = try await process.outcome(within: .seconds(5))
        #expect(outcome.status == 130)
        #expect(directory.names == ["pipe"])
    }

    @Test(
        "what can't be is refused before any load",
        arguments: [
            (["--sent-at", "t:minutes"], "ns, us, ms or s"),
            (["--sent-at", "t:"], "ns, us, ms or s"),
            (["--sent-at", ""], "meta.sent:ms"), (["--sent-at", "a..b"], "meta.sent:ms"),
            (["--sent-at", "a[x]"], "meta.sent:ms"), (["--sent-at", "a[1"], "meta.sent:ms"),
            (["--sent-at", "a\"b"], "meta.sent:ms"), (["--sent-at", "a]"], "meta.sent:ms"),
            (["--sent-at", String(repeating: "a.", count: 32) + "a"], "32 steps"),
            (["--event-log", "/no/such/place/e"], "/no/such/place/e"),
            (["--event-log", "-"], "name a file"), (["--event-log-streams", "5"], "--event-log"),
            (["--event-log", "/tmp/x", "-o", "/tmp/x"], "same file"),
            (["--event-log", "/tmp/x", "--event-log-streams", "0"], "at least 1"),
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

    // MARK: A server that shares no code

    @Test(
        "every event arrives when the Python server sent it",
        .enabled(if: Tool.hasPython, Comment(rawValue: Tool.noPython)),
        arguments: [("monotonic", "raw"), ("real", "chat")]
    )
    func python(clock: String, shape: String) async throws {
        let directory = try TemporaryDirectory()
        let log = directory.file("sent.ndjson")
        let script = "\(Tool.root)/perf/proof/server.py"
        let (process, url) = try await Tool.server(
            Tool.python,
            [
                "-B", script, "--log", log, "--events", "20", "--gap", "10", "--clock", clock,
                "--shape", shape,
            ]
        )
        let run = try await LoggedRun.run(
            "--event-log",
            ["-c", "4", "-n", "8", "-t", "1", "--sent-at", "sent_at", url]
        )
        process.send(signal: SIGTERM)
        #expect(try await process.outcome().status == 0)
        let sent = try directory.text("sent.ndjson").split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        let events = run.lines.filter { !$0["sent_ns"].isNull }
        #expect(sent.count == 160 && events.count == 160)
        #expect(
            run.result["counts"]["sent_at"].counts == ["read": 160, "missing": 0, "before_send": 0]
        )
        let calls = sent.compactMap { entry in
            entry["before_ns"].int.flatMap { before in entry["after_ns"].int.map { (before, $0) } }
        }.sorted { $0.0 < $1.0 }
        // The log holds them by loop, this is by time.
        let arrivals = events.sorted { ($0["sent_ns"].int ?? 0) < ($1["sent_ns"].int ?? 0) }
        for (event, call) in zip(arrivals, calls) {
            let at = try #require(event["at_ns"].int)
            let window = try #require(event["window_ns"].int)
            // The kernel stamps a packet of the loopback inside the call that sends it; the offset
            // between the stamp's clock and this one is known to two microseconds.
            #expect(at >= call.0 - 2_000, "\(at), sent from \(call.0) on")
            #expect(at - window <= call.1 + 2_000, "\(at) less \(window), sent until \(call.1)")
            if clock == "monotonic" { #expect(event["sent_ns"].int == call.0) }
        }
    }
}
