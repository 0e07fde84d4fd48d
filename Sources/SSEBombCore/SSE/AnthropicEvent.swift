// The stream events of the Anthropic messages API (platform.claude.com, "Streaming messages"). One
// forward pass; keys count only at their own place. Knows no SSE.

/// One event of a message stream while it is read.
struct AnthropicEvent: APIEvent {
    private enum Kind {
        case none, start, block, delta, end, stop, ping, error
    }

    private var kind = Kind.none
    private var stopReason = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Counts of the event's usage; -1 where absent.
    private var input: Int64 = -1
    private var cacheRead: Int64 = -1
    private var cacheCreation: Int64 = -1
    private var output: Int64 = -1

    @inline(__always)  // The end of `read`, apart for its length only.
    func judge(_ facts: inout EventFacts) {
        switch kind {
        case .none:
            // Gateways report errors in shapes of their own.
            let isError = facts.contents.contains(.error)
            facts = .nothingKnown
            if isError { facts.contents = .error }
        case .block, .delta, .ping: break
        case .start:
            // Its output_tokens are those of an answer that has yet to come.
            noteInput(&facts)
            if input >= 0 { facts.contents.insert(.usage) }
        case .end:
            facts.finish(stopReason)
            if output >= 0 {
                facts.contents.insert(.usage)
                facts.completionTokens = output
            }
            // Older servers leave the input out, and gateways send 0 for that.
            if input > 0 { noteInput(&facts) }
        case .stop: facts.contents.insert(.done)
        case .error: facts.contents.insert(.error)
        }
    }

    /// The API counts the prompt in three parts; together they are what others call the prompt.
    private func noteInput(_ facts: inout EventFacts) {
        guard input >= 0 else { return }
        facts.promptTokens = input + max(0, cacheRead) + max(0, cacheCreation)
        facts.cachedTokens = cacheRead
    }
}

extension AnthropicEvent {
    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "t"):
            if scanner.take("\"type\"") { return readKind(&scanner) }
        case UInt8(ascii: "d"):
            if scanner.take("\"delta\"") { return readDelta(&scanner, &facts) }
        case UInt8(ascii: "c"):
            if scanner.take("\"content_block\"") { return readBlock(&scanner, &facts) }
        case UInt8(ascii: "m"):
            if scanner.take("\"message\"") { return readMessage(&scanner) }
        case UInt8(ascii: "u"):
            if scanner.take("\"usage\"") { return readUsage(&scanner, depth: 1) }
        case UInt8(ascii: "e"):
            if scanner.take("\"error\"") { return facts.readError(&scanner, depth: 1) }
        default: break
        }
        return scanner.skipMember(depth: 1)
    }

    private mutating func readKind(_ scanner: inout JSONScanner) -> Bool {
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
        guard scanner.readName(&name, depth: 1) else { return false }
        if ByteScan.equals(name, "content_block_delta") {
            kind = .delta
        } else if ByteScan.equals(name, "content_block_start")
            || ByteScan.equals(name, "content_block_stop")
        {
            kind = .block
        } else if ByteScan.equals(name, "message_start") {
            kind = .start
        } else if ByteScan.equals(name, "message_delta") {
            kind = .end
        } else if ByteScan.equals(name, "message_stop") {
            kind = .stop
        } else if ByteScan.equals(name, "ping") {
            kind = .ping
        } else if ByteScan.equals(name, "error") {
            kind = .error
        }
        return true
    }

    /// The delta of a block, by the members that its types have of their own, or of the message. A
    /// signature or citation is no token.
    private mutating func readDelta(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"text\"") {
                    facts.readTokens(.content, &scanner, depth: 2)
                } else if scanner.take("\"thinking\"") {
                    facts.readTokens(.reasoning, &scanner, depth: 2)
                } else if scanner.take("\"partial_json\"") {
                    facts.readTokens(.toolCall, &scanner, depth: 2)
                } else if scanner.take("\"stop_reason\"") {
                    scanner.readName(&stopReason, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    /// A block that begins: mostly empty, but a tool's has its name.
    private mutating func readBlock(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"text\"") {
                    facts.readTokens(.content, &scanner, depth: 2)
                } else if scanner.take("\"thinking\"") {
                    facts.readTokens(.reasoning, &scanner, depth: 2)
                } else if scanner.take("\"name\"") {
                    facts.readTokens(.toolCall, &scanner, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readMessage(_ scanner: inout JSONScanner) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"usage\"") {
                    readUsage(&scanner, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readUsage(_ scanner: inout JSONScanner, depth: Int) -> Bool {
        var step = scanner.enterMemberObject(depth: depth)
        while step == .item {
            let isRead =
                if scanner.take("\"input_tokens\"") {
                    scanner.readMemberCount(&input, depth: depth + 1)
                } else if scanner.take("\"output_tokens\"") {
                    scanner.readMemberCount(&output, depth: depth + 1)
                } else if scanner.take("\"cache_read_input_tokens\"") {
                    scanner.readMemberCount(&cacheRead, depth: depth + 1)
                } else if scanner.take("\"cache_creation_input_tokens\"") {
                    scanner.readMemberCount(&cacheCreation, depth: depth + 1)
                } else {
                    scanner.skipMember(depth: depth + 1)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }
}
