// What a replayed trace sends, as a server sees it: the real binary against a scripted server that
// keeps what it got, and every sentence about what can't be sent.

import Foundation
import Testing

@Suite("Requests of traces")
struct TraceRequestTests {
    private static let stream: [ServerAction] = [
        .readRequest, .send(Wire.stream(Wire.delta("a") + Wire.done)), .again,
    ]
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func file(_ lines: [String]) throws -> String {
        try directory.write("rows.jsonl", Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// A run, and the bodies that the server got.
    private func replay(
        _ arguments: [String],
        path: String = "/v1/chat/completions"
    ) async throws -> (run: LoadRun, bodies: [String]) {
        let server = try ScriptedServer(Self.stream)
        defer { server.stop() }
        let run = try await LoadRun.run(arguments + [server.url + path])
        #expect(run.failures == [:] && run.completed == server.requests.count)
        return (
            run,
            server.requests.map {
                $0.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
            }
        )
    }

    /// Words of the prompt, and the limit of tokens.
    private func asked(_ body: String) throws -> (words: [Substring], limit: Int?) {
        let json = try JSONValue(parsing: body)
        let prompt = json["messages"][0]["content"].text ?? ""
        return (prompt.split(separator: " "), json["max_tokens"].int)
    }

    @Test("lengths and blocks of Mooncake's rows are sent, the same by any number of threads")
    func mooncake() async throws {
        let arguments = ["--trace", Tool.fixture("traces/mooncake.jsonl"), "--speed", "20"]
        let (run, bodies) = try await replay(arguments + ["--model", "m"])
        let (other, again) = try await replay(arguments + ["--model", "m", "-t", "2"])
        #expect(bodies.count == 4 && bodies.sorted() == again.sorted())
        #expect(other.result["plan"]["threads"].int == 2)
        let all = try bodies.map(asked).sorted { ($0.limit ?? 0) < ($1.limit ?? 0) }
        #expect(all.map(\.limit) == [1, 3, 12, 40])
        #expect(all.map(\.words.count) == [512, 1_025, 600, 1])
        #expect(all[1].words.prefix(512) == all[0].words[...])
        #expect(all[2].words.prefix(512) == all[0].words[...])
        #expect(all[1].words[512..<600] != all[2].words[512..<600])
        #expect(bodies.allSatisfy { $0.hasPrefix(#"{"model":"m","messages":[{"role":"user","#) })
        let plan = run.result["plan"]
        #expect(plan["source"]["kind"].text == "trace" && plan["source"]["rows"].int == 4)
        let parts = plan["source"]["from_trace"].array?.compactMap(\.text)
        #expect(parts == ["prompt_lengths", "blocks", "answer_lengths"])
        #expect(plan["same_prompt"].bool == false)
        let report = run.outcome.stdout.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        #expect(report.contains("prompt lengths, 512-token blocks, answer lengths"))
        #expect(run.outcome.stderr.isEmpty, "\(run.outcome.stderr)")
    }

    @Test("lengths of BurstGPT and Azure are sent, and a session's prompts share their beginning")
    func tables() async throws {
        let (_, burst) = try await replay(
            ["--trace", Tool.fixture("traces/burstgpt-sessions.csv"), "--speed", "20"]
        )
        let all = try burst.map(asked).sorted { $0.words.count < $1.words.count }
        #expect(all.map(\.words.count) == [10, 60, 100] && all.map(\.limit) == [20, 20, 200])
        #expect(all[1].words.prefix(10) == all[0].words[...])
        #expect(all[2].words.prefix(10) != all[0].words[...])
        let (_, azure) = try await replay(["--trace", Tool.fixture("traces/azure.csv")])
        let sizes = try azure.map(asked).map { [$0.words.count, $0.limit ?? 0] }
        #expect(sizes.sorted { $0[0] < $1[0] } == [[374, 44], [396, 109], [879, 55]])
    }

    @Test("bodies of rows are sent byte for byte, beside prompts of other rows' lengths")
    func bodies() async throws {
        let bodies = [#"{"a" :  "{{index}} é"}"#, "{\"b\":[1,\t2]}"]
        let own = bodies.map { #"{"at": 0, "body": \#($0) }"# }
        let only = try await replay(["--trace", try file(own)], path: "/any")
        #expect(only.bodies.sorted() == bodies.sorted() && only.run.outcome.stderr.isEmpty)
        let recorded = only.run.result["plan"]["source"]["from_trace"]
        #expect(recorded.array?.compactMap(\.text) == ["bodies"])
        let mixed = try file(own + [#"{"at": 0.1, "input_tokens": 7, "output_tokens": 3}"#])
        let (_, sent) = try await replay(["--trace", mixed, "--model", "m"])
        #expect(sent.count == 3 && Set(bodies).isSubset(of: sent))
        let built = try asked(try #require(sent.first { !bodies.contains($0) }))
        #expect(built.words.count == 7 && built.limit == 3)
        let dry = try await Binary.run(
            ["--dry-run", "--trace", mixed, "http://127.0.0.1:1/api/chat"]
        )
        let lines = dry.stdout.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("from_trace") && $0.contains("  bodies, prompt ") })
        #expect(dry.stdout.contains("\nContent-Length: 23\n\n\(bodies[0])"), "\(dry.stdout)")
    }

    @Test("a trace of one row has no rate, neither asked nor started")
    func oneRow() async throws {
        let (run, sent) = try await replay(
            ["--trace", try file([#"{"at": 0, "input_tokens": 3}"#]), "-n", "1", "--model", "m"]
        )
        #expect(sent.count == 1 && run.result["arrivals"]["due"].int == 1)
        for place in ["plan", "arrivals"] { #expect(!run.result[place]["rate"].exists) }
        #expect(!run.result["arrivals"]["achieved"].exists)
        let stored = try directory.write("r.json", Array(run.resultText.utf8))
        let again = try await Binary.run(["report", stored])
        for text in [run.outcome.stdout, again.stdout] {
            #expect(text.contains("too short a time for one, 1 due"), "\(text)")
            #expect(!text.contains("/s asked") && !text.contains("/s started"))
        }
    }

    @Test("a template takes a row's prompt and limit")
    func template() async throws {
        let rows = (1...5).map {
            #"{"offset_ms": \#($0 * 20), "input_tokens": \#($0), "output_tokens": \#($0 * 10)}"#
        }
        let (_, sent) = try await replay([
            "--trace", try file(rows), "--api", "raw", "--max-events", "1",
            "--body", #"{"i":{{index}},"m":{{max_tokens}},"p":{{prompt}}}"#,
        ])
        for (index, body) in sent.sorted().enumerated() {
            #expect(body.hasPrefix(#"{"i":\#(index),"m":\#(index * 10 + 10),"p":""#))
            #expect(body.split(separator: " ").count == index + 1)
        }
        #expect(sent.count == 5)
    }

    @Test("a class of a scenario replays a trace with its lengths")
    func scenario() async throws {
        let server = try ScriptedServer(Self.stream)
        defer { server.stop() }
        let rows = try file([#"{"at": 0, "input_tokens": 6, "output_tokens": 2}"#])
        let text = """
            duration = "200ms"
            [[class]]
            name = "recorded"
            url = "\(server.url)/v1/chat/completions"
            trace = "\(rows)"
            [[class]]
            name = "held"
            url = "\(server.url)/v1/chat/completions"
            requests = 1
            prompt = "hi"
            """
        let path = try directory.write("load.toml", Array(text.utf8))
        let run = try await LoadRun.run(["--scenario", path])
        #expect(run.completed == 2, "\(run.outcome.stderr)")
        #expect(run.result["classes"][0]["plan"]["source"]["kind"].text == "trace")
        let prompts = try server.requests.map {
            try asked(String($0.components(separatedBy: "\r\n\r\n")[1])).words.count
        }
        #expect(prompts.sorted() == [1, 6])
    }

    /// Flags, and the warning; the requests are sent.
    static let warned: [([String], String)] = [
        ([], "prompts and answers aren't sent: requests have no body: give one with {{prompt}}"),
        (["--body", "{}"], "answers aren't sent: --body has no {{prompt}}, --body has no {{max_"),
        (
            ["--body", "{\"m\":{{max_tokens}}}"],
            "the lengths of its prompts aren't sent: --body has no {{prompt}}\n"
        ),
        (
            ["--prompt", "hi", "--api", "openai-chat"],
            "the lengths of its prompts aren't sent: --prompt gives prompts\n"
        ),
        (
            ["--synthetic", "5:6", "--api", "openai-chat"],
            "prompts and answers aren't sent: --synthetic gives prompts, --synthetic gives the"
        ),
        (
            ["--max-tokens", "9", "--api", "openai-chat"],
            "the lengths of its answers aren't sent: --max-tokens gives the limit\n"
        ),
    ]

    @Test("lengths that aren't sent are named in one warning", arguments: warned)
    func unsent(flags: [String], part: String) async throws {
        let rows = try file([#"{"at": 0, "input_tokens": 6, "output_tokens": 2}"#])
        let server = try ScriptedServer(Self.stream)
        defer { server.stop() }
        let run = try await LoadRun.run(["--trace", rows] + flags + [server.url])
        #expect(server.requests.count == 1)
        let warnings = run.outcome.stderr.split(separator: "\n").filter { $0.contains("warning") }
        #expect(warnings.filter { $0.contains("lengths of its") }.count == 1)
        #expect(run.outcome.stderr.contains("warning: \(rows): the lengths of its "))
        #expect(run.outcome.stderr.contains(part), "\(run.outcome.stderr)")
    }

    private static let lengths = #"{"at": 0, "input_tokens": 6, "output_tokens": 2}"#
    private static let body = #"{"at": 0, "body": {}}"#

    /// Rows, flags, and a part of the sentence.
    static let refused: [([String], [String], String)] = [
        ([body], ["--bodies", "x"], "both give bodies: keep one of them"),
        ([body], ["--body", "{}"], "--post or --body: every row of "),
        ([body], ["--model", "m"], "--model: every row of "),
        ([body], ["--max-tokens", "5"], "has a body of its own: leave it out"),
        ([body, lengths], [], "line 2: no body, as other rows have, and neither --api nor"),
        (
            [lengths, body, #"{"at": 1, "input_tokens": 6}"#], ["--api", "openai-chat"],
            "line 3: no output_tokens, as other rows have: add it, or give --max-tokens for"
        ),
        (
            [lengths, body, #"{"at": 1}"#], ["--api", "openai-chat"],
            "line 3: no input_tokens, as other rows have: add it, or give --prompt, --dataset"
        ),
        ([body, lengths], ["--body", "{\"a\":{{index}}"], "--body isn't JSON"),
        ([#"{"at": 0, "body": {"a" 1}}"#], [], "line 1: "),
    ]

    @Test("rows that don't go with the flags are refused, and nothing is sent", arguments: refused)
    func refusal(rows: [String], flags: [String], part: String) async throws {
        let outcome = try await Binary.run(
            ["--trace", try file(rows)] + flags + ["http://127.0.0.1:1/"]
        )
        #expect(outcome.status == 64 && outcome.stdout.isEmpty)
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
    }
}
