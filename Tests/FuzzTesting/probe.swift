// Fuzz target: the token probe. What it says must depend on the event's bytes alone, must never
// point outside them, and must be nothing at all where it says "unknown".

/// Reads the input as the data of one event under every dialect, then a beginning of it.
func fuzzProbe(_ input: UnsafeRawBufferPointer) {
    for dialect in [Dialect.undetermined, .openaiChat, .openaiCompletions, .raw] {
        let first = probe(input, dialect)
        let second = probe(input, dialect)
        expect(first.isSame(as: second), "two readings of one event differ (\(dialect))")
        for cut in Pieces(of: input).cuts where cut < input.count {
            _ = probe(UnsafeRawBufferPointer(rebasing: input[0..<cut]), dialect)
        }
    }
}

/// The facts without the pointer, and the dialect afterwards.
private struct Finding {
    var facts: EventFacts
    var finishReason: [UInt8]
    var dialect: Dialect

    func isSame(as other: Finding) -> Bool {
        facts.contents == other.facts.contents && finishReason == other.finishReason
            && facts.promptTokens == other.facts.promptTokens
            && facts.completionTokens == other.facts.completionTokens
            && facts.cachedTokens == other.facts.cachedTokens
            && facts.reasoningTokens == other.facts.reasoningTokens && dialect == other.dialect
    }
}

/// Reads a copy of exact size and checks what holds for every event.
private func probe(_ data: UnsafeRawBufferPointer, _ chosen: Dialect) -> Finding {
    var finding: Finding?
    Pieces().forEach(in: data) { copy in
        var dialect = chosen
        let noType = UnsafeRawBufferPointer(start: nil, count: 0)
        let facts = TokenProbe.read(copy, eventType: noType, dialect: &dialect)
        let reason = facts.finishReason
        if let start = reason.baseAddress, let base = copy.baseAddress, reason.count > 0 {
            let offset = start - base
            let isInside = offset >= 0 && offset <= copy.count - reason.count
            expect(isInside, "the finish reason lies outside the event")
        }
        check(facts, chosen, dialect)
        finding = Finding(facts: facts, finishReason: Array(reason), dialect: dialect)
        return false
    }
    guard let finding else { stop("no piece was read") }
    return finding
}

private func check(_ facts: EventFacts, _ chosen: Dialect, _ dialect: Dialect) {
    if chosen != .undetermined { expect(dialect == chosen, "a chosen dialect was changed") }
    if facts.contents.contains(.unknown) {
        expect(facts.contents == .unknown, "an unknown event has contents \(facts.contents)")
        let counts = [
            facts.promptTokens, facts.completionTokens, facts.cachedTokens, facts.reasoningTokens,
        ]
        expect(counts.allSatisfy { $0 == -1 }, "an unknown event has token counts")
        expect(facts.finishReason.isEmpty, "an unknown event has a finish reason")
    }
    let isDone = facts.contents.contains(.done)
    expect(!(isDone && facts.isTokenBearing), "the end marker bears tokens")
    if facts.isReasoningOnly { expect(facts.isTokenBearing, "reasoning that is no token") }
}
