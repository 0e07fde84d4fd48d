// The shape of the result file's parts that describe what was timed: metrics, the time line, the
// client's own account, the kept errors and the gates. Times are integer nanoseconds unless the
// name ends in `_s`. Holds no logic.

extension ResultDocument {
    /// One latency: its figures and the histogram they come from.
    struct MetricRecord: Codable, Equatable, Sendable {
        var unit = "ns"
        var basis: String?
        var count: UInt64
        var clipped: UInt64?
        var unfinished: Unfinished?
        var sum: UInt64?
        var mean: Int64?
        var stddev: Int64?
        var min: Int64?
        var max: Int64?
        var p50: Int64?
        var p90: Int64?
        var p95: Int64?
        var p99: Int64?
        var p999: Int64?
        var unsupported: [String]?
        var histogram: String?

        /// Waits that never ended.
        struct Unfinished: Codable, Equatable, Sendable {
            var count: UInt64
            var greatestAge: Int64
            /// Of the ages.
            var histogram: String?

            enum CodingKeys: String, CodingKey {
                case count
                case greatestAge = "greatest_age"
                case histogram
            }
        }
    }

    /// One stretch of the time line.
    struct IntervalRecord: Codable, Equatable, Sendable {
        var startS: Int
        var requests: Requests
        var tokens: Double?
        var tokenEvents: UInt64
        var events: UInt64
        var inFlight: Double?
        var busy: Double?
        var ttft: Latency
        var gap: Latency
        var tpot: Latency?
        var e2e: Latency?
        var failures: [String: UInt64]

        struct Requests: Codable, Equatable, Sendable {
            var started: UInt64
            var completed: UInt64
            var completedInWindow: UInt64?
            var failed: UInt64
            var cancelled: UInt64?
            var good: UInt64?
            var bad: UInt64?
            var goodInWindow: UInt64?

            enum CodingKeys: String, CodingKey {
                case started, completed
                case completedInWindow = "completed_in_window"
                case failed, cancelled, good, bad
                case goodInWindow = "good_in_window"
            }
        }

        struct Latency: Codable, Equatable, Sendable {
            var count: UInt64
            var p50: Int64?
            var p99: Int64?
            var histogram: String?
        }

        enum CodingKeys: String, CodingKey {
            case startS = "start_s"
            case requests, tokens
            case tokenEvents = "token_events"
            case events
            case inFlight = "in_flight"
            case busy
            case ttft, gap, tpot, e2e, failures
        }
    }

    /// What the client says of itself.
    struct ClientRecord: Codable, Equatable, Sendable {
        var clock: String?
        var clockStreams: ClockStreams
        var priority: String?
        var loops: [Loop]
        var cpuS: CPU
        var peakRSSBytes: Int64?
        var cpuNsPerEvent: Double?
        var throttledS: Double?
        var memoryStallS: Double?

        struct ClockStreams: Codable, Equatable, Sendable {
            var kernel: UInt64
            var user: UInt64
        }

        struct Loop: Codable, Equatable, Sendable {
            var cpu: Int32?
            var busy: Double?
            var events: UInt64
            var reads: UInt64
            var wakeups: UInt64
            var involuntarySwitches: Int64
            var runQueueWaitS: Double?
            var windowS: Double?
            var pausedS: Double?
            var priority: String?
            var priorityGivenUpAtS: Double?

            enum CodingKeys: String, CodingKey {
                case cpu, busy, events, reads, wakeups
                case involuntarySwitches = "involuntary_switches"
                case runQueueWaitS = "run_queue_wait_s"
                case windowS = "window_s"
                case pausedS = "paused_s"
                case priority
                case priorityGivenUpAtS = "priority_given_up_at_s"
            }
        }

        struct CPU: Codable, Equatable, Sendable {
            var user: Double
            var system: Double
        }

        enum CodingKeys: String, CodingKey {
            case clock
            case clockStreams = "clock_streams"
            case priority, loops
            case cpuS = "cpu_s"
            case peakRSSBytes = "peak_rss_bytes"
            case cpuNsPerEvent = "cpu_ns_per_event"
            case throttledS = "throttled_s"
            case memoryStallS = "memory_stall_s"
        }
    }

    /// One kind of failure with a sample.
    struct ErrorRecord: Codable, Equatable, Sendable {
        var kind: String
        var status: Int?
        var count: UInt64
        var firstAtS: Double?
        var detail: String?
        var sample: String?

        enum CodingKeys: String, CodingKey {
            case kind, status, count
            case firstAtS = "first_at_s"
            case detail, sample
        }
    }

    /// A gate and what became of it.
    struct ThresholdRecord: Codable, Equatable, Sendable {
        var expression: String
        var scope: String?
        var metric: String
        var aggregate: String
        var `operator`: String
        var bound: Double
        var value: Double?
        var samples: UInt64
        var floor: UInt64
        var unfinished: UInt64?
        var outcome: String
        var sentence: String
        var endedRun: Bool?

        enum CodingKeys: String, CodingKey {
            case expression
            case scope = "class"
            case metric, aggregate, `operator`, bound, value, samples, floor
            case unfinished, outcome, sentence
            case endedRun = "ended_run"
        }
    }
}
