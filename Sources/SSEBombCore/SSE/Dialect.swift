// Which API's events a stream carries, how the APIs are called, and what a request's path says of
// it. Knows no event's bytes; TokenProbe reads them.

/// The API whose events a stream carries.
public enum Dialect: UInt8, Sendable, BitwiseCopyable, CaseIterable {
    /// Not known yet: the first event with a known shape decides.
    case undetermined
    /// OpenAI chat completions: `choices[].delta`.
    case openaiChat
    /// OpenAI completions: `choices[].text`.
    case openaiCompletions
    /// OpenAI responses: `response.output_text.delta` and its relatives.
    case openaiResponses
    /// Anthropic messages: `content_block_delta`.
    case anthropic
    /// Text Generation Inference's `/generate_stream`: `token.text`.
    case tgi
    /// llama.cpp's `/completion`: `content` and `stop`.
    case llamacpp
    /// Ollama's `/api/chat` and `/api/generate`: one JSON object a line, without SSE.
    case ollama
    /// Triton's `generate_stream`: `text_output`.
    case triton
    /// Gemini's `streamGenerateContent?alt=sse`: `candidates[].content.parts[]`.
    case gemini
    /// Any other JSON, read by the plan's paths (`FieldPaths`).
    case custom
    /// Any event stream: every event counts as a token, the end is the end of the body.
    case raw

    /// What command line and result file call it; nil while it isn't known.
    public var name: String? {
        switch self {
        case .undetermined: nil
        case .openaiChat: "openai-chat"
        case .openaiCompletions: "openai-completions"
        case .openaiResponses: "openai-responses"
        case .anthropic: "anthropic"
        case .tgi: "tgi"
        case .llamacpp: "llamacpp"
        case .ollama: "ollama"
        case .triton: "triton"
        case .gemini: "gemini"
        case .custom: "custom"
        case .raw: "raw"
        }
    }

    /// The API that a request target's path belongs to; `.undetermined` where it is of none.
    public init(target: String) {
        let path = target.prefix { $0 != "?" }
        if path.hasSuffix("/chat/completions") {
            self = .openaiChat
        } else if path.hasSuffix("/completions") {
            self = .openaiCompletions
        } else if path.hasSuffix("/responses") {
            self = .openaiResponses
        } else if path.hasSuffix("/v1/messages") {
            self = .anthropic
        } else if path.hasSuffix("/generate_stream") {
            // Triton names the model in its path, TGI serves one.
            self = path.contains("/v2/models/") ? .triton : .tgi
        } else if path.hasSuffix("/completion") {
            self = .llamacpp
        } else if path.hasSuffix("/api/chat") || path.hasSuffix("/api/generate") {
            self = .ollama
        } else if path.hasSuffix(":streamGenerateContent") {
            self = .gemini
        } else {
            self = .undetermined
        }
    }

    /// Whether its streams may come as one JSON text a line (application/x-ndjson), without SSE.
    /// Of an unknown API and of one that is read by paths anything may be.
    var mayComeInLines: Bool {
        switch self {
        case .ollama, .custom, .raw, .undetermined: true
        case .openaiChat, .openaiCompletions, .openaiResponses, .anthropic, .tgi, .llamacpp,
            .triton, .gemini:
            false
        }
    }
}

/// Where a run's `Dialect` comes from.
public enum DialectOrigin: String, Sendable {
    /// The user named it.
    case flag
    /// The request's path is of that API.
    case path
    /// The first event with a known shape decided.
    case events
}
