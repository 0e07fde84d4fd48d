// Rows of the JSON line formats: which members a line needs, and what may stand in them.

extension TraceLayout {
    func jsonRow(_ line: UnsafeRawBufferPointer) throws(TraceProblem) -> TraceRow {
        let members = try TraceMembers(line)
        return format == .mooncake ? try mooncakeRow(members) : try ownRow(members)
    }

    private func mooncakeRow(_ members: TraceMembers) throws(TraceProblem) -> TraceRow {
        func required(
            _ member: UnsafeRawBufferPointer?,
            _ name: String
        ) throws(TraceProblem) -> UnsafeRawBufferPointer {
            if let member { return member }
            throw TraceProblem(
                "\(name) is missing: expected timestamp, input_length, output_length and hash_ids"
            )
        }
        var row = TraceRow()
        row.time = try Self.time(
            try required(members[.timestamp], "timestamp"),
            "timestamp",
            unit: 6,
            "milliseconds"
        )
        row.inputTokens = try Self.tokens(
            try required(members[.inputLength], "input_length"),
            "input_length tokens"
        )
        row.outputTokens = try Self.tokens(
            try required(members[.outputLength], "output_length"),
            "output_length tokens"
        )
        let blocks = try required(members[.hashIDs], "hash_ids")
        guard blocks.first == UInt8(ascii: "[") else {
            throw TraceProblem("hash_ids is '\(Self.shown(blocks))': expected an array of numbers")
        }
        row.blocks = TraceBlocks(UnsafeRawBufferPointer(rebasing: blocks.dropFirst().dropLast()))
        return row
    }

    private func ownRow(_ members: TraceMembers) throws(TraceProblem) -> TraceRow {
        var row = TraceRow()
        switch (members[.offsetMilliseconds], members[.at]) {
        case (let offset?, nil):
            row.time = try Self.time(offset, "offset_ms", unit: 6, "milliseconds")
        case (nil, let at?): row.time = try Self.time(at, "at", unit: 9, "seconds")
        case (nil, nil): throw TraceProblem("expected offset_ms (milliseconds) or at (seconds)")
        case (.some, .some): throw TraceProblem("offset_ms and at are both given: keep one")
        }
        if let body = members[.body] {
            guard body.first == UInt8(ascii: "{") else {
                throw TraceProblem("body is '\(Self.shown(body))': expected a JSON object")
            }
            guard members[.inputTokens] == nil, members[.outputTokens] == nil else {
                throw TraceProblem("a body and numbers of tokens are both given: keep one")
            }
            row.body = body
        }
        if let input = members[.inputTokens] {
            row.inputTokens = try Self.tokens(input, "input_tokens")
        }
        if let output = members[.outputTokens] {
            row.outputTokens = try Self.tokens(output, "output_tokens")
        }
        if let session = members[.session] {
            let isText = session.first == UInt8(ascii: "\"")
            guard isText || session.allSatisfy({ $0 &- 0x30 <= 9 }) else {
                throw TraceProblem(
                    "session is '\(Self.shown(session))': expected a string or a whole number"
                )
            }
            row.session =
                isText
                ? UnsafeRawBufferPointer(rebasing: session.dropFirst().dropLast()) : session
        }
        return row
    }

    private static func time(
        _ field: UnsafeRawBufferPointer,
        _ name: String,
        unit: Int,
        _ words: String
    ) throws(TraceProblem) -> Int64 {
        if let time = TraceFields.decimal(field, unit: unit) { return time }
        throw TraceProblem("\(name) is '\(shown(field))': expected \(words), 0 or more")
    }
}

/// The members of a JSON line that any format knows, as they stand in it.
struct TraceMembers: BitwiseCopyable {
    enum Name: Int {
        case timestamp, inputLength, outputLength, hashIDs
        case offsetMilliseconds, at, body, inputTokens, outputTokens, session
    }

    private var values = InlineArray<10, UnsafeRawBufferPointer?>(repeating: nil)

    subscript(name: Name) -> UnsafeRawBufferPointer? { values[name.rawValue] }

    init(_ line: UnsafeRawBufferPointer) throws(TraceProblem) {
        guard let base = line.baseAddress else { throw Self.malformed }
        var scanner = JSONScanner(base, base + line.count)
        var step = scanner.enterObject()
        while true {
            switch step {
            case .malformed: throw Self.malformed
            case .end:
                guard scanner.isAtEnd() else { throw Self.malformed }
                return
            case .item: break
            }
            let name = Self.takeKey(&scanner)
            guard name != nil || scanner.skipKey(), scanner.passColon() else {
                throw Self.malformed
            }
            let start = scanner.position
            guard scanner.skipValue(depth: 1) else { throw Self.malformed }
            if let name {
                guard self[name] == nil else {
                    throw TraceProblem("a member stands twice in the object: keep one of them")
                }
                values[name.rawValue] = UnsafeRawBufferPointer(
                    start: start,
                    count: scanner.position - start
                )
            }
            step = scanner.nextMember()
        }
    }

    private static var malformed: TraceProblem {
        TraceProblem("not a JSON object: expected one whole object on each line")
    }

    private static func takeKey(_ scanner: inout JSONScanner) -> Name? {
        if scanner.take("\"timestamp\"") { return .timestamp }
        if scanner.take("\"input_length\"") { return .inputLength }
        if scanner.take("\"output_length\"") { return .outputLength }
        if scanner.take("\"hash_ids\"") { return .hashIDs }
        if scanner.take("\"offset_ms\"") { return .offsetMilliseconds }
        if scanner.take("\"at\"") { return .at }
        if scanner.take("\"body\"") { return .body }
        if scanner.take("\"input_tokens\"") { return .inputTokens }
        if scanner.take("\"output_tokens\"") { return .outputTokens }
        if scanner.take("\"session\"") { return .session }
        return nil
    }
}
