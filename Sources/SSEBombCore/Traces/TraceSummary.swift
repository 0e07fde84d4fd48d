// What the rows of a trace's window amount to, found in the one pass over the file: sums for
// people, and what of them can be sent. Knows no file and no request.

/// What the rows of a trace's window amount to.
public struct TraceSummary: Sendable, Equatable {
    /// The window that was asked for.
    public var window: TraceWindow
    /// Number of arrivals.
    public var rows: UInt64 = 0
    /// From the window's start to its last row, nanoseconds of trace time.
    public var lastOffset: Int64 = 0
    /// Sum of the prompts' tokens, of rows that say them.
    public var inputTokens: UInt64 = 0
    /// Sum of the answers' tokens, of rows that say them.
    public var outputTokens: UInt64 = 0
    /// Rows with a body of their own; it stands for everything else of the row.
    public private(set) var bodies = Said()
    /// Rows that say how many tokens the prompt has.
    public private(set) var inputs = Said()
    /// Rows that say how many tokens the answer has.
    public private(set) var outputs = Said()
    /// Rows that name the blocks of their prompt.
    public private(set) var blocks = Said()
    /// Rows of a session that say how many tokens the prompt has.
    public private(set) var sessions = Said()
    /// Whether the first row has a body.
    public private(set) var beginsWithBody = false
    /// Prompts of the rows' lengths, or their bodies, differ from row to row.
    public private(set) var promptsVary = false
    /// The time in the file at which the window starts, nanoseconds.
    var timeZero: Int64 = 0

    /// How many rows say something, and which is the first that doesn't.
    public struct Said: Sendable, Equatable {
        /// Number of rows.
        public var rows: UInt64 = 0
        /// Line of the first row that neither says it nor has a body; nil where there is none.
        public var missing: UInt64?

        fileprivate mutating func add(_ isSaid: Bool, line: UInt64) {
            if isSaid { rows += 1 } else if missing == nil { missing = line }
        }
    }

    /// Of a window without rows.
    init(window: TraceWindow) { self.window = window }

    /// Whether every row has a body.
    public var hasBodiesOnly: Bool { bodies.missing == nil }

    /// Adds a row at `time` of the trace; `first` is the window's first.
    mutating func add(_ row: TraceRow, after first: TraceRow, at time: Int64, line: UInt64) {
        if rows == 0 {
            beginsWithBody = !row.body.isEmpty
        } else if !promptsVary {
            promptsVary = !row.asksTheSame(as: first)
        }
        rows += 1
        lastOffset = time - window.start
        inputTokens += UInt64(row.inputTokens ?? 0)
        outputTokens += UInt64(row.outputTokens ?? 0)
        bodies.add(!row.body.isEmpty, line: line)
        guard row.body.isEmpty else { return }
        inputs.add(row.inputTokens != nil, line: line)
        outputs.add(row.outputTokens != nil, line: line)
        blocks.add(!row.blocks.isAtEnd, line: line)
        sessions.add(row.inputTokens != nil && !row.session.isEmpty, line: line)
    }
}

extension TraceRow {
    /// Whether the prompt made of the row, or its body, is that of `other`.
    fileprivate func asksTheSame(as other: TraceRow) -> Bool {
        guard body.elementsEqual(other.body) else { return false }
        if !body.isEmpty { return true }
        guard inputTokens == other.inputTokens, session.elementsEqual(other.session) else {
            return false
        }
        // Without either every prompt has words of its own.
        if blocks.isAtEnd { return !session.isEmpty && other.blocks.isAtEnd }
        return blocks.elementsEqual(other.blocks)
    }
}

/// What of a trace's rows goes into requests.
public enum RecordedPart: String, Sendable, CaseIterable {
    /// Bodies, byte for byte.
    case bodies
    /// Prompts are as long as the rows say.
    case promptLengths = "prompt_lengths"
    /// Equal blocks of prompts are equal text.
    case blocks
    /// Prompts of a session begin with the same text.
    case sessions
    /// Limits of tokens are what the rows say.
    case answerLengths = "answer_lengths"

    /// What to call it in a sentence.
    public var words: String {
        switch self {
        case .bodies: "bodies"
        case .promptLengths: "prompt lengths"
        case .blocks: "\(TraceBlocks.tokens)-token blocks"
        case .sessions: "sessions' beginnings"
        case .answerLengths: "answer lengths"
        }
    }
}
