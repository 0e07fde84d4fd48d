// Gates end to end: what becomes of them, in the report, the result file and the exit status, on
// runs against the mock.

import Foundation
import Testing

@Suite("Thresholds")
struct ThresholdTests {
    private static func flags(_ gates: [String]) -> [String] {
        gates.flatMap { ["--threshold", $0] }
    }

    /// Expression and outcome of each gate in a result file.
    private static func outcomes(_ run: LoadRun) -> [String: String] {
        var outcomes: [String: String] = [:]
        for gate in run.result["thresholds"].array ?? [] {
            outcomes[gate["expression"].text ?? ""] = gate["outcome"].text
        }
        return outcomes
    }

    @Test("gates that hold pass: status 0, ticks before all figures, their figures in the file")
    func pass() async throws {
        let mock = try await Mock(["--ttft", "5ms"])
        let gates = [
            "ttft: p(95) < 20s", "ttft:min>=4ms", "tpot:avg<20s", "gap:p99<20s",
            "failures:share<5%",
            "failures:count==0", "tokens:rate>1", "requests:rate>0.1", "events:rate>1",
        ]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(gates) + ["-c", "20", "-n", "140", mock.chat]
        )
        #expect(run.outcome.status == 0, "\(run.outcome.stdout)")
        #expect(run.outcome.stderr.isEmpty)
        let sections = run.outcome.stdout.components(separatedBy: "\n\n")
        #expect(sections[0].hasPrefix("verdict"))
        #expect(sections[1].hasPrefix("Thresholds\n  ✓ passed  ttft:p(95)<20s"))
        #expect(run.outcome.stdout.components(separatedBy: "✓ passed").count == gates.count + 1)
        let outcomes = Self.outcomes(run)
        #expect(outcomes.count == gates.count)
        #expect(Set(outcomes.values) == ["passed"])
        let first = run.result["thresholds"][0]
        #expect(first["metric"].text == "ttft" && first["aggregate"].text == "p95")
        #expect(first["operator"].text == "<" && first["bound"].int == 20_000_000_000)
        #expect(first["samples"].int == 140 && first["floor"].int == 130)
        let (told, max) = (
            run.result["metrics"]["ttft"]["p95"].int, run.result["metrics"]["ttft"]["max"].int
        )
        #expect(first["value"].int == min(told ?? -1, max ?? -1))
        #expect(run.result["thresholds"][6]["metric"].text == "tokens")
        #expect(run.result["thresholds"][6]["value"].double == run.result["rates"]["tokens"].double)
    }

    @Test("one gate that is missed is status 99, and a sentence names it")
    func miss() async throws {
        let mock = try await Mock(["--ttft", "20ms"])
        let gates = ["ttft:p90<10ms", "ttft:p90<20s", "e2e:p99.9<20s"]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(gates) + ["-c", "10", "-n", "70", mock.chat]
        )
        #expect(run.outcome.status == 99)
        #expect(
            Self.outcomes(run) == [
                "ttft:p90<10ms": "missed", "ttft:p90<20s": "passed", "e2e:p99.9<20s": "not_judged",
            ]
        )
        #expect(
            run.outcome.stderr
                == "ssebomb: threshold missed: 'ttft:p90<10ms'; "
                + "threshold not judged: 'e2e:p99.9<20s'\n"
        )
        #expect(run.outcome.stdout.contains("✗ missed      ttft:p90<10ms"))
        #expect((run.result["thresholds"][0]["value"].int ?? 0) >= 19_000_000)
    }

    @Test("a gate with too few samples is status 96, whatever its figure")
    func tooFew() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            Mock.chatBody + ["--threshold", "ttft:p99<20s", "-c", "10", "-n", "50", mock.chat]
        )
        #expect(run.outcome.status == 96)
        #expect(Self.outcomes(run) == ["ttft:p99<20s": "not_judged"])
        #expect(run.outcome.stdout.contains("p99 needs 662"))
        #expect(run.outcome.stderr.contains("threshold not judged: 'ttft:p99<20s'"))
        let reasons = run.result["verdict"]["reasons"].array ?? []
        #expect(reasons.contains { $0["code"].text == "too_few_samples" })
    }

    @Test("one request that did not fail shows neither a share nor a rate, and counts")
    func one() async throws {
        let mock = try await Mock()
        let short = [
            "failures:share<=0", "failures:share==0", "failures:share<1", "requests:rate>0.01",
        ]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(short + ["failures:count==0"]) + ["-n", "1", mock.chat]
        )
        #expect(run.outcome.status == 96)
        var expected = Dictionary(uniqueKeysWithValues: short.map { ($0, "not_judged") })
        expected["failures:count==0"] = "passed"
        #expect(Self.outcomes(run) == expected)
    }

    @Test("with --strict a gate that lacks samples is 96, unless more speaks against the run")
    func strict() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            Mock.chatBody + ["--strict", "--threshold", "ttft:p99<20s", "-n", "5", mock.chat]
        )
        let codes = (run.result["verdict"]["reasons"].array ?? []).compactMap { $0["code"].text }
        #expect(codes.contains("too_few_samples"))
        // A busy machine may have been late, too.
        #expect(run.outcome.status == (codes == ["too_few_samples"] ? 96 : 97), "\(codes)")
    }

    @Test("with --strict no gate passes on a run that is not to be believed")
    func disbelieved() async throws {
        let mock = try await Mock(["--ttft", "50ms", "--itl", "10ms"])
        // One stream carries about seven of a hundred arrivals.
        let load = ["-R", "100", "--max-streams", "1", "-d", "1"] + Mock.chatBody + [mock.chat]
        let gates = Self.flags(["events:rate>1", "failures:count<5"])
        let run = try await LoadRun.run(gates + ["--strict"] + load)
        #expect(run.outcome.status == 97)
        #expect(run.outcome.stderr.contains("the measurement is invalid, which --strict refuses"))
        for gate in run.result["thresholds"].array ?? [] {
            #expect(gate["outcome"].text == "not_judged")
            #expect(gate["sentence"].text?.contains("--strict lets nothing pass") == true)
        }
        let plain = try await LoadRun.run(gates + load)
        #expect(plain.outcome.status == 0)
        #expect(
            plain.result["thresholds"].array?.allSatisfy { $0["outcome"].text == "passed" } == true
        )
    }

    @Test("failures count in gates, by share and by number")
    func failures() async throws {
        let mock = try await Mock(["--fault", "http-503@head:0.3", "--seed", "3"])
        let gates = ["failures:share<0.1", "failures:share<0.9", "failures:count<1"]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(gates) + ["-c", "30", "-n", "100", mock.chat]
        )
        let failed = try #require(run.requests("failed"))
        #expect(failed > 10 && failed < 60, "the mock fails three of ten")
        #expect(run.outcome.status == 99)
        #expect(
            Self.outcomes(run) == [
                "failures:share<0.1": "missed", "failures:share<0.9": "passed",
                "failures:count<1": "missed",
            ]
        )
        let share = run.result["thresholds"][0]
        #expect(share["value"].double == Double(failed) / 100)
        #expect(share["samples"].int == 100 && share["floor"].int == 64)
    }

    @Test("waits that never end keep a percentile from passing, or miss it by their age")
    func unfinished() async throws {
        // One request of two never gets its first token.
        let mock = try await Mock(["--fault", "stall@first:0.5", "--seed", "5"])
        let gates = ["ttft:p75<20s", "ttft:p75<200ms", "ttft:p5<20s"]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(gates)
                + ["-c", "150", "-n", "300", "--timeout", "2s", mock.chat]
        )
        let waits = try #require(run.result["metrics"]["ttft"]["unfinished"]["count"].int)
        let samples = try #require(run.count(of: "ttft"))
        #expect(waits > 100 && waits == run.failures?["timeout_total"] && waits + samples == 300)
        #expect(
            Self.outcomes(run) == [
                "ttft:p75<20s": "not_judged", "ttft:p75<200ms": "missed", "ttft:p5<20s": "passed",
            ]
        )
        #expect(run.outcome.status == 99)
        let missed = run.result["thresholds"][1]
        #expect(missed["unfinished"].int == waits)
        #expect((missed["value"].int ?? 0) >= 1_990_000_000)
        #expect(run.outcome.stdout.contains("counted as long as"))
    }

    @Test("a run in which nothing completed is status 69, gates or not")
    func hopeless() async throws {
        let run = try await LoadRun.run([
            "--threshold", "failures:count<1", "-n", "3", "http://127.0.0.1:1/",
        ])
        #expect(run.outcome.status == 69)
        #expect(Self.outcomes(run) == ["failures:count<1": "missed"])
    }

    @Test("a missed gate that says abort ends the run within seconds, with its report")
    func abort() async throws {
        let mock = try await Mock(["--ttft", "20ms"])
        let gates = ["ttft:p50<10ms,abort", "ttft:max<20s,abort"]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(gates) + ["-c", "5", "-d", "60s", mock.chat]
        )
        #expect(run.outcome.status == 99)
        #expect(
            Self.outcomes(run) == ["ttft:p50<10ms,abort": "missed", "ttft:max<20s,abort": "passed"]
        )
        #expect(run.result["thresholds"][0]["ended_run"].bool == true)
        #expect(!run.result["thresholds"][1]["ended_run"].exists)
        #expect(run.result["run"]["interrupted"].bool == true)
        #expect(!run.result["run"]["signal"].exists)
        #expect((run.result["run"]["measured_s"].double ?? 60) < 10)
        #expect(run.outcome.stdout.contains("interrupted       by a threshold after"))
        #expect(run.outcome.stdout.contains("ended the run after"))
    }

    @Test("a gate of one class ends the run, by that class's samples alone")
    func abortByClass() async throws {
        let (quick, slow) = (try await Mock(), try await Mock(["--ttft", "40ms"]))
        func part(_ name: String, _ url: String, _ gate: String) -> String {
            """
            [[class]]
            name = "\(name)"
            url = "\(url)"
            model = "m"
            streams = 3
            threshold = "\(gate)"

            """
        }
        let directory = try TemporaryDirectory()
        let text =
            "duration = \"60s\"\n" + part("quick", quick.chat, "ttft:p50<20s,abort")
            + part("slow", slow.chat, "ttft:p50<20ms,abort")
            + part("free", quick.chat, "ttft:max<20s")
        let file = try directory.write("load.toml", Array(text.utf8))
        let run = try await LoadRun.run(["--scenario", file])
        #expect(run.outcome.status == 99, "\(run.outcome.stderr)")
        #expect(
            Self.outcomes(run) == [
                "quick: ttft:p50<20s,abort": "passed", "slow: ttft:p50<20ms,abort": "missed",
                "free: ttft:max<20s": "passed",
            ]
        )
        #expect(run.result["thresholds"][1]["ended_run"].bool == true)
        #expect((run.result["run"]["measured_s"].double ?? 60) < 10)
    }

    @Test("an abort waits for its delay")
    func delay() async throws {
        let mock = try await Mock(["--ttft", "20ms"])
        let gate = "ttft:p50<10ms,abort,delay=2500ms"
        let run = try await LoadRun.run(
            Mock.chatBody + ["--threshold", gate, "-c", "5", "-d", "60s", mock.chat]
        )
        #expect(run.outcome.status == 99)
        let measured = try #require(run.result["run"]["measured_s"].double)
        #expect(measured > 2.5 && measured < 10)
    }

    @Test("a signal outranks gates, and they are judged all the same")
    func interrupted() async throws {
        let mock = try await Mock(["--ttft", "20ms"])
        let load = try LoadRun.start(
            Mock.chatBody + ["--threshold", "ttft:max<1ms", "-c", "5", "-d", "60s", mock.chat]
        )
        try await Task.sleep(for: .seconds(3))
        load.process.send(signal: SIGINT)
        let run = try await load.finish()
        #expect(run.outcome.status == 130)
        #expect(Self.outcomes(run) == ["ttft:max<1ms": "missed"])
    }

    @Test(
        "a result with gates of every outcome obeys the schema",
        .enabled(if: Tool.hasPython, Comment(rawValue: Tool.noPython))
    )
    func schema() async throws {
        let mock = try await Mock(["--fault", "stall@first:0.3", "--seed", "5"])
        let gates = ["ttft:p99<20s", "ttft:max<1ns", "e2e:min>0ns", "connect:avg<1h,abort"]
        let run = try await LoadRun.run(
            Mock.chatBody + Self.flags(gates)
                + ["-c", "30", "-n", "60", "--timeout", "300ms", mock.chat]
        )
        let directory = try TemporaryDirectory()
        let file = try directory.write("r.json", Array(run.resultText.utf8))
        let script = Tool.fixture("validate_result.py")
        let outcome = try await Tool.run(Tool.python, [script, file])
        #expect(outcome.stdout == "OK\n", "\(outcome.stdout)\(outcome.stderr)")
    }
}
