// The lines of Ollama's /api/chat and /api/generate (its docs/api.md). One forward pass; keys count
// only at their own place. Knows not how they are framed.

/// One line of an answer while it is read.
struct OllamaEvent: APIEvent {
    private var hasMessage = false
    /// `done` is there, and what it says.
    private var hasDone = false
    private var isDone = false
    private var reason = UnsafeRawBufferPointer(start: nil, count: 0)

    func judge(_ facts: inout EventFacts) {
        guard hasMessage && hasDone || facts.contents.contains(.error) else {
            facts = .nothingKnown
            return
        }
        guard isDone else { return }
        facts.contents.insert(.done)
        facts.finish(reason)
        if facts.completionTokens >= 0 || facts.promptTokens >= 0 { facts.contents.insert(.usage) }
        if !facts.times.isEmpty { facts.contents.insert(.times) }
    }

    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "m"):
            if scanner.take("\"message\"") { return readMessage(&scanner, &facts) }
        case UInt8(ascii: "r"):
            if scanner.take("\"response\"") {
                hasMessage = true
                return facts.readTokens(.content, &scanner, depth: 1)
            }
        case UInt8(ascii: "t"):
            if scanner.take("\"thinking\"") {
                return facts.readTokens(.reasoning, &scanner, depth: 1)
            }
        case UInt8(ascii: "d"):
            if scanner.take("\"done\"") { return readDone(&scanner) }
            if scanner.take("\"done_reason\"") { return scanner.readName(&reason, depth: 1) }
        case UInt8(ascii: "e"), UInt8(ascii: "p"): return readFigure(&scanner, &facts)
        default: break
        }
        return scanner.skipMember(depth: 1)
    }

    private mutating func readDone(_ scanner: inout JSONScanner) -> Bool {
        guard scanner.passColon() else { return false }
        hasDone = true
        if scanner.take("true") {
            isDone = true
            return true
        }
        if scanner.take("false") { return true }
        hasDone = false
        return scanner.skipValue(depth: 1)
    }

    /// Counts and durations of the last line, and the error.
    @inline(never)  // Once a stream.
    private mutating func readFigure(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        if scanner.take("\"prompt_eval_count\"") {
            return scanner.readMemberCount(&facts.promptTokens, depth: 1)
        }
        if scanner.take("\"eval_count\"") {
            return scanner.readMemberCount(&facts.completionTokens, depth: 1)
        }
        if scanner.take("\"prompt_eval_duration\"") {
            return scanner.readTime(&facts.times.prefill, exponent: 0, depth: 1)
        }
        if scanner.take("\"eval_duration\"") {
            return scanner.readTime(&facts.times.decode, exponent: 0, depth: 1)
        }
        if scanner.take("\"error\"") { return facts.readError(&scanner, depth: 1) }
        return scanner.skipMember(depth: 1)
    }

    private mutating func readMessage(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            hasMessage = true
            let isRead =
                if scanner.take("\"content\"") {
                    facts.readTokens(.content, &scanner, depth: 2)
                } else if scanner.take("\"thinking\"") {
                    facts.readTokens(.reasoning, &scanner, depth: 2)
                } else if scanner.take("\"tool_calls\"") {
                    readToolCalls(&scanner, &facts)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// Calls come whole: one in the list is one that was written.
    private mutating func readToolCalls(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        var step = scanner.enterMemberArray(depth: 2)
        while step == .item {
            if scanner.byte == UInt8(ascii: "{") { facts.contents.insert(.toolCall) }
            guard scanner.skipValue(depth: 3) else { return false }
            step = scanner.nextElement()
        }
        return step == .end
    }
}
