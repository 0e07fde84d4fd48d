// The shape of the result file's `plan`: what was asked for, resolved and without secrets. Holds no
// logic.

extension ResultDocument {
    /// The resolved plan.
    struct Plan: Codable, Equatable, Sendable {
        var url: String
        var method: String
        var headers: [String]
        var bodyBytes: Int?
        var samePrompt: Bool
        var requestDigest: String?
        var source: Source?
        var api: String?
        var apiFrom: String?
        var fields: [String]?
        var end: String?
        var addresses: [String]
        var sourceAddresses: [String]
        var tls: TLS?
        var model: String
        var streams: Int
        var rate: Double?
        var arrivals: String?
        var trace: Trace?
        var durationS: Double?
        var requests: UInt64?
        var rampS: Double
        var warmupS: Double
        var drainS: Double
        var thinkS: Double
        var turns: String?
        var think: String?
        var rampDownS: Double?
        var connectRate: Double?
        var seed: UInt64
        var rank: Int?
        var ranks: Int?
        var threads: Int
        var cpus: [Int32]
        var clock: String
        var priority: String?
        var until: String?
        var maxEvents: UInt64?
        var sentAt: String?
        var cancelAfter: String?
        var cancelShare: Double?
        var readRate: Double?
        var slowShare: Double?
        var eventsource: Bool?
        var eventLogStreams: Int?
        var slo: [Objective]?
        var timeouts: Timeouts
        var limits: Limits
        var keepalive: Bool
        var reuse: UInt32?

        enum CodingKeys: String, CodingKey {
            case url, method, headers
            case bodyBytes = "body_bytes"
            case samePrompt = "same_prompt"
            case requestDigest = "request_digest"
            case source, api
            case apiFrom = "api_from"
            case fields, end, addresses
            case sourceAddresses = "source_addresses"
            case tls, model, streams, rate, arrivals, trace
            case durationS = "duration_s"
            case requests
            case rampS = "ramp_s"
            case warmupS = "warmup_s"
            case drainS = "drain_s"
            case thinkS = "think_s"
            case turns, think
            case rampDownS = "ramp_down_s"
            case connectRate = "connect_rate"
            case seed, rank, ranks, threads, cpus, clock, priority, until
            case maxEvents = "max_events"
            case sentAt = "sent_at"
            case cancelAfter = "cancel_after"
            case cancelShare = "cancel_share"
            case readRate = "read_rate"
            case slowShare = "slow_share"
            case eventsource
            case eventLogStreams = "event_log_streams"
            case slo, timeouts, limits, keepalive, reuse
        }
    }
}

extension ResultDocument.Plan {
    /// Where requests that differ came from.
    struct Source: Codable, Equatable, Sendable {
        var kind: String
        var file: String?
        var rows: Int?
        var dropped: [Dropped]
        var order: String?
        var fromTrace: [String]?

        enum CodingKeys: String, CodingKey {
            case kind, file, rows, dropped, order
            case fromTrace = "from_trace"
        }
    }

    /// Rows of a file that a filter left out.
    struct Dropped: Codable, Equatable, Sendable {
        var reason: String
        var count: Int
    }

    /// What each request had to keep.
    struct Objective: Codable, Equatable, Sendable {
        var limit: String
        var metric: String
        /// That keeps it, nanoseconds.
        var greatest: Int64
    }

    /// How TLS was spoken; absent for plain connections.
    struct TLS: Codable, Equatable, Sendable {
        var verify: Bool
        var cacert: String?
        var cert: String?
        var sni: String?
        var min: String?
        var max: String?
        var ciphers: String?
    }

    /// The five limits of time; absent is unlimited.
    struct Timeouts: Codable, Equatable, Sendable {
        var connectS: Double?
        var headerS: Double?
        var firstEventS: Double?
        var idleS: Double?
        var totalS: Double?

        enum CodingKeys: String, CodingKey {
            case connectS = "connect_s"
            case headerS = "header_s"
            case firstEventS = "first_event_s"
            case idleS = "idle_s"
            case totalS = "total_s"
        }
    }

    /// The limits of what a server may send.
    struct Limits: Codable, Equatable, Sendable {
        var headBytes: Int
        var lineBytes: Int
        var eventBytes: Int
        var interimResponses: Int
        var chunkLineBytes: Int
        var trailerBytes: Int

        enum CodingKeys: String, CodingKey {
            case headBytes = "head_bytes"
            case lineBytes = "line_bytes"
            case eventBytes = "event_bytes"
            case interimResponses = "interim_responses"
            case chunkLineBytes = "chunk_line_bytes"
            case trailerBytes = "trailer_bytes"
        }
    }
}
