// The body of each API, built around a prompt, with streaming and usage switched on the way that
// API wants it. Knows the shapes of requests (the APIs' published descriptions), not where prompts
// come from and not what an answer looks like.

import SSEBombCore

/// The shapes that bodies are built in.
enum BodyShape: String, CaseIterable {
    case openaiChat = "openai-chat"
    case openaiCompletions = "openai-completions"
    case openaiResponses = "openai-responses"
    case anthropic
    case tgi
    case llamacpp
    case ollamaChat = "ollama"
    case ollamaGenerate = "ollama-generate"
    case triton
    case gemini

    /// The shape for an API by its name, and by the path where that has more than one, or where
    /// no name was given; nil where neither tells.
    init?(api: String?, path: some StringProtocol) {
        switch api {
        case "ollama"?: self = path.hasSuffix("/api/generate") ? .ollamaGenerate : .ollamaChat
        case let name?: self.init(rawValue: name)
        case nil:
            let ends: [(String, BodyShape)] = [
                ("/chat/completions", .openaiChat), ("/completions", .openaiCompletions),
                ("/responses", .openaiResponses), ("/messages", .anthropic),
                ("/completion", .llamacpp), ("/api/chat", .ollamaChat),
                ("/api/generate", .ollamaGenerate), (":streamGenerateContent", .gemini),
                ("/generate_stream", path.contains("/v2/models/") ? .triton : .tgi),
            ]
            guard let shape = ends.first(where: { path.hasSuffix($0.0) })?.1 else { return nil }
            self = shape
        }
    }

    /// The URL names the model.
    var hasModelInURL: Bool { self == .tgi || self == .triton || self == .gemini }

    /// It has a place for a system text.
    var takesSystem: Bool {
        switch self {
        case .openaiCompletions, .tgi, .llamacpp, .triton: false
        default: true
        }
    }

    /// It takes the earlier messages of a conversation, each with a role and a content.
    var takesConversation: Bool {
        switch self {
        case .openaiChat, .openaiResponses, .anthropic, .ollamaChat: true
        default: false
        }
    }

    /// It has a switch for running token counts.
    var takesContinuousUsage: Bool { self == .openaiChat || self == .openaiCompletions }
}

/// A piece of JSON in the making.
indirect enum BodyNode {
    /// JSON as it stands.
    case json(String)
    /// A string, escaped here.
    case string(String)
    /// The prompt as a string, behind a text; or a text behind what makes it unique.
    case prompt
    case uniqueString(String)
    /// The limit of tokens.
    case limit
    /// A message behind those of a session's earlier turns.
    case turn(BodyNode)
    case object([(String, BodyNode)])
    case array([BodyNode])

    /// Sets the member at `path`, in place of one that is there.
    mutating func set(_ path: ArraySlice<String>, to value: BodyNode) {
        guard let name = path.first else {
            self = value
            return
        }
        var members: [(String, BodyNode)] = []
        if case .object(let existing) = self { members = existing }
        let place = members.firstIndex { $0.0 == name }
        var child = place.map { members[$0].1 } ?? .object([])
        child.set(path.dropFirst(), to: value)
        if let place { members[place].1 = child } else { members.append((name, child)) }
        self = .object(members)
    }

    /// Appends its text and places.
    func append(to pattern: inout RequestPattern) {
        switch self {
        case .json(let text): pattern.append(literal: text.utf8)
        case .string(let text): pattern.append(literal: "\"\(JSONEscape.escaped(text))\"".utf8)
        case .prompt:
            pattern.append(literal: "\"".utf8)
            pattern.append(insideString: .prompt)
            pattern.append(literal: "\"".utf8)
        case .uniqueString(let text):
            pattern.append(literal: "\"".utf8)
            pattern.appendUnique()
            pattern.append(literal: "\(JSONEscape.escaped(text))\"".utf8)
        case .limit: pattern.append(number: .maxTokens)
        case .turn(let message):
            pattern.appendConversation()
            message.append(to: &pattern)
        case .object(let members):
            pattern.append(literal: "{".utf8)
            for (index, member) in members.enumerated() {
                let comma = index == 0 ? "" : ","
                pattern.append(literal: "\(comma)\"\(JSONEscape.escaped(member.0))\":".utf8)
                member.1.append(to: &pattern)
            }
            pattern.append(literal: "}".utf8)
        case .array(let elements):
            pattern.append(literal: "[".utf8)
            for (index, element) in elements.enumerated() {
                if index > 0 { pattern.append(literal: ",".utf8) }
                element.append(to: &pattern)
            }
            pattern.append(literal: "]".utf8)
        }
    }
}

/// Builds one body.
struct BodyBuilder {
    var shape: BodyShape
    var model: String?
    var system: String?
    /// A JSON number.
    var temperature: String?
    /// A limit of tokens is sent.
    var hasLimit: Bool
    /// Prompts are unique: what makes them so stands before everything that a cache could know.
    var isUnique: Bool
    /// Earlier turns of a session stand before the prompt.
    var isConversation: Bool
    var continuousUsage: Bool

    /// The body without further members.
    func body(path: some StringProtocol) -> BodyNode {
        var members: [(String, BodyNode)] = []
        if let model { members.append(("model", .string(model))) }
        members += prompts
        switch shape {
        case .openaiChat, .openaiCompletions:
            var usage: [(String, BodyNode)] = [("include_usage", .json("true"))]
            if continuousUsage { usage.append(("continuous_usage_stats", .json("true"))) }
            members += [("stream", .json("true")), ("stream_options", .object(usage))]
            members += sampling(limit: "max_tokens")
        case .openaiResponses:
            members += [("stream", .json("true"))] + sampling(limit: "max_output_tokens")
        case .anthropic:
            members += [("stream", .json("true"))] + sampling(limit: "max_tokens")
        case .llamacpp:
            members += [("stream", .json("true"))] + sampling(limit: "n_predict")
        case .tgi:
            // Details bring the number of tokens with the last event.
            let inner = [("details", BodyNode.json("true"))] + sampling(limit: "max_new_tokens")
            members.append(("parameters", .object(inner)))
            if !path.hasSuffix("/generate_stream") { members.append(("stream", .json("true"))) }
        case .triton:
            let inner = [("stream", BodyNode.json("true"))] + sampling(limit: "max_tokens")
            members.append(("parameters", .object(inner)))
        case .ollamaChat, .ollamaGenerate:
            members.append(("stream", .json("true")))
            let options = sampling(limit: "num_predict")
            if !options.isEmpty { members.append(("options", .object(options))) }
        case .gemini:
            let config = sampling(limit: "maxOutputTokens")
            if !config.isEmpty { members.append(("generationConfig", .object(config))) }
        }
        return .object(members)
    }

    private func sampling(limit name: String) -> [(String, BodyNode)] {
        var members: [(String, BodyNode)] = []
        if hasLimit { members.append((name, .limit)) }
        if let temperature { members.append(("temperature", .json(temperature))) }
        return members
    }

    private var systemNode: BodyNode? {
        system.map { isUnique ? .uniqueString($0) : .string($0) }
    }

    private var prompts: [(String, BodyNode)] {
        func message(_ role: String, _ content: BodyNode) -> BodyNode {
            .object([("role", .string(role)), ("content", content)])
        }
        let user = isConversation ? .turn(message("user", .prompt)) : message("user", .prompt)
        func parts(_ text: BodyNode) -> BodyNode { .array([.object([("text", text)])]) }
        switch shape {
        case .openaiChat, .ollamaChat:
            let first = systemNode.map { [message("system", $0)] } ?? []
            return [("messages", .array(first + [user]))]
        case .anthropic:
            let first = systemNode.map { [("system", $0)] } ?? []
            return first + [("messages", .array([user]))]
        case .openaiResponses:
            return (systemNode.map { [("instructions", $0)] } ?? []) + [
                ("input", isConversation ? .array([user]) : .prompt)
            ]
        case .ollamaGenerate:
            return (systemNode.map { [("system", $0)] } ?? []) + [("prompt", .prompt)]
        case .openaiCompletions, .llamacpp: return [("prompt", .prompt)]
        case .tgi: return [("inputs", .prompt)]
        case .triton: return [("text_input", .prompt)]
        case .gemini:
            var members: [(String, BodyNode)] = []
            if let systemNode {
                members.append(("systemInstruction", .object([("parts", parts(systemNode))])))
            }
            let turn = BodyNode.object([("role", .string("user")), ("parts", parts(.prompt))])
            return members + [("contents", .array([turn]))]
        }
    }
}
