// What is measured: each component as the loop calls it, alone and together. The functions whose
// names end in `Root` are the roots of the instruction counts, and as opaque to their callers as a
// read is. They hold no closure: its name would be taken for another root. Knows no clock.

/// The decoders of one stream.
struct Stream {
    var chunks = ChunkedDecoder(limits: WireLimits())
    var parser = SSEParser(lineLimit: 1 << 20, eventLimit: 4 << 20)
    var dialect = Dialect.undetermined
    var events = 0
    var tokens = 0
    var payloadBytes = 0
}

/// One read through the chunked coding.
@inline(never)
func chunkedRoot(_ stream: inout Stream, _ input: UnsafeRawBufferPointer) {
    var offset = 0
    while true {
        switch stream.chunks.next(input, &offset) {
        case .payload(_, let length): stream.payloadBytes &+= length
        case .needMore: return
        case .end, .failure: stop("the body ended")
        }
    }
}

/// One read's payload through the event stream parser.
@inline(never)
func parserRoot(_ stream: inout Stream, _ input: UnsafeRawBufferPointer, _ pool: SpillPool) {
    var offset = 0
    while true {
        switch stream.parser.next(input, &offset, pool: pool) {
        case .event: stream.events &+= 1
        case .needMore: return
        case .comment, .retry: continue
        case .failure: stop("the event stream failed")
        }
    }
}

/// One event's data through the token probe.
@inline(never)
func probeRoot(_ stream: inout Stream, _ data: UnsafeRawBufferPointer) {
    let type = UnsafeRawBufferPointer(start: nil, count: 0)
    let facts = TokenProbe.read(data, eventType: type, dialect: &stream.dialect)
    stream.events &+= 1
    if facts.isTokenBearing { stream.tokens &+= 1 }
}

/// One read through all three.
@inline(never)
func decodeRoot(_ stream: inout Stream, _ input: UnsafeRawBufferPointer, _ pool: SpillPool) {
    var offset = 0
    while true {
        switch stream.chunks.next(input, &offset) {
        case .payload(let start, let length):
            let payload = UnsafeRawBufferPointer(rebasing: input[start..<start + length])
            decodePayload(&stream, payload, pool)
        case .needMore:
            return
        case .end, .failure:
            stop("the body ended")
        }
    }
}

@inline(__always)  // The loop's reading is one function, too.
private func decodePayload(
    _ stream: inout Stream,
    _ input: UnsafeRawBufferPointer,
    _ pool: SpillPool
) {
    var offset = 0
    while true {
        switch stream.parser.next(input, &offset, pool: pool) {
        case .event:
            let facts = TokenProbe.read(
                stream.parser.data,
                eventType: stream.parser.eventType,
                dialect: &stream.dialect
            )
            stream.events &+= 1
            if facts.isTokenBearing { stream.tokens &+= 1 }
        case .needMore:
            return
        case .comment, .retry:
            continue
        case .failure:
            stop("the event stream failed")
        }
    }
}

/// Every value into the histogram.
@inline(never)
func histogramRoot(_ histogram: Histogram, _ values: UnsafeBufferPointer<Int64>) {
    for value in values { histogram.record(value) }
}

@inline(never)  // Cold.
func stop(_ sentence: String) -> Never {
    preconditionFailure(sentence)
}

/// Nanoseconds to record.
enum Latencies: String, CaseIterable {
    /// One value, so one cell that stays in the nearest cache.
    case hot
    /// Every octave from a microsecond to some minutes alike: far more cells than that cache holds.
    case scattered

    func values() -> [Int64] {
        var state: UInt64 = 1
        return (0..<16_384).map { _ in
            guard self == .scattered else { return 50_000_000 }
            // A full-period generator (Knuth's MMIX); its high bits are the random ones.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let octave = 10 + state >> 59 % 28
            return Int64(1 << octave + (state >> 20) % (1 << octave))
        }
    }
}
