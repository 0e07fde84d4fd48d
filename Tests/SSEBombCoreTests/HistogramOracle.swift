// An independent HdrHistogram (hdrhistogram-swift) behind a name of its own: its module and its
// type are both called Histogram, so no other file imports it. Must not know the recorder under
// test.

import Histogram

/// The reference implementation with ssebomb's range and precision.
struct HistogramOracle {
    private var reference = Histogram<UInt64>(
        lowestDiscernibleValue: 1,
        highestTrackableValue: 86_400_000_000_000,
        numberOfSignificantValueDigits: .three
    )

    /// Returns whether the value was in range.
    @discardableResult
    mutating func record(_ value: Int64) -> Bool { reference.record(UInt64(value)) }

    var count: UInt64 { reference.totalCount }
    var cells: [UInt64] { reference.recordedValues().map(\.count) }
    var standardDeviation: Double { reference.stdDeviation }
    var meanOfCells: Double { reference.mean }

    /// Greatest value that shares a cell with the greatest recorded one.
    var highestOfTopCell: Int64 { Int64(reference.max) }
    /// Least value that shares a cell with the least recorded one that isn't 0.
    var lowestOfBottomCell: Int64 { Int64(reference.minNonZero) }

    /// The reference narrows the cell's highest value to the greatest recorded one.
    func percentile(_ percentile: Double) -> Int64 {
        Int64(reference.valueAtPercentile(percentile))
    }

    func shareCell(_ one: Int64, _ other: Int64) -> Bool {
        reference.valuesAreEquivalent(UInt64(one), UInt64(other))
    }

    func count(atMost value: Int64) -> UInt64 { reference.count(within: 0...UInt64(value)) }
}
