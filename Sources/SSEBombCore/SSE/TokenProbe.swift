// What one event means for measuring: does it bear a token, end the stream, report usage or an
// error. Reads the event's data where it lies. Knows the dialects only as cases of one switch;
// knows nothing of streams, time or counters.

/// Reads events.
enum TokenProbe {
    /// Reads one dispatched event.
    ///
    /// What can't be read says `unknown`, never a guess: malformed JSON says nothing else, however
    /// far it could be read.
    ///
    /// - Parameters:
    ///   - data: The event's data; the result points into it.
    ///   - eventType: The event's type; empty for `message`.
    ///   - dialect: The stream's dialect; decided here while it is undetermined.
    ///   - fields: What `.custom` is read by.
    static func read(
        _ data: UnsafeRawBufferPointer,
        eventType: UnsafeRawBufferPointer,
        dialect: inout Dialect,
        fields: FieldReader? = nil
    ) -> EventFacts {
        var facts = EventFacts()
        switch dialect {
        case .undetermined, .openaiChat, .openaiCompletions:
            OpenAIEvent.read(data, into: &facts, dialect: &dialect)
            if dialect == .undetermined, facts.contents == .unknown {
                coldRecognise(data, &facts, &dialect)
            }
        case .openaiResponses: ResponsesEvent.read(data, into: &facts)
        case .anthropic: AnthropicEvent.read(data, into: &facts)
        case .tgi: TGIEvent.read(data, into: &facts)
        case .llamacpp: LlamaEvent.read(data, into: &facts)
        case .ollama: OllamaEvent.read(data, into: &facts)
        case .triton: TritonEvent.read(data, into: &facts)
        case .gemini: GeminiEvent.read(data, into: &facts)
        case .custom:
            if let fields { fields.read(data, into: &facts) } else { facts = .nothingKnown }
        case .raw:
            facts.contents = .content
            return facts
        }
        if isError(eventType) { facts.contents.insert(.error) }
        return facts
    }

    /// Tries the shapes other than OpenAI's, those first that name themselves.
    @inline(never)
    private static func coldRecognise(
        _ data: UnsafeRawBufferPointer,
        _ facts: inout EventFacts,
        _ dialect: inout Dialect
    ) {
        let noType = UnsafeRawBufferPointer(start: nil, count: 0)
        for candidate in candidates {
            var trial = candidate
            let found = read(data, eventType: noType, dialect: &trial)
            if found.contents == .unknown { continue }
            facts = found
            // Errors look alike, and a ping is nobody's own.
            let decides =
                found.contents != .error
                && !(candidate == .anthropic && found.contents.isEmpty)
            if decides { dialect = candidate }
            return
        }
    }

    private static let candidates: [Dialect] = [
        .anthropic, .openaiResponses, .gemini, .tgi, .ollama, .llamacpp, .triton,
    ]

    @inline(__always)  // One comparison: hardly any event has a type.
    private static func isError(_ type: UnsafeRawBufferPointer) -> Bool {
        guard type.count == 5, let start = type.baseAddress else { return false }
        return ByteScan.begins(start, start + 5, with: "error")
    }
}
