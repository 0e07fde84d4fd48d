// The shapes of OpenAI's Responses: typed, numbered events around items of output (OpenAI API
// reference, "Streaming events" of Responses).

extension EventStyle {
    /// What every event's number is ahead of its token's: the events that come before.
    private func sequenceBase(_ kind: TokenKind) -> UInt32 {
        // Two events begin the response, numbered 0 and 1; reasoning is opened by two and closed
        // by three.
        switch kind {
        case .reasoning: 3
        case .content: (thinks ? 6 : 1) + openings(kind)
        }
    }

    /// The item and its part; a call has no part, and its item is its first token.
    private func openings(_ kind: TokenKind) -> UInt32 {
        kind == .content && callsTools ? 0 : 2
    }

    private func outputIndex(_ kind: TokenKind) -> StaticString {
        kind == .content && thinks ? "1" : "0"
    }

    // MARK: - Events

    func writeResponsesToken(
        _ kind: TokenKind,
        _ edges: ArgumentEdges,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        let isCall = kind == .content && callsTools
        let name: StaticString =
            switch kind {
            case .reasoning: "response.reasoning_text.delta"
            case .content:
                isCall ? "response.function_call_arguments.delta" : "response.output_text.delta"
            }
        beginEvent(name, &writer)
        writer.append("{\"type\":\"")
        writer.append(name)
        writer.append("\",\"sequence_number\":")
        fields.index = writeNumber(&writer)
        fields.indexBase = sequenceBase(kind)
        writer.append(",\"item_id\":\"")
        writeItemPrefix(kind, &writer)
        writeIdentity(&writer, &fields)
        writer.append("\",\"output_index\":")
        writer.append(outputIndex(kind))
        if !isCall { writer.append(",\"content_index\":0") }
        writer.append(",\"delta\":\"")
        writeWord(&writer, &fields, edges)
        writer.append("\"")
        if kind == .content, !isCall { writer.append(",\"logprobs\":[]") }
        writer.append("}")
    }

    func writeResponsesPrelude(_ facts: AnswerFacts, _ output: inout EventOutput) {
        writeResponse("response.created", "in_progress", 0, facts, &output)
        writeResponse("response.in_progress", "in_progress", 1, facts, &output)
    }

    func writeResponsesOpening(
        _ kind: TokenKind,
        _ facts: AnswerFacts,
        _ output: inout EventOutput
    ) {
        let number = facts.tokens + 1 + sequenceBase(kind) - openings(kind)
        writeItem("response.output_item.added", kind, number, facts, &output, isDone: false)
        guard openings(kind) == 2 else { return }
        writePart("response.content_part.added", kind, number + 1, facts, &output, isDone: false)
    }

    /// Returns the number of the next event.
    func writeResponsesClosing(
        _ kind: TokenKind,
        _ facts: AnswerFacts,
        _ output: inout EventOutput
    ) -> UInt32 {
        let number = facts.tokens + 1 + sequenceBase(kind)
        let isCall = kind == .content && callsTools
        let name: StaticString =
            switch kind {
            case .reasoning: "response.reasoning_text.done"
            case .content:
                isCall ? "response.function_call_arguments.done" : "response.output_text.done"
            }
        writeEvent(name, number, &output) { writer in
            writePlace(kind, facts, &writer, hasPart: !isCall)
            writer.append(isCall ? ",\"name\":\"say\",\"arguments\":\"" : ",\"text\":\"")
            writeText(kind, facts, &writer)
            writer.append(isCall || kind == .reasoning ? "\"" : "\",\"logprobs\":[]")
        }
        if !isCall {
            writePart("response.content_part.done", kind, number + 1, facts, &output, isDone: true)
        }
        let last = isCall ? number + 1 : number + 2
        writeItem("response.output_item.done", kind, last, facts, &output, isDone: true)
        return last + 1
    }

    func writeResponsesEnd(_ facts: AnswerFacts, _ output: inout EventOutput) {
        var number: UInt32 = 2
        if facts.tokens > 0 { number = writeResponsesClosing(facts.lastKind, facts, &output) }
        if facts.isCut {
            writeResponse("response.incomplete", "incomplete", number, facts, &output)
        } else {
            writeResponse("response.completed", "completed", number, facts, &output)
        }
    }

    func writeResponsesError(_ facts: AnswerFacts, _ output: inout EventOutput) {
        // Numbered as if the next token came.
        let kind: TokenKind = facts.tokens < manner.reasoning ? .reasoning : .content
        let number = facts.tokens == 0 ? 2 : facts.tokens + 1 + sequenceBase(kind)
        output.event(self, "error") { writer in
            writer.append("{\"type\":\"error\",\"sequence_number\":")
            writer.append(decimal: UInt64(number))
            writer.append(",\"code\":\"server_error\",\"message\":\"")
            writer.append(MockError.died.message)
            writer.append("\",\"param\":null}")
        }
    }

    // MARK: - Parts

    private func writeItemPrefix(_ kind: TokenKind, _ writer: inout WireWriter) {
        writer.append(kind == .reasoning ? "rs_" : callsTools ? "fc_" : "msg_")
    }

    /// Appends an event up to its own members, which `write` appends, and its brace.
    private func writeEvent(
        _ name: StaticString,
        _ number: UInt32,
        _ output: inout EventOutput,
        _ write: (inout WireWriter) -> Void
    ) {
        output.event(self, name) { writer in
            writer.append("{\"type\":\"")
            writer.append(name)
            writer.append("\",\"sequence_number\":")
            writer.append(decimal: UInt64(number))
            write(&writer)
            writer.append("}")
        }
    }

    private func writePlace(
        _ kind: TokenKind,
        _ facts: AnswerFacts,
        _ writer: inout WireWriter,
        hasPart: Bool
    ) {
        writer.append(",\"item_id\":\"")
        writeItemPrefix(kind, &writer)
        writeIdentity(facts, &writer)
        writer.append("\",\"output_index\":")
        writer.append(outputIndex(kind))
        if hasPart { writer.append(",\"content_index\":0") }
    }

    private func writeText(_ kind: TokenKind, _ facts: AnswerFacts, _ writer: inout WireWriter) {
        switch kind {
        case .reasoning: writer.append(words: 1, through: facts.reasoning)
        case .content where callsTools: writeArguments(facts, &writer)
        case .content: writer.append(words: facts.reasoning + 1, through: facts.tokens)
        }
    }

    private func writePart(
        _ name: StaticString,
        _ kind: TokenKind,
        _ number: UInt32,
        _ facts: AnswerFacts,
        _ output: inout EventOutput,
        isDone: Bool
    ) {
        writeEvent(name, number, &output) { writer in
            writePlace(kind, facts, &writer, hasPart: true)
            writer.append(",\"part\":")
            writePart(kind, facts, &writer, hasText: isDone)
        }
    }

    private func writePart(
        _ kind: TokenKind,
        _ facts: AnswerFacts,
        _ writer: inout WireWriter,
        hasText: Bool
    ) {
        let isReasoning = kind == .reasoning
        writer.append(isReasoning ? "{\"type\":\"reasoning_text\"" : "{\"type\":\"output_text\"")
        writer.append(",\"text\":\"")
        if hasText { writeText(kind, facts, &writer) }
        writer.append(isReasoning ? "\"}" : "\",\"annotations\":[],\"logprobs\":[]}")
    }

    private func writeItem(
        _ name: StaticString,
        _ kind: TokenKind,
        _ number: UInt32,
        _ facts: AnswerFacts,
        _ output: inout EventOutput,
        isDone: Bool
    ) {
        writeEvent(name, number, &output) { writer in
            writer.append(",\"output_index\":")
            writer.append(outputIndex(kind))
            writer.append(",\"item\":")
            writeItem(kind, facts, &writer, isDone: isDone)
        }
    }

    private func writeItem(
        _ kind: TokenKind,
        _ facts: AnswerFacts,
        _ writer: inout WireWriter,
        isDone: Bool
    ) {
        writer.append("{\"id\":\"")
        writeItemPrefix(kind, &writer)
        writeIdentity(facts, &writer)
        writer.append("\",\"status\":\"")
        if isDone {
            writer.append(facts.isCut && kind == facts.lastKind ? "incomplete\"" : "completed\"")
        } else {
            writer.append("in_progress\"")
        }
        switch kind {
        case .content where callsTools:
            writer.append(",\"type\":\"function_call\",\"call_id\":\"call_mock\",\"name\":\"say\",")
            writer.append("\"arguments\":\"")
            if isDone { writeText(kind, facts, &writer) }
            return writer.append("\"}")
        case .content:
            writer.append(",\"type\":\"message\",\"role\":\"assistant\",\"content\":[")
        case .reasoning: writer.append(",\"type\":\"reasoning\",\"summary\":[],\"content\":[")
        }
        if isDone { writePart(kind, facts, &writer, hasText: true) }
        writer.append("]}")
    }

    private func writeResponse(
        _ name: StaticString,
        _ status: StaticString,
        _ number: UInt32,
        _ facts: AnswerFacts,
        _ output: inout EventOutput
    ) {
        writeEvent(name, number, &output) { writer in
            writer.append(",\"response\":")
            writeResponseStart(status, facts, &writer)
            if facts.reasoning > 0 { writeItem(.reasoning, facts, &writer, isDone: true) }
            if facts.tokens > facts.reasoning {
                if facts.reasoning > 0 { writer.append(",") }
                writeItem(.content, facts, &writer, isDone: true)
            }
            writeResponseEnd(facts, &writer, hasUsage: number > 1)
        }
    }

    /// Appends the response object up to the items of its output.
    private func writeResponseStart(
        _ status: StaticString,
        _ facts: AnswerFacts,
        _ writer: inout WireWriter
    ) {
        writer.append("{\"id\":\"resp_")
        writeIdentity(facts, &writer)
        writer.append("\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\"")
        writer.append(status)
        writer.append("\",\"error\":null,\"incomplete_details\":")
        let isIncomplete = facts.isCut && facts.tokens > 0
        writer.append(isIncomplete ? "{\"reason\":\"max_output_tokens\"}" : "null")
        writer.append(",\"instructions\":null,\"metadata\":{},\"model\":\"")
        writer.append(model)
        writer.append(
            "\",\"parallel_tool_calls\":true,\"temperature\":1.0,\"tool_choice\":\"auto\""
        )
        writer.append(",\"tools\":[],\"top_p\":1.0,\"output\":[")
    }

    private func writeResponseEnd(
        _ facts: AnswerFacts,
        _ writer: inout WireWriter,
        hasUsage: Bool
    ) {
        guard hasUsage else { return writer.append("],\"usage\":null}") }
        writer.append("],\"usage\":{\"input_tokens\":")
        writer.append(decimal: UInt64(facts.promptTokens))
        writer.append(",\"input_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":0}")
        writer.append(",\"output_tokens\":")
        writer.append(decimal: UInt64(facts.tokens))
        writer.append(",\"output_tokens_details\":{\"reasoning_tokens\":")
        writer.append(decimal: UInt64(facts.reasoning))
        writer.append("},\"total_tokens\":")
        writer.append(decimal: UInt64(facts.promptTokens + facts.tokens))
        writer.append("}}")
    }

    // MARK: - Whole

    func writeResponsesWholeStart(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writeResponseStart(facts.isCut ? "incomplete" : "completed", facts, &writer)
        writer.append("{\"id\":\"")
        writeItemPrefix(.content, &writer)
        writeIdentity(facts, &writer)
        writer.append("\",\"status\":\"completed\",")
        if callsTools {
            writer.append("\"type\":\"function_call\",\"call_id\":\"call_mock\",\"name\":\"say\",")
            writer.append("\"arguments\":\"{\\\"text\\\":\\\"")
        } else {
            writer.append("\"type\":\"message\",\"role\":\"assistant\",\"content\":[")
            writer.append("{\"type\":\"output_text\",\"text\":\"")
        }
    }

    func writeResponsesWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(
            callsTools ? "\\\"}\"}" : "\",\"annotations\":[],\"logprobs\":[]}]}"
        )
        writeResponseEnd(facts, &writer, hasUsage: true)
    }
}
