// The response head: put together, parsed, judged. Runs once a request.

import CSupport

extension LoopThread {
    /// Looks for the head in what has come so far, and judges it when it is whole.
    ///
    /// - Returns: where the body begins in `bytes`; nil when more is needed or the request is over.
    mutating func takeHead(
        _ bytes: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) -> Int? {
        var offset = 0
        while true {
            let kept = slot.pointee.head.count
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            if kept > 0 {
                // One byte past the limit is enough to see that it is exceeded.
                let room = max(0, plan.limits.headBytes + 1 - kept)
                if let base = rest.baseAddress {
                    slot.pointee.head.append(base, min(room, rest.count), pool: pool)
                }
            }
            let view = kept > 0 ? slot.pointee.head.bytes : rest
            let resume = kept > 0 ? Int(slot.pointee.headScanned) : 0
            switch ResponseHead.scan(view, from: resume, limits: plan.limits) {
            case .needMore(let resumeAt):
                slot.pointee.headScanned = UInt32(resumeAt)
                if kept == 0, let base = rest.baseAddress {
                    slot.pointee.head.append(base, rest.count, pool: pool)
                }
                return nil
            case .failure(let error):
                refuseHead(error, view, index, slot, arrival)
                return nil
            case .complete(let length):
                offset += length - kept
                let head = UnsafeRawBufferPointer(rebasing: view[..<length])
                let isFinal = judge(head, index, slot, &arrival)
                slot.pointee.head.release(to: pool)
                slot.pointee.headScanned = 0
                releaseSent(slot)
                guard let isFinal else { return nil }
                if isFinal { return offset }
            }
        }
    }

    /// A head that is no HTTP/1.1 head. Its first bytes are the sample: they say what answered.
    private mutating func refuseHead(
        _ error: ProtocolError,
        _ view: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let limits = plan.limits
        let entry = errors.record(
            .httpProtocol,
            status: 0,
            at: arrival.at,
            of: slot.pointee.number
        ) { error.sentence(limits) }
        if let entry { errors.append(view, to: entry) }
        failRecorded(.httpProtocol, index, slot, arrival.readAt)
    }

    /// Parses and judges one complete head.
    ///
    /// - Returns: whether it was the final one; nil when the request is over.
    private mutating func judge(
        _ bytes: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) -> Bool? {
        let head: ResponseHead
        switch ResponseHead.parse(bytes) {
        case .success(let parsed): head = parsed
        case .failure(let error):
            refuseHead(error, bytes, index, slot, arrival)
            return nil
        }
        if head.isInterim {
            slot.pointee.interimResponses += 1
            guard Int(slot.pointee.interimResponses) <= plan.limits.interimResponses else {
                refuseHead(.tooManyInterimResponses, bytes, index, slot, arrival)
                return nil
            }
            return false
        }
        slot.pointee.hdr = arrival.at
        slot.pointee.status = head.status
        if slot.pointee.flags.contains(.belongs) {
            stats.headers.record(arrival.at - slot.pointee.send0)
        }
        if slot.pointee.flags.isOfWindow { stats.status.add(1, at: Int(head.status)) }
        if isTraced { traceHead(slot, bytes) }
        frame(head, slot)
        return accept(head, index, slot, arrival)
    }

    /// How the body ends, and whether the connection outlives it.
    private func frame(_ head: ResponseHead, _ slot: UnsafeMutablePointer<StreamSlot>) {
        let framing = BodyFraming.of(head, requestMethodIsHEAD: requestIsHead)
        slot.pointee.framing = framing
        if framing == .chunked { slot.pointee.flags.insert(.chunkedBody) }
        slot.pointee.bodyRemaining = 0
        if case .length(let length) = framing { slot.pointee.bodyRemaining = length }
        let isUsedUp = plan.reuseLimit.map { slot.pointee.requestsOnConnection >= $0 } ?? false
        // A response that overtook its request leaves the rest of the request unsent.
        let isWhole = slot.pointee.life.state == .awaitingHead
        let mayReuse =
            plan.keepAlive && !isUsedUp && isWhole && !slot.pointee.flags.contains(.readsSlowly)
            && BodyFraming.mayReuse(head, framing: framing, requestAskedClose: requestAsksClose)
        if mayReuse { slot.pointee.flags.insert(.mayReuse) }
    }

    /// The order of judgement (METRICS): status, coding, content type. The first that fails names
    /// the kind.
    private mutating func accept(
        _ head: ResponseHead,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) -> Bool? {
        let status = head.status
        if plan.eventSource, let isOver = endSubscription(head, index, slot, arrival) {
            return isOver
        }
        if !(200..<300).contains(status) {
            let wait = head.retryAfterSeconds
            return sample(.httpStatus, index, slot, arrival, retryAfter: wait >= 0 ? wait : nil) {
                "HTTP status \(status)" + (wait >= 0 ? ", Retry-After \(wait) s" : "")
            }
        }
        if head.contentCoding != .identity {
            fail(.contentEncoding, index, slot, arrival.readAt) {
                "the response is compressed although nothing asked for it; switch compression off"
                    + " for event streams at the server or proxy"
            }
            return nil
        }
        if head.mediaType == .ndjson, slot.pointee.dialect.mayComeInLines {
            slot.pointee.sse.usePlainLines()
        } else if head.mediaType != .eventStream {
            let isOllama = slot.pointee.dialect == .ollama
            return sample(.sseProtocol, index, slot, arrival) {
                "the content type is not "
                    + (isOllama ? "application/x-ndjson" : "text/event-stream")
                    + "; does the request ask for a stream?"
            }
        }
        slot.pointee.life.headAccepted()
        if plan.eventSource { noteSubscribed(slot, arrival) }
        armLimit(index, slot, arrival.readAt)
        return endIfEmpty(index, slot, arrival)
    }

    /// What makes a subscriber give up, instead of reconnecting: 204, any other status but 200, and
    /// another content type (HTML standard, 9.2.3).
    ///
    /// - Returns: as `accept` where the head is dealt with, .none where it is not.
    private mutating func endSubscription(
        _ head: ResponseHead,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) -> Bool?? {
        if head.status == 200, head.mediaType == .eventStream { return .none }
        slot.pointee.flags.insert(.endsSubscription)
        // The server's own way to say that there is nothing more: an end, not a failure.
        if head.status == 204 {
            slot.pointee.life.headAccepted()
            messageEnded(hasMore: false, index, slot, arrival)
            return .some(nil)
        }
        guard head.status != 200, (200..<300).contains(head.status) else { return .none }
        return .some(
            sample(.httpStatus, index, slot, arrival) {
                "HTTP status \(head.status): a subscription takes 200 alone"
            }
        )
    }

    /// Refuses the head, and keeps the body's first bytes where none are kept yet.
    private mutating func sample(
        _ kind: StreamFailure,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival,
        retryAfter: Int32? = nil,
        detail: () -> String
    ) -> Bool? {
        let entry = errors.record(
            kind,
            status: slot.pointee.status,
            at: arrival.at,
            of: slot.pointee.number,
            retryAfterSeconds: retryAfter,
            detail: detail
        )
        slot.pointee.sampleEntry = Int16(entry ?? -1)
        slot.pointee.flags.insert(.errorKept)
        slot.pointee.entered = arrival.readAt
        let action = slot.pointee.life.headRefused(kind, sampling: true)
        perform(action, index, slot, arrival.readAt)
        return endIfEmpty(index, slot, arrival)
    }

    /// A message without body is over with its head.
    private mutating func endIfEmpty(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) -> Bool? {
        switch slot.pointee.framing {
        case .none, .length(0):
            messageEnded(hasMore: false, index, slot, arrival)
            return nil
        case .chunked, .length, .untilClose: return true
        }
    }
}
