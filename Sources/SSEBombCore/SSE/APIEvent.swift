// What the readers of all APIs but OpenAI's do the same: one forward pass over the members of an
// event's object, and a judgement of what they say together. Knows no SSE.

/// One event of an API's stream while it is read.
protocol APIEvent {
    init()

    /// Reads or skips the member that the scanner stands at; false where the text is no JSON.
    mutating func readTopMember(_ scanner: inout JSONScanner, _ facts: inout EventFacts) -> Bool

    /// What the members say together, once all are read.
    func judge(_ facts: inout EventFacts)
}

extension APIEvent {
    /// Reads one event; what is no object is nothing known, or an end marker.
    @inline(never)  // Keeps the readers of the several APIs apart in the loop's code.
    static func read(_ data: UnsafeRawBufferPointer, into facts: inout EventFacts) {
        guard var scanner = JSONScanner(objectIn: data) else {
            return JSONScanner.coldReadMarker(data, into: &facts)
        }
        var event = Self()
        guard event.readTop(&scanner, &facts), scanner.isAtEnd() else {
            facts = .nothingKnown
            return
        }
        event.judge(&facts)
    }

    @inline(__always)  // A part of `read`.
    private mutating func readTop(
        _ scanner: inout JSONScanner,
        _ facts: inout EventFacts
    ) -> Bool {
        var step = scanner.enterObject()
        while step == .item {
            guard readTopMember(&scanner, &facts) else { return false }
            step = scanner.nextMember()
        }
        return step == .end
    }
}
