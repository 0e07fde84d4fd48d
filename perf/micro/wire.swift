// The bytes that the benchmarks decode: OpenAI chat events of a given size, chunked in one of three
// shapes, with what each decoder is to be given of them. Knows no decoder and no clock.

/// How events lie in chunks and reads.
enum Shape: String, CaseIterable {
    /// A chunk an event, a read a chunk: what almost every server's stream looks like.
    case single
    /// `Wire.eventsPerChunk` events in one chunk and one read: a server that sends in bursts.
    case many
    /// A chunk an event, in two reads that meet in the middle of its data.
    case cut
}

/// A stretch of one body, as the wire has it, and where its parts lie.
struct Wire {
    let bytes: [UInt8]
    /// What one read brings: size lines, payload, line ends.
    let reads: [Range<Int>]
    /// The payload of each read.
    let payloads: [Range<Int>]
    /// Each event's data.
    let data: [Range<Int>]

    static let eventsPerChunk = 8

    /// - Parameter eventBytes: of one event, from `data:` to the end of its blank line.
    init(eventBytes: Int, shape: Shape) {
        // About 180 kB at any size, so that all sizes meet the same caches.
        let unrounded = max(2 * Self.eventsPerChunk, 180_000 / eventBytes)
        let count = unrounded - unrounded % Self.eventsPerChunk
        let perChunk = shape == .many ? Self.eventsPerChunk : 1
        var bytes: [UInt8] = []
        var reads: [Range<Int>] = []
        var payloads: [Range<Int>] = []
        var data: [Range<Int>] = []
        for first in stride(from: 0, to: count, by: perChunk) {
            let chunk = bytes.count
            bytes += Array(String(perChunk * eventBytes, radix: 16).utf8) + [13, 10]
            let start = bytes.count
            for index in first..<first + perChunk {
                let event = Self.event(index, eventBytes)
                data.append(bytes.count + 6..<bytes.count + event.count - 2)
                bytes += event
            }
            let end = bytes.count
            bytes += [13, 10]
            if shape == .cut {
                let middle = (start + end) / 2
                reads += [chunk..<middle, middle..<bytes.count]
                payloads += [start..<middle, middle..<end]
            } else {
                reads.append(chunk..<bytes.count)
                payloads.append(start..<end)
            }
        }
        self.bytes = bytes
        self.reads = reads
        self.payloads = payloads
        self.data = data
    }

    /// An event whose content differs from its neighbours', padded through its id. Events of 180
    /// bytes carry one word and what servers usually put around it; shorter ones leave that out, in
    /// longer ones the content is a text.
    private static func event(_ index: Int, _ eventBytes: Int) -> [UInt8] {
        let isShort = eventBytes < 150
        let head = isShort ? #"data: {"id":""# : #"data: {"id":"chatcmpl-"#
        let before =
            isShort
            ? #"","choices":[{"delta":{"content":""#
            : #"","object":"chat.completion.chunk","created":1760000000,"model":"mock","#
                + #""choices":[{"index":0,"delta":{"content":""#
        let after = isShort ? #""}}]}"# : #""},"finish_reason":null}]}"#
        let words = [
            " the", " sea", " is", " a", " wide", " blue", " and",
            isShort ? " old" : #" \u201cold\u201d"#,
        ]
        var content = words[index % words.count]
        var room = eventBytes - 2 - head.utf8.count - before.utf8.count - after.utf8.count
        room -= content.utf8.count
        precondition(room >= 0, "an event of \(eventBytes) bytes is too short")
        var next = index + 1
        while eventBytes >= 1_000, room >= words[next % words.count].utf8.count {
            content += words[next % words.count]
            room -= words[next % words.count].utf8.count
            next += 1
        }
        let padding = String(repeating: "a", count: room)
        return Array((head + padding + before + content + after + "\n\n").utf8)
    }
}
