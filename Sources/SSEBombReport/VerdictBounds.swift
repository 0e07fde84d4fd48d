// The bounds of the verdict, each with its reason; docs/MEASUREMENT.md lists them under the same
// names. Numbers only: what is held against them stands in VerdictRules.swift.

public import SSEBombCore

/// From where on a figure makes a run suspect, and from where on invalid.
struct VerdictBound: Equatable {
    let suspect: Double
    let invalid: Double
}

extension VerdictBound {
    /// Share of its life that a loop did not wait for events. Up to there the queue in front of a
    /// loop stays short; a loop that never rests sets the pace itself.
    static let busy = VerdictBound(suspect: 0.90, invalid: 0.98)
    /// The same where arrivals are the loop's own readings: each event that waits for another is
    /// timed late, and nothing shows it.
    static let busyWithoutStamps = VerdictBound(suspect: 0.50, invalid: 0.90)
    /// Share of its life that a loop was ready to run and did not. A client alone on its CPU is
    /// below 2 %, one that shares two CPUs with a server of equal load near 5 %, one beside a
    /// process that never rests near 18 %.
    static let runQueueWait = VerdictBound(suspect: 0.10, invalid: 0.50)
    /// Share of its life that a loop was away, in pauses of more than 1 ms, where arrivals are the
    /// loop's own readings: from the first bound on p99 has such a delay in it.
    static let paused = VerdictBound(suspect: 0.01, invalid: 0.10)
    /// Times a second that the kernel took the CPU from a loop: each costs tens of microseconds
    /// with what comes after it.
    static let involuntarySwitches = VerdictBound(suspect: 500, invalid: 10_000)
    /// Share of gaps coalesced at reading. Each makes two gaps wrong, one too short and one too
    /// long: half of this share, and p99.9 (of the second bound: p99) is one of them.
    static let lateGaps = VerdictBound(suspect: 0.0005, invalid: 0.005)
    /// Fewer gaps can't move a percentile that the samples support.
    static let leastLateGaps: UInt64 = 4
    /// `stamp_window` p99 over the median gap, where at least `leastCoalesced` of the gaps are
    /// coalesced: from half a gap on it can't be told when within its period an event came.
    static let stampWindow = VerdictBound(suspect: 0.5, invalid: 2)
    static let leastCoalesced = 0.001
    /// `delivery_lag` p99 over the median gap: from 1 on, each hundredth read comes after the
    /// stream's next event was due.
    static let deliveryLag = VerdictBound(suspect: 0.5, invalid: 2)
    /// `stamp_window` and `delivery_lag` up to 1 ms are never held against a run.
    static let harmlessLag = 1e6
    /// `send_lag` p99, or the highest percentile that the samples support, over the median `e2e`:
    /// the share by which a late start lowers the load of a closed model.
    static let sendLag = VerdictBound(suspect: 0.05, invalid: 0.5)
    /// A start up to 10 ms late is never held against a run.
    static let harmlessSendLag = 1e7
    /// How late an arrival starts although a slot is free: p99, or the highest percentile that the
    /// samples support, over the median `ttft_sched`, which has that lateness in it.
    static let pacingError = VerdictBound(suspect: 0.05, invalid: 0.5)
    /// Up to there the pacing is what a wake-up costs, and never held against a run.
    static let harmlessPacingError = 1e6
    /// Share of the window's arrivals that were never started: by so much the rate was lower than
    /// asked. Held against the schedule's own arrivals, not against the mean rate, from which a
    /// random process differs by nature.
    static let missingArrivals = VerdictBound(suspect: 0.01, invalid: 0.1)
    /// Share of the asked streams that was not held, as a mean over the measured window.
    static let missingStreams = VerdictBound(suspect: 0.05, invalid: 0.5)
    /// Share of all slots' time spent in back-off: by so much the load was lower than asked.
    static let backOff = VerdictBound(suspect: 0.01, invalid: 0.5)
    /// Share of reads that filled the buffer: what they left behind has lost its own stamp.
    static let fullReads = VerdictBound(suspect: 0.001, invalid: 0.05)
    /// Share of the run in which the control group's CPU limit kept the process from running, tens
    /// of milliseconds at a time.
    static let throttled = VerdictBound(suspect: 0.001, invalid: 0.05)
    /// Share of the run in which everything waited for memory.
    static let memoryStall = VerdictBound(suspect: 0.001, invalid: 0.05)
    /// Share of requests that failed for lack of descriptors, ports or memory; the first is one too
    /// many.
    static let localResource = VerdictBound(suspect: 0, invalid: 0.01)
    /// Share of reads that were timed by the reading for want of a plausible stamp.
    static let stampsReplaced = VerdictBound(suspect: 0.001, invalid: 0.05)
    /// Fewer can't move a percentile that the samples support.
    static let leastStampsReplaced: UInt64 = 4

    /// Share of gaps coalesced at arrival from which on a server is said to send in bursts: most.
    static let bursts = 0.5
    /// Share of streams in bursts, or in one lump, from which on they are named.
    static let lumps = 0.05
}

extension RunInterval {
    /// Whether a loop was so busy in it that a whole run of such seconds would be suspect.
    public var isClientBusy: Bool { busiest > VerdictBound.busy.suspect }
}
