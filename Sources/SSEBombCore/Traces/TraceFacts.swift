// What reports say of a replayed trace: known while it is replayed, and still known of a stored
// result, whose trace may be anywhere. Must not need the file.

/// A replayed trace without its rows.
public struct TraceFacts: Sendable, Equatable {
    /// The file as it was given.
    public var path: String
    /// Format of its rows.
    public var format: TraceFormat
    /// What the rows of the window amount to.
    public var summary: TraceSummary
    /// Trace time over time of the run.
    public var speed: Double

    /// What a stored result knows.
    ///
    /// - Parameters:
    ///   - rows: arrivals in the window.
    ///   - inputTokens: of their prompts together.
    ///   - outputTokens: of their answers together.
    public init(
        path: String,
        format: TraceFormat,
        window: TraceWindow,
        rows: UInt64,
        inputTokens: UInt64,
        outputTokens: UInt64,
        speed: Double
    ) {
        self.path = path
        self.format = format
        self.speed = speed
        summary = TraceSummary(window: window)
        summary.rows = rows
        summary.inputTokens = inputTokens
        summary.outputTokens = outputTokens
    }

    init(_ replay: TraceReplay) {
        path = replay.trace.path
        format = replay.trace.format
        summary = replay.trace.summary
        speed = replay.speed
    }
}
