// The verdict on made-up runs: each figure just below its bound and just above it, alone in an
// otherwise healthy run. What provokes them for real stands in the end-to-end tests.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct VerdictTests {
    /// A run that nothing speaks against: 1,000 streams, 50 ms between tokens, for 20 s.
    static func healthy() throws -> RunResult {
        var plan = try SampleRun.plan()
        plan.ramp = 0
        plan.duration = Nanoseconds.seconds(20)
        var result = SampleRun.empty(plan)
        result.dialect = .openaiChat
        result.measured = Nanoseconds.seconds(20)
        result.length = Nanoseconds.seconds(20)
        result.counts.started = 10_000
        result.counts.completed = 10_000
        result.counts.reads = 400_000
        result.counts.events = 400_000
        result.counts.kernelClockStreams = 10_000
        result.histograms = [
            .gap: spread(10_000, from: 45, to: 55),
            .ttft: spread(10_000, from: 190, to: 210),
            .e2e: spread(10_000, from: 1_900, to: 2_100),
            .deliveryLag: spread(10_000, from: 0.01, to: 0.2),
            .sendLag: spread(10_000, from: 0.01, to: 0.2),
            .stampWindow: spread(100, from: 0.01, to: 0.2),
        ]
        result.intervals = (0..<20).map {
            RunInterval(
                startSeconds: $0,
                inFlight: 1_000,
                ttft: HistogramSnapshot(),
                gap: HistogramSnapshot()
            )
        }
        result.loops = [0, 1].map { cpu in
            LoopReport(
                cpu: cpu,
                busy: 0.5,
                events: 200_000,
                reads: 200_000,
                wakeups: 100_000,
                involuntarySwitches: 200,
                runQueueWait: Nanoseconds.milliseconds(400),
                paused: 0,
                window: Nanoseconds.seconds(20)
            )
        }
        result.throttled = 0
        result.memoryStall = 0
        return result
    }

    /// A healthy run with one thing changed.
    private static func judged(_ change: (inout RunResult) -> Void) throws -> Verdict {
        var result = try healthy()
        change(&result)
        return Verdict.judge(result)
    }

    @Test("a healthy run is valid, without a word on client or server")
    func valid() throws {
        let verdict = try Self.judged { _ in }
        #expect(verdict.state == .valid)
        #expect(verdict.reasons.isEmpty && verdict.server.isEmpty)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let code: String
        let below: @Sendable (inout RunResult) -> Void
        let suspect: @Sendable (inout RunResult) -> Void
        let invalid: (@Sendable (inout RunResult) -> Void)?
        var testDescription: String { code }
    }

    static let cases: [Case] = [
        Case(
            code: "late_gaps",
            below: { $0.counts.coalescedAtReading = 5 },
            suspect: { $0.counts.coalescedAtReading = 6 },
            invalid: { $0.counts.coalescedAtReading = 51 }
        ),
        Case(
            code: "loop_busy",
            below: { $0.loops[1].busy = 0.9 },
            suspect: { $0.loops[1].busy = 0.91 },
            invalid: { $0.loops[1].busy = 0.99 }
        ),
        Case(
            code: "run_queue_wait",
            below: { $0.loops[1].runQueueWait = Nanoseconds.seconds(2) },
            suspect: { $0.loops[1].runQueueWait = Nanoseconds.milliseconds(2_001) },
            invalid: { $0.loops[1].runQueueWait = Nanoseconds.seconds(11) }
        ),
        Case(
            code: "involuntary_switches",
            below: { $0.loops[0].involuntarySwitches = 10_000 },
            suspect: { $0.loops[0].involuntarySwitches = 10_001 },
            invalid: { $0.loops[0].involuntarySwitches = 200_001 }
        ),
        Case(
            code: "stamp_window",
            below: { window(&$0, milliseconds: 24) },
            suspect: { window(&$0, milliseconds: 26) },
            invalid: { window(&$0, milliseconds: 101) }
        ),
        Case(
            code: "delivery_lag",
            below: { $0.histograms[.deliveryLag] = spread(1_000, from: 1, to: 24) },
            suspect: { $0.histograms[.deliveryLag] = spread(1_000, from: 1, to: 26) },
            invalid: { $0.histograms[.deliveryLag] = spread(1_000, from: 1, to: 110) }
        ),
        Case(
            code: "send_lag",
            below: { $0.histograms[.sendLag] = spread(1_000, from: 1, to: 99) },
            suspect: { $0.histograms[.sendLag] = spread(1_000, from: 1, to: 110) },
            invalid: { $0.histograms[.sendLag] = spread(1_000, from: 1, to: 1_100) }
        ),
        Case(
            code: "streams_held",
            below: { hold(&$0, 951) },
            suspect: { hold(&$0, 949) },
            invalid: { hold(&$0, 499) }
        ),
        Case(
            code: "back_off",
            below: { $0.counts.backoff = Nanoseconds.seconds(200) },
            suspect: { $0.counts.backoff = Nanoseconds.seconds(201) },
            invalid: { $0.counts.backoff = Nanoseconds.seconds(10_001) }
        ),
        Case(
            code: "local_resource",
            below: { $0.counts.failures[.localResource] = 0 },
            suspect: { $0.counts.failures[.localResource] = 1 },
            invalid: { $0.counts.failures[.localResource] = 101 }
        ),
        Case(
            code: "cpu_throttled",
            below: { $0.throttled = Nanoseconds.milliseconds(20) },
            suspect: { $0.throttled = Nanoseconds.milliseconds(21) },
            invalid: { $0.throttled = Nanoseconds.milliseconds(1_001) }
        ),
        Case(
            code: "memory_stall",
            below: { $0.memoryStall = Nanoseconds.milliseconds(20) },
            suspect: { $0.memoryStall = Nanoseconds.milliseconds(21) },
            invalid: { $0.memoryStall = Nanoseconds.milliseconds(1_001) }
        ),
        Case(
            code: "full_reads",
            below: { $0.counts.fullReads = 400 },
            suspect: { $0.counts.fullReads = 401 },
            invalid: { $0.counts.fullReads = 20_001 }
        ),
        Case(
            code: "stamps_replaced",
            below: { $0.counts.stampsReplaced = 400 },
            suspect: { $0.counts.stampsReplaced = 401 },
            invalid: { $0.counts.stampsReplaced = 20_001 }
        ),
        Case(
            code: "clock_step",
            below: { $0.counts.clockSteps = 0 },
            suspect: { $0.counts.clockSteps = 1 },
            invalid: nil
        ),
    ]

    /// Many coalesced gaps, and windows up to `milliseconds` (more than the gaps are apart only at
    /// arrival, so that this rule stands alone).
    private static func window(_ result: inout RunResult, milliseconds: Double) {
        result.counts.coalescedAtArrival = 100
        result.histograms[.stampWindow] = spread(1_000, from: milliseconds - 0.5, to: milliseconds)
    }

    private static func hold(_ result: inout RunResult, _ streams: Double) {
        for index in result.intervals.indices { result.intervals[index].inFlight = streams }
    }

    @Test("each figure is judged by its bound, alone", arguments: cases)
    func bounds(_ item: Case) throws {
        #expect(try Self.judged(item.below).reasons == [])
        for (change, state) in [(item.suspect, Verdict.State.suspect), (item.invalid, .invalid)] {
            guard let change else { continue }
            let verdict = try Self.judged(change)
            #expect(verdict.state == state)
            #expect(verdict.reasons.map(\.code) == [item.code])
            let reason = try #require(verdict.reasons.first)
            #expect(reason.value > reason.bound)
            #expect(
                reason.sentence.hasSuffix(".") && reason.sentence.contains("bound")
                    || reason.sentence.contains("more than")
            )
        }
    }

    @Test("without kernel stamps a busy loop is judged more strictly, and one that was away at all")
    func userClock() throws {
        let verdict = try Self.judged { result in
            result.counts.userClockStreams = 1
            result.loops[0].busy = 0.55
            result.loops[1].paused = Nanoseconds.milliseconds(201)
        }
        #expect(Set(verdict.reasons.map(\.code)) == ["loop_busy", "loop_paused"])
        #expect(verdict.reasons.allSatisfy { $0.sentence.contains("no kernel stamps") })
        let stamped = try Self.judged { $0.loops[1].paused = Nanoseconds.seconds(1) }
        #expect(stamped.state == .valid)
    }

    @Test("shares of a window of less than a second are not judged")
    func shortWindow() throws {
        let verdict = try Self.judged { result in
            for index in result.loops.indices {
                result.loops[index].window = Nanoseconds.milliseconds(20)
                result.loops[index].runQueueWait = Nanoseconds.milliseconds(15)
                result.loops[index].busy = 1
            }
        }
        #expect(verdict.state == .valid)
    }

    @Test("stamps of later bytes count as late gaps")
    func lateStamps() throws {
        let verdict = try Self.judged { $0.counts.lateStamps = 6 }
        #expect(verdict.reasons.map(\.code) == ["late_gaps"])
        #expect(try Self.judged { $0.counts.lateStamps = 5 }.state == .valid)
    }

    @Test("requests that brought nothing at all measured nothing")
    func noEvents() throws {
        let verdict = try Self.judged { result in
            result.counts.completed = 0
            result.counts.cut = 10_000
            result.histograms = [:]
        }
        #expect(verdict.reasons.map(\.code) == ["nothing_measured"] && verdict.state == .invalid)
    }

    @Test("a few bursty streams among many are named")
    func someBursts() throws {
        let verdict = try Self.judged { result in
            result.counts.streamsOfSeveralTokens = 1_000
            result.counts.streamsInBursts = 51
        }
        #expect(verdict.state == .valid && verdict.server.map(\.code) == ["bursts"])
        #expect(verdict.server.first?.sentence.hasPrefix("51 of 1,000 streams") == true)
    }

    @Test("streams held say nothing where slots pause, or requests or a signal end the run")
    func notHeldByPlan() throws {
        let plans: [(inout RunResult) -> Void] = [
            { $0.plan.think = 1 }, { $0.plan.duration = nil }, { $0.interruptedBy = 2 },
            { $0.measured -= 1 },
            { result in
                var thinking = result
                thinking.plan.think = 1
                result.classes = [
                    ClassResult(name: "a", result: result),
                    ClassResult(name: "b", result: thinking),
                ]
                // Nothing of the classes themselves.
                for index in result.classes.indices {
                    Self.hold(&result.classes[index].result, 1_000)
                }
            },
        ]
        for plan in plans {
            let verdict = try Self.judged { result in
                Self.hold(&result, 10)
                plan(&result)
            }
            #expect(verdict.state == .valid)
        }
    }

    @Test("what a pause by hand does to starts is held against nothing but the pause")
    func paused() throws {
        let verdict = try Self.judged { result in
            Self.hold(&result, 10)
            result.histograms[.sendLag] = spread(1_000, from: 1, to: 6_000)
            result.pausedByHand = Nanoseconds.seconds(6)
        }
        #expect(verdict.state == .suspect && verdict.reasons.map(\.code) == ["paused"])
        var empty = SampleRun.empty(try SampleRun.plan())
        empty.pausedByHand = Nanoseconds.seconds(6)
        let nothing = try #require(Verdict.judge(empty).reasons.first)
        #expect(nothing.code == "nothing_measured")
        #expect(nothing.sentence.contains("paused by hand") && !nothing.sentence.contains("-d"))
        let text = TextReport(empty, verdict: Verdict(reasons: []), color: false).render()
        #expect(text.contains("were paused by hand") && !text.contains("with -d"))
    }

    @Test("a run without requests is invalid, and says so alone")
    func nothing() throws {
        let verdict = Verdict.judge(SampleRun.empty(try SampleRun.plan()))
        #expect(verdict.state == .invalid)
        #expect(verdict.reasons.map(\.code) == ["nothing_measured"])
    }

    @Test("a gate without its samples makes a run suspect, one that was judged doesn't")
    func tooFewSamples() throws {
        func gate(_ metric: Metric, _ percentile: Double) -> Threshold {
            Threshold(
                expression: "\(metric.rawValue):p\(percentile)<9s",
                subject: .metric(metric),
                aggregate: .percentile(percentile),
                comparison: .less,
                bound: 9e9
            )
        }
        let result = try Self.healthy()
        func judged(_ gates: Threshold...) -> Verdict {
            Verdict.judge(result, thresholds: ThresholdWatch(gates).results(result))
        }
        #expect(judged(gate(.ttft, 99)).state == .valid)
        let verdict = judged(gate(.ttft, 99), gate(.ttft, 99.99), gate(.tls, 99))
        #expect(verdict.state == .suspect)
        let reason = try #require(verdict.reasons.first)
        #expect(reason.code == "too_few_samples")
        #expect(reason.value == 10_000 && reason.bound == 66_381)
        #expect(
            reason.sentence
                == "The threshold ttft:p99.99<9s needs 66,381 samples and has 10,000, and 1 more "
                + "likewise; measure longer, or with more streams."
        )
    }

    @Test("bursts and lumps are the server's: named with size and rhythm, and the run stays valid")
    func bursts() throws {
        // Four tokens at a time, every 200 ms, of 1,000 streams.
        let verdict = try Self.judged { result in
            let stream: [Int64] = (0..<39).map { $0 % 4 == 3 ? 200_000_000 : 0 }
            result.histograms[.gap] = snapshot((0..<1_000).flatMap { _ in stream })
            result.histograms[.ttft] = spread(1_000, from: 190, to: 210)
            result.counts.coalescedAtArrival = 30_000
        }
        #expect(verdict.state == .valid)
        #expect(verdict.server.map(\.code) == ["bursts"])
        #expect(
            verdict.server.first?.sentence.contains("about 4.00 events, one every 200 ms") == true
        )
        let lumps = try Self.judged { result in
            result.counts.streamsOfSeveralTokens = 1_000
            result.counts.streamsInOneLump = 51
        }
        #expect(lumps.state == .valid && lumps.server.map(\.code) == ["one_lump"])
        #expect(lumps.server.first?.sentence.hasPrefix("51 of 1,000 streams") == true)
    }

    @Test("a gate's lack of samples casts no doubt on the figures, anything else does")
    func doubt() {
        func verdict(_ codes: [String]) -> Verdict {
            Verdict(
                reasons: codes.map {
                    Verdict.Reason(code: $0, state: .suspect, sentence: "", value: 1, bound: 2)
                }
            )
        }
        #expect(!verdict([]).isDoubted)
        #expect(!verdict(["too_few_samples"]).isDoubted)
        #expect(verdict(["too_few_samples", "loop_busy"]).isDoubted)
    }

    @Test("what is coalesced at reading is never blamed on the server")
    func lateIsNoBurst() throws {
        let verdict = try Self.judged { result in
            result.histograms[.gap] = snapshot(
                (0..<10_000).map { $0 % 4 == 0 ? Int64(200_000_000) : 0 }
            )
            result.counts.coalescedAtReading = 7_500
        }
        #expect(verdict.state == .invalid && verdict.server.isEmpty)
    }
}
