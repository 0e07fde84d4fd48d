// The stream events of the OpenAI API and of the servers that speak it (vLLM, SGLang, llama.cpp):
// chat completion chunks, completion chunks, errors, the end marker. One forward pass; keys count
// only at their own place, whatever strings and foreign objects contain. Knows no SSE.

/// One event of the OpenAI shapes while it is read.
///
/// Both shapes are collected at once, for `object` may come after `choices`; `judge` then keeps
/// what belongs to the stream's dialect.
struct OpenAIEvent {
    /// What tells the shapes apart.
    private struct Shape: OptionSet {
        let rawValue: UInt8
        static let chatObject = Shape(rawValue: 1)
        static let completionObject = Shape(rawValue: 2)
        /// `choices` is an empty array, as on a trailing usage event.
        static let noChoices = Shape(rawValue: 4)
        /// A choice has a `delta` object.
        static let delta = Shape(rawValue: 8)
        /// A choice has a `text`.
        static let text = Shape(rawValue: 16)
        /// Something in a `delta` where text belongs is neither string nor null.
        static let strangeDelta = Shape(rawValue: 32)
        /// The same of a `text`.
        static let strangeText = Shape(rawValue: 64)
    }

    private var scanner: JSONScanner
    private var shape: Shape = []
    /// Tokens in deltas and in texts; only those of the stream's dialect become facts.
    private var deltaTokens: EventFacts.Contents = []
    private var textTokens: EventFacts.Contents = []
    /// The first non-empty `text`; that of deltas goes to the facts at once.
    private var completionText = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Reads one event of a stream whose dialect is one of OpenAI's or undetermined.
    static func read(
        _ data: UnsafeRawBufferPointer,
        into facts: inout EventFacts,
        dialect: inout Dialect
    ) {
        guard let scanner = JSONScanner(objectIn: data) else {
            return JSONScanner.coldReadMarker(data, into: &facts)
        }
        var event = OpenAIEvent(scanner: scanner)
        guard event.readTop(&facts), event.scanner.isAtEnd() else {
            facts = .nothingKnown
            return
        }
        event.judge(&facts, &dialect)
    }

    /// Decides the dialect, and whether this event has its shape.
    @inline(__always)  // The end of `read`, apart for its length only.
    private func judge(_ facts: inout EventFacts, _ dialect: inout Dialect) {
        let candidate = dialect == .undetermined ? recognised : dialect
        let isShaped: Bool
        let isStrange: Bool
        switch candidate {
        case .openaiChat:
            isShaped = !shape.isDisjoint(with: [.delta, .noChoices])
            isStrange = shape.contains(.strangeDelta)
            facts.contents.formUnion(deltaTokens)
        case .openaiCompletions:
            isShaped = !shape.isDisjoint(with: [.text, .noChoices])
            isStrange = shape.contains(.strangeText)
            facts.contents.formUnion(textTokens)
            facts.contentText = completionText
        default:
            // An error names itself; usage of an unknown shape would be a guess.
            let isError = facts.contents.contains(.error)
            facts = .nothingKnown
            if isError { facts.contents = .error }
            return
        }
        guard isShaped || !facts.contents.isDisjoint(with: [.finish, .usage, .error]) else {
            facts = .nothingKnown
            return
        }
        if !facts.times.isEmpty { facts.contents.insert(.times) }
        if isStrange { facts.contents.insert(.unknown) }
        dialect = candidate
    }

    private var recognised: Dialect {
        if shape.contains(.chatObject) { return .openaiChat }
        if shape.contains(.completionObject) { return .openaiCompletions }
        if shape.contains(.delta) { return .openaiChat }
        return shape.contains(.text) ? .openaiCompletions : .undetermined
    }
}

// MARK: - Top level and choices

extension OpenAIEvent {
    private mutating func readTop(_ facts: inout EventFacts) -> Bool {
        var step = scanner.enterObject()
        while step == .item {
            guard readTopMember(&facts) else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    // The members' first letters part them: one indirect jump instead of a chain of comparisons.
    @inline(__always)  // In `readTop` only.
    private mutating func readTopMember(_ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "i"):
            if scanner.take("\"id\"") { return scanner.skipMemberValue(depth: 1) }
        case UInt8(ascii: "o"):
            if scanner.take("\"object\"") { return scanner.passColon() && readObjectName(&facts) }
        case UInt8(ascii: "c"):
            if scanner.take("\"created\"") { return scanner.skipMemberValue(depth: 1) }
            if scanner.take("\"choices\"") { return scanner.passColon() && readChoices(&facts) }
        case UInt8(ascii: "m"):
            if scanner.take("\"model\"") { return scanner.skipMemberValue(depth: 1) }
        case UInt8(ascii: "u"):
            if scanner.take("\"usage\"") { return scanner.passColon() && readUsage(&facts) }
        case UInt8(ascii: "e"):
            if scanner.take("\"error\"") { return facts.readError(&scanner, depth: 1) }
        default: break
        }
        return coldReadOther(&facts)
    }

    /// Members that few servers send, and keys that no dialect asks for.
    @inline(never)  // Off the usual way.
    private mutating func coldReadOther(_ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "t"):
            if scanner.take("\"timings\"") {
                var ignored: (Int64, Int64) = (-1, -1)
                return ServerTimeReader.coldReadTimings(
                    &scanner,
                    &facts,
                    computed: &ignored.0,
                    cached: &ignored.1
                )
            }
            if scanner.take("\"time_info\"") {
                return ServerTimeReader.coldReadTimeInfo(&scanner, &facts)
            }
        case UInt8(ascii: "m"):
            if scanner.take("\"metrics\"") {
                return ServerTimeReader.coldReadMetrics(&scanner, &facts)
            }
        case UInt8(ascii: "x"):
            if scanner.take("\"x_groq\"") { return readGroq(&facts) }
        default: break
        }
        return scanner.skipMember(depth: 1)
    }

    /// Groq's own member: a usage where nobody asked for one, and errors.
    private mutating func readGroq(_ facts: inout EventFacts) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"usage\"") {
                    scanner.passColon() && readUsage(&facts)
                } else if scanner.take("\"error\"") {
                    facts.readError(&scanner, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    @inline(__always)  // Once an event, in `readTop` only.
    private mutating func readObjectName(_ facts: inout EventFacts) -> Bool {
        if scanner.take("\"chat.completion.chunk\"") {
            shape.insert(.chatObject)
        } else if scanner.take("\"text_completion\"") {
            shape.insert(.completionObject)
        } else if scanner.take("\"error\"") {
            // vLLM's older form: the error's members stand at the top level.
            facts.contents.insert(.error)
        } else {
            return scanner.skipValue(depth: 1)
        }
        return true
    }

    @inline(__always)  // Once an event, in `readTop` only.
    private mutating func readChoices(_ facts: inout EventFacts) -> Bool {
        guard scanner.byte == UInt8(ascii: "[") else { return scanner.skipValue(depth: 1) }
        var step = scanner.enterArray()
        if step == .end { shape.insert(.noChoices) }
        while step == .item {
            if scanner.byte == UInt8(ascii: "{") {
                guard readChoice(&facts) else { return false }
            } else {
                guard scanner.skipValue(depth: 2) else { return false }
            }
            step = scanner.nextElement()
        }
        return step == .end
    }

    private mutating func readChoice(_ facts: inout EventFacts) -> Bool {
        var step = scanner.enterObject()
        while step == .item {
            guard readChoiceMember(&facts) else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    @inline(__always)  // In `readChoice` only.
    private mutating func readChoiceMember(_ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "i"):
            if scanner.take("\"index\"") { return scanner.skipMemberValue(depth: 3) }
        case UInt8(ascii: "d"):
            if scanner.take("\"delta\"") { return scanner.passColon() && readDelta(&facts) }
        case UInt8(ascii: "l"):
            if scanner.take("\"logprobs\"") { return scanner.skipMemberValue(depth: 3) }
        case UInt8(ascii: "f"):
            if scanner.take("\"finish_reason\"") {
                return scanner.passColon() && readFinishReason(&facts)
            }
        case UInt8(ascii: "t"):
            if scanner.take("\"text\"") { return scanner.passColon() && readCompletionText() }
        default: break
        }
        return scanner.skipMember(depth: 3)
    }

    @inline(__always)  // Once a choice, in `readChoice` only.
    private mutating func readFinishReason(_ facts: inout EventFacts) -> Bool {
        guard scanner.byte == UInt8(ascii: "\"") else { return scanner.skipValue(depth: 3) }
        guard let reason = scanner.readString() else { return false }
        // Some servers send an empty reason until the last event.
        if !reason.isEmpty {
            facts.contents.insert(.finish)
            facts.finishReason = reason
        }
        return true
    }

    @inline(__always)  // Once a choice, in `readChoice` only.
    private mutating func readCompletionText() -> Bool {
        shape.insert(.text)
        var text = completionText
        defer { completionText = text }
        switch readText(depth: 3, into: &text) {
        case .filled: textTokens.insert(.content)
        case .empty: break
        case .strange: shape.insert(.strangeText)
        case .malformed: return false
        }
        return true
    }
}

// MARK: - Deltas

extension OpenAIEvent {
    private mutating func readDelta(_ facts: inout EventFacts) -> Bool {
        guard scanner.byte == UInt8(ascii: "{") else { return scanner.skipValue(depth: 3) }
        shape.insert(.delta)
        var step = scanner.enterObject()
        while step == .item {
            if scanner.take("\"content\"") {
                guard readContent(&facts) else { return false }
            } else if scanner.take("\"role\"") {
                guard scanner.passColon(), scanner.skipValue(depth: 4) else { return false }
            } else if scanner.take("\"reasoning_content\"") || scanner.take("\"reasoning\"") {
                guard readTokens(.reasoning, depth: 4) else { return false }
            } else if scanner.take("\"tool_calls\"") {
                guard scanner.passColon(), readToolCalls() else { return false }
            } else if scanner.take("\"function_call\"") {
                // The form before tool calls: one function, at the place of the list.
                guard scanner.passColon(), readFunction(depth: 4) else { return false }
            } else if scanner.take("\"refusal\"") {
                guard readTokens(.content, depth: 4) else { return false }
            } else {
                guard scanner.skipMember(depth: 4) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }

    @inline(__always)  // Once an event, in `readDelta` only.
    private mutating func readContent(_ facts: inout EventFacts) -> Bool {
        guard scanner.passColon() else { return false }
        switch readText(depth: 4, into: &facts.contentText) {
        case .filled: deltaTokens.insert(.content)
        case .empty: break
        case .strange: shape.insert(.strangeDelta)
        case .malformed: return false
        }
        return true
    }

    /// Reads a member of a delta whose key was just taken and whose value is token text.
    @inline(__always)  // The kind must be a constant.
    private mutating func readTokens(_ kind: EventFacts.Contents, depth: Int) -> Bool {
        guard scanner.passColon() else { return false }
        var ignored = UnsafeRawBufferPointer(start: nil, count: 0)
        switch readText(depth: depth, into: &ignored) {
        case .filled: deltaTokens.insert(kind)
        case .empty: break
        case .strange: shape.insert(.strangeDelta)
        case .malformed: return false
        }
        return true
    }

    /// Reads text; `found` keeps the first that isn't empty.
    @inline(__always)  // Once an event; its outcome decides branches of the caller.
    private mutating func readText(
        depth: Int,
        into found: inout UnsafeRawBufferPointer
    ) -> JSONText {
        if scanner.byte == UInt8(ascii: "\"") {
            if scanner.take("\"\"") { return .empty }
            guard let text = scanner.readString() else { return .malformed }
            if found.isEmpty { found = text }
            return .filled
        }
        if scanner.take("null") { return .empty }
        return scanner.skipValue(depth: depth) ? .strange : .malformed
    }

    private mutating func readToolCalls() -> Bool {
        guard scanner.byte == UInt8(ascii: "[") else {
            return scanner.take("null") || skipStrange(depth: 4)
        }
        var step = scanner.enterArray()
        while step == .item {
            guard readToolCall() else { return false }
            step = scanner.nextElement()
        }
        return step == .end
    }

    private mutating func readToolCall() -> Bool {
        guard scanner.byte == UInt8(ascii: "{") else { return skipStrange(depth: 5) }
        var step = scanner.enterObject()
        while step == .item {
            if scanner.take("\"function\"") {
                guard scanner.passColon(), readFunction(depth: 6) else { return false }
            } else {
                guard scanner.skipMember(depth: 6) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readFunction(depth: Int) -> Bool {
        guard scanner.byte == UInt8(ascii: "{") else {
            return scanner.take("null") || skipStrange(depth: depth)
        }
        var step = scanner.enterObject()
        while step == .item {
            if scanner.take("\"name\"") || scanner.take("\"arguments\"") {
                guard readTokens(.toolCall, depth: depth + 1) else { return false }
            } else {
                guard scanner.skipMember(depth: depth + 1) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func skipStrange(depth: Int) -> Bool {
        shape.insert(.strangeDelta)
        return scanner.skipValue(depth: depth)
    }
}

// MARK: - Usage

extension OpenAIEvent {
    private mutating func readUsage(_ facts: inout EventFacts) -> Bool {
        guard scanner.byte == UInt8(ascii: "{") else { return scanner.skipValue(depth: 1) }
        facts.contents.insert(.usage)
        var step = scanner.enterObject()
        while step == .item {
            if scanner.take("\"prompt_tokens\"") {
                guard scanner.readMemberCount(&facts.promptTokens, depth: 2) else { return false }
            } else if scanner.take("\"completion_tokens\"") {
                guard scanner.readMemberCount(&facts.completionTokens, depth: 2) else {
                    return false
                }
            } else if scanner.take("\"total_tokens\"") {
                guard scanner.skipMemberValue(depth: 2) else { return false }
            } else if scanner.take("\"prompt_tokens_details\"") {
                guard scanner.readDetail("\"cached_tokens\"", &facts.cachedTokens, depth: 2) else {
                    return false
                }
            } else if scanner.take("\"completion_tokens_details\"") {
                let key: StaticString = "\"reasoning_tokens\""
                guard scanner.readDetail(key, &facts.reasoningTokens, depth: 2) else {
                    return false
                }
            } else {
                guard ServerTimeReader.coldReadUsageMember(&scanner, &facts) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }
}
