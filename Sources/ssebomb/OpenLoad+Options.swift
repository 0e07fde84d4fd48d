// From `-R`, `--arrivals`, `--trace` and `--max-streams` to an open load, and which other flags
// can't stand beside them.

import SSEBombCore

/// What `--arrivals` names.
enum ArrivalChoice: Equatable {
    case law(ArrivalLaw)
    case trace(String)
}

extension LoadOptions {
    /// The open load that was asked for; nil for the closed model. `stages` are those of a rate.
    func openLoad(_ stages: LoadLine?) throws(SetupError) -> OpenLoad? {
        if let path = try traceFile() {
            try exclude("a trace", rate != nil, stage: !stage.isEmpty)
            let trace = try ArrivalTrace(
                path,
                window: trace.window ?? TraceWindow(),
                mostTokens: trace.context
            )
            return try OpenLoad(replay(of: trace))
        }
        for (flag, isGiven) in [
            ("--speed", trace.speed != nil), ("--trace-window", trace.window != nil),
            ("--trace-context", trace.context != nil),
        ] where isGiven {
            throw SetupError(.usage, "\(flag) is for recorded arrivals: add --trace FILE")
        }
        var law = ArrivalLaw.poisson
        if case .law(let asked) = arrivals { law = asked }
        if let stages {
            try exclude("stages of a rate", false, stage: false)
            return OpenLoad(stages, law: law)
        }
        if let rate, stage.isEmpty {
            try exclude("-R", false, stage: false)
            return OpenLoad(rate: rate, law: law)
        }
        for (flag, isGiven) in [
            ("--arrivals", arrivals != nil), ("--max-streams", maxStreams != nil),
        ] where isGiven {
            throw SetupError(
                .usage,
                "\(flag) is for arrivals at a rate: add -R, or use -c for streams held open"
            )
        }
        return nil
    }

    /// The trace's path, by either of its flags.
    private func traceFile() throws(SetupError) -> String? {
        guard case .trace(let path) = arrivals else {
            if trace.file != nil, arrivals != nil {
                throw SetupError(
                    .usage,
                    "--arrivals doesn't go with --trace: a trace has no law, leave it out"
                )
            }
            return trace.file
        }
        guard trace.file == nil || trace.file == path else {
            throw SetupError(.usage, "--arrivals and --trace name two files: keep one of them")
        }
        return path
    }

    private func replay(of trace: ArrivalTrace) throws(SetupError) -> TraceReplay {
        let replay = TraceReplay(trace, speed: self.trace.speed ?? 1)
        guard replay.duration <= ValueParsing.longestDuration else {
            throw SetupError(
                .usage,
                "--trace: \(trace.path) takes \(replay.duration / 86_400_000_000_000) days, and 366"
                    + " are the most: raise --speed, or take a part with --trace-window"
            )
        }
        return replay
    }

    /// Refuses what an open load leaves no room for.
    private func exclude(
        _ load: String,
        _ hasRate: Bool,
        stage hasStage: Bool
    ) throws(SetupError) {
        let excluded: [(flag: String, isGiven: Bool, remedy: String)] = [
            ("-R", hasRate, "its rows say when requests arrive; use --speed"),
            ("--stage", hasStage, "its rows say when requests arrive; leave it out"),
            ("-c", streams != nil, "use --max-streams to bound the streams that are open"),
            ("--ramp", ramp != nil, "use --warmup for time that is not measured"),
            (
                "--think", think != nil && session.turns == nil,
                "arrivals wait for no earlier request: leave it out, or add --turns"
            ),
            (
                "--connect-rate", connectRate != nil,
                "connections are opened when requests arrive: lower -R, or leave it out"
            ),
        ]
        for (flag, isGiven, remedy) in excluded where isGiven {
            throw SetupError(.usage, "\(flag) doesn't go with \(load): \(remedy)")
        }
    }
}

extension LoadShape {
    /// An open load on at most as many streams as fit, or as were asked for.
    init(_ load: OpenLoad, _ options: LoadOptions, threads: Int, cpus: [Int32]) {
        let most = options.maxStreams ?? UInt64(OpenLoad.usualStreams)
        let streams = Int(min(most, options.requests ?? most))
        self.init(
            streams: streams,
            duration: PlanBuilder.duration(options, load),
            requests: options.requests,
            threads: max(1, min(threads, streams)),
            cpus: cpus,
            arrivals: load,
            roomWeight: options.maxStreams == nil ? 1 : nil
        )
    }
}

extension ValueParsing {
    /// A rate above 0, and not above what a schedule can be made for.
    static func arrivalRate(_ text: String) throws(ValueError) -> Double {
        let perSecond = try rate(text)
        guard perSecond > 0 else { throw ValueError("it must be above 0") }
        guard perSecond <= OpenLoad.highestRate else {
            throw ValueError("the highest rate of arrivals is 1,000,000 a second")
        }
        return perSecond
    }

    /// "poisson", "constant", "gamma:CV", "trace:FILE".
    static func arrivals(_ text: String) throws(ValueError) -> ArrivalChoice {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts[0], parts.count) {
        case ("poisson", 1): return .law(.poisson)
        case ("constant", 1): return .law(.constant)
        case ("gamma", 2):
            let range = ArrivalLaw.gammaRange
            guard let cv = Double(parts[1]), range.contains(cv) else {
                throw ValueError(
                    "write gamma:CV with a coefficient of variation from \(range.lowerBound) to "
                        + "\(range.upperBound), such as gamma:2"
                )
            }
            return .law(.gamma(cv: cv))
        case ("trace", 2) where !parts[1].isEmpty: return .trace(String(parts[1]))
        default: throw ValueError("write poisson, constant, gamma:CV or trace:FILE")
        }
    }
    /// "2", "0.5", "10x": how many times as fast.
    static func speed(_ text: String) throws(ValueError) -> Double {
        let range = TraceReplay.speedRange
        let number = text.hasSuffix("x") ? text.dropLast() : Substring(text)
        guard let speed = Double(number), range.contains(speed) else {
            throw ValueError(
                "write a factor from \(range.lowerBound) to \(Int(range.upperBound)), such as 2"
            )
        }
        return speed
    }

    /// "10m..20m", "1h..", "..5m": times of the trace.
    static func traceWindow(_ text: String) throws(ValueError) -> TraceWindow {
        let remedy = "write a part of the trace such as 10m..20m, 1h.. or ..5m"
        guard let gap = text.firstRange(of: ".."), text.count > 2 else { throw ValueError(remedy) }
        let (start, end) = (String(text[..<gap.lowerBound]), String(text[gap.upperBound...]))
        do throws(ValueError) {
            let window = TraceWindow(
                start: start.isEmpty ? 0 : try duration(start),
                end: end.isEmpty ? nil : try duration(end)
            )
            guard window.start < window.end ?? .max else { throw ValueError(remedy) }
            return window
        } catch {
            throw ValueError(remedy)
        }
    }
}
