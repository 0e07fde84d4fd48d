// What comparisons say: of runs that are alike, of a difference in one figure, of too little data,
// of what must not be compared; and how gates are read and judged.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

/// Latencies of `seconds` seconds, `rate` a second, between 100 and 200 ms times `factor`.
private func series(seconds: Int, rate: Int, factor: Double, seed: UInt64) -> LatencySeries {
    var random = SeededRandom(seed: seed)
    return LatencySeries(
        (0..<seconds).map { _ in
            snapshot((0..<rate).map { _ in Int64(factor * (100e6 + 100e6 * random.unit())) })
        }
    )
}

private func rate(_ mean: Double, seconds: Int, seed: UInt64) -> RateSeries {
    var random = SeededRandom(seed: seed)
    let values = (0..<seconds).map { _ in mean * (0.95 + 0.1 * random.unit()) }
    return RateSeries(rate: values.reduce(0, +) / Double(seconds), intervals: values)
}

private func run(
    _ name: String,
    seed: UInt64,
    ttft: Double = 1,
    requests: Double = 100,
    failures: Double = 0,
    seconds: Int = 30,
    perSecond: Int = 100
) -> ComparedRun {
    var run = ComparedRun(name: name, id: name)
    run.latencies[.ttft] = series(seconds: seconds, rate: perSecond, factor: ttft, seed: seed)
    run.latencies[.e2e] = series(seconds: seconds, rate: perSecond, factor: 9, seed: seed + 1_000)
    run.rates[.requests] = rate(requests, seconds: seconds, seed: seed + 2_000)
    let whole = Double(perSecond * seconds)
    run.shares[.failures] = ShareSeries(
        part: failures * whole,
        whole: whole,
        intervals: (0..<seconds).map { _ in (failures * Double(perSecond), Double(perSecond)) }
    )
    run.cpuPerEvent = 5_000 + Double(seed)
    return run
}

private func compare(
    _ base: ComparedRun...,
    with new: [ComparedRun],
    gates: [String] = []
) throws -> Comparison {
    var options = ComparisonOptions()
    options.gates = try gates.map { try ComparisonGate(reading: $0) }
    return try Comparison(base: base, new: new, options: options)
}

extension Comparison {
    fileprivate func row(_ name: String) throws -> ComparisonRow {
        try #require(rows.first { $0.figure.name == name })
    }
}

@Suite("Comparison") struct CompareTests {
    // MARK: Words

    @Test("runs that are alike are neither worse nor better in anything") func alike() throws {
        let comparison = try compare(run("a", seed: 1), with: [run("b", seed: 2)])
        #expect(comparison.outcome == .passed && comparison.method == .seconds)
        #expect(comparison.rows.allSatisfy { $0.finding != .worse && $0.finding != .better })
        let failures = try comparison.row("failures.share")
        #expect(failures.difference == 0 && failures.finding == .same)
        let names = comparison.rows.map(\.figure.name)
        #expect(
            names == [
                "ttft.p50", "ttft.p90", "ttft.p99", "e2e.p50", "e2e.p90", "e2e.p99",
                "requests.rate", "failures.share", "client.cpu_ns_per_event",
            ]
        )
    }

    @Test("what is slower is worse, the other way round it is better, and nothing else is said")
    func slower() throws {
        let (slow, fast) = (run("slow", seed: 1, ttft: 1.2), run("fast", seed: 2))
        let worse = try compare(fast, with: [slow])
        #expect(worse.outcome == .regression)
        let found = worse.rows.filter { $0.finding == .worse }.map(\.figure.name)
        #expect(found == ["ttft.p50", "ttft.p90", "ttft.p99"])
        let row = try worse.row("ttft.p99")
        #expect(row.interval?.contains(0.2) == true && row.interval?.contains(0.1) == false)
        #expect((row.probability ?? 1) < 0.001)
        let better = try compare(slow, with: [fast])
        #expect(better.outcome == .passed)
        #expect(better.rows.filter { $0.finding == .better }.count == 3)
        let difference = try better.row("ttft.p50").difference ?? 0
        let opposite = try worse.row("ttft.p50").difference ?? 0
        #expect(abs((1 + difference) * (1 + opposite) - 1) < 1e-9)
    }

    @Test("fewer requests a second and more failures are worse") func directions() throws {
        let new = run("new", seed: 2, requests: 80, failures: 0.05)
        let comparison = try compare(run("base", seed: 1), with: [new])
        #expect(try comparison.row("requests.rate").finding == .worse)
        let failures = try comparison.row("failures.share")
        #expect(failures.finding == .worse && abs((failures.difference ?? 0) - 0.05) < 1e-9)
    }

    @Test("differences up to the margin never count, however sure they are") func margin() throws {
        var options = ComparisonOptions()
        let (base, new) = (
            run("a", seed: 1, perSecond: 2_000), run("b", seed: 2, ttft: 1.03, perSecond: 2_000)
        )
        let one = try Comparison(base: [base], new: [new], options: options)
        #expect(try one.row("ttft.p50").finding == .worse)
        options.margin = 0.05
        let five = try Comparison(base: [base], new: [new], options: options)
        #expect(try five.row("ttft.p50").finding == .same)
        #expect(five.outcome == .passed)
    }

    @Test("the same files give the same comparison") func repeatable() throws {
        let (base, new) = (run("a", seed: 1), run("b", seed: 2))
        let texts = try (0..<2).map { _ in
            ComparisonReport(try compare(base, with: [new])).text()
        }
        #expect(texts[0] == texts[1])
    }

    // MARK: Too little

    @Test("a percentile without its samples, and a run of few seconds, are not judged")
    func tooLittle() throws {
        let few = run("few", seed: 1, perSecond: 10)
        let sparse = try compare(few, with: [run("b", seed: 2, perSecond: 10)])
        let p99 = try sparse.row("ttft.p99")
        #expect(p99.interval == nil && p99.finding == .unclear && p99.base != nil)
        #expect(p99.reason.contains("needs 662 samples"))
        #expect(try sparse.row("ttft.p90").interval != nil)
        let short = try compare(
            run("a", seed: 1, seconds: 7),
            with: [run("b", seed: 2, seconds: 7)]
        )
        #expect(try short.row("ttft.p50").reason.contains("fewer than 8 intervals"))
        #expect(try short.row("requests.rate").reason.contains("fewer than 8 intervals"))
        let cost = try short.row("client.cpu_ns_per_event")
        #expect(cost.difference != nil && cost.interval == nil)
        #expect(cost.reason.contains("3 runs a side"))
        #expect(short.outcome == .unjudged && sparse.outcome == .passed)
    }

    @Test("what looks like a difference and can't be told says how much longer it would take")
    func longer() throws {
        let base = run("a", seed: 1, seconds: 12, perSecond: 6)
        let new = run("b", seed: 2, ttft: 1.1, seconds: 12, perSecond: 6)
        let comparison = try compare(base, with: [new])
        let row = try comparison.row("ttft.p50")
        #expect(row.finding == .unclear && (row.difference ?? 0) > 0.01)
        let longer = try #require(row.longer)
        #expect(longer > 1)
        let words = "ttft.p50: a difference of this size would be told with"
        #expect(ComparisonReport(comparison).text().contains(words))
    }

    // MARK: Between runs

    @Test("with three runs a side they are held against each other, the client's cost too")
    func betweenRuns() throws {
        let base = (1...3).map { run("base\($0)", seed: UInt64($0)) }
        let new = (4...6).map { run("new\($0)", seed: UInt64($0), ttft: 1.2) }
        let comparison = try Comparison(base: base, new: new)
        #expect(comparison.method == .runs)
        #expect(try comparison.row("ttft.p99").finding == .worse)
        let cost = try comparison.row("client.cpu_ns_per_event")
        #expect(cost.interval != nil && cost.finding == .same)
        let two = try Comparison(base: Array(base.prefix(2)), new: new)
        #expect(two.method == .seconds)
    }

    // MARK: What isn't compared

    @Test("a run isn't compared with itself, nor unlike plans, nor invalid runs, unless told")
    func refusals() throws {
        let base = run("a.json", seed: 1)
        func refusal(_ new: ComparedRun) -> ComparisonRefusal? {
            do throws(ComparisonRefusal) {
                _ = try Comparison(base: [base], new: [new])
                return nil
            } catch { return error }
        }
        var same = run("copy.json", seed: 2)
        same.identities = base.identities
        #expect(refusal(same)?.sentence.contains("are the same run") == true)
        var unlike = run("b.json", seed: 2)
        unlike.plan["streams"] = .number(10_000)
        let sentence = refusal(unlike)?.sentence ?? ""
        #expect(
            sentence.contains("unlike (streams: none and 10,000): ")
                && sentence.contains("--allow-unlike")
        )
        var invalid = run("c.json", seed: 2)
        invalid.verdict = Verdict(
            reasons: [
                Verdict.Reason(
                    code: "loop_busy",
                    state: .invalid,
                    sentence: "the client was busy.",
                    value: 1,
                    bound: 0.8
                )
            ]
        )
        let disbelief = refusal(invalid)
        #expect(disbelief?.isDisbelief == true)
        #expect(disbelief?.sentence.contains("the client was busy; repeat it") == true)
        var options = ComparisonOptions()
        (options.allowsUnlike, options.allowsInvalid) = (true, true)
        let warned = try Comparison(base: [base], new: [unlike, invalid], options: options)
        #expect(warned.warnings.count == 2)
    }

    @Test("plans are alike where only place, seed and length differ") func plans() throws {
        let plan = try SampleRun.plan()
        var other = plan
        other.request.host = "other.example"
        other.seed = 99
        other.duration = Nanoseconds.seconds(99)
        func compared(_ plan: RunPlan) -> ComparedRun {
            ComparedRun(SampleRun.full(plan), verdict: Verdict(reasons: []), name: "", id: "")
        }
        #expect(PlanDifference.between(compared(plan), compared(other)) == [])
        other.streams = 7
        other.request.target = "/v1/completions?key=canary"
        let differences = PlanDifference.between(compared(plan), compared(other))
        #expect(differences.map(\.field) == ["path", "request_digest", "streams"])
        #expect(differences.first?.new == "/v1/completions")
    }

    @Test("differences of plans are readable, member by member where there are several")
    func planWords() throws {
        var plan = try SampleRun.plan()
        plan.timeouts.idle = Nanoseconds.seconds(30)
        plan.timeouts.total = Nanoseconds.seconds(90)
        var other = plan
        other.streams = 10
        other.keepAlive = false
        other.timeouts.idle = Nanoseconds.milliseconds(2_500)
        other.timeouts.total = nil
        other.limits.eventBytes = 4_096
        other.tls = TLSClientOptions()
        other.objectives = ServiceObjectives([
            Objective(metric: .ttft, greatest: 49_999_999, text: "ttft<50ms"),
            Objective(metric: .e2e, greatest: 249_999_999, text: "e2e<250ms"),
        ])
        other.stages = LoadLine(
            from: 0,
            stages: [
                LoadStage(duration: Nanoseconds.seconds(30), target: 5),
                LoadStage(duration: Nanoseconds.milliseconds(7_500), target: 1),
            ]
        )
        func compared(_ plan: RunPlan) -> ComparedRun {
            ComparedRun(SampleRun.full(plan), verdict: Verdict(reasons: []), name: "", id: "")
        }
        let words = PlanDifference.between(compared(plan), compared(other))
            .map { "\($0.field): \($0.base) and \($0.new)" }
        #expect(
            words == [
                "keepalive: yes and no", "limits.event_bytes: 4,194,304 and 4,096",
                "ramp_down_s: none and 30", "slo: none and ttft<50ms,e2e<250ms",
                "stages: none and for 30 s to 5,for 7.5 s to 1", "streams: 1,000 and 10",
                "timeouts.idle_s: 30 and 2.5", "timeouts.total_s: 90 and none",
                "tls: none and verify yes",
            ]
        )
    }

    @Test("a result's figures are taken over as the report has them") func taken() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let run = ComparedRun(result, verdict: Verdict(reasons: []), name: "r", id: "")
        #expect(run.latencies[.ttft]?.whole == result.histograms[.ttft])
        #expect(run.latencies[.ttft]?.intervals.count == 1)
        #expect(run.latencies[.ttft]?.unfinished == 12)
        #expect(run.rates[.requests]?.rate == 95)
        #expect(run.rates[.goodput] == nil)
        #expect(run.shares[.failures]?.part == 10 && run.shares[.failures]?.whole == 1_010)
    }

    // MARK: Gates

    @Test("a gate fails, passes or is not judged as the whole interval says") func gates() throws {
        let (base, new) = (run("a", seed: 1), run("b", seed: 2, ttft: 1.2))
        let comparison = try compare(
            base,
            with: [new],
            gates: [
                "ttft.p50 > +10%", "ttft.p50>+40%", "ttft.p50 > 20%", "e2e.p95>+10%",
                "failures.share>1%", "goodput.rate<-5%",
            ]
        )
        #expect(
            comparison.gates.map(\.outcome) == [
                .failed, .passed, .notJudged, .passed, .passed, .notJudged,
            ]
        )
        #expect(comparison.outcome == .regression)
        #expect(comparison.gates[2].sentence.contains("the bound lies inside"))
        #expect(comparison.gates[5].sentence.contains("has no goodput"))
        #expect(try comparison.row("e2e.p95").interval != nil)
        let passed = try compare(base, with: [new], gates: ["e2e.p50>+10%"])
        #expect(passed.outcome == .passed, "what is worse beside the gates doesn't fail them")
        let unjudged = try compare(base, with: [new], gates: ["ttft.p50>20%", "e2e.p50>+10%"])
        #expect(unjudged.outcome == .unjudged)
    }

    @Test(
        "gates are read with either sign and any percentile",
        arguments: [
            ("ttft.p99 > +10%", "ttft.p99", true, 0.1),
            ("tokens.rate<-5%", "tokens.rate", false, -0.05),
            ("gap.p99.9>2.5%", "gap.p99.9", true, 0.025),
            ("attainment<-1%", "attainment", false, -0.01),
            ("client.cpu_ns_per_event>20%", "client.cpu_ns_per_event", true, 0.2),
            ("ttft.p50 > 0%", "ttft.p50", true, 0), ("tokens.rate < -0%", "tokens.rate", false, 0),
        ]
    )
    func reading(text: String, figure: String, isAbove: Bool, bound: Double) throws {
        let gate = try ComparisonGate(reading: text)
        #expect(gate.figure.name == figure && gate.isAbove == isAbove)
        #expect(abs(gate.bound - bound) < 1e-12)
    }

    @Test(
        "what can't be a gate is refused with what would be right",
        arguments: [
            ("ttft.p99", "compares nothing"), ("ttft.p99>=10%", "isn't a difference"),
            ("ttft.p99=10%", "must use > or <"), ("ttft>10%", "'ttft' isn't one of ttft.p50, "),
            ("ttft.p0>10%", "'ttft.p0'"), ("headers.p50>10%", "'headers.p50'"),
            ("ttft.p99>10", "isn't a difference in per cent"), ("ttft.p99>x%", "'x%'"),
            ("ttft.p99<-100%", "more than all"), ("ttft.p99>nan%", "'nan%'"),
            ("ttft.p0x32>10%", "'ttft.p0x32'"), ("ttft.p+50>10%", "'ttft.p+50'"),
            ("ttft.p5e1>10%", "'ttft.p5e1'"), ("ttft.p99>0x10%", "'0x10%'"),
            ("ttft.p99>1e1%", "'1e1%'"), ("ttft.p99>+-10%", "'+-10%'"),
            ("ttft.p99 < +10%", "not what passes: write 'ttft.p99 > +10%'"),
            ("ttft.p99 > -10%", "'ttft.p99 < -10%' where less does"),
            ("ttft.p99 < 10%", "not what passes"),
        ]
    )
    func refused(text: String, part: String) {
        do throws(ComparisonGateError) {
            let gate = try ComparisonGate(reading: text)
            Issue.record("'\(text)' was read as \(gate)")
        } catch {
            #expect(error.description.contains(part), "\(error)")
            #expect(error.description.contains("'ttft.p99 > +10%'"))
        }
    }

    // MARK: Shown

    @Test("the text says what is worse, and fits a terminal") func text() throws {
        let new = run("new.json", seed: 2, ttft: 1.2)
        let comparison = try compare(
            run("base.json", seed: 1),
            with: [new],
            gates: ["ttft.p50>+10%"]
        )
        let text = ComparisonReport(comparison).text()
        #expect(text.contains("NEW is worse in ttft.p50, ttft.p90, ttft.p99."))
        #expect(text.contains("✗ failed ttft.p50>+10%"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test("a name can't break a markdown table or bring markup") func markdown() throws {
        let comparison = try compare(
            run("a|b`<script>.json", seed: 1),
            with: [run("b\u{1b}[2J.json", seed: 2)]
        )
        let markdown = ComparisonReport(comparison).markdown()
        // In a code span nothing is markup, and nothing has to be escaped.
        let outside = markdown.replacing(#/`[^`\n]*`/#, with: "")
        #expect(!outside.contains("<script>") && !markdown.contains("\u{1b}"))
        #expect(markdown.contains("base `a|b'<script>.json`, new `b"))
        let rows = markdown.split(separator: "\n").filter { $0.hasPrefix("|") }
        #expect(rows.count == comparison.rows.count + 2)
        #expect(rows.allSatisfy { $0.filter { $0 == "|" }.count == 7 })
    }

    @Test("a gate stands in markdown as it was written") func markdownGate() throws {
        let comparison = try compare(
            run("a", seed: 1),
            with: [run("b", seed: 2)],
            gates: ["requests.rate<-5%"]
        )
        #expect(ComparisonReport(comparison).markdown().contains(" `requests.rate<-5%`: "))
    }

    @Test("the JSON holds every row and gate, and no figure that JSON can't hold") func json()
        throws
    {
        let comparison = try compare(
            run("a", seed: 1),
            with: [run("b", seed: 2, ttft: 1.2)],
            gates: ["ttft.p50>+10%"]
        )
        let bytes = try ComparisonReport(comparison).json()
        let document = try JSONDecoder().decode(ComparisonDocument.self, from: Data(bytes))
        #expect(document == ComparisonDocument(comparison))
        #expect(document.outcome == "regression" && document.method == "seconds")
        #expect(document.rows.map(\.figure) == comparison.rows.map(\.figure.name))
        #expect(document.rows.first { $0.figure == "ttft.p50" }?.finding == "worse")
        #expect(document.gates.first?.outcome == "failed")
    }

    // MARK: Repeats

    @Test("repeats have a line each, and a spread with their number") func repeats() {
        let runs = (1...3).map { run("r\($0)", seed: UInt64($0)) }
        let line = RepeatReport.line(runs[0], number: 1, of: 3)
        #expect(line.hasPrefix("1/3  valid  ttft.p50 1") && line.contains(" requests/s\n"))
        #expect(!line.contains("failures"), "none failed")
        let spread = RepeatReport.spread(runs)
        #expect(spread.contains("Between 3 runs"))
        let cost = spread.split(separator: "\n").first { $0.contains("cpu_ns") } ?? ""
        #expect(cost.split(separator: " ").dropFirst().first == "3")
        #expect(cost.contains("5,001ns") && cost.contains("5,002ns") && cost.contains("5,003ns"))
    }
}
