// Fuzz target: the event stream parser. Events, types and ids must be the same wherever the bytes
// are cut, and must not outlive or leave the memory they point into.

/// Appends what happened to a transcript: two streams are alike when their transcripts are.
struct EventTranscript: Equatable {
    var bytes: [UInt8] = []
    var events = 0

    mutating func add(_ tag: Character, _ parts: UnsafeRawBufferPointer...) {
        bytes.append(tag.asciiValue ?? 0)
        for part in parts {
            // The length in front keeps "a" + "bc" apart from "ab" + "c".
            withUnsafeBytes(of: UInt64(part.count)) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part)
        }
    }
}

/// Parses whole and in pieces, with limits small enough to be reached; as an event stream, and as
/// plain lines.
func fuzzSSE(_ input: UnsafeRawBufferPointer) {
    for isPlain in [false, true] {
        let whole = parseEvents(input, Pieces(), isPlain)
        let cut = parseEvents(input, Pieces(of: input), isPlain)
        expect(whole == cut, "cut input gives other events (\(whole.events), cut \(cut.events))")
    }
}

private func parseEvents(
    _ input: UnsafeRawBufferPointer,
    _ pieces: Pieces,
    _ isPlain: Bool
) -> EventTranscript {
    var transcript = EventTranscript()
    let pool = SpillPool()
    var parser = SSEParser(lineLimit: 96, eventLimit: 160)
    if isPlain { parser.usePlainLines() }
    pieces.forEach(in: input) { piece in
        var offset = 0
        while true {
            let before = offset
            let output = parser.next(piece, &offset, pool: pool)
            expect(offset >= before && offset <= piece.count, "the offset leaves its input")
            switch output {
            case .needMore:
                expect(offset == piece.count, "needMore with input left")
                return true
            case .event:
                transcript.events += 1
                transcript.add("e", parser.eventType, parser.data, parser.lastEventID)
            case .comment:
                transcript.add("c")
            case .retry(var milliseconds):
                withUnsafeBytes(of: &milliseconds) { transcript.add("r", $0) }
            case .failure(let reason):
                var code = reason.rawValue
                withUnsafeBytes(of: &code) { transcript.add("f", $0) }
                return false
            }
        }
    }
    parser.release(to: pool)
    pool.destroy()
    return transcript
}
