// How gates are written: k6's grammar and the shorter one, and what is refused with which remedy.
// Pure functions: nothing runs.

import SSEBombCore
import SSEBombReport
import Testing

@testable import ssebomb

@Suite("Notation of thresholds")
struct ThresholdParsingTests {
    private static func gate(
        _ text: String,
        _ subject: Threshold.Subject,
        _ aggregate: Threshold.Aggregate,
        _ comparison: Threshold.Comparison,
        _ bound: Double,
        _ abortAfter: Int64? = nil
    ) -> (String, Threshold) {
        let threshold = Threshold(
            expression: text.filter { $0 != " " },
            subject: subject,
            aggregate: aggregate,
            comparison: comparison,
            bound: bound,
            abortAfter: abortAfter
        )
        return (text, threshold)
    }

    private static let good = [
        gate("ttft:p(99)<500ms", .metric(.ttft), .percentile(99), .less, 5e8),
        gate("ttft:p99<500ms", .metric(.ttft), .percentile(99), .less, 5e8),
        gate("ttft: p(99.9) <= 1m30s", .metric(.ttft), .percentile(99.9), .atMost, 90e9),
        gate("gap:p99.99<1s", .metric(.gap), .percentile(99.99), .less, 1e9),
        gate("gap:p0.5>1us", .metric(.gap), .percentile(0.5), .greater, 1e3),
        gate("gap:p100<1s", .metric(.gap), .greatest, .less, 1e9),
        gate("tpot:avg<25ms", .metric(.tpot), .average, .less, 25e6),
        gate("tpot:mean<2.5ms", .metric(.tpot), .average, .less, 25e5),
        gate("e2e_sched:med<2s", .metric(.e2eSched), .percentile(50), .less, 2e9),
        gate("send_lag:min>=0ms", .metric(.sendLag), .least, .atLeast, 0),
        gate("max_gap:max!=7ns", .metric(.maxGap), .greatest, .unequal, 7),
        gate("failures:share<0.01", .failures, .share, .less, 0.01),
        gate("failures:share<=1%", .failures, .share, .atMost, 0.01),
        gate("failures:count==0", .failures, .count, .equal, 0),
        gate("failures:count===0", .failures, .count, .equal, 0),
        gate("failures:count<5k", .failures, .count, .less, 5_000),
        gate("tokens:rate>20000", .tokens, .rate, .greater, 20_000),
        gate("requests:rate>600/m", .requests, .rate, .greater, 10),
        gate("events:rate>=1.5k", .events, .rate, .atLeast, 1_500),
        gate("ttft:p95<1s,abort", .metric(.ttft), .percentile(95), .less, 1e9, 0),
        gate(
            "ttft:p95<1s, abort, delay=1m",
            .metric(.ttft),
            .percentile(95),
            .less,
            1e9,
            60_000_000_000
        ),
        gate(
            "ttft:p95<1s,delay=10,abort",
            .metric(.ttft),
            .percentile(95),
            .less,
            1e9,
            10_000_000_000
        ),
        gate("attainment>0.95", .attainment, .share, .greater, 0.95),
        gate("goodput:rate>=600/m", .goodput, .rate, .atLeast, 10),
    ]

    @Test("a gate is read as it was meant", arguments: good)
    func readsGood(text: String, expected: Threshold) throws {
        let gate = try ThresholdParsing.threshold(text)
        #expect(gate == expected)
    }

    @Test("every metric can be named")
    func metrics() throws {
        for metric in Metric.allCases {
            let gate = try ThresholdParsing.threshold("\(metric.rawValue):p99<1s")
            #expect(gate.subject == .metric(metric))
        }
    }

    /// A bad gate, and what the sentence about it has to say.
    private static let bad = [
        ("", "compares nothing"), ("ttft", "compares nothing"), ("ttft:p99", "compares nothing"),
        ("ttft<5ms", "write ttft:p99<500ms"), ("ttft:<5ms", "write ttft:p99<500ms"),
        ("ttft:rate<5", "not 'rate'"), ("ttft:median<5ms", "not 'median'"),
        ("nonsense:p99<5ms", "'nonsense' isn't one of ttft, "), (":p99<5ms", "'' isn't one of"),
        ("TTFT:p99<5ms", "'TTFT'"), ("http_req_duration:p(95)<5ms", "'http_req_duration'"),
        ("ttft:p999<5ms", "p99.9<2s"), ("ttft:p0<5ms", "p99.9<2s"), ("ttft:p<5ms", "p99.9<2s"),
        ("ttft:p(99<5ms", "p99.9<2s"), ("ttft:p-5<5ms", "p99.9<2s"), ("ttft:p1e1<5ms", "p99.9<2s"),
        ("ttft:p100.1<5ms", "p99.9<2s"), ("ttft:p()<5ms", "p99.9<2s"),
        ("ttft:p99<500", "has no unit: write for example ttft:p99<500ms"),
        ("ttft:p99<", "the bound is missing"),
        ("ttft:p99<fast", "write for example ttft:p99<500ms"),
        ("ttft:p99<5q", "'5q'"), ("ttft:p99<-5ms", "'-5ms'"), ("ttft:p99<400d", "366 days"),
        ("ttft:p99=5ms", "'=' isn't one of"), ("ttft:p99=<5ms", "'=<' isn't one of"),
        ("ttft:p99!==5ms", "'!=='"), ("ttft:p99<<5ms", "'<<'"), ("ttft:p99!5ms", "'!'"),
        ("failures<0.01", "failures:share<0.01"), ("failures:rate<0.01", "failures:share<0.01"),
        ("failures:share<2", "isn't a share"), ("failures:share<101%", "isn't a share"),
        ("failures:share<x", "isn't a share"), ("failures:share<-1", "isn't a share"),
        ("failures:count<1.5", "isn't a whole number"), ("failures:count<5ms", "whole number"),
        ("tokens:count>5", "tokens:rate>10"), ("requests>5", "requests:rate>10"),
        ("events:rate>5ms", "isn't a rate"), ("tokens:rate>nan", "isn't a rate"),
        ("attainment:p99>0.95", "attainment>0.95"), ("attainment>2", "isn't a share"),
        ("goodput>5", "goodput:rate>10"),
        ("ttft:p99<5ms,gap:p99<9ms", "write --threshold again for 'gap:p99<9ms'"),
        ("ttft:p99<5ms,stop", "'stop' can't follow"), ("ttft:p99<5ms,", "'' can't follow"),
        ("ttft:p99<5ms,abort,abort", "'abort' can't follow"),
        ("ttft:p99<5ms,abort,delay", "'delay' can't follow"),
        ("ttft:p99<5ms,abort,delay=x", "500ms"), ("ttft:p99<5ms,delay=5s", ",abort,delay=T"),
    ]

    @Test(
        "a gate that can't be meant is refused with what is wrong and what would be right",
        arguments: bad
    )
    func refusesBad(text: String, part: String) {
        do throws(ValueError) {
            let gate = try ThresholdParsing.threshold(text)
            Issue.record("'\(text)' was read as \(gate)")
        } catch {
            #expect(error.description.contains(part), "\(error)")
        }
    }
}
