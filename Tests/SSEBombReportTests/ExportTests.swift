// Exports of runs that have more than one kind of load: which figures are whose. What a reader from
// elsewhere makes of each format is checked by `make test-readers`.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct ExportTests {
    @Test("CSV has each figure once for the run and once a class, sessions and turns, too")
    func csv() throws {
        let run = try ResultGenerator.classes()
        let text = String(decoding: try RunExport.csv.render(run), as: UTF8.self)
        let rows = text.split(separator: "\n").dropFirst()
            .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        #expect(rows.allSatisfy { $0.count == 5 })
        let keys = rows.map { [$0[0], $0[1], $0[4]] }
        #expect(Set(keys).count == keys.count)
        #expect(Set(rows.map { $0[4] }) == ["", "chat", "batch"])
        func value(_ name: String, _ statistic: String, _ owner: String) -> String? {
            rows.first { $0[0] == name && $0[1] == statistic && $0[4] == owner }?[2]
        }
        for (owner, result) in [("", run.result)] + run.result.classes.map({ ($0.name, $0.result) })
        {
            #expect(value("requests", "completed", owner) == "\(result.counts.completed)")
            #expect(
                value("gap", "count", owner)
                    == result.histograms[.gap].map { $0.isEmpty ? nil : "\($0.count)" } ?? nil
            )
            #expect(value("sessions", "started", owner) == result.sessions.map { "\($0.started)" })
            let turn = try #require(result.sessions?.turns.first { !$0.e2e.isEmpty })
            #expect(value("turn_\(turn.number)_e2e", "count", owner) == "\(turn.e2e.count)")
        }
    }

    @Test("Markdown has a row for each class and each turn, and no name can be markup")
    func markdown() throws {
        var run = try ResultGenerator.classes()
        run.result.classes[0].name = "chat|<b>"
        let text = String(decoding: try RunExport.markdown.render(run), as: UTF8.self)
        #expect(text.contains("2 classes of load, measured"))
        #expect(text.contains("| chat\\|&lt;b&gt; | ") && text.contains("| batch | "))
        #expect(text.contains("Sessions: \(run.result.sessions?.started ?? 0) started, "))
        #expect(text.contains("| Turn | completed | "))
        // As many cells in every row of a table as in its heading.
        let widths = text.split(separator: "\n\n").filter { $0.hasPrefix("|") }.map { table in
            Set(
                table.split(separator: "\n").map { row in
                    row.replacing("\\|", with: "").count { $0 == "|" }
                }
            )
        }
        #expect(widths.count >= 4 && widths.allSatisfy { $0.count == 1 })
    }

    @Test("k6 has the gates of two classes apart, each under its metric with the class's figures")
    func k6() throws {
        var run = try ResultGenerator.classes()
        func gate(_ bound: String, _ nanoseconds: Double) -> Threshold {
            Threshold(
                expression: "gap:p50<\(bound)",
                subject: .metric(.gap),
                aggregate: .percentile(50),
                comparison: .less,
                bound: nanoseconds
            )
        }
        let gates = [
            gate("9000s", 9e12).scoped(to: "chat"), gate("1ns", 1).scoped(to: "chat"),
            gate("9000s", 9e12), gate("9000s", 9e12).scoped(to: "batch"),
            gate("1ns", 1).scoped(to: "batch"),
        ]
        run.thresholds = gates.map { $0.judge(run.result) }
        let data = Data(try RunExport.k6.render(run))
        let document = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any]
        )
        let metrics = try #require(document["metrics"] as? [String: [String: Any]])
        func outcomes(_ name: String) -> [String: Bool]? {
            (metrics[name]?["thresholds"] as? [String: [String: Bool]])?.compactMapValues {
                $0["ok"]
            }
        }
        for name in ["chat", "batch"] {
            #expect(outcomes("gap{class:\(name)}") == ["p50<9000s": true, "p50<1ns": false])
            let part = try #require(run.result.classes.first { $0.name == name }).result
            let values = metrics["gap{class:\(name)}"]?["values"] as? [String: Double]
            #expect(values?["count"] == (part.histograms[.gap]?.count).map { Double($0) })
        }
        #expect(outcomes("gap") == ["p50<9000s": true])
        let stored = try reading(run.file.encoded())
        #expect(stored.thresholds == run.thresholds)
        #expect(try RunExport.k6.render(stored) == Array(data))
    }

    @Test(
        "llm-d states no percentile of a second with too few samples, and none above the greatest"
    )
    func llmd() throws {
        var result = SampleRun.full(try SampleRun.plan())
        let most = Int64(300_000_001)
        result.histograms[.ttft] = snapshot((0..<1_000).map { most - $0 * 100_000 })
        let counts: [Int64] = [1, 81, 700]
        result.intervals = counts.enumerated().map { place, count in
            var interval = result.intervals[0]
            interval.startSeconds = place
            interval.ttft = snapshot((0..<count).map { most - $0 * 100_000 })
            return interval
        }
        let run = finished(result)
        // What this is about: the file's histogram alone would say more.
        try #require(run.result.intervals.allSatisfy { $0.ttft.max > most })
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(RunExport.llmd.render(run)))
                as? [String: Any]
        )
        var node: Any? = document
        for name in [
            "results", "request_performance", "time_series", "latency", "time_to_first_token",
            "series",
        ] { node = (node as? [String: Any])?[name] }
        let seconds = try #require(node as? [[String: Any]])
        #expect(seconds.map { $0["p99"] != nil } == [false, false, true])
        #expect(
            seconds.map { $0["p50"] != nil }
                == counts.map {
                    HistogramSnapshot.isSupported(percentile: 50, count: UInt64($0))
                }
        )
        for second in seconds {
            #expect(second["max"] as? Double == 300.000_001)
            for name in ["mean", "p50", "p99"] {
                #expect((second[name] as? Double ?? 0) <= 300.000_001, "\(name)")
            }
        }
    }

    @Test("OpenMetrics has each label once, whatever names become the same")
    func labels() throws {
        var run = try ResultGenerator.classes()
        run.context.labels = ["a.b": "1", "a-b": "2", "a_b_2": "3", "a b": "4"]
        let text = String(decoding: try RunExport.openMetrics.render(run), as: UTF8.self)
        let info = try #require(text.split(separator: "\n").first { $0.contains("run_info{") })
        let names = info.matches(of: #/(label_\w+)="(\d)"/#)
        #expect(Set(names.map(\.1)).count == 4 && names.count == 4)
        #expect(Set(names.map(\.2)) == ["1", "2", "3", "4"])
    }

    @Test("goodput and attainment are in CSV, Markdown and OpenMetrics, and absent where unasked")
    func objectives() throws {
        func texts(_ run: FinishedRun) throws -> [String] {
            try [RunExport.csv, .markdown, .openMetrics].map {
                String(decoding: try $0.render(run), as: UTF8.self)
            }
        }
        var result = SampleRun.full(try SampleRun.plan())
        let without = try texts(finished(result))
        for text in without { #expect(!text.contains("goodput") && !text.contains("attainment")) }
        var counts = ObjectiveCounts()
        (counts.good, counts.goodInWindow, counts.bad, counts.undecided) = (750, 720, 250, 22)
        result.counts.objectives = counts
        let text = try texts(finished(result))
        #expect(text[0].contains("slo,good,750,requests,\n"))
        #expect(text[0].contains("slo,attainment,0.75,,\n"))
        // 720 in the measured window of 10 s.
        #expect(text[0].contains("slo,goodput,72.0,requests/s,\n"))
        #expect(text[1].contains("| slo | 750 good, 250 bad, 22 undecided, attainment 75"))
        #expect(text[1].contains("goodput 72.0/s |"))
        #expect(text[2].contains("ssebomb_slo_requests_total{judgement=\"bad\"} 250\n"))
        #expect(text[2].contains("ssebomb_attainment_ratio 0.75\n"))
        #expect(text[2].contains("ssebomb_goodput_per_second 72\n"))
    }
}
