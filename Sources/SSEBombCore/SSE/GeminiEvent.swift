// The stream events of the Gemini API's streamGenerateContent with alt=sse (ai.google.dev,
// `GenerateContentResponse`). One forward pass; keys count only at their own place. Knows no SSE.

/// One event of a generation while it is read.
struct GeminiEvent: APIEvent {
    private var isShaped = false
    private var hasUsage = false
    private var reason = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Tokens of the answer without its thoughts.
    private var candidates: Int64 = -1

    func judge(_ facts: inout EventFacts) {
        guard isShaped || hasUsage || facts.contents.contains(.error) else {
            facts = .nothingKnown
            return
        }
        facts.finish(reason)
        guard hasUsage else { return }
        facts.contents.insert(.usage)
        // Thoughts are counted beside the candidates; other APIs count them within.
        let thoughts = max(0, facts.reasoningTokens)
        if candidates >= 0 || facts.reasoningTokens >= 0 {
            facts.completionTokens = max(0, candidates) + thoughts
        }
    }
}

extension GeminiEvent {
    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        if scanner.take("\"candidates\"") {
            readCandidates(&scanner, &facts)
        } else if scanner.take("\"usageMetadata\"") {
            readUsage(&scanner, &facts)
        } else if scanner.take("\"promptFeedback\"") {
            readFeedback(&scanner)
        } else if scanner.take("\"error\"") {
            facts.readError(&scanner, depth: 1)
        } else {
            scanner.skipMember(depth: 1)
        }
    }

    private mutating func readCandidates(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        isShaped = true
        var step = scanner.enterMemberArray(depth: 1)
        while step == .item {
            if scanner.byte == UInt8(ascii: "{") {
                guard readCandidate(&scanner, &facts) else { return false }
            } else {
                guard scanner.skipValue(depth: 2) else { return false }
            }
            step = scanner.nextElement()
        }
        return step == .end
    }

    private mutating func readCandidate(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        var step = scanner.enterObject()
        while step == .item {
            let isRead =
                if scanner.take("\"content\"") {
                    readContent(&scanner, &facts)
                } else if scanner.take("\"finishReason\"") {
                    scanner.readName(&reason, depth: 3)
                } else {
                    scanner.skipMember(depth: 3)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readContent(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        var step = scanner.enterMemberObject(depth: 3)
        while step == .item {
            let isRead =
                if scanner.take("\"parts\"") {
                    readParts(&scanner, &facts)
                } else {
                    scanner.skipMember(depth: 4)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readParts(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        var step = scanner.enterMemberArray(depth: 4)
        while step == .item {
            if scanner.byte == UInt8(ascii: "{") {
                guard readPart(&scanner, &facts) else { return false }
            } else {
                guard scanner.skipValue(depth: 5) else { return false }
            }
            step = scanner.nextElement()
        }
        return step == .end
    }

    /// One part; whether its text is a thought may stand behind the text.
    private mutating func readPart(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        var text = UnsafeRawBufferPointer(start: nil, count: 0)
        var isThought = false
        var step = scanner.enterObject()
        while step == .item {
            let isRead =
                if scanner.take("\"text\"") {
                    scanner.readName(&text, depth: 6)
                } else if scanner.take("\"thought\"") {
                    scanner.readFlag(&isThought, depth: 6)
                } else if scanner.take("\"functionCall\"") || scanner.take("\"executableCode\"") {
                    readCall(&scanner, &facts)
                } else {
                    scanner.skipMember(depth: 6)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        if !text.isEmpty {
            facts.contents.insert(isThought ? .reasoning : .content)
            if !isThought, facts.contentText.isEmpty { facts.contentText = text }
        }
        return step == .end
    }

    /// Calls and code come whole.
    private mutating func readCall(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        guard scanner.passColon() else { return false }
        if scanner.byte == UInt8(ascii: "{") { facts.contents.insert(.toolCall) }
        return scanner.skipValue(depth: 6)
    }

    /// A prompt that was refused has no candidates, and this reason.
    private mutating func readFeedback(_ scanner: inout JSONScanner) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead: Bool
            if scanner.take("\"blockReason\"") {
                isShaped = true
                isRead = scanner.readName(&reason, depth: 2)
            } else {
                isRead = scanner.skipMember(depth: 2)
            }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readUsage(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        guard scanner.passColon() else { return false }
        guard scanner.byte == UInt8(ascii: "{") else { return scanner.skipValue(depth: 1) }
        hasUsage = true
        var step = scanner.enterObject()
        while step == .item {
            let isRead =
                if scanner.take("\"promptTokenCount\"") {
                    scanner.readMemberCount(&facts.promptTokens, depth: 2)
                } else if scanner.take("\"candidatesTokenCount\"") {
                    scanner.readMemberCount(&candidates, depth: 2)
                } else if scanner.take("\"thoughtsTokenCount\"") {
                    scanner.readMemberCount(&facts.reasoningTokens, depth: 2)
                } else if scanner.take("\"cachedContentTokenCount\"") {
                    scanner.readMemberCount(&facts.cachedTokens, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }
}
