// What `vllm bench serve --save-result` writes, so that scripts made for that read a run of
// ssebomb: its keys, its units and its arithmetic. What its words mean here stands beside them,
// under `ssebomb_basis`.

import SSEBombCore

/// The `--vllm-json` file.
enum VLLMExport {
    /// Its names of latencies, and which metric stands for each.
    private static let latencies: [(name: String, metric: Metric)] = [
        ("ttft", .ttft), ("tpot", .tpot), ("itl", .gap), ("e2el", .e2e),
    ]

    static func document(_ run: FinishedRun) -> JSONNode {
        let result = run.result
        let counts = result.counts
        var members: [String: JSONNode?] = [
            "date": .text(date(result.startedAt)),
            "backend": result.apiName.map { .text($0) },
            "endpoint_type": result.apiName.map { .text($0) },
            "num_prompts": .whole(counts.started),
            "completed": .whole(counts.completed),
            "failed": .whole(counts.started - min(counts.started, counts.completed)),
            "total_input_tokens": result.promptTokensOfCompleted.map { .whole($0) },
            "total_output_tokens": result.hasTokens ? .whole(result.tokensOfCompleted) : nil,
            "max_concurrency": .whole(UInt64(max(0, result.plan.streams))),
            "request_rate": requestRate(result.plan),
            "burstiness": burstiness(result.plan),
            "duration": run.wholeSeconds.map { .number($0) },
            "ssebomb_basis": basis(run),
        ]
        for (key, rate) in rates(run) { members[key] = rate }
        for (name, metric) in latencies {
            guard let samples = result.histograms[metric], !samples.isEmpty else { continue }
            members["mean_\(name)_ms"] = .milliseconds(samples.mean)
            members["median_\(name)_ms"] = .milliseconds(samples.reported(50))
            members["std_\(name)_ms"] = .milliseconds(samples.standardDeviation)
            for percentile in ReportedPercentile.allCases where percentile != .p50 {
                members["\(percentile.title)_\(name)_ms"] = .milliseconds(
                    samples.reported(percentile.rawValue)
                )
            }
        }
        return .object(members)
    }

    /// Everything over the whole duration, the drain included, as there.
    private static func rates(_ run: FinishedRun) -> [(String, JSONNode?)] {
        guard let rates = run.wholeRates, let seconds = run.wholeSeconds else { return [] }
        var members: [(String, JSONNode?)] = [("request_throughput", .number(rates.requests))]
        if let tokens = rates.tokens {
            members.append(("output_throughput", .number(tokens)))
            if let prompt = run.result.promptTokensOfCompleted {
                let all = tokens + Double(prompt) / seconds
                members.append(("total_token_throughput", .number(all)))
            }
        }
        if let good = rates.good { members.append(("request_goodput", .number(good))) }
        return members
    }

    /// "inf" where requests follow one another, as there.
    private static func requestRate(_ plan: RunPlan) -> JSONNode {
        plan.askedRate.map { .number($0) } ?? "inf"
    }

    /// The shape of its gamma law, of which a Poisson process is 1.
    private static func burstiness(_ plan: RunPlan) -> JSONNode? {
        switch plan.arrivals?.law {
        case .poisson: .number(1)
        case .gamma(let cv): .number(1 / (cv * cv))
        default: nil
        }
    }

    private static func basis(_ run: FinishedRun) -> JSONNode {
        let result = run.result
        var members: [String: JSONNode?] = [
            "tool": .text("ssebomb \(run.context.toolVersion)"),
            "run_id": .text(run.context.id),
            "verdict": .text(run.verdict.state.rawValue),
            "duration": .text(run.wholeBasis),
            "ttft": .text(
                "first token-bearing event; a role alone is none; \(result.scopeOfAll)"
            ),
            "itl": .text(
                "ssebomb's gap: between token-bearing events, never divided by tokens; "
                    + result.scopeOfAll
            ),
            "tpot": "completed requests alone",
            "e2el": "to the end of the stream, completed requests alone",
            "failed": "failed, cancelled and cut requests",
            "measured_s": result.measuredSeconds.map { .number($0) },
        ]
        if let tpot = result.histograms[.tpot], !tpot.isEmpty {
            members["tpot_tokens"] = .text(result.counts.tpotBasis.rawValue)
        }
        members.merge(result.hiddenWaits) { $1 }
        if result.hasTokens {
            members["tokens"] = .text(result.counts.tokenBasis.rawValue)
            members["total_output_tokens"] = .text(result.scopeOfTokens)
        }
        if result.counts.promptTokens != nil {
            members["total_input_tokens"] = .text(result.scopeOfTokens)
        }
        if let window = result.rateWindow {
            members["window_request_throughput"] = .number(
                Double(window.requests) / window.seconds
            )
            if result.hasTokens {
                members["window_output_throughput"] = .number(window.tokens / window.seconds)
            }
        }
        if let ttfe = result.histograms[.ttfe], !ttfe.isEmpty {
            members["median_ttfe_ms"] = .milliseconds(ttfe.reported(50))
        }
        let weak = latencies.flatMap { name, metric -> [JSONNode] in
            guard let samples = result.histograms[metric], !samples.isEmpty else { return [] }
            return samples.unsupported.map {
                .text("\($0 == .p50 ? "median" : $0.title)_\(name)_ms")
            }
        }
        members["too_few_samples_for"] = weak.isEmpty ? nil : .list(weak)
        return .object(members)
    }

    /// "20250131-120000", UTC.
    private static func date(_ nanoseconds: Int64) -> String {
        let text = Timestamp.rfc3339(nanoseconds).prefix(19)
        return text.filter { $0 != "-" && $0 != ":" }.replacing("T", with: "-")
    }
}
