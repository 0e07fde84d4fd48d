// Merging: a run split over several files is the whole again, and neither order nor grouping of the
// files changes a bit of the result.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

/// Results with random figures, reproducible by seed.
struct ResultGenerator {
    private var random: SeededRandom

    /// Whether runs are the ranks of one load, by their numbers.
    var areRanks = false
    /// Whether all begin within a second, and so have one window.
    var beginTogether = false

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// A run of classes with stages and sessions.
    static func classes() throws -> FinishedRun {
        var generator = ResultGenerator(seed: 1)
        return try generator.run(1, classes: ["chat", "batch"])
    }

    private mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &random)
    }

    private mutating func samples(_ most: Int) -> HistogramSnapshot {
        let count = number(0...most)
        return snapshot((0..<count).map { _ in Int64(number(1...2_000_000_000)) })
    }

    /// - Parameter classes: names of classes of load, if there are several.
    mutating func run(_ id: Int, classes: [String] = []) throws -> FinishedRun {
        var result = try result(stages: !classes.isEmpty)
        for name in classes {
            var own = try self.result(stages: name != "plain")
            // What concerns the whole run.
            own.startedAt = result.startedAt
            own.length = result.length
            own.intervalSeconds = result.intervalSeconds
            own.intervals = try intervals(step: own.intervalSeconds, count: number(0...12))
            result.classes.append(ClassResult(name, own))
        }
        if areRanks {
            result.plan.storedRank = ProcessRank(id, of: 8)
            result.plan.seed = 7
        }
        var run = finished(result)
        run.context.id = "run\(id)"
        run.context.labels = ["host": "h\(number(0...1))", "job": "j"]
        run.context.command = ["ssebomb", "-c", "\(number(0...1))"]
        return run
    }

    /// Reasons that other parts have, too, some of them as bad as theirs.
    mutating func verdict() -> Verdict {
        func reason(_ code: String, _ state: Verdict.State) -> Verdict.Reason {
            let (value, bound) = (Double(number(1...4)), Double(number(0...2)) / 3)
            return Verdict.Reason(
                code: code,
                state: state,
                sentence: "\(code) \(number(0...1))",
                value: value,
                bound: bound
            )
        }
        let some = ["b", "b", "c"].filter { _ in number(0...1) == 0 }
        return Verdict(
            reasons: (["a"] + some).map { reason($0, number(0...2) == 0 ? .invalid : .suspect) },
            server: number(0...1) == 0 ? [] : [reason("bursts", .valid)]
        )
    }

    private mutating func result(stages: Bool) throws -> RunResult {
        var plan = try SampleRun.plan()
        if stages {
            let targets = (0...2).map { _ in Double(number(0...900)) / 7 }
            plan.stages = LoadLine(
                from: 1,
                stages: [
                    LoadStage(duration: Nanoseconds.seconds(2), target: targets[0]),
                    LoadStage(duration: 0, target: targets[1]),
                    LoadStage(duration: Nanoseconds.milliseconds(4_500), target: targets[2]),
                ]
            )
            plan.sessions = Sessions(
                turns: .constant(2),
                think: .constant(0),
                turnsText: "2",
                thinkText: ""
            )
        }
        plan.streams = number(1...500)
        plan.threads = number(1...4)
        plan.cpus = (0..<number(0...3)).map { Int32($0) }
        plan.seed = UInt64(number(0...99))
        plan.connectRate = Double(number(0...1)) * 333.3
        var result = SampleRun.full(plan)
        // SampleRun begins 123 ms after a second does.
        result.startedAt += Int64(number(0...(beginTogether ? 800 : 4_000))) * 1_000_000
        result.length = Nanoseconds.milliseconds(12_000 + Int64(number(0...9_000)))
        result.intervalSeconds = beginTogether ? 1 : 1 << number(0...2)
        result.intervals = try intervals(step: result.intervalSeconds, count: number(0...12))
        result.histograms = [.ttft: samples(80), .gap: samples(200), .itl: samples(30)]
        result.unfinished = [.ttft: UnfinishedWaits(ages: samples(5))]
        result.counts.completed = UInt64(number(0...9_999))
        result.counts.started =
            result.counts.completed + result.counts.failed + result.counts.cancelled
            + result.counts.cut
        result.counts.tokensInWindow = Double(number(0...1_000_000)) / 7
        result.counts.completedTokens = UInt64(number(0...200_000))
        result.counts.completedPromptTokens = UInt64(number(0...20_000))
        result.counts.requestsWithTokens = UInt64(number(0...1_022))
        if number(0...1) == 0 {
            (result.counts.promptTokens, result.counts.requestsWithPrompt) = (nil, 0)
            result.counts.completedPromptTokens = 0
        }
        // Of a file from before they were counted.
        if number(0...3) == 0 {
            (result.counts.completedTokens, result.counts.completedPromptTokens) = (nil, nil)
            result.counts.requestsWithTokens = nil
        }
        result.counts.finishReasons = ["stop": UInt64(number(1...9)), "r\(number(0...3))": 4]
        result.counts.throughputBasis = [.event, .usage, .usageScaled][number(0...2)]
        result.counts.itlBasis = number(0...1) == 0 ? .event : .usage
        result.dialect = number(0...3) == 0 ? .undetermined : .openaiChat
        result.cpuUser = Int64(number(0...1_000_000_000))
        result.throttled = number(0...1) == 0 ? nil : Int64(number(0...1_000))
        result.interruptedBy = number(0...5) == 0 ? 2 : nil
        result.errors[0].count = UInt64(number(1...9))
        result.errors[0].status = 429 + number(0...1)
        result.errors[0].firstAtSeconds = Double(number(0...3_000)) / 1_000
        result.errors[0].detail = "d\(number(0...2))"
        for index in result.loops.indices { result.loops[index].busy = Double(number(0...99)) / 99 }
        if stages { result.sessions = sessions() }
        return result
    }

    private mutating func sessions() -> SessionReport {
        var sessions = SessionReport()
        sessions.started = UInt64(number(10...99))
        sessions.completed = UInt64(number(0...9))
        sessions.turns = (1...number(1...4)).map { turn in
            SessionReport.Turn(turn, ttft: samples(9), e2e: samples(9))
        }
        return sessions
    }

    private mutating func intervals(step: Int, count: Int) throws -> [RunInterval] {
        (0..<count).map { place in
            var interval = RunInterval(from: place * step, length: step)
            interval.completed = UInt64(number(0...50))
            interval.completedInWindow = interval.completed / 2
            interval.events = UInt64(number(0...5_000))
            interval.tokenEvents = UInt64(number(0...4_000))
            interval.inFlight = Double(number(0...999)) / 7
            interval.busiest = Double(number(0...99)) / 100
            interval.ttft = samples(10)
            interval.gap = samples(20)
            interval.failures = [.reset: UInt64(number(0...3))]
            return interval
        }
    }
}

@Suite struct MergeTests {
    private func merge(_ runs: [FinishedRun]) throws -> FinishedRun {
        try ResultMerge.merge(
            runs.enumerated().map { ("part\($0)", $1) },
            allowUnlike: false,
            toolVersion: "9"
        )
    }

    /// What the file of a merge holds, read again.
    private func stored(_ runs: [FinishedRun]) throws -> FinishedRun {
        try reading(merge(runs).file.encoded())
    }

    private func text(_ run: FinishedRun) throws -> String {
        String(decoding: try run.file.encoded(), as: UTF8.self)
    }

    @Test("order and grouping change nothing, through files or not", arguments: 0..<25)
    func associative(_ seed: UInt64) throws {
        var generator = ResultGenerator(seed: seed)
        generator.areRanks = seed.isMultiple(of: 3)
        generator.beginTogether = seed.isMultiple(of: 5)
        let classes = seed.isMultiple(of: 2) ? [] : ["chat", "plain", "batch"]
        var parts = try (0..<5).map { try generator.run($0, classes: classes) }
        for index in parts.indices { parts[index].verdict = generator.verdict() }
        let reason = try #require(merge(parts).verdict.reasons.first { $0.code == "a" })
        #expect(reason.parts == Verdict.Reason.Parts(count: 5, all: 5))
        let whole = try text(merge(parts))
        func expectWhole(_ parts: [FinishedRun]) throws {
            let other = try text(merge(parts))
            guard other != whole else { return }
            let lines = zip(
                whole.split(separator: "\n"),
                other.split(separator: "\n")
            )
            let first = lines.first { $0 != $1 }
            Issue.record("\(first?.0 ?? "") became \(first?.1 ?? "")")
        }
        try expectWhole(parts.reversed())
        try expectWhole([stored(Array(parts[0..<2])), stored(Array(parts[2..<5]))])
        try expectWhole([parts[3], stored([parts[4], stored([parts[1], parts[0]]), parts[2]])])
        let isSame = try merge(parts).result.merged?.isSameWindow == true
        #expect(isSame || !generator.beginTogether)
        #expect(try SchemaCheck().errors(in: merge(parts).file.encoded()) == [])
        #expect(try text(stored(parts)) == whole)
    }

    /// Gives each sample of `whole`, and each of its classes', to one of the parts.
    private func deal(
        _ whole: RunResult,
        to parts: inout [RunResult],
        _ random: inout SeededRandom
    ) {
        for (metric, samples) in whole.histograms {
            for bucket in samples.buckets {
                for _ in 0..<bucket.count {
                    let part = Int.random(in: parts.indices, using: &random)
                    parts[part].histograms[metric, default: HistogramSnapshot()]
                        .record(bucket.range.upperBound)
                }
            }
        }
        for (place, own) in whole.classes.enumerated() {
            var shares = parts.map { $0.classes[place].result }
            deal(own.result, to: &shares, &random)
            for index in parts.indices { parts[index].classes[place].result = shares[index] }
        }
    }

    private func expectSame(_ merged: RunResult, _ whole: RunResult) throws {
        for (metric, samples) in whole.histograms {
            let joined = try #require(merged.histograms[metric])
            #expect(joined.buckets.elementsEqual(samples.buckets))
            #expect(joined.percentile(99.9) == samples.percentile(99.9))
        }
        try #require(merged.classes.map(\.name) == whole.classes.map(\.name))
        for (one, two) in zip(merged.classes, whole.classes) {
            try expectSame(one.result, two.result)
        }
    }

    @Test("a run split over several files is the whole, histogram for histogram", arguments: 1...8)
    func split(_ count: Int) throws {
        var random = SeededRandom(seed: UInt64(count))
        var whole = try SampleRun.full(SampleRun.plan())
        var empty = RunResult(try SampleRun.plan(), startedAt: whole.startedAt)
        for name in ["chat", "batch"] {
            whole.classes.append(ClassResult(name, try SampleRun.full(SampleRun.plan())))
            empty.classes.append(ClassResult(name, empty))
            empty.classes[empty.classes.count - 1].result.classes = []
        }
        var parts = [RunResult](repeating: empty, count: count)
        deal(whole, to: &parts, &random)
        var files: [FinishedRun] = []
        for (index, part) in parts.enumerated() {
            var run = finished(part)
            run.context.id = "\(index)"
            files.append(try reading(run.file.encoded()))
        }
        try expectSame((count == 1 ? files[0] : try stored(files)).result, whole)
    }

    @Test("classes, sessions and stages add; each class has its own rates and its own line")
    func classes() throws {
        func part(_ id: String, streams: Double) throws -> FinishedRun {
            var plan = try SampleRun.plan()
            plan.ramp = 0
            var result = SampleRun.full(plan)
            result.startedAt = Nanoseconds.seconds(1_738_324_800)
            result.measured = Nanoseconds.seconds(4)
            result.length = Nanoseconds.seconds(5)
            result.counts.throughputBasis = .event
            (result.counts.completedInWindow, result.counts.tokensInWindow) = (12, 40)
            result.intervals = (0..<5).map { second in
                var interval = RunInterval(from: second, length: 1)
                interval.completed = 3
                interval.tokenEvents = 10
                interval.inFlight = streams
                return interval
            }
            var staged = result
            staged.plan.stages = LoadLine(
                from: streams,
                stages: [LoadStage(duration: Nanoseconds.seconds(3), target: streams)]
            )
            staged.sessions = SessionReport()
            staged.sessions?.started = 5
            staged.sessions?.completed = 2
            staged.sessions?.turns = [
                SessionReport.Turn(1, ttft: snapshot([7]), e2e: snapshot([9]))
            ]
            result.classes = [ClassResult("chat", staged), ClassResult("batch", result)]
            var run = finished(result)
            run.context.id = id
            return run
        }
        let both = try stored([part("a", streams: 8), part("b", streams: 4)])
        #expect(both.result.classes.map(\.name) == ["chat", "batch"])
        let chat = try #require(both.result.classes.first?.result)
        #expect(chat.counts.completed == 2_000)
        #expect(chat.rateWindow?.requests == 24 && chat.rateWindow?.tokens == 80)
        #expect(chat.sessions?.started == 10 && chat.sessions?.unfinished == 6)
        #expect(chat.sessions?.turns.first?.ttft.count == 2)
        let stage = try #require(chat.stageAccounts.first)
        #expect(stage.from == 12 && stage.target == 12 && stage.seconds == 3)
        #expect(stage.asked == 12 && stage.achieved == 12)
        #expect(chat.plan.line?.highest == 12)
        let text = both.text(color: false)
        #expect(text.contains("merged from       2 results"))
        #expect(text.contains("12 for 3 s: 12.0 asked, 12.0 held"))
    }

    @Test("unlike classes and unlike stages can't be added, whatever is allowed")
    func obstacles() throws {
        var generator = ResultGenerator(seed: 4)
        let one = try generator.run(0, classes: ["chat", "batch"])
        let turned = try generator.run(1, classes: ["batch", "chat"])
        let alone = try generator.run(2)
        var longer = try generator.run(3, classes: ["chat", "batch"])
        longer.result.classes[1].result.plan.stages = LoadLine(
            from: 0,
            stages: [LoadStage(duration: 1_000_000_000, target: 5)]
        )
        for (other, words) in [
            (turned, "chat, batch and batch, chat"), (alone, "(chat, batch and none)"),
            (longer, "in class batch have unlike stages"),
        ] {
            let error = #expect(throws: MergeError.self) {
                try ResultMerge.merge(
                    [("a", one), ("b", other)],
                    allowUnlike: true,
                    toolVersion: "9"
                )
            }
            #expect(error?.sentence.contains(words) == true, "\(error?.sentence ?? "")")
        }
        var slower = try generator.run(5, classes: ["chat", "batch"])
        slower.result.classes[1].result.plan.think = 5
        let error = #expect(throws: MergeError.self) { try merge([one, slower]) }
        #expect(error?.sentence.contains("plan.think_s of class batch") == true)
    }

    @Test("counters add, and rates are those of the seconds that all parts have in common")
    func rates() throws {
        func part(_ id: String, startedAfter seconds: Int64, completed: UInt64) throws
            -> FinishedRun
        {
            var plan = try SampleRun.plan()
            plan.ramp = 0
            var result = SampleRun.full(plan)
            // On a whole second of the wall clock.
            result.startedAt = Nanoseconds.seconds(1_738_324_800 + seconds)
            result.measured = Nanoseconds.seconds(10)
            result.length = Nanoseconds.seconds(11)
            result.counts.completed = completed
            result.counts.started = completed + result.counts.failed + result.counts.cut
            result.counts.throughputBasis = .event
            result.counts.tokensInWindow = 1_000
            result.intervals = (0..<11).map { second in
                var interval = RunInterval(from: second, length: 1)
                interval.completed = 99
                interval.completedInWindow = UInt64(second)
                interval.events = 20
                interval.tokenEvents = 10
                interval.inFlight = 100
                return interval
            }
            var run = finished(result)
            run.context.id = id
            return run
        }
        let both = try stored([
            part("a", startedAfter: 0, completed: 70), part("b", startedAfter: 4, completed: 30),
        ])
        #expect(both.result.counts.completed == 100)
        #expect(both.result.plan.streams == 2_000)
        // Seconds 4 to 9 of the first are 0 to 5 of the second.
        let window = try #require(both.result.rateWindow)
        #expect(window.seconds == 6)
        #expect(window.requests == 4 + 5 + 6 + 7 + 8 + 9 + (0 + 1 + 2 + 3 + 4 + 5))
        #expect(window.events == 240 && window.tokens == 120)
        #expect(
            both.result.intervals.map(\.inFlight) == Array(repeating: 100, count: 4)
                + Array(repeating: 200, count: 7) + Array(repeating: 100, count: 4)
        )
        #expect(both.text(color: false).contains("common 6.00 s"))
        let apart = try stored([
            part("a", startedAfter: 0, completed: 1), part("b", startedAfter: 86_400, completed: 2),
        ])
        #expect(apart.result.rateWindow == nil)
        #expect(apart.result.counts.completed == 3)
        #expect(apart.result.intervals.count <= 600)
        #expect(apart.text(color: false).contains("no window in common"))
    }

    @Test("one run can't count twice, not even through a merged result")
    func twice() throws {
        var generator = ResultGenerator(seed: 1)
        let parts = try (0..<3).map { try generator.run($0) }
        #expect(throws: MergeError.self) { try merge([parts[0], parts[0]]) }
        let error = #expect(throws: MergeError.self) {
            try merge([stored([parts[0], parts[1]]), parts[1]])
        }
        #expect(error?.sentence.contains("run1") == true)
    }

    @Test("of unlike objectives judgements add up, and no limit is said to be missed")
    func unlikeObjectives() throws {
        var generator = ResultGenerator(seed: 5)
        let limits = [Metric.ttft, .e2e].map { Objective(metric: $0, greatest: 5, text: "\($0)") }
        func part(_ number: Int, _ limits: [Objective]?) throws -> (String, FinishedRun) {
            var run = try generator.run(number)
            run.result.plan.objectives = limits.map { ServiceObjectives($0) }
            run.result.counts.objectives = limits.map { limits in
                var counts = ObjectiveCounts()
                (counts.good, counts.bad, counts.missed) = (3, 2, limits.map { _ in 1 })
                return counts
            }
            return ("\(number)", run)
        }
        let like = [try part(0, limits), try part(1, limits)]
        let cases: [([(String, FinishedRun)], [String], [UInt64], UInt64)] = [
            (like, ["ttft", "e2e"], [2, 2], 6),
            ([like[0], try part(2, limits.reversed()), like[1]], [], [], 9),
            ([like[0], try part(3, nil), like[1]], [], [], 6),
            ([try part(4, nil), like[0]], [], [], 3),
        ]
        for (parts, names, missed, good) in cases {
            for order in [parts, parts.reversed()] {
                let whole = try ResultMerge.merge(order, allowUnlike: true, toolVersion: "9")
                let counts = try #require(whole.result.counts.objectives)
                #expect(whole.result.plan.objectives?.limits.map(\.text) == names)
                #expect(counts.missed == missed && counts.good == good)
                let text = TextReport(whole.result, verdict: whole.verdict, color: false)
                    .render()
                #expect(text.contains("kept the objectives of their part") == names.isEmpty)
            }
        }
    }

    @Test("unlike plans are refused by the field in which they differ, or taken when allowed")
    func unlike() throws {
        var generator = ResultGenerator(seed: 2)
        let one = try generator.run(0)
        var two = try generator.run(1)
        two.result.plan.think = 5
        let error = #expect(throws: MergeError.self) { try merge([one, two]) }
        #expect(error?.sentence.contains("plan.think_s") == true)
        let allowed = [("a", one), ("b", two)]
        let merged = try ResultMerge.merge(allowed, allowUnlike: true, toolVersion: "9")
        let turned = try ResultMerge.merge(
            allowed.reversed(),
            allowUnlike: true,
            toolVersion: "9"
        )
        #expect(try text(merged) == text(turned))
        two.result.plan.think = 0
        two.result.plan.arrivals = OpenLoad(rate: 1, law: .poisson)
        let mixed = [("a", one), ("b", two)]
        #expect(throws: MergeError.self) {
            try ResultMerge.merge(mixed, allowUnlike: true, toolVersion: "9")
        }
    }

    @Test(
        "the verdict is that of the worst part, with the worst of each reason and how many have it"
    )
    func verdict() throws {
        var generator = ResultGenerator(seed: 3)
        var parts = try (0..<3).map { try generator.run($0) }
        func reason(_ code: String, _ state: Verdict.State, _ value: Double) -> Verdict.Reason {
            Verdict.Reason(
                code: code,
                state: state,
                sentence: "\(code) is \(value).",
                value: value,
                bound: state == .invalid ? 8 : 2
            )
        }
        // Of two classes of one part, which counts once.
        parts[0].verdict = Verdict(
            reasons: [
                reason("b", .suspect, 3), reason("a", .suspect, 3), reason("a", .suspect, 4),
            ],
            server: [reason("bursts", .valid, 4)]
        )
        parts[1].verdict = Verdict(reasons: [reason("a", .suspect, 5)])
        // Further from its bound than the one above in bounds, but worse by its state.
        parts[2].verdict = Verdict(
            reasons: [
                reason("c", .invalid, 9), reason("a", .suspect, 2.5), reason("b", .invalid, 9),
            ],
            server: [reason("bursts", .valid, 3)]
        )
        for merged in [
            try stored(parts), try stored(parts.reversed()),
            try stored([stored([parts[1], parts[2]]), parts[0]]),
        ] {
            #expect(merged.verdict.state == .invalid)
            #expect(
                merged.verdict.reasons.map(\.sentence) == [
                    "In 2 of 3 parts, the worst: b is 9.0.", "In 1 of 3 parts: c is 9.0.",
                    "In 3 of 3 parts, the worst: a is 5.0.",
                ]
            )
            #expect(merged.verdict.server.map(\.parts?.count) == [2])
            let text = merged.text(color: false)
            #expect(text.contains("In 3 of 3 parts, the worst: a is 5.0."))
            // The file's sentence is the finding alone: the count stands beside it.
            let record = merged.file.document.verdict.reasons[2]
            #expect(record.sentence == "a is 5.0." && record.parts == 3 && record.value == 5)
        }
        #expect(try reading(parts[0].file.encoded()).verdict == parts[0].verdict)
    }
}
