// How many samples the statement of a percentile takes. Arithmetic only: must not know whose
// samples they are.

import Glibc

extension HistogramSnapshot {
    /// The least number of samples that supports a statement about a percentile.
    ///
    /// MLPerf's early stopping at 99 % confidence: with fewer, a server that just misses a bound
    /// would still show at most one sample beyond it in more than one run of a hundred. For a share
    /// t of samples beyond the percentile it is the least n with (1 - t)^(n - 1) (1 + (n - 1) t) at
    /// most 0.01: 11 for the median, 64 for p90, 130 for p95, 662 for p99, 6,636 for p99.9. Below
    /// the median it is that of the mirrored percentile: p10 needs what p90 needs. The ends of the
    /// sample (0 and below, 100 and above) are facts about it: 1.
    public static func floor(ofPercentile percentile: Double) -> UInt64 {
        let beyond = Swift.min(percentile, 100 - percentile) / 100
        guard beyond > 0 else { return 1 }
        func isEnough(_ samples: UInt64) -> Bool {
            let others = Double(samples - 1)
            return exp(others * log1p(-beyond)) * (1 + others * beyond) <= 0.01
        }
        var (low, high): (UInt64, UInt64) = (0, 1)
        while !isEnough(high) { (low, high) = (high, high * 2) }
        while high - low > 1 {
            let middle = (low + high) / 2
            if isEnough(middle) { high = middle } else { low = middle }
        }
        return high
    }

    /// Whether `count` samples are enough to print a percentile of them.
    ///
    /// From the median up to the maximum these are the floors above. The median itself, and what
    /// lies below it, describes the samples there are: one will do.
    public static func isSupported(percentile: Double, count: UInt64) -> Bool {
        count >= (percentile > 50 ? floor(ofPercentile: percentile) : 1)
    }
}
