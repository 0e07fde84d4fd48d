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
    /// Gaps below this are those of one read: they say nothing of the server, and each power of ten
    /// more takes room from what does.
    private static let usualLeast = 10_000.0
    /// Of what is faster as a whole.
    private static let least = 1_000.0
    /// The axis begins at the least of the curves' values here: what is faster still is of no use,
    /// and gaps of one read would take most of the picture.
    private static let lowest = 10.0

    private struct Curve {
        let metric: Metric
        let points: [(nines: Double, value: Double)]
        /// How many of the points the samples support.
        let supported: Int
        /// The least sample.
        let least: Double
    }

    /// nil without samples.
    var figure: Figure? {
        let measured = curves.filter { !$0.histogram.isEmpty }
        let floor = Self.floor(measured.map(\.histogram))
        let drawn = measured.map { Self.curve($0, floor) }
        let nines = max(1, drawn.compactMap { $0.points.last?.nines }.max() ?? 1)
        let lows = measured.map { max(floor, Double($0.histogram.percentile(Self.lowest))) }
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
            caption: caption(drawn, from: scale.low),
            height: Self.height + 30,
            drawing: svg
        )
    }

    /// The least value that the axis shows.
    private static func floor(_ histograms: [HistogramSnapshot]) -> Double {
        let most = histograms.map(\.max).max() ?? 0
        return Double(most) >= 10 * usualLeast ? usualLeast : least
    }

    private func caption(_ drawn: [Curve], from low: Double) -> String {
        let counts = drawn.map { curve in
            let count = curves.first { $0.metric == curve.metric }?.histogram.count ?? 0
            return "\(curve.metric.rawValue) n \(Units.count(count))"
        }
        return "share of samples that took no longer, " + counts.joined(separator: ", ")
            + "; dotted: too few samples to state it"
            + (drawn.contains { $0.least < low }
                ? "; less than \(AxisLabel.duration(low)) stands at the bottom" : "")
    }

    private static func curve(
        _ entry: (metric: Metric, histogram: HistogramSnapshot),
        _ floor: Double
    ) -> Curve {
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
            points.append((nines, max(floor, Double(value))))
            let isSupported = HistogramSnapshot.isSupported(
                percentile: percentile,
                count: samples.count
            )
            if isSupported { supported = step + 1 }
        }
        return Curve(
            metric: entry.metric,
            points: points,
            supported: supported,
            least: Double(samples.min)
        )
    }

    private static func axis(_ nines: Double) -> HorizontalAxis {
        let places = [log10(2)] + Array(stride(from: 1.0, through: nines, by: 1))
        return HorizontalAxis(
            ticks: places.map { place in
                let percent = place < 1 ? "50" : AxisLabel.nines(Int(place))
                // Every other label of many nines has room on a telephone.
                let isSpare = nines >= 4 && (place < 1 || (place > 2 && Int(place) % 2 == 1))
                return HorizontalAxis.Tick(
                    place: place / nines,
                    label: "\(percent) %",
                    isSpare: isSpare
                )
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
