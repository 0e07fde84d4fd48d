// Goodput and attainment end to end, against a mock whose latencies are known, and how objectives
// are refused that can't be read.

import Foundation
import SSEBombCore
import Testing

@testable import ssebomb

@Suite("Objectives")
struct ObjectiveTests {
    @Test("requests that keep every limit are good, and all figures of the file agree")
    func good() async throws {
        // Tokens so far apart that no read has all of a stream, which then had no tpot.
        let mock = try await Mock(["--ttft", "5ms", "--itl", "20ms", "--tokens", "5"])
        let gates = ["--threshold", "attainment>0.95", "--threshold", "goodput:rate>0.1"]
        let run = try await LoadRun.run(
            Mock.chatBody + gates
                + ["--slo", "ttft<20s, max_gap<=20s,e2e<25s", "-c", "20", "-n", "140", mock.chat]
        )
        #expect(run.outcome.status == 0, "\(run.outcome.stdout)")
        let slo = run.result["counts"]["slo"]
        #expect(slo["good"].int == 140 && slo["bad"].int == 0 && slo["undecided"].int == 0)
        #expect(slo["missed"].counts == ["ttft<20s": 0, "max_gap<=20s": 0, "e2e<25s": 0])
        let limits = run.result["plan"]["slo"].array ?? []
        #expect(limits.map { $0["limit"].text } == ["ttft<20s", "max_gap<=20s", "e2e<25s"])
        #expect(
            limits.map { $0["greatest"].int } == [19_999_999_999, 20_000_000_000, 24_999_999_999]
        )
        #expect(run.result["rates"]["attainment"].double == 1)
        #expect(run.result["rates"]["goodput"].double == run.result["rates"]["requests"].double)
        let intervals = run.result["intervals"].array ?? []
        #expect(intervals.reduce(0) { $0 + ($1["requests"]["good"].int ?? -1_000) } == 140)
        for (member, counted) in [
            ("good_in_window", slo["good_in_window"]),
            ("completed_in_window", run.result["counts"]["requests"]["completed_in_window"]),
        ] {
            let sum = intervals.reduce(0) { $0 + ($1["requests"][member].int ?? -1_000) }
            #expect(sum == counted.int, "\(member)")
        }
        let e2e = intervals.reduce(0) { $0 + ($1["e2e"]["count"].int ?? -1_000) }
        #expect(e2e == 140 && e2e == run.count(of: "e2e"))
        let tpot = intervals.reduce(0) { $0 + ($1["tpot"]["count"].int ?? -1_000) }
        #expect(tpot == 140 && tpot == run.count(of: "tpot"))
        #expect(run.outcome.stdout.contains("100 % of the requests kept ttft<20s,max_gap<=20s,"))
        #expect(run.outcome.stdout.contains("goodput/s"))
    }

    @Test("a limit below the mock's time to the first token is missed by every request")
    func bad() async throws {
        let mock = try await Mock(["--ttft", "20ms"])
        let run = try await LoadRun.run(
            Mock.chatBody
                + [
                    "--slo", "ttft<19ms,e2e<20s", "--threshold", "attainment>0.5", "-c", "5", "-n",
                    "50", mock.chat,
                ]
        )
        #expect(run.outcome.status == 99)
        let slo = run.result["counts"]["slo"]
        #expect(slo["good"].int == 0 && slo["bad"].int == 50)
        #expect(slo["missed"].counts == ["ttft<19ms": 50, "e2e<20s": 0])
        #expect(run.result["rates"]["goodput"].double == 0)
        #expect(run.outcome.stdout.contains("ttft<19ms by 50 (100 %)"))
    }

    @Test("failures are bad: a server that refuses doesn't improve its attainment")
    func failures() async throws {
        let mock = try await Mock(["--fault", "http-503@head:0.3", "--seed", "3"])
        let run = try await LoadRun.run(
            Mock.chatBody + ["--slo", "e2e<20s", "-c", "30", "-n", "100", mock.chat]
        )
        let failed = try #require(run.requests("failed"))
        #expect(failed > 10 && failed < 60, "the mock fails three of ten")
        let slo = run.result["counts"]["slo"]
        #expect(slo["bad"].int == failed && slo["good"].int == 100 - failed)
        #expect(run.result["rates"]["attainment"].double == Double(100 - failed) / 100)
    }

    @Test("cut requests are bad where they had missed a limit, else undecided and left out")
    func cut() async throws {
        let mock = try await Mock(["--ttft", "20s"])
        for (limit, isBad) in [("ttft<100ms", true), ("ttft<15s", false)] {
            let run = try await LoadRun.run(
                Mock.chatBody + ["--slo", limit, "-c", "7", "-d", "1s", "--drain", "0", mock.chat]
            )
            let slo = run.result["counts"]["slo"]
            #expect(run.requests("cut") == 7)
            #expect(slo["bad"].int == (isBad ? 7 : 0) && slo["undecided"].int == (isBad ? 0 : 7))
            #expect(run.result["rates"]["attainment"].double == (isBad ? 0 : nil))
        }
    }

    @Test("streams that the client ended after some tokens are judged by what it had of them")
    func cancelled() async throws {
        let mock = try await Mock(["--ttft", "5ms", "--itl", "2ms", "--tokens", "500"])
        for (limit, isGood) in [("ttft<20s,max_gap<20s,e2e<20s", true), ("ttft<1ms", false)] {
            let run = try await LoadRun.run(
                Mock.chatBody
                    + ["--cancel-after", "10 tokens", "--slo", limit, "-c", "5", "-n", "40"]
                    + [mock.chat]
            )
            let slo = run.result["counts"]["slo"]
            #expect(run.requests("cancelled") == 40)
            #expect(slo["good"].int == (isGood ? 40 : 0) && slo["bad"].int == (isGood ? 0 : 40))
            #expect(slo["undecided"].int == 0)
        }
    }

    @Test("arrivals that never got a slot are bad") func dropped() async throws {
        let mock = try await Mock(["--ttft", "20s"])
        let run = try await LoadRun.run(
            Mock.chatBody
                + [
                    "--slo", "ttft<15s", "-R", "50", "--arrivals", "constant", "--max-streams", "5",
                    "-d", "1s", "--drain", "0", mock.chat,
                ]
        )
        let dropped = try #require(run.requests("dropped"))
        #expect(dropped > 30)
        #expect(run.result["counts"]["slo"]["bad"].int == dropped)
        #expect(run.result["rates"]["attainment"].double == 0)
    }

    @Test("a run without objectives says nothing of them") func none() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(Mock.chatBody + ["-n", "3", mock.chat])
        #expect(!run.resultText.contains("goodput") && !run.resultText.contains("\"slo\""))
        #expect(!run.outcome.stdout.contains("slo"))
    }

    @Test("limits are read with either bound, and spaces don't matter") func reading() throws {
        let limits = try ObjectiveParsing.objectives(" ttft < 500ms,max_gap<=200ms").limits
        #expect(limits.map(\.metric) == [.ttft, .maxGap])
        #expect(limits.map(\.greatest) == [499_999_999, 200_000_000])
        #expect(limits.map(\.text) == ["ttft<500ms", "max_gap<=200ms"])
    }

    @Test(
        "what can't be an objective is refused in one sentence that says why",
        arguments: [
            ("ttft", "has no limit"), ("", "has no limit"), ("ttft<1s,", "has no limit"),
            ("ttft:p99<1s", "a gate's notation"), ("ttft>1s", "must use < or <="),
            ("gap<1s", "'gap' isn't one of ttft, "), ("foo<1s", "'foo' isn't one of ttft, "),
            ("ttft<500", "'500' isn't a time with its unit"), ("ttft<", "'' isn't a time"),
            ("ttft<-1s", "'-1s' isn't a time"), ("ttft<0s", "can't be kept"),
            ("ttft<1s,ttft<2s", "ttft is limited twice"),
        ]
    )
    func refused(text: String, reason: String) async throws {
        let outcome = try await Binary.run(["--slo", text, "http://127.0.0.1:1/"])
        #expect(outcome.status == 64 && outcome.stdout.isEmpty)
        #expect(outcome.stderr.contains(reason), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
    }

    @Test(
        "objectives and gates that the plan can't measure are refused before the load",
        arguments: [
            (["--slo", "tls<1s"], "--slo 'tls<1s': tls is measured with an https:// URL alone"),
            (["--threshold", "attainment>0.9"], "attainment is measured with --slo alone"),
            (["--threshold", "goodput:rate>1"], "goodput is measured with --slo alone"),
        ]
    )
    func unmeasured(flags: [String], reason: String) async throws {
        let outcome = try await Binary.run(flags + ["http://127.0.0.1:1/"])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains(reason), "\(outcome.stderr)")
    }
}
