// The llm-d benchmark report, version 0.2, in JSON (which is YAML, too). Its schema allows no
// fields of others, so what ssebomb knows beyond it is left out.

import SSEBombCore

/// The `--llmd` file.
enum LLMDExport {
    private static let version = "0.2.1"

    static func document(_ run: FinishedRun) -> JSONNode {
        let result = run.result
        let seconds = Double(result.length) / 1e9
        let keywords = run.context.labels.map { "\($0.key)=\($0.value)" }.sorted()
        return .object([
            "version": .text(version),
            "run": .object([
                "uid": .text(run.context.id),
                "time": .object([
                    "start": .text(Timestamp.rfc3339(result.startedAt)),
                    "end": .text(Timestamp.rfc3339(run.endedAt)),
                    "duration": .text("PT\(Decimal3.text(seconds))S"),
                ]),
                "description": .text(
                    "ssebomb \(run.context.toolVersion), verdict \(run.verdict.state.rawValue)"
                ),
                "keywords": keywords.isEmpty ? nil : .list(keywords.map { .text($0) }),
            ]),
            "results": .object([
                "request_performance": .object([
                    "aggregate": aggregate(run), "time_series": timeSeries(result),
                ])
            ]),
        ])
    }

    private static func aggregate(_ run: FinishedRun) -> JSONNode {
        let counts = run.result.counts
        var latency: [String: JSONNode?] = [:]
        let latencies: [(String, Metric, String)] = [
            ("time_to_first_token", .ttft, "ms"), ("time_per_output_token", .tpot, "ms/token"),
            ("inter_token_latency", .itl, "ms/token"), ("request_latency", .e2e, "ms"),
        ]
        for (name, metric, unit) in latencies {
            guard let samples = run.result.histograms[metric], !samples.isEmpty else { continue }
            latency[name] = statistics(samples, unit)
        }
        var throughput: [String: JSONNode?] = [:]
        if let window = run.result.rateWindow {
            let requests = Double(window.requests) / window.seconds
            throughput["request_rate"] = mean(requests, "queries/s")
            if run.result.hasTokens {
                throughput["output_token_rate"] = mean(window.tokens / window.seconds, "tokens/s")
            }
        }
        return .object([
            "requests": .object([
                "total": .whole(counts.started), "failures": .whole(counts.failed),
                "incomplete": .whole(counts.cancelled + counts.cut),
            ]),
            "latency": .object(latency), "throughput": .object(throughput),
        ])
    }

    private static func mean(_ value: Double, _ unit: String) -> JSONNode {
        .object(["units": .text(unit), "mean": .number(value)])
    }

    /// Percentiles that the samples are too few to state are left out.
    private static func statistics(_ samples: HistogramSnapshot, _ unit: String) -> JSONNode {
        var members: [String: JSONNode?] = [
            "units": .text(unit), "mean": .milliseconds(samples.mean),
            "stddev": .milliseconds(samples.standardDeviation),
            "min": .milliseconds(samples.min), "max": .milliseconds(samples.max),
        ]
        let percentiles: [(String, Double)] = [
            ("p0p1", 0.1), ("p1", 1), ("p5", 5), ("p10", 10), ("p25", 25), ("p50", 50),
            ("p75", 75), ("p90", 90), ("p95", 95), ("p99", 99), ("p99p9", 99.9),
        ]
        for (name, percentile) in percentiles {
            let mirrored = max(percentile, 100 - percentile)
            guard HistogramSnapshot.isSupported(percentile: mirrored, count: samples.count) else {
                continue
            }
            members[name] = .milliseconds(samples.reported(percentile))
        }
        return .object(members)
    }

    private static func timeSeries(_ result: RunResult) -> JSONNode {
        func series(_ unit: String, _ point: (RunInterval) -> [String: JSONNode?]?) -> JSONNode? {
            let points = result.intervals.compactMap { interval -> JSONNode? in
                guard var members = point(interval) else { return nil }
                let start = result.startedAt + Int64(interval.startSeconds) * 1_000_000_000
                members["ts"] = .text(Timestamp.rfc3339(start))
                return .object(members)
            }
            return points.isEmpty
                ? nil : .object(["units": .text(unit), "series": .list(points)])
        }
        func latency(_ samples: HistogramSnapshot) -> [String: JSONNode?]? {
            guard !samples.isEmpty else { return nil }
            // A second's histogram knows its greatest sample's cell alone, and no sample of any
            // second is above the greatest of all.
            let most = min(samples.max, result.histograms[.ttft]?.max ?? .max)
            var members: [String: JSONNode?] = [
                "mean": .milliseconds(min(samples.mean, Double(most))),
                "max": .milliseconds(most),
            ]
            for (name, percentile) in [("p50", 50.0), ("p99", 99)]
            where HistogramSnapshot.isSupported(percentile: percentile, count: samples.count) {
                members[name] = .milliseconds(min(samples.reported(percentile), most))
            }
            return members
        }
        return .object([
            "latency": .object(["time_to_first_token": series("ms") { latency($0.ttft) }]),
            "throughput": .object([
                "request_rate": series("queries/s") {
                    ["value": .number(Double($0.completed) / Double($0.seconds))]
                },
                "output_token_rate": series("tokens/s") { interval in
                    result.tokensPerEvent.map {
                        let tokens = Double(interval.tokenEvents) * $0
                        return ["value": .number(tokens / Double(interval.seconds))]
                    }
                },
            ]),
        ])
    }
}
