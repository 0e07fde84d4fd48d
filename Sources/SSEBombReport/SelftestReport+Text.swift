// The self-test as text for people: a table for each transport, a sentence for each cell that shows
// nothing or speaks against the client, and one line that says how far this machine can be trusted.

import SSEBombCore

extension SelftestReport {
    /// The whole text.
    ///
    /// - Parameter color: whether the reader is a terminal that shows colours.
    public func text(color: Bool) -> String {
        var layout = TextLayout(paint: Paint(isOn: color))
        headline(&layout)
        for transport in SelftestTransport.allCases {
            let cells = document.cells.filter { $0.transport == transport }
            guard !cells.isEmpty else { continue }
            layout.line("")
            layout.table(table(of: cells, title: transport.title))
        }
        if !document.cells.isEmpty { layout.note(Self.legend) { $0.dim } }
        for cell in document.cells {
            guard let sentence = cell.complaint(document.bounds) else { continue }
            layout.note("\(cell.title): \(sentence)") { $0.red }
        }
        layout.line("")
        layout.line(layout.paint.bold(trustLine))
        return layout.text
    }

    /// One line: how far this machine can be trusted.
    public var trustLine: String {
        let parts = SelftestTransport.allCases.map { transport in
            let carrier = transport == .tls ? "over TLS" : "over TCP"
            if let trust = document.trusted.first(where: { $0.transport == transport }) {
                let within = SelftestDocument.bound(trust.within)
                return "\(carrier) up to \(trust.title): within \(within)"
            }
            let least = document.cells.filter { $0.transport == transport }
                .min { $0.events.asked < $1.events.asked }
            return least.map { "\(carrier) not even with \($0.loadTitle)" } ?? "\(carrier) untried"
        }
        return "this machine can be trusted " + parts.joined(separator: "; ")
    }

    private func headline(_ layout: inout TextLayout) {
        let (setup, bounds) = (document.setup, document.bounds)
        let kernel = document.machine.kernel.map { ", \($0)" } ?? ""
        layout.field("machine", document.machine.text + kernel, indent: 0)
        func place(_ cpus: [Int32]) -> String {
            "CPU " + cpus.map { "\($0)" }.joined(separator: ",")
        }
        let shared = ": they share it, so that each delays the other"
        layout.field(
            "set-up",
            "mock on \(place(setup.mockCPUs)), client on \(place(setup.clientCPUs))"
                + (setup.sharedCPU ? shared : ""),
            indent: 0
        )
        layout.field(
            "bounds",
            "ttft and gap within \(Units.setting(bounds.p50)) (p50) and "
                + "\(Units.setting(bounds.p99)) (p99) of what the mock did",
            indent: 0
        )
        guard document.interrupted else { return }
        layout.field("interrupted", "before its last load", indent: 0) { $0.red }
    }

    private static let legend =
        "ev/s: events a second, asked for and achieved. cpu: the client's, µs an event. ttft, gap: "
        + "reported minus true, ms. lag: delivery_lag, ms."

    private func table(of cells: [SelftestDocument.Cell], title: String) -> TextTable {
        var table = TextTable()
        table.heading([
            title, "ev/s", "ev/s", "cpu", "ttft", "ttft", "gap", "gap", "gap", "lag", "lag", "",
        ])
        table.heading([
            "", "asked", "got", "µs", "p50", "p99", "p50", "p99", "max", "p50", "p99", "result",
        ])
        for cell in cells {
            let errors = [
                cell.ttft?.p50, cell.ttft?.p99, cell.gap?.p50, cell.gap?.p99, cell.gap?.max,
            ]
            let lags = [cell.deliveryLag?.p50, cell.deliveryLag?.p99]
            let texts =
                [
                    cell.loadTitle, Self.thousands(cell.events.asked),
                    cell.events.achieved.map(Self.thousands) ?? "-",
                    cell.cpuNsPerEvent.map { Units.significant($0 / 1e3) } ?? "-",
                ] + errors.map { $0.map { Self.signed($0.error) } ?? "-" }
                + lags.map { $0.map(Self.milliseconds) ?? "-" } + [cell.resultWord]
            table.row(texts.map { TextTable.Cell(text: $0) })
        }
        return table
    }

    /// "12.5k": three digits of a rate in thousands.
    private static func thousands(_ rate: Double) -> String { Units.significant(rate / 1e3) + "k" }

    /// To a hundredth where that tells something, in four places at most up to 9,999 ms.
    fileprivate static func milliseconds(_ time: Int64) -> String {
        let value = Double(time.magnitude) / 1e6
        return Units.fixed(value, decimals: value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
    }

    fileprivate static func signed(_ error: Int64) -> String {
        (error < 0 ? "-" : "+") + milliseconds(error)
    }
}

extension Calibration.Coverage {
    /// For the report of a run.
    var sentence: String {
        let load = SelftestDocument.title(streams: streams, rate: rate, loops: loops)
        return "ttft and gap are within \(SelftestDocument.bound(within)) on this machine: that is"
            + " their greatest error, p50 and p99, with \(load) in \(PrintableText.line(file))"
    }
}

extension SelftestDocument.Trust {
    fileprivate var title: String {
        SelftestDocument.title(streams: streams, rate: rate, loops: loops)
    }
}

extension SelftestDocument {
    fileprivate static func title(streams: Int, rate: Double, loops: Int) -> String {
        "\(Units.count(streams)) streams x \(Units.number(rate))/s"
            + (loops > 1 ? " on \(loops) loops" : "")
    }

    /// An error rounded up, so that it stays a bound.
    fileprivate static func bound(_ error: Int64) -> String {
        let hundredths = (Double(error) / 1e4).rounded(.up)
        return Units.fixed(max(1, hundredths) / 100, decimals: 2) + " ms"
    }
}

extension SelftestDocument.Cell {
    /// "4,000 x 25/s".
    fileprivate var loadTitle: String {
        "\(Units.count(streams)) x \(Units.number(rate))/s"
    }

    fileprivate var title: String { "\(transport.title) \(loadTitle)" }

    /// One word for the table.
    fileprivate var resultWord: String {
        switch outcome {
        case .within: "ok"
        case .off: "off"
        case .notValid: verdict.state
        case .incomplete: "cut"
        case .mockLate: "mock"
        }
    }

    /// Why a cell can't be trusted; nil where it can.
    fileprivate func complaint(_ bounds: SelftestBounds) -> String? {
        switch outcome {
        case .within: return nil
        case .off:
            let figures = boundFigures.filter {
                $0.error.magnitude > bounds[keyPath: $0.percentile].magnitude
            }.map { "\($0.name) by \(SelftestReport.signed($0.error)) ms" }
            return "off: " + figures.joined(separator: ", ")
        case .notValid:
            // They are the worst first, and most often consequences of one another.
            let others = verdict.reasons.count - 1
            return "\(verdict.state): \(verdict.reasons.first?.sentence ?? "")"
                + (others > 0 ? " And \(Units.count(others)) more in the file." : "")
        case .incomplete:
            return "\(Units.count(completed)) of \(Units.count(streams)) streams came to their end "
                + "in time, with the same events on both sides: this machine can't carry the load"
        case .mockLate:
            let sent = events.sent.map { Units.rate($0) } ?? "none"
            return "the mock was at its own limit, which shows nothing about the client: it sent "
                + "\(sent) of \(Units.rate(events.asked)) events/s"
                + (scheduleSlips > 0
                    ? " and fell a second behind \(Units.count(scheduleSlips)) times" : "")
        }
    }
}
