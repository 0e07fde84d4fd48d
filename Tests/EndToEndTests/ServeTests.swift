// The mock server as a program: flags that shape what it says, a certificate of its own, and whom
// it ends with.

import Foundation
import Glibc
import Testing

@Suite("The mock as a program")
struct ServeTests {
    @Test("--tls-self-signed serves TLS without files, to those who verify nothing")
    func selfSigned() async throws {
        let mock = try await Mock(["--tls-self-signed"])
        #expect(mock.url.hasPrefix("https://"))
        let accepting = try await LoadRun.run(["-c", "2", "-n", "4", "-k", mock.events])
        #expect(accepting.completed == 4)
        #expect(accepting.count(of: "tls") == 2)
        let verifying = try await LoadRun.run([
            "-n", "1", "--cacert", try await Certificates.file("ca.pem"), mock.events,
        ])
        #expect(verifying.failures == ["tls_verify": 1])
    }

    @Test("the certificate names localhost and its addresses, and is valid now and for a week")
    func certificate() async throws {
        let mock = try await Mock(["--tls-self-signed"])
        let directory = try TemporaryDirectory()
        let place = "127.0.0.1:\(mock.port)"
        let shown = try await Tool.run("/usr/bin/env", ["openssl", "s_client", "-connect", place])
        let file = try directory.write("shown.pem", Array(shown.stdout.utf8))
        let day = 86_400
        for (question, answer) in [
            (["-checkhost", "localhost"], "does match"), (["-checkip", "127.0.0.1"], "does match"),
            (["-checkip", "::1"], "does match"), (["-checkend", "0"], "will not expire"),
            (["-checkend", "\(6 * day)"], "will not expire"),
            (["-checkend", "\(8 * day)"], "will expire"),
            (["-checkhost", "other.example"], "does NOT match"),
        ] {
            let asked = try await Tool.run(
                "/usr/bin/env",
                ["openssl", "x509", "-in", file, "-noout"] + question
            )
            #expect(asked.stdout.contains(answer), "\(question): \(asked.stdout)\(asked.stderr)")
        }
        let again = try await Mock(["--tls-self-signed"])
        let other = try await Tool.run(
            "/usr/bin/env",
            ["openssl", "s_client", "-connect", "127.0.0.1:\(again.port)"]
        )
        let pem = { (text: String) in text.components(separatedBy: "-----").dropFirst(2).first }
        #expect(pem(shown.stdout) != nil && pem(shown.stdout) != pem(other.stdout))
    }

    @Test("--end-with ends the mock with the process that started it, however that ends")
    func endsWithParent() async throws {
        let line = "'\(Binary.path)' serve --end-with $$ & wait"
        let shell = try Tool.start("/bin/sh", ["-c", line])
        let url = try await Tool.url(saidBy: shell)
        let alive = try await Binary.run(["probe", "--max-events", "1", url + "/events"])
        #expect(alive.status == 0, "\(alive.stderr)")
        shell.send(signal: SIGKILL)
        _ = try await shell.outcome(within: .seconds(5))
        let deadline = ContinuousClock.now + .seconds(5)
        var after = alive
        while after.status == 0, ContinuousClock.now < deadline {
            after = try await Binary.run(["probe", "--max-events", "1", url + "/events"])
        }
        #expect(after.status == 1)
    }

    private func events(_ arguments: [String]) async throws -> [JSONValue] {
        let outcome = try await Binary.run(["probe", "--json"] + arguments)
        #expect(outcome.status == 0, "\(outcome.stderr)")
        return try outcome.stdout.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test("--retry and --close-after shape /events, whose ids go on after Last-Event-ID")
    func plainEvents() async throws {
        let mock = try await Mock(["--retry", "2500ms", "--close-after", "3", "--tokens", "4"])
        let first = try await events([mock.events])
        #expect(first.compactMap { $0["retry_ms"].int } == [2_500])
        #expect(first.compactMap { $0["id"].text } == ["00000001", "00000002", "00000003"])
        #expect(first.last?["end"].text == "completed")
        let second = try await events(["-H", "Last-Event-ID: 00000003", mock.events])
        #expect(second.compactMap { $0["id"].text } == ["00000004"])
        let truth = try await mock.stop()
        #expect(truth["counts"]["resumed"].int == 1 && truth["counts"]["completed"].int == 2)
    }

    @Test(
        "the name of a tool is a token at its own time, for the client and for the mock",
        arguments: ["chat/completions", "responses", "messages"]
    )
    func toolTokens(path: String) async throws {
        let mock = try await Mock(["--tool-calls", "--tokens", "7", "--reasoning", "2"])
        let run = try await LoadRun.run(
            ["-n", "6", "--model", "m", "--prompt", "hi", "\(mock.url)/v1/\(path)"]
        )
        let counts = run.result["counts"]
        #expect(counts["token_events"].int == 42 && counts["reasoning_events"].int == 12)
        #expect(counts["tool_events"].int == 30)
        #expect(run.outcome.stdout.contains("42 token-bearing, 12 of these reasoning, 30 of these"))
        let truth = try await mock.stop()
        #expect(truth["counts"]["tokens"].int == 42)
        let gaps = truth["metrics"]["gap"]
        #expect(gaps["count"].int == 36 && gaps["min"].int ?? 0 > 0)
        #expect(run.count(of: "gap") == 36)
    }

    @Test("--tool-calls and --timing show in a chat's events")
    func toolCallsAndTiming() async throws {
        let mock = try await Mock(["--tool-calls", "--timing", "metrics", "--tokens", "2"])
        let lines = try await events(Mock.chatBody + [mock.chat])
        let data = try lines.compactMap { $0["data"].text }.filter { $0 != "[DONE]" }
            .map { try JSONValue(parsing: $0) }
        let calls = data.compactMap {
            $0["choices"].array?.first?["delta"]["tool_calls"].array?.first?["function"]
        }
        #expect(calls.map { $0["name"].text } == ["say", nil])
        #expect(calls.map { $0["arguments"].text } == ["", #"{"text":" have"}"#])
        let last = try #require(data.last)
        #expect(last["choices"].array?.first?["finish_reason"].text == "tool_calls")
        #expect(last["metrics"].keys?.contains("time_to_first_token_ms") == true)
    }

    @Test(
        "flags that contradict each other or can't be read are refused",
        arguments: [
            (["--tls-self-signed", "--tls-cert", "c.pem"], "keep it, or the two"),
            (["--tls-self-signed", "--tls-key", "k.pem"], "keep it, or the two"),
            (["--tls-client-ca", "a.pem"], "--tls-self-signed"),
            (["--timing", "x"], "metrics, timings, usage"), (["--retry", "x"], "500ms or 3s"),
            (["--close-after", "0"], "use 1 or more"), (["--end-with", "0"], "process ID"),
            (["--end-with", "x"], "process ID"), (["--end-with", "2147483647"], "name the parent"),
        ] as [([String], String)]
    )
    func usage(_ arguments: [String], _ part: String) async throws {
        let outcome = try await Binary.run(["serve"] + arguments)
        #expect(outcome.status == 64, "\(outcome.stderr)")
        #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
        #expect(outcome.stdout.isEmpty)
    }
}
