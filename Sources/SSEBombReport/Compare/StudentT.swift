// Student's t distribution: how sure a difference is whose variance was estimated from few values.
// Pure functions.

import Glibc

/// The distribution of a mean over its estimated standard error.
enum StudentT {
    /// Probability that |T| is at least `t` with `freedom` degrees of freedom (more than 0).
    static func twoSided(_ t: Double, freedom: Double) -> Double {
        guard t.isFinite else { return t.isNaN ? 1 : 0 }
        return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5)
    }

    /// The value that |T| exceeds with probability `alpha` (between 0 and 1).
    static func quantile(twoSided alpha: Double, freedom: Double) -> Double {
        var (low, high) = (0.0, 1.0)
        while twoSided(high, freedom: freedom) > alpha, high < 1e9 { high *= 2 }
        // Halved until nothing lies between: 60 times is more than a double has digits.
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if twoSided(middle, freedom: freedom) > alpha { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22,
    /// evaluated by Lentz's method).
    static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        // The fraction converges fast below its mean; the other side is the mirror image.
        if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
        let logFront =
            lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x) - log(a)
        let tiny = 1e-300
        func nonZero(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var numerator = 1.0
        var denominator = 1 / nonZero(1 - (a + b) * x / (a + 1))
        var fraction = denominator
        for step in 1...300 {
            let m = Double(step)
            for term in [
                m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
            ] {
                denominator = 1 / nonZero(1 + term * denominator)
                numerator = nonZero(1 + term / numerator)
                fraction *= denominator * numerator
            }
            if abs(denominator * numerator - 1) < 1e-14 { break }
        }
        return min(1, max(0, exp(logFront) * fraction))
    }
}
