// Faults that the mock commits on purpose: which there are, when they happen, which of the two
// combine, and the choice for one request. Knows no socket; how a fault looks on the wire is the
// loop's business.

/// What goes wrong.
public enum FaultKind: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    /// The connection is reset (RST).
    case reset
    /// The connection is ended (FIN) before its time; under TLS without close_notify.
    case close
    /// Nothing more is sent, and the connection stays open.
    case stall
    /// Status 429 with `Retry-After: 1` and a JSON error body.
    case http429
    /// Status 503 with `Retry-After: 1` and a JSON error body.
    case http503
    /// Status 500 with a JSON error body.
    case http500
    /// The API's error object as an event, then the regular end.
    case errorEvent
    /// A chunk whose size is not a hexadecimal number.
    case malformedChunk
    /// A line of 16 MiB without an end.
    case endlessLine
    /// A status line and a field that RFC 9112 does not allow.
    case malformedHead
    /// A well-formed response head of 100 KiB.
    case bigHead
    /// The request is read and never answered.
    case noResponse
    /// Bytes behind the end of the message, on a connection that stays open.
    case garbageAfter
    /// `Content-Type: text/html`, with the regular body.
    case wrongType

    /// The word for it on the command line and in the truth.
    public var word: String {
        switch self {
        case .reset: "reset"
        case .close: "close"
        case .stall: "stall"
        case .http429: "http-429"
        case .http503: "http-503"
        case .http500: "http-500"
        case .errorEvent: "error-event"
        case .malformedChunk: "malformed-chunk"
        case .endlessLine: "endless-line"
        case .malformedHead: "malformed-head"
        case .bigHead: "big-head"
        case .noResponse: "no-response"
        case .garbageAfter: "garbage-after"
        case .wrongType: "wrong-type"
        }
    }

    /// The phases in which this can happen.
    public var phases: [FaultPhase] {
        switch self {
        case .reset, .close, .stall: FaultPhase.allCases
        case .errorEvent, .malformedChunk, .endlessLine: [.first, .stream, .end]
        case .garbageAfter: [.end]
        case .http429, .http503, .http500, .malformedHead, .bigHead, .noResponse, .wrongType:
            [.head]
        }
    }
}

/// When it goes wrong.
public enum FaultPhase: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    /// Right after the connection was accepted; drawn once per connection, all others per request.
    case accept
    /// After the request was read, in place of the response head.
    case head
    /// After the head, when the first token is due.
    case first
    /// Before a later token, drawn evenly.
    case stream
    /// After the last token, before the end marker.
    case end

    /// The word for it on the command line.
    public var word: String {
        switch self {
        case .accept: "accept"
        case .head: "head"
        case .first: "first"
        case .stream: "stream"
        case .end: "end"
        }
    }
}

/// One `--fault`: a kind, a phase and how probable it is.
public struct FaultRule: Sendable, Equatable {
    /// What goes wrong.
    public var kind: FaultKind
    /// When.
    public var phase: FaultPhase
    /// Share of the requests (phase `accept`: of the connections), 0 to 1.
    public var probability: Double

    /// Makes a rule; `MockServer` refuses combinations that make no sense.
    public init(_ kind: FaultKind, at phase: FaultPhase, probability: Double = 1) {
        self.kind = kind
        self.phase = phase
        self.probability = probability
    }

    /// Reads `KIND@PHASE:PROBABILITY`; without a probability it is 1.
    public init(parsing text: String) throws(SetupError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw SetupError(
                .usage,
                "--fault can't be \"\(text)\": write KIND@PHASE:PROBABILITY, as in "
                    + "reset@stream:0.01"
            )
        }
        let tail = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard let kind = FaultKind.allCases.first(where: { $0.word == parts[0] }) else {
            let words = FaultKind.allCases.map(\.word).joined(separator: ", ")
            throw SetupError(.usage, "--fault knows no \"\(parts[0])\": use one of \(words)")
        }
        guard let phase = FaultPhase.allCases.first(where: { $0.word == tail[0] }) else {
            let words = FaultPhase.allCases.map(\.word).joined(separator: ", ")
            throw SetupError(.usage, "--fault knows no phase \"\(tail[0])\": use one of \(words)")
        }
        let probability = tail.count == 1 ? 1 : tail.count == 2 ? Double(tail[1]) : nil
        guard let probability, probability >= 0, probability <= 1 else {
            throw SetupError(
                .usage,
                "--fault \(text) has no probability between 0 and 1: write it as in "
                    + "\(kind.word)@\(phase.word):0.01"
            )
        }
        self.init(kind, at: phase, probability: probability)
        try validate()
    }

    /// Refuses a kind in a phase where it can't happen.
    func validate() throws(SetupError) {
        guard !kind.phases.contains(phase) else { return }
        let words = kind.phases.map { "\(kind.word)@\($0.word)" }.joined(separator: ", ")
        throw SetupError(
            .usage,
            "--fault \(kind.word) can't happen in phase \(phase.word): use \(words)"
        )
    }
}

/// The fault chosen for one request or connection.
struct FaultChoice: BitwiseCopyable, Equatable {
    let kind: FaultKind
    let phase: FaultPhase

    /// Chooses at most one rule: their probabilities share the interval that `draw` comes from, so
    /// that each happens exactly as often as it says.
    ///
    /// - Parameters:
    ///   - atAccept: whether rules of phase `accept`, or all others, take part.
    ///   - draw: uniform in [0, 1).
    static func choose(from rules: [FaultRule], atAccept: Bool, draw: Double) -> FaultChoice? {
        var reached = 0.0
        for rule in rules where (rule.phase == .accept) == atAccept {
            reached += rule.probability
            if draw < reached { return FaultChoice(kind: rule.kind, phase: rule.phase) }
        }
        return nil
    }
}
