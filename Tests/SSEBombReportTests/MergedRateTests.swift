// Rates of merged results are counted as those of one run are, so that a run split over several
// files has the whole's, and parts of one window the sum of theirs.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct MergedRateTests {
    private static let second = Nanoseconds.seconds(1)
    /// A ramp of 2 s, then 10 s that are measured, then a drain of 3 s.
    private static let (measured, all) = (2..<12, 15)

    private var counts: [WritableKeyPath<RunInterval, UInt64>] {
        [\.completed, \.completedInWindow, \.good, \.goodInWindow, \.events, \.tokenEvents]
    }

    /// A run that began within the second `start` and whose counts are those of its intervals.
    private func run(_ intervals: [RunInterval], at start: Int, _ id: Int) throws -> FinishedRun {
        var plan = try SampleRun.plan()
        plan.objectives = ServiceObjectives([
            Objective(metric: .ttft, greatest: 999_999_999, text: "ttft<1s")
        ])
        var result = SampleRun.full(plan)
        result.startedAt =
            Self.second * Int64(1_738_324_800 + start) + Nanoseconds.milliseconds(Int64(id) * 217)
        result.length = Nanoseconds.seconds(Int64(Self.all))
        result.intervals = intervals
        result.counts.throughputBasis = .event
        var objectives = ObjectiveCounts()
        objectives.missed = [0]
        result.counts.completedInWindow = 0
        (result.counts.events, result.counts.tokenEvents) = (0, 0)
        for second in Self.measured {
            result.counts.completedInWindow += intervals[second].completedInWindow
            objectives.goodInWindow += intervals[second].goodInWindow
            result.counts.events += intervals[second].events
            result.counts.tokenEvents += intervals[second].tokenEvents
        }
        objectives.good = objectives.goodInWindow
        result.counts.objectives = objectives
        result.counts.tokensInWindow = Double(result.counts.tokenEvents)
        var run = finished(result)
        run.context.id = "run\(id)"
        return try reading(run.file.encoded())
    }

    /// Intervals with requests of ramp and warm-up that end in the window, too.
    private func intervals(_ random: inout SeededRandom) -> [RunInterval] {
        (0..<Self.all).map { second in
            var interval = RunInterval(from: second, length: 1)
            interval.completed = .random(in: 10...40, using: &random)
            interval.good = .random(in: 0...10, using: &random)
            interval.events = .random(in: 0...900, using: &random)
            interval.tokenEvents = .random(in: 0...900, using: &random)
            guard Self.measured.contains(second) else { return interval }
            interval.completedInWindow = .random(in: 0...10, using: &random)
            interval.goodInWindow = .random(in: 0...interval.good, using: &random)
            return interval
        }
    }

    private func merge(_ runs: [FinishedRun]) throws -> FinishedRun {
        let whole = try ResultMerge.merge(
            runs.map { ($0.context.id, $0) },
            allowUnlike: false,
            toolVersion: "9"
        )
        return try reading(whole.file.encoded())
    }

    @Test("a run split over several files is the whole, rates included", arguments: 2...5)
    func split(_ count: Int) throws {
        var random = SeededRandom(seed: UInt64(count))
        let whole = intervals(&random)
        let none = (0..<Self.all).map { RunInterval(from: $0, length: 1) }
        var parts = [[RunInterval]](repeating: none, count: count)
        for (second, interval) in whole.enumerated() {
            for path in counts {
                for _ in 0..<interval[keyPath: path] {
                    let part = Int.random(in: parts.indices, using: &random)
                    parts[part][second][keyPath: path] += 1
                }
            }
        }
        let runs = try parts.enumerated().map { try run($1, at: 0, $0) }
        let merged = try merge(runs)
        let window = try #require(merged.result.rateWindow)
        #expect(window == (try run(whole, at: 0, 0).result.rateWindow))
        #expect(merged.result.merged?.isSameWindow == true && window.seconds == 10)
        let rates = try runs.map { try #require($0.file.document.rates.requests) }
        let sum = rates.reduce(0, +)
        #expect(abs(try #require(merged.file.document.rates.requests) - sum) < 1e-9)
        let goodput = try runs.map { try #require($0.result.goodput) }.reduce(0, +)
        #expect(abs(try #require(merged.result.goodput) - goodput) < 1e-9)
    }

    @Test("of parts that began at different times each counts its own of the common seconds")
    func staggered() throws {
        var random = SeededRandom(seed: 7)
        let parts = (0..<3).map { _ in intervals(&random) }
        // 0, 2 and 4 s later: from 6 to 12 of the first.
        let runs = try parts.enumerated().map { try run($1, at: 2 * $0, $0) }
        let window = try #require(merge(runs).result.rateWindow)
        var expected = RateWindow(seconds: 6, requests: 0, tokens: 0, events: 0, good: 0)
        for (number, part) in parts.enumerated() {
            for interval in part[(6 - 2 * number)..<(12 - 2 * number)] {
                expected.requests += interval.completedInWindow
                expected.good += interval.goodInWindow
                expected.events += interval.events
                expected.tokens += Double(interval.tokenEvents)
            }
        }
        #expect(window == expected)
        let nested = try merge([runs[2], merge([runs[0], runs[1]])])
        #expect(nested.result.rateWindow == expected)
    }
}
