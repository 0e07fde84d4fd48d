// How long the decoders take for one event, without sockets: chunked coding, event stream and token
// probe over 180-byte OpenAI events in memory, as the loop calls them. Compiled into one module
// with the decoders, so that the optimiser sees what it sees in the product. Knows no loop.

import Glibc

/// The decoders of one stream.
struct Stream {
    var chunks = ChunkedDecoder(limits: WireLimits())
    var parser: SSEParser
    var dialect = Dialect.undetermined
    var events = 0
    var tokens = 0
}

/// The wire bytes of `count` events, a chunk each, and where each chunk begins.
struct Wire {
    let bytes: [UInt8]
    let starts: [Int]
    /// Bytes of one event, from `data:` to its blank line.
    static let eventBytes = 180

    init(count: Int) {
        var bytes: [UInt8] = []
        var starts: [Int] = []
        for index in 0..<count {
            starts.append(bytes.count)
            let event = Self.event(index)
            bytes += Array(String(event.count, radix: 16).utf8) + [13, 10] + event + [13, 10]
        }
        self.bytes = bytes
        self.starts = starts + [bytes.count]
    }

    /// An event whose content differs in length from its neighbours', padded through its id.
    private static func event(_ index: Int) -> [UInt8] {
        let words = [" the", " sea", " is", " a", " wide", " blue", " and", " \\u201cold\\u201d"]
        let content = words[index % words.count]
        let tail =
            #"","object":"chat.completion.chunk","created":1760000000,"model":"mock","#
            + #""choices":[{"index":0,"delta":{"content":""# + content
            + #""},"finish_reason":null}]}"#
        let head = #"data: {"id":"chatcmpl-"#
        let padding = eventBytes - 2 - head.utf8.count - tail.utf8.count
        precondition(padding > 0, "the event is longer than \(eventBytes) bytes")
        return Array((head + String(repeating: "a", count: padding) + tail + "\n\n").utf8)
    }
}

/// What the loop does with the bytes of one read.
@inline(never)  // The root of the instruction count, and as opaque to its caller as a read is.
func decodeRead(_ stream: inout Stream, _ input: UnsafeRawBufferPointer, _ pool: SpillPool) {
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

@inline(never)  // Cold.
func stop(_ sentence: String) -> Never {
    preconditionFailure(sentence)
}

/// Decodes every event of `wire` once, each as a read of its own.
func decodeAll(_ stream: inout Stream, _ wire: Wire, _ pool: SpillPool) {
    wire.bytes.withUnsafeBytes { bytes in
        for index in 0..<wire.starts.count - 1 {
            let read = bytes[wire.starts[index]..<wire.starts[index + 1]]
            decodeRead(&stream, UnsafeRawBufferPointer(rebasing: read), pool)
        }
    }
}

func nanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds per event, one value a run, ascending.
func timedRuns(_ runs: Int, _ wire: Wire, _ pool: SpillPool) -> [Double] {
    let passes = 200
    var stream = Stream(parser: SSEParser(lineLimit: 1 << 20, eventLimit: 4 << 20))
    decodeAll(&stream, wire, pool)
    var values: [Double] = []
    for _ in 0..<runs {
        let before = nanoseconds()
        for _ in 0..<passes { decodeAll(&stream, wire, pool) }
        let events = Double(passes * (wire.starts.count - 1))
        values.append(Double(nanoseconds() - before) / events)
    }
    precondition(stream.tokens == stream.events, "an event was not recognised as a token")
    return values.sorted()
}

let wire = Wire(count: 1_000)
let pool = SpillPool()
if CommandLine.arguments.dropFirst().first == "once" {
    // For a count of instructions: 1,000 events, no clock.
    var stream = Stream(parser: SSEParser(lineLimit: 1 << 20, eventLimit: 4 << 20))
    decodeAll(&stream, wire, pool)
    print("events \(stream.events)")
    precondition(stream.tokens == 1_000, "an event was not recognised as a token")
} else {
    let values = timedRuns(31, wire, pool)
    let least = values[0]
    let median = values[values.count / 2]
    print(
        "decode, \(Wire.eventBytes)-byte event: median \(tenths(median)) ns,"
            + " least \(tenths(least)) ns, most \(tenths(values[values.count - 1])) ns"
    )
}

func tenths(_ value: Double) -> String {
    let scaled = Int((value * 10).rounded())
    return "\(scaled / 10).\(scaled % 10)"
}
