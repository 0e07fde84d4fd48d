// `selftest` and `run --calibration` through the real binary. Whether this machine can be trusted
// while other tests load it is not for them to say: they look at what must hold either way.

import Foundation
import Glibc
import Testing

@testable import SSEBombReport
@testable import ssebomb

@Suite(
    "The self-test as a program",
    .serialized,
    .enabled(if: Contention.isAlone, Comment(rawValue: Contention.notAlone))
)
struct SelftestCommandTests {
    private static let tiny = ["selftest", "--streams", "3,5", "--rate", "40", "--time", "400ms"]

    /// Every cell has both sides' samples, whatever became of them.
    private func expectWhole(_ document: JSONValue) throws {
        #expect(document["format"].text == "ssebomb-selftest")
        #expect(document["format_version"].int == 1)
        let cells = try #require(document["cells"].array)
        #expect(cells.map { $0["transport"].text } == ["plain", "tls", "plain", "tls"])
        #expect(cells.map { $0["streams"].int } == [3, 3, 5, 5])
        // 40 a second for 0.7 * 400 ms less the median TTFT.
        #expect(cells.map { $0["tokens"].int } == [9, 9, 9, 9])
        for cell in cells where cell["outcome"].text != "incomplete" {
            let streams = cell["streams"].int ?? 0
            #expect(cell["ttft"]["count"].int == streams)
            #expect(cell["ttft"]["true_count"].int == streams)
            #expect(cell["gap"]["count"].int == streams * 8)
            #expect(cell["gap"]["true_count"].int == streams * 8)
            #expect(cell["events"]["asked"].int == streams * 40)
            #expect((cell["events"]["achieved"].double ?? 0) > 0)
            #expect((cell["cpu_ns_per_event"].double ?? 0) > 0)
        }
    }

    @Test("every load is tried plain and over TLS, and text and file tell of each")
    func tiny() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("machine.json")
        let outcome = try await Binary.run(Self.tiny + ["-o", file])
        #expect([0, 97].contains(outcome.status), "\(outcome.stderr)")
        let text = outcome.stdout
        for part in ["machine  ", "3 x 40/s", "5 x 40/s", "plain ", "TLS "] {
            #expect(text.contains(part), "no \(part) in \(text)")
        }
        let last = text.split(separator: "\n").last.map(String.init) ?? ""
        #expect(last.hasPrefix("this machine can be trusted over TCP "))
        #expect(last.contains("; over TLS "))
        #expect(outcome.stderr.contains("load 4 of 4: 5 streams x 40/s over TLS, about "))
        #expect(directory.names == ["machine.json"])
        try expectWhole(try JSONValue(parsing: directory.text("machine.json")))
        let bytes = Array(directory.text("machine.json").utf8)
        _ = try Calibration(reading: bytes, path: file, toolVersion: PlanBuilder.version)
    }

    @Test("with --format json standard output holds the file alone")
    func json() async throws {
        let outcome = try await Binary.run(Self.tiny + ["--format", "json", "-q"])
        #expect([0, 97].contains(outcome.status), "\(outcome.stderr)")
        #expect(outcome.stderr.isEmpty)
        try expectWhole(try JSONValue(parsing: outcome.stdout))
    }

    @Test("on one CPU both sides share it, and the text says so")
    func oneCPU() async throws {
        let outcome = try await Binary.run([
            "selftest", "-c", "2", "--rate", "40", "--time", "400ms", "--cpus", "0", "-q",
        ])
        #expect([0, 97].contains(outcome.status), "\(outcome.stderr)")
        #expect(outcome.stdout.contains("mock on CPU 0, client on CPU 0: they share it"))
    }

    @Test("a signal ends it with what was measured so far", arguments: [SIGINT, SIGTERM])
    func interrupted(_ signal: Int32) async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("machine.json")
        let arguments = ["selftest", "-c", "2,4", "--rate", "20", "--time", "1s", "-o", file]
        let running = try Binary.start(arguments)
        try await running.wait { $0.stderr.contains("load 2 of 4") }
        // Into the second load: its mock starts in moments.
        try await Task.sleep(for: .milliseconds(300))
        running.send(signal: signal)
        let outcome = try await running.outcome(within: .seconds(5))
        #expect(outcome.status == 128 + signal)
        #expect(outcome.stdout.contains("interrupted"))
        let document = try JSONValue(parsing: directory.text("machine.json"))
        #expect(document["interrupted"].bool == true)
        // One load was over; on a busy machine the signal may find a later one under way.
        #expect((1..<4).contains(document["cells"].array?.count ?? 0))
        #expect(document["cells"][0]["transport"].text == "plain")
    }

    @Test("its mock ends with it, also when it is killed")
    func killed() async throws {
        let running = try Binary.start(["selftest", "-c", "2", "--rate", "20", "--time", "20s"])
        try await running.wait { _ in Self.mock(of: running.pid) != nil }
        let mock = try #require(Self.mock(of: running.pid))
        running.send(signal: SIGKILL)
        _ = try await running.outcome(within: .seconds(5))
        // A zombie that nobody collects has ended as well.
        let deadline = ContinuousClock.now + .seconds(5)
        while Self.isRunning(mock), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(!Self.isRunning(mock))
    }

    /// The child that a process has; nil while it has none.
    private static func mock(of parent: Int32) -> Int32? {
        let path = "/proc/\(parent)/task/\(parent)/children"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: " ").first.flatMap { Int32($0) }
    }

    private static func isRunning(_ pid: Int32) -> Bool {
        let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let state = stat?.split(separator: ")").last?.split(separator: " ").first
        return state != nil && state != "Z" && state != "X"
    }

    @Test(
        "bad usage is one sentence and status 64",
        arguments: [
            (["--streams", "0"], "at least 1"), (["--streams", "5,"], "whole number"),
            (["--streams", "90M"], "for ask fewer"), (["--rate", "0"], "more than 0"),
            (["--rate", "2k"], "1,000 or less"), (["--rate", "0.1"], "give a longer time"),
            (["--time", "0"], "longer than 0"), (["--time", "10ms"], "less than two events"),
            (["-o", "/no/such/directory/m.json"], "/no/such/directory"),
            (["--cpus", "8000"], "choose from"), (["--format", "xml"], "json"),
            (["x"], "flags alone"),
            (["-c", (1...17).map(String.init).joined(separator: ",")], "up to 16 numbers"),
        ] as [([String], String)]
    )
    func usage(_ arguments: [String], _ part: String) async throws {
        let outcome = try await Binary.run(["selftest"] + arguments)
        #expect(outcome.status == 64, "\(outcome.stderr)")
        let words = part.split(separator: " ").map(String.init)
        #expect(words.allSatisfy { outcome.stderr.contains($0) }, "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        #expect(outcome.stdout.isEmpty)
    }
}

@Suite("Calibration of a run")
struct CalibrationRunTests {
    /// A file that trusts this machine with some streams, plain only.
    private func file(
        _ directory: TemporaryDirectory,
        streams: Int = 50,
        _ change: (inout SelftestDocument) -> Void = { _ in }
    ) throws -> String {
        typealias Figure = SelftestDocument.Figure
        func comparison(_ count: Int) -> SelftestDocument.Comparison {
            let figure = Figure(reported: 51_100_000, truth: 51_000_000)
            let samples = UInt64(count)
            return .init(count: samples, trueCount: samples, p50: figure, p99: figure, max: figure)
        }
        let asked = Double(streams) * 1_000
        var cell = SelftestDocument.Cell(
            transport: .plain,
            streams: streams,
            rate: 1_000,
            tokens: 3,
            loops: 1,
            completed: UInt64(streams),
            events: .init(asked: asked, achieved: asked, sent: asked),
            scheduleSlips: 0,
            ttft: comparison(streams),
            gap: comparison(2 * streams),
            verdict: .init(Verdict(reasons: [])),
            outcome: .within
        )
        cell.outcome = cell.outcome(under: SelftestBounds())
        var document = SelftestDocument(
            tool: .init(name: "ssebomb", version: PlanBuilder.version),
            startedAt: "2025-01-31T12:00:00.123Z",
            machine: .current(),
            setup: .init(mockCPUs: [0], clientCPUs: [1], sharedCPU: false),
            cells: [cell]
        )
        document.trusted = SelftestDocument.trust(in: document)
        change(&document)
        return try directory.write("machine.json", Array(JSONEncoder().encode(document)))
    }

    @Test("a file that can't be used is refused before any load, with its name and the remedy")
    func refused() async throws {
        let directory = try TemporaryDirectory()
        let whole = try file(directory)
        let bytes = Array(directory.text("machine.json").utf8)
        let cut = try directory.write("cut.json", Array(bytes[..<(bytes.count / 2)]))
        let result = try directory.write("result.json", Array(#"{"schema_version":1}"#.utf8))
        var cases = [
            ("/no/such/file", "/no/such/file"), (directory.path, directory.path),
            (cut, "isn't JSON, or was cut"), (result, "isn't the file of a self-test"),
            ("/dev/null", "isn't JSON"),
        ]
        let changes: [(String, (inout SelftestDocument) -> Void)] = [
            ("version 2 of the format", { $0.formatVersion = 2 }),
            ("is of another machine", { $0.machine.cpus += 1 }),
            ("was written by ssebomb 0.0.1", { $0.tool.version = "0.0.1" }),
            ("is damaged (cells[0]: events.asked", { $0.cells[0].streams += 1 }),
        ]
        for (index, (part, change)) in changes.enumerated() {
            let place = try TemporaryDirectory()
            _ = try file(place, change)
            let text = Array(place.text("machine.json").utf8)
            cases.append((try directory.write("\(index).json", text), part))
        }
        for (path, part) in cases {
            for mode in [[], ["--dry-run"]] {
                let outcome = try await Binary.run(
                    ["--calibration", path] + mode + [CommandLineTests.refused]
                )
                #expect(outcome.status == 64, "\(part): \(outcome.stderr)")
                #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
                #expect(outcome.stderr.contains(path))
                #expect(outcome.stderr.split(separator: "\n").count == 1)
                #expect(outcome.stdout.isEmpty)
            }
        }
        let fine = try await Binary.run(
            ["--calibration", whole, "--dry-run", CommandLineTests.refused]
        )
        #expect(fine.status == 0, "\(fine.stderr)")
    }

    @Test("a run within the trusted load names its error, one beyond it is suspect")
    func judged() async throws {
        let directory = try TemporaryDirectory()
        let path = try file(directory)
        let mock = try await Mock(["--tokens", "20"])
        let arguments = Mock.chatBody + ["--calibration", path, "-n", "60", mock.chat, "-c"]
        let within = try await LoadRun.run(arguments + ["20"])
        #expect(within.completed == 60)
        let verdict = within.result["verdict"]
        #expect(verdict["calibration"]["within"].int == 100_000)
        #expect(verdict["calibration"]["file"].text == path)
        #expect(verdict["calibration"]["streams"].int == 50)
        #expect(within.outcome.stdout.contains("within 0.10 ms"))

        let slow = try await Mock(["--tokens", "20", "--ttft", "1s", "--itl", "30ms"])
        let beyond = try await LoadRun.run(
            Mock.chatBody + ["--calibration", path, "-n", "51", "-c", "51", "--strict", slow.chat]
        )
        #expect(beyond.completed == 51)
        #expect(beyond.outcome.status == 97)
        let reasons = beyond.result["verdict"]["reasons"].array ?? []
        let reason = try #require(reasons.first { $0["code"].text == "beyond_calibration" })
        #expect(reason["state"].text == "suspect")
        #expect(reason["value"].int == 51 && reason["bound"].int == 50)
        #expect(beyond.outcome.stdout.contains("ssebomb selftest"))
        #expect(!beyond.result["verdict"]["calibration"].exists)
    }
}
