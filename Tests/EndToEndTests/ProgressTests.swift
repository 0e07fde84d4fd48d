// The live line and the lines of `probe`, rendered from made-up records.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport
@testable import ssebomb

@Suite("Progress on standard error")
struct ProgressTests {
    private static func plan(duration: Int64? = 60_000_000_000) -> RunPlan {
        let request = RequestSpecification(
            method: "GET",
            scheme: "http",
            host: "a",
            port: 80,
            target: "/"
        )
        return RunPlan(
            request: request,
            addresses: [],
            streams: 10_000,
            duration: duration,
            threads: 1,
            cpus: [0]
        )
    }

    private static func progress(
        seconds: Double,
        tokens: UInt64,
        phase: RunPhase = .measured
    ) -> RunProgress {
        RunProgress(
            phase: phase,
            elapsed: Int64(seconds * 1e9),
            inFlight: 9_990,
            started: 12_000,
            completed: 2_000,
            failed: 3,
            events: tokens,
            tokenEvents: tokens,
            failures: [.reset: 1, .httpStatus: 2, .send: 0],
            ttft: HistogramSnapshot(),
            gap: HistogramSnapshot()
        )
    }

    @Test("the line holds phase, streams, failures by kind, requests and rate")
    func content() {
        let text = ProgressLine.text(
            Self.progress(seconds: 12.4, tokens: 0),
            Self.plan(),
            LiveTarget([Self.plan()]),
            200_000,
            columns: .max
        )
        #expect(
            text == "measured 12/60 s | 9,990/10,000 streams | 3 failed: http_status 2, reset 1 | "
                + "2,000 done | 200,000 tokens/s"
        )
    }

    @Test("where full words don't fit, short ones and fewer parts do")
    func short() {
        let progress = Self.progress(seconds: 12.4, tokens: 0)
        func text(_ columns: Int) -> String {
            ProgressLine.text(
                progress,
                Self.plan(),
                LiveTarget([Self.plan()]),
                200_000,
                columns: columns
            )
        }
        let streams = "measured 12/60 s  9,990/10,000"
        let done = "2,000 done  200,000 tok/s"
        #expect(text(30) == streams)
        #expect(text(40) == "\(streams)  3 failed")
        #expect(text(60) == "\(streams)  3 failed  2,000 done")
        #expect(text(70) == "\(streams)  3 failed  \(done)")
        #expect(text(85) == "\(streams)  3 failed: http_status 2, …  \(done)")
        #expect(text(95) == "\(streams)  3 failed: http_status 2, reset 1  \(done)")
    }

    @Test("however many kinds of failure there are, the rest of the line is there")
    func manyKinds() {
        var progress = Self.progress(seconds: 12.4, tokens: 0)
        progress.failures = [:]
        for (index, kind) in StreamFailure.allCases.prefix(8).enumerated() {
            progress.failures[kind] = UInt64(index + 1)
        }
        progress.failed = 36
        for columns in [59, 80, 120] {
            let text = ProgressLine.text(
                progress,
                Self.plan(),
                LiveTarget([Self.plan()]),
                200,
                columns: columns
            )
            #expect(text.count <= columns)
            #expect(text.hasPrefix("measured 12/60 s  9,990/10,000  36 failed"))
            #expect(text.contains("  2,000 done"), "\(text)")
            #expect(text.hasSuffix("tok/s") == (columns > 59), "\(text)")
        }
    }

    @Test("tokens that aren't events are counted as the result would, and say so")
    func basis() {
        var last = ""
        var line = ProgressLine(
            plan: Self.plan(),
            style: .live,
            columns: { 200 },
            write: { last = $0 }
        )
        for step in 0...20 {
            var progress = Self.progress(seconds: Double(step) / 10, tokens: UInt64(step) * 10)
            (progress.tokensPerEvent, progress.tokenBasis) = (9.92, .usageScaled)
            line.update(progress)
        }
        #expect(last.contains("| 992 tokens/s (usage_scaled)"), "\(last)")
    }

    @Test("the line never exceeds the terminal", arguments: [1, 5, 20, 40, 79])
    func width(columns: Int) {
        let text = ProgressLine.text(
            Self.progress(seconds: 1, tokens: 0),
            Self.plan(),
            LiveTarget([Self.plan()]),
            1,
            columns: columns
        )
        #expect(text.count <= columns)
        #expect(!text.isEmpty)
    }

    @Test("a live line is one write that redraws in place, at most ten times a second")
    func live() {
        var writes: [String] = []
        var line = ProgressLine(
            plan: Self.plan(),
            style: .live,
            columns: { 80 },
            write: { writes.append($0) }
        )
        for step in 0..<1_000 {
            line.update(Self.progress(seconds: Double(step) / 1_000, tokens: 0))
        }
        #expect((8...11).contains(writes.count))
        #expect(writes.allSatisfy { $0.hasPrefix("\r") && $0.hasSuffix("\u{1B}[K") })
        #expect(writes.allSatisfy { !$0.contains("\n") })
    }

    @Test("elsewhere there is a line every ten seconds and at each new phase")
    func plain() {
        var writes: [String] = []
        var line = ProgressLine(plan: Self.plan(), style: .plain, write: { writes.append($0) })
        for step in 0..<250 {
            let seconds = Double(step) / 10
            let phase: RunPhase = seconds < 5 ? .ramp : .measured
            line.update(Self.progress(seconds: seconds, tokens: 0, phase: phase))
        }
        #expect(writes.count == 3)  // At 0 s, at 5 s (a new phase) and at 15 s.
        #expect(writes.allSatisfy { $0.hasSuffix("\n") && !$0.contains("\u{1B}") })
    }

    @Test("tokens/s is that of the last second, not of the whole run")
    func rate() {
        var last = ""
        var line = ProgressLine(
            plan: Self.plan(),
            style: .live,
            columns: { 200 },
            write: { last = $0 }
        )
        for step in 0...50 { line.update(Self.progress(seconds: Double(step) / 10, tokens: 0)) }
        for step in 51...70 {
            let tokens = UInt64(step - 50) * 100
            line.update(Self.progress(seconds: Double(step) / 10, tokens: tokens))
        }
        #expect(last.contains("| 1,000 tokens/s"))
    }

    @Test("nothing is written where nothing shall be shown")
    func silent() {
        var writes: [String] = []
        var line = ProgressLine(plan: Self.plan(), style: .none, write: { writes.append($0) })
        line.update(Self.progress(seconds: 1, tokens: 5))
        #expect(writes.isEmpty)
    }
}

@Suite("Lines of probe")
struct ProbeViewTests {
    private static func event(gap: Int64?, data: String = "a\n\"\u{1B}\\") -> TraceRecord {
        .event(
            TracedEvent(
                at: 5_000,
                gap: gap,
                type: "message",
                data: data,
                id: "7",
                isToken: true,
                isReasoning: false,
                isUnknown: false,
                coalesced: false
            )
        )
    }

    private static func end(_ failure: StreamFailure?) -> TraceRecord {
        .end(
            TraceEnd(
                failure: failure,
                detail: "why",
                cut: false,
                status: failure == nil ? 200 : nil,
                reusable: failure == nil,
                ttft: failure == nil ? 5_000 : nil,
                e2e: 9_000,
                dialect: .raw,
                finishReason: nil,
                completionTokens: nil,
                promptTokens: nil
            )
        )
    }

    @Test("a record is one JSON object of the documented shape")
    func json() {
        var view = ProbeView(style: .json, redaction: Redaction([]))
        let lines: [(TraceRecord, String)] = [
            (.connected(at: 1, address: "x"), #"{"phase":"connect","at_ns":1}"#),
            (
                .secured(at: 2, version: "TLSv1.3", cipher: "c", resumed: false),
                #"{"phase":"tls","at_ns":2}"#
            ),
            (
                .head(at: 3, status: 200, headers: [HeaderField(name: "Date", value: "canary")]),
                #"{"phase":"head","at_ns":3,"status":200,"headers":["Date"]}"#
            ),
            (
                Self.event(gap: nil),
                #"{"event":"message","data":"a\n\"\u001b\\","id":"7","at_ns":5000,"gap_ns":null,"#
                    + #""token":true,"coalesced":false}"#
            ),
            (.comment(at: 4), #"{"comment":true}"#),
            (.retry(at: 4, milliseconds: 250), #"{"retry_ms":250}"#),
            (
                Self.end(nil),
                #"{"end":"completed","failure":null,"status":200,"reusable":true,"ttft_ns":5000,"#
                    + #""e2e_ns":9000}"#
            ),
            (
                Self.end(.connectRefused),
                #"{"end":"failed","failure":"connect_refused","status":null,"reusable":false,"#
                    + #""ttft_ns":null,"e2e_ns":9000}"#
            ),
        ]
        for (record, line) in lines { #expect(view.render(record) == line + "\n") }
    }

    @Test("what a server sends can't move the terminal's cursor, and long data is cut")
    func text() {
        var view = ProbeView(style: .text(columns: 100), redaction: Redaction([]))
        _ = view.render(.connected(at: 1, address: "x"))
        let line = view.render(
            Self.event(gap: 1_000, data: "\u{1B}[2J\r" + String(repeating: "x", count: 500))
        )
        #expect(!line.contains("\u{1B}"))
        #expect(!line.contains("\r"))
        #expect(line.count <= 102)
        #expect(line.contains("…"))
        #expect(line.contains("[token id=7]"))
    }
}
