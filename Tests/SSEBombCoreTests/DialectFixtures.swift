// What each event of the streams in Tests/Fixtures/dialects says. Those are streams of each API as
// its server writes them, put together by hand from the API's published description.

import Foundation
import Testing

@testable import SSEBombCore

/// What one event says, free of pointers.
struct EventReading: Equatable, Sendable, CustomStringConvertible {
    var contents: EventFacts.Contents = []
    var finish = ""
    var text = ""
    /// Prompt, completion, cached, reasoning.
    var usage: [Int64] = [-1, -1, -1, -1]
    /// Prefill, decode, queue.
    var times: [Int64] = [-1, -1, -1]

    var description: String { "\(contents.rawValue) '\(finish)' '\(text)' \(usage) \(times)" }

    init(_ facts: EventFacts) {
        contents = facts.contents
        finish = String(decoding: facts.finishReason, as: UTF8.self)
        text = String(decoding: facts.contentText, as: UTF8.self)
        usage = [
            facts.promptTokens, facts.completionTokens, facts.cachedTokens, facts.reasoningTokens,
        ]
        times = [facts.times.prefill, facts.times.decode, facts.times.queue]
    }

    init(
        _ contents: EventFacts.Contents,
        _ text: String = "",
        finish: String = "",
        usage: [Int64] = [-1, -1, -1, -1],
        times: [Int64] = [-1, -1, -1]
    ) {
        self.contents = contents
        self.text = text
        self.finish = finish
        self.usage = usage
        self.times = times
    }
}

/// A body and what its events say.
struct DialectFixture: Sendable, CustomTestStringConvertible {
    /// Below Tests/Fixtures/dialects.
    let file: String
    let dialect: Dialect
    var fields: FieldPaths?
    let readings: [EventReading]

    var testDescription: String { file }
    /// One JSON text a line, without SSE.
    var isLines: Bool { file.hasSuffix(".ndjson") }

    /// The bytes of the file.
    func body() throws -> [UInt8] {
        let path = Project.root.appending(path: "Tests/Fixtures/dialects/\(file)")
        return Array(try Data(contentsOf: path))
    }

    static let all = [
        chat, completions, responses, incompleteResponse, messages, toolMessages, tgi, llama,
        oldLlama, ollamaChat, ollamaGenerate, triton, gemini, custom,
    ]
}

// MARK: - OpenAI

extension DialectFixture {
    static let chat = DialectFixture(
        file: "openai-chat.sse",
        dialect: .openaiChat,
        readings: [
            EventReading([]), EventReading(.reasoning),
            EventReading(.content, #"a \"b\" \u00e9"#), EventReading(.content),
            EventReading(.toolCall),
            EventReading(
                [.finish, .times],
                finish: "tool_calls",
                times: [120_500_000, 2_000_000_000, -1]
            ),
            EventReading(
                [.usage, .times],
                usage: [7, 4, 2, 1],
                times: [30_000_000, 40_250_000, 0]
            ),
            EventReading(.done),
        ]
    )

    static let completions = DialectFixture(
        file: "openai-completions.sse",
        dialect: .openaiCompletions,
        readings: [
            EventReading([.content, .usage], " x", usage: [3, 1, -1, -1]),
            EventReading(
                [.finish, .usage, .times],
                finish: "length",
                usage: [3, 2, -1, -1],
                times: [250_000_000, 1_000_000_000, 100_000]
            ),
            EventReading(.done),
        ]
    )

    static let responses = DialectFixture(
        file: "openai-responses.sse",
        dialect: .openaiResponses,
        readings: [
            EventReading([]), EventReading([]), EventReading(.reasoning),
            EventReading(.reasoning), EventReading(.content, #"In \\ "#), EventReading([]),
            EventReading(.content, "no"), EventReading([]), EventReading(.toolCall),
            EventReading(.toolCall), EventReading(.toolCall),
            EventReading(
                [.finish, .usage, .done],
                finish: "completed",
                usage: [37, 11, 30, 5]
            ),
        ]
    )

    static let incompleteResponse = DialectFixture(
        file: "openai-responses-incomplete.sse",
        dialect: .openaiResponses,
        readings: [
            EventReading(.content, "a"),
            EventReading(
                [.finish, .usage, .done],
                finish: "max_output_tokens",
                usage: [1, 16, -1, -1]
            ),
        ]
    )
}

// MARK: - Anthropic

extension DialectFixture {
    static let messages = DialectFixture(
        file: "anthropic.sse",
        dialect: .anthropic,
        readings: [
            EventReading(.usage, usage: [1125, -1, 1000, -1]), EventReading([]),
            EventReading([]), EventReading(.reasoning), EventReading([]), EventReading([]),
            EventReading([]), EventReading(.content, #"Hello\n"#), EventReading([]),
            EventReading([.finish, .usage], finish: "end_turn", usage: [-1, 15, -1, -1]),
            EventReading(.done),
        ]
    )

    static let toolMessages = DialectFixture(
        file: "anthropic-tool.sse",
        dialect: .anthropic,
        readings: [
            EventReading(.usage, usage: [3, -1, -1, -1]), EventReading(.toolCall),
            EventReading([]), EventReading(.toolCall),
            EventReading([.finish, .usage], finish: "tool_use", usage: [6, 89, 2, -1]),
            EventReading(.done),
        ]
    )
}

// MARK: - Servers' own

extension DialectFixture {
    static let tgi = DialectFixture(
        file: "tgi.sse",
        dialect: .tgi,
        readings: [
            EventReading(.content, " a"), EventReading([]),
            EventReading(
                [.finish, .usage, .done],
                finish: "eos_token",
                usage: [9, 3, -1, -1]
            ),
        ]
    )

    static let llama = DialectFixture(
        file: "llamacpp.sse",
        dialect: .llamacpp,
        readings: [
            EventReading([.content, .usage], " a", usage: [8, 1, -1, -1]),
            EventReading(
                [.finish, .usage, .done, .times],
                finish: "limit",
                usage: [8, 2, 3, -1],
                times: [21_500_000, 750_000, -1]
            ),
        ]
    )

    static let oldLlama = DialectFixture(
        file: "llamacpp-old.sse",
        dialect: .llamacpp,
        readings: [
            EventReading(.content, " a"),
            EventReading(
                [.finish, .usage, .done, .times],
                finish: "word",
                usage: [12, 5, 10, -1],
                times: [10_000_000, 50_000_000, -1]
            ),
        ]
    )

    static let ollamaChat = DialectFixture(
        file: "ollama-chat.ndjson",
        dialect: .ollama,
        readings: [
            EventReading(.reasoning), EventReading(.content, #"The \"x\""#),
            EventReading(.toolCall),
            EventReading(
                [.finish, .usage, .done, .times],
                finish: "stop",
                usage: [26, 282, -1, -1],
                times: [342_546_000, 4_535_599_000, -1]
            ),
        ]
    )

    static let ollamaGenerate = DialectFixture(
        file: "ollama-generate.ndjson",
        dialect: .ollama,
        readings: [
            EventReading(.content, "The"), EventReading(.reasoning),
            EventReading(
                [.finish, .usage, .done, .times],
                finish: "length",
                usage: [-1, 2, -1, -1],
                times: [-1, 10, -1]
            ),
        ]
    )

    static let triton = DialectFixture(
        file: "triton.sse",
        dialect: .triton,
        readings: [EventReading([]), EventReading(.content, " x"), EventReading(.content, "y")]
    )

    static let gemini = DialectFixture(
        file: "gemini.sse",
        dialect: .gemini,
        readings: [
            EventReading([.reasoning, .usage], usage: [8, 12, -1, 12]),
            EventReading([.content, .usage], "1+1 ", usage: [8, 16, -1, 12]),
            EventReading(.toolCall),
            EventReading([.finish, .usage], finish: "STOP", usage: [8, 17, 6, 12]),
        ]
    )

    static let custom = DialectFixture(
        file: "custom.sse",
        dialect: .custom,
        fields: FieldPaths(
            fields: [
                field(.content, "out", "0", "text"), field(.content, "late"),
                field(.reasoning, "why"), field(.tool, "call", "args"),
                field(.finish, "meta", "stop"), field(.error, "fault"),
                field(.completionTokens, "meta", "n"), field(.promptTokens, "meta", "in"),
                field(.cachedTokens, "meta", "hit"), field(.reasoningTokens, "meta", "think"),
            ],
            end: Array("{\"end\":1}".utf8)
        ),
        readings: [
            EventReading(.content, #"a\tb"#),
            EventReading([.content, .reasoning, .toolCall], "z"),
            EventReading(.usage, usage: [-1, 3, -1, -1]), EventReading(.unknown),
            EventReading([.finish, .usage], finish: "max", usage: [4, 9, 2, 1]),
            EventReading(.finish, finish: "17"), EventReading(.error), EventReading(.done),
        ]
    )

    /// Steps of digits alone are elements.
    private static func field(_ kind: FieldPaths.Kind, _ steps: String...) -> FieldPaths.Field {
        let path = steps.map { JSONPath.Step(key: Array($0.utf8), index: Int($0)) }
        return FieldPaths.Field(kind: kind, path: JSONPath(steps: path))
    }
}
