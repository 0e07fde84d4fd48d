// The event log's lines and file, and what the reports say of send times and of the log.

import Foundation
import Glibc
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

private let plainEvent = LoggedEvent(
    stream: 12,
    request: 3,
    event: 1,
    at: Instant(nanoseconds: 1_000_000_007),
    sent: nil,
    window: 0,
    isToken: false
)

@Suite struct EventLogTests {
    private let scratch = ScratchDirectory()

    private func line(_ event: LoggedEvent) -> String {
        var bytes: [UInt8] = []
        EventLogFile.line(event, &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("a line has its members in the documented order")
    func line() {
        #expect(
            line(plainEvent)
                == #"{"stream":12,"request":3,"event":1,"at_ns":1000000007,"sent_ns":null,"#
                + #""one_way_ns":null,"window_ns":0,"token":false}"# + "\n"
        )
        var event = plainEvent
        event.sent = Instant(nanoseconds: 1_000_000_000)
        event.window = 42
        event.isToken = true
        #expect(
            line(event)
                == #"{"stream":12,"request":3,"event":1,"at_ns":1000000007,"sent_ns":1000000000,"#
                + #""one_way_ns":7,"window_ns":42,"token":true}"# + "\n"
        )
        event.sent = Instant(nanoseconds: 1_000_000_010)
        #expect(line(event).contains(#""one_way_ns":-3,"#))
    }

    @Test("a line holds the greatest and least numbers")
    func extremes() throws {
        var event = plainEvent
        event.stream = .max
        event.at = Instant(nanoseconds: .max)
        event.sent = Instant(nanoseconds: 1)
        event.window = .max
        let object = try JSONSerialization.jsonObject(with: Data(line(event).utf8))
        let members = try #require(object as? [String: Any])
        #expect((members["stream"] as? NSNumber)?.uint64Value == .max)
        #expect((members["at_ns"] as? NSNumber)?.int64Value == .max)
        #expect((members["one_way_ns"] as? NSNumber)?.int64Value == Int64.max - 1)
    }

    @Test("the log takes its name at the end, whole")
    func file() throws {
        let log = try EventLogFile(path: "\(scratch.path)/e.ndjson")
        let aside = try #require(log.aside)
        // More than one block of the file.
        let many = Array(repeating: plainEvent, count: 4_000)
        many.withUnsafeBufferPointer { log.append($0) }
        #expect(scratch.names.map { "\(scratch.path)/\($0)" } == [aside])
        try log.finish()
        #expect(scratch.names == ["e.ndjson"])
        var status = stat()
        let size = Int64(line(plainEvent).utf8.count * many.count)
        #expect(stat("\(scratch.path)/e.ndjson", &status) == 0 && Int64(status.st_size) == size)
    }

    @Test("a log that is given up leaves nothing, and what had its name before")
    func givenUp() throws {
        let path = "\(scratch.path)/e.ndjson"
        try AtomicFile.write(Array("old".utf8), to: path)
        do {
            let log = try EventLogFile(path: path)
            [plainEvent].withUnsafeBufferPointer { log.append($0) }
            #expect(scratch.names.count == 2)
        }
        #expect(scratch.names == ["e.ndjson"])
        #expect(scratch.contents("e.ndjson") == "old")
    }

    @Test("a disk that fills up is told at the end, with the flag, and leaves nothing")
    func fullDisk() throws {
        let path = "\(scratch.path)/e.ndjson"
        var left = 6
        do {
            let file = try GrowingFile(path: path, flag: "--event-log") {
                descriptor,
                bytes,
                count in
                if left > 0 {
                    let written = Glibc.write(descriptor, bytes, min(count, left))
                    left -= written
                    return written
                }
                errno = ENOSPC
                return -1
            }
            try file.append(Array("four".utf8))
            let error = #expect(throws: OutputError.self) { try file.append(Array("more".utf8)) }
            #expect(error?.code == ENOSPC)
            #expect(error?.sentence.contains("another disk with --event-log") == true)
        }
        #expect(scratch.names.isEmpty)
        // A device that is always full.
        let log = try EventLogFile(path: "/dev/full")
        Array(repeating: plainEvent, count: 10_000).withUnsafeBufferPointer { log.append($0) }
        #expect(throws: OutputError.self) { try log.finish() }
    }
}

@Suite struct SendTimeReportTests {
    private func run(read: UInt64, missing: UInt64, beforeSend: UInt64) throws -> RunResult {
        var plan = try SampleRun.plan()
        plan.sendTime = SendTimePath(
            path: JSONPath(steps: [.init(key: Array("sent_at".utf8), index: nil)]),
            unit: .ms
        )
        plan.loggedStreams = 100
        var result = SampleRun.full(plan)
        var times = SendTimeCounts()
        (times.read, times.missing, times.beforeSend) = (read, missing, beforeSend)
        result.counts.sendTimes = times
        var log = LogCounts()
        (log.written, log.lost) = (5_000, 0)
        result.counts.eventLog = log
        if read > beforeSend {
            result.histograms[.oneWay] = spread(Int(read - beforeSend), from: 0.01, to: 0.05)
        }
        return result
    }

    /// The report in one line, so that a wrapped sentence can be looked for.
    private func text(_ result: RunResult) -> String {
        TextReport(result, verdict: .judge(result), color: false).render().split(
            whereSeparator: \.isWhitespace
        )
        .joined(separator: " ")
    }

    @Test("send times that are fine are one line, and a row of the table")
    func fine() throws {
        let report = text(try run(read: 1_000, missing: 400, beforeSend: 5))
        #expect(report.contains("send times 1,000 read, 400 events without one, 5 after the"))
        #expect(report.contains("one_way 995 30.0µs"))
        #expect(report.contains("event log 5,000 events of 100 streams, 0 lost"))
        for remedy in ["ssebomb probe", "isn't this machine's", "Name the unit", "log behind"] {
            #expect(!report.contains(remedy), "\(remedy)")
        }
    }

    @Test("a path that leads nowhere, another clock and a wrong unit are told with the remedy")
    func remedies() throws {
        let lost = text(try run(read: 400, missing: 1_000, beforeSend: 0))
        #expect(lost.contains("without a number at 'sent_at:ms'") && lost.contains("ssebomb probe"))
        let other = text(try run(read: 1_000, missing: 0, beforeSend: 11))
        #expect(other.contains("the sender's clock isn't this machine's"))
        var unit = try run(read: 1_000, missing: 0, beforeSend: 0)
        unit.histograms[.oneWay] = spread(1_000, from: 60_001, to: 90_000)
        #expect(text(unit).contains("is 'ms' the unit at 'sent_at:ms'"))
    }

    @Test("lost events of the log are told with the remedy")
    func lost() throws {
        var result = try run(read: 10, missing: 0, beforeSend: 0)
        result.counts.eventLog?.lost = 7
        let report = text(result)
        #expect(report.contains("5,000 events of 100 streams, 7 lost"))
        #expect(report.contains("lower --event-log-streams"))
    }

    @Test("the report keeps to its width, and the file to its schema")
    func shapes() throws {
        let result = try run(read: 100, missing: 1_000, beforeSend: 50)
        for line in TextReport(result, verdict: .judge(result), color: false).render().split(
            separator: "\n"
        )
        where !line.hasPrefix("    | ") {
            #expect(line.count <= 80, "\(line)")
        }
        let file = ResultFile(
            result,
            verdict: .judge(result),
            context: RunContext(toolVersion: "1")
        )
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
        #expect(file.document.counts.sentAt?.beforeSend == 50)
        #expect(file.document.counts.eventLog?.written == 5_000)
        #expect(file.document.plan.sentAt == "sent_at:ms")
        #expect(file.document.plan.eventLogStreams == 100)
        #expect(file.document.metrics["one_way"]?.count == 50)
    }
}
