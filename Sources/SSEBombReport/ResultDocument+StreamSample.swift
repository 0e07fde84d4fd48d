// The result file's `stream_sample`: its shape, how it is made of sampled streams, and how it is
// read back. A text for each stream, since a number a line would take several times the room. Must
// not know how streams are drawn.

import SSEBombCore

extension ResultDocument {
    /// A few streams, token by token.
    struct StreamSampleRecord: Codable, Equatable, Sendable {
        var unit = Self.unit
        var streams: [Stream]

        static let unit = "us"

        /// One stream.
        struct Stream: Codable, Equatable, Sendable {
            var stream: UInt64
            /// From the start of the run.
            var fullAt: Int64?
            /// Words: a letter that says what happened, none for a token, and the time since the
            /// word before.
            var events: String

            enum CodingKeys: String, CodingKey {
                case stream
                case fullAt = "full_at"
                case events
            }
        }

        /// - Parameter lanes: rounded, from `start` on.
        init(_ lanes: [StreamSample.Lane], from start: Instant) {
            streams = lanes.map { Stream($0, from: start) }
        }
    }
}

/// What the letter before a word's number says.
private enum Mark: Character {
    /// A request begins; the number is its own.
    case request = "r"
    case connect = "c"
    case send = "s"
    case completed = "e"
    case failed = "f"
    case cancelled = "x"
    case cut = "u"

    init?(_ end: LoggedEvent.Kind) {
        switch end {
        case .completed: self = .completed
        case .failed: self = .failed
        case .cancelled: self = .cancelled
        case .cut: self = .cut
        case .event, .connect, .send: return nil
        }
    }

    /// How a request ended that ends with this; nil for what ends none.
    var end: LoggedEvent.Kind? {
        switch self {
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        case .cut: .cut
        case .request, .connect, .send: nil
        }
    }
}

// MARK: - Writing

extension ResultDocument.StreamSampleRecord.Stream {
    fileprivate init(_ lane: StreamSample.Lane, from start: Instant) {
        stream = lane.stream
        fullAt = lane.fullAt.map { ($0 - start) / 1_000 }
        var words: [String] = []
        var latest = start
        func append(_ mark: Mark?, _ at: Instant) {
            words.append((mark.map { String($0.rawValue) } ?? "") + "\((at - latest) / 1_000)")
            latest = at
        }
        for request in lane.requests {
            words.append("\(Mark.request.rawValue)\(request.number)")
            if let connect = request.connect { append(.connect, connect) }
            if let send = request.send { append(.send, send) }
            for token in request.tokens { append(nil, token) }
            if let end = request.end { append(Mark(end.kind), end.at) }
        }
        events = words.joined(separator: " ")
    }
}

// MARK: - Reading

extension ResultDocument.StreamSampleRecord {
    /// Stamps of the kernel's clock may lie so far behind the end that ours gave the run,
    /// nanoseconds.
    private static let most: Int64 = 1_000_000_000

    /// The streams of a run that began at `start` and took `length` nanoseconds.
    func lanes(from start: Instant, length: Int64) throws(ResultFault) -> [StreamSample.Lane] {
        guard unit == Self.unit else { throw .unknown("stream_sample.unit", unit) }
        guard streams.count <= StreamSample.mostStreams else {
            throw .field("stream_sample.streams: more than \(StreamSample.mostStreams)")
        }
        var lanes: [StreamSample.Lane] = []
        for record in streams {
            guard record.stream > lanes.last?.stream ?? 0 else {
                throw .field("stream_sample.streams: not in the order of their numbers")
            }
            let fault = ResultFault.field("stream_sample.streams: stream \(record.stream)")
            guard let lane = record.lane(from: start, until: length + Self.most) else {
                throw fault
            }
            lanes.append(lane)
        }
        return lanes
    }
}

extension ResultDocument.StreamSampleRecord.Stream {
    /// Nil where that isn't what is written.
    fileprivate func lane(from start: Instant, until end: Int64) -> StreamSample.Lane? {
        var lane = StreamSample.Lane(stream: stream)
        let end = end / 1_000
        if let fullAt {
            guard (0...end).contains(fullAt) else { return nil }
            lane.fullAt = start + fullAt * 1_000
        }
        var latest: Int64 = 0
        for word in events.split(separator: " ", omittingEmptySubsequences: false) {
            guard let (mark, number) = Self.parts(word) else { return nil }
            if mark == .request {
                guard number > 0, lane.requests.count < StreamSample.mostRequests else {
                    return nil
                }
                lane.requests.append(StreamSample.Request(number: UInt64(number)))
                continue
            }
            guard number <= end - latest, let last = lane.requests.indices.last else { return nil }
            latest += number
            if mark == nil {
                lane.tokenCount += 1
                guard lane.tokenCount <= StreamSample.mostTokens else { return nil }
            }
            guard lane.requests[last].take(mark, start + latest * 1_000) else { return nil }
        }
        return lane
    }

    /// A word's letter, if it has one, and its number.
    private static func parts(_ word: Substring) -> (mark: Mark?, number: Int64)? {
        let mark = word.first.flatMap { Mark(rawValue: $0) }
        let digits = mark == nil ? word : word.dropFirst()
        // `Int64` takes a sign, too.
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int64(digits) else {
            return nil
        }
        return (mark, number)
    }
}

extension StreamSample.Request {
    /// False where that can't come next.
    fileprivate mutating func take(_ mark: Mark?, _ at: Instant) -> Bool {
        guard end == nil else { return false }
        switch mark {
        case nil: tokens.append(at)
        case .connect?:
            guard connect == nil, send == nil, tokens.isEmpty else { return false }
            connect = at
        case .send?:
            guard send == nil, tokens.isEmpty else { return false }
            send = at
        case let mark?:
            guard let kind = mark.end else { return false }
            end = StreamSample.End(at: at, kind: kind)
        }
        return true
    }
}
