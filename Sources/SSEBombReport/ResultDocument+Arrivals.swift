// The result file's `arrivals`: its shape, and how it is made of a run of the open load model.

import SSEBombCore

extension ResultDocument {
    /// What became of the arrivals of the measured window.
    struct Arrivals: Codable, Equatable, Sendable {
        var process: String
        var rate: Double?
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
            process = load.process
            rate = result.plan.askedRate
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

extension ResultDocument {
    /// One stage of a load that changes, and what became of it.
    struct Stage: Codable, Equatable, Sendable {
        var startS: Double
        var durationS: Double
        var from: Double
        var target: Double
        var seconds: Int
        var asked: Double?
        var achieved: Double?

        enum CodingKeys: String, CodingKey {
            case startS = "start_s"
            case durationS = "duration_s"
            case from, target, seconds, asked, achieved
        }

        init(_ account: StageAccount) {
            startS = Double(account.start) / 1e9
            durationS = Double(account.duration) / 1e9
            from = account.from
            target = account.target
            seconds = account.seconds
            asked = account.asked
            achieved = account.achieved
        }
    }
}

extension ResultDocument.Plan {
    /// Recorded arrivals.
    struct Trace: Codable, Equatable, Sendable {
        var file: String
        var format: String
        var rows: UInt64
        var speed: Double
        var fromS: Double
        var toS: Double?
        var promptTokens: UInt64
        var answerTokens: UInt64

        enum CodingKeys: String, CodingKey {
            case file, format, rows, speed
            case fromS = "from_s"
            case toS = "to_s"
            case promptTokens = "prompt_tokens"
            case answerTokens = "answer_tokens"
        }

        init(_ trace: TraceFacts) {
            let summary = trace.summary
            file = trace.path
            format = trace.format.rawValue
            rows = summary.rows
            speed = trace.speed
            fromS = Double(summary.window.start) / 1e9
            toS = summary.window.end.map { Double($0) / 1e9 }
            promptTokens = summary.inputTokens
            answerTokens = summary.outputTokens
        }
    }
}
