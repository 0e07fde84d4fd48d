// From payload to measurement: SSE events, tokens, usage, the end of the stream. The heart of the
// hot path: runs once per event, allocates nothing, asks nobody.

import CSupport

extension LoopThread {
    /// Payload of the body, without framing.
    @inline(__always)
    mutating func payload(
        _ bytes: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        stats.count(.bytesBody, UInt64(bytes.count))
        guard slot.pointee.life.state == .streaming else {
            return coldPayload(bytes, index, slot, arrival)
        }
        var offset = 0
        while true {
            switch slot.pointee.sse.next(bytes, &offset, pool: pool) {
            case .needMore: return
            case .event:
                event(index, slot, &arrival)
                if slot.pointee.life.state != .streaming { return }
            case .comment:
                arrival.hasMore = true
                coldComment(slot, arrival)
            case .retry(let milliseconds):
                arrival.hasMore = true
                coldRetry(milliseconds, slot, arrival)
            case .failure(let error): return coldSSEFailure(error, index, slot, arrival)
            }
        }
    }

    /// One dispatched event.
    @inline(__always)
    private mutating func event(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        arrival.events &+= 1
        if slot.pointee.events < .max { slot.pointee.events &+= 1 }
        stats.count(.events)
        if arrival.isMeasured { stats.count(.windowEvents) }
        if slot.pointee.events == 1 { coldFirstEvent(slot, arrival) }
        let data = slot.pointee.sse.data
        let type = slot.pointee.sse.eventType
        if !type.isEmpty, arrival.isMeasured { eventTypes.count(type) }
        if !until.isEmpty, coldIsUntil(data) {
            arrival.hasMore = true
            if isObserved { coldObserveUntil(index, slot, arrival) }
            return coldComplete(index, slot, arrival)
        }
        var facts = TokenProbe.read(
            data,
            eventType: type,
            dialect: &slot.pointee.dialect,
            fields: fields
        )
        if slot.pointee.dialect != dialect || facts.contents == .unknown {
            coldRecognise(&facts, slot)
        }
        if isObserved { observe(index, slot, facts, arrival) }
        if facts.isTokenBearing {
            token(facts, slot, &arrival)
        } else {
            arrival.hasMore = true
        }
        if !facts.contents.isDisjoint(with: [.finish, .usage, .error, .done, .unknown, .times]) {
            coldRareFacts(facts, index, slot, arrival)
            if slot.pointee.life.state != .streaming { return }
        }
        if slot.pointee.flags.contains(.cancelsByTokens) {
            coldCancelByTokens(index, slot, arrival)
            if slot.pointee.life.state != .streaming { return }
        }
        if let most = plan.maxEvents, UInt64(slot.pointee.events) >= most {
            // The server goes on for who knows how long: waiting for its end would leave the slot
            // idle.
            slot.pointee.flags.remove(.mayReuse)
            coldComplete(index, slot, arrival)
        }
    }

    /// One token-bearing event.
    @inline(__always)
    private mutating func token(
        _ facts: EventFacts,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        let at = arrival.at
        stats.count(.tokenEvents)
        if slot.pointee.tokens > 0 {
            // Stamps of one stream don't run backwards, but a replaced one can exceed its
            // successor.
            let gap = max(0, at - slot.pointee.tokN)
            if gap > slot.pointee.maxGap { slot.pointee.maxGap = gap }
            if slot.pointee.flags.contains(.belongs) { stats.gap.record(gap) }
            if slot.pointee.flags.contains(.runningUsage) {
                runningGap(gap, facts.completionTokens, slot, arrival)
            } else {
                if slot.pointee.flags.contains(.belongs) { stats.itl.record(gap) }
                if arrival.isMeasured { stats.count(.windowRunningTokens) }
            }
        } else {
            coldFirstToken(facts, slot, arrival)
        }
        if arrival.isMeasured {
            stats.count(.windowTokenEvents)
            if facts.contents.intersection(.tokens) != .content { coldCountKind(facts) }
        }
        if !facts.isReasoningOnly, !slot.pointee.flags.contains(.hasOutput) {
            coldFirstOutput(slot, arrival)
        }
        slot.pointee.tokN = at
        if slot.pointee.tokens < .max { slot.pointee.tokens &+= 1 }
        arrival.tokens &+= 1
        arrival.hasMore = false
    }

    /// A token-bearing event with something else than visible text.
    @inline(never)  // Keeps the usual event's path short.
    private func coldCountKind(_ facts: EventFacts) {
        switch facts.contents.intersection(.tokens) {
        case .reasoning: stats.count(.windowReasoningEvents)
        case .toolCall: stats.count(.windowToolEvents)
        default: break
        }
    }

    /// A gap of a stream with running token counts: divided by the tokens it brought, and entered
    /// that often; one that brought none is carried to the next (METRICS: itl).
    @inline(never)
    private mutating func runningGap(
        _ gap: Int64,
        _ count: Int64,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let whole = slot.pointee.carriedGap + gap
        let delta = count - slot.pointee.runningTokens
        guard count >= 0, delta > 0 else {
            slot.pointee.carriedGap = whole
            return
        }
        slot.pointee.carriedGap = 0
        slot.pointee.runningTokens = count
        if slot.pointee.flags.contains(.belongs) {
            stats.itl.record(whole / delta, count: UInt64(delta))
        }
        if arrival.isMeasured { stats.count(.windowRunningTokens, UInt64(delta)) }
    }

    /// The stream's end was seen.
    @inline(never)
    private mutating func coldComplete(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let mayReuse = slot.pointee.flags.contains(.mayReuse)
        keepLongestWindow(slot, arrival)
        perform(slot.pointee.life.completedAtMarker(mayReuse: mayReuse), index, slot, arrival.at)
    }

    // MARK: Once or a few times a request

    @inline(never)
    private mutating func coldRareFacts(
        _ facts: EventFacts,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        if facts.contents.contains(.unknown) { stats.count(.unknownEvents) }
        if facts.contents.contains(.usage) { noteUsage(facts, slot) }
        if facts.contents.contains(.times) { slot.pointee.serverTimes.update(with: facts.times) }
        if facts.contents.contains(.finish) {
            slot.pointee.flags.insert(.hasFinish)
            if slot.pointee.flags.isOfWindow { finishReasons.count(facts.finishReason) }
            if let requests { coldNoteFinish(requests, index, facts.finishReason) }
        }
        if facts.contents.contains(.error) {
            let entry = errors.record(
                .errorEvent,
                status: slot.pointee.status,
                at: arrival.at,
                of: slot.pointee.number
            ) { "the stream carried an error" }
            if let entry { errors.append(slot.pointee.sse.data, to: entry) }
            return failRecorded(.errorEvent, index, slot, arrival.at)
        }
        if facts.contents.contains(.done) { coldComplete(index, slot, arrival) }
    }

    private func noteUsage(_ facts: EventFacts, _ slot: UnsafeMutablePointer<StreamSlot>) {
        // A usage without a completion count says nothing about N.
        if facts.completionTokens >= 0 {
            slot.pointee.flags.insert(.hasUsage)
            slot.pointee.usageTokens = facts.completionTokens
        }
        if facts.promptTokens >= 0 { slot.pointee.promptTokens = facts.promptTokens }
        if facts.cachedTokens >= 0 { slot.pointee.cachedTokens = facts.cachedTokens }
        if facts.reasoningTokens >= 0 { slot.pointee.reasoningTokens = facts.reasoningTokens }
    }

    @inline(never)
    private mutating func coldFirstEvent(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        slot.pointee.ev0 = arrival.at
        if slot.pointee.flags.contains(.belongs) {
            stats.ttfe.record(arrival.at - slot.pointee.send0)
        }
    }

    @inline(never)
    private mutating func coldFirstToken(
        _ facts: EventFacts,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let at = arrival.at
        slot.pointee.tok0 = at
        if facts.completionTokens > 0 {
            slot.pointee.firstTokens = facts.completionTokens
            slot.pointee.runningTokens = facts.completionTokens
            slot.pointee.flags.insert(.runningUsage)
        }
        if arrival.isMeasured {
            stats.count(.windowRunningTokens, UInt64(slot.pointee.firstTokens))
        }
        let isRunning = slot.pointee.flags.contains(.runningUsage)
        stats.count(isRunning ? .runningUsageStreams : .eventBasisStreams)
        guard slot.pointee.flags.contains(.belongs) else { return }
        stats.count(isRunning ? .windowRunningStreams : .windowEventStreams)
        stats.ttft.record(at - slot.pointee.send0)
        stats.ttftSched.record(at - slot.pointee.sched)
        stats.turns?.ttft(Int(slot.pointee.turn)).record(at - slot.pointee.send0)
        if slot.pointee.flags.contains(.fresh) { stats.ttftFresh.record(at - slot.pointee.conn0) }
    }

    @inline(never)
    private mutating func coldFirstOutput(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        slot.pointee.out0 = arrival.at
        slot.pointee.flags.insert(.hasOutput)
        if slot.pointee.flags.contains(.belongs) {
            stats.ttfo.record(arrival.at - slot.pointee.send0)
        }
    }

    /// Settles the dialect. A stream whose first event has no known shape is raw (every event is an
    /// event). Where the path says otherwise its events stay unknown, but as long as none of them
    /// has borne a token, an event of another API's shape decides against the path. What the user
    /// named stays.
    @inline(never)
    private mutating func coldRecognise(
        _ facts: inout EventFacts,
        _ slot: UnsafeMutablePointer<StreamSlot>
    ) {
        guard plan.dialectOrigin != .flag else { return }
        if facts.contents == .unknown, slot.pointee.tokens == 0 {
            let wasUndetermined = slot.pointee.dialect == .undetermined
            var found = wasUndetermined ? Dialect.raw : .undetermined
            let again = TokenProbe.read(
                slot.pointee.sse.data,
                eventType: slot.pointee.sse.eventType,
                dialect: &found
            )
            if found != .undetermined {
                slot.pointee.dialect = found
                facts = again
            }
        }
        guard slot.pointee.dialect != .undetermined, slot.pointee.dialect != dialect else { return }
        dialect = slot.pointee.dialect
        isDialectRecognised = true
    }

    @inline(never)
    private func coldIsUntil(_ data: UnsafeRawBufferPointer) -> Bool {
        data.count == until.count && data.elementsEqual(until)
    }

    @inline(never)
    private mutating func coldComment(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        if arrival.isMeasured { stats.count(.comments) }
        if isTraced { trace?.append(.comment(at: arrival.at - traceOrigin(slot))) }
    }

    @inline(never)
    private mutating func coldRetry(
        _ milliseconds: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        if arrival.isMeasured { stats.count(.retryFields) }
        slot.pointee.reconnectionTime = milliseconds
        if isTraced {
            trace?.append(.retry(at: arrival.at - traceOrigin(slot), milliseconds: milliseconds))
        }
    }

    @inline(never)
    private mutating func coldSSEFailure(
        _ error: SSEError,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let limits = plan.limits
        fail(.sseProtocol, index, slot, arrival.readAt) {
            switch error {
            case .lineTooLong:
                "a line is longer than \(limits.lineBytes) bytes; raise it with --limit line=SIZE"
            case .eventTooLarge:
                "an event's data exceeds \(limits.eventBytes) bytes; raise it with"
                    + " --limit event=SIZE"
            }
        }
    }

    /// Payload of a stream that is over: an error body, or the rest of a message.
    @inline(never)
    private mutating func coldPayload(
        _ bytes: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        guard slot.pointee.life.state == .sampling else { return }
        if slot.pointee.sampleEntry >= 0 {
            errors.append(bytes, to: Int(slot.pointee.sampleEntry))
        }
        let seen = Int(slot.pointee.sampledBytes) + bytes.count
        slot.pointee.sampledBytes = UInt32(clamping: seen)
        // Reading a long error body to its end would cost more than a new connection.
        guard
            seen > Self.longestErrorBody
                || slot.pointee.framing == .untilClose && seen >= ErrorLog.sampleBytes
        else { return }
        perform(slot.pointee.life.sampleEnded(connection: .close), index, slot, arrival.readAt)
    }

    private static var longestErrorBody: Int { 64 << 10 }
}
