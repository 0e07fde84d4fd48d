// The shapes of Anthropic's Messages: named events around blocks of content (Anthropic API
// reference, "Streaming messages").

extension EventStyle {
    private func blockIndex(_ kind: TokenKind) -> StaticString {
        kind == .content && thinks ? "1" : "0"
    }

    // MARK: - Events

    func writeAnthropicToken(
        _ kind: TokenKind,
        _ edges: ArgumentEdges,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        beginEvent("content_block_delta", &writer)
        writer.append("{\"type\":\"content_block_delta\",\"index\":")
        writer.append(blockIndex(kind))
        writer.append(",\"delta\":{\"type\":\"")
        switch kind {
        case .reasoning: writer.append("thinking_delta\",\"thinking\":\"")
        case .content where callsTools:
            writer.append("input_json_delta\",\"partial_json\":\"")
        case .content: writer.append("text_delta\",\"text\":\"")
        }
        writeWord(&writer, &fields, edges)
        writer.append("\"}}")
    }

    func writeAnthropicPrelude(_ facts: AnswerFacts, _ output: inout EventOutput) {
        output.event(self, "message_start") { writer in
            writer.append("{\"type\":\"message_start\",\"message\":")
            writeMessageStart(facts, &writer)
            writer.append("],\"stop_reason\":null,\"stop_sequence\":null")
            writeMessageUsage(facts, outputTokens: 1, &writer)
            writer.append("}}")
        }
        writeAnthropicPing(&output)
    }

    func writeAnthropicPing(_ output: inout EventOutput) {
        output.event(self, "ping") { $0.append("{\"type\":\"ping\"}") }
    }

    func writeAnthropicOpening(
        _ kind: TokenKind,
        _ facts: AnswerFacts,
        _ output: inout EventOutput
    ) {
        output.event(self, "content_block_start") { writer in
            writer.append("{\"type\":\"content_block_start\",\"index\":")
            writer.append(blockIndex(kind))
            writer.append(",\"content_block\":{\"type\":\"")
            switch kind {
            case .reasoning: writer.append("thinking\",\"thinking\":\"\",\"signature\":\"\"}}")
            case .content where callsTools:
                writer.append("tool_use\",\"id\":\"toolu_mock\",\"name\":\"say\",\"input\":{}}}")
            case .content: writer.append("text\",\"text\":\"\"}}")
            }
        }
    }

    func writeAnthropicClosing(_ kind: TokenKind, _ output: inout EventOutput) {
        if kind == .reasoning {
            output.event(self, "content_block_delta") {
                $0.append("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{")
                $0.append("\"type\":\"signature_delta\",\"signature\":\"bW9jaw==\"}}")
            }
        }
        output.event(self, "content_block_stop") { writer in
            writer.append("{\"type\":\"content_block_stop\",\"index\":")
            writer.append(blockIndex(kind))
            writer.append("}")
        }
    }

    func writeAnthropicEnd(_ facts: AnswerFacts, _ output: inout EventOutput) {
        if facts.tokens > 0 { writeAnthropicClosing(facts.lastKind, &output) }
        output.event(self, "message_delta") { writer in
            writer.append("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"")
            writeStopReason(facts, &writer)
            writer.append("\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":")
            writer.append(decimal: UInt64(facts.tokens))
            writer.append("}}")
        }
        output.event(self, "message_stop") { $0.append("{\"type\":\"message_stop\"}") }
    }

    // MARK: - Parts

    /// Appends the message object up to its blocks.
    private func writeMessageStart(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append("{\"id\":\"msg_")
        writeIdentity(facts, &writer)
        writer.append("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"")
        writer.append(model)
        writer.append("\",\"content\":[")
    }

    private func writeMessageUsage(
        _ facts: AnswerFacts,
        outputTokens: UInt32,
        _ writer: inout WireWriter
    ) {
        writer.append(",\"usage\":{\"input_tokens\":")
        writer.append(decimal: UInt64(facts.promptTokens))
        writer.append(",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0")
        writer.append(",\"output_tokens\":")
        writer.append(decimal: UInt64(outputTokens))
        writer.append("}")
    }

    private func writeStopReason(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(facts.isCut ? "max_tokens" : callsTools ? "tool_use" : "end_turn")
    }

    // MARK: - Whole

    func writeAnthropicWholeStart(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writeMessageStart(facts, &writer)
        guard callsTools else { return writer.append("{\"type\":\"text\",\"text\":\"") }
        writer.append("{\"type\":\"tool_use\",\"id\":\"toolu_mock\",\"name\":\"say\",")
        writer.append("\"input\":{\"text\":\"")
    }

    func writeAnthropicWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(callsTools ? "\"}}],\"stop_reason\":\"" : "\"}],\"stop_reason\":\"")
        writeStopReason(facts, &writer)
        writer.append("\",\"stop_sequence\":null")
        writeMessageUsage(facts, outputTokens: facts.tokens, &writer)
        writer.append("}")
    }
}
