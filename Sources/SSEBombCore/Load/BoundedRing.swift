// Hands records from a loop to the coordinator's thread: a bounded ring with one writer and one
// reader. What doesn't fit is refused; the writer never waits. Must not know what the records are.

import Synchronization

/// A ring with one writer (the loop) and one reader (the coordinator).
///
/// A handle: copies refer to the same memory. What was put becomes visible with `publish`.
struct BoundedRing<Record: BitwiseCopyable>: @unchecked Sendable {
    // Unchecked: what both sides write are the two atomics, each on cache lines of its own; a
    // record is written before `tail` passes it and read before `head` does.
    private struct Pending {
        /// What was put and is not visible yet.
        var count: UInt64 = 0
        /// `head` at the last look: asked for again only when the ring seems full.
        var knownHead: UInt64 = 0
    }

    private static var stride: Int { 16 }

    private let records: UnsafeMutablePointer<Record>
    private let capacity: UInt64
    /// The next record to be read (cell 0) and to be written (cell `stride`); they only grow.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let pending: UnsafeMutablePointer<Pending>

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = UInt64(capacity)
        records = .allocate(capacity: capacity)
        // Touched here: else the process would grow until the ring has gone round once.
        UnsafeMutableRawPointer(records).initializeMemory(
            as: UInt8.self,
            repeating: 0,
            count: capacity * MemoryLayout<Record>.stride
        )
        cells = .allocate(capacity: 2 * Self.stride)
        UnsafeMutableRawPointer(cells)
            .initializeMemory(as: UInt8.self, repeating: 0, count: 2 * Self.stride * 8)
        pending = .allocate(capacity: 1)
        pending.initialize(to: Pending())
    }

    func destroy() {
        records.deallocate()
        cells.deallocate()
        pending.deallocate()
    }

    private var head: UnsafeMutablePointer<Atomic<UInt64>> { cells }
    private var tail: UnsafeMutablePointer<Atomic<UInt64>> { cells + Self.stride }

    // MARK: The writer's side

    /// How many records were put since the last `publish`.
    var pendingCount: UInt64 { pending.pointee.count }

    /// Adds a record that nobody sees yet; false where there is no room for it.
    func put(_ record: Record) -> Bool {
        let place = tail.pointee.load(ordering: .relaxed) &+ pending.pointee.count
        if place &- pending.pointee.knownHead >= capacity {
            pending.pointee.knownHead = head.pointee.load(ordering: .acquiring)
        }
        guard place &- pending.pointee.knownHead < capacity else { return false }
        records[Int(place % capacity)] = record
        pending.pointee.count &+= 1
        return true
    }

    /// The record that was put as number `offset` (from 0) since the last `publish`.
    func pendingRecord(_ offset: UInt64) -> UnsafeMutablePointer<Record> {
        let start = tail.pointee.load(ordering: .relaxed)
        return records + Int((start &+ offset) % capacity)
    }

    /// Makes visible what was put.
    func publish() {
        let start = tail.pointee.load(ordering: .relaxed)
        tail.pointee.store(start &+ pending.pointee.count, ordering: .releasing)
        pending.pointee.count = 0
    }

    // MARK: The reader's side

    /// Gives `body` what has become visible since the last call, in order, in one or two pieces.
    func drain(_ body: (UnsafeBufferPointer<Record>) -> Void) {
        let start = head.pointee.load(ordering: .relaxed)
        let end = tail.pointee.load(ordering: .acquiring)
        var at = start
        while at < end {
            let place = at % capacity
            let length = min(end - at, capacity - place)
            body(UnsafeBufferPointer(start: records + Int(place), count: Int(length)))
            at += length
        }
        head.pointee.store(end, ordering: .releasing)
    }
}
