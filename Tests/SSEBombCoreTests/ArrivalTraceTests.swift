// Traces from file to rows: every format, windows, loops, files longer than what is kept of them,
// and files that are refused with the line and what was expected there.

import Foundation
import Testing

@testable import SSEBombCore

/// Runs `body` with the path of a file that holds `text`.
private func withFile<Result>(_ text: String, _ body: (String) throws -> Result) throws -> Result {
    let path = NSTemporaryDirectory() + "ssebomb-trace-\(UUID().uuidString)"
    try Data(text.utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

private func fixture(_ name: String) -> String {
    Project.root.appending(path: "Tests/Fixtures/traces/\(name)").path
}

private func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes, as: UTF8.self)
}

/// The rows of a trace in words: time, tokens, blocks, body, session.
private func rows(_ trace: ArrivalTrace) -> [String] {
    var cursor = trace.cursor()
    var all: [String] = []
    while let row = cursor.row {
        let tokens = [row.inputTokens, row.outputTokens].map { $0.map(String.init) ?? "-" }
        let blocks = Array(row.blocks).map(String.init).joined(separator: ",")
        all.append(
            (["\(row.time)"] + tokens + [blocks, text(row.body), text(row.session)])
                .joined(separator: "|")
        )
        cursor.advance()
    }
    return all
}

@Suite("Traces") struct ArrivalTraceTests {
    @Test("Each format is recognised by its first line, and read to the digit")
    func formats() throws {
        let mooncake = try ArrivalTrace(fixture("mooncake.jsonl"))
        #expect(mooncake.format == .mooncake)
        #expect(
            rows(mooncake) == [
                "0|600|12|7,8||", "0|1025|3|7,9,10||", "250500000|512|1|7||",
                "1000000000|1|40|11||",
            ]
        )
        let summary = mooncake.summary
        #expect(summary.rows == 4 && summary.lastOffset == 1_000_000_000)
        #expect(summary.inputTokens == 2_138 && summary.outputTokens == 56)

        let burst = try ArrivalTrace(fixture("burstgpt.csv"))
        #expect(burst.format == .burstgpt)
        #expect(
            rows(burst) == [
                "0|472|18|||", "0|1087|0|||", "1000000000|417|276|||", "40000000000|1360|647|||",
            ]
        )
        let sessions = try ArrivalTrace(fixture("burstgpt-sessions.csv"))
        #expect(sessions.format == .burstgpt)
        #expect(
            rows(sessions) == [
                "0|10|20|||s-1", "1250000000|60|20|||s-1", "1500000000|100|200|||",
            ]
        )
        let azure = try ArrivalTrace(fixture("azure.csv"))
        #expect(azure.format == .azure)
        #expect(rows(azure) == ["0|374|44|||", "314579000|396|109|||", "541877000|879|55|||"])

        let own = try ArrivalTrace(fixture("own.jsonl"))
        #expect(own.format == .ssebomb)
        #expect(
            rows(own) == [
                "100000000|20|5|||a",
                #"200000000|-|-||{"model": "m", "stream": true, "messages": []}|17"#,
                "250000000|-|-|||",
            ]
        )
    }

    @Test("Line ends, a byte order mark, blank lines and a missing last line end don't matter")
    func lineEnds() throws {
        let plain = try String(contentsOfFile: fixture("azure.csv"), encoding: .utf8)
        let expected = rows(try ArrivalTrace(fixture("azure.csv")))
        for changed in [
            plain.replacing("\n", with: "\r\n"), "\u{FEFF}" + plain, "\n\n" + plain,
            plain.replacing("\n", with: "\n \r\n"), String(plain.dropLast()),
        ] {
            let found = try withFile(changed) { rows(try ArrivalTrace($0)) }
            #expect(found == expected)
        }
    }

    @Test("A window takes the rows from its start up to its end, and counts from its start")
    func windows() throws {
        let path = fixture("mooncake.jsonl")
        let part = try ArrivalTrace(
            path,
            window: TraceWindow(start: 100_000_000, end: 1_000_000_000)
        )
        #expect(rows(part) == ["150500000|512|1|7||"] && part.summary.rows == 1)
        let rest = try ArrivalTrace(path, window: TraceWindow(start: 250_500_000))
        #expect(rows(rest) == ["0|512|1|7||", "749500000|1|40|11||"])
        let beginning = try ArrivalTrace(path, window: TraceWindow(end: 1))
        #expect(rows(beginning).count == 2)
        #expect(throws: SetupError.self) {
            try ArrivalTrace(path, window: TraceWindow(start: 2_000_000_000))
        }
        // Offsets of the program's own format are those of the run.
        let own = try ArrivalTrace(fixture("own.jsonl"), window: TraceWindow(start: 150_000_000))
        #expect(rows(own).first?.hasPrefix("50000000|") == true && own.summary.rows == 2)
    }

    @Test("A replay lasts to its last arrival, or to the end of the window, at its speed")
    func duration() throws {
        let path = fixture("mooncake.jsonl")
        let whole = try ArrivalTrace(path)
        #expect(TraceReplay(whole).duration == 1_001_000_000)
        #expect(TraceReplay(whole, speed: 4).duration == 251_000_000)
        #expect(TraceReplay(whole, speed: 0.5).duration == 2_001_000_000)
        let part = try ArrivalTrace(path, window: TraceWindow(end: 600_000_000))
        #expect(TraceReplay(part).duration == 251_000_000)
        let long = try ArrivalTrace(path, window: TraceWindow(end: 1_000_000_001))
        #expect(TraceReplay(long).duration == 1_000_000_001)
        let load = OpenLoad(TraceReplay(whole, speed: 2))
        #expect(load.process == "trace" && abs(load.rate - 4 / 0.501) < 1e-9)
    }

    @Test("Loops share the arrivals of a trace by their number, each with its row")
    func loops() throws {
        let lines = (0..<100).map {
            #"{"offset_ms": \#($0 * 7), "input_tokens": \#($0), "session": "s\#($0 % 3)"}"#
        }
        try withFile(lines.joined(separator: "\n")) { path in
            let load = OpenLoad(TraceReplay(try ArrivalTrace(path), speed: 7))
            for loops in [1, 2, 3, 8] {
                var seen: [UInt32] = []
                for loop in 0..<loops {
                    var pacer = ArrivalPacer(
                        load,
                        seed: 1,
                        start: Instant(nanoseconds: 5),
                        end: .distantFuture,
                        limit: 90,
                        loop: loop,
                        of: loops
                    )
                    while pacer.next != .distantFuture {
                        let tokens = try #require(pacer.row?.inputTokens)
                        #expect(pacer.next.nanoseconds == 5 + Int64(tokens) * 1_000_000)
                        seen.append(tokens)
                        #expect(UInt64(tokens) == pacer.number)
                        pacer.advance()
                    }
                }
                #expect(seen.sorted() == Array(0..<90))
            }
        }
    }

    @Test("Processes share the arrivals of a trace, each with its row")
    func ranks() throws {
        let lines = (0..<50).map { #"{"offset_ms": \#($0 * 7), "input_tokens": \#($0)}"# }
        try withFile(lines.joined(separator: "\n")) { path in
            let load = OpenLoad(TraceReplay(try ArrivalTrace(path)))
            var seen: [UInt32] = []
            for rank in (0..<3).map({ ProcessRank($0, of: 3) }) {
                var pacer = ArrivalPacer(
                    load,
                    seed: 1,
                    start: Instant(nanoseconds: 5),
                    end: .distantFuture,
                    limit: nil,
                    rank: rank,
                    loop: 0,
                    of: 1
                )
                while pacer.next != .distantFuture {
                    let tokens = try #require(pacer.row?.inputTokens)
                    #expect(pacer.next.nanoseconds == 5 + Int64(tokens) * 7_000_000)
                    #expect(Int(tokens) % 3 == rank.number)
                    seen.append(tokens)
                    pacer.advance()
                }
            }
            #expect(seen.sorted() == Array(0..<50))
        }
    }

    @Test("A trace of one instant has no rate", arguments: [1, 3])
    func noRate(rows: Int) throws {
        let lines = (0..<rows).map { _ in #"{"at": 0}"# }
        try withFile(lines.joined(separator: "\n")) { path in
            let load = OpenLoad(TraceReplay(try ArrivalTrace(path)))
            #expect(load.rate == 0)
        }
    }

    @Test("A file longer than what is kept of it is read to its end, more than once")
    func long() throws {
        // 80 MB: what lies 16 MB back is given back to the kernel on the way.
        let filler = String(repeating: "x", count: 4_000)
        let lines = (0..<20_000).map {
            #"{"at": \#($0), "body": {"number": \#($0), "f": "\#(filler)"}}"#
        }
        try withFile(lines.joined(separator: "\n")) { path in
            let trace = try ArrivalTrace(path)
            #expect(trace.summary.rows == 20_000)
            for _ in 0..<2 {
                var cursor = trace.cursor()
                let first = try #require(cursor.row)
                var count = 0
                while let row = cursor.row {
                    if count % 999 == 0 {
                        #expect(text(row.body).hasPrefix("{\"number\": \(count),"))
                    }
                    #expect(row.time == Int64(count) * 1_000_000_000)
                    count += 1
                    cursor.advance()
                }
                #expect(count == 20_000)
                // Given back, and still there.
                #expect(text(first.body).hasPrefix("{\"number\": 0,"))
            }
        }
    }

    // MARK: What is refused

    struct Bad: Sendable, CustomTestStringConvertible {
        let text: String
        let line: Int
        let part: String
        var testDescription: String { part }
    }

    private static let mooncake =
        #"{"timestamp": 5, "input_length": 3, "output_length": 1, "hash_ids": [1]}"# + "\n"
    private static let burst = "Timestamp,Model,Request tokens,Response tokens\n"
    private static let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n"

    static let bad: [Bad] = [
        Bad(text: "\n\n", line: 2, part: "blank lines"),
        Bad(text: "hello\n", line: 1, part: "expected JSON lines"),
        Bad(text: "\u{7F}ELF\u{2}\u{1}\u{1}\n", line: 1, part: "expected JSON lines"),
        Bad(text: "a,b,c\n1,2,3\n", line: 1, part: "Timestamp, Request"),
        Bad(text: "[{\"timestamp\": 1}]", line: 1, part: "expected JSON lines"),
        Bad(text: "{\"foo\": 1}", line: 1, part: "offset_ms or at"),
        Bad(text: "{", line: 1, part: "not a JSON object"),
        Bad(text: mooncake + "{\"timestamp\": 5", line: 2, part: "not a JSON object"),
        Bad(text: mooncake + mooncake.dropLast() + " 1\n", line: 2, part: "not a JSON object"),
        Bad(text: mooncake + "\n7,3,1\n", line: 3, part: "not a JSON object"),
        Bad(text: mooncake + #"{"timestamp": 5}"#, line: 2, part: "input_length is missing"),
        Bad(
            text: mooncake + mooncake.replacing("[1]", with: "[1, 2]"),
            line: 2,
            part: "2 numbers: expected 1, one for each 512 tokens of input_length 3"
        ),
        Bad(
            text: mooncake.replacing(": 3", with: ": 513"),
            line: 1,
            part: "1 numbers: expected 2"
        ),
        Bad(text: mooncake.replacing("[1]", with: "[1.5]"), line: 1, part: "whole numbers"),
        Bad(text: mooncake.replacing("[1]", with: "[[1]]"), line: 1, part: "whole numbers"),
        Bad(text: mooncake.replacing("[1]", with: "7"), line: 1, part: "expected an array"),
        Bad(text: mooncake.replacing(": 5", with: ": -5"), line: 1, part: "'-5': expected milli"),
        Bad(text: mooncake.replacing(": 5", with: ": \"5\""), line: 1, part: "expected millisec"),
        Bad(text: mooncake.replacing(": 5", with: ": 1e30"), line: 1, part: "'1e30'"),
        Bad(text: mooncake.replacing(": 3", with: ": 3.5"), line: 1, part: "whole number"),
        Bad(text: mooncake.replacing(": 3", with: ": null"), line: 1, part: "'null'"),
        Bad(text: mooncake.replacing(": 3", with: ": 99999999"), line: 1, part: "16777216"),
        Bad(
            text: mooncake + mooncake.replacing(": 5", with: ": 3.75"),
            line: 2,
            part: "0.00125 s earlier than the row before it: sort"
        ),
        Bad(
            text: mooncake.replacing("{", with: "{\"timestamp\": 9, "),
            line: 1,
            part: "twice"
        ),
        Bad(text: burst + "5,x,3\n", line: 2, part: "3 columns: expected 4"),
        Bad(text: burst + "5,x,3,4,5\n", line: 2, part: "5 columns: expected 4"),
        Bad(text: burst + "5,\"x,3,4\n", line: 2, part: "quotation mark"),
        Bad(text: burst + "five,x,3,4\n", line: 2, part: "'five': expected seconds"),
        Bad(text: burst + "5,x,,4\n", line: 2, part: "prompt tokens are ''"),
        Bad(text: burst + "5,x,3,many\n", line: 2, part: "answer tokens are 'many'"),
        Bad(text: burst + "5,x,3,4\n4,x,3,4\n", line: 3, part: "1.0 s earlier"),
        Bad(text: azure + "2023-11-16,3,4\n", line: 2, part: "18:15:46.6805900"),
        Bad(text: azure + "\u{1B}[2J,3,4\n", line: 2, part: "'?[2J'"),
        Bad(text: #"{"at": 1, "offset_ms": 1000}"#, line: 1, part: "keep one"),
        Bad(text: "{\"at\": 1}\n{\"session\": 1}", line: 2, part: "expected offset_ms"),
        Bad(text: #"{"at": 1, "body": "text"}"#, line: 1, part: "expected a JSON object"),
        Bad(text: #"{"at": 1, "body": {}, "input_tokens": 4}"#, line: 1, part: "both given"),
        Bad(
            text: #"{"at": 1, "body": {"a": tru}}"#,
            line: 1,
            part: "byte 10 of body: expected 'true'"
        ),
        Bad(
            text: "{\"at\": 1}\n" + #"{"at": 2, "body": {"a": 1,}}"#,
            line: 2,
            part: "byte 9 of body: expected a member name"
        ),
        Bad(text: #"{"at": 1, "session": {}}"#, line: 1, part: "a string or a whole number"),
        Bad(text: #"{"at": "soon"}"#, line: 1, part: "expected seconds"),
        Bad(
            text: "{\"at\": 1}\n{\"at\": 2, \"body\": {\"a\": \""
                + String(repeating: "x", count: 16 << 20) + "\"}}",
            line: 2,
            part: "16 MiB"
        ),
    ]

    @Test("What is wrong is named with its line and what was expected", arguments: bad)
    func refused(_ item: Bad) throws {
        try withFile(item.text) { path in
            let error = #expect(throws: SetupError.self) { try ArrivalTrace(path) }
            let sentence = try #require(error?.sentence)
            #expect(sentence.hasPrefix("--trace: \(path), line \(item.line): "), "\(sentence)")
            #expect(sentence.contains(item.part) && error?.kind == .usage, "\(sentence)")
            #expect(!sentence.contains("\n") && sentence.utf8.count < 700)
        }
    }

    @Test("A file without rows, or that is none, is refused")
    func noFile() throws {
        let cases: [(String, String)] = [
            ("/no/such/trace", "check the path"), ("/tmp", "regular file"),
            ("/dev/zero", "regular file"),
        ]
        for (path, part) in cases {
            let error = #expect(throws: SetupError.self) { try ArrivalTrace(path) }
            #expect(error?.sentence.contains(part) == true, "\(error?.sentence ?? "")")
        }
        for (text, part) in [("", "is empty"), (Self.burst, "has no row")] {
            try withFile(text) { path in
                let error = #expect(throws: SetupError.self) { try ArrivalTrace(path) }
                #expect(error?.sentence.contains(part) == true, "\(error?.sentence ?? "")")
            }
        }
    }

    @Test("A row with more tokens than the context has is refused")
    func context() throws {
        let path = fixture("mooncake.jsonl")
        #expect(try ArrivalTrace(path, mostTokens: 1_028).summary.rows == 4)
        let error = #expect(throws: SetupError.self) {
            try ArrivalTrace(path, mostTokens: 1_027)
        }
        #expect(
            error?.sentence == "--trace: \(path), line 2: prompt and answer have 1028 tokens:"
                + " --trace-context allows 1027"
        )
    }

    @Test("No cut of a file and no byte of it changed brings anything but rows or a sentence")
    func hostile() throws {
        for name in ["mooncake.jsonl", "burstgpt-sessions.csv", "azure.csv", "own.jsonl"] {
            let whole = Array(try Data(contentsOf: URL(filePath: fixture(name))))
            var random = SeededRandom(seed: 5)
            for round in 0..<300 {
                var bytes = whole
                if round % 2 == 0 {
                    bytes.removeLast(Int(random.unit() * Double(whole.count)))
                } else {
                    bytes[Int(random.unit() * Double(whole.count))] =
                        UInt8(truncatingIfNeeded: random.next())
                }
                let path = NSTemporaryDirectory() + "ssebomb-trace-\(UUID().uuidString)"
                try Data(bytes).write(to: URL(filePath: path))
                defer { try? FileManager.default.removeItem(atPath: path) }
                do {
                    let trace = try ArrivalTrace(path)
                    #expect(rows(trace).count == Int(trace.summary.rows))
                } catch {
                    #expect(error.sentence.contains("line ") || error.sentence.contains("row"))
                }
            }
        }
    }
}
