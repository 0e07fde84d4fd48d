// Answers of the mock that are not streams: JSON, errors, the refusals of broken requests, and the
// completion in one piece. Knows no schedule beyond when that one is due.

import Glibc

extension MockLoop {
    /// The message is complete: on to the next, or to the end of the connection.
    mutating func finishMessage(_ index: UInt32) {
        let connection = slab[index]
        guard connection.pointee.keepsAlive else {
            if connection.pointee.output.isEmpty { return close(index, orderly: true) }
            connection.pointee.phase = .closing
            return
        }
        connection.pointee.phase = .reading
    }

    /// Takes up requests that came before their turn.
    mutating func resume(_ index: UInt32) {
        if slab[index].pointee.phase == .reading { serveInput(index) }
    }

    // MARK: - Heads

    /// Appends the status line and the type of a response with tokens, as its fault wants them.
    func writeTokenHead(_ index: UInt32, type: String, _ writer: inout WireWriter) {
        let fault = slab[index].pointee.script.fault?.kind
        writer.append("HTTP/1.1 200 OK\r\nContent-Type: ")
        if fault == .wrongType {
            writer.append("text/html")
        } else {
            writer.append(text: type)
        }
        writer.append("\r\n")
        guard fault == .bigHead else { return }
        for _ in 0..<100 {
            writer.append("X-Padding: ")
            writer.append(repeating: UInt8(ascii: "x"), count: 1_024 - 13)
            writer.append("\r\n")
        }
    }

    /// Appends `Connection: close` where that is what will happen.
    func writeConnection(_ index: UInt32, _ writer: inout WireWriter) {
        if !slab[index].pointee.keepsAlive { writer.append("Connection: close\r\n") }
    }

    /// Appends the length of the body and the empty line.
    func writeLength(_ index: UInt32, _ length: Int, _ writer: inout WireWriter) {
        writer.append("Content-Length: ")
        writer.append(decimal: UInt64(length))
        writer.append("\r\n")
        writeConnection(index, &writer)
        writer.append("\r\n")
    }

    private func writeJSONFields(_ index: UInt32, length: Int, _ writer: inout WireWriter) {
        writer.append("Content-Type: application/json\r\n")
        writeLength(index, length, &writer)
    }

    // MARK: - Short answers

    mutating func answerJSON(_ index: UInt32, _ body: StaticString, isHead: Bool) {
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writer.append("HTTP/1.1 200 OK\r\n")
        writeJSONFields(index, length: body.utf8CodeUnitCount, &writer)
        if !isHead { writer.append(body) }
        if transmit(index, writer.bytes) { finishMessage(index) }
    }

    /// Cold: renders the truth.
    mutating func answerJSON(_ index: UInt32, text: String, isHead: Bool) {
        var text = text
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writer.append("HTTP/1.1 200 OK\r\n")
        writeJSONFields(index, length: text.utf8.count, &writer)
        guard transmit(index, writer.bytes) else { return }
        // Two histograms of a few thousand cells can take more than the scratch block.
        let isAlive =
            isHead
            || text.withUTF8 { transmit(index, UnsafeRawBufferPointer($0), limit: .max) }
        if isAlive { finishMessage(index) }
    }

    /// - Parameter api: whose error object it is; paths that belong to no API have OpenAI's.
    mutating func answerError(
        _ index: UInt32,
        _ error: MockError,
        _ api: MockAPI = .chat,
        isHead: Bool = false
    ) {
        let half = Self.scratchSize / 2
        var body = WireWriter(scratch + half, capacity: half)
        error.writeBody(api, &body)
        var writer = WireWriter(scratch, capacity: half)
        writer.append(error.statusLine)
        writeJSONFields(index, length: body.count, &writer)
        if !isHead { writer.append(body.bytes) }
        if transmit(index, writer.bytes) { finishMessage(index) }
    }

    mutating func answerNoContent(_ index: UInt32) {
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writer.append("HTTP/1.1 204 No Content\r\n")
        writeConnection(index, &writer)
        writer.append("\r\n")
        if transmit(index, writer.bytes) { finishMessage(index) }
    }

    /// Answers what can't be understood, and ends the connection without cutting the answer off.
    mutating func refuse(_ index: UInt32, _ status: UInt16) {
        slab[index].pointee.keepsAlive = false
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        switch status {
        case 411: writer.append("HTTP/1.1 411 Length Required\r\n")
        case 413: writer.append("HTTP/1.1 413 Content Too Large\r\n")
        case 431: writer.append("HTTP/1.1 431 Request Header Fields Too Large\r\n")
        default: writer.append("HTTP/1.1 400 Bad Request\r\n")
        }
        writeJSONFields(index, length: 0, &writer)
        if transmit(index, writer.bytes) { linger(index) }
    }

    // MARK: - The completion in one piece

    /// Waits for as long as the stream would have taken.
    mutating func beginAnswer(_ index: UInt32) {
        let connection = slab[index]
        connection.pointee.phase = .answering
        connection.pointee.due =
            connection.pointee.arrived + connection.pointee.script.totalDelay()
        wheel.arm(index, at: connection.pointee.due)
    }

    mutating func answerDue(_ index: UInt32) {
        let fault = slab[index].pointee.script.fault
        switch fault?.kind {
        // Kinds that need a stream show themselves as what a whole answer can have.
        case .errorEvent:
            counters.add(.errorEvent)
            answerError(
                index,
                .internalError,
                templates[slab[index].pointee.style].pointee.style.api
            )
        case .malformedChunk, .endlessLine:
            if let fault { counters.add(fault.kind) }
            close(index)
        case .reset, .close, .stall:
            if let fault { commitFault(index, fault.kind) }
        default: sendWholeAnswer(index)
        }
        resume(index)
    }

    private mutating func sendWholeAnswer(_ index: UInt32) {
        let connection = slab[index]
        let script = connection.pointee.script
        let tokens = Int(script.tokens)
        let half = Self.scratchSize / 2
        let style = templates[connection.pointee.style].pointee.style
        let facts = facts(index, tokens: script.tokens, isWhole: true)
        var start = WireWriter(scratch, capacity: half)
        style.writeWholeStart(facts, &start)
        var end = WireWriter(scratch + half, capacity: half)
        style.writeWholeEnd(facts, &end)
        // A blank and four letters each: at most five million bytes.
        let length = start.count + 5 * tokens + end.count
        start = WireWriter(scratch, capacity: half)
        writeTokenHead(index, type: "application/json", &start)
        writeLength(index, length, &start)
        style.writeWholeStart(facts, &start)
        for number in 1...UInt32(max(1, tokens)) where tokens > 0 {
            start.append(" ")
            start.append(UnsafeRawBufferPointer(start: MockWords.word(number), count: 4))
            guard start.count > half - 8 else { continue }
            guard transmit(index, start.bytes, limit: .max) else { return }
            start = WireWriter(scratch, capacity: half)
        }
        if script.fault?.kind == .garbageAfter { writeGarbage(&end) }
        guard transmit(index, start.bytes, limit: .max),
            transmit(index, end.bytes, limit: .max)
        else { return }
        counters.add(.tokens, UInt64(tokens))
        finishMessage(index)
    }

    /// Appends bytes that belong to no message, and counts them as the fault they are.
    func writeGarbage(_ writer: inout WireWriter) {
        writer.append("bytes that belong to no message\r\n")
        counters.add(.garbageAfter)
    }
}
