// Users who have conversations, as a server sees them: the real binary against a scripted server
// that keeps what it got, and against the mock.

import Foundation
import Testing

@Suite("Sessions")
struct SessionTests {
    private static let chat = "/v1/chat/completions"

    private static func answer(_ parts: String...) -> String {
        Wire.stream(
            parts.map { Wire.delta($0) }.joined() + Wire.delta("", finish: "stop") + Wire.done
        )
    }

    private static func bodies(_ server: ScriptedServer) -> [String] {
        server.requests.map {
            $0.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
        }
    }

    /// What the body says was said, from its key on.
    private static func messages(_ body: String, _ key: String = "messages") -> String {
        guard let start = body.range(of: "\"\(key)\":["),
            let end = body.range(of: "}],", range: start.upperBound..<body.endIndex)
        else { return body }
        return String(body[start.upperBound..<end.lowerBound]) + "}"
    }

    @Test("each turn carries what was said before, the answers as they came")
    func carries() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Self.answer("so \\\"", "\\u00fc\\\\", "ü\\n")), .again,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "1", "--turns", "3", "--model", "m", "--system", "be kind", "--prompt",
            "say \"x\"", server.url + Self.chat,
        ])
        #expect(run.completed == 3)
        #expect(server.accepted == 1, "the user keeps the connection")
        let user = #"{"role":"user","content":"say \"x\""}"#
        let reply = #"{"role":"assistant","content":"so \"\u00fc\\ü\n"}"#
        let system = #"{"role":"system","content":"be kind"}"#
        let bodies = Self.bodies(server)
        #expect(
            bodies.map { Self.messages($0) } == [
                "\(system),\(user)", "\(system),\(user),\(reply),\(user)",
                "\(system),\(user),\(reply),\(user),\(reply),\(user)",
            ]
        )
        for body in bodies { _ = try JSONValue(parsing: body) }
        let sessions = run.result["sessions"]
        #expect(sessions["started"].int == 1)
        #expect(sessions["completed"].int == 1)
        #expect((sessions["turns"].array ?? []).map { $0["turn"].int } == [1, 2, 3])
        #expect((sessions["turns"].array ?? []).map { $0["ttft"]["count"].int } == [1, 1, 1])
        #expect(run.result["plan"]["turns"].text == "3")
        #expect(run.result["plan"]["same_prompt"].bool == false)
        #expect(run.outcome.stdout.contains("1 session, sessions of 3 turns"))
        #expect(
            run.outcome.stdout.contains("1 = 1 completed + 0 failed + 0 too long + 0 unfinished")
        )
    }

    /// Paths, answers of one "ok", the key and the second turn's messages.
    static let apis: [(path: String, answer: String, key: String)] = [
        (
            "/v1/messages",
            Wire.stream(
                """
                event: content_block_delta
                data: {"type":"content_block_delta","index":0,"delta":\
                {"type":"text_delta","text":"ok"}}

                event: message_stop
                data: {"type":"message_stop"}


                """
            ), "messages"
        ),
        (
            "/api/chat",
            Wire.whole(
                type: "application/x-ndjson",
                """
                {"model":"m","message":{"role":"assistant","content":"ok"},"done":false}
                {"model":"m","message":{"role":"assistant","content":""},"done":true}

                """
            ), "messages"
        ),
        (
            "/v1/responses",
            Wire.stream(
                """
                data: {"type":"response.output_text.delta","delta":"ok"}

                data: {"type":"response.completed","response":{"status":"completed"}}


                """
            ), "input"
        ),
    ]

    @Test("the chat APIs get the conversation in their own shape", arguments: apis)
    func shapes(path: String, answer: String, key: String) async throws {
        let server = try ScriptedServer([.readRequest, .send(answer), .again])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "1", "--turns", "2", "--model", "m", "--prompt", "hi", server.url + path,
        ])
        #expect(run.completed == 2)
        let user = #"{"role":"user","content":"hi"}"#
        let reply = #"{"role":"assistant","content":"ok"}"#
        #expect(
            Self.bodies(server).map { Self.messages($0, key) } == [
                user, "\(user),\(reply),\(user)",
            ]
        )
    }

    @Test("a turn that fails ends its session, and the next user begins anew")
    func failure() async throws {
        let failing: [ServerAction] = [
            .readRequest, .send(Self.answer("a")), .readRequest,
            .send(Wire.whole("500 Internal Server Error", type: "text/plain", "no")), .close,
        ]
        let server = try ScriptedServer { number in
            number == 0 ? failing : [.readRequest, .send(Self.answer("b")), .again]
        }
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "2", "--turns", "3", "--prompt", "hi", server.url + Self.chat,
        ])
        #expect(run.failures == ["http_status": 1])
        #expect(run.completed == 4)
        let answers = Self.bodies(server).map { $0.components(separatedBy: "assistant").count - 1 }
        #expect(answers == [0, 1, 0, 1, 2])
        #expect(Self.bodies(server).last?.contains("\"content\":\"a\"") == false)
        let sessions = run.result["sessions"]
        #expect(
            ["started", "completed", "failed", "unfinished"].map { sessions[$0].int } == [
                2, 1, 1, 0,
            ]
        )
    }

    @Test("a conversation that becomes too long ends, and is counted")
    func tooLong() async throws {
        let part = String(repeating: "x", count: 600_000)
        let server = try ScriptedServer([.readRequest, .send(Self.answer(part, part)), .again])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "2", "--turns", "5", "--prompt", "hi", server.url + Self.chat,
        ])
        #expect(run.completed == 2)
        #expect(run.result["sessions"]["too_long"].int == 2)
        #expect(run.result["sessions"]["completed"].int == 0)
    }

    @Test("any number of threads has the same sessions, with prompts of their own")
    func threads() async throws {
        var sent: [[String]] = []
        for threads in ["1", "2"] {
            let server = try ScriptedServer([.readRequest, .send(Self.answer("a")), .again])
            defer { server.stop() }
            let run = try await LoadRun.run([
                "-n", "16", "-c", "4", "-t", threads, "--turns", "uniform:1,4", "--synthetic",
                "uniform:5,9:8", server.url + Self.chat,
            ])
            #expect(run.result["sessions"]["completed"].int == 16)
            sent.append(Self.bodies(server).sorted())
        }
        #expect(sent[0] == sent[1])
        #expect(Set(sent[0]).count == sent[0].count)
        #expect((17...63).contains(sent[0].count))
    }

    @Test("users who think hold no stream, and no latency has their pause in it")
    func think() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run([
            "-c", "2", "-d", "3s", "--turns", "3", "--think", "uniform:700ms,900ms", "--model", "m",
            mock.chat,
        ])
        let completed = try #require(run.completed)
        // In 3 s each user has two sessions at most: two pauses of at least 700 ms in each.
        #expect((4...14).contains(completed))
        let longest = try #require(run.result["metrics"]["e2e_sched"]["max"].int)
        #expect(longest < 600_000_000)
        let codes = (run.result["verdict"]["reasons"].array ?? []).map { $0["code"].text }
        #expect(!codes.contains("streams_held"))
        #expect(run.result["plan"]["think"].text == "uniform:700ms,900ms")
        #expect(run.opened == 2)
        let sessions = run.result["sessions"]
        let ends = ["completed", "unfinished"].map { sessions[$0].int ?? 0 }
        #expect(ends.reduce(0, +) == sessions["started"].int)
        #expect(ends[1] == 2, "the end of the run finds both in the middle")
    }

    @Test("a rate of sessions is that of their first turns")
    func open() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run([
            "--session-rate", "50", "-n", "12", "-t", "2", "--turns", "2", "--think", "50ms",
            "--prompt", "hi", mock.chat,
        ])
        #expect(run.completed == 24)
        #expect(run.result["arrivals"]["due"].int == 12)
        #expect(run.result["sessions"]["completed"].int == 12)
        #expect(run.result["plan"]["rate"].double == 50)
    }

    @Test("classes of a scenario have sessions of their own")
    func classes() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let text = """
            [[class]]
            name = "talk"
            url = "\(mock.chat)"
            prompt = "hi"
            requests = 2
            turns = "2"
            [[class]]
            name = "ask"
            url = "\(mock.chat)"
            prompt = "hi"
            requests = 3

            """
        let file = try directory.write("s.toml", Array(text.utf8))
        let run = try await LoadRun.run(["--scenario", file])
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)")
        let classes = run.result["classes"].array ?? []
        #expect(classes.map { $0["counts"]["requests"]["completed"].int } == [4, 3])
        #expect(classes.map { $0["sessions"]["completed"].int } == [2, nil])
        #expect(run.result["sessions"]["completed"].int == 2)
    }

    static let refused: [([String], String)] = [
        (["--turns", "0", "--prompt", "x"], "from 1 to"),
        (["--turns", "uniform:0,3", "--prompt", "x"], "from 1 to"),
        (["--turns", "many", "--prompt", "x"], "uniform:2,8"),
        (["--turns", "2", "--body", "{}"], "leave --post, --body and --bodies out"),
        (["--turns", "2", "--api", "tgi", "--prompt", "x"], "no place for earlier turns"),
        (["--turns", "2", "--api", "raw", "--prompt", "x"], "add --api"),
        (["--turns", "2", "--stage", "1:5", "--prompt", "x"], "sessions a second with -R"),
        (["--turns", "2", "--trace", "t.csv", "--prompt", "x"], "t.csv"),
        (["--turns", "2", "--param", "messages=[]"], "carries on"),
        (["--turns", "2", "--eventsource", "--prompt", "x"], "--eventsource"),
        (["--think", "exp:2s", "--prompt", "x"], "add --turns"),
        (["--think", "soon", "--prompt", "x"], "500ms"),
        (["--session-rate", "5", "--prompt", "x"], "needs --turns"),
        (["--session-rate", "5", "-R", "5", "--turns", "2", "--prompt", "x"], "keep one"),
    ]

    @Test("what doesn't go with sessions is refused in a sentence", arguments: refused)
    func refusals(arguments: [String], words: String) async throws {
        let outcome = try await Binary.run(arguments + ["http://127.0.0.1:1" + Self.chat])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
    }
}
