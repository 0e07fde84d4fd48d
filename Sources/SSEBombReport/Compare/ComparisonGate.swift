// What makes a comparison fail (`--fail-if`): a difference beyond a bound, and it fails or passes
// only where the whole confidence interval says so.

/// A bound on a difference.
public struct ComparisonGate: Sendable, Equatable {
    /// As it was written.
    public let expression: String
    /// The figure it is about.
    public let figure: ComparedFigure
    /// Whether differences above the bound fail; else those below it.
    public let isAbove: Bool
    /// A ratio less 1, or of shares a difference.
    public let bound: Double

    /// Makes a gate.
    public init(expression: String, figure: ComparedFigure, isAbove: Bool, bound: Double) {
        self.expression = expression
        self.figure = figure
        self.isAbove = isAbove
        self.bound = bound
    }

    /// Reads `FIGURE > +10%`, with or without its `+`, or `FIGURE < -5%`; spaces don't matter. With
    /// the other sign two sides that are alike would fail: it is refused. Throws what is wrong.
    public init(reading text: String) throws(ComparisonGateError) {
        let example = "write for example 'ttft.p99 > +10%'"
        let expression = text.filter { $0 != " " }
        guard let sign = expression.firstIndex(where: { "<>=!".contains($0) }) else {
            throw ComparisonGateError("it compares nothing: \(example)")
        }
        guard "<>".contains(expression[sign]) else {
            throw ComparisonGateError("it must use > or <: \(example)")
        }
        let name = String(expression[..<sign])
        guard let figure = ComparedFigure(named: name) else {
            let names = ComparedFigure.standard.map(\.name).joined(separator: ", ")
            throw ComparisonGateError("'\(name)' isn't one of \(names): \(example)")
        }
        let word = expression[expression.index(after: sign)...]
        guard word.hasSuffix("%"), let percent = DecimalText.signed(word.dropLast()),
            abs(percent) <= 1e6
        else {
            throw ComparisonGateError("'\(word)' isn't a difference in per cent: \(example)")
        }
        guard !figure.isRelative || percent > -100 else {
            throw ComparisonGateError("nothing can fall by more than all: \(example)")
        }
        let isAbove = expression[sign] == ">"
        guard percent == 0 || (percent > 0) == isAbove else {
            let size = word.drop { "+-".contains($0) }
            throw ComparisonGateError(
                "it says what fails, not what passes: write '\(name) > +\(size)' where more fails, "
                    + "'\(name) < -\(size)' where less does"
            )
        }
        self.init(expression: expression, figure: figure, isAbove: isAbove, bound: percent / 100)
    }

    /// Why what was measured in BASE rules out that the figure goes where the gate forbids it.
    private func impossibility(_ row: ComparisonRow) -> String? {
        if !isAbove, row.isFromZero { return "it is 0 in BASE, and can't fall" }
        guard !figure.isRelative, row.evidence != nil else { return nil }
        if !isAbove, row.base == 0 { return "it is 0 % in BASE, and can't fall" }
        return isAbove && row.base == 1 ? "it is 100 % in BASE, and can't rise" : nil
    }

    /// Judges by a row of the comparison.
    ///
    /// - Parameter alpha: of the interval; 5 % over all gates.
    func judge(_ row: ComparisonRow?, alpha: Double) -> ComparisonGateResult {
        if let row, let obstacle = impossibility(row) {
            return ComparisonGateResult(gate: self, outcome: .passed, sentence: obstacle)
        }
        guard let row, let evidence = row.evidence else {
            let reason = row?.reason ?? "it wasn't measured"
            return ComparisonGateResult(gate: self, outcome: .notJudged, sentence: reason)
        }
        let interval = evidence.interval(alpha: alpha)
        let (low, high) = (interval.lowerBound, interval.upperBound)
        let between =
            "between \(figure.text(difference: low)) and \(figure.text(difference: high))"
        let seen =
            row.difference.map { "\(figure.text(difference: $0)), \(between)" }
            ?? "it is 0 in BASE, so all that is known is that the difference lies \(between)"
        if isAbove ? low > bound : high < bound {
            return ComparisonGateResult(gate: self, outcome: .failed, sentence: seen)
        }
        if isAbove ? high <= bound : low >= bound {
            return ComparisonGateResult(gate: self, outcome: .passed, sentence: seen)
        }
        return ComparisonGateResult(
            gate: self,
            outcome: .notJudged,
            sentence: "\(seen): the bound lies inside; measure longer, or more runs"
        )
    }
}

/// Why a text isn't a gate.
public struct ComparisonGateError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What is wrong, and what would be right.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// What became of a gate.
public struct ComparisonGateResult: Sendable, Equatable {
    /// Passed, failed, or neither: then the interval holds the bound, or there is none.
    public enum Outcome: String, Sendable {
        case passed, failed
        case notJudged = "not_judged"
    }

    /// The gate.
    public let gate: ComparisonGate
    /// What became of it.
    public let outcome: Outcome
    /// Difference and interval, for people.
    public let sentence: String
}
