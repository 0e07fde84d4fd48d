// What is kept of whole requests where somebody asked for a log of them. A run without one comes
// here never.

/// Counts of a loop that are told request by request.
struct ReadCounts: BitwiseCopyable {
    var bodyBytes: UInt64 = 0
    var windowEvents: UInt64 = 0
    var windowTokenEvents: UInt64 = 0
}

extension LoopThread {
    /// A request begins: nothing is known of it.
    @inline(never)
    func coldBeginNotes(_ requests: RequestLog, _ index: UInt32) {
        requests[index] = RequestLog.Notes()
    }

    /// The kernel has taken the request's last byte.
    @inline(never)
    func coldNoteSent(_ requests: RequestLog, _ index: UInt32) { requests[index].sendN = .now() }

    /// The server has said why it ends.
    @inline(never)
    func coldNoteFinish(
        _ requests: RequestLog,
        _ index: UInt32,
        _ reason: UnsafeRawBufferPointer
    ) {
        requests[index].finishReason = ShortName(reason)
    }

    /// What a read is followed by where single events, or requests, are handed over.
    @inline(never)  // Keeps the usual run's path short.
    mutating func finishRead(_ index: UInt32, _ arrival: Arrival) {
        if let requests {
            coldNoteRead(requests, index)
        }
        if let log { publishEvents(log, arrival) }
    }

    /// Adds what the read under way has brought so far, and wasn't added yet. Made of what is
    /// counted anyhow, so that nothing has to be added up per event for the sake of this.
    @inline(never)
    private func coldNoteRead(_ requests: RequestLog, _ index: UInt32) {
        let counted = ReadCounts(
            bodyBytes: stats.value(.bytesBody),
            windowEvents: stats.value(.windowEvents),
            windowTokenEvents: stats.value(.windowTokenEvents)
        )
        let noted = current.pointee.noted
        requests[index].bodyBytes &+= counted.bodyBytes &- noted.bodyBytes
        requests[index].windowEvents &+= UInt32(
            truncatingIfNeeded: counted.windowEvents &- noted.windowEvents
        )
        requests[index].windowTokenEvents &+= UInt32(
            truncatingIfNeeded: counted.windowTokenEvents &- noted.windowTokenEvents
        )
        current.pointee.noted = counted
    }

    /// Hands over a request that is over.
    @inline(never)
    func coldRecordRequest(
        _ requests: RequestLog,
        _ outcome: StreamOutcome,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        // Before the read is over: the next request of the slot may begin in the same one.
        coldNoteRead(requests, index)
        let request = slot.pointee
        let notes = requests[index]
        let (end, failure) = Self.end(outcome)
        let record = RequestRecord(
            classNumber: UInt32(current.pointee.number),
            loop: UInt32(self.index),
            stream: stream(of: index) &+ 1,
            request: UInt64(request.requestNumber),
            number: request.number,
            turn: request.turn,
            outcome: end,
            failure: failure,
            status: request.status,
            finishReason: notes.finishReason,
            isMeasured: request.flags.isOfWindow,
            isSlowReader: request.flags.contains(.readsSlowly),
            sched: request.sched,
            conn0: request.conn0,
            conn1: request.conn1,
            tls1: request.tls1,
            send0: request.send0,
            // Of a request that went out again only the last time counts.
            sendN: request.send0.isSet && notes.sendN >= request.send0 ? notes.sendN : .none,
            hdr: request.hdr,
            ev0: request.ev0,
            tok0: request.tok0,
            out0: request.out0,
            tokN: request.tokN,
            done: now,
            events: request.events,
            tokenEvents: request.tokens,
            windowEvents: notes.windowEvents,
            windowTokenEvents: notes.windowTokenEvents,
            tokens: request.completionTokens,
            hasUsage: request.flags.contains(.hasUsage),
            promptTokens: request.promptTokens,
            cachedTokens: request.cachedTokens,
            reasoningTokens: request.reasoningTokens,
            maxGap: request.maxGap,
            requestBytes: UInt64(request.sentBytes),
            bodyBytes: notes.bodyBytes
        )
        let fits = requests.ring.put(record)
        if fits { requests.ring.publish() }
        stats.count(fits ? .recordedRequests : .unrecordedRequests)
    }

    private static func end(
        _ outcome: StreamOutcome
    ) -> (RequestRecord.Outcome, StreamFailure?) {
        switch outcome {
        case .completed: (.completed, nil)
        case .failed(let kind): (.failed, kind)
        case .cancelled: (.cancelled, nil)
        case .cut: (.cut, nil)
        }
    }
}
