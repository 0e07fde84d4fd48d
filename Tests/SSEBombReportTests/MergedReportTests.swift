// What reports and exports say of merged results: one window everywhere, and figures of one file
// that are each other's sums and quotients.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct MergedReportTests {
    private static let day = Int64(1_738_324_800)

    /// A run of 6 s with a ramp of 1 s and a measured window of 4 s, that begins so many
    /// milliseconds after the day does.
    private func part(_ id: String, at milliseconds: Int64, completed: UInt64) throws -> FinishedRun
    {
        var plan = try SampleRun.plan()
        plan.ramp = Nanoseconds.seconds(1)
        var result = SampleRun.full(plan)
        result.startedAt = Nanoseconds.seconds(Self.day) + Nanoseconds.milliseconds(milliseconds)
        result.measured = Nanoseconds.seconds(4)
        result.length = Nanoseconds.seconds(6)
        result.counts.completed = completed
        result.counts.started = completed + result.counts.failed + result.counts.cut
        result.counts.completionTokens = completed * 20
        result.counts.completedTokens = completed * 20
        result.counts.promptTokens = completed * 150
        result.counts.completedPromptTokens = completed * 150
        result.counts.throughputBasis = .event
        result.intervals = (0..<6).map { second in
            var interval = RunInterval(from: second, length: 1)
            interval.completed = 25
            interval.completedInWindow = 20
            interval.events = 500
            interval.tokenEvents = 400
            return interval
        }
        var run = finished(result)
        run.context.id = id
        return run
    }

    private func merged(_ starts: [Int64]) throws -> FinishedRun {
        let parts = try starts.enumerated().map { number, start in
            try part("p\(number)", at: start, completed: 80 + UInt64(number))
        }
        let whole = try ResultMerge.merge(
            parts.map { ($0.context.id, $0) },
            allowUnlike: false,
            toolVersion: "9"
        )
        return try reading(whole.file.encoded())
    }

    private func document(_ export: RunExport, _ run: FinishedRun) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(export.render(run)))
        return try #require(object as? [String: Any])
    }

    private func number(_ value: Any?) throws -> Double {
        try #require(value as? NSNumber).doubleValue
    }

    @Test(
        "every report has the one window that rates are of: whole seconds that all parts measured"
    )
    func window() throws {
        // Measured from 1.37 to 5.37, from 1.38 to 5.38 and from 2.5 to 6.5, each by the second in
        // which it began.
        let run = try merged([370, 380, 1_500])
        let window = try #require(run.result.rateWindow)
        #expect(window.seconds == 3 && window.requests == 180 && window.events == 4_500)
        let record = run.file.document.run
        #expect(record.measuredS == 3 && record.merged?.commonS == 3)
        #expect(record.merged?.commonStartS == 2 && record.merged?.firstStartS == 1)
        let rates = run.file.document.rates
        #expect(rates.requests == 60 && rates.tokens == 1_200 && rates.events == 1_500)
        let text = run.text(color: false)
        #expect(text.contains("3 results, 3.00 s in common, which rates are of"))
        #expect(text.contains("common 3.00 s"))
        func export(_ export: RunExport) throws -> String {
            String(decoding: try export.render(run), as: UTF8.self)
        }
        #expect(try export(.csv).contains("window,length,3.0,s,"))
        #expect(try export(.openMetrics).contains("ssebomb_measured_seconds 3\n"))
        let page = try export(.html)
        #expect(page.contains("3.00 s in common") && page.contains("common 3.00 s"))
        #expect(!page.contains("2.87 s") && !text.contains("2.87 s"))
        #expect(try export(.markdown).contains(", 3.00 s in common, run "))
    }

    @Test("of a long time line the window is made of whole entries of it")
    func longTimeLine() throws {
        var parts = try [0, 1].map { try part("p\($0)", at: $0 * 2_000, completed: 80) }
        for index in parts.indices {
            parts[index].result.measured = Nanoseconds.seconds(1_500)
            parts[index].result.length = Nanoseconds.seconds(1_502)
            parts[index].result.intervals = (0..<1_501).map { second in
                var interval = RunInterval(from: second, length: 1)
                interval.completedInWindow = 2
                return interval
            }
        }
        let whole = try ResultMerge.merge(
            parts.map { ($0.context.id, $0) },
            allowUnlike: false,
            toolVersion: "9"
        ).result
        let window = try #require(whole.merged?.window)
        #expect(whole.intervalSeconds == 4)
        // From 3 to 1,501 s after a start that is a multiple of 4 s.
        #expect(window.start == Nanoseconds.seconds(Self.day + 4))
        #expect(window.end == Nanoseconds.seconds(Self.day + 1_500))
        #expect(whole.rateWindow?.seconds == 1_496 && whole.rateWindow?.requests == 1_496 * 4)
    }

    @Test(
        "vLLM's and AIPerf's figures of a merged result agree with each other and with their basis"
    )
    func arithmetic() throws {
        let run = try merged([370, 380, 1_500])
        // Of the first, after its ramp, to the end of the last.
        let seconds = 6.13
        let sentence =
            "start of the first measured window of the merged runs to the last one's end, "
            + "drain included"
        let vllm = try document(.vllm, run)
        let basis = try #require(vllm["ssebomb_basis"] as? [String: Any])
        #expect(basis["duration"] as? String == sentence)
        #expect(try number(vllm["duration"]) == seconds)
        let (requests, output, input) = (243.0, 243.0 * 20, 243.0 * 150)
        #expect(try number(vllm["completed"]) == requests)
        #expect(try number(vllm["total_output_tokens"]) == output)
        #expect(try number(vllm["total_input_tokens"]) == input)
        for (rate, count) in [
            ("request_throughput", requests), ("output_throughput", output),
            ("total_token_throughput", output + input),
        ] {
            let product = try number(vllm[rate]) * seconds
            #expect(abs(product - count) < 0.01, "\(rate)")
        }
        // The rates of the common window stand beside its length: seconds 2 to 5.
        #expect(try number(basis["measured_s"]) == 3)
        #expect(try number(basis["window_request_throughput"]) == 60)
        let aiperf = try document(.aiperf, run)
        func figure(_ name: String) throws -> Double {
            try number((aiperf[name] as? [String: Any])?["avg"])
        }
        #expect(try figure("benchmark_duration") == seconds)
        #expect(try figure("request_count") == requests && figure("total_osl") == output)
        #expect(abs(try figure("request_throughput") * seconds - requests) < 0.01)
        #expect(abs(try figure("output_token_throughput") * seconds - output) < 0.01)
        let words = (aiperf["ssebomb_basis"] as? [String: Any])?["benchmark_duration"]
        #expect(words as? String == sentence)
    }

    @Test("runs with nothing in common have no duration and no rates there, and the basis says so")
    func apart() throws {
        let run = try merged([0, 86_400_000])
        let vllm = try document(.vllm, run)
        #expect(vllm["duration"] == nil && !vllm.keys.contains { $0.hasSuffix("throughput") })
        #expect(try number(vllm["completed"]) == 161)
        let basis = (vllm["ssebomb_basis"] as? [String: Any])?["duration"] as? String
        #expect(basis == "left out: the merged runs have no window in common")
        let aiperf = try document(.aiperf, run)
        #expect(!aiperf.keys.contains { $0 == "benchmark_duration" || $0.hasSuffix("throughput") })
        #expect(run.text(color: false).contains("2 results, no window in common"))
        let markdown = String(decoding: try RunExport.markdown.render(run), as: UTF8.self)
        #expect(markdown.contains(", no window in common, run "))
        let gate = Threshold(
            expression: "tokens:rate>1",
            subject: .tokens,
            aggregate: .rate,
            comparison: .greater,
            bound: 1
        )
        let judged = gate.judge(run.result)
        #expect(judged.outcome == .notJudged)
        #expect(judged.sentence.contains("the merged runs have no window in common"))
    }

    @Test("a merged result of before the window was of whole seconds is read as one that is")
    func older() throws {
        var document = try merged([370, 380, 1_500]).file.document
        document.run.merged?.commonStartS = 2.13
        document.run.merged?.commonS = 2.87
        document.run.merged?.firstStartS = nil
        document.run.merged?.sameWindow = nil
        document.run.merged?.ranks = nil
        document.run.measuredS = 2.87
        for index in document.intervals.indices {
            document.intervals[index].requests.completedInWindow = nil
        }
        let run = try reading(Array(JSONEncoder().encode(document)))
        #expect(run.result.rateWindow?.seconds == 2 && run.file.document.run.measuredS == 2)
        // Nobody knows any more which requests were of the windows.
        #expect(run.result.rateWindow?.requests == 2 * 3 * 25)
        #expect(run.file.document.run.merged?.commonStartS == 3)
        #expect(run.result.merged?.ranks == nil && run.result.heldRanks == nil)
        // Nobody knows any more when the first part began to measure.
        #expect(try self.document(.vllm, run)["duration"] == nil)
    }
}
