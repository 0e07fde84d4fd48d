// Reports of sessions, on made-up runs: what the text and the file say, and that the file is read
// back as it was.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct SessionReportTests {
    private static func run() throws -> RunResult {
        var result = try VerdictTests.healthy()
        result.plan.sessions = Sessions(
            turns: .uniform(2, 12),
            think: .constant(2e9),
            turnsText: "uniform:2,12",
            thinkText: "2s"
        )
        var report = SessionReport()
        report.started = 40
        report.completed = 30
        report.failed = 3
        report.tooLong = 2
        report.turns = [
            .init(1, ttft: spread(200, from: 10, to: 20), e2e: spread(200, from: 100, to: 120)),
            .init(9, ttft: spread(200, from: 30, to: 40), e2e: HistogramSnapshot()),
        ]
        result.sessions = report
        return result
    }

    @Test("the text has the sessions' ends and a line for each turn") func text() throws {
        let text = TextReport(try Self.run(), verdict: Verdict(reasons: []), color: false).render()
        #expect(text.contains("40 = 30 completed + 3 failed + 2 too long + 5 unfinished"))
        #expect(text.contains("sessions of uniform:2,12 turns, think"))
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        let first = lines.first { $0.starts(with: ["1", "200"]) }
        #expect(first?.contains { $0.hasPrefix("15") } == true, "half of 10 to 20 ms")
        #expect(lines.contains { $0.starts(with: ["9+", "0"]) })
    }

    @Test("the file follows the schema and is read back") func file() throws {
        let result = try Self.run()
        let context = RunContext(
            toolVersion: "1",
            labels: [:],
            environment: .current(tlsLibrary: "OpenSSL 3")
        )
        let file = ResultFile(result, verdict: .judge(result), context: context)
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
        let record = try #require(file.document.sessions)
        let restored = try SessionReport(restoring: record)
        #expect(restored.unfinished == 5)
        #expect(restored.turns.map(\.name) == ["1", "9+"])
        #expect(restored.turns[0].e2e.count == 200)
        #expect(
            restored.turns[0].ttft.percentile(50) == result.sessions?.turns[0].ttft.percentile(50)
        )
        #expect(try file.document.plan.sessions() == result.plan.sessions)
    }

    @Test("users who think hold fewer streams than there are of them") func held() throws {
        var result = try Self.run()
        for index in result.intervals.indices { result.intervals[index].inFlight = 1 }
        func codes() -> [String] { Verdict.judge(result).reasons.map(\.code) }
        #expect(!codes().contains("streams_held"))
        result.plan.sessions?.think = .constant(0)
        #expect(codes().contains("streams_held"))
    }
}
