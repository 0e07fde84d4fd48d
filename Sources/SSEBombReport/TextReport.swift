// A run's result as text for people, under the names that docs/MEASUREMENT.md defines. Nothing that
// wasn't measured is printed, least of all as 0. Must not know where the text goes.

public import SSEBombCore

/// The report on standard output.
public struct TextReport {
    let result: RunResult
    let verdict: Verdict
    let thresholds: [ThresholdResult]
    let redaction: Redaction
    let color: Bool

    /// - Parameters:
    ///   - thresholds: what became of the run's gates.
    ///   - color: whether the reader is a terminal that shows colours.
    public init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult] = [],
        color: Bool
    ) {
        self.result = result
        self.verdict = verdict
        self.thresholds = thresholds
        self.color = color
        redaction = Redaction(result)
    }

    /// The whole report, ending with a line end.
    public func render() -> String {
        var layout = TextLayout(paint: Paint(isOn: color))
        believed(&layout)
        gates(&layout)
        headline(&layout)
        figures(&layout)
        return layout.text
    }

    /// All that comes after what was asked for: the same words in every report.
    func figures(_ layout: inout TextLayout) {
        requests(&layout)
        objectives(&layout)
        arrivals(&layout)
        stages(&layout)
        throughput(&layout)
        latencies(&layout)
        serverTimes(&layout)
        sessions(&layout)
        classes(&layout)
        outcomes(&layout)
        failures(&layout)
        events(&layout)
        client(&layout)
    }

    // MARK: Verdict

    /// Whether the figures can be believed comes before the figures.
    private func believed(_ layout: inout TextLayout) {
        layout.field("verdict", verdict.state.rawValue, indent: 0) { tone in
            switch verdict.state {
            case .valid: tone.bold
            case .suspect, .invalid: tone.red
            }
        }
        for reason in verdict.reasons { layout.field(reason.state.rawValue, reason.sentence) }
        if let coverage = verdict.calibration {
            layout.field("calibration", coverage.sentence, indent: 0)
        }
        for finding in verdict.server { layout.field("server", finding.sentence, indent: 0) }
    }

    // MARK: Headline

    func headline(_ layout: inout TextLayout) {
        let plan = result.plan
        guard result.classes.isEmpty else {
            layout.field("classes", classNames, indent: 0) { $0.bold }
            layout.field("plan", planLine, indent: 0)
            layout.field("client", clientLine, indent: 0)
            origin(&layout)
            return interruption(&layout)
        }
        let url = PrintableText.line(Redaction.url(of: plan.request))
        layout.field("target", "\(plan.request.method) \(url)", indent: 0) { $0.bold }
        if let address = plan.addresses.first {
            let others = plan.addresses.count - 1
            let more = others > 0 ? " and \(Units.count(others)) more" : ""
            layout.field("address", PrintableText.line(address.text) + more, indent: 0)
        }
        layout.field("plan", planLine, indent: 0)
        layout.field("client", clientLine, indent: 0)
        objectivesLine(&layout)
        origin(&layout)
        layout.field("prompt", promptLine, indent: 0)
        interruption(&layout)
    }

    private func origin(_ layout: inout TextLayout) {
        guard let merged = result.merged else { return }
        var parts = "\(Units.count(merged.parts.count)) results"
        if let rank = merged.ranks?.first?.rank, let held = merged.ranks?.count, held < rank.count {
            parts += ", \(Units.count(held)) of \(Units.count(rank.count)) ranks"
        }
        let window =
            merged.window.map { "\(Units.duration($0.length)) in common, which rates are of" }
            ?? "no window in common, so there are no rates"
        layout.field("merged from", "\(parts), \(window)", indent: 0)
    }

    private func interruption(_ layout: inout TextLayout) {
        let plan = result.plan
        guard let end = result.signalName ?? (result.isAborted ? "a threshold" : nil) else {
            return
        }
        let planned = plan.duration.map { " of \(Units.setting($0))" } ?? ""
        let measured = Units.duration(max(0, result.measured))
        layout.field(
            "interrupted",
            "by \(end) after \(measured)\(planned) of the measured window",
            indent: 0
        ) { $0.red }
    }

    private var promptLine: String {
        let sources = result.requestFacts
        guard sources.contains(where: \.hasVaryingBodies) else {
            return sources.count > 1
                ? "same prompt in every request of a class: prefix caches may be hot"
                : "same prompt in every request: prefix caches may be hot"
        }
        guard sources.count == 1, let summary = sources[0].summary else {
            return "requests differ in some of the classes"
        }
        let recorded = summary.recordedWords.map { "; sent from the trace: \($0)" } ?? ""
        guard let file = summary.file, let rows = summary.rows else {
            let isTemplate = summary.kind == "template"
            return (isTemplate ? "a body of its own in each request" : summary.kind) + recorded
        }
        let order = summary.order.map { ", \($0.rawValue)" } ?? ""
        return PrintableText.line("\(file): \(Units.count(rows)) rows\(order)") + recorded
    }

    var planLine: String {
        let plan = result.plan
        let streams =
            "\(Units.count(plan.streams)) \(plan.streams == 1 ? "stream" : "streams")"
        var parts = plan.arrivals.map { rate($0) } ?? streams
        // Streams of one class and rates of another make no sum.
        let hasSum = result.loadModel == "closed" || plan.arrivals != nil
        if !hasSum { parts = "\(Units.count(result.classes.count)) classes" }
        if let rank = plan.knownRank {
            parts = "rank \(rank.number) of \(Units.count(rank.count)): \(parts)"
        }
        let unit = plan.sessions == nil ? "request" : "session"
        switch (plan.duration, plan.requests) {
        case (let duration?, nil): parts += " for \(Units.setting(duration))"
        case (nil, let requests?):
            parts += ", \(Units.count(requests)) \(unit)\(requests == 1 ? "" : "s")"
        case (let duration?, let requests?):
            parts += " for \(Units.setting(duration)) or \(Units.count(requests)) \(unit)s"
        case (nil, nil): break
        }
        if let line = plan.line {
            parts += ", stages \(line.words(plan.levelUnit) { Units.setting($0) })"
        }
        if plan.stages != nil { parts += ", ramp-down \(Units.setting(plan.rampDown))" }
        if plan.ramp > 0 { parts += ", ramp \(Units.setting(plan.ramp))" }
        if plan.warmup > 0 { parts += ", warm-up \(Units.setting(plan.warmup))" }
        if plan.think > 0 { parts += ", think \(Units.setting(plan.think))" }
        parts += sessionWords
        if plan.eventSource, result.classes.isEmpty { parts += ", each an EventSource" }
        if let cancellation = plan.cancellation {
            let share = Units.share(cancellation.share)
            parts += ", \(share) leave after \(PrintableText.line(cancellation.text, limit: 40))"
        }
        // A number of requests alone has no end that a drain could follow.
        if plan.duration != nil { parts += ", drain \(Units.setting(plan.drain))" }
        let tail = plan.keepAlive ? "" : ", no keep-alive"
        if plan.arrivals != nil { return parts + ", \(streams) at most" + tail }
        // A limit of some classes is none of the whole.
        let hasUnlike =
            plan.connectRate == 0 && result.classes.contains { $0.result.plan.connectRate > 0 }
        if !hasSum || hasUnlike { return parts + tail }
        let pace = plan.connectRate > 0 ? "\(Units.rate(plan.connectRate))/s" : "all at once"
        return parts + ", connects \(pace)" + tail
    }

    private func rate(_ load: OpenLoad) -> String {
        if load.trace != nil { return "arrivals of a trace" }
        let asked = Units.rate(result.plan.askedRate ?? 0)
        return load.line == nil ? "\(asked)/s \(load.law.name)" : load.law.name
    }

    private var clientLine: String {
        let plan = result.plan
        let cpus = plan.cpus.prefix(plan.threads).map(String.init).joined(separator: ",")
        let threads = "\(plan.threads) \(plan.threads == 1 ? "thread" : "threads")"
        let pinned = cpus.isEmpty ? "" : " on CPU \(cpus)"
        let clock = "\(threads)\(pinned), \(plan.clock.rawValue) clock"
        if !result.classes.isEmpty, result.apiName == nil { return clock }
        return "\(clock), \(api)"
    }

    /// The API, and what it was recognised from where nobody named it.
    private var api: String {
        guard let name = result.apiName else { return "api not recognised" }
        switch result.dialectOrigin {
        case .path: return "api \(name), recognised from the path"
        case .events: return "api \(name), recognised from the events"
        case .flag, nil: return "api \(name)"
        }
    }

    // MARK: Requests and rates

    private func requests(_ layout: inout TextLayout) {
        let counts = result.counts
        layout.section("Requests")
        layout.field(
            "started",
            "\(Units.count(counts.started)) = \(Units.count(counts.completed)) completed"
                + " + \(Units.count(counts.failed)) failed"
                + " + \(Units.count(counts.cancelled)) cancelled + \(Units.count(counts.cut)) cut"
        )
        let isHeld = result.plan.eventSource && counts.startedOutsideWindow > 0
        if counts.started == 0, result.droppedArrivals ?? 0 == 0, !isHeld {
            layout.note(noneStarted) { $0.red }
        }
        if counts.startedOutsideWindow > 0 {
            layout.field(
                "outside window",
                "\(Units.count(counts.startedOutsideWindow)) more, started during ramp or warm-up"
            )
        }
        if counts.retriedStale > 0 {
            layout.field(
                "retried_stale",
                "\(Units.count(counts.retriedStale)) sent again, their kept connection was closed"
            )
        }
        subscriptions(&layout)
        if let readers = result.plan.slowReaders {
            // Each class has a rate of its own.
            let rate =
                result.classes.isEmpty
                ? ", at \(Units.count(UInt64(readers.rate))) bytes/s" : ""
            layout.field(
                "slow readers",
                "\(Units.count(counts.slowReaders)) of the started\(rate): in no latency"
            )
        }
        var connections =
            "\(Units.count(counts.connectionsOpened)) opened, "
            + "\(Units.count(counts.connectionsReused)) reused"
        if result.plan.tls != nil {
            connections += ", \(Units.count(counts.tlsResumed)) TLS sessions resumed"
        }
        layout.field("connections", connections)
    }

    /// Also of a class: what began in ramp or warm-up is held, and in no other figure.
    func subscriptions(_ layout: inout TextLayout) {
        guard let subscriptions = result.counts.subscriptions else { return }
        let held = result.heldSubscriptions.map {
            ", \(Units.count(UInt64(max(0, $0.rounded())))) held on average"
        }
        layout.field(
            "subscriptions",
            "\(Units.count(subscriptions.accepted)) accepted,"
                + " \(Units.count(subscriptions.reconnects)) of them reconnects,"
                + " \(Units.count(subscriptions.ended)) ended by the server" + (held ?? "")
        )
    }

    private var noneStarted: String {
        result.pausedByHand > 0
            ? "No request started inside the measured window, so there is nothing to report: "
                + "starts were paused by hand."
            : "No request was due inside the measured window, so there is nothing to report: make "
                + "it longer with -d, or shorten --ramp and --warmup."
    }

    private func throughput(_ layout: inout TextLayout) {
        guard let window = result.rateWindow else { return }
        let basis = result.counts.throughputBasis.rawValue
        let length = Units.duration(Int64(clamping: window.seconds * 1e9))
        var heading = ["Throughput", "\(result.merged == nil ? "measured" : "common") \(length)"]
        var rows: [(name: String, figures: [Double])] = [
            ("requests/s", [Double(window.requests) / window.seconds]),
            ("tokens/s (\(basis))", [window.tokens / window.seconds]),
            ("events/s", [Double(window.events) / window.seconds]),
        ]
        if let goodput = result.goodput { rows.append(("goodput/s", [goodput])) }
        let hasTokens = result.hasTokens
        // With a rate it is the measured window.
        if let steady = result.steady, steady.seconds > 0, result.plan.arrivals == nil {
            heading.append("steady \(steady.seconds) s from \(steady.startSeconds) s")
            let seconds = Double(steady.seconds)
            rows[0].figures.append(Double(steady.requests) / seconds)
            rows[1].figures.append(TokenSum.exact(steady.tokens) / seconds)
            rows[2].figures.append(Double(steady.events) / seconds)
            if rows.count > 3 { rows[3].figures.append(Double(steady.good) / seconds) }
        }
        var table = TextTable()
        table.heading(heading)
        for (index, row) in rows.enumerated() where index != 1 || hasTokens {
            let cells = row.figures.map { TextTable.Cell(text: Units.rate($0)) }
            table.row([TextTable.Cell(text: row.name)] + cells)
        }
        layout.line("")
        layout.table(table)
        let isOne = result.classes.isEmpty && result.merged == nil
        if result.steady == nil, result.plan.arrivals == nil, isOne {
            layout.note(
                "No steady window: the streams in flight never held 95 % of "
                    + "\(Units.count(result.plan.streams)) for a whole second."
            ) { $0.dim }
        }
    }
}
