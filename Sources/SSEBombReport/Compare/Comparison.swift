// Is NEW worse than BASE? Every figure's difference with its 95 % confidence interval, a word for
// it that holds for all figures together, and the gates. Must not know how it is shown.

import SSEBombCore

/// What is said of a figure.
public enum ComparisonFinding: String, Sendable {
    /// NEW is worse, or better, by more than the margin; of all the figures of a comparison of two
    /// runs that are alike, at most one in 20 comparisons says so of any.
    case worse, better
    /// The whole interval lies within the margin.
    case same
    /// Neither.
    case unclear = "cannot_tell"
}

/// One figure, compared.
public struct ComparisonRow: Sendable {
    /// Which.
    public let figure: ComparedFigure
    /// Values of either side, in the figure's unit; nil where it wasn't measured.
    public let base: Double?
    /// See `base`.
    public let new: Double?
    /// NEW over BASE, less 1; of shares NEW less BASE. nil where BASE is 0 and it would be a ratio.
    public let difference: Double?
    /// Its 95 % confidence interval, without an upper end where BASE is 0; nil where the runs don't
    /// say.
    public let interval: ClosedRange<Double>?
    /// Probability of so great a difference without a true one, adjusted for the number of figures
    /// (Holm).
    public internal(set) var probability: Double?
    /// The word for it.
    public internal(set) var finding = ComparisonFinding.unclear
    /// How many times as long, or with how many times the runs, a difference of this size would be
    /// told; nil where that isn't the matter.
    public internal(set) var longer: Double?
    /// Why nothing can be told, or there is no difference; empty else.
    public let reason: String

    let evidence: DifferenceEvidence?
    /// Whether BASE counted none of what NEW has a value of: it can't fall.
    let isFromZero: Bool
}

/// Why two sides can't be compared.
public struct ComparisonRefusal: Error, Equatable, Sendable {
    /// Whether a verdict is why.
    public let isDisbelief: Bool
    /// One sentence with the remedy.
    public let sentence: String
}

/// How to compare.
public struct ComparisonOptions: Sendable {
    /// Differences up to this never count: a ratio less 1, and of shares a difference.
    public var margin = 0.01
    /// What fails the comparison; empty: any figure that is worse.
    public var gates: [ComparisonGate] = []
    /// Compares runs of unlike plans.
    public var allowsUnlike = false
    /// Compares runs with an invalid verdict.
    public var allowsInvalid = false

    /// The defaults.
    public init() {}
}

/// Two sides, compared.
public struct Comparison: Sendable {
    /// How the intervals came about.
    public enum Method: String, Sendable {
        /// By block bootstrap of the seconds of either side.
        case seconds
        /// Between the runs of either side, three or more.
        case runs
    }

    /// Confidence of intervals, and of all words together.
    public static let alpha = 0.05

    /// Names of the runs of either side.
    public let base: [String]
    /// See `base`.
    public let new: [String]
    /// See `Method`.
    public let method: Method
    /// The figures that either side has.
    public let rows: [ComparisonRow]
    /// What became of the gates, in their order.
    public let gates: [ComparisonGateResult]
    /// What should be known beside, a sentence each.
    public let warnings: [String]
    /// See `ComparisonOptions.margin`.
    public let margin: Double

    /// Compares two sides of at least one run each.
    public init(
        base: [ComparedRun],
        new: [ComparedRun],
        options: ComparisonOptions = ComparisonOptions()
    ) throws(ComparisonRefusal) {
        warnings = try ComparisonChecks.warnings(base, new, options)
        let isBetweenRuns = min(base.count, new.count) >= ComparedSide.leastRuns
        method = isBetweenRuns ? .runs : .seconds
        self.base = base.map(\.name)
        self.new = new.map(\.name)
        margin = options.margin
        var figures = ComparedFigure.standard
        for gate in options.gates where !figures.contains(gate.figure) {
            figures.append(gate.figure)
        }
        let left = ComparedSide(label: "BASE", runs: base, isBetweenRuns: isBetweenRuns)
            .estimates(figures)
        let right = ComparedSide(label: "NEW", runs: new, isBetweenRuns: isBetweenRuns)
            .estimates(figures)
        let named = Set(options.gates.map(\.figure))
        var rows = figures.compactMap { figure -> ComparisonRow? in
            guard let one = left[figure], let other = right[figure] else { return nil }
            let isMeasured = one.value != nil || other.value != nil
            guard isMeasured || named.contains(figure) else { return nil }
            return Self.row(figure, one, other)
        }
        Self.setFindings(&rows, margin: options.margin)
        self.rows = rows
        gates = options.gates.map { gate in
            gate.judge(
                rows.first { $0.figure == gate.figure },
                alpha: Self.alpha / Double(options.gates.count)
            )
        }
    }

    private static func row(
        _ figure: ComparedFigure,
        _ base: SideEstimate,
        _ new: SideEstimate
    ) -> ComparisonRow {
        let evidence = DifferenceEvidence(base, new, isRelative: figure.isRelative)
        var difference = evidence?.difference
        if difference == nil, let left = base.value, let right = new.value {
            difference = figure.isRelative ? right / left - 1 : right - left
        }
        let isFromZero = base.silence != nil && new.value != nil
        var reason = evidence == nil ? (base.error == nil ? base.reason : new.reason) : ""
        if isFromZero {
            difference = nil
            let sides = new.silence == nil ? "BASE" : "BASE and in NEW"
            reason = "it is 0 in \(sides): a percentage of that has no value"
        }
        return ComparisonRow(
            figure: figure,
            base: base.value,
            new: new.value,
            difference: difference.flatMap { $0.isFinite ? $0 : nil },
            interval: evidence?.interval(alpha: alpha),
            reason: reason,
            evidence: evidence,
            isFromZero: isFromZero
        )
    }

    /// Holm's step-down: of all rows without a true difference, none gets a word but in 5 % of
    /// comparisons, however the rows hang together.
    private static func setFindings(_ rows: inout [ComparisonRow], margin: Double) {
        let judged = rows.indices.filter { rows[$0].evidence != nil }
            .sorted { rows[$0].evidence?.probability ?? 1 < rows[$1].evidence?.probability ?? 1 }
        var least = 0.0
        for (place, index) in judged.enumerated() {
            guard let evidence = rows[index].evidence, let interval = rows[index].interval else {
                continue
            }
            let difference = evidence.difference
            let adjusted = min(1, evidence.probability * Double(judged.count - place))
            least = max(least, adjusted)
            rows[index].probability = least
            let bound = rows[index].figure.isRelative ? -margin / (1 + margin) : -margin
            if least < alpha, difference > margin || difference < bound {
                let isBetter = (difference > 0) == rows[index].figure.isHigherBetter
                rows[index].finding = isBetter ? .better : .worse
            } else if interval.lowerBound >= bound, interval.upperBound <= margin {
                rows[index].finding = .same
            } else if difference > margin || difference < bound {
                rows[index].longer = evidence.longer(alpha: alpha / Double(judged.count))
            }
        }
    }

    /// What a comparison comes to.
    public enum Outcome: Equatable, Sendable {
        case passed, regression, unjudged
    }

    /// By the gates where there are any, else by the words; of which there are none where not one
    /// figure could be judged.
    public var outcome: Outcome {
        if gates.isEmpty {
            if rows.contains(where: { $0.finding == .worse }) { return .regression }
            return rows.contains { $0.interval != nil } ? .passed : .unjudged
        }
        if gates.contains(where: { $0.outcome == .failed }) { return .regression }
        return gates.allSatisfy { $0.outcome == .passed } ? .passed : .unjudged
    }
}
