// A few streams of a run, kept token by token for a picture of them: which requests, when each
// connected, was sent, brought its tokens and ended. Bounded in streams, requests and tokens. Must
// not know how it is drawn.

public import SSEBombCore

/// Takes what the loops tell of sampled streams, on the coordinator's thread.
public final class StreamSample {
    /// One stream.
    struct Lane: Sendable, Equatable {
        var stream: UInt64
        /// In order; the first may have begun before the sample.
        var requests: [Request] = []
        var tokenCount = 0
        /// From here on something is missing.
        var fullAt: Instant?
    }

    /// One request of a stream.
    struct Request: Sendable, Equatable {
        var number: UInt64
        /// nil where the connection was kept.
        var connect: Instant?
        /// nil until the request has ended.
        var send: Instant?
        var tokens: [Instant] = []
        var end: End?
    }

    /// How a request ended.
    struct End: Sendable, Equatable {
        var at: Instant
        var kind: LoggedEvent.Kind
    }

    /// More rows can't be told apart.
    public static let mostStreams = 20
    /// Tokens kept of each stream: their ticks still stand apart on a wide screen.
    static let mostTokens = 400
    static let mostRequests = 50

    private let from: Instant
    private var byStream: [UInt64: Lane] = [:]

    /// Keeps what happens from this instant on.
    public init(from: Instant) { self.from = from }

    /// By stream.
    var lanes: [Lane] { byStream.values.sorted { $0.stream < $1.stream } }

    /// Takes what was told, in the order of each stream.
    public func append(_ records: UnsafeBufferPointer<LoggedEvent>) {
        for record in records { append(record) }
    }

    func append(_ record: LoggedEvent) {
        let isKnown = byStream[record.stream] != nil
        guard isKnown || (record.at >= from && byStream.count < Self.mostStreams) else { return }
        var lane = byStream.removeValue(forKey: record.stream) ?? Lane(stream: record.stream)
        if record.at >= from || lane.requests.last?.number == record.request {
            lane.append(record)
        }
        byStream[record.stream] = lane
    }
}

extension StreamSample.Lane {
    /// What a request's records have in common with its events is its number: they are told at its
    /// end, with the times at which they happened.
    fileprivate mutating func append(_ record: LoggedEvent) {
        if requests.last?.number != record.request {
            guard fullAt == nil else { return }
            guard requests.count < StreamSample.mostRequests else {
                fullAt = record.at
                return
            }
            requests.append(StreamSample.Request(number: record.request))
        }
        let last = requests.count - 1
        switch record.kind {
        case .event:
            guard record.isToken, fullAt == nil else { return }
            guard tokenCount < StreamSample.mostTokens else {
                fullAt = record.at
                return
            }
            tokenCount += 1
            requests[last].tokens.append(record.at)
        case .connect: requests[last].connect = record.at
        case .send: requests[last].send = record.at
        case .completed, .failed, .cancelled, .cut:
            requests[last].end = StreamSample.End(at: record.at, kind: record.kind)
        }
    }
}

extension StreamSample.Lane {
    /// To the precision of a result file: whole microseconds from `start`, none before the one it
    /// follows.
    func rounded(from start: Instant) -> Self {
        var lane = self
        var latest = start
        func rounded(_ at: Instant) -> Instant {
            latest = max(latest, start + (at - start) / 1_000 * 1_000)
            return latest
        }
        for index in requests.indices {
            let request = requests[index]
            lane.requests[index].connect = request.connect.map(rounded)
            lane.requests[index].send = request.send.map(rounded)
            lane.requests[index].tokens = request.tokens.map(rounded)
            if let end = request.end { lane.requests[index].end?.at = rounded(end.at) }
        }
        lane.fullAt = fullAt.map { max(start, start + ($0 - start) / 1_000 * 1_000) }
        return lane
    }
}
