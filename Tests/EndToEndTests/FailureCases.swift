// Failures that a plain HTTP server can cause, as scripts: what it sends, and the one kind under
// which that has to be counted.

import Testing

/// One way to fail.
struct FailureCase: Sendable, CustomTestStringConvertible {
    let name: String
    let kind: String
    let script: [ServerAction]
    var arguments: [String] = []
    /// The status that is counted with it.
    var status: Int?
    /// Part of the sample that has to be kept.
    var sample: String?
    /// How the sentence about the run has to end.
    var remedy: String?

    init(
        _ name: String,
        _ kind: String,
        _ script: [ServerAction],
        _ arguments: [String] = [],
        status: Int? = nil,
        sample: String? = nil,
        remedy: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.script = [.readRequest] + script
        self.arguments = arguments
        self.status = status
        self.sample = sample
        self.remedy = remedy
    }

    var testDescription: String { "\(kind): \(name)" }

    static let all = broken + limits + status + protocols + heads + framings + streams
}

// MARK: - Connections and time

extension FailureCase {
    private static let begun = ServerAction.send(Wire.head() + Wire.chunk(Wire.events(2)))
    /// An event each 40 ms, for 4 s.
    private static let lively = (0..<100).flatMap { _ in
        [ServerAction.send(Wire.chunk(Wire.events(1))), .wait(milliseconds: 40)]
    }

    static let broken = [
        FailureCase("before the head", "reset", [.wait(milliseconds: 20), .reset]),
        FailureCase(
            "in the stream",
            "reset",
            [begun, .wait(milliseconds: 50), .reset],
            status: 200
        ),
        FailureCase("before the head", "closed_early", [.close]),
        FailureCase("in the head", "closed_early", [.send("HTTP/1.1 200 OK\r\nA: b"), .close]),
        FailureCase("between chunks", "closed_early", [begun, .close], status: 200),
        FailureCase(
            "inside a chunk",
            "closed_early",
            [.send(Wire.head() + "ff\r\ndata: x\n\n"), .close],
            status: 200
        ),
        FailureCase(
            "short of Content-Length",
            "closed_early",
            [.send(Wire.head("200 OK", [Wire.eventStream, "Content-Length: 99"]) + "data: x\n\n")]
        ),
        FailureCase(
            "end of body without the API's end marker",
            "closed_early",
            [.send(Wire.stream(Wire.delta("a") + Wire.delta("b", finish: "stop")))],
            ["--api", "openai-chat"]
        ),
        FailureCase(
            "end of body without the awaited text",
            "closed_early",
            [.send(Wire.stream(Wire.events(3)))],
            ["--until", "never said"]
        ),
    ]

    static let limits = [
        FailureCase("no answer", "timeout_header", [.hold], ["--header-timeout", "150ms"]),
        FailureCase(
            "half a head",
            "timeout_header",
            [.send("HTTP/1.1 200 OK\r\nContent-"), .hold],
            ["--header-timeout", "150ms"]
        ),
        FailureCase(
            "interim responses only",
            "timeout_header",
            [.send(Wire.head("103 Early Hints", [])), .hold],
            ["--header-timeout", "150ms"]
        ),
        FailureCase(
            "a head and nothing more",
            "timeout_first_event",
            [.send(Wire.head()), .hold],
            ["--first-event-timeout", "400ms"],
            status: 200
        ),
        FailureCase(
            "comments and half an event",
            "timeout_first_event",
            [.send(Wire.head() + Wire.chunk(": ping\n\ndata: half\n")), .hold],
            ["--first-event-timeout", "400ms"],
            status: 200
        ),
        FailureCase(
            "silence",
            "timeout_idle",
            [begun, .hold],
            ["--idle-timeout", "200ms"],
            status: 200
        ),
        FailureCase(
            "a lively stream without end",
            "timeout_total",
            [begun] + lively,
            ["--timeout", "300ms", "--idle-timeout", "2s"]
        ),
    ]
}

// MARK: - Judgement of the head

extension FailureCase {
    private static let html = "<html><body>Hello</body></html>"

    static let status = [
        FailureCase(
            "503 with Retry-After",
            "http_status",
            [
                .send(
                    Wire.whole("503 Service Unavailable", fields: ["Retry-After: 7"], "no worker")
                )
            ],
            status: 503,
            sample: "no worker"
        ),
        FailureCase(
            "503 of the wrong type: the status comes first",
            "http_status",
            [.send(Wire.whole("503 Service Unavailable", type: "text/html", html))],
            status: 503,
            sample: "Hello"
        ),
        FailureCase(
            "500, compressed: the status comes first",
            "http_status",
            [.send(Wire.whole("500 Oops", fields: ["Content-Encoding: gzip"], "\u{1F}"))],
            status: 500
        ),
        FailureCase(
            "404 in chunks",
            "http_status",
            [
                .send(
                    Wire.head("404 Not Found", ["Content-Type: text/plain", Wire.chunkedCoding])
                ),
                .send(Wire.chunk("no such ")), .wait(milliseconds: 20),
                .send(Wire.chunk("path") + Wire.lastChunk),
            ],
            status: 404,
            sample: "no such path"
        ),
        FailureCase(
            "500 ended by the connection",
            "http_status",
            [.send(Wire.head("500 Oops", ["Content-Type: text/plain"]) + "the reason"), .close],
            status: 500,
            sample: "the reason"
        ),
        FailureCase(
            "a redirect",
            "http_status",
            [.send(Wire.head("302 Found", ["Location: /other", "Content-Length: 0"]))],
            status: 302
        ),
        FailureCase(
            "an error body that never ends",
            "http_status",
            [.send(Wire.head("500 Oops", ["Content-Length: 100"]) + "half of it"), .hold],
            status: 500,
            sample: "half of it"
        ),
    ]

    static let protocols = [
        FailureCase(
            "gzip that nobody asked for",
            "content_encoding",
            [.send(Wire.whole(fields: ["Content-Encoding: gzip"], "\u{1F}"))],
            status: 200
        ),
        FailureCase(
            "an unknown coding, before the wrong type",
            "content_encoding",
            [.send(Wire.whole(type: "text/html", fields: ["Content-Encoding: zstd"], html))],
            status: 200
        ),
        FailureCase(
            "HTML",
            "sse_protocol",
            [.send(Wire.whole(type: "text/html; charset=utf-8", html))],
            status: 200,
            sample: "Hello"
        ),
        FailureCase(
            "JSON in place of a stream",
            "sse_protocol",
            [.send(Wire.whole(type: "application/json", #"{"choices":[]}"#))],
            status: 200,
            sample: #"{"choices":[]}"#
        ),
        FailureCase(
            "no content type",
            "sse_protocol",
            [.send(Wire.head("200 OK", ["Content-Length: 9"]) + "data: x\n\n")],
            status: 200,
            sample: "data: x"
        ),
        FailureCase(
            "no content",
            "sse_protocol",
            [.send(Wire.head("204 No Content", []))],
            status: 204
        ),
    ]
}

// MARK: - Wire formats

extension FailureCase {
    private static func answer(
        _ name: String,
        _ text: String,
        _ arguments: [String] = [],
        remedy: String? = nil
    ) -> FailureCase {
        FailureCase(name, "http_protocol", [.send(text), .hold], arguments, remedy: remedy)
    }

    static let heads = [
        answer(
            "another protocol",
            "SSH-2.0-OpenSSH_9.2\r\n",
            remedy: "does the port speak HTTP/1.1? `ssebomb probe` shows one response"
        ),
        answer("a status that is no number", "HTTP/1.1 2OO OK\r\n\r\n"),
        answer("a field without colon", "HTTP/1.1 200 OK\r\nContent Type\r\n\r\n"),
        answer("HTTP/2 preface of a server", "\u{0}\u{0}\u{12}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}"),
        answer("a switch of protocols", Wire.head("101 Switching Protocols", ["Upgrade: x"])),
        answer(
            "an unknown transfer coding",
            Wire.head("200 OK", [Wire.eventStream, "Transfer-Encoding: gzip, chunked"])
        ),
        answer(
            "two lengths",
            Wire.head("200 OK", [Wire.eventStream, "Content-Length: 5", "Content-Length: 6"])
        ),
        answer(
            "a negative length",
            Wire.head("200 OK", [Wire.eventStream, "Content-Length: -1"])
        ),
        answer(
            "a head over the limit",
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 2_000),
            ["--limit", "head=1k"],
            remedy: "larger than 1024 bytes; raise it with --limit head=SIZE"
        ),
        answer(
            "a head over the default limit",
            "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000),
            remedy: "larger than 65536 bytes; raise it with --limit head=SIZE"
        ),
        answer(
            "interim responses without end",
            String(repeating: Wire.head("100 Continue", []), count: 17),
            remedy: "than 16 precede the final one; raise it with --limit interim=COUNT"
        ),
    ]

    static let framings = [
        answer("a chunk size that is no number", Wire.head() + "zz\r\ndata: x\n\n\r\n"),
        answer("a chunk longer than its size", Wire.head() + "3\r\ndata: x\n\n\r\n"),
        answer("a chunk size over 64 bits", Wire.head() + "fffffffffffffffff\r\n"),
        answer(
            "a chunk-size line over the limit",
            Wire.head() + "1;" + String(repeating: "x", count: 5_000),
            remedy: "longer than 4096 bytes; raise it with --limit chunk-line=SIZE"
        ),
        answer(
            "a chunk-size line over the least limit that is obeyed",
            Wire.head() + "1;" + String(repeating: "x", count: 50),
            ["--limit", "chunk-line=4"],
            remedy: "longer than 32 bytes; raise it with --limit chunk-line=SIZE"
        ),
        answer(
            "trailers over the limit",
            Wire.head() + "0\r\n" + String(repeating: "A: b\r\n", count: 400),
            ["--limit", "trailers=1k"],
            remedy: "larger than 1024 bytes; raise it with --limit trailers=SIZE"
        ),
    ]

    static let streams = [
        FailureCase(
            "a line over the limit",
            "sse_protocol",
            [
                .send(Wire.head() + Wire.chunk("data: " + String(repeating: "x", count: 2_000))),
                .hold,
            ],
            ["--limit", "line=1k"],
            remedy: "raise it with --limit line=SIZE"
        ),
        FailureCase(
            "an event over the limit",
            "sse_protocol",
            [
                .send(Wire.head()),
                .send(Wire.chunk(String(repeating: "data: 0123456789\n", count: 200))), .hold,
            ],
            ["--limit", "event=1k"],
            remedy: "raise it with --limit event=SIZE"
        ),
        FailureCase(
            "the API's error object",
            "error_event",
            [
                .send(
                    Wire.head() + Wire.chunk(Wire.delta("a"))
                        + Wire.chunk("data: {\"error\":{\"message\":\"out of memory\"}}\n\n")
                        + Wire.chunk(Wire.done) + Wire.lastChunk
                )
            ],
            ["--api", "openai-chat"],
            status: 200,
            sample: "out of memory",
            remedy: "`ssebomb probe` shows what it said"
        ),
    ]
}
