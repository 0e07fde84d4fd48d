// The report's latency table: one metric a row, percentiles as far as the samples carry them, and
// beside each metric the waits that never ended.

import SSEBombCore

extension TextReport {
    private static let serverMetrics: [Metric] = [
        .ttft, .ttftFresh, .ttfe, .ttfo, .gap, .itl, .oneWay, .tpot, .e2e, .headers, .connect, .tls,
        .reconnect,
        .lastToken, .maxGap,
    ]
    /// Of the server's own account.
    private static let reportedMetrics: [Metric] = [.serverQueue, .serverPrefill, .serverDecode]
    private static let clientMetrics: [Metric] = [.deliveryLag, .stampWindow, .sendLag]

    /// - Parameter withClient: also what the client says of itself, which concerns the whole run.
    func latencies(_ layout: inout TextLayout, withClient: Bool = true) {
        var table = TextTable()
        let percentiles = ReportedPercentile.allCases.map(\.title)
        table.heading(["Latency", "n", "mean"] + percentiles + ["max"])
        var weak: Set<ReportedPercentile> = []
        var isEmpty = true
        // Where load is a rate, the time since a request was due is what a user sees.
        let headline: [Metric] = result.hasRates ? [.ttftSched, .e2eSched] : []
        for metric in headline + Self.serverMetrics where isShown(metric) {
            weak.formUnion(add(metric, to: &table))
            isEmpty = false
        }
        let reported = Self.reportedMetrics.filter(isShown)
        if !reported.isEmpty { table.note("server's own account", "") }
        for metric in reported { weak.formUnion(add(metric, to: &table)) }
        let own = withClient ? Self.clientMetrics.filter(isShown) : []
        if !own.isEmpty { table.note("client's own", "") }
        for metric in own {
            weak.formUnion(add(metric, to: &table))
            isEmpty = false
        }
        guard !isEmpty else { return }
        layout.line("")
        layout.table(table)
        if !weak.isEmpty { layout.note(Self.legend(weak)) { $0.dim } }
    }

    private func isShown(_ metric: Metric) -> Bool {
        let count = result.histograms[metric]?.count ?? 0
        let waits = result.unfinished[metric]?.count ?? 0
        guard count > 0 || waits > 0 else { return false }
        switch metric {
        // Without reasoning it repeats ttft.
        case .ttfo: return result.counts.reasoningEvents > 0
        case .ttftFresh: return result.counts.connectionsOpened > 0
        default: return true
        }
    }

    /// Adds a metric's rows; returns the percentiles that its samples don't support.
    private func add(_ metric: Metric, to table: inout TextTable) -> Set<ReportedPercentile> {
        let basis = result.basis(of: metric).map { " (\($0.rawValue))" } ?? ""
        let name = metric.rawValue + basis
        let histogram = result.histograms[metric] ?? HistogramSnapshot()
        var weak: Set<ReportedPercentile> = []
        if !histogram.isEmpty {
            var cells = [
                TextTable.Cell(text: name),
                TextTable.Cell(text: Units.count(histogram.count)),
                cell(Int64(exactly: histogram.mean.rounded()) ?? 0),
            ]
            for percentile in ReportedPercentile.allCases {
                let isWeak = !percentile.isSupported(by: histogram.count)
                if isWeak { weak.insert(percentile) }
                // The upper edge of the highest cell lies up to 0.1 % above the greatest sample.
                let value = min(histogram.percentile(percentile.rawValue), histogram.max)
                cells.append(cell(value, isWeak: isWeak))
            }
            table.row(cells + [cell(histogram.max)])
        }
        if let waits = result.unfinished[metric], waits.count > 0 {
            let noun = waits.count == 1 ? "wait" : "waits"
            table.note(
                histogram.isEmpty ? name : "",
                "\(Units.count(waits.count)) \(noun) never ended, the oldest after "
                    + Units.duration(waits.greatestAge)
            )
        }
        if histogram.clipped > 0 {
            table.note("", "\(Units.count(histogram.clipped)) above 24 h, counted as 24 h")
        }
        return weak
    }

    private func cell(_ nanoseconds: Int64, isWeak: Bool = false) -> TextTable.Cell {
        TextTable.Cell(text: Units.duration(nanoseconds, separator: ""), isWeak: isWeak)
    }

    private static func legend(_ weak: Set<ReportedPercentile>) -> String {
        let floors = ReportedPercentile.allCases.filter(weak.contains).map { percentile in
            "\(percentile.title) needs \(Units.count(percentile.floor))"
        }
        return "(…) too few samples (n) to state it: " + floors.joined(separator: ", ") + "."
    }
}
