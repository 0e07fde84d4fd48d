// The request log's lines and file, and what the reports say of it.

import Foundation
import Glibc
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

private func name(_ text: String) -> ShortName {
    var text = text
    return text.withUTF8 { ShortName(UnsafeRawBufferPointer($0)) }
}

private func at(_ offset: Int64) -> Instant { Instant(nanoseconds: 1_000 + offset) }

/// A completed request of the only class.
private let plain = RequestRecord(
    classNumber: 0,
    loop: 1,
    stream: 7,
    request: 2,
    number: 41,
    turn: 0,
    outcome: .completed,
    failure: nil,
    status: 200,
    finishReason: name("stop"),
    isMeasured: true,
    isSlowReader: false,
    sched: at(-5),
    conn0: .none,
    conn1: .none,
    tls1: .none,
    send0: at(10),
    sendN: at(12),
    hdr: at(20),
    ev0: at(21),
    tok0: at(22),
    out0: at(23),
    tokN: at(90),
    done: at(99),
    events: 12,
    tokenEvents: 10,
    windowEvents: 9,
    windowTokenEvents: 8,
    tokens: 11,
    hasUsage: true,
    promptTokens: 5,
    cachedTokens: -1,
    reasoningTokens: 0,
    maxGap: 40,
    requestBytes: 300,
    bodyBytes: 4_000
)

@Suite struct RequestLogTests {
    private let scratch = ScratchDirectory()
    private let start = RunStart(at: at(0), wall: 1_700_000_000_000_000_000)

    private func log(
        _ file: String = "r.ndjson",
        classes: [String] = [""],
        secret: String = "nothing-secret"
    ) throws -> RequestLogFile {
        var request = try SampleRun.plan().request
        request.headers.append(HeaderField(name: "X-Key", value: secret))
        return try RequestLogFile(
            path: file.hasPrefix("/") ? file : "\(scratch.path)/\(file)",
            classes: classes,
            redaction: Redaction([request]),
            echoes: EchoSearch([]),
            isStored: false
        )
    }

    private func line(_ record: RequestRecord, _ log: RequestLogFile) -> String {
        var bytes: [UInt8] = []
        log.line(record, start, &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("a line has its members in the documented order")
    func line() throws {
        #expect(
            try line(plain, log())
                == #"{"run_started_unix_ns":1700000000000000000,"class":null,"loop":1,"stream":7,"#
                + #""request":2,"number":41,"turn":null,"outcome":"completed","failure":null,"#
                + #""status":200,"finish_reason":"stop","measured":true,"slow_reader":false,"#
                + #""sched_ns":-5,"conn0_ns":null,"conn1_ns":null,"tls1_ns":null,"send0_ns":10,"#
                + #""sendN_ns":12,"hdr_ns":20,"ev0_ns":21,"tok0_ns":22,"out0_ns":23,"tokN_ns":90,"#
                + #""done_ns":99,"max_gap_ns":40,"events":12,"token_events":10,"#
                + #""window_events":9,"window_token_events":8,"tokens":11,"#
                + #""basis":"usage","prompt_tokens":5,"cached_tokens":null,"reasoning_tokens":0,"#
                + #""request_bytes":300,"body_bytes":4000}"# + "\n"
        )
    }

    @Test("a request that failed says why, and which class and turn it was")
    func failed() throws {
        var record = plain
        (record.outcome, record.failure) = (.failed, .timeoutHeader)
        (record.status, record.finishReason) = (0, ShortName())
        (record.hdr, record.done) = (.none, at(Int64.max - 2_000))
        (record.classNumber, record.turn, record.maxGap) = (1, 3, -1)
        (record.hasUsage, record.isMeasured, record.isSlowReader) = (false, false, true)
        let text = try line(record, log(classes: ["chat", "a \"b\"\\\u{1}é"]))
        let members = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        )
        #expect(members["class"] as? String == "a \"b\"\\\u{1}é")
        #expect(members["failure"] as? String == "timeout_header")
        #expect(members["outcome"] as? String == "failed" && members["turn"] as? Int == 3)
        for name in ["status", "finish_reason", "hdr_ns", "max_gap_ns"] {
            #expect(members[name] is NSNull, "\(name)")
        }
        #expect(members["basis"] as? String == "event" && members["measured"] as? Bool == false)
        #expect((members["done_ns"] as? NSNumber)?.int64Value == Int64.max - 1_000 - 1_000)
    }

    @Test("a finish reason that is a secret, or no text, is neither shown nor breaks the line")
    func reasons() throws {
        let log = try log(secret: "canary-secret-value")
        var record = plain
        record.finishReason = name("canary-secret-value\u{7}")
        #expect(line(record, log).contains(#""finish_reason":"***\u0007","#))
        let bytes: [UInt8] = [0xFF, 0x22, 0x0A]
        record.finishReason = bytes.withUnsafeBytes { ShortName($0) }
        #expect(line(record, log).contains("\"finish_reason\":\"\u{FFFD}\\\"\\u000a\","))
        // More kinds than are remembered are told all the same.
        for number in 0..<100 {
            record.finishReason = name("reason \(number)")
            #expect(line(record, log).contains("\"reason \(number)\""))
        }
    }

    @Test("the log takes its name at the end, whole; given up it leaves nothing")
    func file() throws {
        do {
            let log = try log()
            let aside = try #require(log.aside)
            let many = Array(repeating: plain, count: 1_000)
            many.withUnsafeBufferPointer { log.append($0, from: start) }
            #expect(scratch.names.map { "\(scratch.path)/\($0)" } == [aside])
            try log.finish()
            #expect(scratch.names == ["r.ndjson"])
            let lines = try String(contentsOfFile: "\(scratch.path)/r.ndjson", encoding: .utf8)
                .split(separator: "\n")
            let expected = line(plain, log).dropLast()
            #expect(lines.count == 1_000 && lines.allSatisfy { $0 == expected })
            let other = try self.log()
            [plain].withUnsafeBufferPointer { other.append($0, from: start) }
            #expect(scratch.names.count == 2)
        }
        #expect(scratch.names == ["r.ndjson"])
    }

    @Test("a disk that is full is told at the end, with the flag")
    func full() throws {
        let log = try log("/dev/full")
        Array(repeating: plain, count: 2_000).withUnsafeBufferPointer {
            log.append($0, from: start)
        }
        let error = #expect(throws: OutputError.self) { try log.finish() }
        #expect(error?.sentence.contains("--per-request") == true)
    }

    @Test("the report and the result file have the log's counts, and a remedy for what was lost")
    func reports() throws {
        var plan = try SampleRun.plan()
        plan.recordsRequests = true
        var result = SampleRun.full(plan)
        func text() -> String {
            TextReport(result, verdict: .judge(result), color: false).render()
                .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        #expect(!text().contains("request log"))
        var log = LogCounts()
        log.written = 1_234
        result.counts.requestLog = log
        #expect(text().contains("request log 1,234 requests, 0 lost"))
        #expect(!text().contains("found the log behind"))
        result.counts.requestLog?.lost = 5
        #expect(text().contains("1,234 requests, 5 lost"))
        #expect(text().contains("leave the client a CPU more"))
        let file = ResultFile(
            result,
            verdict: .judge(result),
            context: RunContext(toolVersion: "1")
        )
        #expect(try SchemaCheck().errors(in: file.encoded()) == [])
        #expect(file.document.counts.requestLog?.written == 1_234)
        #expect(file.document.counts.requestLog?.lost == 5)
    }
}
