// AIPerf's `profile_export_aiperf.json`, schema 1.4: one member a metric, each with its unit. Its
// inter-token latency is ssebomb's tpot, its inter-chunk latency ssebomb's gap.

import SSEBombCore

/// The `--aiperf-json` file.
enum AIPerfExport {
    private static let schema = "1.4"
    private static let latencies: [(name: String, metric: Metric)] = [
        ("time_to_first_token", .ttft), ("inter_token_latency", .tpot),
        ("inter_chunk_latency", .gap), ("request_latency", .e2e),
    ]
    private static let percentiles: [Double] = [1, 5, 10, 25, 50, 75, 90, 95, 99]

    static func document(_ run: FinishedRun) -> JSONNode {
        let result = run.result
        let counts = result.counts
        let isCut = result.interruptedBy != nil || result.isAborted
        var members: [String: JSONNode?] = [
            "schema_version": .text(schema),
            "benchmark_id": .text(run.context.id),
            "start_time": .text(Timestamp.rfc3339(result.startedAt)),
            "end_time": .text(Timestamp.rfc3339(run.endedAt)),
            "was_cancelled": .flag(result.interruptedBy != nil),
            "is_complete": .flag(!isCut),
            "incomplete_reason": isCut
                ? .text("ended by \(result.signalName ?? "a threshold")") : nil,
            "request_count": figure("requests", Double(counts.completed)),
            "error_request_count": figure("requests", Double(counts.failed)),
            "benchmark_duration": run.wholeSeconds.map { figure("sec", $0) },
            "ssebomb_basis": basis(run),
        ]
        if let rates = run.wholeRates {
            members["request_throughput"] = figure("requests/sec", rates.requests)
            members["output_token_throughput"] = rates.tokens.map { figure("tokens/sec", $0) }
            members["goodput"] = rates.good.map { figure("requests/sec", $0) }
        }
        if result.hasTokens {
            members["total_osl"] = figure("tokens", Double(result.tokensOfCompleted))
        }
        members["total_isl"] = result.promptTokensOfCompleted.map { figure("tokens", Double($0)) }
        members["total_reasoning_tokens"] = counts.reasoningTokens.map {
            figure("tokens", Double($0))
        }
        members["good_request_count"] = counts.objectives.map {
            figure("requests", Double($0.good))
        }
        for (name, metric) in latencies {
            guard let samples = result.histograms[metric], !samples.isEmpty else { continue }
            members[name] = distribution(samples)
        }
        let errors = errors(result)
        members["error_summary"] = errors.isEmpty ? nil : .list(errors)
        return .object(members)
    }

    // MARK: Errors

    /// The failures of the measured window, whose sum is `error_request_count`.
    private static func errors(_ result: RunResult) -> [JSONNode] {
        let redaction = Redaction(result)
        return StreamFailure.allCases.flatMap { kind -> [JSONNode] in
            guard let count = result.counts.failures[kind], count > 0 else { return [] }
            let parts = parts(of: count, kind, result)
            guard !parts.isEmpty else {
                return [entry(count, kind, message: "one or more of this kind")]
            }
            return parts.map { error, count in
                let detail = PrintableText.line(redaction.apply(to: error.detail))
                return entry(count, kind, status: error.status, message: detail)
            }
        }
    }

    /// How many of a kind's failures of the window are of which status; empty where only the whole
    /// run's are known by status, and those are others.
    private static func parts(
        of count: UInt64,
        _ kind: StreamFailure,
        _ result: RunResult
    ) -> [(ErrorSample, UInt64)] {
        let kept = result.errors.filter { $0.kind == kind }
        if kept.count == 1 { return [(kept[0], count)] }
        let whole = kept.map { ($0, $0.count) }
        // An answer with such a status is such a failure, unless the client had given it up.
        let answers = kept.map { ($0, $0.status.flatMap { result.counts.status[$0] } ?? 0) }
        let candidates = kind == .httpStatus ? [whole, answers] : [whole]
        let fitting = candidates.first { $0.reduce(0) { $0 + $1.1 } == count }
        return (fitting ?? []).filter { $0.1 > 0 }
    }

    private static func entry(
        _ count: UInt64,
        _ kind: StreamFailure,
        status: Int? = nil,
        message: String
    ) -> JSONNode {
        .object([
            "count": .whole(count),
            "error_details": .object([
                "code": status.map { .whole(UInt64(max(0, $0))) },
                "type": .text(kind.name),
                "message": .text(message),
            ]),
        ])
    }

    // MARK: Figures

    private static func figure(_ unit: String, _ value: Double) -> JSONNode {
        .object(["unit": .text(unit), "avg": .number(value)])
    }

    private static func distribution(_ samples: HistogramSnapshot) -> JSONNode {
        var members: [String: JSONNode?] = [
            "unit": "ms",
            "avg": .milliseconds(samples.mean),
            "std": .milliseconds(samples.standardDeviation),
            "min": .milliseconds(samples.min),
            "max": .milliseconds(samples.max),
            "count": .whole(samples.count),
            "sum": .milliseconds(samples.mean * Double(samples.count)),
        ]
        for percentile in percentiles {
            members["p\(Int(percentile))"] = .milliseconds(samples.reported(percentile))
        }
        return .object(members)
    }

    private static func basis(_ run: FinishedRun) -> JSONNode {
        let result = run.result
        let weak = latencies.flatMap { name, metric -> [JSONNode] in
            guard let samples = result.histograms[metric], !samples.isEmpty else { return [] }
            return percentiles.filter { percentile in
                // A low one needs what its mirror image needs.
                let mirrored = max(percentile, 100 - percentile)
                return !HistogramSnapshot.isSupported(percentile: mirrored, count: samples.count)
            }.map { .text("\(name).p\(Int($0))") }
        }
        var members: [String: JSONNode?] = [
            "tool": .text("ssebomb \(run.context.toolVersion)"),
            "verdict": .text(run.verdict.state.rawValue),
            "benchmark_duration": .text(run.wholeBasis),
            "time_to_first_token": .text(result.scopeOfAll),
            "inter_token_latency": "ssebomb's tpot; completed requests alone",
            "inter_chunk_latency": .text("ssebomb's gap; \(result.scopeOfAll)"),
            "request_latency": "completed requests alone",
            "total_osl": result.hasTokens ? .text(result.scopeOfTokens) : nil,
            "total_isl": result.counts.promptTokens.map { _ in .text(result.scopeOfTokens) },
            "total_reasoning_tokens": result.counts.reasoningTokens.map { _ in
                .text(result.scopeOfAll)
            },
            "tokens": result.hasTokens ? .text(result.counts.tokenBasis.rawValue) : nil,
            "too_few_samples_for": weak.isEmpty ? nil : .list(weak),
        ]
        members.merge(result.hiddenWaits) { $1 }
        return .object(members)
    }
}
