// One connection of the mock: where it is in its life, what it has yet to send, its course. A plain
// struct in its loop's slab; does nothing itself.

import CSupport

/// Where a connection is in its life. Raw value 0 is a slot that was never used.
enum MockPhase: UInt8 {
    case free
    /// TLS is being established.
    case handshaking
    /// A request is awaited or has come in part.
    case reading
    /// Tokens go out as they fall due.
    case streaming
    /// An answer that isn't streamed is awaited.
    case answering
    /// The line without end goes out as fast as the peer takes it.
    case flooding
    /// All is said but not yet taken by the socket; then the connection closes.
    case closing
    /// This side has ended; the peer's remaining bytes are thrown away, so that the kernel doesn't
    /// answer them with a reset that would take the response with it.
    case lingering
    /// Nothing more will be sent, on purpose.
    case stalled
}

/// A connection's state.
struct MockConnection: BitwiseCopyable {
    /// Links of the loop's timer wheel.
    var timer = TimerLink()
    let descriptor: Int32
    let generation: UInt32
    var phase: MockPhase
    /// Index + 1 of the next free slot, while this one is free.
    var nextFree: UInt32 = 0
    /// Epoll's mask now in force.
    var interest: UInt32
    var tls: TLSSession?

    // MARK: Request

    /// Ordinals that the random numbers of a request are seeded with.
    let ordinal: UInt32
    var requestOrdinal: UInt32 = 0
    /// Bytes that came and weren't used yet: an unfinished request, or the next one.
    var input = Spill()
    /// How many of them belong to the unfinished request at least; 0 until its head is complete.
    var needed = 0
    /// How many of them hold no end of a head.
    var searched = 0
    var toldToContinue = false
    /// When the socket was last read empty: nothing read since arrived before that.
    var drainedAt = Instant.none
    /// When the last byte of the request arrived.
    var arrived = Instant.none

    // MARK: Response

    var script = TokenScript()
    /// When the next token, the end or the fault is due.
    var due = Instant.none
    /// When the last byte string went out, for pings.
    var sentAt = Instant.none
    /// Just before the last send of a token.
    var lastToken = Instant.none
    /// Number of tokens sent so far; begins at Last-Event-ID.
    var sent: UInt32 = 0
    /// Number of tokens after which the end or the fault comes.
    var stopAt: UInt32 = 0
    var promptTokens: UInt32 = 0
    /// Index of the style's templates.
    var style: UInt8 = 0
    var framing = MockPlan.Framing.chunked
    var keepsAlive = true
    var includesUsage = false
    /// Whether the stream counts as open.
    var isStream = false
    /// Bytes left to send of the line without end.
    var flood: UInt32 = 0

    // MARK: Output that the socket didn't take

    var output = Spill()
    /// How many bytes of `output` went out since.
    var outputSent = 0

    /// A new connection.
    init(
        descriptor: Int32,
        generation: UInt32,
        ordinal: UInt32,
        phase: MockPhase,
        interest: UInt32
    ) {
        self.descriptor = descriptor
        self.generation = generation
        self.ordinal = ordinal
        self.phase = phase
        self.interest = interest
    }

    var isReadPaused: Bool { interest & PollMask.read == PollMask.hangup }

    /// What varies in the event of token `number`.
    func values(_ number: UInt32) -> EventValues {
        EventValues(identity: script.identity, number: number, promptTokens: promptTokens)
    }

    /// Bounds of what a connection may make the mock keep.
    static let mostUnsent = 1 << 20
    static let mostEarlyInput = 64 << 10
}

extension PollMask {
    /// The peer ended its direction; watched alone where its bytes are to stay unread.
    static let hangup = EPOLLRDHUP.rawValue
}
