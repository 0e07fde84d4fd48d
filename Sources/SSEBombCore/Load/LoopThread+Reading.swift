// From readiness to events: one receive call, its stamp, TLS, the response head, the body's
// framing.

import CSupport
import Glibc

/// What is known about one read: when its last byte arrived, and how well that is known.
struct Arrival {
    /// Kernel arrival of the last byte, or the time of the read where there is no stamp.
    var at: Instant
    /// Clock right after the read returned.
    var readAt: Instant
    /// Last instant at which the socket is known to have been empty before this read.
    var emptyAt = Instant.none
    /// The arrival lies in the measured window.
    var isMeasured = false
    /// Events, and token-bearing events, found in this read so far.
    var events: UInt32 = 0
    var tokens: UInt32 = 0
    /// Other bytes of the stream came behind the last token-bearing event: the stamp is theirs.
    var hasMore = false
}

extension LoopThread {
    /// One receive call on a readable connection, and everything that follows from it.
    ///
    /// A read that does not fill the buffer has emptied the socket, so no second call is made that
    /// would only say EAGAIN; one that does fill it leaves the rest to the next wait, which names
    /// the socket again (level-triggered), so that one stream can't starve the others.
    @inline(__always)
    mutating func readable(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        if slot.pointee.flags.contains(.readsSlowly) { return coldReadSlowly(index, slot) }
        read(index, slot, atMost: ReceiveBuffer.size)
    }

    /// The receive call itself, and what comes of it.
    @inline(__always)
    mutating func read(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        atMost most: Int
    ) {
        var stamp: Int64 = 0
        let count = csup_recv(slot.pointee.fd, buffer.base, most, &stamp)
        let readAt = Instant.now()
        guard count > 0 else { return coldReadEnd(count, index, slot, readAt) }
        stats.count(.reads)
        stats.count(.bytesReceived, UInt64(count))
        var arrival = stampArrival(stamp, readAt, slot)
        slot.pointee.lastRead = arrival.at
        if count < most {
            slot.pointee.emptySince = lastClock
            slot.pointee.flags.remove(.undrained)
        } else {
            slot.pointee.flags.insert(.undrained)
            if most == ReceiveBuffer.size { stats.count(.fullReads) }
        }
        lastClock = readAt
        let bytes = UnsafeRawBufferPointer(start: buffer.base, count: count)
        if let session = slot.pointee.tls {
            session.offer(bytes)
            decrypt(session, index, slot, &arrival)
        } else {
            stats.count(.bytesPlain, UInt64(count))
            consume(bytes, index, slot, &arrival)
        }
        if arrival.tokens > 0, slot.pointee.life.state == .streaming,
            !slot.pointee.sse.isBetweenEvents
        {
            arrival.hasMore = true
        }
        if arrival.events > 1 || (arrival.hasMore && arrival.tokens > 0) {
            coldNoteCoalescing(slot, arrival)
        } else if arrival.events == 1, arrival.at < earliestArrival {
            earliestArrival = arrival.at
        }
        if isNoted { finishRead(index, arrival) }
    }

    /// Makes an arrival of a kernel stamp (0: none).
    @inline(__always)
    private mutating func stampArrival(
        _ stamp: Int64,
        _ readAt: Instant,
        _ slot: UnsafeMutablePointer<StreamSlot>
    ) -> Arrival {
        var arrival = Arrival(at: readAt, readAt: readAt)
        let drained = slot.pointee.emptySince
        let hasStamps = slot.pointee.flags.contains(.kernelStamps)
        if hasStamps {
            let carried = clock.monotonic(fromRealtime: stamp)
            let slack = clock.uncertainty
            if stamp != 0, carried + slack >= drained, carried <= readAt + slack {
                arrival.at = min(carried, readAt)
            } else {
                stats.count(.stampsReplaced)
            }
        }
        let isUndrained = slot.pointee.flags.contains(.undrained)
        arrival.emptyAt = isUndrained ? drained : max(drained, quietSince)
        arrival.isMeasured = windows.isMeasured(arrival.at)
        if arrival.at < earliestStamp { earliestStamp = arrival.at }
        // Without stamps nobody knows how late the loop was.
        if hasStamps, arrival.isMeasured { stats.deliveryLag.record(readAt - arrival.at) }
        return arrival
    }

    /// All but the last of several events in one read came earlier than its stamp, by at most the
    /// stamp window: the stamp minus the last instant the socket was known to be empty (METRICS).
    /// So did the last token-bearing one, where other bytes came behind it.
    @inline(never)
    private mutating func coldNoteCoalescing(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        // The pauses between its reads are the reader's own.
        if slot.pointee.flags.contains(.readsSlowly) { return }
        let window = stampWindow(arrival)
        if arrival.isMeasured { stats.stampWindow.record(window) }
        keepLongestWindow(slot, arrival)
        if arrival.hasMore, arrival.tokens > 0, slot.pointee.flags.contains(.belongs) {
            stats.inexactStampWindow.record(window)
        }
        // The flag outlives a request that ended in this read, until the slot's next one begins.
        if arrival.tokens > 1, slot.pointee.flags.contains(.belongs) {
            stats.coalescedGapWindow.record(window, count: UInt64(arrival.tokens - 1))
        }
    }

    /// How much earlier than its stamp the first of a read's events can have come.
    mutating func stampWindow(_ arrival: Arrival) -> Int64 {
        var empty = arrival.emptyAt
        if arrival.at - empty > Self.inconclusiveWindow,
            let bound = firstArrivalBound(notAfter: arrival.at)
        {
            empty = max(empty, bound)
        }
        return max(0, arrival.at - empty)
    }

    /// Keeps the window of a read that held several tokens, for the request's end. To be called
    /// before that end is recorded.
    @inline(never)  // Where a read held several tokens, and at the end of a stream.
    mutating func keepLongestWindow(
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        guard arrival.tokens > 1 else { return }
        let (gaps, overflow) = slot.pointee.coalescedGaps
            .addingReportingOverflow(arrival.tokens - 1)
        slot.pointee.coalescedGaps = overflow ? .max : gaps
        slot.pointee.longestWindow = max(slot.pointee.longestWindow, stampWindow(arrival))
    }

    /// A window up to this length is as good as one that is known exactly.
    static var inconclusiveWindow: Int64 { Nanoseconds.microseconds(200) }
    /// What a wake-up takes besides waiting for a CPU, the interrupt and leaving the system call:
    /// usually, and on a virtual CPU that was halted.
    private static var wakeUpCosts: (usual: Int64, slow: Int64) {
        (Nanoseconds.microseconds(50), Nanoseconds.microseconds(500))
    }

    /// Before when nothing can have arrived on any socket that the last wait named.
    ///
    /// A thread that slept in epoll was woken by the first arrival, and since then has waited for a
    /// CPU no longer than the scheduler's account says. Without that, a server that sends in bursts
    /// to an idle client would look like a late client. A stamp before a bound refutes it, and the
    /// next weaker one is tried: last that nothing was there when the sleep began. nil when the
    /// thread did not sleep.
    mutating func firstArrivalBound(notAfter stamp: Instant) -> Instant? {
        guard let delay = runDelayOfWait() else { return nil }
        let slept = waitEnded - waitBegan - delay
        let costs = Self.wakeUpCosts
        guard slept > costs.usual else { return nil }
        for cost in [costs.usual, costs.slow] where slept > cost {
            let bound = waitEnded + -(delay + cost)
            if bound <= stamp { return bound }
        }
        return waitBegan <= stamp ? waitBegan : nil
    }

    /// End of stream or an error instead of bytes.
    @inline(never)
    private mutating func coldReadEnd(
        _ count: Int,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        if count == -Int(EAGAIN) {
            slot.pointee.emptySince = lastClock
            slot.pointee.flags.remove(.undrained)
            lastClock = now
            return
        }
        if slot.pointee.flags.contains(.sendFailed) { return }
        if count == 0 {
            // Without close_notify a TLS stream may have been cut by anybody (RFC 8446, 6.1).
            let isEnd = slot.pointee.tls == nil && slot.pointee.framing == .untilClose
            let wasTLS = slot.pointee.tls != nil
            return lost(.closedEarly, index, slot, now, endsMessage: isEnd) {
                "the server closed the connection before the end of the stream"
                    + (wasTLS ? " and without close_notify" : "")
            }
        }
        lost(.reset, index, slot, now) { "read: \(Errno(code: Int32(-count)).sentence)" }
    }

    // MARK: TLS

    /// Decrypts all that the last receive call brought. Decrypted bytes raise no event, so nothing
    /// may be left behind.
    mutating func decrypt(
        _ session: TLSSession,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        let generation = slot.pointee.generation
        while true {
            switch session.read(into: plaintext) {
            case .bytes(let count):
                stats.count(.bytesPlain, UInt64(count))
                let bytes = UnsafeRawBufferPointer(rebasing: plaintext[..<count])
                consume(bytes, index, slot, &arrival)
                // Freed together with its connection.
                if slot.pointee.generation != generation || slot.pointee.fd < 0 { return }
            case .wantRead: return
            case .wantWrite: return setInterest(PollMask.write, index, slot)
            case .closeNotify: return coldCloseNotify(index, slot, arrival)
            case .failed(let reason):
                return coldTLSFailure(reason, session, index, slot, arrival)
            }
        }
    }

    @inline(never)
    private mutating func coldCloseNotify(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let isEnd = slot.pointee.framing == .untilClose
        lost(.closedEarly, index, slot, arrival.readAt, endsMessage: isEnd) {
            "the server closed the TLS connection before the end of the stream"
        }
    }

    @inline(never)
    private mutating func coldTLSFailure(
        _ reason: TLSFailure,
        _ session: TLSSession,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        lost(reason.streamFailure, index, slot, arrival.readAt) { "TLS: \(session.failureReason)" }
    }

    // MARK: Response

    /// Bytes of the peer, in order, without TLS.
    @inline(__always)
    private mutating func consume(
        _ bytes: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        var offset = 0
        if slot.pointee.life.state != .streaming {
            guard let bodyStart = beforeBody(bytes, index, slot, &arrival) else { return }
            offset = bodyStart
        }
        body(bytes, from: offset, index, slot, &arrival)
    }

    /// Takes the head, if it is not complete yet.
    ///
    /// - Returns: where the body goes on in `bytes`; nil when there is nothing more to do.
    @inline(never)  // Once or twice a request.
    private mutating func beforeBody(
        _ bytes: UnsafeRawBufferPointer,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) -> Int? {
        guard slot.pointee.life.received() else {
            // Nobody asked: the connection is out of step.
            perform(slot.pointee.life.fail(.httpProtocol), index, slot, arrival.readAt)
            return nil
        }
        switch slot.pointee.life.state {
        case .sending, .awaitingHead:
            let generation = slot.pointee.generation
            guard let start = takeHead(bytes, index, slot, &arrival) else { return nil }
            return slot.pointee.generation == generation && slot.pointee.fd >= 0 ? start : nil
        default: return 0
        }
    }

    /// Takes payload out of the framing until the input is used up or the message is over.
    @inline(__always)
    private mutating func body(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        guard slot.pointee.flags.contains(.chunkedBody) else {
            return plainBody(bytes, from: start, index, slot, &arrival)
        }
        var offset = start
        let generation = slot.pointee.generation
        while true {
            switch slot.pointee.chunked.next(bytes, &offset) {
            case .needMore: return
            case .payload(let start, let length):
                let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
                payload(piece, index, slot, &arrival)
                if slot.pointee.generation != generation || slot.pointee.fd < 0 { return }
            case .end:
                arrival.hasMore = true
                return messageEnded(hasMore: offset < bytes.count, index, slot, arrival)
            case .failure(let error): return coldFramingFailure(error, index, slot, arrival)
            }
        }
    }

    @inline(never)
    private mutating func coldFramingFailure(
        _ error: ProtocolError,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let limits = plan.limits
        fail(.httpProtocol, index, slot, arrival.readAt) { error.sentence(limits) }
    }

    /// Bodies with a length, bodies that end with the connection, and none.
    @inline(never)
    private mutating func plainBody(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: inout Arrival
    ) {
        let generation = slot.pointee.generation
        var length = bytes.count - start
        if case .length = slot.pointee.framing {
            length = Int(min(UInt64(length), slot.pointee.bodyRemaining))
            slot.pointee.bodyRemaining -= UInt64(length)
        } else if case .none = slot.pointee.framing {
            length = 0
        }
        if length > 0 {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + length)])
            payload(piece, index, slot, &arrival)
            if slot.pointee.generation != generation || slot.pointee.fd < 0 { return }
        }
        if slot.pointee.framing == .untilClose || slot.pointee.bodyRemaining > 0 { return }
        messageEnded(hasMore: start + length < bytes.count, index, slot, arrival)
    }

    /// The framing says that the message is over.
    @inline(never)
    mutating func messageEnded(
        hasMore: Bool,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        // Bytes behind the message answer nothing that was asked: the connection is out of step.
        let mayReuse = slot.pointee.flags.contains(.mayReuse) && !hasMore
        keepLongestWindow(slot, arrival)
        let action = slot.pointee.life.messageEnded(
            bodyEndCompletes: bodyEndCompletes(slot),
            mayReuse: mayReuse
        )
        // A slot whose request is recorded is free since the end arrived: how late the loop reads
        // it is the client's own lateness, and belongs to `send_lag`.
        var end = arrival.readAt
        if case .dispose = action { end = arrival.at }
        perform(action, index, slot, end) { "the body ended before the end of the stream" }
    }

    /// Whether the end of the body is the end of the stream: the API has no marker, and the user
    /// gave no text to wait for.
    func bodyEndCompletes(_ slot: UnsafeMutablePointer<StreamSlot>) -> Bool {
        guard until.isEmpty else { return false }
        // A subscription has no other end, and need not have had an event.
        if plan.eventSource { return true }
        switch slot.pointee.dialect {
        // The first event settles the dialect: a body without any is no stream of a known kind.
        case .raw: return true
        case .triton: return slot.pointee.events > 0
        case .custom: return slot.pointee.events > 0 && fields?.endsWithBody == true
        // The last event has the reason; a body that ends without any was cut.
        case .gemini: return slot.pointee.flags.contains(.hasFinish)
        case .undetermined, .openaiChat, .openaiCompletions, .openaiResponses, .anthropic, .tgi,
            .llamacpp, .ollama:
            return false
        }
    }
}
