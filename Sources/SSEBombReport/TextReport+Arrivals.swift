// The report's part on the open load model: what was asked for, what started, how late, and
// whether the starts follow the law.

import SSEBombCore

extension TextReport {
    func arrivals(_ layout: inout TextLayout) {
        guard let load = result.plan.arrivals, let report = result.arrivals else { return }
        let counts = result.counts
        layout.section("Arrivals")
        var rates = "\(Units.rate(load.rate))/s asked"
        if let achieved = result.achievedRate { rates += ", \(Units.rate(achieved))/s started" }
        layout.field("rate", rates + ", \(Units.count(report.due)) due")
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
        if let test = report.test {
            layout.field(
                "law",
                "\(load.law.name): Kolmogorov-Smirnov D \(Units.rate(test.statistic)), p"
                    + " \(Units.rate(test.pValue)), n \(Units.count(test.count))"
            )
        } else if let deviation = report.greatestDeviation {
            layout.field(
                "law",
                "\(load.law.name): times between starts off by \(Units.duration(deviation)) at most"
            )
        }
    }
}

extension RunResult {
    /// Requests of the measured window that started, per second; nil in the closed model.
    var achievedRate: Double? {
        guard let span = arrivals?.span, span > 0 else { return nil }
        return Double(counts.started) * 1e9 / Double(span)
    }
}
