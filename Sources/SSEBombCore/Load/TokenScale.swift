// How events become tokens where only a final usage exists. Of results and of what a display shows
// alike; must not know who asks.

/// How many tokens an event stands for, and by whose account (METRICS: tokens, `basis`).
struct TokenScale {
    var basis: TokenBasis
    var tokensPerEvent: Double
    /// Whether the window's tokens are its events times that factor, not counts that ran along.
    var isScaled = false

    /// A token an event.
    static let events = TokenScale(basis: .event, tokensPerEvent: 1)
}

extension TokenScale {
    /// What the loops know so far.
    init(_ stats: [LoopStats]) {
        // Saturating: token counts come from the wire.
        func total(_ counter: Counter) -> UInt64 {
            stats.reduce(0) { $0.addingSaturating($1.value(counter)) }
        }
        let (running, plain) = (total(.runningUsageStreams), total(.eventBasisStreams))
        let (events, tokens) = (total(.scaledEvents), total(.scaledTokens))
        if running > 0 {
            let tokenEvents = total(.windowTokenEvents)
            let perEvent =
                tokenEvents > 0
                ? Double(total(.windowRunningTokens)) / Double(tokenEvents) : 1
            self.init(basis: plain == 0 ? .usage : .mixed, tokensPerEvent: perEvent)
            return
        }
        guard events > 0, total(.requestsWithUsage) > 0 else {
            self = .events
            return
        }
        // Streams without usage count an event a token and pull the factor towards 1.
        self.init(
            basis: total(.unscaledStreams) == 0 ? .usageScaled : .mixed,
            tokensPerEvent: Double(tokens) / Double(events),
            isScaled: true
        )
    }
}
