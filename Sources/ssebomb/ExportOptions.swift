// The flags that write a finished run in the formats of other tools. Declarations and checks of
// paths; what the formats hold is the report module's business (docs/FORMATS.md).

import ArgumentParser
import SSEBombCore
import SSEBombReport

/// Files beside the report, the same for a run that has just ended and for a stored one.
struct ExportOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The report as one HTML page, with pictures; it needs no network.",
            valueName: "FILE"
        )
    )
    var html: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Every figure, one a line, as CSV.", valueName: "FILE")
    )
    var csv: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Verdict, gates and figures as Markdown; also appended to the file named by "
                + "GITHUB_STEP_SUMMARY.",
            valueName: "FILE"
        )
    )
    var markdown: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("HdrHistogram's log, a tag a metric, by the second.", valueName: "FILE")
    )
    var hlog: String?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "HdrHistogram's percentile distribution of a metric (default: ttft); repeatable.",
            valueName: "[METRIC=]FILE"
        ),
        transform: DistributionFile.init(parsing:)
    )
    var hgrm: [DistributionFile] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("OpenMetrics text.", valueName: "FILE")
    )
    var openmetrics: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("As 'vllm bench serve' writes it.", valueName: "FILE")
    )
    var vllmJson: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("As AIPerf's profile_export_aiperf.json.", valueName: "FILE")
    )
    var aiperfJson: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("As k6 hands it to handleSummary.", valueName: "FILE")
    )
    var k6Json: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("llm-d benchmark report, JSON.", valueName: "FILE")
    )
    var llmd: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("JUnit XML, a case for each gate.", valueName: "FILE")
    )
    var junit: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Send the result's metrics to an OpenTelemetry collector, as OTLP/HTTP JSON.",
            valueName: "URL"
        )
    )
    var otlp: String?

    /// What is wanted, by the flag that asked for it.
    var wanted: [(flag: String, path: String, export: RunExport)] {
        let single: [(String, String?, RunExport)] = [
            ("--html", html, .html), ("--csv", csv, .csv), ("--markdown", markdown, .markdown),
            ("--hlog", hlog, .hlog),
            ("--openmetrics", openmetrics, .openMetrics), ("--vllm-json", vllmJson, .vllm),
            ("--aiperf-json", aiperfJson, .aiperf), ("--k6-json", k6Json, .k6),
            ("--llmd", llmd, .llmd), ("--junit", junit, .junit),
        ]
        let files = single.compactMap { flag, path, export in
            path.map { (flag: flag, path: $0, export: export) }
        }
        return files + hgrm.map { (flag: "--hgrm", path: $0.path, export: .hgrm($0.metric)) }
    }
}

/// A value of `--hgrm`.
struct DistributionFile: Sendable {
    let metric: Metric
    let path: String

    /// `[METRIC=]FILE`; a path with "=" in it needs the metric before it.
    init(parsing text: String) throws(ValueError) {
        guard let equals = text.firstIndex(of: "=") else {
            (metric, path) = (.ttft, text)
            return
        }
        let name = String(text[..<equals])
        guard let metric = Metric(rawValue: name) else {
            let names = Metric.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValueError("'\(name)' isn't one of \(names): write for example gap=gap.hgrm")
        }
        self.metric = metric
        path = String(text[text.index(after: equals)...])
    }
}
