// The body of --otlp: names and attributes of the GenAI conventions, JSON as protobuf wants it, and
// buckets that hold the samples of the histogram.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct OTLPExportTests {
    private typealias Object = [String: Any]

    /// What the body of a run says of its resource, and its metrics by name.
    private func read(_ run: FinishedRun) throws -> (resource: Object, metrics: [String: Object]) {
        let bytes = try RunExport.otlp.render(run)
        let body = try JSONSerialization.jsonObject(with: Data(bytes)) as? Object
        let all = try #require(body?["resourceMetrics"] as? [Object])
        try #require(all.count == 1)
        let scopes = try #require(all[0]["scopeMetrics"] as? [Object])
        let metrics = try #require(scopes.first?["metrics"] as? [Object])
        var named: [String: Object] = [:]
        for metric in metrics {
            let name = try #require(metric["name"] as? String)
            #expect(named.updateValue(metric, forKey: name) == nil, "\(name) twice")
        }
        return (try #require(all[0]["resource"] as? Object), named)
    }

    private func attributes(_ holder: Object) -> [String: String] {
        var found: [String: String] = [:]
        for one in holder["attributes"] as? [Object] ?? [] {
            let value = one["value"] as? Object
            found[one["key"] as? String ?? ""] =
                value?["stringValue"] as? String ?? value?["intValue"] as? String
        }
        return found
    }

    private func point(_ metric: Object?, _ kind: String) throws -> Object {
        let holder = try #require(metric?[kind] as? Object)
        #expect(holder["aggregationTemporality"] as? Int == 2)
        return try #require((holder["dataPoints"] as? [Object])?.first)
    }

    private func run(_ change: (inout RunResult) -> Void = { _ in }) throws -> FinishedRun {
        let plan = try SampleRun.plan(
            target: "/v1/chat?key=canary-query",
            headers: [HeaderField(name: "Authorization", value: "Bearer canary-header")]
        )
        var result = SampleRun.full(plan)
        result.counts.requestsWithTokens = 1_011
        change(&result)
        return FinishedRun(
            result,
            verdict: .judge(result),
            context: RunContext(toolVersion: "1.2", labels: ["team": "a", "service.name": "mine"])
        )
    }

    @Test("the resource has run, verdict and labels, which may name the service")
    func resource() throws {
        let run = try run()
        let found = attributes(try read(run).resource)
        #expect(found["service.name"] == "mine" && found["team"] == "a")
        #expect(found["service.version"] == "1.2" && found["ssebomb.run.id"] == run.context.id)
        #expect(found["ssebomb.verdict"] == run.verdict.state.rawValue)
        #expect(found["url.full"]?.contains("key=***") == true)
        let text = String(decoding: try RunExport.otlp.render(run), as: UTF8.self)
        #expect(!text.contains("canary"))
    }

    @Test("metrics have the conventions' names, units and attributes; buckets have the samples")
    func metrics() throws {
        let run = try run { $0.dialect = .openaiChat }
        let metrics = try read(run).metrics
        for (metric, samples) in run.result.measuredMetrics {
            let names = [
                Metric.e2e: "gen_ai.client.operation.duration",
                .ttfe: "gen_ai.client.operation.time_to_first_chunk",
                .gap: "gen_ai.client.operation.time_per_output_chunk",
                .ttft: "gen_ai.server.time_to_first_token",
                .tpot: "gen_ai.server.time_per_output_token",
            ]
            let name = names[metric] ?? "ssebomb.\(metric.rawValue)"
            #expect(metrics[name]?["unit"] as? String == "s", "\(name)")
            let point = try point(metrics[name], "exponentialHistogram")
            #expect(point["count"] as? String == "\(samples.count)", "\(name)")
            #expect(point["sum"] as? Double == Double(samples.sum) / 1e9)
            let own = attributes(point)
            #expect(own["gen_ai.operation.name"] == "chat")
            #expect(own["gen_ai.provider.name"] == "openai")
            #expect(own["server.address"] == run.result.plan.request.host)
            #expect(own["server.port"] == "\(run.result.plan.request.port)")
            try expectBuckets(point, hold: samples, name)
        }
        let sum = try #require(metrics["ssebomb.requests"]?["sum"] as? Object)
        var requests: [String: String] = [:]
        for point in try #require(sum["dataPoints"] as? [Object]) {
            requests[attributes(point)["outcome"] ?? ""] = point["asInt"] as? String
        }
        #expect(requests["completed"] == "\(run.result.counts.completed)")
        #expect(requests["failed"] == "\(run.result.counts.failed)")
        let tokens = try point(metrics["gen_ai.client.token.usage"], "histogram")
        #expect(attributes(tokens)["gen_ai.token.type"] == "output")
        #expect(tokens["sum"] as? Double == Double(run.result.counts.completionTokens))
        // Those that were answered with none are in no usage of tokens.
        #expect(tokens["count"] as? String == "1011")
        #expect(tokens["bucketCounts"] == nil && tokens["explicitBounds"] == nil)
    }

    /// Each sample of the histogram lies in the bucket that is that of its cell, and no bucket has
    /// more.
    private func expectBuckets(
        _ point: Object,
        hold samples: HistogramSnapshot,
        _ name: String
    ) throws {
        let scale = try #require(point["scale"] as? Int)
        let zeros = try #require((point["zeroCount"] as? String).flatMap { UInt64($0) })
        let positive = point["positive"] as? Object
        let counts = (positive?["bucketCounts"] as? [String] ?? []).compactMap { UInt64($0) }
        #expect(zeros + counts.reduce(0, +) == samples.count, "\(name)")
        #expect(counts.count <= 640 && (-10...8).contains(scale), "\(name)")
        guard let offset = positive?["offset"] as? Int else { return }
        let base = exp2(exp2(Double(-scale)))
        for place in counts.indices {
            let upper = pow(base, Double(offset + place + 1)) * 1e9
            let below = zeros + counts[...place].reduce(0, +)
            // A cell is at most 0.1 % wide: one that an edge cuts through is on either side.
            let least = samples.count(atMost: Int64(upper * 0.998))
            let most = samples.count(atMost: Int64(upper * 1.002) + 1)
            #expect(below >= least && below <= most, "\(name) up to \(upper) ns")
        }
    }

    @Test("samples of 0, and none but these, have no bucket; a wide range has wider ones")
    func edges() throws {
        var zero = HistogramSnapshot()
        zero.record(0)
        var wide = HistogramSnapshot()
        for value: Int64 in [1, 1_000_000, 86_400_000_000_000] { wide.record(value) }
        let metrics = try read(
            run {
                $0.histograms = [.gap: zero, .ttft: wide]
                $0.dialect = .raw
            }
        ).metrics
        let none = try point(
            metrics["gen_ai.client.operation.time_per_output_chunk"],
            "exponentialHistogram"
        )
        #expect(none["zeroCount"] as? String == "1" && none["positive"] == nil)
        #expect(attributes(none)["gen_ai.provider.name"] == nil)
        let far = try point(metrics["gen_ai.server.time_to_first_token"], "exponentialHistogram")
        #expect(far["scale"] as? Int == 3)
        try expectBuckets(far, hold: wide, "wide")
    }
}
