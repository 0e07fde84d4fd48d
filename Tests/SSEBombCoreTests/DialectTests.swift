// Every API's stream at every split of its fixture, recognised and named; what must not change what
// an event says, and what makes it unknown. Input always ends at a forbidden page.

import Testing

@testable import SSEBombCore

/// Reads a body cut into pieces, each in memory of its own, as the loop does.
private struct StreamReader {
    var dialect: Dialect
    let isLines: Bool
    let fields: FieldReader?
    private(set) var readings: [EventReading] = []

    init(_ fixture: DialectFixture, as dialect: Dialect) {
        self.dialect = dialect
        isLines = fixture.isLines
        fields = fixture.fields.map { FieldReader($0) }
    }

    mutating func read(_ pieces: [[UInt8]]) {
        let pool = SpillPool()
        defer { pool.destroy() }
        var parser = SSEParser(lineLimit: 1 << 20, eventLimit: 1 << 20)
        defer { parser.release(to: pool) }
        if isLines { parser.usePlainLines() }
        for piece in pieces {
            GuardedBuffer(piece).withBytes { bytes in
                var offset = 0
                while true {
                    let output = parser.next(bytes, &offset, pool: pool)
                    guard output == .event else {
                        #expect(output == .needMore)
                        break
                    }
                    let facts = TokenProbe.read(
                        parser.data,
                        eventType: parser.eventType,
                        dialect: &dialect,
                        fields: fields
                    )
                    readings.append(EventReading(facts))
                }
            }
        }
        #expect(parser.isBetweenEvents)
    }
}

private func read(
    _ pieces: [[UInt8]],
    of fixture: DialectFixture,
    as dialect: Dialect
) -> (readings: [EventReading], dialect: Dialect) {
    var reader = StreamReader(fixture, as: dialect)
    reader.read(pieces)
    reader.fields?.destroy()
    return (reader.readings, reader.dialect)
}

/// One event's data.
private func probe(
    _ data: [UInt8],
    of fixture: DialectFixture,
    as dialect: Dialect? = nil
) -> EventReading {
    let fields = fixture.fields.map { FieldReader($0) }
    defer { fields?.destroy() }
    var dialect = dialect ?? fixture.dialect
    return GuardedBuffer(data).withBytes { bytes in
        let type = UnsafeRawBufferPointer(start: nil, count: 0)
        return EventReading(
            TokenProbe.read(bytes, eventType: type, dialect: &dialect, fields: fields)
        )
    }
}

extension DialectFixture {
    /// The data of each event, by the simplest reading of the file.
    fileprivate func events() throws -> [[UInt8]] {
        try body().split(separator: 0x0A).compactMap { line in
            if isLines { return Array(line) }
            let prefix = Array("data:".utf8)
            guard line.starts(with: prefix) else { return nil }
            let value = line.dropFirst(prefix.count)
            return Array(value.first == 0x20 ? value.dropFirst() : value)
        }
    }

    /// Events that are JSON objects, and what they say.
    fileprivate func objects() throws -> [(data: [UInt8], reading: EventReading)] {
        try zip(events(), readings).filter { $0.0.first == UInt8(ascii: "{") }
    }
}

/// The text with white space wherever JSON allows it.
private func spaced(_ data: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var isInString = false
    var isEscaped = false
    for byte in data {
        let isStructural = !isInString && "{}[],:".utf8.contains(byte)
        if isStructural { result += Array(" \t".utf8) }
        result.append(byte)
        if isStructural { result += Array("\r\n ".utf8) }
        if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
        isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
    }
    return result
}

/// What every API has at some place, where no API has it.
private let foreign =
    #"{"content":"x","text":"x","delta":{"text":"x","content":"x"},"token":{"text":"x"},"#
    + #""done":true,"stop":true,"type":"message_stop","error":{"a":1},"generated_text":"x","#
    + #""finish_reason":"x","choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1},"#
    + #""response":"x","text_output":"x","candidates":[{"finishReason":"x"}]}"#

@Suite("Dialects") struct DialectTests {
    @Test(
        "the events of a stream say what they hold, at every split",
        arguments: DialectFixture.all
    )
    func everySplit(_ fixture: DialectFixture) throws {
        let body = try fixture.body()
        var cuts = [[body], body.map { [$0] }]
        for index in 1..<body.count { cuts.append([Array(body[..<index]), Array(body[index...])]) }
        for pieces in cuts {
            let found = read(pieces, of: fixture, as: fixture.dialect)
            try #require(
                found.readings == fixture.readings,
                "cut at \(pieces[0].count), \(pieces.count) pieces"
            )
            #expect(found.dialect == fixture.dialect)
        }
    }

    @Test("a stream is recognised from its events", arguments: DialectFixture.all)
    func recognised(_ fixture: DialectFixture) throws {
        let found = read([try fixture.body()], of: fixture, as: .undetermined)
        guard fixture.dialect != .custom else {
            #expect(found.dialect == .undetermined)
            return
        }
        #expect(found.readings == fixture.readings)
        #expect(found.dialect == fixture.dialect)
    }

    @Test("no other API's reader takes an event for a token", arguments: DialectFixture.all)
    func otherReaders(_ fixture: DialectFixture) throws {
        let others = Dialect.allCases.filter {
            ![fixture.dialect, .raw, .undetermined, .custom].contains($0)
        }
        for other in others {
            for (data, _) in try fixture.objects() {
                let reading = probe(data, of: fixture, as: other)
                #expect(
                    reading.contents.isDisjoint(with: [.content, .reasoning, .toolCall, .done])
                )
            }
        }
    }

    @Test("an event cut anywhere is unknown and nothing else", arguments: DialectFixture.all)
    func truncated(_ fixture: DialectFixture) throws {
        for (data, _) in try fixture.objects() {
            for length in 0..<data.count {
                let reading = probe(Array(data[..<length]), of: fixture)
                try #require(reading == EventReading(.unknown), "\(length) of \(data.count) bytes")
            }
            for tail in ["x", "}", ",", "{}"] {
                #expect(probe(data + Array(tail.utf8), of: fixture) == EventReading(.unknown))
            }
        }
    }

    @Test("white space and foreign members change nothing", arguments: DialectFixture.all)
    func foreignMembers(_ fixture: DialectFixture) throws {
        for (data, reading) in try fixture.objects() {
            let isMarker = reading.contents == .done && fixture.dialect == .custom
            if isMarker { continue }
            #expect(probe(spaced(data), of: fixture) == reading)
            let inFront = Array("{\"zz\":\(foreign),".utf8) + data.dropFirst()
            #expect(probe(inFront, of: fixture) == reading)
            let behind = Array(data.dropLast()) + Array(",\"zz\":[\(foreign)]}".utf8)
            #expect(probe(behind, of: fixture) == reading)
        }
    }

    @Test("the error of an API fails the stream and recognises nothing")
    func errors() {
        let all: [Dialect] = [
            .openaiChat, .openaiCompletions, .openaiResponses, .anthropic, .tgi, .llamacpp,
            .ollama, .triton, .gemini,
        ]
        for text in [
            #"{"error":{"message":"m","code":500}}"#, #"{"error":"overloaded"}"#,
            #"{"error":"Input validation error","error_type":"validation"}"#,
        ] {
            for dialect in all {
                var found = dialect
                #expect(facts(text, &found).contents == .error, "\(dialect) \(text)")
                #expect(found == dialect)
            }
            var found = Dialect.undetermined
            #expect(facts(text, &found).contents == .error && found == .undetermined)
        }
        for (text, dialect) in [
            (#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, .anthropic),
            (#"{"type":"error","code":"x","message":"m","param":null}"#, .openaiResponses),
            (#"{"type":"response.failed","response":{"status":"failed"}}"#, .openaiResponses),
            (#"{"choices":[],"x_groq":{"id":"r","error":"over capacity"}}"#, .openaiChat),
        ] as [(String, Dialect)] {
            var found = dialect
            #expect(facts(text, &found).contents == .error, "\(text)")
        }
    }

    @Test("an error that is null or empty is none")
    func noErrors() {
        for (text, dialect, contents) in [
            (#"{"error":null,"text_output":"a"}"#, .triton, .content),
            (#"{"error":"","text_output":"a"}"#, .triton, .content),
            (#"{"content":"","stop":false,"error":null}"#, .llamacpp, []),
        ] as [(String, Dialect, EventFacts.Contents)] {
            var found = dialect
            #expect(facts(text, &found).contents == contents)
        }
    }

    @Test("the marker of OpenAI's APIs ends any API's stream, but no raw one")
    func marker() {
        for dialect in Dialect.allCases where dialect != .raw && dialect != .custom {
            var found = dialect
            #expect(facts(" [DONE] ", &found).contents == .done)
            #expect(facts("[DONE]x", &found).contents == .unknown)
        }
    }

    @Test("the text of the other OpenAI shape is nobody's")
    func otherText() {
        for (text, dialect, reading) in [
            (
                #"{"choices":[{"text":"a","delta":{"reasoning":"b"}}]}"#, .openaiChat,
                EventReading(.reasoning)
            ),
            (
                #"{"choices":[{"text":"a","delta":{"content":"b"}}]}"#, .openaiChat,
                EventReading(.content, "b")
            ),
            (
                #"{"choices":[{"delta":{"content":"b"},"text":"a"}]}"#, .openaiCompletions,
                EventReading(.content, "a")
            ),
            (
                #"{"choices":[{"delta":{"content":"b"},"text":""}]}"#, .openaiCompletions,
                EventReading([])
            ),
        ] as [(String, Dialect, EventReading)] {
            var found = dialect
            #expect(facts(text, &found) == reading, "\(text)")
        }
    }

    @Test("a ping decides nothing, and what follows does")
    func ping() {
        var dialect = Dialect.undetermined
        #expect(facts(#"{"type":"ping"}"#, &dialect).contents == [])
        #expect(dialect == .undetermined)
        let chat = #"{"choices":[{"delta":{"content":"a"}}]}"#
        #expect(facts(chat, &dialect).contents == .content && dialect == .openaiChat)
    }

    @Test("text of a type that isn't known is not called empty")
    func strangeText() {
        for (text, dialect) in [
            (#"{"type":"content_block_delta","delta":{"text":[1]}}"#, .anthropic),
            (#"{"type":"response.output_text.delta","delta":{"a":1}}"#, .openaiResponses),
            (#"{"token":{"text":7},"generated_text":null}"#, .tgi),
            (#"{"content":{},"stop":false}"#, .llamacpp),
            (#"{"message":{"content":true},"done":false}"#, .ollama),
            (#"{"text_output":1}"#, .triton),
        ] as [(String, Dialect)] {
            var found = dialect
            #expect(facts(text, &found).contents == .unknown, "\(text)")
        }
    }

    @Test("shapes that only look like an API's are unknown")
    func lookAlikes() {
        for (text, dialect) in [
            (#"{"type":"content_block"}"#, .anthropic), (#"{"delta":{"text":"a"}}"#, .anthropic),
            (#"{"type":7,"delta":"a"}"#, .openaiResponses),
            (#"{"type":"responses.output_text.delta","delta":"a"}"#, .openaiResponses),
            (#"{"token":"a"}"#, .tgi), (#"{"token":{"id":1}}"#, .tgi),
            (#"{"content":"a"}"#, .llamacpp), (#"{"stop":true}"#, .llamacpp),
            (#"{"content":"a","stop":"x"}"#, .llamacpp),
            (#"{"message":{"content":"a"}}"#, .ollama), (#"{"done":true}"#, .ollama),
            (#"{"response":"a","done":1}"#, .ollama), (#"{"text_outputs":"a"}"#, .triton),
            (#"{"content":{"parts":[{"text":"a"}]}}"#, .gemini), ("[]", .gemini), ("", .tgi),
        ] as [(String, Dialect)] {
            var found = dialect
            #expect(facts(text, &found).contents == .unknown, "\(text)")
        }
    }

    @Test("a prompt that Gemini refuses finishes with the reason")
    func blocked() {
        var dialect = Dialect.gemini
        let text = #"{"promptFeedback":{"blockReason":"SAFETY","safetyRatings":[]}}"#
        let found = facts(text, &dialect)
        #expect(found.contents == .finish && found.finish == "SAFETY")
    }

    @Test(
        "a path names its API",
        arguments: [
            ("/v1/chat/completions?x=1", .openaiChat), ("/v1/completions", .openaiCompletions),
            ("/v1/responses", .openaiResponses), ("/v1/messages", .anthropic),
            ("/generate_stream", .tgi), ("/v2/models/m/generate_stream", .triton),
            ("/v2/models/m/versions/1/generate_stream", .triton), ("/completion", .llamacpp),
            ("/api/chat", .ollama), ("/api/generate", .ollama),
            ("/v1beta/models/g:streamGenerateContent?alt=sse", .gemini),
            ("/events", .undetermined), ("/?to=/v1/messages", .undetermined),
            ("/v1/messages/count_tokens", .undetermined), ("/xcompletions", .undetermined),
        ] as [(String, Dialect)]
    )
    func paths(target: String, dialect: Dialect) {
        #expect(Dialect(target: target) == dialect)
    }

    private func facts(_ text: String, _ dialect: inout Dialect) -> EventReading {
        GuardedBuffer(Array(text.utf8)).withBytes { bytes in
            let type = UnsafeRawBufferPointer(start: nil, count: 0)
            return EventReading(TokenProbe.read(bytes, eventType: type, dialect: &dialect))
        }
    }
}

@Suite("Lines without SSE") struct PlainLineTests {
    private func events(_ body: String, lineLimit: UInt32 = 100) -> [String] {
        let bytes = Array(body.utf8)
        var whole: [String]?
        for index in 0...bytes.count {
            var found: [String] = []
            let pool = SpillPool()
            var parser = SSEParser(lineLimit: lineLimit, eventLimit: 100)
            parser.usePlainLines()
            pieces: for piece in [Array(bytes[..<index]), Array(bytes[index...])] {
                let goesOn = GuardedBuffer(piece).withBytes { bytes in
                    var offset = 0
                    while true {
                        switch parser.next(bytes, &offset, pool: pool) {
                        case .needMore: return true
                        case .event: found.append(String(decoding: parser.data, as: UTF8.self))
                        case .failure:
                            found.append("failed")
                            return false
                        case .comment, .retry: found.append("of an event stream")
                        }
                    }
                }
                if !goesOn { break pieces }
            }
            parser.release(to: pool)
            pool.destroy()
            #expect(whole == nil || whole == found, "cut at \(index)")
            whole = found
        }
        return whole ?? []
    }

    @Test("each line that isn't empty is an event, whatever it begins with")
    func lines() {
        #expect(events("{}\n\n\r\n{\"a\":1}\r\n[1]\n") == ["{}", "{\"a\":1}", "[1]"])
        #expect(events("data: x\n\n: c\nretry: 5\nid\n") == ["data: x", ": c", "retry: 5", "id"])
        #expect(events("\u{FEFF}{}\n{") == ["{}"])
    }

    @Test("the line limit holds")
    func limit() {
        #expect(events("12345\n123456\n7\n", lineLimit: 5) == ["12345", "failed"])
    }

    @Test("the next body is an event stream again, and no memory stays")
    func reset() {
        let pool = SpillPool()
        defer { pool.destroy() }
        var parser = SSEParser(lineLimit: 100, eventLimit: 100)
        parser.usePlainLines()
        let bytes = Array("{}\n{".utf8)
        bytes.withUnsafeBytes { bytes in
            var offset = 0
            #expect(parser.next(bytes, &offset, pool: pool) == .event)
            #expect(parser.next(bytes, &offset, pool: pool) == .needMore)
        }
        #expect(parser.heldBytes > 0 && !parser.isBetweenEvents)
        parser.reset(pool: pool)
        #expect(parser.heldBytes == 0)
        Array("{}\n\ndata: a\n\n".utf8).withUnsafeBytes { bytes in
            var offset = 0
            #expect(parser.next(bytes, &offset, pool: pool) == .event)
            #expect(parser.data.elementsEqual("a".utf8))
        }
    }
}
