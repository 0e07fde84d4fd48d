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
    /// Times between starts against the law; nil where the law is constant or a trace, and with
    /// too few of them. With stages each time counts in arrivals that the rate promises for it.
    public var test: KolmogorovSmirnov?
    /// Constant law: the greatest difference between a time between two starts and the one asked
    /// for, nanoseconds; nil with fewer than two starts. Of a trace: the most that a start came
    /// after its instant, waits included; nil without a start.
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

    /// The distribution function of the times between arrivals with mean 1, or from each of them to
    /// the one so many `steps` further on; nil where all are equal.
    func cumulative(_ time: Double, steps: Int = 1) -> Double? {
        switch self {
        case .constant: nil
        case .poisson where steps == 1: -expm1(-max(0, time))
        // A sum of exponential or gamma times of one scale is a gamma time.
        case .poisson: GammaDistribution.cumulative(time, shape: Double(steps))
        case .gamma(let cv):
            GammaDistribution.cumulative(time / (cv * cv), shape: Double(steps) / (cv * cv))
        }
    }
}

extension ResultMerger {
    /// nil in the closed model.
    func arrivalReport() -> ArrivalReport? {
        guard let load = plan.arrivals else { return nil }
        var report = ArrivalReport(
            due: total(.windowStarted) - total(.windowLaterTurns) + total(.windowDropped),
            span: arrivalSpan,
            pacingError: merged { $0.pacingError }
        )
        if load.replay != nil {
            let hasStarts = outcomes.contains { !$0.starts.isEmpty }
            report.greatestDeviation =
                hasStarts ? outcomes.map(\.greatestLateness).max() : nil
            return report
        }
        // A part of a schedule that isn't Poisson's follows no law that has a name.
        guard load.share == nil else { return report }
        if load.law == .constant {
            report.greatestDeviation = greatestDeviation(load)
        } else {
            let steps = steps(load, of: Self.starts(of: outcomes.map(\.starts)))
            // Of several processes each has every so many-th arrival.
            report.test = KolmogorovSmirnov(steps) {
                load.law.cumulative($0, steps: plan.rank.count) ?? 0
            }
        }
        return report
    }

    /// Times between neighbouring starts, in arrivals that are expected in them: of mean 1.
    private func steps(_ load: OpenLoad, of starts: [Int64]) -> [Double] {
        guard let line = load.line else {
            return zip(starts, starts.dropFirst()).map { Double($1 - $0) / load.mean }
        }
        let expected = line.view { view in starts.map { view.area(until: seconds($0)) } }
        return zip(expected, expected.dropFirst()).map { $1 - $0 }
    }

    private func greatestDeviation(_ load: OpenLoad) -> Int64? {
        let starts = Self.starts(of: outcomes.map(\.starts))
        let deviations: [Double] = zip(starts, starts.dropFirst()).map { start, next in
            let count = Double(plan.rank.count)
            guard let line = load.line else {
                return abs(Double(next - start) - load.mean * count)
            }
            let due = line.view { $0.time(ofArea: $0.area(until: seconds(start)) + count) }
            return abs(seconds(next) - due) * 1e9
        }
        return deviations.filter(\.isFinite).max().flatMap { Int64(exactly: $0.rounded()) }
    }

    /// Seconds from the schedule's start to an instant.
    private func seconds(_ instant: Int64) -> Double {
        Double(instant - windows.start.nanoseconds) / 1e9
    }

    private var arrivalSpan: Int64 {
        guard plan.requests != nil, let last = outcomes.map(\.lastStart).max(), last.isSet else {
            return measured
        }
        return max(0, min(measured, last - windows.measureStart))
    }

    /// The starts of all loops in their order, as far as every loop kept its starts.
    static func starts(of loops: [[Int64]]) -> [Int64] {
        let horizon = loops.filter { $0.count >= StartRecord.capacity }.compactMap(\.last).min()
        return loops.joined().filter { $0 <= horizon ?? .max }.sorted()
    }
}
