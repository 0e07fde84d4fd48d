// Axes of the page's charts: which values they name, where values stand, and that labels beside
// each other never touch.

import Testing

@testable import SSEBombReport

@Suite struct HTMLScaleTests {
    @Test(
        "a linear axis begins at 0, ends at or above the greatest value, and has round steps",
        arguments: [
            (0.7, [0, 0.2, 0.4, 0.6, 0.8]), (1, [0, 0.5, 1]), (23, [0, 10, 20, 30]),
            (100, [0, 50, 100]), (101, [0, 50, 100, 150]), (799, [0, 200, 400, 600, 800]),
        ] as [(Double, [Double])]
    )
    func linear(most: Double, ticks: [Double]) {
        let scale = AxisScale.linear(to: most)
        #expect(scale.ticks.count == ticks.count)
        for (tick, expected) in zip(scale.ticks, ticks) { #expect(abs(tick - expected) < 1e-9) }
        #expect(
            scale.low == 0 && scale.high >= most && abs(scale.high - ticks[ticks.count - 1]) < 1e-9
        )
        #expect(scale.y(0, height: 100) == 100)
        #expect(scale.y(scale.high, height: 100) == 0)
    }

    @Test("an axis of counts has whole steps")
    func counts() {
        #expect(AxisScale.linear(to: 1, ticks: 4, isCount: true).ticks == [0, 1])
        #expect(AxisScale.linear(to: 2, ticks: 4, isCount: true).ticks == [0, 1, 2])
    }

    @Test("any values give an axis whose labels have room, and hold every value")
    func anyValues() {
        var value = 1e-9
        while value < 1e18 {
            for most in [value, value * 1.7, value * 4.2, value * 9.99] {
                let scales = [
                    AxisScale.linear(to: most), AxisScale.linear(to: most, ticks: 3),
                    AxisScale.logarithmic(from: most / 3e4, to: most),
                    AxisScale.fitting([most / 100, most / 90, most]),
                ]
                for scale in scales {
                    #expect(scale.high >= most * (1 - 1e-9) && scale.low <= most)
                    #expect(scale.ticks.count >= 2 && scale.ticks.count <= 7)
                    let places = scale.ticks.map { scale.y($0, height: 150) }
                    for (lower, upper) in zip(places, places.dropFirst()) {
                        #expect(lower - upper >= Plot.lineHeight)
                    }
                }
            }
            value *= 10
        }
    }

    @Test("values that no axis can hold stand at its ends")
    func outside() {
        let linear = AxisScale.linear(to: 100)
        #expect(linear.y(-5, height: 10) == 10 && linear.y(1e12, height: 10) == 0)
        let log = AxisScale.logarithmic(from: 1, to: 1_000)
        #expect(log.ticks == [1, 10, 100, 1_000])
        #expect(log.y(0, height: 9) == 9 && log.y(1e9, height: 9) == 0)
        #expect(abs(log.y(10, height: 9) - 6) < 1e-9)
        for broken in [Double.nan, .infinity, -1, 0] {
            #expect(AxisScale.linear(to: broken).high.isFinite)
            #expect(AxisScale.logarithmic(from: broken, to: broken).high.isFinite)
        }
    }

    @Test("where one value is far above most others the axis is logarithmic")
    func fitting() {
        #expect(!AxisScale.fitting([20, 21, 22, 400]).isLogarithmic)
        #expect(AxisScale.fitting([20, 21, 22, 2_000]).isLogarithmic)
        #expect(!AxisScale.fitting([]).isLogarithmic)
        #expect(!AxisScale.fitting([0, 0]).isLogarithmic)
    }

    @Test(
        "an axis of time names what people count in",
        arguments: [
            (0, 31.2, ["0", "10 s", "20 s", "30 s"]),
            (
                0, 0.012,
                [
                    "0", "0.002 s", "0.004 s",
                    "0.006 s", "0.008 s", "0.01 s", "0.012 s",
                ]
            ),
            (0, 300, ["0", "1 min", "2 min", "3 min", "4 min", "5 min"]),
            (6, 18.3, ["10 s", "15 s"]),
            (0, 7_200, ["0", "30 min", "60 min", "90 min", "120 min"]),
        ] as [(Double, Double, [String])]
    )
    func time(start: Double, end: Double, labels: [String]) {
        let axis = HorizontalAxis.time(from: start, to: end)
        #expect(axis.ticks.map(\.label) == labels)
        #expect(axis.ticks.allSatisfy { (0...1.000_001).contains($0.place) })
    }

    @Test(
        "labels have no digit more than they need",
        arguments: [
            (0.5, "0.5"), (1_500, "1,500"), (2, "2"), (0.125, "0.125"), (-3.5, "-3.5"),
            (100, "100"),
        ] as [(Double, String)]
    )
    func numbers(value: Double, text: String) { #expect(AxisLabel.number(value) == text) }

    @Test("durations and counts are named in the unit that suits them")
    func units() {
        let durations = [0, 250, 1_000, 20e6, 1e9, 1.5e9, 90e9, 120e9, 7_200e9]
            .map(AxisLabel.duration)
        #expect(
            durations == [
                "0", "250 ns", "1 µs", "20 ms", "1 s", "1.5 s", "90 s", "2 min", "2 h",
            ]
        )
        #expect(
            [0, 500, 9_000, 20_000, 1.5e6, 2e9].map(AxisLabel.count)
                == ["0", "500", "9,000", "20k", "1.5M", "2G"]
        )
        #expect((1...5).map(AxisLabel.nines) == ["90", "99", "99.9", "99.99", "99.999"])
    }

    @Test("names beside lines are kept a line apart, inside the plot, in their order")
    func spread() {
        func spread(_ heights: [Double]) -> [Double] {
            let names = heights.map { Plot.Name(text: "\($0)", y: $0, tone: "") }
            return Plot.spread(names, height: 100).map(\.y)
        }
        #expect(spread([10, 50, 90]) == [10, 50, 90])
        #expect(spread([50, 50, 50]) == [50, 65, 80])
        #expect(spread([99, 100, 100]) == [70, 85, 100])
        #expect(spread([90, 95, 10]) == [10, 85, 100])
        #expect(spread([]) == [])
        let tied = ["p99", "p90", "p50"].map { Plot.Name(text: $0, y: 7, tone: "") }
        #expect(Plot.spread(tied, height: 100).map(\.text) == ["p99", "p90", "p50"])
    }

    @Test(
        "coordinates have a tenth at most",
        arguments: [
            (12.34, "12.3"), (7, "7"), (-0.04, "0"), (-0.46, "-0.5"), (.nan, "0"), (1e12, "0"),
        ] as [(Double, String)]
    )
    func coordinates(value: Double, text: String) { #expect(Coordinate.text(value) == text) }
}
