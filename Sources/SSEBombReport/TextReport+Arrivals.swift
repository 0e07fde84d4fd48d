// The report's part on the open load model: what was asked for, what started, how late, and
// whether the starts follow the law.

import SSEBombCore

extension TextReport {
    func arrivals(_ layout: inout TextLayout) {
        guard let load = result.plan.arrivals, let report = result.arrivals else { return }
        let counts = result.counts
        layout.section("Arrivals")
        let mean = load.line == nil && load.trace == nil ? "" : " on average"
        var rates = result.plan.askedRate.map { ["\(Units.rate($0))/s asked\(mean)"] } ?? []
        if let achieved = result.achievedRate { rates.append("\(Units.rate(achieved))/s started") }
        if rates.isEmpty { rates = ["too few arrivals in too short a time for one"] }
        layout.field("rate", rates.joined(separator: ", ") + ", \(Units.count(report.due)) due")
        layout.field(
            "waited",
            "\(Units.count(counts.waited)) for a free stream of"
                + " \(Units.count(result.plan.streams)); \(Units.count(counts.dropped)) dropped,"
                + " which still waited at the end"
        )
        let errors = report.pacingError
        if !errors.isEmpty {
            let percentiles = [ReportedPercentile.p50, .p99].map { percentile in
                let value = min(errors.percentile(percentile.rawValue), errors.max)
                let text = "\(percentile.title) \(Units.duration(value))"
                return percentile.isSupported(by: errors.count) ? text : "(\(text))"
            }
            layout.field(
                "pacing error",
                percentiles.joined(separator: ", ") + ", max \(Units.duration(errors.max))"
            )
        }
        if let line = lawLine(load, report) { layout.field("law", line) }
        guard let trace = load.trace else { return }
        let summary = trace.summary
        let window = summary.window
        let end = window.end.map { " to \(Units.setting($0))" } ?? ""
        let part = window == TraceWindow() ? "" : " from \(Units.setting(window.start))\(end)"
        layout.field(
            "trace",
            "\(PrintableText.line(trace.path)) (\(trace.format.rawValue)),"
                + " \(Units.count(summary.rows)) rows\(part),"
                + " \(Units.count(summary.inputTokens)) prompt"
                + " and \(Units.count(summary.outputTokens)) answer tokens, speed"
                + " \(Units.number(trace.speed))"
        )
    }

    /// How the starts compare with what they had to follow.
    private func lawLine(_ load: OpenLoad, _ report: ArrivalReport) -> String? {
        if let test = report.test {
            return "\(load.process): Kolmogorov-Smirnov D \(Units.rate(test.statistic)), p"
                + " \(Units.rate(test.pValue)), n \(Units.count(test.count))"
        }
        guard let deviation = report.greatestDeviation.map({ Units.duration($0) }) else {
            return nil
        }
        return load.trace == nil
            ? "\(load.process): times between starts off by \(deviation) at most"
            : "none, but the trace's own instants: starts came \(deviation) late at most, waits"
                + " included"
    }

    /// A load that changes, stage by stage.
    func stages(_ layout: inout TextLayout) {
        let accounts = result.stageAccounts
        guard !accounts.isEmpty else { return }
        let unit = result.plan.levelUnit
        let verb = result.plan.arrivals == nil ? "held" : "started"
        layout.section("Stages")
        for (index, account) in accounts.prefix(Self.mostStages).enumerated() {
            let (from, target) = (Units.number(account.from), Units.number(account.target))
            let time = Units.setting(account.duration)
            var line = from == target ? "" : "\(from)\(unit) to "
            line += "\(target)\(unit) \(from == target ? "for" : "in") \(time)"
            if let asked = account.asked, let achieved = account.achieved {
                line +=
                    ": \(Units.rate(asked))\(unit) asked, \(Units.rate(achieved))\(unit)"
                    + " \(verb), over \(Units.count(account.seconds)) whole s"
            }
            layout.field("\(index + 1)", line)
        }
        if accounts.count > Self.mostStages {
            layout.note("\(Units.count(accounts.count)) stages in all; the result file has them.") {
                $0.dim
            }
        }
    }

    private static var mostStages: Int { 20 }
}

extension RunResult {
    /// Requests of the measured window that started, per second; nil in the closed model, and where
    /// they are too few, or their time too short, for a rate.
    var achievedRate: Double? {
        guard let arrivals, arrivals.span >= Self.shortestSpan else { return nil }
        // Later turns of sessions are no arrivals.
        let started = arrivals.due - min(arrivals.due, counts.dropped)
        return started == 1 ? nil : Double(started) * 1e9 / Double(arrivals.span)
    }

    /// Shorter times between a schedule's begin and its last start are those of the loop, not of
    /// the schedule: an arrival may be so late.
    private static var shortestSpan: Int64 { Nanoseconds.milliseconds(1) }
}
