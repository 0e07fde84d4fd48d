// From flags to a plan: every default filled in, every combination checked, names resolved and
// files read. After this, nothing about the user's input can go wrong any more but the network.

import Glibc
import SSEBombCore

/// The flags that say what is asked of whom; `request` names one URL at most.
struct TargetOptions {
    var request: RequestOptions
    var prompts: PromptOptions
    var stream: StreamOptions
    var timeLimits: TimeLimitOptions
    var connection: ConnectionOptions
    var tls: TLSOptions
}

/// How much load, resolved.
struct LoadShape {
    var streams: Int
    var duration: Int64?
    var requests: UInt64?
    var threads: Int
    var cpus: [Int32]
    /// Set for the open model; `streams` is then the most that are open at a time.
    var arrivals: OpenLoad?
    /// Set where the number of streams changes; `streams` is then the highest.
    var stages: LoadLine?
    /// Set where streams are users with conversations.
    var sessions: Sessions?
    /// Set where fewer streams will do if so many don't fit: the weight by which several such loads
    /// share what does.
    var roomWeight: Double?
    /// Which of several processes has this load, and which numbers its requests have.
    var rank = ProcessRank.alone
    var numbers = TargetNumbers.all

    /// One stream, once: what `probe` does.
    static func single(cpus: [Int32]) -> LoadShape {
        LoadShape(streams: 1, duration: nil, requests: 1, threads: 1, cpus: cpus)
    }
}

/// Everything that a run needs, and what should be said before it.
struct PreparedRun {
    var plan: RunPlan
    var template: RequestTemplate
    var url: TargetURL
    var warnings: [String]
    /// What is to be said that is no warning.
    var notes: [String]
    /// The plan's source without the switch that a server may refuse; nil where it has none.
    var fallback: RequestSource?
}

/// Builds plans.
enum PlanBuilder {
    /// The version that requests and results carry.
    static let version = "0.1.0"
    private static let mostThreads = 1_024
    /// For logs and the metrics server, which are opened between this and the check of what fits.
    static let outputDescriptors = 8
    /// No machine has descriptors for more: the kernel's own bound on one process (fs.nr_open's
    /// greatest value) is lower than this.
    private static let mostStreams = UInt64(Int32.max)

    /// The plan for what was `given` under `load`.
    static func prepare(
        _ given: TargetOptions,
        load: LoadShape
    ) throws(SetupError) -> PreparedRun {
        let imported = try given.request.imported()
        let target = given.filled(from: imported)
        let keepAlive = !target.connection.noKeepAlive
        if !keepAlive, target.connection.reuse != nil {
            throw SetupError(
                .usage,
                "--no-keepalive and --reuse exclude each other: keep one of them"
            )
        }
        let assembled = try target.request.assemble(
            api: target.stream.api,
            keepAlive: keepAlive,
            imported: imported,
            prompts: target.prompts,
            hasSessions: load.sessions != nil,
            trace: load.arrivals?.replay?.trace
        )
        let tls = try target.tls.resolve(scheme: assembled.url.scheme)
        let limits = try wireLimits(target.stream.limit)
        let template = try RequestTemplate(
            assembled.specification,
            userAgent: "ssebomb/\(version)"
        )
        let source = try source(assembled.parts, template)
        var first = assembled.specification
        if let source { first.body = source.firstBody }
        let warnings = try RequestOptions.checkBody(
            of: first,
            origin: assembled.origin,
            api: target.stream.api
        )
        let addresses = try target.connection.resolve(for: assembled.specification)
        var plan = RunPlan(
            request: assembled.specification,
            addresses: addresses.remote,
            streams: load.streams,
            duration: load.duration,
            threads: load.threads,
            cpus: load.cpus
        )
        plan.source = source
        plan.requests = load.requests
        plan.arrivals = load.arrivals
        plan.stages = load.stages
        (plan.rank, plan.numbers) = (load.rank, load.numbers)
        plan.sessions = load.sessions
        plan.sourceAddresses = addresses.local
        plan.tls = tls
        plan.keepAlive = keepAlive
        plan.reuseLimit = target.connection.reuse.map { UInt32(clamping: $0) }
        plan.limits = limits
        plan.timeouts = target.timeLimits.resolved
        try apply(target.stream, to: &plan)
        if load.roomWeight != nil {
            let room = Capacity(threads: plan.threads).room(for: plan)
            plan.streams = max(1, min(plan.streams, room - outputDescriptors))
        }
        return PreparedRun(
            plan: plan,
            template: template,
            url: assembled.url,
            warnings: assembled.warnings + warnings,
            notes: assembled.notes,
            fallback: try Self.source(assembled.fallback, template)
        )
    }

    /// The source of requests that differ; nil where all are the same.
    private static func source(
        _ parts: RequestParts?,
        _ template: RequestTemplate
    ) throws(SetupError) -> RequestSource? {
        guard let parts else { return nil }
        do throws(TemplateFault) {
            return try RequestSource(parts, head: template)
        } catch {
            throw SetupError(.usage, "URL or header field: \(error.problem)")
        }
    }

    private static func apply(
        _ options: StreamOptions,
        to plan: inout RunPlan
    ) throws(SetupError) {
        plan.fields = try options.fieldPaths()
        plan.dialect = plan.fields == nil ? options.api?.dialect ?? .undetermined : .custom
        switch options.clock {
        case .kernel: plan.clock = .kernel
        case .user: plan.clock = .user
        }
        if let text = options.until {
            guard !text.isEmpty else {
                throw SetupError(.usage, "--until is empty: give the data of the last event")
            }
            plan.until = Array(text.utf8)
        }
        // A stream's events are counted in 32 bits.
        if let most = options.maxEvents, most > UInt64(UInt32.max) {
            throw SetupError(
                .usage,
                "--max-events \(most) is more than a stream can count: at most \(UInt32.max)"
            )
        }
        plan.maxEvents = options.maxEvents
        plan.sendTime = options.sentAt
    }

    /// The load that `options` ask for; `usable` is the process's affinity mask.
    static func load(
        _ options: LoadOptions,
        usable: [Int32]
    ) throws(SetupError) -> (shape: LoadShape, warnings: [String]) {
        let staged = try options.loadLine()
        let stages = staged.flatMap { $0.isRate ? nil : $0.line }
        let open = try options.openLoad(staged.flatMap { $0.isRate ? $0.line : nil })
        try options.checkRampDown(stages)
        let (flag, asked) =
            if open != nil {
                ("--max-streams", options.maxStreams ?? 1)
            } else if let stages {
                ("--stage", UInt64(min(stages.highest, 1e18)))
            } else {
                ("-c", options.streams ?? 1)
            }
        guard asked <= mostStreams else {
            throw SetupError(
                .usage,
                "\(flag) \(asked) is more streams than any kernel allows: ask less"
            )
        }
        let cpus = options.cpus ?? usable
        if let threads = options.threads, threads > mostThreads {
            throw SetupError(
                .usage,
                "-t \(threads) is over the limit of \(mostThreads) threads: one a CPU is enough"
            )
        }
        let threads = min(options.threads.map { Int($0) } ?? cpus.count, mostThreads)
        if let open { return (LoadShape(open, options, threads: threads, cpus: cpus), []) }
        // The stages say how many of them start.
        let streams = Int(stages == nil ? min(asked, options.requests ?? asked) : asked)
        var warnings: [String] = []
        if streams < Int(asked) {
            warnings.append("-n \(streams) needs no more than \(streams) of the \(asked) streams")
        }
        if options.threads != nil, threads > streams {
            warnings.append(
                "\(threads) threads for \(streams) streams: only \(streams) are started"
            )
        }
        var shape = LoadShape(
            streams: streams,
            duration: duration(options, nil),
            requests: options.requests,
            threads: max(1, min(threads, streams)),
            cpus: cpus
        )
        if let stages {
            shape.stages = stages
            shape.duration = stages.duration - (options.warmup ?? 0)
        }
        return (shape, warnings)
    }

    /// The measured time; nil where a number of requests alone ends the run. Stages and traces last
    /// as long as they do, the warm-up included.
    static func duration(_ options: LoadOptions, _ load: OpenLoad?) -> Int64? {
        if let line = load?.line { return line.duration - (options.warmup ?? 0) }
        if let duration = options.duration { return duration }
        if let replay = load?.replay { return max(1, replay.duration - (options.warmup ?? 0)) }
        return options.requests == nil ? Nanoseconds.seconds(10) : nil
    }

    /// Limits from `NAME=SIZE` texts; later ones win.
    static func wireLimits(_ texts: [String]) throws(SetupError) -> WireLimits {
        var limits = WireLimits()
        for text in texts {
            let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(halves[0])
            let field: WritableKeyPath<WireLimits, Int>
            switch name {
            case "head": field = \.headBytes
            case "line": field = \.lineBytes
            case "event": field = \.eventBytes
            case "interim": field = \.interimResponses
            case "chunk-line": field = \.chunkLineBytes
            case "trailers": field = \.trailerBytes
            default:
                throw SetupError(
                    .usage,
                    "--limit: '\(name)' isn't a limit: use head, line, event, interim, chunk-line "
                        + "or trailers"
                )
            }
            let value = halves.count == 2 ? try? ValueParsing.size(String(halves[1])) : nil
            guard let value, value > 0 || name == "interim", value <= 1 << 30 else {
                throw SetupError(
                    .usage,
                    "--limit '\(text)': write \(name)=SIZE with a size from 1 to 1G, such as 64k"
                )
            }
            limits[keyPath: field] = value
        }
        return limits
    }
}

extension TimeLimitOptions {
    /// The limits, with defaults; a time of 0 is "no limit".
    var resolved: Timeouts {
        var limits = Timeouts()
        if let connectTimeout { limits.connect = Self.limit(connectTimeout) }
        limits.header = Self.limit(headerTimeout)
        limits.firstEvent = Self.limit(firstEventTimeout)
        limits.idle = Self.limit(idleTimeout)
        limits.total = Self.limit(timeout)
        return limits
    }

    private static func limit(_ time: Int64?) -> Int64? { time == 0 ? nil : time }
}

extension TLSOptions {
    /// TLS of the plan: nil for http, where flags that only TLS can obey are refused.
    func resolve(scheme: String) throws(SetupError) -> TLSClientOptions? {
        guard scheme == "https" else {
            let given: [(String, Bool)] = [
                ("--cacert", cacert != nil), ("--cert", cert != nil), ("--key", key != nil),
                ("--sni", sni != nil), ("--tls-min", tlsMin != nil), ("--tls-max", tlsMax != nil),
                ("--ciphers", ciphers != nil),
            ]
            if let flag = given.first(where: \.1)?.0 {
                throw SetupError(
                    .usage,
                    "\(flag) needs an https:// URL: correct the URL, or leave the flag out"
                )
            }
            return nil
        }
        if (cert == nil) != (key == nil) {
            let (given, missing) = cert == nil ? ("--key", "--cert") : ("--cert", "--key")
            throw SetupError(
                .usage,
                "\(given) needs \(missing): give both (one PEM file may hold both)"
            )
        }
        if tlsMin == .v13, tlsMax == .v12 {
            throw SetupError(.usage, "--tls-min 1.3 is above --tls-max 1.2: swap or drop one")
        }
        for (flag, path) in [("--cacert", cacert), ("--cert", cert), ("--key", key)] {
            guard let path else { continue }
            guard access(path, R_OK) == 0 else { throw .unreadable(path, for: flag, errno) }
        }
        var options = TLSClientOptions()
        options.verify = !insecure
        options.caFile = cacert
        options.certFile = cert
        options.keyFile = key
        options.serverName = sni
        options.ciphers = ciphers
        options.minVersion = tlsMin?.version
        options.maxVersion = tlsMax?.version
        return options
    }
}
