// What a run found, merged over its loops. Cold: reports and files are made from this alone.

/// Everything a run measured. Durations and latencies are nanoseconds.
public struct RunResult: Sendable {
    /// The plan that was carried out.
    public var plan: RunPlan
    /// Dialect that was recognised or chosen; `.undetermined` when no event allowed to tell.
    public var dialect: Dialect
    /// Wall-clock start, nanoseconds since 1970.
    public var startedAt: Int64
    /// Length of the measured window.
    public var measured: Int64
    /// The steady window, nil where the streams were never held.
    public var steady: SteadyWindow?
    /// Set when a signal ended the run before its plan.
    public var interruptedBy: Int32?
    /// All counters.
    public var counts: RunCounts
    /// Merged histograms, indexed by `Metric`.
    public var histograms: [Metric: HistogramSnapshot]
    /// Waits that never ended, beside the metric they would have entered.
    public var unfinished: [Metric: UnfinishedWaits]
    /// One entry a second from the start of the ramp on.
    public var intervals: [RunInterval]
    /// Length of each interval in seconds: 1, doubled each time 600 were exceeded.
    public var intervalSeconds: Int
    /// The client's own account, one a loop.
    public var loops: [LoopReport]
    /// CPU time of the process during the run.
    public var cpuUser: Int64
    public var cpuSystem: Int64
    /// Peak resident memory of the process.
    public var peakResidentBytes: Int64
    /// One sample a failure kind and status.
    public var errors: [ErrorSample]
}

/// Every latency and client figure that has a histogram.
public enum Metric: String, CaseIterable, Sendable {
    case ttft, ttftFresh = "ttft_fresh", ttftSched = "ttft_sched", ttfe, ttfo, gap, itl, tpot, e2e
    case e2eSched = "e2e_sched", lastToken = "last_token", maxGap = "max_gap", headers, connect, tls
    case deliveryLag = "delivery_lag", sendLag = "send_lag", stampWindow = "stamp_window"
}

/// How the token counts were made (METRICS: basis).
public enum TokenBasis: String, Sendable {
    case usage, event, usageScaled = "usage_scaled", mixed
}

/// Counters of a run. Requests are those of the measured window.
public struct RunCounts: Sendable {
    // started = completed + failed + cancelled + cut
    public var started: UInt64 = 0
    public var completed: UInt64 = 0
    public var failed: UInt64 = 0
    public var cancelled: UInt64 = 0
    public var cut: UInt64 = 0
    /// Of the completed ones, those that did so before the measured window ended: the rate's count.
    public var completedInWindow: UInt64 = 0
    /// Requests sent again on a fresh connection because a kept one was found closed.
    public var retriedStale: UInt64 = 0
    /// Slot-nanoseconds spent waiting after failures.
    public var backoff: Int64 = 0
    public var failures: [StreamFailure: UInt64] = [:]
    public var status: [Int: UInt64] = [:]
    public var finishReasons: [String: UInt64] = [:]
    /// Dispatched SSE events, by any request, in the measured window.
    public var events: UInt64 = 0
    /// Token-bearing ones of these.
    public var tokenEvents: UInt64 = 0
    /// Of these, those with nothing but reasoning.
    public var reasoningEvents: UInt64 = 0
    public var eventTypes: [String: UInt64] = [:]
    public var comments: UInt64 = 0
    public var retries: UInt64 = 0
    public var unknownEvents: UInt64 = 0
    /// Gaps whose ends share a read.
    public var coalescedAtArrival: UInt64 = 0
    public var coalescedAtReading: UInt64 = 0
    /// Reads whose kernel stamp was implausible and gave way to the time of the read.
    public var stampsReplaced: UInt64 = 0
    public var clockSteps: UInt64 = 0
    /// Reads that filled the receive buffer.
    public var fullReads: UInt64 = 0
    public var completionTokens: UInt64 = 0
    /// From usage only; nil where no usage gave them.
    public var promptTokens: UInt64?
    public var cachedTokens: UInt64?
    public var reasoningTokens: UInt64?
    public var tokenBasis: TokenBasis = .event
    /// Tokens that arrived inside the measured window, on the basis of `throughputBasis`.
    public var tokensInWindow: Double = 0
    /// Basis of `tokensInWindow` and of token rates.
    public var throughputBasis: TokenBasis = .event
    public var itlBasis: TokenBasis = .event
    public var tpotBasis: TokenBasis = .event
    public var bytesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
    /// After TLS, before any decoding.
    public var bytesPlain: UInt64 = 0
    /// After chunked decoding.
    public var bytesBody: UInt64 = 0
    public var connectionsOpened: UInt64 = 0
    public var connectionsReused: UInt64 = 0
    /// Of the opened ones, those whose TLS session was resumed.
    public var tlsResumed: UInt64 = 0
    /// Streams timed by each clock.
    public var kernelClockStreams: UInt64 = 0
    public var userClockStreams: UInt64 = 0
    /// Requests outside the measured window (ramp, warm-up).
    public var startedOutsideWindow: UInt64 = 0
}

/// Waits cut or failed before their end.
public struct UnfinishedWaits: Sendable {
    public var count: UInt64
    /// Age of the oldest when it ended, nanoseconds.
    public var greatestAge: Int64
}

/// The longest stretch of whole seconds in which the asked streams were held (METRICS: windows).
public struct SteadyWindow: Sendable {
    /// Offset from the start of the ramp, and length, in seconds.
    public var startSeconds: Int
    public var seconds: Int
    public var requests: UInt64
    public var tokens: Double
    public var events: UInt64
}

/// One interval of the time line.
public struct RunInterval: Sendable {
    /// Offset from the start of the ramp.
    public var startSeconds: Int
    /// Length; 1, or more when intervals were merged.
    public var seconds = 1
    public var started: UInt64 = 0
    public var completed: UInt64 = 0
    public var failed: UInt64 = 0
    public var events: UInt64 = 0
    public var tokenEvents: UInt64 = 0
    /// Mean of streams in flight.
    public var inFlight: Double = 0
    public var ttft: HistogramSnapshot
    public var gap: HistogramSnapshot
    public var failures: [StreamFailure: UInt64] = [:]
}

/// One loop's account of itself.
public struct LoopReport: Sendable {
    public var cpu: Int32?
    /// Share of the time since start that the loop did not wait in epoll.
    public var busy: Double
    public var events: UInt64
    public var reads: UInt64
    public var wakeups: UInt64
    public var involuntarySwitches: Int64
    /// Time the thread was runnable but not running, nanoseconds; nil where the kernel doesn't say.
    public var runQueueWait: Int64?
}

/// One kept failure.
public struct ErrorSample: Sendable {
    public var kind: StreamFailure
    /// HTTP status where there was a response.
    public var status: Int?
    public var count: UInt64
    /// Seconds from the start of the ramp to the first of its kind.
    public var firstAtSeconds: Double
    /// What went wrong, in the words of whoever noticed: errno, TLS, decoder.
    public var detail: String
    /// The first 2 KiB of one body; empty where there was none.
    public var sample: [UInt8]
}

/// What the display reads while a run goes on. Approximate: loops publish without a lock.
public struct RunProgress: Sendable {
    public var phase: RunPhase
    /// Nanoseconds since the start of the ramp.
    public var elapsed: Int64
    public var inFlight: UInt64
    public var started: UInt64
    public var completed: UInt64
    public var failed: UInt64
    public var events: UInt64
    public var tokenEvents: UInt64
    public var failures: [StreamFailure: UInt64]
    /// Whole run so far; the display subtracts two of them for "last seconds".
    public var ttft: HistogramSnapshot
    public var gap: HistogramSnapshot
}

/// Where a run stands.
public enum RunPhase: UInt8, Sendable {
    case ramp, warmup, measured, drain, ended
}
