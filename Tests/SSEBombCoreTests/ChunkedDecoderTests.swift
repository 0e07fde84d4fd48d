// The chunked decoder: one expectation per case, whatever the split. Payload pieces are joined
// before they are compared, so that a cut may only cut and never change. Every input ends at an
// inaccessible page.

import Testing

@testable import SSEBombCore

struct ChunkCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let wire: [UInt8]
    let payload: String
    let outcome: String

    /// `|` in `wire` stands for CRLF.
    init(_ name: String, _ wire: String, payload: String = "", _ outcome: String) {
        testDescription = name
        self.wire = wire.unicodeScalars.flatMap { scalar -> [UInt8] in
            scalar == "|" ? [13, 10] : [UInt8(scalar.value)]
        }
        self.payload = payload
        self.outcome = outcome
    }
}

/// What a whole run of the decoder gave: joined payload, and `end@<bytes used>`, `more` or the
/// error's name.
private struct Log: Equatable {
    var payload: [UInt8] = []
    var outcome = "more"
    var pieces = 0
}

private func run(_ pieces: [ArraySlice<UInt8>], limits: WireLimits = WireLimits()) -> Log {
    var decoder = ChunkedDecoder(limits: limits)
    var log = Log()
    var used = 0
    for piece in pieces {
        let buffer = GuardedBuffer(Array(piece))
        defer { withExtendedLifetime(buffer) {} }
        var offset = 0
        reading: while true {
            let before = offset
            switch decoder.next(buffer.bytes, &offset) {
            case .needMore:
                #expect(offset == piece.count)
                break reading
            case .payload(let start, let length):
                #expect(length > 0 && start >= before && start + length <= offset)
                #expect(offset <= piece.count)
                log.payload += buffer.bytes[start..<start + length]
                log.pieces += 1
            case .end:
                log.outcome = "end@\(used + offset)"
                #expect(decoder.isComplete)
                #expect(decoder.next(buffer.bytes, &offset) == .end)
                return log
            case .failure(let error):
                log.outcome = "\(error)"
                #expect(!decoder.isComplete)
                #expect(decoder.next(buffer.bytes, &offset) == .failure(error))
                return log
            }
        }
        #expect(!decoder.isComplete)
        used += piece.count
    }
    return log
}

/// Runs a case whole, cut in two at every place, and byte by byte.
private func expectAtEverySplit(_ item: ChunkCase, limits: WireLimits = WireLimits()) {
    func check(_ pieces: [ArraySlice<UInt8>], _ how: String) {
        let log = run(pieces, limits: limits)
        #expect(log.outcome == item.outcome, "\(how)")
        #expect(String(decoding: log.payload, as: UTF8.self) == item.payload, "\(how)")
    }
    check([item.wire[...]], "whole")
    for cut in 0...item.wire.count {
        check([item.wire[..<cut], item.wire[cut...]], "cut at \(cut)")
    }
    check(item.wire.indices.map { item.wire[$0...$0] }, "byte by byte")
}

private let goodBodies: [ChunkCase] = [
    ChunkCase("RFC 9112 7.1: empty body", "0||", "end@5"),
    ChunkCase("RFC 9112 7.1: one chunk", "5|hello|0||", payload: "hello", "end@15"),
    ChunkCase(
        "RFC 9112 7.1: chunks",
        "5|hello|7|, world|0||",
        payload: "hello, world",
        "end@27"
    ),
    ChunkCase("RFC 9112 6.3: bytes behind the end", "1|a|0||HTTP/1.1", payload: "a", "end@11"),
    ChunkCase("RFC 9112 7.1: a further CRLF is behind the end", "0||" + "|", "end@5"),
    ChunkCase(
        "RFC 9112 7.1: hexadecimal of both cases",
        "A|0123456789|b|0123456789a|0||",
        payload: "01234567890123456789a",
        "end@36"
    ),
    ChunkCase("RFC 9112 7.1: leading zeros", "0000000005|hello|000||", payload: "hello", "end@26"),
    ChunkCase(
        "RFC 9112 7.1: more than 16 digits, of which few signify",
        "00000000000000000000005|hello|0||",
        payload: "hello",
        "end@37"
    ),
    ChunkCase(
        "RFC 9112 7.1: data that looks like framing",
        "8|0||5|" + "|0||",
        payload: "0\r\n\r\n5\r\n",
        "end@18"
    ),
    ChunkCase("a size padded with blanks", "5 \t |hello|0 ||", payload: "hello", "end@19"),
    ChunkCase("RFC 9112 7.1.1: extensions", "5;a;b=c|hello|0;d||", payload: "hello", "end@23"),
    ChunkCase(
        "RFC 9112 7.1.1: blanks around an extension",
        "5 ; a = b|hello|0||",
        payload: "hello",
        "end@23"
    ),
    ChunkCase(
        "RFC 9112 7.1.1: quoted extension",
        "5;a=\"x;\\\"y\\\\\"|hello|0||",
        payload: "hello",
        "end@27"
    ),
    ChunkCase("RFC 9112 7.1.2: trailers", "1|a|0|X-A: b|Y:||", payload: "a", "end@23"),
    ChunkCase("RFC 9112 7.1: nothing yet", "", "more"),
    ChunkCase("RFC 9112 8: cut in the size", "5", "more"),
    ChunkCase("RFC 9112 8: cut in the data", "5|hel", payload: "hel", "more"),
    ChunkCase("RFC 9112 8: cut behind the data", "5|hello", payload: "hello", "more"),
    ChunkCase("RFC 9112 8: cut before the last chunk", "5|hello|", payload: "hello", "more"),
    ChunkCase("RFC 9112 8: cut in the last CRLF", "5|hello|0|\r", payload: "hello", "more"),
    ChunkCase("RFC 9112 8: cut in a trailer", "0|X-A: b|", "more"),
    ChunkCase("RFC 9112 7.1: largest size", "ffffffffffffffff|hello", payload: "hello", "more"),
]

private let badBodies: [ChunkCase] = [
    ChunkCase("RFC 9112 7.1: no digit", "|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: a letter beyond f", "g|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: a byte before the digits", "/|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: a byte behind the digits", "::|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: at sign", "@|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: backquote", "`|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: 0x", "0x5|hello|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: negative", "-1|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: blank before the size", " 5|hello|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: digit behind a blank", "5 5|hello|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: underscore", "5_5|hello|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: extension only", ";a|", "chunkSizeInvalid"),
    ChunkCase("RFC 9112 7.1: 17 digits", "10000000000000000|hello|", "chunkSizeOverflow"),
    ChunkCase("RFC 9112 7.1: 17 digits behind zeros", "00fffffffffffffffff|", "chunkSizeOverflow"),
    ChunkCase("RFC 9112 7.1: LF ends the size", "5\nhello|", "chunkLineEndInvalid"),
    ChunkCase("RFC 9112 7.1: LF behind a blank", "5 \nhello|", "chunkLineEndInvalid"),
    ChunkCase("RFC 9112 7.1: CR without LF behind the size", "5\rhello||", "chunkLineEndInvalid"),
    ChunkCase("RFC 9112 7.1: CR CR LF behind the size", "5\r|hello|", "chunkLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.1: LF in an extension", "5;a\nhello|", "chunkLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.1: CR without LF in an extension", "5;a\rb|", "chunkLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.1: NUL in an extension", "5;a\u{0}|hello|", "chunkExtensionInvalid"),
    ChunkCase("RFC 9110 5.6.4: CRLF in quotes", "5;a=\"|hello|0||", "chunkExtensionInvalid"),
    ChunkCase("RFC 9110 5.6.4: LF in quotes", "5;a=\"\nhello|", "chunkExtensionInvalid"),
    ChunkCase("RFC 9110 5.6.4: quoted CR", "5;a=\"\\|hello|", "chunkExtensionInvalid"),
    ChunkCase(
        "RFC 9112 7.1: data longer than its size",
        "4|hello|0||",
        payload: "hell",
        "chunkDataUnterminated"
    ),
    ChunkCase(
        "RFC 9112 7.1: data shorter than its size",
        "6|hello|0||",
        payload: "hello\r",
        "chunkDataUnterminated"
    ),
    ChunkCase(
        "RFC 9112 7.1: LF behind the data",
        "5|hello\n0||",
        payload: "hello",
        "chunkDataUnterminated"
    ),
    ChunkCase(
        "RFC 9112 7.1: CR CR behind the data",
        "5|hello\r\r\n0||",
        payload: "hello",
        "chunkDataUnterminated"
    ),
    ChunkCase("RFC 9112 7.1.2: LF for the last CRLF", "0|\n", "trailerLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.2: CR without LF at the end", "0|\rx", "trailerLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.2: LF ends a trailer", "0|A: b\n|", "trailerLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.2: CR without LF in a trailer", "0|A: b\rc||", "trailerLineEndInvalid"),
    ChunkCase("RFC 9112 7.1.2: a trailer without colon", "0|abc||", "fieldNameInvalid"),
    ChunkCase("RFC 9112 7.1.2: a trailer without name", "0|: x||", "fieldNameInvalid"),
    ChunkCase(
        "RFC 9112 5.1: blank before a trailer's colon",
        "0|A : b||",
        "fieldWhitespaceBeforeColon"
    ),
    ChunkCase("RFC 9112 5.2: folded trailer", "0|A: b| c||", "fieldFolded"),
    ChunkCase("RFC 9110 5.5: NUL in a trailer", "0|A: \u{0}||", "fieldValueInvalid"),
]

@Suite struct ChunkedDecoderTests {
    @Test("A well-formed or unfinished body decodes alike at every split", arguments: goodBodies)
    func decodesGood(_ item: ChunkCase) { expectAtEverySplit(item) }

    @Test("Broken framing is named alike at every split", arguments: badBodies)
    func decodesBad(_ item: ChunkCase) { expectAtEverySplit(item) }

    @Test("A chunk that lies whole in the input is one piece, and its CRLF is stepped over")
    func isMaximal() {
        let data = [UInt8](repeating: 0x78, count: 180)
        let wire = Array("b4\r\n".utf8) + data + Array("\r\n".utf8)
        let buffer = GuardedBuffer(wire)
        defer { withExtendedLifetime(buffer) {} }
        var decoder = ChunkedDecoder(limits: WireLimits())
        var offset = 0
        #expect(decoder.next(buffer.bytes, &offset) == .payload(start: 4, length: 180))
        #expect(offset == wire.count)
        #expect(decoder.next(buffer.bytes, &offset) == .needMore)
        #expect(run([wire[...], wire[...], Array("0\r\n\r\n".utf8)[...]]).pieces == 2)
    }

    @Test("Chunks longer than any input come out in as many pieces as there are inputs")
    func cutsLongChunks() {
        let wire = Array("100000\r\n".utf8) + [UInt8](repeating: 1, count: 1 << 20)
        let half = wire.count / 2
        let log = run([wire[..<half], wire[half...]])
        #expect(log.pieces == 2 && log.payload.count == 1 << 20 && log.outcome == "more")
    }

    @Test("Random bodies decode to what was encoded, at random splits", arguments: 0..<40)
    func decodesRandom(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var payload: [UInt8] = []
        var wire: [UInt8] = []
        for _ in 0..<(1 + random.next() % 30) {
            let length = 1 + Int(random.next() % (random.next() % 4 == 0 ? 3000 : 40))
            let data = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let zeros = String(repeating: "0", count: Int(random.next() % 3))
            let isUpper = random.next() % 2 == 0
            let size = zeros + String(length, radix: 16, uppercase: isUpper)
            let tails = ["", "", "", ";x=\"a\\\"b\"", " ;y", " "]
            wire += Array((size + tails[Int(random.next() % 6)] + "\r\n").utf8) + data + [13, 10]
            payload += data
        }
        wire += Array((random.next() % 2 == 0 ? "0\r\n\r\n" : "0\r\nA: b\r\n\r\n").utf8)
        for _ in 0..<10 {
            var pieces: [ArraySlice<UInt8>] = []
            var position = 0
            let largest = 1 + random.next() % 400
            while position < wire.count {
                let end = min(position + Int(random.next() % largest), wire.count)
                pieces.append(wire[position..<end])
                position = end
            }
            let log = run(pieces)
            #expect(log.payload == payload && log.outcome == "end@\(wire.count)")
        }
    }

    @Test("Mutated bodies are judged alike at random splits and never read out of bounds")
    func decodesMutated() {
        var random = SplitMix(state: 0xC0FFEE)
        let alphabet = Array("\r\n\0;\" \\:0fF19".utf8) + [0x7F, 0xFF]
        let cases = goodBodies + badBodies
        for round in 0..<4000 {
            var wire = cases[Int(random.next() % UInt64(cases.count))].wire
            wire += cases[Int(random.next() % UInt64(cases.count))].wire
            if wire.isEmpty { continue }
            for _ in 0...(random.next() % 3) {
                let place = Int(random.next() % UInt64(wire.count))
                wire[place] = alphabet[Int(random.next() % UInt64(alphabet.count))]
            }
            let cut = Int(random.next() % UInt64(wire.count + 1))
            let whole = run([wire[...]])
            let split = run([wire[..<cut], wire[cut...]])
            #expect(whole.outcome == split.outcome, "round \(round)")
            #expect(whole.payload == split.payload, "round \(round)")
        }
    }
}

@Suite struct ChunkedDecoderLimitTests {
    @Test("The chunk-line limit counts the line with its CRLF")
    func limitsLine() {
        let limits = WireLimits(chunkLineBytes: 40)
        let fitting = "5;" + String(repeating: "x", count: 36) + "|hello|0||"
        expectAtEverySplit(ChunkCase("", fitting, payload: "hello", "end@52"), limits: limits)
        let over = "5;" + String(repeating: "x", count: 37) + "|hello|0||"
        expectAtEverySplit(ChunkCase("", over, "chunkLineTooLong"), limits: limits)
        let zeros = String(repeating: "0", count: 41)
        expectAtEverySplit(ChunkCase("", zeros, "chunkLineTooLong"), limits: limits)
    }

    @Test("The trailer limit counts the section with its last CRLF")
    func limitsTrailers() {
        let fitting = ChunkCase("", "0|A: 12|B: 3||", "end@18")
        expectAtEverySplit(fitting, limits: WireLimits(trailerBytes: 15))
        let over = ChunkCase("", "0|A: 12|B: 3||", "trailerTooLarge")
        expectAtEverySplit(over, limits: WireLimits(trailerBytes: 14))
    }

    @Test("Limits out of range act as the nearest possible")
    func clampsLimits() {
        let none = WireLimits(chunkLineBytes: 0, trailerBytes: -1)
        let body = ChunkCase("", "0000000000000005|hello|0||", payload: "hello", "end@30")
        expectAtEverySplit(body, limits: none)
        let huge = WireLimits(chunkLineBytes: .max, trailerBytes: .max)
        expectAtEverySplit(body, limits: huge)
    }

    /// Decodes `count` times the same chunk, and says at which it failed.
    private func repeated(_ chunk: String, count: Int) -> (failedAt: Int?, error: ProtocolError?) {
        let buffer = GuardedBuffer(Array(chunk.utf8))
        defer { withExtendedLifetime(buffer) {} }
        var decoder = ChunkedDecoder(limits: WireLimits())
        for index in 0..<count {
            var offset = 0
            reading: while true {
                switch decoder.next(buffer.bytes, &offset) {
                case .needMore: break reading
                case .payload: continue
                case .end: return (index, nil)
                case .failure(let error): return (index, error)
                }
            }
        }
        return (nil, nil)
    }

    @Test(
        "Streams of small chunks never reach the overhead limit",
        arguments: [
            "1\r\nx\r\n", "00000001\r\nx\r\n", "3\r\n:\n\n\r\n", "9\r\ndata: x\n\n\r\n",
            "1e;" + String(repeating: "s", count: 400) + "\r\n" + String(repeating: "d", count: 30)
                + "\r\n",
        ]
    )
    func allowsSmallChunks(_ chunk: String) {
        // Far more framing than the allowance, so a rule that lost a byte a chunk would show.
        let failure = repeated(chunk, count: 120_000)
        #expect(failure.failedAt == nil && failure.error == nil)
    }

    @Test("Framing without payload worth it is ended when the allowance is spent")
    func refusesOverhead() {
        let chunk = "1;" + String(repeating: "x", count: 60) + "\r\nx\r\n"
        let failure = repeated(chunk, count: 120_000)
        #expect(failure.error == .chunkOverhead)
        // Each costs 66 bytes and gives 16; the first to find less than 50 left fails.
        #expect(failure.failedAt == (100 << 10) / 50)
    }

    @Test("Payload already seen buys no more than the full allowance")
    func allowanceDoesNotGrow() {
        var decoder = ChunkedDecoder(limits: WireLimits())
        let first = Array("1000000\r\n".utf8) + [UInt8](repeating: 7, count: 1 << 24) + [13, 10]
        let wasteful = Array(("1;" + String(repeating: "x", count: 4000) + "\r\nx\r\n").utf8)
        let big = GuardedBuffer(first)
        defer { withExtendedLifetime(big) {} }
        var offset = 0
        #expect(decoder.next(big.bytes, &offset) == .payload(start: 9, length: 1 << 24))
        let small = GuardedBuffer(wasteful)
        defer { withExtendedLifetime(small) {} }
        var chunks = 0
        reading: while chunks < 1000 {
            offset = 0
            while offset < small.bytes.count {
                if decoder.next(small.bytes, &offset) == .failure(.chunkOverhead) { break reading }
            }
            chunks += 1
        }
        #expect(chunks == 25)
    }

    @Test("The decoder stays a small plain value")
    func isSmall() {
        #expect(MemoryLayout<ChunkedDecoder>.stride <= 40)
        #expect(_isPOD(ChunkedDecoder.self))
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
