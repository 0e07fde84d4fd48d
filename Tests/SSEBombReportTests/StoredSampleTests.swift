// The streams of a page in the result file: the same page again, how large they can become, and
// that only what was written is read.

import Foundation
import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct StoredSampleTests {
    private static let begin: Int64 = 77_000_000_123

    /// A run of 40 s with streams in which something of everything happened.
    static func sampled(_ length: Int64 = 40, fill: (StreamSample) -> Void) throws -> FinishedRun {
        var result = SampleRun.full(try SampleRun.plan())
        result.start = Instant(nanoseconds: begin)
        result.length = Nanoseconds.seconds(length)
        let sample = StreamSample(from: result.start + result.plan.ramp)
        fill(sample)
        return FinishedRun(
            result,
            verdict: .judge(result),
            context: RunContext(toolVersion: "1.2.3", command: ["ssebomb", "-c", "1"]),
            sample: sample
        )
    }

    private static func tell(
        _ sample: StreamSample,
        _ stream: UInt64,
        _ request: UInt64,
        _ microseconds: Double,
        _ kind: LoggedEvent.Kind
    ) {
        let at = begin + Int64(microseconds * 1_000)
        sample.append(record(stream, request, at, kind, isToken: kind == .event))
    }

    /// Every end, a kept connection, one that failed to open, one still open, and one cut off.
    static func some() throws -> FinishedRun {
        try sampled { sample in
            for at in [2_100_000.5, 2_150_001.25, 3_900_000] { tell(sample, 3, 1, at, .event) }
            tell(sample, 3, 1, 1_000_000, .connect)
            tell(sample, 3, 1, 1_000_100, .send)
            tell(sample, 3, 1, 3_900_100, .completed)
            tell(sample, 3, 2, 3_900_200, .send)
            tell(sample, 3, 2, 4_000_000, .failed)
            tell(sample, 3, 3, 4_000_100, .connect)
            tell(sample, 3, 3, 5_000_000, .cancelled)
            tell(sample, 3, 4, 5_100_000, .send)
            tell(sample, 3, 4, 6_000_000, .cut)
            tell(sample, 3, 5, 6_100_000, .event)
            for token in 0...StreamSample.mostTokens {
                tell(sample, 8, 1, 2_000_000 + 9_000 * Double(token), .event)
            }
        }
    }

    private static func page(_ run: FinishedRun) throws -> String {
        String(decoding: try RunExport.html.render(run), as: UTF8.self)
    }

    private static func text(_ run: FinishedRun) throws -> String {
        try unsealed(run.file.encoded())
    }

    @Test("the page of a stored result is that of the run, single streams included")
    func samePage() throws {
        let run = try Self.some()
        let bytes = try run.file.encoded()
        let stored = try reading(bytes)
        #expect(try Self.page(run).contains("<figure id=\"streams\">"))
        #expect(try Self.page(stored) == Self.page(run))
        #expect(try Self.text(stored) == unsealed(bytes))
        #expect(try SchemaCheck().errors(in: bytes) == [])
        let lanes = try #require(stored.lanes)
        #expect(lanes.map(\.stream) == [3, 8])
        let ends = lanes[0].requests.map { $0.end?.kind }
        #expect(ends == [.completed, .failed, .cancelled, .cut, nil])
        #expect(lanes[0].requests[0].tokens.map { $0 - stored.result.start }.first == 2_100_000_000)
        #expect(lanes[1].fullAt.map { $0 - stored.result.start } == 5_600_000_000)
    }

    @Test("words are times since the word before, in microseconds")
    func words() throws {
        let file = try Self.some().file.document
        let streams = try #require(file.streamSample?.streams)
        #expect(
            streams[0].events == "r1 c1000000 s100 1099900 50001 1749999 e100 r2 s100 f99800 "
                + "r3 c100 x999900 r4 s100000 u900000 r5 100000"
        )
        #expect(streams[0].fullAt == nil && streams[1].fullAt == 5_600_000)
        #expect(streams[1].events.hasPrefix("r1 2000000 9000 9000 "))
    }

    @Test("instants that run backwards are taken as those before them, on the page, too")
    func backwards() throws {
        let run = try Self.sampled { sample in
            for at in [2_500_000.0, 2_400_000, 2_600_000] { Self.tell(sample, 1, 1, at, .event) }
            Self.tell(sample, 1, 1, 2_550_000, .completed)
        }
        let events = run.file.document.streamSample?.streams.first?.events
        #expect(events == "r1 2500000 0 100000 e0")
        #expect(try Self.page(reading(run.file.encoded())) == Self.page(run))
    }

    @Test("a run without a sample, and a merged one, have none")
    func absent() throws {
        let without = finished(SampleRun.full(try SampleRun.plan()))
        #expect(try !Self.text(without).contains("stream_sample"))
        var other = try Self.some()
        other.context.id = "ffff"
        for parts in [[try Self.some(), other], [other, try Self.some()]] {
            let named = parts.map { (name: $0.context.id, run: $0) }
            let whole = try ResultMerge.merge(named, allowUnlike: false, toolVersion: "1.2.3")
            #expect(try !Self.text(whole).contains("stream_sample"))
            #expect(try Self.page(whole).contains("id=\"no-streams\""))
        }
        // One that gathered and got nothing says that.
        let empty = try Self.sampled { _ in }
        #expect(empty.file.document.streamSample?.streams.isEmpty == true)
        #expect(try Self.page(reading(empty.file.encoded())) == Self.page(empty))
    }

    @Test("the largest sample takes less than 150 kB of a file")
    func size() throws {
        // An hour in which every stream brings all its tokens, in as many requests as are kept.
        let full = try Self.sampled(3_600) { sample in
            for stream in 1...20 as ClosedRange<UInt64> {
                var at = 2_000_000.0
                for request in 1...50 as ClosedRange<UInt64> {
                    at += 3_000_000
                    let (connect, send) = (at, at + 1_000_000)
                    for _ in 1...8 {
                        at += 8_000_000 + Double(stream * request)
                        Self.tell(sample, stream, request, at, .event)
                    }
                    Self.tell(sample, stream, request, connect, .connect)
                    Self.tell(sample, stream, request, send, .send)
                    at += 1_000_000
                    Self.tell(sample, stream, request, at, .completed)
                }
            }
        }
        let lanes = try #require(full.lanes)
        try #require(lanes.count == 20 && lanes.allSatisfy { $0.tokenCount == 400 })
        let empty = try Self.sampled(3_600) { _ in }
        let size = try Self.text(full).utf8.count - Self.text(empty).utf8.count
        #expect(size > 50_000 && size < 150_000, "\(size)")
        #expect(try Self.page(reading(full.file.encoded())) == Self.page(full))
    }

    private static let right = "r1 c1000000 s100 1099900 50001 1749999 e100 r2"

    @Test(
        "a sample that nobody wrote is refused with one sentence",
        arguments: [
            (right, "c1000000 r2"), (right, "r0 s100 r2"), (right, "r1 s100 c100 r2"),
            (right, "r1 100 s100 r2"), (right, "r1 100 c100 r2"), (right, "r1 c1 c1 r2"),
            (right, "r1 s1 s1 r2"), (right, "r1 e1 5 r2"), (right, "r1 e1 e1 r2"),
            (right, "r1 -5 r2"), (right, "r1 +5 r2"), (right, "r1 5.5 r2"), (right, "r1  5 r2"),
            (right, "r1 z5 r2"), (right, "r1 s r2"), (right, "r1 5\\n r2"), (right, ""),
            (right, "r1 99999999999999999999 r2"), (right, "r1 9223372036854775807 r2"),
            (right, "r1 41000000 r2"),
            (right, "r1 c1000000 \(Array(repeating: "1", count: 401).joined(separator: " ")) r2"),
            (right, Array(repeating: "r1", count: 50).joined(separator: " ") + " r2"),
            ("\"full_at\" : 5600000", "\"full_at\" : 41000001"),
            ("\"full_at\" : 5600000", "\"full_at\" : -1"),
            ("\"stream\" : 8", "\"stream\" : 3"), ("\"stream\" : 3", "\"stream\" : 0"),
            ("\"unit\" : \"us\"", "\"unit\" : \"ms\""),
        ]
    )
    func damaged(_ right: String, _ wrong: String) throws {
        let sound = try Self.text(Self.some())
        let bytes = Array(sound.replacingOccurrences(of: right, with: wrong).utf8)
        try #require(bytes != Array(sound.utf8))
        let error = #expect(throws: StoredResultError.self) { try reading(bytes) }
        let sentence = try #require(error).sentence
        #expect(sentence.hasPrefix("r.json ") && sentence.contains("stream_sample"), "\(sentence)")
        #expect(!sentence.contains("\n"))
    }

    @Test("more streams than are sampled are refused")
    func tooMany() throws {
        let sound = try Self.text(Self.some())
        let more = (9...30).map { "{\"stream\" : \($0), \"events\" : \"r1 5\"}, " }.joined()
        let one = "{\"stream\" : 1, \"events\" : \"r1 5\"}, "
        let anchor = "\"streams\" : [\n"
        try #require(sound.components(separatedBy: anchor).count == 2)
        func with(_ text: String) -> [UInt8] {
            Array(sound.replacingOccurrences(of: anchor, with: anchor + text).utf8)
        }
        #expect(try reading(with(one)).lanes?.count == 3)
        let error = #expect(throws: StoredResultError.self) { try reading(with(more)) }
        #expect(error?.sentence.contains("more than 20") == true)
    }
}
