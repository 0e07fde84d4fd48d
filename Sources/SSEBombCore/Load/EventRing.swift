// Single events of sampled streams on their way from their loop to the coordinator's thread. Knows
// nothing of who shows or stores them.

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

/// A ring of `LoggedEvent`.
///
/// A handle: copies refer to the same memory. The events of one read are appended first and become
/// visible together, because how well the others are stamped is only known after the last.
struct EventRing: @unchecked Sendable {
    // Unchecked: `last` is the writer's alone.
    /// 100 ms, the time between two looks, at 655,360 events a second.
    static let usualCapacity = 65_536
    /// For the few streams of a picture, which wants only their beginning.
    static let drawnCapacity = 8_192

    private let ring: BoundedRing<LoggedEvent>
    /// Place among what is pending of the read's last event; `.max` where that found no room.
    private let last: UnsafeMutablePointer<UInt64>

    init(capacity: Int) {
        ring = BoundedRing(capacity: capacity)
        last = .allocate(capacity: 1)
        last.initialize(to: .max)
    }

    func destroy() {
        ring.destroy()
        last.deallocate()
    }

    // MARK: The writer's side

    /// Adds an event of the read under way; false where there is no room for it.
    func append(_ event: LoggedEvent) -> Bool {
        last.pointee = .max
        guard ring.put(event) else { return false }
        last.pointee = ring.pendingCount &- 1
        return true
    }

    /// Adds what isn't an event, if there is room for it. It becomes visible at once, or behind the
    /// events of the read under way.
    func note(_ record: LoggedEvent) {
        let isInRead = ring.pendingCount > 0
        if ring.put(record), !isInRead { ring.publish() }
    }

    /// Ends a read: all its events but the last may have arrived earlier by `window`, that one by
    /// `last`.
    func publish(window: Int64, last: Int64) {
        let count = ring.pendingCount
        guard count > 0 else { return }
        for offset in 0..<count {
            let record = ring.pendingRecord(offset)
            guard record.pointee.kind == .event else { continue }
            record.pointee.window = offset == self.last.pointee ? last : window
        }
        ring.publish()
    }

    // MARK: The reader's side

    /// Gives `body` what has become visible since the last call, in order, in one or two pieces.
    func drain(_ body: (UnsafeBufferPointer<LoggedEvent>) -> Void) { ring.drain(body) }
}
