// Where a value stands on an axis, and which values an axis names. Arithmetic only: must not know
// what is drawn.

import Glibc

/// A vertical axis: values to distances from the top, and the values that get a line and a label.
struct AxisScale {
    let low: Double
    let high: Double
    let isLogarithmic: Bool
    /// Ascending.
    let ticks: [Double]

    /// More labels than this would touch each other in the lowest plot.
    private static let mostTicks = 5

    /// From 0 to the first round number that isn't below `most`.
    ///
    /// - Parameter isCount: whether only whole numbers mean anything.
    static func linear(
        to most: Double,
        ticks: Int = mostTicks,
        isCount: Bool = false
    ) -> AxisScale {
        let most = most.isFinite && most > 0 ? most : 1
        let step = max(roundStep(most / Double(max(1, ticks - 1))), isCount ? 1 : 0)
        let count = (most / step - 1e-9).rounded(.up)
        return AxisScale(
            low: 0,
            high: step * count,
            isLogarithmic: false,
            ticks: (0...Int(count)).map { Double($0) * step }
        )
    }

    /// From a round number to a round number; `least` is above 0.
    static func logarithmic(from least: Double, to most: Double) -> AxisScale {
        let least = least.isFinite && least > 0 ? least : 1
        let most = max(most.isFinite ? most : least, least)
        let low = pow(10, (log10(least) + 1e-9).rounded(.down))
        let rounded = pow(10, (log10(most) - 1e-9).rounded(.up))
        let high = max(rounded, low * 10)
        let decades = Int(log10(high / low).rounded())
        let step = (decades + mostTicks - 1) / mostTicks
        return AxisScale(
            low: low,
            high: high,
            isLogarithmic: true,
            ticks: stride(from: 0, through: decades, by: max(1, step)).map {
                low * pow(10, Double($0))
            }
        )
    }

    /// The one that shows `values` best: where the greatest is far above most of the others, only
    /// powers of ten show these at all.
    static func fitting(_ values: [Double], ticks: Int = mostTicks) -> AxisScale {
        let positive = values.filter { $0 > 0 && $0.isFinite }.sorted()
        guard let least = positive.first, let most = positive.last else { return linear(to: 1) }
        let usual = positive[positive.count / 2]
        return most > farAbove * usual
            ? logarithmic(from: least, to: most) : linear(to: most, ticks: ticks)
    }

    /// A value this many times smaller than the axis is a few pixels high.
    private static let farAbove = 25.0

    /// Distance of a value from the top of an axis of this height; values beyond its ends stand at
    /// them.
    func y(_ value: Double, height: Double) -> Double {
        let share: Double
        if isLogarithmic {
            share = value > low ? log10(value / low) / log10(high / low) : 0
        } else {
            share = (value - low) / (high - low)
        }
        return height * (1 - min(1, max(0, share)))
    }

    /// The least of 1, 2 and 5 times a power of ten that isn't below `value`.
    static func roundStep(_ value: Double) -> Double {
        guard value.isFinite, value > 0 else { return 1 }
        let power = pow(10, log10(value).rounded(.down))
        for factor in [1.0, 2, 5] where factor * power >= value * (1 - 1e-9) {
            return factor * power
        }
        return 10 * power
    }
}

/// A horizontal axis: places from 0 to 1 with their labels.
struct HorizontalAxis {
    struct Tick {
        let place: Double
        let label: String
        /// Left out where there is little room.
        var isSpare = false
    }

    let ticks: [Tick]

    /// Steps that people count time in, seconds.
    private static let timeSteps: [Double] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300,
        600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400,
    ]
    /// As many as stand side by side on a telephone without every other label.
    private static let mostTimes = 6.0

    /// Seconds from `start` on.
    static func time(from start: Double, to end: Double) -> HorizontalAxis {
        let span = max(end - start, 1e-9)
        let step =
            timeSteps.first { span / $0 <= mostTimes } ?? AxisScale.roundStep(span / mostTimes)
        var ticks: [Tick] = []
        var count = (start / step - 1e-9).rounded(.up)
        while count * step <= end + step * 1e-9 {
            let time = count * step
            ticks.append(Tick(place: (time - start) / span, label: label(time, step: step)))
            count += 1
        }
        // Side by side on a telephone only if they are short.
        if ticks.count > 4 {
            for index in ticks.indices where index % 2 == 1 { ticks[index].isSpare = true }
        }
        return HorizontalAxis(ticks: ticks)
    }

    private static func label(_ seconds: Double, step: Double) -> String {
        let units: [(size: Double, name: String)] = [(3_600, "h"), (60, "min"), (1, "s")]
        let unit = units.first { step / $0.size == (step / $0.size).rounded() } ?? (1, "s")
        return seconds == 0 ? "0" : "\(AxisLabel.number(seconds / unit.size)) \(unit.name)"
    }
}

/// Words for the values of an axis.
enum AxisLabel {
    /// Up to three decimals, none that is 0: "0.5", "1,500".
    static func number(_ value: Double) -> String {
        let text = Units.fixed(abs(value), decimals: 3)
        var trimmed = Substring(text)
        if text.contains(".") {
            while trimmed.last == "0" { trimmed = trimmed.dropLast() }
            if trimmed.last == "." { trimmed = trimmed.dropLast() }
        }
        return (value < 0 ? "-" : "") + trimmed
    }

    /// A count or a rate: "0", "500", "20k", "1.5M".
    static func count(_ value: Double) -> String {
        let units: [(size: Double, name: String)] = [(1e9, "G"), (1e6, "M"), (1e3, "k")]
        guard value >= 10_000, let unit = units.first(where: { value >= $0.size }) else {
            return number(value)
        }
        return number(value / unit.size) + unit.name
    }

    /// A time in nanoseconds, in the unit that suits it: "0", "200 ms", "1.5 s".
    static func duration(_ nanoseconds: Double) -> String {
        let units: [(size: Double, name: String)] = [
            (3_600e9, "h"), (60e9, "min"), (1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"),
        ]
        guard nanoseconds > 0 else { return "0" }
        // Minutes from two on: "90 s" is read faster than "1.5 min".
        let unit =
            units.first { nanoseconds >= ($0.size > 1e9 ? 2 : 1) * $0.size * (1 - 1e-9) }
            ?? (1, "ns")
        return "\(number(nanoseconds / unit.size)) \(unit.name)"
    }
}
