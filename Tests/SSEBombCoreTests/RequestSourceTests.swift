// Requests made from templates, rows and words: their bytes, and that these follow from number and
// seed alone.

import Foundation
import Testing

@testable import SSEBombCore

/// A POST of JSON to `target`.
func sampleTemplate(
    _ target: String = "/v1/chat/completions",
    headers: [HeaderField] = []
) throws -> RequestTemplate {
    let request = RequestSpecification(
        method: "POST",
        scheme: "http",
        host: "h",
        port: 80,
        target: target,
        headers: headers,
        body: []
    )
    return try RequestTemplate(request, userAgent: "t")
}

func pattern(_ text: String, _ kind: RequestPattern.Kind = .json) throws -> RequestPattern {
    var pattern = RequestPattern()
    try pattern.append(template: text.utf8, as: kind)
    return pattern
}

extension RequestSource {
    func bodyText(_ number: UInt64, seed: UInt64 = 1) -> String {
        String(decoding: preview(number, seed: seed).body, as: UTF8.self)
    }

    func headText(_ number: UInt64) -> String {
        String(decoding: preview(number, seed: 1).head, as: UTF8.self)
    }
}

private func source(
    _ body: String,
    _ kind: RequestPattern.Kind = .json,
    prompt: String = "p",
    change: (inout RequestParts) -> Void = { _ in }
) throws -> RequestSource {
    var parts = RequestParts()
    parts.body = .pattern(try pattern(body, kind))
    parts.prompt = .text(Array(JSONEscape.escaped(prompt).utf8))
    parts.limit = .fixed(64)
    change(&parts)
    return try RequestSource(parts, head: try sampleTemplate())
}

@Suite("Templates of requests") struct TemplateTests {
    @Test(
        "places are filled in as they stand",
        arguments: [
            (#"{"i":{{index}},"s":{{seed}},"m":{{max_tokens}}}"#, #"{"i":7,"s":1,"m":64}"#),
            (#"{"p":"{{prompt}}"}"#, #"{"p":"a\"b\\\n\u0001é"}"#),
            (#"{"p":{{prompt}}}"#, #"{"p":"a\"b\\\n\u0001é"}"#),
            (#"{"\"{{index}}":"x{{index}}{{index}}"}"#, #"{"\"7":"x77"}"#),
            (#"{"a":{"b":{{index}}}}"#, #"{"a":{"b":7}}"#),
            (#"{{{index}}}"#, #"{7}"#),
            (#"{"lit":"{{{{index}}","n":{{index}}}"#, #"{"lit":"{{index}}","n":7}"#),
            (#"{"a":{"b":{}}}"#, #"{"a":{"b":{}}}"#),
        ]
    )
    func filled(template: String, expected: String) throws {
        let source = try source(template, prompt: "a\"b\\\n\u{1}é")
        #expect(source.bodyText(7) == expected)
    }

    @Test("a body that isn't JSON gets the prompt unescaped") func plain() throws {
        let source = try source("say {{prompt}}!", .plain, prompt: "a\"b\nü\u{1F600}")
        #expect(source.bodyText(0) == "say a\"b\nü\u{1F600}!")
    }

    @Test("URL and header fields are filled in, each in its own notation") func head() throws {
        var parts = RequestParts()
        parts.body = .pattern(try pattern("{}"))
        parts.prompt = .text(Array(JSONEscape.escaped("a b/ü\n\"").utf8))
        parts.fillsHead = true
        let head = try sampleTemplate(
            "/x/{{index}}?q={{prompt}}",
            headers: [HeaderField(name: "X-P", value: "{{prompt}};{{uuid}}")]
        )
        let text = try RequestSource(parts, head: head).headText(3)
        #expect(text.hasPrefix("POST /x/3?q=a%20b%2F%C3%BC%0A%22 HTTP/1.1\r\n"))
        #expect(text.contains("\r\nX-P: a b/ü \";"))
        #expect(text.contains("\r\nContent-Length: 2\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
        #expect(text.components(separatedBy: "\r\n\r\n").count == 2)
    }

    @Test("without fillsHead the head is sent as it is") func headAsItIs() throws {
        let head = try sampleTemplate("/x/{{index}}")
        let text = try RequestSource(RequestParts(), head: head).headText(3)
        #expect(text.hasPrefix("POST /x/{{index}} HTTP/1.1\r\n"))
    }

    @Test("Content-Length follows the body") func length() throws {
        let source = try source(#"{"i":{{index}}}"#)
        for number in [0, 9, 10, 123_456] as [UInt64] {
            let (head, body) = source.preview(number, seed: 1)
            let text = String(decoding: head, as: UTF8.self)
            #expect(text.contains("Content-Length: \(body.count)\r\n"))
        }
    }

    @Test("a UUID is a random one by its form, one a request, never twice") func uuid() throws {
        let source = try source(#"["{{uuid}}","{{uuid}}",{{uuid}}]"#)
        var seen: Set<String> = []
        for number in 0..<1_000 as Range<UInt64> {
            let parts: [Substring] = source.bodyText(number).split(separator: "\"")
            let texts = parts.filter { $0.count == 36 }
            #expect(texts.count == 3)
            #expect(Set(texts).count == 1)
            let text = try #require(texts.first)
            seen.insert(String(text))
            let groups = text.split(separator: "-").map(\.count)
            #expect(groups == [8, 4, 4, 4, 12])
            let digits = Array(text.utf8)
            #expect(digits[14] == UInt8(ascii: "4"))
            #expect("89ab".utf8.contains(digits[19]))
        }
        #expect(seen.count == 1_000)
    }

    @Test(
        "another name is refused with its place",
        arguments: [(#"{"a":{{indx}}}"#, 5, "{{indx}}"), ("{{index}}{{PROMPT}}", 9, "{{PROMPT}}")]
    )
    func unknown(template: String, offset: Int, word: String) {
        let fault = #expect(throws: TemplateFault.self) { _ = try pattern(template) }
        #expect(fault?.offset == offset)
        #expect(fault?.problem.contains(word) == true)
    }

    @Test("what holds a name is a template, what holds another word isn't") func detection() {
        #expect(TemplateScan.holdsName("a{{uuid}}".utf8))
        #expect(!TemplateScan.holdsName("{{{{uuid}}".utf8))
        #expect(!TemplateScan.holdsName("{{ uuid }} {{}} {\"a\":{\"b\":{}}} {{user}}".utf8))
        #expect(TemplateScan.unknownWord("x {{user}} {{b}}".utf8) == "user")
        #expect(TemplateScan.unknownWord(#"{"a":{{"b":1}}}"#.utf8) == nil)
    }
}

@Suite("Sources of requests") struct RequestSourceTests {
    private func words(_ text: some StringProtocol) -> Int { text.split(separator: " ").count }

    @Test("a synthetic prompt has as many words as were drawn, and draws by number")
    func synthetic() throws {
        let source = try source(#"{"p":"{{prompt}}","m":{{max_tokens}}}"#) {
            $0.prompt = .synthetic(SyntheticPrompts(length: .uniform(3, 40)))
            $0.limit = .drawn(.uniform(5, 9))
        }
        var lengths: Set<Int> = []
        var bodies: Set<String> = []
        for number in 0..<500 as Range<UInt64> {
            let body = source.bodyText(number)
            let prompt = try #require(body.split(separator: "\"").dropFirst(3).first)
            #expect((3...40).contains(words(prompt)))
            let limit = try #require(body.split(separator: ":").last?.dropLast())
            #expect((5...9).contains(Int(limit) ?? 0))
            lengths.insert(words(prompt))
            bodies.insert(body)
            #expect(body == source.bodyText(number))
        }
        #expect(lengths == Set(3...40))
        #expect(bodies.count == 500)
        #expect(source.bodyText(0) != source.bodyText(0, seed: 2))
    }

    @Test("a prompt of N words has N, and no two spaces") func exactLength() throws {
        let source = try source("{{prompt}}", .plain) {
            $0.prompt = .synthetic(SyntheticPrompts(length: .constant(100)))
        }
        let text = source.bodyText(0)
        #expect(words(text) == 100)
        #expect(!text.contains("  "))
        #expect(text.first != " " && text.last != " ")
    }

    @Test("requests share as many prefixes as there are groups") func prefixes() throws {
        let source = try source("{{prompt}}", .plain) {
            $0.prompt = .synthetic(SyntheticPrompts(length: .constant(5)))
            $0.prefix = SharedPrefix(words: 20, groups: 4)
        }
        var counts: [String: Int] = [:]
        for number in 0..<400 as Range<UInt64> {
            let all = source.bodyText(number).split(separator: " ")
            #expect(all.count == 25)
            counts[all.prefix(20).joined(separator: " "), default: 0] += 1
        }
        #expect(counts.count == 4)
        // Binomial around 100 with a standard deviation of 8.7: five of them.
        #expect(counts.values.allSatisfy { abs($0 - 100) < 44 })
    }

    @Test("--unique makes every prompt begin in a way of its own") func unique() throws {
        let source = try source("{{prompt}}", .plain, prompt: "same") { $0.isUnique = true }
        let starts = (0..<5_000 as Range<UInt64>).map { source.bodyText($0).prefix(16) }
        #expect(Set(starts).count == 5_000)
        #expect(source.bodyText(0).hasSuffix(" same"))
        #expect(source.hasVaryingBodies)
    }

    @Test("rows are sent byte for byte, also those that look like templates") func rows() throws {
        let lines = ["{\"a\": \"{{index}}\" }", "[1,\t2]", "\"\\u00e9\""]
        let file = MappedFile(Array(lines.joined(separator: "\n").utf8), name: "f")
        var parts = RequestParts()
        parts.body = .rows(try BodyFile.rows(of: file, for: "--bodies", path: "/", isJSON: true))
        let source = try RequestSource(parts, head: try sampleTemplate())
        #expect((0..<6).map { source.bodyText($0) } == lines + lines)
    }

    @Test("what loops share is read only: all at once make the same bytes") func concurrent()
        async throws
    {
        let source = try source(#"{"p":"{{prompt}}"}"#) {
            $0.prompt = .synthetic(SyntheticPrompts(length: .lognormal(median: 50, sigma: 1)))
        }
        let expected = (0..<64 as Range<UInt64>).map { source.bodyText($0) }
        await withTaskGroup(of: [String].self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<64 as Range<UInt64>).map { source.bodyText($0) } }
            }
            for await texts in group { #expect(texts == expected) }
        }
    }

    @Test("a run whose bodies are all the same is known as such") func samePrompt() throws {
        #expect(try !source(#"{"s":{{seed}}}"#).hasVaryingBodies)
        #expect(try !source(#"{"p":"{{prompt}}"}"#).hasVaryingBodies)
        #expect(try source(#"{"i":{{index}}}"#).hasVaryingBodies)
        #expect(try source(#"{"p":"{{prompt}}"}"#) { $0.isUnique = true }.hasVaryingBodies)
    }
}
