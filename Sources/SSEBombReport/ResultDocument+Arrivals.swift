// The result file's `arrivals`: its shape, and how it is made of a run of the open load model.

import SSEBombCore

extension ResultDocument {
    /// What became of the arrivals of the measured window.
    struct Arrivals: Codable, Equatable, Sendable {
        var process: String
        var rate: Double
        var achieved: Double?
        var due: UInt64
        var waited: UInt64
        var spanS: Double?
        var pacingError: PacingError
        var ks: KS?
        var greatestDeviation: Int64?

        /// Nanoseconds.
        struct PacingError: Codable, Equatable, Sendable {
            var count: UInt64
            var p50: Int64?
            var p99: Int64?
            var max: Int64?
            var histogram: String?
        }

        /// The Kolmogorov-Smirnov test of the times between starts.
        struct KS: Codable, Equatable, Sendable {
            var statistic: Double
            var n: Int
            var pValue: Double

            enum CodingKeys: String, CodingKey {
                case statistic, n
                case pValue = "p_value"
            }
        }

        enum CodingKeys: String, CodingKey {
            case process, rate, achieved, due, waited
            case spanS = "span_s"
            case pacingError = "pacing_error"
            case ks
            case greatestDeviation = "greatest_deviation"
        }

        /// nil in the closed model.
        init?(_ result: RunResult) {
            guard let load = result.plan.arrivals, let report = result.arrivals else { return nil }
            process = load.law.name
            rate = load.rate
            achieved = result.achievedRate
            due = report.due
            waited = result.counts.waited
            spanS = Double(report.span) / 1e9
            let errors = report.pacingError
            pacingError = PacingError(count: errors.count)
            if !errors.isEmpty {
                pacingError.p50 = errors.percentile(50)
                pacingError.p99 = errors.percentile(99)
                pacingError.max = errors.max
                pacingError.histogram = errors.base64V2()
            }
            ks = report.test.map {
                KS(statistic: $0.statistic, n: $0.count, pValue: $0.pValue)
            }
            greatestDeviation = report.greatestDeviation
        }
    }
}
