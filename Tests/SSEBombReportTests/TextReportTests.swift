// The text report, word for word on a made-up run, and which rows it leaves out.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct TextReportTests {
    private static func render(
        _ result: RunResult,
        verdict: Verdict = Verdict(reasons: []),
        color: Bool = false
    ) -> String {
        expectAddsUp(result.counts)
        return TextReport(result, verdict: verdict, color: color).render()
    }

    /// The text between a section's heading and the next empty line.
    private static func section(_ title: String, of report: String) -> String? {
        let sections = report.split(separator: "\n\n")
        return sections.first { $0.hasPrefix(title) }.map(String.init)
    }

    @Test("a run in which something of everything happened is told in full")
    func golden() throws {
        let report = Self.render(SampleRun.full(try SampleRun.plan()))
        #expect(report == Self.fullReport)
    }

    @Test("the verdict stands first, each reason under it, and what is said of the server")
    func verdictFirst() throws {
        func reason(_ state: Verdict.State, _ sentence: String) -> Verdict.Reason {
            Verdict.Reason(code: "c", state: state, sentence: sentence, value: 2, bound: 1)
        }
        let verdict = Verdict(
            reasons: [reason(.suspect, "Late."), reason(.invalid, "Too late.")],
            server: [reason(.valid, "It sends in bursts.")]
        )
        let report = Self.render(SampleRun.full(try SampleRun.plan()), verdict: verdict)
        #expect(
            report.hasPrefix(
                """
                verdict           invalid
                  invalid         Too late.
                  suspect         Late.
                server            It sends in bursts.
                target            POST

                """.dropLast()
            )
        )
    }

    @Test("nothing in a gate's name moves the cursor, in the report or in the message after it")
    func hostileGate() throws {
        let gate = Threshold(
            expression: "ttft:p99<500ms",
            subject: .metric(.ttft),
            aggregate: .percentile(99),
            comparison: .less,
            bound: 5e8
        )
        let name = "a\u{1b}[31mred\u{7}\u{202e}"
        let result = ThresholdResult(
            threshold: gate.scoped(to: name),
            outcome: .missed,
            value: 1,
            samples: 1,
            floor: 1,
            unfinished: 0,
            sentence: "\(name) is slow"
        )
        let report = TextReport(
            SampleRun.full(try SampleRun.plan()),
            verdict: Verdict(reasons: []),
            thresholds: [result],
            color: false
        ).render()
        let shown = #"a\x1b[31mred\x07\u{202e}"#
        #expect(report.contains("\(shown): ttft:p99<500ms") && report.contains("\(shown) is slow"))
        let complaint = try #require([result].complaint)
        #expect(complaint == "threshold missed: '\(shown): ttft:p99<500ms'")
        for text in [report, complaint] {
            #expect(!text.unicodeScalars.contains { ["\u{1b}", "\u{7}", "\u{202e}"].contains($0) })
        }
    }

    @Test("the report is 80 columns wide, excerpts of error bodies apart")
    func width() throws {
        let report = Self.render(SampleRun.full(try SampleRun.plan()))
        for line in report.split(separator: "\n") where !line.hasPrefix("    | ") {
            #expect(line.count <= 80, "\(line)")
        }
    }

    @Test("colours change nothing but colours, and are absent unless asked for")
    func colors() throws {
        let result = SampleRun.full(try SampleRun.plan())
        let plain = Self.render(result)
        var painted = Self.render(result, color: true)
        #expect(!plain.contains("\u{1b}"))
        #expect(painted.contains("\u{1b}[1m"))
        for code in ["0", "1", "2", "31"] {
            painted = painted.split(separator: "\u{1b}[\(code)m", omittingEmptySubsequences: false)
                .joined()
        }
        #expect(painted == plain)
    }

    @Test("a run without requests says so with the remedy, and shows no empty sections")
    func nothingStarted() throws {
        let report = Self.render(SampleRun.empty(try SampleRun.plan()))
        #expect(report.contains("make it longer with -d, or shorten --ramp and --warmup."))
        for title in ["Throughput", "Latency", "Outcomes", "Failures", "Wire", "Client"] {
            #expect(Self.section(title, of: report) == nil)
        }
    }

    @Test("tokens are not reported where no event was recognised")
    func unknownAPI() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.dialect = .undetermined
        let report = Self.render(result)
        #expect(report.contains("api not recognised"))
        #expect(!report.contains("tokens"))
    }

    @Test("the server's own times stand beside the client's, with medians and samples")
    func serverTimes() throws {
        var result = SampleRun.full(try SampleRun.plan())
        #expect(Self.section("Server's own times", of: Self.render(result)) == nil)
        result.histograms[.serverPrefill] = spread(900, from: 100, to: 260)
        result.histograms[.serverQueue] = spread(800, from: 1, to: 3)
        let report = Self.render(result)
        let table = try #require(Self.section("Latency", of: report))
        #expect(table.contains("server's own account") && table.contains("server_prefill"))
        let section = try #require(Self.section("Server's own times, medians", of: report))
        #expect(
            section.contains(
                "server says prefill 180 ms (n 900), client saw ttft 200 ms (n 1,010)"
            )
        )
        #expect(section.contains("server says queue 2.00 ms (n 800)"))
        #expect(!section.contains("decode"))
    }

    @Test("what the API was recognised from is said, unless the user named it")
    func recognition() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.dialect = .anthropic
        for (origin, text) in [
            (.path, "api anthropic, recognised from the path\n"),
            (.events, "api anthropic, recognised from the events\n"), (.flag, "api anthropic\n"),
        ] as [(DialectOrigin, String)] {
            result.dialectOrigin = origin
            #expect(Self.render(result).replacing(/\n {18}/, with: " ").contains(text))
        }
    }

    @Test("waits that never ended are shown even where none ended")
    func onlyUnfinished() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.histograms = [:]
        let table = try #require(Self.section("Latency", of: Self.render(result)))
        #expect(table.contains("  ttft     12 waits never ended, the oldest after 3.20 s"))
    }

    @Test("ttfo has a row only when there was reasoning")
    func reasoning() throws {
        var result = SampleRun.full(try SampleRun.plan())
        #expect(!Self.render(result).contains("  ttfo"))
        result.counts.reasoningEvents = 1
        #expect(Self.render(result).contains("  ttfo"))
    }

    @Test(
        "a percentile in parentheses has too few samples",
        arguments: [
            (63, 4), (64, 3), (129, 3), (130, 2), (661, 2), (662, 1), (6_635, 1), (6_636, 0),
        ]
    )
    func weakPercentiles(_ count: Int, _ weak: Int) throws {
        var result = SampleRun.empty(try SampleRun.plan())
        result.histograms = [.e2e: spread(count, from: 10, to: 20)]
        let table = try #require(Self.section("Latency", of: Self.render(result)))
        let row = try #require(table.split(separator: "\n").first { $0.hasPrefix("  e2e") })
        #expect(row.count { $0 == "(" } == weak)
        #expect(table.contains("too few samples") == (weak > 0))
    }

    @Test("no percentile is above the greatest sample")
    func percentilesBelowMax() throws {
        var result = SampleRun.empty(try SampleRun.plan())
        result.histograms = [.e2e: snapshot([10_000_000_001, 9_994_999_999, 9_994_999_999])]
        result.histograms[.gap] = snapshot([999_499_999])
        let table = try #require(Self.section("Latency", of: Self.render(result)))
        #expect(!table.contains("1.00s"))
    }

    @Test("an interrupted run says by what and how far it came")
    func interrupted() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.interruptedBy = 2
        result.measured = 1_230_000_000
        let report = Self.render(result)
        #expect(
            report.contains(
                "interrupted       by SIGINT after 1.23 s of 10 s of the measured window"
            )
        )
    }

    @Test("a missing steady window is explained")
    func noSteadyWindow() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.steady = nil
        let report = Self.render(result)
        #expect(report.contains("No steady window: the streams in flight never held 95 % of 1,000"))
        #expect(!report.contains("steady 9 s"))
    }

    @Test("neither the plan's secrets nor their echo in any text of the server are shown")
    func secrets() throws {
        let plan = try SampleRun.plan(
            target: "/v1/chat?key=query-canary",
            headers: [HeaderField(name: "Authorization", value: "Bearer token-canary")]
        )
        var result = SampleRun.full(plan)
        result.counts.finishReasons = ["token-canary": 1, "query%2Dcanary": 2]
        result.counts.eventTypes = ["query-canary": 3]
        result.errors[0].detail = "the server said token-canary"
        result.errors[0].sample = Array("key query-canary, b64 dG9rZW4tY2FuYXJ5, Bearer tok".utf8)
        let report = Self.render(result)
        #expect(!report.contains("canary") && !report.contains("dG9rZW4"))
        #expect(report.contains("/v1/chat?key=***"))
        #expect(report.contains("***: 3 (100 %)"))
    }

    @Test("names chosen by a server are bounded in length and number, and can't steer a terminal")
    func hostileNames() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.counts.eventTypes = ["\u{1b}[31m" + String(repeating: "x", count: 1_000): 1_000]
        for index in 0..<100 { result.counts.eventTypes["type-\(index)"] = 1 }
        let report = Self.render(result)
        #expect(!report.contains("\u{1b}"))
        #expect(report.contains("and 89 more"))
        #expect(!report.contains(String(repeating: "x", count: 41)))
    }

    @Test("many loops are summed up by their extremes")
    func manyLoops() throws {
        var result = SampleRun.full(try SampleRun.plan())
        let loop = result.loops[0]
        result.loops = (0..<64).map { index in
            var copy = loop
            copy.cpu = Int32(index)
            copy.busy = Double(index) / 100
            return copy
        }
        let report = Self.render(result)
        #expect(report.contains("64 loops, least 0 % on CPU 0, median 32.0 %, most 63.0 %"))
        #expect(!report.contains("on CPU 1,"))
    }

    @Test("realtime priority is told as it was in force, and not at all where nobody asked")
    func priority() throws {
        var plan = try SampleRun.plan()
        #expect(!Self.render(SampleRun.full(plan)).contains("priority"))
        plan.priority = .realtime
        var result = SampleRun.full(plan)
        #expect(
            Self.render(result).contains("  priority        normal, the machine refused realtime\n")
        )
        result.loops[1].priority = .realtime
        #expect(
            Self.render(result).contains("  priority        realtime, refused to 1 of 2 loops\n")
        )
        result.loops[0].priority = .realtime
        #expect(Self.render(result).contains("  priority        realtime\n"))
        result.loops[0].priority = .normal
        result.loops[0].gaveUpPriorityAtSeconds = 3.25
        let text = Self.render(result).replacing(/\n +/, with: " ")
        #expect(
            text.contains(
                "realtime, given up by 1 of 2 loops, first after 3.25 s: no sleep in 250 ms"
            )
        )
        #expect(text.contains("add loops (-t)") && !text.contains("refused"))
    }
}

extension TextReportTests {
    private static let fullReport = """
        verdict           valid
        target            POST http://127.0.0.1:8080/v1/chat/completions
        address           unix:/run/llm.sock
        plan              1,000 streams for 10 s, ramp 2 s, drain 30 s, connects 5,000/s
        client            2 threads on CPU 0,1, kernel clock, api openai-chat
        prompt            same prompt in every request: prefix caches may be hot

        Requests
          started         1,022 = 1,000 completed + 10 failed + 0 cancelled + 12 cut
          retried_stale   3 sent again, their kept connection was closed
          connections     1,000 opened, 22 reused

        Throughput                 measured 10.0 s  steady 9 s from 2 s
          requests/s                          95.0                  101
          tokens/s (usage_scaled)           20,000               20,200
          events/s                          20,200               20,400

        Latency            n   mean    p50    p90     p95     p99    p99.9    max
          ttft         1,010  200ms  200ms  280ms   290ms   298ms  (300ms)  300ms
                       12 waits never ended, the oldest after 3.20 s
          ttft_fresh     100  206ms  204ms  289ms (300ms) (308ms)  (310ms)  310ms
          ttfe         1,010  199ms  199ms  279ms   289ms   297ms  (299ms)  299ms
          gap          7,000 50.0ms 50.0ms 54.0ms  54.5ms  54.9ms   55.0ms 55.0ms
          itl (event)  7,000 50.0ms 50.0ms 54.0ms  54.5ms  54.9ms   55.0ms 55.0ms
          tpot (usage) 1,000 50.0ms 50.0ms 50.8ms  50.9ms  51.0ms (51.0ms) 51.0ms
          e2e          1,000  6.00s  6.00s  10.0s   10.5s   10.9s  (11.0s)  11.0s
          client's own
          delivery_lag 7,000  105µs  105µs  181µs   191µs   198µs    200µs  200µs
          (…) too few samples (n) to state it: p95 needs 130, p99 needs 662, p99.9 needs
          6,636.

        Outcomes
          status          200: 1,014 (99.2 %), 429: 8 (0.78 %)
          finish reasons  stop: 900 (90.0 %), length: 100 (10.0 %)

        Failures
          http_status     8 (0.79 %)
            status 429, 8 times in all, first at 1.50 s: the server answered 429 Too
            Many Requests; the server sheds load: lower -c, or raise what it admits
            | {"error":"slow down"}\\r\\n\\x1b[2J
          reset           2 (0.20 %)

        Wire
          events          202,000, 200,000 token-bearing
          event types     message: 202,000 (100 %)
          comments        7
          coalesced       1.00 % of gaps at arrival (sent in bursts), 0 % at reading
                          (client late)
          tokens          200,000 completion (basis: usage_scaled)
          tokens/s        20.0 per stream (1 / median tpot)
          prompt tokens   20,000
          prompt tokens/s 100 per TTFT (20.0 a request / median ttft)
          bytes           45.6 MB received, 250 kB sent, 40.0 MB body

        Client
          clock           kernel for 1,022 streams
          stamps replaced 0
          busy            45.3 % on CPU 0, 44.1 % on CPU 1
          cpu             4.50 µs per event (user 300 ms, system 600 ms)
          peak memory     12.3 MB
          back-off        1.25 slot-seconds spent waiting after failures

        """

    @Test("a kind's share is that of the decided requests, as everywhere, behind its name")
    func failureShare() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.counts.failures = [.contentEncoding: 10]
        (result.counts.completed, result.counts.cut) = (90, 922)
        result.errors = []
        #expect(Self.render(result).contains("\n  content_encoding 10 (10.0 %)\n"))
    }

    @Test("limits of connects are those of all classes, or of none")
    func connectsOfClasses() throws {
        func line(_ rates: [Double], whole: Double) throws -> String {
            var result = SampleRun.full(try SampleRun.plan())
            result.classes = rates.map { rate in
                var own = result
                own.plan.connectRate = rate
                return ClassResult(name: "\(rate)", result: own)
            }
            result.plan.connectRate = whole
            return TextReport(result, verdict: Verdict(reasons: []), color: false).planLine
        }
        #expect(try line([100, 300], whole: 400).hasSuffix(", connects 400/s"))
        #expect(try line([0, 0], whole: 0).hasSuffix(", connects all at once"))
        #expect(try line([0, 300], whole: 0).hasSuffix(", drain 30 s"))
    }

    @Test("names of classes are cut where they differ least, and never to the same")
    func classNames() throws {
        func shown(_ names: [String]) throws -> String {
            var result = SampleRun.full(try SampleRun.plan())
            result.classes = names.map { ClassResult(name: $0, result: result) }
            return TextReport(result, verdict: Verdict(reasons: []), color: false).classNames
        }
        let path = ":8080/v1/chat/completions"
        #expect(
            try shown(["a", "127.0.0.1\(path) #1"]) == "2: a, 127.0.0.1:8080/v…/completions #1"
        )
        let hosts = ["eu-west-1", "eu-west-2"].map { "inference-prod.\($0).example.com\(path)" }
        let text = try shown(hosts)
        #expect(text.contains("eu-west-1") && text.contains("eu-west-2"), "\(text)")
    }
}
