// Users that do more than wait for the end: who leaves early. The real binary throughout.

import Foundation
import Testing

@Suite("Behaviour of users")
struct BehaviourTests {
    @Test("streams that are given up after some tokens are cancelled, not failed")
    func cancelByTokens() async throws {
        let mock = try await Mock(["--tokens", "50", "--itl", "5ms"])
        let run = try await LoadRun.run(
            Mock.chatBody + ["-c", "4", "-n", "12", "--cancel-after", "5 tokens", mock.chat]
        )
        #expect(run.requests("cancelled") == 12)
        #expect(run.failures == [:])
        #expect(run.outcome.status == 0)
        #expect(run.count(of: "ttft") == 12)
        #expect(run.count(of: "gap") == 48)
        for metric in ["e2e", "e2e_sched", "tpot", "last_token", "max_gap"] {
            #expect(!run.result["metrics"][metric].exists, "\(metric)")
        }
        #expect(!run.result["metrics"]["gap"]["unfinished"].exists)
        #expect(run.opened == 12, "closing the connection is how HTTP/1.1 gives a stream up")
        #expect(run.outcome.stdout.contains("12 = 0 completed + 0 failed + 12 cancelled + 0 cut"))
        #expect(run.outcome.stdout.contains("leave after 5 tokens"))
        let plan = run.result["plan"]
        #expect(plan["cancel_after"].text == "5 tokens")
        #expect(plan["cancel_share"].double == 1)
        let intervals = run.result["intervals"].array ?? []
        #expect(intervals.reduce(0) { $0 + ($1["requests"]["cancelled"].int ?? 0) } == 12)
    }

    @Test("a share of the streams leaves, the same ones whatever the number of threads")
    func cancelShare() async throws {
        let mock = try await Mock(["--tokens", "20", "--itl", "1ms"])
        var cancelled: [Int?] = []
        for threads in ["1", "2"] {
            let run = try await LoadRun.run(
                Mock.chatBody + [
                    "-c", "40", "-n", "40", "-t", threads, "--cancel-after", "uniform:2,10 tokens",
                    "--cancel-share", "25%", mock.chat,
                ]
            )
            let leaves = try #require(run.requests("cancelled"))
            #expect((1...25).contains(leaves))
            #expect(run.completed == 40 - leaves)
            #expect(run.count(of: "e2e") == run.completed)
            cancelled.append(leaves)
        }
        #expect(cancelled[0] == cancelled[1])
    }

    @Test("a stream that is given up after a time counts its waits, and nothing as late")
    func cancelByTime() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(2))), .drain,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["-n", "3", "--api", "raw", "--cancel-after", "200ms", server.url]
        )
        #expect(run.requests("cancelled") == 3)
        #expect(run.count(of: "ttft") == 3)
        let gap = run.result["metrics"]["gap"]
        #expect(gap["unfinished"]["count"].int == 3, "the third event never came")
        let age = try #require(gap["unfinished"]["greatest_age"].int)
        #expect((100_000_000..<5_000_000_000).contains(age))
        #expect(!run.result["metrics"]["e2e"].exists)
    }

    @Test("whoever leaves before the first token has waited for it")
    func cancelBeforeToken() async throws {
        let server = try ScriptedServer([.readRequest, .drain])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", "--cancel-after", "150ms", server.url])
        #expect(run.requests("cancelled") == 2)
        #expect(run.requests("backoff_s") == 0)
        #expect(run.failures == [:])
        #expect(run.outcome.stdout.contains("never"), "the report tells of the waits")
    }

    @Test("a stream that ends before its user would leave is completed")
    func completesFirst() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            Mock.chatBody + ["-n", "4", "--cancel-after", "500 tokens", mock.chat]
        )
        #expect(run.completed == 4)
        #expect(run.requests("cancelled") == 0)
    }
}
