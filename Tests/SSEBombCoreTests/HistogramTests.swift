// The recorder and its snapshots: layout and figures against an independent HdrHistogram, merging,
// intervals, and reading beside a running writer.

import Glibc
import Synchronization
import Testing

@testable import SSEBombCore

/// A generator that gives the same values on every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A value whose order of magnitude, not the value, is evenly spread over the whole range.
    mutating func latency() -> Int64 {
        let magnitude = Int.random(in: 0...46, using: &self)
        return min(Int64.random(in: 0...(1 << magnitude), using: &self), 86_400_000_000_000)
    }

    mutating func latencies(_ count: Int) -> [Int64] { (0..<count).map { _ in latency() } }
}

private let day: Int64 = 86_400_000_000_000

private func snapshot(_ values: some Sequence<Int64>) -> HistogramSnapshot {
    let histogram = Histogram()
    defer { histogram.destroy() }
    for value in values { histogram.record(value) }
    return HistogramSnapshot(reading: histogram)
}

private func oracle(_ values: some Sequence<Int64>) -> HistogramOracle {
    var oracle = HistogramOracle()
    for value in values { oracle.record(value) }
    return oracle
}

@Suite struct HistogramLayoutTests {
    @Test func `a cell's bounds equal the oracle's at and around every power of two`() {
        var values: [Int64] = [1_000, 2_000, day - 1, day]
        for magnitude in 1...46 {
            let power = Int64(1) << magnitude
            for step in [-2, -1, 0, 1, 2] where (1...day).contains(power + Int64(step)) {
                values.append(power + Int64(step))
            }
        }
        for value in values { expectSameCell(value) }
    }

    @Test func `a cell's bounds equal the oracle's at random values`() {
        var generator = SeededGenerator(seed: 1)
        for value in generator.latencies(500) where value > 0 { expectSameCell(value) }
    }

    private func expectSameCell(_ value: Int64) {
        let expected = oracle([value])
        let bucket = snapshot([value]).buckets.first
        #expect(bucket?.range.lowerBound == expected.lowestOfBottomCell, "\(value)")
        #expect(bucket?.range.upperBound == expected.highestOfTopCell, "\(value)")
        #expect(bucket?.count == 1)
    }

    @Test func `cells follow each other without gap or overlap up to the range's end`() {
        var next: UInt64 = 0
        for cell in 0..<HistogramLayout.cellCount {
            let lowest = HistogramLayout.lowestValue(ofCell: cell)
            let highest = HistogramLayout.highestValue(ofCell: cell)
            guard lowest == next, highest >= lowest, HistogramLayout.cell(of: lowest) == cell,
                HistogramLayout.cell(of: highest) == cell
            else {
                Issue.record("cell \(cell): \(lowest)...\(highest) after \(next)")
                return
            }
            next = highest + 1
        }
        #expect(next > HistogramLayout.highestTrackable)
    }
}

@Suite struct HistogramRecordingTests {
    @Test func `count, sum, least and greatest are exact`() {
        var generator = SeededGenerator(seed: 2)
        let values = generator.latencies(5_000)
        let snapshot = snapshot(values)
        #expect(snapshot.count == 5_000)
        #expect(snapshot.sum == values.reduce(UInt64(0)) { $0 + UInt64($1) })
        #expect(snapshot.min == values.min())
        #expect(snapshot.max == values.max())
        #expect(snapshot.clipped == 0)
        #expect(snapshot.mean == Double(snapshot.sum) / 5_000)
    }

    @Test func `a value above 86,400 s is recorded as 86,400 s and counted as clipped`() {
        let snapshot = snapshot([day, day + 1, Int64.max, 5])
        #expect(snapshot.count == 4)
        #expect(snapshot.clipped == 2)
        #expect(snapshot.max == day)
        #expect(snapshot.min == 5)
        #expect(snapshot.sum == UInt64(3 * day + 5))
        #expect(snapshot.count(atMost: day - day / 100) == 1)
    }

    @Test func `a negative value is recorded as 0`() {
        let snapshot = snapshot([-1, Int64.min, 0])
        #expect(snapshot.buckets.map(\.range) == [0...0])
        #expect(snapshot.count == 3)
        #expect(snapshot.sum == 0)
        #expect(snapshot.max == 0)
    }

    @Test(
        arguments: [(0, 4), (7_777, 3), (day, 2), (day + 9, 5), (-3, 2), (12, 0)] as [(Int64, Int)]
    )
    func `recording a value n times equals n records`(value: Int64, times: Int) {
        let histogram = Histogram()
        defer { histogram.destroy() }
        histogram.record(value, count: UInt64(times))
        let singly = snapshot(Array(repeating: value, count: times))
        #expect(HistogramSnapshot(reading: histogram) == singly)
        #expect(singly.count == UInt64(times))
    }

    @Test func `a sum beyond 64 bits stays at its top and the mean comes from the cells`() {
        let histogram = Histogram()
        defer { histogram.destroy() }
        histogram.record(day, count: 300_000)
        histogram.record(day)
        let snapshot = HistogramSnapshot(reading: histogram)
        #expect(snapshot.sum == .max)
        #expect(abs(snapshot.mean / Double(day) - 1) < 0.001)
    }

    @Test func `a recorder has memory only for the pages that it wrote`() {
        let histogram = Histogram()
        defer { histogram.destroy() }
        #expect(residentPages(histogram) == 0)
        // One page of bookkeeping, one page of cells, which 50 ms and 51 ms share.
        histogram.record(50_000_000)
        histogram.record(51_000_000)
        #expect(residentPages(histogram) == 2)
    }

    @Test func `what was populated doesn't grow with usual values, and holds nothing`() throws {
        let histogram = Histogram()
        defer { histogram.destroy() }
        histogram.populate()
        let before = residentPages(histogram)
        // Before Linux 5.14 the kernel can't; then pages come with the first write.
        try #require(before > 0)
        var value: UInt64 = 1_000
        while value <= 8_000_000_000 {
            histogram.record(Int64(value))
            value += value / 3
        }
        // The bookkeeping has a page of its own.
        #expect(residentPages(histogram) <= before + 1)
        #expect(HistogramSnapshot(reading: histogram).count > 50)
        let empty = Histogram()
        defer { empty.destroy() }
        empty.populate()
        #expect(HistogramSnapshot(reading: empty).isEmpty)
    }

    private func residentPages(_ histogram: Histogram) -> Int {
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        var pages = [UInt8](repeating: 0, count: (Histogram.byteCount + pageSize - 1) / pageSize)
        #expect(mincore(histogram.words, Histogram.byteCount, &pages) == 0)
        return pages.count { $0 & 1 == 1 }
    }
}

@Suite struct HistogramQuestionTests {
    @Test(arguments: [1, 2, 10, 999, 4_000])
    func `percentiles equal the oracle's`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let values = generator.latencies(count)
        let snapshot = snapshot(values)
        let oracle = oracle(values)
        for percentile in [0.001, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100] {
            let value = snapshot.percentile(percentile)
            #expect(oracle.shareCell(value, oracle.percentile(percentile)), "p\(percentile)")
            #expect(snapshot.buckets.contains { $0.range.upperBound == value }, "p\(percentile)")
        }
        #expect(snapshot.percentile(0) == snapshot.buckets.first?.range.lowerBound)
    }

    @Test func `deviation, cells and counts below a value equal the oracle's`() {
        var generator = SeededGenerator(seed: 3)
        let values = generator.latencies(3_000)
        let snapshot = snapshot(values)
        let oracle = oracle(values)
        #expect(snapshot.count == oracle.count)
        #expect(snapshot.buckets.map(\.count) == oracle.cells)
        #expect(abs(snapshot.standardDeviation / oracle.standardDeviation - 1) < 1e-9)
        #expect(abs(snapshot.mean / oracle.meanOfCells - 1) < 0.001)
        for value in values.prefix(100) {
            #expect(snapshot.count(atMost: value) == oracle.count(atMost: value))
        }
        #expect(snapshot.count(atMost: -1) == 0)
        #expect(snapshot.count(atMost: Int64.max) == 3_000)
    }

    @Test func `a percentile takes the sample of the rounded-up rank`() {
        let snapshot = snapshot((1...1_000).map { Int64($0) })
        #expect(snapshot.percentile(50) == 500)
        #expect(snapshot.percentile(99) == 990)
        #expect(snapshot.percentile(99.9) == 999)
        #expect(snapshot.percentile(99.91) == 1_000)
        #expect(snapshot.percentile(100) == 1_000)
        #expect(snapshot.percentile(250) == 1_000)
        #expect(snapshot.percentile(.nan) == 1)
    }

    @Test func `an empty snapshot answers 0 to everything`() {
        let empty = snapshot([])
        #expect(empty == HistogramSnapshot())
        #expect(empty.isEmpty)
        #expect(empty.percentile(99) == 0)
        #expect(empty.mean == 0)
        #expect(empty.standardDeviation == 0)
        #expect(empty.count(atMost: day) == 0)
        #expect(empty.buckets.isEmpty)
    }

    @Test(
        arguments: [
            (50, 11), (75, 24), (90, 64), (95, 130), (99, 662), (99.9, 6_636), (99.99, 66_381),
            (10, 64), (0.1, 6_636), (0, 1), (100, 1), (-5, 1), (250, 1),
        ] as [(Double, UInt64)]
    )
    func `a percentile needs its floor of samples`(percentile: Double, floor: UInt64) {
        #expect(HistogramSnapshot.floor(ofPercentile: percentile) == floor)
        // Printing asks for no more than one sample up to the median.
        let least = percentile > 50 ? floor : 1
        #expect(HistogramSnapshot.isSupported(percentile: percentile, count: least))
        #expect(!HistogramSnapshot.isSupported(percentile: percentile, count: least - 1))
    }

    @Test(arguments: [50, 51, 60, 75, 88.8, 90, 95, 98, 99, 99.5, 99.9] as [Double])
    func `a floor is the first number at which two misses are due`(percentile: Double) {
        // At most one miss among n, each as likely as the share beyond the percentile: summed up
        // term by term, not by the formula.
        let hit = percentile / 100
        var (none, one, samples) = (1.0, 0.0, UInt64(0))
        while none + one > 0.01 {
            one = one * hit + none * (1 - hit)
            none *= hit
            samples += 1
        }
        #expect(HistogramSnapshot.floor(ofPercentile: percentile) == samples)
    }

    @Test func `the value at a rank is the cell of the sample that stands there in order`() {
        let snapshot = snapshot([5, 5, 9, 70_000, 70_001])
        let values = (1...6).map { snapshot.value(atRank: $0) }
        #expect(values == [5, 5, 9, 70_015, 70_015, nil])
        #expect(HistogramSnapshot().value(atRank: 1) == nil)
        #expect(HistogramSnapshot.rank(of: 99, among: 100) == 99)
        #expect(HistogramSnapshot.rank(of: 99.01, among: 100) == 100)
        #expect(HistogramSnapshot.rank(of: 0.001, among: 100) == 1)
        #expect(HistogramSnapshot.rank(of: 99.99, among: .max) < .max)
    }

    @Test(arguments: 1...6) func `what a snapshot records itself a recorder records`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let values = generator.latencies(500) + [0, -3, day, day + 1, 7, 7]
        var recorded = HistogramSnapshot()
        for value in values.shuffled(using: &generator) { recorded.record(value) }
        #expect(recorded == snapshot(values))
    }
}

@Suite struct HistogramMergeTests {
    @Test(arguments: 1...8)
    func `merging the parts of a random split gives the whole`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let values = generator.latencies(2_000) + [day + 1]
        var parts = [[Int64]](repeating: [], count: 5)
        // The last part stays empty.
        for value in values { parts[Int.random(in: 0..<4, using: &generator)].append(value) }
        var merged = HistogramSnapshot()
        for part in parts.shuffled(using: &generator) { merged.merge(snapshot(part)) }
        #expect(merged == snapshot(values))
    }

    @Test(arguments: 1...8)
    func `merging is associative and commutative`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let (a, b, c) = (
            snapshot(generator.latencies(300)), snapshot(generator.latencies(20)),
            snapshot(generator.latencies(3))
        )
        #expect(merge(merge(a, b), c) == merge(a, merge(b, c)))
        #expect(merge(a, b) == merge(b, a))
        #expect(merge(a, HistogramSnapshot()) == a)
    }

    @Test func `counts beyond 64 bits saturate instead of stopping the merge`() {
        let huge = HistogramSnapshot(cells: [1, 5], counts: [.max - 1, 7])
        let merged = merge(huge, huge)
        #expect(merged.count == .max)
        #expect(merged.percentile(100) == 5)
        #expect(merged.percentile(1) == 1)
    }

    @Test func `what came later, merged to what was there, is the whole`() {
        var generator = SeededGenerator(seed: 9)
        let histogram = Histogram()
        defer { histogram.destroy() }
        for value in generator.latencies(1_000) { histogram.record(value) }
        let earlier = HistogramSnapshot(reading: histogram)
        let added = [5, 5, 123_456_789, day + 1]
        for value in added { histogram.record(value) }
        let whole = HistogramSnapshot(reading: histogram)
        let interval = whole.subtracting(earlier)
        #expect(interval.buckets.map(\.count) == snapshot(added).buckets.map(\.count))
        #expect(interval.sum == snapshot(added).sum)
        #expect(interval.clipped == 1)
        #expect(interval.min == 5)
        #expect(interval.max == day)
        #expect(merge(earlier, interval) == whole)
        #expect(whole.subtracting(whole).isEmpty)
    }

    private func merge(_ one: HistogramSnapshot, _ two: HistogramSnapshot) -> HistogramSnapshot {
        var merged = one
        merged.merge(two)
        return merged
    }
}

@Suite struct HistogramIntervalTests {
    @Test
    func `each interval holds what was recorded since the last, and their merge is the whole`() {
        var generator = SeededGenerator(seed: 10)
        let histogram = Histogram()
        defer { histogram.destroy() }
        let reader = HistogramSnapshot.IntervalReader(histogram)
        #expect(reader.next().isEmpty)
        var merged = HistogramSnapshot()
        for size in [200, 0, 1, 700] {
            let values = generator.latencies(size)
            for value in values { histogram.record(value) }
            let interval = reader.next()
            let expected = snapshot(values)
            #expect(interval.buckets.elementsEqual(expected.buckets))
            #expect(interval.sum == expected.sum)
            merged.merge(interval)
        }
        let whole = HistogramSnapshot(reading: histogram)
        #expect(merged.buckets.elementsEqual(whole.buckets))
        #expect(merged.sum == whole.sum)
        #expect(reader.next().isEmpty)
    }

    @Test func `a reader beside the writer sees counts that only grow and misses nothing`() {
        let shared = SharedRun()
        defer { shared.histogram.destroy() }
        var thread = pthread_t()
        let context = Unmanaged.passUnretained(shared).toOpaque()
        let started = pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<SharedRun>.fromOpaque(context).takeUnretainedValue().write()
                return nil
            },
            context
        )
        #expect(started == 0)
        let reader = HistogramSnapshot.IntervalReader(shared.histogram)
        var merged = HistogramSnapshot()
        var last = HistogramSnapshot()
        var intervals = 0
        while intervals < 50 {
            let interval = reader.next()
            merged.merge(interval)
            if !interval.isEmpty { intervals += 1 }
            // The subtraction itself checks: it traps if any count shrank.
            let now = HistogramSnapshot(reading: shared.histogram)
            #expect(now.subtracting(last).count == now.count - last.count)
            last = now
        }
        shared.isEnough.store(true, ordering: .relaxed)
        pthread_join(thread, nil)
        merged.merge(reader.next())
        let whole = HistogramSnapshot(reading: shared.histogram)
        #expect(whole.count == shared.recorded.load(ordering: .relaxed))
        #expect(merged.buckets.elementsEqual(whole.buckets))
        #expect(merged.sum == whole.sum)
    }
}

/// One recorder that a thread fills until another has read enough of it.
private final class SharedRun: Sendable {
    let histogram = Histogram()
    let isEnough = Atomic<Bool>(false)
    let recorded = Atomic<UInt64>(0)

    func write() {
        var generator = SeededGenerator(seed: 11)
        var count: UInt64 = 0
        while !isEnough.load(ordering: .relaxed) {
            histogram.record(Int64(generator.next() & 0xff_ffff))
            count += 1
        }
        recorded.store(count, ordering: .relaxed)
    }
}

@Suite struct StreamFailureTests {
    @Test func `kinds have the documented words in the documented order`() {
        let words = """
            connect_refused connect_timeout connect_other tls_handshake tls_verify tls_alert send \
            reset closed_early timeout_header timeout_first_event timeout_idle timeout_total \
            http_status http_protocol content_encoding sse_protocol error_event local_resource
            """
        #expect(
            StreamFailure.allCases.map(\.name) == words.split(separator: " ").map { String($0) }
        )
        #expect(StreamFailure.allCases.map { Int($0.rawValue) } == Array(0..<StreamFailure.count))
    }
}
