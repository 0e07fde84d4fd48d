// What the figures of a self-test amount to: whether a cell speaks for the client, and how far a
// machine can be trusted. Pure functions of the document, so that a stored file can be checked
// against them. Must not know how anything is shown.

import SSEBombCore

extension SelftestDocument.Cell {
    /// Every sample that both sides should hold.
    private var isComplete: Bool {
        guard let ttft, let gap else { return false }
        let requests = UInt64(streams)
        let gaps = requests * UInt64(tokens - 1)
        return completed == requests && ttft.count == requests && ttft.trueCount == requests
            && gap.count == gaps && gap.trueCount == gaps
    }

    /// The mock did not send what was asked for: nothing can be said of the client.
    private func isMockLate(_ bounds: SelftestBounds) -> Bool {
        guard let sent = events.sent else { return false }
        return scheduleSlips > 0 || sent < bounds.sent * events.asked
    }

    /// The figures that are held against a bound, with their names. The greatest gap is not one of
    /// them: it is a single sample, which one pause of the machine between the mock's look at its
    /// clock and its send falsifies.
    var boundFigures: [(name: String, percentile: KeyPath<SelftestBounds, Int64>, error: Int64)] {
        guard let ttft, let gap else { return [] }
        return [
            ("ttft p50", \.p50, ttft.p50.error), ("ttft p99", \.p99, ttft.p99.error),
            ("gap p50", \.p50, gap.p50.error), ("gap p99", \.p99, gap.p99.error),
        ]
    }

    /// The greatest error of these, in nanoseconds.
    var greatestError: Int64 {
        Int64(clamping: boundFigures.map(\.error.magnitude).max() ?? 0)
    }

    /// What the cell shows. The mock comes first: where it is late, its lateness is the client's
    /// input, and neither blame nor praise would be for the client.
    func outcome(under bounds: SelftestBounds) -> SelftestOutcome {
        if isMockLate(bounds) { return .mockLate }
        guard isComplete else { return .incomplete }
        guard verdict.state == Verdict.State.valid.rawValue else { return .notValid }
        let isWithin = boundFigures.allSatisfy { figure in
            figure.error.magnitude <= bounds[keyPath: figure.percentile].magnitude
        }
        return isWithin ? .within : .off
    }

    /// Whether `other` is this load or a smaller one: no more streams, and none of them faster.
    fileprivate func covers(_ other: Self) -> Bool {
        transport == other.transport && other.streams <= streams && other.rate <= rate
    }

    /// One loop's share of the load.
    var streamsPerLoop: Double { Double(streams) / Double(loops) }
    /// Events a second of one loop.
    var eventsPerLoop: Double { events.asked / Double(loops) }
}

extension SelftestDocument {
    /// The cells that can be trusted: those that are within their bounds, and every smaller one of
    /// the same transport too. A load that happened to come out right beyond one that did not
    /// proves nothing.
    var trustedCells: [Cell] {
        cells.filter { cell in
            cells.filter(cell.covers).allSatisfy { $0.outcome == .within }
        }
    }

    /// The largest trusted load of each transport: the most events a second, among equals the most
    /// streams.
    static func trust(in document: SelftestDocument) -> [Trust] {
        SelftestTransport.allCases.compactMap { transport in
            let trusted = document.trustedCells.filter { $0.transport == transport }
            let largest = trusted.max {
                ($0.events.asked, $0.streams) < ($1.events.asked, $1.streams)
            }
            guard let largest else { return nil }
            let smaller = document.cells.filter(largest.covers)
            return Trust(
                transport: transport,
                streams: largest.streams,
                rate: largest.rate,
                loops: largest.loops,
                within: smaller.map(\.greatestError).max() ?? 0
            )
        }
    }

    /// Far more than anybody tries; every pair of them is looked at.
    private static let mostCells = 1_000

    /// Where the document contradicts itself, in words; nil where it doesn't. Whatever a verdict
    /// could be built on stands in it twice, or follows from other figures.
    var contradiction: String? {
        if cells.count > Self.mostCells { return "it has \(cells.count) cells" }
        if bounds != SelftestBounds() { return "its bounds are not this program's" }
        for (index, cell) in cells.enumerated() {
            if let fault = Self.fault(of: cell, bounds) { return "cells[\(index)]: \(fault)" }
        }
        return trusted == Self.trust(in: self) ? nil : "trusted doesn't follow from its cells"
    }

    private static func fault(of cell: Cell, _ bounds: SelftestBounds) -> String? {
        // The limits keep every product below within 63 bits.
        guard (1...1 << 24).contains(cell.streams), (1...1 << 10).contains(cell.loops),
            (2...1 << 24).contains(cell.tokens), cell.rate > 0, cell.rate <= 1e6
        else { return "a load that can't be" }
        guard abs(cell.events.asked - Double(cell.streams) * cell.rate) <= 1e-6 * cell.events.asked
        else { return "events.asked isn't streams times rate" }
        for figure in [cell.ttft, cell.gap].compactMap({ $0 }).flatMap({ [$0.p50, $0.p99, $0.max] })
        {
            let (error, overflow) = figure.reported.subtractingReportingOverflow(figure.truth)
            guard !overflow, error == figure.error else {
                return "an error isn't reported minus true"
            }
        }
        return cell.outcome == cell.outcome(under: bounds)
            ? nil : "outcome doesn't follow from its figures"
    }
}
