// The page: that hostile text stays text, what it says in which order, that it says what the text
// report says, and how large it can become. What it looks like is checked in a browser.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

/// What a server would have to send to take a page over.
private let hostile = [
    "<script>alert(1)</script>", "\"><img src=http://evil.example/x onerror=alert(1)>",
    "'--></style><style>*{display:none}", "&lt;b&gt;", "]]>", "\u{202e}\u{1b}[31m\n</pre>",
]

private func page(
    _ result: RunResult,
    thresholds: [ThresholdResult] = [],
    verdict: Verdict = Verdict(reasons: []),
    labels: [String: String] = [:],
    command: [String] = [],
    sample: StreamSample? = nil
) -> String {
    let run = FinishedRun(
        result,
        verdict: verdict,
        thresholds: thresholds,
        context: RunContext(toolVersion: "1.2.3", labels: labels, command: command, id: "00ff"),
        sample: sample
    )
    let report = HTMLReport(run)
    return String(decoding: report.render(), as: UTF8.self)
}

/// The names of a page's tags, and whether every tag is closed by its own kind.
private func tags(of page: String) -> (names: Set<String>, isBalanced: Bool) {
    let void: Set = ["meta", "line", "rect", "path"]
    var names: Set<String> = []
    var open: [String] = []
    for piece in page.split(separator: "<").dropFirst() where !piece.hasPrefix("!") {
        let isEnd = piece.hasPrefix("/")
        let name = String(piece.dropFirst(isEnd ? 1 : 0).prefix { $0.isLetter || $0.isNumber })
        names.insert(name)
        if isEnd {
            guard open.popLast() == name else { return (names, false) }
        } else if !void.contains(name) {
            open.append(name)
        }
    }
    return (names, open.isEmpty)
}

private let known: Set = [
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "div",
    "p", "h1", "h2", "h3", "b", "i", "span", "ul", "li", "dl", "dt", "dd", "table", "tr", "th",
    "td",
    "pre", "code", "figure", "figcaption", "svg", "line", "rect", "path", "text",
]

@Suite struct MarkupTests {
    @Test("whatever stands in a text or an attribute, it can't end it")
    func escaping() {
        for text in hostile {
            var markup = Markup()
            markup.leaf("p", [("title", text)], text)
            let inside = markup.text.dropFirst("<p title=\"".count).dropLast("</p>".count)
            for character in "<'" { #expect(!inside.contains(character)) }
            #expect(inside.count { $0 == "\"" } == 1)
            #expect(inside.count { $0 == ">" } == 1)
        }
        #expect(Markup.escaped("a&b<c>d\"e'f é") == "a&amp;b&lt;c&gt;d&quot;e&#39;f é")
    }
}

@Suite struct HTMLReportTests {
    /// Everything that a server or a user can name, hostile.
    private static func hostileRun() throws -> RunResult {
        let plan = try SampleRun.plan(
            target: "/v1/<script>?k=\"secret-value-<b>",
            headers: [
                HeaderField(name: "X-<b>", value: "secretvalue<i>"),
                HeaderField(name: "Accept", value: "text/\"><script>"),
            ]
        )
        var result = SampleRun.full(plan)
        result.plan.until = Array("</code><script>'$(rm)".utf8)
        let total = result.counts.finishReasons.values.reduce(0, +)
        result.counts.finishReasons = ["stop": total]
        for (place, text) in hostile.enumerated() {
            result.counts.finishReasons[text] = UInt64(place + 1)
            result.counts.eventTypes[text] = UInt64(place + 1)
        }
        result.errors[0].detail = hostile.joined() + "secretvalue<i>"
        result.errors[0].sample = Array((hostile.joined() + "secretvalue<i>").utf8)
        return result
    }

    @Test("hostile names, bodies, paths and labels add no tag, no attribute and no secret")
    func hostileText() throws {
        let result = try Self.hostileRun()
        let gate = try #require(Self.gates.first)
        let text = page(
            result,
            thresholds: [gate.judge(result)],
            verdict: Verdict(
                reasons: [
                    Verdict.Reason(
                        code: "\"x",
                        state: .suspect,
                        sentence: hostile.joined(),
                        value: 2,
                        bound: 1
                    )
                ]
            ),
            labels: [hostile[0]: hostile[1]]
        )
        let found = tags(of: text)
        #expect(found.isBalanced)
        #expect(found.names.subtracting(known).isEmpty, "\(found.names.subtracting(known))")
        #expect(!text.contains("onerror=alert(1)>"))
        #expect(!text.contains("secretvalue") && !text.contains("secret-value"))
        // Nothing that a browser would fetch or run.
        for word in ["<script", "src=", "href", "url(", "@import", "javascript:"] {
            let isText = word == "src=" || word == "<script"
            #expect(!text.contains(isText ? "<img \(word)" : word), "\(word)")
        }
        #expect(!text.contains("<script"))
        #expect(text.unicodeScalars.allSatisfy { $0 != "\u{1b}" && $0 != "\u{202e}" })
    }

    private static var gates: [Threshold] {
        [
            Threshold(
                expression: "ttft:p99<'500ms'<b>",
                subject: .metric(.ttft),
                aggregate: .percentile(99),
                comparison: .less,
                bound: 5e8
            )
        ]
    }

    @Test("first the decision, then the numbers, then the pictures, then the command line")
    func order() throws {
        let text = page(SampleRun.full(try SampleRun.plan()), thresholds: [])
        let places = try ["decision", "numbers", "pictures", "again"].map { id in
            try #require(text.range(of: "<section id=\"\(id)\">")).lowerBound
        }
        #expect(places == places.sorted())
        #expect(tags(of: text).isBalanced)
        #expect(text.hasPrefix("<!DOCTYPE html>") && text.hasSuffix("</html>\n"))
        #expect(text.contains("run 00ff") && text.contains("ssebomb 1.2.3"))
    }

    @Test("the command line stands as a shell takes it, or why there is none")
    func commandLine() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let words = ["ssebomb", "-H", "X: ***", "--label", "a=<b>", "http://h/"]
        let text = page(result, command: words)
        #expect(text.contains("<code>ssebomb -H &#39;X: ***&#39; --label"))
        #expect(text.contains(" --label &#39;a=&lt;b&gt;&#39; http://h/</code>"))
        #expect(text.contains("*** stands for what no output shows."))
        #expect(!page(result, command: ["ssebomb", "-4"]).contains("***"))
        #expect(page(result).contains("The result has no command line"))
    }

    @Test("every figure of the text report stands on the page in the same words")
    func sameWords() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let text = page(result)
        var layout = TextLayout(paint: Paint(isOn: false))
        TextReport(result, verdict: Verdict(reasons: []), color: false).figures(&layout)
        var count = 0
        for block in layout.blocks {
            switch block {
            case .field(let name, let figure, _, _):
                #expect(text.contains("<dt>\(Markup.escaped(name))</dt>"))
                #expect(text.contains(">\(Markup.escaped(figure))</dd>"), "\(figure)")
                count += 1
            case .table(let table):
                for case .cells(let cells) in table.rows {
                    for cell in cells {
                        #expect(text.contains(">\(Markup.escaped(cell.plain))</td>"))
                        count += 1
                    }
                }
            case .section(let title): #expect(text.contains("<h3>\(title)</h3>"))
            default: break
            }
        }
        #expect(count > 80)
    }

    @Test("a percentile without enough samples is dimmed and in parentheses, and in no tile")
    func weak() throws {
        var result = SampleRun.empty(try SampleRun.plan())
        result.histograms = [.ttft: spread(100, from: 10, to: 20)]
        let text = page(result)
        #expect(text.contains("class=\"n weak\" data-name=\"p99\">("))
        #expect(text.contains("<p>p90 19.0 ms</p>"))
        result.histograms = [.ttft: spread(10, from: 10, to: 20)]
        #expect(page(result).contains("<p>too few samples for p90</p>"))
    }

    @Test(
        "where load is a rate, of all or of classes, the time since a request was due comes first"
    )
    func headline() throws {
        func shown(_ change: (inout RunResult) throws -> Void) throws -> (tile: Bool, curve: Bool) {
            var result = SampleRun.full(try SampleRun.plan())
            result.plan.ramp = 0
            result.histograms[.ttftSched] = spread(1_010, from: 110, to: 310)
            try change(&result)
            let text = page(result)
            let chart = text.split(separator: "<figure").first { $0.contains("id=\"percentiles\"") }
            return (
                text.contains("class=\"tile\" data-name=\"ttft_sched\""),
                try #require(chart).contains("ttft_sched")
            )
        }
        func part(_ name: String, rate: Double?) throws -> ClassResult {
            var result = SampleRun.full(try SampleRun.plan())
            result.plan.ramp = 0
            result.plan.arrivals = rate.map { OpenLoad(rate: $0, law: .poisson) }
            return ClassResult(name, result)
        }
        let (closed, open) = (try part("chat", rate: nil), try part("batch", rate: 5))
        #expect(try shown { $0.classes = [closed, closed] } == (false, false))
        #expect(try shown { $0.plan.arrivals = OpenLoad(rate: 5, law: .poisson) } == (true, true))
        #expect(try shown { $0.classes = [open, open] } == (true, true))
        #expect(try shown { $0.classes = [closed, open] } == (true, true))
    }

    @Test("what was not measured has no tile, no group and no picture")
    func empty() throws {
        let text = page(SampleRun.empty(try SampleRun.plan()))
        #expect(tags(of: text).isBalanced)
        #expect(!text.contains("<figure") && !text.contains("id=\"pictures\""))
        #expect(!text.contains("data-row=\"ttft\"") && !text.contains("id=\"thresholds\""))
        #expect(text.contains("No request was due inside the measured window"))
    }

    @Test("each outcome of a gate has its mark, its word and its sentence")
    func gates() throws {
        func gate(_ outcome: ThresholdResult.Outcome) throws -> ThresholdResult {
            ThresholdResult(
                threshold: try #require(Self.gates.first),
                outcome: outcome,
                value: 1,
                samples: 1,
                floor: 1,
                unfinished: 0,
                sentence: "It \(outcome.rawValue)."
            )
        }
        let text = page(
            SampleRun.full(try SampleRun.plan()),
            thresholds: [try gate(.passed), try gate(.missed), try gate(.notJudged)]
        )
        for (mark, outcome) in [
            ("✓ passed", "passed"), ("✗ missed", "missed"), ("? not judged", "not_judged"),
        ] {
            #expect(text.contains("<li class=\"\(outcome)\"><b>\(mark)</b>"))
            #expect(text.contains("<span>It \(outcome).</span>"))
        }
        #expect(text.contains("<span>1 missed, 1 not judged, 1 passed</span>"))
    }

    @Test("classes of load have a row each")
    func classes() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.classes = [
            ClassResult(name: "chat <b>", result: result),
            ClassResult(name: "idle", result: SampleRun.empty(try SampleRun.plan())),
        ]
        let text = page(result)
        #expect(text.contains("<h1>2 classes of load</h1>"))
        #expect(text.contains("data-row=\"chat &lt;b&gt;\""))
        #expect(text.contains("<h3>Latency, Class chat &lt;b&gt;</h3>"))
        #expect(text.contains("data-row=\"idle\""))
    }

    @Test("what is of a class stands under its name, and no two groups have one name")
    func classGroups() throws {
        var plan = try SampleRun.plan()
        plan.arrivals = OpenLoad(rate: 33, law: .poisson)
        plan.ramp = 0
        var open = SampleRun.full(plan)
        open.arrivals = ArrivalReport(of: 1_030, in: 9_876_543_210)
        var result = SampleRun.full(try SampleRun.plan())
        let names = ["chat", "Chat", "idle"]
        result.classes = names.map { ClassResult(name: $0, result: open) }
        let text = page(result)
        let groups = text.matches(of: #/data-group="([^"]*)"/#).map { String($0.1) }
        #expect(Set(groups).count == groups.count && groups.count > 12, "\(groups)")
        let own = names.flatMap { name in
            ["Class \(name)", "Arrivals, Class \(name)", "Latency, Class \(name)"]
        }
        for title in ["Latency", "Wire", "Client"] + own {
            let count = text.components(separatedBy: "<h3>\(title)</h3>").count - 1
            #expect(count == 1, "\(title)")
        }
        #expect(!text.contains("<h3>Arrivals</h3>"))
    }

    @Test("the page of the largest run stays under its bound")
    func size() throws {
        var result = SampleRun.full(try SampleRun.plan())
        var failures: [StreamFailure: UInt64] = [:]
        for (place, kind) in StreamFailure.allCases.enumerated() {
            failures[kind] = UInt64(place + 1)
        }
        // As many as the engine keeps, no two alike, so that no path is shorter than it can be.
        result.intervals = (0..<600).map { second in
            var interval = result.intervals[0]
            interval.startSeconds = second
            let height = Double(second * 7_919 % 600)
            interval.ttft = spread(700, from: 100 + height, to: 900 + height * 3)
            interval.gap = spread(700, from: 10 + height / 10, to: 40 + height)
            interval.inFlight = height * 1.7
            interval.busiest = height / 600
            interval.started = UInt64(second * 104_729 % 99_991)
            interval.tokenEvents = UInt64(second * 1_299_709 % 999_983)
            interval.failures = failures
            return interval
        }
        result.length = Nanoseconds.seconds(600)
        let sample = StreamSample(from: Instant(nanoseconds: 1))
        result.start = Instant(nanoseconds: 1)
        // Streams whose tokens share no tick, in requests of ten, each of which stalls.
        for stream in 1...40 as ClosedRange<UInt64> {
            var at: Int64 = 2_000_000_000
            for request in 1...60 as ClosedRange<UInt64> {
                func tell(_ kind: LoggedEvent.Kind, isToken: Bool = false) {
                    sample.append(record(stream, request, at, kind, isToken: isToken))
                }
                for _ in 1...10 {
                    at += 510_000_000 + Int64(stream * request) * 977
                    tell(.event, isToken: true)
                }
                tell(.connect)
                tell(.send)
                tell(.failed)
            }
        }
        let bytes = page(result, sample: sample).utf8.count
        #expect(bytes > 100_000, "the sample is in it")
        #expect(bytes < HTMLReport.mostBytes, "\(bytes)")
    }

    @Test("where single streams aren't known, a line says so")
    func noStreams() throws {
        let result = SampleRun.full(try SampleRun.plan())
        #expect(page(result).contains("id=\"no-streams\""))
        let sample = StreamSample(from: Instant(nanoseconds: 1))
        #expect(!page(result, sample: sample).contains("no-streams"))
    }
}

/// A record of a sampled stream.
func record(
    _ stream: UInt64,
    _ request: UInt64,
    _ at: Int64,
    _ kind: LoggedEvent.Kind,
    isToken: Bool = false
) -> LoggedEvent {
    LoggedEvent(
        stream: stream,
        request: request,
        event: 1,
        at: Instant(nanoseconds: at),
        sent: nil,
        window: 0,
        isToken: isToken,
        kind: kind
    )
}

@Suite struct StreamSampleTests {
    @Test("a request's records meet its events by their number, whenever they come")
    func assembles() throws {
        let sample = StreamSample(from: Instant(nanoseconds: 100))
        let records: [(UInt64, UInt64, Int64, LoggedEvent.Kind, Bool)] = [
            (7, 1, 90, .event, true),  // before the sample
            (7, 1, 110, .event, true), (7, 1, 115, .event, false), (7, 1, 120, .event, true),
            (7, 1, 40, .connect, false), (7, 1, 50, .send, false), (7, 1, 121, .completed, false),
            (3, 1, 130, .event, true), (7, 2, 125, .send, false), (7, 2, 140, .failed, false),
            (9, 1, 60, .send, false),  // of a request that ended before the sample
            (9, 1, 80, .completed, false),
        ]
        for (stream, request, at, kind, isToken) in records {
            sample.append(record(stream, request, at, kind, isToken: isToken))
        }
        let lanes = sample.lanes
        #expect(lanes.map(\.stream) == [3, 7])
        let requests = lanes[1].requests
        try #require(requests.map(\.number) == [1, 2])
        #expect(requests[0].connect?.nanoseconds == 40 && requests[0].send?.nanoseconds == 50)
        #expect(requests[0].tokens.map(\.nanoseconds) == [110, 120])
        #expect(requests[0].end?.kind == .completed && requests[1].end?.kind == .failed)
        #expect(requests[1].connect == nil && lanes[0].requests[0].end == nil)
    }

    @Test("no more than so many streams, requests and tokens are kept, and where it ends is known")
    func bounds() throws {
        let sample = StreamSample(from: Instant(nanoseconds: 1))
        for stream in 1...100 as ClosedRange<UInt64> {
            sample.append(record(stream, 1, 5, .event, isToken: true))
        }
        #expect(sample.lanes.count == StreamSample.mostStreams)
        for at in 6...5_000 as ClosedRange<Int64> {
            sample.append(record(1, 1, at, .event, isToken: true))
            sample.append(record(2, UInt64(at), at, .completed))
        }
        sample.append(record(1, 1, 6_000, .completed))
        let lanes = sample.lanes
        #expect(lanes[0].tokenCount == StreamSample.mostTokens)
        #expect(lanes[0].fullAt?.nanoseconds == 5 + Int64(StreamSample.mostTokens))
        #expect(lanes[0].requests[0].end?.at.nanoseconds == 6_000)
        #expect(lanes[1].requests.count == StreamSample.mostRequests)
        #expect(lanes[1].fullAt != nil && lanes[2].fullAt == nil)
    }
}

@Suite struct ShellCommandTests {
    @Test(
        "a word is quoted where a shell would take it apart",
        arguments: [
            ("a-b_c./:=,@%+1", "a-b_c./:=,@%+1"), ("", "''"), ("a b", "'a b'"),
            ("it's", #"'it'\''s'"#), ("*", "'*'"), ("~", "'~'"), ("$x", "'$x'"), ("é", "'é'"),
        ]
    )
    func quoting(word: String, quoted: String) { #expect(ShellCommand.quoted(word) == quoted) }

    @Test("nothing in a command line moves the cursor, and a shell makes the same of it again")
    func printable() {
        #expect(ShellCommand.text(["a", "b\u{1b}c\n"]) == #"a $'b\033c\n'"#)
        #expect(ShellCommand.text(["it's\t\\n\u{202e}é"]) == #"$'it\'s\t\\n\342\200\256é'"#)
        // A backslash alone is no reason for it.
        #expect(ShellCommand.text([#"a\nb"#]) == #"'a\nb'"#)
    }
}
