// The stream events of Triton's generate extension (docs/protocol/extension_generate.md) with the
// output that its language models have, `text_output`. One forward pass; keys count only at their
// own place. Knows no SSE.

/// One event of a generation while it is read.
struct TritonEvent: APIEvent {
    private var hasOutput = false

    func judge(_ facts: inout EventFacts) {
        guard hasOutput || facts.contents.contains(.error) else {
            facts = .nothingKnown
            return
        }
    }

    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool {
        if scanner.take("\"text_output\"") {
            readOutput(&scanner, &facts)
        } else if scanner.take("\"error\"") {
            facts.readError(&scanner, depth: 1)
        } else {
            scanner.skipMember(depth: 1)
        }
    }

    /// A tensor of one element comes as a scalar, one of several as an array.
    private mutating func readOutput(_ scanner: inout JSONScanner, _ facts: inout EventFacts)
        -> Bool
    {
        hasOutput = true
        guard scanner.passColon() else { return false }
        guard scanner.byte == UInt8(ascii: "[") else {
            return facts.readTokenValue(.content, &scanner, depth: 1)
        }
        var step = scanner.enterArray()
        while step == .item {
            guard facts.readTokenValue(.content, &scanner, depth: 2) else { return false }
            step = scanner.nextElement()
        }
        return step == .end
    }
}
