// One stream: the state of its connection, of the request it carries, and what was stamped. A plain
// struct in the loop's slab; nothing in it owns memory by itself (spills belong to the pool).

/// A slot of the slab. What every event touches stands first, in two cache lines: with thousands of
/// streams each line is a miss, and pushes out one of the kernel's.
struct StreamSlot: BitwiseCopyable {
    // MARK: Touched by every event, 128 bytes

    /// -1 while there is no connection.
    var fd: Int32 = -1
    /// Counts connections; events queued for an earlier one carry an earlier number.
    var generation: UInt32 = 0
    var flags = Flags()
    var life = StreamLifecycle()
    var dialect = Dialect.undetermined
    /// Last instant this socket is known to have been empty by its own reads.
    var emptySince = Instant.none
    /// Arrival of the last bytes.
    var lastRead = Instant.none
    var tls: TLSSession?
    var tokN = Instant.none
    var maxGap: Int64 = -1
    /// Events of the request; stays at its greatest value, which no run reaches.
    var events: UInt32 = 0
    /// Token-bearing ones of these.
    var tokens: UInt32 = 0
    var chunked: ChunkedDecoder
    /// Its first 24 bytes are what an event in one piece needs.
    var sse: SSEParser

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt32
        /// The request's `sched` lies in the measured window.
        static let belongs = Flags(rawValue: 1)
        /// The last read filled the buffer: the socket may not have been empty since `emptySince`.
        static let undrained = Flags(rawValue: 2)
        /// This request opened its connection.
        static let fresh = Flags(rawValue: 4)
        /// The connection may carry another request after this message.
        static let mayReuse = Flags(rawValue: 8)
        /// The request was counted as started, and its start time is set.
        static let hasTicket = Flags(rawValue: 16)
        /// Over; nothing will start here any more.
        static let retired = Flags(rawValue: 32)
        /// The request is recorded; the slot becomes free when its connection has settled.
        static let awaitsRelease = Flags(rawValue: 64)
        /// Stamps of this connection come from the kernel.
        static let kernelStamps = Flags(rawValue: 128)
        /// The server gives running token counts on this stream.
        static let runningUsage = Flags(rawValue: 256)
        /// A usage has been seen on this stream.
        static let hasUsage = Flags(rawValue: 512)
        /// The last request of this slot failed: the next one waits.
        static let failedLast = Flags(rawValue: 1024)
        /// The error log has this request's failure already, because there is a body to it.
        static let errorKept = Flags(rawValue: 2048)
        /// Waits after a failure, since `entered`.
        static let backsOff = Flags(rawValue: 4096)
        /// Completed at the marker; the rest of the message decides what becomes of the connection.
        static let settles = Flags(rawValue: 16384)
        /// The connect found the listen queue of a unix socket full, and is tried again.
        static let awaitsRoom = Flags(rawValue: 32768)
        /// The kernel refused the request; what can be read is read first.
        static let sendFailed = Flags(rawValue: 8192)
        /// The body is chunked: as `framing` says, for who reads it per event.
        static let chunkedBody = Flags(rawValue: 65536)
        /// A token-bearing event that is not reasoning has come: `out0` is set.
        static let hasOutput = Flags(rawValue: 131072)
        /// The client gives the stream up after `cancelTokens`.
        static let cancelsByTokens = Flags(rawValue: 1 << 24)
        /// Reads no faster than the plan's slow readers: its latencies are the client's making.
        static let readsSlowly = Flags(rawValue: 1 << 25)
        /// Of a slow reader: its `sched` lies in the measured window. It has no `belongs`, and so
        /// no latency that counts.
        static let slowOfWindow = Flags(rawValue: 1 << 26)
        /// Not watched for reading until `nextRead`.
        static let pausesReading = Flags(rawValue: 1 << 27)
        /// The server has ended the subscription: the slot doesn't reconnect.
        static let endsSubscription = Flags(rawValue: 1 << 28)

        /// The session's conversation has become too long to go on.
        static let conversationTooLong = Flags(rawValue: 1 << 29)

        /// The request counts in the measured window, whether its latencies do or not.
        var isOfWindow: Bool { !isDisjoint(with: [.belongs, .slowOfWindow]) }
        /// A finish reason has come.
        static let hasFinish = Flags(rawValue: 262144)
    }

    // MARK: Body

    var framing = BodyFraming.none
    /// Payload bytes still to come of a body with a length.
    var bodyRemaining: UInt64 = 0

    // MARK: Stamps of the request

    var tok0 = Instant.none
    var send0 = Instant.none
    var sched = Instant.none
    var conn0 = Instant.none
    var conn1 = Instant.none
    var tls1 = Instant.none
    var hdr = Instant.none
    var ev0 = Instant.none
    var out0 = Instant.none
    /// When a state with a limit of its own (sampling, settling) was entered.
    var entered = Instant.none

    /// When the request is cut because the load's stages ask for fewer streams; none for never.
    var leaves = Instant.none

    // MARK: Counts of the request

    /// Tokens of the first token-bearing event.
    var firstTokens: Int64 = 1
    /// Latest count of a running or final usage.
    var usageTokens: Int64 = 0
    /// Count at the last token-bearing event of a stream with running counts; never falls.
    var runningTokens: Int64 = 0
    var promptTokens: Int64 = -1
    var cachedTokens: Int64 = -1
    var reasoningTokens: Int64 = -1
    /// What the server says its parts of the request took.
    var serverTimes = ServerTimes()
    /// Gaps whose running count did not move: they belong to the next token.
    var carriedGap: Int64 = 0
    /// The longest stamp window among the reads that held several tokens of this request.
    var longestWindow: Int64 = 0
    /// Gaps of this request whose ends shared a read.
    var coalescedGaps: UInt32 = 0

    // MARK: The user's behaviour

    /// So many nanoseconds after its start the client gives the request up; -1 for never.
    var cancelAfter: Int64 = -1
    /// With `cancelsByTokens`: after so many tokens.
    var cancelTokens: UInt32 = 0
    /// When a slow reader has paid for what it has read.
    var nextRead = Instant.none

    /// Of a subscriber: what the server's last `retry` said, in milliseconds.
    var reconnectionTime = Reconnection.usual
    /// Of a subscriber: since when it has no accepted response; not before its first one ended.
    var lostAt = Instant.none

    /// Of a session: which of its `turns` the request is, from 1; 0 between two sessions.
    var turn: UInt32 = 0
    var turns: UInt32 = 0
    /// Of a session: what was said so far, and the answer as far as it has come.
    var conversation = Spill()

    // MARK: Bookkeeping

    /// What epoll watches the descriptor for.
    var interest: UInt32 = 0
    /// Unfinished response head.
    var head = Spill()
    /// Where to go on looking for its end.
    var headScanned: UInt32 = 0
    var status: UInt16 = 0
    var interimResponses: UInt32 = 0
    /// Entry of the error log that this slot's error body goes to; -1 for none.
    var sampleEntry: Int16 = -1
    /// Failures in a row; decides how long the slot waits.
    var failuresInRow: UInt16 = 0
    /// Which request of the slot this is, from 1.
    var requestNumber: UInt32 = 0
    /// Requests that the connection has carried.
    var requestsOnConnection: UInt32 = 0
    /// Which of the plan's addresses the connection goes to.
    var addressIndex: UInt32 = 0
    /// Bytes of the request that the kernel has taken.
    var sentBytes: UInt32 = 0
    /// Number of the request in the run, from 0: what a source of requests makes it from.
    var number: UInt64 = 0
    /// The request's own bytes, until they are sent; empty where all requests are the same.
    var rendered = Spill()
    /// Error bytes seen while sampling.
    var sampledBytes: UInt32 = 0
    var timer = TimerLink()

    init(limits: WireLimits) {
        chunked = ChunkedDecoder(limits: limits)
        sse = Self.parser(limits)
    }

    /// A fresh parser; limits above what the parser takes act as its own.
    static func parser(_ limits: WireLimits) -> SSEParser {
        SSEParser(
            lineLimit: UInt32(min(max(limits.lineBytes, 1), 1 << 30)),
            eventLimit: UInt32(min(max(limits.eventBytes, 1), 1 << 30))
        )
    }

    /// Clears what belongs to one request; the connection stays.
    ///
    /// - Parameter keepsID: the last event ID stays, as that of a subscriber does.
    mutating func beginRequest(
        dialect: Dialect,
        limits: WireLimits,
        keepsID: Bool = false,
        pool: SpillPool
    ) {
        let kept = flags.intersection([.kernelStamps, .belongs, .hasTicket, .undrained])
        flags = kept
        requestNumber &+= 1
        framing = .none
        bodyRemaining = 0
        chunked = ChunkedDecoder(limits: limits)
        endBody(keepsID: keepsID, pool: pool)
        head.release(to: pool)
        self.dialect = dialect
        tok0 = .none
        tokN = .none
        send0 = .none
        conn0 = .none
        conn1 = .none
        tls1 = .none
        hdr = .none
        ev0 = .none
        out0 = .none
        events = 0
        tokens = 0
        maxGap = -1
        firstTokens = 1
        usageTokens = 0
        runningTokens = 0
        promptTokens = -1
        cachedTokens = -1
        reasoningTokens = -1
        serverTimes = ServerTimes()
        carriedGap = 0
        longestWindow = 0
        coalescedGaps = 0
        headScanned = 0
        status = 0
        interimResponses = 0
        sampleEntry = -1
        sentBytes = 0
        sampledBytes = 0
        cancelAfter = -1
        nextRead = .none
    }

    /// Gives back what the reading of a body needed.
    mutating func endBody(keepsID: Bool, pool: SpillPool) {
        if keepsID { sse.reset(pool: pool) } else { sse.release(to: pool) }
    }

    /// What is known about N, the completion tokens (METRICS: tokens).
    var completionTokens: Int64 {
        flags.contains(.hasUsage) ? usageTokens : Int64(clamping: tokens)
    }
}
