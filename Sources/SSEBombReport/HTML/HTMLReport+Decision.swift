// The page's first part, which is enough to act on: whether the figures are to be believed, what
// became of each gate, and the few figures that people ask for first. Must not know what follows.

import SSEBombCore

extension HTMLReport {
    func decision(_ page: inout Markup) {
        page.element("section", [("id", "decision")]) { page in
            page.element("div", [("class", "verdict \(verdict.state.rawValue)")]) { page in
                page.element("p", [("class", "state")]) { line in
                    line.leaf("b", verdict.state.rawValue)
                    line.leaf("span", Self.meaning(of: verdict.state))
                }
                if !verdict.reasons.isEmpty {
                    page.element("ul", [("class", "reasons")]) { list in
                        for reason in verdict.reasons {
                            list.element("li", [("data-code", reason.code)]) { item in
                                item.leaf("b", reason.state.rawValue)
                                item.write(" \(reason.sentence)")
                            }
                        }
                    }
                }
                if let coverage = verdict.calibration { page.leaf("p", coverage.sentence) }
                for finding in verdict.server {
                    page.element("p") { line in
                        line.leaf("b", "server")
                        line.write(" \(finding.sentence)")
                    }
                }
            }
            gates(&page)
            tiles(&page)
        }
    }

    private static func meaning(of state: Verdict.State) -> String {
        switch state {
        case .valid: "nothing was found that speaks against the figures"
        case .suspect: "some figures may be off by more than the report says"
        case .invalid: "the client, not the server, decided what some figures are"
        }
    }

    // MARK: Gates

    private func gates(_ page: inout Markup) {
        guard !thresholds.isEmpty else { return }
        page.element("div", [("id", "thresholds")]) { page in
            page.element("h2") { heading in
                heading.write("Thresholds ")
                heading.leaf("span", Self.summary(thresholds))
            }
            page.element("ul", [("class", "gates")]) { list in
                for gate in thresholds { self.gate(gate, &list) }
            }
        }
    }

    /// "2 passed, 1 missed"
    private static func summary(_ gates: [ThresholdResult]) -> String {
        let words: [(ThresholdResult.Outcome, String)] = [
            (.missed, "missed"), (.notJudged, "not judged"), (.passed, "passed"),
        ]
        return words.compactMap { outcome, word in
            let count = gates.count { $0.outcome == outcome }
            return count > 0 ? "\(Units.count(count)) \(word)" : nil
        }.joined(separator: ", ")
    }

    private func gate(_ gate: ThresholdResult, _ list: inout Markup) {
        let (mark, word): (String, String) =
            switch gate.outcome {
            case .passed: ("✓", "passed")
            case .missed: ("✗", "missed")
            case .notJudged: ("?", "not judged")
            }
        list.element("li", [("class", gate.outcome.rawValue)]) { item in
            item.leaf("b", "\(mark) \(word)")
            item.literal(" ")
            item.leaf("code", PrintableText.line(gate.threshold.expression, limit: 200))
            item.literal(" ")
            item.leaf("span", gate.sentence)
        }
    }

    // MARK: Tiles

    private struct Tile {
        let name: String
        let figure: String
        let unit: String
        let notes: [String]
    }

    private func tiles(_ page: inout Markup) {
        var tiles = [requestTile]
        if let tile = objectiveTile { tiles.append(tile) }
        // Where load is a rate, the time since a request was due is what a user sees.
        let first = result.hasRates ? Metric.ttftSched : .ttft
        tiles += [first, .gap, .e2e].compactMap { tile(of: $0) }
        if let tile = rateTile { tiles.append(tile) }
        // By their number none stands alone in a row.
        page.element("div", [("class", "tiles of\(tiles.count)")]) { page in
            for tile in tiles {
                page.element("div", [("class", "tile"), ("data-name", tile.name)]) { box in
                    box.leaf("h3", tile.name)
                    box.element("p", [("class", "figure")]) { line in
                        line.leaf("b", tile.figure)
                        line.leaf("span", tile.unit)
                    }
                    for note in tile.notes { box.leaf("p", note) }
                }
            }
        }
    }

    private var requestTile: Tile {
        let counts = result.counts
        var notes = ["of \(Units.count(counts.started)) started"]
        if let share = Units.share(counts.failed, of: counts.decided) {
            notes.append("\(Units.count(counts.failed)) failed (\(share))")
        }
        let ends = [
            (counts.cancelled, "cancelled"), (counts.cut, "cut"),
            (result.droppedArrivals ?? 0, "dropped"),
        ]
        .filter { $0.0 > 0 }
        if !ends.isEmpty {
            notes.append(ends.map { "\(Units.count($0.0)) \($0.1)" }.joined(separator: ", "))
        }
        return Tile(
            name: "requests",
            figure: Units.count(counts.completed),
            unit: "completed",
            notes: notes
        )
    }

    private func tile(of metric: Metric) -> Tile? {
        guard let samples = result.histograms[metric], !samples.isEmpty else { return nil }
        func value(_ percentile: ReportedPercentile) -> String {
            let value = min(samples.percentile(percentile.rawValue), samples.max)
            return Units.duration(value)
        }
        let high = [ReportedPercentile.p99, .p95, .p90]
            .first { $0.isSupported(by: samples.count) }
        var notes = [high.map { "\($0.title) \(value($0))" } ?? "too few samples for p90"]
        notes.append("max \(Units.duration(samples.max))")
        notes.append("n \(Units.count(samples.count))")
        return Tile(name: metric.rawValue, figure: value(.p50), unit: "p50", notes: notes)
    }

    private var rateTile: Tile? {
        guard let window = result.rateWindow else { return nil }
        let requests = "\(Units.rate(Double(window.requests) / window.seconds)) requests/s"
        let length = "over \(Units.duration(Int64(clamping: window.seconds * 1e9)))"
        guard result.hasTokens else {
            return Tile(
                name: "events/s",
                figure: Units.rate(Double(window.events) / window.seconds),
                unit: "events/s",
                notes: [requests, length]
            )
        }
        return Tile(
            name: "tokens/s",
            figure: Units.rate(window.tokens / window.seconds),
            unit: "tokens/s",
            notes: ["basis: \(result.counts.throughputBasis.rawValue)", requests, length]
        )
    }

    /// Whether the server is good enough, where that was asked.
    private var objectiveTile: Tile? {
        guard let counts = result.counts.objectives, let share = counts.attainment else {
            return nil
        }
        var notes = ["\(Units.count(counts.good)) good, \(Units.count(counts.bad)) bad"]
        if let goodput = result.goodput { notes.append("goodput \(Units.rate(goodput))/s") }
        return Tile(name: "slo", figure: Units.share(share), unit: "attained", notes: notes)
    }
}
