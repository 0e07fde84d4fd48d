// Reports of loads that change, on made-up runs: what the text and the file say of each stage and
// of a trace, and what the verdict holds against a line of streams.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct StageReportTests {
    /// 0 to 400 in 4 s, 400 for 8.5 s, at once to 100 for 7.5 s.
    private static let line = LoadLine(
        from: 0,
        stages: [(4_000, 400), (8_500, 400), (0, 100), (7_500, 100)].map {
            LoadStage(duration: Nanoseconds.milliseconds($0.0), target: $0.1)
        }
    )

    /// A run whose streams are exactly the line's.
    private static func streams() throws -> RunResult {
        var result = try VerdictTests.healthy()
        result.plan.stages = line
        result.plan.streams = 400
        for index in result.intervals.indices {
            result.intervals[index].inFlight = line.mean(of: result.intervals[index])
        }
        return result
    }

    private static func render(_ result: RunResult) -> [String] {
        TextReport(result, verdict: Verdict(reasons: []), color: false).render()
            .split(separator: "\n").map(String.init)
    }

    private static func codes(_ result: RunResult) -> [String] {
        Verdict.judge(result).reasons.map(\.code)
    }

    @Test("streams that follow their stages are held, and what is over in one second is no excuse")
    func held() throws {
        #expect(try Self.codes(Self.streams()) == [])
        // Those that finish while the line falls don't make up for those that never opened.
        func changed(_ share: Double) throws -> [String] {
            var result = try Self.streams()
            for index in result.intervals.indices {
                result.intervals[index].inFlight *= index < 12 ? share : 9
            }
            return Self.codes(result)
        }
        // The first twelve seconds have 4,000 of the 4,950 stream-seconds.
        #expect(try changed(0.945) == [] && changed(0.93) == ["streams_held"])
        var result = try Self.streams()
        for index in result.intervals.indices { result.intervals[index].inFlight *= 0.94 }
        let reason = try #require(Verdict.judge(result).reasons.first)
        #expect(reason.sentence.contains("Of 248 streams asked for, 233 were held on average"))
        #expect(reason.sentence.contains("give the stages more time"))
    }

    @Test("back-off is held against the streams that the stages ask for")
    func backOff() throws {
        var result = try Self.streams()
        // Of 4,950 stream-seconds, where 400 streams all the time would be 8,000.
        result.counts.backoff = Nanoseconds.seconds(49)
        #expect(Self.codes(result) == [])
        result.counts.backoff = Nanoseconds.seconds(50)
        #expect(Self.codes(result) == ["back_off"])
    }

    @Test("the text has a line for each stage, over the whole seconds in it")
    func text() throws {
        let lines = Self.render(try Self.streams())
        let stages = lines.drop { $0 != "Stages" }.dropFirst().prefix(3)
        #expect(
            Array(stages) == [
                "  1               0 to 400 in 4 s: 200 asked, 200 held, over 4 whole s",
                "  2               400 for 8,500 ms: 400 asked, 400 held, over 8 whole s",
                "  3               100 for 7,500 ms: 100 asked, 100 held, over 6 whole s",
            ],
            "\(lines)"
        )
        let whole = lines.joined(separator: " ").split(separator: " ").joined(separator: " ")
        #expect(
            whole.contains(
                "400 streams for 20 s, stages from 0, 4 s to 400, 8,500 ms to 400, at once to 100,"
                    + " 7,500 ms to 100, ramp-down 30 s, drain 30 s"
            ),
            "\(whole)"
        )
        #expect(!Self.render(try VerdictTests.healthy()).contains("Stages"))
    }

    @Test("an open load's stages have what was started in them")
    func rate() throws {
        var result = try Self.streams()
        result.plan.stages = nil
        result.plan.arrivals = OpenLoad(Self.line, law: .poisson)
        result.plan.connectRate = 0
        for index in result.intervals.indices { result.intervals[index].started = 90 }
        let accounts = result.stageAccounts
        #expect(
            accounts.map(\.achieved) == [90, 90, 90] && accounts.map(\.asked) == [200, 400, 100]
        )
        #expect(accounts.map(\.start) == [0, 4_000_000_000, 12_500_000_000])
        let stage = Self.render(result).first { $0.hasPrefix("  3 ") }
        #expect(stage?.contains("100/s for 7,500 ms: 100/s asked, 90.0/s started") == true)
        #expect(!Self.codes(result).contains("streams_held"))
        // A run that ended early has nothing to say of what did not happen.
        result.intervals.removeLast(12)
        #expect(result.stageAccounts.map(\.seconds) == [4, 3, 0])
        #expect(result.stageAccounts.map(\.achieved) == [90, 90, nil])
    }

    @Test("the file of stages and of traces follows the schema")
    func file() throws {
        let schema = try SchemaCheck()
        let context = RunContext(
            toolVersion: "1",
            labels: [:],
            environment: .current(tlsLibrary: "OpenSSL 3")
        )
        func file(_ result: RunResult) -> ResultFile {
            ResultFile(result, verdict: .judge(result), context: context)
        }
        var result = try Self.streams()
        #expect(try schema.errors(in: file(result).encoded()) == [])
        let staged = file(result).document
        #expect(staged.stages?.count == 3 && staged.plan.rampDownS == 30)
        #expect(file(try VerdictTests.healthy()).document.stages == nil)

        let path = Project.fixture("traces/mooncake.jsonl")
        let trace = try ArrivalTrace(path, window: TraceWindow(end: 900_000_000))
        result.plan.stages = nil
        result.plan.arrivals = OpenLoad(TraceReplay(trace, speed: 2))
        result.arrivals = ArrivalReport(
            due: 3,
            span: 1_000_000,
            pacingError: spread(3, from: 0.001, to: 0.01),
            greatestDeviation: 20_000
        )
        #expect(try schema.errors(in: file(result).encoded()) == [])
        let document = file(result).document
        #expect(document.stages == nil && document.plan.rampDownS == nil)
        #expect(document.arrivals?.process == "trace" && document.plan.arrivals == "trace")
        #expect(document.plan.trace?.rows == 3 && document.plan.trace?.toS == 0.9)
        #expect(document.plan.trace?.promptTokens == 2_137)
        let text = Self.render(result).joined(separator: " ").split(separator: " ")
            .joined(separator: " ")
        #expect(text.contains("own instants: starts came 20.0 µs late at most, waits included"))
        #expect(text.contains("(mooncake), 3 rows from 0 s to 900 ms, 2,137 prompt and 16 answer"))
    }
}

private enum Project {
    static func fixture(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/\(name)").path
    }
}
