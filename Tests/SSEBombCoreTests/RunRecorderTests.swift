// What a run's recorder hands out: that each class's result says what befell the whole run, and
// what the display is told while the run goes on.

import Testing

@testable import SSEBombCore

@Suite("Run recorder") struct RunRecorderTests {
    private static let start = Instant(nanoseconds: 1_000_000)

    /// A recorder over as many classes of one loop each.
    private static func recorder(
        classes: Int,
        _ body: (inout RunRecorder, [LoopStats]) throws -> Void
    ) throws {
        var plan = planWithoutTarget()
        plan.warmup = Nanoseconds.seconds(2)
        let template = try RequestTemplate(plan.request, userAgent: "test")
        let lanes = (0..<classes).map {
            ClassLane(ClassLoad(name: "class \($0)", plan: plan, template: template), loops: 1)
        }
        defer { for lane in lanes { lane.destroy() } }
        var recorder = RunRecorder(lanes, RunWindows(plan: plan, start: start))
        try body(&recorder, lanes.map { $0.stats[0] })
    }

    @Test("a pause by hand, and a judge's end, are in the result of each class")
    func classes() throws {
        try Self.recorder(classes: 2) { recorder, _ in
            recorder.pausedByHand = 5
            recorder.isAborted = true
            recorder.end(at: Self.start + Nanoseconds.seconds(1))
            let result = recorder.result()
            let all = [result] + result.classes.map(\.result)
            #expect(all.map(\.pausedByHand) == [5, 5, 5])
            #expect(all.map(\.isAborted) == [true, true, true])
        }
    }

    @Test("the display's tokens are those that the result would have")
    func tokens() throws {
        try Self.recorder(classes: 2) { recorder, stats in
            func shown() -> RunProgress {
                recorder.progress(at: Self.start + Nanoseconds.seconds(3))
            }
            #expect(shown().tokenBasis == .event && shown().tokensPerEvent == 1)
            // Of a stream with running counts nothing is known before the window.
            stats[0].count(.runningUsageStreams)
            #expect(shown().tokenBasis == .event && shown().tokensPerEvent == 1)
            stats[0].count(.windowTokenEvents, 20)
            stats[1].count(.windowTokenEvents, 20)
            stats[1].count(.windowRunningTokens, 100)
            #expect(shown().tokenBasis == .usage && shown().tokensPerEvent == 2.5)
        }
        try Self.recorder(classes: 1) { recorder, stats in
            stats[0].count(.windowTokenEvents, 40)
            stats[0].count(.requestsWithUsage, 2)
            stats[0].count(.scaledEvents, 20)
            stats[0].count(.scaledTokens, 200)
            recorder.end(at: Self.start + Nanoseconds.seconds(3))
            let progress = recorder.progress(at: Self.start + Nanoseconds.seconds(3))
            #expect(progress.tokenBasis == .usageScaled && progress.tokensPerEvent == 10)
            let counts = recorder.result().counts
            #expect(counts.throughputBasis == progress.tokenBasis && counts.tokensInWindow == 400)
        }
    }

    @Test("from the measured window on, good and bad requests are the window's")
    func objectives() throws {
        try Self.recorder(classes: 1) { recorder, stats in
            stats[0].count(.good, 3)
            stats[0].count(.bad, 5)
            stats[0].count(.windowGood, 2)
            stats[0].count(.windowBad)
            for (second, good, bad) in [(1, 3, 5), (2, 2, 1), (13, 2, 1)]
                as [(Int64, UInt64, UInt64)]
            {
                let progress = recorder.progress(at: Self.start + Nanoseconds.seconds(second))
                #expect(progress.good == good && progress.bad == bad, "second \(second)")
            }
        }
    }
}
