// What a line of a trace asks for, as a view of the file: nothing is copied. Knows no format.

/// One recorded request. Valid as long as its `ArrivalTrace`.
struct TraceRow: BitwiseCopyable {
    /// Nanoseconds of trace time; in a replay from the start of its window.
    var time: Int64 = 0
    /// Tokens of the prompt; nil where the row doesn't say.
    var inputTokens: UInt32?
    /// Tokens of the answer; nil where the row doesn't say. 0 in BurstGPT is a request that failed
    /// when it was recorded.
    var outputTokens: UInt32?
    /// The blocks of the prompt, each `TraceBlocks.tokens` long but the last; empty where none are
    /// given.
    var blocks = TraceBlocks()
    /// The request's body as it stands in the file: a JSON object; empty where none is given.
    var body = UnsafeRawBufferPointer(start: nil, count: 0)
    /// What requests of one session share, as it stands in the file: a JSON string without its
    /// quotation marks, or a number; empty where none is given.
    var session = UnsafeRawBufferPointer(start: nil, count: 0)
}

/// The numbers of a row's prompt blocks: equal numbers are equal texts. Read from the file as they
/// are asked for.
struct TraceBlocks: BitwiseCopyable, Sequence, IteratorProtocol {
    /// Tokens of a block (Mooncake, FAST '25: 512 each).
    static let tokens: UInt32 = 512

    private var text: UnsafeRawBufferPointer
    private var isFirst = true

    /// No blocks.
    init() { text = UnsafeRawBufferPointer(start: nil, count: 0) }

    /// Of an array's text between its brackets: whole numbers with commas between them.
    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// The next number; nil at the end, and where no number of 64 bits stands.
    mutating func next() -> UInt64? {
        var index = space(from: 0)
        if !isFirst {
            guard index < text.count, text[index] == UInt8(ascii: ",") else { return nil }
            index = space(from: index + 1)
        }
        let start = index
        var value: UInt64 = 0
        while index < text.count, text[index] &- 0x30 <= 9 {
            let (tenfold, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tenfold.addingReportingOverflow(UInt64(text[index] &- 0x30))
            if isOver || carries { return nil }
            value = sum
            index += 1
        }
        guard index > start else { return nil }
        isFirst = false
        text = UnsafeRawBufferPointer(rebasing: text[index...])
        return value
    }

    /// Whether all of the text was numbers that were read.
    var isAtEnd: Bool { space(from: 0) == text.count }

    private func space(from start: Int) -> Int {
        var index = start
        while index < text.count, text[index] <= 0x20 { index += 1 }
        return index
    }
}
