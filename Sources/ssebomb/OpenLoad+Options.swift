// From `-R`, `--arrivals` and `--max-streams` to an open load, and which other flags can't stand
// beside them.

import SSEBombCore

extension LoadOptions {
    /// The open load that was asked for; nil for the closed model.
    func openLoad() throws(SetupError) -> OpenLoad? {
        guard let rate else {
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
        let excluded: [(flag: String, isGiven: Bool, remedy: String)] = [
            ("-c", streams != nil, "use --max-streams to bound the streams that are open"),
            ("--ramp", ramp != nil, "use --warmup for time that is not measured"),
            ("--think", think != nil, "arrivals wait for no earlier request: leave it out"),
            (
                "--connect-rate", connectRate != nil,
                "connections are opened when requests arrive: lower -R, or leave it out"
            ),
        ]
        for (flag, isGiven, remedy) in excluded where isGiven {
            throw SetupError(.usage, "\(flag) doesn't go with -R: \(remedy)")
        }
        return OpenLoad(rate: rate, law: arrivals ?? .poisson)
    }
}

extension LoadShape {
    /// An open load on at most as many streams as fit, or as were asked for.
    init(_ load: OpenLoad, _ options: LoadOptions, threads: Int, cpus: [Int32]) {
        let most = options.maxStreams ?? UInt64(OpenLoad.usualStreams)
        let streams = Int(min(most, options.requests ?? most))
        self.init(
            streams: streams,
            duration: PlanBuilder.duration(options),
            requests: options.requests,
            threads: max(1, min(threads, streams)),
            cpus: cpus,
            arrivals: load,
            shrinksToFit: options.maxStreams == nil
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

    /// "poisson", "constant", "gamma:CV".
    static func arrivalLaw(_ text: String) throws(ValueError) -> ArrivalLaw {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts[0], parts.count) {
        case ("poisson", 1): return .poisson
        case ("constant", 1): return .constant
        case ("gamma", 2):
            let range = ArrivalLaw.gammaRange
            guard let cv = Double(parts[1]), range.contains(cv) else {
                throw ValueError(
                    "write gamma:CV with a coefficient of variation from \(range.lowerBound) to "
                        + "\(range.upperBound), such as gamma:2"
                )
            }
            return .gamma(cv: cv)
        default: throw ValueError("write poisson, constant or gamma:CV")
        }
    }
}
