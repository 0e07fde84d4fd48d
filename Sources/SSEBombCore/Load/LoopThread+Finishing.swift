// How requests end: the executor of the life cycle's actions, time limits, records at the end, and
// what the slot does next.

import CSupport
import Glibc

/// When a stream counts as one lump (METRICS: bursts).
enum LumpRule {
    /// With fewer tokens a lump is no news.
    static let leastTokens: UInt32 = 4
    /// Greatest share of `e2e` that the time from the first to the last token takes.
    static let greatestShare = 0.01
}

extension LoopThread {
    // MARK: Actions

    /// Carries out what the life cycle asks for. A few times a request.
    @inline(never)
    mutating func perform(
        _ action: StreamAction,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant,
        detail: () -> String = { "" }
    ) {
        switch action {
        case .wait: break
        case .connect: openConnection(index, slot, now)
        case .secure: startTLS(index, slot, now)
        case .send: send(index, slot, now)
        case .collectSample: armLimit(index, slot, now)
        case .finish(let outcome, let fate):
            if case .failed(let kind) = outcome, !slot.pointee.flags.contains(.errorKept) {
                keepError(kind, slot, now, detail: detail)
            }
            finish(outcome, slot, now)
            if log != nil { coldLogRequest(outcome, index, slot, now) }
            if let requests { coldRecordRequest(requests, outcome, index, slot, now) }
            if isTraced, fate != .settle { traceEnd(slot, outcome, now, reusable: fate == .keep) }
            release(fate, index, slot, now)
        case .dispose(let fate): release(fate, index, slot, now)
        case .retryFresh:
            stats.count(.retriedStale)
            closeConnection(slot)
            slot.pointee.sentBytes = 0
            slot.pointee.send0 = .none
            slot.pointee.head.release(to: pool)
            openConnection(index, slot, now)
        }
    }

    /// Ends the request badly, with a reason that is put into words only if it is the first.
    @inline(never)
    mutating func fail(
        _ kind: StreamFailure,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant,
        detail: () -> String
    ) {
        perform(slot.pointee.life.fail(kind), index, slot, now, detail: detail)
    }

    /// As `fail`, where the error log has the example already.
    @inline(never)
    mutating func failRecorded(
        _ kind: StreamFailure,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        slot.pointee.flags.insert(.errorKept)
        perform(slot.pointee.life.fail(kind), index, slot, now)
    }

    /// The connection is gone, with whatever that means for the request.
    @inline(never)
    mutating func lost(
        _ kind: StreamFailure,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant,
        endsMessage: Bool = false,
        detail: () -> String
    ) {
        let action = slot.pointee.life.connectionLost(
            kind,
            endsMessage: endsMessage,
            bodyEndCompletes: bodyEndCompletes(slot)
        )
        perform(action, index, slot, now, detail: detail)
    }

    private func keepError(
        _ kind: StreamFailure,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant,
        detail: () -> String
    ) {
        _ = errors.record(
            kind,
            status: slot.pointee.status,
            at: now,
            of: slot.pointee.number,
            detail: detail
        )
    }

    // MARK: Time limits

    /// Arms the timer for the earliest limit of the slot's state. Activity only moves limits back,
    /// so the timer is not touched per event: it looks again when it fires.
    func armLimit(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>, _ now: Instant) {
        var (deadline, _) = limit(slot)
        if slot.pointee.flags.contains(.pausesReading) {
            deadline = min(deadline, slot.pointee.nextRead)
        }
        if deadline == .distantFuture {
            wheel.disarm(index)
        } else {
            wheel.arm(index, at: deadline)
        }
    }

    @inline(never)
    mutating func checkLimit(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        if slot.pointee.flags.contains(.pausesReading), now >= slot.pointee.nextRead {
            readOn(index, slot)
        }
        let (deadline, kind) = limit(slot)
        let isWaitingForRoom = slot.pointee.life.state == .connecting && slot.pointee.fd < 0
        if isWaitingForRoom, now < deadline { return openConnection(index, slot, now) }
        if now < deadline { return armLimit(index, slot, now) }
        if deadline == slot.pointee.leaves {
            return perform(slot.pointee.life.cut(), index, slot, now)
        }
        guard let kind else { return cancel(index, slot, now) }
        fail(kind, index, slot, now) { "no answer within the time limit" }
    }

    /// The earliest limit that applies now, and the kind of failure it answers with; nil where that
    /// is the user's patience.
    private func limit(_ slot: UnsafeMutablePointer<StreamSlot>) -> (Instant, StreamFailure?) {
        var earliest = Instant.distantFuture
        var kind: StreamFailure? = .timeoutTotal
        func consider(_ from: Instant, _ time: Int64?, _ answer: StreamFailure?) {
            guard let time, from.isSet, from + time < earliest else { return }
            earliest = from + time
            kind = answer
        }
        let times = plan.timeouts
        let start = slot.pointee.conn0.isSet ? slot.pointee.conn0 : slot.pointee.send0
        switch slot.pointee.life.state {
        case .idle: return (.distantFuture, kind)
        case .connecting, .securing:
            consider(slot.pointee.conn0, times.connect, .connectTimeout)
        case .sending, .awaitingHead:
            consider(slot.pointee.send0, times.header, .timeoutHeader)
            consider(slot.pointee.send0, times.firstEvent, .timeoutFirstEvent)
        case .streaming:
            if !slot.pointee.ev0.isSet {
                consider(slot.pointee.send0, times.firstEvent, .timeoutFirstEvent)
            }
            consider(slot.pointee.lastRead, times.idle, .timeoutIdle)
        case .sampling:
            consider(slot.pointee.entered, Self.longestSampling, .timeoutIdle)
            return (earliest, kind)
        case .settling:
            consider(slot.pointee.entered, Self.longestSettling, .timeoutIdle)
            return (earliest, kind)
        }
        consider(start, times.total, .timeoutTotal)
        if slot.pointee.leaves.isSet { earliest = min(earliest, slot.pointee.leaves) }
        let patience = slot.pointee.cancelAfter
        if patience >= 0 { consider(start, patience, nil) }
        return (earliest, kind)
    }

    /// How long the body of a refused response may take; then what there is makes the sample.
    private static var longestSampling: Int64 { Nanoseconds.seconds(1) }
    /// How long a completed stream's connection may take to bring the rest of the message. The slot
    /// waits for it, so it is short: a new connection costs less than a slot that stands idle.
    private static var longestSettling: Int64 { Nanoseconds.milliseconds(20) }

    // MARK: Records

    /// Records a request that is over.
    @inline(never)
    private mutating func finish(
        _ outcome: StreamOutcome,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        changeInFlight(by: -1, at: now)
        lastFinish = now
        let belongs = slot.pointee.flags.contains(.belongs)
        let isOfWindow = slot.pointee.flags.isOfWindow
        if isOfWindow { countTokens(slot, completed: outcome == .completed) }
        if plan.objectives != nil { coldJudge(outcome, slot, now) }
        switch outcome {
        case .completed:
            slot.pointee.failuresInRow = 0
            slot.pointee.flags.remove(.failedLast)
            stats.count(.completed)
            guard isOfWindow else { break }
            stats.count(.windowCompleted)
            if now < windows.measureEnd { stats.count(.windowCompletedInside) }
            // What says that there is nothing more is no stream.
            let isStream = !slot.pointee.flags.contains(.endsSubscription)
            if belongs, isStream { recordCompleted(slot, now) }
        case .failed(let kind):
            slot.pointee.failuresInRow &+= slot.pointee.failuresInRow < 1_000 ? 1 : 0
            slot.pointee.flags.insert(.failedLast)
            stats.count(.failed)
            stats.failures.add(1, at: Int(kind.rawValue))
            guard isOfWindow else { break }
            stats.count(.windowFailed)
            stats.windowFailures.add(1, at: Int(kind.rawValue))
            if belongs { unfinished.add(slot.pointee, now: now) }
        case .cancelled:
            slot.pointee.failuresInRow = 0
            slot.pointee.flags.remove(.failedLast)
            stats.count(.cancelled)
            guard isOfWindow else { break }
            stats.count(.windowCancelled)
            if belongs { unfinished.addCancelled(slot.pointee, now: now) }
        case .cut:
            stats.count(.cut)
            guard isOfWindow else { break }
            stats.count(.windowCut)
            if belongs { unfinished.add(slot.pointee, now: now) }
        }
        slot.pointee.flags.insert(.awaitsRelease)
    }

    private func recordCompleted(_ slot: UnsafeMutablePointer<StreamSlot>, _ done: Instant) {
        let request = slot.pointee
        stats.e2e.record(done - request.send0)
        stats.e2eSched.record(done - request.sched)
        stats.turns?.e2e(Int(request.turn)).record(done - request.send0)
        recordServerTimes(request.serverTimes)
        guard request.tok0.isSet else { return }
        stats.lastToken.record(request.tokN - request.send0)
        if request.maxGap >= 0 { stats.maxGap.record(request.maxGap) }
        noteLump(request, done)
        if let time = request.timePerToken {
            stats.tpot.record(time)
            stats.count(request.flags.contains(.hasUsage) ? .tpotByUsage : .tpotByEvent)
        }
    }

    private func recordServerTimes(_ times: ServerTimes) {
        if times.isEmpty { return }
        if times.prefill >= 0 { stats.serverPrefill.record(times.prefill) }
        if times.decode >= 0 { stats.serverDecode.record(times.decode) }
        if times.queue >= 0 { stats.serverQueue.record(times.queue) }
    }

    /// Counts a stream whose tokens came in bursts, or all in one lump. The true time from the
    /// first to the last of them is at most the one by stamps and the first read's stamp window
    /// together.
    private func noteLump(_ request: StreamSlot, _ done: Instant) {
        guard request.tokens >= LumpRule.leastTokens else { return }
        stats.count(.streamsOfSeveralTokens)
        // What did not share reads was sent one by one, however fast.
        guard UInt64(request.coalescedGaps) * 2 > UInt64(request.tokens) - 1 else { return }
        stats.burstWindow.record(request.longestWindow)
        let span = (request.tokN - request.tok0) + request.longestWindow
        guard Double(span) < LumpRule.greatestShare * Double(done - request.send0) else { return }
        stats.lumpWindow.record(request.longestWindow)
    }

    private func countTokens(_ slot: UnsafeMutablePointer<StreamSlot>, completed: Bool) {
        let request = slot.pointee
        let tokens = UInt64(clamping: request.completionTokens)
        stats.count(.completionTokens, tokens)
        if tokens > 0 { stats.count(.requestsWithTokens) }
        if completed {
            stats.count(.completedTokens, tokens)
            stats.count(.completedPromptTokens, UInt64(max(0, request.promptTokens)))
        }
        countReported(request.promptTokens, .promptTokens, .requestsWithPrompt)
        countReported(request.cachedTokens, .cachedTokens, .requestsWithCached)
        countReported(request.reasoningTokens, .reasoningTokens, .requestsWithReasoning)
        guard request.tokens > 0 else { return }
        let hasUsage = request.flags.contains(.hasUsage)
        stats.count(hasUsage ? .requestsWithUsage : .requestsWithoutUsage)
        guard completed, !request.flags.contains(.runningUsage) else { return }
        stats.count(.scaledEvents, UInt64(request.tokens))
        stats.count(.scaledTokens, tokens)
        if !hasUsage { stats.count(.unscaledStreams) }
    }

    /// Counts a figure that a usage may leave out (-1): left out is not 0.
    private func countReported(_ tokens: Int64, _ sum: Counter, _ requests: Counter) {
        guard tokens >= 0 else { return }
        stats.count(sum, UInt64(tokens))
        stats.count(requests)
    }

    // MARK: What comes next

    /// Deals with the connection, and frees the slot unless the connection has to settle first.
    private mutating func release(
        _ fate: ConnectionFate,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        switch fate {
        case .settle:
            slot.pointee.entered = now
            slot.pointee.flags.insert(.settles)
            armLimit(index, slot, now)
            return
        case .keep: break
        case .close: closeConnection(slot)
        }
        guard slot.pointee.flags.contains(.awaitsRelease) else { return }
        slot.pointee.flags.remove(.awaitsRelease)
        if isTraced, slot.pointee.flags.contains(.settles) {
            traceEnd(slot, .completed, slot.pointee.entered, reusable: fate == .keep)
        }
        slot.pointee.head.release(to: pool)
        slot.pointee.endBody(keepsID: plan.eventSource, pool: pool)
        slot.pointee.rendered.release(to: pool)
        scheduleNext(index, slot, now)
    }

    private mutating func scheduleNext(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        wheel.disarm(index)
        if let sessions = plan.sessions, coldContinueSession(sessions, index, slot, now) { return }
        if isStopping || now >= windows.measureEnd { return retire(index, slot) }
        // Open model: arrivals come whatever became of the last one.
        if isOpen { return freeSlot(index, slot) }
        var pause = plan.think
        if plan.eventSource {
            guard let delay = reconnectionDelay(index, slot, now) else {
                return retire(index, slot)
            }
            pause = max(pause, delay)
        } else if slot.pointee.flags.contains(.failedLast) {
            pause = max(pause, backOff(slot))
            slot.pointee.flags.insert(.backsOff)
            slot.pointee.entered = now
        }
        if isStaged { return coldScheduleStaged(index, slot, notBefore: now + pause, now) }
        // Closed model: the load model wants the next request at the instant the slot is free.
        slot.pointee.sched = now + pause
        if pause == 0 { ready.push(index) } else { wheel.arm(index, at: now + pause) }
    }

    /// 100 ms, doubled with each failure in a row up to 5 s, times a random factor in [0.5, 1): a
    /// server that is down meets neither a spinning client nor a thundering herd when it comes
    /// back.
    mutating func backOff(_ slot: UnsafeMutablePointer<StreamSlot>) -> Int64 {
        let doublings = min(Int64(slot.pointee.failuresInRow) - 1, 6)
        let full = min(Nanoseconds.milliseconds(100) << max(0, doublings), Nanoseconds.seconds(5))
        return Int64(Double(full) * (0.5 + 0.5 * random.unit()))
    }

    /// Counts the time that a slot has spent waiting after a failure.
    func endBackOff(_ slot: UnsafeMutablePointer<StreamSlot>, _ now: Instant) {
        guard slot.pointee.flags.contains(.backsOff) else { return }
        slot.pointee.flags.remove(.backsOff)
        stats.count(.backoffNanoseconds, UInt64(max(0, now - slot.pointee.entered)))
    }

    /// Ends the slot's part in the run.
    mutating func retire(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        guard !slot.pointee.flags.contains(.retired) else { return }
        closeConnection(slot)
        wheel.disarm(index)
        let now = Instant.now()
        endBackOff(slot, now)
        if plan.eventSource { endSubscriber(slot, now) }
        if slot.pointee.turn > 0 { forgetSession(slot) }
        slot.pointee.flags.remove(.hasTicket)
        slot.pointee.flags.insert(.retired)
        liveSlots -= 1
    }

    /// Closes the slot's connection, if it has one. Its queued events are recognised by generation.
    mutating func closeConnection(_ slot: UnsafeMutablePointer<StreamSlot>) {
        if let session = slot.pointee.tls {
            let isClean =
                slot.pointee.life.state == .idle && !slot.pointee.flags.contains(.failedLast)
            session.close(notify: isClean)
            slot.pointee.tls = nil
        }
        guard slot.pointee.fd >= 0 else { return }
        // The last reference to the socket: closing also takes it out of epoll.
        close(slot.pointee.fd)
        slot.pointee.fd = -1
        slot.pointee.generation &+= 1
        slot.pointee.interest = 0
    }
}
