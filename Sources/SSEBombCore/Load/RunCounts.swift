// The counters of a finished run. Those of requests are of the measured window.

/// Everything that was counted.
public struct RunCounts: Sendable {
    // MARK: Requests: started = completed + failed + cancelled + cut

    /// Requests whose intended start lies in the measured window.
    public var started: UInt64 = 0
    /// Of these, those whose end was seen, without an error.
    public var completed: UInt64 = 0
    /// Of these, those that failed.
    public var failed: UInt64 = 0
    /// Of these, those that the client gave up by plan.
    public var cancelled: UInt64 = 0
    /// Of these, those still running when the run ended.
    public var cut: UInt64 = 0
    /// Of the completed ones, those that did so before the measured window ended: the rate's count.
    public var completedInWindow: UInt64 = 0
    /// Requests started in ramp and warm-up.
    public var startedOutsideWindow: UInt64 = 0
    /// Requests sent again on a fresh connection because a kept one was found closed.
    public var retriedStale: UInt64 = 0
    /// Slot-nanoseconds spent waiting after failures.
    public var backoff: Int64 = 0
    /// Failed requests by kind.
    public var failures: [StreamFailure: UInt64] = [:]
    /// Final responses by status code.
    public var status: [Int: UInt64] = [:]
    /// Finish reasons as the server spells them.
    public var finishReasons: [String: UInt64] = [:]

    /// Open model: arrivals of the measured window that still waited for a slot at its end; not
    /// among the started ones.
    public var dropped: UInt64 = 0
    /// Open model: started requests that had waited for a slot.
    public var waited: UInt64 = 0

    /// Started requests whose reader was slow: in every count, in no latency.
    public var slowReaders: UInt64 = 0

    /// Subscriptions; nil unless streams are such.
    public var subscriptions: SubscriptionCounts?

    /// How the requests met the objectives; nil where there were none.
    public var objectives: ObjectiveCounts?

    // MARK: Events, of any request, that arrived in the measured window

    /// Dispatched events.
    public var events: UInt64 = 0
    /// Token-bearing ones of these.
    public var tokenEvents: UInt64 = 0
    /// Of these, those with nothing but reasoning.
    public var reasoningEvents: UInt64 = 0
    /// Of the token-bearing ones, those with nothing but a tool call's name or arguments.
    public var toolEvents: UInt64 = 0
    /// Events with a type of their own, by type.
    public var eventTypes: [String: UInt64] = [:]
    /// Comment lines.
    public var comments: UInt64 = 0
    /// `retry` fields.
    public var retries: UInt64 = 0
    /// Events that the dialect could make nothing of.
    public var unknownEvents: UInt64 = 0

    // MARK: Stamps

    /// Gaps whose ends share a read because the server or a proxy sent them together.
    public var coalescedAtArrival: UInt64 = 0
    /// Gaps whose ends share a read because the client may have been late.
    public var coalescedAtReading: UInt64 = 0
    /// Completed streams of at least `LumpRule.leastTokens` token-bearing events.
    public var streamsOfSeveralTokens: UInt64 = 0
    /// Of these, those whose tokens arrived in one lump, sent so by the server or a proxy.
    public var streamsInOneLump: UInt64 = 0
    /// Of the same streams, those most of whose gaps were coalesced at arrival.
    public var streamsInBursts: UInt64 = 0
    /// Token-bearing events whose stamp is that of bytes behind them, by more than counts as
    /// arriving together.
    public var lateStamps: UInt64 = 0
    /// Reads that returned bytes, of the whole run.
    public var reads: UInt64 = 0
    /// Reads whose kernel stamp was absent or implausible and gave way to the time of the read.
    public var stampsReplaced: UInt64 = 0
    /// Steps of the wall clock noticed, counted once a loop.
    public var clockSteps: UInt64 = 0
    /// Reads that filled the receive buffer.
    public var fullReads: UInt64 = 0
    /// Requests timed by the kernel's stamps.
    public var kernelClockStreams: UInt64 = 0
    /// Requests timed by the clock after each read.
    public var userClockStreams: UInt64 = 0

    // MARK: Single events

    /// Send times of the window's requests; nil without `--sent-at`.
    public var sendTimes: SendTimeCounts?
    /// Events of sampled streams, of the whole run; nil without `--event-log`.
    public var eventLog: LogCounts?
    /// Requests, of the whole run; nil without `--per-request`.
    public var requestLog: LogCounts?

    // MARK: Tokens of the window's requests

    /// The server's count where there is one, else token-bearing events.
    public var completionTokens: UInt64 = 0
    /// Of these, those of completed requests; nil of results from before that was counted.
    public var completedTokens: UInt64? = 0
    /// Requests that had at least one of `completionTokens`; nil as before.
    public var requestsWithTokens: UInt64? = 0
    /// From usage only; nil where no usage gave them.
    public var promptTokens: UInt64?
    /// Of these, those of completed requests, 0 without any; nil as before.
    public var completedPromptTokens: UInt64? = 0
    /// Requests that gave them.
    public var requestsWithPrompt: UInt64 = 0
    /// Prompt tokens served from a cache; nil where no usage gave them.
    public var cachedTokens: UInt64?
    /// Completion tokens that were reasoning; nil where no usage gave them.
    public var reasoningTokens: UInt64?
    /// Basis of `completionTokens`.
    public var tokenBasis: TokenBasis = .event
    /// Tokens that arrived inside the measured window, on the basis of `throughputBasis`.
    public var tokensInWindow: Double = 0
    /// Basis of `tokensInWindow` and of token rates.
    public var throughputBasis: TokenBasis = .event
    /// Basis of the metric `itl`.
    public var itlBasis: TokenBasis = .event
    /// Basis of the metric `tpot`.
    public var tpotBasis: TokenBasis = .event

    // MARK: Bytes and connections, of the whole run

    /// On the wire, under TLS ciphertext.
    public var bytesReceived: UInt64 = 0
    /// On the wire, under TLS ciphertext.
    public var bytesSent: UInt64 = 0
    /// Received, after TLS and before any decoding.
    public var bytesPlain: UInt64 = 0
    /// Received, after chunked decoding.
    public var bytesBody: UInt64 = 0
    /// Connections established.
    public var connectionsOpened: UInt64 = 0
    /// Requests sent on a connection that had carried one before.
    public var connectionsReused: UInt64 = 0
    /// Of the opened ones, those whose TLS session was resumed.
    public var tlsResumed: UInt64 = 0

    /// Nothing counted.
    public init() {}
}

/// Requests by objectives (`--slo`): each was judged once, when it was over.
public struct ObjectiveCounts: Sendable, Equatable {
    /// Completed, and every limit kept.
    public var good: UInt64 = 0
    /// Of these, those that completed before the measured window ended: goodput's count.
    public var goodInWindow: UInt64 = 0
    /// Failed, dropped, or a limit missed, that of cut ones included.
    public var bad: UInt64 = 0
    /// Cut before a limit was missed.
    public var undecided: UInt64 = 0
    /// Requests that missed each limit, in the plan's order; one may miss several, and a failed one
    /// may have missed none.
    public var missed: [UInt64] = []

    /// Nothing counted.
    public init() {}

    /// Good and bad ones.
    public var decided: UInt64 { good + bad }
    /// Part of the decided ones that was good; nil where none was decided.
    public var attainment: Double? { decided > 0 ? Double(good) / Double(decided) : nil }
}

/// What became of the events' own send times (`--sent-at`). End markers are not counted.
public struct SendTimeCounts: Sendable {
    /// Events whose send time was read.
    public var read: UInt64 = 0
    /// Events without a readable one.
    public var missing: UInt64 = 0
    /// Of those read, those that arrived before it: in no `one_way`.
    public var beforeSend: UInt64 = 0

    /// Nothing counted.
    public init() {}
}

/// What became of streams that are subscriptions.
public struct SubscriptionCounts: Sendable {
    /// Responses of the window's requests that were accepted.
    public var accepted: UInt64 = 0
    /// Of these, those that were accepted after an earlier connection had ended
    /// or failed.
    public var reconnects: UInt64 = 0
    /// Subscriptions that the server ended for good, of the whole run.
    public var ended: UInt64 = 0

    /// Nothing counted.
    public init() {}
}

/// What became of what a log was to get: the events of sampled streams (`--event-log`), or requests
/// (`--per-request`).
public struct LogCounts: Sendable {
    /// Handed to the log.
    public var written: UInt64 = 0
    /// Left out because the log was behind.
    public var lost: UInt64 = 0

    /// Nothing counted.
    public init() {}
}
