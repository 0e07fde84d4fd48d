// The live view as lines, from made-up records: it fits every size, and leaves out the least
// important first.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport
@testable import ssebomb

@Suite("Live view")
struct LiveViewTests {
    private static func view(gates: Int = 1) throws -> LiveView {
        let request = RequestSpecification(
            method: "GET",
            scheme: "http",
            host: "a",
            port: 80,
            target: "/"
        )
        let plan = RunPlan(
            request: request,
            addresses: [],
            streams: 10_000,
            duration: Nanoseconds.seconds(60),
            threads: 1,
            cpus: [0]
        )
        var latencies = HistogramSnapshot()
        for value in 1...2_000 { latencies.record(Int64(value) * 100_000) }
        var intervals: [RunInterval] = []
        for second in 0..<60 {
            var interval = RunInterval(
                startSeconds: second,
                ttft: latencies,
                gap: HistogramSnapshot()
            )
            interval.tokenEvents = UInt64(second) * 10
            interval.completed = 7
            interval.busiest = 0.25
            intervals.append(interval)
        }
        let progress = RunProgress(
            phase: .measured,
            elapsed: Nanoseconds.seconds(30),
            inFlight: 9_990,
            started: 12_000,
            completed: 2_000,
            failed: 3,
            events: 5,
            tokenEvents: 5,
            failures: [.reset: 1, .httpStatus: 2],
            ttft: latencies,
            gap: HistogramSnapshot(),
            recent: intervals
        )
        let gate = try ThresholdParsing.threshold("ttft:p99<500ms")
        let result = ThresholdResult(
            threshold: gate,
            outcome: .missed,
            value: 1,
            samples: 1,
            floor: 1,
            unfinished: 0,
            sentence: "199 ms of 2,000 samples"
        )
        return LiveView(
            progress: progress,
            plan: plan,
            title: "ssebomb  GET http://a/",
            gates: Array(repeating: result, count: gates),
            hasKeys: true
        )
    }

    @Test("no line is wider, and there are no more of them, than the terminal")
    func fits() throws {
        for gates in [0, 1, 40] {
            let view = try Self.view(gates: gates)
            for columns in [1, 20, 60, 79, 80, 81, 120, 200, 500] {
                for rows in [1, 2, 12, 24, 50] {
                    let lines = view.lines(columns: columns, rows: rows, color: false)
                    #expect(lines.count <= rows)
                    #expect(lines.allSatisfy { $0.count <= columns })
                }
            }
        }
    }

    @Test("it says what the run does, and how it stands")
    func content() throws {
        let text = try Self.view().lines(columns: 100, rows: 30, color: false)
            .joined(separator: "\n")
        for part in [
            "measured 30/60 s  ██████████████████████████████░░░", "9,990 of 10,000 in flight",
            "12,000 started, 2,000 completed", "590/s", "▁▁", "█", "last 5 s p50 100ms p99 198ms",
            "3 failed: http_status 2, reset 1", "busiest loop 25.0 %, 25.0 % at most",
            "✗ ttft:p99<500ms  199 ms of 2,000 samples", "q finish now   p pause starting",
        ] { #expect(text.contains(part), "\(part) in\n\(text)") }
        #expect(!text.contains("\u{1B}"))
    }

    @Test("a pause is said, and colours only come where they are wanted")
    func paused() throws {
        var view = try Self.view()
        view.isPaused = true
        let lines = view.lines(columns: 100, rows: 30, color: true)
        #expect(
            lines.contains { $0.contains("paused: nothing starts") && $0.contains("\u{1B}[31m") }
        )
        #expect(lines.last?.contains("p go on") == true)
    }

    @Test("a line that is cut ends in an ellipsis, at a word's end where one is near")
    func cut() throws {
        var view = try Self.view(gates: 0)
        var gate = try Self.view().gates[0]
        gate.sentence =
            "0.00 %, a share of 1.00 % is the bound; measure longer, or with more streams"
        view.gates = [gate]
        view.title = "ssebomb  GET http://127.0.0.1/" + String(repeating: "x", count: 100)
        func line(_ start: String, _ columns: Int) -> String? {
            view.lines(columns: columns, rows: 30, color: false).first { $0.hasPrefix(start) }
        }
        let whole = "gate        ✗ ttft:p99<500ms  0.00 %, a share of 1.00 % is the bound; "
        for (columns, shown) in [
            (56, "gate        ✗ ttft:p99<500ms  0.00 %, a share of 1.00 %…"),
            (54, "gate        ✗ ttft:p99<500ms  0.00 %, a share of 1.00…"),
            (53, "gate        ✗ ttft:p99<500ms  0.00 %, a share of…"),
            (49, "gate        ✗ ttft:p99<500ms  0.00 %, a share of…"),
            (48, "gate        ✗ ttft:p99<500ms  0.00 %, a share…"),
        ] { #expect(line("gate", columns) == shown, "\(columns)") }
        #expect(line("gate", 200)?.hasPrefix(whole) == true)
        #expect(line("gate", 200)?.contains("…") == false)
        // No word ends in the second half: as much of this one as fits.
        let title = try #require(line("ssebomb", 80))
        #expect(title.count == 80 && title.hasSuffix("xx…"))
        // The last columns of a sparkline are the newest.
        view.progress.recent = view.progress.recent.map {
            var interval = $0
            interval.tokenEvents *= 100_000_000_000
            return interval
        }
        #expect(line("tokens/s", 60)?.contains("…") == false)
        #expect(line("tokens/s", 60)?.hasSuffix("█") == true)
    }

    @Test("of little room the least important lines are left out first")
    func priority() throws {
        let lines = try Self.view(gates: 40).lines(columns: 80, rows: 12, color: false)
        #expect(lines.count == 12 && lines[1].hasPrefix("measured"))
        #expect(lines.last?.hasPrefix("q finish") == true)
        #expect(lines.contains { $0.hasPrefix("failures") })
    }

    @Test("a sparkline's highest column is its greatest value, and none is lost")
    func sparkline() {
        #expect(Sparkline.text([0, 1, 2, 7], columns: 10) == "▁▂▃█")
        #expect(Sparkline.text([9, 0, 7], columns: 2) == "▁█")
        #expect(Sparkline.text([0, 0], columns: 5) == "▁▁")
        #expect(Sparkline.text([], columns: 5).isEmpty)
        #expect(Sparkline.text([1], columns: 0).isEmpty)
    }
}
