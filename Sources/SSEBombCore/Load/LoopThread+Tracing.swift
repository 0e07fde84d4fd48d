// Telling a trace what happens on its stream. Only a traced run (`probe`) comes here, so these
// functions may allocate.

import CSupport

extension LoopThread {
    /// Instant 0 of a trace: the connect, or the send on a kept connection.
    func traceOrigin(_ slot: UnsafeMutablePointer<StreamSlot>) -> Instant {
        slot.pointee.conn0.isSet ? slot.pointee.conn0 : slot.pointee.send0
    }

    @inline(never)
    func traceConnected(_ slot: UnsafeMutablePointer<StreamSlot>) {
        let address = plan.addresses[Int(slot.pointee.addressIndex)].text
        let at = slot.pointee.conn1 - traceOrigin(slot)
        trace?.append(.connected(at: at, address: address))
    }

    @inline(never)
    func traceSecured(_ slot: UnsafeMutablePointer<StreamSlot>, _ session: TLSSession) {
        trace?.append(
            .secured(
                at: slot.pointee.tls1 - traceOrigin(slot),
                version: session.version,
                cipher: session.cipher,
                resumed: session.isResumed
            )
        )
    }

    @inline(never)
    func traceHead(_ slot: UnsafeMutablePointer<StreamSlot>, _ head: UnsafeRawBufferPointer) {
        let fields = ResponseHead.fields(of: head).map {
            HeaderField(name: $0.name, value: $0.value)
        }
        let at = slot.pointee.hdr - traceOrigin(slot)
        trace?.append(.head(at: at, status: Int(slot.pointee.status), headers: fields))
    }

    @inline(never)
    func traceEvent(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ facts: EventFacts,
        _ arrival: Arrival,
        _ sent: Instant?
    ) {
        let parser = slot.pointee.sse
        let type = parser.eventType
        let isToken = facts.isTokenBearing
        let hasPrevious = slot.pointee.tok0.isSet
        let event = TracedEvent(
            at: arrival.at - traceOrigin(slot),
            gap: isToken && hasPrevious ? max(0, arrival.at - slot.pointee.tokN) : nil,
            type: type.isEmpty ? "message" : String(decoding: type, as: UTF8.self),
            data: String(decoding: parser.data, as: UTF8.self),
            id: String(decoding: parser.lastEventID, as: UTF8.self),
            isToken: isToken,
            isReasoning: facts.isReasoningOnly,
            isUnknown: facts.contents.contains(.unknown),
            coalesced: isToken && arrival.tokens > 0,
            oneWay: sent.map { arrival.at - $0 }
        )
        trace?.append(.event(event))
    }

    @inline(never)
    func traceEnd(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ outcome: StreamOutcome,
        _ now: Instant,
        reusable: Bool
    ) {
        let request = slot.pointee
        var failure: StreamFailure?
        if case .failed(let kind) = outcome { failure = kind }
        let hasUsage = request.flags.contains(.hasUsage)
        let start = request.send0.isSet ? request.send0 : traceOrigin(slot)
        let detail = failure.flatMap { kind in
            errors.entries.last { $0.kind == kind }?.detail
        }
        trace?.append(
            .end(
                TraceEnd(
                    failure: failure,
                    detail: detail ?? "",
                    cut: outcome == .cut,
                    status: request.status > 0 ? Int(request.status) : nil,
                    reusable: reusable,
                    ttft: request.tok0.isSet ? request.tok0 - request.send0 : nil,
                    e2e: now - start,
                    dialect: request.dialect,
                    finishReason: finishReasons.all().keys.first,
                    completionTokens: hasUsage ? request.usageTokens : nil,
                    promptTokens: request.promptTokens >= 0 ? request.promptTokens : nil
                )
            )
        )
    }
}
