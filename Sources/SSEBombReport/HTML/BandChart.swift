// A latency over time: bands from p50 to p90 and p99. Where a piece of the time line has too few
// samples for a percentile its edge is dotted. Must not know which latency it is.

import SSEBombCore

/// Draws the percentiles of one metric by the second.
struct BandChart {
    let timeLine: TimeLine
    let id: String
    let title: String
    let metric: Metric
    let histogram: KeyPath<TimeLine.Piece, HistogramSnapshot>

    private static let height = 150.0
    private static let percentiles: [ReportedPercentile] = [.p50, .p90, .p99]

    private struct Point {
        let piece: TimeLine.Piece
        var x: Double
        let count: UInt64
        /// In the order of `percentiles`.
        let values: [Double]
    }

    /// nil without samples.
    var figure: Figure? {
        let runs = runs
        let points = runs.flatMap(\.self)
        guard !points.isEmpty else { return nil }
        let scale = AxisScale.fitting(points.flatMap(\.values))
        var plot = Plot(height: Self.height, scale: scale, label: AxisLabel.duration)
        timeLine.shade(&plot)
        let drawn = runs.map { widened($0) }
        for run in drawn {
            plot.area(run.map { ($0.x, $0.values[1], $0.values[2]) }, "outer")
            plot.area(run.map { ($0.x, $0.values[0], $0.values[1]) }, "inner")
            for (place, percentile) in Self.percentiles.enumerated().reversed() {
                for (stretch, isSupported) in Self.stretches(run, percentile) {
                    plot.line(
                        stretch.map { ($0.x, $0.values[place]) },
                        percentile.key + (isSupported ? "" : " weak")
                    )
                }
            }
        }
        if let last = drawn.last?.last {
            plot.names = Self.percentiles.enumerated().reversed().map { place, percentile in
                Plot.Name(
                    text: percentile.title,
                    y: plot.y(last.values[place]),
                    tone: percentile.key,
                    place: last.x / Plot.width
                )
            }
        }
        let (drawing, height) = timeLine.draw([plot])
        return Figure(
            id: id,
            title: title,
            caption: caption(points, isLogarithmic: scale.isLogarithmic),
            height: height,
            drawing: drawing
        )
    }

    private func caption(_ points: [Point], isLogarithmic: Bool) -> String {
        let total = points.reduce(0) { $0 + $1.count }
        var text =
            "\(metric.rawValue), p50 to p99 of each \(timeLine.step), "
            + "n \(Units.count(total)) in all"
        let weak = Self.percentiles.filter { percentile in
            points.contains { !percentile.isSupported(by: $0.count) }
        }
        if !weak.isEmpty {
            let floors = weak.map { "\($0.title) needs \(Units.count($0.floor))" }
            text += "; dotted: too few samples (\(floors.joined(separator: ", ")))"
        }
        return text + (isLogarithmic ? "; logarithmic axis" : "")
    }

    /// Pieces with samples, in unbroken runs.
    private var runs: [[Point]] {
        var runs: [[Point]] = [[]]
        for piece in timeLine.pieces {
            let samples = piece[keyPath: histogram]
            guard !samples.isEmpty else {
                if !runs[runs.count - 1].isEmpty { runs.append([]) }
                continue
            }
            let values = Self.percentiles.map {
                Double(min(samples.percentile($0.rawValue), samples.max))
            }
            runs[runs.count - 1].append(
                Point(
                    piece: piece,
                    x: timeLine.x(piece),
                    count: samples.count,
                    values: values
                )
            )
        }
        return runs.filter { !$0.isEmpty }
    }

    /// A lone point as a step as wide as its piece: the point is next to nothing.
    private func widened(_ run: [Point]) -> [Point] {
        guard run.count == 1, let only = run.first else { return run }
        return [only.piece.start, only.piece.end].map { seconds in
            var point = only
            point.x = timeLine.x(seconds)
            return point
        }
    }

    /// Cuts a run where the support of a percentile changes; the parts share their end points, so
    /// that the line is whole.
    private static func stretches(
        _ run: [Point],
        _ percentile: ReportedPercentile
    ) -> [(points: [Point], isSupported: Bool)] {
        guard run.count > 1 else { return [(run, percentile.isSupported(by: run[0].count))] }
        var stretches: [(points: [Point], isSupported: Bool)] = []
        for (first, second) in zip(run, run.dropFirst()) {
            let isSupported =
                percentile.isSupported(by: first.count) && percentile.isSupported(by: second.count)
            if stretches.last?.isSupported == isSupported {
                stretches[stretches.count - 1].points.append(second)
            } else {
                stretches.append(([first, second], isSupported))
            }
        }
        return stretches
    }
}
