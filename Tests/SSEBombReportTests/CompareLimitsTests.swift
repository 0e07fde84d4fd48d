// Where comparisons are easily too sure, or say nothing: figures that are alike in every run,
// counts of 0, runs of one second, and what merged results bring.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

private func run(_ name: String) -> ComparedRun { ComparedRun(name: name, id: name) }

/// A run of 20 s with so many a second in each.
private func run(_ name: String, goodput: Double) -> ComparedRun {
    var run = run(name)
    let intervals = (0..<20).map { goodput * ($0 % 2 == 0 ? 0.9 : 1.1) }
    run.rates[.goodput] = RateSeries(rate: goodput, seconds: 20, intervals: intervals)
    return run
}

/// A run of which so many of so many requests failed.
private func run(_ name: String, failed: Double, of whole: Double) -> ComparedRun {
    var run = run(name)
    run.shares[.failures] = ShareSeries(part: failed, whole: whole, intervals: [])
    return run
}

private func three(_ make: (String) -> ComparedRun, _ side: String) -> [ComparedRun] {
    (1...3).map { make("\(side)\($0)") }
}

private func compare(
    _ base: [ComparedRun],
    _ new: [ComparedRun],
    gates: [String] = []
) throws -> Comparison {
    var options = ComparisonOptions()
    options.gates = try gates.map { try ComparisonGate(reading: $0) }
    return try Comparison(base: base, new: new, options: options)
}

@Suite("Comparison at its limits") struct CompareLimitsTests {
    // MARK: Alike in every run

    @Test("no share is surer between runs than its number of requests allows") func shares() throws
    {
        let none = three({ run($0, failed: 0, of: 30) }, "a")
        let gates = ["failures.share > +1%"]
        let same = try compare(none, three({ run($0, failed: 0, of: 30) }, "b"), gates: gates)
        let interval = try #require(same.rows.first?.interval)
        // One of 92, as if one more of either kind were seen, over 90 requests on either side.
        let error = (2 * (1.0 / 92) * (91.0 / 92) / 90).squareRoot()
        let half = StudentT.quantile(twoSided: 0.05, freedom: 4) * error
        #expect(abs(interval.upperBound - half) < 1e-12 && abs(interval.lowerBound + half) < 1e-12)
        #expect(same.outcome == .unjudged && same.rows[0].finding == .unclear)
        let one = try compare(none, three({ run($0, failed: 1, of: 30) }, "b"), gates: gates)
        #expect(one.rows[0].interval?.contains(0) == true && one.rows[0].finding == .unclear)
        #expect(one.outcome == .unjudged)
        // Enough of them are sure.
        let sure = try compare(
            three({ run($0, failed: 0, of: 3_000) }, "a"),
            three({ run($0, failed: 100, of: 3_000) }, "b"),
            gates: gates
        )
        #expect(sure.outcome == .regression && sure.rows[0].finding == .worse)
    }

    @Test("a count that is the same in every run may be one more or less") func rates() throws {
        let few = try compare(
            three({ run($0, goodput: 0.15) }, "a"),
            three({ run($0, goodput: 0.1) }, "b")
        )
        // 3 and 2 in every run.
        #expect(few.rows[0].finding == .unclear && few.rows[0].interval?.contains(0) == true)
        let many = try compare(
            three({ run($0, goodput: 150) }, "a"),
            three({ run($0, goodput: 100) }, "b")
        )
        #expect(many.rows[0].finding == .worse)
    }

    @Test("a percentile that is the same in every run is as sure as its rank") func percentiles()
        throws
    {
        /// Of eleven requests some take 10 ms, the others 20 ms.
        func run(_ name: String, quick: Int) -> ComparedRun {
            var run = ComparedRun(name: name, id: name)
            let samples = Array(repeating: Int64(10_000_000), count: quick)
            let whole = snapshot(samples + Array(repeating: 20_000_000, count: 11 - quick))
            run.latencies[.ttft] = LatencySeries([whole])
            return run
        }
        let near = try compare(three({ run($0, quick: 6) }, "a"), three({ run($0, quick: 5) }, "b"))
        let row = try #require(near.rows.first { $0.figure == .percentile(.ttft, 50) })
        #expect((row.difference ?? 0) > 0.9 && row.finding == .unclear)
        #expect(row.interval?.contains(0) == true)
        let far = try compare(three({ run($0, quick: 11) }, "a"), three({ run($0, quick: 0) }, "b"))
        #expect(far.rows.first?.finding == .worse)
    }

    // MARK: 0

    @Test("what falls to 0 is worse, its gate fails, and its interval says what a silence allows")
    func fallen() throws {
        let gates = ["goodput.rate < -5%"]
        let comparison = try compare(
            [run("a", goodput: 70)],
            [run("b", goodput: 0)],
            gates: gates
        )
        let row = try #require(comparison.rows.first)
        #expect(comparison.outcome == .regression && row.finding == .worse)
        #expect(row.base == 70 && row.new == 0 && row.difference == -1 && row.reason.isEmpty)
        let interval = try #require(row.interval)
        let most = -log(0.025) / 20
        #expect(interval.lowerBound == -1)
        #expect(interval.upperBound > most / 70 - 1 && interval.upperBound < most / 60 - 1)
        #expect((row.probability ?? 1) < 1e-6)
        // With none where three were to be expected, little is said.
        let few = try compare([run("a", goodput: 0.15)], [run("b", goodput: 0)], gates: gates)
        #expect(few.outcome == .unjudged && few.rows[0].finding == .unclear)
        #expect((few.rows[0].probability ?? 0) > 0.05)
    }

    @Test("between runs a 0 keeps its row's values, in all runs of a side or in some")
    func fallenBetweenRuns() throws {
        let base = three({ run($0, goodput: 70) }, "a")
        let gates = ["goodput.rate < -5%"]
        let all = try compare(base, three({ run($0, goodput: 0) }, "b"), gates: gates)
        #expect(all.outcome == .regression && all.rows[0].finding == .worse)
        #expect(abs((all.rows[0].base ?? 0) - 70) < 1e-9 && all.rows[0].new == 0)
        let some = try compare(
            base,
            [run("b", goodput: 0), run("c", goodput: 60), run("d", goodput: 90)],
            gates: gates
        )
        #expect(some.rows[0].new == 50 && some.rows[0].interval?.contains(0) == true)
        #expect(some.outcome == .unjudged)
    }

    @Test("shares differ by no more than all, and what is all or nothing can't go beyond it")
    func wholeShares() throws {
        func side(_ failed: Double, _ name: String) -> [ComparedRun] {
            three({ run($0, failed: failed, of: 30) }, name)
        }
        let gates = ["failures.share > +1%", "failures.share < -1%"]
        let rise = try compare(side(0, "a"), side(30, "b"), gates: gates)
        #expect(rise.rows[0].difference == 1 && rise.rows[0].interval?.upperBound == 1)
        #expect(rise.gates.map(\.outcome) == [.failed, .passed])
        #expect(rise.gates[1].sentence == "it is 0 % in BASE, and can't fall")
        let fall = try compare(side(30, "a"), side(0, "b"), gates: gates)
        #expect(fall.rows[0].interval?.lowerBound == -1)
        #expect(fall.gates.map(\.outcome) == [.passed, .failed])
        #expect(fall.gates[0].sentence == "it is 100 % in BASE, and can't rise")
        let same = try compare(side(30, "a"), side(30, "b"), gates: gates)
        #expect(same.gates.map(\.outcome) == [.passed, .notJudged])
    }

    @Test("0 can't fall, a percentage of it has no value, and how much more it is at least is said")
    func fromZero() throws {
        let gates = ["goodput.rate < -5%", "goodput.rate > +900%", "goodput.rate > +1000000%"]
        let comparison = try compare(
            [run("a", goodput: 0)],
            [run("b", goodput: 70)],
            gates: gates
        )
        #expect(comparison.gates.map(\.outcome) == [.passed, .failed, .notJudged])
        #expect(comparison.gates[0].sentence == "it is 0 in BASE, and can't fall")
        let row = try #require(comparison.rows.first)
        #expect(row.difference == nil && row.finding == .better)
        #expect(row.interval?.upperBound == .infinity)
        #expect((row.interval?.lowerBound ?? 0) > 300)
        let text = ComparisonReport(comparison).text()
        #expect(text.contains("goodput.rate: it is 0 in BASE: a percentage of that has no value"))
        let json = try ComparisonReport(comparison).json()
        let document = try JSONDecoder().decode(ComparisonDocument.self, from: Data(json))
        #expect(document.rows[0].high == nil && document.rows[0].difference == nil)
        let both = try compare([run("a", goodput: 0)], [run("b", goodput: 0)], gates: gates)
        #expect(both.gates.map(\.outcome) == [.passed, .notJudged, .notJudged])
        #expect(both.rows[0].interval == nil && both.rows[0].base == 0)
        #expect(both.rows[0].reason.hasPrefix("it is 0 in BASE and in NEW"))
    }

    @Test("a silence's probability is that at which its interval ends at no difference")
    func silence() throws {
        let zero = SideEstimate(value: 0, silence: 20)
        let other = SideEstimate(value: 0.4, error: (0.04, 7))
        for sides in [(other, zero), (zero, other)] {
            let evidence = try #require(SilentDifference(sides.0, sides.1))
            let p = evidence.probability
            #expect(p > 0.001 && p < 0.1)
            #expect(evidence.interval(alpha: p * 0.99).contains(0))
            #expect(!evidence.interval(alpha: p * 1.01).contains(0))
        }
        #expect(SilentDifference(zero, zero) == nil)
    }

    // MARK: Intervals

    @Test("a run of a single second takes nothing from the runs beside it") func lone() throws {
        var random = SeededRandom(seed: 5)
        // Forty seconds, in stretches of ten that are alike.
        let seconds = (0..<40).map { second in
            let factor = second / 10 % 2 == 0 ? 1.0 : 1.3
            return snapshot((0..<50).map { _ in Int64(factor * (1e8 + 1e8 * random.unit())) })
        }
        var (long, lone) = (run("long"), run("lone"))
        long.latencies[.ttft] = LatencySeries(seconds)
        lone.latencies[.ttft] = LatencySeries([seconds[0]])
        func variance(_ runs: [ComparedRun]) throws -> Double {
            let side = ComparedSide(label: "BASE", runs: runs, isBetweenRuns: false)
            let figure = ComparedFigure.percentile(.ttft, 50)
            return try #require(side.estimates([figure])[figure]?.error).variance
        }
        let (alone, before, behind) = (
            try variance([long]), try variance([lone, long]), try variance([long, lone])
        )
        #expect(abs(before / behind - 1) < 0.2 && abs(before / alone - 1) < 0.2)
    }

    // MARK: Results

    @Test("rates of merged results vary as their common window does, and nothing before it")
    func merged() throws {
        let second = Nanoseconds.seconds(1)
        var result = SampleRun.full(try SampleRun.plan())
        result.startedAt = 100 * second
        // Alone for 6 s, together for 10 s, alone again.
        result.intervals = (0..<22).map { place in
            let completed: UInt64 = (6..<16).contains(place) ? 20 : 10
            var interval = RunInterval(
                startSeconds: place,
                started: completed,
                completed: completed,
                failed: 0,
                events: 0,
                tokenEvents: 0,
                inFlight: 0,
                busiest: 0,
                ttft: HistogramSnapshot(),
                gap: HistogramSnapshot(),
                failures: [:]
            )
            interval.completedInWindow = completed
            return interval
        }
        result.merged = MergedRun(
            parts: ["x", "y"],
            window: MergedRun.Window(start: 106 * second, end: 116 * second),
            isSameWindow: false,
            ranks: nil,
            measuredFrom: 100 * second
        )
        let run = ComparedRun(result, verdict: Verdict(reasons: []), name: "m", id: "own")
        let series = try #require(run.rates[.requests])
        #expect(series.rate == 20 && series.seconds == 10)
        #expect(series.intervals == Array(repeating: 20, count: 10))
        #expect(run.identities == ["x", "y"])
    }

    @Test("a run in the merged results of both sides is refused, and one beside its own merge")
    func identities() {
        func refusal(_ one: [String], _ other: [String]) -> String? {
            var (base, new) = (run("m12.json", goodput: 1), run("m13.json", goodput: 1))
            (base.identities, new.identities) = (one, other)
            do throws(ComparisonRefusal) {
                _ = try Comparison(base: [base], new: [new])
                return nil
            } catch { return error.sentence }
        }
        #expect(
            refusal(["b1", "b2"], ["b1", "b3"])
                == "m13.json and m12.json have a run in common (b1): name it once"
        )
        #expect(refusal(["b1", "b2"], ["b2"])?.contains("have a run in common (b2)") == true)
        #expect(refusal(["b1"], ["b1"])?.contains("are the same run") == true)
        #expect(refusal(["b1", "b2"], ["b3"]) == nil)
    }

    @Test("the share of failures is of all decided requests, cancelled ones among them, everywhere")
    func cancelled() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.counts.completed -= 200
        result.counts.cancelled = 200
        result.intervals[0].startSeconds = 5
        result.intervals[0].cancelled = 20
        let run = ComparedRun(result, verdict: Verdict(reasons: []), name: "r", id: "")
        let series = try #require(run.shares[.failures])
        #expect(series.part == 10 && series.whole == 1_010)
        #expect(series.intervals.map(\.whole) == [111])
        let gate = Threshold(
            expression: "failures:share<1",
            subject: .failures,
            aggregate: .share,
            comparison: .less,
            bound: 1
        )
        #expect(gate.judge(result).value == series.share)
        let bytes = try RunExport.k6.render(finished(result))
        let k6 = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
        let metrics = k6?["metrics"] as? [String: [String: Any]]
        func value(_ metric: String, _ name: String) -> Double? {
            (metrics?[metric]?["values"] as? [String: Any])?[name] as? Double
        }
        #expect(abs((value("http_req_failed", "rate") ?? 1) - series.share) < 1e-12)
        #expect(value("http_req_failed", "passes") == 10)
        #expect(value("http_req_failed", "fails") == 1_000)
        #expect(value("http_reqs", "count") == 1_010)
    }

    @Test("a run without an event has a rate of 0 tokens") func noEvents() throws {
        var result = SampleRun.empty(try SampleRun.plan())
        result.measured = Nanoseconds.seconds(10)
        func tokens() -> Double? {
            ComparedRun(result, verdict: Verdict(reasons: []), name: "r", id: "").rates[.tokens]?
                .rate
        }
        #expect(tokens() == 0)
        result.counts.events = 5
        #expect(tokens() == nil, "no API was recognised")
    }
}
