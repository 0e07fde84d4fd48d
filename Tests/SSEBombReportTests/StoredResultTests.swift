// Stored results read again: the same document, the same report, and one sentence for whatever
// isn't a sound result.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

/// A run and everything that is made of it.
func finished(_ result: RunResult, thresholds: [Threshold] = []) -> FinishedRun {
    FinishedRun(
        result,
        verdict: .judge(result),
        thresholds: ThresholdWatch(thresholds).results(result),
        context: RunContext(
            toolVersion: "1.2.3",
            labels: ["host": "a"],
            command: ["ssebomb", "-c", "1", "http://127.0.0.1/"],
            id: "0123456789abcdef",
            environment: .current(tlsLibrary: "OpenSSL 3")
        )
    )
}

func reading(_ bytes: [UInt8]) throws -> FinishedRun {
    try FinishedRun(reading: bytes, path: "r.json")
}

private let gates = [
    Threshold(
        expression: "ttft:p99<500ms",
        subject: .metric(.ttft),
        aggregate: .percentile(99),
        comparison: .less,
        bound: 5e8
    ),
    Threshold(
        expression: "gap:p99.9<1ms",
        subject: .metric(.gap),
        aggregate: .percentile(99.9),
        comparison: .less,
        bound: 1e6
    ),
    Threshold(
        expression: "failures:share<0.0001",
        subject: .failures,
        aggregate: .share,
        comparison: .less,
        bound: 0.0001
    ),
    Threshold(
        expression: "tokens:rate>1",
        subject: .tokens,
        aggregate: .rate,
        comparison: .greater,
        bound: 1
    ),
]

/// A text that a test wanted to damage, and that isn't in the document.
private struct Absent: Error { let text: String }

@Suite struct StoredResultTests {
    /// Runs in which every part of the document is there, and one in which hardly any is.
    private static func runs() throws -> [FinishedRun] {
        var secure = try SampleRun.plan(
            target: "/v1/chat?key=secret-value&flag",
            headers: [HeaderField(name: "X-Key", value: "canary-value")]
        )
        secure.tls = TLSClientOptions()
        secure.tls?.minVersion = .tls12
        secure.maxEvents = 5
        secure.until = Array("END".utf8)
        secure.timeouts.total = 1_500_000_000
        secure.sendTime = SendTimePath(
            path: JSONPath(steps: [
                .init(key: Array("meta".utf8), index: nil), .init(key: nil, index: 3),
            ]),
            unit: .ms
        )
        secure.loggedStreams = 7
        secure.priority = .realtime
        var full = SampleRun.full(secure)
        full.counts.sendTimes = SendTimeCounts()
        full.counts.sendTimes?.read = 100
        full.counts.eventLog = LogCounts()
        full.counts.eventLog?.lost = 3
        full.counts.requestLog = LogCounts()
        full.counts.requestLog?.written = 4
        full.counts.cachedTokens = 5
        full.counts.tokensInWindow = 181_818.123_456
        full.interruptedBy = 15
        full.loops[0].gaveUpPriorityAtSeconds = 1.5
        full.loops[1].priority = .realtime
        full.throttled = 5_000_000
        full.length = 12_345_678_901
        var open = try SampleRun.plan()
        open.arrivals = OpenLoad(rate: 33.3, law: .gamma(cv: 2.5))
        open.ramp = 0
        var arrivals = SampleRun.full(open)
        arrivals.arrivals = ArrivalReport(of: 1_030, in: 9_876_543_210)
        arrivals.arrivals?.pacingError = spread(500, from: 0.001, to: 0.09)
        arrivals.arrivals?.test = KolmogorovSmirnov(statistic: 0.02, count: 1_021, pValue: 0.4)
        arrivals.counts.dropped = 8
        arrivals.counts.waited = 20
        arrivals.isAborted = true
        return [
            finished(full, thresholds: gates), finished(arrivals, thresholds: gates),
            finished(SampleRun.full(try SampleRun.plan())),
            finished(SampleRun.empty(try SampleRun.plan())), finished(try replayed()),
            try ResultGenerator.classes(), try StoredSampleTests.some(),
            finished(try heldBack()),
        ]
    }

    /// A run of classes with rates of their own in which nothing that was due started.
    private static func heldBack() throws -> RunResult {
        var result = SampleRun.empty(try SampleRun.plan())
        result.plan.ramp = 0
        (result.measured, result.length) = (Nanoseconds.seconds(10), Nanoseconds.seconds(10))
        result.pausedByHand = Nanoseconds.seconds(10)
        var whole = result
        for (name, dropped) in [("chat", 50), ("batch", 5)] as [(String, UInt64)] {
            var part = result
            part.plan.arrivals = OpenLoad(rate: Double(dropped) / 10, law: .poisson)
            part.counts.dropped = dropped
            part.arrivals = ArrivalReport(of: dropped, in: 9_876_543_210)
            whole.counts.dropped += dropped
            whole.classes.append(ClassResult(name, part))
        }
        return whole
    }

    @Test("arrivals that classes with rates of their own dropped are in the whole, too")
    func droppedOfClasses() throws {
        let run = finished(try Self.heldBack())
        #expect(run.file.document.counts.requests.dropped == 55)
        let stored = try reading(run.file.encoded())
        #expect(stored.result.counts.dropped == 55)
        #expect(
            stored.result.classes.map(\.result.pausedByHand)
                == Array(repeating: 10_000_000_000, count: 2)
        )
        #expect(!stored.text(color: false).contains("nothing to report"))
        // Once it was left out of the whole.
        let whole = try unsealed(run.file.encoded())
        let old = whole.replacing("\"dropped\" : 55,", with: "")
        try #require(old != whole)
        let text = try reading(Array(old.utf8)).text(color: false)
        #expect(text == run.text(color: false))
    }

    /// A run that replayed a part of a trace.
    private static func replayed() throws -> RunResult {
        let trace = TraceFacts(
            path: "traces/day.jsonl",
            format: .mooncake,
            window: TraceWindow(start: 60_000_000_000, end: 120_500_000_000),
            rows: 1_234,
            inputTokens: 98_765,
            outputTokens: 4_321,
            speed: 2.5
        )
        var plan = try SampleRun.plan()
        plan.arrivals = OpenLoad(knownAs: trace, rate: 50.25)
        plan.ramp = 0
        var result = SampleRun.full(plan)
        result.arrivals = ArrivalReport(of: 1_022, in: 9_876_543_210)
        result.arrivals?.pacingError = spread(500, from: 0.001, to: 0.09)
        result.arrivals?.greatestDeviation = 54_321
        return result
    }

    @Test("a stored replay says which trace, and a file that says it wrongly is refused")
    func trace() throws {
        let whole = try unsealed(finished(Self.replayed()).file.encoded())
        let stored = try reading(Array(whole.utf8))
        let text = stored.text(color: false)
        #expect(text.contains("arrivals of a trace") && text.contains("traces/day.jsonl"))
        for (right, wrong) in [
            ("\"format\" : \"mooncake\"", "\"format\" : \"martian\""),
            ("\"speed\" : 2.5", "\"speed\" : 0"),
            ("\"from_s\" : 60", "\"from_s\" : 1e10"),
        ] {
            let bytes = Array(whole.replacingOccurrences(of: right, with: wrong).utf8)
            try #require(bytes != Array(whole.utf8))
            #expect(throws: StoredResultError.self) { try reading(bytes) }
        }
    }

    @Test("a result read again is written again as the same bytes")
    func roundTrip() throws {
        for run in try Self.runs() {
            let bytes = try run.file.encoded()
            let again = try reading(bytes).file.encoded()
            #expect(
                String(decoding: again, as: UTF8.self) == String(decoding: bytes, as: UTF8.self)
            )
            #expect(try SchemaCheck().errors(in: bytes) == [])
        }
    }

    @Test("each class keeps the length of its own measured window")
    func classWindows() throws {
        var run = try ResultGenerator.classes()
        for index in run.result.classes.indices {
            run.result.classes[index].result.measured = 1_500_000_000 * Int64(index + 1)
        }
        let stored = try reading(run.file.encoded())
        #expect(stored.result.classes.map(\.result.measured) == [1_500_000_000, 3_000_000_000])
        #expect(stored.text(color: false) == run.text(color: false))
    }

    @Test("the report of a stored result is that of the run, to the letter")
    func text() throws {
        for run in try Self.runs() {
            let stored = try reading(run.file.encoded())
            #expect(stored.text(color: false) == run.text(color: false))
            #expect(stored.text(color: true) == run.text(color: true))
        }
    }

    @Test("every export of a stored result is that of the run")
    func exports() throws {
        for run in try Self.runs() {
            let stored = try reading(run.file.encoded())
            for export in RunExport.all {
                let (now, then) = (try export.render(run), try export.render(stored))
                #expect(
                    String(decoding: then, as: UTF8.self) == String(decoding: now, as: UTF8.self),
                    "\(export)"
                )
            }
        }
    }

    @Test("histograms are exact: least, greatest and sum, too")
    func histograms() throws {
        let run = try #require(try Self.runs().first)
        let stored = try reading(run.file.encoded())
        #expect(stored.result.histograms == run.result.histograms)
        #expect(stored.result.unfinished[.ttft]?.count == 12)
        #expect(stored.result.unfinished[.ttft]?.greatestAge == 3_200_000_000)
    }

    /// The document of a full run with one text in place of another.
    private static func damaged(_ right: String, _ wrong: String) throws -> [UInt8] {
        let text = try unsealed(runs()[0].file.encoded())
        let changed = text.replacingOccurrences(of: right, with: wrong)
        guard changed != text else { throw Absent(text: right) }
        return Array(changed.utf8)
    }

    @Test("files from before some fields were there are read, and their figures are the same")
    func older() throws {
        let whole = try Self.runs()[2]
        var text = try unsealed(whole.file.encoded())
        for field in ["late_stamps", "sum", "length_s", "requests_with_prompt", "window_s"] {
            let pattern = "\n *\"\(field)\" : [0-9.]+,?"
            text = text.replacingOccurrences(
                of: pattern,
                with: "",
                options: .regularExpression
            )
        }
        text = text.replacingOccurrences(
            of: #"\n *"lumps" : \{[^}]*\},"#,
            with: "",
            options: .regularExpression
        )
        try #require(!text.contains("\"sum\"") && !text.contains("lumps"))
        let read = try reading(Array(text.utf8))
        #expect(read.result.counts.completed == 1_000)
        #expect(read.result.histograms[.ttft]?.percentile(99) == 298_057_727)
        let mean = try #require(read.result.histograms[.ttft]?.mean)
        #expect(abs(mean - (whole.result.histograms[.ttft]?.mean ?? 0)) <= 1)
    }

    @Test("fields that this version doesn't know are ignored")
    func newerFields() throws {
        let bytes = try Self.damaged(
            "\"interval_s\" : 1,",
            "\"interval_s\" : 1, \"novelty\" : {\"a\" : [1, \"b\", null, true]},"
        )
        #expect(try reading(bytes).result.counts.completed == 1_000)
    }

    @Test(
        "whatever isn't a sound result is refused with one sentence",
        arguments: [
            ("\"schema_version\" : 1", "\"schema_version\" : 2", "use a newer ssebomb"),
            ("\"schema_version\" : 1", "\"schema_version\" : 0", "is damaged (schema_version"),
            ("\"name\" : \"ssebomb\"", "\"name\" : \"k6\"", "isn't a result of ssebomb"),
            ("\"cut\" : 12", "\"cut\" : -12", "counts.requests.cut"),
            ("\"cut\" : 12", "\"cut\" : 9107199254740993", "counts.requests.cut"),
            ("\"cut\" : 12", "\"cut\" : 1.5", "damaged"),
            ("\"cut\" : 12", "\"cut\" : \"12\"", "counts.requests.cut"),
            ("\"cut\" : 12", "\"cat\" : 12", "counts.requests.cut"),
            ("\"http_status\" : 8", "\"no_such_kind\" : 8", "no_such_kind"),
            ("\"api\" : \"openai-chat\"", "\"api\" : \"martian\"", "martian"),
            ("\"histogram\" : \"HIST", "\"histogram\" : \"TSIH", "histogram"),
            ("\"measured_s\" : 10", "\"measured_s\" : 1e15", "run.measured_s"),
            ("\"interval_s\" : 1", "\"interval_s\" : 3", "interval_s"),
            ("\"interval_s\" : 1", "\"interval_s\" : 0", "interval_s"),
            ("2025-01-31T", "2025-02-31T", "run.started_at"),
            ("\"cut\" : 12", "\"cut\" : 11", "counts.requests"),
            ("\"http_status\" : 8,", "\"http_status\" : 7,", "counts.failures"),
            ("\"clock\" : \"kernel\"", "\"clock\" : \"sun\"", "sun"),
            ("\"state\" : \"valid\"", "\"state\" : \"invalid\"", "verdict"),
        ]
    )
    func refused(_ right: String, _ wrong: String, _ named: String) throws {
        let bytes = try Self.damaged(right, wrong)
        let error = #expect(throws: StoredResultError.self) { try reading(bytes) }
        let sentence = try #require(error).sentence
        #expect(sentence.hasPrefix("r.json "))
        #expect(sentence.contains(named), "\(sentence)")
        #expect(!sentence.contains("\n"))
    }

    @Test("a count that isn't the histogram's, or an extreme outside it, is refused")
    func contradiction() throws {
        let figures = try Self.runs()[0]
        for (name, samples) in figures.result.histograms where !samples.isEmpty {
            for (field, value) in [("max", samples.max), ("min", samples.min)] {
                let bytes = try Self.damaged("\"\(field)\" : \(value)", "\"\(field)\" : 1")
                #expect(throws: StoredResultError.self, "\(name)") { try reading(bytes) }
            }
        }
    }

    @Test("more requests judged by objectives than there were are refused")
    func judgedTooMany() throws {
        var result = SampleRun.full(try SampleRun.plan())
        var counts = ObjectiveCounts()
        (counts.good, counts.goodInWindow, counts.bad) = (900, 900, 122)
        result.counts.objectives = counts
        let sound = try unsealed(finished(result).file.encoded())
        #expect(throws: Never.self) { try reading(Array(sound.utf8)) }
        for (right, wrong) in [
            ("\"bad\" : 122", "\"bad\" : 123"), ("in_window\" : 900", "in_window\" : 901"),
        ] {
            let text = sound.replacingOccurrences(of: right, with: wrong)
            try #require(text != sound)
            let error = #expect(throws: StoredResultError.self) { try reading(Array(text.utf8)) }
            #expect(error?.sentence.contains("counts.slo") == true)
        }
    }

    @Test("a file cut anywhere is refused")
    func cut() throws {
        let whole = try Self.runs()[3].file.encoded()
        for length in 0..<(whole.count - 2) {
            #expect(throws: StoredResultError.self) { try reading(Array(whole.prefix(length))) }
        }
        #expect(throws: Never.self) { try reading(whole) }
    }

    @Test("a changed byte is refused, or read without harm")
    func changed() throws {
        let whole = Array(try unsealed(Self.runs()[0].file.encoded()).utf8)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var bytes = whole
            let place = Int.random(in: bytes.indices, using: &generator)
            bytes[place] = UInt8.random(in: 0...255, using: &generator)
            guard let run = try? reading(bytes) else { continue }
            #expect(!run.text(color: false).isEmpty)
            for export in RunExport.all { #expect(throws: Never.self) { try export.render(run) } }
        }
    }

    @Test("a file that was damaged anywhere is refused, one that was laid out anew is not")
    func checksum() throws {
        let whole = try Self.runs()[0].file.encoded()
        let space: [UInt8] = [0x20, 0x0A]
        let beginning = whole.prefix(40).count
        for place in stride(from: beginning, to: whole.count - 2, by: 97) {
            guard !space.contains(whole[place]) else { continue }
            var bytes = whole
            // A flipped bit that leaves a digit a digit, and a letter a letter.
            bytes[place] ^= 1
            guard !space.contains(bytes[place]) else { continue }
            #expect(throws: StoredResultError.self, "at \(place)") { try reading(bytes) }
        }
        let text = String(decoding: whole, as: UTF8.self)
        let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }
        let anew = lines.joined(separator: "\r\n\t").replacing("\" : ", with: "\":")
        #expect(throws: Never.self) { try reading(Array(anew.utf8)) }
        let changed = text.replacing("\"cut\" : 12", with: "\"cut\" : 13")
        let error = #expect(throws: StoredResultError.self) { try reading(Array(changed.utf8)) }
        #expect(error?.sentence.contains("checksum") == true)
    }

    @Test(
        "other input is refused",
        arguments: [
            "", "{}", "[]", "null", "7", "{\"schema_version\":1}", "\u{feff}{}", "{\"tool\":1}",
            "{\"schema_version\":1,\"tool\":{\"name\":\"ssebomb\",\"version\":\"1\"}}",
            String(repeating: "[", count: 100_000),
            "{\"format\":\"ssebomb-selftest\",\"tool\":{\"name\":\"ssebomb\",\"version\":\"1\"}}",
        ]
    )
    func other(_ text: String) {
        let error = #expect(throws: StoredResultError.self) { try reading(Array(text.utf8)) }
        #expect(error?.sentence.contains("ssebomb -o FILE") == true)
    }

    @Test("a class's name may hold anything: report and run still write the same, and show none")
    func strangeName() throws {
        let name = "\u{1f469}\u{200d}\u{1f4bb}\tchat\u{202e}\u{1b}[2J"
        var generator = ResultGenerator(seed: 2)
        var run = try generator.run(1, classes: [name, "batch"])
        run.thresholds = ThresholdWatch(gates.map { $0.scoped(to: name) }).results(run.result)
        let stored = try reading(run.file.encoded())
        #expect(try stored.file.encoded() == run.file.encoded())
        #expect(stored.thresholds.map(\.threshold.scope) == gates.map { _ in name })
        #expect(stored.text(color: false) == run.text(color: false))
        for export in RunExport.all {
            let now = String(decoding: try export.render(run), as: UTF8.self)
            let then = String(decoding: try export.render(stored), as: UTF8.self)
            #expect(then == now, "\(export)")
            #expect(!now.contains("\u{1b}") && !now.contains("\u{202e}"), "\(export)")
        }
        let keys = String(decoding: try RunExport.k6.render(run), as: UTF8.self)
        #expect(keys.contains("\"p99<500ms\""))
    }

    @Test("nothing in a file from elsewhere can steer a terminal")
    func hostile() throws {
        let bytes = try Self.damaged("ttft:p99<500ms", "ttft\\u001b[2J\\u202e<1")
        let text = try reading(bytes).text(color: false)
        #expect(!text.contains("\u{1b}") && !text.contains("\u{202e}"))
    }
}

extension RunExport {
    static let all: [RunExport] = [
        .csv, .markdown, .hlog, .hgrm(.ttft), .hgrm(.connect), .openMetrics, .vllm, .aiperf, .k6,
        .llmd, .junit, .html,
    ]
}
