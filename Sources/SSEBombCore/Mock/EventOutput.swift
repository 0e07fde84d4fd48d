// Where events that aren't rendered beforehand are put together: begins and ends each, frames it as
// a chunk where the body has chunks, and counts. Knows no API.

/// Appends whole events to a block.
struct EventOutput {
    var writer: WireWriter
    /// Whether each event becomes a chunk of its own.
    let isChunked: Bool
    /// Events written so far.
    private(set) var events: UInt64 = 0

    init(_ writer: WireWriter, isChunked: Bool) {
        self.writer = writer
        self.isChunked = isChunked
    }

    /// Appends one event.
    ///
    /// - Parameters:
    ///   - name: the `event` field; nil: none.
    ///   - write: appends the data, which is one line.
    mutating func event(
        _ style: EventStyle,
        _ name: StaticString? = nil,
        _ write: (inout WireWriter) -> Void
    ) {
        let start = writer.count
        style.beginEvent(name, &writer)
        write(&writer)
        style.endEvent(&writer)
        if isChunked { writer.frameChunk(since: start) }
        events += 1
    }

    /// The last event is a token's: those are counted by who sends them.
    mutating func countAsToken() { events -= 1 }

    /// Appends a line with a blank one behind it, which is no event.
    mutating func line(_ style: EventStyle, _ write: (inout WireWriter) -> Void) {
        let start = writer.count
        write(&writer)
        style.endLine(&writer)
        style.endLine(&writer)
        if isChunked { writer.frameChunk(since: start) }
    }
}
