// The self-test's judgement on hand-made matrices: what a cell shows, how far a machine is trusted,
// and how both are said.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite("Self-test") struct SelftestTests {
    private static func suspect() -> Verdict {
        Verdict(reasons: [
            .init(code: "loop_busy", state: .suspect, sentence: "busy", value: 0.9, bound: 0.8)
        ])
    }

    @Test("a cell is within its bounds up to the bound itself, and off beyond it")
    func bounds() {
        typealias Sample = SampleSelftest
        #expect(Sample.cell(.plain, 10, 5, ttft: (200_000, 1_000_000)).outcome == .within)
        #expect(Sample.cell(.plain, 10, 5, ttft: (-200_000, -1_000_000)).outcome == .within)
        #expect(Sample.cell(.plain, 10, 5, ttft: (200_001, 0)).outcome == .off)
        #expect(Sample.cell(.plain, 10, 5, ttft: (0, -1_000_001)).outcome == .off)
        #expect(Sample.cell(.plain, 10, 5, gap: (-200_001, 0)).outcome == .off)
        #expect(Sample.cell(.plain, 10, 5, gap: (0, 1_000_001)).outcome == .off)
    }

    @Test("the greatest gap alone proves nothing against a client")
    func greatestGap() {
        let cell = SampleSelftest.cell(.plain, 10, 5, greatestGap: 30_000_000)
        #expect(cell.outcome == .within)
        #expect(cell.greatestError == 60_000)
    }

    @Test("a cell that isn't valid, or lacks samples, speaks against the client")
    func against() {
        #expect(SampleSelftest.cell(.tls, 10, 5, verdict: Self.suspect()).outcome == .notValid)
        #expect(SampleSelftest.cell(.tls, 10, 5, completed: 9).outcome == .incomplete)
        var cell = SampleSelftest.cell(.tls, 10, 5)
        cell.gap?.count -= 1
        #expect(cell.outcome(under: SelftestBounds()) == .incomplete)
        cell = SampleSelftest.cell(.tls, 10, 5)
        cell.ttft?.trueCount += 1
        #expect(cell.outcome(under: SelftestBounds()) == .incomplete)
        cell.ttft = nil
        #expect(cell.outcome(under: SelftestBounds()) == .incomplete)
    }

    @Test("where the mock was late, nothing is said of the client, whatever else happened")
    func mockLate() {
        typealias Sample = SampleSelftest
        #expect(Sample.cell(.plain, 10, 5, sent: 0.9899).outcome == .mockLate)
        #expect(Sample.cell(.plain, 10, 5, sent: 0.9901).outcome == .within)
        #expect(Sample.cell(.plain, 10, 5, slips: 1).outcome == .mockLate)
        let all = Sample.cell(
            .plain,
            10,
            5,
            ttft: (0, 9_000_000),
            sent: 0.5,
            completed: 3,
            verdict: Self.suspect()
        )
        #expect(all.outcome == .mockLate)
    }

    @Test("the largest load is trusted when every smaller one is within its bounds")
    func largest() {
        let trusted = SampleSelftest.usual.trusted
        #expect(
            trusted == [
                .init(transport: .plain, streams: 4_000, rate: 25, loops: 1, within: 412_345),
                .init(transport: .tls, streams: 1_000, rate: 25, loops: 1, within: 400_000),
            ]
        )
    }

    @Test("a good cell beyond a bad smaller one is not trusted, one beside it is")
    func holes() {
        let cells = [
            SampleSelftest.cell(.plain, 100, 10), SampleSelftest.cell(.plain, 100, 50),
            SampleSelftest.cell(.plain, 500, 10, gap: (0, 3_000_000)),
            SampleSelftest.cell(.plain, 500, 50), SampleSelftest.cell(.plain, 100, 80),
        ]
        let document = SampleSelftest.document(cells)
        #expect(document.trusted.map(\.streams) == [100])
        #expect(document.trusted.map(\.rate) == [80])
        #expect(document.trustedCells.map(\.rate) == [10, 50, 80])
    }

    @Test("the bound is the greatest error of the load and of all smaller ones")
    func within() {
        let document = SampleSelftest.document([
            SampleSelftest.cell(.plain, 100, 10, ttft: (1_000, -700_000)),
            SampleSelftest.cell(.plain, 500, 10, ttft: (1_000, 2_000), gap: (-3_000, 0)),
        ])
        #expect(document.trusted.map(\.within) == [700_000])
        #expect(document.trusted.map(\.streams) == [500])
    }

    @Test("of loads with as many events the one with more streams is the larger")
    func ties() {
        let document = SampleSelftest.document([
            SampleSelftest.cell(.plain, 500, 50), SampleSelftest.cell(.plain, 1_000, 25),
        ])
        #expect(document.trusted.map(\.streams) == [1_000])
    }

    @Test("nothing is trusted where the smallest load failed, or the mock was late in it")
    func none() {
        for cell in [
            SampleSelftest.cell(.tls, 100, 10, gap: (0, 3_000_000)),
            SampleSelftest.cell(.tls, 100, 10, slips: 1),
        ] {
            let document = SampleSelftest.document([cell, SampleSelftest.cell(.tls, 200, 10)])
            #expect(document.trusted.isEmpty)
        }
    }

    // MARK: Report

    private static func report(_ document: SelftestDocument) -> SelftestReport {
        var report = SelftestReport(toolVersion: "1.2.3", mockCPUs: [0], clientCPUs: [1])
        report.document = document
        return report
    }

    @Test("one line says how far the machine can be trusted, its bound rounded up")
    func line() {
        #expect(
            Self.report(SampleSelftest.usual).trustLine
                == "this machine can be trusted over TCP up to 4,000 streams x 25/s: within "
                + "0.42 ms; over TLS up to 1,000 streams x 25/s: within 0.40 ms"
        )
        let poor = SampleSelftest.document([SampleSelftest.cell(.plain, 100, 12.5, slips: 3)])
        #expect(
            Self.report(poor).trustLine
                == "this machine can be trusted over TCP not even with 100 x 12.5/s; over TLS "
                + "untried"
        )
        #expect(!Self.report(poor).isTrusted)
        #expect(Self.report(SampleSelftest.usual).isTrusted)
    }

    @Test("the text has every cell, and a sentence for each that can't be trusted")
    func text() throws {
        let text = Self.report(SampleSelftest.usual).text(color: false)
        let lines = text.split(separator: "\n").map(String.init)
        let loads = ["250 x 25/s", "1,000 x 25/s", "1,000 x 50/s", "4,000 x 25/s", "4,000 x 50/s"]
        for load in loads {
            let count = lines.filter { $0.hasPrefix("  \(load) ") }.count
            #expect(count == (load.hasPrefix("4,000") ? 1 : 2), "\(load)")
        }
        let row = try #require(lines.first { $0.hasPrefix("  4,000 x 25/s") })
        let cells = row.split(separator: " ").map(String.init)
        #expect(
            cells.suffix(11) == [
                "100k", "100k", "8.13", "+0.03", "+0.41", "+0.00", "-0.02", "+0.00", "0.02",
                "0.64", "ok",
            ]
        )
        #expect(text.contains("TLS 1,000 x 50/s: off: gap p99 by +5.00 ms"))
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(
            words.contains("shows nothing about the client: it sent 180,000 of 200,000 events/s")
        )
        #expect(lines.last == Self.report(SampleSelftest.usual).trustLine)
        #expect(lines.dropLast().allSatisfy { $0.count <= 80 }, "\(text)")
    }

    @Test("of a run that isn't valid the worst reason is told, and how many others there are")
    func reasons() {
        let reason = { (code: String, state: Verdict.State) in
            Verdict.Reason(code: code, state: state, sentence: "\(code)!", value: 1, bound: 0)
        }
        let verdict = Verdict(reasons: [
            reason("one", .suspect), reason("two", .invalid), reason("three", .suspect),
        ])
        let text = Self.report(
            SampleSelftest.document([
                SampleSelftest.cell(.plain, 10, 5, verdict: verdict),
                SampleSelftest.cell(.tls, 10, 5, verdict: Self.suspect()),
            ])
        ).text(color: false)
        #expect(text.contains("  plain 10 x 5/s: invalid: two! And 2 more in the file.\n"))
        #expect(text.contains("  TLS 10 x 5/s: suspect: busy\n"))
    }

    @Test("the set-up says when both sides share a CPU, and that a signal came")
    func headline() {
        var report = SelftestReport(toolVersion: "1", mockCPUs: [3], clientCPUs: [3])
        report.interrupt()
        let text = report.text(color: false)
        #expect(text.contains("mock on CPU 3, client on CPU 3: they share it"))
        #expect(text.contains("interrupted"))
        #expect(!Self.report(SampleSelftest.usual).text(color: false).contains("share"))
    }

    @Test("the file follows its schema, read again is the same, and doesn't contradict itself")
    func file() throws {
        let schema = try SchemaCheck("selftest")
        var odd = SampleSelftest.cell(.tls, 10, 0.5, verdict: Self.suspect())
        odd.ttft = nil
        odd.deliveryLag = nil
        odd.cpuNsPerEvent = nil
        odd.outcome = odd.outcome(under: SelftestBounds())
        let documents = [
            SampleSelftest.usual, SampleSelftest.document([]), SampleSelftest.document([odd]),
        ]
        for document in documents {
            let bytes = try Self.report(document).encoded()
            #expect(try schema.errors(in: bytes) == [])
            let read = try JSONDecoder().decode(SelftestDocument.self, from: Data(bytes))
            #expect(read == document)
            #expect(read.contradiction == nil)
        }
        let text = String(decoding: try Self.report(SampleSelftest.usual).encoded(), as: UTF8.self)
        for (right, wrong) in [("\"rate\" : 25", "\"rat\" : 25"), ("\"within\",", "\"without\",")] {
            let damaged = text.replacingOccurrences(of: right, with: wrong)
            try #require(damaged != text)
            #expect(try schema.errors(in: Array(damaged.utf8)) != [])
        }
    }

    @Test("a cell is made of the client's result and the mock's truth")
    func adding() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.counts.completed = 4
        result.histograms = [
            .ttft: snapshot([50_000_000, 51_000_000, 52_000_000, 53_000_000]),
            .gap: snapshot([39_000_000, 40_000_000, 41_000_000, 40_000_000]),
            .deliveryLag: snapshot([10_000, 20_000]),
        ]
        let truth = """
            {"schema_version":1,"counts":{"schedule_slips":0,"events":8},"metrics":{
            "ttft":{"unit":"ns","count":4,"mean":5,"p50":51000000,"p99":53000000,"max":53000000},
            "gap":{"unit":"ns","count":4,"mean":40000000,"p50":40000000,"p99":41000000,
            "max":42000000}}}
            """
        var report = SelftestReport(toolVersion: "1", mockCPUs: [0], clientCPUs: [1])
        let load = SelftestLoad(transport: .plain, streams: 4, rate: 25, tokens: 2, loops: 1)
        try report.add(load, result, Verdict(reasons: []), truth: Array(truth.utf8))
        let cell = try #require(report.document.cells.first)
        #expect(cell.events == .init(asked: 100, achieved: 100, sent: 100))
        #expect(cell.gap?.max.error == -1_000_000)
        #expect(cell.ttft?.p50.truth == 51_000_000)
        #expect(abs(try #require(cell.ttft).p50.error) < 51_000)
        #expect(cell.outcome == .within)
        #expect(report.document.trusted.count == 1)
        #expect(throws: SetupError.self) {
            try report.add(load, result, Verdict(reasons: []), truth: Array("{}".utf8))
        }
    }
}
