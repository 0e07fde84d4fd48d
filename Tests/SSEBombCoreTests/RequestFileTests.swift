// Files of bodies and prompts: what is found in them, what is left out, and every way in which they
// can be broken.

import Testing

@testable import SSEBombCore

private func bodies(
    _ text: String,
    path: String = "/v1/chat/completions",
    isJSON: Bool = true
) throws(SetupError) -> [String] {
    let file = MappedFile(Array(text.utf8), name: "F")
    let rows = try BodyFile.rows(of: file, for: "--bodies", path: path, isJSON: isJSON)
    return (0..<rows.count).map { String(decoding: rows.copy($0), as: UTF8.self) }
}

private func dataset(
    _ text: String,
    _ filter: DatasetFilter = DatasetFilter()
) throws(SetupError) -> RequestRows {
    let file = MappedFile(Array(text.utf8), name: "F")
    return try DatasetFile.rows(of: file, filter: filter, for: "--dataset")
}

private func prompts(_ rows: RequestRows) -> [String] {
    (0..<rows.count).map { String(decoding: rows.copy($0), as: UTF8.self) }
}

@Suite("Files of bodies") struct BodyFileTests {
    @Test("each line is a body, blank lines are none") func lines() throws {
        #expect(try bodies("{\"a\": 1}\n\n [2]\r\n \t\n3") == ["{\"a\": 1}", " [2]", "3"])
    }

    @Test("bodies of another type are any text") func plain() throws {
        #expect(try bodies("{not json\na\rb\n", isJSON: false) == ["{not json", "a\rb"])
    }

    @Test("of a batch file the bodies are sent, as they are spelled") func batch() throws {
        let text = """
            {"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"x": 1 }}
            {"body":{"y":{"body":2}},"custom_id":"2"}
            """
        #expect(try bodies(text) == [#"{"x": 1 }"#, #"{"y":{"body":2}}"#])
        #expect(try bodies(text, path: "/proxy/v1/chat/completions").count == 2)
    }

    @Test(
        "a broken file is refused with line and column",
        arguments: [
            ("{\"a\":1}\n{\"a\":}\n", "F line 2, column 6: expected a value"),
            ("{\"a\":1\n", "F line 1, column 7: it ends too early"),
            ("1\n\n{} {}\n", "F line 3, column 4: expected nothing more"),
            ("\n \n", "blank lines only"),
            (
                """
                {"custom_id":"1","url":"/v1/embeddings","body":{}}
                """, "F line 1, column 24: expected the path of the URL"
            ),
            (
                """
                {"custom_id":"1","body":{}}
                {"custom_id":"1"}
                """, "F line 2, column 1: expected \"custom_id\" and an object \"body\""
            ),
            ("{\"custom_id\":\"1\",\"body\":\"str\"}", "line 1, column 25: expected an object"),
            (
                "{\"custom_id\":\"1\",\"body\":{}}\n{\"custom_id\":\"2\",\"body\":[]}",
                "line 2, column 25"
            ),
            (
                """
                {"custom_id":"1","method":"GET","body":{}}
                """, "F line 1, column 27: expected the method"
            ),
        ]
    )
    func broken(text: String, sentence: String) {
        let error = #expect(throws: SetupError.self) { _ = try bodies(text) }
        #expect(error?.kind == .usage)
        #expect(error?.sentence.contains(sentence) == true, "\(error?.sentence ?? "")")
    }
}

@Suite("Datasets") struct DatasetTests {
    private func talk(_ turns: [(String, String)]) -> String {
        let objects = turns.map { "{\"from\":\"\($0.0)\",\"value\":\"\($0.1)\"}" }
        return "{\"id\":\"x\",\"conversations\":[\(objects.joined(separator: ","))]}"
    }

    @Test("conversations are kept and left out as llm.js does, and counted by reason")
    func shareGPT() throws {
        let long = String(repeating: "w ", count: 1_024)
        let longer = String(repeating: "w ", count: 2_000)
        let rows = try dataset(
            """
            [ \(talk([("human", "one two three four"), ("gpt", "a b c d"), ("human", "x")])),
              \(talk([("human", "one two three four")])),
              \(talk([])),
              \(talk([("gpt", "one two three four"), ("human", "a b c d")])),
              \(talk([("human", "one two three"), ("gpt", "a b c d")])),
              \(talk([("human", "one two three four"), ("gpt", "a b")])),
              \(talk([("human", long), ("gpt", "a b c d")])),
              \(talk([("human", "one two three four"), ("gpt", longer + longer)])),
              \(talk([("human", #"\u00e9, \"quoted\" text"#), ("gpt", #"a\nb\nc\nd"#)])) ]
            """
        )
        #expect(prompts(rows) == ["one two three four", "\\u00e9, \\\"quoted\\\" text"])
        #expect(rows.dropped.map(\.count) == [2, 1, 2, 1, 1])
        #expect(rows.maxTokens == .none)
    }

    @Test(
        "words are the pieces between separators, escapes understood",
        arguments: [
            ("", 1), ("a", 1), ("a b", 2), ("a  b", 3), ("a, b.", 4), (#"a\nb\tc"#, 3),
            (#"it's \"x\"?"#, 6), (#"a\u0020b\u00a0c"#, 3), (#"a\\nb"#, 1), ("a\u{3000}b", 2),
            (#"\ud83d\ude00 x"#, 2), (#"\ud83d x"#, 2),
        ]
    )
    func wordCount(text: String, words: Int) {
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { WordCount.words(in: 0..<$0.count, of: $0) } == words)
    }

    @Test("lines of prompts with their lengths") func lines() throws {
        let rows = try dataset(
            """
            {"prompt":"a","max_tokens":5}
            {"output_length":6,"prompt":"b\\"","other":{"prompt":[]}}

            {"prompt":"c","output_tokens":7}
            """
        )
        #expect(prompts(rows) == ["a", "b\\\"", "c"])
        #expect(rows.rows.map(\.maxTokens) == [5, 6, 7])
        #expect(rows.maxTokens == .all)
    }

    @Test("that one row says no length is known, and where it is") func missing() throws {
        let rows = try dataset("{\"prompt\":\"a\",\"max_tokens\":5}\n{\"prompt\":\"b\"}")
        #expect(rows.maxTokens == .missing(1))
        #expect(rows.place(of: 1) == TextPlace(of: 41, in: rows.file.bytes))
        #expect(rows.place(of: 1).line == 2)
    }

    @Test(
        "a broken dataset is refused with line and column",
        arguments: [
            ("[", "line 1, column 2: it ends too early"),
            ("[1]", "line 1, column 2: expected an object with \"conversations\" or \"prompt\""),
            ("{\"a\":1}", "line 1, column 1: expected \"conversations\" or \"prompt\""),
            ("{\"prompt\":1}", "column 11: expected a string as \"prompt\""),
            ("{\"prompt\":\"a\"}\n{\"prompt\":\"a", "line 2, column 13: it ends too early"),
            ("{\"prompt\":\"a\",\"max_tokens\":0}", "column 28: expected a number of tokens"),
            ("{\"prompt\":\"a\",\"max_tokens\":1.5}", "column 28: expected a number of tokens"),
            ("{\"conversations\":{}}", "column 18: expected an array"),
            ("[{\"conversations\":[1]}]", "column 20: expected a turn's object"),
            (
                "[{\"conversations\":\n[{\"from\":\"human\",\"value\":17}]}]",
                "line 2, column 26: expected a string as \"value\""
            ),
            (
                "[{\"conversations\":[{\"value\":\"a\"},\n{\"value\":null}]}]",
                "line 2, column 10: expected a string as \"value\""
            ),
            ("{\"conversations\":[{\"from\":5}]}", "column 27: expected a string as \"from\""),
            ("[]", "F holds no row"),
            ("[{\"conversations\":[]}]", "no row of F is left (1 with fewer than 2 turns)"),
            ("[{\"prompt\":\"a\"}] x", "column 18: expected nothing more"),
        ]
    )
    func broken(text: String, sentence: String) {
        let error = #expect(throws: SetupError.self) { _ = try dataset(text) }
        #expect(error?.sentence.contains(sentence) == true, "\(error?.sentence ?? "")")
    }
}

@Suite("The reader of JSON files") struct JSONReaderTests {
    private static let document =
        #"{"a":[1,-2.5e+3,{"b":"\u00e9 ü \" \\"}],"c":true,"d":null,"long":"0123456789abcdefé"}"#

    private func isWhole(_ bytes: [UInt8]) -> Bool {
        GuardedBuffer(bytes).withBytes { text in
            var reader = JSONReader(text)
            guard (try? reader.skipValue()) != nil else { return false }
            return reader.isAtEnd
        }
    }

    @Test("no beginning of a document is one, and none is read past its end") func prefixes() {
        let bytes = Array(Self.document.utf8)
        #expect(isWhole(bytes))
        for length in 0..<bytes.count { #expect(!isWhole(Array(bytes[..<length]))) }
    }

    @Test("any byte in any place is judged without a crash") func hostile() {
        let bytes = Array(Self.document.utf8)
        var random = SeededRandom(seed: 5)
        var accepted = 0
        for _ in 0..<20_000 {
            var changed = bytes
            for _ in 0..<(1 + Int(random.next() % 3)) {
                changed[Int(random.next() % UInt64(bytes.count))] =
                    UInt8(truncatingIfNeeded: random.next())
            }
            if isWhole(changed) { accepted += 1 }
        }
        // Most changes hit a byte that has to be what it was.
        #expect(accepted > 0 && accepted < 10_000)
    }

    @Test(
        "text that isn't UTF-8 is refused, wherever it stands",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0x1F],
        ] as [[UInt8]]
    )
    func notUTF8(bytes: [UInt8]) {
        for padding in 0..<9 {
            let text = [0x22] + [UInt8](repeating: 0x61, count: padding) + bytes
            #expect(!isWhole(text + [0x22]))
            #expect(!isWhole(text + Array("aaaaaaaaa\"".utf8)))
        }
    }

    @Test(
        "all of UTF-8 is accepted",
        arguments: [
            "\u{80}", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}",
        ]
    )
    func isUTF8(text: String) {
        for padding in 0..<9 {
            let pad = String(repeating: "a", count: padding)
            #expect(isWhole(Array("\"\(pad)\(text)\(pad)\"".utf8)))
        }
    }
}
