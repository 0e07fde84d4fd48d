// `--dry-run`: the resolved plan and the request as it would go on the wire, without its secrets.

import SSEBombCore
import SSEBombReport

/// Renders what a run would do.
enum DryRun {
    /// The most of a body that is shown.
    private static let mostBody = 64 << 10

    /// The whole text: each class of load, and the scenario that says the same as the flags.
    static func text(_ load: PreparedLoad) -> String {
        let parts = load.classes.map { part in
            let heading = part.name.isEmpty ? "" : "class \(Terminal.printable(part.name))\n\n"
            return heading + text(part.run, load.thresholds.filter { $0.scope ?? "" == part.name })
        }
        let scenario = load.scenario.map { "as a scenario (--scenario FILE):\n\n\($0)\n" } ?? ""
        return scenario + parts.joined(separator: "\n")
    }

    private static func text(_ run: PreparedRun, _ thresholds: [Threshold]) -> String {
        var rows = planRows(run) + streamRows(run.plan)
        if let objectives = run.plan.objectives { rows.append(("slo", objectives.text)) }
        for gate in thresholds { rows.append(("threshold", Terminal.printable(gate.expression))) }
        let (head, body) = firstRequest(run)
        rows += sourceRows(run.plan)
        let which = run.plan.source == nil ? "" : "the first: "
        let size = head.count + body.count
        rows.append(("request", "\(which)\(size) bytes, below; secrets as ***"))
        let width = rows.map(\.0.count).max() ?? 0
        let lines = rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value
        }
        return lines.joined(separator: "\n") + "\n\n"
            + requestText(run, head: head, body: body)
    }

    private static func firstRequest(_ run: PreparedRun) -> (head: [UInt8], body: [UInt8]) {
        if let source = run.plan.source {
            return source.preview(run.plan.firstRequestNumber, seed: run.plan.seed)
        }
        let bytes = run.template.bytes
        let body = run.plan.request.body ?? []
        return (Array(bytes.dropLast(body.count)), body)
    }

    /// Where requests come from, where they differ.
    private static func sourceRows(_ plan: RunPlan) -> [(String, String)] {
        guard let source = plan.source else { return [] }
        let summary = source.summary
        var rows = [("source", Terminal.printable(summary.kind))]
        if let file = summary.file { rows.append(("file", Terminal.printable(file))) }
        if let count = summary.rows { rows.append(("rows", "\(count)")) }
        for dropped in summary.dropped {
            rows.append(("left_out", "\(dropped.count) \(dropped.reason)"))
        }
        if let order = summary.order { rows.append(("order", order.rawValue)) }
        return rows
    }

    private static func planRows(_ run: PreparedRun) -> [(String, String)] {
        let plan = run.plan
        var rows: [(String, String)] = [
            ("url", run.url.redacted),
            ("addresses", list(plan.addresses)),
            (
                "source_addresses",
                plan.sourceAddresses.isEmpty
                    ? "chosen by the kernel" : list(plan.sourceAddresses)
            ),
            ("method", plan.request.method),
        ]
        if let rank = plan.knownRank { rows.append(("rank", "\(rank.number) of \(rank.count)")) }
        if let load = plan.arrivals {
            if let rate = plan.askedRate { rows.append(("rate", "\(Units.rate(rate))/s")) }
            rows.append(("arrivals", load.process))
            rows.append(("max_streams", "\(plan.streams)"))
        } else {
            rows.append(("streams", "\(plan.streams)"))
        }
        rows += changingRows(plan)
        rows += timeRows(plan)
        if let tls = plan.tls {
            rows.append(("tls", describe(tls)))
        }
        return rows
    }

    /// How the load changes, where it does.
    private static func changingRows(_ plan: RunPlan) -> [(String, String)] {
        var rows: [(String, String)] = []
        if let line = plan.line { rows.append(("stages", line.words(plan.levelUnit, spell))) }
        if plan.stages != nil { rows.append(("ramp_down", spell(plan.rampDown))) }
        guard let replay = plan.arrivals?.replay else { return rows }
        let trace = replay.trace
        let summary = trace.summary
        rows.append(("trace", "\(Terminal.printable(trace.path)), \(trace.format.rawValue)"))
        rows.append(
            (
                "trace_rows",
                "\(summary.rows), with \(summary.inputTokens) prompt tokens and"
                    + " \(summary.outputTokens) answer tokens"
            )
        )
        let end = summary.window.end.map(spell) ?? "its end"
        rows.append(("trace_window", "from \(spell(summary.window.start)) to \(end)"))
        rows.append(("speed", "\(Units.number(replay.speed))"))
        let words = plan.source?.summary.recordedWords
        rows.append(("from_trace", words ?? "the instants alone"))
        return rows
    }

    /// What holds for either load model.
    private static func timeRows(_ plan: RunPlan) -> [(String, String)] {
        [
            ("duration", plan.duration.map(spell) ?? "until the requests are done"),
            ("requests", plan.requests.map { "\($0)" } ?? "until the time is over"),
            ("ramp", spell(plan.ramp)),
            ("warmup", spell(plan.warmup)),
            ("drain", spell(plan.drain)),
            ("turns", plan.sessions?.turnsText ?? "1"),
            ("think", plan.sessions.map { thinking($0) } ?? spell(plan.think)),
            (
                "connect_rate",
                plan.connectRate == 0 ? "unlimited" : "\(Units.rate(plan.connectRate))/s"
            ),
            ("threads", "\(plan.threads)"),
            ("cpus", CPUConfinement.spell(plan.cpus)),
            ("priority", priority(plan.priority)),
            ("seed", "\(plan.seed)"),
            ("keepalive", plan.keepAlive ? "yes" : "no"),
            ("reuse", plan.reuseLimit.map { "\($0)" } ?? "as the server allows"),
        ]
    }

    private static func thinking(_ sessions: Sessions) -> String {
        sessions.thinkText.isEmpty ? spell(0) : sessions.thinkText
    }

    private static func streamRows(_ plan: RunPlan) -> [(String, String)] {
        let limits = plan.limits
        let times = plan.timeouts
        return [
            ("api", api(plan)),
            ("until", plan.until.map(printable) ?? "the end of the stream"),
            ("max_events", plan.maxEvents.map { "\($0)" } ?? "none"),
            ("cancel_after", cancellation(plan.cancellation)),
            ("read_rate", reading(plan.slowReaders)),
            ("eventsource", plan.eventSource ? "yes" : "no"),
            ("clock", plan.clock.rawValue),
            ("event_log", plan.loggedStreams > 0 ? "of \(plan.loggedStreams) streams" : "none"),
            ("request_log", plan.recordsRequests ? "of every request" : "none"),
            ("sent_at", plan.sendTime.map { Terminal.printable($0.text) } ?? "not read"),
            ("connect_timeout", times.connect.map(spell) ?? "none"),
            ("header_timeout", times.header.map(spell) ?? "none"),
            ("first_event_timeout", times.firstEvent.map(spell) ?? "none"),
            ("idle_timeout", times.idle.map(spell) ?? "none"),
            ("timeout", times.total.map(spell) ?? "none"),
            (
                "limits",
                "head=\(limits.headBytes) line=\(limits.lineBytes) event=\(limits.eventBytes) "
                    + "interim=\(limits.interimResponses) chunk-line=\(limits.chunkLineBytes) "
                    + "trailers=\(limits.trailerBytes)"
            ),
        ]
    }

    private static func cancellation(_ plan: Cancellation?) -> String {
        guard let plan else { return "never" }
        return "\(Terminal.printable(plan.text)), \(share(plan.share)) of the requests"
    }

    private static func reading(_ plan: SlowReaders?) -> String {
        guard let plan else { return "unlimited" }
        return "\(Int64(plan.rate)) bytes/s, \(share(plan.share)) of the requests"
    }

    /// In the notation that flags take.
    private static func share(_ share: Double) -> String {
        let percent = (share * 1e6).rounded() / 1e4
        return "\(percent == percent.rounded() ? "\(Int(percent))" : "\(percent)")%"
    }

    /// What would be in force, and why that isn't what was asked for.
    private static func priority(_ asked: LoopPriority) -> String {
        guard asked == .realtime, let refusal = RealtimeRight.refusal() else {
            return asked.rawValue
        }
        return "normal (\(refusal))"
    }

    private static func list(_ addresses: [SocketAddress]) -> String {
        let shown = addresses.prefix(8).map { address in
            // A local address has no port yet.
            address.text.hasSuffix(":0") ? String(address.text.dropLast(2)) : address.text
        }.joined(separator: ", ")
        return addresses.count > 8 ? "\(shown), ... (\(addresses.count) in all)" : shown
    }

    private static func describe(_ tls: TLSClientOptions) -> String {
        var parts = [tls.verify ? "verified" : "not verified"]
        parts.append("CAs \(tls.caFile ?? "of the system")")
        if let file = tls.certFile { parts.append("client certificate \(file)") }
        if let name = tls.serverName { parts.append("name \(name)") }
        if let lowest = tls.minVersion { parts.append("from \(lowest.name)") }
        if let highest = tls.maxVersion { parts.append("up to \(highest.name)") }
        if let ciphers = tls.ciphers { parts.append("ciphers \(ciphers)") }
        return parts.joined(separator: ", ")
    }

    /// The API that is named or expected, and the paths of one that is described.
    private static func api(_ plan: RunPlan) -> String {
        if let fields = plan.fields {
            let end = fields.end.map { "event \(printable($0))" } ?? "end of the body"
            return "custom: "
                + fields.fields.map { Terminal.printable($0.text) }.joined(separator: ", ")
                + "; end: \(end)"
        }
        if let name = plan.dialect.name { return name }
        guard let name = Dialect(target: plan.request.target).name else {
            return "recognised from the first events"
        }
        return "\(name), recognised from the path"
    }

    private static func printable(_ bytes: [UInt8]) -> String {
        Terminal.printable(String(decoding: bytes, as: UTF8.self))
    }

    /// A time in the largest unit that keeps it whole, in the notation that flags take.
    static func spell(_ time: Int64) -> String {
        let units: [(String, Int64)] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)]
        for (name, size) in units where time % size == 0 { return "\(time / size)\(name)" }
        return "\(time)ns"
    }

    /// Head and body as text, with values that may be secrets replaced.
    private static func requestText(
        _ run: PreparedRun,
        head: [UInt8],
        body: [UInt8]
    ) -> String {
        let given = Set(run.plan.request.headers.map { $0.name.lowercased() })
        var lines: [String] = []
        for (index, line) in head.split(separator: 0x0A).enumerated() {
            let text = String(decoding: line.filter { $0 != 0x0D }, as: UTF8.self)
            if index == 0 {
                let words = text.split(separator: " ")
                let target = TargetURL.redactedTarget(String(words[1]))
                lines.append("\(words[0]) \(target) HTTP/1.1")
            } else if let colon = text.firstIndex(of: ":") {
                let name = text[..<colon].lowercased()
                let isSecret = given.contains(name) && Redaction.isSecret(name)
                lines.append(isSecret ? "\(text[..<colon]): ***" : Terminal.printable(text))
            }
        }
        let shown = String(decoding: body.prefix(mostBody), as: UTF8.self)
        let bodyLines = shown.split(separator: "\n", omittingEmptySubsequences: false)
            .map { Terminal.printable(String($0)) }
        var text = lines.joined(separator: "\n") + "\n\n" + bodyLines.joined(separator: "\n")
        if !body.isEmpty, body.last != 0x0A { text += "\n" }
        if body.count > mostBody { text += "... (\(body.count - mostBody) bytes more)\n" }
        return text
    }
}
