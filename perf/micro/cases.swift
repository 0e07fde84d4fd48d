// The cases that are measured: what each does in one pass, and how it checks that it did it. Knows
// no clock.

/// One case: a component, on one kind of input.
struct Case {
    let name: String
    let shape: String
    /// Bytes of one event; 0 where there is none.
    let size: Int
    /// Events, or records, of one pass.
    let samples: Int
    /// Does the work once and checks that it was done.
    let pass: () -> Void
}

/// Calls `body` with each part of the wire.
@inline(__always)
func each(_ parts: [Range<Int>], of wire: Wire, _ body: (UnsafeRawBufferPointer) -> Void) {
    wire.bytes.withUnsafeBytes { bytes in
        for part in parts { body(UnsafeRawBufferPointer(rebasing: bytes[part])) }
    }
}

func decoderCases(_ size: Int, _ shape: Shape, _ pool: SpillPool) -> [Case] {
    let wire = Wire(eventBytes: size, shape: shape)
    let count = wire.data.count
    func entry(_ name: String, _ pass: @escaping () -> Void) -> Case {
        Case(name: name, shape: shape.rawValue, size: size, samples: count, pass: pass)
    }
    var cases = [
        entry("chunked") {
            var stream = Stream()
            each(wire.reads, of: wire) { chunkedRoot(&stream, $0) }
            precondition(stream.payloadBytes == count * size, "payload is missing")
        },
        entry("parser") {
            var stream = Stream()
            each(wire.payloads, of: wire) { parserRoot(&stream, $0, pool) }
            precondition(stream.events == count, "an event is missing")
        },
        entry("together") {
            var stream = Stream()
            each(wire.reads, of: wire) { decodeRoot(&stream, $0, pool) }
            precondition(stream.tokens == count, "an event was not recognised as a token")
        },
    ]
    if shape == .single {  // An event's data is the same in all shapes.
        let probe = entry("probe") {
            var stream = Stream()
            each(wire.data, of: wire) { probeRoot(&stream, $0) }
            precondition(stream.tokens == count, "an event was not recognised as a token")
        }
        cases.append(probe)
    }
    return cases
}

func histogramCase(_ latencies: Latencies) -> Case {
    let histogram = Histogram()
    let values = latencies.values()
    return Case(
        name: "histogram",
        shape: latencies.rawValue,
        size: 0,
        samples: values.count
    ) {
        let before = histogram.sum
        values.withUnsafeBufferPointer { histogramRoot(histogram, $0) }
        precondition(histogram.sum > before, "nothing was recorded")
    }
}
