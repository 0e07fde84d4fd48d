// Requests made of a trace's rows: lengths, shared blocks, shared beginnings of sessions, bodies,
// and that they follow from the row, its number and the seed alone.

import Foundation
import Testing

@testable import SSEBombCore

/// The trace that `text` is.
private func trace(_ text: String) throws -> ArrivalTrace {
    let path = NSTemporaryDirectory() + "ssebomb-rows-\(UUID().uuidString)"
    try Data(text.utf8).write(to: URL(filePath: path))
    // The mapping outlives the name.
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try ArrivalTrace(path)
}

private func mooncake(_ rows: [(input: Int, blocks: [UInt64])]) throws -> ArrivalTrace {
    let lines = rows.enumerated().map { index, row in
        #"{"timestamp": \#(index), "input_length": \#(row.input), "output_length": 9,"#
            + #" "hash_ids": \#(row.blocks)}"#
    }
    return try trace(lines.joined(separator: "\n"))
}

/// Requests whose body is the prompt, or `limit` and the prompt.
private func source(
    _ trace: ArrivalTrace,
    body: String = "{{prompt}}",
    change: (inout RequestParts) -> Void = { _ in }
) throws -> RequestSource {
    var parts = RequestParts()
    parts.body = .pattern(try pattern(body, .plain))
    parts.prompt = .recorded
    parts.limit = .recorded
    parts.trace = trace
    change(&parts)
    return try RequestSource(parts, head: try sampleTemplate())
}

private func words(_ text: String) -> [Substring] {
    text.split(separator: " ", omittingEmptySubsequences: false)
}

@Suite("Requests of traces") struct TraceRequestTests {
    @Test("A prompt has as many words as the row has tokens, at any length")
    func lengths() throws {
        let inputs = [1, 2, 511, 512, 513, 1_023, 1_024, 1_025, 4_999, 100_000]
        let blocks = inputs.map { input in
            (input, (0..<UInt64((input + 511) / 512)).map { $0 + UInt64(input) })
        }
        let own = try trace(
            inputs.map { #"{"at": 0, "input_tokens": \#($0), "output_tokens": 1}"# }
                .joined(separator: "\n")
        )
        for source in [try source(try mooncake(blocks)), try source(own)] {
            for (number, input) in inputs.enumerated() {
                let found = words(source.bodyText(UInt64(number)))
                #expect(found.count == input)
                #expect(found.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isLetter) })
            }
        }
    }

    @Test("Equal blocks in equal places are equal bytes, other blocks are other text")
    func blocks() throws {
        let source = try source(
            try mooncake([
                (1_400, [4, 9, 2]), (1_100, [4, 9, 7]), (1_024, [4, 8]), (1_536, [4, 9, 2]),
                (700, [9, 4]), (300, [4]), (5, [18_446_744_073_709_551_615]),
            ])
        )
        let texts = (0..<7 as Range<UInt64>).map { source.bodyText($0) }
        let all = texts.map(words)
        #expect(all.map(\.count) == [1_400, 1_100, 1_024, 1_536, 700, 300, 5])
        // The whole prefix, to the byte.
        let shared = all[0].prefix(1_024).joined(separator: " ") + " "
        #expect(texts[1].hasPrefix(shared) && texts[3].hasPrefix(texts[0]))
        #expect(all[1][1_024...].prefix(76) != all[0][1_024...].prefix(76))
        #expect(all[2].prefix(512) == all[0].prefix(512))
        #expect(all[2][512...] != all[0][512..<1_024])
        #expect(all[4].prefix(512) == all[0][512..<1_024])
        #expect(texts[0].hasPrefix(texts[5] + " "))
        // Two blocks have a word in the same place as often as words are equal by chance.
        let equal = zip(all[0][..<512], all[0][512..<1_024]).filter { $0 == $1 }.count
        #expect(equal < 30)
        // Another seed is another text: a run that no cache knows.
        #expect(source.bodyText(0, seed: 2) != texts[0] && source.bodyText(0) == texts[0])
    }

    @Test("Without blocks and sessions prompts are unlike from their first words on")
    func unlike() throws {
        let rows = (0..<200).map { "\($0),x,40,1" }
        let source = try source(
            try trace(
                "Timestamp,Model,Request tokens,Response tokens\n" + rows.joined(separator: "\n")
            )
        )
        let starts = (0..<200 as Range<UInt64>).map {
            words(source.bodyText($0)).prefix(6).joined(separator: " ")
        }
        #expect(Set(starts).count == 200)
    }

    @Test(
        "A session's prompts begin with the same text, the longer going on where the shorter ended"
    )
    func sessions() throws {
        let source = try source(
            try trace(
                """
                {"at": 0, "input_tokens": 30, "session": "a"}
                {"at": 1, "input_tokens": 30, "session": "b"}
                {"at": 2, "input_tokens": 700, "session": "a"}
                {"at": 3, "input_tokens": 30}
                {"at": 4, "input_tokens": 20, "session": "a"}
                {"at": 5, "input_tokens": 30, "session": 17}
                """
            )
        )
        let texts = (0..<6 as Range<UInt64>).map { source.bodyText($0) }
        #expect(texts.map { words($0).count } == [30, 30, 700, 30, 20, 30])
        #expect(texts[2].hasPrefix(texts[0] + " ") && texts[0].hasPrefix(texts[4] + " "))
        #expect(Set([0, 1, 3, 5].map { words(texts[$0]).prefix(5) }).count == 4)
        #expect(source.summary.recorded == [.promptLengths, .sessions, .answerLengths])
    }

    @Test("A row's body is sent byte for byte, whatever stands beside it")
    func bodies() throws {
        let bodies = [#"{"a" :  1}"#, "{\"x\":\"{{prompt}} \\u00e9 é\"}", "{}"]
        let lines = bodies.map { #"{"at": 0, "body": \#($0)  , "session": "s"}"# }
        let rows = try trace((lines + [#"{"at": 1, "input_tokens": 2}"#]).joined(separator: "\n"))
        let source = try source(rows)
        for (number, body) in bodies.enumerated() {
            let request = source.preview(UInt64(number), seed: 1)
            #expect(String(decoding: request.body, as: UTF8.self) == body)
            let head = String(decoding: request.head, as: UTF8.self)
            #expect(head.contains("\r\nContent-Length: \(body.utf8.count)\r\n"))
        }
        #expect(words(source.bodyText(3)).count == 2)
        #expect(source.firstBody == Array(bodies[0].utf8))
        #expect(source.summary.kind == "trace" && source.summary.rows == 4)
    }

    @Test("An answer's length is the limit of tokens, and never 0; neither is a prompt's")
    func limits() throws {
        let rows = try trace(
            "TIMESTAMP,ContextTokens,GeneratedTokens\n"
                + "2023-11-16 00:00:00,0,0\n2023-11-16 00:00:01,3,77"
        )
        let source = try source(rows, body: "{{max_tokens}} {{prompt}}")
        #expect(words(source.bodyText(0)).count == 2 && source.bodyText(0).hasPrefix("1 "))
        #expect(words(source.bodyText(1)).count == 4 && source.bodyText(1).hasPrefix("77 "))
    }

    @Test("What makes prompts unique, and a shared prefix, stand before the row's words")
    func prefixes() throws {
        let rows = try mooncake([(20, [1]), (20, [1])])
        let plain = try source(rows).bodyText(0)
        let unique = try source(rows) { $0.isUnique = true }
        #expect(unique.bodyText(0).hasSuffix(" " + plain))
        #expect(unique.bodyText(0) != unique.bodyText(1) && unique.hasVaryingBodies)
        let prefixed = try source(rows) { $0.prefix = SharedPrefix(words: 8, groups: 1) }
        #expect(words(prefixed.bodyText(1)).count == 28)
        #expect(prefixed.bodyText(1).hasSuffix(" " + plain))
    }

    @Test("Any number of loops sends the same requests")
    func loops() throws {
        let lines = (0..<60).map { row in
            let rest =
                switch row % 3 {
                case 0: #""body": {"row": \#(row)}"#
                case 1: #""input_tokens": \#(row), "output_tokens": 2, "session": "s\#(row % 5)""#
                default: #""input_tokens": \#(row), "output_tokens": \#(row)"#
                }
            return #"{"offset_ms": \#(row), \#(rest)}"#
        }
        let trace = try trace(lines.joined(separator: "\n"))
        let source = try source(trace)
        let expected = (0..<60 as Range<UInt64>).map { source.bodyText($0) }
        #expect(Set(expected).count == 60)
        for loops in [1, 2, 3, 7] {
            var sent: [UInt64: String] = [:]
            for loop in 0..<loops {
                var pacer = ArrivalPacer(
                    OpenLoad(TraceReplay(trace)),
                    seed: 1,
                    start: Instant(nanoseconds: 0),
                    end: .distantFuture,
                    limit: nil,
                    loop: loop,
                    of: loops
                )
                while pacer.next != .distantFuture {
                    sent[pacer.number] = body(source, pacer)
                    pacer.advance()
                }
            }
            #expect((0..<60).map { sent[$0] } == expected)
        }
    }

    /// As a loop makes it.
    private func body(_ source: RequestSource, _ pacer: ArrivalPacer) -> String {
        let pool = SpillPool()
        var scratch = RenderScratch()
        var request = Spill()
        defer {
            request.release(to: pool)
            scratch.release(to: pool)
            pool.destroy()
        }
        let head = source.render(
            pacer.number,
            seed: 1,
            recorded: pacer.row,
            into: &request,
            &scratch,
            pool
        )
        return String(decoding: request.bytes[head...], as: UTF8.self)
    }

    @Test(
        "Whether prompts differ is known",
        arguments: [
            ([#""input_tokens": 5"#], false),
            ([#""input_tokens": 5"#, #""input_tokens": 5"#], true),
            ([#""input_tokens": 5, "session": 1"#, #""input_tokens": 5, "session": 1"#], false),
            ([#""input_tokens": 5, "session": 1"#, #""input_tokens": 6, "session": 1"#], true),
            ([#""input_tokens": 5, "session": 1"#, #""input_tokens": 5, "session": 2"#], true),
            ([#""body": {"a": 1}"#, #""body": {"a": 1}"#, #""body": {"a": 1}"#], false),
            ([#""body": {"a": 1}"#, #""body": {"a": 1}"#, #""body": {"a": 2}"#], true),
            ([#""body": {"a": 1}"#, #""input_tokens": 5"#], true),
        ]
    )
    func varying(members: [String], expected: Bool) throws {
        let rows = try trace(members.map { "{\"at\": 0, \($0)}" }.joined(separator: "\n"))
        #expect(try source(rows).hasVaryingBodies == expected)
    }

    @Test("Whether prompts of blocks differ is known by their numbers and lengths")
    func varyingBlocks() throws {
        let same = try mooncake([(600, [1, 2]), (600, [1, 2]), (600, [1, 2])])
        #expect(try !source(same).hasVaryingBodies)
        for other in [(600, [1, 3]), (601, [1, 2])] as [(Int, [UInt64])] {
            #expect(try source(try mooncake([(600, [1, 2]), other])).hasVaryingBodies)
        }
        #expect(try source(same).summary.recorded == [.promptLengths, .blocks, .answerLengths])
    }

    @Test("What rows say, and the line of the first that doesn't, is counted")
    func said() throws {
        let summary = try trace(
            """
            {"at": 0, "body": {}}

            {"at": 0, "input_tokens": 1, "session": 1}
            {"at": 0, "output_tokens": 1}
            {"at": 0}
            """
        ).summary
        func said(_ rows: UInt64, _ missing: UInt64?) -> TraceSummary.Said {
            var said = TraceSummary.Said()
            (said.rows, said.missing) = (rows, missing)
            return said
        }
        #expect(summary.bodies == said(1, 3) && !summary.hasBodiesOnly && summary.beginsWithBody)
        #expect(summary.inputs == said(1, 4) && summary.outputs == said(1, 3))
        #expect(summary.sessions == said(1, 4) && summary.blocks == said(0, 3))
        #expect(try trace(#"{"at": 0, "body": {}}"#).summary.hasBodiesOnly)
    }
}
