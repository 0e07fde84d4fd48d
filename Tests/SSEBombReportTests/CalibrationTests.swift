// Calibrations: which files are refused, with what sentence, and how runs are judged by the others.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite("Calibration") struct CalibrationTests {
    private static func bytes(_ document: SelftestDocument) throws -> [UInt8] {
        Array(try JSONEncoder().encode(document))
    }

    private static func read(
        _ bytes: [UInt8],
        machine: SelftestMachine = SampleSelftest.machine
    ) throws -> Calibration {
        try Calibration(
            reading: bytes,
            path: "machine.json",
            toolVersion: "1.2.3",
            machine: machine
        )
    }

    /// The sentence with which a file is refused; nil where it isn't.
    private static func refusal(
        _ bytes: [UInt8],
        machine: SelftestMachine = SampleSelftest.machine
    ) -> String? {
        do {
            _ = try read(bytes, machine: machine)
            return nil
        } catch {
            return (error as? CalibrationError)?.sentence
        }
    }

    private static func refusal(_ change: (inout SelftestDocument) -> Void) throws -> String? {
        var document = SampleSelftest.usual
        change(&document)
        return refusal(try bytes(document))
    }

    private func expectRemedy(_ sentence: String?, _ part: String) {
        #expect(sentence?.contains(part) == true, "\(sentence ?? "accepted")")
        #expect(sentence?.hasPrefix("--calibration: machine.json ") == true)
        #expect(sentence?.contains("ssebomb selftest -o machine.json") == true)
    }

    // MARK: Files

    @Test("its name stands in a result as it is shown")
    func name() throws {
        let calibration = try Calibration(
            reading: Self.bytes(SampleSelftest.usual),
            path: "m\u{200d}\t.json",
            toolVersion: "1.2.3",
            machine: SampleSelftest.machine
        )
        #expect(calibration.path == "m\\u{200d}\\t.json")
    }

    @Test("a file of this version and machine is read")
    func accepted() throws {
        _ = try Self.read(Self.bytes(SampleSelftest.usual))
        var machine = SampleSelftest.machine
        machine.kernel = "Linux 7"
        _ = try Self.read(Self.bytes(SampleSelftest.usual), machine: machine)
    }

    @Test("what isn't JSON, or was cut anywhere, is refused")
    func cut() throws {
        let bytes = try Self.bytes(SampleSelftest.usual)
        for length in stride(from: 0, to: bytes.count, by: 97) {
            expectRemedy(Self.refusal(Array(bytes[..<length])), "isn't JSON, or was cut")
        }
        expectRemedy(Self.refusal(Array("selftest".utf8)), "isn't JSON")
        expectRemedy(Self.refusal([0xFF, 0x00, 0x7B]), "isn't JSON")
    }

    @Test("other JSON is refused", arguments: ["{}", "[]", "7", "null", #"{"format":1}"#])
    func otherJSON(_ text: String) {
        expectRemedy(Self.refusal(Array(text.utf8)), "isn't the file of a self-test")
    }

    @Test("a result file is no calibration")
    func resultFile() throws {
        let result = ResultFile(
            SampleRun.full(try SampleRun.plan()),
            verdict: Verdict(reasons: []),
            context: RunContext(toolVersion: "1.2.3")
        )
        expectRemedy(Self.refusal(try result.encoded()), "isn't the file of a self-test")
    }

    @Test("another version, of the format or of the program, is refused")
    func versions() throws {
        expectRemedy(try Self.refusal { $0.formatVersion = 2 }, "has version 2 of the format")
        expectRemedy(try Self.refusal { $0.formatVersion = 0 }, "has version 0 of the format")
        let none = #"{"format":"ssebomb-selftest"}"#
        expectRemedy(Self.refusal(Array(none.utf8)), "has version none of the format")
        expectRemedy(try Self.refusal { $0.tool.version = "1.2.4" }, "written by ssebomb 1.2.4")
    }

    @Test("another machine is refused, with both named")
    func machines() throws {
        let bytes = try Self.bytes(SampleSelftest.usual)
        var other = SampleSelftest.machine
        other.cpus = 4
        let sentence = Self.refusal(bytes, machine: other)
        expectRemedy(sentence, "is of another machine (2 CPUs Model T, x86_64; this one: 4 CPUs")
        other = SampleSelftest.machine
        other.cpuModel = "Model A"
        expectRemedy(Self.refusal(bytes, machine: other), "another machine")
        other.cpuModel = nil
        expectRemedy(Self.refusal(bytes, machine: other), "another machine")
        other = SampleSelftest.machine
        other.architecture = "aarch64"
        expectRemedy(Self.refusal(bytes, machine: other), "another machine")
    }

    @Test("no load at all is refused")
    func empty() throws {
        expectRemedy(
            Self.refusal(try Self.bytes(SampleSelftest.document([]))),
            "holds no load that was measured"
        )
    }

    @Test("a field that is missing or of another type is named")
    func fields() throws {
        let text = String(decoding: try Self.bytes(SampleSelftest.usual), as: UTF8.self)
        let damages = [
            ("\"streams\":", "\"stream\":", "cells.0.streams"),
            ("\"loops\":1", "\"loops\":\"1\"", "cells.0.loops"),
            ("\"transport\":\"tls\"", "\"transport\":\"tlz\"", "cells.1.transport"),
            ("\"shared_cpu\":false", "\"shared_cpu\":0.5", "setup.shared_cpu"),
            ("\"trusted\":", "\"trust\":", "trusted"),
        ]
        for (right, wrong, place) in damages {
            let damaged = text.replacingOccurrences(of: right, with: wrong)
            try #require(damaged != text)
            expectRemedy(
                Self.refusal(Array(damaged.utf8)),
                "is damaged (\(place) is missing or wrong)"
            )
        }
    }

    @Test("figures that contradict one another are refused, wherever they stand")
    func contradictions() throws {
        typealias Change = (inout SelftestDocument) -> Void
        let changes: [(String, Change)] = [
            ("cells[0]: a load that can't be", { $0.cells[0].streams = 0 }),
            ("cells[2]: a load that can't be", { $0.cells[2].loops = -1 }),
            ("cells[1]: a load that can't be", { $0.cells[1].tokens = 1 }),
            ("cells[1]: a load that can't be", { $0.cells[1].rate = -25 }),
            ("cells[0]: a load that can't be", { $0.cells[0].streams = .max }),
            ("cells[6]: events.asked", { $0.cells[6].streams = 8_000 }),
            ("cells[6]: events.asked", { $0.cells[6].rate = 250 }),
            ("cells[6]: events.asked", { $0.cells[6].events.asked = 1e9 }),
            ("cells[3]: an error isn't", { $0.cells[3].ttft?.p99.error = 4 }),
            ("cells[3]: an error isn't", { $0.cells[3].gap?.p50.reported += 1 }),
            ("cells[3]: an error isn't", { $0.cells[3].gap?.max.truth = .min }),
            ("cells[5]: outcome doesn't", { $0.cells[5].outcome = .within }),
            ("cells[4]: outcome doesn't", { $0.cells[4].completed = 999 }),
            ("cells[4]: outcome doesn't", { $0.cells[4].scheduleSlips = 1 }),
            ("cells[4]: outcome doesn't", { $0.cells[4].events.sent = 1 }),
            ("cells[4]: outcome doesn't", { $0.cells[4].verdict.state = "invalid" }),
            ("trusted doesn't follow", { $0.trusted[0].streams = 8_000 }),
            ("trusted doesn't follow", { $0.trusted[1].within = 1 }),
            ("trusted doesn't follow", { $0.trusted.removeLast() }),
            (
                "trusted doesn't follow",
                {
                    $0.cells.remove(at: 0); $0.cells.remove(at: 5)
                }
            ),
            ("its bounds are not", { $0.bounds.p99 = 9_000_000 }),
            ("it has 1001 cells", { $0.cells = Array(repeating: $0.cells[0], count: 1_001) }),
        ]
        for (part, change) in changes {
            expectRemedy(try Self.refusal(change), "is damaged (\(part)")
        }
    }

    @Test("text that a file brings can't drive a terminal")
    func terminal() throws {
        let sentence = try Self.refusal { $0.tool.version = "1\u{1B}[2J\n" }
        #expect(sentence?.contains("\u{1B}") == false && sentence?.contains("\n") == false)
        let other = try Self.refusal { $0.machine.cpuModel = "\u{1B}]0;x\u{7}" }
        #expect(other?.contains("\u{1B}") == false && other?.contains("another machine") == true)
    }

    // MARK: Runs

    /// A run whose busiest second brought this to all loops together.
    private static func run(
        streams: Double,
        events: UInt64,
        loops: [UInt64] = [1_000],
        tls: Bool = false,
        userClock: UInt64 = 0
    ) throws -> RunResult {
        var plan = try SampleRun.plan()
        plan.tls = tls ? TLSClientOptions() : nil
        var result = SampleRun.empty(plan)
        let quiet = RunInterval(
            startSeconds: 0,
            events: events / 3,
            inFlight: streams / 2,
            ttft: HistogramSnapshot(),
            gap: HistogramSnapshot()
        )
        var busy = quiet
        busy.events = events
        busy.inFlight = streams
        result.intervals = [quiet, busy, quiet]
        result.loops = loops.map {
            LoopReport(
                cpu: 1,
                busy: 0.5,
                events: $0,
                reads: $0,
                wakeups: $0,
                involuntarySwitches: 0,
                runQueueWait: 0,
                paused: 0,
                window: Nanoseconds.seconds(3)
            )
        }
        result.counts.userClockStreams = userClock
        return result
    }

    private static func usual() throws -> Calibration { try read(bytes(SampleSelftest.usual)) }

    @Test("a run is covered by the nearest trusted load that has as many streams and events")
    func covered() throws {
        let calibration = try Self.usual()
        for (streams, events, tls, expected) in [
            (200.0, UInt64(5_000), false, (250, 25.0, Int64(60_000))),
            (251, 5_000, false, (1_000, 25, 60_000)),
            (1_000, 49_000, false, (1_000, 50, 250_000)),
            (1_001, 20_000, false, (4_000, 25, 412_345)),
            (1_000, 1_000, true, (1_000, 25, 400_000)),
        ] {
            let run = try Self.run(streams: streams, events: events, tls: tls)
            #expect(calibration.reasons(for: run) == [])
            let coverage = try #require(calibration.coverage(of: run))
            #expect(coverage.streams == expected.0 && coverage.rate == expected.1)
            #expect(coverage.within == expected.2)
            #expect(coverage.file == "machine.json")
        }
    }

    @Test("a tenth more events than a load's rate is that load still, more is beyond")
    func slack() throws {
        let calibration = try Self.usual()
        let same = try Self.run(streams: 4_000, events: 110_000)
        #expect(calibration.reasons(for: same) == [])
        let more = try Self.run(streams: 4_000, events: 110_001)
        let reason = try #require(calibration.reasons(for: more).first)
        #expect(reason.code == "beyond_calibration" && reason.state == .suspect)
        #expect(reason.value == 110_001 && reason.bound == 100_000)
        #expect(reason.sentence.contains("110,001 events/s over TCP"))
        #expect(reason.sentence.contains("machine.json"))
        #expect(reason.sentence.contains("up to 100,000 events/s with as many streams a loop"))
        #expect(reason.sentence.contains("ssebomb selftest"))
        #expect(calibration.coverage(of: more) == nil)
    }

    @Test("more streams than were trusted are beyond, however few their events")
    func streams() throws {
        let run = try Self.run(streams: 4_001, events: 100)
        let reason = try #require(try Self.usual().reasons(for: run).first)
        #expect(reason.value == 4_001 && reason.bound == 4_000)
        #expect(reason.sentence.contains("4,001 streams over TCP"))
    }

    @Test("loads are those of one loop, the busiest")
    func loops() throws {
        let calibration = try Self.usual()
        let even = try Self.run(streams: 8_000, events: 200_000, loops: [500, 500])
        #expect(calibration.reasons(for: even) == [])
        let uneven = try Self.run(streams: 8_000, events: 200_000, loops: [700, 300])
        let reason = try #require(calibration.reasons(for: uneven).first)
        #expect(abs(reason.value - 140_000) < 1 && reason.bound == 100_000)
        let cell = SampleSelftest.cell(.plain, 1_000, 20, loops: 4)
        let quarter = try Self.read(Self.bytes(SampleSelftest.document([cell])))
        #expect(quarter.reasons(for: try Self.run(streams: 250, events: 5_000)) == [])
        #expect(quarter.reasons(for: try Self.run(streams: 251, events: 5_000)).count == 1)
    }

    @Test("what was not tried over this transport, or with this clock, is beyond")
    func untried() throws {
        let plain = SampleSelftest.document([SampleSelftest.cell(.plain, 100, 10)])
        let calibration = try Self.read(Self.bytes(plain))
        let run = try Self.run(streams: 1, events: 1, tls: true)
        let reason = try #require(calibration.reasons(for: run).first)
        #expect(reason.bound == 0 && reason.sentence.contains("over TLS"))
        #expect(reason.sentence.contains("right up to none"))
        let user = try Self.run(streams: 1, events: 1, userClock: 7)
        let clock = try #require(try Self.usual().reasons(for: user).first)
        #expect(clock.value == 7 && clock.bound == 0)
        #expect(clock.sentence.contains("--clock kernel"))
    }

    @Test("a verdict takes over what a calibration finds, and reports show it")
    func verdict() throws {
        let calibration = try Self.usual()
        let busy = Verdict.Reason(
            code: "loop_busy",
            state: .invalid,
            sentence: "Busy.",
            value: 1,
            bound: 0.98
        )
        let beyond = try Self.run(streams: 9_000, events: 100)
        let both = Verdict(reasons: [busy]).judged(by: calibration, beyond)
        #expect(both.state == .invalid && both.calibration == nil)
        #expect(both.reasons.map(\.code) == ["loop_busy", "beyond_calibration"])
        let alone = Verdict(reasons: []).judged(by: calibration, beyond)
        #expect(alone.state == .suspect)

        let covered = try Self.run(streams: 900, events: 40_000)
        let fine = Verdict(reasons: []).judged(by: calibration, covered)
        #expect(fine.state == .valid)
        let text = TextReport(covered, verdict: fine, color: false).render()
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let sentence = "calibration ttft and gap are within 0.25 ms on this machine: that is their"
        #expect(words.contains(sentence))
        #expect(words.contains("with 1,000 streams x 50/s in machine.json"))
        let file = ResultFile(covered, verdict: fine, context: RunContext(toolVersion: "1"))
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
        #expect(file.document.verdict.calibration?.within == 250_000)
        let none = TextReport(covered, verdict: Verdict(reasons: []), color: false).render()
        #expect(!none.contains("calibration"))
    }

    @Test("a run without an event is neither covered nor beyond")
    func idle() throws {
        let run = try Self.run(streams: 0, events: 0, loops: [0])
        #expect(try Self.usual().reasons(for: run) == [])
        #expect(try Self.usual().coverage(of: run) == nil)
    }
}
