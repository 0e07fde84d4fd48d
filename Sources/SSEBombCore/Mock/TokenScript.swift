// What one response says and when: number of tokens, delays, how it ends, what goes wrong. Drawn at
// the request, as a pure function of the plan and the request's ordinals; knows no socket, no clock
// and no wire format.

/// The course of one response.
struct TokenScript: BitwiseCopyable {
    /// Request's last byte to first token, nanoseconds.
    let firstDelay: Int64
    /// Tokens in all.
    let tokens: UInt32
    /// Whether the request's limit cut the response, not the script's own end.
    let isCut: Bool
    /// The fault that befalls this response.
    let fault: FaultChoice?
    /// Tokens sent before the fault happens; meaningless without a fault, or in phase `head`.
    let tokensBeforeFault: UInt32
    /// Sixteen hexadecimal digits that make the response's id unique.
    let identity: (high: UInt64, low: UInt64)

    private let itl: Distribution
    private var random: SeededRandom

    /// More tokens than this are never made: their number has to fit the usage object's eight
    /// digits, and the body of an answer that is not streamed has to fit in memory.
    static let mostTokens: UInt32 = 1_000_000

    /// No tokens at no time: what a connection holds before its first request.
    init() {
        firstDelay = 0
        tokens = 0
        isCut = false
        fault = nil
        tokensBeforeFault = 0
        identity = (0, 0)
        itl = .constant(0)
        random = SeededRandom(seed: 0)
    }

    /// Draws the script.
    ///
    /// All draws that don't depend on a fault come first, so that the same seed gives the same
    /// tokens with and without faults.
    ///
    /// - Parameter limit: the request's `max_tokens`, if it has one; 0 counts as 1.
    init(plan: borrowing MockPlan, limit: UInt32?, random start: SeededRandom) {
        var random = start
        let identity = random.next()
        let firstDelay = Int64(plan.ttft.sample(&random))
        let drawn = Self.tokenCount(plan.tokens, &random)
        let faultDraw = random.unit()
        let placeDraw = random.unit()

        let cap = limit.map { max(1, $0) } ?? .max
        let tokens = min(drawn, cap)
        self.identity = WireDigits.hexadecimal(identity)
        self.firstDelay = firstDelay
        self.tokens = tokens
        isCut = cap < drawn
        itl = plan.itl
        self.random = random
        fault =
            plan.faults.isEmpty
            ? nil : FaultChoice.choose(from: plan.faults, atAccept: false, draw: faultDraw)
        switch fault?.phase {
        case .stream:
            // 1 to tokens - 1: after the first, before a later one. A single token has no later
            // one, and the fault comes before the end.
            let places = max(1, Double(tokens) - 1)
            tokensBeforeFault = min(tokens, 1 + UInt32(placeDraw * places))
        case .end: tokensBeforeFault = tokens
        default: tokensBeforeFault = 0
        }
    }

    private static func tokenCount(
        _ distribution: Distribution,
        _ random: inout SeededRandom
    ) -> UInt32 {
        let count = UInt32(min(distribution.sample(&random).rounded(), Double(mostTokens)))
        // Only who asks for none gets none: a draw that rounds to 0 is a short answer.
        if case .constant = distribution { return count }
        return max(1, count)
    }

    /// Nanoseconds to the next token, or from the last one to the end marker.
    mutating func nextGap() -> Int64 { Int64(itl.sample(&random)) }

    /// Nanoseconds that the whole response takes; leaves the sequence of gaps where it is.
    func totalDelay() -> Int64 {
        var copy = self
        var total = firstDelay
        for _ in 0..<tokens where total < Int64(Distribution.most) { total += copy.nextGap() }
        return min(total, Int64(Distribution.most))
    }
}

extension SeededRandom {
    /// The sequence of one request: the same for the same ordinals, whatever happens when.
    init(seed: UInt64, loop: UInt32, connection: UInt32, request: UInt32) {
        var mixed = SeededRandom(seed: seed).first
        mixed = SeededRandom(seed: mixed ^ UInt64(loop)).first
        mixed = SeededRandom(seed: mixed ^ UInt64(connection)).first
        mixed = SeededRandom(seed: mixed ^ UInt64(request)).first
        self.init(seed: mixed)
    }

    private var first: UInt64 {
        var copy = self
        return copy.next()
    }
}
