// A stored plan back as the plan that reports are drawn from. It can't be carried out: the values
// of header fields, the request's body, keys and the bytes of addresses are not in the file.

import FoundationEssentials
import SSEBombCore

/// A century: what no run lasts, and what sums of times in nanoseconds can't overflow with.
private let longestTime = 3e9

/// Seconds of the file as nanoseconds.
func nanoseconds(_ seconds: Double, _ field: String) throws(ResultFault) -> Int64 {
    guard seconds >= 0, seconds <= longestTime else { throw .field(field) }
    return Int64(clamping: (seconds * 1e9).rounded())
}

/// The same where the file may not have it.
func optionalNanoseconds(_ seconds: Double?, _ field: String) throws(ResultFault) -> Int64? {
    guard let seconds else { return nil }
    return try nanoseconds(seconds, field)
}

extension RunPlan {
    private mutating func restoreLoad(
        _ plan: ResultDocument.Plan,
        _ stages: [StageAccount]?
    ) throws(ResultFault) {
        if let trace = plan.trace {
            arrivals = OpenLoad(knownAs: try TraceFacts(restoring: trace), rate: plan.rate ?? 0)
        } else if let name = plan.arrivals {
            guard let law = ArrivalLaw(named: name) else { throw .unknown("plan.arrivals", name) }
            arrivals = OpenLoad(rate: plan.rate ?? 0, law: law)
        }
        if let stages {
            follow(stages)
            rampDown = try optionalNanoseconds(plan.rampDownS, "plan.ramp_down_s") ?? rampDown
        }
    }

    /// - Parameter stages: those that the plan's load follows.
    init(
        restoring plan: ResultDocument.Plan,
        stages: [StageAccount]?
    ) throws(ResultFault) {
        self.init(
            request: try RequestSpecification(restoring: plan),
            addresses: plan.addresses.map { SocketAddress(knownAs: $0) },
            streams: plan.streams,
            duration: try optionalNanoseconds(plan.durationS, "plan.duration_s"),
            threads: plan.threads,
            cpus: plan.cpus
        )
        sourceAddresses = plan.sourceAddresses.map { SocketAddress(knownAs: $0) }
        tls = try plan.tls.map { (record) throws(ResultFault) in
            try TLSClientOptions(restoring: record)
        }
        try restoreLoad(plan, stages)
        storedRequests = try RequestFacts(restoring: plan)
        requests = plan.requests
        ramp = try nanoseconds(plan.rampS, "plan.ramp_s")
        warmup = try nanoseconds(plan.warmupS, "plan.warmup_s")
        drain = try nanoseconds(plan.drainS, "plan.drain_s")
        think = try nanoseconds(plan.thinkS, "plan.think_s")
        sessions = try plan.sessions()
        connectRate = plan.connectRate ?? 0
        seed = plan.seed
        storedRank = try ProcessRank(plan)
        guard let clock = ArrivalClock(rawValue: plan.clock) else {
            throw .unknown("plan.clock", plan.clock)
        }
        self.clock = clock
        if let name = plan.priority {
            guard let known = LoopPriority(rawValue: name) else {
                throw .unknown("plan.priority", name)
            }
            priority = known
        }
        until = plan.until.map { Array($0.utf8) }
        maxEvents = plan.maxEvents
        sendTime = try plan.sentAt.map { (text) throws(ResultFault) in
            try SendTimePath(restoring: text)
        }
        fields = try FieldPaths(restoring: plan)
        // Known by its text alone: nothing is drawn from it.
        cancellation = plan.cancelAfter.map {
            Cancellation(
                after: .constant(0),
                unit: .time,
                share: plan.cancelShare ?? 1,
                text: $0
            )
        }
        slowReaders = plan.readRate.map { SlowReaders(rate: $0, share: plan.slowShare ?? 1) }
        eventSource = plan.eventsource ?? false
        loggedStreams = plan.eventLogStreams ?? 0
        objectives = try plan.slo.map { (limits) throws(ResultFault) in
            var all: [Objective] = []
            for limit in limits { all.append(try Objective(restoring: limit)) }
            return ServiceObjectives(all)
        }
        try setLimits(plan)
        keepAlive = plan.keepalive
        reuseLimit = plan.reuse
    }

    private mutating func setLimits(_ plan: ResultDocument.Plan) throws(ResultFault) {
        timeouts.connect = try optionalNanoseconds(plan.timeouts.connectS, "plan.timeouts")
        timeouts.header = try optionalNanoseconds(plan.timeouts.headerS, "plan.timeouts")
        timeouts.firstEvent = try optionalNanoseconds(plan.timeouts.firstEventS, "plan.timeouts")
        timeouts.idle = try optionalNanoseconds(plan.timeouts.idleS, "plan.timeouts")
        timeouts.total = try optionalNanoseconds(plan.timeouts.totalS, "plan.timeouts")
        limits = WireLimits(
            headBytes: plan.limits.headBytes,
            lineBytes: plan.limits.lineBytes,
            eventBytes: plan.limits.eventBytes,
            interimResponses: plan.limits.interimResponses,
            chunkLineBytes: plan.limits.chunkLineBytes,
            trailerBytes: plan.limits.trailerBytes
        )
    }
}

extension RequestSpecification {
    /// The largest body that a run reads.
    private static let largestBody = 256 << 20

    /// The request without its secrets: the URL as it was stored, names of header fields, and a
    /// body of the right size.
    fileprivate init(restoring plan: ResultDocument.Plan) throws(ResultFault) {
        guard let mark = plan.url.firstRange(of: "://") else { throw .field("plan.url") }
        let rest = plan.url[mark.upperBound...]
        let slash = rest.firstIndex(where: { $0 == "/" || $0 == "?" }) ?? rest.endIndex
        let scheme = String(plan.url[..<mark.lowerBound])
        var host = rest[..<slash]
        var port: UInt16 = scheme == "https" ? 443 : 80
        if let colon = host.lastIndex(of: ":"),
            let number = UInt16(host[host.index(after: colon)...])
        {
            (host, port) = (host[..<colon], number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw .field("plan.url") }
        self.init(
            method: PrintableText.line(plan.method),
            scheme: PrintableText.line(scheme),
            host: PrintableText.line(String(host)),
            port: port,
            target: PrintableText.line(String(rest[slash...])),
            headers: plan.headers.map { HeaderField(name: PrintableText.line($0), value: "") }
        )
        guard let size = plan.bodyBytes else { return }
        guard size <= Self.largestBody else { throw .field("plan.body_bytes") }
        body = [UInt8](repeating: 0, count: size)
    }
}

extension RequestFacts {
    fileprivate init(restoring plan: ResultDocument.Plan) throws(ResultFault) {
        self.init(
            summary: plan.source.map { SourceSummary(restoring: $0) },
            hasVaryingBodies: !plan.samePrompt,
            digest: try plan.requestDigest.map { (text) throws(ResultFault) in
                guard let digest = RequestDigest.value(text) else {
                    throw .field("plan.request_digest")
                }
                return digest
            }
        )
    }
}

extension ProcessRank {
    /// nil where the process was alone.
    fileprivate init?(_ plan: ResultDocument.Plan) throws(ResultFault) {
        guard let rank = plan.rank, let ranks = plan.ranks else { return nil }
        guard rank >= 0, rank < ranks else { throw .field("plan.rank") }
        self.init(rank, of: ranks)
    }
}

extension TLSClientOptions {
    fileprivate init(restoring record: ResultDocument.Plan.TLS) throws(ResultFault) {
        func version(_ name: String?) throws(ResultFault) -> TLSVersion? {
            guard let name else { return nil }
            guard let version = TLSVersion(name: name) else { throw .unknown("plan.tls", name) }
            return version
        }
        self.init()
        verify = record.verify
        caFile = record.cacert
        certFile = record.cert
        serverName = record.sni
        minVersion = try version(record.min)
        maxVersion = try version(record.max)
        ciphers = record.ciphers
    }
}

extension SendTimePath {
    fileprivate init(restoring text: String) throws(ResultFault) {
        guard let colon = text.lastIndex(of: ":"),
            let unit = Unit(rawValue: String(text[text.index(after: colon)...]))
        else { throw .unknown("plan.sent_at", text) }
        self.init(path: JSONPath(knownAs: text[..<colon]), unit: unit)
    }
}

extension JSONPath {
    /// The path as text alone: reports say what it was, and nothing is read by it.
    fileprivate init(knownAs text: Substring) {
        self.init(steps: text == "." ? [] : [Step(key: Array(text.utf8), index: nil)])
    }
}

extension FieldPaths {
    /// nil where none were given.
    fileprivate init?(restoring plan: ResultDocument.Plan) throws(ResultFault) {
        guard let texts = plan.fields else { return nil }
        guard texts.count <= Self.mostFields else { throw .field("plan.fields") }
        var fields: [Field] = []
        for text in texts {
            guard let equals = text.firstIndex(of: "="),
                let kind = Kind(rawValue: String(text[..<equals]))
            else { throw .unknown("plan.fields", text) }
            let path = JSONPath(knownAs: text[text.index(after: equals)...])
            fields.append(Field(kind: kind, path: path))
        }
        self.init(fields: fields, end: plan.end.map { Array($0.utf8) })
    }
}

extension StageAccount {
    /// All stages of a load; together they are a time as well.
    static func restoring(
        _ records: [ResultDocument.Stage]
    ) throws(ResultFault) -> [StageAccount] {
        var accounts: [StageAccount] = []
        var seconds = 0.0
        for record in records {
            seconds += record.durationS
            _ = try nanoseconds(seconds, "stages.duration_s")
            let duration = try nanoseconds(record.durationS, "stages.duration_s")
            guard duration > 0 else { throw .field("stages.duration_s") }
            accounts.append(
                StageAccount(
                    start: try nanoseconds(record.startS, "stages.start_s"),
                    duration: duration,
                    from: record.from,
                    target: record.target,
                    seconds: record.seconds,
                    asked: record.asked,
                    achieved: record.achieved
                )
            )
        }
        return accounts
    }
}

extension TraceFacts {
    fileprivate init(restoring record: ResultDocument.Plan.Trace) throws(ResultFault) {
        guard let format = TraceFormat(rawValue: record.format) else {
            throw .unknown("plan.trace.format", record.format)
        }
        guard TraceReplay.speedRange.contains(record.speed) else {
            throw .field("plan.trace.speed")
        }
        self.init(
            path: record.file,
            format: format,
            window: TraceWindow(
                start: try nanoseconds(record.fromS, "plan.trace.from_s"),
                end: try optionalNanoseconds(record.toS, "plan.trace.to_s")
            ),
            rows: record.rows,
            inputTokens: record.promptTokens,
            outputTokens: record.answerTokens,
            speed: record.speed
        )
    }
}

extension SourceSummary {
    fileprivate init(restoring record: ResultDocument.Plan.Source) {
        self.init()
        kind = PrintableText.line(record.kind)
        file = record.file
        rows = record.rows
        dropped = record.dropped.map { DroppedRows(reason: $0.reason, count: $0.count) }
        order = record.order.flatMap { RowOrder(rawValue: $0) }
        recorded = record.fromTrace?.compactMap { RecordedPart(rawValue: $0) } ?? []
    }
}

extension ArrivalLaw {
    /// The law with this name in result files; nil for any other text.
    init?(named name: String) {
        switch name {
        case "poisson": self = .poisson
        case "constant": self = .constant
        default:
            guard name.hasPrefix("gamma:"), let cv = Double(name.dropFirst(6)), cv > 0,
                cv <= 1_000
            else { return nil }
            self = .gamma(cv: cv)
        }
    }
}

extension Objective {
    fileprivate init(restoring record: ResultDocument.Plan.Objective) throws(ResultFault) {
        guard let metric = Metric(rawValue: record.metric) else {
            throw .unknown("plan.slo.metric", record.metric)
        }
        self.init(
            metric: metric,
            greatest: record.greatest,
            text: PrintableText.line(record.limit)
        )
    }
}
