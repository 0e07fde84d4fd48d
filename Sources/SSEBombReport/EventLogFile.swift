// The event log: every event of the sampled streams, one JSON object a line. The members stand in
// docs/COMMAND-LINE.md. Formats integers by hand: there may be a hundred thousand lines a second,
// and this thread's CPU time may be what a loop lacks.

import Glibc
public import SSEBombCore

/// The file of `--event-log` while a run goes on.
public final class EventLogFile {
    /// What wasn't written yet; goes to the file when it exceeds `blockBytes`.
    private var block: [UInt8] = []
    private let file: GrowingFile
    private var failure: OutputError?

    private static let blockBytes = 256 << 10

    /// Opens the file aside, under the name that `aside` gives.
    public init(path: String) throws(OutputError) {
        file = try GrowingFile(path: path, flag: "--event-log")
        block.reserveCapacity(Self.blockBytes + 1_024)
    }

    /// The name that the file has until `finish`; nil for devices and pipes.
    public var aside: String? { file.aside }

    /// Adds a line for each event. A failure is kept for `finish`: a run goes on without its log.
    public func append(_ events: UnsafeBufferPointer<LoggedEvent>) {
        guard failure == nil else { return }
        for event in events where event.kind == .event {
            Self.line(event, &block)
            if block.count >= Self.blockBytes { flush() }
        }
    }

    /// Writes the rest and gives the file its name; throws what went wrong at any time.
    public func finish() throws(OutputError) {
        flush()
        if let failure { throw failure }
        try file.finish()
    }

    private func flush() {
        guard failure == nil else { return }
        do throws(OutputError) {
            try file.append(block)
        } catch {
            failure = error
        }
        block.removeAll(keepingCapacity: true)
    }

    // MARK: Lines

    /// Appends an event's line, with its line end.
    static func line(_ event: LoggedEvent, _ bytes: inout [UInt8]) {
        put("{\"stream\":", &bytes)
        put(event.stream, &bytes)
        put(",\"request\":", &bytes)
        put(event.request, &bytes)
        put(",\"event\":", &bytes)
        put(event.event, &bytes)
        put(",\"at_ns\":", &bytes)
        put(event.at.nanoseconds, &bytes)
        put(",\"sent_ns\":", &bytes)
        put(event.sent?.nanoseconds, &bytes)
        put(",\"one_way_ns\":", &bytes)
        put(event.oneWay, &bytes)
        put(",\"window_ns\":", &bytes)
        put(event.window, &bytes)
        put(event.isToken ? ",\"token\":true}\n" : ",\"token\":false}\n", &bytes)
    }

    private static func put(_ text: StaticString, _ bytes: inout [UInt8]) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    private static func put(_ number: Int64?, _ bytes: inout [UInt8]) {
        guard let number else { return put("null", &bytes) }
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        put(number.magnitude, &bytes)
    }

    private static func put(_ number: UInt64, _ bytes: inout [UInt8]) {
        var left = number
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: left % 10))
            left /= 10
        } while left > 0
        bytes[start...].reverse()
    }
}
