// What faults look like on the wire. Which one befalls a request, and when, is its script's choice.

import CSupport
import Glibc

extension MockLoop {
    private static let floodBlock = 64 << 10
    /// Long enough to reach any limit of a client; not for ever, should nobody stop it.
    private static let floodTotal: UInt32 = 16 << 20

    /// Commits a fault that comes in place of the head, or marks the head for one.
    ///
    /// - Returns: true when the request is done with.
    mutating func commitHeadFault(_ index: UInt32) -> Bool {
        guard let fault = slab[index].pointee.script.fault, fault.phase == .head else {
            return false
        }
        switch fault.kind {
        case .bigHead, .wrongType:
            counters.add(fault.kind)
            return false
        case .http429: answerFault(index, fault.kind, .tooManyRequests)
        case .http503: answerFault(index, fault.kind, .unavailable)
        case .http500: answerFault(index, fault.kind, .internalError)
        case .malformedHead: sendMalformedHead(index)
        default: commitFault(index, fault.kind)
        }
        return true
    }

    private mutating func answerFault(_ index: UInt32, _ kind: FaultKind, _ error: MockError) {
        counters.add(kind)
        answerError(index, error, templates[slab[index].pointee.style].pointee.style.api)
    }

    private mutating func sendMalformedHead(_ index: UInt32) {
        counters.add(.malformedHead)
        slab[index].pointee.keepsAlive = false
        var writer = WireWriter(scratch, capacity: Self.scratchSize)
        writer.append("HTTP/1.1 2OO OK\r\nContent Type text/event-stream\r\n\r\n")
        if transmit(index, writer.bytes) { finishMessage(index) }
    }

    /// Commits a fault in the course of a response, or in place of it.
    mutating func commitFault(_ index: UInt32, _ kind: FaultKind) {
        let connection = slab[index]
        counters.add(kind)
        switch kind {
        case .reset:
            _ = csup_set_reset_on_close(connection.pointee.descriptor)
            close(index, as: .broken)
        case .close: close(index, as: .broken)
        case .stall, .noResponse: connection.pointee.phase = .stalled
        case .errorEvent: sendErrorEvent(index)
        case .malformedChunk: sendMalformedChunk(index)
        case .endlessLine:
            connection.pointee.flood = Self.floodTotal
            connection.pointee.phase = .flooding
            _ = floodMore(index)
        case .http429, .http503, .http500, .malformedHead, .bigHead, .garbageAfter, .wrongType:
            // Committed where the head or the end is written; see `FaultKind.phases`.
            preconditionFailure("\(kind.word) has no place in the course of a response")
        }
    }

    private mutating func sendErrorEvent(_ index: UInt32) {
        let connection = slab[index]
        let style = templates[connection.pointee.style].pointee.style
        let isChunked = connection.pointee.framing == .chunked
        var output = EventOutput(
            WireWriter(scratch, capacity: Self.scratchSize),
            isChunked: isChunked
        )
        style.writeError(facts(index, tokens: connection.pointee.sent), &output)
        if isChunked { output.writer.append("0\r\n\r\n") }
        guard transmit(index, output.writer.bytes) else { return }
        counters.add(.events, output.events)
        endStream(index, .broken)
        finishMessage(index)
    }

    private mutating func sendMalformedChunk(_ index: UInt32) {
        let connection = slab[index]
        connection.pointee.keepsAlive = false
        if connection.pointee.framing == .chunked {
            var writer = WireWriter(scratch, capacity: Self.scratchSize)
            writer.append("zz\r\n")
            writer.append(templates[connection.pointee.style].pointee.content.payload)
            writer.append("\r\n")
            guard transmit(index, writer.bytes) else { return }
        }
        endStream(index, .broken)
        finishMessage(index)
    }

    /// Sends the line without end for as long as the socket takes it. False when the connection is
    /// gone.
    mutating func floodMore(_ index: UInt32) -> Bool {
        let connection = slab[index]
        while connection.pointee.output.isEmpty, connection.pointee.flood > 0 {
            var writer = WireWriter(scratch, capacity: Self.scratchSize)
            let isFirst = connection.pointee.flood == Self.floodTotal
            if isFirst { writer.append("data: ") }
            writer.append(
                repeating: UInt8(ascii: "x"),
                count: Self.floodBlock - (isFirst ? 6 : 0)
            )
            if connection.pointee.framing == .chunked { writer.frameChunk(since: 0) }
            connection.pointee.flood -= UInt32(Self.floodBlock)
            guard transmit(index, writer.bytes, limit: .max) else { return false }
        }
        if connection.pointee.flood == 0 { connection.pointee.phase = .stalled }
        return true
    }
}
