// Latencies by percentile, on an axis on which each nine takes as much room: what most requests saw
// on the left, what one in a thousand saw on the right. Must not know how the page is laid out.

import Glibc
import SSEBombCore

/// Draws percentile curves of several metrics.
struct PercentileChart {
    /// Drawn in this order, each where it was measured.
    let curves: [(metric: Metric, histogram: HistogramSnapshot)]

    private static let height = 200.0
    /// 99.9999 %: a million samples.
    private static let mostNines = 6.0
    /// Points a nine.
    private static let density = 24
    /// Below a microsecond gaps are those of one read.
    private static let least = 1_000.0
    /// The axis begins at the least of the curves' values here: what is faster still is of no use,
    /// and gaps of one read would take most of the picture.
    private static let lowest = 10.0

    private struct Curve {
        let metric: Metric
        let points: [(nines: Double, value: Double)]
        /// How many of the points the samples support.
        let supported: Int
    }

    /// nil without samples.
    var figure: Figure? {
        let drawn = curves.filter { !$0.histogram.isEmpty }.map(Self.curve)
        let nines = max(1, drawn.compactMap { $0.points.last?.nines }.max() ?? 1)
        let lows = curves.filter { !$0.histogram.isEmpty }.map {
            max(Self.least, Double($0.histogram.percentile(Self.lowest)))
        }
        guard let most = drawn.flatMap({ $0.points.map(\.value) }).max(), let least = lows.min()
        else { return nil }
        let scale = AxisScale.logarithmic(from: least, to: most)
        var plot = Plot(height: Self.height, scale: scale, label: AxisLabel.duration)
        func x(_ nines: Double, _ all: Double) -> Double { Plot.width * nines / all }
        for (place, curve) in drawn.enumerated() {
            let points = curve.points.map { (x: x($0.nines, nines), value: $0.value) }
            let solid = points.prefix(curve.supported)
            plot.line(Array(solid), "curve\(place)")
            let rest = Array(points.dropFirst(max(0, curve.supported - 1)))
            if rest.count > 1 { plot.line(rest, "curve\(place) weak") }
            guard let end = curve.points.last else { continue }
            plot.names.append(
                Plot.Name(
                    text: curve.metric.rawValue,
                    y: plot.y(end.value),
                    tone: "curve\(place)",
                    place: end.nines / nines
                )
            )
        }
        var svg = Markup()
        plot.draw(at: 8, into: &svg)
        Plot.draw(Self.axis(nines), under: 8 + Self.height, into: &svg)
        return Figure(
            id: "percentiles",
            title: "Percentiles",
            caption: caption(drawn),
            height: Self.height + 30,
            drawing: svg
        )
    }

    private func caption(_ drawn: [Curve]) -> String {
        let counts = drawn.map { curve in
            let count = curves.first { $0.metric == curve.metric }?.histogram.count ?? 0
            return "\(curve.metric.rawValue) n \(Units.count(count))"
        }
        return "share of samples that took no longer, " + counts.joined(separator: ", ")
            + "; dotted: too few samples to state it"
    }

    private static func curve(_ entry: (metric: Metric, histogram: HistogramSnapshot)) -> Curve {
        let samples = entry.histogram
        // The share beyond the greatest sample's rank is one in n.
        let most = min(mostNines, log10(Double(max(2, samples.count))))
        let count = max(2, Int((most * Double(density)).rounded(.up)))
        var points: [(nines: Double, value: Double)] = []
        var supported = 0
        for step in 0...count {
            let nines = most * Double(step) / Double(count)
            let percentile = 100 * (1 - pow(10, -nines))
            let value = min(samples.percentile(percentile), samples.max)
            points.append((nines, max(least, Double(value))))
            let isSupported = HistogramSnapshot.isSupported(
                percentile: percentile,
                count: samples.count
            )
            if isSupported { supported = step + 1 }
        }
        return Curve(metric: entry.metric, points: points, supported: supported)
    }

    private static func axis(_ nines: Double) -> HorizontalAxis {
        let places = [log10(2)] + Array(stride(from: 1.0, through: nines, by: 1))
        return HorizontalAxis(
            ticks: places.map { place in
                let percent = place < 1 ? "50" : AxisLabel.nines(Int(place))
                return HorizontalAxis.Tick(place: place / nines, label: "\(percent) %")
            }
        )
    }
}

extension AxisLabel {
    /// "90", "99", "99.9", ...
    static func nines(_ count: Int) -> String {
        switch count {
        case ..<2: "90"
        case 2: "99"
        default: "99." + String(repeating: "9", count: count - 2)
        }
    }
}
