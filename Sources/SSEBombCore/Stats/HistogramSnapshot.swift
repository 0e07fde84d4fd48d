// What a recorder held at one moment, as a value: merged, subtracted and asked for percentiles.
// Also the reader that yields what a recorder gained since it was last asked. Must not know who
// records, or how a snapshot is written to a file.

/// Counts of latencies in nanoseconds, mergeable without loss.
///
/// Holds only the cells that are not 0, in ascending order: ten bytes each. Equal snapshots are
/// equal values. Counts saturate instead of overflowing, so that no file read in can stop a merge.
public struct HistogramSnapshot: Sendable, Equatable {
    /// Numbers of the non-zero cells, ascending; `HistogramLayout.cellCount` fits 16 bits.
    private(set) var cells: [UInt16] = []
    /// `counts[i]`, never 0, belongs to `cells[i]`.
    private(set) var counts: [UInt64] = []

    /// Number of samples.
    public private(set) var count: UInt64 = 0
    /// Sum of the samples in nanoseconds, exact; `UInt64.max` when it grew beyond that. An estimate
    /// from the cells in a decoded snapshot, whose format carries no sum.
    public private(set) var sum: UInt64 = 0
    /// Least sample in nanoseconds, 0 when empty. Exact, except in intervals and after decoding:
    /// there the least value of the lowest cell.
    public private(set) var min: Int64 = 0
    /// Greatest sample in nanoseconds, 0 when empty. Exact, except in intervals and after
    /// decoding: there the greatest value of the highest cell.
    public private(set) var max: Int64 = 0
    /// How many samples were above 86,400 s and stand in the histogram as 86,400 s. Not carried by
    /// the encoding.
    public private(set) var clipped: UInt64 = 0

    /// An empty snapshot: the neutral element of `merge`.
    public init() {}

    /// Reads a recorder.
    ///
    /// Exact when the writer has stopped. Beside a running writer every cell is a count that was
    /// true during the reading, `count` is the sum of the cells read, and `sum` may be ahead of or
    /// behind them by the records made meanwhile; two such readings can be subtracted.
    init(reading histogram: Histogram) {
        // The extremes first: a cell read later then can't lie beyond them.
        guard let extremes = histogram.extremes else { return }
        for cell in HistogramLayout.cells(of: extremes) {
            let cellCount = histogram.count(ofCell: cell)
            if cellCount != 0 { append(cell: cell, count: cellCount) }
        }
        guard count > 0 else { return }
        min = Int64(extremes.lowerBound)
        max = Int64(extremes.upperBound)
        sum = histogram.sum
        clipped = histogram.clipped
    }

    /// Builds a snapshot from cells alone, as a decoder must: sum, least and greatest are those of
    /// the cells.
    init(cells: [UInt16], counts: [UInt64]) {
        self.cells = cells
        self.counts = counts
        for cellCount in counts { count = count.addingSaturating(cellCount) }
        setExtremesFromCells(within: 0...UInt64(Int64.max))
        sum = sumFromCells
    }

    /// The same samples as far as their encoding tells them: sum, least and greatest are those of
    /// the cells.
    public var encodable: HistogramSnapshot { HistogramSnapshot(cells: cells, counts: counts) }

    /// `count` samples of one value in nanoseconds.
    public init(_ count: UInt64, of value: Int64) {
        guard count > 0 else { return }
        record(value)
        (counts, self.count) = ([count], count)
        sum = sum.multipliedSaturating(by: count)
    }

    /// A decoded snapshot with what its encoding doesn't carry, as it was noted beside it; `sum`
    /// nil leaves the estimate. Nil where the cells contradict it: the least and the greatest
    /// sample lie in the lowest and the highest cell.
    public func completed(
        sum: UInt64?,
        min: Int64,
        max: Int64,
        clipped: UInt64
    ) -> HistogramSnapshot? {
        guard let first = buckets.first, let last = buckets.last, clipped <= count,
            first.range.contains(min), last.range.contains(max), min <= max
        else { return nil }
        var whole = self
        if let sum { whole.sum = sum }
        (whole.min, whole.max, whole.clipped) = (min, max, clipped)
        return whole
    }

    /// Whether there is no sample.
    public var isEmpty: Bool { count == 0 }

    private mutating func append(cell: Int, count added: UInt64) {
        cells.append(UInt16(cell))
        counts.append(added)
        count = count.addingSaturating(added)
    }

    private mutating func setExtremesFromCells(within bounds: ClosedRange<UInt64>) {
        guard let first = cells.first, let last = cells.last else { return }
        min = Int64(
            Swift.max(HistogramLayout.lowestValue(ofCell: Int(first)), bounds.lowerBound)
        )
        max = Int64(
            Swift.min(HistogramLayout.highestValue(ofCell: Int(last)), bounds.upperBound)
        )
    }

    private var sumFromCells: UInt64 {
        var total: UInt64 = 0
        for (cell, cellCount) in zip(cells, counts) {
            let middle = HistogramLayout.middleValue(ofCell: Int(cell))
            total = total.addingSaturating(middle.multipliedSaturating(by: cellCount))
        }
        return total
    }
}

// MARK: - Combining

extension HistogramSnapshot {
    /// Adds another snapshot's samples. Exact, associative and commutative: the order in which
    /// threads, processes or days are merged cannot change a figure.
    public mutating func merge(_ other: HistogramSnapshot) {
        guard !other.isEmpty else { return }
        guard !isEmpty else {
            self = other
            return
        }
        var merged = HistogramSnapshot()
        merged.cells.reserveCapacity(Swift.max(cells.count, other.cells.count))
        merged.counts.reserveCapacity(Swift.max(cells.count, other.cells.count))
        var (mine, theirs) = (0, 0)
        while mine < cells.count || theirs < other.cells.count {
            let left = mine < cells.count ? Int(cells[mine]) : Int.max
            let right = theirs < other.cells.count ? Int(other.cells[theirs]) : Int.max
            var total: UInt64 = 0
            if left <= right {
                total = counts[mine]
                mine += 1
            }
            if right <= left {
                total = total.addingSaturating(other.counts[theirs])
                theirs += 1
            }
            merged.append(cell: Swift.min(left, right), count: total)
        }
        merged.sum = sum.addingSaturating(other.sum)
        merged.min = Swift.min(min, other.min)
        merged.max = Swift.max(max, other.max)
        merged.clipped = clipped.addingSaturating(other.clipped)
        self = merged
    }

    /// Adds one sample in nanoseconds, as `Histogram.record` would: for what happens at most once a
    /// request, and has no recorder of its own.
    public mutating func record(_ nanoseconds: Int64) {
        let value = UInt64(Swift.max(0, nanoseconds))
        let kept = Swift.min(value, HistogramLayout.highestTrackable)
        let cell = UInt16(HistogramLayout.cell(of: kept))
        var (low, high) = (0, cells.count)
        while low < high {
            let middle = (low + high) / 2
            if cells[middle] < cell { low = middle + 1 } else { high = middle }
        }
        if low < cells.count, cells[low] == cell {
            counts[low] = counts[low].addingSaturating(1)
        } else {
            cells.insert(cell, at: low)
            counts.insert(1, at: low)
        }
        min = isEmpty ? Int64(kept) : Swift.min(min, Int64(kept))
        max = Swift.max(max, Int64(kept))
        count = count.addingSaturating(1)
        sum = sum.addingSaturating(kept)
        if value > kept { clipped = clipped.addingSaturating(1) }
    }

    /// The samples that came after `earlier`: counts and sum are exact differences, least and
    /// greatest those of the cells, narrowed by this snapshot's.
    ///
    /// - Precondition: `earlier` was read from the same recorder before this one, or is a part
    ///   that was merged into it; otherwise the subtraction traps.
    public func subtracting(_ earlier: HistogramSnapshot) -> HistogramSnapshot {
        var difference = HistogramSnapshot()
        var old = 0
        for (cell, cellCount) in zip(cells, counts) {
            var gained = cellCount
            if old < earlier.cells.count, earlier.cells[old] == cell {
                gained -= earlier.counts[old]
                old += 1
            }
            if gained != 0 { difference.append(cell: Int(cell), count: gained) }
        }
        precondition(old == earlier.cells.count, "not an earlier state of the same recorder")
        guard !difference.isEmpty else { return difference }
        difference.finishDifference(
            within: UInt64(min)...UInt64(max),
            sum: sum == .max ? nil : sum - earlier.sum,
            clipped: clipped - earlier.clipped
        )
        return difference
    }

    /// A saturated sum (nil) can't be subtracted from; the cells then have to do.
    private mutating func finishDifference(
        within bounds: ClosedRange<UInt64>,
        sum: UInt64?,
        clipped: UInt64
    ) {
        setExtremesFromCells(within: bounds)
        self.sum = sum ?? sumFromCells
        self.clipped = clipped
    }
}

// MARK: - Questions

extension HistogramSnapshot {
    /// The value that a share of the samples does not exceed, as HdrHistogram computes it: the
    /// highest value of the cell that holds the sample of rank ceil(percentile % of count).
    ///
    /// In nanoseconds; 0 when empty. The same for a recorder and for the file written from it, and
    /// therefore up to 0.1 % above `max` where the sample falls into the highest cell. 0 and below
    /// ask for the lowest value of the lowest cell, 100 and above for the highest cell.
    public func percentile(_ percentile: Double) -> Int64 {
        guard let first = cells.first, let last = cells.last else { return 0 }
        guard percentile > 0 else {
            return Int64(HistogramLayout.lowestValue(ofCell: Int(first)))
        }
        let top = Int64(HistogramLayout.highestValue(ofCell: Int(last)))
        guard percentile < 100 else { return top }
        return value(atRank: Self.rank(of: percentile, among: count)) ?? top
    }

    /// The rank, from 1 on, of the sample that stands for a percentile (above 0, below 100) among
    /// `count` samples: `percentile` per cent of them, rounded up.
    public static func rank(of percentile: Double, among count: UInt64) -> UInt64 {
        // One step down, so that rounding of the product can't push an exact rank into the next.
        let rank = (percentile.nextDown * Double(count) / 100).rounded(.up)
        return Swift.max(1, UInt64(exactly: rank) ?? .max)
    }

    /// The highest value, in nanoseconds, of the cell that holds the sample of a rank counted from
    /// 1 on in ascending order; nil beyond the last sample.
    public func value(atRank rank: UInt64) -> Int64? {
        var seen: UInt64 = 0
        for (cell, cellCount) in zip(cells, counts) {
            seen = seen.addingSaturating(cellCount)
            if seen >= rank { return Int64(HistogramLayout.highestValue(ofCell: Int(cell))) }
        }
        return nil
    }

    /// Arithmetic mean in nanoseconds, 0 when empty: exact while `sum` is, else that of the cells.
    public var mean: Double {
        guard !isEmpty else { return 0 }
        return sum == .max ? meanOfCells : Double(sum) / Double(count)
    }

    /// Standard deviation (of a population) in nanoseconds, as HdrHistogram computes it: every
    /// sample stands at the middle of its cell. 0 when empty.
    public var standardDeviation: Double {
        guard !isEmpty else { return 0 }
        let mean = meanOfCells
        var squares = 0.0
        for (cell, cellCount) in zip(cells, counts) {
            let deviation = Double(HistogramLayout.middleValue(ofCell: Int(cell))) - mean
            squares += deviation * deviation * Double(cellCount)
        }
        return (squares / Double(count)).squareRoot()
    }

    private var meanOfCells: Double {
        var total = 0.0
        for (cell, cellCount) in zip(cells, counts) {
            total += Double(HistogramLayout.middleValue(ofCell: Int(cell))) * Double(cellCount)
        }
        return total / Double(count)
    }

    /// Median of the samples above a value, in nanoseconds; nil where there are none.
    public func medianAbove(_ nanoseconds: Int64) -> Int64? {
        let below = count(atMost: nanoseconds)
        guard count > below else { return nil }
        let rank = Double(below) + Double(count - below) / 2
        return percentile(100 * rank / Double(count))
    }

    /// Number of samples whose cell lies at or below that of `nanoseconds`. Samples up to 0.1 %
    /// above the value are included where they share its cell.
    public func count(atMost nanoseconds: Int64) -> UInt64 {
        guard nanoseconds >= 0 else { return 0 }
        let value = Swift.min(UInt64(nanoseconds), HistogramLayout.highestTrackable)
        let limit = HistogramLayout.cell(of: value)
        var total: UInt64 = 0
        for (cell, cellCount) in zip(cells, counts) {
            guard Int(cell) <= limit else { break }
            total = total.addingSaturating(cellCount)
        }
        return total
    }

    /// The non-empty cells in ascending order.
    public var buckets: Buckets { Buckets(snapshot: self) }

    /// One cell: the values that share it, in nanoseconds, and the number of samples.
    public struct Bucket: Sendable, Equatable {
        /// All values that fall into this cell.
        public let range: ClosedRange<Int64>
        /// Number of samples, at least 1.
        public let count: UInt64
    }

    /// A view of a snapshot as its non-empty cells.
    public struct Buckets: RandomAccessCollection, Sendable {
        fileprivate let snapshot: HistogramSnapshot

        /// Always 0.
        public var startIndex: Int { 0 }
        /// The number of non-empty cells.
        public var endIndex: Int { snapshot.cells.count }

        /// The non-empty cell at a position in `0..<endIndex`.
        public subscript(position: Int) -> Bucket {
            let cell = Int(snapshot.cells[position])
            let lowest = Int64(HistogramLayout.lowestValue(ofCell: cell))
            let highest = Int64(HistogramLayout.highestValue(ofCell: cell))
            return Bucket(range: lowest...highest, count: snapshot.counts[position])
        }
    }
}

// MARK: - Packing

extension HistogramSnapshot {
    /// Moves the cells into `bytes` from `place` on, and `place` behind them: their number, then of
    /// each its distance from the one before and its count, in groups of seven bits. Most take two
    /// bytes, a fifth of what they take here. What else is known of the samples stays.
    mutating func pack(into bytes: inout [UInt8], at place: inout Int) {
        func write(_ value: UInt64) {
            var rest = value
            repeat {
                let isLast = rest < 0x80
                let byte = UInt8(truncatingIfNeeded: rest & 0x7F) | (isLast ? 0 : 0x80)
                if place < bytes.count { bytes[place] = byte } else { bytes.append(byte) }
                place += 1
                rest >>= 7
            } while rest > 0
        }
        write(UInt64(cells.count))
        var last: UInt16 = 0
        for (cell, cellCount) in zip(cells, counts) {
            write(UInt64(cell - last))
            write(cellCount)
            last = cell
        }
        (cells, counts) = ([], [])
    }

    /// Takes back what `pack` moved.
    mutating func unpack(from bytes: [UInt8], at place: inout Int) {
        func read() -> UInt64 {
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while true {
                let byte = bytes[place]
                place += 1
                value |= UInt64(byte & 0x7F) << shift
                guard byte & 0x80 != 0 else { return value }
                shift += 7
            }
        }
        let number = Int(read())
        cells.reserveCapacity(number)
        counts.reserveCapacity(number)
        var last: UInt16 = 0
        for _ in 0..<number {
            last += UInt16(read())
            cells.append(last)
            counts.append(read())
        }
    }
}

// MARK: - Intervals

extension HistogramSnapshot {
    /// Reads what a recorder gained since it was last asked, without disturbing its writer.
    ///
    /// Keeps a copy of the recorder's cells and looks only at those between the least and the
    /// greatest value. The intervals of one reader, merged, are the whole: what a reading beside
    /// the writer misses is in the next. Belongs to one thread; the recorder must outlive it.
    final class IntervalReader {
        private let histogram: Histogram
        private let seen: UnsafeMutablePointer<UInt64>
        private var seenSum: UInt64 = 0
        private var seenClipped: UInt64 = 0

        private static let byteCount = HistogramLayout.cellCount * MemoryLayout<UInt64>.stride

        init(_ histogram: Histogram) {
            self.histogram = histogram
            seen = LazyPages.map(byteCount: Self.byteCount).assumingMemoryBound(to: UInt64.self)
        }

        deinit { LazyPages.unmap(UnsafeMutableRawPointer(seen), byteCount: Self.byteCount) }

        /// The samples recorded since the last call, or since the start on the first one. Least and
        /// greatest are those of the cells, narrowed by the recorder's.
        func next() -> HistogramSnapshot {
            var gained = HistogramSnapshot()
            guard let extremes = histogram.extremes else { return gained }
            for cell in HistogramLayout.cells(of: extremes) {
                let now = histogram.count(ofCell: cell)
                let before = seen[cell]
                guard now != before else { continue }
                gained.append(cell: cell, count: now - before)
                seen[cell] = now
            }
            // A sum or clipped count that is ahead of its cell waits for it in the next interval.
            guard !gained.isEmpty else { return gained }
            let (sum, clipped) = (histogram.sum, histogram.clipped)
            gained.finishDifference(
                within: extremes,
                sum: sum == .max ? nil : sum - seenSum,
                clipped: clipped - seenClipped
            )
            (seenSum, seenClipped) = (sum, clipped)
            return gained
        }
    }
}
