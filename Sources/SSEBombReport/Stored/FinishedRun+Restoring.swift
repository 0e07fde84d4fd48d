// A stored document back as the run it was made of, so that every report is drawn from the same
// value whether the run has just ended or not. What the file doesn't hold (secrets, the request's
// body, keys) stays empty. The plan is in ResultDocument+RestoringPlan.swift.

import SSEBombCore

extension FinishedRun {
    init(restoring document: ResultDocument) throws(ResultFault) {
        let result = try RunResult(restoring: document)
        let verdict = try Verdict(
            restoring: document.verdict,
            parts: document.run.merged?.parts.count
        )
        var thresholds: [ThresholdResult] = []
        for record in document.thresholds ?? [] {
            thresholds.append(try ThresholdResult(restoring: record))
        }
        var environment = RunEnvironment()
        environment.kernel = document.environment.kernel
        environment.machine = document.environment.machine
        environment.cpuModel = document.environment.cpuModel
        environment.cpus = document.environment.cpus
        environment.descriptors = document.environment.limits.descriptors
        environment.ports = document.environment.limits.ports
        environment.tlsLibrary = document.environment.tls?.library
        let context = RunContext(
            toolVersion: document.tool.version,
            labels: document.run.labels,
            command: document.run.command ?? [],
            id: document.run.id,
            environment: environment
        )
        let lanes = try document.streamSample.map { (sample) throws(ResultFault) in
            try sample.lanes(from: result.start, length: result.length)
        }
        let requests = try document.requests.map { (record) throws(ResultFault) in
            try record.requests(startedAt: result.startedAt)
        }
        self.init(
            result,
            verdict: verdict,
            thresholds: thresholds,
            context: context,
            sampled: lanes,
            stored: requests
        )
    }
}

extension RunResult {
    /// So that no instant on the wall clock leaves the range of 64-bit nanoseconds, in seconds.
    private static let (latestStart, longestInterval) = (3_000_000_000, 1 << 23)

    fileprivate init(restoring document: ResultDocument) throws(ResultFault) {
        let run = document.run
        guard let startedAt = Timestamp.nanoseconds(rfc3339: run.startedAt) else {
            throw .field("run.started_at")
        }
        let stages = try document.stages.map(StageAccount.restoring)
        self.init(try RunPlan(restoring: document.plan, stages: stages), startedAt: startedAt)
        knownStages = stages
        measured = try nanoseconds(run.measuredS, "run.measured_s")
        // Before the file had its length, a run was at least as long as its parts.
        length = try nanoseconds(
            run.lengthS ?? document.plan.rampS + document.plan.warmupS + run.measuredS,
            "run.length_s"
        )
        interruptedBy = try Self.signal(run.signal)
        isAborted = run.interrupted && interruptedBy == nil
        try setDialect(document.plan.api)
        dialectOrigin = try document.plan.apiFrom.map { (name) throws(ResultFault) in
            guard let origin = DialectOrigin(rawValue: name) else {
                throw .unknown("plan.api_from", name)
            }
            return origin
        }
        pausedByHand = try nanoseconds(run.pausedS ?? 0, "run.paused_s")
        counts = try RunCounts(restoring: document)
        for (name, record) in document.metrics {
            guard let metric = Metric(rawValue: name) else { continue }
            histograms[metric] = try record.snapshot(name)
            if let waits = record.unfinished { unfinished[metric] = try waits.waits(name) }
        }
        let step = document.intervalS
        guard step >= 1, step <= Self.longestInterval, step & (step - 1) == 0 else {
            throw .field("interval_s")
        }
        intervalSeconds = document.intervalS
        for interval in document.intervals {
            guard interval.startS <= Self.latestStart else { throw .field("intervals.start_s") }
            intervals.append(try RunInterval(restoring: interval, length: intervalSeconds))
        }
        try setClient(document.client)
        for error in document.errors { errors.append(try ErrorSample(restoring: error)) }
        arrivals = try document.arrivals.map(ArrivalReport.init(restoring:))
        sessions = try document.sessions.map(SessionReport.init(restoring:))
        try setWindows(document)
        for record in document.classes ?? [] {
            let part = try RunResult(restoring: document.narrowed(to: record))
            classes.append(ClassResult(record.name, part))
        }
    }

    private mutating func setDialect(_ api: String?) throws(ResultFault) {
        guard let api else { return }
        // The report's own naming, read backwards.
        for raw in UInt8.min...UInt8.max {
            guard let candidate = Dialect(rawValue: raw) else { continue }
            dialect = candidate
            if apiName == api { return }
        }
        throw .unknown("plan.api", api)
    }

    private mutating func setWindows(_ document: ResultDocument) throws(ResultFault) {
        if let record = document.run.merged {
            merged = try MergedRun(
                restoring: record,
                startedAt: startedAt,
                step: Int64(intervalSeconds)
            )
            measured = merged?.window?.length ?? 0
        } else if let tokens = document.rates.tokens, let seconds = measuredSeconds {
            counts.tokensInWindow = TokenSum.exact(tokens * seconds)
        }
        if merged != nil, let tokens = document.counts.tokens?.inWindow {
            counts.tokensInWindow = tokens
        }
        guard let steady = document.rates.steady, let length = document.run.steadyS, length > 0
        else { return }
        let seconds = Double(length)
        self.steady = SteadyWindow(
            startSeconds: document.run.steadyStartS ?? 0,
            seconds: length,
            requests: UInt64(clamping: Int64(clamping: (steady.requests * seconds).rounded())),
            tokens: TokenSum.exact((steady.tokens ?? 0) * seconds),
            events: UInt64(clamping: Int64(clamping: (steady.events * seconds).rounded()))
        )
        let good = ((steady.goodput ?? 0) * seconds).rounded()
        self.steady?.good = UInt64(clamping: Int64(clamping: good))
    }

    private static func signal(_ name: String?) throws(ResultFault) -> Int32? {
        switch name {
        case nil: return nil
        case "SIGHUP": return 1
        case "SIGINT": return 2
        case "SIGTERM": return 15
        case let name?:
            guard name.hasPrefix("signal "), let number = Int32(name.dropFirst(7)), number > 0
            else { throw .unknown("run.signal", name) }
            return number
        }
    }

    private mutating func setClient(_ client: ResultDocument.ClientRecord) throws(ResultFault) {
        for record in client.loops {
            var loop = LoopReport(
                events: record.events,
                window: try nanoseconds(record.windowS ?? 0, "client.loops.window_s")
            )
            loop.cpu = record.cpu
            loop.busy = record.busy ?? .nan
            loop.reads = record.reads
            loop.wakeups = record.wakeups
            loop.involuntarySwitches = record.involuntarySwitches
            loop.runQueueWait = try record.runQueueWaitS.map { (wait) throws(ResultFault) in
                try nanoseconds(wait, "client.loops.run_queue_wait_s")
            }
            loop.paused = try nanoseconds(record.pausedS ?? 0, "client.loops.paused_s")
            if let priority = record.priority {
                guard let known = LoopPriority(rawValue: priority) else {
                    throw .unknown("client.loops.priority", priority)
                }
                loop.priority = known
            }
            loop.gaveUpPriorityAtSeconds = record.priorityGivenUpAtS
            loops.append(loop)
        }
        cpuUser = try nanoseconds(client.cpuS.user, "client.cpu_s.user")
        cpuSystem = try nanoseconds(client.cpuS.system, "client.cpu_s.system")
        throttled = try optionalNanoseconds(client.throttledS, "client.throttled_s")
        memoryStall = try optionalNanoseconds(client.memoryStallS, "client.memory_stall_s")
        peakResidentBytes = client.peakRSSBytes ?? 0
    }
}

extension MergedRun {
    /// - Parameter step: length of an interval, seconds.
    fileprivate init(
        restoring record: ResultDocument.Run.Merged,
        startedAt: Int64,
        step: Int64
    ) throws(ResultFault) {
        self.init(
            parts: record.parts,
            window: nil,
            isSameWindow: record.sameWindow ?? false,
            ranks: try Rank.restoring(record),
            measuredFrom: nil
        )
        if let start = record.firstStartS {
            measuredFrom = startedAt + (try nanoseconds(start, "run.merged.first_start_s"))
        }
        guard let start = record.commonStartS, let length = record.commonS else {
            isSameWindow = false
            return
        }
        // Clocks were moved back to the start of an entry, which may be before the first part's.
        let before = step * Int64(Nanoseconds.seconds(1))
        let offset =
            try nanoseconds(start + Double(step), "run.merged.common_start_s") - before
        let second = Nanoseconds.seconds(1)
        // Once it was an offset from the start, as `firstStartS` is.
        let origin = record.sameWindow == nil ? startedAt : startedAt / second * second
        let end = origin + offset + (try nanoseconds(length, "run.merged.common_s"))
        let exact = Window(start: origin + offset, end: end)
        guard !isSameWindow else {
            guard exact.length > 0 else { throw .field("run.merged.common_s") }
            window = exact
            return
        }
        // Once it was to the nanosecond, and rates were of the intervals in it.
        window = exact.wholeIntervals(of: Int(step))
    }
}

extension MergedRun.Rank {
    fileprivate static func restoring(
        _ record: ResultDocument.Run.Merged
    ) throws(ResultFault) -> [Self]? {
        guard let ranks = record.ranks else { return nil }
        guard ranks.count <= record.parts.count else { throw .field("run.merged.ranks") }
        var all: [Self] = []
        for one in ranks {
            guard one.rank >= 0, one.rank < one.of, one.of <= ProcessRank.most else {
                throw .field("run.merged.ranks")
            }
            all.append(Self(ProcessRank(one.rank, of: one.of), seed: one.seed))
        }
        return all
    }
}

extension ResultDocument {
    /// The document of one class of load alone; what concerns the whole run is that of the run.
    fileprivate func narrowed(to record: ClassRecord) -> ResultDocument {
        var part = self
        (part.classes, part.stages) = (nil, record.stages)
        (part.plan, part.counts, part.arrivals) = (record.plan, record.counts, record.arrivals)
        (part.rates, part.metrics, part.intervals) = (
            record.rates, record.metrics, record.intervals
        )
        (part.errors, part.sessions) = (record.errors, record.sessions)
        // Where a number of requests ends the run, each class ends with its own last one.
        part.run.measuredS = record.measuredS ?? run.measuredS
        (part.run.steadyS, part.run.steadyStartS) = (record.steadyS, nil)
        // A class without kernel stamps has no count of those that were replaced.
        if record.counts.stampsReplaced == nil { part.client.clockStreams.kernel = 0 }
        return part
    }
}

// MARK: - Counts

extension RunCounts {
    fileprivate init(restoring document: ResultDocument) throws(ResultFault) {
        self.init()
        let counts = document.counts
        let requests = counts.requests
        started = requests.started
        completed = requests.completed
        failed = requests.failed
        cancelled = requests.cancelled
        cut = requests.cut
        dropped = requests.dropped ?? 0
        waited = document.arrivals?.waited ?? 0
        completedInWindow = requests.completedInWindow
        startedOutsideWindow = requests.outsideWindow
        retriedStale = requests.retriedStale
        backoff = try nanoseconds(requests.backoffS, "counts.requests.backoff_s")
        failures = try byKind(counts.failures, "counts.failures")
        for (code, count) in counts.status {
            guard let code = Int(code) else { throw .field("counts.status") }
            status[code] = count
        }
        slowReaders = requests.slowReaders ?? 0
        subscriptions = counts.subscriptions.map {
            var subscriptions = SubscriptionCounts()
            subscriptions.accepted = $0.accepted
            subscriptions.reconnects = $0.reconnects
            subscriptions.ended = $0.ended
            return subscriptions
        }
        finishReasons = counts.finishReasons
        events = counts.events
        tokenEvents = counts.tokenEvents
        reasoningEvents = counts.reasoningEvents
        toolEvents = counts.toolEvents ?? 0
        eventTypes = counts.eventTypes
        comments = counts.comments
        retries = counts.retries
        unknownEvents = counts.unknownEvents
        bytesReceived = counts.bytes.received
        bytesSent = counts.bytes.sent
        bytesPlain = counts.bytes.plaintext ?? 0
        bytesBody = counts.bytes.body
        connectionsOpened = counts.connections.opened
        connectionsReused = counts.connections.reused
        tlsResumed = counts.connections.tlsResumed ?? 0
        setStamps(document)
        setObjectives(document)
        try checkSums(of: document)
        try setTokens(document)
    }

    /// What has to add up (docs/RESULT-FORMAT.md, "counts").
    private func checkSums(of document: ResultDocument) throws(ResultFault) {
        guard started == completed + failed + cancelled + cut else {
            throw .field("counts.requests: those that ended aren't those that started")
        }
        guard failures.values.reduce(0, +) == failed else {
            throw .field("counts.failures: the kinds don't add up to requests.failed")
        }
        // Once the whole of classes with rates of their own had no number of dropped arrivals.
        guard let objectives, document.classes == nil else { return }
        guard objectives.good + objectives.bad + objectives.undecided <= started + dropped,
            objectives.goodInWindow <= objectives.good
        else { throw .field("counts.slo: more were judged than there are") }
    }

    private mutating func setObjectives(_ document: ResultDocument) {
        guard let record = document.counts.slo else { return }
        var counts = ObjectiveCounts()
        counts.good = record.good
        counts.goodInWindow = record.goodInWindow
        counts.bad = record.bad
        counts.undecided = record.undecided
        counts.missed = (document.plan.slo ?? []).map { record.missed[$0.limit] ?? 0 }
        objectives = counts
    }

    private mutating func setStamps(_ document: ResultDocument) {
        let counts = document.counts
        coalescedAtArrival = counts.coalesced.atArrival
        coalescedAtReading = counts.coalesced.atReading
        lateStamps = counts.lateStamps ?? 0
        streamsOfSeveralTokens = counts.lumps?.of ?? 0
        streamsInOneLump = counts.lumps?.streams ?? 0
        streamsInBursts = counts.lumps?.bursts ?? 0
        stampsReplaced = counts.stampsReplaced ?? 0
        clockSteps = counts.clockSteps ?? 0
        fullReads = counts.fullReads
        reads = document.client.loops.reduce(0) { $0 + $1.reads }
        kernelClockStreams = document.client.clockStreams.kernel
        userClockStreams = document.client.clockStreams.user
        sendTimes = counts.sentAt.map {
            var times = SendTimeCounts()
            (times.read, times.missing, times.beforeSend) = ($0.read, $0.missing, $0.beforeSend)
            return times
        }
        eventLog = counts.eventLog.map { LogCounts($0) }
        requestLog = counts.requestLog.map { LogCounts($0) }
    }

    private mutating func setTokens(_ document: ResultDocument) throws(ResultFault) {
        func basis(_ name: String?, _ field: String) throws(ResultFault) -> TokenBasis {
            guard let name else { return .event }
            guard let basis = TokenBasis(rawValue: name) else { throw .unknown(field, name) }
            return basis
        }
        throughputBasis = try basis(document.rates.basis, "rates.basis")
        itlBasis = try basis(document.metrics["itl"]?.basis, "metrics.itl.basis")
        tpotBasis = try basis(document.metrics["tpot"]?.basis, "metrics.tpot.basis")
        guard let tokens = document.counts.tokens else { return }
        completionTokens = tokens.completion
        promptTokens = tokens.prompt
        requestsWithPrompt = tokens.requestsWithPrompt ?? 0
        completedTokens = tokens.ofCompleted
        completedPromptTokens = tokens.promptOfCompleted ?? (tokens.ofCompleted == nil ? nil : 0)
        requestsWithTokens = tokens.requestsWithTokens
        cachedTokens = tokens.cached
        reasoningTokens = tokens.reasoning
        tokenBasis = try basis(tokens.basis, "counts.tokens.basis")
    }
}

extension LogCounts {
    fileprivate init(_ record: ResultDocument.Counts.Log) {
        self.init()
        (written, lost) = (record.written, record.lost)
    }
}

// MARK: - Histograms

extension ResultDocument.MetricRecord {
    /// The samples; the figures beside them have to be theirs.
    func snapshot(_ name: String) throws(ResultFault) -> HistogramSnapshot {
        guard let histogram else {
            guard count == 0 else { throw .field("metrics.\(name).histogram is missing") }
            return HistogramSnapshot()
        }
        let decoded = try decode(histogram, "metrics.\(name).histogram")
        guard decoded.count == count else { throw .field("metrics.\(name).count") }
        guard !decoded.isEmpty else { return decoded }
        // Files without a sum have the mean, to a nanosecond.
        let sum =
            sum
            ?? mean.flatMap { mean in
                let (product, overflow) = UInt64(clamping: mean).multipliedReportingOverflow(
                    by: count
                )
                return overflow ? nil : product
            }
        guard let min, let max,
            let whole = decoded.completed(sum: sum, min: min, max: max, clipped: clipped ?? 0)
        else { throw .field("metrics.\(name): the figures aren't those of the histogram") }
        return whole
    }
}

extension ResultDocument.MetricRecord.Unfinished {
    /// Without a histogram of the ages, all of them are as great as the greatest.
    fileprivate func waits(_ name: String) throws(ResultFault) -> UnfinishedWaits {
        guard let histogram else {
            return UnfinishedWaits(ages: HistogramSnapshot(count, of: greatestAge))
        }
        let decoded = try decode(histogram, "metrics.\(name).unfinished.histogram")
        guard decoded.count == count,
            let whole = decoded.completed(
                sum: nil,
                min: min(decoded.min, greatestAge),
                max: greatestAge,
                clipped: 0
            )
        else { throw .field("metrics.\(name).unfinished") }
        return UnfinishedWaits(ages: whole)
    }
}

extension RunInterval {
    fileprivate init(
        restoring record: ResultDocument.IntervalRecord,
        length: Int
    ) throws(ResultFault) {
        self.init(from: record.startS, length: length)
        started = record.requests.started
        completed = record.requests.completed
        // Before intervals had it, merged rates were of all that completed.
        completedInWindow = record.requests.completedInWindow ?? completed
        failed = record.requests.failed
        cancelled = record.requests.cancelled ?? 0
        good = record.requests.good ?? 0
        bad = record.requests.bad ?? 0
        goodInWindow = record.requests.goodInWindow ?? good
        events = record.events
        tokenEvents = record.tokenEvents
        inFlight = record.inFlight ?? .nan
        busiest = record.busy ?? .nan
        ttft = try record.ttft.snapshot("ttft")
        gap = try record.gap.snapshot("gap")
        tpot = try record.tpot?.snapshot("tpot") ?? HistogramSnapshot()
        e2e = try record.e2e?.snapshot("e2e") ?? HistogramSnapshot()
        failures = try byKind(record.failures, "intervals.failures")
    }
}

extension ResultDocument.IntervalRecord.Latency {
    fileprivate func snapshot(_ name: String) throws(ResultFault) -> HistogramSnapshot {
        guard let histogram else {
            guard count == 0 else { throw .field("intervals.\(name).histogram is missing") }
            return HistogramSnapshot()
        }
        let decoded = try decode(histogram, "intervals.\(name).histogram")
        guard decoded.count == count else { throw .field("intervals.\(name).count") }
        return decoded
    }
}

private func decode(_ text: String, _ field: String) throws(ResultFault) -> HistogramSnapshot {
    do throws(HistogramDecodingError) {
        return try HistogramSnapshot.decode(base64: text)
    } catch {
        throw .field("\(field): \(error)")
    }
}

// MARK: - The rest

extension ArrivalReport {
    fileprivate init(restoring record: ResultDocument.Arrivals) throws(ResultFault) {
        self.init(of: record.due, in: try nanoseconds(record.spanS ?? 0, "arrivals.span_s"))
        if let histogram = record.pacingError.histogram {
            let decoded = try decode(histogram, "arrivals.pacing_error.histogram")
            let greatest = record.pacingError.max ?? decoded.max
            guard decoded.count == record.pacingError.count,
                let whole = decoded.completed(
                    sum: nil,
                    min: min(decoded.min, greatest),
                    max: greatest,
                    clipped: 0
                )
            else { throw .field("arrivals.pacing_error") }
            pacingError = whole
        }
        test = record.ks.map {
            KolmogorovSmirnov(statistic: $0.statistic, count: $0.n, pValue: $0.pValue)
        }
        greatestDeviation = record.greatestDeviation
    }
}

extension ErrorSample {
    fileprivate init(restoring record: ResultDocument.ErrorRecord) throws(ResultFault) {
        guard let kind = StreamFailure(named: record.kind) else {
            throw .unknown("errors.kind", record.kind)
        }
        self.init(kind, count: record.count)
        status = record.status
        firstAtSeconds = record.firstAtS ?? .nan
        detail = record.detail ?? ""
        sample = Array((record.sample ?? "").utf8)
    }
}

extension StreamFailure {
    /// The kind with this word; nil for any other word.
    init?(named name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

private func byKind(
    _ counts: [String: UInt64],
    _ field: String
) throws(ResultFault) -> [StreamFailure: UInt64] {
    var kinds: [StreamFailure: UInt64] = [:]
    for (name, count) in counts {
        guard let kind = StreamFailure(named: name) else { throw .unknown(field, name) }
        kinds[kind] = count
    }
    return kinds
}
