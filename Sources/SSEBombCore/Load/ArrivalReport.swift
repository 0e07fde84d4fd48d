// What became of an open load's plan: how many arrivals started, how late, and whether their starts
// follow the law that was asked for. Cold: made once, from what the loops kept.

import Glibc

/// The arrivals of the measured window.
public struct ArrivalReport: Sendable {
    /// Arrivals that the schedule had in the window: started and dropped ones.
    public var due: UInt64
    /// The time in which these started, nanoseconds: the measured window, or where a number of
    /// requests ends the arrivals, its part up to the last of them.
    public var span: Int64
    /// Due instant to start, of those that did not have to wait for a slot, nanoseconds.
    public var pacingError: HistogramSnapshot
    /// Times between starts against the law; nil where the law is constant, and with too few of
    /// them.
    public var test: KolmogorovSmirnov?
    /// Constant law: the greatest difference between a time between two starts and the one asked
    /// for, nanoseconds; nil with fewer than two starts.
    public var greatestDeviation: Int64?
}

extension ArrivalLaw {
    /// The name that the command line and the result file use, such as `gamma:2.0`.
    public var name: String {
        switch self {
        case .poisson: "poisson"
        case .constant: "constant"
        case .gamma(let cv): cv == cv.rounded() ? "gamma:\(Int(cv))" : "gamma:\(cv)"
        }
    }

    /// The distribution function of the times between arrivals with mean 1; nil where all are
    /// equal.
    func cumulative(_ time: Double) -> Double? {
        switch self {
        case .constant: nil
        case .poisson: -expm1(-max(0, time))
        case .gamma(let cv):
            GammaDistribution.cumulative(time / (cv * cv), shape: 1 / (cv * cv))
        }
    }
}

extension ResultMerger {
    /// nil in the closed model.
    func arrivalReport() -> ArrivalReport? {
        guard let load = plan.arrivals else { return nil }
        var report = ArrivalReport(
            due: total(.windowStarted) + total(.windowDropped),
            span: arrivalSpan,
            pacingError: merged { $0.pacingError }
        )
        // A part of a schedule that isn't Poisson's follows no law that has a name.
        guard load.share == nil else { return report }
        let times = Self.times(between: outcomes.map(\.starts)).map { Double($0) / load.mean }
        if load.law == .constant {
            report.greatestDeviation = times.map { abs($0 - 1) }.max()
                .flatMap { Int64(exactly: ($0 * load.mean).rounded()) }
        } else {
            report.test = KolmogorovSmirnov(times) { load.law.cumulative($0) ?? 0 }
        }
        return report
    }

    private var arrivalSpan: Int64 {
        guard plan.requests != nil, let last = outcomes.map(\.lastStart).max(), last.isSet else {
            return measured
        }
        return max(0, min(measured, last - windows.measureStart))
    }

    /// Times between neighbouring starts of all loops, as far as every loop kept its starts.
    static func times(between starts: [[Int64]]) -> [Int64] {
        let horizon = starts.filter { $0.count >= StartRecord.capacity }.compactMap(\.last).min()
        let all = starts.joined().filter { $0 <= horizon ?? .max }.sorted()
        return zip(all, all.dropFirst()).map { $1 - $0 }
    }
}
