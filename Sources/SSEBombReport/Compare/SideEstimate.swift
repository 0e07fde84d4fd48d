// What one side of a comparison says about a figure: its value, and how far that would vary. From
// the seconds of its runs, or from the runs themselves where there are at least three.

import Glibc
import SSEBombCore

/// A figure of one side. Of relative figures the variance is that of the value's logarithm.
struct SideEstimate {
    /// nil where nothing was measured.
    var value: Double?
    /// Variance and its degrees of freedom; nil where the runs don't say.
    var error: (variance: Double, freedom: Double)?
    /// Seconds in which nothing was counted: the value is 0, and that says how far it would vary.
    var silence: Double?
    /// How many of what a rate counts come together.
    var lump = 1.0
    /// Why one of the first two is nil.
    var reason = ""
}

/// One side of a comparison.
struct ComparedSide {
    /// "BASE" or "NEW".
    let label: String
    /// At least one.
    let runs: [ComparedRun]
    /// Whether runs are held against each other, not seconds.
    let isBetweenRuns: Bool

    /// Fewer seconds say too little of how they hang together.
    static let leastIntervals = 8
    /// With so many runs a side, runs are held against each other.
    static let leastRuns = 3
    /// Cells of histograms are 0.1 % wide: no value is known better than half of that.
    private static let resolution = 0.0005

    /// The estimates of several figures; percentiles of one metric share their work.
    func estimates(_ figures: [ComparedFigure]) -> [ComparedFigure: SideEstimate] {
        var all: [ComparedFigure: SideEstimate] = [:]
        var percentiles: [Metric: [Double]] = [:]
        for figure in figures {
            if isBetweenRuns {
                all[figure] = betweenRuns(figure)
                continue
            }
            switch figure {
            case .percentile(let metric, let percentile):
                percentiles[metric, default: []].append(percentile)
            case .rate(let rate): all[figure] = self.rate(rate)
            case .share(let share): all[figure] = self.share(share)
            case .clientCost:
                let costs = runs.compactMap(\.cpuPerEvent)
                all[figure] = SideEstimate(
                    value: costs.isEmpty ? nil : costs.reduce(0, +) / Double(costs.count),
                    reason: "a run has it once: it takes \(Self.leastRuns) runs a side"
                )
            }
        }
        for (metric, wanted) in percentiles {
            for (percentile, estimate) in zip(wanted, self.percentiles(wanted, of: metric)) {
                all[.percentile(metric, percentile)] = estimate
            }
        }
        return all
    }

    // MARK: Between runs

    private func betweenRuns(_ figure: ComparedFigure) -> SideEstimate {
        var values: [Double] = []
        for run in runs {
            switch run.value(of: figure) {
            case .success(let value): values.append(value)
            case .failure(let reason):
                return SideEstimate(reason: "\(reason.text) in \(run.name)")
            }
        }
        let freedom = Double(values.count) - 1
        var lump = 1.0
        if case .rate(let rate) = figure { lump = Self.lump(runs.compactMap { $0.rates[rate] }) }
        let plain = Self.mean(values)
        guard !figure.isRelative || plain.value > 0 else { return ofZeros(figure) }
        let least = leastVariance(figure, isSpread: plain.variance > 0)
        func estimate(_ value: Double, _ variance: Double) -> SideEstimate {
            SideEstimate(value: value, error: (max(variance, least), freedom), lump: lump)
        }
        guard figure.isRelative else { return estimate(plain.value, plain.variance) }
        guard values.allSatisfy({ $0 > 0 }) else {
            // A 0 has no logarithm: it is that of the mean, with its variance to first order.
            return estimate(plain.value, plain.variance / (plain.value * plain.value))
        }
        let logarithms = Self.mean(values.map { log($0) })
        return estimate(exp(logarithms.value), logarithms.variance)
    }

    /// The mean, and the variance of it.
    private static func mean(_ values: [Double]) -> (value: Double, variance: Double) {
        let count = Double(values.count)
        // Of values that are the same there must be no variance left from rounding.
        guard let first = values.first, values.contains(where: { $0 != first }) else {
            return (values.first ?? 0, 0)
        }
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, squares / (count - 1) / count)
    }

    private func ofZeros(_ figure: ComparedFigure) -> SideEstimate {
        var estimate = SideEstimate(value: 0, reason: "it is 0 in \(label)")
        if case .rate(let rate) = figure {
            estimate.silence = runs.reduce(0) { $0 + ($1.rates[rate]?.seconds ?? 0) }
        }
        return estimate
    }

    private static func lump(_ series: [RateSeries]) -> Double { series.map(\.lump).max() ?? 1 }

    // MARK: What can't be known better

    /// The variance that a figure has whatever its seconds or runs show: a few that happen to be
    /// alike must not make it certain.
    ///
    /// - Parameter isSpread: whether its values differ at all.
    private func leastVariance(_ figure: ComparedFigure, isSpread: Bool) -> Double {
        switch figure {
        case .percentile(let metric, let percentile):
            isSpread ? Self.leastVariance : leastVariance(percentile, of: metric)
        case .rate(let rate): leastVariance(runs.compactMap { $0.rates[rate] })
        case .share(let share): leastVariance(runs.compactMap { $0.shares[share] })
        case .clientCost: Self.leastVariance
        }
    }

    private static let leastVariance = resolution * resolution

    /// Even what comes at perfectly even intervals is counted, in a window that begins anywhere, as
    /// the next lower number or the next higher one: a variance of up to a quarter a window, in
    /// units of what comes together.
    private func leastVariance(_ series: [RateSeries]) -> Double {
        let count = series.reduce(0) { $0 + $1.count / $1.lump }
        return max(Self.leastVariance, Double(series.count) / 4 / (count * count))
    }

    /// No request failed, so nothing shows a variance; it is still not sure that none would: the
    /// share as if one more of either kind had been seen.
    private func leastVariance(_ series: [ShareSeries]) -> Double {
        let whole = series.reduce(0) { $0 + $1.whole }
        let careful = (series.reduce(0) { $0 + $1.part } + 1) / (whole + 2)
        return careful * (1 - careful) / whole
    }

    /// Runs that agree to the cell of the histogram may do so by chance, where few values are taken
    /// at all: how far the percentile moves with the binomial deviation of its rank.
    private func leastVariance(_ percentile: Double, of metric: Metric) -> Double {
        var whole = HistogramSnapshot()
        for run in runs { run.latencies[metric].map { whole.merge($0.whole) } }
        let count = Double(whole.count)
        let (rank, share) = (count * percentile / 100, percentile / 100)
        let deviation = (rank * (1 - share)).squareRoot()
        guard
            let low = whole.value(atRank: UInt64(max(1, rank - deviation))),
            let high = whole.value(atRank: UInt64(min(count, (rank + deviation).rounded(.up)))),
            low > 0
        else { return Self.leastVariance }
        let half = log(Double(high) / Double(low)) / 2
        return max(Self.leastVariance, half * half)
    }

    // MARK: From seconds

    private func percentiles(_ percentiles: [Double], of metric: Metric) -> [SideEstimate] {
        let series = runs.compactMap { $0.latencies[metric] }
        var whole = HistogramSnapshot()
        for one in series { whole.merge(one.whole) }
        guard !whole.isEmpty else {
            let none = SideEstimate(reason: "\(label) has no \(metric.rawValue)")
            return percentiles.map { _ in none }
        }
        let intervals = series.flatMap(\.intervals)
        let table = WeightedPercentile(intervals)
        return percentiles.map { percentile in
            let value = Double(min(whole.percentile(percentile), whole.max))
            var estimate = SideEstimate(value: value)
            let floor = HistogramSnapshot.floor(ofPercentile: percentile)
            if whole.count < floor {
                estimate.reason =
                    "it needs \(Units.count(floor)) samples, \(label) has "
                    + Units.count(whole.count)
            } else if intervals.count < Self.leastIntervals {
                estimate.reason = tooShort
            } else if value <= 0 {
                estimate.reason = "it is 0 in \(label)"
            } else {
                estimate.error = bootstrap(percentile, value, table, series.map(\.intervals.count))
            }
            return estimate
        }
    }

    private var tooShort: String {
        "\(label) has fewer than \(Self.leastIntervals) intervals of a second to go by"
    }

    private func bootstrap(
        _ percentile: Double,
        _ value: Double,
        _ table: WeightedPercentile,
        _ lengths: [Int]
    ) -> (variance: Double, freedom: Double)? {
        let share = percentile / 100
        let excess = table.excess(above: value, share: share)
        var rest = excess[...]
        // A run of one interval has nothing to hang together with.
        let noises = lengths.map { length -> SeriesNoise? in
            let own = rest.prefix(length)
            rest = rest.dropFirst(length)
            return length > 1 ? SeriesNoise(Array(own)) : nil
        }
        var bootstrap = BlockBootstrap(seed: UInt64(percentile * 1_000))
        var weights = [Double](repeating: 0, count: excess.count)
        var part = [Double](repeating: 0, count: lengths.max() ?? 0)
        var (sum, squares, drawn) = (0.0, 0.0, 0.0)
        for _ in 0..<BlockBootstrap.draws {
            var at = 0
            for (index, length) in lengths.enumerated() {
                bootstrap.draw(count: length, block: noises[index]?.block ?? 1, into: &part)
                for offset in 0..<length { weights[at + offset] = part[offset] }
                at += length
            }
            guard let drawnValue = table.value(share, weights), drawnValue > 0 else { continue }
            let distance = log(drawnValue / value)
            sum += distance
            squares += distance * distance
            drawn += 1
        }
        guard drawn > 1 else { return nil }
        let variance = max(0, squares - sum * sum / drawn) / (drawn - 1)
        let seconds = Double(excess.count)
        let inflation = zip(noises, lengths).reduce(0) {
            $0 + ($1.0?.inflation ?? 1) * Double($1.1) / seconds
        }
        let freedom = noises.reduce(0) { $0 + ($1?.freedom ?? 0) }
        return (variance * inflation + Self.leastVariance, max(1, freedom))
    }

    /// The mean of a series has its bootstrap's variance without a draw: that of its blocks' sums.
    private func rate(_ rate: ComparedRate) -> SideEstimate {
        let series = runs.compactMap { $0.rates[rate] }
        guard !series.isEmpty else {
            return SideEstimate(reason: "\(label) has no \(rate.rawValue)")
        }
        let seconds = series.reduce(0) { $0 + $1.seconds }
        guard seconds > 0 else { return SideEstimate(reason: tooShort) }
        let total = series.reduce(0) { $0 + $1.count }
        var estimate = SideEstimate(value: total / seconds, lump: Self.lump(series))
        let intervals = series.reduce(0) { $0 + Double($1.intervals.count) }
        guard intervals >= Double(Self.leastIntervals) else {
            estimate.reason = tooShort
            return estimate
        }
        guard total > 0 else {
            estimate.silence = seconds
            estimate.reason = "it is 0 in \(label)"
            return estimate
        }
        let mean = series.reduce(0) { $0 + $1.intervals.reduce(0, +) } / intervals
        guard mean > 0 else {
            estimate.reason = "it is 0 in every whole second of \(label)"
            return estimate
        }
        let (variance, freedom) = ofSum(series.map { $0.intervals.map { $0 / mean } })
        let least = leastVariance(series)
        estimate.error = (max(variance / (intervals * intervals), least), freedom)
        return estimate
    }

    private func share(_ share: ComparedShare) -> SideEstimate {
        let series = runs.compactMap { $0.shares[share] }
        let whole = series.reduce(0) { $0 + $1.whole }
        guard whole > 0 else {
            return SideEstimate(reason: "\(label) has no \(share.rawValue)")
        }
        let part = series.reduce(0) { $0 + $1.part }
        let value = part / whole
        var estimate = SideEstimate(value: value)
        let intervals = series.map { $0.intervals }
        let counted = intervals.joined().reduce(0) { $0 + $1.whole }
        guard intervals.joined().count >= Self.leastIntervals, counted > 0 else {
            estimate.reason = tooShort
            return estimate
        }
        let (variance, freedom) = ofSum(
            intervals.map { $0.map { $0.part - value * $0.whole } }
        )
        let least = leastVariance(series)
        estimate.error = (max(variance / (counted * counted), least), freedom)
        return estimate
    }

    /// Variance and degrees of freedom of the sum of some series.
    private func ofSum(_ series: [[Double]]) -> (variance: Double, freedom: Double) {
        let noises = series.filter { $0.count > 1 }.map { (SeriesNoise($0), Double($0.count)) }
        return (
            noises.reduce(0) { $0 + $1.0.variance * $1.1 },
            max(1, noises.reduce(0) { $0 + $1.0.freedom })
        )
    }
}

// MARK: - One run

/// Why a run has no value of a figure.
struct NoValue: Error {
    let text: String
}

extension ComparedRun {
    /// The figure of this run alone.
    func value(of figure: ComparedFigure) -> Result<Double, NoValue> {
        switch figure {
        case .percentile(let metric, let percentile):
            let whole = latencies[metric]?.whole ?? HistogramSnapshot()
            let floor = HistogramSnapshot.floor(ofPercentile: percentile)
            guard whole.count >= floor else {
                let samples = "\(Units.count(floor)) samples, there are \(Units.count(whole.count))"
                return .failure(NoValue(text: "it needs \(samples)"))
            }
            return .success(Double(min(whole.percentile(percentile), whole.max)))
        case .rate(let rate):
            return rates[rate].map { .success($0.rate) } ?? .failure(NoValue(text: "not measured"))
        case .share(let share):
            guard let series = shares[share], series.whole > 0 else {
                return .failure(NoValue(text: "not measured"))
            }
            return .success(series.share)
        case .clientCost:
            return cpuPerEvent.map { .success($0) } ?? .failure(NoValue(text: "not measured"))
        }
    }
}
