// The stream events of llama.cpp's own /completion (tools/server, README). One forward pass; keys
// count only at their own place. Knows no SSE.

/// One event of a completion while it is read.
struct LlamaEvent: APIEvent {
    private var hasContent = false
    /// `stop` is there, and what it says.
    private var hasStop = false
    private var isStop = false
    private var reason = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Prompt tokens that were computed, and those that came from the cache.
    private var computed: Int64 = -1
    private var cached: Int64 = -1

    func judge(_ facts: inout EventFacts) {
        guard hasContent && hasStop || facts.contents.contains(.error) else {
            facts = .nothingKnown
            return
        }
        if facts.completionTokens >= 0 || facts.promptTokens >= 0 { facts.contents.insert(.usage) }
        if !facts.times.isEmpty { facts.contents.insert(.times) }
        guard isStop else { return }
        facts.contents.insert(.done)
        facts.finish(reason)
        // `tokens_cached` is all that the slot holds now, the answer included, and no such count.
        if cached >= 0 {
            facts.cachedTokens = cached
        } else if computed >= 0, facts.promptTokens >= computed {
            facts.cachedTokens = facts.promptTokens - computed
        }
    }

    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        switch scanner.keyByte {
        case UInt8(ascii: "c"):
            if scanner.take("\"content\"") {
                hasContent = true
                return facts.readTokens(.content, &scanner, depth: 1)
            }
        case UInt8(ascii: "s"):
            if scanner.take("\"stop\"") { return readStop(&scanner) }
            if scanner.take("\"stop_type\"") { return scanner.readName(&reason, depth: 1) }
            return readStopped(&scanner)
        case UInt8(ascii: "t"):
            if scanner.take("\"tokens_predicted\"") {
                return scanner.readMemberCount(&facts.completionTokens, depth: 1)
            }
            if scanner.take("\"tokens_evaluated\"") {
                return scanner.readMemberCount(&facts.promptTokens, depth: 1)
            }
            if scanner.take("\"timings\"") {
                return ServerTimeReader.coldReadTimings(
                    &scanner,
                    &facts,
                    computed: &computed,
                    cached: &cached
                )
            }
        case UInt8(ascii: "e"):
            if scanner.take("\"error\"") { return facts.readError(&scanner, depth: 1) }
        default: break
        }
        return scanner.skipMember(depth: 1)
    }

    private mutating func readStop(_ scanner: inout JSONScanner) -> Bool {
        guard scanner.passColon() else { return false }
        hasStop = true
        if scanner.take("true") {
            isStop = true
            return true
        }
        if scanner.take("false") { return true }
        hasStop = false
        return scanner.skipValue(depth: 1)
    }

    /// Servers before `stop_type` said it in three members; the reason is the end of the key.
    private mutating func readStopped(_ scanner: inout JSONScanner) -> Bool {
        let key = scanner.position + 1
        let length: Int
        if scanner.take("\"stopped_eos\"") {
            length = 3
        } else if scanner.take("\"stopped_limit\"") {
            length = 5
        } else if scanner.take("\"stopped_word\"") {
            length = 4
        } else {
            return scanner.skipMember(depth: 1)
        }
        var isSet = false
        guard scanner.readFlag(&isSet, depth: 1) else { return false }
        if isSet { reason = UnsafeRawBufferPointer(start: key + 8, count: length) }
        return true
    }
}
