// The sums behind a merge: counters, histograms, loops, errors, plans. Every operation here is
// associative and commutative, to the last bit.

import SSEBombCore

extension RunResult {
    /// Both in one, class by class. Both are parts: see `asPart(named:)`.
    func merged(with other: RunResult) -> RunResult {
        let (intervals, step) = TimelineMerge.joined([self, other])
        var both = merged(with: other, intervals, step)
        both.classes = zip(classes, other.classes).map { mine, theirs in
            let results = [mine.result, theirs.result]
            // As long as those of the whole run.
            let intervals = TimelineMerge.joined(results, step: step).intervals
            return ClassResult(
                mine.name,
                mine.result.merged(with: theirs.result, intervals, step)
            )
        }
        return both
    }

    private func merged(
        with other: RunResult,
        _ intervals: [RunInterval],
        _ step: Int
    ) -> RunResult {
        var both = self
        (both.intervals, both.intervalSeconds) = (intervals, step)
        let end = max(startedAt + length, other.startedAt + other.length)
        both.startedAt = min(startedAt, other.startedAt)
        both.length = end - both.startedAt
        both.merged = MergedRun.joined(merged, other.merged, step: step)
        both.measured = both.merged?.window?.length ?? 0
        both.plan = mergedPlan(with: other)
        if let mine = knownStages, let theirs = other.knownStages {
            both.knownStages = zip(mine, theirs).map { $0.merged(with: $1) }
            both.knownStages.map { both.plan.follow($0) }
        }
        // Undetermined where no event allowed to tell: the other knows.
        both.dialect = Dialect(rawValue: max(dialect.rawValue, other.dialect.rawValue)) ?? dialect
        both.dialectOrigin = [self, other].filter { $0.dialect == both.dialect }
            .compactMap(\.dialectOrigin).max { $0.rawValue < $1.rawValue }
        both.pausedByHand = pausedByHand + other.pausedByHand
        both.interruptedBy = [interruptedBy, other.interruptedBy].compactMap { $0 }.max()
        both.isAborted = isAborted || other.isAborted
        both.counts = counts.merged(with: other.counts)
        // Limits that aren't those of both have no name that would be true of the sum.
        if plan.objectives != other.plan.objectives { both.counts.objectives?.missed = [] }
        both.setBases(self, other)
        both.histograms.merge(other.histograms) { $0.merged(with: $1) }
        both.unfinished.merge(other.unfinished) {
            UnfinishedWaits(ages: $0.ages.merged(with: $1.ages))
        }
        both.loops = LoopMerge.sorted(loops + other.loops)
        both.cpuUser = cpuUser + other.cpuUser
        both.cpuSystem = cpuSystem + other.cpuSystem
        both.throttled = sum(throttled, other.throttled)
        both.memoryStall = sum(memoryStall, other.memoryStall)
        both.peakResidentBytes = peakResidentBytes + other.peakResidentBytes
        both.errors = ErrorMerge.joined([self, other], start: both.startedAt)
        both.arrivals = ArrivalReport.joined(
            arrivals,
            other.arrivals,
            isCommon: both.merged?.window != nil
        )
        both.sessions = sessions.map { $0.merged(with: other.sessions) } ?? other.sessions
        return both
    }

    /// A part without tokens has no say in how they were counted.
    private mutating func setBases(_ left: RunResult, _ right: RunResult) {
        func basis(
            _ path: KeyPath<RunCounts, TokenBasis>,
            _ counts: (RunResult) -> Bool
        ) -> TokenBasis {
            let (one, two) = (left.counts[keyPath: path], right.counts[keyPath: path])
            if !counts(right) { return one }
            if !counts(left) { return two }
            return one == two ? one : .mixed
        }
        func has(_ metric: Metric) -> (RunResult) -> Bool {
            { $0.histograms[metric].map { !$0.isEmpty } ?? false }
        }
        counts.tokenBasis = basis(\.tokenBasis) { $0.hasTokens }
        counts.throughputBasis = basis(\.throughputBasis) { $0.hasTokens }
        counts.itlBasis = basis(\.itlBasis, has(.itl))
        counts.tpotBasis = basis(\.tpotBasis, has(.tpot))
    }
}

private func sum<Value: AdditiveArithmetic>(_ left: Value?, _ right: Value?) -> Value? {
    guard let left, let right else { return left ?? right }
    return left + right
}

extension HistogramSnapshot {
    fileprivate func merged(with other: HistogramSnapshot) -> HistogramSnapshot {
        var both = self
        both.merge(other)
        return both
    }
}

extension MergedRun {
    fileprivate static func joined(
        _ left: MergedRun?,
        _ right: MergedRun?,
        step: Int
    ) -> MergedRun? {
        guard let left, let right else { return nil }
        let isSame = left.isSameWindow && right.isSameWindow && left.window == right.window
        var window = isSame ? left.window : nil
        if !isSame, let one = left.window, let two = right.window {
            let both = Window(start: max(one.start, two.start), end: min(one.end, two.end))
            window = both.wholeIntervals(of: step)
        }
        return MergedRun(
            parts: (left.parts + right.parts).sorted(),
            window: window,
            isSameWindow: isSame,
            ranks: left.ranks.flatMap { mine in right.ranks.map { Rank.sorted(mine + $0) } },
            measuredFrom: [left.measuredFrom, right.measuredFrom].compactMap { $0 }.min()
        )
    }
}

extension MergedRun.Rank {
    /// In an order that doesn't depend on theirs.
    fileprivate static func sorted(_ ranks: [Self]) -> [Self] {
        ranks.sorted {
            ($0.rank.number, $0.rank.count, $0.seed) < ($1.rank.number, $1.rank.count, $1.seed)
        }
    }
}

// MARK: - Counts

extension RunCounts {
    fileprivate func merged(with other: RunCounts) -> RunCounts {
        var both = self
        let counters: [WritableKeyPath<RunCounts, UInt64>] = [
            \.started, \.completed, \.failed, \.cancelled, \.cut, \.completedInWindow,
            \.startedOutsideWindow, \.retriedStale, \.dropped, \.waited, \.events, \.tokenEvents,
            \.reasoningEvents, \.toolEvents, \.comments, \.retries, \.unknownEvents,
            \.coalescedAtArrival,
            \.coalescedAtReading, \.streamsOfSeveralTokens, \.streamsInOneLump, \.streamsInBursts,
            \.lateStamps, \.reads, \.stampsReplaced, \.clockSteps, \.fullReads,
            \.kernelClockStreams, \.userClockStreams, \.completionTokens, \.requestsWithPrompt,
            \.bytesReceived, \.bytesSent, \.bytesPlain, \.bytesBody, \.connectionsOpened,
            \.connectionsReused, \.tlsResumed, \.slowReaders,
        ]
        for path in counters { both[keyPath: path] += other[keyPath: path] }
        let usages: [WritableKeyPath<RunCounts, UInt64?>] = [
            \.promptTokens, \.cachedTokens, \.reasoningTokens,
        ]
        for path in usages { both[keyPath: path] = sum(self[keyPath: path], other[keyPath: path]) }
        // What one of them doesn't know, nobody knows of both.
        let laterOnes: [WritableKeyPath<RunCounts, UInt64?>] = [
            \.completedTokens, \.completedPromptTokens, \.requestsWithTokens,
        ]
        for path in laterOnes {
            both[keyPath: path] = self[keyPath: path].flatMap { own in
                other[keyPath: path].map { own + $0 }
            }
        }
        both.backoff += other.backoff
        both.tokensInWindow += other.tokensInWindow
        both.failures.merge(other.failures, uniquingKeysWith: +)
        both.status.merge(other.status, uniquingKeysWith: +)
        both.finishReasons.merge(other.finishReasons, uniquingKeysWith: +)
        both.eventTypes.merge(other.eventTypes, uniquingKeysWith: +)
        both.sendTimes = sendTimes.map { $0.merged(with: other.sendTimes) } ?? other.sendTimes
        both.objectives = objectives.map { $0.merged(with: other.objectives) } ?? other.objectives
        both.subscriptions =
            subscriptions.map { $0.merged(with: other.subscriptions) } ?? other.subscriptions
        both.eventLog = eventLog.map { $0.merged(with: other.eventLog) } ?? other.eventLog
        both.requestLog = requestLog.map { $0.merged(with: other.requestLog) } ?? other.requestLog
        return both
    }
}

extension SendTimeCounts {
    fileprivate func merged(with other: SendTimeCounts?) -> SendTimeCounts {
        var both = self
        both.read += other?.read ?? 0
        both.missing += other?.missing ?? 0
        both.beforeSend += other?.beforeSend ?? 0
        return both
    }
}

extension ObjectiveCounts {
    /// `missed` has a meaning only where both have the same limits.
    fileprivate func merged(with other: ObjectiveCounts?) -> ObjectiveCounts {
        guard let other else { return self }
        var both = self
        both.good += other.good
        both.goodInWindow += other.goodInWindow
        both.bad += other.bad
        both.undecided += other.undecided
        let shared = min(missed.count, other.missed.count)
        both.missed = (0..<shared).map { missed[$0] + other.missed[$0] }
        return both
    }
}

extension SubscriptionCounts {
    fileprivate func merged(with other: SubscriptionCounts?) -> SubscriptionCounts {
        var both = self
        both.accepted += other?.accepted ?? 0
        both.reconnects += other?.reconnects ?? 0
        both.ended += other?.ended ?? 0
        return both
    }
}

extension LogCounts {
    fileprivate func merged(with other: LogCounts?) -> LogCounts {
        var both = self
        both.written += other?.written ?? 0
        both.lost += other?.lost ?? 0
        return both
    }
}

extension StageAccount {
    /// Of stages that last equally long. Levels add; what is known of them is known of both.
    fileprivate func merged(with other: StageAccount) -> StageAccount {
        var both = self
        both.from += other.from
        both.target += other.target
        both.seconds = min(seconds, other.seconds)
        both.asked = asked.flatMap { mine in other.asked.map { mine + $0 } }
        both.achieved = achieved.flatMap { mine in other.achieved.map { mine + $0 } }
        return both
    }
}

extension SessionReport {
    fileprivate func merged(with other: SessionReport?) -> SessionReport {
        guard let other else { return self }
        var both = self
        both.started += other.started
        both.completed += other.completed
        both.failed += other.failed
        both.tooLong += other.tooLong
        var byNumber: [Int: Turn] = [:]
        for turn in turns + other.turns {
            guard var known = byNumber[turn.number] else {
                byNumber[turn.number] = turn
                continue
            }
            known.ttft.merge(turn.ttft)
            known.e2e.merge(turn.e2e)
            byNumber[turn.number] = known
        }
        both.turns = byNumber.values.sorted { $0.number < $1.number }
        return both
    }
}

extension ArrivalReport {
    /// Times between starts of different processes follow no law that was asked for, so the test
    /// of them is left out.
    fileprivate static func joined(
        _ left: ArrivalReport?,
        _ right: ArrivalReport?,
        isCommon: Bool
    ) -> ArrivalReport? {
        guard let left, let right else { return left ?? right }
        var both = ArrivalReport(
            of: left.due + right.due,
            in: isCommon ? max(left.span, right.span) : 0
        )
        both.pacingError = left.pacingError.merged(with: right.pacingError)
        both.greatestDeviation = [left.greatestDeviation, right.greatestDeviation]
            .compactMap { $0 }.max()
        return both
    }
}

// MARK: - Lists

/// The loops of all parts, in an order that doesn't depend on theirs.
enum LoopMerge {
    static func sorted(_ loops: [LoopReport]) -> [LoopReport] {
        loops.map { (key: key($0), loop: $0) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map(\.loop)
    }

    private static func key(_ loop: LoopReport) -> [Double] {
        [
            Double(loop.cpu ?? -1), Double(loop.events), Double(loop.reads), Double(loop.wakeups),
            loop.busy.isFinite ? loop.busy : -1, Double(loop.involuntarySwitches),
            Double(loop.runQueueWait ?? -1), Double(loop.paused), Double(loop.window),
            loop.priority == .normal ? 0 : 1, loop.gaveUpPriorityAtSeconds ?? -1,
        ]
    }
}

/// The kept failures of all parts, one a kind and status.
enum ErrorMerge {
    static func joined(_ results: [RunResult], start: Int64) -> [ErrorSample] {
        var whole: [Key: (at: Int64?, error: ErrorSample)] = [:]
        for result in results {
            for error in result.errors {
                let offset =
                    error.firstAtSeconds.isFinite
                    ? Int64((error.firstAtSeconds * 1e9).rounded()) : nil
                let at = offset.map { result.startedAt + $0 }
                let key = Key(kind: error.kind.rawValue, status: error.status)
                guard let known = whole[key] else {
                    whole[key] = (at, error)
                    continue
                }
                var kept = isEarlier((at, error), known) ? (at: at, error: error) : known
                kept.error.count = error.count + known.error.count
                whole[key] = kept
            }
        }
        return sorted(
            whole.values.map { at, error in
                var shown = error
                shown.firstAtSeconds = at.map { Double($0 - start) / 1e9 } ?? .nan
                return shown
            }
        )
    }

    /// Most frequent first.
    static func sorted(_ errors: [ErrorSample]) -> [ErrorSample] {
        errors.sorted {
            ($1.count, $0.kind.rawValue, $0.status ?? -1)
                < ($0.count, $1.kind.rawValue, $1.status ?? -1)
        }
    }

    private struct Key: Hashable {
        var kind: UInt8
        var status: Int?
    }

    /// Which of two samples is kept: the first, or of two at the same time the one whose words come
    /// first.
    private static func isEarlier(
        _ left: (at: Int64?, error: ErrorSample),
        _ right: (at: Int64?, error: ErrorSample)
    ) -> Bool {
        let (one, two) = (left.at ?? .max, right.at ?? .max)
        if one != two { return one < two }
        if left.error.detail != right.error.detail {
            return left.error.detail < right.error.detail
        }
        return left.error.sample.lexicographicallyPrecedes(right.error.sample)
    }
}

// MARK: - Plans

extension RunResult {
    /// What both ask for together; the rest is that of either, for they are alike, or else of the
    /// one whose description comes first.
    fileprivate func mergedPlan(with other: RunResult) -> RunPlan {
        let (mine, theirs) = (ResultDocument.Plan(self).asPart, ResultDocument.Plan(other).asPart)
        return theirs.isBefore(mine)
            ? other.plan.joined(with: plan) : plan.joined(with: other.plan)
    }
}

extension RunPlan {
    fileprivate func joined(with other: RunPlan) -> RunPlan {
        var both = self
        both.streams = streams + other.streams
        if let mine = arrivals, let theirs = other.arrivals, both.arrivals != nil {
            both.arrivals?.rate = mine.rate + theirs.rate
        }
        both.requests = sum(requests, other.requests)
        if objectives != other.objectives { both.objectives = ServiceObjectives([]) }
        both.threads = threads + other.threads
        both.cpus = Set(cpus + other.cpus).sorted()
        both.addresses = Self.united(addresses, other.addresses)
        both.sourceAddresses = Self.united(sourceAddresses, other.sourceAddresses)
        both.seed = min(seed, other.seed)
        both.loggedStreams = loggedStreams + other.loggedStreams
        // 0 is without a limit.
        let isLimited = connectRate > 0 && other.connectRate > 0
        both.connectRate = isLimited ? connectRate + other.connectRate : 0
        both.storedRequests?.digest = RequestDigest.joined(requestDigest, other.requestDigest)
        return both
    }

    private static func united(
        _ left: [SocketAddress],
        _ right: [SocketAddress]
    ) -> [SocketAddress] {
        Set((left + right).map(\.text)).sorted().map { SocketAddress(knownAs: $0) }
    }
}
