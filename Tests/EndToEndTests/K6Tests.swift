// The example `llm.js` of k6's SSE extension and one line of ssebomb, against the same mock: the
// same counters, and where the example's arithmetic goes wrong, the right figure. The script's
// arithmetic is that of a Python fixture which shares no code with ssebomb.

import Foundation
import Testing

@Suite("k6's llm.js", .enabled(if: Tool.hasPython, Comment(rawValue: Tool.noPython)))
struct K6Tests {
    /// What each saw of `requests` completions, one after the other, of a mock of its own that was
    /// started with `mock`.
    private static func compare(
        _ requests: Int,
        mock: [String]
    ) async throws -> (script: JSONValue, run: LoadRun, truth: (script: JSONValue, run: JSONValue))
    {
        let (first, second) = (try await Mock(mock), try await Mock(mock))
        let dataset = Tool.fixture("sharegpt.json")
        async let script = Tool.run(
            Tool.python,
            [Tool.fixture("llm_js.py"), first.chat, dataset, "\(requests)", "20", "50", "100"]
        )
        // The extension connects anew for each stream, and the mock's draws are a connection's.
        async let run = LoadRun.run(
            [
                "-c", "1", "-n", "\(requests)", "--no-keepalive", "--model", "my-model",
                "--dataset", dataset, "--max-tokens", "20",
            ] + [
                "--max-prompt-words", "50", "--max-context-words", "100",
                "--system", "You are ChatGPT, an AI assistant.",
                "--param", "seed=42", "--param", #"stop=["<|im_end|>"]"#, second.chat,
            ]
        )
        let outcome = try await script
        guard outcome.status == 0 else { throw TestFailure(outcome.stderr) }
        return (
            try JSONValue(parsing: outcome.stdout), try await run,
            (try await first.stop(), try await second.stop())
        )
    }

    @Test("one line of ssebomb counts what llm.js counts: completions, tokens, finish reasons")
    func counters() async throws {
        let (script, run, truth) = try await Self.compare(24, mock: ["--tokens", "uniform:5,30"])
        let counts = run.result["counts"]
        #expect(run.result["plan"]["source"]["rows"].int == script["prompts"].int)
        #expect(run.completed == 24 && script["completions"].int == 24)
        let tokens = counts["tokens"]
        #expect(tokens["prompt"].int == script["llm_prompt_tokens_total_counter"].int)
        #expect(tokens["completion"].int == script["llm_completion_tokens_total_counter"].int)
        #expect(tokens["completion"].int == truth.run["counts"]["tokens"].int)
        #expect(truth.script["counts"]["tokens"].int == truth.run["counts"]["tokens"].int)
        #expect(run.events == truth.run["counts"]["events"].int)
        let reasons = counts["finish_reasons"]
        #expect(reasons["length"].int == script["llm_completions_truncated"].int)
        #expect(reasons["stop"].int == script["llm_completions_stop"].int)
        // Else the rates would say nothing.
        #expect((1...23).contains(reasons["length"].int ?? 0))
    }

    @Test("without an event before the first token both have the same speed")
    func speed() async throws {
        let (script, run, _) = try await Self.compare(
            5,
            mock: ["--ttft", "100ms", "--itl", "20ms", "--tokens", "20"]
        )
        let perToken = try #require(run.result["metrics"]["tpot"]["p50"].double)
        // llm.js divides all 20 tokens by the time of 19, and that to the end marker.
        let scripted = try #require(script["llm_tokens_second"].double) * 19 / 20
        #expect(abs(scripted * perToken / 1e9 - 1) < 0.2, "\(scripted), \(perToken)")
        let first = try #require(script["llm_emit_first_token_second"].double)
        #expect(first >= 0.1)
        #expect((run.result["metrics"]["ttft"]["min"].double ?? 0) >= 0.1e9)
    }

    @Test("llm.js takes the role for the first token: ttfe is its number, ttft the right one")
    func roleFirst() async throws {
        let (script, run, _) = try await Self.compare(
            5,
            mock: ["--role-first", "--ttft", "400ms", "--itl", "10ms", "--tokens", "20"]
        )
        let metrics = run.result["metrics"]
        let scripted = try #require(script["llm_emit_first_token_second"].double)
        // The head and the role come at once, the first token never before 400 ms.
        #expect(scripted < 0.2)
        #expect((metrics["ttfe"]["p50"].double ?? .infinity) < 0.2e9)
        #expect((metrics["ttft"]["min"].double ?? 0) >= 0.4e9)
        // 20 tokens over a time that contains those 400 ms; the mock's speed is 100 a second.
        let speed = try #require(script["llm_tokens_second"].double)
        #expect(speed <= 20 / 0.2)
        let perToken = try #require(metrics["tpot"]["p50"].double)
        #expect(perToken >= 9e6 && perToken < 20e6, "\(perToken)")
        #expect(speed * perToken / 1e9 < 0.7, "\(speed), \(perToken)")
    }
}
