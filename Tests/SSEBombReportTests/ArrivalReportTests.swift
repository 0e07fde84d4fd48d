// Reports of the open load model on made-up runs: what the text says, that the file follows its
// schema, and each rule of the verdict just below its bound and just above it.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct ArrivalReportTests {
    /// A run that nothing speaks against: 500 arrivals a second for 20 s.
    private static func healthy(_ law: ArrivalLaw = .poisson) throws -> RunResult {
        var result = try VerdictTests.healthy()
        result.plan.arrivals = OpenLoad(rate: 500, law: law)
        result.plan.connectRate = 0
        result.histograms[.ttftSched] = spread(10_000, from: 190, to: 210)
        result.histograms[.e2eSched] = spread(10_000, from: 1_900, to: 2_100)
        var report = ArrivalReport(
            due: 10_000,
            span: Nanoseconds.seconds(20),
            pacingError: spread(10_000, from: 0.001, to: 0.08)
        )
        if law == .constant {
            report.greatestDeviation = 90_000
        } else {
            let times = (0..<9_999).map { -log(1 - (Double($0) + 0.5) / 9_999) }
            report.test = KolmogorovSmirnov(times) { law.cumulative($0) ?? 0 }
        }
        result.arrivals = report
        return result
    }

    private static func judged(_ change: (inout RunResult) -> Void) throws -> Verdict {
        var result = try healthy()
        change(&result)
        return Verdict.judge(result)
    }

    @Test(
        "few streams in flight are no fault where none were asked for, nor is lateness by waiting"
    )
    func valid() throws {
        let verdict = try Self.judged { result in
            for index in result.intervals.indices { result.intervals[index].inFlight = 10 }
            result.histograms[.sendLag] = spread(1_000, from: 1_000, to: 5_000)
            result.counts.waited = 900
        }
        #expect(verdict.reasons == [])
    }

    private static func drop(_ result: inout RunResult, _ dropped: UInt64) {
        result.counts.started -= dropped
        result.counts.completed -= dropped
        result.counts.dropped = dropped
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let code: String
        let state: Verdict.State
        let change: @Sendable (inout RunResult) -> Void
        var testDescription: String { "\(code), \(state)" }
    }

    static let cases = [
        Case(code: "dropped", state: .suspect) { drop(&$0, 1) },
        Case(code: "dropped", state: .suspect) { drop(&$0, 100) },
        Case(code: "rate_achieved", state: .suspect) { drop(&$0, 101) },
        Case(code: "rate_achieved", state: .suspect) { drop(&$0, 1_000) },
        Case(code: "rate_achieved", state: .invalid) { drop(&$0, 1_001) },
        Case(code: "rate_achieved", state: .invalid) { drop(&$0, 10_000) },
        Case(code: "pacing_error", state: .suspect) { pace(&$0, 10.3) },
        Case(code: "pacing_error", state: .invalid) { pace(&$0, 103) },
    ]

    private static func pace(_ result: inout RunResult, _ milliseconds: Double) {
        result.arrivals?.pacingError = spread(1_000, from: milliseconds - 0.1, to: milliseconds)
    }

    @Test("each rule has its bound, and stands alone", arguments: cases)
    func bounds(_ item: Case) throws {
        let verdict = try Self.judged(item.change)
        #expect(verdict.reasons.map(\.code) == [item.code] && verdict.state == item.state)
        let reason = try #require(verdict.reasons.first)
        #expect(reason.value > reason.bound && reason.sentence.hasSuffix("."))
    }

    @Test("what is within the bounds, or the doing of a signal, is not held against a run")
    func quiet() throws {
        #expect(try Self.judged { Self.pace(&$0, 9.9) }.state == .valid)
        let fast: (inout RunResult) -> Void = { result in
            result.histograms[.ttftSched] = spread(1_000, from: 1, to: 1.1)
            Self.pace(&result, 0.99)
        }
        #expect(try Self.judged(fast).state == .valid)
        let interrupted: (inout RunResult) -> Void = { result in
            Self.drop(&result, 5_000)
            result.interruptedBy = 2
        }
        #expect(try Self.judged(interrupted).state == .valid)
    }

    @Test("the text says what was asked, what started, how late, and whether the law held")
    func text() throws {
        var result = try Self.healthy(.gamma(cv: 1))
        Self.drop(&result, 20)
        result.counts.waited = 35
        let report = TextReport(result, verdict: Verdict(reasons: []), color: false).render()
        let lines = report.split(separator: "\n").map(String.init)
        for line in [
            "plan              500/s gamma:1 for 20 s, drain 30 s, 1,000 streams at most",
            "Arrivals",
            "  rate            500/s asked, 499/s started, 10,000 due",
            "  waited          35 for a free stream of 1,000; 20 dropped, which still waited",
            "                  at the end",
            "  pacing error    p50 40.5 µs, p99 79.2 µs, max 80.0 µs",
        ] {
            #expect(lines.contains(line), "\(line)\n\(report)")
        }
        let law = try #require(lines.first { $0.hasPrefix("  law  ") })
        #expect(law.hasSuffix("gamma:1: Kolmogorov-Smirnov D 0.0001, p 1.00, n 9,999"), "\(law)")
        let table = lines.drop { !$0.hasPrefix("Latency") }.dropFirst().prefix(3)
        let rows = table.map { $0.split(separator: " ").first ?? "" }
        #expect(rows == ["ttft_sched", "e2e_sched", "ttft"])
        #expect(!report.contains("steady"))
        let closed = TextReport(
            try VerdictTests.healthy(),
            verdict: Verdict(reasons: []),
            color: false
        ).render()
        #expect(!closed.contains("Arrivals") && !closed.contains("ttft_sched"))
    }

    @Test("the file follows the schema for every law, and has no arrivals in the closed model")
    func file() throws {
        let schema = try SchemaCheck()
        let context = RunContext(
            toolVersion: "1",
            labels: [:],
            environment: .current(tlsLibrary: "OpenSSL 3")
        )
        func file(_ result: RunResult) -> ResultFile {
            ResultFile(result, verdict: .judge(result), context: context)
        }
        for law: ArrivalLaw in [.poisson, .constant, .gamma(cv: 0.5)] {
            let bytes = try file(Self.healthy(law)).encoded()
            #expect(try schema.errors(in: bytes) == [])
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains("\"process\" : \"\(law.name)\""))
            #expect(text.contains("\"p_value\"") == (law != .constant))
            #expect(text.contains("\"greatest_deviation\" : 90000") == (law == .constant))
            #expect(text.contains("\"achieved\" : 500,") && text.contains("\"dropped\" : 0"))
        }
        let closed = file(try VerdictTests.healthy()).document
        #expect(closed.arrivals == nil && closed.counts.requests.dropped == nil)
        #expect(closed.plan.model == "closed" && closed.plan.rate == nil)
    }
}
