// The APIs that the mock speaks, and what of each is a plain fact: how it frames events, where a
// request says how much and whether to stream. How its events look stands in EventStyle.

/// Whose request fields and event shapes an exchange has.
enum MockAPI: UInt8, CaseIterable {
    /// OpenAI's chat completions.
    case chat
    /// OpenAI's legacy completions.
    case completions
    /// OpenAI's Responses.
    case responses
    /// Anthropic's Messages.
    case anthropic
    /// Hugging Face's text-generation-inference, `/generate_stream`.
    case tgi
    /// llama.cpp's own `/completion`.
    case llamacpp
    /// Ollama's `/api/chat`.
    case ollamaChat
    /// Ollama's `/api/generate`.
    case ollamaGenerate
    /// Triton's generate extension.
    case triton
    /// Gemini's `streamGenerateContent`.
    case gemini
    /// Plain server-sent events.
    case events

    /// Lines of JSON instead of server-sent events.
    var isLines: Bool { self == .ollamaChat || self == .ollamaGenerate }

    /// `Content-Type` of a stream.
    var contentType: String {
        isLines ? "application/x-ndjson" : "text/event-stream; charset=utf-8"
    }

    /// Whether the request chooses how usage is told; the others always tell it, or never.
    var hasUsageSwitch: Bool { self == .chat || self == .completions }

    /// Whether reasoning has a place of its own beside the content.
    var hasReasoning: Bool {
        switch self {
        case .chat, .responses, .anthropic, .ollamaChat, .ollamaGenerate, .gemini: true
        case .completions, .tgi, .llamacpp, .triton, .events: false
        }
    }

    /// Whether an answer can be a call of a tool.
    var hasToolCalls: Bool {
        switch self {
        case .chat, .responses, .anthropic, .ollamaChat, .gemini: true
        case .completions, .tgi, .llamacpp, .ollamaGenerate, .triton, .events: false
        }
    }

    /// Whether a call's arguments come as pieces of JSON text; where not, calls come whole.
    var cutsArguments: Bool { self == .chat || self == .responses || self == .anthropic }

    /// Where a request limits the tokens of its answer: members of the body, or of the object in it
    /// that `object` names.
    var limits: (preferred: StaticString, other: StaticString, object: StaticString) {
        switch self {
        case .chat, .completions: ("max_completion_tokens", "max_tokens", "")
        case .responses: ("max_output_tokens", "", "")
        case .anthropic: ("max_tokens", "", "")
        case .tgi: ("", "max_new_tokens", "parameters")
        case .llamacpp: ("n_predict", "", "")
        case .ollamaChat, .ollamaGenerate: ("", "num_predict", "options")
        case .triton: ("max_tokens", "max_tokens", "parameters")
        case .gemini: ("", "maxOutputTokens", "generationConfig")
        case .events: ("", "", "")
        }
    }
}

/// What the `usage` member of every event of OpenAI's completions holds.
enum MockUsage: UInt8 {
    /// There is none.
    case absent
    /// `null` in all but the last event, as OpenAI does with `include_usage`.
    case atEnd
    /// Running counts in every event.
    case continuous
}

/// What the events around the tokens tell of a response.
struct AnswerFacts: BitwiseCopyable {
    /// Sixteen characters of the response's id.
    let identity: (high: UInt64, low: UInt64)
    let promptTokens: UInt32
    /// Tokens sent so far; at the end: all.
    var tokens: UInt32
    /// How many of them are reasoning.
    let reasoning: UInt32
    /// Whether the request's limit cut the response.
    let isCut: Bool
    /// By the schedule, nanoseconds: request to first token, and from there to now.
    let prefill: Int64
    let decode: Int64

    /// The events' varying parts.
    var values: EventValues {
        EventValues(identity: identity, number: tokens, promptTokens: promptTokens)
    }

    /// The kind of the last token.
    var lastKind: TokenKind { reasoning == tokens ? .reasoning : .content }
}
