// LLM servers that weren't written here: llama.cpp's own with a tiny random model, and LiteLLM's
// proxy with answers of its own. Not part of the usual tests: their packages are large.

import Foundation
import Glibc
import Testing

/// What the set-up of these tests says.
private enum Setup {
    /// Python that has the servers' packages; nil outside `make test-servers`.
    static let python = Tool.environment("SSEBOMB_TEST_SERVERS")
    static let keyName = "LITELLM_TEST_KEY"
    static let key = "sk-test-\(UUID().uuidString)"
}

/// A server that a script of `Tests/Servers` starts, with the Python that has its packages.
private final class RealServer {
    let process: RunningBinary
    let url: String

    init(_ script: String) async throws {
        guard let python = Setup.python else { throw TestFailure("no Python is named") }
        process = try Tool.start(
            python,
            ["\(Tool.root)/Tests/Servers/\(script)"],
            environment: [Setup.keyName: Setup.key]
        )
        // LiteLLM imports for tens of seconds.
        try await process.wait(within: .seconds(150)) { $0.stdout.contains("\n") }
        url = try await Tool.url(saidBy: process)
    }

    deinit { process.send(signal: SIGTERM) }
}

@Suite(
    "Real LLM servers",
    .enabled(if: Setup.python != nil, "run 'make test-servers'")
)
struct RealServerTests {
    /// What llama.cpp's server has to say of 12 answers of 8 tokens.
    private struct Expected: Sendable {
        let path: String
        let api: String
        let reason: String
        /// Whether it tells its own times there.
        let tellsTimes: Bool
    }

    private static let paths = [
        Expected(path: "/completion", api: "llamacpp", reason: "limit", tellsTimes: true),
        Expected(
            path: "/v1/completions",
            api: "openai-completions",
            reason: "length",
            tellsTimes: true
        ),
        Expected(
            path: "/v1/chat/completions",
            api: "openai-chat",
            reason: "length",
            tellsTimes: true
        ),
        Expected(
            path: "/v1/responses",
            api: "openai-responses",
            reason: "completed",
            tellsTimes: false
        ),
        Expected(path: "/v1/messages", api: "anthropic", reason: "max_tokens", tellsTimes: false),
    ]

    @Test("llama.cpp's server: every stream completes, and the tokens seen are those it counted")
    func llama() async throws {
        let server = try await RealServer("llama_server.py")
        for expected in Self.paths {
            let run = try await LoadRun.run([
                "-c", "4", "-n", "12", "--model", "m", "--prompt", "hello world",
                "--max-tokens", "8", "--temperature", "0", server.url + expected.path,
            ])
            let counts = run.result["counts"]
            #expect(run.completed == 12, "\(expected.path): \(run.outcome.stderr)")
            #expect(run.failures == [:])
            #expect(run.result["plan"]["api"].text == expected.api)
            #expect(counts["token_events"].int == 96, "\(expected.path)")
            #expect(counts["tokens"]["completion"].int == 96, "\(expected.path)")
            #expect(counts["tokens"]["basis"].text == "usage")
            #expect(counts["tokens"]["requests_with_prompt"].int == 12, "\(expected.path)")
            #expect(counts["unknown_events"].int == 0, "\(expected.path)")
            #expect(counts["finish_reasons"].counts == [expected.reason: 12], "\(expected.path)")
            #expect((run.count(of: "server_prefill") == 12) == expected.tellsTimes)
            if expected.tellsTimes {
                let prefill = run.result["metrics"]["server_prefill"]["min"].double ?? -1
                let first = run.result["metrics"]["ttft"]["max"].double ?? -1
                #expect(prefill > 0 && prefill < first, "\(expected.path): \(prefill), \(first)")
            }
        }
    }

    @Test("llama.cpp's server refuses what it can't read: http_status with its sentence as sample")
    func refused() async throws {
        let server = try await RealServer("llama_server.py")
        let run = try await LoadRun.run([
            "-n", "2", "--body", #"{"stream":true,"messages":7}"#,
            server.url + "/v1/chat/completions",
        ])
        #expect(run.failures == ["http_status": 2])
        #expect(run.errors("http_status").first?["sample"].text?.contains("messages") == true)
    }

    @Test("probe shows llama.cpp's tokens as tokens, and nothing else as one")
    func probed() async throws {
        let server = try await RealServer("llama_server.py")
        let outcome = try await Binary.run([
            "probe", "--json", "--model", "m", "--prompt", "hi", "--max-tokens", "5",
            "--temperature", "0", server.url + "/v1/chat/completions",
        ])
        let lines = try outcome.stdout.split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        let bearing = lines.filter { $0["token"].bool == true }
        #expect(bearing.count == 5)
        for line in bearing {
            let data = try JSONValue(parsing: line["data"].text ?? "")
            let text = data["choices"][0]["delta"]["content"].text ?? ""
            #expect(!text.isEmpty)
        }
        #expect(lines.last?["end"].text == "completed")
        #expect(outcome.status == 0)
    }

    @Test(
        "LiteLLM's proxy: streams complete behind its key, and its usage is read",
        .timeLimit(.minutes(5))
    )
    func proxy() async throws {
        let server = try await RealServer("litellm_proxy.py")
        for (path, api) in [
            ("/v1/chat/completions", "openai-chat"), ("/v1/completions", "openai-completions"),
        ] {
            let probe = try await Binary.run(
                [
                    "probe", "--json", "--bearer-env", Setup.keyName, "--model", "m", "--prompt",
                    "hi",
                ]
                    + [server.url + path],
                environment: [Setup.keyName: Setup.key]
            )
            let objects = try probe.stdout.split(separator: "\n").map {
                try JSONValue(parsing: String($0))
            }
            let datas = objects.compactMap { $0["data"].text }.compactMap {
                try? JSONValue(parsing: $0)
            }
            let usage = try #require(datas.last { $0["usage"]["completion_tokens"].exists })
            let pieces = objects.count { $0["token"].bool == true }
            let run = try await LoadRun.run(
                ["-c", "2", "-n", "8", "--bearer-env", Setup.keyName, "--model", "m"]
                    + ["--prompt", "hi", server.url + path],
                environment: [Setup.keyName: Setup.key],
                timeout: .seconds(60)
            )
            let counts = run.result["counts"]
            #expect(run.completed == 8, "\(path): \(run.outcome.stderr)")
            #expect(run.failures == [:])
            #expect(run.result["plan"]["api"].text == api)
            #expect(pieces > 1)
            #expect(counts["token_events"].int == 8 * pieces, "\(path)")
            let each = try #require(usage["usage"]["completion_tokens"].int)
            #expect(counts["tokens"]["completion"].int == 8 * each, "\(path)")
            #expect(counts["tokens"]["basis"].text == "usage")
            #expect(counts["finish_reasons"].counts == ["stop": 8], "\(path)")
            #expect(counts["unknown_events"].int == 0, "\(path)")
        }
    }
}
