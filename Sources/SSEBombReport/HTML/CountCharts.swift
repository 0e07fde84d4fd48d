// Counts over time: streams in flight with the starts of requests, tokens, and failures by kind.
// Must not know how time is laid out.

import SSEBombCore

/// Streams in flight, and under them how many requests started.
struct FlightChart {
    let timeLine: TimeLine
    /// Streams that were asked for over time; empty in the open model, which asks for none.
    let askedStreams: [AskedPoint]
    /// Starts a second that were asked for over time; empty where nothing says so.
    let askedStarts: [AskedPoint]

    var figure: Figure {
        let pieces = timeLine.pieces
        let most = (pieces.map(\.inFlight) + askedStreams.map(\.level)).max() ?? 0
        var flight = Plot(height: 96, scale: .linear(to: most, ticks: 4), label: AxisLabel.count)
        timeLine.shade(&flight)
        // The last interval may be as good as no time: its mean is none.
        let points = timeLine.line(timeLine.ratedPieces.map { ($0, $0.inFlight) })
        flight.area(points.map { ($0.x, 0, $0.value) }, "outer")
        draw(askedStreams, in: &flight)
        flight.line(points, "p50")
        let rates = timeLine.ratedPieces
            .map { (piece: $0, rate: Double($0.started) / $0.seconds) }
        var starts = Plot(
            height: 48,
            scale: .linear(
                to: (rates.map(\.rate) + askedStarts.map(\.level)).max() ?? 1,
                ticks: 3
            ),
            label: AxisLabel.count
        )
        timeLine.shade(&starts)
        let bars = rates.filter { $0.rate > 0 }.map { piece, rate in
            Plot.Bar(
                start: timeLine.x(piece.start),
                end: timeLine.x(piece.end),
                top: starts.y(rate),
                bottom: starts.height
            )
        }
        starts.bars(bars, "bar")
        draw(askedStarts, in: &starts)
        let (drawing, height) = timeLine.draw([flight, starts])
        return Figure(
            id: "flight",
            title: "Streams in flight, and starts",
            caption: caption,
            height: height,
            drawing: drawing
        )
    }

    private var caption: String {
        let dashed = " (dashed: asked for)"
        return "above: streams in flight, mean\(askedStreams.isEmpty ? "" : dashed); "
            + "below: requests started a second\(askedStarts.isEmpty ? "" : dashed)"
    }

    private func draw(_ asked: [AskedPoint], in plot: inout Plot) {
        guard let last = asked.last else { return }
        plot.line(asked.map { (timeLine.x($0.seconds), $0.level) }, "asked")
        plot.names.append(Plot.Name(text: "asked", y: plot.y(last.level), tone: "asked"))
    }
}

/// Tokens, or events where none were counted, a second.
struct ThroughputChart {
    let timeLine: TimeLine
    /// What a token-bearing event is worth, and how that is known; nil where no token was counted.
    let tokens: (perEvent: Double, basis: TokenBasis)?

    var figure: Figure {
        let rates = timeLine.line(
            timeLine.ratedPieces.map { piece in
                let count = tokens.map { $0.perEvent * Double(piece.tokenEvents) }
                return (piece, (count ?? Double(piece.events)) / piece.seconds)
            }
        )
        let scale = AxisScale.linear(to: rates.map(\.value).max() ?? 1)
        var plot = Plot(height: 130, scale: scale, label: AxisLabel.count)
        timeLine.shade(&plot)
        plot.area(rates.map { ($0.x, 0, $0.value) }, "outer")
        plot.line(rates, "p50")
        let (drawing, height) = timeLine.draw([plot])
        return Figure(
            id: "throughput",
            title: tokens == nil ? "Events" : "Tokens",
            caption: tokens.map { "tokens/s of all streams, by arrival (\($0.basis.rawValue))" }
                ?? "events/s of all streams, by arrival",
            height: height,
            drawing: drawing
        )
    }
}

/// Failures, stacked by kind.
struct FailureChart {
    let timeLine: TimeLine

    /// Kinds with a colour of their own.
    private static let mostKinds = 5

    /// nil where nothing failed.
    var figure: Figure? {
        var totals: [StreamFailure: UInt64] = [:]
        for piece in timeLine.pieces { totals.merge(piece.failures, uniquingKeysWith: +) }
        let sorted = totals.filter { $0.value > 0 }
            .sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        guard !sorted.isEmpty else { return nil }
        let named = sorted.count > Self.mostKinds + 1 ? Self.mostKinds : sorted.count
        let kinds = sorted.prefix(named).map(\.key)
        let others = sorted.dropFirst(named)
        func counts(_ piece: TimeLine.Piece) -> [UInt64] {
            let own = kinds.map { piece.failures[$0] ?? 0 }
            let rest = others.reduce(0) { $0 + (piece.failures[$1.key] ?? 0) }
            return others.isEmpty ? own : own + [rest]
        }
        let most = timeLine.pieces.map { counts($0).reduce(0, +) }.max() ?? 1
        var plot = Plot(
            height: 96,
            scale: .linear(to: Double(most), ticks: 4, isCount: true),
            label: AxisLabel.count
        )
        timeLine.shade(&plot)
        var bars: [[Plot.Bar]] = Array(repeating: [], count: named + (others.isEmpty ? 0 : 1))
        for piece in timeLine.pieces {
            var below: UInt64 = 0
            for (place, count) in counts(piece).enumerated() where count > 0 {
                bars[place].append(
                    Plot.Bar(
                        start: timeLine.x(piece.start),
                        end: timeLine.x(piece.end),
                        top: plot.y(Double(below + count)),
                        bottom: plot.y(Double(below))
                    )
                )
                below += count
            }
        }
        for (place, bars) in bars.enumerated() { plot.bars(bars, "kind\(place)") }
        let (drawing, height) = timeLine.draw([plot])
        var legend = sorted.prefix(named).enumerated().map { place, entry in
            (tone: "kind\(place)", text: "\(entry.key.name) \(Units.count(entry.value))")
        }
        if !others.isEmpty {
            let rest = others.reduce(0) { $0 + $1.value }
            legend.append(("kind\(named)", "\(others.count) other kinds \(Units.count(rest))"))
        }
        return Figure(
            id: "failures",
            title: "Failures",
            caption: "requests failed in each \(timeLine.step), by kind; ramp, warm-up and drain "
                + "included",
            legend: legend,
            height: height,
            drawing: drawing
        )
    }
}
