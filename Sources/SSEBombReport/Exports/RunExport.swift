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

extension FinishedRun {
    /// The metrics that have samples, in the order of their definition.
    var measuredMetrics: [(metric: Metric, samples: HistogramSnapshot)] { result.measuredMetrics }

    /// From the beginning of the measured window to the end of the run, in seconds: what tools
    /// without a window call the duration. Of merged results the common window. Nil where nothing
    /// was measured.
    var wholeSeconds: Double? {
        if result.merged != nil { return result.rateWindow?.seconds }
        let length = result.length - result.plan.ramp - result.plan.warmup
        return length > 0 && result.measured > 0 ? Double(length) / 1e9 : nil
    }

    /// Wall-clock end, nanoseconds since 1970.
    var endedAt: Int64 { result.startedAt + result.length }

    /// Tokens of the window's requests over `wholeSeconds`, and requests likewise: the arithmetic
    /// of tools without a window. Of merged results the rates of the common window.
    var wholeRates: (requests: Double, tokens: Double?)? {
        guard let seconds = wholeSeconds, seconds > 0 else { return nil }
        if result.merged != nil, let window = result.rateWindow {
            return (
                Double(window.requests) / seconds,
                result.hasTokens ? window.tokens / seconds : nil
            )
        }
        return (
            Double(result.counts.completed) / seconds,
            result.hasTokens ? Double(result.counts.completionTokens) / seconds : nil
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
