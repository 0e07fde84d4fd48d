// Files of prompts: ShareGPT's array of conversations, and lines with a "prompt" each. Finds each
// prompt's JSON text in place, and leaves out what the filters say. Knows no body and no API.

/// Which conversations of a dataset are used. The defaults are those of k6's `llm.js`.
public struct DatasetFilter: Sendable, Equatable {
    /// Turns that a conversation must have.
    public var leastTurns = 2
    /// Words that the prompt, and the answer, must have.
    public var leastWords = 4
    /// Words that a prompt may have.
    public var mostPromptWords = 1_024
    /// Words that prompt and answer may have together.
    public var mostContextWords = 2_048

    /// The defaults.
    public init() {}
}

/// Reads datasets.
public enum DatasetFile {
    /// Finds the prompts.
    ///
    /// - Parameter flag: the flag that names the file, for an error's sentence.
    public static func rows(
        of file: MappedFile,
        filter: DatasetFilter,
        for flag: String
    ) throws(SetupError) -> RequestRows {
        var index = DatasetIndex(file.bytes, filter)
        do throws(JSONFault) {
            try index.read()
        } catch {
            let place = TextPlace(of: error.offset, in: file.bytes)
            throw SetupError(
                .usage,
                "\(flag): \(file.name) line \(place.line), column \(place.column): \(error.problem)"
            )
        }
        guard !index.rows.isEmpty else {
            let reasons = index.dropped.filter { $0.count > 0 }
                .map { "\($0.count) \($0.reason)" }.joined(separator: ", ")
            throw SetupError(
                .usage,
                reasons.isEmpty
                    ? "\(flag): \(file.name) holds no row: give conversations, or lines with "
                        + "\"prompt\""
                    : "\(flag): no row of \(file.name) is left (\(reasons)): change --min-turns, "
                        + "--max-prompt-words or --max-context-words"
            )
        }
        return RequestRows(file, rows: index.rows, dropped: index.dropped)
    }
}

/// Goes once through a dataset.
private struct DatasetIndex {
    private let bytes: UnsafeRawBufferPointer
    private let filter: DatasetFilter
    private var reader: JSONReader
    private(set) var rows: [RequestRow] = []
    private var fewTurns = 0
    private var notHuman = 0
    private var short = 0
    private var longPrompt = 0
    private var longContext = 0

    init(_ bytes: UnsafeRawBufferPointer, _ filter: DatasetFilter) {
        self.bytes = bytes
        self.filter = filter
        reader = JSONReader(bytes)
    }

    var dropped: [DroppedRows] {
        [
            DroppedRows(reason: "with fewer than \(filter.leastTurns) turns", count: fewTurns),
            DroppedRows(reason: "that no human begins", count: notHuman),
            DroppedRows(
                reason: "with fewer than \(filter.leastWords) words on a side",
                count: short
            ),
            DroppedRows(
                reason: "with a prompt of more than \(filter.mostPromptWords) words",
                count: longPrompt
            ),
            DroppedRows(
                reason: "with more than \(filter.mostContextWords) words in prompt and answer",
                count: longContext
            ),
        ]
    }

    /// An array of records, or one record a line or otherwise behind the other.
    mutating func read() throws(JSONFault) {
        // A byte order mark, which some editors leave (RFC 8259, 8.1 lets a reader ignore it).
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            reader = JSONReader(bytes, in: 3..<bytes.count)
        }
        reader.skipSpace()
        if reader.byte == UInt8(ascii: "[") {
            if try reader.enterArray() {
                repeat { try record() } while try reader.nextElement()
            }
            reader.skipSpace()
            if !reader.isAtEnd { throw reader.fault("nothing more behind the array") }
            return
        }
        while !reader.isAtEnd {
            try record()
            reader.skipSpace()
        }
    }

    private mutating func record() throws(JSONFault) {
        let start = reader.offset
        guard reader.byte == UInt8(ascii: "{") else {
            throw reader.fault("an object with \"conversations\" or \"prompt\"")
        }
        var prompt: Range<Int>?
        var limit: UInt32?
        var talk: Conversation?
        if try reader.enterObject() {
            repeat {
                let key = try reader.key()
                if reader.spells(key, "prompt") {
                    prompt = try text("a string as \"prompt\"")
                } else if reader.spells(key, "conversations") {
                    talk = try conversation()
                } else if reader.spells(key, "max_tokens")
                    || reader.spells(key, "output_length") || reader.spells(key, "output_tokens")
                {
                    limit = try length()
                } else {
                    try reader.skipValue(depth: 2)
                }
            } while try reader.nextMember()
        }
        if let talk {
            if keeps(talk) { try add(talk.prompt, limit) }
        } else if let prompt {
            try add(prompt, limit)
        } else {
            throw JSONFault(expected: "\"conversations\" or \"prompt\" in the row", offset: start)
        }
    }

    private mutating func text(_ expected: String) throws(JSONFault) -> Range<Int> {
        guard reader.byte == UInt8(ascii: "\"") else { throw reader.fault(expected) }
        return try reader.string()
    }

    private mutating func length() throws(JSONFault) -> UInt32 {
        let start = reader.offset
        guard let value = try reader.wholeNumber(), value > 0 else {
            throw JSONFault(expected: "a number of tokens from 1 on", offset: start)
        }
        return value
    }

    private mutating func add(_ prompt: Range<Int>, _ limit: UInt32?) throws(JSONFault) {
        guard prompt.count <= RequestRow.longest else {
            throw JSONFault(expected: "a prompt of at most 64 MiB", offset: prompt.lowerBound)
        }
        rows.append(
            RequestRow(
                start: UInt64(prompt.lowerBound),
                length: UInt32(prompt.count),
                maxTokens: limit ?? 0
            )
        )
    }

    // MARK: Conversations

    private struct Conversation {
        var turns = 0
        var isBegunByHuman = false
        var prompt = 0..<0
        var answer = 0..<0
    }

    private mutating func conversation() throws(JSONFault) -> Conversation {
        var talk = Conversation()
        guard reader.byte == UInt8(ascii: "[") else {
            throw reader.fault("an array as \"conversations\"")
        }
        guard try reader.enterArray() else { return talk }
        repeat {
            guard reader.byte == UInt8(ascii: "{") else { throw reader.fault("a turn's object") }
            var value = reader.offset..<reader.offset
            guard try reader.enterObject() else { continue }
            repeat {
                let key = try reader.key()
                if reader.spells(key, "value") {
                    value = try text("a string as \"value\"")
                } else if reader.spells(key, "from") {
                    let from = try text("a string as \"from\"")
                    if talk.turns == 0 { talk.isBegunByHuman = reader.spells(from, "human") }
                } else {
                    try reader.skipValue(depth: 4)
                }
            } while try reader.nextMember()
            if talk.turns == 0 { talk.prompt = value }
            if talk.turns == 1 { talk.answer = value }
            talk.turns += 1
        } while try reader.nextElement()
        return talk
    }

    /// The filters in the order in which `llm.js` has them: each dropped row counts at the first.
    private mutating func keeps(_ talk: Conversation) -> Bool {
        if talk.turns < filter.leastTurns {
            fewTurns += 1
            return false
        }
        if !talk.isBegunByHuman {
            notHuman += 1
            return false
        }
        let prompt = WordCount.words(in: talk.prompt, of: bytes)
        // A conversation of one turn, where that is enough, has no answer to judge.
        let answer = talk.turns > 1 ? WordCount.words(in: talk.answer, of: bytes) : nil
        if prompt < filter.leastWords || answer ?? .max < filter.leastWords {
            short += 1
            return false
        }
        if prompt > filter.mostPromptWords {
            longPrompt += 1
            return false
        }
        if prompt + (answer ?? 0) > filter.mostContextWords {
            longContext += 1
            return false
        }
        return true
    }
}

/// Counts words as `llm.js` does, which calls them tokens: the pieces between white space, commas,
/// points, question marks, apostrophes and quotation marks, empty pieces included.
enum WordCount {
    /// Words of the JSON string's text in `range`, escapes understood.
    static func words(in range: Range<Int>, of bytes: UnsafeRawBufferPointer) -> Int {
        var text = EscapedText(UnsafeRawBufferPointer(rebasing: bytes[range]))
        var count = 1
        while let scalar = text.next() {
            if isSeparator(scalar) { count += 1 }
        }
        return count
    }

    private static func isSeparator(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x20, 0x2C, 0x27, 0x22, 0x2E, 0x3F, 0x09...0x0D: true
        // White space as ECMAScript defines it for \s.
        case 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF: true
        default: false
        }
    }
}
