// From the flags of bodies and prompts to a source of requests: which go together, what files hold,
// and every sentence about what is wrong with them. Sends nothing.

import SSEBombCore

/// A body, or where bodies come from.
struct AssembledBody {
    /// The one body of all requests; nil without one, and where `parts` make it.
    var content: [UInt8]?
    /// What requests that differ are made of.
    var parts: RequestParts?
    /// The same without the switch that a server may refuse.
    var fallback: RequestParts?
    /// What to call it in a sentence.
    var origin = ""
    /// Header fields that the API wants beside the body.
    var fields: [HeaderField] = []
    /// What the user should know, for standard error; nothing is wrong.
    var notes: [String] = []
    /// The same of what is left out.
    var warnings: [String] = []
}

/// Puts bodies together.
struct SourceAssembly {
    let options: PromptOptions
    let api: APIName?
    /// Path and query.
    let target: String
    /// The body's type is JSON.
    let isJSON: Bool
    /// Each body is a turn of a conversation.
    let hasSessions: Bool
    /// What is replayed; nil where arrivals aren't recorded.
    let trace: ArrivalTrace?

    var path: Substring { target.prefix { $0 != "?" } }

    /// The body for `given`, what `--post` or `--body` say.
    func body(_ given: (bytes: [UInt8], origin: String)?) throws(SetupError) -> AssembledBody {
        try checkFlags(hasBody: given != nil)
        try checkTrace(hasBody: given != nil)
        var body: AssembledBody
        if let path = options.bodies {
            body = try bodies(path)
        } else if let given {
            body = try template(given.bytes, given.origin)
        } else if options.wantsBody || hasSessions || canBuildRecorded {
            body = try built()
        } else {
            body = AssembledBody()
        }
        if body.parts != nil { body.parts?.order = options.order?.order ?? .sequential }
        try addTrace(to: &body)
        return body
    }

    // MARK: What goes together

    private func checkFlags(hasBody: Bool) throws(SetupError) {
        func refuse(_ flag: String, _ remedy: String) -> SetupError {
            SetupError(.usage, "\(flag) \(remedy)")
        }
        if hasSessions, hasBody || options.bodies != nil {
            throw refuse(
                "--turns",
                "builds the body of each turn: leave --post, --body and --bodies out, and give "
                    + "--model and --prompt, --dataset or --synthetic"
            )
        }
        if options.bodies != nil {
            if hasBody {
                throw refuse("--bodies", "and --post or --body both give bodies: keep one of them")
            }
            let others =
                options.builderFlags + options.promptFlags
                + (options.maxTokens == nil ? [] : ["--max-tokens"])
            if let other = others.first {
                throw refuse(other, "builds bodies, and --bodies gives them: keep one of them")
            }
        }
        if hasBody, let flag = options.builderFlags.first {
            throw refuse(flag, "builds a body, and --post or --body gives one: keep one of them")
        }
        let prompts = [
            ("--prompt", options.prompt != nil), ("--dataset", options.dataset != nil),
            ("--synthetic", options.synthetic != nil),
        ].filter(\.1).map(\.0)
        if prompts.count > 1 {
            throw refuse(prompts[1], "and \(prompts[0]) both give prompts: keep one of them")
        }
        if options.synthetic != nil, options.maxTokens != nil {
            throw refuse("--max-tokens", "is the OUT of --synthetic IN:OUT: keep one of them")
        }
        if options.template, options.noTemplate {
            throw refuse("--template", "and --no-template exclude each other: keep one of them")
        }
        if options.prefixGroups != nil, options.prefixTokens == nil {
            throw refuse("--prefix-groups", "needs --prefix-tokens: say how long prefixes are")
        }
        if options.order != nil, options.bodies == nil, options.dataset == nil {
            throw refuse("--order", "is about the rows of --bodies or --dataset: name a file")
        }
        let filters = [
            ("--min-turns", options.minTurns), ("--max-prompt-words", options.maxPromptWords),
            ("--max-context-words", options.maxContextWords),
        ]
        if options.dataset == nil, let flag = filters.first(where: { $0.1 != nil })?.0 {
            throw refuse(flag, "is about the rows of --dataset: name a file")
        }
        let most = UInt64(SharedPrefix.most)
        if max(options.prefixTokens ?? 0, options.prefixGroups ?? 0) > most {
            throw refuse("--prefix-tokens and --prefix-groups", "are at most 1M each: ask less")
        }
    }

    // MARK: Bodies that were given

    private func bodies(_ path: String) throws(SetupError) -> AssembledBody {
        let isTemplate = options.isTemplate == true
        let file = try MappedFile(path: path, for: "--bodies")
        let rows = try BodyFile.rows(
            of: file,
            for: "--bodies",
            path: String(self.path),
            // Only what has been filled in has to be JSON.
            isJSON: isJSON && !isTemplate
        )
        var parts = RequestParts()
        parts.origin = rows.name
        if isTemplate {
            parts.body = .patterns(try patterns(rows))
        } else {
            parts.body = .rows(rows)
        }
        let lines = rows.count == 1 ? "1 body" : "\(rows.count) bodies"
        return AssembledBody(parts: parts, origin: rows.name, notes: ["\(rows.name): \(lines)"])
    }

    private func patterns(_ rows: RequestRows) throws(SetupError) -> [RequestPattern] {
        var found: [RequestPattern] = []
        for row in 0..<rows.count {
            var pattern = RequestPattern()
            do throws(TemplateFault) {
                try pattern.append(template: rows.copy(row), as: isJSON ? .json : .plain)
            } catch {
                let place = rows.place(of: row)
                throw SetupError(
                    .usage,
                    "--bodies: \(rows.name) line \(place.line), column "
                        + "\(place.column + error.offset): \(error.problem)"
                )
            }
            if pattern.has(.prompt) || pattern.has(.maxTokens) {
                throw SetupError(
                    .usage,
                    "--bodies: \(rows.name) line \(rows.place(of: row).line) has {{prompt}} or "
                        + "{{max_tokens}}, which --post and --body alone can have"
                )
            }
            if isJSON {
                do throws(JSONFault) {
                    _ = try JSONCheck.outline(of: pattern.sample)
                } catch {
                    throw SetupError(
                        .usage,
                        "--bodies: \(rows.name) line \(rows.place(of: row).line) isn't JSON once "
                            + "it is filled in: \(error.problem)"
                    )
                }
            }
            found.append(pattern)
        }
        return found
    }

    /// `--post` or `--body`, which may hold places.
    private func template(
        _ bytes: [UInt8],
        _ origin: String
    ) throws(SetupError) -> AssembledBody {
        let isTemplate = options.isTemplate ?? TemplateScan.holdsName(bytes)
        guard isTemplate else {
            var body = AssembledBody(content: bytes, origin: origin)
            try refusePrompts(origin, has: false)
            if options.isTemplate == nil, let word = TemplateScan.unknownWord(bytes) {
                body.notes.append(
                    "\(origin): {{\(word)}} is sent as it stands: the names that are filled in are "
                        + TemplateName.list
                )
            }
            return body
        }
        var pattern = RequestPattern()
        do throws(TemplateFault) {
            try pattern.append(template: bytes, as: isJSON ? .json : .plain)
        } catch {
            let place = bytes.withUnsafeBytes { TextPlace(of: error.offset, in: $0) }
            throw SetupError(
                .usage,
                "\(origin) line \(place.line), column \(place.column): \(error.problem)"
            )
        }
        try refusePrompts(origin, has: pattern.has(.prompt))
        var parts = RequestParts()
        parts.origin = origin
        var notes: [String] = []
        if pattern.has(.prompt) { try addPrompt(to: &parts, &notes) }
        if pattern.has(.maxTokens) {
            try addLimit(to: &parts)
            if case .none = parts.limit {
                throw SetupError(
                    .usage,
                    "\(origin) holds {{max_tokens}}, and nothing says how many: add --max-tokens"
                )
            }
        }
        parts.body = .pattern(pattern)
        if options.isTemplate == nil {
            notes.append(
                "\(origin) is filled in for each request; --no-template sends it as it stands"
            )
        }
        return AssembledBody(parts: parts, origin: origin, notes: notes)
    }

    private func refusePrompts(_ origin: String, has: Bool) throws(SetupError) {
        if !has, let flag = options.promptFlags.first {
            throw SetupError(
                .usage,
                "\(origin) has no {{prompt}} for what \(flag) gives: put it where the prompt stands"
            )
        }
    }

    // MARK: Bodies that are built

    private func built() throws(SetupError) -> AssembledBody {
        guard let shape = BodyShape(api: api?.rawValue, path: path) else {
            let flags =
                (hasSessions ? ["--turns"] : []) + options.builderFlags + options.promptFlags
            let flag = flags.first ?? "--max-tokens"
            throw SetupError(
                .usage,
                "\(flag) builds a body, and neither --api nor the URL's path says for which API: "
                    + "add --api, or give the body with --post"
            )
        }
        try check(shape)
        var parts = RequestParts()
        var body = AssembledBody(origin: "the built body")
        try addPrompt(to: &parts, &body.notes)
        try addLimit(to: &parts)
        if shape == .anthropic {
            if case .none = parts.limit {
                parts.limit = .fixed(1_024)
                body.notes.append("anthropic wants max_tokens: 1024 without --max-tokens")
            }
            body.fields = [HeaderField(name: "anthropic-version", value: "2023-06-01")]
        }
        if shape == .gemini, !target.contains("alt=sse") {
            body.notes.append("gemini streams events only with ?alt=sse in the URL")
        }
        func pattern(continuousUsage: Bool) throws(SetupError) -> RequestPattern {
            var node = BodyBuilder(
                shape: shape,
                model: options.model,
                system: options.system,
                temperature: try temperature(),
                hasLimit: { if case .none = parts.limit { false } else { true } }(),
                isUnique: options.unique,
                isConversation: hasSessions,
                continuousUsage: continuousUsage
            ).body(path: path)
            for text in options.parameters {
                let (name, value) = try parameter(text)
                node.set(name[...], to: .json(value))
            }
            var pattern = RequestPattern()
            node.append(to: &pattern)
            guard pattern.hasConversation == hasSessions else {
                throw SetupError(
                    .usage,
                    "--param replaces the messages that --turns carries on: leave it out"
                )
            }
            return pattern
        }
        parts.body = .pattern(try pattern(continuousUsage: options.continuousUsage))
        body.parts = parts
        if options.continuousUsage {
            parts.body = .pattern(try pattern(continuousUsage: false))
            body.fallback = parts
        }
        return body
    }

    /// Refuses what the API has no place for.
    private func check(_ shape: BodyShape) throws(SetupError) {
        if shape.hasModelInURL, options.model != nil {
            throw SetupError(
                .usage,
                "--model: the body of \(shape.rawValue) names no model, the URL does: leave it out"
            )
        }
        if !shape.takesSystem, options.system != nil {
            throw SetupError(
                .usage,
                "--system: \(shape.rawValue) has no place for it: put it into the prompt"
            )
        }
        if !shape.takesConversation, hasSessions {
            throw SetupError(
                .usage,
                "--turns: \(shape.rawValue) has no place for earlier turns: use openai-chat, "
                    + "openai-responses, anthropic or ollama's /api/chat"
            )
        }
        if !shape.takesContinuousUsage, options.continuousUsage {
            throw SetupError(
                .usage,
                "--continuous-usage: \(shape.rawValue) has no switch for it: leave it out"
            )
        }
    }

    private func temperature() throws(SetupError) -> String? {
        guard let text = options.temperature else { return nil }
        guard let first = text.first, first.isNumber || first == "-", Self.isJSON(text) else {
            throw SetupError(.usage, "--temperature '\(text)': write a number such as 0.7")
        }
        return text
    }

    private func parameter(_ text: String) throws(SetupError) -> ([String], String) {
        let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let names = halves[0].split(separator: ".", omittingEmptySubsequences: false)
            .map(String.init)
        guard halves.count == 2, !names.contains("") else {
            throw SetupError(.usage, "--param '\(halves[0])': write NAME=JSON, such as top_p=0.9")
        }
        let value = String(halves[1])
        guard Self.isJSON(value) else {
            throw SetupError(
                .usage,
                "--param '\(halves[0])=***': what follows '=' isn't JSON: put a text in quotes, "
                    + "such as '\(halves[0])=\"text\"'"
            )
        }
        return (names, value)
    }

    private static func isJSON(_ text: String) -> Bool {
        (try? JSONCheck.outline(of: Array(text.utf8))) != nil
    }

    // MARK: Prompts

    private func addPrompt(
        to parts: inout RequestParts,
        _ notes: inout [String]
    ) throws(SetupError) {
        parts.isUnique = options.unique
        if let words = options.prefixTokens {
            parts.prefix = SharedPrefix(words: Int(words), groups: Int(options.prefixGroups ?? 1))
        }
        if let text = options.prompt {
            guard !text.isEmpty else {
                throw SetupError(.usage, "--prompt is empty: give a text, or leave the flag out")
            }
            parts.prompt = .text(Array(JSONEscape.escaped(text).utf8))
        } else if let path = options.dataset {
            let rows = try dataset(path)
            parts.prompt = .rows(rows)
            parts.origin = rows.name
            notes.append(Self.describe(rows))
        } else if let lengths = options.synthetic {
            parts.prompt = .synthetic(SyntheticPrompts(length: lengths.prompt))
        } else if try hasRecorded(\.inputs, "input_tokens", "--prompt, --dataset or --synthetic") {
            parts.prompt = .recorded
        } else {
            parts.prompt = .synthetic(SyntheticPrompts(length: .constant(100)))
            notes.append(
                "no prompt is given: about 100 words, others in each request; --prompt, --dataset "
                    + "or --synthetic choose"
            )
        }
    }

    private func dataset(_ path: String) throws(SetupError) -> RequestRows {
        var filter = DatasetFilter()
        if let turns = options.minTurns { filter.leastTurns = Int(clamping: turns) }
        if let words = options.maxPromptWords { filter.mostPromptWords = Int(clamping: words) }
        if let words = options.maxContextWords { filter.mostContextWords = Int(clamping: words) }
        let file = try MappedFile(path: path, for: "--dataset")
        return try DatasetFile.rows(of: file, filter: filter, for: "--dataset")
    }

    /// `--max-tokens` or `--synthetic`, else what the dataset's rows say, else the trace's.
    private func addLimit(to parts: inout RequestParts) throws(SetupError) {
        if let limit = options.maxTokens {
            parts.limit = .fixed(limit)
            return
        }
        if let lengths = options.synthetic {
            parts.limit = .drawn(lengths.answer)
            return
        }
        if case .rows(let rows) = parts.prompt {
            switch rows.maxTokens {
            case .all:
                parts.limit = .row
                return
            case .none: break
            case .missing(let row):
                throw SetupError(
                    .usage,
                    "--dataset: \(rows.name) line \(rows.place(of: row).line) says no number of "
                        + "tokens, as other rows do: add \"max_tokens\" to it, or give --max-tokens"
                )
            }
        }
        if try hasRecorded(\.outputs, "output_tokens", "--max-tokens") { parts.limit = .recorded }
    }

    private static func describe(_ rows: RequestRows) -> String {
        let dropped = rows.dropped.map { "\($0.count) \($0.reason)" }.joined(separator: ", ")
        let all = rows.count + rows.dropped.reduce(0) { $0 + $1.count }
        let left = dropped.isEmpty ? "" : "; left out: \(dropped)"
        return "\(rows.name): \(rows.count) of \(all) prompts\(left)"
    }
}
