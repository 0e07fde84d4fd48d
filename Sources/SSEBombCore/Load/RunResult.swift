// What a run found, merged over its loops. Cold: reports and files are made from this alone.

/// Everything a run measured. Durations and latencies are nanoseconds.
public struct RunResult: Sendable {
    /// The plan that was carried out.
    public var plan: RunPlan
    /// Dialect that was recognised or chosen; `.undetermined` when no event allowed to tell.
    public var dialect: Dialect
    /// Where `dialect` comes from; nil where it is undetermined.
    public var dialectOrigin: DialectOrigin?
    /// Wall-clock start, nanoseconds since 1970.
    public var startedAt: Int64
    /// Length of the measured window.
    public var measured: Int64
    /// From the start of the ramp to the end of the run.
    public var length: Int64
    /// The steady window, nil where the streams were never held.
    public var steady: SteadyWindow?
    /// Set when a signal ended the run before its plan.
    public var interruptedBy: Int32?
    /// Whether `Coordinator.run`'s judge ended the run before its plan.
    public var isAborted = false
    /// How long somebody kept requests from starting (`Coordinator.setPaused`), nanoseconds.
    public var pausedByHand: Int64 = 0
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
    /// CPU time of the process during the run, nanoseconds: in user mode.
    public var cpuUser: Int64
    /// Kernel's share of it.
    public var cpuSystem: Int64
    /// Time in which the CPU controller kept the process's control group from running during the
    /// run, nanoseconds; nil without one.
    public var throttled: Int64?
    /// Time in which memory pressure stopped everything during the run, nanoseconds; nil where the
    /// kernel doesn't say.
    public var memoryStall: Int64?
    /// Peak resident memory of the process.
    public var peakResidentBytes: Int64
    /// One sample a failure kind and status.
    public var errors: [ErrorSample]
    /// What came of the arrivals; nil in the closed model.
    public var arrivals: ArrivalReport?
    /// What became of sessions; nil without them.
    public var sessions: SessionReport?
    /// What became of each stage, where that isn't to be counted from `intervals`: of a stored or
    /// merged result.
    public var knownStages: [StageAccount]?
    /// The result of each class of load, where there are several; their loops, CPU time and memory
    /// are those of the whole run.
    public var classes: [ClassResult] = []
    /// What the result was merged from; nil for the result of one run.
    public var merged: MergedRun?
    /// Start of the ramp on the clock of the stamps; not set in a stored result.
    public var start = Instant.none
}

/// The origin of a merged result.
///
/// Each part's clock is moved back to where an entry of its time line may begin: to a whole second
/// or, with longer entries, a multiple of their length since 1970. So entries of all parts lie on
/// one grid, and an entry that is within a part's window holds only what happened there.
public struct MergedRun: Sendable, Equatable {
    /// A process of those that shared a load (`RunPlan.rank`).
    public struct Rank: Sendable, Equatable {
        /// Which of how many it was.
        public var rank: ProcessRank
        /// Of the load.
        public var seed: UInt64

        /// One process of a load with this seed.
        public init(_ rank: ProcessRank, seed: UInt64) {
            self.rank = rank
            self.seed = seed
        }
    }

    /// A stretch of that clock.
    public struct Window: Sendable, Equatable {
        /// Nanoseconds since 1970.
        public var start: Int64
        /// Nanoseconds since 1970.
        public var end: Int64
        /// Nanoseconds.
        public var length: Int64 { end - start }

        /// A stretch that may be empty.
        public init(start: Int64, end: Int64) {
            self.start = start
            self.end = max(start, end)
        }
    }

    /// Ids of the runs that went into it, in ascending order.
    public var parts: [String]
    /// What the measured windows of all of them have in common: what rates are of. In whole
    /// intervals of the time line where they differ. nil where it is nothing.
    public var window: Window?
    /// Whether all of them have this very window, so that what was counted in it adds.
    public var isSameWindow: Bool
    /// Those of them that were processes of one load, by their numbers; nil where nobody knows any
    /// more.
    public var ranks: [Rank]?
    /// When the first of their measured windows began, nanoseconds since 1970; nil where nothing
    /// was measured.
    public var measuredFrom: Int64?

    /// A result of these runs.
    public init(
        parts: [String],
        window: Window?,
        isSameWindow: Bool,
        ranks: [Rank]?,
        measuredFrom: Int64?
    ) {
        self.parts = parts
        self.window = window
        self.isSameWindow = isSameWindow
        self.ranks = ranks
        self.measuredFrom = measuredFrom
    }
}

/// What one class of load came to.
public struct ClassResult: Sendable {
    /// The class's name.
    public var name: String
    /// Its result, itself without classes.
    public var result: RunResult
}

/// Waits cut or failed before their end.
public struct UnfinishedWaits: Sendable {
    /// How old each was when it was given up.
    public var ages: HistogramSnapshot
    /// How many.
    public var count: UInt64 { ages.count }
    /// Age of the oldest, nanoseconds.
    public var greatestAge: Int64 { ages.max }

    /// Waits of these ages.
    public init(ages: HistogramSnapshot = HistogramSnapshot()) { self.ages = ages }
}

/// The longest stretch of whole seconds in which the asked streams were held; in the open model the
/// whole seconds of the measured window (METRICS: windows).
public struct SteadyWindow: Sendable {
    /// Offset from the start of the ramp, in seconds.
    public var startSeconds: Int
    /// Length.
    public var seconds: Int
    /// Requests completed in it, whenever they were started.
    public var requests: UInt64
    /// Of these, those that met the objectives.
    public var good: UInt64 = 0
    /// Tokens that arrived in it.
    public var tokens: Double
    /// Events that arrived in it.
    public var events: UInt64

    /// A window and what happened in it.
    public init(
        startSeconds: Int,
        seconds: Int,
        requests: UInt64,
        tokens: Double,
        events: UInt64,
        good: UInt64 = 0
    ) {
        self.startSeconds = startSeconds
        self.seconds = seconds
        self.requests = requests
        self.tokens = tokens
        self.events = events
        self.good = good
    }
}

/// One interval of the time line.
public struct RunInterval: Sendable {
    /// Offset from the start of the ramp.
    public var startSeconds: Int
    /// Length; 1, or more when intervals were merged.
    public var seconds = 1
    /// Requests started in it.
    public var started: UInt64 = 0
    /// Requests completed in it.
    public var completed: UInt64 = 0
    /// Of these, those that rates are of: they belong to the measured window, and it wasn't over.
    public var completedInWindow: UInt64 = 0
    /// Requests failed in it.
    public var failed: UInt64 = 0
    /// Requests that the client gave up in it.
    public var cancelled: UInt64 = 0
    /// Requests that met the objectives, and requests that didn't, of those that ended in it.
    public var good: UInt64 = 0
    /// See `good`.
    public var bad: UInt64 = 0
    /// Of the good ones, those that rates are of.
    public var goodInWindow: UInt64 = 0
    /// Events dispatched in it.
    public var events: UInt64 = 0
    /// Token-bearing ones of these.
    public var tokenEvents: UInt64 = 0
    /// Mean of streams in flight.
    public var inFlight: Double = 0
    /// Share of it in which the busiest loop did not wait in epoll; of merged intervals the
    /// greatest.
    public var busiest: Double = 0
    /// Samples of `ttft` recorded in it.
    public var ttft: HistogramSnapshot
    /// Samples of `gap` recorded in it.
    public var gap: HistogramSnapshot
    /// Samples of `tpot` recorded in it.
    public var tpot = HistogramSnapshot()
    /// Samples of `e2e` recorded in it.
    public var e2e = HistogramSnapshot()
    /// Failures in it, by kind.
    public var failures: [StreamFailure: UInt64] = [:]
}

/// One loop's account of itself.
public struct LoopReport: Sendable {
    /// CPU it was pinned to; nil when it was not.
    public var cpu: Int32?
    /// Share of `window` in which the loop did not wait in epoll.
    public var busy: Double
    /// Events dispatched.
    public var events: UInt64
    /// Receive calls that returned bytes.
    public var reads: UInt64
    /// Returns from epoll.
    public var wakeups: UInt64
    /// Times the kernel took the CPU away from it.
    public var involuntarySwitches: Int64
    /// Time the thread was runnable but not running, nanoseconds; nil where the kernel doesn't say.
    public var runQueueWait: Int64?
    /// Time of pauses of more than 1 ms, nanoseconds: the loop neither waited for events nor came
    /// back from a wait when that was over.
    public var paused: Int64
    /// The part of the measured window that the loop lived in, nanoseconds; busy share, switches,
    /// waits and pauses are those of it.
    public var window: Int64
    /// Priority that was in force when the loop ended.
    public var priority = LoopPriority.normal
    /// Seconds from the start of the ramp at which the loop gave its realtime priority up because
    /// it didn't sleep any more; nil when it didn't have to.
    public var gaveUpPriorityAtSeconds: Double?
}

/// One kept failure.
public struct ErrorSample: Sendable {
    /// What it is counted as.
    public var kind: StreamFailure
    /// HTTP status where there was a response.
    public var status: Int?
    /// Failures of this kind and status in the whole run.
    public var count: UInt64
    /// Seconds from the start of the ramp to the first of its kind.
    public var firstAtSeconds: Double
    /// What went wrong, in the words of whoever noticed: errno, TLS, decoder.
    public var detail: String
    /// The first 2 KiB of one body; empty where there was none.
    public var sample: [UInt8]
    /// The body of the request that was answered so, where requests have bodies of their own: as
    /// secret as that of the plan, and kept for nothing but to hide it in what is shown.
    public var requestBody: [UInt8] = []
    /// How long the first answer asked to be left alone (Retry-After); nil where it didn't, and in
    /// a stored result.
    public var retryAfterSeconds: Int32?
}

/// What the display reads while a run goes on. Approximate: loops publish without a lock.
public struct RunProgress: Sendable {
    /// Where the run stands.
    public var phase: RunPhase
    /// Nanoseconds since the start of the ramp.
    public var elapsed: Int64
    /// Streams in flight now.
    public var inFlight: UInt64
    /// Requests started so far.
    public var started: UInt64
    /// Open model: arrivals that wait for a slot now.
    public var waiting: UInt64 = 0
    /// Requests completed so far.
    public var completed: UInt64
    /// Requests failed so far.
    public var failed: UInt64
    /// Requests that the client gave up so far.
    public var cancelled: UInt64 = 0
    /// Requests so far that met the objectives, and that didn't: from the measured window on those
    /// that belong to it.
    public var good: UInt64 = 0
    /// See `good`.
    public var bad: UInt64 = 0
    /// Events dispatched so far.
    public var events: UInt64
    /// Token-bearing ones of these.
    public var tokenEvents: UInt64
    /// Tokens that one of these stands for, as far as is known.
    public var tokensPerEvent: Double = 1
    /// Basis of `tokensPerEvent`.
    public var tokenBasis: TokenBasis = .event
    /// Failures so far, by kind.
    public var failures: [StreamFailure: UInt64]
    /// Samples of `ttft` up to the last full second.
    public var ttft: HistogramSnapshot
    /// Samples of `gap` up to the last full second.
    public var gap: HistogramSnapshot
    /// The last full seconds, a minute of them at most; the last few have samples of `ttft` and
    /// `gap`.
    public var recent: [RunInterval] = []
    /// How many of `recent` have samples.
    public static let secondsOfLatencies = 5
}

/// Where a run stands.
public enum RunPhase: UInt8, Sendable {
    /// Streams are being started; nothing is measured.
    case ramp
    /// All streams run; nothing is measured.
    case warmup
    /// The measured window.
    case measured
    /// No request starts; running ones may finish.
    case drain
    /// Everything is over.
    case ended
}
