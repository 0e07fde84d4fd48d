// What `--per-request` tells of each request, and how it gets from the loop to the coordinator's
// thread. Knows nothing of who stores it.

/// One request that is over, with all its stamps (METRICS: clocks and stamps). A stamp that was
/// never taken is `.none`.
public struct RequestRecord: Sendable, BitwiseCopyable {
    /// How it ended.
    public enum Outcome: UInt8, Sendable, BitwiseCopyable {
        /// Its end was seen, without an error.
        case completed
        /// It failed; `failure` says why.
        case failed
        /// The client gave it up, by plan.
        case cancelled
        /// It was still running when the run ended.
        case cut
    }

    // MARK: Which one

    /// Number of its class of load, from 0.
    public var classNumber: UInt32
    /// Its loop, from 0.
    public var loop: UInt32
    /// Its stream, over all loops and classes, from 1.
    public var stream: UInt64
    /// The request on that stream, from 1.
    public var request: UInt64
    /// Number of the request in its class, from 0; of a session, that of the session.
    public var number: UInt64
    /// Of a session: its turn, from 1; else 0.
    public var turn: UInt32

    // MARK: Its end

    /// How it ended.
    public var outcome: Outcome
    /// Why it failed; nil unless it did.
    public var failure: StreamFailure?
    /// Status of the final response; 0 where there was none.
    public var status: UInt16
    /// The last finish reason, as the server spells it; empty where there was none.
    public var finishReason: ShortName
    /// `sched` lies in the measured window.
    public var isMeasured: Bool
    /// It was read slowly by plan, and is in no latency.
    public var isSlowReader: Bool

    // MARK: Stamps

    /// When the load model wanted it to start.
    public var sched: Instant
    /// Connect started, established, TLS established; only where it opened a connection.
    public var conn0, conn1, tls1: Instant
    /// First and last byte of the request accepted by the kernel.
    public var send0, sendN: Instant
    /// Response head, first event, first token, first token that isn't reasoning, last token.
    public var hdr, ev0, tok0, out0, tokN: Instant
    /// Its end.
    public var done: Instant

    // MARK: Counts

    /// Events, and token-bearing ones of these.
    public var events, tokenEvents: UInt32
    /// Of these, those that arrived in the measured window: over all requests, whether they belong
    /// to it or not, they add up to `RunCounts.events` and `tokenEvents`.
    public var windowEvents, windowTokenEvents: UInt32
    /// N: by usage where `hasUsage`, else token-bearing events.
    public var tokens: Int64
    /// The server named its completion tokens.
    public var hasUsage: Bool
    /// From usage; -1 where that didn't give them.
    public var promptTokens, cachedTokens, reasoningTokens: Int64
    /// The largest gap between two of its tokens, nanoseconds; -1 where there was none.
    public var maxGap: Int64
    /// Bytes of the request that were sent, before TLS.
    public var requestBytes: UInt64
    /// Bytes of the response's body, after TLS and chunked decoding.
    public var bodyBytes: UInt64
}

/// A short text off the wire, kept in place.
public struct ShortName: Sendable, Hashable, BitwiseCopyable {
    /// The last lane holds the length.
    private var lanes = SIMD64<UInt8>()

    /// What is longer is "other", as it is in the counts by name.
    static let capacity = 48

    /// Nothing.
    public init() {}

    /// The text, or "other" where it is longer than 48 bytes.
    public init(_ text: UnsafeRawBufferPointer) {
        if text.count <= Self.capacity { fill(text) } else { fill("other".utf8) }
    }

    private mutating func fill(_ bytes: some Collection<UInt8>) {
        for (place, byte) in bytes.enumerated() { lanes[place] = byte }
        lanes[63] = UInt8(bytes.count)
    }

    /// Whether there is no text.
    public var isEmpty: Bool { lanes[63] == 0 }

    /// The text, decoded as UTF-8 with replacement.
    public var text: String {
        String(decoding: (0..<Int(lanes[63])).map { lanes[$0] }, as: UTF8.self)
    }
}

/// What the stamps of a run's requests are counted from.
public struct RunStart: Sendable {
    /// Start of the ramp on the clock of the stamps.
    public var at: Instant
    /// The same on the wall clock, nanoseconds since 1970.
    public var wall: Int64

    /// Makes a start.
    public init(at: Instant, wall: Int64) {
        self.at = at
        self.wall = wall
    }
}

/// Takes requests that are over; the records are gone when it returns.
public typealias RequestSink = (UnsafeBufferPointer<RequestRecord>, RunStart) -> Void

/// What a loop keeps for `--per-request`: notes of the requests under way, one a slot, and the ring
/// that takes those that are over to the coordinator.
///
/// A handle, made and destroyed by the coordinator.
struct RequestLog: @unchecked Sendable {
    // Unchecked: the notes are the loop's alone.

    /// What the slot doesn't keep of its request, because only the log wants it.
    struct Notes: BitwiseCopyable {
        var sendN = Instant.none
        var bodyBytes: UInt64 = 0
        var windowEvents: UInt32 = 0
        var windowTokenEvents: UInt32 = 0
        var finishReason = ShortName()
    }

    /// 100 ms, the time between two looks, at 163,840 requests a second.
    static let usualRoom = 16_384

    let ring: BoundedRing<RequestRecord>
    private let notes: UnsafeMutablePointer<Notes>

    /// - Parameters:
    ///   - slots: of the loop.
    ///   - room: requests that the ring takes between two looks.
    init(slots: Int, room: Int) {
        ring = BoundedRing(capacity: room)
        notes = .allocate(capacity: max(1, slots))
        notes.initialize(repeating: Notes(), count: max(1, slots))
    }

    func destroy() {
        ring.destroy()
        notes.deallocate()
    }

    subscript(index: UInt32) -> Notes {
        get { notes[Int(index)] }
        nonmutating _modify { yield &notes[Int(index)] }
    }
}
