// Errors that the mock answers with, as a status and as each API's error object. Knows no
// connection.

/// An error that the mock answers with.
enum MockError {
    case notFound
    case needsPost
    case needsGet
    case badBody
    case needsEventStream
    case tooManyRequests
    case unavailable
    case internalError
    /// What a stream says in its course.
    case died

    var statusLine: StaticString {
        switch self {
        case .notFound: "HTTP/1.1 404 Not Found\r\n"
        case .needsPost: "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\n"
        case .needsGet: "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n"
        case .badBody, .needsEventStream: "HTTP/1.1 400 Bad Request\r\n"
        case .tooManyRequests: "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n"
        case .unavailable: "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
        case .internalError, .died: "HTTP/1.1 500 Internal Server Error\r\n"
        }
    }

    var message: StaticString {
        switch self {
        case .notFound: "no such path"
        case .needsPost, .needsGet: "wrong method"
        case .badBody: "not a JSON object"
        case .needsEventStream: "the mock streams with ?alt=sse alone"
        case .tooManyRequests: "rate limit reached"
        case .unavailable: "no worker is free"
        case .internalError: "the engine died"
        case .died: "the engine died while generating"
        }
    }

    private var code: StaticString {
        switch self {
        case .notFound: "404"
        case .needsPost, .needsGet: "405"
        case .badBody, .needsEventStream: "400"
        case .tooManyRequests: "429"
        case .unavailable: "503"
        case .internalError, .died: "500"
        }
    }

    /// The word for its kind in an API; "" where the API has none.
    private func kind(_ api: MockAPI) -> StaticString {
        let words:
            (request: StaticString, rate: StaticString, busy: StaticString, server: StaticString)
        switch api {
        case .anthropic:
            words = ("invalid_request_error", "rate_limit_error", "overloaded_error", "api_error")
        case .tgi: words = ("validation", "overloaded", "overloaded", "generation")
        case .gemini: words = ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL")
        case .ollamaChat, .ollamaGenerate, .triton: words = ("", "", "", "")
        case .chat, .completions, .responses, .llamacpp, .events:
            words = ("invalid_request_error", "rate_limit_error", "server_error", "server_error")
        }
        return switch self {
        case .notFound, .needsPost, .needsGet, .badBody, .needsEventStream: words.request
        case .tooManyRequests: words.rate
        case .unavailable: words.busy
        case .internalError, .died: words.server
        }
    }

    /// Appends the API's error object.
    func writeBody(_ api: MockAPI, _ writer: inout WireWriter) {
        let kind = kind(api)
        switch api {
        case .ollamaChat, .ollamaGenerate, .triton, .tgi:
            writer.append("{\"error\":\"")
            writer.append(message)
            if api == .tgi {
                writer.append("\",\"error_type\":\"")
                writer.append(kind)
            }
            writer.append("\"}")
        case .anthropic:
            writer.append("{\"type\":\"error\",\"error\":{\"type\":\"")
            writer.append(kind)
            writer.append("\",\"message\":\"")
            writer.append(message)
            writer.append("\"}}")
        case .gemini:
            writer.append("{\"error\":{\"code\":")
            writer.append(code)
            writer.append(",\"message\":\"")
            writer.append(message)
            writer.append("\",\"status\":\"")
            writer.append(kind)
            writer.append("\"}}")
        case .chat, .completions, .responses, .llamacpp, .events:
            writer.append("{\"error\":{\"message\":\"")
            writer.append(message)
            writer.append("\",\"type\":\"")
            writer.append(kind)
            writer.append("\",\"code\":")
            writer.append(code)
            writer.append("}}")
        }
    }
}
