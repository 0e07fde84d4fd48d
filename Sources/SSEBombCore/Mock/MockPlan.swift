// What the mock server shall do, resolved: where it listens, how fast its tokens come, how they
// look on the wire, what goes wrong. Plain values; the command line fills them in, nothing changes
// them.

/// A complete description of one mock server.
public struct MockPlan: Sendable {
    // MARK: Where

    /// Address literal to listen on.
    public var host = "127.0.0.1"
    /// Port to listen on; 0 lets the kernel choose.
    public var port: UInt16 = 0
    /// One pinned loop on each of these CPUs; empty: one loop, not pinned.
    public var cpus: [Int32] = []
    /// Set for https.
    public var tls: TLSServerOptions?

    // MARK: Tokens

    /// Request's last byte to first token, nanoseconds.
    public var ttft = Distribution.constant(200e6)
    /// Token to token, nanoseconds.
    public var itl = Distribution.constant(50e6)
    /// Tokens a response; `max_tokens` of the request cuts it.
    public var tokens = Distribution.constant(100)
    /// Seed of everything random.
    public var seed: UInt64 = 1
    /// A first delta with a role and no text goes out together with the response head, in OpenAI's
    /// completions.
    public var roleFirst = false
    /// This many tokens come as reasoning, before the content, in APIs that tell the two apart.
    public var reasoningTokens: UInt32 = 0
    /// Answers are calls of a tool, in APIs that have these.
    public var toolCalls = false
    /// Where the last event of OpenAI's completions tells the server's own times; nil: nowhere.
    public var timing: Timing?

    // MARK: Wire

    /// How events are grouped or cut into sends.
    public var chunking = Chunking.events(1)
    /// How the body's end is told.
    public var framing = Framing.chunked
    /// Line ends of the event stream.
    public var newline = Newline.lf
    /// After this silence (nanoseconds) a comment line goes out; nil: never.
    public var ping: Int64?
    /// `Content-Type` of streams; nil: the API's own.
    public var contentType: String?
    /// A `Content-Encoding` that the body does not have, to see what a client makes of it.
    public var contentEncoding: String?

    // MARK: Plain events

    /// What the `retry` field tells an EventSource to wait, nanoseconds; sent in milliseconds.
    public var retry = Nanoseconds.seconds(1)
    /// A stream of plain events ends, properly, after this many, and goes on where `Last-Event-ID`
    /// says; nil: only after the last.
    public var closeAfter: UInt32?

    // MARK: Faults

    /// What goes wrong, and how often.
    public var faults: [FaultRule] = []

    /// The defaults: 200 ms to the first token, then 99 more at 50 ms, on a free loopback port.
    public init() {}

    /// How events become sends.
    public enum Chunking: Sendable, Equatable {
        /// This many events at a time, sent together and in one chunk.
        case events(UInt32)
        /// A chunk per event, but every byte string cut into sends of this many bytes.
        case bytes(UInt32)

        /// Reads `event`, `4-events` or `7-bytes`.
        public init?(parsing text: String) {
            if text == "event" {
                self = .events(1)
                return
            }
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let count = UInt32(parts[0]), count > 0 else { return nil }
            switch parts[1] {
            case "events" where count <= Self.mostEvents: self = .events(count)
            case "bytes": self = .bytes(count)
            default: return nil
            }
        }

        /// A group must fit the loop's output buffer.
        static let mostEvents: UInt32 = 256
    }

    /// Where an answer tells how long the server took, by its schedule.
    public enum Timing: String, CaseIterable, Sendable, BitwiseCopyable {
        /// vLLM's `metrics` object, milliseconds.
        case metrics
        /// llama.cpp's `timings` object, milliseconds.
        case timings
        /// Groq's members of `usage`, seconds.
        case usage
    }

    /// How the end of a streamed body is told (RFC 9112 section 6). Clients that speak HTTP/1.0 get
    /// `close` where it says `chunked`.
    public enum Framing: String, CaseIterable, Sendable, BitwiseCopyable {
        /// `Transfer-Encoding: chunked`.
        case chunked
        /// The end of the connection.
        case close
        /// `Content-Length`, known before the first token.
        case length
    }

    /// Line ends that the WHATWG standard allows in an event stream.
    public enum Newline: String, CaseIterable, Sendable, BitwiseCopyable {
        /// Line feed.
        case lf
        /// Carriage return and line feed.
        case crlf
        /// Carriage return alone.
        case cr
    }

    /// Refuses what contradicts itself, with a sentence that names flags.
    func validate() throws(SetupError) {
        for rule in faults { try rule.validate() }
        for atAccept in [true, false] {
            let sum = faults.filter { ($0.phase == .accept) == atAccept }
                .reduce(0) { $0 + $1.probability }
            // A little room for decimal fractions such as ten times 0.1.
            guard sum <= 1 + 1e-9 else {
                throw SetupError(
                    .usage,
                    "the probabilities of --fault add up to \(sum) for one "
                        + "\(atAccept ? "connection" : "request"): keep them at 1 or below"
                )
            }
        }
        if case .events(let count) = chunking, !(1...Chunking.mostEvents).contains(count) {
            throw SetupError(
                .usage,
                "--chunking takes 1 to \(Chunking.mostEvents) events together, not \(count)"
            )
        }
        if case .bytes(0) = chunking {
            throw SetupError(.usage, "--chunking 0-bytes sends nothing: use 1-bytes or more")
        }
        try validateFraming()
        if closeAfter == 0 {
            throw SetupError(.usage, "--close-after 0 would never send an event: use 1 or more")
        }
        for text in [contentType ?? "-", contentEncoding ?? "-"]
        where text.isEmpty || text.utf8.contains(where: { $0 < 32 || $0 == 127 }) {
            throw SetupError(
                .usage,
                "--content-type and --content-encoding take visible text, not \"\(text)\""
            )
        }
    }

    private func validateFraming() throws(SetupError) {
        if framing == .length, ping != nil {
            throw SetupError(
                .usage,
                "--ping can't be combined with --framing length, whose size is told beforehand: "
                    + "leave one of them out"
            )
        }
        for rule in faults {
            let fits =
                switch rule.kind {
                case .malformedChunk: framing == .chunked
                case .errorEvent, .endlessLine: framing != .length
                case .garbageAfter: framing != .close
                default: true
                }
            guard fits else {
                throw SetupError(
                    .usage,
                    "--fault \(rule.kind.word) can't be shown with --framing "
                        + "\(framing.rawValue): use --framing chunked"
                )
            }
        }
    }
}
