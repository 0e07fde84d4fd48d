// What two sides say together about a difference: how great it is, within what it lies, and how
// probable it would be by chance. Between two values by their standard errors; where one of them is
// a count of 0, which has no logarithm and shows no variance, by what so long a silence allows.

import Glibc

/// What is known of a difference.
enum DifferenceEvidence: Sendable {
    /// Both sides have a value and its error.
    case measured(MeasuredDifference)
    /// One of them is a count of 0.
    case silent(SilentDifference)

    /// nil where a side says nothing.
    init?(_ base: SideEstimate, _ new: SideEstimate, isRelative: Bool) {
        if let measured = MeasuredDifference(base, new, isRelative: isRelative) {
            self = .measured(measured)
        } else if let silent = SilentDifference(base, new) {
            self = .silent(silent)
        } else {
            return nil
        }
    }

    /// As differences read: a ratio less 1, or a difference.
    var difference: Double {
        switch self {
        case .measured(let evidence): evidence.readable(evidence.difference)
        case .silent(let evidence): evidence.isFromZero ? .infinity : -1
        }
    }

    /// The interval that holds the true difference but for `alpha` of cases, as differences read.
    func interval(alpha: Double) -> ClosedRange<Double> {
        switch self {
        case .measured(let evidence): evidence.interval(alpha: alpha)
        case .silent(let evidence): evidence.interval(alpha: alpha)
        }
    }

    /// Of so great a difference without a true one.
    var probability: Double {
        switch self {
        case .measured(let evidence): evidence.probability
        case .silent(let evidence): evidence.probability
        }
    }

    /// How many times as long a difference of this size has to be measured to be told; nil where
    /// that can't be said.
    func longer(alpha: Double) -> Double? {
        if case .measured(let evidence) = self { evidence.longer(alpha: alpha) } else { nil }
    }
}

/// A difference on the scale on which it is judged: logarithms of relative figures.
struct MeasuredDifference: Sendable {
    let difference: Double
    let error: Double
    let freedom: Double
    let isRelative: Bool

    /// Welch's: either side has its own variance.
    init?(_ base: SideEstimate, _ new: SideEstimate, isRelative: Bool) {
        guard let left = base.value, let right = new.value, let one = base.error,
            let other = new.error
        else { return nil }
        difference = isRelative ? log(right / left) : right - left
        let variance = one.variance + other.variance
        error = variance.squareRoot()
        let denominator =
            one.variance * one.variance / one.freedom
            + other.variance * other.variance / other.freedom
        freedom = denominator > 0 ? variance * variance / denominator : one.freedom + other.freedom
        self.isRelative = isRelative
    }

    func interval(alpha: Double) -> ClosedRange<Double> {
        let half = StudentT.quantile(twoSided: alpha, freedom: freedom) * error
        let range = readable(difference - half)...readable(difference + half)
        // Shares differ by no more than all.
        return isRelative ? range : range.clamped(to: -1...1)
    }

    var probability: Double {
        if error == 0 { return difference == 0 ? 1 : 0 }
        return StudentT.twoSided(abs(difference) / error, freedom: freedom)
    }

    /// From the scale of judgement to a ratio less 1.
    func readable(_ value: Double) -> Double { isRelative ? expm1(value) : value }

    /// How many times as long a difference of this size has to be measured to be told in four of
    /// five cases (0.84 standard errors beyond the bound).
    func longer(alpha: Double) -> Double {
        let needed = StudentT.quantile(twoSided: alpha, freedom: freedom) + 0.84
        let factor = needed * error / abs(difference)
        return factor * factor
    }
}

/// A rate of which one side counted none.
///
/// The side with 0 is at most what would show none in so much time in `alpha / 2` of cases
/// (Poisson: 3.7 over the time for 95 %, times what comes together on the other side), the other at
/// least its own interval's lower end; each is wrong in at most half of `alpha`, and so both
/// together in at most `alpha`.
struct SilentDifference: Sendable {
    /// Whether BASE is the one with 0.
    let isFromZero: Bool
    /// Seconds in which nothing was counted.
    private let silence: Double
    private let lump: Double
    private let value: Double
    private let variance: Double
    private let freedom: Double

    init?(_ base: SideEstimate, _ new: SideEstimate) {
        isFromZero = base.silence != nil
        guard let silence = base.silence ?? new.silence,
            let other = Optional(isFromZero ? new : base), let value = other.value,
            let error = other.error
        else { return nil }
        self.silence = silence
        lump = other.lump
        self.value = value
        (variance, freedom) = error
    }

    func interval(alpha: Double) -> ClosedRange<Double> {
        let most = -log(alpha / 2) / silence * lump
        let half = StudentT.quantile(twoSided: alpha, freedom: freedom) * variance.squareRoot()
        let least = value * exp(-half)
        return isFromZero ? least / most - 1...(.infinity) : -1...max(-1, most / least - 1)
    }

    /// The greatest `alpha` of which the interval holds 0, found by halving its logarithm.
    var probability: Double {
        var (low, high) = (-700.0, 0.0)
        for _ in 0..<50 {
            let middle = (low + high) / 2
            if interval(alpha: exp(middle)).contains(0) { low = middle } else { high = middle }
        }
        return exp(high)
    }
}
