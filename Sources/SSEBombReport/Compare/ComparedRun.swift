// One run as a comparison sees it: by figure what was measured in the whole, and its parts by
// interval, which say how far the whole would vary. Must not know where a run comes from but for a
// RunResult, nor how two are compared.

import Glibc
public import SSEBombCore

/// A run that is compared with others.
public struct ComparedRun: Sendable {
    /// Names it in sentences: its file.
    public var name: String
    /// Ids of the runs that are in it, the parts of merged results or its own; empty where unknown.
    public var identities: [String]
    /// Whether it is to be believed, and why not.
    public var verdict: Verdict
    /// What makes plans unlike, by name of the plan's field.
    var plan: [String: PlanValue] = [:]
    /// Seconds that one interval is long.
    public var intervalSeconds = 1
    /// Latencies by metric.
    public var latencies: [Metric: LatencySeries] = [:]
    /// Numbers a second: requests, tokens, goodput.
    public var rates: [ComparedRate: RateSeries] = [:]
    /// Parts of requests: attainment, failures.
    public var shares: [ComparedShare: ShareSeries] = [:]
    /// The client's CPU time an event, nanoseconds.
    public var cpuPerEvent: Double?
    /// How its tokens were counted; nil without tokens.
    public var tokenBasis: TokenBasis?

    /// A run without figures.
    public init(name: String, id: String = "", verdict: Verdict = Verdict(reasons: [], server: []))
    {
        self.name = name
        identities = id.isEmpty ? [] : [id]
        self.verdict = verdict
    }
}

/// The samples of one latency.
public struct LatencySeries: Sendable {
    /// All of them.
    public var whole: HistogramSnapshot
    /// The same by the interval in which they were recorded, from the first with samples to the
    /// last.
    public var intervals: [HistogramSnapshot]
    /// Waits that never ended and would have entered it.
    public var unfinished: UInt64 = 0

    /// Takes intervals, and their sum as the whole unless it is known.
    public init(_ intervals: [HistogramSnapshot], whole: HistogramSnapshot? = nil) {
        let first = intervals.firstIndex { !$0.isEmpty } ?? intervals.endIndex
        let last = intervals.lastIndex { !$0.isEmpty } ?? first - 1
        self.intervals = first <= last ? Array(intervals[first...last]) : []
        var sum = HistogramSnapshot()
        if whole == nil { for interval in intervals { sum.merge(interval) } }
        self.whole = whole ?? sum
    }
}

/// What is counted a second.
public enum ComparedRate: String, CaseIterable, Sendable {
    case requests, tokens, goodput
}

/// What is a part of the requests.
public enum ComparedShare: String, CaseIterable, Sendable {
    case attainment, failures
}

/// A number by interval, whole intervals of the measured window.
public struct RateSeries: Sendable {
    /// Over the whole measured window, a second.
    public var rate: Double
    /// Length of that window, in seconds.
    public var seconds: Double
    /// By interval.
    public var intervals: [Double]
    /// How many come, or stay away, together: 1 of requests, of tokens those of one wait.
    public var lump: Double

    /// Takes a rate over `seconds`; over the intervals, a second each, where nothing else is said.
    public init(rate: Double, seconds: Double? = nil, intervals: [Double], lump: Double = 1) {
        self.rate = rate
        self.seconds = seconds ?? Double(intervals.count)
        self.intervals = intervals
        self.lump = lump
    }

    /// What was counted in the window.
    var count: Double { rate * seconds }
}

/// A part and what it is of, by interval.
public struct ShareSeries: Sendable {
    /// Parts, over all.
    public var part: Double
    /// What they are of.
    public var whole: Double
    /// By interval.
    public var intervals: [(part: Double, whole: Double)]

    /// Makes a series.
    public init(part: Double, whole: Double, intervals: [(part: Double, whole: Double)]) {
        self.part = part
        self.whole = whole
        self.intervals = intervals
    }

    /// Between 0 and 1.
    var share: Double { part / whole }
}

// MARK: - From a result

extension ComparedRun {
    /// Metrics that have a time line.
    public static let metrics: [Metric] = [.ttft, .gap, .tpot, .e2e]

    /// Takes what a run measured.
    ///
    /// - Parameters:
    ///   - name: names the run in sentences.
    ///   - id: the run's id, so that one isn't compared with itself.
    public init(_ result: RunResult, verdict: Verdict, name: String, id: String) {
        self.init(name: name, id: id, verdict: verdict)
        if let merged = result.merged { identities = merged.parts }
        plan = PlanValue.facets(of: result)
        intervalSeconds = result.intervalSeconds
        cpuPerEvent = result.cpuPerEvent
        tokenBasis = result.hasTokens ? result.counts.throughputBasis : nil
        for metric in Self.metrics {
            guard let whole = result.histograms[metric], !whole.isEmpty else { continue }
            var series = LatencySeries(
                result.intervals.map { $0.samples(of: metric) },
                whole: whole
            )
            series.unfinished = result.unfinished[metric]?.count ?? 0
            latencies[metric] = series
        }
        setRates(result)
        setShares(result)
    }

    private mutating func setRates(_ result: RunResult) {
        guard let window = result.rateWindow else { return }
        let inside = result.measuredIntervals
        func series(_ count: Double, _ part: (RunInterval) -> UInt64) -> RateSeries {
            RateSeries(
                rate: count / window.seconds,
                seconds: window.seconds,
                intervals: inside.map { Double(part($0)) }
            )
        }
        rates[.requests] = series(Double(window.requests)) { $0.completed }
        // Without an event no API can be recognised, and no token came either.
        if result.hasTokens || result.counts.events == 0 {
            rates[.tokens] = series(window.tokens) { $0.tokenEvents }
            rates[.tokens]?.lump = result.tokensTogether(window)
        }
        if result.counts.objectives != nil {
            rates[.goodput] = series(Double(window.good)) { $0.good }
        }
    }

    private mutating func setShares(_ result: RunResult) {
        let counts = result.counts
        let start = result.measureStartSeconds
        // What drains belongs to the window's requests, too.
        let ended = result.intervals.filter { Double($0.startSeconds) >= start }
        if counts.decided > 0 {
            shares[.failures] = ShareSeries(
                part: Double(counts.failed),
                whole: Double(counts.decided),
                intervals: ended.map {
                    (Double($0.failed), Double($0.completed + $0.failed + $0.cancelled))
                }
            )
        }
        if let objectives = counts.objectives, objectives.decided > 0 {
            shares[.attainment] = ShareSeries(
                part: Double(objectives.good),
                whole: Double(objectives.decided),
                intervals: ended.map { (Double($0.good), Double($0.good + $0.bad)) }
            )
        }
    }
}

extension RunInterval {
    fileprivate func samples(of metric: Metric) -> HistogramSnapshot {
        switch metric {
        case .ttft: ttft
        case .gap: gap
        case .tpot: tpot
        case .e2e: e2e
        default: HistogramSnapshot()
        }
    }
}

extension RunResult {
    fileprivate var measureStartSeconds: Double { Double(plan.ramp + plan.warmup) / 1e9 }

    /// The intervals that lie in the measured window with all of their length; of merged results,
    /// in the part of it that all have in common.
    /// Tokens that a window gains or loses with where it begins: as many as a stream would have
    /// sent in the time that it waits for a first one, and at most those of a request.
    fileprivate func tokensTogether(_ window: RateWindow) -> Double {
        let ofRequest = window.tokens / Double(max(1, window.requests))
        var most = ofRequest
        if let wait = histograms[.ttft], let gap = histograms[.gap], gap.mean > 0 {
            most = min(most, wait.mean / gap.mean)
        }
        return max(1, most)
    }

    fileprivate var measuredIntervals: [RunInterval] {
        if let merged { return merged.window.map { intervals(in: $0) } ?? [] }
        let end = measureStartSeconds + Double(measured) / 1e9
        return intervals.filter {
            Double($0.startSeconds) >= measureStartSeconds
                && Double($0.startSeconds + $0.seconds) <= end
        }
    }
}
