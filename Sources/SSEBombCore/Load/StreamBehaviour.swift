// What users do besides waiting for the end, as a plan says it, and the draws that decide it for
// each request. Knows no slot and no socket; LoopThread+Behaviour acts on it.

/// Streams that the client gives up before their end.
public struct Cancellation: Sendable, Equatable {
    /// What the draws of `after` are.
    public enum Unit: Sendable, Equatable {
        /// Tokens received: the server's running count where it gives one, else token-bearing
        /// events.
        case tokens
        /// Nanoseconds since the request's start.
        case time
    }

    /// When a stream is given up; drawn anew for each.
    public var after: Distribution
    /// What `after` counts.
    public var unit: Unit
    /// Share of the requests that are given up so, 0 to 1.
    public var share: Double
    /// `after` as the user wrote it.
    public var text: String

    /// Makes a plan of cancellation.
    public init(after: Distribution, unit: Unit, share: Double, text: String) {
        self.after = after
        self.unit = unit
        self.share = share
        self.text = text
    }

    /// When the given request is given up, in `unit`; nil where it isn't.
    func draw(seed: UInt64, _ request: RequestKey) -> Double? {
        var random = request.random(seed: seed, purpose: .cancellation)
        guard random.unit() < share else { return nil }
        return after.sample(&random)
    }
}

/// Streams whose reader takes so many bytes a second and no more, from a small receive buffer: what
/// the server sends faster waits at the server.
public struct SlowReaders: Sendable, Equatable {
    /// Bytes a second that are read from the connection, under TLS ciphertext; at least 1.
    public var rate: Double
    /// Share of the requests whose reader is slow, 0 to 1.
    public var share: Double

    /// Makes a plan of slow readers.
    public init(rate: Double, share: Double) {
        self.rate = rate
        self.share = share
    }

    /// Asked for as receive buffer. The kernel doubles it, to allow for its own bookkeeping
    /// (socket(7)), so about so many bytes wait unread.
    static let receiveBuffer: Int32 = 4_096
    /// What a reader that was kept from reading may catch up.
    static let patience = Nanoseconds.milliseconds(100)

    /// The most that is read at once: 50 ms of the rate, so that reading comes in steps that no
    /// server can tell from a steady trickle.
    var bytesAtOnce: Int { max(1, min(ReceiveBuffer.size, Int(min(rate / 20, 1e9)))) }

    /// Whether the given request's reader is slow.
    func draw(seed: UInt64, _ request: RequestKey) -> Bool {
        var random = request.random(seed: seed, purpose: .slowReading)
        return random.unit() < share
    }
}

/// How a subscriber comes back after its connection has ended (HTML standard, 9.2.3).
enum Reconnection {
    /// Milliseconds before a server has said anything else.
    static let usual: UInt32 = 3_000
    /// A longer last event ID is not sent: servers bound their header fields, many at 8 KiB.
    static let longestID = 4_096

    /// Nanoseconds until the next connect: never less than the server asked for, and spread over as
    /// long again, one second at least, so that the subscribers of a server that was restarted
    /// don't come back all at once.
    static func delay(retry milliseconds: UInt32, seed: UInt64, _ request: RequestKey) -> Int64 {
        var random = request.random(seed: seed, purpose: .reconnection)
        let retry = Int64(milliseconds) * Nanoseconds.milliseconds(1)
        let spread = max(retry, Nanoseconds.seconds(1))
        return retry + Int64(Double(spread) * random.unit())
    }
}

/// Which request of a run something is drawn for: the same one whatever the number of loops.
struct RequestKey: Equatable {
    /// Number of the class.
    var stream: UInt64
    /// The request's number in the load, or its session's.
    var number: UInt64

    /// What a draw is for: each has a sequence of its own, so that one more behaviour in a plan
    /// leaves the draws of the others as they were.
    enum Purpose: UInt64 {
        case cancellation = 0x6361_6E63_656C
        case slowReading = 0x736C_6F77
        case reconnection = 0x7265_636F_6E
        case turns = 0x7475_726E_7300
        case thinking = 0x7468_696E_6B00
    }

    /// The generator of one purpose for this request.
    func random(seed: UInt64, purpose: Purpose) -> SeededRandom {
        var of = SeededRandom(seed: seed ^ purpose.rawValue)
        var ofStream = SeededRandom(seed: of.next() ^ stream)
        return SeededRandom(seed: ofStream.next() ^ number)
    }
}

extension RunPlan {
    /// Whether something is to be drawn for each request.
    var hasBehaviour: Bool { cancellation != nil || slowReaders != nil || eventSource }
}
