// The formats of other tools that a finished run can be written in (docs/FORMATS.md says field by
// field what each holds). Must not know files, flags or standard output.

public import SSEBombCore

/// One format that a run can be exported to.
public enum RunExport: Sendable, Equatable {
    /// One figure a line.
    case csv
    /// For people, in merge requests and job summaries.
    case markdown
    /// HdrHistogram's log, V1.3, with a tag a metric.
    case hlog
    /// HdrHistogram's percentile distribution of one metric.
    case hgrm(Metric)
    /// OpenMetrics text 1.0.
    case openMetrics
    /// What `vllm bench serve --save-result` writes.
    case vllm
    /// AIPerf's `profile_export_aiperf.json`.
    case aiperf
    /// The data of k6's end-of-test summary.
    case k6
    /// The llm-d benchmark report, version 0.2.
    case llmd
    /// JUnit XML, a case for each gate.
    case junit
    /// One page with pictures.
    case html
    /// The body of an OTLP/HTTP request, JSON.
    case otlp
    /// The request log, of the requests that are kept (`FinishedRun.keptRequests`).
    case requests

    /// The run in this format: UTF-8, with a line end behind it.
    public func render(_ run: FinishedRun) throws(OutputError) -> [UInt8] {
        switch self {
        case .csv: Array(CSVExport.text(run).utf8)
        case .markdown: Array(MarkdownExport.text(run).utf8)
        case .hlog: Array(HistogramLog.text(run).utf8)
        case .hgrm(let metric): Array(PercentileDistribution.text(run, metric).utf8)
        case .openMetrics: Array(OpenMetricsExport.text(run).utf8)
        case .vllm: try VLLMExport.document(run).encoded()
        case .aiperf: try AIPerfExport.document(run).encoded()
        case .k6: try K6Export.document(run).encoded()
        case .llmd: try LLMDExport.document(run).encoded()
        case .junit: Array(JUnitExport.text(run).utf8)
        case .html: HTMLReport(run).render()
        case .otlp: try OTLPExport.document(run).encoded()
        case .requests: run.requests?.lines ?? []
        }
    }
}

extension RunResult {
    /// The metrics that have samples, in the order of their definition.
    var measuredMetrics: [(metric: Metric, samples: HistogramSnapshot)] {
        Metric.allCases.compactMap { metric in
            guard let samples = histograms[metric], !samples.isEmpty else { return nil }
            return (metric, samples)
        }
    }
}

extension RunResult {
    /// From the beginning of the measured window to the end of the run, in seconds: what tools
    /// without a window call the duration. Of merged results from the first such beginning to the
    /// last end. Nil where nothing was measured, and where merged results have no window in common:
    /// parts that ran on different days have no rate together.
    var wholeSeconds: Double? {
        guard measured > 0 else { return nil }
        var start = startedAt + plan.ramp + plan.warmup
        if let merged {
            guard let first = merged.measuredFrom else { return nil }
            start = first
        }
        let end = startedAt + length
        return end > start ? Double(end - start) / 1e9 : nil
    }

    /// Whether every request of the window completed, so that figures of all requests are those of
    /// completed ones.
    var isAllCompleted: Bool { counts.started == counts.completed }

    /// Completion tokens as tools count them that look at completed requests alone; of results
    /// that don't tell these apart, of all requests.
    var tokensOfCompleted: UInt64 { counts.completedTokens ?? counts.completionTokens }

    /// The same of prompt tokens; nil where no usage named any.
    var promptTokensOfCompleted: UInt64? {
        hasTokens ? counts.promptTokens.map { counts.completedPromptTokens ?? $0 } : nil
    }

    /// Whose the figures are that came of every request, whatever became of it, beside the count
    /// of those that completed.
    var scopeOfAll: String {
        if isAllCompleted { return "of all requests: each completed" }
        let others = counts.started - min(counts.started, counts.completed)
        return "of all \(counts.started) requests as far as each came, the \(others) that failed, "
            + "were cancelled or cut included"
    }

    /// Whose the token sums are.
    var scopeOfTokens: String {
        isAllCompleted || counts.completedTokens != nil
            ? "of completed requests alone"
            : scopeOfAll + ", for this result doesn't tell them apart"
    }

    /// What no latency and no count of requests shows: arrivals that never got a stream, and waits
    /// that never ended, by metric.
    var hiddenWaits: [String: JSONNode?] {
        var members: [String: JSONNode?] = [:]
        members["dropped"] = droppedArrivals.map { .whole($0) }
        var waits: [String: JSONNode?] = [:]
        for (metric, unfinished) in unfinished where unfinished.count > 0 {
            waits[metric.rawValue] = .object([
                "count": .whole(unfinished.count),
                "greatest_age_ms": .milliseconds(unfinished.greatestAge),
            ])
        }
        if !waits.isEmpty { members["unfinished"] = .object(waits) }
        return members
    }
}

extension FinishedRun {
    /// How many single requests are kept, and how many ended beside them; nil where none are kept.
    public var keptRequests: (kept: UInt64, leftOut: UInt64)? {
        requests.map { (UInt64($0.count), $0.leftOut) }
    }

    /// The metrics that have samples, in the order of their definition.
    var measuredMetrics: [(metric: Metric, samples: HistogramSnapshot)] { result.measuredMetrics }

    /// `RunResult.wholeSeconds`.
    var wholeSeconds: Double? { result.wholeSeconds }

    /// What `wholeSeconds` is, for the reader of a file that has no other place to say so.
    var wholeBasis: String {
        guard result.merged != nil else {
            return "start of the measured window to the end of the run, drain included"
        }
        guard wholeSeconds != nil else {
            return "left out: the merged runs have no window in common"
        }
        return "start of the first measured window of the merged runs to the last one's end, "
            + "drain included"
    }

    /// Wall-clock end, nanoseconds since 1970.
    var endedAt: Int64 { result.startedAt + result.length }

    /// Completed requests over `wholeSeconds`, and likewise their tokens and, with objectives, the
    /// good ones: the arithmetic of tools without a window.
    var wholeRates: (requests: Double, tokens: Double?, good: Double?)? {
        guard let seconds = wholeSeconds, seconds > 0 else { return nil }
        return (
            Double(result.counts.completed) / seconds,
            result.hasTokens ? Double(result.tokensOfCompleted) / seconds : nil,
            result.counts.objectives.map { Double($0.good) / seconds }
        )
    }
}

extension HistogramSnapshot {
    /// A percentile as reports give it: the upper edge of the highest cell lies up to 0.1 % above
    /// the greatest sample.
    func reported(_ percentile: Double) -> Int64 { Swift.min(self.percentile(percentile), max) }

    /// The reported percentiles that the samples are too few to state.
    var unsupported: [ReportedPercentile] {
        ReportedPercentile.allCases.filter { !$0.isSupported(by: count) }
    }
}
