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

    private enum Text {
        case empty, filled, strange, malformed
    }

    private var scanner: JSONScanner
    private var shape: Shape = []
    /// Tokens in deltas and in texts; only those of the stream's dialect become facts.
    private var deltaTokens: EventFacts.Contents = []
    private var textTokens: EventFacts.Contents = []

    /// Reads one event of a stream whose dialect is one of OpenAI's or undetermined.
    static func read(
        _ data: UnsafeRawBufferPointer,
        into facts: inout EventFacts,
        dialect: inout Dialect
    ) {
        guard let base = data.baseAddress else {
            facts.contents = .unknown
            return
        }
        var event = OpenAIEvent(scanner: JSONScanner(base, base + data.count))
        event.scanner.skipSpace()
        guard event.scanner.byte == UInt8(ascii: "{") else {
            let isDone = event.scanner.take("[DONE]") && event.scanner.isAtEnd()
            facts.contents = isDone ? .done : .unknown
            return
        }
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
        case .undetermined, .raw:
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
            if scanner.take("\"id\"") { return skipMemberValue(depth: 1) }
        case UInt8(ascii: "o"):
            if scanner.take("\"object\"") { return scanner.passColon() && readObjectName(&facts) }
        case UInt8(ascii: "c"):
            if scanner.take("\"created\"") { return skipMemberValue(depth: 1) }
            if scanner.take("\"choices\"") { return scanner.passColon() && readChoices(&facts) }
        case UInt8(ascii: "m"):
            if scanner.take("\"model\"") { return skipMemberValue(depth: 1) }
        case UInt8(ascii: "u"):
            if scanner.take("\"usage\"") { return scanner.passColon() && readUsage(&facts) }
        case UInt8(ascii: "e"):
            if scanner.take("\"error\"") { return scanner.passColon() && readError(&facts) }
        default: break
        }
        return skipMember(depth: 1)
    }

    @inline(__always)  // The usual values are one vector loop or one comparison.
    private mutating func skipMemberValue(depth: Int) -> Bool {
        scanner.passColon() && scanner.skipValue(depth: depth)
    }

    @inline(never)  // Keys that no dialect asks for: off the usual way.
    private mutating func skipMember(depth: Int) -> Bool {
        scanner.skipKey() && scanner.passColon() && scanner.skipValue(depth: depth)
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

    /// An error is an object or a non-empty string; servers that always send the key send null.
    private mutating func readError(_ facts: inout EventFacts) -> Bool {
        if scanner.take("\"\"") { return true }
        if scanner.byte == UInt8(ascii: "{") || scanner.byte == UInt8(ascii: "\"") {
            facts.contents.insert(.error)
        }
        return scanner.skipValue(depth: 1)
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
            if scanner.take("\"index\"") { return skipMemberValue(depth: 3) }
        case UInt8(ascii: "d"):
            if scanner.take("\"delta\"") { return scanner.passColon() && readDelta() }
        case UInt8(ascii: "l"):
            if scanner.take("\"logprobs\"") { return skipMemberValue(depth: 3) }
        case UInt8(ascii: "f"):
            if scanner.take("\"finish_reason\"") {
                return scanner.passColon() && readFinishReason(&facts)
            }
        case UInt8(ascii: "t"):
            if scanner.take("\"text\"") { return scanner.passColon() && readCompletionText() }
        default: break
        }
        return skipMember(depth: 3)
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
        switch readText(depth: 3) {
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
    private mutating func readDelta() -> Bool {
        guard scanner.byte == UInt8(ascii: "{") else { return scanner.skipValue(depth: 3) }
        shape.insert(.delta)
        var step = scanner.enterObject()
        while step == .item {
            if scanner.take("\"content\"") {
                guard readTokens(.content, depth: 4) else { return false }
            } else if scanner.take("\"role\"") {
                guard scanner.passColon(), scanner.skipValue(depth: 4) else { return false }
            } else if scanner.take("\"reasoning_content\"") || scanner.take("\"reasoning\"") {
                guard readTokens(.reasoning, depth: 4) else { return false }
            } else if scanner.take("\"tool_calls\"") {
                guard scanner.passColon(), readToolCalls() else { return false }
            } else if scanner.take("\"function_call\"") {
                // The form before tool calls: one function, at the place of the list.
                guard scanner.passColon(), readFunction(depth: 4) else { return false }
            } else {
                guard skipMember(depth: 4) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// Reads a member of a delta whose key was just taken and whose value is token text.
    @inline(__always)  // The kind must be a constant.
    private mutating func readTokens(_ kind: EventFacts.Contents, depth: Int) -> Bool {
        guard scanner.passColon() else { return false }
        switch readText(depth: depth) {
        case .filled: deltaTokens.insert(kind)
        case .empty: break
        case .strange: shape.insert(.strangeDelta)
        case .malformed: return false
        }
        return true
    }

    @inline(__always)  // Once an event; its outcome decides branches of the caller.
    private mutating func readText(depth: Int) -> Text {
        if scanner.byte == UInt8(ascii: "\"") {
            if scanner.take("\"\"") { return .empty }
            return scanner.skipString() ? .filled : .malformed
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
                guard skipMember(depth: 6) else { return false }
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
                guard skipMember(depth: depth + 1) else { return false }
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
                guard readCount(&facts.promptTokens, depth: 2) else { return false }
            } else if scanner.take("\"completion_tokens\"") {
                guard readCount(&facts.completionTokens, depth: 2) else { return false }
            } else if scanner.take("\"total_tokens\"") {
                guard skipMemberValue(depth: 2) else { return false }
            } else if scanner.take("\"prompt_tokens_details\"") {
                guard readDetail("\"cached_tokens\"", &facts.cachedTokens) else { return false }
            } else if scanner.take("\"completion_tokens_details\"") {
                guard readDetail("\"reasoning_tokens\"", &facts.reasoningTokens) else {
                    return false
                }
            } else {
                guard skipMember(depth: 2) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// Reads the one member of a details object that is asked for. The object may be null.
    @inline(__always)  // The key must be a constant.
    private mutating func readDetail(_ key: StaticString, _ value: inout Int64) -> Bool {
        guard scanner.passColon() else { return false }
        guard scanner.byte == UInt8(ascii: "{") else { return scanner.skipValue(depth: 2) }
        var step = scanner.enterObject()
        while step == .item {
            if scanner.take(key) {
                guard readCount(&value, depth: 3) else { return false }
            } else {
                guard skipMember(depth: 3) else { return false }
            }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readCount(_ value: inout Int64, depth: Int) -> Bool {
        guard scanner.passColon() else { return false }
        let isDigit = scanner.byte &- 0x30 <= 9
        return isDigit ? scanner.readCount(&value) : scanner.skipValue(depth: depth)
    }
}
