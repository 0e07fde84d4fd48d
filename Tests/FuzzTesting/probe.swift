// Fuzz target: the token probe. What it says must depend on the event's bytes alone, must never
// point outside them, and must be nothing at all where it says "unknown".

/// Reads the input as the data of one event under every dialect, then a beginning of it.
func fuzzProbe(_ input: UnsafeRawBufferPointer) {
    let fields = FieldReader(paths)
    for dialect in Dialect.allCases {
        let first = probe(input, dialect, fields)
        let second = probe(input, dialect, fields)
        expect(first.isSame(as: second), "two readings of one event differ (\(dialect))")
        for cut in Pieces(of: input).cuts where cut < input.count {
            _ = probe(UnsafeRawBufferPointer(rebasing: input[0..<cut]), dialect, fields)
        }
    }
    fields.destroy()
}

/// One place of each kind, nested as those of an API are.
private let paths = FieldPaths(
    fields: FieldPaths.Kind.allCases.map { kind in
        let keys = kind.rawValue.split(separator: ".").map(String.init)
        let steps = (["a", "0"] + keys).map { JSONPath.Step(key: Array($0.utf8), index: Int($0)) }
        return FieldPaths.Field(kind: kind, path: JSONPath(steps: steps))
    },
    end: Array("end".utf8)
)

/// The facts without the pointers, and the dialect afterwards.
private struct Finding {
    var facts: EventFacts
    var finishReason: [UInt8]
    var contentText: [UInt8]
    var dialect: Dialect

    func isSame(as other: Finding) -> Bool {
        facts.contents == other.facts.contents && finishReason == other.finishReason
            && contentText == other.contentText
            && facts.times.prefill == other.facts.times.prefill
            && facts.times.decode == other.facts.times.decode
            && facts.times.queue == other.facts.times.queue
            && facts.promptTokens == other.facts.promptTokens
            && facts.completionTokens == other.facts.completionTokens
            && facts.cachedTokens == other.facts.cachedTokens
            && facts.reasoningTokens == other.facts.reasoningTokens && dialect == other.dialect
    }
}

/// Reads a copy of exact size and checks what holds for every event.
private func probe(
    _ data: UnsafeRawBufferPointer,
    _ chosen: Dialect,
    _ fields: FieldReader
) -> Finding {
    var finding: Finding?
    Pieces().forEach(in: data) { copy in
        var dialect = chosen
        let noType = UnsafeRawBufferPointer(start: nil, count: 0)
        let facts = TokenProbe.read(copy, eventType: noType, dialect: &dialect, fields: fields)
        for range in [facts.finishReason, facts.contentText] where range.count > 0 {
            guard let start = range.baseAddress, let base = copy.baseAddress else { continue }
            let offset = start - base
            let isInside = offset >= 0 && offset <= copy.count - range.count
            expect(isInside, "a text lies outside the event")
        }
        check(facts, chosen, dialect)
        finding = Finding(
            facts: facts,
            finishReason: Array(facts.finishReason),
            contentText: Array(facts.contentText),
            dialect: dialect
        )
        return false
    }
    guard let finding else { stop("no piece was read") }
    return finding
}

private func check(_ facts: EventFacts, _ chosen: Dialect, _ dialect: Dialect) {
    if chosen != .undetermined { expect(dialect == chosen, "a chosen dialect was changed") }
    if facts.contents == .unknown {
        expect(facts.finishReason.isEmpty, "an unknown event has a finish reason")
        expect(facts.contentText.isEmpty, "an unknown event has text")
        expect(facts.times.isEmpty, "an unknown event has times")
    }
    expect(facts.contents.contains(.finish) == !facts.finishReason.isEmpty, "a reason is missing")
    if !facts.contentText.isEmpty {
        expect(facts.contents.contains(.content), "text without content")
    }
    let counts = [
        facts.promptTokens, facts.completionTokens, facts.cachedTokens, facts.reasoningTokens,
        facts.times.prefill, facts.times.decode, facts.times.queue,
    ]
    expect(counts.allSatisfy { $0 >= -1 }, "a count or time is negative")
    if facts.isReasoningOnly { expect(facts.isTokenBearing, "reasoning that is no token") }
}
