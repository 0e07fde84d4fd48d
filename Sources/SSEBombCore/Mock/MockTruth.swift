// What the mock knows about its own doing, merged over its loops: the figures that a client's
// report is held against. A value with a JSON form; knows no loop and no socket.

/// The mock's own account.
public struct MockTruth: Sendable {
    /// Kernel's arrival stamp of the request's last byte to the time just before the send of the
    /// first token-bearing event, nanoseconds.
    public internal(set) var ttft = HistogramSnapshot()
    /// Times just before the sends of consecutive token-bearing events of one stream, nanoseconds;
    /// 0 for events that were sent together.
    public internal(set) var gap = HistogramSnapshot()

    /// Connections accepted.
    public internal(set) var connections: UInt64 = 0
    /// Requests read whole.
    public internal(set) var requests: UInt64 = 0
    /// Streams begun: those that are open, and those that ended as completed, abandoned, broken or
    /// by a slow reader.
    public internal(set) var streams: UInt64 = 0
    /// Streams that are under way.
    public internal(set) var streamsOpen: UInt64 = 0
    /// Of the streams begun, those that went on after a `Last-Event-ID`.
    public internal(set) var resumed: UInt64 = 0
    /// Streams sent to their end.
    public internal(set) var completed: UInt64 = 0
    /// Token-bearing events sent, and tokens of answers that were not streamed.
    public internal(set) var tokens: UInt64 = 0
    /// Events sent, of any kind.
    public internal(set) var events: UInt64 = 0
    /// Calls of send(2), or writes to the TLS record layer.
    public internal(set) var sends: UInt64 = 0
    /// Bytes sent, before encryption.
    public internal(set) var bytes: UInt64 = 0
    /// Sends that the socket's buffer took in part or not at all, the rest being kept.
    public internal(set) var partialSends: UInt64 = 0
    /// Streams ended because their reader left more than 1 MiB unread.
    public internal(set) var slowReaders: UInt64 = 0
    /// Streams that the client left before their end.
    public internal(set) var abandoned: UInt64 = 0
    /// Streams that a fault ended.
    public internal(set) var broken: UInt64 = 0
    /// Reads of requests whose arrival is the time of the read, for lack of a plausible kernel
    /// stamp.
    public internal(set) var stampsReplaced: UInt64 = 0
    /// Times that a stream was more than a second behind its schedule, which then starts anew.
    public internal(set) var scheduleSlips: UInt64 = 0
    /// Faults committed, those that never happened left out.
    public internal(set) var faults: [(kind: FaultKind, count: UInt64)] = []
    /// CPU time of the loops in user mode, nanoseconds.
    public internal(set) var userTime: UInt64 = 0
    /// CPU time of the loops in the kernel, nanoseconds.
    public internal(set) var systemTime: UInt64 = 0

    /// CPU time per event, everything else that the loops did included; nil without events.
    public var cpuPerEvent: Double? {
        events == 0 ? nil : Double(userTime + systemTime) / Double(events)
    }

    init(reading loops: [MockCounters]) {
        for loop in loops {
            ttft.merge(HistogramSnapshot(reading: loop.ttft))
            gap.merge(HistogramSnapshot(reading: loop.gap))
            connections += loop[.connections]
            requests += loop[.requests]
            streams += loop[.streams]
            streamsOpen += loop[.streamsOpen]
            resumed += loop[.resumed]
            completed += loop[.completed]
            tokens += loop[.tokens]
            events += loop[.events]
            sends += loop[.sends]
            bytes += loop[.bytes]
            partialSends += loop[.partialSends]
            slowReaders += loop[.slowReaders]
            abandoned += loop[.abandoned]
            broken += loop[.broken]
            stampsReplaced += loop[.stampsReplaced]
            scheduleSlips += loop[.scheduleSlips]
            userTime += loop[.userTime]
            systemTime += loop[.systemTime]
        }
        for kind in FaultKind.allCases {
            let count = loops.reduce(0) { $0 + $1[kind] }
            if count > 0 { faults.append((kind, count)) }
        }
    }

    /// The account as one line of JSON. Times are integer nanoseconds; histograms are
    /// HdrHistogram's V2 compressed encoding in base64.
    public var json: String {
        var text = "{\"schema_version\":1,\"counts\":{"
        let counts: [(String, UInt64)] = [
            ("connections", connections), ("requests", requests), ("streams", streams),
            ("streams_open", streamsOpen), ("resumed", resumed), ("completed", completed),
            ("tokens", tokens),
            ("events", events), ("sends", sends), ("bytes", bytes),
            ("partial_sends", partialSends), ("slow_readers", slowReaders),
            ("abandoned", abandoned), ("broken", broken), ("stamps_replaced", stampsReplaced),
            ("schedule_slips", scheduleSlips),
        ]
        text += counts.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
        text += "},\"faults\":{"
        text += faults.map { "\"\($0.kind.word)\":\($0.count)" }.joined(separator: ",")
        text += "},\"cpu\":{\"user_ns\":\(userTime),\"system_ns\":\(systemTime)"
        if let cpuPerEvent { text += ",\"ns_per_event\":\(Int64(cpuPerEvent.rounded()))" }
        text += "},\"metrics\":{\"ttft\":\(Self.json(ttft)),\"gap\":\(Self.json(gap))}}"
        return text
    }

    private static func json(_ histogram: HistogramSnapshot) -> String {
        guard !histogram.isEmpty else { return "{\"unit\":\"ns\",\"count\":0}" }
        let percentiles = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("p999", 99.9)]
            .map { "\"\($0.0)\":\(histogram.percentile($0.1))" }
            .joined(separator: ",")
        return "{\"unit\":\"ns\",\"count\":\(histogram.count),"
            + "\"mean\":\(Int64(histogram.mean.rounded())),"
            + "\"stddev\":\(Int64(histogram.standardDeviation.rounded())),"
            + "\"min\":\(histogram.min),\"max\":\(histogram.max),\(percentiles),"
            + "\"histogram\":\"\(histogram.base64V2())\"}"
    }
}
