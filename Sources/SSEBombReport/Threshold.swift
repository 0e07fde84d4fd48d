// A gate: one figure of a run, a bound, and how they must compare. Values only: how a gate is
// written stands in the command line's ThresholdParsing, how it is judged in ThresholdJudgement.

public import SSEBombCore

/// A condition on a run's result (`--threshold`; docs/MEASUREMENT.md, "Thresholds").
public struct Threshold: Sendable, Equatable {
    /// What the figure is taken of.
    public enum Subject: Sendable, Equatable {
        /// A latency, or a figure of the client.
        case metric(Metric)
        /// Failed requests.
        case failures
        /// Requests completed inside the measured window.
        case requests
        /// Tokens that arrived inside the measured window.
        case tokens
        /// Events that arrived inside the measured window.
        case events
        /// Decided requests that met the objectives.
        case attainment
        /// Requests that met the objectives, completed inside the measured window.
        case goodput

        /// The word for it, in gates and result files.
        public var name: String {
            switch self {
            case .metric(let metric): metric.rawValue
            case .failures: "failures"
            case .requests: "requests"
            case .tokens: "tokens"
            case .events: "events"
            case .attainment: "attainment"
            case .goodput: "goodput"
            }
        }

        /// Whether its figures are times.
        var isTime: Bool { if case .metric = self { true } else { false } }
    }

    /// How many observations become one figure.
    public enum Aggregate: Sendable, Equatable {
        /// Mean, least and greatest sample of a metric.
        case average, least, greatest
        /// A percentile of a metric, above 0 and below 100.
        case percentile(Double)
        /// Part of the requests that were decided, between 0 and 1.
        case share
        /// A number.
        case count
        /// A number per second of the measured window.
        case rate

        /// The word for it, in gates and result files: a percentile is "p99" or "p99.9".
        public var name: String {
            switch self {
            case .average: "avg"
            case .least: "min"
            case .greatest: "max"
            case .percentile(let percentile):
                percentile == percentile.rounded()
                    ? "p\(Int64(clamping: percentile))" : "p\(percentile)"
            case .share: "share"
            case .count: "count"
            case .rate: "rate"
            }
        }
    }

    /// How figure and bound must compare.
    public enum Comparison: String, CaseIterable, Sendable {
        case less = "<"
        case atMost = "<="
        case greater = ">"
        case atLeast = ">="
        case equal = "=="
        case unequal = "!="

        /// Whether a figure that lies somewhere in `range` compares so with `bound`: true or false
        /// where that holds for all of the range, nil where it depends.
        func holds(_ range: ClosedRange<Double>, _ bound: Double) -> Bool? {
            let (low, high) = (range.lowerBound, range.upperBound)
            switch self {
            case .less: return high < bound ? true : low >= bound ? false : nil
            case .atMost: return high <= bound ? true : low > bound ? false : nil
            case .greater: return low > bound ? true : high <= bound ? false : nil
            case .atLeast: return low >= bound ? true : high < bound ? false : nil
            case .equal: return low == bound && high == bound ? true : range ~= bound ? nil : false
            case .unequal: return Self.equal.holds(range, bound).map { !$0 }
            }
        }
    }

    /// The gate as it was written.
    public let expression: String
    /// What the figure is taken of.
    public let subject: Subject
    /// What figure it is.
    public let aggregate: Aggregate
    /// How it must compare with the bound.
    public let comparison: Comparison
    /// Nanoseconds for metrics; a share between 0 and 1; a number; a number per second.
    public let bound: Double
    /// Where missing the gate ends the run: how much of the measured window has to pass before, in
    /// nanoseconds. nil where the gate is judged at the end alone.
    public let abortAfter: Int64?
    /// The class of load whose figure it is; nil is the whole run.
    public let scope: String?

    /// Makes a gate. Not every aggregate goes with every subject: see `ThresholdParsing`.
    public init(
        expression: String,
        subject: Subject,
        aggregate: Aggregate,
        comparison: Comparison,
        bound: Double,
        abortAfter: Int64? = nil,
        scope: String? = nil
    ) {
        self.expression = expression
        self.subject = subject
        self.aggregate = aggregate
        self.comparison = comparison
        self.bound = bound
        self.abortAfter = abortAfter
        self.scope = scope
    }

    /// The gate as it was written, without the class of load that it is of.
    public var condition: String {
        guard let scope else { return expression }
        let owner = "\(PrintableText.line(scope)): "
        return expression.hasPrefix(owner) ? String(expression.dropFirst(owner.count)) : expression
    }

    /// The same gate on one class of load alone. Its expression has the name as it is shown: so has
    /// that of a stored result, in which nothing is believed to be fit for a terminal.
    public func scoped(to name: String) -> Threshold {
        Threshold(
            expression: "\(PrintableText.line(name)): \(expression)",
            subject: subject,
            aggregate: aggregate,
            comparison: comparison,
            bound: bound,
            abortAfter: abortAfter,
            scope: name
        )
    }
}

/// What became of a gate.
public struct ThresholdResult: Sendable, Equatable {
    /// Passed, missed, or neither: a gate that can't be judged has not passed.
    public enum Outcome: String, Sendable {
        case passed
        case missed
        case notJudged = "not_judged"
    }

    /// The gate.
    public let threshold: Threshold
    /// What became of it.
    public let outcome: Outcome
    /// The figure that was held against the bound, in its unit; nil where nothing was measured.
    public let value: Double?
    /// What the figure was made of: samples, decided requests, or what was counted for a rate.
    public let samples: UInt64
    /// The samples that such a figure needs at least.
    public let floor: UInt64
    /// Waits that never ended and would have entered the metric.
    public let unfinished: UInt64
    /// Figure, samples and what is missing, for people.
    public internal(set) var sentence: String
    /// Whether missing the gate ended the run.
    public internal(set) var hasEndedRun = false

    /// The same of a run whose figures are not to be believed: what would have passed isn't judged.
    public func withheld(because verdict: Verdict) -> ThresholdResult {
        guard outcome == .passed, verdict.isDoubted else { return self }
        return ThresholdResult(
            threshold: threshold,
            outcome: .notJudged,
            value: value,
            samples: samples,
            floor: floor,
            unfinished: unfinished,
            sentence:
                "\(sentence): the measurement is \(verdict.state.rawValue), and --strict lets "
                + "nothing pass on it",
            hasEndedRun: hasEndedRun
        )
    }

    /// Whether the run doesn't say if the gate holds.
    public var isUnjudged: Bool { outcome == .notJudged }
    /// Whether that is so because there are too few samples for the figure.
    public var lacksSamples: Bool { isUnjudged && samples < floor }
}
