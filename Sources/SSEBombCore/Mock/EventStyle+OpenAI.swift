// The shapes of OpenAI's chat completions and legacy completions, as OpenAI, vLLM and llama.cpp
// send them, and of the plain events.

extension EventStyle {
    /// Events of the two completions APIs.
    enum OpenAIEvent {
        case token(TokenKind, ArgumentEdges)
        /// Names the tool that is called, with no arguments yet.
        case call
        case role
        case finish(isCut: Bool)
        case usage
    }

    func writeOpenAIToken(
        _ kind: TokenKind,
        _ edges: ArgumentEdges,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        beginEvent(nil, &writer)
        write(.token(kind, edges), &writer, &fields)
        writer.append("}")
    }

    /// Appends the delta with a role and no text.
    func writeRole(_ facts: AnswerFacts, _ output: inout EventOutput) {
        write(.role, facts, &output)
    }

    /// Appends the delta that names the tool.
    func writeChatCall(_ facts: AnswerFacts, _ output: inout EventOutput) {
        // It is a token itself, which running counts have in them.
        var facts = facts
        facts.tokens += 1
        write(.call, facts, &output)
    }

    func writeOpenAIEnd(
        _ facts: AnswerFacts,
        _ includesUsage: Bool,
        _ output: inout EventOutput
    ) {
        write(.finish(isCut: facts.isCut), facts, &output, isLast: !includesUsage)
        if includesUsage { write(.usage, facts, &output, isLast: true) }
        writeDone(&output)
    }

    /// Appends the end marker of OpenAI's APIs.
    func writeDone(_ output: inout EventOutput) {
        output.event(self) { $0.append("[DONE]") }
    }

    // MARK: - Events

    private func write(
        _ event: OpenAIEvent,
        _ facts: AnswerFacts,
        _ output: inout EventOutput,
        isLast: Bool = false
    ) {
        output.event(self) { writer in
            var fields = EventFields()
            write(event, &writer, &fields, timing: isLast ? facts : nil)
            writer.append("}")
            fields.patch(writer.base, facts.values)
        }
    }

    /// Appends an event's object, but for the brace that closes it.
    ///
    /// - Parameter timing: what is told of the server's times, where the plan says so.
    private func write(
        _ event: OpenAIEvent,
        _ writer: inout WireWriter,
        _ fields: inout EventFields,
        timing: AnswerFacts? = nil
    ) {
        writer.append(api == .chat ? "{\"id\":\"chatcmpl-" : "{\"id\":\"cmpl-")
        writeIdentity(&writer, &fields)
        writer.append(
            api == .chat
                ? "\",\"object\":\"chat.completion.chunk\"" : "\",\"object\":\"text_completion\""
        )
        writer.append(",\"created\":1700000000,\"model\":\"")
        writer.append(model)
        writer.append("\",\"choices\":[")
        if api == .chat {
            writeDelta(event, &writer, &fields)
        } else {
            writeText(event, &writer, &fields)
        }
        writer.append("]")
        writeUsage(event, &writer, &fields, timing)
        if let timing { writeTiming(timing, &writer) }
    }

    private func writeDelta(
        _ event: OpenAIEvent,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        switch event {
        case .token(.content, let edges) where callsTools:
            writer.append("{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{")
            writer.append("\"arguments\":\"")
            writeWord(&writer, &fields, edges)
            writer.append("\"}}]},\"finish_reason\":null}")
        case .token(let kind, _):
            writer.append("{\"index\":0,\"delta\":{\"")
            if kind == .reasoning { writer.append("reasoning_") }
            writer.append("content\":\"")
            writeWord(&writer, &fields)
            writer.append("\"},\"finish_reason\":null}")
        case .call:
            writer.append("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,")
            writer.append(
                "\"tool_calls\":[{\"index\":0,\"id\":\"call_mock\",\"type\":\"function\","
            )
            writer.append("\"function\":{\"name\":\"say\",\"arguments\":\"\"}}]},")
            writer.append("\"finish_reason\":null}")
        case .role:
            writer.append("{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},")
            writer.append("\"finish_reason\":null}")
        case .finish(let isCut):
            writer.append("{\"index\":0,\"delta\":{},\"finish_reason\":\"")
            writeReason(isCut, &writer)
            writer.append("\"}")
        case .usage: break
        }
    }

    private func writeText(
        _ event: OpenAIEvent,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        if case .usage = event { return }
        writer.append("{\"text\":\"")
        if case .token = event { writeWord(&writer, &fields) }
        writer.append("\",\"index\":0,\"logprobs\":null,\"finish_reason\":")
        if case .finish(let isCut) = event {
            writer.append("\"")
            writeReason(isCut, &writer)
            writer.append("\"}")
        } else {
            writer.append("null}")
        }
    }

    private func writeReason(_ isCut: Bool, _ writer: inout WireWriter) {
        writer.append(isCut ? "length" : callsTools ? "tool_calls" : "stop")
    }

    private func writeUsage(
        _ event: OpenAIEvent,
        _ writer: inout WireWriter,
        _ fields: inout EventFields,
        _ timing: AnswerFacts?
    ) {
        var counts = usage == .continuous
        if case .usage = event { counts = true }
        guard counts else {
            if usage == .atEnd { writer.append(",\"usage\":null") }
            return
        }
        writer.append(",\"usage\":{\"prompt_tokens\":")
        fields.promptTokens = writeNumber(&writer)
        writer.append(",\"total_tokens\":")
        fields.totalTokens = writeNumber(&writer)
        writer.append(",\"completion_tokens\":")
        fields.completionTokens = writeNumber(&writer)
        if let timing { writeUsageTiming(timing, &writer) }
        writer.append("}")
    }

    // MARK: - The server's times

    /// Appends members of `usage`: seconds, as Groq tells them.
    private func writeUsageTiming(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        guard manner.timing == .usage else { return }
        writer.append(",\"queue_time\":")
        writer.append(fixed: 0, places: 9)
        writer.append(",\"prompt_time\":")
        writer.append(fixed: UInt64(facts.prefill), places: 9)
        writer.append(",\"completion_time\":")
        writer.append(fixed: UInt64(facts.decode), places: 9)
        writer.append(",\"total_time\":")
        writer.append(fixed: UInt64(facts.prefill + facts.decode), places: 9)
    }

    /// Appends a member of the event: vLLM's `metrics` or llama.cpp's `timings`.
    private func writeTiming(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        switch manner.timing {
        case .metrics:
            writer.append(",\"metrics\":{\"time_to_first_token_ms\":")
            writer.append(fixed: UInt64(facts.prefill) / 1_000, places: 3)
            writer.append(",\"generation_time_ms\":")
            writer.append(fixed: UInt64(facts.decode) / 1_000, places: 3)
            writer.append(",\"queue_time_ms\":")
            writer.append(fixed: 0, places: 3)
            writer.append(",\"mean_itl_ms\":")
            writer.append(
                fixed: UInt64(facts.decode) / UInt64(max(1, facts.tokens)) / 1_000,
                places: 3
            )
            writer.append(",\"tokens_per_second\":")
            writer.append(fixed: Self.rate(facts.tokens, facts.decode), places: 3)
            writer.append("}")
        case .timings:
            writer.append(",\"timings\":")
            writeTimings(facts, &writer)
        case .usage, nil: break
        }
    }

    /// Thousandths of a token a second; 0 where no time passed.
    static func rate(_ tokens: UInt32, _ nanoseconds: Int64) -> UInt64 {
        // A million tokens at most: the product is below 2^63.
        nanoseconds > 0 ? UInt64(tokens) * 1_000_000_000_000 / UInt64(nanoseconds) : 0
    }

    // MARK: - Whole

    func writeOpenAIWholeStart(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        let isChat = api == .chat
        writer.append(isChat ? "{\"id\":\"chatcmpl-" : "{\"id\":\"cmpl-")
        writeIdentity(facts, &writer)
        writer.append(
            isChat ? "\",\"object\":\"chat.completion\"" : "\",\"object\":\"text_completion\""
        )
        writer.append(",\"created\":1700000000,\"model\":\"")
        writer.append(model)
        writer.append("\",\"choices\":[{\"index\":0,")
        guard isChat else { return writer.append("\"text\":\"") }
        writer.append("\"message\":{\"role\":\"assistant\",\"content\":")
        guard callsTools else { return writer.append("\"") }
        writer.append("null,\"tool_calls\":[{\"id\":\"call_mock\",\"type\":\"function\",")
        writer.append("\"function\":{\"name\":\"say\",\"arguments\":\"{\\\"text\\\":\\\"")
    }

    func writeOpenAIWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        if callsTools {
            writer.append("\\\"}\"}}]},")
        } else {
            writer.append(api == .chat ? "\"}," : "\",\"logprobs\":null,")
        }
        writer.append("\"finish_reason\":\"")
        writeReason(facts.isCut, &writer)
        writer.append("\"}],\"usage\":{\"prompt_tokens\":")
        writer.append(decimal: UInt64(facts.promptTokens))
        writer.append(",\"completion_tokens\":")
        writer.append(decimal: UInt64(facts.tokens))
        writer.append(",\"total_tokens\":")
        writer.append(decimal: UInt64(facts.promptTokens + facts.tokens))
        writeUsageTiming(facts, &writer)
        writer.append("}")
        writeTiming(facts, &writer)
        writer.append("}")
    }

    // MARK: - Plain events

    func writePlainToken(_ writer: inout WireWriter, _ fields: inout EventFields) {
        writer.append("id: ")
        fields.eventID = writer.count
        writer.append("00000000")
        endLine(&writer)
        writer.append("data: {\"index\":")
        fields.index = writeNumber(&writer)
        writer.append(",\"text\":\"")
        writeWord(&writer, &fields)
        writer.append("\"}")
    }
}
