// Single requests in the result file: the very lines come back, what has no room is counted, and
// whatever else stands in the file is refused.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct RequestArchiveTests {
    private let scratch = ScratchDirectory()
    private let wall: Int64 = 1_700_000_000_000_123_456
    private let start = Instant(nanoseconds: 5_000)

    /// A request whose numbers all differ, and whose stamps are taken or not by `seed`.
    private func record(_ seed: Int, _ generator: inout SeededRandom) -> RequestRecord {
        func stamp() -> Instant {
            Bool.random(using: &generator)
                ? start + Int64.random(in: -1_000_000...3_600_000_000_000, using: &generator)
                : .none
        }
        func count() -> Int64 { Int64.random(in: -1...1 << 40, using: &generator) }
        var reason = "reason \(seed % 5)"
        return RequestRecord(
            classNumber: UInt32(seed % 2),
            loop: 1,
            stream: UInt64(seed),
            request: 2,
            number: UInt64(seed) * 3,
            turn: UInt32(seed % 3),
            outcome: RequestRecord.Outcome(rawValue: UInt8(seed % 4)) ?? .cut,
            failure: seed % 4 == 1 ? StreamFailure(rawValue: UInt8(seed % 19)) : nil,
            status: UInt16(seed % 600),
            finishReason: seed % 7 == 0
                ? ShortName() : reason.withUTF8 { ShortName(UnsafeRawBufferPointer($0)) },
            isMeasured: seed % 2 == 0,
            isSlowReader: seed % 3 == 0,
            sched: stamp(),
            conn0: stamp(),
            conn1: stamp(),
            tls1: stamp(),
            send0: stamp(),
            sendN: stamp(),
            hdr: stamp(),
            ev0: stamp(),
            tok0: stamp(),
            out0: stamp(),
            tokN: stamp(),
            done: stamp(),
            events: UInt32(seed % 1_000),
            tokenEvents: 4,
            windowEvents: .max,
            windowTokenEvents: 0,
            tokens: max(0, count()),
            hasUsage: seed % 2 == 1,
            promptTokens: count(),
            cachedTokens: count(),
            reasoningTokens: -1,
            maxGap: count(),
            requestBytes: UInt64(seed),
            bodyBytes: UInt64(max(0, count()))
        )
    }

    /// A log's file, and what it keeps of these requests.
    private func logged(
        _ requests: [RequestRecord],
        classes: [String] = ["chat", "a \"b\""]
    ) throws -> (lines: [UInt8], stored: StoredRequests) {
        let path = "\(scratch.path)/q"
        let log = try RequestLogFile(
            path: path,
            classes: classes,
            redaction: Redaction([SampleRun.plan().request]),
            echoes: EchoSearch([]),
            isStored: true
        )
        requests.withUnsafeBufferPointer {
            log.append($0, from: RunStart(at: start, wall: wall))
        }
        try log.finish()
        return (Array(try Data(contentsOf: URL(filePath: path))), try #require(log.stored))
    }

    @Test("the lines of stored requests are those of the run", arguments: [0, 1, 2_000])
    func lines(count: Int) throws {
        var generator = SeededRandom(seed: 7)
        let (lines, stored) = try logged((0..<count).map { record($0, &generator) })
        #expect(stored.count == count && stored.leftOut == 0)
        #expect(stored.lines == lines)
        // Through the file.
        let base = wall / 1_000_000 * 1_000_000
        let section = ResultDocument.RequestsRecord(stored, startedAt: base)
        let back = try section.requests(startedAt: base)
        if count > 0 { #expect(back == stored) }
        #expect(back.lines == lines)
        #expect(
            section.names.finishReasons
                == (count > 1
                    ? (1...4).map { "reason \($0)" } + [
                        "reason 0"
                    ] : [])
        )
    }

    @Test("one class of load has no name")
    func single() throws {
        var generator = SeededRandom(seed: 1)
        let (lines, stored) = try logged([record(3, &generator)], classes: [""])
        #expect(String(decoding: lines, as: UTF8.self).contains(#""class":null,"#))
        #expect(stored.lines == lines && stored.names.classes == [])
    }

    @Test("what has no room is counted: the beginning is kept, as is what names remain")
    func bounds() throws {
        var generator = SeededRandom(seed: 9)
        let archive = RequestArchive(RequestNames(classes: ["a", "b"]), room: 4_096)
        var row = RequestRow()
        for number in 0..<100 {
            row.fill(record(number, &generator), from: start, reason: nil, hasClasses: true)
            archive.append(row, startedAt: wall)
        }
        let stored = archive.stored
        #expect(stored.count > 10 && stored.count < 100)
        #expect(stored.leftOut == UInt64(100 - stored.count))
        #expect(stored.lines.split(separator: UInt8(ascii: "\n")).count == stored.count)
        // The 65th finish reason has no place.
        let many = (0..<70).map { number in
            var request = record(4, &generator)
            var text = "why \(number)"
            request.finishReason = text.withUTF8 { ShortName(UnsafeRawBufferPointer($0)) }
            return request
        }
        let (lines, named) = try logged(many)
        #expect(named.count == 64 && named.leftOut == 6 && named.names.finishReasons.count == 64)
        let text = String(decoding: lines, as: UTF8.self)
        #expect(text.contains(#""finish_reason":"why 69""#))
        #expect(lines.starts(with: named.lines) && named.lines.count < lines.count)
    }

    @Test("requests that can't be are refused with the field's name")
    func damaged() throws {
        var generator = SeededRandom(seed: 3)
        let (_, stored) = try logged((0..<50).map { record($0, &generator) })
        let base = wall / 1_000_000 * 1_000_000
        let sound = ResultDocument.RequestsRecord(stored, startedAt: base)
        func fault(_ change: (inout ResultDocument.RequestsRecord) -> Void) -> String? {
            var record = sound
            change(&record)
            do throws(ResultFault) {
                _ = try record.requests(startedAt: base)
                return nil
            } catch {
                return error.cause
            }
        }
        func packed(_ columns: [UInt8]) -> String {
            Data(ZLibFormat.compress(columns)).base64EncodedString()
        }
        #expect(fault { _ in } == nil)
        let data = "is damaged (requests.data)"
        #expect(fault { $0.data = "" } == data)
        #expect(fault { $0.data = "AA==" } == data)
        #expect(fault { $0.data.removeLast(8) } == data)
        #expect(fault { $0.kept += 1 } == data)
        #expect(fault { $0.kept -= 1 } == data)
        #expect(fault { $0.kept = 0 } == data)
        #expect(fault { $0.kept = .max } == data)
        #expect(fault { $0.names.finishReasons.removeLast() } == data)
        #expect(fault { $0.names.classes = [] } == data)
        #expect(fault { $0.data = packed(stored.columns.dropLast()) } == data)
        #expect(fault { $0.data = packed(stored.columns + [0]) } == data)
        // Words of eleven bytes, and columns that exceed what is ever written.
        #expect(fault { $0.data = packed(Array(repeating: 0xFF, count: 900)) } == data)
        #expect(fault { $0.data = packed(Array(repeating: 0, count: 5 << 20)) } == data)
        #expect(fault { $0.startOffsetNs = 1_000_000 } == "is damaged (requests.start_offset_ns)")
        #expect(fault { $0.columns.removeLast() }?.contains("requests.columns") == true)
        // Any other byte leaves sound requests or a fault, never a crash.
        for place in stride(from: 0, to: stored.columns.count, by: 7) {
            var columns = stored.columns
            columns[place] ^= 0x55
            let cause = fault { $0.data = packed(columns) }
            #expect(cause == nil || cause == data)
        }
    }

    @Test(
        "a number comes back from its word",
        arguments: [0, 1, -1, 63, 64, -64, Int64.max, Int64.min + 1, RequestRow.none]
    )
    func words(value: Int64) {
        for reference in [0, 7, -9, Int64(1) << 60] {
            let word = Varint.code(value, after: reference)
            // The one difference whose word would be 0 is further than any two values are apart.
            guard value == RequestRow.none || word != 0 else { continue }
            #expect(Varint.value(word, after: reference) == value)
        }
        #expect(Varint.code(RequestRow.none, after: 5) == 0)
    }
}
