// The result for a merge request or a job's summary: verdict and gates, then the figures that are
// asked for first. Text from outside is escaped: it can be neither markup nor a table's border.

import SSEBombCore

/// The `--markdown` file, and what is appended to a job's summary.
enum MarkdownExport {
    private static let mostReasons = 8

    static func text(_ run: FinishedRun) -> String {
        var blocks = ["## ssebomb: \(headline(run))", target(run)]
        blocks += reasons(run) + gates(run) + [requests(run.result)]
        blocks += latencies(run) + sessions(run) + classes(run)
        return blocks.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    private static func headline(_ run: FinishedRun) -> String {
        var words = "measurement \(run.verdict.state.rawValue)"
        let missed = run.thresholds.count { $0.outcome == .missed }
        let unjudged = run.thresholds.count { $0.outcome == .notJudged }
        if !run.thresholds.isEmpty {
            let passed = run.thresholds.count - missed - unjudged
            words += ", \(passed) of \(run.thresholds.count) thresholds passed"
        }
        return words
    }

    private static func target(_ run: FinishedRun) -> String {
        let plan = run.result.plan
        let length = Units.duration(run.result.measured)
        let window =
            run.result.merged.map { $0.window == nil ? "no window" : length }
            .map { "\($0) in common" } ?? "measured \(length)"
        let measured =
            "\(window), run \(code(run.context.id)) at \(Timestamp.rfc3339(run.result.startedAt))"
        guard run.result.classes.isEmpty else {
            return "\(Units.count(run.result.classes.count)) classes of load, \(measured)"
        }
        let url = code("\(plan.request.method) \(Redaction.url(of: plan.request))")
        let load =
            plan.arrivals.map { load in
                (plan.askedRate.map { "\(Units.rate($0))/s " } ?? "") + load.process
            }
            ?? "\(Units.count(plan.streams)) streams"
        return "\(url), \(load), \(measured)"
    }

    private static func reasons(_ run: FinishedRun) -> [String] {
        let all = run.verdict.reasons.map { "**\($0.state.rawValue)**: \(escaped($0.sentence))" }
        let findings = run.verdict.server.map { "server: \(escaped($0.sentence))" }
        let shown = (all + findings).prefix(mostReasons).map { "- \($0)" }
        return shown.isEmpty ? [] : [shown.joined(separator: "\n")]
    }

    private static func gates(_ run: FinishedRun) -> [String] {
        guard !run.thresholds.isEmpty else { return [] }
        let rows = run.thresholds.map { gate -> [String] in
            let mark =
                switch gate.outcome {
                case .passed: "✓ passed"
                case .missed: "✗ missed"
                case .notJudged: "? not judged"
                }
            return [mark, code(gate.threshold.expression), escaped(gate.sentence)]
        }
        return [table(["", "threshold", "figure"], rows, right: 3)]
    }

    private static func requests(_ result: RunResult) -> String {
        let counts = result.counts
        var rows = [
            [
                "requests",
                "\(Units.count(counts.started)) started, \(Units.count(counts.completed)) completed"
                    + ", \(Units.count(counts.failed)) failed, "
                    + "\(Units.count(counts.cancelled)) cancelled, \(Units.count(counts.cut)) cut",
            ]
        ]
        if let dropped = dropped(result) { rows.append(["dropped", dropped]) }
        let failures = StreamFailure.allCases.compactMap { kind in
            counts.failures[kind].map { "\(kind.name) \(Units.count($0))" }
        }
        if !failures.isEmpty { rows.append(["failures", failures.joined(separator: ", ")]) }
        if let slo = counts.objectives { rows.append(["slo", objectives(slo, result.goodput)]) }
        if let window = result.rateWindow {
            var rates = "\(Units.rate(Double(window.requests) / window.seconds)) requests/s"
            if result.hasTokens {
                rates += ", \(Units.rate(window.tokens / window.seconds)) tokens/s"
                rates += " (\(result.counts.throughputBasis.rawValue))"
            }
            rows.append(["rates", rates])
        }
        return table(["", ""], rows, right: 2)
    }

    private static func objectives(_ counts: ObjectiveCounts, _ goodput: Double?) -> String {
        var words =
            "\(Units.count(counts.good)) good, \(Units.count(counts.bad)) bad, "
            + "\(Units.count(counts.undecided)) undecided"
        if let share = Units.share(counts.good, of: counts.decided) {
            words += ", attainment \(share)"
        }
        if let goodput { words += ", goodput \(Units.rate(goodput))/s" }
        return words
    }

    /// Arrivals that no other figure shows; nil in a closed model.
    private static func dropped(_ result: RunResult) -> String? {
        result.droppedArrivals.map {
            "\(Units.count($0)) arrivals dropped, which still waited for a stream at the end"
        }
    }

    private static func neverEnded(_ waits: UnfinishedWaits) -> String {
        "\(Units.count(waits.count)), the oldest after \(Units.duration(waits.greatestAge))"
    }

    /// A percentile that its samples can't support stands in parentheses. Waits that never ended
    /// are in no percentile, so they stand beside them.
    private static func latencies(_ run: FinishedRun) -> [String] {
        let result = run.result
        let hasWaits = result.unfinished.values.contains { $0.count > 0 }
        let rows = Metric.allCases.compactMap { metric -> [String]? in
            let samples = result.histograms[metric] ?? HistogramSnapshot()
            let waits = result.unfinished[metric].flatMap { $0.count > 0 ? $0 : nil }
            guard !samples.isEmpty || waits != nil else { return nil }
            let basis = result.basis(of: metric).map { " (\($0.rawValue))" } ?? ""
            let end = hasWaits ? [waits.map { neverEnded($0) } ?? ""] : []
            return [metric.rawValue + basis, Units.count(samples.count)] + figures(samples) + end
        }
        guard !rows.isEmpty else { return [] }
        var heading = ["latency", "n", "mean"] + ReportedPercentile.allCases.map(\.title) + ["max"]
        if hasWaits { heading.append("never ended") }
        var blocks = [table(heading, rows, right: 1)]
        if rows.contains(where: { $0.contains { $0.hasPrefix("(") } }) {
            blocks.append("(…): too few samples to state it.")
        }
        return blocks
    }

    /// Mean, percentiles and greatest sample.
    private static func figures(_ samples: HistogramSnapshot) -> [String] {
        guard !samples.isEmpty else {
            return Array(repeating: "", count: ReportedPercentile.allCases.count + 2)
        }
        let percentiles = ReportedPercentile.allCases.map { percentile in
            let text = Units.duration(samples.reported(percentile.rawValue))
            return percentile.isSupported(by: samples.count) ? text : "(\(text))"
        }
        return [Units.duration(Int64(clamping: samples.mean))] + percentiles
            + [Units.duration(samples.max)]
    }

    private static func sessions(_ run: FinishedRun) -> [String] {
        guard let sessions = run.result.sessions else { return [] }
        let words =
            "Sessions: \(Units.count(sessions.started)) started, "
            + "\(Units.count(sessions.completed)) completed, "
            + "\(Units.count(sessions.failed)) failed, \(Units.count(sessions.tooLong)) too long, "
            + "\(Units.count(sessions.unfinished)) unfinished."
        return [words] + tables(report(run).turnTable.map { [$0] } ?? [])
    }

    /// The table of the text report: classes side by side; then what their percentiles don't show.
    private static func classes(_ run: FinishedRun) -> [String] {
        guard !run.result.classes.isEmpty else { return [] }
        let report = report(run)
        let lines = run.result.classes.compactMap { part -> String? in
            var parts = dropped(part.result).map { [$0] } ?? []
            for metric in Metric.allCases {
                guard let waits = part.result.unfinished[metric], waits.count > 0 else { continue }
                parts.append("\(metric.rawValue) never ended: \(neverEnded(waits))")
            }
            guard !parts.isEmpty else { return nil }
            return "- \(escaped(report.name(of: part))): "
                + parts.map { escaped($0) }.joined(separator: "; ")
        }
        return tables([report.classTable]) + (lines.isEmpty ? [] : [lines.joined(separator: "\n")])
    }

    private static func report(_ run: FinishedRun) -> TextReport {
        TextReport(run.result, verdict: run.verdict, color: false)
    }

    private static func tables(_ tables: [TextTable]) -> [String] {
        tables.map { text in
            var heading: [String] = []
            var rows: [[String]] = []
            for row in text.rows {
                switch row {
                case .heading(let cells): heading = cells.map { escaped($0.text) }
                case .cells(let cells): rows.append(cells.map { escaped($0.plain) })
                case .note: continue
                }
            }
            return table(heading, rows, right: 1)
        }
    }

    /// Columns from `right` on are aligned to the right.
    private static func table(_ heading: [String], _ rows: [[String]], right: Int) -> String {
        let borders = heading.indices.map { $0 >= right ? "---:" : "---" }
        return ([heading, borders] + rows)
            .map { "| " + $0.joined(separator: " | ") + " |" }
            .joined(separator: "\n")
    }

    /// Text in which nothing is markup.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in PrintableText.line(text) {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "@", "!":
                result += "\\" + String(character)
            default: result.append(character)
            }
        }
        return result
    }

    /// A code span; its own marks can't end it.
    private static func code(_ text: String) -> String {
        let plain = PrintableText.line(text).replacing("`", with: "'").replacing("|", with: "\\|")
        return "`\(plain)`"
    }
}
