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
        return LiveView(
            progress: progress,
            subject: LiveSubject(
                plan: plan,
                target: LiveTarget([plan]),
                title: "ssebomb  GET http://a/"
            ),
            gates: try (0..<gates).map { _ in try gate(.missed) },
            hasKeys: true
        )
    }

    private static func gate(_ outcome: ThresholdResult.Outcome) throws -> ThresholdResult {
        ThresholdResult(
            threshold: try ThresholdParsing.threshold("ttft:p99<500ms"),
            outcome: outcome,
            value: 1,
            samples: 1,
            floor: 1,
            unfinished: 0,
            sentence: "199 ms of 2,000 samples"
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
                    #expect(lines.allSatisfy { $0.columns <= columns })
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
        view.subject.title = "ssebomb  GET http://127.0.0.1/" + String(repeating: "x", count: 100)
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

    @Test("gates that find no room are counted, and missed ones find it first")
    func room() throws {
        var view = try Self.view()
        let outcomes: [ThresholdResult.Outcome] = [
            .passed, .missed, .notJudged, .passed, .missed, .missed,
        ]
        view.gates = try outcomes.map { try Self.gate($0) }
        view.subject.notes = ["warning: few ports", "continuous usage: off"]
        view.subject.metricsURL = "http://127.0.0.1:9400/metrics"
        func tail(_ rows: Int) -> [String] {
            view.lines(columns: 100, rows: rows, color: false)
                .filter { ["gate ", "note ", "no ro"].contains(String($0.prefix(5))) }
                .map { String($0.dropFirst(12).prefix(22)) }
        }
        let (missed, passed) = ("✗ ttft:p99<500ms  199 ", "✓ ttft:p99<500ms  199 ")
        let unjudged = "? ttft:p99<500ms  199 "
        #expect(
            tail(30) == [
                passed, missed, unjudged, passed, missed, missed, "warning: few ports",
                "continuous usage: off",
            ]
        )
        #expect(tail(18) == [missed, missed, missed, unjudged, passed, passed, "2 notes"])
        #expect(tail(16) == [missed, missed, missed, unjudged, "gates: 2 passed, 2 not"])
        #expect(tail(14) == [missed, missed, "gates: 1 missed, 1 not"])
        #expect(tail(12) == ["gates: 3 missed, 1 not"])
        #expect(view.lines(columns: 100, rows: 12, color: false)[1].hasPrefix("metrics     http"))
    }

    @Test("at no height a gate is missing unsaid")
    func everyHeight() throws {
        let view = try Self.view(gates: 5)
        for rows in 12...30 {
            let lines = view.lines(columns: 100, rows: rows, color: false)
            let shown = lines.count { $0.hasPrefix("gate ") }
            let hint = "no room for gates: \(5 - shown) missed"
            #expect(lines.contains { $0.hasPrefix(hint) } == (shown < 5), "\(rows)")
        }
    }

    @Test("wide characters take two columns, marks none, and nothing in a gate moves the cursor")
    func columns() throws {
        let widths: [(String, Int)] = [
            ("abc", 3), ("漢字", 4), ("é", 1), ("e\u{301}", 1), ("한", 2), ("😀", 2), ("█░", 2),
            ("ｆ", 2), ("\u{1100}", 2), ("\u{20000}", 2), ("─", 1), ("", 0),
        ]
        for (text, columns) in widths { #expect(text.columns == columns, "\(text)") }
        #expect("漢字漢字".cut(toColumns: 6) == "漢字…")
        #expect("漢字漢字".cut(toColumns: 8) == "漢字漢字")
        #expect("漢字漢字".cut(toColumns: 7) == "漢字漢…")
        #expect("漢字".cut(toColumns: 1) == "…")
        #expect("漢".padded(toColumns: 4) == "漢  ")
        var view = try Self.view()
        view.subject.title = String(repeating: "漢", count: 100)
        view.gates[0].sentence = "a\u{1b}[31mred\u{7}\u{202e}"
        for width in 20...90 {
            let lines = view.lines(columns: width, rows: 30, color: false)
            #expect(lines.allSatisfy { $0.columns <= width }, "\(width)")
        }
        let text = view.lines(columns: 150, rows: 30, color: false).joined(separator: "\n")
        #expect(text.contains(#"a\u{1b}[31mred\u{7}\u{202e}"#))
    }

    @Test("what was cancelled counts in the bar of -n, and is named")
    func cancelled() throws {
        var view = try Self.view()
        view.progress.cancelled = 1_997
        (view.progress.good, view.progress.bad) = (3, 1)
        view.subject.plan.duration = nil
        view.subject.plan.requests = 8_000
        let lines = view.lines(columns: 100, rows: 30, color: false)
        // 2,000 completed, 3 failed: half of them.
        let bar = try #require(lines.first { $0.contains("░") })
        #expect(bar.count { $0 == "█" } == bar.count { $0 == "░" })
        #expect(lines.contains { $0.hasSuffix("completed, 1,997 cancelled, 75.0 % good") })
        view.subject.plan.requests = nil
        #expect(!view.lines(columns: 100, rows: 30, color: false).contains { $0.contains("░") })
    }

    @Test("tokens that aren't events are counted as the result would, and say so")
    func basis() throws {
        var view = try Self.view()
        func rates() -> [Substring] {
            view.lines(columns: 100, rows: 30, color: false)
                .filter { $0.contains("s/s ") && !$0.hasPrefix("starts") }.map { $0.dropFirst(12) }
        }
        #expect(rates().map { $0.prefix(14) } == ["7.00/s       █", "590/s        ▁"])
        (view.progress.tokensPerEvent, view.progress.tokenBasis) = (10, .usageScaled)
        let scaled = rates()
        #expect(scaled[1].hasPrefix("5,900/s (usage_scaled) ▁"), "\(scaled[1])")
        // One second of both in one column.
        let places = scaled.map { $0.firstIndex { "▁█".contains($0) }?.utf16Offset(in: $0) }
        #expect(places == [23, 23])
    }

    @Test("of a long class name so much is left out that its gate and figure can be read")
    func longNames() throws {
        var view = try Self.view()
        let names = ["a", "b"].map {
            "checkout-assistant-of-the-european-region-behind-a-gateway-\($0)"
        }
        view.gates = try names.flatMap { name in
            try ["ttft:p99<500ms", "gap:p99<80ms"].map { text in
                ThresholdResult(
                    threshold: try ThresholdParsing.threshold(text).scoped(to: name),
                    outcome: .missed,
                    value: 1,
                    samples: 1,
                    floor: 1,
                    unfinished: 0,
                    sentence: "199 ms of 2,000 samples"
                )
            }
        }
        func gates(_ columns: Int) -> [String] {
            view.lines(columns: columns, rows: 30, color: false)
                .filter { $0.hasPrefix("gate ") }.map { String($0.dropFirst(12)) }
        }
        let figure = "199 ms of 2,000 samples"
        #expect(
            gates(79) == [
                "✗ checkout-ass…a-gateway-a: ttft:p99<500ms  \(figure)",
                "✗ checkout-assi…-a-gateway-a: gap:p99<80ms  \(figure)",
                "✗ checkout-ass…a-gateway-b: ttft:p99<500ms  \(figure)",
                "✗ checkout-assi…-a-gateway-b: gap:p99<80ms  \(figure)",
            ]
        )
        #expect(gates(200).first == "✗ \(names[0]): ttft:p99<500ms  \(figure)")
        // With too little room for all, enough of the name is left to tell it.
        #expect(gates(60).first?.hasPrefix("✗ checkout…teway-a: ttft:p99<500ms") == true)
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

/// What a run is held against while it goes on.
@Suite("Target of the display")
struct LiveTargetTests {
    private static func progress(_ seconds: Double, phase: RunPhase = .measured) -> RunProgress {
        RunProgress(
            phase: phase,
            elapsed: Int64(seconds * 1e9),
            inFlight: 35,
            started: 100,
            completed: 60,
            failed: 0,
            events: 0,
            tokenEvents: 0,
            failures: [:],
            ttft: HistogramSnapshot(),
            gap: HistogramSnapshot()
        )
    }

    /// Five seconds from `start` on, with 21 starts each.
    private static func recent(_ start: Int) -> ArraySlice<RunInterval> {
        (start..<start + 5).map { second in
            var interval = RunInterval(
                startSeconds: second,
                ttft: HistogramSnapshot(),
                gap: HistogramSnapshot()
            )
            interval.started = 21
            return interval
        }[...]
    }

    private static func plan(_ change: (inout RunPlan) -> Void = { _ in }) -> RunPlan {
        let request = RequestSpecification(
            method: "GET",
            scheme: "http",
            host: "a",
            port: 80,
            target: "/"
        )
        var plan = RunPlan(
            request: request,
            addresses: [],
            streams: 10_000,
            duration: Nanoseconds.seconds(60),
            threads: 1,
            cpus: [0]
        )
        change(&plan)
        return plan
    }

    private static let line = LoadLine(
        from: 0,
        stages: [LoadStage(duration: Nanoseconds.seconds(20), target: 20)]
    )

    @Test("a closed load asks for its streams, or for those of its stages at that time")
    func closed() {
        let steady = LiveTarget([Self.plan()])
        #expect(steady.streams(Self.progress(9)) == "35 of 10,000 in flight")
        #expect(steady.shortStreams(Self.progress(9)) == "35/10,000")
        #expect(steady.starts(Self.recent(4), Self.progress(9)) == nil)
        let staged = LiveTarget([Self.plan { $0.stages = Self.line }])
        #expect(staged.streams(Self.progress(14.5)) == "35 in flight, 14 asked for now")
        #expect(staged.streams(Self.progress(50)) == "35 in flight, 20 asked for now")
        #expect(staged.shortStreams(Self.progress(14.5)) == "35/14")
        let both = LiveTarget([Self.plan { $0.stages = Self.line }, Self.plan()])
        #expect(both.streams(Self.progress(14.5)) == "35 in flight, 10,014 asked for now")
    }

    @Test("an open load asks for starts, and has room for streams")
    func open() {
        let plan = Self.plan { $0.arrivals = OpenLoad(rate: 20, law: .poisson) }
        let target = LiveTarget([plan])
        #expect(target.streams(Self.progress(9)) == "35 in flight, room for 10,000")
        #expect(target.shortStreams(Self.progress(9)) == "35")
        let starts = "21.0 in the last 5 s"
        #expect(target.starts(Self.recent(4), Self.progress(9)) == "\(starts), 20 asked for")
        #expect(target.starts([], Self.progress(0)) == nil)
        // None is asked for any more.
        #expect(target.starts(Self.recent(60), Self.progress(65, phase: .drain)) == starts)
        let share = LiveTarget([
            Self.plan {
                $0.arrivals = OpenLoad(rate: 20, law: .poisson)
                $0.rank = ProcessRank(1, of: 4)
            }
        ])
        #expect(share.starts(Self.recent(4), Self.progress(9)) == "\(starts), 5 asked for")
        let staged = LiveTarget([Self.plan { $0.arrivals = OpenLoad(Self.line, law: .poisson) }])
        // Mean of the seconds that were counted, 4 to 9.
        #expect(staged.starts(Self.recent(4), Self.progress(9)) == "\(starts), 6.50 asked for")
    }

    @Test("once all arrivals of -n have started, none is asked for")
    func numbered() {
        let plan = Self.plan {
            $0.arrivals = OpenLoad(rate: 20, law: .poisson)
            $0.requests = 101
        }
        let starts = "21.0 in the last 5 s"
        var progress = Self.progress(9)
        #expect(LiveTarget([plan]).starts(Self.recent(4), progress) == "\(starts), 20 asked for")
        progress.waiting = 1
        #expect(LiveTarget([plan]).starts(Self.recent(4), progress) == starts)
        let both = LiveTarget([plan, plan])
        #expect(both.starts(Self.recent(4), progress) == "\(starts), 40 asked for")
        progress.started = 202
        #expect(both.starts(Self.recent(4), progress) == starts)
        // Whose starts these are can't be told.
        let other = Self.plan { $0.arrivals = OpenLoad(rate: 1, law: .poisson) }
        #expect(LiveTarget([plan, other]).starts(Self.recent(4), Self.progress(1)) == starts)
        #expect(
            LiveTarget([plan, Self.plan { $0.streams = 6 }]).streams(progress)
                == "35 in flight; asked for: 6, and arrivals"
        )
    }

    @Test("what can't be held against each other stands side by side")
    func mixed() {
        let open = Self.plan { $0.arrivals = OpenLoad(rate: 20, law: .poisson) }
        let target = LiveTarget([open, Self.plan { $0.streams = 6 }])
        #expect(
            target.streams(Self.progress(9)) == "35 in flight; asked for: 6, and 20 requests/s"
        )
        #expect(target.shortStreams(Self.progress(9)) == "35")
        #expect(target.starts(Self.recent(4), Self.progress(9)) == nil)
        let sessions = LiveTarget([
            Self.plan {
                $0.arrivals = OpenLoad(rate: 20, law: .poisson)
                $0.sessions = Sessions(
                    turns: .constant(3),
                    think: .constant(0),
                    turnsText: "3",
                    thinkText: ""
                )
            }
        ])
        #expect(
            sessions.starts(Self.recent(4), Self.progress(9))
                == "21.0 in the last 5 s; asked for: 20 sessions/s"
        )
    }
}
