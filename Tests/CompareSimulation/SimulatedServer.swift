// A server that exists on paper: lognormal latencies, sparse counts, and a state that drifts from
// second to second, so that neighbouring seconds are alike as those of a real server are.

import Glibc
import SSEBombCore
import SSEBombReport

/// What a simulated run is made of.
struct SimulatedServer {
    /// Requests a second (Poisson).
    var requestRate = 100.0
    /// Seconds.
    var seconds = 60
    /// Standard deviation of the logarithm of a request's latency.
    var spread = 0.5
    /// Standard deviation of the drift's logarithm, and its correlation from second to second.
    var drift = 0.0
    var correlation = 0.0
    /// Factor on the time to the first token of the slowest requests, those above the 95th
    /// percentile: the change is in the tail.
    var tailFactor = 1.0
    /// Gaps of a request that are kept: sparse.
    var gapsPerRequest = 1
    /// Share of the requests that fail.
    var failures = 0.002
    /// Standard deviation of the logarithm of what each run has for itself: start, cache, host.
    var ofRuns = 0.0

    /// One run.
    func run(name: String, _ random: inout SeededRandom) -> ComparedRun {
        var state = drift * random.normal()
        let own = exp(ofRuns * random.normal())
        let step = (1 - correlation * correlation).squareRoot()
        var series: [Metric: [HistogramSnapshot]] = [:]
        var (completed, tokens): ([Double], [Double]) = ([], [])
        var failures: [(part: Double, whole: Double)] = []
        for _ in 0..<seconds {
            state = correlation * state + step * drift * random.normal()
            let factor = own * exp(state)
            let requests = random.poisson(requestRate)
            var (ttft, gap, tpot, e2e) = ([Double](), [Double](), [Double](), [Double]())
            for _ in 0..<requests {
                let luck = random.normal()
                var first = 200e6 * factor * exp(spread * luck)
                // The 95th percentile of a standard normal.
                if luck > 1.6449 { first *= tailFactor }
                let perToken = 20e6 * factor * exp(0.3 * random.normal())
                ttft.append(first)
                tpot.append(perToken)
                e2e.append(first + 100 * perToken)
                for _ in 0..<gapsPerRequest {
                    gap.append(perToken * exp(0.4 * random.normal()))
                }
            }
            series[.ttft, default: []].append(.sorted(ttft))
            series[.gap, default: []].append(.sorted(gap))
            series[.tpot, default: []].append(.sorted(tpot))
            series[.e2e, default: []].append(.sorted(e2e))
            // A slow second ends fewer requests.
            let ended = Double(requests) / factor
            completed.append(ended)
            tokens.append(ended * 100)
            let failed = Double(random.poisson(requestRate * self.failures))
            failures.append((failed, max(failed, Double(requests))))
        }
        var run = ComparedRun(name: name)
        for (metric, intervals) in series { run.latencies[metric] = LatencySeries(intervals) }
        run.rates[.requests] = Self.rate(completed)
        run.rates[.tokens] = Self.rate(tokens)
        run.shares[.failures] = ShareSeries(
            part: failures.reduce(0) { $0 + $1.part },
            whole: failures.reduce(0) { $0 + $1.whole },
            intervals: failures
        )
        return run
    }

    private static func rate(_ values: [Double]) -> RateSeries {
        RateSeries(rate: values.reduce(0, +) / Double(values.count), intervals: values)
    }
}

extension HistogramSnapshot {
    /// The samples, entered in ascending order, in which that is cheapest.
    static func sorted(_ samples: [Double]) -> HistogramSnapshot {
        var snapshot = HistogramSnapshot()
        for sample in samples.sorted() { snapshot.record(Int64(sample)) }
        return snapshot
    }
}

extension SeededRandom {
    /// Standard normal (Box and Muller).
    mutating func normal() -> Double {
        let radius = (-2 * log(1 - unit())).squareRoot()
        return radius * cos(2 * .pi * unit())
    }

    /// Poisson: exact by Knuth's product for small means, rounded normal above.
    mutating func poisson(_ mean: Double) -> Int {
        guard mean < 30 else { return max(0, Int((mean + mean.squareRoot() * normal()).rounded())) }
        let limit = exp(-mean)
        var (count, product) = (0, unit())
        while product > limit {
            product *= unit()
            count += 1
        }
        return count
    }
}
