// The shape of the result file's parts that describe a run, its plan and its counts. Names are
// stable: scripts read them. Optional fields are absent where nothing was measured; a 0 is always a
// measured 0. Holds no logic.

/// The whole document.
///
/// What came after the first release of a schema version is optional, so that older files are read;
/// the writer always fills it in.
struct ResultDocument: Codable, Equatable, Sendable {
    /// Raised when a field changes its meaning or goes; new fields don't count.
    static let schemaVersion = 1

    var schemaVersion = Self.schemaVersion
    var tool: Tool
    var run: Run
    var plan: Plan
    var environment: Environment
    var verdict: VerdictRecord
    var counts: Counts
    var arrivals: Arrivals?
    var stages: [Stage]?
    var rates: Rates
    var sessions: SessionsRecord?
    /// By `Metric`'s raw values.
    var metrics: [String: MetricRecord]
    var intervals: [IntervalRecord]
    var classes: [ClassRecord]?
    var intervalS: Int
    var client: ClientRecord
    var errors: [ErrorRecord]
    var thresholds: [ThresholdRecord]?
    var streamSample: StreamSampleRecord?
    var requests: RequestsRecord?

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case tool, run, plan, environment, verdict, counts, arrivals, stages, rates, sessions
        case metrics, intervals
        case intervalS = "interval_s"
        case classes, client, errors, thresholds, requests
        case streamSample = "stream_sample"
    }
}

extension ResultDocument {
    /// Who wrote the document.
    struct Tool: Codable, Equatable, Sendable {
        var name: String
        var version: String
    }

    /// When and how long.
    struct Run: Codable, Equatable, Sendable {
        var id: String
        var startedAt: String
        var lengthS: Double?
        var measuredS: Double
        var steadyS: Int?
        var steadyStartS: Int?
        var interrupted: Bool
        var signal: String?
        var pausedS: Double?
        var labels: [String: String]
        var command: [String]?
        var merged: Merged?

        /// What a result was merged from, and the window that its rates are of.
        struct Merged: Codable, Equatable, Sendable {
            var parts: [String]
            var ranks: [Rank]?
            var sameWindow: Bool?
            var commonStartS: Double?
            var commonS: Double?
            var firstStartS: Double?

            /// A process of a load that several shared.
            struct Rank: Codable, Equatable, Sendable {
                var rank: Int
                var of: Int
                var seed: UInt64
            }

            enum CodingKeys: String, CodingKey {
                case parts, ranks
                case sameWindow = "same_window"
                case firstStartS = "first_start_s"
                case commonStartS = "common_start_s"
                case commonS = "common_s"
            }
        }

        enum CodingKeys: String, CodingKey {
            case id
            case startedAt = "started_at"
            case lengthS = "length_s"
            case measuredS = "measured_s"
            case steadyS = "steady_s"
            case steadyStartS = "steady_start_s"
            case interrupted, signal
            case pausedS = "paused_s"
            case labels, command, merged
        }
    }

    /// What one class of load came to, where there are several.
    struct ClassRecord: Codable, Equatable, Sendable {
        var name: String
        var measuredS: Double?
        var steadyS: Int?
        var plan: Plan
        var counts: Counts
        var arrivals: Arrivals?
        var stages: [Stage]?
        var rates: Rates
        var sessions: SessionsRecord?
        var metrics: [String: MetricRecord]
        var intervals: [IntervalRecord]
        var errors: [ErrorRecord]

        enum CodingKeys: String, CodingKey {
            case name
            case measuredS = "measured_s"
            case steadyS = "steady_s"
            case plan, counts, arrivals, stages, rates, sessions, metrics, intervals, errors
        }
    }

    /// The machine.
    struct Environment: Codable, Equatable, Sendable {
        var kernel: String?
        var cpus: Int?
        var cpuModel: String?
        var machine: String?
        var limits: Limits
        var tls: TLS?

        struct Limits: Codable, Equatable, Sendable {
            var descriptors: UInt64?
            var ports: Int?
        }

        struct TLS: Codable, Equatable, Sendable {
            var library: String
        }

        enum CodingKeys: String, CodingKey {
            case kernel, cpus
            case cpuModel = "cpu_model"
            case machine, limits, tls
        }
    }

    /// Whether the run is to be believed.
    struct VerdictRecord: Codable, Equatable, Sendable {
        var state: String
        var reasons: [Reason]
        var server: [Reason]
        var calibration: Calibration.Coverage?

        struct Reason: Codable, Equatable, Sendable {
            var code: String
            var state: String?
            var sentence: String
            var value: Double
            var bound: Double
            var parts: Int?
        }
    }

    /// What happened how often.
    struct Counts: Codable, Equatable, Sendable {
        var requests: Requests
        var slo: Objectives?
        var failures: [String: UInt64]
        var status: [String: UInt64]
        var finishReasons: [String: UInt64]
        var events: UInt64
        var tokenEvents: UInt64
        var reasoningEvents: UInt64
        var toolEvents: UInt64?
        var eventTypes: [String: UInt64]
        var comments: UInt64
        var retries: UInt64
        var unknownEvents: UInt64
        var coalesced: Coalesced
        var lateStamps: UInt64?
        var lumps: Lumps?
        var stampsReplaced: UInt64?
        var clockSteps: UInt64?
        var fullReads: UInt64
        var clipped: UInt64
        var sentAt: SentAt?
        var eventLog: Log?
        var requestLog: Log?
        var subscriptions: Subscriptions?
        var tokens: Tokens?
        var bytes: Bytes
        var connections: Connections

        struct Requests: Codable, Equatable, Sendable {
            var started: UInt64
            var completed: UInt64
            var failed: UInt64
            var cancelled: UInt64
            var cut: UInt64
            var dropped: UInt64?
            var slowReaders: UInt64?
            var completedInWindow: UInt64
            var outsideWindow: UInt64
            var retriedStale: UInt64
            var backoffS: Double

            enum CodingKeys: String, CodingKey {
                case started, completed, failed, cancelled, cut, dropped
                case slowReaders = "slow_readers"
                case completedInWindow = "completed_in_window"
                case outsideWindow = "outside_window"
                case retriedStale = "retried_stale"
                case backoffS = "backoff_s"
            }
        }

        /// Requests by what they had to keep.
        struct Objectives: Codable, Equatable, Sendable {
            var good: UInt64
            var goodInWindow: UInt64
            var bad: UInt64
            var undecided: UInt64
            /// By limit, as it was written.
            var missed: [String: UInt64]

            enum CodingKeys: String, CodingKey {
                case good
                case goodInWindow = "good_in_window"
                case bad, undecided, missed
            }
        }

        struct Coalesced: Codable, Equatable, Sendable {
            var atArrival: UInt64
            var atReading: UInt64

            enum CodingKeys: String, CodingKey {
                case atArrival = "at_arrival"
                case atReading = "at_reading"
            }
        }

        /// Streams whose tokens came in one lump, or mostly in bursts, of those with enough tokens
        /// to tell.
        struct Lumps: Codable, Equatable, Sendable {
            var streams: UInt64
            var bursts: UInt64?
            var of: UInt64
        }

        /// Streams that reconnect when they end.
        struct Subscriptions: Codable, Equatable, Sendable {
            var accepted: UInt64
            var reconnects: UInt64
            var ended: UInt64
        }

        struct SentAt: Codable, Equatable, Sendable {
            var read: UInt64
            var missing: UInt64
            var beforeSend: UInt64

            enum CodingKeys: String, CodingKey {
                case read, missing
                case beforeSend = "before_send"
            }
        }

        struct Log: Codable, Equatable, Sendable {
            var written: UInt64
            var lost: UInt64
        }

        struct Tokens: Codable, Equatable, Sendable {
            var completion: UInt64
            /// Of the former and of `prompt` those of completed requests, and the requests that
            /// had any of the former; not in files from before they were counted.
            var ofCompleted: UInt64?
            var promptOfCompleted: UInt64?
            var requestsWithTokens: UInt64?
            /// Those that arrived in the measured window; of merged results alone, whose rates are
            /// of another one.
            var inWindow: Double?
            var prompt: UInt64?
            var requestsWithPrompt: UInt64?
            var cached: UInt64?
            var reasoning: UInt64?
            var basis: String

            enum CodingKeys: String, CodingKey {
                case completion
                case requestsWithTokens = "requests_with_tokens"
                case ofCompleted = "of_completed"
                case promptOfCompleted = "prompt_of_completed"
                case inWindow = "in_window"
                case prompt
                case requestsWithPrompt = "requests_with_prompt"
                case cached, reasoning, basis
            }
        }

        struct Bytes: Codable, Equatable, Sendable {
            var received: UInt64
            var sent: UInt64
            var plaintext: UInt64?
            var body: UInt64
        }

        struct Connections: Codable, Equatable, Sendable {
            var opened: UInt64
            var reused: UInt64
            var tlsResumed: UInt64?

            enum CodingKeys: String, CodingKey {
                case opened, reused
                case tlsResumed = "tls_resumed"
            }
        }

        enum CodingKeys: String, CodingKey {
            case requests, slo, failures, status
            case finishReasons = "finish_reasons"
            case events
            case tokenEvents = "token_events"
            case reasoningEvents = "reasoning_events"
            case toolEvents = "tool_events"
            case eventTypes = "event_types"
            case comments, retries
            case unknownEvents = "unknown_events"
            case coalesced, lumps
            case lateStamps = "late_stamps"
            case stampsReplaced = "stamps_replaced"
            case clockSteps = "clock_steps"
            case fullReads = "full_reads"
            case clipped
            case sentAt = "sent_at"
            case eventLog = "event_log"
            case requestLog = "request_log"
            case subscriptions
            case tokens, bytes, connections
        }
    }

    /// Per second, over the measured and the steady window.
    struct Rates: Codable, Equatable, Sendable {
        var requests: Double?
        var tokens: Double?
        var basis: String?
        var events: Double?
        var goodput: Double?
        var attainment: Double?
        var steady: Steady?

        struct Steady: Codable, Equatable, Sendable {
            var requests: Double
            var tokens: Double?
            var events: Double
            var goodput: Double?
        }
    }
}
