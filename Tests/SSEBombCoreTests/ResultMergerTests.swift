// From the loops' records to one result: sums, the division of coalesced gaps, the basis of token
// figures, the steady window, and samples of errors.

import Testing

@testable import SSEBombCore

/// The records of some loops, and what is merged from them.
private final class Run {
    let loops: [LoopStats]
    var recorder: IntervalRecorder
    var plan = planWithoutTarget()
    var outcomes: [LoopOutcome] = []
    /// Nanoseconds after the start of the ramp.
    var ended = Nanoseconds.seconds(10)
    private var now = Instant(nanoseconds: 1_000_000)

    init(loops count: Int = 2) {
        loops = (0..<count).map { _ in LoopStats() }
        recorder = IntervalRecorder(stats: loops, loops: loops, start: now)
    }

    deinit { for loop in loops { loop.destroy() } }

    func merge() -> RunResult {
        let start = Instant(nanoseconds: 1_000_000)
        let windows = RunWindows(plan: plan, start: start)
        var merger = ResultMerger(plan: plan, windows: windows, stats: loops)
        merger.ended = start + ended
        merger.outcomes = outcomes.flatMap(\.classes)
        merger.loopOutcomes = outcomes
        merger.loopStats = loops.map { [$0] }
        return merger.merge(recorder, .whole)
    }

    func outcome(
        _ index: Int,
        dialect: Dialect = .undetermined,
        errors: [ErrorLog.Entry] = [],
        unfinished: [Metric: UnfinishedWaits] = [:],
        reasons: [String: UInt64] = [:]
    ) {
        let load = ClassOutcome(
            dialect: dialect,
            finishReasons: reasons,
            eventTypes: [:],
            errors: errors,
            unfinished: unfinished,
            lastFinish: .none,
            tlsBytesSent: 100
        )
        outcomes.append(
            LoopOutcome(
                index: index,
                cpu: nil,
                usage: LoopUsage(),
                priority: .normal,
                gaveUpPriorityAt: nil,
                classes: [load]
            )
        )
    }

    /// One interval with as many streams in flight.
    func second(inFlight: UInt64) {
        loops[0].setInFlight(Int(inFlight), at: now)
        now = now + Nanoseconds.seconds(1)
        // Some began before the window.
        loops[0].count(.completed, 3)
        loops[0].count(.windowCompletedInside)
        loops[1].count(.tokenEvents, 10)
        loops[1].count(.events, 11)
        recorder.closeSecond(at: now)
    }
}

@Suite("Result merger") struct ResultMergerTests {
    @Test("Counts and histograms of all loops add up") func sums() {
        let run = Run()
        for (index, loop) in run.loops.enumerated() {
            let amount = UInt64(index + 1)
            loop.count(.windowStarted, 10 * amount)
            loop.count(.started, 12 * amount)
            loop.count(.windowCompleted, 7 * amount)
            loop.count(.windowFailed, 2 * amount)
            loop.count(.windowCut, amount)
            loop.count(.bytesSent, amount)
            loop.windowFailures.add(2 * amount, at: Int(StreamFailure.httpStatus.rawValue))
            loop.status.add(amount, at: 503)
            loop.status.add(amount, at: 599)
            loop.ttft.record(Int64(amount) * 1_000)
            run.outcome(index, dialect: .openaiChat, reasons: ["stop": amount])
        }
        let result = run.merge()
        let counts = result.counts
        #expect(counts.started == 30 && counts.completed == 21 && counts.failed == 6)
        #expect(counts.started == counts.completed + counts.failed + counts.cut + counts.cancelled)
        #expect(counts.startedOutsideWindow == 6)
        #expect(counts.failures == [.httpStatus: 6])
        #expect(counts.status == [503: 3, 599: 3])
        #expect(counts.finishReasons == ["stop": 3])
        #expect(counts.bytesSent == 203)
        #expect(result.histograms[.ttft]?.count == 2 && result.histograms[.ttft]?.sum == 3_000)
        #expect(Set(result.histograms.keys) == [.ttft], "empty histograms are left out")
        #expect(result.dialect == .openaiChat)
        #expect(result.loops.count == 2)
    }

    @Test(
        "The measured window ends with the run, if that ends first",
        arguments: [(0, 0), (2, 0), (3, 0), (5, 2), (13, 10), (20, 10)] as [(Int64, Int64)]
    )
    func measured(ended: Int64, seconds: Int64) {
        let run = Run()
        run.plan.ramp = Nanoseconds.seconds(1)
        run.plan.warmup = Nanoseconds.seconds(2)
        run.ended = Nanoseconds.seconds(ended)
        #expect(run.merge().measured == Nanoseconds.seconds(seconds))
    }

    @Test(
        "Gaps are coalesced at arrival up to 1 ms or a tenth of the median gap, at reading beyond",
        arguments: [
            // Median gap 100 ms: the limit is 1 ms.
            (100_000_000, [0, 500_000, 999_000, 1_010_000, 50_000_000], 3),
            // Median gap 2 ms: the limit is 0.2 ms.
            (2_000_000, [0, 199_000, 202_000, 999_000], 2),
            // Nothing but coalesced gaps: there is no median, the limit is 1 ms.
            (0, [0, 1, 999_000, 1_010_000], 3),
        ] as [(Int64, [Int64], UInt64)]
    )
    func coalescing(median: Int64, windows: [Int64], atArrival: UInt64) {
        let run = Run()
        // Nine tokens of ten come with the one before: their gaps of 0 must not make the median.
        run.loops[0].gap.record(median, count: 100)
        run.loops[0].gap.record(0, count: 900)
        for (index, window) in windows.enumerated() {
            run.loops[index % 2].coalescedGapWindow.record(window)
        }
        let counts = run.merge().counts
        #expect(counts.coalescedAtArrival == atArrival)
        #expect(counts.coalescedAtReading == UInt64(windows.count) - atArrival)
    }

    @Test("Waits that never ended add up, and the oldest is the oldest of all") func unfinished() {
        func waits(_ ages: Int64...) -> UnfinishedWaits {
            var waits = UnfinishedWaits()
            for age in ages { waits.ages.record(age) }
            return waits
        }
        let run = Run()
        run.outcome(0, unfinished: [.ttft: waits(50, 20)])
        run.outcome(1, unfinished: [.ttft: waits(70), .gap: waits(1, 9, 2, 1)])
        let merged = run.merge().unfinished
        #expect(merged.mapValues(\.count) == [.ttft: 3, .gap: 4])
        #expect(merged.mapValues(\.greatestAge) == [.ttft: 70, .gap: 9])
        #expect(merged[.ttft]?.ages == waits(20, 50, 70).ages)
    }

    @Test(
        "One sample a kind and status: the first body, the earliest time, the most frequent first"
    )
    func errors() throws {
        func entry(
            _ kind: StreamFailure,
            _ status: UInt16,
            _ count: UInt64,
            _ seconds: Int64,
            _ sample: String
        ) -> ErrorLog.Entry {
            ErrorLog.Entry(
                kind: kind,
                status: status,
                count: count,
                first: Instant(nanoseconds: 1_000_000 + Nanoseconds.seconds(seconds)),
                request: 0,
                detail: "d",
                sample: Array(sample.utf8)
            )
        }
        let run = Run()
        run.outcome(
            0,
            errors: [entry(.reset, 0, 5, 4, ""), entry(.httpStatus, 503, 1, 9, "")]
        )
        run.outcome(
            1,
            errors: [entry(.httpStatus, 503, 3, 2, "busy"), entry(.httpStatus, 429, 9, 3, "slow")]
        )
        let errors = run.merge().errors
        #expect(errors.map(\.count) == [9, 5, 4])
        #expect(errors.map(\.status) == [429, nil, 503])
        #expect(errors.map(\.firstAtSeconds) == [3, 4, 2])
        #expect(String(decoding: errors[2].sample, as: UTF8.self) == "busy")
    }
}

@Suite("Token basis") struct TokenBasisTests {
    /// Counters of one run, and the bases and tokens that must come of them.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var counters: [Counter: UInt64]
        var tokens: TokenBasis
        var itl: TokenBasis
        var throughput: TokenBasis
        var tokensInWindow: Double
    }

    static let cases = [
        Case(
            testDescription: "no tokens at all",
            counters: [:],
            tokens: .event,
            itl: .event,
            throughput: .event,
            tokensInWindow: 0
        ),
        Case(
            testDescription: "no usage",
            counters: [
                .requestsWithoutUsage: 4, .eventBasisStreams: 4, .windowTokenEvents: 40,
                .windowRunningTokens: 40,
            ],
            tokens: .event,
            itl: .event,
            throughput: .event,
            tokensInWindow: 40
        ),
        Case(
            testDescription: "usage at the end only",
            counters: [
                .requestsWithUsage: 4, .eventBasisStreams: 5, .windowTokenEvents: 40,
                .windowRunningTokens: 40, .scaledEvents: 20, .scaledTokens: 50, .tpotByUsage: 4,
            ],
            tokens: .usage,
            itl: .event,
            throughput: .usageScaled,
            tokensInWindow: 100
        ),
        Case(
            testDescription: "usage at the end, but no stream has completed",
            counters: [
                .requestsWithoutUsage: 4, .eventBasisStreams: 4, .windowTokenEvents: 8,
                .windowRunningTokens: 8,
            ],
            tokens: .event,
            itl: .event,
            throughput: .event,
            tokensInWindow: 8
        ),
        Case(
            testDescription: "running usage",
            counters: [
                .requestsWithUsage: 4, .runningUsageStreams: 4, .windowTokenEvents: 40,
                .windowRunningTokens: 120, .windowRunningStreams: 4, .tpotByUsage: 4,
            ],
            tokens: .usage,
            itl: .usage,
            throughput: .usage,
            tokensInWindow: 120
        ),
        Case(
            testDescription: "running usage on some streams, none on others",
            counters: [
                .requestsWithUsage: 4, .requestsWithoutUsage: 1, .runningUsageStreams: 4,
                .eventBasisStreams: 1, .windowTokenEvents: 40, .windowRunningTokens: 90,
                .windowRunningStreams: 3, .windowEventStreams: 1, .tpotByUsage: 3, .tpotByEvent: 1,
            ],
            tokens: .mixed,
            itl: .mixed,
            throughput: .mixed,
            tokensInWindow: 90
        ),
    ]

    @Test("The basis says where token counts came from", arguments: cases)
    func basis(_ expected: Case) {
        let run = Run()
        for (counter, amount) in expected.counters {
            run.loops[0].count(counter, amount / 2)
            run.loops[1].count(counter, amount - amount / 2)
        }
        let counts = run.merge().counts
        #expect(counts.tokenBasis == expected.tokens)
        #expect(counts.tpotBasis == expected.tokens)
        #expect(counts.itlBasis == expected.itl)
        #expect(counts.throughputBasis == expected.throughput)
        #expect(counts.tokensInWindow == expected.tokensInWindow)
    }
}

@Suite("Steady window") struct SteadyWindowTests {
    /// The window of a run of 100 streams with these numbers in flight; the last is the rest of the
    /// run, which is no whole second.
    private func steady(_ inFlight: [UInt64]) -> SteadyWindow? {
        let run = Run()
        run.plan.streams = 100
        run.plan.duration = Nanoseconds.seconds(2_000)
        for value in inFlight { run.second(inFlight: value) }
        run.recorder.finish()
        return run.merge().steady
    }

    @Test("It is the longest stretch whose mean is at least 95 % of the streams") func longest() {
        let window = steady([50, 100, 100, 20, 96, 95, 94, 100, 10, 0])
        #expect(window?.startSeconds == 4 && window?.seconds == 4)
        #expect(window?.requests == 12 && window?.events == 44 && window?.tokens == 40)
    }

    @Test("One poor second inside doesn't end it, if the mean holds") func meanCounts() {
        let window = steady([100, 100, 100, 100, 80, 100, 0])
        #expect(window?.startSeconds == 0 && window?.seconds == 6)
    }

    @Test("Of two equally long ones the first is it") func firstOfTwo() {
        let window = steady([95, 95, 0, 95, 95, 0, 0])
        #expect(window?.startSeconds == 0 && window?.seconds == 2)
    }

    @Test(
        "There is none where the streams were never held for a whole second",
        arguments: [[], [100], [94, 94, 94, 94], [0, 100]] as [[UInt64]]
    )
    func none(inFlight: [UInt64]) { #expect(steady(inFlight) == nil) }

    @Test("A long run's merged intervals count with their length") func longRun() {
        let window = steady([0] + Array(repeating: 100, count: 1_300) + [0])
        // Steps of 4 s: the mean of the first holds 75 streams, the rest make up for it.
        #expect(window?.startSeconds == 0)
        #expect(window?.seconds == 1_300)
    }
}
