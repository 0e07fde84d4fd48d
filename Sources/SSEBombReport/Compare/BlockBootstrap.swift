// How far a figure of a run would vary if the run were repeated, from its seconds: they are drawn
// anew in blocks, because neighbouring seconds of a server are alike, and a bootstrap of single
// seconds would take them for independent ones. Must not know what the figure is.

import Glibc
import SSEBombCore

/// How the seconds of one run hang together, seen on a series whose sum decides the figure: its
/// linear part (for a percentile, the samples above it minus those that were to be expected).
///
/// Nothing is assumed of how seconds are correlated but that it is over within an eighth of the
/// run.
struct SeriesNoise {
    /// Seconds a block: an eighth of the run.
    let block: Int
    /// What the bootstrap's variance is multiplied with to make up for what blocks of this length
    /// lose, at least 1.
    let inflation: Double
    /// Degrees of freedom: blocks side by side, less one. That they overlap would give half as many
    /// again, and the correction below takes them away.
    let freedom: Double
    /// Variance a second that the bootstrap, so inflated, gives to the series' sum.
    let variance: Double

    private static let blocks = 8

    /// - Parameter series: at least two values.
    init(_ series: [Double]) {
        let count = Double(series.count)
        let mean = series.reduce(0, +) / count
        let centred = series.map { $0 - mean }
        block = max(1, series.count / Self.blocks)
        let blocks = count / Double(block)
        freedom = max(1, blocks - 1)
        let seen = Self.variance(ofBlocks: block, centred)
        // What correlation across the blocks' borders takes away is in inverse proportion to their
        // length, so twice as much is missing at half of it.
        let half = block > 1 ? Self.variance(ofBlocks: block / 2, centred) : seen
        let bias = seen > 0 ? max(1, 2 - half / seen) : 1
        // The mean that is subtracted was taken of the same seconds.
        inflation = bias * blocks / (blocks - 1)
        variance = seen * inflation
    }

    /// The variance a second that circular blocks of this length give to the sum.
    private static func variance(ofBlocks length: Int, _ centred: [Double]) -> Double {
        var sum = 0.0
        var window = centred.prefix(length).reduce(0, +)
        for start in centred.indices {
            sum += window * window
            window += centred[(start + length) % centred.count] - centred[start]
        }
        return sum / Double(centred.count * length)
    }
}

/// Draws the seconds of a run anew.
struct BlockBootstrap {
    /// Draws of one figure: the standard error they give is itself known to 2 %.
    static let draws = 1_000

    private var random: SeededRandom

    /// The same seed gives the same draws: a comparison can be repeated to the last digit.
    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// How often each of `count` seconds occurs in one draw of circular blocks.
    mutating func draw(count: Int, block: Int, into weights: inout [Double]) {
        for index in 0..<count { weights[index] = 0 }
        var drawn = 0
        while drawn < count {
            let start = Int(random.unit() * Double(count))
            for offset in 0..<min(block, count - drawn) {
                weights[(start + offset) % count] += 1
            }
            drawn += block
        }
    }
}

/// The samples of several intervals, so that the percentile of any weighting of them is found in a
/// few steps.
struct WeightedPercentile {
    /// Highest value of each cell, ascending.
    private let values: [Double]
    /// For each cell, by interval, the samples at or below it.
    private let cumulative: [Double]
    private let totals: [Double]

    init(_ intervals: [HistogramSnapshot]) {
        var whole = HistogramSnapshot()
        for interval in intervals { whole.merge(interval) }
        let buckets = whole.buckets
        values = buckets.map { Double($0.range.upperBound) }
        totals = intervals.map { Double($0.count) }
        var table = [Double](repeating: 0, count: buckets.count * intervals.count)
        for (column, interval) in intervals.enumerated() {
            let own = interval.buckets
            var (seen, next) = (0.0, own.startIndex)
            for (row, bucket) in buckets.enumerated() {
                if next < own.endIndex, own[next].range == bucket.range {
                    seen += Double(own[next].count)
                    next += 1
                }
                table[row * intervals.count + column] = seen
            }
        }
        cumulative = table
    }

    /// The cell's highest value that a share of the weighted samples doesn't exceed; nil without
    /// samples.
    func value(_ share: Double, _ weights: [Double]) -> Double? {
        let wanted = share * zip(totals, weights).reduce(0) { $0 + $1.0 * $1.1 }
        guard wanted > 0 else { return nil }
        var (low, high) = (0, values.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if atOrBelow(middle, weights) >= wanted * (1 - 1e-12) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return values[low]
    }

    private func atOrBelow(_ row: Int, _ weights: [Double]) -> Double {
        let start = row * totals.count
        return cumulative.withUnsafeBufferPointer { table in
            weights.withUnsafeBufferPointer { weights in
                var sum = 0.0
                for column in 0..<totals.count { sum += table[start + column] * weights[column] }
                return sum
            }
        }
    }

    /// By interval, the samples above a value minus the share of all that was to be expected there.
    func excess(above value: Double, share: Double) -> [Double] {
        let row = values.lastIndex { $0 <= value } ?? 0
        return totals.indices.map { column in
            totals[column] * share - cumulative[row * totals.count + column]
        }
    }
}
