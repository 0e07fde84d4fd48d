// What `ssebomb probe` shows: everything that happened on one traced stream, in order. The loop
// appends, another thread takes; only a traced run pays for it.

import Synchronization

/// One thing that happened on the traced stream. `at` is nanoseconds since its start.
public enum TraceRecord: Sendable {
    /// TCP established.
    case connected(at: Int64, address: String)
    /// TLS established.
    case secured(at: Int64, version: String, cipher: String, resumed: Bool)
    /// Response head complete.
    case head(at: Int64, status: Int, headers: [HeaderField])
    /// One dispatched event.
    case event(TracedEvent)
    /// A comment line.
    case comment(at: Int64)
    /// A `retry` field, milliseconds.
    case retry(at: Int64, milliseconds: UInt32)
    /// The end of the stream.
    case end(TraceEnd)
}

/// A dispatched event with what the probe made of it.
public struct TracedEvent: Sendable {
    /// Arrival, nanoseconds since the start of the request.
    public var at: Int64
    /// Since the previous token-bearing event, on token-bearing events; nil on the first.
    public var gap: Int64?
    /// Type after defaulting.
    public var type: String
    /// Data, lines joined by LF, invalid UTF-8 replaced.
    public var data: String
    /// Last event id in force.
    public var id: String
    /// Whether it bears a token.
    public var isToken: Bool
    /// Its only tokens are reasoning.
    public var isReasoning: Bool
    /// The dialect could make nothing of it.
    public var isUnknown: Bool
    /// Shares its read with the previous token-bearing event.
    public var coalesced: Bool
    /// Arrival minus the event's own send time; nil without `--sent-at`, or where it has none.
    public var oneWay: Int64?
}

/// How the traced stream ended.
public struct TraceEnd: Sendable {
    /// nil when completed.
    public var failure: StreamFailure?
    /// The failure in words; empty when completed.
    public var detail: String
    /// The run ended before the stream did.
    public var cut: Bool
    /// HTTP status; nil without a response.
    public var status: Int?
    /// Whether the connection can carry another request.
    public var reusable: Bool
    /// Send to the first token, nanoseconds.
    public var ttft: Int64?
    /// Send (connect, where nothing was sent) to the end, nanoseconds.
    public var e2e: Int64
    /// As what the events were read.
    public var dialect: Dialect
    /// Finish reason as the server spells it.
    public var finishReason: String?
    /// From usage.
    public var completionTokens: Int64?
    /// From usage.
    public var promptTokens: Int64?
}

/// Records of one stream, handed from its loop to whoever shows them.
public final class EventTrace: Sendable {
    private let records = Mutex<[TraceRecord]>([])

    /// An empty trace.
    public init() {}

    /// Takes what has been recorded since the last call.
    public func drain() -> [TraceRecord] {
        records.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }

    func append(_ record: TraceRecord) { records.withLock { $0.append(record) } }
}
