// The page's charts of counts: what they hold a load against, and that the shortest run shows.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct HTMLChartTests {
    /// 0 to 400 in 4 s, at once to 100 for 6 s.
    private static let line = LoadLine(
        from: 0,
        stages: [(4, 400), (0, 100), (6, 100)].map {
            LoadStage(duration: Nanoseconds.seconds($0.0), target: $0.1)
        }
    )

    private static func points(_ asked: [AskedPoint]) -> [[Double]] {
        asked.map { [$0.seconds, $0.level] }
    }

    /// A figure of the page.
    private static func figure(_ id: String, _ result: RunResult) throws -> String {
        let page = String(decoding: try RunExport.html.render(finished(result)), as: UTF8.self)
        let start = try #require(page.range(of: "<figure id=\"\(id)\">"))
        let rest = page[start.lowerBound...]
        let end = try #require(rest.range(of: "</figure>"))
        return String(rest[..<end.lowerBound])
    }

    private static func origin(isSameWindow: Bool) -> MergedRun {
        MergedRun(
            parts: ["a", "b"],
            window: isSameWindow ? MergedRun.Window(start: 0, end: 1_000_000_000) : nil,
            isSameWindow: isSameWindow,
            ranks: nil,
            measuredFrom: nil
        )
    }

    @Test("streams are held against one number, or against the line of their stages")
    func streams() throws {
        var result = try VerdictTests.healthy()
        #expect(Self.points(result.askedStreams(until: 20)) == [[0, 1_000], [20, 1_000]])
        #expect(result.askedStarts(until: 20).isEmpty)
        result.plan.stages = Self.line
        let whole: [[Double]] = [[0, 0], [4, 400], [4, 100], [10, 100]]
        #expect(Self.points(result.askedStreams(until: 20)) == whole)
        // A run that was ended on the way was asked for nothing after that.
        #expect(Self.points(result.askedStreams(until: 3)) == [[0, 0], [3, 300]])
        let figure = try Self.figure("flight", result)
        #expect(figure.contains("streams in flight, mean (dashed: asked for); below: requests"))
        #expect(!figure.contains("started a second (dashed"))
        #expect(figure.components(separatedBy: "class=\"line asked\"").count == 2)
        #expect(figure.contains(">asked</text>"))
        result.merged = Self.origin(isSameWindow: false)
        #expect(result.askedStreams(until: 20).isEmpty)
        result.plan.stages = nil
        // Parts that began at different times have no one number.
        #expect(result.askedStreams(until: 20).isEmpty)
        result.merged = Self.origin(isSameWindow: true)
        #expect(Self.points(result.askedStreams(until: 20)) == [[0, 1_000], [20, 1_000]])
    }

    @Test("starts are held against the rate, or its stages, while arrivals are due")
    func starts() throws {
        var result = try VerdictTests.healthy()
        result.plan.arrivals = OpenLoad(rate: 50, law: .poisson)
        result.plan.duration = Nanoseconds.seconds(12)
        #expect(result.askedStreams(until: 20).isEmpty)
        #expect(Self.points(result.askedStarts(until: 20)) == [[0, 50], [12, 50]])
        #expect(Self.points(result.askedStarts(until: 7)) == [[0, 50], [7, 50]])
        result.plan.requests = 200
        #expect(Self.points(result.askedStarts(until: 20)) == [[0, 50], [4, 50]])
        let figure = try Self.figure("flight", result)
        #expect(figure.contains("in flight, mean; below: requests started a second (dashed: asked"))
        #expect(figure.components(separatedBy: "class=\"line asked\"").count == 2)
        var staged = result
        staged.plan.arrivals = OpenLoad(Self.line, law: .poisson)
        let whole: [[Double]] = [[0, 0], [4, 400], [4, 100], [10, 100]]
        #expect(Self.points(staged.askedStarts(until: 20)) == whole)
        staged.merged = Self.origin(isSameWindow: true)
        #expect(staged.askedStarts(until: 20).isEmpty)
        // Later turns start without an arrival.
        result.plan.sessions = Sessions(
            turns: .constant(2),
            think: .constant(0),
            turnsText: "2",
            thinkText: ""
        )
        #expect(result.askedStarts(until: 20).isEmpty)
    }

    @Test("classes that follow stages of their own are held against no one line")
    func classes() throws {
        var result = try VerdictTests.healthy()
        var own = result
        result.classes = [ClassResult("a", own)]
        #expect(!result.askedStreams(until: 20).isEmpty)
        own.plan.stages = Self.line
        result.classes.append(ClassResult("b", own))
        #expect(result.askedStreams(until: 20).isEmpty)
        own.plan.arrivals = OpenLoad(rate: 5, law: .poisson)
        result.classes = [ClassResult("a", own)]
        #expect(result.askedStreams(until: 20).isEmpty && result.askedStarts(until: 20).isEmpty)
    }

    @Test("a run of one short interval shows as steps, at its true rates")
    func short() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.plan.ramp = 0
        result.length = Nanoseconds.milliseconds(200)
        result.intervals[0].tokenEvents = 17
        result.intervals[0].started = 1
        result.intervals[0].inFlight = 1
        let timeLine = try #require(TimeLine(result))
        #expect(timeLine.ratedPieces.map(\.seconds) == [0.2])
        // 17 tokens in 0.2 s, on an axis to 100.
        let tokens = try Self.figure("throughput", result)
        #expect(tokens.contains(">100</text>"))
        #expect(tokens.contains("class=\"line p50\" d=\"M0 19.5L1000 19.5\""), "\(tokens)")
        #expect(tokens.contains("class=\"area outer\" d=\"M0 19.5L1000 19.5L1000 130L0 130Z\""))
        // One start in 0.2 s.
        let flight = try Self.figure("flight", result)
        #expect(flight.contains("class=\"bar\" d=\"M0 0h1000v48h-1000z\""), "\(flight)")
        #expect(flight.contains("class=\"line p50\" d=\"M0 "))
        for id in ["ttft", "flight"] {
            #expect(try Self.figure(id, result).contains("class=\"area outer\""), "\(id)")
        }
        // A piece of a few milliseconds beside longer ones makes no rate.
        result.intervals.append(result.intervals[0])
        result.intervals[1].startSeconds = 1
        result.length = Nanoseconds.milliseconds(1_010)
        #expect(TimeLine(result)?.ratedPieces.map(\.seconds) == [1])
        // Nor is its mean one: the line ends before it.
        result.intervals[1].inFlight = 0
        let cut = try Self.figure("flight", result)
        let start = try #require(cut.range(of: "class=\"line p50\" d=\"M0 "))
        let path = cut[start.upperBound...].prefix { $0 != "\"" }
        #expect(path.count { $0 == "L" } == 1 && path.contains("L990.1 "), "\(path)")
    }

    @Test("gaps of one read don't stretch the axis of percentiles, and the caption says so")
    func percentiles() throws {
        var result = SampleRun.full(try SampleRun.plan())
        #expect(try !Self.figure("percentiles", result).contains("at the bottom"))
        result.histograms[.gap] = snapshot((1...1_000).map { $0 < 500 ? 300 : 50_000_000 })
        let figure = try Self.figure("percentiles", result)
        #expect(figure.contains("; less than 10 µs stands at the bottom"))
        #expect(figure.contains(">10 µs</text>") && !figure.contains(">1 µs</text>"))
        // All of it is that fast.
        for metric in Metric.allCases where result.histograms[metric] != nil {
            result.histograms[metric] = snapshot((1...1_000).map { 2_000 + $0 })
        }
        #expect(try Self.figure("percentiles", result).contains(">1 µs</text>"))
    }

    @Test("of many nines every other label is spare")
    func spare() throws {
        var result = SampleRun.full(try SampleRun.plan())
        #expect(try !Self.figure("percentiles", result).contains("spare"))
        result.histograms[.gap] = snapshot((1...100_000).map { Int64($0) * 1_000 })
        let figure = try Self.figure("percentiles", result)
        for (label, isSpare) in [
            ("50", true), ("90", false), ("99", false), ("99.9", true), ("99.99", false),
            ("99.999", true),
        ] {
            let tags = figure.components(separatedBy: "<")
            let tag = try #require(tags.first { $0.hasSuffix(">\(label) %") })
            #expect(tag.contains("under spare") == isSpare, "\(label)")
        }
    }

    @Test("bars of failures name the time they count, and a sample of streams what it is of")
    func units() throws {
        var result = SampleRun.full(try SampleRun.plan())
        let second = result.intervals[0]
        result.intervals = (0..<TimeLine.mostPieces).map {
            var interval = second
            interval.startSeconds = $0
            return interval
        }
        #expect(try Self.figure("failures", result).contains("failed in each second, by kind"))
        var last = second
        last.startSeconds = TimeLine.mostPieces
        result.intervals.append(last)
        result.length = Nanoseconds.seconds(Int64(TimeLine.mostPieces + 1))
        #expect(try Self.figure("failures", result).contains("failed in each 2 s, by kind"))
    }
}
