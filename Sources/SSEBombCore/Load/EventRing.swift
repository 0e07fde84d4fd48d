// Hands single events of sampled streams from their loop to the coordinator's thread: a bounded
// ring with one writer and one reader. What doesn't fit is refused; the writer never waits. Knows
// nothing of who shows or stores the events.

import Synchronization

/// One event of a sampled stream (`--event-log`, `--html`), or what its request's end tells.
public struct LoggedEvent: Sendable, BitwiseCopyable {
    /// What happened.
    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// An event was dispatched.
        case event
        /// The request's connect began; told at its end, as everything below.
        case connect
        /// The request was sent.
        case send
        /// The request ended so.
        case completed, failed, cancelled, cut
    }

    /// The stream, over all loops, from 1.
    public var stream: UInt64
    /// The request on that stream, from 1.
    public var request: UInt64
    /// The event of that request, from 1.
    public var event: UInt64
    /// Its arrival.
    public var at: Instant
    /// When its data says that it was sent, carried over to the monotonic clock; nil where it says
    /// nothing.
    public var sent: Instant?
    /// How much earlier it may have arrived, nanoseconds; 0 where the stamp is its own.
    public var window: Int64
    /// Whether it bears a token.
    public var isToken: Bool
    /// For anything but an event only stream, request and `at` have a meaning.
    public var kind = Kind.event

    /// Arrival minus send, nanoseconds; negative where the clocks differ.
    public var oneWay: Int64? { sent.map { at - $0 } }
}

/// A ring of `LoggedEvent` with one writer (the loop) and one reader (the coordinator).
///
/// A handle: copies refer to the same memory. The events of one read are appended first and become
/// visible together, because how well the others are stamped is only known after the last.
struct EventRing: @unchecked Sendable {
    // Unchecked: what both sides write are the two atomics, each on cache lines of its own; an
    // event is written before `tail` passes it and read before `head` does.
    private struct Pending {
        /// What was added and is not visible yet.
        var count: UInt64 = 0
        /// Place among these of the read's last event; `.max` where that found no room.
        var last = UInt64.max
        /// `head` at the last look: asked for again only when the ring seems full.
        var knownHead: UInt64 = 0
    }

    /// 100 ms, the time between two looks, at 655,360 events a second.
    static let usualCapacity = 65_536
    private static let stride = 16

    private let events: UnsafeMutablePointer<LoggedEvent>
    private let capacity: UInt64
    /// The next event to be read (cell 0) and to be written (cell `stride`); they only grow.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let pending: UnsafeMutablePointer<Pending>

    init(capacity: Int = Self.usualCapacity) {
        precondition(capacity > 0)
        self.capacity = UInt64(capacity)
        events = .allocate(capacity: capacity)
        cells = .allocate(capacity: 2 * Self.stride)
        UnsafeMutableRawPointer(cells)
            .initializeMemory(as: UInt8.self, repeating: 0, count: 2 * Self.stride * 8)
        pending = .allocate(capacity: 1)
        pending.initialize(to: Pending())
    }

    func destroy() {
        events.deallocate()
        cells.deallocate()
        pending.deallocate()
    }

    private var head: UnsafeMutablePointer<Atomic<UInt64>> { cells }
    private var tail: UnsafeMutablePointer<Atomic<UInt64>> { cells + Self.stride }

    // MARK: The writer's side

    /// Adds an event of the read under way; false where there is no room for it.
    func append(_ event: LoggedEvent) -> Bool {
        pending.pointee.last = .max
        guard put(event) else { return false }
        pending.pointee.last = pending.pointee.count &- 1
        return true
    }

    /// Adds what isn't an event, if there is room for it. It becomes visible at once, or behind the
    /// events of the read under way.
    func note(_ record: LoggedEvent) {
        let isInRead = pending.pointee.count > 0
        if put(record), !isInRead { publish(window: 0, last: 0) }
    }

    private func put(_ event: LoggedEvent) -> Bool {
        let place = tail.pointee.load(ordering: .relaxed) &+ pending.pointee.count
        if place &- pending.pointee.knownHead >= capacity {
            pending.pointee.knownHead = head.pointee.load(ordering: .acquiring)
        }
        guard place &- pending.pointee.knownHead < capacity else { return false }
        events[Int(place % capacity)] = event
        pending.pointee.count &+= 1
        return true
    }

    /// Ends a read: all its events but the last may have arrived earlier by `window`, that one by
    /// `last`.
    func publish(window: Int64, last: Int64) {
        let count = pending.pointee.count
        guard count > 0 else { return }
        let start = tail.pointee.load(ordering: .relaxed)
        for offset in 0..<count {
            let place = Int((start &+ offset) % capacity)
            guard events[place].kind == .event else { continue }
            events[place].window = offset == pending.pointee.last ? last : window
        }
        pending.pointee.count = 0
        tail.pointee.store(start &+ count, ordering: .releasing)
    }

    // MARK: The reader's side

    /// Gives `body` what has become visible since the last call, in order, in one or two pieces.
    func drain(_ body: (UnsafeBufferPointer<LoggedEvent>) -> Void) {
        let start = head.pointee.load(ordering: .relaxed)
        let end = tail.pointee.load(ordering: .acquiring)
        var at = start
        while at < end {
            let place = at % capacity
            let length = min(end - at, capacity - place)
            body(UnsafeBufferPointer(start: events + Int(place), count: Int(length)))
            at += length
        }
        head.pointee.store(end, ordering: .releasing)
    }
}
