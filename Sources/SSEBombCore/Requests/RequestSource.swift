// Where requests that differ come from: a head and a body with places, rows of a file, prompts. One
// immutable source serves all loops; what a request says follows from its number and the run's seed
// alone, so any number of loops makes the same requests.

/// Everything that requests are made of.
public struct RequestParts: Sendable {
    /// What stands in the body.
    public enum Body: Sendable {
        /// One text for all, with places.
        case pattern(RequestPattern)
        /// A row of a file, byte-exact.
        case rows(RequestRows)
        /// The rows of a file as templates, one pattern a row.
        case patterns([RequestPattern])
        /// No body.
        case none
    }

    /// What stands where a prompt does.
    public enum Prompt: Sendable {
        /// The same text always, as the inside of a JSON string.
        case text([UInt8])
        /// A row of a dataset.
        case rows(RequestRows)
        /// Words.
        case synthetic(SyntheticPrompts)
        /// Words, as many as the trace's row has tokens: those of its blocks or of its session
        /// where it has any.
        case recorded
        /// No place asks for one.
        case none
    }

    /// How many tokens a request asks for.
    public enum Limit: Sendable {
        /// The same number always.
        case fixed(UInt32)
        /// Drawn anew for each request.
        case drawn(Distribution)
        /// What the dataset's row says.
        case row
        /// What the trace's row says.
        case recorded
        /// No place asks for it.
        case none
    }

    /// The body.
    public var body = Body.none
    /// The prompt.
    public var prompt = Prompt.none
    /// The limit of tokens.
    public var limit = Limit.none
    /// Words that prompts begin with, shared by groups of requests.
    public var prefix: SharedPrefix?
    /// Every prompt begins with a text of its own, so that no prefix cache can know it.
    public var isUnique = false
    /// Which row a request takes.
    public var order = RowOrder.sequential
    /// Where recorded requests come from; nil where nothing of their rows is sent. A row's body
    /// goes before `body`.
    public var trace: ArrivalTrace?
    /// Places in path, query and header fields are filled in.
    public var fillsHead = false
    /// What the rows were read from and what was left out, for the report.
    public var origin = ""

    /// Parts that make nothing yet.
    public init() {}
}

/// Makes requests by number.
public final class RequestSource: Sendable {
    /// What it is made of.
    public let parts: RequestParts
    private let head: RequestPattern
    /// What makes prompts unique stands elsewhere than at the prompt's start.
    private let hasUniquePlace: Bool

    /// A source of requests with the head of `template`, which was made with an empty body.
    ///
    /// - Throws: where a place in path, query or header fields has no name that is known.
    public init(
        _ parts: RequestParts,
        head template: RequestTemplate
    ) throws(TemplateFault) {
        self.parts = parts
        var head = RequestPattern()
        let bytes = template.bytes
        let length = template.contentLength ?? bytes.count..<bytes.count
        let line = bytes.firstIndex(of: 0x0D) ?? 0
        func append(_ range: Range<Int>, _ kind: RequestPattern.Kind) throws(TemplateFault) {
            if parts.fillsHead {
                try head.append(template: bytes[range], as: kind)
            } else {
                head.append(literal: bytes[range])
            }
        }
        try append(0..<line, .target)
        try append(line..<length.lowerBound, .header)
        if template.contentLength != nil { head.appendBodyLength() }
        try append(length.upperBound..<bytes.count, .header)
        self.head = head
        hasUniquePlace =
            if case .pattern(let body) = parts.body { body.hasUnique } else { false }
    }

    /// Whether bodies differ from request to request: else a server's prefix cache may be hot.
    public var hasVaryingBodies: Bool {
        if let trace = parts.trace?.summary, trace.bodies.rows > 0, trace.promptsVary {
            return true
        }
        switch parts.body {
        case .none: return false
        case .rows(let rows): return rows.count > 1
        case .patterns(let patterns): return patterns.count > 1 || patterns.contains { $0.varies }
        case .pattern(let pattern):
            if pattern.has(.index) || pattern.has(.uuid) || pattern.hasUnique { return true }
            if pattern.hasConversation { return true }
            return pattern.has(.prompt) && hasVaryingPrompts
        }
    }

    private var hasVaryingPrompts: Bool {
        if parts.isUnique || (parts.prefix?.groups ?? 1) > 1 { return true }
        switch parts.prompt {
        case .text, .none: return false
        case .rows(let rows): return rows.count > 1
        case .synthetic: return true
        case .recorded: return parts.trace?.summary.promptsVary ?? true
        }
    }

    /// What requests are made of, for people.
    public var summary: SourceSummary {
        var summary = SourceSummary()
        if case .rows(let rows) = parts.prompt {
            summary.kind = "dataset"
            summary.add(rows, parts.order)
        } else if case .synthetic = parts.prompt {
            summary.kind = "synthetic"
        }
        switch parts.body {
        case .rows(let rows):
            summary.kind = "bodies"
            summary.add(rows, parts.order)
        case .patterns(let patterns):
            summary.kind = "bodies"
            summary.file = parts.origin
            summary.rows = patterns.count
            summary.order = parts.order
        case .pattern, .none: break
        }
        if let trace = parts.trace { summary.add(trace, parts) }
        return summary
    }

    /// The body of the first request, nil where requests have none. Bodies are checked by it.
    public var firstBody: [UInt8]? {
        if case .none = parts.body, parts.trace?.summary.beginsWithBody != true { return nil }
        return preview(0, seed: 1).body
    }

    /// The bytes of request `number`: head, and body. For showing them; loops use `render`.
    public func preview(_ number: UInt64, seed: UInt64) -> (head: [UInt8], body: [UInt8]) {
        let pool = SpillPool()
        var scratch = RenderScratch()
        var request = Spill()
        defer {
            request.release(to: pool)
            scratch.release(to: pool)
            pool.destroy()
        }
        let headLength = render(
            number,
            seed: seed,
            recorded: parts.trace?.row(number),
            into: &request,
            &scratch,
            pool
        )
        let bytes = Array(request.bytes)
        return (Array(bytes[..<headLength]), Array(bytes[headLength...]))
    }
}

/// What requests are made of, for people.
public struct SourceSummary: Sendable, Equatable {
    /// "bodies", "dataset", "synthetic", "template" or "trace".
    public var kind = "template"
    /// The file they come from.
    public var file: String?
    /// Rows of it that are used.
    public var rows: Int?
    /// Rows of it that are not.
    public var dropped: [DroppedRows] = []
    /// The order in which rows are taken.
    public var order: RowOrder?
    /// What comes from the rows of a trace; empty without one.
    public var recorded: [RecordedPart] = []

    /// A source of which nothing is known yet.
    public init() {}

    /// `recorded` in words; nil where it is empty.
    public var recordedWords: String? {
        recorded.isEmpty ? nil : recorded.map(\.words).joined(separator: ", ")
    }

    fileprivate mutating func add(_ trace: ArrivalTrace, _ parts: RequestParts) {
        let rows = trace.summary
        if rows.bodies.rows > 0 { recorded.append(.bodies) }
        if case .recorded = parts.prompt {
            recorded.append(.promptLengths)
            if rows.blocks.rows > 0 { recorded.append(.blocks) }
            if rows.sessions.rows > 0 { recorded.append(.sessions) }
        }
        if case .recorded = parts.limit { recorded.append(.answerLengths) }
        guard recorded.contains(.bodies) || recorded.contains(.promptLengths) else { return }
        kind = "trace"
        file = trace.path
        self.rows = Int(clamping: rows.rows)
    }

    fileprivate mutating func add(_ rows: RequestRows, _ order: RowOrder) {
        file = rows.name
        self.rows = rows.count
        dropped = rows.dropped
        self.order = order
    }
}

/// Memory of a loop in which bodies and prompts come about; kept from one request to the next.
struct RenderScratch {
    fileprivate var body = Spill()
    fileprivate var prompt = Spill()

    mutating func release(to pool: SpillPool) {
        body.release(to: pool)
        prompt.release(to: pool)
    }

    /// What one request needed and few others will is given back.
    private static let kept = 1 << 20

    fileprivate mutating func reset(_ pool: SpillPool) {
        if body.count > Self.kept { body.release(to: pool) } else { body.truncate(to: 0) }
        if prompt.count > Self.kept { prompt.release(to: pool) } else { prompt.truncate(to: 0) }
    }
}

/// What places of one request are filled with.
struct RequestValues {
    let number: UInt64
    let seed: UInt64
    /// Row of the bodies or of the dataset.
    let row: Int
    /// Row of the trace.
    let recorded: TraceRow?
    /// Of a session.
    var turn: ConversationTurn?

    /// What a cache may know a conversation by is said once, at its beginning.
    fileprivate var isFirstTurn: Bool { (turn?.turn ?? 1) == 1 }
    /// Decides what requests share or don't; all turns of a session are alike in that.
    fileprivate var group: UInt64 { turn?.session ?? number }
}

// MARK: - Rendering

extension RequestSource {
    /// Makes request `number` in memory of the loop, before the request's clock starts.
    ///
    /// Bodies are copied even where they are rows of a file as it is: a page of the file that isn't
    /// in memory is then read here, and not while the request is being sent.
    ///
    /// - Parameter recorded: the trace's row that asks for the request. Where nothing does, but
    ///   requests are recorded, it is the first one.
    /// - Returns: length of the head.
    @discardableResult
    func render(
        _ number: UInt64,
        seed: UInt64,
        recorded: TraceRow? = nil,
        into request: inout Spill,
        _ scratch: inout RenderScratch,
        _ pool: SpillPool
    ) -> Int {
        render(
            RequestValues(
                number: number,
                seed: seed,
                row: row(number, seed),
                recorded: recorded ?? parts.trace?.row(0)
            ),
            into: &request,
            &scratch,
            pool
        )
    }

    @discardableResult
    func render(
        _ values: RequestValues,
        into request: inout Spill,
        _ scratch: inout RenderScratch,
        _ pool: SpillPool
    ) -> Int {
        defer { scratch.reset(pool) }
        request.truncate(to: 0)
        let body = makeBody(values, &scratch, pool)
        fill(head, values, body.count, into: &request, &scratch.prompt, pool)
        let headLength = request.count
        RequestBytes.append(body, to: &request, pool: pool)
        return headLength
    }

    func row(_ number: UInt64, _ seed: UInt64) -> Int {
        let count =
            switch (parts.body, parts.prompt) {
            case (.rows(let rows), _): rows.count
            case (.patterns(let patterns), _): patterns.count
            case (_, .rows(let rows)): rows.count
            default: 1
            }
        return Int(parts.order.row(number, of: UInt64(count), seed: seed))
    }

    /// The body's bytes, in the file or in `scratch`.
    private func makeBody(
        _ values: RequestValues,
        _ scratch: inout RenderScratch,
        _ pool: SpillPool
    ) -> UnsafeRawBufferPointer {
        if let exact = values.recorded?.body, !exact.isEmpty { return exact }
        switch parts.body {
        case .none: return UnsafeRawBufferPointer(start: nil, count: 0)
        case .rows(let rows): return rows.bytes(rows.rows[values.row])
        case .patterns(let patterns):
            fill(patterns[values.row], values, 0, into: &scratch.body, &scratch.prompt, pool)
        case .pattern(let pattern):
            fill(pattern, values, 0, into: &scratch.body, &scratch.prompt, pool)
        }
        return scratch.body.bytes
    }

    private func fill(
        _ pattern: RequestPattern,
        _ values: RequestValues,
        _ bodyLength: Int,
        into target: inout Spill,
        _ prompt: inout Spill,
        _ pool: SpillPool
    ) {
        for piece in pattern.pieces {
            switch piece {
            case .literal(let range):
                pattern.text.withUnsafeBytes {
                    RequestBytes.append(.init(rebasing: $0[range]), to: &target, pool: pool)
                }
            case .bodyLength:
                RequestBytes.append(decimal: UInt64(bodyLength), to: &target, pool: pool)
            case .unique: appendUnique(values, to: &target, pool)
            case .conversation:
                guard let turn = values.turn else { break }
                RequestBytes.append(turn.history, to: &target, pool: pool)
            case .name(.index, _):
                RequestBytes.append(decimal: values.number, to: &target, pool: pool)
            case .name(.seed, _):
                RequestBytes.append(decimal: values.seed, to: &target, pool: pool)
            case .name(.maxTokens, _):
                RequestBytes.append(decimal: UInt64(limit(values)), to: &target, pool: pool)
            case .name(.uuid, let notation):
                let quotes = notation == .jsonValue
                if quotes { RequestBytes.append(byte: 0x22, to: &target, pool: pool) }
                appendUUID(values, to: &target, pool)
                if quotes { RequestBytes.append(byte: 0x22, to: &target, pool: pool) }
            case .name(.prompt, let notation):
                prompt.truncate(to: 0)
                makePrompt(values, in: &prompt, pool)
                RequestBytes.append(prompt.bytes, as: notation, to: &target, pool: pool)
            }
        }
    }

    /// A random UUID by its form (RFC 9562, 5.4).
    private func appendUUID(_ values: RequestValues, to target: inout Spill, _ pool: SpillPool) {
        var random = RequestRandom.stream(values.seed, .uuid, values.number)
        let high = random.next() & ~0xF000 | 0x4000
        let low = random.next() & ~(0b11 << 62) | 0b10 << 62
        let groups = [(high >> 32, 8), (high >> 16, 4), (high, 4), (low >> 48, 4), (low, 12)]
        for (index, group) in groups.enumerated() {
            if index > 0 { RequestBytes.append(byte: UInt8(ascii: "-"), to: &target, pool: pool) }
            RequestBytes.append(hex: group.0, digits: group.1, to: &target, pool: pool)
        }
    }

    private func appendUnique(_ values: RequestValues, to target: inout Spill, _ pool: SpillPool) {
        let name = RequestRandom.key(values.seed, .unique, values.group)
        RequestBytes.append(hex: name, digits: 16, to: &target, pool: pool)
        RequestBytes.append(byte: 0x20, to: &target, pool: pool)
    }

    private func limit(_ values: RequestValues) -> UInt32 {
        switch parts.limit {
        case .fixed(let limit): return limit
        case .drawn(let law):
            var random = RequestRandom.stream(values.seed, .lengths, values.number)
            // The prompt's length is drawn first.
            _ = promptWords(values, &random)
            return UInt32(Self.length(law, &random))
        case .row:
            guard case .rows(let rows) = parts.prompt else { return 1 }
            return max(1, rows.rows[values.row].maxTokens)
        // A request that failed when it was recorded has an answer of 0 tokens.
        case .recorded: return max(1, values.recorded?.outputTokens ?? 1)
        case .none: return 1
        }
    }

    /// A drawn length: a whole number from 1 to the most that a prompt may have.
    private static func length(_ law: Distribution, _ random: inout SeededRandom) -> Int {
        Int(min(max(law.sample(&random).rounded(), 1), Double(SharedPrefix.most)))
    }

    private func promptWords(_ values: RequestValues, _ random: inout SeededRandom) -> Int {
        guard case .synthetic(let prompts) = parts.prompt else { return 0 }
        return Self.length(prompts.length, &random)
    }

    /// The prompt's text, as the inside of a JSON string.
    func makePrompt(_ values: RequestValues, in prompt: inout Spill, _ pool: SpillPool) {
        let isUniqueHere = parts.isUnique && !hasUniquePlace && values.isFirstTurn
        if isUniqueHere { appendUnique(values, to: &prompt, pool) }
        if let prefix = parts.prefix, values.isFirstTurn {
            var choice = RequestRandom.stream(values.seed, .prefix, values.group)
            let group = choice.next().multipliedFullWidth(by: UInt64(prefix.groups)).high
            var random = RequestRandom.stream(values.seed, .prefix, ~group)
            PromptWords.append(prefix.words, from: &random, to: &prompt, pool: pool)
            if prefix.words > 0 { RequestBytes.append(byte: 0x20, to: &prompt, pool: pool) }
        }
        switch parts.prompt {
        case .none: break
        case .text(let text):
            text.withUnsafeBytes { RequestBytes.append($0, to: &prompt, pool: pool) }
        case .rows(let rows):
            RequestBytes.append(rows.bytes(rows.rows[values.row]), to: &prompt, pool: pool)
        case .synthetic:
            var lengths = RequestRandom.stream(values.seed, .lengths, values.number)
            var random = RequestRandom.stream(values.seed, .words, values.number)
            let words = promptWords(values, &lengths)
            PromptWords.append(words, from: &random, to: &prompt, pool: pool)
        case .recorded:
            if let row = values.recorded { appendRecorded(row, values, to: &prompt, pool) }
        }
    }

    /// As many words as the row's prompt has tokens. A block's words follow from its number, those
    /// of a session's prompts from its name: one that is longer goes on where a shorter ended.
    private func appendRecorded(
        _ row: TraceRow,
        _ values: RequestValues,
        to prompt: inout Spill,
        _ pool: SpillPool
    ) {
        // No API takes a prompt without text.
        var left = Int(max(1, row.inputTokens ?? 1))
        for block in row.blocks where left > 0 {
            let words = min(left, Int(TraceBlocks.tokens))
            var random = RequestRandom.stream(values.seed, .block, block)
            PromptWords.append(words, from: &random, to: &prompt, pool: pool)
            left -= words
        }
        var random =
            row.session.isEmpty
            ? RequestRandom.stream(values.seed, .words, values.number)
            : RequestRandom.stream(values.seed, .session, RequestRandom.digest(row.session))
        PromptWords.append(left, from: &random, to: &prompt, pool: pool)
    }
}
