// A plan as the one command line that runs it again, without its secrets. What a plan doesn't hold
// (which file a body came from) or mustn't show stands as a name in capitals or as `***`. Must not
// know where the line is shown.

import SSEBombCore

/// Writes a plan as flags of `run`.
struct PlanCommand {
    private let plan: RunPlan
    private var words = ["ssebomb"]

    /// - Parameters:
    ///   - api: the API as the command line names it, where one was asked for or recognised.
    ///   - labels: `--label`.
    init(_ plan: RunPlan, api: String?, thresholds: [Threshold], labels: [String: String]) {
        self.plan = plan
        load()
        streams(api)
        times()
        connections()
        if let objectives = plan.objectives { add("--slo", objectives.text) }
        for threshold in thresholds { add("--threshold", threshold.expression) }
        for label in labels.sorted(by: { $0.key < $1.key }) {
            add("--label", "\(label.key)=\(label.value)")
        }
        request()
    }

    /// For a POSIX shell, in one line.
    var text: String { words.joined(separator: " ") }

    /// What has to be filled in; nil where nothing has to.
    var remark: String? {
        var parts: [String] = []
        if words.contains(where: { $0.contains(Redaction.mask) }) {
            parts.append("\(Redaction.mask) stands for values that no output shows")
        }
        if plan.arrivals?.trace != nil { parts.append("\(Self.traceName) for the file replayed") }
        // Bodies of the trace's own need no flag.
        if let source = plan.requestFacts.summary, source.recorded != [.bodies] {
            let file = source.file.map { " of \(PrintableText.line($0, limit: 100))" } ?? ""
            parts.append("the flags that make the requests (\(source.kind)\(file)) are to be added")
        } else if let body = plan.request.body {
            parts.append("\(Self.bodyName) for the file of the body (\(Units.count(body.count)) B)")
        }
        return parts.isEmpty ? nil : parts.joined(separator: ", ") + "."
    }

    private static let bodyName = "BODY"
    private static let traceName = "TRACE"

    private mutating func add(_ flag: String, _ value: String) {
        words += [flag, Self.quoted(PrintableText.line(value))]
    }

    private mutating func add(_ flag: String, time: Int64?) {
        if let time { add(flag, Self.spelled(time)) }
    }

    // MARK: Flags

    private mutating func load() {
        let level = plan.line?.first
        if let arrivals = plan.arrivals {
            if let trace = arrivals.trace {
                replay(trace)
            } else {
                // Stages that begin at nothing need no level before them.
                if level != 0 { add("-R", Self.number(level ?? arrivals.rate)) }
                add("--arrivals", arrivals.law.name)
            }
            add("--max-streams", "\(plan.streams)")
        } else if level != 0 {
            add("-c", level.map(Self.number) ?? "\(plan.streams)")
        }
        for stage in plan.line?.stages ?? [] {
            let target = Self.number(stage.target) + plan.levelUnit
            add("--stage", "\(Self.spelled(stage.duration)):\(target)")
        }
        if plan.stages != nil, plan.rampDown != Nanoseconds.seconds(30) {
            add("--ramp-down", time: plan.rampDown)
        }
        if plan.arrivals?.trace == nil { add("-d", time: plan.duration) }
        if let requests = plan.requests { add("-n", "\(requests)") }
        if plan.ramp > 0 { add("--ramp", time: plan.ramp) }
        if plan.warmup > 0 { add("--warmup", time: plan.warmup) }
        if plan.drain != Nanoseconds.seconds(30) { add("--drain", time: plan.drain) }
        if plan.think > 0 { add("--think", time: plan.think) }
        if let sessions = plan.sessions {
            add("--turns", sessions.turnsText)
            if !sessions.thinkText.isEmpty { add("--think", sessions.thinkText) }
        }
        if plan.arrivals == nil, plan.connectRate != RunPlan.usualConnectRate {
            add("--connect-rate", Self.number(plan.connectRate))
        }
        if plan.seed != 1 { add("--seed", "\(plan.seed)") }
        add("-t", "\(plan.threads)")
        if plan.priority != .normal { add("--priority", plan.priority.rawValue) }
    }

    private mutating func replay(_ trace: TraceFacts) {
        add("--trace", Self.traceName)
        if trace.speed != 1 { add("--speed", Self.number(trace.speed)) }
        let window = trace.summary.window
        guard window != TraceWindow() else { return }
        let end = window.end.map(Self.spelled) ?? ""
        add("--trace-window", "\(Self.spelled(window.start))..\(end)")
    }

    private mutating func streams(_ api: String?) {
        if let fields = plan.fields {
            for field in fields.fields { add("--field", field.text) }
            if let end = fields.end { add("--end", String(decoding: end, as: UTF8.self)) }
        } else if let api {
            add("--api", api)
        }
        if let until = plan.until { add("--until", String(decoding: until, as: UTF8.self)) }
        if let most = plan.maxEvents { add("--max-events", "\(most)") }
        if let cancellation = plan.cancellation {
            add("--cancel-after", cancellation.text)
            if cancellation.share != 1 { add("--cancel-share", Self.number(cancellation.share)) }
        }
        if let readers = plan.slowReaders {
            add("--read-rate", Self.number(readers.rate))
            if readers.share != 1 { add("--slow-share", Self.number(readers.share)) }
        }
        if plan.eventSource { words.append("--eventsource") }
        if plan.clock != .kernel { add("--clock", plan.clock.rawValue) }
        if let path = plan.sendTime { add("--sent-at", path.text) }
        let (limits, usual) = (plan.limits, WireLimits())
        let named: [(name: String, field: KeyPath<WireLimits, Int>)] = [
            ("head", \.headBytes), ("line", \.lineBytes), ("event", \.eventBytes),
            ("interim", \.interimResponses), ("chunk-line", \.chunkLineBytes),
            ("trailers", \.trailerBytes),
        ]
        for (name, field) in named where limits[keyPath: field] != usual[keyPath: field] {
            add("--limit", "\(name)=\(limits[keyPath: field])")
        }
    }

    private mutating func times() {
        let (times, usual) = (plan.timeouts, Timeouts())
        if times.connect != usual.connect { add("--connect-timeout", time: times.connect ?? 0) }
        add("--header-timeout", time: times.header)
        add("--first-event-timeout", time: times.firstEvent)
        add("--idle-timeout", time: times.idle)
        add("--timeout", time: times.total)
    }

    private mutating func connections() {
        if !plan.keepAlive { words.append("--no-keepalive") }
        if let reuse = plan.reuseLimit { add("--reuse", "\(reuse)") }
        if let address = plan.addresses.first, address.isUnix {
            add("--unix", String(address.text.dropFirst("unix:".count)))
        }
        if !plan.sourceAddresses.isEmpty {
            let addresses = plan.sourceAddresses.map(\.text).map { text in
                // A local address has no port yet.
                text.hasSuffix(":0") ? String(text.dropLast(2)) : text
            }
            add("--source-ip", addresses.joined(separator: ","))
        }
        guard let tls = plan.tls else { return }
        if !tls.verify { words.append("-k") }
        if let file = tls.caFile { add("--cacert", file) }
        if let file = tls.certFile { add("--cert", file) }
        if tls.certFile != nil { add("--key", "KEY") }
        if let name = tls.serverName { add("--sni", name) }
        if let version = tls.minVersion { add("--tls-min", version.name) }
        if let version = tls.maxVersion { add("--tls-max", version.name) }
        if let ciphers = tls.ciphers { add("--ciphers", ciphers) }
    }

    private mutating func request() {
        let request = plan.request
        let hasSource = plan.requestFacts.summary != nil
        let hasBody = request.body != nil || hasSource
        if request.method != (hasBody ? "POST" : "GET") { add("-X", request.method) }
        for field in request.headers {
            // `--no-keepalive` brings it along.
            if !plan.keepAlive, field.name.lowercased() == "connection" { continue }
            // What a value says is the user's alone: no output has it.
            add("-H", "\(field.name): \(Redaction.mask)")
        }
        if request.body != nil, !hasSource { add("--post", Self.bodyName) }
        words.append(Self.quoted(PrintableText.line(Redaction.url(of: request))))
    }

    // MARK: Notation

    /// Exact, as the command line takes it: "10s", "1500ms".
    private static func spelled(_ nanoseconds: Int64) -> String {
        let units: [(size: Int64, name: String)] = [
            (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"),
        ]
        let unit = units.first { nanoseconds % $0.size == 0 } ?? (1, "ns")
        return "\(nanoseconds / unit.size)\(unit.name)"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    /// As one word of a POSIX shell.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "-_./:=,@%+".utf8.contains(byte)
                }
            }
        return isPlain
            ? word
            : "'"
                + word.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: #"'\''"#) + "'"
    }
}
