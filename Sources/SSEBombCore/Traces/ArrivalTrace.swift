// A trace that has been read once from end to end and found good, and the part of it that is to be
// replayed. After this a row can't be wrong any more unless the file changes.

/// Recorded arrivals.
public final class ArrivalTrace: @unchecked Sendable {
    // Unchecked: a mapping that is only read, and ends with the last reference.

    /// As it was given.
    public let path: String
    /// Recognised by the first line.
    public let format: TraceFormat
    /// Of the rows in the window.
    public let summary: TraceSummary
    private let mapping: TraceMapping
    private let layout: TraceLayout
    /// Where the rows of the window stand in the file.
    private let part: Range<Int>

    /// Reads and checks the whole file.
    ///
    /// - Parameters:
    ///   - window: trace time of the first row to replay, and of the first one after it,
    ///     nanoseconds; the whole trace where it is nil, to its end without an upper bound.
    ///   - mostTokens: a row with more of them, prompt and answer together, is refused.
    ///   - flag: the one that named the file, for error sentences.
    /// - Throws: a usage error that names file, line and what was expected.
    public init(
        _ path: String,
        window: TraceWindow = TraceWindow(),
        mostTokens: UInt64? = nil,
        flag: String = "--trace"
    ) throws(SetupError) {
        self.path = path
        let mapping = try TraceMapping(path, flag: flag)
        var check = TraceCheck(mapping.bytes, window: window, mostTokens: mostTokens)
        do throws(TraceProblem) {
            layout = try check.run()
        } catch {
            mapping.unmap()
            throw SetupError(.usage, "\(flag): \(path), line \(check.line): \(error.sentence)")
        }
        guard check.summary.rows > 0 else {
            mapping.unmap()
            throw SetupError(
                .usage,
                check.rows == 0
                    ? "\(flag): \(path) has no row: name a trace with arrivals"
                    : "--trace-window: no row of \(path) lies in it; its rows go from"
                        + " \(Double(check.first) / 1e9) s to \(Double(check.last) / 1e9) s"
            )
        }
        self.mapping = mapping
        format = layout.format
        summary = check.summary
        part = check.part
    }

    deinit { mapping.unmap() }

    /// The file, where its rows have bodies. Valid as long as the trace.
    var texts: UnsafeRawBufferPointer? { summary.bodies.rows > 0 ? mapping.bytes : nil }

    /// At the first row of the window.
    func cursor() -> TraceCursor {
        let lines = TraceLines(mapping.bytes, from: part.lowerBound, to: part.upperBound, after: 0)
        return TraceCursor(lines, layout: layout, timeZero: summary.timeZero)
    }

    /// The row of request `number`, which is below the number of rows, for showing it: all rows
    /// before it are read.
    func row(_ number: UInt64) -> TraceRow? {
        var cursor = cursor()
        for _ in 0..<number { cursor.advance() }
        return cursor.row
    }
}

/// A part of a trace, by trace time in nanoseconds.
public struct TraceWindow: Sendable, Equatable {
    /// Rows before it are not replayed, and it is where the replay begins.
    public var start: Int64
    /// Rows from here on are not replayed; nil is the end of the trace.
    public var end: Int64?

    /// From `start` to `end`; else the whole trace.
    public init(start: Int64 = 0, end: Int64? = nil) {
        self.start = start
        self.end = end
    }
}

/// The one pass over the whole file.
private struct TraceCheck {
    /// Longer lines are no rows.
    static let longestLine = 16 << 20

    private var lines: TraceLines
    private let mostTokens: UInt64?
    private(set) var summary: TraceSummary
    private(set) var part = 0..<0
    private(set) var rows: UInt64 = 0
    /// Trace time of the first and of the last row.
    private(set) var first: Int64 = 0
    private(set) var last: Int64 = 0
    private var origin: Int64 = 0
    /// The first row of the window.
    private var firstRow = TraceRow()

    init(_ bytes: UnsafeRawBufferPointer, window: TraceWindow, mostTokens: UInt64?) {
        // A byte order mark is no part of the first line.
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let start = bytes.starts(with: mark) ? mark.count : 0
        lines = TraceLines(bytes, from: start, to: bytes.count, after: 0)
        self.mostTokens = mostTokens
        summary = TraceSummary(window: window)
    }

    /// Number of the line that was read last.
    var line: UInt64 { max(1, lines.number) }

    mutating func run() throws(TraceProblem) -> TraceLayout {
        guard let head = lines.next() else { throw TraceProblem("nothing but blank lines") }
        let layout = try TraceLayout(recognising: head)
        if !layout.hasHeader { try look(at: head, layout) }
        while let line = lines.next() { try look(at: line, layout) }
        return layout
    }

    private mutating func look(
        at line: UnsafeRawBufferPointer,
        _ layout: TraceLayout
    ) throws(TraceProblem) {
        guard line.count <= Self.longestLine else {
            throw TraceProblem("the line is longer than 16 MiB")
        }
        let row = try layout.row(line)
        try checkLengths(of: row, layout)
        try checkBody(of: row)
        if rows == 0 { origin = layout.format.countsFromFirstRow ? row.time : 0 }
        // Neither is negative: the difference fits.
        let time = row.time - origin
        guard rows == 0 || time >= last else {
            throw TraceProblem(
                "it is \(Double(last - time) / 1e9) s earlier than the row before it: sort the rows"
                    + " by time"
            )
        }
        if rows == 0 { first = time }
        last = time
        rows += 1
        add(row, at: time)
    }

    private mutating func add(_ row: TraceRow, at time: Int64) {
        let window = summary.window
        guard time >= window.start, time < window.end ?? .max else { return }
        if summary.rows == 0 {
            part = lines.start..<lines.position
            summary.timeZero = origin + window.start
            firstRow = row
        }
        part = part.lowerBound..<lines.position
        summary.add(row, after: firstRow, at: time, line: lines.number)
    }

    /// A body is sent as it stands, and its rows' other fields were read by who forgives more.
    private func checkBody(of row: TraceRow) throws(TraceProblem) {
        guard !row.body.isEmpty else { return }
        var reader = JSONReader(row.body)
        do throws(JSONFault) {
            try reader.skipValue()
            guard reader.isAtEnd else { throw reader.fault("the end of the body") }
        } catch {
            throw TraceProblem("byte \(error.offset + 1) of body: \(error.problem)")
        }
    }

    private func checkLengths(
        of row: TraceRow,
        _ layout: TraceLayout
    ) throws(TraceProblem) {
        let tokens = UInt64(row.inputTokens ?? 0) + UInt64(row.outputTokens ?? 0)
        if let mostTokens, tokens > mostTokens {
            throw TraceProblem(
                "prompt and answer have \(tokens) tokens: --trace-context allows \(mostTokens)"
            )
        }
        guard layout.format == .mooncake, let input = row.inputTokens else { return }
        var blocks = row.blocks
        var count: UInt32 = 0
        while blocks.next() != nil { count += 1 }
        guard blocks.isAtEnd else {
            throw TraceProblem("hash_ids holds something else than whole numbers")
        }
        let expected = (input + TraceBlocks.tokens - 1) / TraceBlocks.tokens
        guard count == expected else {
            throw TraceProblem(
                "hash_ids has \(count) numbers: expected \(expected), one for each 512 tokens of"
                    + " input_length \(input)"
            )
        }
    }
}

/// The rows of a trace's window, one after the other.
struct TraceCursor: BitwiseCopyable {
    private var lines: TraceLines
    private let layout: TraceLayout
    private let timeZero: Int64
    /// nil after the last; its time counts from the start of the window.
    private(set) var row: TraceRow?

    fileprivate init(_ lines: TraceLines, layout: TraceLayout, timeZero: Int64) {
        self.lines = lines
        self.layout = layout
        self.timeZero = timeZero
        advance()
    }

    mutating func advance() {
        // A file that was good can only be bad when somebody has written to it since: its end.
        guard let line = lines.next(), var next = try? layout.row(line) else {
            row = nil
            return
        }
        next.time -= timeZero
        row = next
    }
}

/// A trace, and how fast it is replayed.
public struct TraceReplay: Sendable, Equatable {
    /// The rows.
    public let trace: ArrivalTrace
    /// Trace time over time of the run, above 0: 2 replays twice as fast.
    public let speed: Double
    /// Slower replays last longer than any run; faster ones are at once.
    public static let speedRange = 0.001...1_000.0

    /// Replays `trace` at `speed`.
    public init(_ trace: ArrivalTrace, speed: Double = 1) {
        self.trace = trace
        self.speed = speed
    }

    /// Time of the run in which all arrivals are due, nanoseconds: to the end of the trace's
    /// window, or to the millisecond after its last row where that comes first.
    public var duration: Int64 {
        let window = trace.summary.window
        let last = Double(trace.summary.lastOffset) / speed
        let whole = ((last / 1e6).rounded(.down) + 1) * 1e6
        let asked = window.end.map { Double($0 - window.start) / speed } ?? .infinity
        // The time of an arrival is rounded, and has to be before the end.
        return Int64(min(9e18, max(min(asked, whole), last + 1).rounded(.up)))
    }

    func cursor() -> TraceCursor { trace.cursor() }

    /// The same file, part and speed.
    public static func == (left: TraceReplay, right: TraceReplay) -> Bool {
        left.trace === right.trace && left.speed == right.speed
    }
}
