// The flags that say what is asked of a server and how its stream is read; shared by every command
// that sends a request. Declarations only: RequestAssembly gives them their meaning.

import ArgumentParser
import SSEBombCore

/// What is sent.
struct RequestOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The target: http:// or https://. Several share a run's load, with results for each.",
            valueName: "URL"
        )
    )
    var urls: [String] = []

    /// The one target of a request.
    var url: String? {
        get { urls.first }
        set { urls = newValue.map { [$0] } ?? [] }
    }

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The request of this curl command ('curl ...', @FILE, or - for standard input); flags "
                + "and a URL beside it win.",
            valueName: "COMMAND"
        )
    )
    var fromCurl: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The request of an entry of this HAR file, likewise.", valueName: "FILE")
    )
    var har: String?

    @Option(
        help: ArgumentHelp(
            "Which entry: its number from 1 on, or a part of its URL.",
            valueName: "N|TEXT"
        )
    )
    var harEntry: String?

    @Option(
        name: [.customShort("X"), .long],
        help: ArgumentHelp("Method (default: GET; POST with a body).", valueName: "NAME")
    )
    var method: String?

    @Option(
        name: [.customShort("H"), .customLong("header")],
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Header field 'Name: value', or @FILE with one a line; repeatable.",
            valueName: "FIELD"
        )
    )
    var headers: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Send this file as body ('-': standard input); application/json unless -H says.",
            valueName: "FILE"
        )
    )
    var post: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Send this text as body.", valueName: "TEXT")
    )
    var body: String?

    @Option(
        help: ArgumentHelp(
            "Send 'Authorization: Bearer' with the token in this environment variable.",
            valueName: "NAME"
        )
    )
    var bearerEnv: String?
}

/// The APIs whose streams are understood, as `--api` names them.
enum APIName: String, CaseIterable {
    case openaiChat = "openai-chat"
    case openaiCompletions = "openai-completions"
    case openaiResponses = "openai-responses"
    case anthropic, tgi, llamacpp, ollama, triton, gemini, raw

    /// The API called `text`.
    static func named(_ text: String) throws(ValueError) -> APIName {
        if let name = APIName(rawValue: text) { return name }
        let names = allCases.map(\.rawValue).joined(separator: ", ")
        throw ValueError("use one of \(names); --field reads any other API")
    }

    /// The dialect of its events.
    var dialect: Dialect {
        switch self {
        case .openaiChat: .openaiChat
        case .openaiCompletions: .openaiCompletions
        case .openaiResponses: .openaiResponses
        case .anthropic: .anthropic
        case .tgi: .tgi
        case .llamacpp: .llamacpp
        case .ollama: .ollama
        case .triton: .triton
        case .gemini: .gemini
        case .raw: .raw
        }
    }
}

/// Whose time an arrival is, as `--clock` names it.
enum ClockName: String, ExpressibleByArgument, CaseIterable {
    case kernel, user
}

/// How a stream is read, and where it ends.
struct StreamOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "API of the stream (default: recognised from path and first events): "
                + APIName.allCases.map(\.rawValue).joined(separator: ", ")
                + "; in 'raw' every event counts.",
            valueName: "NAME"
        ),
        transform: APIName.named
    )
    var api: APIName?

    @Option(
        help: ArgumentHelp(
            "For any other API: where its events' JSON has content, reasoning, tool, finish, "
                + "error, usage.completion, usage.prompt, usage.cached or usage.reasoning, e.g. "
                + "content=delta.text; repeatable.",
            valueName: "WHAT=PATH"
        ),
        transform: FieldParsing.field
    )
    var field: [FieldPaths.Field] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "With --field: the data of the event that ends a stream (default: the body's end).",
            valueName: "TEXT"
        )
    )
    var end: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("An event with exactly this data completes a stream.", valueName: "TEXT")
    )
    var until: String?

    @Option(
        help: ArgumentHelp("This many events complete a stream.", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var maxEvents: UInt64?

    @Option(
        help: ArgumentHelp(
            "Whose time an arrival is: the kernel's receive stamp or the read's.",
            valueName: "CLOCK"
        )
    )
    var clock: ClockName = .kernel

    @Option(
        help: ArgumentHelp(
            "Where each event's data has its own send time, e.g. meta.sent:ms; units ns (default), "
                + "us, ms, s.",
            valueName: "PATH[:UNIT]"
        ),
        transform: SendTimeParsing.path
    )
    var sentAt: SendTimePath?

    @Option(
        help: ArgumentHelp(
            "Bound on what a server may send; repeatable. Names: head, line, event, chunk-line, "
                + "trailers (bytes), interim (a count).",
            valueName: "NAME=SIZE"
        )
    )
    var limit: [String] = []
}

/// The five limits of time; each has its own failure kind.
struct TimeLimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "TCP and TLS set-up (default: 10s; 0 is no limit, as for the others).",
            valueName: "T"
        ),
        transform: ValueParsing.duration
    )
    var connectTimeout: Int64?

    @Option(
        help: ArgumentHelp("Request start to response head (default: none).", valueName: "T"),
        transform: ValueParsing.duration
    )
    var headerTimeout: Int64?

    @Option(
        help: ArgumentHelp("Request start to the first event (default: none).", valueName: "T"),
        transform: ValueParsing.duration
    )
    var firstEventTimeout: Int64?

    @Option(
        help: ArgumentHelp("Longest silence in a stream (default: none).", valueName: "T"),
        transform: ValueParsing.duration
    )
    var idleTimeout: Int64?

    @Option(
        help: ArgumentHelp("The whole request (default: none).", valueName: "T"),
        transform: ValueParsing.duration
    )
    var timeout: Int64?
}
