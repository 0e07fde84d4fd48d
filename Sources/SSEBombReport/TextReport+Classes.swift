// The report's part on classes of load, where a run has several: first a line for each, to compare
// them; then, of a few, each one's own figures.

import SSEBombCore

extension TextReport {
    /// More classes than these get their line only: the result file has the rest.
    private static let mostDetailed = 8
    /// Names are cut to the least of these lengths at which no two become the same.
    private static let nameLengths = [32, 48, 64, 96, 128]

    var classNames: String {
        let names = result.classes.prefix(Self.mostDetailed).map { name(of: $0) }
        let more = result.classes.count - names.count
        return "\(Units.count(result.classes.count)): " + names.joined(separator: ", ")
            + (more > 0 ? " and \(Units.count(more)) more" : "")
    }

    func classes(_ layout: inout TextLayout) {
        guard !result.classes.isEmpty else { return }
        layout.line("")
        layout.table(classTable)
        if result.classes.count > Self.mostDetailed {
            layout.note("Each class's own figures stand in the result file (-o).") { $0.dim }
            return
        }
        for part in result.classes {
            let own = TextReport(part, of: self)
            let title = "Class \(name(of: part))"
            layout.owner(nil)
            layout.section(title)
            layout.owner(title)
            own.classHeadline(&layout)
            own.subscriptions(&layout)
            own.objectives(&layout)
            own.arrivals(&layout)
            own.stages(&layout)
            own.latencies(&layout, withClient: false)
            own.sessions(&layout, ofClass: true)
        }
        layout.owner(nil)
    }

    /// A row for each class, to compare them.
    var classTable: TextTable {
        var table = TextTable()
        table.heading(
            [
                "Class", "started", "completed", "failed", "requests/s", "tokens/s", "ttft p50",
                "p99",
            ]
                + ["gap p50", "p99"]
        )
        for part in result.classes { table.row(row(of: part)) }
        return table
    }

    private init(_ part: ClassResult, of whole: TextReport) {
        self.init(part.result, verdict: whole.verdict, color: whole.color)
    }

    private func classHeadline(_ layout: inout TextLayout) {
        let url = PrintableText.line(Redaction.url(of: result.plan.request))
        layout.field("target", "\(result.plan.request.method) \(url)")
        layout.field("plan", planLine)
        layout.field("api", result.apiName ?? "not recognised")
    }

    func name(of part: ClassResult) -> String {
        let length = Self.nameLengths.first { length in
            let names = result.classes.map { PrintableText.name($0.name, limit: length) }
            return Set(names).count == names.count
        }
        return PrintableText.name(part.name, limit: length ?? .max)
    }

    private func row(of part: ClassResult) -> [TextTable.Cell] {
        let (own, counts) = (part.result, part.result.counts)
        var cells = [name(of: part)]
        cells += [counts.started, counts.completed, counts.failed].map { Units.count($0) }
        let window = own.rateWindow
        cells.append(window.map { Units.rate(Double($0.requests) / $0.seconds) } ?? "-")
        let hasRate = own.apiName != nil
        cells.append(
            window.flatMap { hasRate ? Units.rate($0.tokens / $0.seconds) : nil } ?? "-"
        )
        return cells.map { TextTable.Cell(text: $0) }
            + [.ttft, .gap].flatMap { percentiles(own.histograms[$0]) }
    }

    func percentiles(_ histogram: HistogramSnapshot?) -> [TextTable.Cell] {
        [ReportedPercentile.p50, .p99].map { percentile in
            guard let histogram, !histogram.isEmpty else { return TextTable.Cell(text: "-") }
            let value = min(histogram.percentile(percentile.rawValue), histogram.max)
            return TextTable.Cell(
                text: Units.duration(value, separator: ""),
                isWeak: !percentile.isSupported(by: histogram.count)
            )
        }
    }
}
