// The stream events of the OpenAI responses API (platform.openai.com, "Streaming events"). One
// forward pass; keys count only at their own place. Knows no SSE.

/// One event of a response stream while it is read.
struct ResponsesEvent: APIEvent {
    private enum Kind {
        /// No `type`, or one of another API.
        case none
        case content, reasoning, toolCall
        /// An item begins; a tool call's has its name.
        case item
        case completed, incomplete, failed
        /// Any other of this API.
        case other
    }

    private var kind = Kind.none
    private var delta = UnsafeRawBufferPointer(start: nil, count: 0)
    /// `delta` is of a type that isn't known.
    private var isDeltaStrange = false
    private var itemName = UnsafeRawBufferPointer(start: nil, count: 0)
    private var status = UnsafeRawBufferPointer(start: nil, count: 0)
    private var reason = UnsafeRawBufferPointer(start: nil, count: 0)
    private var hasUsage = false

    @inline(__always)  // The end of `read`, apart for its length only.
    func judge(_ facts: inout EventFacts) {
        switch kind {
        case .none:
            let isError = facts.contents.contains(.error)
            facts = .nothingKnown
            if isError { facts.contents = .error }
            return
        case .content:
            note(.content, &facts)
            facts.contentText = delta
        case .reasoning: note(.reasoning, &facts)
        case .toolCall: note(.toolCall, &facts)
        case .item:
            if !itemName.isEmpty { facts.contents.insert(.toolCall) }
        case .completed, .incomplete:
            facts.contents.insert(.done)
            facts.finish(reason.isEmpty ? status : reason)
        case .failed: facts.contents.insert(.error)
        case .other: break
        }
        // The object of an event on the way says nothing of the end.
        if hasUsage { facts.contents.insert(.usage) }
    }

    private func note(_ tokens: EventFacts.Contents, _ facts: inout EventFacts) {
        if isDeltaStrange { facts.contents.insert(.unknown) }
        if !delta.isEmpty { facts.contents.insert(tokens) }
    }
}

extension ResponsesEvent {
    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "t"):
            if scanner.take("\"type\"") { return readKind(&scanner) }
        case UInt8(ascii: "d"):
            if scanner.take("\"delta\"") { return readDelta(&scanner) }
        case UInt8(ascii: "i"):
            if scanner.take("\"item\"") { return readItem(&scanner) }
        case UInt8(ascii: "r"):
            if scanner.take("\"response\"") { return readResponse(&scanner, &facts) }
        case UInt8(ascii: "e"):
            if scanner.take("\"error\"") { return facts.readError(&scanner, depth: 1) }
        default: break
        }
        return scanner.skipMember(depth: 1)
    }

    private mutating func readKind(_ scanner: inout JSONScanner) -> Bool {
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
        guard scanner.readName(&name, depth: 1) else { return false }
        if ByteScan.equals(name, "response.output_text.delta")
            || ByteScan.equals(name, "response.refusal.delta")
        {
            kind = .content
        } else if ByteScan.equals(name, "response.reasoning_text.delta")
            || ByteScan.equals(name, "response.reasoning_summary_text.delta")
        {
            kind = .reasoning
        } else if ByteScan.equals(name, "response.function_call_arguments.delta")
            || ByteScan.equals(name, "response.custom_tool_call_input.delta")
            || ByteScan.equals(name, "response.mcp_call_arguments.delta")
            || ByteScan.equals(name, "response.code_interpreter_call_code.delta")
        {
            kind = .toolCall
        } else {
            readRareKind(&scanner, name)
        }
        return true
    }

    @inline(never)  // A few times a stream.
    private mutating func readRareKind(_ scanner: inout JSONScanner, _ name: UnsafeRawBufferPointer)
    {
        if ByteScan.equals(name, "response.output_item.added") {
            kind = .item
        } else if ByteScan.equals(name, "response.completed") {
            kind = .completed
        } else if ByteScan.equals(name, "response.incomplete") {
            kind = .incomplete
        } else if ByteScan.equals(name, "response.failed") || ByteScan.equals(name, "error") {
            kind = .failed
        } else if let start = name.baseAddress,
            ByteScan.begins(start, start + name.count, with: "response.")
        {
            kind = .other
        }
    }

    private mutating func readDelta(_ scanner: inout JSONScanner) -> Bool {
        guard scanner.passColon() else { return false }
        guard scanner.byte == UInt8(ascii: "\"") else {
            isDeltaStrange = scanner.byte != UInt8(ascii: "n")
            return scanner.skipValue(depth: 1)
        }
        guard let text = scanner.readString() else { return false }
        delta = text
        return true
    }

    private mutating func readItem(_ scanner: inout JSONScanner) -> Bool {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"name\"") {
                    scanner.readName(&itemName, depth: 2)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readResponse(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        var step = scanner.enterMemberObject(depth: 1)
        while step == .item {
            let isRead =
                if scanner.take("\"status\"") {
                    scanner.readName(&status, depth: 2)
                } else if scanner.take("\"incomplete_details\"") {
                    readDetails(&scanner)
                } else if scanner.take("\"usage\"") {
                    readUsage(&scanner, &facts)
                } else {
                    scanner.skipMember(depth: 2)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readDetails(_ scanner: inout JSONScanner) -> Bool {
        var step = scanner.enterMemberObject(depth: 2)
        while step == .item {
            let isRead =
                if scanner.take("\"reason\"") {
                    scanner.readName(&reason, depth: 3)
                } else {
                    scanner.skipMember(depth: 3)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }

    private mutating func readUsage(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool
    {
        guard scanner.passColon() else { return false }
        guard scanner.byte == UInt8(ascii: "{") else { return scanner.skipValue(depth: 2) }
        hasUsage = true
        var step = scanner.enterObject()
        while step == .item {
            let isRead =
                if scanner.take("\"input_tokens\"") {
                    scanner.readMemberCount(&facts.promptTokens, depth: 3)
                } else if scanner.take("\"output_tokens\"") {
                    scanner.readMemberCount(&facts.completionTokens, depth: 3)
                } else if scanner.take("\"input_tokens_details\"") {
                    scanner.readDetail("\"cached_tokens\"", &facts.cachedTokens, depth: 3)
                } else if scanner.take("\"output_tokens_details\"") {
                    scanner.readDetail("\"reasoning_tokens\"", &facts.reasoningTokens, depth: 3)
                } else {
                    scanner.skipMember(depth: 3)
                }
            guard isRead else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }
}
