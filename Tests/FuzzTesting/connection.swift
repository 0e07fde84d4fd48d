// Fuzz target: everything a server may send on one connection, from the first byte of the head to
// the last event, put together as the engine does it but without sockets. The stream must end the
// same way, with the same events, wherever the bytes are cut.

/// The decoders of one response in a row.
private struct Response {
    enum State: Equatable { case head, body, ended, failed }

    var state = State.head
    var transcript = EventTranscript()
    private let limits = WireLimits(
        headBytes: 1_024,
        lineBytes: 512,
        eventBytes: 512,
        interimResponses: 3
    )
    private var pending: [UInt8] = []
    private var resume = 0
    private var interims = 0
    private var framing = BodyFraming.none
    /// Body bytes so far, counted where a length frames the body.
    private var received: UInt64 = 0
    private var chunks = ChunkedDecoder(limits: WireLimits())
    private var parser = SSEParser(lineLimit: 512, eventLimit: 512)
    private var dialect = Dialect.undetermined
    private let pool: SpillPool

    init(pool: SpillPool) { self.pool = pool }

    /// Takes the next bytes of the connection; false when the response is over.
    mutating func take(_ piece: UnsafeRawBufferPointer) -> Bool {
        var rest = piece
        if state == .head {
            pending.append(contentsOf: piece)
            let all = pending
            all.withUnsafeBytes { bytes in
                let used = readHeads(bytes)
                guard state != .head else { return }
                readBody(UnsafeRawBufferPointer(rebasing: bytes[used...]))
            }
            rest = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        readBody(rest)
        return state == .head || state == .body
    }

    /// The connection has closed: whether that may be the end must agree with the decoders.
    mutating func close() {
        let isClean = framing.endedCleanly(
            received: received,
            chunkedIsComplete: chunks.isComplete
        )
        switch state {
        case .ended: expect(isClean, "a body that has ended may not end by close")
        case .body: expect(isClean == (framing == .untilClose), "a close ends an open body")
        case .head, .failed: break
        }
        parser.release(to: pool)
    }

    private mutating func fail() { state = .failed }

    /// Reads heads, interim ones included; returns how many bytes they took.
    private mutating func readHeads(_ bytes: UnsafeRawBufferPointer) -> Int {
        var used = 0
        while state == .head {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            switch ResponseHead.scan(rest, from: resume, limits: limits) {
            case .needMore(let next):
                resume = next
                pending = Array(rest)
                return used
            case .failure:
                fail()
            case .complete(let length):
                resume = 0
                used += length
                readHead(UnsafeRawBufferPointer(rebasing: rest[0..<length]))
            }
        }
        return used
    }

    private mutating func readHead(_ bytes: UnsafeRawBufferPointer) {
        guard case .success(let head) = ResponseHead.parse(bytes) else { return fail() }
        if head.isInterim {
            interims += 1
            if interims > limits.interimResponses { fail() }
            return
        }
        framing = BodyFraming.of(head, requestMethodIsHEAD: false)
        state = framing == .none || framing == .length(0) ? .ended : .body
    }

    private mutating func readBody(_ bytes: UnsafeRawBufferPointer) {
        guard state == .body else { return }
        switch framing {
        case .none:
            break
        case .untilClose:
            readEvents(bytes)
        case .length(let length):
            let count = Int(min(length - received, UInt64(bytes.count)))
            readEvents(UnsafeRawBufferPointer(rebasing: bytes[0..<count]))
            received += UInt64(count)
            if received == length && state == .body { state = .ended }
        case .chunked:
            readChunks(bytes)
        }
    }

    private mutating func readChunks(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while state == .body {
            switch chunks.next(bytes, &offset) {
            case .needMore: return
            case .end: state = .ended
            case .failure: fail()
            case .payload(let start, let length):
                readEvents(UnsafeRawBufferPointer(rebasing: bytes[start..<start + length]))
            }
        }
    }

    private mutating func readEvents(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while state == .body {
            switch parser.next(bytes, &offset, pool: pool) {
            case .needMore: return
            case .comment, .retry: continue
            case .failure: fail()
            case .event:
                let type = parser.eventType
                let facts = TokenProbe.read(parser.data, eventType: type, dialect: &dialect)
                let isToken = facts.isTokenBearing
                transcript.events += 1
                transcript.add(isToken ? "t" : "e", type, parser.data, parser.lastEventID)
            }
        }
    }
}

/// Serves the input whole and in pieces.
func fuzzConnection(_ input: UnsafeRawBufferPointer) {
    let whole = receive(input, Pieces())
    let cut = receive(input, Pieces(of: input))
    expect(whole.0 == cut.0, "cut input ends \(cut.0), whole \(whole.0)")
    expect(whole.1 == cut.1, "cut input gives other events")
}

private func receive(
    _ input: UnsafeRawBufferPointer,
    _ pieces: Pieces
) -> (Response.State, EventTranscript) {
    let pool = SpillPool()
    var response = Response(pool: pool)
    pieces.forEach(in: input) { response.take($0) }
    response.close()
    pool.destroy()
    return (response.state, response.transcript)
}
