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

    /// A percentile that its samples can't support stands in parentheses.
    private static func latencies(_ run: FinishedRun) -> [String] {
        let rows = run.measuredMetrics.map { metric, samples -> [String] in
            let basis = run.result.basis(of: metric).map { " (\($0.rawValue))" } ?? ""
            let percentiles = ReportedPercentile.allCases.map { percentile in
                let text = Units.duration(samples.reported(percentile.rawValue))
                return percentile.isSupported(by: samples.count) ? text : "(\(text))"
            }
            let mean = Units.duration(Int64(clamping: samples.mean))
            return [metric.rawValue + basis, Units.count(samples.count), mean] + percentiles
                + [Units.duration(samples.max)]
        }
        guard !rows.isEmpty else { return [] }
        let heading = ["latency", "n", "mean"] + ReportedPercentile.allCases.map(\.title) + ["max"]
        var blocks = [table(heading, rows, right: 1)]
        if rows.contains(where: { $0.contains { $0.hasPrefix("(") } }) {
            blocks.append("(…): too few samples to state it.")
        }
        return blocks
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

    /// The table of the text report: classes side by side.
    private static func classes(_ run: FinishedRun) -> [String] {
        run.result.classes.isEmpty ? [] : tables([report(run).classTable])
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
