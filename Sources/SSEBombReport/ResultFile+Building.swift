// How a run becomes a result document. Every text that came over the wire passes the redaction, and
// a figure that wasn't measured is left out. Must not know how the document is encoded or stored.

import SSEBombCore

extension ResultDocument {
    init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult],
        context: RunContext,
        lanes: [StreamSample.Lane]? = nil,
        requests: StoredRequests? = nil
    ) {
        let redaction = Redaction(result)
        tool = Tool(name: "ssebomb", version: context.toolVersion)
        run = Run(result, context: context)
        plan = Plan(result)
        environment = Environment(context.environment, usesTLS: result.plan.tls != nil)
        self.verdict = VerdictRecord(verdict)
        counts = Counts(result, redaction)
        arrivals = Arrivals(result)
        stages = Self.stages(result)
        rates = Rates(result)
        sessions = result.sessions.map { SessionsRecord($0) }
        metrics = Self.metrics(result)
        intervals = Self.intervals(result)
        if !result.classes.isEmpty {
            classes = result.classes.map { ClassRecord($0, redaction) }
        }
        intervalS = result.intervalSeconds
        client = ClientRecord(result)
        errors = result.errors.map { ErrorRecord($0, redaction) }
        self.thresholds = thresholds.isEmpty ? nil : thresholds.map { ThresholdRecord($0) }
        streamSample = lanes.map { StreamSampleRecord($0, from: result.start) }
        self.requests = requests.map { RequestsRecord($0, startedAt: result.startedAt) }
    }

    private static func metrics(_ result: RunResult) -> [String: MetricRecord] {
        var metrics: [String: MetricRecord] = [:]
        for metric in Metric.allCases {
            metrics[metric.rawValue] = MetricRecord(
                result.histograms[metric] ?? HistogramSnapshot(),
                unfinished: result.unfinished[metric],
                basis: result.basis(of: metric)
            )
        }
        return metrics
    }

    fileprivate static func stages(_ result: RunResult) -> [Stage]? {
        let accounts = result.stageAccounts
        return accounts.isEmpty ? nil : accounts.map { Stage($0) }
    }

    private static func intervals(_ result: RunResult) -> [IntervalRecord] {
        let tokensPerEvent = result.tokensPerEvent
        let isJudged = result.plan.objectives != nil
        return result.intervals.map {
            IntervalRecord($0, tokensPerEvent: tokensPerEvent, isJudged: isJudged)
        }
    }
}

extension ResultDocument.ClassRecord {
    fileprivate init(_ part: ClassResult, _ redaction: Redaction) {
        let result = part.result
        name = part.name
        measuredS = Double(result.measured) / 1e9
        steadyS = result.steady?.seconds
        plan = ResultDocument.Plan(result)
        counts = ResultDocument.Counts(result, redaction)
        arrivals = ResultDocument.Arrivals(result)
        stages = ResultDocument.stages(result)
        rates = ResultDocument.Rates(result)
        sessions = result.sessions.map { ResultDocument.SessionsRecord($0) }
        metrics = ResultDocument.metrics(result)
        intervals = ResultDocument.intervals(result)
        errors = result.errors.map { ResultDocument.ErrorRecord($0, redaction) }
    }
}

extension ResultDocument.VerdictRecord {
    init(_ verdict: Verdict) {
        state = verdict.state.rawValue
        reasons = verdict.reasons.map { Reason($0, state: $0.state.rawValue) }
        server = verdict.server.map { Reason($0, state: nil) }
        calibration = verdict.calibration
    }
}

extension ResultDocument.VerdictRecord.Reason {
    fileprivate init(_ reason: Verdict.Reason, state: String?) {
        code = reason.code
        self.state = state
        sentence = reason.finding
        value = reason.value
        parts = reason.parts?.count
        bound = reason.bound
    }
}

extension ResultDocument.Run {
    fileprivate init(_ result: RunResult, context: RunContext) {
        id = context.id
        startedAt = Timestamp.rfc3339(result.startedAt)
        lengthS = Double(result.length) / 1e9
        measuredS = Double(result.measured) / 1e9
        steadyS = result.steady?.seconds
        steadyStartS = result.steady?.startSeconds
        interrupted = result.interruptedBy != nil || result.isAborted
        signal = result.signalName
        pausedS = result.pausedByHand > 0 ? seconds(result.pausedByHand) : nil
        labels = context.labels
        command = context.command.isEmpty ? nil : context.command
        merged = result.merged.map { merged in
            Merged(
                parts: merged.parts,
                ranks: merged.ranks.map { ranks in
                    ranks.map {
                        .init(rank: $0.rank.number, of: $0.rank.count, seed: $0.seed)
                    }
                },
                sameWindow: merged.isSameWindow,
                commonStartS: merged.window.map { _ in result.windowStart },
                commonS: merged.window.map { seconds($0.length) },
                firstStartS: merged.measuredFrom.map { seconds($0 - result.startedAt) }
            )
        }
    }
}

extension ResultDocument.Environment {
    fileprivate init(_ environment: RunEnvironment, usesTLS: Bool) {
        kernel = environment.kernel
        cpus = environment.cpus
        cpuModel = environment.cpuModel
        machine = environment.machine
        limits = Limits(descriptors: environment.descriptors, ports: environment.ports)
        tls = usesTLS ? environment.tlsLibrary.map { TLS(library: $0) } : nil
    }
}

extension ResultDocument.Plan {
    init(_ result: RunResult) {
        let plan = result.plan
        let request = plan.request
        url = Redaction.url(of: request)
        method = request.method
        headers = request.headers.map(\.name)
        bodyBytes = plan.requestFacts.summary == nil ? request.body?.count : nil
        samePrompt = !result.requestFacts.contains(where: \.hasVaryingBodies)
        requestDigest = result.requestDigest.map { RequestDigest.text($0) }
        source = plan.requestFacts.summary.map { Source($0) }
        api = result.apiName
        apiFrom = result.apiName.flatMap { _ in result.dialectOrigin?.rawValue }
        fields = plan.fields.map { $0.fields.map(\.text) }
        end = plan.fields?.end.map { String(decoding: $0, as: UTF8.self) }
        addresses = plan.addresses.map(\.text)
        sourceAddresses = plan.sourceAddresses.map(\.text)
        tls = plan.tls.map { TLS($0) }
        model = result.loadModel
        streams = plan.streams
        rate = plan.askedRate
        arrivals = plan.arrivals?.process
        trace = plan.arrivals?.trace.map { Trace($0) }
        durationS = plan.duration.map { seconds($0) }
        requests = plan.requests
        rampS = seconds(plan.ramp)
        warmupS = seconds(plan.warmup)
        drainS = seconds(plan.drain)
        thinkS = seconds(plan.think)
        turns = plan.sessions?.turnsText
        think = plan.sessions.flatMap { $0.thinkText.isEmpty ? nil : $0.thinkText }
        rampDownS = plan.stages == nil ? nil : seconds(plan.rampDown)
        connectRate = plan.connectRate > 0 ? finite(plan.connectRate) : nil
        seed = plan.seed
        rank = plan.knownRank?.number
        ranks = plan.knownRank?.count
        threads = plan.threads
        cpus = plan.cpus
        clock = plan.clock.rawValue
        priority = plan.priority.rawValue
        until = plan.until.map { String(decoding: $0, as: UTF8.self) }
        maxEvents = plan.maxEvents
        sentAt = plan.sendTime?.text
        cancelAfter = plan.cancellation?.text
        cancelShare = plan.cancellation?.share
        readRate = plan.slowReaders?.rate
        slowShare = plan.slowReaders?.share
        eventsource = plan.eventSource ? true : nil
        eventLogStreams = plan.loggedStreams > 0 ? plan.loggedStreams : nil
        slo = plan.objectives?.limits.map {
            Objective(limit: $0.text, metric: $0.metric.rawValue, greatest: $0.greatest)
        }
        timeouts = Timeouts(
            connectS: plan.timeouts.connect.map { seconds($0) },
            headerS: plan.timeouts.header.map { seconds($0) },
            firstEventS: plan.timeouts.firstEvent.map { seconds($0) },
            idleS: plan.timeouts.idle.map { seconds($0) },
            totalS: plan.timeouts.total.map { seconds($0) }
        )
        limits = Limits(
            headBytes: plan.limits.headBytes,
            lineBytes: plan.limits.lineBytes,
            eventBytes: plan.limits.eventBytes,
            interimResponses: plan.limits.interimResponses,
            chunkLineBytes: plan.limits.chunkLineBytes,
            trailerBytes: plan.limits.trailerBytes
        )
        keepalive = plan.keepAlive
        reuse = plan.reuseLimit
    }
}

extension RunResult {
    /// Where the requests of each class come from; nil where all of a class are the same.
    var requestFacts: [RequestFacts] {
        classes.isEmpty ? [plan.requestFacts] : classes.map(\.result.plan.requestFacts)
    }
}

extension ResultDocument.Plan.Source {
    fileprivate init(_ summary: SourceSummary) {
        kind = summary.kind
        file = summary.file
        rows = summary.rows
        dropped = summary.dropped.map { .init(reason: $0.reason, count: $0.count) }
        order = summary.order?.rawValue
        fromTrace = summary.recorded.isEmpty ? nil : summary.recorded.map(\.rawValue)
    }
}

extension ResultDocument.Plan.TLS {
    fileprivate init(_ options: TLSClientOptions) {
        verify = options.verify
        cacert = options.caFile
        cert = options.certFile
        sni = options.serverName
        min = options.minVersion?.name
        max = options.maxVersion?.name
        ciphers = options.ciphers
    }
}

extension ResultDocument.Counts {
    fileprivate init(_ result: RunResult, _ redaction: Redaction) {
        let counts = result.counts
        requests = Requests(result)
        slo = counts.objectives.map { Objectives($0, result.plan.objectives) }
        failures = byName(counts.failures)
        status = [:]
        for (code, count) in counts.status { status[String(code)] = count }
        finishReasons = redacted(counts.finishReasons, redaction)
        events = counts.events
        tokenEvents = counts.tokenEvents
        reasoningEvents = counts.reasoningEvents
        toolEvents = counts.toolEvents
        eventTypes = redacted(counts.eventTypes, redaction)
        comments = counts.comments
        retries = counts.retries
        unknownEvents = counts.unknownEvents
        coalesced = Coalesced(
            atArrival: counts.coalescedAtArrival,
            atReading: counts.coalescedAtReading
        )
        // Only kernel stamps can be implausible or be moved by a step of the wall clock.
        let hasStamps = counts.kernelClockStreams > 0
        stampsReplaced = hasStamps ? counts.stampsReplaced : nil
        clockSteps = hasStamps ? counts.clockSteps : nil
        fullReads = counts.fullReads
        lateStamps = counts.lateStamps
        lumps = Lumps(
            streams: counts.streamsInOneLump,
            bursts: counts.streamsInBursts,
            of: counts.streamsOfSeveralTokens
        )
        clipped = result.clipped
        subscriptions = counts.subscriptions.map {
            Subscriptions(accepted: $0.accepted, reconnects: $0.reconnects, ended: $0.ended)
        }
        sentAt = counts.sendTimes.map {
            SentAt(read: $0.read, missing: $0.missing, beforeSend: $0.beforeSend)
        }
        eventLog = counts.eventLog.map { Log(written: $0.written, lost: $0.lost) }
        requestLog = counts.requestLog.map { Log(written: $0.written, lost: $0.lost) }
        if result.hasTokens { tokens = Tokens(counts, isMerged: result.merged != nil) }
        let usesTLS = result.plan.tls != nil
        bytes = Bytes(
            received: counts.bytesReceived,
            sent: counts.bytesSent,
            plaintext: usesTLS ? counts.bytesPlain : nil,
            body: counts.bytesBody
        )
        connections = Connections(
            opened: counts.connectionsOpened,
            reused: counts.connectionsReused,
            tlsResumed: usesTLS ? counts.tlsResumed : nil
        )
    }
}

extension ResultDocument.Counts.Objectives {
    fileprivate init(_ counts: ObjectiveCounts, _ objectives: ServiceObjectives?) {
        good = counts.good
        goodInWindow = counts.goodInWindow
        bad = counts.bad
        undecided = counts.undecided
        missed = [:]
        for (limit, count) in zip(objectives?.limits ?? [], counts.missed) {
            missed[limit.text] = count
        }
    }
}

extension ResultDocument.Counts.Tokens {
    fileprivate init(_ counts: RunCounts, isMerged: Bool) {
        completion = counts.completionTokens
        inWindow = isMerged ? finite(TokenSum.exact(counts.tokensInWindow)) : nil
        prompt = counts.promptTokens
        requestsWithPrompt = counts.promptTokens.map { _ in counts.requestsWithPrompt }
        ofCompleted = counts.completedTokens
        promptOfCompleted = counts.promptTokens.flatMap { _ in counts.completedPromptTokens }
        requestsWithTokens = counts.requestsWithTokens
        cached = counts.cachedTokens
        reasoning = counts.reasoningTokens
        basis = counts.tokenBasis.rawValue
    }
}

extension ResultDocument.Counts.Requests {
    fileprivate init(_ result: RunResult) {
        let counts = result.counts
        started = counts.started
        completed = counts.completed
        failed = counts.failed
        cancelled = counts.cancelled
        cut = counts.cut
        dropped = result.droppedArrivals
        slowReaders = result.plan.slowReaders != nil ? counts.slowReaders : nil
        completedInWindow = counts.completedInWindow
        outsideWindow = counts.startedOutsideWindow
        retriedStale = counts.retriedStale
        backoffS = seconds(counts.backoff)
    }
}

extension ResultDocument.Rates {
    fileprivate init(_ result: RunResult) {
        if let window = result.rateWindow {
            requests = Double(window.requests) / window.seconds
            tokens = result.hasTokens ? finite(window.tokens / window.seconds) : nil
            events = Double(window.events) / window.seconds
            goodput = result.goodput
        }
        // Merged results may have tokens and no window: others to merge with need the basis.
        if result.hasTokens, result.rateWindow != nil || result.merged != nil {
            basis = result.counts.throughputBasis.rawValue
        }
        attainment = result.counts.objectives?.attainment
        guard let window = result.steady, window.seconds > 0 else { return }
        let tokens = TokenSum.exact(window.tokens)
        steady = Steady(
            requests: Double(window.requests) / Double(window.seconds),
            tokens: result.hasTokens ? finite(tokens / Double(window.seconds)) : nil,
            events: Double(window.events) / Double(window.seconds),
            goodput: result.plan.objectives.map { _ in
                Double(window.good) / Double(window.seconds)
            }
        )
    }
}

extension ResultDocument.MetricRecord {
    /// Nil where nothing was measured and nothing was waited for.
    init?(_ histogram: HistogramSnapshot, unfinished waits: UnfinishedWaits?, basis: TokenBasis?) {
        let waits = waits.flatMap { $0.count > 0 ? $0 : nil }
        guard !histogram.isEmpty || waits != nil else { return nil }
        count = histogram.count
        unfinished = waits.map {
            Unfinished(
                count: $0.count,
                greatestAge: $0.greatestAge,
                histogram: $0.ages.base64V2()
            )
        }
        self.basis = basis?.rawValue
        guard !histogram.isEmpty else { return }
        clipped = histogram.clipped > 0 ? histogram.clipped : nil
        sum = histogram.sum < .max ? histogram.sum : nil
        mean = nanoseconds(histogram.mean)
        stddev = nanoseconds(histogram.standardDeviation)
        min = histogram.min
        max = histogram.max
        p50 = histogram.percentile(50)
        p90 = histogram.percentile(90)
        p95 = histogram.percentile(95)
        p99 = histogram.percentile(99)
        p999 = histogram.percentile(99.9)
        let weak = ReportedPercentile.allCases.filter { !$0.isSupported(by: histogram.count) }
        unsupported = weak.isEmpty ? nil : weak.map(\.key)
        self.histogram = histogram.base64V2()
    }
}

extension ResultDocument.IntervalRecord {
    /// - Parameter isJudged: whether the run has objectives.
    fileprivate init(_ interval: RunInterval, tokensPerEvent: Double?, isJudged: Bool) {
        startS = interval.startSeconds
        requests = Requests(
            started: interval.started,
            completed: interval.completed,
            completedInWindow: interval.completedInWindow,
            failed: interval.failed,
            cancelled: interval.cancelled,
            good: isJudged ? interval.good : nil,
            bad: isJudged ? interval.bad : nil,
            goodInWindow: isJudged ? interval.goodInWindow : nil
        )
        tokenEvents = interval.tokenEvents
        tokens = tokensPerEvent.flatMap { finite($0 * Double(interval.tokenEvents)) }
        events = interval.events
        inFlight = finite(interval.inFlight)
        busy = finite(interval.busiest)
        ttft = Latency(interval.ttft)
        gap = Latency(interval.gap)
        tpot = Latency(interval.tpot)
        e2e = Latency(interval.e2e)
        failures = byName(interval.failures)
    }
}

extension ResultDocument.IntervalRecord.Latency {
    fileprivate init(_ histogram: HistogramSnapshot) {
        count = histogram.count
        guard !histogram.isEmpty else { return }
        p50 = histogram.percentile(50)
        p99 = histogram.percentile(99)
        self.histogram = histogram.base64V2()
    }
}

extension ResultDocument.ClientRecord {
    fileprivate init(_ result: RunResult) {
        clock = result.clockName
        clockStreams = ClockStreams(
            kernel: result.counts.kernelClockStreams,
            user: result.counts.userClockStreams
        )
        priority = result.priorityName
        loops = result.loops.map { loop in
            Loop(
                cpu: loop.cpu,
                busy: finite(loop.busy),
                events: loop.events,
                reads: loop.reads,
                wakeups: loop.wakeups,
                involuntarySwitches: loop.involuntarySwitches,
                runQueueWaitS: loop.runQueueWait.map { seconds($0) },
                windowS: seconds(loop.window),
                pausedS: seconds(loop.paused),
                priority: loop.priority.rawValue,
                priorityGivenUpAtS: loop.gaveUpPriorityAtSeconds.flatMap { finite($0) }
            )
        }
        throttledS = result.throttled.map { seconds($0) }
        memoryStallS = result.memoryStall.map { seconds($0) }
        cpuS = CPU(user: seconds(result.cpuUser), system: seconds(result.cpuSystem))
        peakRSSBytes = result.peakResidentBytes > 0 ? result.peakResidentBytes : nil
        cpuNsPerEvent = result.cpuPerEvent
    }
}

extension ResultDocument.ErrorRecord {
    fileprivate init(_ error: ErrorSample, _ redaction: Redaction) {
        kind = error.kind.name
        status = error.status
        count = error.count
        firstAtS = finite(error.firstAtSeconds)
        detail = error.detail.isEmpty ? nil : redaction.apply(to: error.detail)
        if !error.sample.isEmpty {
            sample = String(decoding: redaction.apply(to: error.sample), as: UTF8.self)
        }
    }
}

extension ResultDocument.ThresholdRecord {
    fileprivate init(_ result: ThresholdResult) {
        let threshold = result.threshold
        expression = threshold.expression
        scope = threshold.scope
        metric = threshold.subject.name
        aggregate = threshold.aggregate.name
        `operator` = threshold.comparison.rawValue
        bound = threshold.bound
        // Times are whole nanoseconds in this file.
        value = result.value.flatMap { finite(threshold.subject.isTime ? $0.rounded() : $0) }
        samples = result.samples
        floor = result.floor
        unfinished = result.unfinished > 0 ? result.unfinished : nil
        outcome = result.outcome.rawValue
        sentence = result.sentence
        endedRun = result.hasEndedRun ? true : nil
    }
}

// MARK: - Small conversions

private func seconds(_ nanoseconds: Int64) -> Double { Double(nanoseconds) / 1e9 }

/// JSON has no infinities.
private func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }

private func nanoseconds(_ value: Double) -> Int64? {
    Int64(exactly: value.rounded())
}

private func byName(_ failures: [StreamFailure: UInt64]) -> [String: UInt64] {
    var named: [String: UInt64] = [:]
    for (kind, count) in failures where count > 0 { named[kind.name] = count }
    return named
}

/// Names that a server chose; two that differ only in a secret become one.
private func redacted(_ counts: [String: UInt64], _ redaction: Redaction) -> [String: UInt64] {
    var clean: [String: UInt64] = [:]
    for (name, count) in counts { clean[redaction.apply(to: name), default: 0] += count }
    return clean
}
