// What one loop of the mock counts while it runs: written by its thread alone, readable by any
// other at any time. Knows no percentile and no JSON.

import Glibc
import Synchronization

/// Single-writer counters and histograms of one loop; a handle over memory that the server owns.
struct MockCounters: @unchecked Sendable {
    enum Word: Int, CaseIterable {
        case connections
        case requests
        case streams
        case streamsOpen
        case resumed
        case completed
        case tokens
        case events
        case sends
        case bytes
        case partialSends
        case slowReaders
        case abandoned, broken
        case stampsReplaced
        case scheduleSlips
        case userTime
        case systemTime
    }

    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    /// Request's last byte to the send of the first token, nanoseconds.
    let ttft = Histogram()
    /// Between the sends of consecutive tokens of one stream, nanoseconds.
    let gap = Histogram()

    private static let faultBase = Word.allCases.count
    private static let wordCount = faultBase + FaultKind.allCases.count

    init() {
        words = .allocate(capacity: Self.wordCount)
        for index in 0..<Self.wordCount { (words + index).initialize(to: Atomic(0)) }
    }

    /// Gives the memory back, once nobody reads or writes any more.
    func destroy() {
        words.deinitialize(count: Self.wordCount)
        words.deallocate()
        ttft.destroy()
        gap.destroy()
    }

    /// Adds to a counter of happenings: 2^64 of them at one a nanosecond take 584 years.
    @inline(__always)  // Per event.
    func add(_ word: Word, _ amount: UInt64 = 1) { add(at: word.rawValue, amount) }

    func add(_ fault: FaultKind) { add(at: Self.faultBase + Int(fault.rawValue), 1) }

    func subtract(_ word: Word) { add(at: word.rawValue, .max) }

    func set(_ word: Word, _ value: UInt64) {
        words[word.rawValue].store(value, ordering: .relaxed)
    }

    subscript(word: Word) -> UInt64 { words[word.rawValue].load(ordering: .relaxed) }

    subscript(fault: FaultKind) -> UInt64 {
        words[Self.faultBase + Int(fault.rawValue)].load(ordering: .relaxed)
    }

    @inline(__always)  // See `add`.
    private func add(at index: Int, _ amount: UInt64) {
        let old = words[index].load(ordering: .relaxed)
        words[index].store(old &+ amount, ordering: .relaxed)
    }
}
