// What one run shall do, resolved: every name looked up, every file read, every default filled in.
// Immutable once the clock runs; shared by all loops.

/// A complete, validated run.
public struct RunPlan: Sendable {
    // MARK: Target

    /// What is asked of which host.
    public var request: RequestSpecification
    /// Where requests that differ come from; nil sends the same bytes always.
    public var source: RequestSource?
    /// What a stored plan, which can't be carried out, still knows of its requests.
    public var storedRequests: RequestFacts?
    /// Where connections go; every address of the name, used in turn.
    public var addresses: [SocketAddress]
    /// Local addresses, used in turn; empty lets the kernel choose.
    public var sourceAddresses: [SocketAddress] = []
    /// Set for https.
    public var tls: TLSClientOptions?

    // MARK: Load

    /// Streams held open, over all loops; with `arrivals` the most that are open at a time.
    public var streams: Int
    /// Closed model: how many of the streams are held open at which time from the start of the run;
    /// nil holds all of them all the time. Not with `ramp`.
    public var stages: LoadLine?
    /// Time that a stream gets to finish where `stages` ask for fewer; then it is cut
    /// (nanoseconds).
    public var rampDown: Int64 = Nanoseconds.seconds(30)
    /// Set for the open model: requests start by this law, not when a stream ends.
    public var arrivals: OpenLoad?
    /// Measured time in nanoseconds; nil when `requests` alone ends the run.
    public var duration: Int64?
    /// Requests to start in all; nil when only time ends the run. Of all targets where `arrivals`
    /// are shared among them.
    public var requests: UInt64?
    /// Streams start at a random phase within this time (nanoseconds). Not with `arrivals`.
    public var ramp: Int64 = 0
    /// Time after the ramp that is not measured (nanoseconds).
    public var warmup: Int64 = 0
    /// Time that running streams get to finish after the measured window; 0 cuts at once.
    public var drain: Int64 = Nanoseconds.seconds(30)
    /// Pause of a slot between the end of a request and the next start (nanoseconds). Not with
    /// `arrivals`.
    public var think: Int64 = 0
    /// Connects started per second over all loops; 0 is unlimited. Not with `arrivals`, where
    /// connects follow these.
    public var connectRate: Double = Self.usualConnectRate
    /// Seed of everything random (arrivals, start phases, back-off jitter).
    public var seed: UInt64 = 1
    /// Which of several processes this is. `streams` and `requests` are this one's own; `arrivals`
    /// and `stages` are those of all.
    public var rank = ProcessRank.alone
    /// What a stored plan, whose numbers are all its own, still knows of that.
    public var storedRank: ProcessRank?
    /// Closed model: which numbers of the load's requests are the plan's.
    public var numbers = TargetNumbers.all

    /// Which streams the client gives up, and when; nil for none.
    public var cancellation: Cancellation?
    /// Streams are subscriptions that reconnect when they end (HTML standard, 9.2). Not with
    /// `arrivals`.
    public var eventSource = false
    /// Which streams are read slowly; nil for none.
    public var slowReaders: SlowReaders?

    /// Set where each slot is a user who has a conversation of several turns; `source` then makes
    /// turns, `requests` and `arrivals` are numbers of sessions. Not with `think`, stages, a trace
    /// or `eventSource`.
    public var sessions: Sessions?

    // MARK: Loops

    /// Number of loop threads, at least 1.
    public var threads: Int
    /// CPUs the loops are pinned to, loop i on `cpus[i % cpus.count]`.
    public var cpus: [Int32]
    /// Whose time an arrival is.
    public var clock: ArrivalClock = .kernel
    /// How loops are scheduled, where the machine permits.
    public var priority = LoopPriority.normal

    // MARK: Streams

    /// How events are read; `.undetermined` recognises it from the first events.
    public var dialect: Dialect = .undetermined
    /// Where `dialect` comes from; nil while it is undetermined. Set by the coordinator.
    public internal(set) var dialectOrigin: DialectOrigin?
    /// What `.custom` is read by.
    public var fields: FieldPaths?
    /// An event whose data equals this text (UTF-8) completes the stream.
    public var until: [UInt8]?
    /// This many events complete the stream.
    public var maxEvents: UInt64?
    /// Where each event's own send time stands; nil where it is not asked for.
    public var sendTime: SendTimePath?
    /// Streams of which every event is logged, over all loops; 0 logs none.
    public var loggedStreams = 0
    /// Streams whose events are handed over for a picture where none are logged; 0 for none.
    public var drawnStreams = 0
    /// Streams of which single events are handed over.
    var sampledStreams: Int { loggedStreams > 0 ? loggedStreams : drawnStreams }
    /// Whether every request is handed over when it is over.
    public var recordsRequests = false
    /// How many of them a loop holds until they are taken, besides one a stream.
    var requestRoom = RequestLog.usualRoom
    /// What a request has to keep to be a good one; nil where that is not asked for.
    public var objectives: ServiceObjectives?
    /// Limits of time; each has its own failure kind.
    public var timeouts = Timeouts()
    /// Limits of what a server may send.
    public var limits = WireLimits()
    /// Whether connections are used again.
    public var keepAlive = true
    /// Requests per connection; nil is as many as the server allows.
    public var reuseLimit: UInt32?

    /// Connects a second where nothing else is said: a listen backlog takes them.
    public static let usualConnectRate = 5_000.0

    /// A plan with everything else at its default.
    public init(
        request: RequestSpecification,
        addresses: [SocketAddress],
        streams: Int,
        duration: Int64?,
        threads: Int,
        cpus: [Int32]
    ) {
        self.request = request
        self.addresses = addresses
        self.streams = streams
        self.duration = duration
        self.threads = threads
        self.cpus = cpus
    }
}

/// Whose time an arrival is (`--clock`).
public enum ArrivalClock: String, Sendable {
    /// The kernel's receive stamp, the read's time where there is none.
    case kernel
    /// The time right after the read.
    case user
}

/// What reports say of a plan's requests.
public struct RequestFacts: Sendable, Equatable {
    /// Where they come from; nil where all are the same bytes.
    public var summary: SourceSummary?
    /// Whether bodies differ from request to request.
    public var hasVaryingBodies: Bool
    /// Tells requests from those of another plan; only of a stored one, and nil where it has none.
    public var digest: UInt32?

    /// Makes facts.
    public init(summary: SourceSummary?, hasVaryingBodies: Bool, digest: UInt32? = nil) {
        self.summary = summary
        self.hasVaryingBodies = hasVaryingBodies
        self.digest = digest
    }
}

extension RunPlan {
    /// What reports say of its requests.
    public var requestFacts: RequestFacts {
        storedRequests
            ?? RequestFacts(
                summary: source?.summary,
                hasVaryingBodies: source?.hasVaryingBodies == true
            )
    }
}

/// The five limits of time, nanoseconds; nil is "no limit".
public struct Timeouts: Sendable {
    /// TCP and TLS establishment (`--connect-timeout`, kind `connect_timeout`).
    public var connect: Int64? = Nanoseconds.seconds(10)
    /// Request start to complete response head (`--header-timeout`, `timeout_header`).
    public var header: Int64?
    /// Request start to the first event (`--first-event-timeout`, `timeout_first_event`).
    public var firstEvent: Int64?
    /// Longest silence after the head (`--idle-timeout`, `timeout_idle`).
    public var idle: Int64?
    /// Request start to its end (`--timeout`, `timeout_total`).
    public var total: Int64?

    /// Only connecting is limited, to 10 s.
    public init() {}
}
