// From what the loops recorded to one result. Counts add, histograms merge cell by cell; nothing is
// averaged.

import CSupport

/// Merges the loops of one run.
struct ResultMerger {
    let plan: RunPlan
    let windows: RunWindows
    let stats: [LoopStats]
    var startedAt: Int64 = 0
    var ended = Instant.none
    var interruptedBy: Int32 = 0
    var isAborted = false
    /// How long starts were held back by hand.
    var pausedByHand: Int64 = 0
    var outcomes: [ClassOutcome] = []
    var loopOutcomes: [LoopOutcome] = []
    /// Of each loop, the recorders of all classes of the run.
    var loopStats: [[LoopStats]] = []
    /// Whether a number of streams is asked for, or a rate: not so of a mixture of both.
    var hasSteadyWindow = true
    var usageBefore = csup_usage()
    /// What makes the requests that are merged; nil where those of several classes are.
    var source: RequestSource?
    /// What makes those of all classes: a server may give back in one what another sent.
    var echoes = EchoSearch([])
    /// What the kernel took from the process during the run.
    var pressure = MachinePressure()

    init(plan: RunPlan, windows: RunWindows, stats: [LoopStats]) {
        self.plan = plan
        self.windows = windows
        self.stats = stats
    }

    /// How much of a result is asked for.
    enum Detail {
        case whole
        /// Of a run that goes on: intervals without their histograms.
        case standing
        /// Neither histograms nor intervals.
        case counts
    }

    func merge(_ recorder: IntervalRecorder, _ detail: Detail) -> RunResult {
        var histograms: [Metric: HistogramSnapshot] = [:]
        for metric in Metric.allCases where detail != .counts {
            let whole = merged { $0.histogram(metric) }
            if !whole.isEmpty { histograms[metric] = whole }
        }
        let scale = TokenScale(stats)
        let intervals =
            switch detail {
            case .whole: recorder.intervals
            case .standing: recorder.countsAlone
            case .counts: [RunInterval]()
            }
        var after = csup_usage()
        _ = csup_usage(0, &after)
        return RunResult(
            plan: plan,
            dialect: dialect,
            dialectOrigin: dialectOrigin,
            startedAt: startedAt,
            measured: measured,
            length: max(0, ended - windows.start),
            steady: steadyWindow(intervals, tokensPerEvent: scale.tokensPerEvent),
            interruptedBy: interruptedBy > 0 ? interruptedBy : nil,
            isAborted: isAborted,
            pausedByHand: pausedByHand,
            counts: counts(gap: histograms[.gap], scale),
            histograms: histograms,
            unfinished: unfinished(),
            intervals: intervals,
            intervalSeconds: recorder.step,
            loops: loopReports(),
            cpuUser: after.user_ns - usageBefore.user_ns,
            cpuSystem: after.system_ns - usageBefore.system_ns,
            throttled: pressure.throttled,
            memoryStall: pressure.memoryStall,
            peakResidentBytes: after.peak_rss_bytes,
            errors: errorSamples(),
            arrivals: arrivalReport(),
            sessions: sessionReport(),
            start: windows.start
        )
    }

    // MARK: Time

    /// The measured window as it came out: a run may end early.
    var measured: Int64 {
        // A number of requests ends with the last of them, not with the connection it leaves
        // behind.
        let last = outcomes.map(\.lastFinish).max() ?? ended
        let end = windows.measureEnd == .distantFuture && last.isSet ? last : ended
        return max(0, min(windows.measureEnd, end) - min(windows.measureStart, end))
    }

    /// The longest run of whole seconds whose mean of streams in flight is at least 95 % of those
    /// asked for; all of them in the open model, which asks for none. Quadratic in at most 600
    /// intervals.
    private func steadyWindow(
        _ intervals: [RunInterval],
        tokensPerEvent: Double
    ) -> SteadyWindow? {
        guard hasSteadyWindow else { return nil }
        // Whole seconds of the measured window; the last interval ends with the run, not a second.
        let second = Double(Nanoseconds.seconds(1))
        let first = (Double(windows.measureStart - windows.start) / second).rounded(.up)
        let last = (Double(windows.measureEnd - windows.start) / second).rounded(.down)
        let whole = intervals.dropLast().filter {
            Double($0.startSeconds) >= first && Double($0.startSeconds + $0.seconds) <= last
        }
        let wanted = plan.arrivals == nil ? 0.95 * Double(plan.streams) : 0
        var best: (start: Int, end: Int, seconds: Int)?
        for start in whole.indices {
            var sum = 0.0
            var seconds = 0
            for end in start..<whole.count {
                sum += whole[end].inFlight * Double(whole[end].seconds)
                seconds += whole[end].seconds
                if sum >= wanted * Double(seconds), seconds > best?.seconds ?? 0 {
                    best = (start, end, seconds)
                }
            }
        }
        guard let best else { return nil }
        let stretch = whole[best.start...best.end]
        return SteadyWindow(
            startSeconds: whole[best.start].startSeconds,
            seconds: best.seconds,
            requests: stretch.reduce(0) { $0 + $1.completed },
            tokens: Double(stretch.reduce(0) { $0 + $1.tokenEvents }) * tokensPerEvent,
            events: stretch.reduce(0) { $0 + $1.events },
            good: stretch.reduce(0) { $0 + $1.good }
        )
    }

    // MARK: Counts

    /// Saturating: token counts come from the wire.
    func total(_ counter: Counter) -> UInt64 {
        stats.reduce(0) { $0.addingSaturating($1.value(counter)) }
    }

    func merged(_ pick: (LoopStats) -> Histogram) -> HistogramSnapshot {
        var whole = HistogramSnapshot()
        for loop in stats { whole.merge(HistogramSnapshot(reading: pick(loop))) }
        return whole
    }

    private func counts(gap: HistogramSnapshot?, _ scale: TokenScale) -> RunCounts {
        var counts = RunCounts()
        fillRequests(&counts)
        fillStreams(&counts)
        fillTokens(&counts, scale)
        fillSingleEvents(&counts)
        counts.objectives = objectiveCounts()
        let windows = merged { $0.coalescedGapWindow }
        let bound = Self.arrivalBound(gap)
        counts.coalescedAtArrival = windows.count(atMost: bound)
        counts.coalescedAtReading = windows.count - counts.coalescedAtArrival
        counts.streamsOfSeveralTokens = total(.streamsOfSeveralTokens)
        counts.streamsInOneLump = merged { $0.lumpWindow }.count(atMost: bound)
        counts.streamsInBursts = merged { $0.burstWindow }.count(atMost: bound)
        let stamps = merged { $0.inexactStampWindow }
        counts.lateStamps = stamps.count - stamps.count(atMost: bound)
        return counts
    }

    /// The longest stamp window with which a coalesced gap counts as coalesced at arrival: 1 ms or
    /// a tenth of the median gap, whichever is less, and 200 µs at least.
    ///
    /// The median is that of the gaps above 1 ms: a server that sends in bursts has gaps of 0 and
    /// of microseconds between their events, and with these a bound below any wake-up would blame
    /// the client for each. Known only when all loops have ended.
    static func arrivalBound(_ gap: HistogramSnapshot?) -> Int64 {
        let most = Nanoseconds.milliseconds(1)
        guard let gap, let median = gap.medianAbove(most) ?? gap.medianAbove(0) else { return most }
        return max(LoopThread.inconclusiveWindow, min(most, median / 10))
    }

    private func fillRequests(_ counts: inout RunCounts) {
        counts.started = total(.windowStarted)
        counts.completed = total(.windowCompleted)
        counts.failed = total(.windowFailed)
        counts.cancelled = total(.windowCancelled)
        counts.cut = total(.windowCut)
        counts.dropped = total(.windowDropped)
        counts.waited = total(.windowWaited)
        counts.slowReaders = total(.windowSlowReaders)
        if plan.eventSource {
            var subscriptions = SubscriptionCounts()
            subscriptions.accepted = total(.subscribed)
            subscriptions.reconnects = total(.reconnects)
            subscriptions.ended = total(.subscriptionsEnded)
            counts.subscriptions = subscriptions
        }
        counts.completedInWindow = total(.windowCompletedInside)
        // Beside running loops the two may be read out of step.
        let startedAtAll = total(.started)
        counts.startedOutsideWindow = startedAtAll - min(startedAtAll, counts.started)
        counts.retriedStale = total(.retriedStale)
        counts.backoff = Int64(clamping: total(.backoffNanoseconds))
        for kind in StreamFailure.allCases {
            let index = Int(kind.rawValue)
            let count = stats.reduce(0) { $0 + $1.windowFailures.value(at: index) }
            if count > 0 { counts.failures[kind] = count }
        }
        for code in 100..<600 {
            let count = stats.reduce(0) { $0 + $1.status.value(at: code) }
            if count > 0 { counts.status[code] = count }
        }
        for outcome in outcomes {
            counts.finishReasons.merge(outcome.finishReasons, uniquingKeysWith: +)
            counts.eventTypes.merge(outcome.eventTypes, uniquingKeysWith: +)
        }
        counts.finishReasons = echoes.hidden(counts.finishReasons)
        counts.eventTypes = echoes.hidden(counts.eventTypes)
    }

    private func fillStreams(_ counts: inout RunCounts) {
        counts.events = total(.windowEvents)
        counts.tokenEvents = total(.windowTokenEvents)
        counts.reasoningEvents = total(.windowReasoningEvents)
        counts.toolEvents = total(.windowToolEvents)
        counts.comments = total(.comments)
        counts.retries = total(.retryFields)
        counts.unknownEvents = total(.unknownEvents)
        counts.reads = total(.reads)
        counts.stampsReplaced = total(.stampsReplaced)
        counts.clockSteps = total(.clockSteps)
        counts.fullReads = total(.fullReads)
        counts.bytesReceived = total(.bytesReceived)
        counts.bytesSent = total(.bytesSent) + outcomes.reduce(0) { $0 + $1.tlsBytesSent }
        counts.bytesPlain = total(.bytesPlain)
        counts.bytesBody = total(.bytesBody)
        counts.connectionsOpened = total(.connectionsOpened)
        counts.connectionsReused = total(.connectionsReused)
        counts.tlsResumed = total(.tlsResumed)
        counts.kernelClockStreams = total(.kernelClockStreams)
        counts.userClockStreams = total(.userClockStreams)
    }

    private func fillSingleEvents(_ counts: inout RunCounts) {
        if plan.sendTime != nil {
            var times = SendTimeCounts()
            times.read = total(.sendTimesRead)
            times.missing = total(.sendTimesMissing)
            times.beforeSend = total(.sentAfterArrival)
            counts.sendTimes = times
        }
        if plan.loggedStreams > 0 {
            var log = LogCounts()
            log.written = total(.loggedEvents)
            log.lost = total(.unloggedEvents)
            counts.eventLog = log
        }
        if plan.recordsRequests {
            var log = LogCounts()
            log.written = total(.recordedRequests)
            log.lost = total(.unrecordedRequests)
            counts.requestLog = log
        }
    }

    private func fillTokens(_ counts: inout RunCounts, _ scale: TokenScale) {
        counts.completionTokens = total(.completionTokens)
        counts.promptTokens = total(.requestsWithPrompt) > 0 ? total(.promptTokens) : nil
        counts.cachedTokens = total(.requestsWithCached) > 0 ? total(.cachedTokens) : nil
        counts.reasoningTokens =
            total(.requestsWithReasoning) > 0 ? total(.reasoningTokens) : nil
        let (with, without) = (total(.requestsWithUsage), total(.requestsWithoutUsage))
        counts.tokenBasis = Self.basis(usage: with, event: without)
        counts.tpotBasis = Self.basis(usage: total(.tpotByUsage), event: total(.tpotByEvent))
        counts.requestsWithPrompt = total(.requestsWithPrompt)
        counts.completedTokens = total(.completedTokens)
        counts.completedPromptTokens = total(.completedPromptTokens)
        counts.requestsWithTokens = total(.requestsWithTokens)
        counts.itlBasis = Self.basis(
            usage: total(.windowRunningStreams),
            event: total(.windowEventStreams)
        )
        counts.throughputBasis = scale.basis
        counts.tokensInWindow =
            scale.isScaled
            ? Double(counts.tokenEvents) * scale.tokensPerEvent
            : Double(total(.windowRunningTokens))
    }

    private static func basis(usage: UInt64, event: UInt64) -> TokenBasis {
        if usage == 0 { return .event }
        return event == 0 ? .usage : .mixed
    }

    // MARK: Loops

    private var dialect: Dialect {
        let outcome =
            outcomes.first { $0.isDialectRecognised }
            ?? outcomes.first { $0.dialect != .undetermined }
        return outcome?.dialect ?? plan.dialect
    }

    private var dialectOrigin: DialectOrigin? {
        let isRecognised = outcomes.contains { $0.isDialectRecognised }
        return isRecognised ? .events : plan.dialectOrigin
    }

    private func unfinished() -> [Metric: UnfinishedWaits] {
        var whole: [Metric: UnfinishedWaits] = [:]
        for outcome in outcomes {
            whole.merge(outcome.unfinished) { left, right in
                var both = left
                both.ages.merge(right.ages)
                return both
            }
        }
        return whole
    }

    private func loopReports() -> [LoopReport] {
        loopOutcomes.map { outcome in
            let loop = loopStats[outcome.index]
            func total(_ counter: Counter) -> UInt64 { loop.reduce(0) { $0 + $1.value(counter) } }
            return LoopReport(
                cpu: outcome.cpu,
                busy: outcome.usage.busy,
                events: total(.events),
                reads: total(.reads),
                wakeups: total(.wakeups),
                involuntarySwitches: outcome.usage.involuntarySwitches,
                runQueueWait: outcome.usage.runDelay,
                paused: outcome.usage.paused,
                window: outcome.usage.time,
                priority: outcome.priority,
                gaveUpPriorityAtSeconds: outcome.gaveUpPriorityAt.map { seconds(from: $0) }
            )
        }
    }

    /// Offset of an instant from the start of the ramp.
    private func seconds(from instant: Instant) -> Double { Double(instant - windows.start) / 1e9 }

    /// What was sent with the request that failed, where that is made for each; made again, since
    /// its bytes are given back once they are sent. Of a session all of its turns up to a bound,
    /// for each has what was said before.
    private func body(of entry: ErrorLog.Entry) -> [UInt8] {
        guard !entry.sample.isEmpty, let source else { return [] }
        let apart = UInt64(plan.sessions?.promptsApart ?? 1)
        let first = entry.request &* apart
        let bodies = (0..<min(apart, Self.mostTurns)).map { turn in
            source.preview(first &+ turn, seed: plan.seed).body
        }
        return Array(bodies.joined(separator: [UInt8(ascii: "\n")]))
    }

    private static let mostTurns: UInt64 = 32

    private func errorSamples() -> [ErrorSample] {
        var samples: [ErrorSample] = []
        for entry in outcomes.flatMap(\.errors) {
            let status = entry.status > 0 ? Int(entry.status) : nil
            let at = seconds(from: entry.first)
            if let known = samples.firstIndex(where: {
                $0.kind == entry.kind && $0.status == status
            }) {
                samples[known].count += entry.count
                if at < samples[known].firstAtSeconds { samples[known].firstAtSeconds = at }
                if samples[known].sample.isEmpty, !entry.sample.isEmpty {
                    samples[known].sample = entry.sample
                    samples[known].requestBody = body(of: entry)
                }
                continue
            }
            samples.append(
                ErrorSample(
                    kind: entry.kind,
                    status: status,
                    count: entry.count,
                    firstAtSeconds: at,
                    detail: entry.detail,
                    sample: entry.sample,
                    requestBody: body(of: entry),
                    retryAfterSeconds: entry.retryAfterSeconds
                )
            )
        }
        return samples.sorted { ($0.count, $1.kind.rawValue) > ($1.count, $0.kind.rawValue) }
    }
}
