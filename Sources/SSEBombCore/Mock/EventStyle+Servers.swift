// The shapes of inference servers' own APIs (text-generation-inference's OpenAPI description,
// llama.cpp's server README, Ollama's API document, Triton's generate extension) and of Gemini.

extension EventStyle {
    // MARK: - text-generation-inference

    func writeTGIToken(_ writer: inout WireWriter, _ fields: inout EventFields) {
        beginEvent(nil, &writer)
        writer.append("{\"index\":")
        fields.index = writeNumber(&writer)
        writer.append(",\"token\":{\"id\":1000,\"text\":\"")
        writeWord(&writer, &fields)
        writer.append("\",\"logprob\":-0.5,\"special\":false},")
        writer.append("\"generated_text\":null,\"details\":null}")
    }

    /// The last event carries a token of its own: the special one that ended the text, or, where
    /// the limit did, one without text.
    func writeTGIEnd(_ facts: AnswerFacts, _ output: inout EventOutput) {
        output.event(self) { writer in
            writer.append("{\"index\":")
            writer.append(decimal: UInt64(facts.tokens + 1))
            writer.append(",\"token\":{\"id\":2,\"text\":\"")
            writer.append(facts.isCut ? "\"" : "</s>\"")
            writer.append(",\"logprob\":-0.1,\"special\":")
            writer.append(facts.isCut ? "false" : "true")
            writer.append("},\"generated_text\":\"")
            writer.append(words: 1, through: facts.tokens)
            writer.append("\",\"details\":{")
            writeTGIDetails(facts, &writer)
            writer.append(",\"input_length\":")
            writer.append(decimal: UInt64(facts.promptTokens))
            writer.append("}}")
        }
    }

    func writeTGIWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append("\",\"details\":{")
        writeTGIDetails(facts, &writer)
        writer.append(",\"prefill\":[],\"tokens\":[]}}")
    }

    private func writeTGIDetails(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append("\"finish_reason\":\"")
        writer.append(facts.isCut ? "length" : "eos_token")
        writer.append("\",\"generated_tokens\":")
        writer.append(decimal: UInt64(facts.tokens))
        writer.append(",\"seed\":null")
    }

    // MARK: - llama.cpp

    func writeLlamaToken(_ writer: inout WireWriter, _ fields: inout EventFields) {
        beginEvent(nil, &writer)
        writer.append("{\"index\":0,\"content\":\"")
        writeWord(&writer, &fields)
        writer.append("\",\"tokens\":[1000],\"stop\":false,\"id_slot\":0,\"tokens_predicted\":")
        fields.completionTokens = writeNumber(&writer)
        writer.append(",\"tokens_evaluated\":")
        fields.promptTokens = writeNumber(&writer)
        writer.append("}")
    }

    func writeLlamaEnd(_ facts: AnswerFacts, _ output: inout EventOutput) {
        output.event(self) { writer in
            writer.append("{\"index\":0,\"content\":\"")
            writeLlamaWholeEnd(facts, &writer)
        }
    }

    func writeLlamaWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append("\",\"tokens\":[],\"id_slot\":0,\"stop\":true,\"model\":\"")
        writer.append(model)
        writer.append("\",\"tokens_predicted\":")
        writer.append(decimal: UInt64(facts.tokens))
        writer.append(",\"tokens_evaluated\":")
        writer.append(decimal: UInt64(facts.promptTokens))
        writer.append(",\"generation_settings\":{},\"prompt\":\"\",\"has_new_line\":false")
        writer.append(",\"truncated\":false,\"stop_type\":\"")
        writer.append(facts.isCut ? "limit" : "eos")
        writer.append("\",\"stopping_word\":\"\",\"tokens_cached\":")
        writer.append(decimal: UInt64(facts.promptTokens + facts.tokens))
        writer.append(",\"timings\":")
        writeTimings(facts, &writer)
        writer.append("}")
    }

    /// Appends llama.cpp's `timings` object.
    func writeTimings(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append("{\"cache_n\":0,\"prompt_n\":")
        writeTimings(facts.promptTokens, facts.prefill, "prompt", &writer)
        writer.append(",\"predicted_n\":")
        writeTimings(facts.tokens, facts.decode, "predicted", &writer)
        writer.append("}")
    }

    private func writeTimings(
        _ tokens: UInt32,
        _ time: Int64,
        _ name: StaticString,
        _ writer: inout WireWriter
    ) {
        writer.append(decimal: UInt64(tokens))
        writer.append(",\"")
        writer.append(name)
        writer.append("_ms\":")
        writer.append(fixed: UInt64(time) / 1_000, places: 3)
        writer.append(",\"")
        writer.append(name)
        writer.append("_per_token_ms\":")
        writer.append(fixed: UInt64(time) / UInt64(max(1, tokens)) / 1_000, places: 3)
        writer.append(",\"")
        writer.append(name)
        writer.append("_per_second\":")
        writer.append(fixed: Self.rate(tokens, time), places: 3)
    }

    // MARK: - Ollama

    func writeOllamaToken(
        _ kind: TokenKind,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        writeOllamaStart(&writer)
        let isChat = api == .ollamaChat
        if isChat { writer.append("\"message\":{\"role\":\"assistant\",") }
        let isCall = kind == .content && callsTools
        if isCall {
            writer.append("\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"say\",")
            writer.append("\"arguments\":{\"text\":\"")
        } else if kind == .reasoning {
            writer.append(isChat ? "\"content\":\"\"" : "\"response\":\"\"")
            writer.append(",\"thinking\":\"")
        } else {
            writer.append(isChat ? "\"content\":\"" : "\"response\":\"")
        }
        writeWord(&writer, &fields)
        writer.append(isCall ? "\"}}}]}" : isChat ? "\"}" : "\"")
        writer.append(",\"done\":false}")
    }

    func writeOllamaEnd(_ facts: AnswerFacts, _ output: inout EventOutput) {
        output.event(self) { writer in
            writeOllamaStart(&writer)
            writer.append(
                api == .ollamaChat
                    ? "\"message\":{\"role\":\"assistant\",\"content\":\"\"}" : "\"response\":\"\""
            )
            writeOllamaDone(facts, &writer)
        }
    }

    func writeOllamaWholeStart(_ writer: inout WireWriter) {
        writeOllamaStart(&writer)
        guard api == .ollamaChat else { return writer.append("\"response\":\"") }
        writer.append("\"message\":{\"role\":\"assistant\",\"content\":\"")
        guard callsTools else { return }
        writer.append("\",\"tool_calls\":[{\"function\":{\"name\":\"say\",")
        writer.append("\"arguments\":{\"text\":\"")
    }

    func writeOllamaWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(callsTools ? "\"}}}]}" : api == .ollamaChat ? "\"}" : "\"")
        writeOllamaDone(facts, &writer)
    }

    private func writeOllamaStart(_ writer: inout WireWriter) {
        writer.append("{\"model\":\"")
        writer.append(model)
        writer.append("\",\"created_at\":\"2023-11-14T22:13:20Z\",")
    }

    private func writeOllamaDone(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(",\"done\":true,\"done_reason\":\"")
        writer.append(facts.isCut ? "length" : "stop")
        writer.append("\",\"total_duration\":")
        writer.append(decimal: UInt64(facts.prefill + facts.decode), width: 16)
        writer.append(",\"load_duration\":0,\"prompt_eval_count\":")
        writer.append(decimal: UInt64(facts.promptTokens))
        writer.append(",\"prompt_eval_duration\":")
        writer.append(decimal: UInt64(facts.prefill), width: 16)
        writer.append(",\"eval_count\":")
        writer.append(decimal: UInt64(facts.tokens))
        writer.append(",\"eval_duration\":")
        writer.append(decimal: UInt64(facts.decode), width: 16)
        writer.append("}")
    }

    // MARK: - Triton

    func writeTritonToken(_ writer: inout WireWriter, _ fields: inout EventFields) {
        beginEvent(nil, &writer)
        writeTritonStart(&writer)
        writeWord(&writer, &fields)
        writer.append("\"}")
    }

    func writeTritonStart(_ writer: inout WireWriter) {
        writer.append("{\"model_name\":\"")
        writer.append(model)
        writer.append("\",\"model_version\":\"1\",\"sequence_end\":false,\"sequence_id\":0,")
        writer.append("\"sequence_start\":false,\"text_output\":\"")
    }

    // MARK: - Gemini

    func writeGeminiToken(
        _ kind: TokenKind,
        _ writer: inout WireWriter,
        _ fields: inout EventFields
    ) {
        beginEvent(nil, &writer)
        let isCall = kind == .content && callsTools
        writeGeminiStart(isCall: isCall, &writer)
        writeWord(&writer, &fields)
        writer.append(isCall ? "\"}}}" : kind == .reasoning ? "\",\"thought\":true}" : "\"}")
        writer.append("],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{")
        writer.append("\"promptTokenCount\":")
        fields.promptTokens = writeNumber(&writer)
        switch kind {
        case .reasoning: writer.append(",\"thoughtsTokenCount\":")
        case .content:
            if thinks {
                writer.append(",\"thoughtsTokenCount\":")
                writer.append(decimal: UInt64(manner.reasoning))
                fields.completionBase = manner.reasoning
            }
            writer.append(",\"candidatesTokenCount\":")
        }
        fields.completionTokens = writeNumber(&writer)
        writer.append(",\"totalTokenCount\":")
        fields.totalTokens = writeNumber(&writer)
        writer.append("},\"modelVersion\":\"")
        writer.append(model)
        writer.append("\",\"responseId\":\"")
        writeIdentity(&writer, &fields)
        writer.append("\"}")
    }

    func writeGeminiEnd(_ facts: AnswerFacts, _ output: inout EventOutput) {
        output.event(self) { writer in
            writer.append("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}")
            writeGeminiDone(facts, &writer)
        }
    }

    func writeGeminiWholeStart(_ writer: inout WireWriter) {
        writeGeminiStart(isCall: callsTools, &writer)
    }

    func writeGeminiWholeEnd(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append(callsTools ? "\"}}}" : "\"}")
        writeGeminiDone(facts, &writer)
    }

    private func writeGeminiStart(isCall: Bool, _ writer: inout WireWriter) {
        writer.append("{\"candidates\":[{\"content\":{\"parts\":[")
        writer.append(
            isCall ? "{\"functionCall\":{\"name\":\"say\",\"args\":{\"text\":\"" : "{\"text\":\""
        )
    }

    private func writeGeminiDone(_ facts: AnswerFacts, _ writer: inout WireWriter) {
        writer.append("],\"role\":\"model\"},\"finishReason\":\"")
        writer.append(facts.isCut ? "MAX_TOKENS" : "STOP")
        writer.append("\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":")
        writer.append(decimal: UInt64(facts.promptTokens))
        if facts.reasoning > 0 {
            writer.append(",\"thoughtsTokenCount\":")
            writer.append(decimal: UInt64(facts.reasoning))
        }
        writer.append(",\"candidatesTokenCount\":")
        writer.append(decimal: UInt64(facts.tokens - facts.reasoning))
        writer.append(",\"totalTokenCount\":")
        writer.append(decimal: UInt64(facts.promptTokens + facts.tokens))
        writer.append("},\"modelVersion\":\"")
        writer.append(model)
        writer.append("\",\"responseId\":\"")
        writeIdentity(facts, &writer)
        writer.append("\"}")
    }
}
