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

/// Which request of a run something is drawn for: the same one whatever the number of loops.
struct RequestKey: Equatable {
    /// Closed model: the stream's number among those of all loops. Open model: that of the class.
    var stream: UInt64
    /// Closed model: which request of the stream. Open model: the arrival's number in the schedule.
    var number: UInt64

    /// What a draw is for: each has a sequence of its own, so that one more behaviour in a plan
    /// leaves the draws of the others as they were.
    enum Purpose: UInt64 {
        case cancellation = 0x6361_6E63_656C
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
    var hasBehaviour: Bool { cancellation != nil }
}
