// The rendered request, byte for byte, and what is refused before it could reach a wire.

import Testing

@testable import SSEBombCore

private func specification(
    method: String = "GET",
    scheme: String = "http",
    host: String = "llm.example",
    port: UInt16 = 80,
    target: String = "/v1",
    headers: [HeaderField] = [],
    body: [UInt8]? = nil
) -> RequestSpecification {
    RequestSpecification(
        method: method,
        scheme: scheme,
        host: host,
        port: port,
        target: target,
        headers: headers,
        body: body
    )
}

private func render(_ specification: RequestSpecification) throws -> String {
    let template = try RequestTemplate(specification, userAgent: "ssebomb/0")
    return String(decoding: template.bytes, as: UTF8.self)
}

private func field(_ name: String, _ value: String) -> HeaderField {
    HeaderField(name: name, value: value)
}

/// The sentence of the refusal; nil when nothing was refused.
private func refusal(_ specification: RequestSpecification) -> String? {
    do {
        _ = try RequestTemplate(specification, userAgent: "ssebomb/0")
        return nil
    } catch {
        #expect(error.kind == .usage)
        return error.sentence
    }
}

@Suite("Request template") struct RequestTemplateTests {
    @Test("A request without body is rendered byte for byte") func plain() throws {
        let expected = """
            GET /v1?x=%20 HTTP/1.1\r
            Host: llm.example\r
            User-Agent: ssebomb/0\r
            Accept: text/event-stream\r
            Cache-Control: no-cache\r
            \r

            """
        #expect(try render(specification(target: "/v1?x=%20")) == expected)
    }

    @Test("A request with a body names its type and length") func withBody() throws {
        let request = specification(
            method: "POST",
            headers: [field("Authorization", "Bearer abc"), field("X-A", "")],
            body: Array("{}".utf8)
        )
        let expected = """
            POST /v1 HTTP/1.1\r
            Host: llm.example\r
            User-Agent: ssebomb/0\r
            Accept: text/event-stream\r
            Cache-Control: no-cache\r
            Content-Type: application/json\r
            Content-Length: 2\r
            Authorization: Bearer abc\r
            X-A: \r
            \r
            {}
            """
        #expect(try render(request) == expected)
    }

    @Test("A body of any bytes is sent as it is") func bodyIsExact() throws {
        let body = (0...255).map { UInt8($0) } + [0, 13, 10, 13, 10, 0xFF]
        let request = specification(method: "POST", body: body)
        let template = try RequestTemplate(request, userAgent: "a")
        #expect(Array(template.bytes.suffix(body.count)) == body)
        let head = String(decoding: template.bytes.dropLast(body.count), as: UTF8.self)
        #expect(head.hasSuffix("\r\nContent-Length: 262\r\n\r\n"))
    }

    @Test("An empty body has length 0, none has no length") func emptyBody() throws {
        #expect(try render(specification(body: [])).contains("\r\nContent-Length: 0\r\n"))
        #expect(try !render(specification()).lowercased().contains("content-"))
    }

    @Test(
        "A given field replaces the default of its name, in any case",
        arguments: ["Host", "hOST", "User-Agent", "USER-AGENT", "accept", "cache-control"]
            + ["content-type", "Content-Length"]
    )
    func replaces(name: String) throws {
        let request = specification(method: "POST", headers: [field(name, "mine")], body: [65])
        let lines = try render(request).split(separator: "\r\n")
        let same = lines.filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }
        #expect(same == ["\(name): mine"])
        #expect(lines.filter { $0.contains(": ") }.count == 6)
    }

    @Test("Fields given twice are sent twice, in their order") func duplicates() throws {
        let given = [field("X-Tag", "b"), field("x-tag", "a"), field("X-Tag", "b")]
        let text = try render(specification(headers: given))
        #expect(text.hasSuffix("\r\nX-Tag: b\r\nx-tag: a\r\nX-Tag: b\r\n\r\n"))
    }

    @Test("No Content-Length stands beside a Transfer-Encoding") func transferEncoding() throws {
        let request = specification(
            method: "POST",
            headers: [field("transfer-encoding", "chunked")],
            body: Array("0\r\n\r\n".utf8)
        )
        #expect(try !render(request).contains("Content-Length"))
    }

    @Test(
        "Host carries the port only where it isn't the scheme's own, and brackets for IPv6",
        arguments: [
            ("http", "a.example", 80, "a.example"), ("http", "a.example", 443, "a.example:443"),
            ("https", "a.example", 443, "a.example"), ("https", "a.example", 80, "a.example:80"),
            ("http", "::1", 80, "[::1]"), ("https", "2001:db8::2", 8_443, "[2001:db8::2]:8443"),
            ("http", "127.0.0.1", 8_080, "127.0.0.1:8080"),
        ] as [(String, String, UInt16, String)]
    )
    func authority(scheme: String, host: String, port: UInt16, expected: String) throws {
        let request = specification(scheme: scheme, host: host, port: port)
        #expect(request.authority == expected)
        #expect(try render(request).contains("\r\nHost: \(expected)\r\n"))
    }

    @Test(
        "A line break or NUL in a value is refused by the field's name alone",
        arguments: ["secret\rX: y", "secret\nX: y", "secret\0", "\r\nsecret"]
    )
    func smuggledValue(value: String) throws {
        let request = specification(headers: [field("X-Good", "1"), field("X-Key", value)])
        let sentence = try #require(refusal(request))
        #expect(sentence.contains("X-Key"))
        #expect(!sentence.contains("secret"))
    }

    @Test(
        "A name that isn't a token is refused",
        arguments: ["", "X Y", "X:", "X\r\nY", "X\0", "X\u{e9}", "(x)", "a/b", "\t"]
    )
    func badName(name: String) {
        #expect(refusal(specification(headers: [field(name, "v")])) != nil)
    }

    @Test("Every character of a token is a valid name", arguments: Array("!#$%&'*+-.^_`|~09azAZ"))
    func goodName(character: Character) {
        #expect(refusal(specification(headers: [field(String(character), "v")])) == nil)
    }

    @Test("A method that isn't a token is refused", arguments: ["", "GET /", "GE\rT", "G\0"])
    func badMethod(method: String) { #expect(refusal(specification(method: method)) != nil) }

    @Test(
        "A target or host that could end the request line or a field is refused",
        arguments: ["/a b", "/a\r\nX: y", "/\n", "/\0", "/\t", "/\u{7F}", ""]
    )
    func badTarget(target: String) {
        #expect(refusal(specification(target: target)) != nil)
        #expect(refusal(specification(host: target)) != nil)
    }

    @Test(
        "HEAD is a method of its own, its lower case another",
        arguments: zip(["HEAD", "head", "Head", "GET"], [true, false, false, false])
    )
    func head(method: String, isHead: Bool) throws {
        let template = try RequestTemplate(specification(method: method), userAgent: "a")
        #expect(template.isHead == isHead)
        #expect(
            String(decoding: template.bytes, as: UTF8.self).hasPrefix("\(method) /v1 HTTP/1.1\r\n")
        )
    }

    @Test(
        "A Connection field with close is noticed in any case",
        arguments: zip(
            [
                ("Connection", "close"), ("CONNECTION", "x, Close"), ("Connection", "keep-alive"),
                ("X-Connection", "close"),
            ],
            [true, true, false, false]
        )
    )
    func asksClose(given: (String, String), asks: Bool) throws {
        let request = specification(headers: [field(given.0, given.1)])
        #expect(try RequestTemplate(request, userAgent: "a").asksClose == asks)
    }
}
