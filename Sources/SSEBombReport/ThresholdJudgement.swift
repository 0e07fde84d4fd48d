// How a gate is judged: what the figure can be, given the samples, the waits that never ended and
// the samples that are missing to its floor; the gate passes, or is missed, only where all of that
// says so. Must not know how an outcome is shown, nor what exit status it leads to.

public import SSEBombCore

extension Threshold {
    /// Judges the gate by a run's result, also by that of a run that still goes on.
    public func judge(_ run: RunResult) -> ThresholdResult {
        let result = scope.flatMap { name in run.classes.first { $0.name == name }?.result } ?? run
        let evidence = evidence(in: result)
        guard let range = evidence.range else {
            return ThresholdResult(
                threshold: self,
                outcome: .notJudged,
                value: nil,
                samples: evidence.samples,
                floor: evidence.floor,
                unfinished: evidence.unfinished,
                sentence: "nothing to judge: \(evidence.absence)"
            )
        }
        let isShort = evidence.samples < evidence.floor
        let outcome: ThresholdResult.Outcome
        switch comparison.holds(range, bound) {
        case true where !isShort: outcome = .passed
        case false: outcome = .missed
        default: outcome = .notJudged
        }
        var value = evidence.figure
        // Where the samples alone wouldn't have missed it the waits did, each with its age.
        let waitsDecided =
            outcome == .missed && value.map { comparison.holds($0...$0, bound) != false } != false
        if waitsDecided { value = range.lowerBound }
        return ThresholdResult(
            threshold: self,
            outcome: outcome,
            value: value,
            samples: evidence.samples,
            floor: evidence.floor,
            unfinished: evidence.unfinished,
            sentence: sentence(outcome, value, evidence, waitsDecided: waitsDecided)
        )
    }
}

/// What a run says about a figure.
struct ThresholdEvidence {
    /// The figure as reports give it; nil where only waits are known, or nothing.
    var figure: Double?
    /// What it can be; nil where nothing was measured.
    var range: ClosedRange<Double>?
    var samples: UInt64 = 0
    var floor: UInt64 = 1
    var unfinished: UInt64 = 0
    /// What the samples are, e.g. "5,000 samples".
    var origin = ""
    /// Why there is nothing, where that is so.
    var absence = ""
}

// MARK: - Figures

extension Threshold {
    private func evidence(in result: RunResult) -> ThresholdEvidence {
        switch subject {
        case .metric(let metric): latency(metric, result)
        case .failures: aggregate == .share ? share(result) : failureCount(result)
        case .requests: rate(result) { Double($0.requests) }
        case .events: rate(result) { Double($0.events) }
        case .tokens: tokenRate(result)
        case .attainment: attainment(result)
        case .goodput: rate(result) { Double($0.good) }
        }
    }

    private func latency(_ metric: Metric, _ result: RunResult) -> ThresholdEvidence {
        let samples = result.histograms[metric] ?? HistogramSnapshot()
        let ages = result.unfinished[metric]?.ages ?? HistogramSnapshot()
        var evidence = ThresholdEvidence(
            samples: samples.count,
            floor: samplesNeeded,
            unfinished: ages.count,
            absence: "no \(metric.rawValue) was measured"
        )
        let basis = result.basis(of: metric).map { " (\($0.rawValue))" } ?? ""
        evidence.origin = Self.number(samples.count, "sample") + basis
        guard !samples.isEmpty || !ages.isEmpty else { return evidence }
        switch aggregate {
        case .percentile(let percentile):
            evidence.setPercentile(percentile, samples, ages)
        case .average: evidence.setMean(samples, ages)
        case .least: evidence.setLeast(samples, ages)
        default: evidence.setGreatest(samples, ages)
        }
        return evidence
    }

    /// The least number of samples without which the figure says too little.
    private var samplesNeeded: UInt64 {
        switch aggregate {
        case .percentile(let percentile): HistogramSnapshot.floor(ofPercentile: percentile)
        // A mean never stands without its median, so it needs what that needs.
        case .average: HistogramSnapshot.floor(ofPercentile: 50)
        // That at most one request in a hundred fails is a statement about the 99th percentile, and
        // so is that ninety-nine meet the objectives. That none does, or all do, no number shows: a
        // bound at an end needs what one in a hundred needs.
        case .share:
            HistogramSnapshot.floor(
                ofPercentile: bound > 0 && bound < 1
                    ? 100 * (subject == .attainment ? bound : 1 - bound) : 99
            )
        // A rate is a mean, that of its seconds.
        case .rate: HistogramSnapshot.floor(ofPercentile: 50)
        case .least, .greatest, .count: 1
        }
    }

    // MARK: Counts

    private func share(_ result: RunResult) -> ThresholdEvidence {
        var evidence = decided(result)
        let failed = Double(result.counts.failed)
        guard evidence.samples > 0 else { return evidence }
        let missing = Double(evidence.missing)
        let whole = Double(evidence.samples) + missing
        evidence.figure = failed / Double(evidence.samples)
        evidence.range = failed / whole...(failed + missing) / whole
        return evidence
    }

    private func attainment(_ result: RunResult) -> ThresholdEvidence {
        let counts = result.counts.objectives ?? ObjectiveCounts()
        var origin = Self.number(counts.decided, "decided request")
        if counts.undecided > 0 {
            origin += " (\(Units.count(counts.undecided)) undecided ones left out)"
        }
        var evidence = ThresholdEvidence(
            samples: counts.decided,
            floor: samplesNeeded,
            origin: origin,
            absence: "no request was decided"
        )
        guard let attainment = counts.attainment else { return evidence }
        let (good, missing) = (Double(counts.good), Double(evidence.missing))
        let whole = Double(counts.decided) + missing
        evidence.figure = attainment
        evidence.range = good / whole...(good + missing) / whole
        return evidence
    }

    private func failureCount(_ result: RunResult) -> ThresholdEvidence {
        var evidence = decided(result)
        guard evidence.samples > 0 else { return evidence }
        let failed = Double(result.counts.failed)
        evidence.figure = failed
        evidence.range = failed...failed
        return evidence
    }

    /// The requests of which it is known whether they failed.
    private func decided(_ result: RunResult) -> ThresholdEvidence {
        let counts = result.counts
        var origin = Self.number(counts.decided, "decided request")
        if counts.cut > 0 { origin += " (\(Units.count(counts.cut)) cut ones left out)" }
        return ThresholdEvidence(
            samples: counts.decided,
            floor: samplesNeeded,
            origin: origin,
            absence: "no request was decided"
        )
    }

    private func rate(
        _ result: RunResult,
        basis: String = "",
        _ counted: (RateWindow) -> Double
    ) -> ThresholdEvidence {
        var evidence = ThresholdEvidence(floor: samplesNeeded, absence: result.rateAbsence)
        guard let window = result.rateWindow else { return evidence }
        let count = counted(window)
        guard count.isFinite,
            result.counts.started > 0 || result.counts.dropped > 0 || count > 0
        else { return evidence }
        evidence.samples = UInt64(max(0, Int64(clamping: count)))
        evidence.figure = count / window.seconds
        // However long it takes for as many as are needed to come, it is no less than this window.
        evidence.range =
            evidence.missing > 0
            ? 0...Double(evidence.floor) / window.seconds
            : count / window.seconds...count / window.seconds
        let length = Units.duration(Int64(clamping: window.seconds * 1e9))
        let counted = subject == .goodput ? "good requests" : subject.name
        evidence.origin = "\(Units.count(evidence.samples)) \(counted)\(basis) in \(length)"
        return evidence
    }

    private func tokenRate(_ result: RunResult) -> ThresholdEvidence {
        // Events without a known API have no tokens; a run without events has none either.
        guard result.hasTokens || result.counts.tokenEvents > 0 || result.counts.events == 0 else {
            return ThresholdEvidence(
                floor: samplesNeeded,
                absence: "no API was recognised, so no tokens were counted"
            )
        }
        let basis = " (\(result.counts.throughputBasis.rawValue))"
        return rate(result, basis: basis) { $0.tokens }
    }

    static func number(_ count: UInt64, _ noun: String) -> String {
        "\(Units.count(count)) \(noun)\(count == 1 ? "" : "s")"
    }
}

extension ThresholdEvidence {
    /// Samples and waits that are missing to the floor.
    var missing: UInt64 { floor > samples + unfinished ? floor - samples - unfinished : 0 }

    /// The least sample; a wait may have become less, but no less than its age.
    fileprivate mutating func setLeast(_ samples: HistogramSnapshot, _ ages: HistogramSnapshot) {
        if !samples.isEmpty { figure = Double(samples.min) }
        let high = figure ?? .infinity
        range = min(ages.isEmpty ? high : Double(ages.min), high)...high
    }

    /// The greatest sample, or the age of a wait that was older. With waits alone there is no
    /// telling how much greater.
    fileprivate mutating func setGreatest(_ samples: HistogramSnapshot, _ ages: HistogramSnapshot) {
        let greatest = Double(max(samples.max, ages.max))
        if !samples.isEmpty { figure = greatest }
        range = greatest...(figure ?? .infinity)
    }

    /// From the least that the percentile can be, were all missing samples below the others and
    /// each wait as long as it had lasted when it was given up, to the greatest, were the missing
    /// ones above all and no wait ever to end.
    fileprivate mutating func setPercentile(
        _ percentile: Double,
        _ samples: HistogramSnapshot,
        _ ages: HistogramSnapshot
    ) {
        var all = samples
        all.merge(ages)
        let rank = HistogramSnapshot.rank(of: percentile, among: all.count + missing)
        let low = rank > missing ? all.value(atRank: rank - missing) ?? all.max : 0
        let high = samples.value(atRank: rank).map { Double(min($0, samples.max)) } ?? .infinity
        let least = Double(min(low, all.max))
        range = least...max(least, high)
        if !samples.isEmpty {
            // The upper edge of the highest cell lies up to 0.1 % above the greatest sample.
            figure = Double(min(samples.percentile(percentile), samples.max))
        }
    }

    /// From the least that the mean can be, with each wait at its age and all missing samples 0, to
    /// that of the samples alone, lest many short waits improve it.
    fileprivate mutating func setMean(_ samples: HistogramSnapshot, _ ages: HistogramSnapshot) {
        let sum = samples.mean * Double(samples.count) + ages.mean * Double(ages.count)
        let known = Double(samples.count + ages.count)
        let withAges = sum / (known + Double(missing))
        if !samples.isEmpty { figure = samples.mean }
        if let figure, missing == 0 {
            range = withAges...max(figure, withAges)
        } else {
            range = withAges...(.infinity)
        }
    }
}

// MARK: - Words

extension Threshold {
    private func sentence(
        _ outcome: ThresholdResult.Outcome,
        _ value: Double?,
        _ evidence: ThresholdEvidence,
        waitsDecided: Bool
    ) -> String {
        let waits = evidence.unfinished
        var parts: [String] = []
        if evidence.samples > 0 || waits == 0 { parts.append(evidence.origin) }
        if waits > 0 { parts.append("\(Self.number(waits, "wait")) that never ended") }
        var text = (value.map { "\(figure($0)) of " } ?? "") + parts.joined(separator: " and ")
        if waitsDecided { text += ", counted as long as they had lasted" }
        let need = "\(floorName) needs \(Units.count(evidence.floor))"
        switch (outcome, evidence.samples < evidence.floor) {
        case (.missed, true):
            text += "; \(need), but "
            text +=
                aggregate == .rate
                ? "as many in that time would miss it too" : "no more samples could change this"
        case (.notJudged, true): text += ": \(need); measure longer, or with more streams"
        case (.notJudged, false):
            text +=
                ", and how long those would have taken decides: let them end with a longer "
                + "--drain or time limit"
        default: break
        }
        return text
    }

    /// What has the floor.
    private var floorName: String {
        switch aggregate {
        case .share: "a share of \(Units.exactShare(bound))"
        default: aggregate.name
        }
    }

    /// A figure in its unit; exact where rounding would make it look like the bound.
    private func figure(_ value: Double) -> String {
        let text = Self.rounded(value, aggregate)
        guard value != bound, text == Self.rounded(bound, aggregate) else { return text }
        switch aggregate {
        case .share, .rate: return "\(value)\(aggregate == .rate ? "/s" : "")"
        case .count: return text
        default: return "\(Units.count(Int64(clamping: value))) ns"
        }
    }

    private static func rounded(_ value: Double, _ aggregate: Aggregate) -> String {
        switch aggregate {
        case .share: Units.share(value)
        case .rate: "\(Units.rate(value))/s"
        case .count: Units.count(Int64(clamping: value))
        default: Units.duration(Int64(clamping: value))
        }
    }
}
