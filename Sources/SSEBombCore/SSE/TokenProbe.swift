// What one event means for measuring: does it bear a token, end the stream, report usage or an
// error. Reads the event's data where it lies. Knows the dialects only as cases of one switch;
// knows nothing of streams, time or counters.

/// What one event says. Plain data; ranges point into the event's data.
struct EventFacts {
    /// The kinds of things an event can say; one event may say several.
    struct Contents: OptionSet {
        let rawValue: UInt16
        /// Non-empty visible text in any choice.
        static let content = Contents(rawValue: 1)
        /// Non-empty reasoning text in any choice.
        static let reasoning = Contents(rawValue: 2)
        /// A non-empty name or arguments of a tool call in any choice.
        static let toolCall = Contents(rawValue: 4)
        /// A finish reason; `finishReason` has it.
        static let finish = Contents(rawValue: 8)
        /// A usage object; what it counts is in the token fields.
        static let usage = Contents(rawValue: 16)
        /// An error reported inside the stream.
        static let error = Contents(rawValue: 32)
        /// The API's end marker.
        static let done = Contents(rawValue: 64)
        /// The event, or a part that would bear tokens, has no known shape.
        static let unknown = Contents(rawValue: 128)
        static let tokens: Contents = [.content, .reasoning, .toolCall]
    }

    var contents: Contents = []
    /// The last choice's finish reason as it stands in the JSON text, not unescaped; else empty.
    var finishReason = UnsafeRawBufferPointer(start: nil, count: 0)
    /// `usage.prompt_tokens`; -1 where absent.
    var promptTokens: Int64 = -1
    /// `usage.completion_tokens`; -1 where absent. Running where the server sends it all along.
    var completionTokens: Int64 = -1
    /// `usage.prompt_tokens_details.cached_tokens`; -1 where absent.
    var cachedTokens: Int64 = -1
    /// `usage.completion_tokens_details.reasoning_tokens`; -1 where absent.
    var reasoningTokens: Int64 = -1

    /// The facts of an event that couldn't be read.
    static var nothingKnown: EventFacts {
        var facts = EventFacts()
        facts.contents = .unknown
        return facts
    }

    /// Whether the event carries non-empty content, reasoning or tool-call text.
    var isTokenBearing: Bool { !contents.isDisjoint(with: .tokens) }

    /// Whether the event's only tokens are reasoning.
    var isReasoningOnly: Bool { contents.intersection(.tokens) == .reasoning }
}

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
    static func read(
        _ data: UnsafeRawBufferPointer,
        eventType: UnsafeRawBufferPointer,
        dialect: inout Dialect
    ) -> EventFacts {
        var facts = EventFacts()
        switch dialect {
        case .raw:
            facts.contents = .content
        case .undetermined, .openaiChat, .openaiCompletions:
            OpenAIEvent.read(data, into: &facts, dialect: &dialect)
            if isError(eventType) { facts.contents.insert(.error) }
        }
        return facts
    }

    @inline(__always)  // One comparison: hardly any event has a type.
    private static func isError(_ type: UnsafeRawBufferPointer) -> Bool {
        guard type.count == 5, let start = type.baseAddress else { return false }
        return ByteScan.begins(start, start + 5, with: "error")
    }
}
