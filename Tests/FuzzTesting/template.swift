// Fuzz target: templates of bodies, request targets and header fields. A text without places is
// sent as it stands, JSON stays JSON whatever is filled in, and nothing that is filled in can begin
// another header field.

/// Takes the input as each kind of text.
func fuzzTemplate(_ input: UnsafeRawBufferPointer) {
    for kind in [RequestPattern.Kind.json, .plain] { checkBody(input, kind) }
    checkHead(input)
}

/// A text that is to be spelled in every notation. It begins with hexadecimal digits: a template
/// may put it behind the beginning of an escape.
private let prompt = RequestBytes.escaped("0000\"\\\r\nX: y\u{1}é{{index}}".utf8)

private func parts(_ body: RequestParts.Body) -> RequestParts {
    var parts = RequestParts()
    parts.body = body
    parts.prompt = .text(prompt)
    parts.limit = .fixed(12)
    return parts
}

private func checkBody(_ input: UnsafeRawBufferPointer, _ kind: RequestPattern.Kind) {
    var pattern = RequestPattern()
    do throws(TemplateFault) {
        try pattern.append(template: input, as: kind)
    } catch {
        expect(error.offset < input.count && !error.problem.isEmpty, "a fault outside the text")
        return
    }
    let body = sampleSource(parts(.pattern(pattern))).preview(3, seed: 1).body
    if !TemplateScan.holdsName(input), !holdsEscape(input) {
        expect(body.elementsEqual(input), "a text without places was changed")
    }
    guard kind == .json, pattern.sample.withUnsafeBytes({ isJSONDocument($0) }) else { return }
    expect(body.withUnsafeBytes { isJSONDocument($0) }, "the filled-in body isn't JSON")
}

private func holdsEscape(_ input: UnsafeRawBufferPointer) -> Bool {
    TemplateScan.marks(in: Array(input)).contains { $0.content == .escape }
}

/// As path and as header field, where the request template takes it.
private func checkHead(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    for (target, value) in [("/" + text, ""), ("/", text)] {
        guard let template = sampleTemplate(target, value) else { continue }
        var parts = parts(.none)
        parts.fillsHead = true
        guard let source = try? RequestSource(parts, head: template) else { continue }
        let head = source.preview(3, seed: 1).head
        expect(ends(head) == ends(template.bytes), "a line was filled in")
        expect(head.filter { $0 == 0x0D }.count == ends(head), "a CR was filled in")
    }
}

private func ends(_ head: [UInt8]) -> Int { head.filter { $0 == 0x0A }.count }

/// A request to `target` with one field; nil where HTTP doesn't allow it.
private func sampleTemplate(_ target: String, _ value: String) -> RequestTemplate? {
    let request = RequestSpecification(
        method: "POST",
        scheme: "http",
        host: "h",
        port: 80,
        target: target,
        headers: [HeaderField(name: "X-A", value: value)],
        body: []
    )
    return try? RequestTemplate(request, userAgent: "t")
}

/// A source of requests with a plain head.
func sampleSource(_ parts: RequestParts) -> RequestSource {
    guard let head = sampleTemplate("/", ""), let source = try? RequestSource(parts, head: head)
    else { stop("a plain head was refused") }
    return source
}
