// How gates are judged: comparisons, figures, floors, waits that never ended, and what a report and
// a result file say of them. How a gate is written is tested with the command line.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

private func gate(
    _ subject: Threshold.Subject,
    _ aggregate: Threshold.Aggregate,
    _ comparison: Threshold.Comparison,
    _ bound: Double,
    abortAfter: Int64? = nil,
    written expression: String? = nil
) -> Threshold {
    Threshold(
        expression: expression ?? "\(subject.name):\(aggregate.name)\(comparison.rawValue)\(bound)",
        subject: subject,
        aggregate: aggregate,
        comparison: comparison,
        bound: bound,
        abortAfter: abortAfter
    )
}

private let millisecond = 1e6

/// A run whose only metric is ttft, in milliseconds.
private func run(_ samples: [Double], waits: [Double] = []) throws -> RunResult {
    var result = SampleRun.empty(try SampleRun.plan())
    result.measured = Nanoseconds.seconds(10)
    if !samples.isEmpty {
        result.histograms[.ttft] = snapshot(samples.map { Int64($0 * millisecond) })
    }
    if !waits.isEmpty {
        result.unfinished[.ttft] = UnfinishedWaits(
            ages: snapshot(waits.map { Int64($0 * millisecond) })
        )
    }
    return result
}

private func alike(_ count: Int, _ milliseconds: Double) -> [Double] {
    Array(repeating: milliseconds, count: count)
}

@Suite struct ThresholdTests {
    // MARK: Comparisons

    @Test(
        "a figure is compared as the operator says",
        arguments: [
            (.less, [true, false, false]), (.atMost, [true, true, false]),
            (.greater, [false, false, true]), (.atLeast, [false, true, true]),
            (.equal, [false, true, false]), (.unequal, [true, false, true]),
        ] as [(Threshold.Comparison, [Bool])]
    )
    func comparisons(comparison: Threshold.Comparison, holds: [Bool]) throws {
        for (failed, expected) in zip([4, 5, 6] as [UInt64], holds) {
            var result = try run([])
            result.counts.started = 100
            result.counts.completed = 100 - failed
            result.counts.failed = failed
            let judged = gate(.failures, .count, comparison, 5).judge(result)
            #expect(judged.outcome == (expected ? .passed : .missed), "\(failed)")
            #expect(judged.value == Double(failed) && judged.samples == 100)
        }
    }

    @Test("where a figure is known only to lie in a range, all of the range decides, or nothing")
    func ranges() {
        let bounds = [0, 1, 2, 3, 4].map { Double($0) }
        let expected: [(Threshold.Comparison, [Bool?])] = [
            (.less, [false, false, nil, nil, true]), (.atMost, [false, nil, nil, true, true]),
            (.greater, [true, nil, nil, false, false]), (.atLeast, [true, true, nil, nil, false]),
            (.equal, [false, nil, nil, nil, false]), (.unequal, [true, nil, nil, nil, true]),
        ]
        for (comparison, answers) in expected {
            #expect(bounds.map { comparison.holds(1...3, $0) } == answers, "\(comparison)")
        }
        #expect(expected.count == Threshold.Comparison.allCases.count)
    }

    // MARK: Objectives

    @Test("attainment is judged by the decided requests, and needs those of its percentile")
    func attainment() throws {
        for (good, bad, outcome) in [
            (200, 0, .passed), (190, 10, .missed), (60, 0, .notJudged), (100, 29, .missed),
        ] as [(UInt64, UInt64, ThresholdResult.Outcome)] {
            var result = try run([])
            var counts = ObjectiveCounts()
            counts.good = good
            counts.bad = bad
            counts.undecided = 1_000
            result.counts.objectives = counts
            let judged = gate(.attainment, .share, .greater, 0.95).judge(result)
            #expect(judged.outcome == outcome, "\(good) good, \(bad) bad")
            #expect(judged.floor == 130 && judged.samples == good + bad)
            #expect(judged.value == Double(good) / Double(good + bad))
            #expect(judged.sentence.contains("1,000 undecided ones left out"))
        }
        let none = gate(.attainment, .share, .greater, 0.95).judge(try run([]))
        #expect(none.outcome == .notJudged && none.value == nil)
    }

    @Test("goodput counts good requests that completed inside the measured window")
    func goodput() throws {
        var result = try run([])
        result.counts.started = 100
        var counts = ObjectiveCounts()
        (counts.good, counts.goodInWindow) = (100, 50)
        result.counts.objectives = counts
        let passed = gate(.goodput, .rate, .atLeast, 5).judge(result)
        #expect(passed.outcome == .passed)
        #expect(passed.sentence == "5.00/s of 50 good requests in 10.0 s")
        #expect(gate(.goodput, .rate, .greater, 5).judge(result).outcome == .missed)
    }

    // MARK: Figures

    @Test("avg, min, max and percentiles are those of the metric's samples")
    func figures() throws {
        let result = try run((1...1_000).map { Double($0) })
        let expected: [(Threshold.Aggregate, Double)] = [
            (.average, 500.5), (.least, 1), (.greatest, 1_000), (.percentile(50), 500),
            (.percentile(99), 990), (.percentile(2.5), 25),
        ]
        for (aggregate, milliseconds) in expected {
            let judged = gate(.metric(.ttft), aggregate, .less, 1e12).judge(result)
            let value = try #require(judged.value)
            // Percentiles are those of a histogram's cells.
            #expect(abs(value / millisecond / milliseconds - 1) < 0.001, "\(aggregate)")
            #expect(judged.samples == 1_000 && judged.outcome == .passed)
        }
    }

    @Test("rates are those of the measured window, a share is one of decided requests")
    func countedFigures() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let expected: [(Threshold.Subject, Threshold.Aggregate, Double, UInt64)] = [
            (.requests, .rate, 95, 950), (.tokens, .rate, 20_000, 200_000),
            (.events, .rate, 20_200, 202_000), (.failures, .share, 10.0 / 1_010, 1_010),
            (.failures, .count, 10, 1_010),
        ]
        for (subject, aggregate, value, samples) in expected {
            let judged = gate(subject, aggregate, .equal, value).judge(result)
            #expect(judged.outcome == .passed, "\(judged.sentence)")
            #expect(judged.value == value && judged.samples == samples)
        }
        let share = gate(.failures, .share, .less, 0.02).judge(result)
        #expect(share.sentence == "0.99 % of 1,010 decided requests (12 cut ones left out)")
        let rate = gate(.tokens, .rate, .greater, 1).judge(result)
        #expect(rate.sentence == "20,000/s of 200,000 tokens (usage_scaled) in 10.0 s")
    }

    @Test("every metric can have a gate, and one that was not measured is not judged")
    func everyMetric() throws {
        for metric in Metric.allCases {
            var result = SampleRun.empty(try SampleRun.plan())
            let condition = gate(.metric(metric), .percentile(90), .less, 2 * millisecond)
            let nothing = condition.judge(result)
            #expect(nothing.isUnjudged && nothing.lacksSamples && nothing.value == nil)
            #expect(nothing.sentence == "nothing to judge: no \(metric.rawValue) was measured")
            result.histograms[metric] = snapshot(Array(repeating: 1_000_000, count: 64))
            #expect(condition.judge(result).outcome == .passed)
        }
    }

    @Test("counts and rates of a run in which nothing was due are not judged")
    func nothingCounted() throws {
        let empty = try run([])
        for subject in [Threshold.Subject.requests, .tokens, .events] {
            #expect(gate(subject, .rate, .less, 5).judge(empty).isUnjudged)
        }
        #expect(gate(.failures, .share, .less, 0.5).judge(empty).isUnjudged)
        #expect(gate(.failures, .count, .less, 5).judge(empty).isUnjudged)
        // Due, and none came: that is a rate of 0.
        var silent = empty
        silent.counts.started = 3
        silent.counts.cut = 3
        for subject in [Threshold.Subject.requests, .tokens, .events] {
            #expect(gate(subject, .rate, .greater, 5).judge(silent).outcome == .missed)
        }
        #expect(gate(.failures, .count, .less, 5).judge(silent).isUnjudged)
        // So it is where arrivals never got a slot.
        var full = empty
        full.counts.dropped = 3
        #expect(gate(.requests, .rate, .greater, 5).judge(full).outcome == .missed)
    }

    @Test("tokens are not judged where events came and no API was recognised")
    func unknownAPI() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.dialect = .undetermined
        result.counts.tokenEvents = 0
        let judged = gate(.tokens, .rate, .less, 1e9).judge(result)
        #expect(judged.isUnjudged && judged.sentence.contains("no API was recognised"))
    }

    // MARK: Floors

    @Test(
        "a gate passes from its floor on, and not below",
        arguments: [
            (.percentile(50), 11), (.percentile(75), 24), (.percentile(90), 64),
            (.percentile(95), 130), (.percentile(99), 662), (.percentile(99.9), 6_636),
            (.percentile(10), 64), (.average, 11), (.least, 1), (.greatest, 1),
        ] as [(Threshold.Aggregate, Int)]
    )
    func floors(aggregate: Threshold.Aggregate, floor: Int) throws {
        let condition = gate(.metric(.ttft), aggregate, .less, 2 * millisecond)
        #expect(condition.judge(try run(alike(floor, 1))).outcome == .passed)
        let short = condition.judge(try run(alike(floor - 1, 1)))
        #expect(short.isUnjudged && short.lacksSamples && short.floor == floor)
        guard floor > 1 else { return }
        #expect(short.value == millisecond)
        #expect(short.sentence.contains("\(aggregate.name) needs \(Units.count(floor))"))
    }

    @Test(
        "a share has the floor of the percentile it speaks of, a number has none",
        arguments: [
            (0.5, 11), (0.1, 64), (0.05, 130), (0.01, 662), (0.001, 6_636), (0.9, 64), (1, 662),
        ] as [(Double, UInt64)]
    )
    func shareFloors(bound: Double, floor: UInt64) throws {
        var result = try run([])
        let condition = gate(.failures, .share, .less, bound)
        result.counts.completed = floor
        #expect(condition.judge(result).outcome == .passed)
        result.counts.completed = floor - 1
        #expect(condition.judge(result).lacksSamples)
        result.counts.completed = 1
        #expect(gate(.failures, .count, .less, 1).judge(result).outcome == .passed)
    }

    @Test("that none fails, or all meet the objectives, takes the samples of one in a hundred")
    func endsOfShares() throws {
        for (count, outcome) in [(1, .notJudged), (661, .notJudged), (662, .passed)]
            as [(UInt64, ThresholdResult.Outcome)]
        {
            var result = try run([])
            result.counts.completed = count
            var objectives = ObjectiveCounts()
            objectives.good = count
            result.counts.objectives = objectives
            let gates = [
                gate(.failures, .share, .atMost, 0), gate(.failures, .share, .equal, 0),
                gate(.attainment, .share, .atLeast, 1), gate(.attainment, .share, .equal, 1),
            ]
            for gate in gates {
                let judged = gate.judge(result)
                #expect(judged.outcome == outcome && judged.floor == 662, "\(gate) of \(count)")
            }
            result.counts.failed = 1
            result.counts.objectives?.bad = 1
            #expect(gates.allSatisfy { $0.judge(result).outcome == .missed })
        }
        var one = try run([])
        one.counts.completed = 1
        #expect(gate(.failures, .share, .less, 1).judge(one).outcome == .notJudged)
        let exact = gate(.failures, .share, .less, 0.000_05).judge(one)
        #expect(exact.sentence.contains("a share of 0.005 % needs 132,765;"), "\(exact.sentence)")
    }

    @Test("a rate takes as many of what it counts as a mean, and is missed where those would be")
    func rateFloors() throws {
        for (count, outcome) in [(1, .notJudged), (10, .notJudged), (11, .passed)]
            as [(UInt64, ThresholdResult.Outcome)]
        {
            var result = try run([])
            result.counts.started = count
            result.counts.completedInWindow = count
            let judged = gate(.requests, .rate, .greater, 0.05).judge(result)
            #expect(judged.outcome == outcome && judged.floor == 11, "\(count)")
            #expect(judged.lacksSamples == (outcome == .notJudged))
            // Ten seconds are too few for 11 of them to come at 1.1 a second.
            let missed = gate(.requests, .rate, .greater, 1.1).judge(result)
            #expect(missed.outcome == .missed && missed.value == Double(count) / 10)
            #expect(gate(.requests, .rate, .less, 0.05).judge(result).outcome != .passed)
        }
        var two = try run([])
        (two.counts.started, two.counts.completedInWindow) = (2, 2)
        #expect(
            gate(.requests, .rate, .greater, 1.1).judge(two).sentence
                == "0.200/s of 2 requests in 10.0 s; rate needs 11, but as many in that time would "
                + "miss it too"
        )
    }

    @Test("with too few samples a gate is missed only if no others could change that")
    func missedShort() throws {
        // Of 662 samples the 656th is the p99: seven above the bound are too many.
        let condition = gate(.metric(.ttft), .percentile(99), .less, 2 * millisecond)
        #expect(condition.judge(try run(alike(6, 3))).isUnjudged)
        let missed = condition.judge(try run(alike(7, 3)))
        #expect(missed.outcome == .missed && !missed.lacksSamples)
        #expect(
            missed.sentence
                == "3.00 ms of 7 samples; p99 needs 662, but no more samples could change this"
        )
        // The same from the other side: of 64, the seventh from below is the p10.
        let low = gate(.metric(.ttft), .percentile(10), .greater, 2 * millisecond)
        #expect(low.judge(try run(alike(6, 1))).isUnjudged)
        #expect(low.judge(try run(alike(7, 1))).outcome == .missed)
        let mean = gate(.metric(.ttft), .average, .less, 2 * millisecond)
        #expect(mean.judge(try run(alike(1, 21))).isUnjudged)
        #expect(mean.judge(try run(alike(1, 22))).outcome == .missed)
        var failures = try run([])
        let share = gate(.failures, .share, .less, 0.01)
        failures.counts.failed = 6
        #expect(share.judge(failures).isUnjudged)
        failures.counts.failed = 7
        #expect(share.judge(failures).outcome == .missed)
    }

    // MARK: Waits that never ended

    @Test("waits that could push a percentile over its bound keep it from passing")
    func waits() throws {
        let condition = gate(.metric(.ttft), .percentile(90), .less, 2 * millisecond)
        // Of 1,000 the 900th is the p90: up to 100 waits stand above it.
        let few = condition.judge(try run(alike(900, 1), waits: alike(100, 0.5)))
        #expect(few.outcome == .passed && few.unfinished == 100)
        #expect(few.sentence == "1.00 ms of 900 samples and 100 waits that never ended")
        let many = condition.judge(try run(alike(900, 1), waits: alike(101, 0.5)))
        #expect(many.isUnjudged && !many.lacksSamples && many.value == millisecond)
        #expect(many.sentence.contains("how long those would have taken decides: let them end"))
        // Their age alone decides once it is beyond the bound.
        let old = condition.judge(try run(alike(900, 1), waits: alike(101, 30)))
        #expect(old.outcome == .missed)
        #expect(try #require(old.value) / millisecond > 29)
        #expect(
            old.sentence == "30.0 ms of 900 samples and 101 waits that never ended, counted as "
                + "long as they had lasted"
        )
        // Without one sample the waits are all there is.
        let none = condition.judge(try run([], waits: alike(64, 30)))
        #expect(none.outcome == .missed && none.samples == 0)
        #expect(condition.judge(try run([], waits: alike(64, 1))).isUnjudged)
        // From below they can't hurt.
        let above = gate(.metric(.ttft), .percentile(90), .greater, 0.5 * millisecond)
        #expect(above.judge(try run(alike(900, 1), waits: alike(101, 0.9))).outcome == .passed)
    }

    @Test("avg and max count a wait as long as it had lasted, avg only where that makes it worse")
    func waitsInMeans() throws {
        let mean = gate(.metric(.ttft), .average, .less, 2 * millisecond)
        #expect(mean.judge(try run(alike(100, 1), waits: [3])).outcome == .passed)
        #expect(mean.judge(try run(alike(100, 1), waits: [300])).outcome == .missed)
        #expect(mean.judge(try run(alike(100, 3), waits: alike(900, 0.1))).isUnjudged)
        let most = gate(.metric(.ttft), .greatest, .less, 2 * millisecond)
        #expect(most.judge(try run([1], waits: [1.5])).outcome == .passed)
        #expect(most.judge(try run([1], waits: [2.5])).outcome == .missed)
        #expect(most.judge(try run([], waits: [1.5])).isUnjudged)
        let least = gate(.metric(.ttft), .least, .greater, 2 * millisecond)
        #expect(least.judge(try run([3], waits: [2.5])).outcome == .passed)
        #expect(least.judge(try run([3], waits: [1])).isUnjudged)
        #expect(least.judge(try run([1.5], waits: [9])).outcome == .missed)
    }

    @Test(
        "no completion of what is missing contradicts an outcome",
        arguments: 1...60 as ClosedRange<UInt64>
    )
    func oracle(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func times(_ most: Double) -> [Double] {
            (0..<Int(random.unit() * most)).map { _ in (random.unit() * 500).rounded() + 1 }
        }
        let percentile = [10, 25, 50, 80, 90][Int(random.unit() * 5)]
        let (samples, waits) = (times(100), times(20))
        let comparison = Threshold.Comparison.allCases[Int(random.unit() * 4)]
        let bound = (random.unit() * 500).rounded() + 0.5
        let judged = gate(
            .metric(.ttft),
            .percentile(Double(percentile)),
            comparison,
            bound * millisecond
        )
        .judge(try run(samples, waits: waits))
        let missing = max(0, Int(judged.floor) - samples.count - waits.count)
        // The extremes: all that is unknown as little, or as much, as it can be.
        let least = samples + waits + alike(missing, 0)
        let most = samples + alike(waits.count + missing, 1e9)
        func holds(_ all: [Double]) -> Bool {
            let rank = max(1, (percentile * all.count + 99) / 100)
            let value = all.sorted()[rank - 1]
            // Whole milliseconds and bounds between them: no cell of the histogram holds both.
            return comparison.holds(value...value, bound) == true
        }
        guard !samples.isEmpty || !waits.isEmpty else { return #expect(judged.isUnjudged) }
        switch (holds(least), holds(most)) {
        case (true, true):
            let isEnough = samples.count >= judged.floor
            #expect(judged.outcome == (isEnough ? .passed : .notJudged))
        case (false, false): #expect(judged.outcome == .missed)
        default: #expect(judged.isUnjudged)
        }
    }
}

@Suite struct ThresholdWatchTests {
    @Test("a gate ends the run when it is missed, after its delay, and only if it says abort")
    func aborts() throws {
        var standing = try run(alike(700, 3))
        let bound = 2 * millisecond
        func watch(_ gates: Threshold...) -> ThresholdWatch { ThresholdWatch(gates) }
        let patient = gate(.metric(.ttft), .percentile(99), .less, bound)
        let abrupt = gate(.metric(.ttft), .percentile(99), .less, bound, abortAfter: 0)
        let delay = Nanoseconds.seconds(20)
        let delayed = gate(.metric(.ttft), .percentile(99), .less, bound, abortAfter: delay)
        var watches = [watch(patient), watch(patient, abrupt), watch(delayed)]
        #expect(watches.map(\.canAbort) == [false, true, true])
        let first = watches.indices.map { watches[$0].shouldAbort(standing) }
        #expect(first == [false, true, false])
        standing.measured = delay
        let later = watches[2].shouldAbort(standing)
        #expect(later)
        standing.measured = 0
        var early = watch(abrupt)
        let inRamp = early.shouldAbort(standing)
        #expect(!inRamp, "nothing is measured in ramp and warm-up")
        var content = watch(gate(.metric(.ttft), .percentile(99), .less, 1e9, abortAfter: 0))
        standing.measured = delay
        let isOver = content.shouldAbort(standing)
        #expect(!isOver)
    }

    @Test("a gate that ended the run stays missed, whatever came while it ended")
    func staysMissed() throws {
        let bound = 2 * millisecond
        let abrupt = gate(.metric(.ttft), .percentile(50), .less, bound, abortAfter: 0)
        let other = gate(.metric(.ttft), .greatest, .less, 1e9)
        var watch = ThresholdWatch([other, abrupt])
        let isOver = watch.shouldAbort(try run(alike(700, 3)))
        #expect(isOver)
        let results = watch.results(try run(alike(700, 3) + alike(7_000, 1)))
        #expect(results.map(\.outcome) == [.passed, .missed])
        #expect(results.map(\.hasEndedRun) == [false, true])
        #expect(results[1].samples == 700)
        #expect(results[1].sentence == "ended the run after 10.0 s: 3.00 ms of 700 samples")
    }

    @Test("what stands of the gates is told in one sentence, or not at all")
    func complaint() throws {
        let passed = gate(.metric(.ttft), .greatest, .less, 1e9)
        let missed = gate(.metric(.ttft), .greatest, .less, 1)
        let unjudged = gate(.metric(.e2e), .greatest, .less, 1)
        let result = try run(alike(5, 1))
        func results(_ gates: Threshold...) -> [ThresholdResult] {
            ThresholdWatch(gates).results(result)
        }
        #expect(results().complaint == nil && results(passed).complaint == nil)
        #expect(
            results(unjudged, missed, passed, missed).complaint
                == "threshold missed: 'ttft:max<1.0', 'ttft:max<1.0'; "
                + "threshold not judged: 'e2e:max<1.0'"
        )
        #expect(results(missed).isMissed && !results(missed).isUnjudged)
        #expect(results(unjudged).isUnjudged && !results(unjudged).isMissed)
    }
}

@Suite struct ThresholdOutputTests {
    private static func results(_ result: RunResult) -> [ThresholdResult] {
        ThresholdWatch([
            gate(
                .metric(.ttft),
                .percentile(95),
                .less,
                500 * millisecond,
                written: "ttft:p(95)<500ms"
            ),
            gate(
                .metric(.tpot),
                .average,
                .less,
                25 * millisecond,
                abortAfter: 0,
                written: "tpot:avg<25ms,abort"
            ),
            gate(
                .metric(.e2e),
                .percentile(99.9),
                .less,
                20_000 * millisecond,
                abortAfter: 0,
                written: "e2e:p99.9<20s,abort,delay=10s"
            ),
            gate(.metric(.connect), .greatest, .less, 1, written: "connect:max<1ns"),
        ]).results(result)
    }

    @Test("they follow the verdict, before all else: a mark, a word and a sentence each")
    func section() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let thresholds = Self.results(result)
        let verdict = Verdict(reasons: [])
        let report = TextReport(result, verdict: verdict, thresholds: thresholds, color: false)
            .render()
        let expected = """
            verdict           valid

            Thresholds
              ✓ passed      ttft:p(95)<500ms     290 ms of 1,010 samples and 12 waits that
                                                 never ended
              ✗ missed      tpot:avg<25ms,abort  50.0 ms of 1,000 samples (usage)
              ? not judged  e2e:p99.9<20s,abort,delay=10s
                                                 11.0 s of 1,000 samples: p99.9 needs 6,636;
                                                 measure longer, or with more streams
              ? not judged  connect:max<1ns      nothing to judge: no connect was measured


            """
        #expect(report.hasPrefix(expected), "\(report.prefix(1_000))")
        let plain = TextReport(result, verdict: verdict, color: false).render()
        #expect("verdict           valid\n" + report.dropFirst(expected.count) == plain)
        for line in expected.split(separator: "\n" as Character) { #expect(line.count <= 80) }
    }

    @Test("colours tell the same as mark and word")
    func colors() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let thresholds = Self.results(result)
        let verdict = Verdict(reasons: [])
        let painted = TextReport(result, verdict: verdict, thresholds: thresholds, color: true)
            .render()
        for mark in ["32m✓ passed", "31m✗ missed", "1m? not judged"] {
            #expect(painted.contains("\u{1b}[\(mark)"), "\(mark)")
        }
    }

    @Test("a run that a gate ended says so")
    func ended() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.isAborted = true
        let report = TextReport(result, verdict: Verdict(reasons: []), color: false).render()
        #expect(
            report.contains("interrupted       by a threshold after 10.0 s of 10 s of the measured")
        )
    }

    @Test("the result file holds them as the schema says, and nothing where there are none")
    func file() throws {
        let result = SampleRun.full(try SampleRun.plan())
        var thresholds = Self.results(result)
        thresholds[1].hasEndedRun = true
        let context = RunContext(toolVersion: "1")
        let verdict = Verdict(reasons: [])
        let file = ResultFile(
            result,
            verdict: verdict,
            thresholds: thresholds,
            context: context
        )
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
        let records = try #require(file.document.thresholds)
        #expect(records.map(\.outcome) == ["passed", "missed", "not_judged", "not_judged"])
        #expect(records.map(\.metric) == ["ttft", "tpot", "e2e", "connect"])
        #expect(records.map(\.aggregate) == ["p95", "avg", "p99.9", "max"])
        #expect(records.map(\.operator) == ["<", "<", "<", "<"])
        #expect(records.map(\.bound) == [5e8, 25e6, 20e9, 1])
        #expect(records.map(\.samples) == [1_010, 1_000, 1_000, 0])
        #expect(records.map(\.floor) == [130, 11, 6_636, 1])
        #expect(records.map(\.unfinished) == [12, nil, nil, nil])
        #expect(records.map(\.endedRun) == [nil, true, nil, nil])
        #expect(records[3].value == nil)
        for record in records.prefix(3) {
            let value = try #require(record.value)
            #expect(value == value.rounded() && value > 0)
        }
        let without = ResultFile(result, verdict: verdict, context: context)
        #expect(without.document.thresholds == nil)
    }
}
