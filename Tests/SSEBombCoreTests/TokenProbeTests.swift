// What the token probe says of single events: the shapes of the OpenAI API and its relatives, traps
// of depth and escapes, and hostile text, always in memory that ends at a forbidden page.

import Testing

@testable import SSEBombCore

/// What a test expects of one event; the finish reason as text.
private struct Facts: Equatable, CustomStringConvertible {
    var contents: EventFacts.Contents = []
    var finish = ""
    var usage: [Int64] = [-1, -1, -1, -1]
    var dialect = Dialect.undetermined

    var description: String { "\(contents.rawValue) \(finish) \(usage) \(dialect)" }
}

private func read(
    _ data: [UInt8],
    type: String = "",
    dialect: Dialect = .undetermined
) -> Facts {
    var dialect = dialect
    let typeBytes = Array(type.utf8)
    return GuardedBuffer(data).withBytes { bytes in
        typeBytes.withUnsafeBytes { typeBytes in
            let facts = TokenProbe.read(bytes, eventType: typeBytes, dialect: &dialect)
            return Facts(
                contents: facts.contents,
                finish: String(decoding: facts.finishReason, as: UTF8.self),
                usage: [
                    facts.promptTokens, facts.completionTokens, facts.cachedTokens,
                    facts.reasoningTokens,
                ],
                dialect: dialect
            )
        }
    }
}

private func read(_ data: String, type: String = "", dialect: Dialect = .undetermined) -> Facts {
    read(Array(data.utf8), type: type, dialect: dialect)
}

private func chat(_ delta: String, _ rest: String = "") -> String {
    #"{"id":"c-1","object":"chat.completion.chunk","created":1700000000,"model":"m","#
        + #""choices":[{"index":0,"delta":"# + delta + rest + "}]}"
}

struct ProbeCase: Sendable, CustomTestStringConvertible {
    let text: String
    fileprivate let facts: Facts
    var testDescription: String { text }

    fileprivate init(_ text: String, _ contents: EventFacts.Contents, _ dialect: Dialect) {
        self.init(text, Facts(contents: contents, dialect: dialect))
    }

    fileprivate init(_ text: String, _ facts: Facts) {
        self.text = text
        self.facts = facts
    }
}

private let chatCases: [ProbeCase] = [
    ProbeCase(chat(#"{"content":" token"}"#, #","finish_reason":null"#), .content, .openaiChat),
    ProbeCase(chat(#"{"role":"assistant","content":""}"#), [], .openaiChat),
    ProbeCase(chat(#"{"role":"assistant"}"#), [], .openaiChat),
    ProbeCase(chat(#"{"content":null}"#), [], .openaiChat),
    ProbeCase(chat("{}"), [], .openaiChat),
    ProbeCase(chat("{ }"), [], .openaiChat),
    ProbeCase(chat(#"{"content":"\u0020"}"#), .content, .openaiChat),
    ProbeCase(chat(#"{"content":"\""}"#), .content, .openaiChat),
    ProbeCase(chat(#"{"content":"\\"}"#), .content, .openaiChat),
    ProbeCase(chat(#"{"content":" "}"#), .content, .openaiChat),
    ProbeCase(chat("{\"content\":\"\u{1F600}\"}"), .content, .openaiChat),
    ProbeCase(chat(#"{"content":"}],\"choices\":[{\"delta\":"}"#), .content, .openaiChat),
    ProbeCase(chat(#"{"reasoning_content":"a"}"#), .reasoning, .openaiChat),
    ProbeCase(chat(#"{"reasoning":"a","content":""}"#), .reasoning, .openaiChat),
    ProbeCase(chat(#"{"reasoning":"","reasoning_content":null}"#), [], .openaiChat),
    ProbeCase(
        chat(#"{"content":"a","reasoning_content":"b"}"#),
        [.content, .reasoning],
        .openaiChat
    ),
    ProbeCase(
        chat(#"{"tool_calls":[{"index":0,"id":"x","function":{"name":"f","arguments":""}}]}"#),
        .toolCall,
        .openaiChat
    ),
    ProbeCase(
        chat(#"{"tool_calls":[{"index":0},{"function":{"arguments":"{\"a\""}}]}"#),
        .toolCall,
        .openaiChat
    ),
    ProbeCase(
        chat(#"{"tool_calls":[{"function":{"name":null,"arguments":""}}]}"#),
        [],
        .openaiChat
    ),
    ProbeCase(chat(#"{"tool_calls":[{"id":"x","name":"f"}]}"#), [], .openaiChat),
    ProbeCase(chat(#"{"tool_calls":null,"content":null}"#), [], .openaiChat),
    ProbeCase(chat(#"{"tool_calls":[]}"#), [], .openaiChat),
    ProbeCase(chat(#"{"function_call":{"name":"f"}}"#), .toolCall, .openaiChat),
    ProbeCase(
        chat("{}", #","finish_reason":"stop""#),
        Facts(contents: .finish, finish: "stop", dialect: .openaiChat)
    ),
    ProbeCase(
        chat(#"{"content":"a"}"#, #","finish_reason":"length""#),
        Facts(contents: [.content, .finish], finish: "length", dialect: .openaiChat)
    ),
    ProbeCase(chat("{}", #","finish_reason":"""#), [], .openaiChat),
    // No object name: the shape decides.
    ProbeCase(#"{"choices":[{"delta":{"content":"a"}}]}"#, .content, .openaiChat),
    // The object name stands behind the choices.
    ProbeCase(
        #"{"choices":[],"object":"chat.completion.chunk"}"#,
        [],
        .openaiChat
    ),
    // Several choices: any of them counts, the last reason is told.
    ProbeCase(
        #"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},"#
            + #"{"index":1,"delta":{"content":"b"},"finish_reason":"length"}]}"#,
        Facts(contents: [.content, .finish], finish: "length", dialect: .openaiChat)
    ),
    ProbeCase(
        " {\t\"object\" : \"chat.completion.chunk\" ,\r\n \"created\":1, \"choices\" : [ "
            + "{ \"index\" : 0 , \"delta\" : { \"content\" : \"a\" } } , "
            + "{ \"delta\": {} } ] } ",
        .content,
        .openaiChat
    ),
]

private let otherCases: [ProbeCase] = [
    ProbeCase("[DONE]", .done, .undetermined),
    ProbeCase("  [DONE] ", .done, .undetermined),
    ProbeCase(
        #"{"id":"c","object":"text_completion","created":1,"choices":[{"text":" a","index":0}]}"#,
        .content,
        .openaiCompletions
    ),
    ProbeCase(#"{"choices":[{"text":"a"}]}"#, .content, .openaiCompletions),
    ProbeCase(
        #"{"choices":[{"text":"","finish_reason":"stop"}]}"#,
        Facts(contents: .finish, finish: "stop", dialect: .openaiCompletions)
    ),
    // Usage beside choices, with details, and in any order.
    ProbeCase(
        #"{"object":"chat.completion.chunk","choices":[{"delta":{"content":"a"}}],"usage":"#
            + #"{"prompt_tokens":10,"total_tokens":13,"completion_tokens":3,"#
            + #""completion_tokens_details":{"audio_tokens":0,"reasoning_tokens":2},"#
            + #""prompt_tokens_details":{"cached_tokens":8,"x":{"cached_tokens":9}}}}"#,
        Facts(contents: [.content, .usage], usage: [10, 3, 8, 2], dialect: .openaiChat)
    ),
    ProbeCase(
        #"{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1,"#
            + #""completion_tokens":12345678901,"prompt_tokens_details":null}}"#,
        Facts(contents: .usage, usage: [1, 12_345_678_901, -1, -1], dialect: .openaiChat)
    ),
    ProbeCase(
        #"{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1.5,"#
            + #""completion_tokens":99999999999999999999}}"#,
        Facts(contents: .usage, dialect: .openaiChat)
    ),
    ProbeCase(
        #"{"object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":-3,"#
            + #""completion_tokens":"7"}}"#,
        Facts(contents: .usage, dialect: .openaiChat)
    ),
    ProbeCase(
        #"{"choices":[{"delta":{"content":"a"}}],"usage":null,"error":null}"#,
        .content,
        .openaiChat
    ),
    ProbeCase(#"{"choices":[{"delta":{}}],"error":""}"#, [], .openaiChat),
    ProbeCase(#"{"error":{"message":"m","code":500}}"#, .error, .undetermined),
    ProbeCase(#"{"error":"overloaded"}"#, .error, .undetermined),
    ProbeCase(#"{"object":"error","message":"m","code":400}"#, .error, .undetermined),
    // Shapes that aren't known.
    ProbeCase("", .unknown, .undetermined),
    ProbeCase("hello", .unknown, .undetermined),
    ProbeCase("[DONE]x", .unknown, .undetermined),
    ProbeCase("[done]", .unknown, .undetermined),
    ProbeCase("\"[DONE]\"", .unknown, .undetermined),
    ProbeCase("{}", .unknown, .undetermined),
    ProbeCase("[]", .unknown, .undetermined),
    ProbeCase(#"{"content":"a"}"#, .unknown, .undetermined),
    ProbeCase(#"{"delta":{"content":"a"}}"#, .unknown, .undetermined),
    ProbeCase(#"{"usage":{"prompt_tokens":1}}"#, .unknown, .undetermined),
    ProbeCase(#"{"choices":[]}"#, .unknown, .undetermined),
    ProbeCase(#"{"choices":null}"#, .unknown, .undetermined),
    ProbeCase(#"{"choices":[null,1,"x",[{"delta":{"content":"a"}}]]}"#, .unknown, .undetermined),
    ProbeCase(
        #"{"object":"chat.completion","choices":[{"message":{"content":"a"}}]}"#,
        .unknown,
        .undetermined
    ),
    // Text of a type that isn't known is not called empty.
    ProbeCase(chat(#"{"content":[{"text":"a"}]}"#), .unknown, .openaiChat),
    ProbeCase(chat(#"{"tool_calls":"x"}"#), .unknown, .openaiChat),
    ProbeCase(#"{"choices":[{"text":7}]}"#, .unknown, .openaiCompletions),
]

private let trapCases: [ProbeCase] = [
    ProbeCase(chat(#"{"role":"\"content\":\"a\""}"#), [], .openaiChat),
    ProbeCase(chat(#"{"role":"a\\","x":"\\\"content\":\"a"}"#), [], .openaiChat),
    ProbeCase(chat(#"{"x":{"content":"a"},"y":[{"content":"b"}]}"#), [], .openaiChat),
    ProbeCase(chat(#"{"x\"content":"a"}"#), [], .openaiChat),
    ProbeCase(chat(#"{"x\/":"a","\u00e9":"b"}"#), [], .openaiChat),
    ProbeCase(chat("{}", #","content":"a","message":{"content":"a"}"#), [], .openaiChat),
    ProbeCase(
        chat("{}", #","logprobs":{"content":[{"token":"}","bytes":[1]}]}"#),
        [],
        .openaiChat
    ),
    ProbeCase(chat("{}", #","x":{"finish_reason":"stop"}"#), [], .openaiChat),
    ProbeCase(
        #"{"x":{"error":{"a":1},"usage":{"prompt_tokens":1}},"choices":[{"delta":{}}]}"#,
        [],
        .openaiChat
    ),
    // A key may be spelt with escapes; which key it is is then not known.
    ProbeCase(chat(#"{"conten\u0074":"a"}"#), .unknown, .undetermined),
    ProbeCase(#"{"\u0063hoices":[{"delta":{"content":"a"}}]}"#, .unknown, .undetermined),
]

private let malformedCases: [String] = [
    chat(#"{"content":"a"}"#) + "x",
    chat(#"{"content":"a"}"#) + "{}",
    chat(#"{"content":"a"}"#, #","x":{]}"#),
    chat(#"{"content":"a"}"#, #","x":[{]"#),
    chat(#"{"content":"a"}"#, #","x":nul"#),
    chat(#"{"content":"a"}"#, #","x":truth"#),
    chat(#"{"content":"a"}"#, #","x":"#),
    chat(#"{"content":"a"}"#, #","x""#),
    chat(#"{"content":"a"}"#, ",x:1"),
    chat(#"{"content":"a"}"#, ","),
    chat(#"{"content":"a"}"#, #","x":12"y""#),
    chat(#"{"content":"a" "b"}"#),
    chat(#"{"content":"a",}"#),
    chat(#"{"content" "a"}"#),
    chat(#"{"content":"a\"}"#),
    chat(#"{"content":nan}"#),
    #"{"choices":[{"delta":{"content":"a"}},]}"#,
    #"{"choices":[{"delta":{"content":"a"}}}"#,
    #"{"choices":[{"delta":{"content":"a"}}]]"#,
    #"{,"choices":[{"delta":{"content":"a"}}]}"#,
    #"{"error":{"a":1},"choices":["#,
]

@Suite struct TokenProbeTests {
    @Test(
        "an event says what it holds, and a known shape decides the dialect",
        arguments: chatCases + otherCases + trapCases
    )
    func table(_ example: ProbeCase) {
        #expect(read(example.text) == example.facts)
    }

    @Test("malformed text says unknown and nothing else", arguments: malformedCases)
    func malformed(_ text: String) {
        #expect(read(text) == Facts(contents: .unknown))
        #expect(
            read(text, dialect: .openaiChat) == Facts(contents: .unknown, dialect: .openaiChat)
        )
    }

    @Test("a fixed dialect stays, and reads only its own shape")
    func fixedDialect() {
        let chatText = chat(#"{"content":"a"}"#)
        let completion = #"{"object":"text_completion","choices":[{"text":"a"}]}"#
        let wrong = Facts(contents: .unknown, dialect: .openaiCompletions)
        #expect(read(chatText, dialect: .openaiCompletions) == wrong)
        #expect(read(completion, dialect: .openaiChat).contents == .unknown)
        #expect(read(completion, dialect: .openaiChat).dialect == .openaiChat)
        #expect(read(completion, dialect: .openaiCompletions).contents == .content)
        let both = #"{"choices":[{"text":"a","delta":{"reasoning":"b"}}]}"#
        #expect(read(both, dialect: .openaiChat).contents == .reasoning)
        #expect(read(both, dialect: .openaiCompletions).contents == .content)
        let usage = #"{"choices":[],"usage":{"completion_tokens":4}}"#
        let facts = Facts(contents: .usage, usage: [-1, 4, -1, -1], dialect: .openaiChat)
        #expect(read(usage, dialect: .openaiChat) == facts)
    }

    @Test(
        "in raw streams every event is a token, whatever it says",
        arguments: ["", "[DONE]", "x", #"{"error":{}}"#, #"{"choices":[{"delta":{}}]}"#]
    )
    func raw(_ text: String) {
        let facts = Facts(contents: .content, dialect: .raw)
        #expect(read(text, dialect: .raw) == facts)
        #expect(read(text, type: "error", dialect: .raw) == facts)
    }

    @Test("an event of the type error is an error, whatever its data")
    func errorType() {
        #expect(read("overloaded", type: "error").contents == [.error, .unknown])
        #expect(read(chat("{}"), type: "error").contents == .error)
        #expect(read("x", type: "errors").contents == .unknown)
        #expect(read("x", type: "erroR").contents == .unknown)
    }

    @Test("token-bearing means content, reasoning or tool call, and reasoning-only means just that")
    func tokenBearing() {
        for (contents, isBearing, isReasoning) in [
            (EventFacts.Contents.content, true, false), (.reasoning, true, true),
            (.toolCall, true, false), ([.reasoning, .content], true, false),
            ([.reasoning, .finish], true, true), ([.finish, .usage, .done, .error], false, false),
        ] {
            var facts = EventFacts()
            facts.contents = contents
            #expect(facts.isTokenBearing == isBearing)
            #expect(facts.isReasoningOnly == isReasoning)
        }
    }

    @Test("text is read to 64 levels, and one more is unknown")
    func depth() {
        func nested(_ levels: Int) -> String {
            // The object around the value is a level too.
            let open = String(repeating: "[", count: levels - 1)
            let close = String(repeating: "]", count: levels - 1)
            return #"{"choices":[{"delta":{"content":"a"}}],"x":"# + open + close + "}"
        }
        #expect(read(nested(64)).contents == .content)
        #expect(read(nested(65)).contents == .unknown)
        #expect(read(nested(100_000)).contents == .unknown)
        #expect(read(String(repeating: #"{"x":"#, count: 100_000)).contents == .unknown)
    }

    @Test("strings and numbers of any length and place are skipped whole")
    func lengths() {
        for length in 0..<70 {
            let filler = String(repeating: "x", count: length)
            for end in ["", #"\""#, #"\\"#, #"\"content\":\"a\""#] {
                let text = chat(#"{"role":""# + filler + end + #"","content":"b"}"#)
                #expect(read(text).contents == .content)
                let last = #"{"choices":[{"delta":{"content":"b"}}],"x":""# + filler + end + "\"}"
                #expect(read(last).contents == .content)
            }
            let digits = "1" + String(repeating: "0", count: length)
            for number in [digits, "-" + digits, digits + ".5", digits + "e+9", digits + "E-10"] {
                #expect(read(chat(#"{"content":"b"}"#, #","n":"# + number)).contents == .content)
            }
        }
    }

    @Test("text cut anywhere is unknown", arguments: chatCases + otherCases + trapCases)
    func truncated(_ example: ProbeCase) {
        let whole = Array(example.text.utf8)
        guard whole.count > 1, read(whole).contents != .unknown else { return }
        let end = whole.lastIndex { $0 != 0x20 } ?? 0
        for length in 0..<end {
            #expect(read(Array(whole[..<length])) == Facts(contents: .unknown))
        }
    }

    @Test("random changes never make an event both a token and the end", arguments: 0..<4)
    func mutated(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let nasty: [UInt8] = Array("{}[]\",:\\n0eu \u{0}".utf8) + [0x80, 0xFF]
        for example in chatCases + otherCases + trapCases {
            for _ in 0..<40 {
                var bytes = Array(example.text.utf8)
                for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                    let index = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[index] = nasty.randomElement(using: &random) ?? 0
                    case 1: bytes.remove(at: index)
                    default: bytes.insert(nasty.randomElement(using: &random) ?? 0, at: index)
                    }
                }
                let facts = read(bytes)
                let isToken = !facts.contents.isDisjoint(with: .tokens)
                #expect(!isToken || !facts.contents.contains(.done))
                #expect(facts.contents.contains(.finish) == !facts.finish.isEmpty)
                #expect(!isToken || facts.dialect != .undetermined)
            }
        }
    }
}
