// Scenarios end to end: classes of load with their own arrivals, requests, limits and gates; what a
// command line prints as its scenario; and every error with file and line.

import Foundation
import SSEBombCore
import Testing

@testable import ssebomb

@Suite("Scenarios")
struct ScenarioTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func scenario(_ text: String) throws -> String {
        try directory.write("load.toml", Array(text.utf8))
    }

    @Test("classes run side by side, each with its own arrivals, request, limits and gates")
    func mixed() async throws {
        let mock = try await Mock()
        _ = try directory.write(
            "body.json",
            Array(#"{"stream":true,"messages":[{"role":"user","content":"x"}]}"#.utf8)
        )
        let file = try scenario(
            """
            duration = "1s"
            drain = 5
            threshold = "failures:count==0"
            label = ["team=a", "where=here"]

            [[class]]
            name = "chat"
            url = "\(mock.chat)"
            rate = 100
            arrivals = "constant"
            post = "body.json"
            threshold = ["ttft:min>=1ms", "ttft:p50<1us"]

            [[class]]
            name = "events"
            url = "\(mock.events)"
            streams = 3
            max-events = 4
            no-keepalive = true
            timeout = "5s"
            """
        )
        let run = try await LoadRun.run(["--scenario", file])
        #expect(run.outcome.status == 99, "\(run.outcome.stderr)")
        let classes = run.result["classes"]
        let (chat, events) = (classes[0], classes[1])
        #expect(chat["name"].text == "chat" && events["name"].text == "events")
        #expect(chat["counts"]["requests"]["started"].int == 100)
        #expect(chat["plan"]["model"].text == "open" && events["plan"]["model"].text == "closed")
        #expect(run.result["plan"]["model"].text == "mixed")
        #expect(chat["plan"]["api"].text == "openai-chat" && events["plan"]["api"].text == "raw")
        #expect(!run.result["plan"]["api"].exists)
        #expect(events["plan"]["max_events"].int == 4 && !chat["plan"]["max_events"].exists)
        #expect(events["plan"]["keepalive"].bool == false)
        let completed = try #require(events["counts"]["requests"]["completed"].int)
        #expect(completed > 3)
        let sum = completed + (chat["counts"]["requests"]["completed"].int ?? 0)
        #expect(run.completed == sum)
        let gaps = [chat, events].compactMap { $0["metrics"]["gap"]["count"].int }
        #expect(run.count(of: "gap") == gaps.reduce(0, +))
        #expect(run.result["run"]["labels"]["team"].text == "a")
        let gates = run.result["thresholds"].array ?? []
        #expect(
            gates.map { $0["expression"].text } == [
                "failures:count==0", "chat: ttft:min>=1ms", "chat: ttft:p50<1us",
            ]
        )
        #expect(gates.map { $0["outcome"].text } == ["passed", "passed", "missed"])
        #expect(gates[1]["samples"].int == 100)
        for heading in ["Class chat", "Class events"] {
            #expect(run.outcome.stdout.contains(heading))
        }
    }

    @Test("keys above all classes are the defaults of each; the command line goes before the file")
    func defaults() async throws {
        let mock = try await Mock()
        let file = try scenario(
            """
            duration = "50s"
            requests = 4
            header = "X-All: 1"
            [[class]]
            url = "\(mock.events)"
            max-events = 1
            [[class]]
            url = "\(mock.events)"
            requests = 2
            max-events = 2
            header = "X-Own: 2"
            """
        )
        let run = try await LoadRun.run(["--scenario", file, "-d", "20"])
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)")
        let classes = run.result["classes"]
        #expect(classes[0]["name"].text == "class 1" && classes[1]["name"].text == "class 2")
        #expect(classes[0]["counts"]["requests"]["started"].int == 4)
        #expect(classes[1]["counts"]["requests"]["started"].int == 2)
        #expect(classes[0]["plan"]["headers"].array?.compactMap(\.text) == ["X-All"])
        #expect(classes[1]["plan"]["headers"].array?.compactMap(\.text) == ["X-All", "X-Own"])
        #expect(run.result["plan"]["duration_s"].double == 20)
    }

    @Test("what the whole run says of its plan is what all classes have in common")
    func jointPlan() async throws {
        let mock = try await Mock()
        let file = try scenario(
            """
            duration = "500ms"

            [[class]]
            name = "thinking"
            url = "\(mock.events)"
            streams = 1
            think = "20ms"
            connect-rate = 0
            max-events = 4
            timeout = "5s"
            limit = "line=4k"

            [[class]]
            name = "other"
            url = "\(mock.events)"
            streams = 2
            ramp = "300ms"
            connect-rate = 300
            no-keepalive = true
            max-events = 4
            limit = "line=8k"
            """
        )
        let run = try await LoadRun.run(["--scenario", file])
        let whole = run.result["plan"]
        #expect(whole["think_s"].double == 0 && !whole["connect_rate"].exists)
        #expect(whole["max_events"].int == 4 && whole["keepalive"].bool == true)
        #expect(!whole["timeouts"]["total_s"].exists && whole["timeouts"]["connect_s"].exists)
        #expect(whole["limits"]["line_bytes"].int == 8_192)
        let own = run.result["classes"][0]["plan"]
        #expect(own["think_s"].double == 0.02 && own["timeouts"]["total_s"].double == 5)
        // Each from its name to that of the field behind it, whatever lines it takes.
        let words = run.outcome.stdout.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let plans = words.components(separatedBy: " plan ").dropFirst().map { text in
            text.components(separatedBy: " api ")[0].components(separatedBy: " client ")[0]
        }
        try #require(plans.count == 3)
        #expect(plans[0] == "3 streams for 500 ms, ramp 300 ms, drain 30 s")
        let first = "1 stream for 500 ms, think 20 ms, drain 30 s, connects all at once"
        #expect(plans[1] == first)
        #expect(plans[2].hasSuffix("drain 30 s, connects 300/s, no keep-alive"))
        // Measured from when the last class is there.
        #expect(whole["ramp_s"].double == 0.3)
        let length = try #require(run.result["run"]["length_s"].double)
        #expect(length >= 0.8 && run.result["run"]["measured_s"].double == 0.5)
        #expect((run.requests("outside_window") ?? 0) > 0)
    }

    @Test("a class whose requests are used up ends, and the others go on")
    func ends() async throws {
        let mock = try await Mock()
        let file = try scenario(
            """
            duration = "2s"
            max-events = 1
            [[class]]
            name = "few"
            url = "\(mock.events)"
            requests = 3
            connect-rate = 0
            [[class]]
            name = "many"
            url = "\(mock.events)"
            rate = 100
            arrivals = "constant"
            """
        )
        let run = try await LoadRun.run(["--scenario", file])
        let classes = run.result["classes"]
        #expect(classes[0]["counts"]["requests"]["completed"].int == 3)
        // Nothing starts before arrivals do, which is when the window begins.
        #expect(classes[0]["counts"]["requests"]["outside_window"].int == 0)
        #expect(classes[1]["counts"]["requests"]["completed"].int == 200)
    }

    @Test("a command line prints the scenario that makes the same plan")
    func roundTrip() async throws {
        let flags = [
            "-R", "50", "--arrivals", "gamma:2", "--max-streams", "7", "-d", "3s", "-X", "POST",
            "-H", "X-One: a\\b", "-H", "X-Two: \"q\"", "--body", "{\"stream\":true,\"a\":\"\t\"}",
            "-H", "Content-Type: text/plain", "--no-keepalive", "--warmup=1s", "-t1", "--seed", "9",
            "--threshold", "ttft:p99<1s", "http://127.0.0.1:1/v1/chat/completions?k=v",
        ]
        let first = try await Binary.run(["--dry-run"] + flags)
        #expect(first.status == 0, "\(first.stderr)")
        let heading = "as a scenario (--scenario FILE):\n\n"
        #expect(first.stdout.hasPrefix(heading))
        let rows = try #require(first.stdout.range(of: "\n\nurl  "))
        let printed = first.stdout[..<rows.lowerBound]
        #expect(!printed.contains("a\\\\b"), "a header's value may be a secret")
        let text = printed.dropFirst(heading.count)
            .replacing("X-One: ***", with: "X-One: a\\\\b")
            .replacing("X-Two: ***", with: "X-Two: \\\"q\\\"")
            .replacing("?k=***", with: "?k=v")
        let second = try await Binary.run(["--dry-run", "--scenario", try scenario(String(text))])
        #expect(second.status == 0, "\(second.stderr)")
        let plan = second.stdout.dropFirst("class class 1\n\n".count)
            .replacing("class 1: ttft", with: "ttft")
        #expect("\n\n" + plan == first.stdout[rows.lowerBound...])
    }

    @Test("unlike classes have unlike arrivals, and the same ones in each run")
    func seeds() throws {
        let file = try ScenarioFile(
            reading: scenario(
                "seed = 5\n[[class]]\nurl = \"http://127.0.0.1:1/\"\nrate = 1\n[[class]]\n"
                    + "url = \"http://127.0.0.1:1/\"\nrate = 1\n"
            ),
            table: .run()
        )
        let whole = try file.command(file.runArguments, nil)
        let load = try PreparedLoad(whole, arguments: file.runArguments, file, usable: [0])
        #expect(load.classes.map(\.run.plan.seed)[0] == 5)
        #expect(Set(load.classes.map(\.run.plan.seed)).count == 2)
    }

    static let broken: [(text: String, line: Int, words: String)] = [
        ("duration = 1\n", 1, "no [[class]]"),
        ("a = \n", 1, "not TOML"),
        ("\n[[class]]\nurl = \"http://127.0.0.1:1/\"\nrat = 5\n", 4, "did you mean 'rate'?"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nc = 5\n", 3, "did you mean 'streams'?"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nrate = -3\n", 3, "'-3'"),
        ("\nrate = -3\n\n[[class]]\nurl = \"http://127.0.0.1:1/\"\n", 2, "'-3'"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nrate = true\n", 3, "a text or a number"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nrate = [1, 2]\n", 3, "one value, not a list"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nduration = 3\n", 3, "concerns the whole run"),
        // All loops read every class's send times by one path.
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nsent-at = \"t\"\n", 3, "the whole run"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\ntimeout = \"5 parsecs\"\n", 3, "timeout"),
        ("[[class]]\nname = \"a\"\nurl = \"gopher://x/\"\n", 3, "'gopher' isn't supported"),
        ("[[class]]\nname = \"a\"\n", 1, "no target"),
        ("[[class]]\nname = \"\"\nurl = \"http://127.0.0.1:1/\"\n", 2, "1 to 64 bytes"),
        (
            "[[class]]\nname = \"a\"\nurl = \"http://127.0.0.1:1/\"\n[[class]]\nname = \"a\"\n"
                + "url = \"http://127.0.0.1:1/\"\n",
            4, "the name 'a' is taken"
        ),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\nstreams = 2\nrate = 5\n", 3, "--max-streams"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\npost = \"none.json\"\n", 3, "none.json"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\ninsecure = 1\n", 3, "true or false"),
        ("url = \"http://127.0.0.1:1/\"\n[[class]]\n", 1, "belongs to a class"),
        ("quiet = 5\n[[class]]\nurl = \"http://127.0.0.1:1/\"\n", 1, "true or false"),
        ("class = 5\n", 1, "written as [[class]]"),
        ("[[class]]\nurl = [\"http://127.0.0.1:1/\", 5]\n", 2, "'url' must be a URL"),
        ("[[class]]\nurl = [\"http://127.0.0.1:1/\", \"-c7\"]\n", 2, "'url' must be a URL"),
        ("[[class]]\nurl = \"--dry-run\"\n", 2, "'url' must be a URL"),
        ("[[class]]\nurl = []\n", 2, "'url' must be a URL"),
        ("scenario = \"x\"\n[[class]]\n", 1, "stands on the command line alone"),
        ("[[class]]\nurl = \"http://127.0.0.1:1/\"\n\n[other]\n", 4, "'other' isn't a key"),
        ("seed = 1\n[class]\n", 2, "written as [[class]]"),
        ("duration = 1\nclass = []\n", 2, "'class' is empty"),
        ("warmup = \"x\"\n[[class]]\nurl = \"http://127.0.0.1:1/\"\n", 1, "warmup"),
    ]

    @Test("files that keys name are looked for beside the scenario")
    func filesBeside() async throws {
        let trace = #"{"offset_ms": 0, "input_tokens": 1, "output_tokens": 1}"#
        for (name, text) in [
            ("command", "curl http://127.0.0.1:1/v1/completions -X PUT"), ("fields", "X-A: b"),
            ("trace.jsonl", trace), ("body.json", "{\"prompt\": 1, \"stream\": true}"),
        ] {
            _ = try directory.write(name, Array(text.utf8))
        }
        let file = try scenario(
            """
            [[class]]
            from-curl = "@command"
            header = "@fields"
            post = "body.json"
            arrivals = "trace:trace.jsonl"
            """
        )
        let outcome = try await Binary.run(["--dry-run", "--scenario", file])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.stdout.contains("PUT /v1/completions"), "\(outcome.stdout)")
        #expect(outcome.stdout.contains("X-A: "))
    }

    @Test("texts may begin like flags, and the printed scenario is the same load")
    func dashes() async throws {
        let texts = ["--system=-do not lie", "--prompt", "-c 5", "--model", "-d30s"]
        let collector = ["--otlp", "http://u:p@127.0.0.1:2/v1/metrics"]
        let given = texts + collector + ["http://u:p@127.0.0.1:1/v1/chat/completions"]
        let first = try await Binary.run(["--dry-run"] + given)
        #expect(first.status == 0, "\(first.stderr)")
        let heading = "as a scenario (--scenario FILE):\n\n"
        let rows = try #require(first.stdout.range(of: "\n\nurl "))
        let printed = first.stdout[..<rows.lowerBound].dropFirst(heading.count)
        for line in [
            "system = \"-do not lie\"", "prompt = \"-c 5\"", "model = \"-d30s\"",
            "otlp = \"http://***@127", "url = \"http://***@127",
        ] {
            #expect(printed.contains(line), "\(printed)")
        }
        let filled = printed.replacing("***@", with: "u:p@")
        let second = try await Binary.run(["--dry-run", "--scenario", try scenario(String(filled))])
        #expect(second.status == 0, "\(second.stderr)")
        let plan = second.stdout.dropFirst("class class 1".count)
        #expect(plan == first.stdout[rows.lowerBound...])
    }

    @Test("what is wrong is said in one sentence with file and line", arguments: broken)
    func refused(text: String, line: Int, words: String) async throws {
        let file = try scenario(text)
        let outcome = try await Binary.run(["--scenario", file])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains("load.toml, line \(line): "), "\(outcome.stderr)")
        #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
    }

    @Test(
        "what belongs into the file is refused beside it",
        arguments: [
            (["-c", "5"], "--streams beside --scenario"),
            (["http://127.0.0.1:1/"], "a URL beside --scenario"),
        ]
    )
    func beside(flags: [String], words: String) async throws {
        let file = try scenario("[[class]]\nurl = \"http://127.0.0.1:1/\"\n")
        let outcome = try await Binary.run(["--scenario", file] + flags)
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
    }
}
