// The real binary's manners: one sentence and the documented exit status for every bad input, help,
// dry run, signals. Needs no server: what is connected to is a port on which nobody listens.

import Foundation
import Glibc
import Testing

@Suite("The command line", .serialized)
struct CommandLineTests {
    /// A closed port of the privileged range: nothing in a test environment listens there.
    static let refused = "http://127.0.0.1:1/"

    /// Arguments, and a part of the sentence that has to name the thing or the remedy.
    static let badUsage: [([String], String)] = [
        ([], "URL"),
        (["--no-such-flag", refused], "--no-such-flag"),
        (["-R", "0", refused], "above 0"),
        (["-R", "2M", refused], "1,000,000"),
        (["-R", "fast", refused], "50/s"),
        (["-R", "50", "-c", "5", refused], "--max-streams"),
        (["-R", "50", "--ramp", "5", refused], "--warmup"),
        (["-R", "50", "--think", "5", refused], "leave it out"),
        (["-R", "50", "--connect-rate", "5", refused], "lower -R"),
        (["-R", "50", "--max-streams", "0", refused], "at least 1"),
        (["-R", "50", "--arrivals", "weekly", refused], "poisson, constant, gamma:CV or trace"),
        (["-R", "50", "--arrivals", "gamma:0", refused], "gamma:2"),
        (["-R", "50", "--arrivals", "trace:", refused], "poisson, constant, gamma:CV or trace"),
        (["-R", "50", "--arrivals", "trace:t.csv", refused], "use --speed"),
        (["--trace", "t.csv", "-c", "5", refused], "--max-streams"),
        (["--trace", "t.csv", "--stage", "1:5", refused], "leave it out"),
        (["--trace", "t.csv", "--arrivals", "poisson", refused], "a trace has no law"),
        (["--trace", "t.csv", "--arrivals", "trace:u.csv", refused], "two files"),
        (["--trace", "/no/such/trace", refused], "can't read /no/such/trace"),
        (["--arrivals", "trace:/no/such/trace", refused], "can't read /no/such/trace"),
        (["--speed", "2", refused], "add --trace FILE"),
        (["--trace", "t.csv", "--speed", "0", refused], "such as 2"),
        (["--trace", "t.csv", "--trace-window", "5m", refused], "10m..20m"),
        (["--trace", "t.csv", "--trace-window", "..", refused], "10m..20m"),
        (["--trace", "t.csv", "--trace-window", "2m..1m", refused], "10m..20m"),
        (["--stage", "30s", refused], "30s:200/s"),
        (["--stage", "30s:", refused], "30s:200/s"),
        (["--stage", "soon:5", refused], "500ms"),
        (["--stage", "5:1.5", refused], "whole number"),
        (["--stage", "5:2M/s", refused], "1,000,000"),
        (["--stage", "5:10", "--stage", "5:10/s", refused], "write all of them with /s, or none"),
        (["--stage", "5:0", refused], "ask for nothing"),
        (["--stage", "0:5", refused], "ask for nothing"),
        (["--stage", "300d:5", "--stage", "300d:5", refused], "366 days"),
        (["--stage", "5:10", "-d", "4", refused], "shorter than the stages"),
        (["--stage", "5:10", refused, "http://127.0.0.1:2/"], "a class for each"),
        (["--stage", "5:10", "--ramp", "9", refused], "write it as a stage"),
        (["--stage", "5:10", "-R", "9", refused], "30s:200/s"),
        (["--stage", "5:10/s", "-c", "9", refused], "--max-streams"),
        (["--stage", "5:10/s", "--ramp-down", "9", refused], "ends no stream"),
        (["--stage", "5:10/s", "--think", "9", refused], "leave it out"),
        (["--stage", "5:10", "--warmup", "5", refused], "leaves nothing"),
        (["--stage", "5:10", "--arrivals", "constant", refused], "add -R"),
        (["--stage", "5:10G", refused], "more streams than any kernel"),
        (["-c", "5", "--ramp-down", "9", refused], "add --stage T:N"),
        (["-R", "50", "--max-streams", "1G", refused], "--max-streams"),
        (["--max-streams", "5", refused], "add -R"),
        (["--arrivals", "constant", refused], "add -R"),
        ([refused, "more"], "in quotes"),
        (["localhost:8080/x"], "did you mean http://localhost:8080/x"),
        (["ftp://a/"], "use http:// or https://"),
        (["http://127.0.0.1:99999/"], "1 to 65535"),
        (["-d", "5q", refused], "500ms"),
        (["-d", "0", refused], "longer than 0"),
        (["-c", "0", refused], "at least 1"),
        (["-c", "abc", refused], "whole number"),
        (["-n", "1.5", refused], "whole number"),
        (["-t", "5000", refused], "1024"),
        (["--cpus", "8000", refused], "choose from"),
        (["--cpus", "x", refused], "0,2-5"),
        (["--connect-rate", "fast", refused], "50/s"),
        (["--post", "/no/such/file", refused], "/no/such/file"),
        (["--post", "/dev/null", refused], "is empty"),
        (["--post", "/tmp", refused], "/tmp"),
        (["--post", "-", refused], "standard input is empty"),
        (["--body", "", refused], "--body is empty"),
        (["--body", "{\"a\":1,}", refused], "line 1, column 8"),
        (["--body", "x", "--post", "y", refused], "keep one of them"),
        (["-H", "no colon", refused], "Name: value"),
        (["-H", "Bad Name: x", refused], "Bad Name"),
        (["-H", "@/no/such/file", refused], "/no/such/file"),
        (["-H", "Content-Length: 5", refused], "leave the header out"),
        (["-X", "BAD METHOD", refused], "BAD METHOD"),
        (["--bearer-env", "SSEBOMB_UNSET", refused], "SSEBOMB_UNSET"),
        (["--bearer-env", "EMPTY", refused], "is empty"),
        (["--api", "nonsense", refused], "openai-chat"),
        (["--cancel-after", "soon", refused], "write '50 tokens', 2s, exp:2s, normal:2s,500ms,"),
        (["--cancel-after", "many tokens", refused], "uniform:10,200 tokens"),
        (["--cancel-after", "0", refused], "above 0"),
        (["--cancel-after", "exp:0", refused], "above 0"),
        (["--cancel-after", "uniform:0,0 tokens", refused], "above 0"),
        (["--cancel-share", "20%", refused], "--cancel-after"),
        (["--read-rate", "0", refused], "2k/s"), (["--read-rate", "2k/m", refused], "2k/s"),
        (["--slow-share", "20%", refused], "--read-rate"),
        (["--eventsource", "-R", "5", refused], "with -c"),
        (["--eventsource", "--body", "{}", refused], "leave them out"),
        (["--eventsource", "-H", "last-event-id: 1", refused], "leave it out"),
        (["--threshold", "reconnect:p99<5s", refused], "--eventsource"),
        (["--cancel-after", "2s", "--cancel-share", "120%", refused], "20% or 0.2"),
        (["--field", "content", refused], "WHAT=PATH"),
        (["--field", "contents=a", refused], "usage.cached or usage.reasoning"),
        (["--field", "content=a..b", refused], "choices[0].text"),
        (["--field", "finish=a", refused], "no place of tokens"),
        (["--field", "content=a", "--api", "raw", refused], "keep one of them"),
        (["--field", "content=a", "--end", "", refused], "--end is empty"),
        (["--end", "x", refused], "--until instead"),
        (["--clock", "sun", refused], "kernel"),
        (["--priority", "high", refused], "realtime"),
        (["--until", "", refused], "--until is empty"),
        (["--max-events", "0", refused], "at least 1"),
        (["--limit", "lines=5", refused], "chunk-line"),
        (["--limit", "line=0", refused], "line=SIZE"),
        (["--no-keepalive", "--reuse", "5", refused], "exclude each other"),
        (["-4", "-6", refused], "exclude each other"),
        (["--unix", "/tmp", refused], "isn't a socket"),
        (["--unix", "/tmp/x", "-4", refused], "--unix leaves no choice"),
        (["--connect-to", "a:b", refused], "HOST:PORT:HOST:PORT"),
        (["--source-ip", "203.0.113.1", refused], "isn't an address of this machine"),
        (["--source-ip", "nonsense", refused], "isn't an IP address"),
        (["--source-ip", "127.0.0.0/8", refused], "/16 or smaller"),
        (["--source-ip", "203.0.113.0/29", refused], "ip address add"),
        (["--source-ip", "::1", refused], "no IPv6 address"),
        (["--cacert", "/etc/passwd", refused], "https://"),
        (["--cert", "c.pem", "https://127.0.0.1:1/"], "--cert needs --key"),
        (["--cacert", "/no/such/ca", "https://127.0.0.1:1/"], "/no/such/ca"),
        (["--tls-min", "1.3", "--tls-max", "1.2", "https://127.0.0.1:1/"], "--tls-min"),
        (["--tls-min", "3", "https://127.0.0.1:1/"], "1.2"),
        (["-o", "/no/such/directory/r.json", refused], "/no/such/directory/r.json"),
        (["-o", "/tmp", refused], "/tmp"),
        (["--format", "xml", refused], "json"),
        (["--label", "novalue", refused], "NAME=VALUE"),
        (["--threshold", "ttft:p99<500", refused], "write for example ttft:p99<500ms"),
        (["--threshold", "attainment>0.95", refused], "with --slo alone"),
        (["--threshold", "tls:p99<5ms", refused], "https://"),
        (["--threshold", "one_way:p99<5ms", refused], "--sent-at"),
        (["--threshold", "delivery_lag:p99<5ms", "--clock", "user", refused], "--clock kernel"),
        (["probe", "-c", "5", refused], "-c"),
    ]

    @Test("bad usage is one sentence that names the thing, and status 64", arguments: badUsage)
    func usage(arguments: [String], part: String) async throws {
        let outcome = try await Binary.run(arguments, environment: ["EMPTY": ""])
        #expect(outcome.status == 64, "\(outcome.stderr)")
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
        #expect(outcome.stderr.hasPrefix("ssebomb: "))
        #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        #expect(outcome.stdout.isEmpty)
    }

    @Test("a name that can't be resolved is status 69, before any load")
    func unresolvable() async throws {
        let outcome = try await Binary.run(["http://no-such-host.invalid/"])
        #expect(outcome.status == 69)
        #expect(outcome.stderr.contains("can't resolve no-such-host.invalid"))
        #expect(outcome.stdout.isEmpty)
    }

    @Test("secrets appear in no error message")
    func secretsInErrors() async throws {
        let attempts = [
            ["-H", "Authorization:", "Bearer", "canary-1234", Self.refused],
            ["-H", "canary-1234", Self.refused],
            ["http://user:canary-1234@127.0.0.1:x/"],
            ["user:canary-1234@127.0.0.1/"],
            ["-H", "Authorization: canary-1234", "http://u:p@127.0.0.1:1/"],
        ]
        for arguments in attempts {
            let outcome = try await Binary.run(arguments)
            #expect(outcome.status == 64)
            #expect(!outcome.stderr.contains("canary-1234"), "\(outcome.stderr)")
        }
    }

    @Test("bare --help shows run's flags, examples first, and the subcommands")
    func help() async throws {
        let outcome = try await Binary.run(["--help"])
        #expect(outcome.status == 0)
        let text = outcome.stdout
        for part in ["--streams", "--duration", "--cacert", "SUBCOMMANDS:", "probe", "serve"] {
            #expect(text.contains(part), "no \(part)")
        }
        let examples = try #require(text.range(of: "Examples:"))
        let options = try #require(text.range(of: "--streams"))
        #expect(examples.lowerBound < options.lowerBound)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }

    @Test("--version prints the version")
    func version() async throws {
        let outcome = try await Binary.run(["--version"])
        #expect(outcome.status == 0)
        #expect(outcome.stdout == "0.1.0\n")
    }

    @Test("--dry-run shows plan and request without secrets, and sends nothing")
    func dryRun() async throws {
        let outcome = try await Binary.run(
            [
                "--dry-run", "-c", "10k", "-d", "60s", "--bearer-env", "KEY", "-H",
                "X-Id: canary-2",
                "--body", "{\"stream\":true,\"messages\":[]}",
                "http://127.0.0.1:1/v1/chat/completions?key=canary-3",
            ],
            environment: ["KEY": "canary-1"]
        )
        #expect(outcome.status == 0)
        #expect(outcome.stdout.contains("POST /v1/chat/completions?key=*** HTTP/1.1"))
        #expect(outcome.stdout.contains("Authorization: ***"))
        #expect(outcome.stdout.contains("Content-Length: 29"))
        #expect(outcome.stdout.contains("{\"stream\":true,\"messages\":[]}"))
        #expect(outcome.stdout.contains("10000"))
        #expect(!outcome.stdout.contains("canary"))
        #expect(outcome.stderr.isEmpty)
    }

    @Test(
        "flags end in the plan",
        arguments: [
            (["-n", "5", "-c", "100"], "streams +5"), (["-n", "5"], "duration +until"),
            (["-d", "90"], "duration +90s"), ([], "duration +10s"),
            (["--drain", "0"], "drain +0s"),
            (["--connect-rate", "0"], "connect_rate +unlimited"),
            (["--connect-timeout", "0"], "connect_timeout +none"),
            (["--idle-timeout", "1.5"], "idle_timeout +1500ms"),
            (["--clock", "user"], "clock +user"), (["--api", "raw"], "api +raw"),
            ([], "api +recognised from the first events"), (["--api", "gemini"], "api +gemini\n"),
            (
                ["--field", "content=a[0].b", "--field", "usage.prompt=.n", "--end", "x"],
                "api +custom: content=a\\[0\\].b, usage.prompt=n; end: event x"
            ),
            (["--field", "tool=a"], "api +custom: tool=a; end: end of the body"),
            (["--no-keepalive"], "Connection: close"), (["--reuse", "3"], "reuse +3"),
            (["-X", "DELETE"], "method +DELETE"), (["--body", "1"], "method +POST"),
            (["--source-ip", "127.0.0.0/29"], "127.0.0.1, .*127.0.0.6"),
            (["--connect-to", "::127.0.0.1:77"], "addresses +127.0.0.1:77"),
            (["--limit", "line=2M"], "line=2097152"), (["--cpus", "0"], "cpus +0\n"),
            (["-R50"], "rate +50.0/s"), (["-R", "3k/m"], "rate +50.0/s"),
            (["-R", "5"], "arrivals +poisson"), (["-R", "5"], "max_streams +[0-9]+\n"),
            (["-R", "5", "--arrivals", "gamma:0.5"], "arrivals +gamma:0.5"),
            (["-R", "5", "--max-streams", "7"], "max_streams +7"),
            (["-R", "5", "-n", "3"], "duration +until"),
            (["-R", "5"], "connect_rate +unlimited"),
            (["--seed", "9"], "seed +9"), (["-t", "1"], "threads +1"),
            (["--threshold", "e2e:p99 < 2s"], "threshold +e2e:p99<2s"),
        ] as [([String], String)]
    )
    func plan(flags: [String], pattern: String) async throws {
        let outcome = try await Binary.run(flags + ["--dry-run", Self.refused])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let found = outcome.stdout.range(of: pattern, options: .regularExpression)
        #expect(found != nil, "\(outcome.stdout)")
    }

    @Test(
        "each API's needs are known",
        arguments: [
            ("/v1/completions", "\"prompt\", which /completions wants"),
            ("/v1/responses", "\"input\", which /responses wants"),
            ("/v1/messages", "\"max_tokens\", which /messages wants"),
            ("/generate_stream", "\"inputs\""), ("/completion", "\"stream\": true"),
            ("/api/chat", "\"messages\""), ("/api/generate", "\"prompt\""),
            ("/v2/models/m/generate_stream", "\"text_input\""),
            ("/v1/models/g:streamGenerateContent", "no alt=sse"),
        ]
    )
    func needs(path: String, part: String) async throws {
        let arguments = ["-n", "1", "--body", "{}", "http://127.0.0.1:1" + path]
        let outcome = try await Binary.run(arguments)
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
    }

    @Test("a body that lacks what its API wants is a warning only")
    func warnings() async throws {
        let arguments = ["-n", "1", "--body", "{}", "http://127.0.0.1:1/v1/chat/completions"]
        let outcome = try await Binary.run(arguments)
        #expect(outcome.stderr.contains("warning: --body has no \"messages\""))
        #expect(outcome.stderr.contains("\"stream\": true"))
        let quiet = try await Binary.run(["-q"] + arguments)
        #expect(!quiet.stderr.contains("warning"))
    }

    @Test("when nothing but failures came, the report is printed and the status is 69")
    func deadTarget() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("result.json")
        let outcome = try await Binary.run(["-n", "2", "-o", file, "--no-progress", Self.refused])
        #expect(outcome.status == 69, "\(outcome.stderr)")
        #expect(outcome.stdout.contains("started"))
        let sentence = "not one request completed; connect_refused: connect to 127.0.0.1:1"
        #expect(outcome.stderr.contains(sentence))
        #expect(outcome.stderr.contains("is the server running"))
        #expect(outcome.stderr.split(separator: "\n").count == 1)
        let json = try JSONSerialization.jsonObject(with: Data(directory.text("result.json").utf8))
        #expect((json as? [String: Any])?["schema_version"] as? Int == 1)
        #expect(directory.names == ["result.json"])
    }

    @Test(
        "standard output holds only JSON when the result goes there",
        arguments: [
            ["-o", "-"], ["--format", "json"],
        ]
    )
    func jsonOnOutput(flags: [String]) async throws {
        let outcome = try await Binary.run(flags + ["-n", "1", "-q", Self.refused])
        let json = try JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8))
        #expect((json as? [String: Any])?["schema_version"] as? Int == 1)
    }

    @Test("a result that couldn't be written is status 1, with the report printed all the same")
    func unwritable() async throws {
        let outcome = try await Binary.run(["-n", "1", "-q", "-o", "/dev/full", Self.refused])
        #expect(outcome.status == 1)
        #expect(outcome.stdout.contains("started"))
        #expect(outcome.stderr.contains("/dev/full"))
    }

    @Test(
        "one SIGINT or SIGTERM ends the run with its report",
        arguments: [
            (SIGINT, 130), (SIGTERM, 143),
        ] as [(Int32, Int32)]
    )
    func interrupted(signal: Int32, status: Int32) async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("result.json")
        let running = try Binary.start(["-d", "60", "-o", file, Self.refused])
        // The first progress line says that the run has begun.
        try await running.wait { $0.stderr.contains("streams") }
        running.send(signal: signal)
        let outcome = try await running.outcome(within: .seconds(5))
        #expect(outcome.status == status)
        #expect(outcome.stdout.contains("started"))
        #expect(directory.names == ["result.json"])
    }

    @Test("a signal before the run ends the process at once")
    func interruptedEarly() async throws {
        let running = try Binary.start(["--post", "-", Self.refused], keepsStdinOpen: true)
        try await Task.sleep(for: .milliseconds(300))
        running.send(signal: SIGINT)
        let outcome = try await running.outcome(within: .seconds(5))
        #expect(outcome.status == 130)
        #expect(outcome.stdout.isEmpty)
    }

    @Test("probe of a dead target says why and fails with status 1")
    func deadProbe() async throws {
        let outcome = try await Binary.run(["probe", "--json", Self.refused])
        #expect(outcome.status == 1)
        let last = try #require(outcome.stdout.split(separator: "\n").last)
        let json = try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any]
        #expect(json?["end"] as? String == "failed")
        #expect(json?["failure"] as? String == "connect_refused")
    }
}
