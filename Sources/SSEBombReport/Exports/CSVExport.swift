// One figure a line: name, statistic, value, unit, class of load. Seconds and plain numbers, so
// that a spreadsheet needs no parsing of units.

import SSEBombCore

/// The `--csv` file (RFC 4180, without CR).
enum CSVExport {
    static func text(_ run: FinishedRun) -> String {
        var rows = [
            ["run", "id", run.context.id, ""],
            ["run", "started_at", Timestamp.rfc3339(run.result.startedAt), ""],
            ["verdict", "state", run.verdict.state.rawValue, ""],
        ]
        rows += figures(run.result)
        for gate in run.thresholds {
            rows.append([gate.threshold.expression, "threshold", gate.outcome.rawValue, ""])
        }
        let heading = ["name", "statistic", "value", "unit", "class"]
        var lines = [heading] + rows.map { $0 + [""] }
        for part in run.result.classes {
            lines += figures(part.result).map { $0 + [PrintableText.line(part.name)] }
        }
        return lines.map { $0.map(cell).joined(separator: ",") + "\n" }.joined()
    }

    /// Of the whole run, or of a class of load.
    private static func figures(_ result: RunResult) -> [[String]] {
        var rows = counts(result) + rates(result)
        for (metric, samples) in result.measuredMetrics {
            rows += latency(metric.rawValue, samples)
            if let basis = result.basis(of: metric) {
                rows.append([metric.rawValue, "basis", basis.rawValue, ""])
            }
        }
        for metric in Metric.allCases {
            guard let waits = result.unfinished[metric], waits.count > 0 else { continue }
            rows.append([metric.rawValue, "unfinished", "\(waits.count)", "waits"])
        }
        return rows + sessions(result)
    }

    private static func sessions(_ result: RunResult) -> [[String]] {
        guard let sessions = result.sessions else { return [] }
        var rows = [
            ("started", sessions.started), ("completed", sessions.completed),
            ("failed", sessions.failed), ("too_long", sessions.tooLong),
            ("unfinished", sessions.unfinished),
        ].map { ["sessions", $0.0, "\($0.1)", "sessions"] }
        for turn in sessions.turns {
            for (name, samples) in [("ttft", turn.ttft), ("e2e", turn.e2e)] where !samples.isEmpty {
                rows += latency("turn_\(turn.number)_\(name)", samples)
            }
        }
        return rows
    }

    private static func counts(_ result: RunResult) -> [[String]] {
        let counts = result.counts
        var rows = [
            ("started", counts.started), ("completed", counts.completed),
            ("failed", counts.failed), ("cancelled", counts.cancelled), ("cut", counts.cut),
        ].map { ["requests", $0.0, "\($0.1)", "requests"] }
        if let dropped = result.droppedArrivals {
            rows.append(["requests", "dropped", "\(dropped)", "requests"])
        }
        for kind in StreamFailure.allCases {
            guard let count = counts.failures[kind], count > 0 else { continue }
            rows.append(["failures", kind.name, "\(count)", "requests"])
        }
        for (code, count) in counts.status.sorted(by: { $0.key < $1.key }) {
            rows.append(["status", "\(code)", "\(count)", "responses"])
        }
        if let slo = counts.objectives {
            rows += [("good", slo.good), ("bad", slo.bad), ("undecided", slo.undecided)]
                .map { ["slo", $0.0, "\($0.1)", "requests"] }
            if let share = slo.attainment { rows.append(["slo", "attainment", "\(share)", ""]) }
        }
        rows.append(["events", "count", "\(counts.events)", "events"])
        if result.hasTokens {
            rows.append(["tokens", "completion", "\(counts.completionTokens)", "tokens"])
            rows.append(["tokens", "basis", counts.tokenBasis.rawValue, ""])
            if let prompt = counts.promptTokens {
                rows.append(["tokens", "prompt", "\(prompt)", "tokens"])
            }
        }
        return rows
    }

    private static func rates(_ result: RunResult) -> [[String]] {
        guard let window = result.rateWindow else { return [] }
        var rows = [
            ["window", "length", "\(window.seconds)", "s"],
            ["requests", "rate", "\(Double(window.requests) / window.seconds)", "requests/s"],
            ["events", "rate", "\(Double(window.events) / window.seconds)", "events/s"],
        ]
        if result.hasTokens, (window.tokens / window.seconds).isFinite {
            rows.append(["tokens", "rate", "\(window.tokens / window.seconds)", "tokens/s"])
        }
        if let goodput = result.goodput {
            rows.append(["slo", "goodput", "\(goodput)", "requests/s"])
        }
        return rows
    }

    /// Percentiles that the samples are too few to state are left out.
    private static func latency(_ name: String, _ samples: HistogramSnapshot) -> [[String]] {
        var figures = [
            ("mean", samples.mean), ("stddev", samples.standardDeviation),
            ("min", Double(samples.min)),
        ]
        for percentile in ReportedPercentile.allCases
        where percentile.isSupported(by: samples.count) {
            figures.append((percentile.title, Double(samples.reported(percentile.rawValue))))
        }
        figures.append(("max", Double(samples.max)))
        return [[name, "count", "\(samples.count)", "samples"]]
            + figures.map { [name, $0.0, "\($0.1 / 1e9)", "s"] }
    }

    private static func cell(_ text: String) -> String {
        guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
