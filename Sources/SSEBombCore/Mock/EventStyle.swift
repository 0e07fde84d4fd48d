// The events of one response, byte for byte: frames and line ends, and which API's shapes fill
// them. The shapes stand in the other EventStyle files. Writes into a block that it is given; knows
// no socket or schedule.

/// What a token is part of.
enum TokenKind {
    case content
    case reasoning
}

/// What the plan says of the shape of all responses.
struct EventManner: BitwiseCopyable {
    let newline: MockPlan.Newline
    /// Answers are calls of a tool, where the API has these.
    let callsTools: Bool
    /// So many tokens of each answer come first and are reasoning.
    let reasoning: UInt32
    /// Where a chat's last event tells the server's times.
    let timing: MockPlan.Timing?

    init(_ plan: MockPlan) {
        newline = plan.newline
        callsTools = plan.toolCalls
        reasoning = plan.reasoningTokens
        timing = plan.timing
    }
}

/// Which ends of a tool call's arguments a piece of them is.
struct ArgumentEdges: BitwiseCopyable {
    var isFirst = false
    var isLast = false
}

/// The shape of one response's events. A handle over a block that holds the model's name.
struct EventStyle: BitwiseCopyable {
    let api: MockAPI
    let usage: MockUsage
    let manner: EventManner
    /// Starts with the model's name, as the inside of a JSON string.
    let block: UnsafeMutableRawPointer
    let modelLength: Int

    static let mostModelBytes = 128

    /// The name that stands in where the request names no model, or no plain one.
    static var defaultModel: UnsafeRawBufferPointer {
        let name: StaticString = "mock"
        return UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
    }

    var model: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: block, count: modelLength) }

    /// Whether the answer is a call of a tool.
    var callsTools: Bool { manner.callsTools && api.hasToolCalls }
    /// Whether the event that opens a call, and names its tool, is its first token: clients count
    /// the name as one.
    var namesTool: Bool { callsTools && api.cutsArguments }
    /// Whether reasoning comes before the answer.
    var thinks: Bool { manner.reasoning > 0 && api.hasReasoning }

    /// Whether nothing stands between two tokens, and no piece of a call's arguments differs from
    /// the others.
    var isUniform: Bool {
        switch api {
        case .responses, .anthropic: false
        default: !namesTool
        }
    }

    // MARK: - Frames

    func beginEvent(_ name: StaticString?, _ writer: inout WireWriter) {
        if api.isLines { return }
        if let name {
            writer.append("event: ")
            writer.append(name)
            endLine(&writer)
        }
        // A blank behind the colon is optional, and TGI sends none.
        writer.append(api == .tgi ? "data:" : "data: ")
    }

    func endEvent(_ writer: inout WireWriter) {
        if api.isLines { return writer.append("\n") }
        endLine(&writer)
        endLine(&writer)
    }

    func endLine(_ writer: inout WireWriter) {
        switch manner.newline {
        case .lf: writer.append("\n")
        case .crlf: writer.append("\r\n")
        case .cr: writer.append("\r")
        }
    }

    // MARK: - Events

    /// Appends the event of one token, with zeros or blanks for what varies.
    ///
    /// - Parameter edges: which ends of a call's arguments it is; only where these come in pieces.
    /// - Returns: where the variable parts lie, from the start of the writer's block.
    func writeToken(
        _ kind: TokenKind,
        edges: ArgumentEdges = ArgumentEdges(),
        to writer: inout WireWriter
    ) -> EventFields {
        var fields = EventFields()
        switch api {
        case .chat, .completions: writeOpenAIToken(kind, edges, &writer, &fields)
        case .responses: writeResponsesToken(kind, edges, &writer, &fields)
        case .anthropic: writeAnthropicToken(kind, edges, &writer, &fields)
        case .tgi: writeTGIToken(&writer, &fields)
        case .llamacpp: writeLlamaToken(&writer, &fields)
        case .ollamaChat, .ollamaGenerate: writeOllamaToken(kind, &writer, &fields)
        case .triton: writeTritonToken(&writer, &fields)
        case .gemini: writeGeminiToken(kind, &writer, &fields)
        case .events: writePlainToken(&writer, &fields)
        }
        endEvent(&writer)
        return fields
    }

    /// Appends the events with which a stream begins, before any token.
    func writePrelude(_ facts: AnswerFacts, _ output: inout EventOutput) {
        switch api {
        case .responses: writeResponsesPrelude(facts, &output)
        case .anthropic: writeAnthropicPrelude(facts, &output)
        default: break
        }
    }

    /// Appends what comes right before the first token of a kind.
    func writeOpening(_ kind: TokenKind, _ facts: AnswerFacts, _ output: inout EventOutput) {
        switch api {
        case .chat where kind == .content: writeChatCall(facts, &output)
        case .responses: writeResponsesOpening(kind, facts, &output)
        case .anthropic: writeAnthropicOpening(kind, facts, &output)
        default: break
        }
    }

    /// Appends what comes between the last token of a kind and whatever is next.
    func writeClosing(_ kind: TokenKind, _ facts: AnswerFacts, _ output: inout EventOutput) {
        switch api {
        case .responses: _ = writeResponsesClosing(kind, facts, &output)
        case .anthropic: writeAnthropicClosing(kind, &output)
        default: break
        }
    }

    /// Appends the events behind the last token: finish, usage, end marker.
    ///
    /// - Parameter includesUsage: whether the request asked for it, where requests do.
    func writeEnd(_ facts: AnswerFacts, includesUsage: Bool, _ output: inout EventOutput) {
        switch api {
        case .chat, .completions: writeOpenAIEnd(facts, includesUsage, &output)
        case .responses: writeResponsesEnd(facts, &output)
        case .anthropic: writeAnthropicEnd(facts, &output)
        case .tgi: writeTGIEnd(facts, &output)
        case .llamacpp: writeLlamaEnd(facts, &output)
        case .ollamaChat, .ollamaGenerate: writeOllamaEnd(facts, &output)
        case .gemini: writeGeminiEnd(facts, &output)
        // The end of the body is theirs.
        case .triton, .events: break
        }
    }

    /// Appends what a stream says that dies, with the end marker of an API that sends it even then.
    func writeError(_ facts: AnswerFacts, _ output: inout EventOutput) {
        switch api {
        case .responses: return writeResponsesError(facts, &output)
        case .anthropic, .events:
            output.event(self, "error") { MockError.died.writeBody(api, &$0) }
        default: output.event(self) { MockError.died.writeBody(api, &$0) }
        }
        if api == .chat || api == .completions { writeDone(&output) }
    }

    /// Appends the JSON of an answer that isn't streamed, up to its text.
    func writeWholeStart(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        switch api {
        case .chat, .completions: writeOpenAIWholeStart(facts, &writer)
        case .responses: writeResponsesWholeStart(facts, &writer)
        case .anthropic: writeAnthropicWholeStart(facts, &writer)
        case .tgi: writer.append("{\"generated_text\":\"")
        case .llamacpp: writer.append("{\"index\":0,\"content\":\"")
        case .ollamaChat, .ollamaGenerate: writeOllamaWholeStart(&writer)
        case .triton: writeTritonStart(&writer)
        case .gemini: writeGeminiWholeStart(&writer)
        case .events: break
        }
    }

    /// Appends that JSON from the end of its text on.
    func writeWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        switch api {
        case .chat, .completions: writeOpenAIWholeEnd(facts, &writer)
        case .responses: writeResponsesWholeEnd(facts, &writer)
        case .anthropic: writeAnthropicWholeEnd(facts, &writer)
        case .tgi: writeTGIWholeEnd(facts, &writer)
        case .llamacpp: writeLlamaWholeEnd(facts, &writer)
        case .ollamaChat, .ollamaGenerate: writeOllamaWholeEnd(facts, &writer)
        case .triton: writer.append("\"}")
        case .gemini: writeGeminiWholeEnd(facts, &writer)
        case .events: break
        }
    }

    // MARK: - Parts

    /// Appends a token's word as the inside of a JSON string, or of JSON text in one.
    func writeWord(
        _ writer: inout WireWriter,
        _ fields: inout EventFields,
        _ edges: ArgumentEdges = ArgumentEdges()
    ) {
        if edges.isFirst { writer.append(#"{\"text\":\""#) }
        writer.append(" ")
        fields.word = writer.count
        writer.append("word")
        if edges.isLast { writer.append(#"\"}"#) }
    }

    /// Appends the arguments of a call as the inside of a JSON string.
    func writeArguments(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        // The first token is the name's.
        guard facts.tokens > facts.reasoning + 1 else { return }
        writer.append(#"{\"text\":\""#)
        writer.append(words: facts.reasoning + 2, through: facts.tokens)
        writer.append(#"\"}"#)
    }

    func writeIdentity(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(word: facts.identity.high)
        writer.append(word: facts.identity.low)
    }

    func writeIdentity(_ writer: inout WireWriter, _ fields: inout EventFields) {
        fields.identity = writer.count
        writer.append("0000000000000000")
    }

    /// Appends a place for a number that varies; where it is.
    func writeNumber(_ writer: inout WireWriter) -> Int {
        writer.append("       0")
        return writer.count - 8
    }
}
