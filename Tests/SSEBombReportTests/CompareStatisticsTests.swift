// The statistics of comparisons against known values: Student's t, the noise of series, draws of
// blocks, percentiles of weighted seconds.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

/// Standard normal by the sum of twelve uniform ones, close enough for variances.
private func normals(_ count: Int, seed: UInt64) -> [Double] {
    var random = SeededRandom(seed: seed)
    return (0..<count).map { _ in (0..<12).reduce(-6.0) { sum, _ in sum + random.unit() } }
}

/// AR(1) with unit innovations.
private func correlated(_ count: Int, _ rho: Double, seed: UInt64) -> [Double] {
    var state = 0.0
    return normals(count, seed: seed).map { innovation in
        state = rho * state + innovation
        return state
    }
}

@Suite("Statistics of comparisons") struct CompareStatisticsTests {
    @Test(
        "Student's t has the values of the tables",
        arguments: [
            (1, 12.7062), (2, 4.30265), (4, 2.77645), (9, 2.26216), (30, 2.04227), (1e6, 1.95997),
        ]
    )
    func studentT(freedom: Double, bound: Double) {
        #expect(abs(StudentT.quantile(twoSided: 0.05, freedom: freedom) - bound) < 1e-4 * bound)
        #expect(abs(StudentT.twoSided(bound, freedom: freedom) - 0.05) < 1e-6)
        #expect(
            StudentT.twoSided(-bound, freedom: freedom)
                == StudentT.twoSided(bound, freedom: freedom)
        )
    }

    @Test("The ends of Student's t, and of the incomplete beta function, are what they must be")
    func ends() {
        #expect(StudentT.twoSided(0, freedom: 5) == 1)
        #expect(StudentT.twoSided(.infinity, freedom: 5) == 0)
        #expect(StudentT.twoSided(.nan, freedom: 5) == 1)
        #expect(StudentT.incompleteBeta(0, 2, 3) == 0 && StudentT.incompleteBeta(1, 2, 3) == 1)
        // I_0.5(2, 3) = 11/16, by its polynomial.
        #expect(abs(StudentT.incompleteBeta(0.5, 2, 3) - 11.0 / 16) < 1e-12)
    }

    @Test("Independent seconds keep their variance, correlated ones have that of their sum")
    func noise() {
        for rho in [0, 0.5, 0.8] {
            let truth = 1 / ((1 - rho) * (1 - rho))
            let found = (0..<40).map { SeriesNoise(correlated(600, rho, seed: $0)).variance }
            let mean = found.reduce(0, +) / 40
            // Never less than the truth by more than what 40 series can miss it by.
            #expect(mean > 0.93 * truth && mean < 1.35 * truth, "\(rho): \(mean) of \(truth)")
        }
    }

    @Test("Blocks are an eighth of the run, and have few degrees of freedom") func blocks() {
        let noise = SeriesNoise(correlated(600, 0.5, seed: 1))
        #expect(noise.block == 75 && noise.freedom == 7 && noise.inflation >= 8.0 / 7)
        let flat = SeriesNoise([3, 3, 3, 3])
        #expect(flat.variance == 0 && flat.block == 1)
    }

    @Test("A draw has as many seconds as the run, in blocks that go round") func draws() {
        var bootstrap = BlockBootstrap(seed: 7)
        var weights = [Double](repeating: -1, count: 10)
        var hits = [Double](repeating: 0, count: 10)
        for _ in 0..<1_000 {
            bootstrap.draw(count: 10, block: 4, into: &weights)
            #expect(weights.reduce(0, +) == 10)
            for index in weights.indices { hits[index] += weights[index] }
        }
        // Every second is drawn alike often: 1,000 expected, with a deviation of about 50.
        #expect(hits.allSatisfy { abs($0 - 1_000) < 250 })
    }

    @Test("Percentiles of seconds that are all drawn once are those of the whole")
    func percentiles() {
        let intervals = (0..<9).map { start in
            snapshot((0..<50).map { (step: Int) in Int64(1_000 * (start + 1) + 137 * step * step) })
        }
        var whole = HistogramSnapshot()
        for interval in intervals { whole.merge(interval) }
        let table = WeightedPercentile(intervals)
        let once = [Double](repeating: 1, count: 9)
        for percentile in [1, 10, 50, 90, 99, 99.9] {
            let value = table.value(percentile / 100, once)
            #expect(value == Double(whole.percentile(percentile)), "\(percentile)")
        }
        var first = [Double](repeating: 0, count: 9)
        first[0] = 3
        #expect(table.value(0.5, first) == Double(intervals[0].percentile(50)))
        #expect(table.value(0.5, [Double](repeating: 0, count: 9)) == nil)
    }

    @Test("Above a percentile there are as many samples as expected, over all seconds")
    func excess() {
        let intervals = (1...8).map { spread(100, from: Double($0), to: Double(10 * $0)) }
        let table = WeightedPercentile(intervals)
        let once = [Double](repeating: 1, count: 8)
        let value = table.value(0.9, once) ?? 0
        let excess = table.excess(above: value, share: 0.9)
        #expect(abs(excess.reduce(0, +)) < 8, "within one cell's samples")
        #expect(excess.first.map { $0 < 0 } == true, "the fastest second has fewer than expected")
        #expect(excess.last.map { $0 > 0 } == true)
    }
}
