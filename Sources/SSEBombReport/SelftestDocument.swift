// The shape of the self-test's file: one machine, and each load that was tried on it. Names are
// stable: `run --calibration` and scripts read them. Times are integer nanoseconds, rates are per
// second. What the figures amount to is decided in SelftestJudgement.swift.

/// The whole document (docs/SELFTEST-FORMAT.md).
struct SelftestDocument: Codable, Equatable, Sendable {
    static let formatName = "ssebomb-selftest"
    /// Raised when a field changes its meaning or goes.
    static let formatVersion = 1

    var format = Self.formatName
    var formatVersion = Self.formatVersion
    var tool: ResultDocument.Tool
    var startedAt: String
    var interrupted = false
    var machine: SelftestMachine
    var setup: Setup
    var bounds = SelftestBounds()
    var cells: [Cell] = []
    /// By transport, at most one entry each.
    var trusted: [Trust] = []

    enum CodingKeys: String, CodingKey {
        case format
        case formatVersion = "format_version"
        case tool
        case startedAt = "started_at"
        case interrupted, machine, setup, bounds, cells, trusted
    }
}

extension SelftestDocument {
    /// Who ran where.
    struct Setup: Codable, Equatable, Sendable {
        var mockCPUs: [Int32]
        var clientCPUs: [Int32]
        /// Client and mock had one CPU between them.
        var sharedCPU: Bool

        enum CodingKeys: String, CodingKey {
            case mockCPUs = "mock_cpus"
            case clientCPUs = "client_cpus"
            case sharedCPU = "shared_cpu"
        }
    }

    /// One load and what came of it.
    struct Cell: Codable, Equatable, Sendable {
        var transport: SelftestTransport
        /// Streams held at once, over all loops.
        var streams: Int
        /// Events a second of each stream.
        var rate: Double
        /// Events of each stream.
        var tokens: Int
        /// Loop threads of the client.
        var loops: Int
        var completed: UInt64
        var events: Events
        var scheduleSlips: UInt64
        /// Nil without events.
        var cpuNsPerEvent: Double?
        /// Absent where one side has no sample.
        var ttft: Comparison?
        var gap: Comparison?
        var deliveryLag: Lag?
        /// The run's own.
        var verdict: ResultDocument.VerdictRecord
        var outcome: SelftestOutcome

        enum CodingKeys: String, CodingKey {
            case transport, streams, rate, tokens, loops, completed, events
            case scheduleSlips = "schedule_slips"
            case cpuNsPerEvent = "cpu_ns_per_event"
            case ttft, gap
            case deliveryLag = "delivery_lag"
            case verdict, outcome
        }
    }

    /// Events a second, all streams together.
    struct Events: Codable, Equatable, Sendable {
        /// Streams times rate.
        var asked: Double
        /// By the gaps that the client saw; absent without gaps.
        var achieved: Double?
        /// By the gaps between the mock's own sends; absent without gaps.
        var sent: Double?
    }

    /// One latency, as the client reports it and as it was.
    struct Comparison: Codable, Equatable, Sendable {
        /// Samples of the client, and of the mock.
        var count: UInt64
        var trueCount: UInt64
        var p50: Figure
        var p99: Figure
        var max: Figure

        enum CodingKeys: String, CodingKey {
            case count
            case trueCount = "true_count"
            case p50, p99, max
        }
    }

    /// One figure of a latency.
    struct Figure: Codable, Equatable, Sendable {
        var reported: Int64
        var truth: Int64
        /// `reported - truth`.
        var error: Int64

        init(reported: Int64, truth: Int64) {
            self.reported = reported
            self.truth = truth
            error = reported - truth
        }

        enum CodingKeys: String, CodingKey {
            case reported
            case truth = "true"
            case error
        }
    }

    /// The client's own delay.
    struct Lag: Codable, Equatable, Sendable {
        var p50: Int64
        var p99: Int64
    }

    /// How far one transport can be trusted.
    struct Trust: Codable, Equatable, Sendable {
        var transport: SelftestTransport
        var streams: Int
        var rate: Double
        var loops: Int
        /// Greatest error of this cell and every smaller one.
        var within: Int64
    }
}

/// How the streams of a cell were carried.
public enum SelftestTransport: String, Codable, CaseIterable, Sendable {
    /// TCP alone.
    case plain
    /// TLS with the mock's own certificate.
    case tls

    /// As it stands in tables and sentences.
    public var title: String { self == .plain ? "plain" : "TLS" }
}

/// What a cell shows of the client.
enum SelftestOutcome: String, Codable, Sendable {
    /// Every figure within its bound, and the run's own verdict valid.
    case within
    /// A figure beyond its bound.
    case off
    /// The run's own verdict speaks against it.
    case notValid = "not_valid"
    /// Not every stream came to its end, or the sides saw different samples.
    case incomplete
    /// The mock could not send what was asked: nothing was shown about the client.
    case mockLate = "mock_late"
}

/// The bounds that a cell is held against.
struct SelftestBounds: Codable, Equatable, Sendable {
    /// Of a median, and of a p99, in nanoseconds.
    var p50: Int64 = 200_000
    var p99: Int64 = 1_000_000
    /// The least share of the asked events that the mock has to have sent.
    var sent = 0.99
}
