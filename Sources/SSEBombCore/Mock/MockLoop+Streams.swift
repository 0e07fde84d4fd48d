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
        let end = lastToken(index)
        connection.pointee.stopAt = end
        if let fault = script.fault, fault.phase != .head {
            connection.pointee.stopAt =
                min(end, max(connection.pointee.sent, script.tokensBeforeFault))
        }
        connection.pointee.phase = .streaming
        connection.pointee.isStream = true
        counters.add(.streams)
        counters.add(.streamsOpen)

        var writer = WireWriter(scratch, capacity: Self.scratchSize / 2)
        writeStreamHead(index, &writer)
        var output = EventOutput(writer, isChunked: framing == .chunked)
        writePrelude(index, &output)
        guard transmit(index, output.writer.bytes) else { return }
        counters.add(.events, output.events)
        connection.pointee.sentAt = .now()
        connection.pointee.due = connection.pointee.arrived + script.firstDelay
        schedule(index)
    }

    /// The head of a stream without its body: the answer to HEAD.
    mutating func answerHeadOfEvents(_ index: UInt32) {
        let connection = slab[index]
        connection.pointee.style = templates.find(
            .events,
            .absent,
            model: EventStyle.defaultModel
        )
        connection.pointee.script = TokenScript()
        connection.pointee.framing = .chunked
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writeStreamHead(index, &writer)
        if transmit(index, writer.bytes) { finishMessage(index) }
    }

    private func writeStreamHead(_ index: UInt32, _ writer: inout WireWriter) {
        let api = templates[slab[index].pointee.style].pointee.style.api
        writeTokenHead(index, type: shared.plan.contentType ?? api.contentType, &writer)
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

    /// The number of the token after which a stream ends.
    private func lastToken(_ index: UInt32) -> UInt32 {
        let connection = slab[index]
        let tokens = connection.pointee.script.tokens
        guard let most = shared.plan.closeAfter,
            templates[connection.pointee.style].pointee.style.api == .events
        else { return tokens }
        let (sum, overflows) = connection.pointee.sent.addingReportingOverflow(most)
        return overflows ? tokens : min(tokens, sum)
    }

    /// Bytes of a whole body without chunks, rendered once for their number.
    private func bodyLength(_ index: UInt32) -> Int {
        let connection = slab[index]
        let set = templates[connection.pointee.style]
        let half = Self.scratchSize / 2
        var output = EventOutput(
            WireWriter(scratch + half, capacity: half),
            isChunked: false
        )
        let sent = connection.pointee.sent
        let end = lastToken(index)
        writePrelude(index, &output)
        writeEnd(index, tokens: end, &output)
        let reasoning = min(end, reasoningTokens)
        let thought = Int(reasoning) - Int(min(sent, reasoning))
        let said = Int(end - sent) - thought
        // A million events of at most a block of 1 KiB each.
        var length =
            output.writer.count + thought * set.pointee.reasoning.payload.count
            + said * set.pointee.content.payload.count
        guard !set.pointee.isUniform else { return length }
        var number: UInt32 = 0
        while let next = nextBoundary(index, after: number) {
            number = next
            var event = EventOutput(
                WireWriter(scratch + half, capacity: half),
                isChunked: false
            )
            writeToken(index, number, &event)
            let isReasoning = number <= reasoningTokens
            let template = isReasoning ? set.pointee.reasoning : set.pointee.content
            length += event.writer.count - template.payload.count
        }
        return length
    }

    /// Appends what comes before the first token.
    private func writePrelude(_ index: UInt32, _ output: inout EventOutput) {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        if style.api == .events {
            return output.line(style) {
                $0.append("retry: ")
                $0.append(decimal: UInt64(shared.plan.retry) / 1_000_000)
            }
        }
        let facts = facts(index, tokens: connection.pointee.sent)
        if shared.plan.roleFirst, style.api.hasUsageSwitch { style.writeRole(facts, &output) }
        style.writePrelude(facts, &output)
    }

    /// What there is to tell of a response when so many tokens are out.
    ///
    /// - Parameter isWhole: an answer in one piece has no reasoning.
    func facts(_ index: UInt32, tokens: UInt32, isWhole: Bool = false) -> AnswerFacts {
        let connection = slab[index]
        let script = connection.pointee.script
        let hasReasoning =
            !isWhole && templates[connection.pointee.style].pointee.style.api.hasReasoning
        let since = connection.pointee.due - connection.pointee.arrived - script.firstDelay
        return AnswerFacts(
            identity: script.identity,
            promptTokens: connection.pointee.promptTokens,
            tokens: tokens,
            reasoning: hasReasoning ? min(tokens, reasoningTokens) : 0,
            isCut: script.isCut,
            prefill: script.firstDelay,
            // Before the first token nothing is due yet, or what another request left.
            decode: min(max(0, since), Int64(Distribution.most))
        )
    }

    /// Arms the timer for what comes next: the token, or a ping before it.
    private func schedule(_ index: UInt32) {
        let connection = slab[index]
        var deadline = connection.pointee.due
        if let ping, !isLines(index) {
            deadline = min(deadline, connection.pointee.sentAt + ping)
        }
        wheel.arm(index, at: deadline)
    }

    /// Lines of JSON have no comments.
    private func isLines(_ index: UInt32) -> Bool {
        templates[slab[index].pointee.style].pointee.style.api.isLines
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
        var others: UInt64 = 0
        if count == 1, !isBoundary(index) {
            bytes = singleToken(index)
        } else {
            bytes = group(index, count, &others)
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
        counters.add(.events, UInt64(count) + others)
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

    /// Whether the next token's event isn't its template alone.
    @inline(__always)  // Per event.
    private func isBoundary(_ index: UInt32) -> Bool {
        let connection = slab[index]
        if templates[connection.pointee.style].pointee.isUniform { return false }
        let sent = connection.pointee.sent
        return nextBoundary(index, after: sent) == sent + 1
    }

    /// The next token behind `number` whose event isn't its template alone: the first one of each
    /// kind, and of a call's arguments the first, behind the tool's name, and the last.
    private func nextBoundary(_ index: UInt32, after number: UInt32) -> UInt32? {
        let tokens = slab[index].pointee.script.tokens
        guard number < tokens else { return nil }
        if number == 0 { return 1 }
        if number <= reasoningTokens { return min(reasoningTokens + 1, tokens) }
        return number == reasoningTokens + 1 ? number + 1 : tokens
    }

    /// Appends the event of token `number`, with those that belong before it.
    private func writeToken(_ index: UInt32, _ number: UInt32, _ output: inout EventOutput) {
        let connection = slab[index]
        let set = templates[connection.pointee.style]
        let style = set.pointee.style
        let isReasoning = number <= reasoningTokens
        let values = connection.pointee.values(number)
        guard !set.pointee.isUniform else {
            let template = isReasoning ? set.pointee.reasoning : set.pointee.content
            template.patch(values)
            return output.writer.append(template.payload)
        }
        let kind: TokenKind = isReasoning ? .reasoning : .content
        let isFirst = number == 1 || number == reasoningTokens + 1
        if isFirst {
            let facts = facts(index, tokens: number - 1)
            if number > 1 { style.writeClosing(.reasoning, facts, &output) }
            style.writeOpening(kind, facts, &output)
        }
        var edges = ArgumentEdges()
        if style.namesTool, kind == .content {
            if isFirst { return output.countAsToken() }
            edges.isFirst = number == reasoningTokens + 2
            edges.isLast = number == connection.pointee.script.tokens
        }
        let fields = style.writeToken(kind, edges: edges, to: &output.writer)
        fields.patch(output.writer.base, values)
    }

    /// The next `count` tokens, in one chunk, with the events that belong between them.
    ///
    /// - Parameter others: the number of those is added to it.
    private func group(
        _ index: UInt32,
        _ count: UInt32,
        _ others: inout UInt64
    ) -> UnsafeRawBufferPointer {
        let connection = slab[index]
        var output = EventOutput(
            WireWriter(scratch, capacity: Self.scratchSize),
            isChunked: false
        )
        for offset in 1...count { writeToken(index, connection.pointee.sent + offset, &output) }
        others += output.events
        if connection.pointee.framing == .chunked { output.writer.frameChunk(since: 0) }
        return output.writer.bytes
    }

    private mutating func sendPing(_ index: UInt32, _ now: Instant) {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        var output = EventOutput(
            WireWriter(scratch, capacity: Self.scratchSize),
            isChunked: connection.pointee.framing == .chunked
        )
        if style.api == .anthropic {
            style.writeAnthropicPing(&output)
        } else {
            output.line(style) { $0.append(": ping") }
        }
        guard transmit(index, output.writer.bytes) else { return }
        counters.add(.events, output.events)
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
        let isChunked = connection.pointee.framing == .chunked
        var output = EventOutput(
            WireWriter(scratch, capacity: Self.scratchSize),
            isChunked: isChunked
        )
        writeEnd(index, tokens: connection.pointee.sent, &output)
        if isChunked { output.writer.append("0\r\n\r\n") }
        if connection.pointee.script.fault?.kind == .garbageAfter { writeGarbage(&output.writer) }
        guard transmit(index, output.writer.bytes) else { return }
        counters.add(.events, output.events)
        endStream(index, .completed)
        finishMessage(index)
    }

    /// Appends the events behind the last token, without the body's end.
    private func writeEnd(_ index: UInt32, tokens: UInt32, _ output: inout EventOutput) {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        let includesUsage = connection.pointee.includesUsage
        style.writeEnd(facts(index, tokens: tokens), includesUsage: includesUsage, &output)
    }
}
