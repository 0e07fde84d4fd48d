// What is told of a run that goes on, in both formats that Prometheus reads.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct LiveRunTests {
    private func run() throws -> LiveRun {
        let plan = try SampleRun.plan(
            target: "/v1/chat?key=canary-query",
            headers: [HeaderField(name: "Authorization", value: "Bearer canary-header")]
        )
        var live = LiveRun(
            plan: plan,
            requests: [plan.request],
            context: RunContext(toolVersion: "1", labels: ["a": "b"])
        )
        live.standing = SampleRun.full(plan)
        return live
    }

    @Test("before the first figures there is the run alone, whole in either format")
    func early() throws {
        var live = try run()
        live.standing = nil
        #expect(live.text(.openMetrics).split(separator: "\n").count == 4)
        #expect(live.text(.openMetrics).hasSuffix("# EOF\n"))
        #expect(live.text(.prometheus).split(separator: "\n").count == 3)
    }

    @Test("both formats have the same samples, and no secret", arguments: [false, true])
    func formats(hasProgress: Bool) throws {
        var live = try run()
        if hasProgress {
            live.progress = RunProgress(
                phase: .measured,
                elapsed: 1_500_000_000,
                inFlight: 7,
                started: 20,
                completed: 10,
                failed: 1,
                events: 100,
                tokenEvents: 90,
                failures: [:],
                ttft: HistogramSnapshot(),
                gap: HistogramSnapshot()
            )
        }
        func samples(_ format: MetricsFormat) -> [Substring] {
            live.text(format).split(separator: "\n").filter { !$0.hasPrefix("#") }
        }
        #expect(samples(.openMetrics) == samples(.prometheus))
        #expect(samples(.openMetrics).contains("ssebomb_streams_in_flight 7") == hasProgress)
        #expect(!live.text(.openMetrics).contains("canary"))
        #expect(!live.text(.openMetrics).contains("verdict"))
        // A reader of the older format knows these types and no others.
        let types = live.text(.prometheus).split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(
            Set(types.compactMap { $0.split(separator: " ").last })
                == ["counter", "gauge", "histogram"]
        )
    }
}
