// The stream events of Text Generation Inference's /generate_stream (its OpenAPI description,
// `StreamResponse`). One forward pass; keys count only at their own place. Knows no SSE.

/// One event of a generation while it is read.
struct TGIEvent: APIEvent {
    private var hasToken = false
    /// A special token, such as the end of the sequence, is no text.
    private var isSpecial = false
    private var isDone = false
    private var reason = UnsafeRawBufferPointer(start: nil, count: 0)

    func judge(_ facts: inout EventFacts) {
        guard hasToken || isDone || facts.contents.contains(.error) else {
            facts = .nothingKnown
            return
        }
        if isSpecial {
            facts.contents.remove(.content)
            facts.contentText = UnsafeRawBufferPointer(start: nil, count: 0)
        }
        facts.finish(reason)
        if facts.completionTokens >= 0 || facts.promptTokens >= 0 { facts.contents.insert(.usage) }
        if isDone { facts.contents.insert(.done) }
    }

    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        if scanner.take("\"token\"") {
            readToken(&scanner, &facts)
        } else if scanner.take("\"generated_text\"") {
            readGeneratedText(&scanner)
        } else if scanner.take("\"details\"") {
            readDetails(&scanner, &facts)
        } else if scanner.take("\"error\"") {
            facts.readError(&scanner, depth: 1)
        } else {
            scanner.skipMember(depth: 1)
        }
    }

    private mutating func readToken(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead: Bool
            if scanner.take("\"text\"") {
                hasToken = true
                isRead = facts.readTokens(.content, &scanner, depth: 2)
            } else if scanner.take("\"special\"") {
                isRead = scanner.readFlag(&isSpecial, depth: 2)
            } else {
                isRead = scanner.skipMember(depth: 2)
            }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// The whole text stands in the last event; null in all others.
    private mutating func readGeneratedText(_ scanner: inout JSONScanner) -> Bool {
        guard scanner.passColon() else { return false }
        isDone = scanner.byte == UInt8(ascii: "\"")
        return scanner.skipValue(depth: 1)
    }

    private mutating func readDetails(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"finish_reason\"") {
                    scanner.readName(&reason, depth: 2)
                } else if scanner.take("\"generated_tokens\"") {
                    scanner.readMemberCount(&facts.completionTokens, depth: 2)
                } else if scanner.take("\"input_length\"") {
                    scanner.readMemberCount(&facts.promptTokens, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }
}
