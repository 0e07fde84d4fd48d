// Which requests the figures of exports are of, where some didn't complete, never started, never
// ended, or went to different servers.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct ExportScopeTests {
    private typealias Object = [String: Any]

    /// 1,000 of 1,022 requests completed, with 150,000 of 200,000 tokens.
    private static func partial(_ change: (inout RunResult) -> Void = { _ in }) throws
        -> FinishedRun
    {
        var result = SampleRun.full(try SampleRun.plan())
        // From the start of the window to the end of the run 12 s.
        result.length = Nanoseconds.seconds(14)
        result.counts.completedTokens = 150_000
        result.counts.completedPromptTokens = 15_000
        result.counts.requestsWithTokens = 1_010
        change(&result)
        return finished(result)
    }

    private func object(_ export: RunExport, _ run: FinishedRun) throws -> Object {
        let bytes = try export.render(run)
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? Object)
    }

    private func text(_ export: RunExport, _ run: FinishedRun) throws -> String {
        String(decoding: try export.render(run), as: UTF8.self)
    }

    private func average(_ document: Object, _ name: String) -> Double? {
        (document[name] as? Object)?["avg"] as? Double
    }

    @Test("vLLM's and AIPerf's token sums are of completed requests; what isn't says so")
    func completed() throws {
        let run = try Self.partial()
        let vllm = try object(.vllm, run)
        #expect(vllm["total_output_tokens"] as? Int == 150_000)
        #expect(vllm["total_input_tokens"] as? Int == 15_000)
        #expect(vllm["output_throughput"] as? Double == 12_500)
        #expect(vllm["total_token_throughput"] as? Double == 13_750)
        let basis = try #require(vllm["ssebomb_basis"] as? [String: Any])
        for name in ["total_output_tokens", "total_input_tokens"] {
            #expect(basis[name] as? String == "of completed requests alone")
        }
        let scope = "of all 1022 requests as far as each came, the 22 that failed"
        for name in ["ttft", "itl"] {
            #expect((basis[name] as? String)?.contains(scope) == true, "\(name)")
        }
        let aiperf = try object(.aiperf, run)
        #expect(average(aiperf, "total_osl") == 150_000 && average(aiperf, "total_isl") == 15_000)
        #expect(average(aiperf, "output_token_throughput") == 12_500)
        let words = try #require(aiperf["ssebomb_basis"] as? Object)
        for name in ["time_to_first_token", "inter_chunk_latency"] {
            #expect((words[name] as? String)?.contains(scope) == true, "\(name)")
        }
        #expect(words["total_osl"] as? String == "of completed requests alone")
        let whole = try object(.vllm, Self.partial { $0.counts.started = $0.counts.completed })
        let complete = (whole["ssebomb_basis"] as? Object)?["ttft"] as? String
        #expect(complete?.hasSuffix("of all requests: each completed") == true)
    }

    @Test("a result from before completed requests' tokens were counted has all, and says so")
    func older() throws {
        var text = try unsealed(Self.partial().file.encoded())
        for field in ["of_completed", "prompt_of_completed", "requests_with_tokens"] {
            try #require(text.contains("\"\(field)\""))
            text = text.replacingOccurrences(
                of: "\n *\"\(field)\" : [0-9]+,?",
                with: "",
                options: .regularExpression
            )
        }
        let run = try reading(Array(text.utf8))
        #expect(run.result.counts.completedTokens == nil)
        let vllm = try object(.vllm, run)
        #expect(vllm["total_output_tokens"] as? Int == 200_000)
        let words = (vllm["ssebomb_basis"] as? Object)?["total_output_tokens"] as? String
        #expect(words?.hasSuffix("this result doesn't tell them apart") == true)
    }

    /// Count and code of each entry of AIPerf's errors, by kind.
    private func errors(_ run: FinishedRun) throws -> [String: [[Int?]]] {
        let document = try object(.aiperf, run)
        var found: [String: [[Int?]]] = [:]
        var sum = 0
        for entry in try #require(document["error_summary"] as? [Object]) {
            let details = try #require(entry["error_details"] as? Object)
            let count = try #require(entry["count"] as? Int)
            #expect((details["message"] as? String)?.isEmpty == false)
            sum += count
            found[try #require(details["type"] as? String), default: []]
                .append([count, details["code"] as? Int])
        }
        #expect(Double(sum) == average(document, "error_request_count"))
        return found
    }

    @Test("AIPerf's errors are those of the measured window, as their number is")
    func errorSummary() throws {
        func error(_ kind: StreamFailure, _ status: Int?, _ count: UInt64) -> ErrorSample {
            ErrorSample(
                kind: kind,
                status: status,
                count: count,
                firstAtSeconds: 1,
                detail: "what went wrong",
                sample: []
            )
        }
        // Of 10 failures 8 are answers; nothing more is known of the others.
        #expect(try errors(Self.partial()) == ["http_status": [[8, 429]], "reset": [[2, nil]]])
        // One failed in the warm-up.
        let late = try Self.partial { $0.errors[0].count = 9 }
        #expect(try errors(late) == ["http_status": [[8, 429]], "reset": [[2, nil]]])
        let both = [error(.httpStatus, 429, 7), error(.httpStatus, 500, 3)]
        let told = try Self.partial {
            $0.errors = both
            $0.counts.status = [200: 1_014, 429: 6, 500: 2]
        }
        #expect(try errors(told)["http_status"] == [[6, 429], [2, 500]])
        let untold = try Self.partial {
            $0.errors = both + [error(.reset, nil, 1), error(.reset, 200, 1)]
            $0.counts.status = [200: 1_014, 429: 7, 500: 3]
        }
        #expect(
            try errors(untold) == ["http_status": [[8, nil]], "reset": [[1, nil], [1, 200]]]
        )
    }

    @Test("goodput has the names that vLLM and AIPerf give it, and only with objectives")
    func goodput() throws {
        let without = try Self.partial()
        #expect(try object(.vllm, without)["request_goodput"] == nil)
        #expect(try object(.aiperf, without)["goodput"] == nil)
        let run = try Self.partial { result in
            var counts = ObjectiveCounts()
            (counts.good, counts.bad) = (750, 272)
            result.counts.objectives = counts
        }
        #expect(try object(.vllm, run)["request_goodput"] as? Double == 62.5)
        let aiperf = try object(.aiperf, run)
        #expect(average(aiperf, "goodput") == 62.5)
        #expect(average(aiperf, "good_request_count") == 750)
    }

    @Test("too_few_samples_for names the keys of the file, and no others")
    func weak() throws {
        let run = try Self.partial { $0.histograms = [.ttft: snapshot([5_000_000])] }
        func weak(_ document: Object) -> [String]? {
            (document["ssebomb_basis"] as? Object)?["too_few_samples_for"] as? [String]
        }
        let names = [1, 5, 10, 25, 75, 90, 95, 99].map { "time_to_first_token.p\($0)" }
        #expect(try weak(object(.aiperf, run)) == names)
        let vllm = try object(.vllm, run)
        let keys = try #require(weak(vllm))
        #expect(keys.count == 4 && keys.allSatisfy { vllm[$0] != nil })
    }

    @Test(
        "k6's rate of http_reqs is that of its count; gates on requests stand with completed ones"
    )
    func k6() throws {
        var run = try Self.partial { result in
            result.plan.arrivals = OpenLoad(rate: 100, law: .poisson)
            result.counts.dropped = 24
        }
        let gate = Threshold(
            expression: "requests:rate>90",
            subject: .requests,
            aggregate: .rate,
            comparison: .greater,
            bound: 90
        )
        run.thresholds = [gate.judge(run.result)]
        let metrics = try #require(try object(.k6, run)["metrics"] as? [String: Object])
        func value(_ name: String, _ key: String) -> Double? {
            (metrics[name]?["values"] as? Object)?[key] as? Double
        }
        #expect(value("http_reqs", "count") == 1_010)
        #expect(value("http_reqs", "rate") == 1_010.0 / 12)
        #expect(value("iterations", "rate") == 95)
        #expect(value("dropped_iterations", "count") == 24)
        #expect(value("dropped_iterations", "rate") == 2)
        #expect(metrics["http_reqs"]?["thresholds"] == nil)
        let gates = metrics["iterations"]?["thresholds"] as? [String: [String: Bool]]
        #expect(gates?["rate>90"]?["ok"] == true)
        // Nobody is dropped where load isn't a rate.
        let closed = try object(.k6, Self.partial())["metrics"] as? Object
        #expect(closed?["iterations"] != nil && closed?["dropped_iterations"] == nil)
    }

    @Test("dropped arrivals and waits that never ended are nowhere hidden")
    func hidden() throws {
        let run = try Self.partial { result in
            result.plan.arrivals = OpenLoad(rate: 100, law: .poisson)
            result.counts.dropped = 24
            let ages = snapshot([1_000_000, 2_500_000_000])
            result.unfinished[.e2eSched] = UnfinishedWaits(ages: ages)
        }
        let markdown = try text(.markdown, run)
        #expect(markdown.contains("| dropped | 24 arrivals dropped"))
        #expect(markdown.contains("| max | never ended |\n"))
        let rows = markdown.split(separator: "\n")
        #expect(
            rows.contains {
                $0.hasPrefix("| ttft | ") && $0.hasSuffix("| 12, the oldest after 3.20 s |")
            }
        )
        // No sample, and still a row.
        #expect(
            rows.contains {
                $0.hasPrefix("| e2e_sched | 0 |  | ")
                    && $0.hasSuffix("| 2, the oldest after 2.50 s |")
            }
        )
        for export in [RunExport.vllm, .aiperf] {
            let basis = try object(export, run)["ssebomb_basis"] as? Object
            #expect(basis?["dropped"] as? Int == 24)
            let waits = (basis?["unfinished"] as? [String: Object])?["e2e_sched"]
            #expect(waits?["count"] as? Int == 2)
            #expect(waits?["greatest_age_ms"] as? Double == 2_500)
        }
        let calm = try text(.markdown, Self.partial { $0.unfinished = [:] })
        #expect(calm.contains("| ttft | ") && !calm.contains("never ended"))
        #expect(!calm.contains("dropped"))
        var classes = try ResultGenerator.classes()
        classes.result.classes[1].result.unfinished = [
            .gap: UnfinishedWaits(ages: snapshot([2_000_000_000]))
        ]
        classes.result.classes[1].result.plan.arrivals = OpenLoad(rate: 1, law: .poisson)
        classes.result.classes[1].result.counts.dropped = 7
        let both = try text(.markdown, classes)
        // One class has a rate, the other not: the whole run has no rate, and still drops.
        try #require(classes.result.plan.arrivals == nil)
        #expect(both.contains("| dropped | 7 arrivals dropped"))
        #expect(try text(.openMetrics, classes).contains("{outcome=\"dropped\"} 7\n"))
        let line = both.split(separator: "\n").first { $0.hasPrefix("- batch: 7 arrivals dropped") }
        #expect(line?.hasSuffix("gap never ended: 1, the oldest after 2.00 s") == true)
    }

    @Test("no attribute names one server for what several did")
    func servers() throws {
        var run = try ResultGenerator.classes()
        func told() throws -> [String] {
            try [RunExport.otlp, .openMetrics, .junit].map { try text($0, run) }
        }
        for name in ["server.port", "server.address", "url.full"] {
            #expect(try told()[0].contains("\"\(name)\""))
        }
        #expect(try told()[1].contains("url=\""))
        #expect(try told()[2].contains("property name=\"url\" "))
        run.result.classes[1].result.plan.request.port = 9_999
        let texts = try told()
        #expect(!texts[0].contains("server.port") && !texts[0].contains("url.full"))
        #expect(texts[0].contains("\"server.address\""))
        #expect(!texts[1].contains("url=\"") && texts[1].contains("run_info{"))
        for name in ["chat", "batch"] {
            #expect(texts[2].contains("property name=\"url.\(name)\" "), "\(name)")
        }
        #expect(!texts[2].contains("property name=\"url\" ") && texts[2].contains(":9999/"))
    }
}
