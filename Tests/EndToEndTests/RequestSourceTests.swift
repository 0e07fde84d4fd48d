// Requests that differ, as a server sees them: the real binary against a scripted server that keeps
// what it got.

import Foundation
import Glibc
import Testing

@Suite("Bodies, prompts and templates")
struct RequestSourceTests {
    private static let kept: [ServerAction] = [
        .readRequest, .send(Wire.stream(Wire.events(1))), .again,
    ]

    private static func body(_ request: String) -> String {
        request.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
    }

    /// The bodies that a server got in a run with `arguments`, in the order in which they came.
    private func bodies(
        _ arguments: [String],
        path: String = "/v1/chat/completions"
    ) async throws -> [String] {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run(["--api", "raw"] + arguments + [server.url + path])
        #expect(run.failures == [:])
        #expect(run.completed == server.requests.count)
        return server.requests.map(Self.body)
    }

    @Test("the lines of --bodies are sent byte for byte, in order, and from the start again")
    func lines() async throws {
        let directory = try TemporaryDirectory()
        let lines = ["{\"a\": \"{{index}}\"}", "[ 1,\t2 ]", "\"ü\\u00fc\""]
        let file = try directory.write("b", Array(lines.joined(separator: "\n").utf8))
        #expect(try await bodies(["-n", "7", "--bodies", file]) == lines + lines + [lines[0]])
    }

    @Test("any number of threads sends the same requests", arguments: [1, 2, 3, 4])
    func threads(count: Int) async throws {
        let arguments = [
            "-n", "40", "-c", "8", "--seed", "77", "-t", "\(count)",
            "--body", "{\"i\":{{index}},\"u\":\"{{uuid}}\",\"p\":\"{{prompt}}\"}",
            "--synthetic", "uniform:5,30:8",
        ]
        let sent = try await bodies(arguments)
        let alone = try await bodies(arguments.map { $0 == "\(count)" ? "1" : $0 })
        #expect(sent.sorted() == alone.sorted())
        #expect(Set(sent).count == 40)
    }

    @Test("arrivals of the open model take rows by their number")
    func open() async throws {
        let directory = try TemporaryDirectory()
        let lines = (0..<20).map { "{\"row\":\($0)}" }
        let file = try directory.write("b", Array(lines.joined(separator: "\n").utf8))
        let sent = try await bodies(["-R", "200", "-n", "20", "-t", "2", "--bodies", file])
        #expect(sent.sorted() == lines.sorted())
    }

    @Test("a shuffle sends every row once a round, and in another order")
    func shuffle() async throws {
        let directory = try TemporaryDirectory()
        let lines = (0..<30).map { "{\"row\":\($0)}" }
        let file = try directory.write("b", Array(lines.joined(separator: "\n").utf8))
        let sent = try await bodies(["-n", "60", "--order", "shuffle", "--bodies", file])
        #expect(sent.prefix(30).sorted() == lines.sorted())
        #expect(sent.suffix(30).sorted() == lines.sorted())
        #expect(Array(sent.prefix(30)) != lines)
        #expect(Array(sent.prefix(30)) != Array(sent.suffix(30)))
    }

    @Test("URL, header fields and body are filled in, and Content-Length follows")
    func head() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let arguments = [
            "-n", "12", "--api", "raw", "-H", "X-Request: r-{{index}}-{{seed}}",
            "--body", "{\"i\":{{index}}}", "\(server.url)/p/{{index}}?q={{prompt}}",
        ]
        let run = try await LoadRun.run(arguments)
        #expect(run.completed == 12)
        for (index, request) in server.requests.enumerated() {
            #expect(request.hasPrefix("POST /p/\(index)?q= HTTP/1.1\r\n"))
            #expect(request.contains("\r\nX-Request: r-\(index)-1\r\n"))
            #expect(request.hasSuffix("\r\n\r\n{\"i\":\(index)}"))
        }
    }

    @Test("--no-template sends names as they stand")
    func noTemplate() async throws {
        let sent = try await bodies(["-n", "2", "--no-template", "--body", "{\"i\":\"{{index}}\"}"])
        #expect(sent == ["{\"i\":\"{{index}}\"}", "{\"i\":\"{{index}}\"}"])
    }

    @Test("--template fills in the lines of --bodies, too")
    func rowTemplates() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("b", Array("{\"a\":{{index}}}\n{\"b\":\"{{{{x\"}".utf8))
        let sent = try await bodies(["-n", "3", "--template", "--bodies", file])
        #expect(sent == ["{\"a\":0}", "{\"b\":\"{{x\"}", "{\"a\":2}"])
    }

    @Test("a request that meets a stale connection goes out again as it was")
    func stale() async throws {
        let server = try ScriptedServer(.ipv4) { number in
            number == 0
                ? [.readRequest, .send(Wire.stream(Wire.events(1))), .readRequest, .close]
                : Self.kept
        }
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["-n", "3", "--api", "raw", "--body", "{\"i\":{{index}}}", server.url]
        )
        #expect(run.completed == 3)
        #expect(run.requests("retried_stale") == 1)
        let numbers = server.requests.map(Self.body)
        #expect(numbers == ["{\"i\":0}", "{\"i\":1}", "{\"i\":1}", "{\"i\":2}"])
    }

    @Test("bodies larger than any socket buffer arrive whole, each its own")
    func large() async throws {
        let directory = try TemporaryDirectory()
        let lines = (0..<4).map { row in
            "{\"row\":\(row),\"x\":\"" + String(repeating: "\(row)", count: 6 << 20) + "\"}"
        }
        let file = try directory.write("b", Array(lines.joined(separator: "\n").utf8))
        let sent = try await bodies(["-n", "4", "-c", "2", "--bodies", file])
        #expect(sent.map(\.utf8.count) == lines.map(\.utf8.count))
        #expect(Set(sent) == Set(lines))
    }

    @Test("a server that answers before it has read the request gets the rest of it")
    func earlyAnswer() async throws {
        let size = 8 << 20
        let answer = Wire.head() + Wire.chunk(Wire.events(1))
        let server = try ScriptedServer([
            .readBytes(100), .send(answer), .wait(milliseconds: 100), .readBytes(size),
            .send(Wire.lastChunk), .close,
        ])
        defer { server.stop() }
        let text = String(repeating: "x", count: size)
        let directory = try TemporaryDirectory()
        let file = try directory.write("b", Array("{\"i\":{{index}},\"t\":\"\(text)\"}".utf8))
        let run = try await LoadRun.run(["-n", "2", "--api", "raw", "--post", file, server.url])
        #expect(run.completed == 2)
        #expect(run.failures == [:])
    }

    @Test("a dataset's prompts go into the built body, and the filters are reported")
    func dataset() async throws {
        let directory = try TemporaryDirectory()
        let text = """
            [{"conversations":[{"from":"human","value":"say \\"hi\\" to them all"},
            {"from":"gpt","value":"well hi to all"}]},{"conversations":[]}]
            """
        let file = try directory.write("d.json", Array(text.utf8))
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "2", "--model", "m", "--max-tokens", "9", "--system", "be \"kind\"",
            "--temperature", "0.5", "--param", "stop=[\"x\"]", "--param", "stream_options.a=1",
            "--dataset", file, "\(server.url)/v1/chat/completions", "--max-events", "1",
        ])
        let expected = """
            {"model":"m","messages":[{"role":"system","content":"be \\"kind\\""},{"role":"user",\
            "content":"say \\"hi\\" to them all"}],"stream":true,"stream_options":\
            {"include_usage":true,"a":1},"max_tokens":9,"temperature":0.5,"stop":["x"]}
            """
        #expect(server.requests.map(Self.body) == [expected, expected])
        #expect(run.outcome.stderr.contains("d.json: 1 of 2 prompts; left out: 1 with fewer than"))
        let source = run.result["plan"]["source"]
        #expect(source["kind"].text == "dataset")
        #expect(source["rows"].int == 1)
        #expect(source["dropped"][0]["count"].int == 1)
        #expect(run.result["plan"]["same_prompt"].bool == true)
    }

    @Test("the report says that the prompt is the same only where it is")
    func samePrompt() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let start = ["-n", "2", "--api", "raw"]
        let same = try await LoadRun.run(start + ["--body", "{}", server.url])
        let varying = try await LoadRun.run(start + ["--body", "{\"a\":{{index}}}", server.url])
        #expect(same.outcome.stdout.contains("same prompt in every request"))
        #expect(same.result["plan"]["same_prompt"].bool == true)
        #expect(!varying.outcome.stdout.contains("same prompt"))
        #expect(varying.result["plan"]["same_prompt"].bool == false)
        #expect(varying.result["plan"]["source"]["kind"].text == "template")
    }

    /// Paths, and the bodies that are built for them.
    static let shapes: [(String, String)] = [
        (
            "/v1/completions",
            #"{"prompt":"hi","stream":true,"stream_options":{"include_usage":true},"#
                + #""max_tokens":5,"temperature":0}"#
        ),
        (
            "/v1/responses",
            #"{"input":"hi","stream":true,"max_output_tokens":5,"temperature":0}"#
        ),
        (
            "/v1/messages",
            #"{"messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":5,"#
                + #""temperature":0}"#
        ),
        (
            "/generate_stream",
            #"{"inputs":"hi","parameters":{"details":true,"max_new_tokens":5,"temperature":0}}"#
        ),
        (
            "/v2/models/m/generate_stream",
            #"{"text_input":"hi","parameters":{"stream":true,"max_tokens":5,"temperature":0}}"#
        ),
        ("/completion", #"{"prompt":"hi","stream":true,"n_predict":5,"temperature":0}"#),
        (
            "/api/chat",
            #"{"messages":[{"role":"user","content":"hi"}],"stream":true,"options":"#
                + #"{"num_predict":5,"temperature":0}}"#
        ),
        (
            "/api/generate",
            #"{"prompt":"hi","stream":true,"options":{"num_predict":5,"temperature":0}}"#
        ),
        (
            "/v1beta/models/g:streamGenerateContent?alt=sse",
            #"{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":"#
                + #"{"maxOutputTokens":5,"temperature":0}}"#
        ),
    ]

    @Test("the built body has the shape of the API that the path names", arguments: shapes)
    func shape(path: String, body: String) async throws {
        let outcome = try await Binary.run([
            "--dry-run", "--prompt", "hi", "--max-tokens", "5", "--temperature", "0",
            "http://127.0.0.1:1\(path)",
        ])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.stdout.hasSuffix("\n\n\(body)\n"), "\(outcome.stdout)")
        let isAnthropic = outcome.stdout.contains("anthropic-version: ")
        #expect(isAnthropic == (path == "/v1/messages"))
    }

    @Test("a curl command's body is a template where it holds a name, and else gives way to flags")
    func curl() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let url = "\(server.url)/v1/completions"
        let start = ["-n", "1", "--api", "raw", "--prompt", "hi", "--max-tokens", "3"]
        let filled = "curl \(url) --json '{\"q\":{{prompt}}}'"
        _ = try await LoadRun.run(start + ["--from-curl", filled])
        let plain = "curl \(url) --json '{\"q\":1}'"
        let named = ["-n", "1", "--model", "m", "--prompt", "hi", "--max-events", "1"]
        _ = try await LoadRun.run(named + ["--from-curl", plain])
        let built =
            #"{"model":"m","prompt":"hi","stream":true,"stream_options":{"include_usage":true}}"#
        #expect(server.requests.map(Self.body) == ["{\"q\":\"hi\"}", built])
    }

    @Test("a header template's secret part is in no output")
    func secrets() async throws {
        let echo = Wire.whole("400 Bad", type: "text/plain", "bad key sk-verysecret-1 and more")
        let server = try ScriptedServer([.readRequest, .send(echo), .close])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "2", "--api", "raw", "-H", "X-Key: sk-verysecret-{{index}}", server.url,
        ])
        #expect(server.requests.contains { $0.contains("X-Key: sk-verysecret-1\r\n") })
        let texts = [run.outcome.stdout, run.outcome.stderr, run.resultText]
        #expect(texts.allSatisfy { !$0.contains("verysecret") })
        let dry = try await Binary.run([
            "--dry-run", "-H", "X-Key: sk-verysecret-{{index}}", server.url,
        ])
        #expect(dry.stdout.contains("X-Key: ***"))
        #expect(!dry.stdout.contains("verysecret"))
    }

    @Test("continuous usage is asked for once, and left out where the server refuses it")
    func continuousUsage() async throws {
        let stream = Wire.stream(Wire.delta("a") + Wire.done)
        let refusal = Wire.whole("400 Bad Request", type: "application/json", "{}")
        let arguments = ["-n", "2", "--continuous-usage", "--prompt", "hi"]
        for takesIt in [true, false] {
            let server = try ScriptedServer(.ipv4) { number in
                let answer = number == 0 && !takesIt ? refusal : stream
                return [.readRequest, .send(answer), .close]
            }
            defer { server.stop() }
            let run = try await LoadRun.run(arguments + ["\(server.url)/v1/chat/completions"])
            #expect(run.completed == 2)
            #expect(server.requests.count == 3)
            let asks = server.requests.map { $0.contains("\"continuous_usage_stats\":true") }
            #expect(asks == [true, takesIt, takesIt])
            let sentence =
                takesIt ? "the server takes it" : "answered 400), so the run goes without"
            #expect(run.outcome.stderr.contains(sentence), "\(run.outcome.stderr)")
        }
    }

    @Test("nothing is asked before a run that is refused, and what can't be asked is not refused")
    func continuousUsageUnasked() async throws {
        let server = try ScriptedServer([.readRequest, .close])
        defer { server.stop() }
        let arguments = ["--continuous-usage", "--prompt", "hi"]
        let target = ["\(server.url)/v1/chat/completions"]
        let outcome = try await Binary.run(["-c", "90000"] + arguments + target)
        #expect(outcome.status == 64 && outcome.stderr.contains("descriptors"), "\(outcome.stderr)")
        let taken = ["--listen", "127.0.0.1:\(server.port)"] + arguments + target
        #expect(try await Binary.run(taken).status != 0)
        #expect(server.accepted == 0)
        let run = try await LoadRun.run(["-n", "1"] + arguments + target)
        #expect(run.outcome.stderr.contains("whether the server takes it is unknown"))
    }
}

@Suite("Bodies and prompts that can't be used")
struct RequestSourceUsageTests {
    private static let chat = "http://127.0.0.1:1/v1/chat/completions"
    private static let other = "http://127.0.0.1:1/"

    /// Arguments, and a part of the sentence.
    static let refused: [([String], String)] = [
        (["--bodies", "/no/such/file", chat], "/no/such/file"),
        (["--bodies", "/dev/null", chat], "is empty"),
        (["--bodies", "/tmp", chat], "/tmp"),
        (["--bodies", "x", "--body", "{}", chat], "keep one of them"),
        (["--bodies", "x", "--model", "m", chat], "keep one of them"),
        (["--bodies", "x", "--max-tokens", "5", chat], "keep one of them"),
        (["--body", "{}", "--model", "m", chat], "keep one of them"),
        (["--body", "{}", "--prompt", "p", chat], "has no {{prompt}}"),
        (["--body", "{\"m\":{{max_tokens}}}", chat], "add --max-tokens"),
        (["--body", "{\"i\":{{index}},\"x\":{{word}}}", chat], "line 1, column 20: {{word}}"),
        (["--body", "{\"i\":{{index}}", chat], "isn't JSON (line 1"),
        (["--template", "--body", "{\"i\":\"{{word}}\"}", chat], "{{word}}"),
        (["--template", "--no-template", chat], "exclude each other"),
        (["--template", "-H", "X: {{word}}", chat], "{{word}}"),
        (["--prompt", "a", "--synthetic", "1:1", chat], "keep one of them"),
        (["--prompt", "", chat], "--prompt is empty"),
        (["--synthetic", "1:1", "--max-tokens", "5", chat], "OUT of --synthetic"),
        (["--synthetic", "5", chat], "IN:OUT"),
        (["--synthetic", "uniform:9,1:5", chat], "uniform"),
        (["--synthetic", "1:2:3", chat], "IN:OUT"),
        (["--order", "shuffle", chat], "name a file"),
        (["--order", "sorted", "--dataset", "x", chat], "shuffle"),
        (["--min-turns", "3", chat], "name a file"),
        (["--prefix-groups", "3", "--prompt", "x", chat], "--prefix-tokens"),
        (["--model", "m", other], "add --api"),
        (["--max-tokens", "5", other], "add --api"),
        (["--max-tokens", "0", chat], "at least 1"),
        (["--temperature", "warm", "--model", "m", chat], "such as 0.7"),
        (["--param", "top_p", "--model", "m", chat], "NAME=JSON"),
        (["--param", "stop=word", "--model", "m", chat], "put a text in quotes"),
        (["--dataset", "/no/such/file", chat], "/no/such/file"),
        (["--system", "s", "http://127.0.0.1:1/v1/completions"], "put it into the prompt"),
        (["--model", "m", "http://127.0.0.1:1/generate_stream"], "the URL does"),
        (["--continuous-usage", "http://127.0.0.1:1/v1/messages"], "no switch for it"),
    ]

    @Test("each is refused in one sentence before anything is sent", arguments: refused)
    func refusal(arguments: [String], part: String) async throws {
        let outcome = try await Binary.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.stdout.isEmpty)
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
    }

    /// Contents of files, and a part of the sentence.
    static let broken: [(String, String, String)] = [
        ("--bodies", "{}\n{\"a\":}\n", "line 2, column 6: expected a value"),
        ("--bodies --template", "{\"a\":{{index}}}\n{\"b\":{{index}}", "line 2 isn't JSON once"),
        ("--bodies --template", "{}\n{\"b\":{{indx}}}", "line 2, column 6: {{indx}}"),
        ("--bodies --template", "{\"b\":{{prompt}}}", "line 1 has {{prompt}}"),
        ("--dataset", "[{\"conversations\":[]}]", "no row of"),
        ("--dataset", "{\"prompt\":\"a\"}\n{\"prompt\":3}", "line 2, column 11"),
        ("--dataset", "{\"prompt\":\"a\",\"max_tokens\":3}\n{\"prompt\":\"b\"}", "line 2 says no"),
    ]

    @Test("a broken file is refused with line and remedy", arguments: broken)
    func brokenFile(flag: String, content: String, part: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("f", Array(content.utf8))
        var flags = flag.split(separator: " ").map(String.init)
        flags.insert(file, at: 1)
        let outcome = try await Binary.run(flags + [Self.chat])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains(file), "\(outcome.stderr)")
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
    }
}
