// What an event of any other API says, by paths into its JSON that the user names (`--field`), and
// the reader that walks them. Knows no API.

/// Where the events of an API have what is measured.
public struct FieldPaths: Sendable, Equatable {
    /// What stands at a path.
    public enum Kind: String, Sendable, CaseIterable {
        /// Visible text: a non-empty string is a token.
        case content
        /// Reasoning text.
        case reasoning
        /// Text of a tool call.
        case tool
        /// Finish reason: a non-empty string, a number or `true`.
        case finish
        /// Error: anything but null, false and the empty string.
        case error
        /// Tokens of the answer so far.
        case completionTokens = "usage.completion"
        /// Tokens of the prompt.
        case promptTokens = "usage.prompt"
        /// Tokens of the prompt that came from a cache.
        case cachedTokens = "usage.cached"
        /// Tokens of the answer that are reasoning.
        case reasoningTokens = "usage.reasoning"
    }

    /// One path and what stands there.
    public struct Field: Sendable, Equatable {
        /// What stands there.
        public var kind: Kind
        /// The place.
        public var path: JSONPath

        /// What stands at a path.
        public init(kind: Kind, path: JSONPath) {
            self.kind = kind
            self.path = path
        }

        /// The field in the notation of `--field`.
        public var text: String { "\(kind.rawValue)=\(path.text)" }
    }

    /// More than an API needs; each is a walk through every event.
    public static let mostFields = 32

    /// In the order given; several may be of one kind.
    public var fields: [Field]
    /// An event with exactly this data (UTF-8) ends the stream; nil: the end of the body does.
    public var end: [UInt8]?

    /// At most `mostFields` fields.
    public init(fields: [Field], end: [UInt8]?) {
        precondition(fields.count <= Self.mostFields)
        self.fields = fields
        self.end = end
    }
}

/// `FieldPaths` in flat memory. A handle; made and destroyed by the coordinator, read by loops.
struct FieldReader: @unchecked Sendable {
    // Unchecked: nobody writes the memory between `init` and `destroy`.
    private struct Field {
        var kind: FieldPaths.Kind
        var path: JSONPathReader
    }

    private let fields: UnsafeMutableBufferPointer<Field>
    private let end: UnsafeMutableRawBufferPointer

    init(_ plan: FieldPaths) {
        fields = .allocate(capacity: plan.fields.count)
        for (place, field) in plan.fields.enumerated() {
            fields.initializeElement(
                at: place,
                to: Field(kind: field.kind, path: JSONPathReader(field.path))
            )
        }
        let text = plan.end ?? []
        end = .allocate(byteCount: text.count, alignment: 1)
        end.copyBytes(from: text)
    }

    func destroy() {
        for field in fields { field.path.destroy() }
        fields.deallocate()
        end.deallocate()
    }

    /// Whether nothing but the end of the body ends a stream.
    var endsWithBody: Bool { end.isEmpty }

    /// Reads one event: first whether it is JSON at all, then each path. An event where no path
    /// leads anywhere is unknown.
    @inline(never)  // Keeps the readers of the several APIs apart in the loop's code.
    func read(_ data: UnsafeRawBufferPointer, into facts: inout EventFacts) {
        if isEnd(data) {
            facts.contents = .done
            return
        }
        guard let base = data.baseAddress else {
            facts = .nothingKnown
            return
        }
        var whole = JSONScanner(base, base + data.count)
        whole.skipSpace()
        guard whole.skipValue(depth: 0), whole.isAtEnd() else {
            // Without an end of its own, that of the others is taken.
            if endsWithBody { return JSONScanner.coldReadMarker(data, into: &facts) }
            facts = .nothingKnown
            return
        }
        var isFound = false
        for place in 0..<fields.count {
            guard var value = fields[place].path.find(in: data) else { continue }
            isFound = true
            guard take(fields[place].kind, &value, &facts) else {
                facts = .nothingKnown
                return
            }
        }
        if !isFound { facts.contents.insert(.unknown) }
    }

    private func isEnd(_ data: UnsafeRawBufferPointer) -> Bool {
        guard !end.isEmpty, data.count == end.count, let base = data.baseAddress else {
            return false
        }
        return ByteScan.begins(base, base + data.count, with: UnsafeRawBufferPointer(end))
    }

    private func take(
        _ kind: FieldPaths.Kind,
        _ value: inout JSONScanner,
        _ facts: inout EventFacts
    ) -> Bool {
        // A path has at most so many steps.
        let depth = JSONPath.mostSteps
        switch kind {
        case .content: return facts.readTokenValue(.content, &value, depth: depth)
        case .reasoning: return facts.readTokenValue(.reasoning, &value, depth: depth)
        case .tool: return facts.readTokenValue(.toolCall, &value, depth: depth)
        case .finish: return takeFinish(&value, &facts)
        case .error:
            if value.take("null") || value.take("false") || value.take("\"\"") { return true }
            facts.contents.insert(.error)
            return true
        case .completionTokens, .promptTokens, .cachedTokens, .reasoningTokens:
            return takeCount(kind, &value, &facts)
        }
    }

    private func takeFinish(_ value: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        if value.byte == UInt8(ascii: "\"") {
            guard let reason = value.readString() else { return false }
            facts.finish(reason)
            return true
        }
        if value.take("null") || value.take("false") { return true }
        let start = value.position
        guard value.byte != UInt8(ascii: "{"), value.byte != UInt8(ascii: "["), value.skipScalar()
        else { return true }
        facts.finish(UnsafeRawBufferPointer(start: start, count: value.position - start))
        return true
    }

    private func takeCount(
        _ kind: FieldPaths.Kind,
        _ value: inout JSONScanner,
        _ facts: inout EventFacts
    ) -> Bool {
        guard value.byte &- 0x30 <= 9 else { return true }
        var count: Int64 = -1
        guard value.readCount(&count) else { return false }
        guard count >= 0 else { return true }
        facts.contents.insert(.usage)
        switch kind {
        case .completionTokens: facts.completionTokens = count
        case .promptTokens: facts.promptTokens = count
        case .cachedTokens: facts.cachedTokens = count
        default: facts.reasoningTokens = count
        }
        return true
    }
}
