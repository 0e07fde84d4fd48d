// No secret of a request reaches a text, in whatever form a server may echo it.

import Foundation
import SSEBombCore
import Testing

@testable import SSEBombReport

@Suite struct RedactionTests {
    private static func redaction(
        _ name: String,
        _ value: String,
        target: String = "/"
    ) -> Redaction {
        Redaction(
            RequestSpecification(
                method: "GET",
                scheme: "http",
                host: "h",
                port: 80,
                target: target,
                headers: [HeaderField(name: name, value: value)]
            )
        )
    }

    @Test(
        "a secret is hidden in every notation a server may echo it in",
        arguments: [
            "token sk-canary/42+x= refused",
            "sk-canary/42+x=",
            "url-encoded sk-canary%2F42%2Bx%3D and %73k-canary%2f42%2bx%3d",
            #"json sk-canary\/42+x= and \u0073k-canary\/42\u002bx="#,
            "html sk-canary/42&#43;x&#61;",
            "html sk-canary&#x2F;42&#x2B;x&#x3D;", "html &#115;k-canary&#47;42&plus;x&equals;",
            "twice sk-canary%252F42%252Bx%253D", "thrice %252573k-canary%25252F42+x=",
            "hex 736b2d63616e6172792f34322b783d", "hex 736B2D63616E6172792F34322B783D",
            // "sk-canary/42+x=" in base64, at each of the three alignments.
            "base64 c2stY2FuYXJ5LzQyK3g9",
            "base64 IHNrLWNhbmFyeS80Mit4PQ==",
            "base64 ICBzay1jYW5hcnkvNDIreD0=",
            // Lines broken, as it is and in JSON inside JSON.
            "base64 c2stY2Fu\r\nYXJ5LzQy\n K3g9", #"base64 c2stY2Fu\r\nYXJ5LzQy\\nK3g9"#,
        ]
    )
    func everyNotation(_ echoed: String) {
        let shown = Self.redaction("Authorization", "Bearer sk-canary/42+x=").apply(to: echoed)
        #expect(shown.contains("***"))
        for trace in ["canary", "2FuYX", "NhbmFy", "YW5hcn", "anary"] {
            #expect(!shown.contains(trace), "\(shown)")
        }
    }

    @Test(
        "what a secret says when decoded is hidden too",
        arguments: [
            ("Authorization", "Basic dXNlcm5hbWU6aHVudGVyMg==", "hunter2"),
            ("Authorization", "Basic dXNlcm5hbWU6aHVudGVyMg==", "username"),
            ("X-Api-Key", "canary%2Ftail", "canary/tail"),
            ("Cookie", "theme=x; sid=canary", "canary"),
            ("X-Anything", "long-canary", "long-canary"),
        ]
    )
    func decodedForms(_ name: String, _ value: String, _ secret: String) {
        let shown = Self.redaction(name, value).apply(to: "before \(secret) after")
        #expect(shown == "before *** after")
    }

    @Test(
        "a server that reads a value's parts echoes nothing of them",
        arguments: [
            ("X-Auth", "user:a-canary", "/", "a-canary"),
            ("X-Auth", "u|a-canary|z", "/", "a-canary"),
            ("Referer", "http://h/?t=canary42&x=1", "/", "canary42"),
            ("X", "y", "/?keys=aaaa,a-canary,b", "a-canary"),
            ("X", "y", "/?a=1;key=canary42", "canary42"),
            ("X", "y", "/?filter={%22token%22:%22canary42%22}", "canary42"),
            ("X", "y", "/?key=sk-live+canary+42", "sk-live canary 42"),
            ("X", "y", "/?key=sk%2Dlive+canary+42", "sk-live canary 42"),
        ]
    )
    func parts(_ name: String, _ value: String, _ target: String, _ echoed: String) {
        let redaction = Self.redaction(name, value, target: target)
        #expect(redaction.apply(to: "before \(echoed) after") == "before *** after")
    }

    @Test("a text that was cut inside a secret keeps nothing of it")
    func cutInside() {
        let redaction = Self.redaction("X-Api-Key", "canary-in-a-coal-mine")
        #expect(redaction.apply(to: "your key canary-in-a") == "your key ***")
        #expect(redaction.apply(to: "your key canary%2din%2") == "your key ***")
        #expect(redaction.apply(to: "can") == "can")
    }

    @Test("of a body that comes back in base64 nothing is left but what joins its pieces")
    func encodedBody() {
        let texts = [
            String(repeating: "many canaries in a long text. ", count: 30), "a canary, \"quoted\"",
        ]
        var request = RequestSpecification(
            method: "POST",
            scheme: "http",
            host: "a",
            port: 80,
            target: "/",
            headers: []
        )
        request.commonTexts = texts
        request.body = Array(#"{"model":"m","n":[1,2],"prompt":"a canary,\nand \"another\""}"#.utf8)
        let redaction = Redaction(request)
        let whole = String(decoding: request.body ?? [], as: UTF8.self)
        for text in texts + [whole] {
            for before in ["", "x", "xy"] {
                let data = Data((before + text).utf8)
                let broken = data.base64EncodedString(options: .lineLength76Characters)
                let echo = before.isEmpty ? broken : data.base64EncodedString()
                let shown = redaction.apply(to: "got \(echo)!")
                let rest = shown.split(separator: "***")
                #expect(rest.count > 1 && rest.allSatisfy { $0.count <= 8 }, "\(shown)")
                #expect(shown.hasPrefix("got ") && shown.hasSuffix("!"))
            }
        }
    }

    @Test("values of the URL's query are secrets")
    func query() {
        let redaction = Self.redaction("Accept", "a", target: "/p?key=c%61nary&page=2&canary-alone")
        #expect(redaction.apply(to: "canary c%61nary 2 canary-alone") == "*** *** 2 ***")
    }

    @Test(
        "ordinary text stays as it is",
        arguments: [
            ("Authorization", "Bearer sk-123456", "send a Bearer token, %zz, \\u12, &amp"),
            ("Content-Type", "application/json", "expected application/json"),
            ("X-Mode", "fast", "not so fast"),
        ]
    )
    func ordinary(_ name: String, _ value: String, _ text: String) {
        #expect(Self.redaction(name, value).apply(to: text) == text)
    }

    @Test(
        "the URL keeps the names of its query, not the values",
        arguments: [
            ("/v1/chat", "http://h/v1/chat"), ("/p?key=canary", "http://h/p?key=***"),
            ("/p?a=1&b=&canary&", "http://h/p?a=***&b=***&***&"), ("/p?", "http://h/p?"),
        ]
    )
    func url(_ target: String, _ shown: String) {
        let request = RequestSpecification(
            method: "GET",
            scheme: "http",
            host: "h",
            port: 80,
            target: target
        )
        #expect(Redaction.url(of: request) == shown)
    }
}

/// What a server may echo of a body.
@Suite struct BodyRedactionTests {
    private static func redaction(_ body: String) -> Redaction {
        Redaction(
            RequestSpecification(
                method: "POST",
                scheme: "http",
                host: "h",
                port: 80,
                target: "/",
                body: Array(body.utf8)
            )
        )
    }

    @Test(
        "a text of a JSON body is hidden in every notation, and as far as it goes",
        arguments: [
            #"x "canary \"one\"\nünd zwei" y"#, "x canary \"one\"\nünd zwei y",
            #"x \"canary \\\"one\\\"\\nünd zwei\" y"#,
            #"x canary \"one\"\n\u00fcnd zwei y"#, #"x canary \"one\"... y"#,
            "x canary%20%22one%22%0A%C3%BCnd%20zwei y",
        ]
    )
    func notations(_ echoed: String) {
        let body = #"{"model":"a-long-model","stop":["canary \"one\"\n\u00fcnd zwei"]}"#
        let shown = Self.redaction(body).apply(to: echoed)
        #expect(shown.hasPrefix("x ") && shown.hasSuffix(" y") && shown.contains("***"))
        #expect(!shown.contains("canary") && !shown.contains("one") && !shown.contains("zwei"))
    }

    @Test(
        "a server that reads a body's fields echoes nothing of them that looks like a secret",
        arguments: [
            ("user=somebody&password=canary42x&mode=a", "canary42x"),
            (#"{"prompt":"my key canary42/+w== is it"}"#, "canary42/+w=="),
            (#"{"prompt":"my key canary42/+w== is it"}"#, "canary42"),
            (#"{"prompt":"say A-CANARY-IN-A-MINE twice"}"#, "A-CANARY-IN-A-MINE"),
            (#"{"metadata":{"canary42":1}}"#, "canary42"), (#"{"id":"canary42"}"#, "canary42"),
            ("some text with canary421 in it", "Y2FuYXJ5NDIx"),
            (#"{"p":"say canary42"}"#, "63616e6172793432"),
        ]
    )
    func fields(_ body: String, _ echoed: String) {
        let text = Self.redaction(body).apply(to: "no \(echoed) here")
        #expect(text == "no *** here")
    }

    @Test("names, the model and short words of a JSON body stay readable")
    func readable() {
        let text = "invalid_request_error: max_completion_tokens of a-long-model1 isn't for user"
        let body =
            #"{"max_completion_tokens":1,"model":"a-long-model1","role":"user","#
            + #""p":"why invalid_request_error of a-long-model1?"}"#
        #expect(Self.redaction(body).apply(to: text) == text)
    }

    @Test("a body that isn't JSON is hidden whole, of a template what is between its places")
    func plain() {
        #expect(Self.redaction("canary in a mine").apply(to: "<canary in a mine>") == "<***>")
        let template = Self.redaction(#"{"p":{{prompt}},"q":"canary in {{index}}, the mine is"}"#)
        #expect(template.apply(to: "canary in 7, the mine is") == "canary in 7***")
    }

    @Test("a long text leaves nothing, a hostile one doesn't take for ever")
    func long() {
        let words = (0..<3_000).map { "canary\($0)" }.joined(separator: " ")
        let redaction = Self.redaction("{\"p\":\"\(words)\"}")
        #expect(!redaction.apply(to: "got \(words.prefix(2_048))").contains("canary"))
        let slashes = String(repeating: "\\", count: 2_048)
        #expect(redaction.apply(to: slashes) == slashes)
    }
}
