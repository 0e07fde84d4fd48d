// Pieces of HTTP and of event streams, as scripts send them. Knows no socket.

/// Builds bytes of responses.
enum Wire {
    static let eventStream = "Content-Type: text/event-stream"
    static let chunkedCoding = "Transfer-Encoding: chunked"
    /// Ends a chunked body.
    static let lastChunk = "0\r\n\r\n"

    /// A response head of a chunked event stream, unless other fields are given.
    static func head(
        _ status: String = "200 OK",
        _ fields: [String] = [eventStream, chunkedCoding]
    ) -> String {
        (["HTTP/1.1 \(status)"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    static func chunk(_ payload: String) -> String {
        "\(String(payload.utf8.count, radix: 16))\r\n\(payload)\r\n"
    }

    /// `count` events of plain data, each in its own lines.
    static func events(_ count: Int) -> String {
        (0..<count).map { "data: event \($0)\n\n" }.joined()
    }

    /// A whole chunked response, the body in one chunk.
    static func stream(_ body: String) -> String { head() + chunk(body) + lastChunk }

    /// A whole response with Content-Length.
    static func whole(
        _ status: String = "200 OK",
        type: String = "text/event-stream",
        fields: [String] = [],
        _ body: String
    ) -> String {
        head(status, ["Content-Type: \(type)", "Content-Length: \(body.utf8.count)"] + fields)
            + body
    }

    /// A chat completion chunk in OpenAI's shape.
    static func delta(_ content: String, finish: String? = nil) -> String {
        let reason = finish.map { "\"\($0)\"" } ?? "null"
        return """
            data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":\
            [{"index":0,"delta":{"content":"\(content)"},"finish_reason":\(reason)}]}


            """
    }

    static let done = "data: [DONE]\n\n"
}
