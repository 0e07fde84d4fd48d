// The recorder: counts of latencies in HdrHistogram's bucket layout, written by one loop thread and
// readable by any other while it is written. Must not know percentiles, encodings or what a latency
// means; those questions are asked of a HistogramSnapshot.

import Glibc
import Synchronization

/// HdrHistogram's bucket layout for lowest value 1, highest 86,400 s and three significant digits.
///
/// Three digits need single-unit steps up to 2,000, rounded up to 2,048 cells for the first bucket.
/// Every later bucket doubles the step, and its lower half is covered by those before it, so it
/// adds 1,024 cells. Values are nanoseconds; cells are numbered as HdrHistogram's counts array is.
enum HistogramLayout {
    /// The lowest value that is told from 0.
    static let lowestDiscernible: UInt64 = 1
    /// The highest value that is recorded as itself: 24 hours.
    static let highestTrackable: UInt64 = 86_400_000_000_000
    static let significantDigits: UInt32 = 3
    static let halfCountMagnitude = 10
    static let halfCount = 1 << halfCountMagnitude
    static let subBucketMask: UInt64 = 2_047
    /// 2,048 << 36 is the first doubling above `highestTrackable`: 37 buckets.
    static let bucketCount = 37
    /// Length of the counts array: 38,912.
    static let cellCount = (bucketCount + 1) * halfCount

    /// The cell of a value.
    ///
    /// - Precondition: `value` is at most `highestTrackable`; only then is the cell below
    ///   `cellCount`.
    @inline(__always)
    static func cell(of value: UInt64) -> Int {
        // OR-ing the mask makes every value of the first bucket look 11 bits wide, so that `bucket`
        // lies in 0...53 and nothing below can overflow.
        let bucket = 53 &- (value | subBucketMask).leadingZeroBitCount
        return (bucket &<< halfCountMagnitude) &+ Int(truncatingIfNeeded: value &>> UInt64(bucket))
    }

    /// The smallest value that falls into a cell.
    static func lowestValue(ofCell cell: Int) -> UInt64 {
        guard cell >= halfCount else { return UInt64(cell) }
        let subBucket = UInt64(cell & (halfCount - 1)) + UInt64(halfCount)
        return subBucket << stepMagnitude(ofCell: cell)
    }

    /// The largest value that falls into a cell: HdrHistogram's "highest equivalent value".
    static func highestValue(ofCell cell: Int) -> UInt64 {
        lowestValue(ofCell: cell) + (1 << stepMagnitude(ofCell: cell)) - 1
    }

    /// The value that stands for a cell in means and deviations: HdrHistogram's "median equivalent
    /// value", half a step above the lowest.
    static func middleValue(ofCell cell: Int) -> UInt64 {
        lowestValue(ofCell: cell) + (1 << stepMagnitude(ofCell: cell)) >> 1
    }

    /// The cells of a range of values, under the same precondition as `cell(of:)`.
    static func cells(of values: ClosedRange<UInt64>) -> ClosedRange<Int> {
        cell(of: values.lowerBound)...cell(of: values.upperBound)
    }

    /// Binary logarithm of the number of values that share a cell.
    private static func stepMagnitude(ofCell cell: Int) -> Int {
        max(0, (cell >> halfCountMagnitude) - 1)
    }
}

/// Zeroed memory whose pages cost nothing until they are first written.
enum LazyPages {
    /// Maps `byteCount` bytes, page-aligned. Ends the process if the kernel has none to give.
    static func map(byteCount: Int) -> UnsafeMutableRawPointer {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0),
            memory != MAP_FAILED
        else { fatalError("no memory for a histogram of \(byteCount) bytes") }
        // Neighbouring mappings merge; a transparent huge page over them would make the first
        // write to any of them cost 2 MiB. Only advice: a kernel without huge pages refuses it.
        _ = madvise(memory, byteCount, MADV_NOHUGEPAGE)
        return memory
    }

    /// Has the kernel put memory behind a range at once. Best effort: kernels before 5.14 don't
    /// know how, and there it comes with the first write.
    static func populate(_ range: UnsafeMutableRawBufferPointer) {
        let page = sysconf(Int32(_SC_PAGESIZE))
        guard let start = range.baseAddress, page > 0 else { return }
        let offset = Int(bitPattern: start) & (page - 1)
        // MADV_POPULATE_WRITE, which older headers lack.
        _ = madvise(start - offset, range.count + offset, 23)
    }

    /// Gives memory from `map(byteCount:)` back.
    static func unmap(_ memory: UnsafeMutableRawPointer, byteCount: Int) {
        munmap(memory, byteCount)
    }
}

/// A handle to a single-writer latency recorder.
///
/// Contract: one thread at a time calls `record`; any thread may read at any time, through
/// `HistogramSnapshot(reading:)` or a `HistogramSnapshot.IntervalReader`. All accesses are relaxed,
/// none is a read-modify-write: the writer is alone, so load and store suffice, and a reader that
/// runs beside it sees each word whole but may see one record's words at different moments. After
/// the writer's thread was joined a reading is exact. Copies of the handle share the memory;
/// `destroy()` is called once, when nobody reads or writes any more.
struct Histogram: @unchecked Sendable {
    /// `Word.cells` words of bookkeeping, then one word per cell. Page-aligned.
    let words: UnsafeMutablePointer<Atomic<UInt64>>

    private enum Word {
        static let sum = 0
        /// The complement of the least value: 0, as the kernel delivers it, says "none yet".
        static let leastComplement = 1
        static let greatest = 2
        static let clipped = 3
        /// Cells start on their own pair of cache lines (128 bytes).
        static let cells = 16
    }

    static let byteCount =
        (Word.cells + HistogramLayout.cellCount) * MemoryLayout<Atomic<UInt64>>.stride

    /// Reserves the memory; no page of it is touched before the first record.
    init() {
        // An `Atomic<UInt64>` is its eight bytes, and zeroed bytes are `Atomic(0)`.
        words = LazyPages.map(byteCount: Self.byteCount)
            .assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// Takes the memory for values from 1 µs to 8 s at once: a rare value touches a page of its
    /// own, and a run whose values spread would grow for hours.
    func populate() {
        let cells = HistogramLayout.cells(of: 1_000...8_000_000_000)
        let bytes = UnsafeMutableRawBufferPointer(
            start: words + (Word.cells + cells.lowerBound),
            count: cells.count * MemoryLayout<Atomic<UInt64>>.stride
        )
        LazyPages.populate(bytes)
    }

    /// Gives the memory back. No copy of this handle may be used afterwards.
    func destroy() {
        LazyPages.unmap(UnsafeMutableRawPointer(words), byteCount: Self.byteCount)
    }

    /// Records one value in nanoseconds.
    ///
    /// A negative value is recorded as 0: two stamps of different clocks can cross by less than
    /// the precision of the offset between them. A value above 86,400 s is recorded as 86,400 s and
    /// counted as clipped.
    @inline(__always)
    func record(_ nanoseconds: Int64) {
        let value = UInt64(truncatingIfNeeded: max(nanoseconds, 0))
        guard value <= HistogramLayout.highestTrackable else { return recordClipped(count: 1) }
        enter(value, total: value, count: 1)
    }

    /// Records the same value `count` times, as `count` single records would; 0 times is nothing.
    func record(_ nanoseconds: Int64, count: UInt64) {
        guard count > 0 else { return }
        let value = UInt64(truncatingIfNeeded: max(nanoseconds, 0))
        guard value <= HistogramLayout.highestTrackable else { return recordClipped(count: count) }
        enter(value, total: value.multipliedSaturating(by: count), count: count)
    }

    @inline(never)  // Keeps a day-long wait out of the code that every event runs through.
    private func recordClipped(count: UInt64) {
        bump(Word.clipped, by: count)
        let value = HistogramLayout.highestTrackable
        enter(value, total: value.multipliedSaturating(by: count), count: count)
    }

    /// - Precondition: `value` is at most `highestTrackable`, so its cell lies inside the memory.
    @inline(__always)
    private func enter(_ value: UInt64, total: UInt64, count: UInt64) {
        let least = words[Word.leastComplement].load(ordering: .relaxed)
        if ~value > least { words[Word.leastComplement].store(~value, ordering: .relaxed) }
        let greatest = words[Word.greatest].load(ordering: .relaxed)
        if value > greatest { words[Word.greatest].store(value, ordering: .relaxed) }
        // 2^64 ns are 584 years of waiting, summed over all streams. Should a run get there, the
        // sum stays at its top, and `HistogramSnapshot.mean` falls back on the cells.
        let sum = words[Word.sum].load(ordering: .relaxed)
        words[Word.sum].store(sum.addingSaturating(total), ordering: .relaxed)
        bump(Word.cells &+ HistogramLayout.cell(of: value), by: count)
    }

    /// Adds to one word. Counts of happenings: 2^64 of them at one a nanosecond take 584 years.
    @inline(__always)
    private func bump(_ word: Int, by count: UInt64) {
        let old = words[word].load(ordering: .relaxed)
        words[word].store(old &+ count, ordering: .relaxed)
    }
}

// MARK: - Reading

extension Histogram {
    /// Least and greatest recorded value in nanoseconds; nil while nothing was recorded.
    ///
    /// Only cells from the one's to the other's can differ from 0. Read beside the writer it may
    /// lag behind by the newest extreme, which the next reading then has.
    var extremes: ClosedRange<UInt64>? {
        let least = ~words[Word.leastComplement].load(ordering: .relaxed)
        let greatest = words[Word.greatest].load(ordering: .relaxed)
        return least <= greatest ? least...greatest : nil
    }

    /// The count of one cell.
    ///
    /// - Precondition: `cell` lies in `0..<HistogramLayout.cellCount`.
    @inline(__always)
    func count(ofCell cell: Int) -> UInt64 {
        words[Word.cells &+ cell].load(ordering: .relaxed)
    }

    /// Sum of all recorded values in nanoseconds; `UInt64.max` when it grew beyond that.
    var sum: UInt64 { words[Word.sum].load(ordering: .relaxed) }
    /// How many of the records were above 86,400 s.
    var clipped: UInt64 { words[Word.clipped].load(ordering: .relaxed) }
}

extension UInt64 {
    /// The sum, or the greatest value where the sum does not fit. Associative and commutative.
    @inline(__always)
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The product, or the greatest value where the product does not fit.
    @inline(__always)
    func multipliedSaturating(by other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
