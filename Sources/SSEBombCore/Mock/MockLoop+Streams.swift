// Streams of the mock: head, tokens on their schedule, pings, end. The one place that runs per
// event. Faults stand in MockLoop+Faults.

import Glibc

extension MockLoop {
    /// More lateness than this is not caught up: the schedule starts anew from now.
    private static let mostLateness = Nanoseconds.seconds(1)

    // MARK: - Beginning

    /// Sends the head, with what comes before the first token, and schedules that one.
    mutating func beginStream(_ index: UInt32, _ request: MockRequest) {
        let connection = slab[index]
        let script = connection.pointee.script
        var framing = shared.plan.framing
        if framing == .chunked, request.isHTTP10 { framing = .close }
        if framing == .close { connection.pointee.keepsAlive = false }
        connection.pointee.framing = framing
        connection.pointee.stopAt = script.tokens
        if let fault = script.fault, fault.phase != .head {
            connection.pointee.stopAt =
                min(script.tokens, max(connection.pointee.sent, script.tokensBeforeFault))
        }
        connection.pointee.phase = .streaming
        connection.pointee.isStream = true
        counters.add(.streams)
        counters.add(.streamsOpen)

        var writer = WireWriter(scratch, capacity: Self.scratchSize / 2)
        writeStreamHead(index, &writer)
        let events = writePrelude(index, &writer)
        guard transmit(index, writer.bytes) else { return }
        counters.add(.events, events)
        connection.pointee.sentAt = .now()
        connection.pointee.due = connection.pointee.arrived + script.firstDelay
        schedule(index)
    }

    /// The head of a stream without its body: the answer to HEAD.
    mutating func answerHeadOfEvents(_ index: UInt32) {
        let connection = slab[index]
        connection.pointee.script = TokenScript()
        connection.pointee.framing = .chunked
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writeStreamHead(index, &writer)
        if transmit(index, writer.bytes) { finishMessage(index) }
    }

    private func writeStreamHead(_ index: UInt32, _ writer: inout WireWriter) {
        writeTokenHead(index, type: shared.plan.contentType, &writer)
        writer.append("Cache-Control: no-cache\r\n")
        if let encoding = shared.plan.contentEncoding {
            writer.append("Content-Encoding: ")
            writer.append(text: encoding)
            writer.append("\r\n")
        }
        if slab[index].pointee.framing == .length {
            writeLength(index, bodyLength(index), &writer)
            return
        }
        if slab[index].pointee.framing == .chunked {
            writer.append("Transfer-Encoding: chunked\r\n")
        }
        writeConnection(index, &writer)
        writer.append("\r\n")
    }

    /// Bytes of a whole body without chunks, rendered once for their number.
    private func bodyLength(_ index: UInt32) -> Int {
        let connection = slab[index]
        let set = templates[connection.pointee.style]
        var writer = WireWriter(scratch + Self.scratchSize / 2, capacity: Self.scratchSize / 2)
        _ = writePrelude(index, &writer)
        _ = writeEnd(index, &writer)
        let sent = connection.pointee.sent
        let tokens = connection.pointee.script.tokens
        let reasoning = min(tokens, reasoningTokens)
        let thought = Int(reasoning) - Int(min(sent, reasoning))
        let said = Int(tokens - sent) - thought
        // A million events of at most a block of 1 KiB each.
        return writer.count + thought * set.pointee.reasoning.payload.count
            + said * set.pointee.content.payload.count
    }

    /// Appends what comes before the first token; the number of events in it.
    private func writePrelude(_ index: UInt32, _ writer: inout WireWriter) -> UInt64 {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        if style.api == .events {
            let start = writer.count
            style.writeLine("retry: 1000", endsEvent: true, to: &writer)
            if connection.pointee.framing == .chunked { writer.frameChunk(since: start) }
            return 0
        }
        guard shared.plan.roleFirst else { return 0 }
        writeEvent(.role, index, &writer)
        return 1
    }

    /// Appends one event that isn't a token, framed as the stream is.
    private func writeEvent(_ kind: EventKind, _ index: UInt32, _ writer: inout WireWriter) {
        let connection = slab[index]
        let start = writer.count
        let fields = templates[connection.pointee.style].pointee.style.write(kind, to: &writer)
        fields.patch(writer.base, connection.pointee.values(connection.pointee.sent))
        if connection.pointee.framing == .chunked { writer.frameChunk(since: start) }
    }

    /// Arms the timer for what comes next: the token, or a ping before it.
    private func schedule(_ index: UInt32) {
        let connection = slab[index]
        var deadline = connection.pointee.due
        if let ping { deadline = min(deadline, connection.pointee.sentAt + ping) }
        wheel.arm(index, at: deadline)
    }

    // MARK: - Per event

    /// Sends what is due: one token or a group, a ping, the end.
    mutating func streamDue(_ index: UInt32) {
        let connection = slab[index]
        var now = Instant.now()
        if connection.pointee.due > now { return sendPing(index, now) }
        let left = connection.pointee.stopAt - connection.pointee.sent
        guard left > 0 else { return endOrFault(index) }

        let count = min(groupSize, left)
        let bytes: UnsafeRawBufferPointer
        if count == 1 {
            bytes = singleToken(index)
        } else {
            bytes = group(index, count)
            now = .now()
        }
        guard transmit(index, bytes) else { return }
        if connection.pointee.lastToken.isSet {
            counters.gap.record(now - connection.pointee.lastToken)
        } else {
            counters.ttft.record(now - connection.pointee.arrived)
        }
        if count > 1 { counters.gap.record(0, count: UInt64(count - 1)) }
        counters.add(.tokens, UInt64(count))
        counters.add(.events, UInt64(count))
        connection.pointee.lastToken = now
        connection.pointee.sentAt = now
        connection.pointee.sent += count
        advance(index, count, now)
    }

    /// Sets when the next token is due: a gap after this one was, not after it went out.
    @inline(__always)  // Per event.
    private func advance(_ index: UInt32, _ count: UInt32, _ now: Instant) {
        let connection = slab[index]
        var due = connection.pointee.due
        for _ in 0..<count { due = due + connection.pointee.script.nextGap() }
        if now - due > Self.mostLateness {
            counters.add(.scheduleSlips)
            due = now
        }
        connection.pointee.due = due
        schedule(index)
    }

    /// The next token as it goes out: its template with its values. Valid until the next patch.
    @inline(__always)  // Per event.
    private func singleToken(_ index: UInt32) -> UnsafeRawBufferPointer {
        let connection = slab[index]
        let sent = connection.pointee.sent
        let set = templates[connection.pointee.style]
        let template = sent < reasoningTokens ? set.pointee.reasoning : set.pointee.content
        // `sent` is below the script's number of tokens: at most a million.
        template.patch(connection.pointee.values(sent &+ 1))
        return connection.pointee.framing == .chunked ? template.framed : template.payload
    }

    /// The next `count` tokens, in one chunk.
    private func group(_ index: UInt32, _ count: UInt32) -> UnsafeRawBufferPointer {
        let connection = slab[index]
        let set = templates[connection.pointee.style]
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        for offset in 0..<count {
            let sent = connection.pointee.sent + offset
            let template = sent < reasoningTokens ? set.pointee.reasoning : set.pointee.content
            template.patch(connection.pointee.values(sent + 1))
            writer.append(template.payload)
        }
        if connection.pointee.framing == .chunked { writer.frameChunk(since: 0) }
        return writer.bytes
    }

    private mutating func sendPing(_ index: UInt32, _ now: Instant) {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        style.writeLine(": ping", endsEvent: true, to: &writer)
        if connection.pointee.framing == .chunked { writer.frameChunk(since: 0) }
        guard transmit(index, writer.bytes) else { return }
        connection.pointee.sentAt = now
        schedule(index)
    }

    // MARK: - Ending

    private mutating func endOrFault(_ index: UInt32) {
        let connection = slab[index]
        if let fault = connection.pointee.script.fault, fault.phase != .head,
            fault.kind != .garbageAfter
        {
            commitFault(index, fault.kind)
        } else {
            finishStream(index)
        }
        resume(index)
    }

    /// Sends finish, usage, end marker and the body's end, in one send.
    private mutating func finishStream(_ index: UInt32) {
        let connection = slab[index]
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        let events = writeEnd(index, &writer)
        if connection.pointee.framing == .chunked { writer.append("0\r\n\r\n") }
        if connection.pointee.script.fault?.kind == .garbageAfter { writeGarbage(&writer) }
        guard transmit(index, writer.bytes) else { return }
        counters.add(.events, events)
        endStream(index, completed: true)
        finishMessage(index)
    }

    /// Appends the events behind the last token, without the body's end; their number.
    private func writeEnd(_ index: UInt32, _ writer: inout WireWriter) -> UInt64 {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        if style.api == .events { return 0 }
        writeEvent(.finish(isCut: connection.pointee.script.isCut), index, &writer)
        if connection.pointee.includesUsage { writeEvent(.usage, index, &writer) }
        writeDone(index, &writer)
        return connection.pointee.includesUsage ? 3 : 2
    }

    /// Appends the end marker of OpenAI's APIs.
    func writeDone(_ index: UInt32, _ writer: inout WireWriter) {
        let connection = slab[index]
        let start = writer.count
        templates[connection.pointee.style].pointee.style
            .writeLine("data: [DONE]", endsEvent: true, to: &writer)
        if connection.pointee.framing == .chunked { writer.frameChunk(since: start) }
    }
}
