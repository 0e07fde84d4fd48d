// Whether samples follow a law: the one-sample Kolmogorov-Smirnov test against a distribution that
// is given whole. Knows nothing of what was sampled.

import Glibc

/// The outcome of a Kolmogorov-Smirnov test.
public struct KolmogorovSmirnov: Sendable, Equatable {
    /// D: the greatest difference between the samples' distribution function and the law's.
    public let statistic: Double
    /// Number of samples.
    public let count: Int
    /// Probability that samples of the law differ from it at least as much.
    public let pValue: Double

    /// Fewer samples tell nothing.
    static let leastSamples = 10

    /// Tests `samples` against a distribution function; nil with too few of them.
    init?(_ samples: [Double], against law: (Double) -> Double) {
        guard samples.count >= Self.leastSamples else { return nil }
        let sorted = samples.sorted()
        let total = Double(sorted.count)
        var greatest = 0.0
        for (index, sample) in sorted.enumerated() {
            let expected = law(sample)
            greatest = max(greatest, Double(index + 1) / total - expected)
            greatest = max(greatest, expected - Double(index) / total)
        }
        statistic = greatest
        count = sorted.count
        // Stephens' correction for finite samples (JRSS B 32, 1970).
        let root = total.squareRoot()
        pValue = Self.survival((root + 0.12 + 0.11 / root) * greatest)
    }

    /// The Kolmogorov distribution's share above `x`, by whichever of its two series converges
    /// fast.
    static func survival(_ x: Double) -> Double {
        guard x > 0.04 else { return 1 }
        if x < 1.18 {
            let step = -Double.pi * Double.pi / (8 * x * x)
            let sum = [1.0, 3, 5, 7].reduce(0) { $0 + exp($1 * $1 * step) }
            return max(0, 1 - (2 * Double.pi).squareRoot() / x * sum)
        }
        var sum = 0.0
        for k in 1...4 { sum += (k % 2 == 1 ? 1 : -1) * exp(-2 * Double(k * k) * x * x) }
        return min(1, 2 * sum)
    }
}

/// The gamma distribution of scale 1.
enum GammaDistribution {
    /// Its distribution function, the regularised incomplete gamma function P(shape, x): a series
    /// (DLMF 8.11.4) up to the mean, a continued fraction (8.9.2, by Lentz's method) beyond.
    static func cumulative(_ x: Double, shape: Double) -> Double {
        guard x > 0 else { return 0 }
        var sign: Int32 = 0
        let factor = exp(shape * log(x) - x - lgamma_r(shape, &sign))
        if x < shape + 1 {
            var term = 1 / shape
            var sum = term
            for k in 1...mostTerms {
                term *= x / (shape + Double(k))
                sum += term
                if term < sum * 1e-15 { break }
            }
            return min(1, factor * sum)
        }
        let tiny = 1e-300
        var b = x + 1 - shape
        var c = 1 / tiny
        var d = 1 / b
        var fraction = d
        for k in 1...mostTerms {
            let a = -Double(k) * (Double(k) - shape)
            b += 2
            d = a * d + b
            d = 1 / (abs(d) < tiny ? tiny : d)
            c = b + a / c
            if abs(c) < tiny { c = tiny }
            fraction *= d * c
            if abs(d * c - 1) < 1e-15 { break }
        }
        return max(0, 1 - factor * fraction)
    }

    /// Both converge within some multiples of the root of the shape, which is 10^7 at most: of the
    /// calmest law, between arrivals of one process of the most that can share them.
    private static let mostTerms = 100_000
}
