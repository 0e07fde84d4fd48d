// Secrets stay secret: whatever is given in headers, the URL or the body, and whatever a server
// makes of it, it stands in no output of the real binary.

import Foundation
import Testing

@Suite("Secrets")
struct SecretTests {
    private static let header = "canary-Header/42+x"
    private static let bearer = "sk-canaryBearer0123456789"
    private static let query = "canary%2FQuery%2B77"
    private static let user = "canary-user"
    private static let password = "canary:p@ss word"
    private static let body = "canaryBodyText"
    private static let cookie = "canaryCookieValue"

    /// Everything given by `arguments` that must not be seen, in the forms a server may give it.
    private static let forbidden =
        forms([header, "canary/Query+77", password, cookie])
        + [query, "\(user):\(password)", body]

    private static func forms(_ secrets: [String]) -> [String] {
        secrets.flatMap { text -> [String] in
            let base64 = Data(text.utf8).base64EncodedString()
            let percent = text.utf8.map { "%" + String(format: "%02X", $0) }.joined()
            let urlStyle = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return [
                text, base64, base64.replacingOccurrences(of: "=", with: ""), percent,
                percent.lowercased(), urlStyle,
            ]
        }
    }

    private static func arguments(_ server: ScriptedServer) -> [String] {
        let login = "\(user):canary%3Ap%40ss%20word"
        return [
            "-H", "X-Api-Key: \(header)", "-H", "Cookie: session=\(cookie)", "--body", body, "-H",
            "Content-Type: text/plain",
            "http://\(login)@127.0.0.1:\(server.port)/path?key=\(query)",
        ]
    }

    private func expectClean(
        _ secrets: [String],
        in texts: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for text in texts {
            for secret in secrets where text.contains(secret) {
                Issue.record("shown: \(secret)", sourceLocation: sourceLocation)
            }
        }
    }

    @Test("the command line of a result runs it again, but for what it hides")
    func command() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let header = try directory.write("header", Array("X-Api-Key: \(Self.header)".utf8))
        let place = "llm.invalid:80:127.0.0.1:\(mock.port)"
        let flags = [
            "-n2", "-H@\(header)", "--model=m", "--max-tokens", "3", "-4", "--connect-to", place,
            "--label", "note=it's \(Self.header)", "--format=json", "-4q",
        ]
        let shown = [
            "-n", "2", "-H", "@\(header)", "--model", "m", "--max-tokens", "3", "-4",
            "--connect-to", place, "--label", "note=it's ***", "--format", "json", "-4", "-q",
        ]
        let url = "http://llm.invalid/v1/chat/completions"
        let first = try await words(flags + [url])
        #expect(first.words == ["ssebomb"] + shown + [url])
        let again = try await words(Array(first.words.dropFirst()))
        #expect(again.words == first.words)
        #expect(again.plan == first.plan)

        #expect(first.label == "it's ***")
        let hidden = ["-H", "X-Other: short", "--prompt", "@my text", "--param", "user=\"me\""]
        let masked = ["-H", "X-Other: ***", "--prompt", "***", "--param", "user=***"]
        let second = try await words(flags + hidden + ["\(url)?q=1"])
        #expect(second.words == ["ssebomb"] + shown + masked + ["\(url)?q=***"])
    }

    /// The command line that a run's result has, and what became of its plan.
    private func words(
        _ arguments: [String]
    ) async throws -> (words: [String], plan: [String], label: String?) {
        let outcome = try await Binary.run(arguments)
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let result = try JSONValue(parsing: outcome.stdout)
        let command = try #require(result["run"]["command"].array)
        let words = command.compactMap { $0.text }
        let plan = ["url", "api", "model"].map { result["plan"][$0].text ?? "" }
        let numbers = ["requests", "body_bytes"].map { "\(result["plan"][$0].int ?? -1)" }
        return (words, plan + numbers, result["run"]["labels"]["note"].text)
    }

    @Test("no output shows what was given")
    func quiet() async throws {
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(Wire.events(2))), .again])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2"] + Self.arguments(server))
        #expect(run.completed == 2)
        let sent = try #require(server.requests.first)
        let login = Data("\(Self.user):\(Self.password)".utf8).base64EncodedString()
        for part in [Self.header, Self.query, Self.body, Self.cookie, "Basic \(login)"] {
            #expect(sent.contains(part), "the server gets it")
        }
        let hidden = Self.forbidden + [Self.body, login]
        expectClean(hidden, in: [run.outcome.stdout, run.outcome.stderr, run.resultText])
    }

    @Test("no output shows what a server echoes, in whatever form")
    func echoed() async throws {
        let echo = Self.forbidden.joined(separator: " | ")
        let error = Wire.whole("400 Bad Request", type: "text/plain", "you sent: \(echo)")
        let server = try ScriptedServer([.readRequest, .send(error)])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2"] + Self.arguments(server))
        #expect(run.failures == ["http_status": 2])
        #expect(run.errors("http_status").first?["sample"].text?.contains("you sent") == true)
        let texts = [run.outcome.stdout, run.outcome.stderr, run.resultText]
        expectClean(Self.forbidden, in: texts)
        for arguments in [["probe"], ["probe", "--json"]] {
            let outcome = try await Binary.run(arguments + Self.arguments(server))
            #expect(outcome.status == 1)
            expectClean(Self.forbidden, in: [outcome.stdout, outcome.stderr])
        }
    }

    @Test("no export shows what was given or echoed, at the end of the run or later")
    func exported() async throws {
        let echo = Self.forbidden.joined(separator: " | ")
        let error = Wire.whole("400 Bad Request", type: "text/plain", "you sent: \(echo)")
        let server = try ScriptedServer([.readRequest, .send(error)])
        defer { server.stop() }
        let (now, later) = (try TemporaryDirectory(), try TemporaryDirectory())
        let summary = try later.write("summary", [])
        let run = try await LoadRun.run(
            ["-n", "2", "--threshold", "failures:share<0.5"] + Exports.all(in: now)
                + Self.arguments(server),
            environment: ["GITHUB_STEP_SUMMARY": summary]
        )
        let stored = try now.write("stored.json", Array(run.resultText.utf8))
        // Another run, by its id.
        let twin = run.resultText.unsealed.replacingOccurrences(
            of: "\"id\" : \"",
            with: "\"id\" : \"f"
        )
        let other = try now.write("other.json", Array(twin.utf8))
        let outcome = try await Binary.run(["report", stored] + Exports.all(in: later))
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let merged = try TemporaryDirectory()
        let merge = ["merge", stored, other, "-o", merged.file("merged.json")]
        let whole = try await Binary.run(merge + Exports.all(in: merged))
        #expect(whole.status == 0, "\(whole.stderr)")
        #expect(now.names.count == 13 && later.names.count == 12 && merged.names.count == 12)
        let login = Data("\(Self.user):\(Self.password)".utf8).base64EncodedString()
        let hidden = Self.forbidden + Self.forms([Self.body]) + [login]
        for directory in [now, later, merged] {
            for name in directory.names {
                let text = directory.text(name)
                #expect(!text.isEmpty, "\(name)")
                expectClean(hidden, in: [text])
            }
        }
        for format in ["text", "json", "markdown"] {
            let shown = try await Binary.run(["report", stored, "--format", format])
            let compared = try await Binary.run([
                "compare", "--allow-invalid", stored, other, "--format", format,
            ])
            #expect(!shown.stdout.isEmpty && !compared.stdout.isEmpty, "\(compared.stderr)")
            expectClean(hidden, in: [shown.stdout, compared.stdout, compared.stderr])
        }
        #expect(now.text("aiperf-json").contains("http_status"))
        #expect(later.text("summary").contains("## ssebomb"))
    }

    /// Texts of a body, each with what a server may make of it.
    private static let texts: [(text: String, echo: String)] = [
        ("canary one\nof \"lines\"", #"canary one\nof \"lines\""#),
        ("canary gr\u{fc}n \u{1f600} leaf", #"canary gr\u00fcn \ud83d\ude00 leaf"#),
        (String(repeating: "canaries in a long text, ", count: 40), ""),
    ]

    @Test("no output shows a body's texts that a server echoes, as an error or as an event")
    func echoedBody() async throws {
        let texts = Self.texts.map(\.text)
        let messages = texts.map { ["role": "user", "content": $0] }
        let object: [String: Any] = ["model": "canned-model-1", "messages": messages]
        let bytes = try JSONSerialization.data(withJSONObject: object)
        let body = String(decoding: bytes, as: UTF8.self)
        let echo = Self.texts.map { $0.echo + "|" + $0.text }.joined(separator: "|")
        let error = Wire.whole("400 Bad Request", type: "text/plain", "canned-model-1: \(echo)")
        // What can stand in a JSON string as it is.
        let line = Self.texts.map(\.echo).joined(separator: "|") + "|" + texts[1] + "|" + texts[2]
        let event = Wire.stream(
            "event: error\ndata: {\"error\":{\"message\":\"\(line)\"}}\n\n"
        )
        let prompts = [
            "--model", "m", "--system", texts[2], "--prompt", texts[0], "--param",
            #"user="\#(Self.texts[1].echo)""#, "--param", #"stop=["another canary to keep"]"#,
        ]
        let three = Wire.whole(
            "400 Bad Request",
            type: "text/plain",
            "\(texts[0])|\(texts[1])|another canary to keep|\(texts[2])"
        )
        let encoded = Wire.whole("400 Bad Request", type: "text/plain", bytes.base64EncodedString())
        let directory = try TemporaryDirectory()
        let rows = try directory.write("rows.jsonl", Array((body + "\n").utf8))
        let cases = [
            (["--body", body], error), (["--body", body], event), (prompts, three),
            (["--template", "--body", body], error), (["--body", body], encoded),
            (["--bodies", rows], error), (["--bodies", rows], encoded),
        ]
        for (flags, answer) in cases {
            let server = try ScriptedServer([.readRequest, .send(answer)])
            defer { server.stop() }
            let request = flags + ["\(server.url)/v1/chat/completions"]
            let run = try await LoadRun.run(["-n", "1"] + request)
            #expect(run.completed == 0)
            var shown = [run.outcome.stdout, run.outcome.stderr, run.resultText]
            for arguments in [["probe"], ["probe", "--json"]] {
                let outcome = try await Binary.run(arguments + request)
                shown += [outcome.stdout, outcome.stderr]
            }
            // "canary" in base64, at each of the three alignments.
            for trace in ["canar", "Y2FuYXJ5", "NhbmFye", "YW5hcn"] {
                for text in shown { #expect(!text.contains(trace), "\(flags) \(trace)") }
            }
            #expect(shown[2].contains("***"))
        }
    }

    @Test(
        "no output shows what stands in the requests' files, given back as a name",
        arguments: ["--bodies", "--dataset", "--trace"]
    )
    func echoedNames(_ flag: String) async throws {
        // A piece of it, as it is, percent-encoded and in base64.
        let canary = "canaries singing in the mine"
        let names = [
            "no canaries singing", "got:canaries%20singing%20in", "dXMgY2FuYXJpZXMgc2luZ2luZw==",
        ]
        let directory = try TemporaryDirectory()
        let message = #"{"messages":[{"role":"user","content":"other, \#(canary), all day"}]}"#
        let rows = [
            "--bodies": message, "--dataset": #"{"prompt":"other, \#(canary), all day"}"#,
            "--trace":
                #"{"at":0,"body":\#(message)}"#,
        ]
        let text = try #require(rows[flag])
        let file = try directory.write("rows.jsonl", Array("\(text)\n\(text)\n".utf8))
        for name in names {
            let events = "event: \(name)\n" + Wire.delta("x") + Wire.delta("y", finish: name)
            let server = try ScriptedServer([
                .readRequest,
                .send(Wire.stream("event: content_block_delta\n" + events + Wire.done)),
            ])
            defer { server.stop() }
            let model = flag == "--dataset" ? ["--model", "m"] : []
            let load = flag == "--trace" ? [] : ["-n", "1", "-c", "1"]
            let log = directory.file("q.ndjson")
            let run = try await LoadRun.run(
                [flag, file, "--per-request", log] + model + load
                    + ["\(server.url)/v1/chat/completions"]
            )
            let shown = [
                run.outcome.stdout, run.outcome.stderr, run.resultText, directory.text("q.ndjson"),
            ]
            for trace in ["canar", "Y2FuYXJ"] {
                for text in shown { #expect(!text.contains(trace), "\(flag) \(name): \(text)") }
            }
            #expect(shown[2].contains("\"***\"") && shown[3].contains("\"***\""), "\(name)")
        }
    }

    @Test("probe shows no secret that an event gives back")
    func probedEvents() async throws {
        let echo = (Self.forbidden + Self.forms([Self.cookie])).joined(separator: " | ")
        let events = "event: \(Self.cookie)\nid: \(Self.header)\ndata: \(echo)\n\n"
        let finish = Wire.delta("x", finish: Self.header) + Wire.done
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(events + finish))])
        defer { server.stop() }
        for arguments in [["probe"], ["probe", "--json"]] {
            let outcome = try await Binary.run(arguments + Self.arguments(server))
            #expect(outcome.stdout.contains("***"))
            expectClean(Self.forbidden, in: [outcome.stdout, outcome.stderr])
        }
    }

    @Test("no line of the request log shows what the server gives back as its reason to end")
    func requestLog() async throws {
        let reasons = Self.forms([Self.cookie, Self.header]).filter { $0.utf8.count <= 48 }
        let body = reasons.map { Wire.delta("x", finish: $0) + Wire.done }
        let server = try ScriptedServer { connection in
            [.readRequest, .send(Wire.stream(body[connection % body.count]))]
        }
        defer { server.stop() }
        let directory = try TemporaryDirectory()
        let run = try await LoadRun.run(
            [
                "-n", "\(reasons.count)", "--no-keepalive", "--per-request", directory.file("q"),
            ] + Self.arguments(server)
        )
        #expect(run.completed == reasons.count)
        let lines = directory.text("q").split(separator: "\n")
        #expect(lines.count == reasons.count && lines.allSatisfy { $0.contains("***") })
        expectClean(Self.forbidden + [Self.body], in: [directory.text("q")])
    }

    @Test("a token from the environment is sent and never shown")
    func bearerFromEnvironment() async throws {
        let error = Wire.whole(
            "401 Unauthorized",
            type: "text/plain",
            "bad: \(Self.forms([Self.bearer]))"
        )
        let server = try ScriptedServer([.readRequest, .send(error)])
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["-n", "1", "--bearer-env", "TOKEN", server.url],
            environment: ["TOKEN": Self.bearer]
        )
        #expect(server.requests.first?.contains("Authorization: Bearer \(Self.bearer)\r\n") == true)
        let texts = [run.outcome.stdout, run.outcome.stderr, run.resultText]
        expectClean(Self.forms([Self.bearer]), in: texts)
    }

    @Test("--dry-run masks secrets and sends nothing")
    func dryRun() async throws {
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        let given = Self.arguments(server).filter { ![Self.body, "--body"].contains($0) }
        let outcome = try await Binary.run(["--dry-run"] + given)
        #expect(outcome.status == 0)
        #expect(outcome.stdout.contains("***"))
        expectClean(Self.forbidden, in: [outcome.stdout, outcome.stderr])
        #expect(server.accepted == 0)
    }
}
