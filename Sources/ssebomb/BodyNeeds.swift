// What each API wants to find in a request: enough to warn before a server answers "400" ten
// thousand times. Sends nothing, refuses nothing.

import SSEBombCore

/// What a known API wants to find in a body; the server remains the judge.
struct BodyNeeds {
    /// How a sentence calls the API: as the flag does, or by the end of the path.
    let name: String
    private let dialect: Dialect
    private let target: String

    /// nil where neither flag nor path tells the API, and for APIs without a body of their own.
    init?(api: APIName?, target: String) {
        let path = target.prefix { $0 != "?" }
        self.target = target
        if let api {
            dialect = api.dialect
            name = api.rawValue
        } else {
            dialect = Dialect(target: target)
            let length = dialect == .openaiChat ? 2 : 1
            name = "/" + path.split(separator: "/").suffix(length).joined(separator: "/")
        }
        if members.isEmpty { return nil }
    }

    /// Members without which the API refuses the request.
    private var members: [String] {
        switch dialect {
        case .openaiChat: ["messages"]
        case .openaiCompletions, .llamacpp: ["prompt"]
        case .openaiResponses: ["input"]
        case .anthropic: ["messages", "max_tokens"]
        case .tgi: ["inputs"]
        case .ollama: [target.contains("/api/generate") ? "prompt" : "messages"]
        case .triton: ["text_input"]
        case .gemini: ["contents"]
        case .undetermined, .custom, .raw: []
        }
    }

    func warnings(about outline: JSONOutline, origin: String) -> [String] {
        guard outline.isObject else {
            return ["\(origin) isn't a JSON object, which \(name) wants"]
        }
        var found = members.filter { outline.members[$0] == nil }.map {
            "\(origin) has no \"\($0)\", which \(name) wants"
        }
        switch dialect {
        case .openaiChat, .openaiCompletions, .openaiResponses, .anthropic, .llamacpp:
            if outline.members["stream"] != "true" {
                found.append(
                    "\(origin) doesn't say \"stream\": true: the answer may be no event stream"
                )
            }
        case .ollama:
            if outline.members["stream"] == "false" {
                found.append("\(origin) says \"stream\": false: the answer will be no stream")
            }
        case .gemini:
            if !target.contains("alt=sse") {
                found.append("the URL has no alt=sse: the answer will be no event stream")
            }
        case .tgi, .triton, .undetermined, .custom, .raw: break
        }
        return found
    }
}
