// The flags from which requests that differ are made: files of bodies, prompts, and the body that
// is built around a prompt. Declarations only: SourceAssembly gives them their meaning.

import ArgumentParser
import SSEBombCore

/// Orders of a file's rows, as `--order` names them.
enum OrderName: String, ExpressibleByArgument, CaseIterable {
    case sequential, shuffle, random

    var order: RowOrder {
        switch self {
        case .sequential: .sequential
        case .shuffle: .shuffle
        case .random: .random
        }
    }
}

/// Bodies, prompts, and what a built body says.
struct PromptOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Send the lines of this file as bodies, one a request, byte for byte; or the bodies of "
                + "an OpenAI batch file.",
            valueName: "FILE"
        )
    )
    var bodies: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Build the body of --api around this prompt (default: some 100 words).",
            valueName: "TEXT"
        )
    )
    var prompt: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Prompts of a file: ShareGPT's JSON, or lines of {\"prompt\":...,\"max_tokens\":...}.",
            valueName: "FILE"
        )
    )
    var dataset: String?

    @Option(
        help: ArgumentHelp(
            "Prompts of words, about IN tokens long, for answers of OUT tokens; each a number, "
                + "uniform:A,B, normal:MEAN,SD, lognormal:MEDIAN,SIGMA or exp:MEAN.",
            valueName: "IN:OUT"
        ),
        transform: SyntheticParsing.lengths
    )
    var synthetic: SyntheticLengths?

    @Option(parsing: .unconditional, help: ArgumentHelp("The model to ask for.", valueName: "NAME"))
    var model: String?

    @Option(
        help: ArgumentHelp("Tokens that an answer may have.", valueName: "N"),
        transform: ValueParsing.tokenCount
    )
    var maxTokens: UInt32?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A system text before the prompt.", valueName: "TEXT")
    )
    var system: String?

    @Option(help: ArgumentHelp("Sampling temperature.", valueName: "N"))
    var temperature: String?

    @Option(
        name: .customLong("param"),
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A further member of the built body; a.b=JSON sets one inside 'a'; repeatable.",
            valueName: "NAME=JSON"
        )
    )
    var parameters: [String] = []

    @Flag(
        help: "Ask for running token counts; where the server refuses, run without and say so."
    )
    var continuousUsage = false

    @Option(
        help: ArgumentHelp(
            "How requests take the rows of a file: sequential (default), shuffle, random.",
            valueName: "ORDER"
        )
    )
    var order: OrderName?

    @Option(
        help: ArgumentHelp("Turns that a conversation must have (default: 2).", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var minTurns: UInt64?

    @Option(
        help: ArgumentHelp("Words that a prompt may have (default: 1024).", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var maxPromptWords: UInt64?

    @Option(
        help: ArgumentHelp(
            "Words that prompt and answer may have together (default: 2048).",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var maxContextWords: UInt64?

    @Option(
        help: ArgumentHelp(
            "Words that prompts begin with, in addition to their own: a shared prefix.",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var prefixTokens: UInt64?

    @Option(
        help: ArgumentHelp("Different shared prefixes (default: 1).", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var prefixGroups: UInt64?

    @Flag(help: "Begin every prompt with a text of its own: no prefix cache can help.")
    var unique = false

    @Flag(help: "Fill in {{index}} and the like in --bodies, too, and refuse other names.")
    var template = false

    @Flag(help: "Fill in nothing: send {{index}} and the like as they stand.")
    var noTemplate = false

    /// Whether everything is a template, or nothing; nil where each text decides.
    var isTemplate: Bool? { noTemplate ? false : template ? true : nil }

    /// The values of `--param` as one JSON array; nil where there are none.
    var parameterValues: [UInt8]? {
        let values = parameters.map { $0.split(separator: "=", maxSplits: 1).last ?? "" }
        return values.isEmpty ? nil : Array("[\(values.joined(separator: ","))]".utf8)
    }

    /// The flags that only a built body can obey, and that were given.
    var builderFlags: [String] {
        [
            ("--model", model != nil), ("--system", system != nil),
            ("--temperature", temperature != nil), ("--param", !parameters.isEmpty),
            ("--continuous-usage", continuousUsage),
        ].filter(\.1).map(\.0)
    }

    /// The flags that make prompts, and that were given.
    var promptFlags: [String] {
        [
            ("--prompt", prompt != nil), ("--dataset", dataset != nil),
            ("--synthetic", synthetic != nil), ("--prefix-tokens", prefixTokens != nil),
            ("--unique", unique),
        ].filter(\.1).map(\.0)
    }

    /// Whether the flags go before `body`, which stands in a curl command or HAR file: unless it is
    /// a template, which takes what they give.
    func replaces(_ body: [UInt8]) -> Bool {
        bodies != nil || !builderFlags.isEmpty || (wantsBody && !TemplateScan.holdsName(body))
    }

    /// Some flag asks for a body to be built.
    var wantsBody: Bool { !builderFlags.isEmpty || !promptFlags.isEmpty || maxTokens != nil }
}

/// Lengths of synthetic prompts and of their answers.
struct SyntheticLengths {
    var prompt: Distribution
    var answer: Distribution
}

/// The notation of `--synthetic`.
enum SyntheticParsing {
    /// "512:128", "uniform:100,900:normal:128,32".
    static func lengths(_ text: String) throws -> SyntheticLengths {
        let words = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var laws: [Distribution] = []
        var index = 0
        while index < words.count {
            // A law's name has its numbers behind the next colon.
            let hasName = words[index].first?.isLetter == true && index + 1 < words.count
            let law = hasName ? "\(words[index]):\(words[index + 1])" : words[index]
            do {
                laws.append(try Distribution(parsing: law, as: .count, flag: "--synthetic"))
            } catch {
                throw ValueError(error.sentence)
            }
            index += hasName ? 2 : 1
        }
        guard laws.count == 2 else {
            throw ValueError(
                "write IN:OUT, tokens of prompt and answer, such as 512:128 or "
                    + "uniform:100,900:normal:128,32"
            )
        }
        return SyntheticLengths(prompt: laws[0], answer: laws[1])
    }
}

extension ValueParsing {
    /// A number of tokens, from 1 to what any model's context could be.
    static func tokenCount(_ text: String) throws(ValueError) -> UInt32 {
        let value = try positiveCount(text)
        guard value <= 1_000_000_000 else { throw ValueError("it must be at most 1G") }
        return UInt32(value)
    }
}
