// What one event says, in the terms that all APIs have in common. Plain data; knows neither JSON
// nor any API.

/// What one event says. Ranges point into the event's data.
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
        /// Times of the server's own; `times` has them.
        static let times = Contents(rawValue: 256)
        static let tokens: Contents = [.content, .reasoning, .toolCall]
    }

    var contents: Contents = []
    /// The last choice's finish reason as it stands in the JSON text, not unescaped; else empty.
    var finishReason = UnsafeRawBufferPointer(start: nil, count: 0)
    /// The first non-empty visible text as it stands in the JSON text, without its quotation marks
    /// and not unescaped; empty where the event has none, and in `raw`.
    var contentText = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Tokens of the prompt, cached ones included; -1 where absent.
    var promptTokens: Int64 = -1
    /// Tokens of the answer so far, reasoning included; -1 where absent.
    var completionTokens: Int64 = -1
    /// Tokens of the prompt that came from a cache; -1 where absent.
    var cachedTokens: Int64 = -1
    /// Tokens of the answer that are reasoning; -1 where absent.
    var reasoningTokens: Int64 = -1
    /// What the server says its parts of the request took.
    var times = ServerTimes()

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

/// What a server says its parts of one request took, in nanoseconds; -1 where it doesn't say.
struct ServerTimes: BitwiseCopyable {
    /// Reading the prompt.
    var prefill: Int64 = -1
    /// Writing the answer.
    var decode: Int64 = -1
    /// Waiting before that.
    var queue: Int64 = -1

    var isEmpty: Bool { prefill < 0 && decode < 0 && queue < 0 }

    /// Takes over what `other` says, and keeps what it leaves out.
    mutating func update(with other: ServerTimes) {
        if other.prefill >= 0 { prefill = other.prefill }
        if other.decode >= 0 { decode = other.decode }
        if other.queue >= 0 { queue = other.queue }
    }
}
