// The event log: every event of the sampled streams, one JSON object a line. The members stand in
// docs/COMMAND-LINE.md.

public import SSEBombCore

/// The file of `--event-log` while a run goes on.
public final class EventLogFile {
    private let file: LineFile

    /// Opens the file aside, under the name that `aside` gives.
    public init(path: String) throws(OutputError) {
        file = try LineFile(path: path, flag: "--event-log")
    }

    /// The name that the file has until `finish`; nil for devices and pipes.
    public var aside: String? { file.aside }

    /// Adds a line for each event. A failure is kept for `finish`: a run goes on without its log.
    public func append(_ events: UnsafeBufferPointer<LoggedEvent>) {
        for event in events where event.kind == .event { file.add { Self.line(event, &$0) } }
    }

    /// Writes the rest and gives the file its name; throws what went wrong at any time.
    public func finish() throws(OutputError) { try file.finish() }

    /// Appends an event's line, with its line end.
    static func line(_ event: LoggedEvent, _ bytes: inout [UInt8]) {
        bytes.put("{\"stream\":")
        bytes.put(event.stream)
        bytes.put(",\"request\":")
        bytes.put(event.request)
        bytes.put(",\"event\":")
        bytes.put(event.event)
        bytes.put(",\"at_ns\":")
        bytes.put(event.at.nanoseconds)
        bytes.put(",\"sent_ns\":")
        bytes.put(event.sent?.nanoseconds)
        bytes.put(",\"one_way_ns\":")
        bytes.put(event.oneWay)
        bytes.put(",\"window_ns\":")
        bytes.put(event.window)
        bytes.put(event.isToken ? ",\"token\":true}\n" : ",\"token\":false}\n")
    }
}
