// Results made outside the engine: from a stored file, or by merging others. Each begins with what
// has no neutral value and is filled in by its maker. Must not know where the figures come from.

extension RunResult {
    /// A result of `plan` in which nothing was measured yet.
    ///
    /// - Parameter startedAt: nanoseconds since 1970.
    public init(_ plan: RunPlan, startedAt: Int64) {
        self.init(
            plan: plan,
            dialect: .undetermined,
            startedAt: startedAt,
            measured: 0,
            length: 0,
            steady: nil,
            interruptedBy: nil,
            counts: RunCounts(),
            histograms: [:],
            unfinished: [:],
            intervals: [],
            intervalSeconds: 1,
            loops: [],
            cpuUser: 0,
            cpuSystem: 0,
            throttled: nil,
            memoryStall: nil,
            peakResidentBytes: 0,
            errors: []
        )
    }
}

extension ClassResult {
    /// The result of the class `name`.
    public init(_ name: String, _ result: RunResult) { self.init(name: name, result: result) }
}

extension RunInterval {
    /// An interval in which nothing happened: `length` seconds from `start` on, an offset in
    /// seconds from the start of the ramp.
    public init(from start: Int, length: Int) {
        self.init(
            startSeconds: start,
            seconds: length,
            ttft: HistogramSnapshot(),
            gap: HistogramSnapshot()
        )
    }
}

extension LoopReport {
    /// The account of a loop that handled `events` and lived for `window` nanoseconds of the
    /// measured window, without pauses.
    public init(events: UInt64, window: Int64) {
        self.init(
            cpu: nil,
            busy: 0,
            events: events,
            reads: 0,
            wakeups: 0,
            involuntarySwitches: 0,
            runQueueWait: nil,
            paused: 0,
            window: window
        )
    }
}

extension ErrorSample {
    /// `count` failures of a kind, without further knowledge.
    public init(_ kind: StreamFailure, count: UInt64) {
        self.init(
            kind: kind,
            status: nil,
            count: count,
            firstAtSeconds: 0,
            detail: "",
            sample: []
        )
    }
}

extension ArrivalReport {
    /// `due` arrivals in `span` nanoseconds, of which nothing more is known.
    public init(of due: UInt64, in span: Int64) {
        self.init(due: due, span: span, pacingError: HistogramSnapshot())
    }
}

extension KolmogorovSmirnov {
    /// The outcome of a test that was made before.
    public init(statistic: Double, count: Int, pValue: Double) {
        self.statistic = statistic
        self.count = count
        self.pValue = pValue
    }
}
