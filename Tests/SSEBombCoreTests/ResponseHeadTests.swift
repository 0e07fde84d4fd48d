// Response heads: where they end under every split, what is read from good ones, and which error
// names each bad one. Every input ends at an inaccessible page.

import Testing

@testable import SSEBombCore

struct HeadCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String
    let expected: String

    init(_ name: String, _ text: String, _ expected: String) {
        testDescription = name
        self.text = text
        self.expected = expected
    }

    /// The text with `|` for CRLF, so that a case fits a line; `\u{0}`-like escapes stay.
    var bytes: [UInt8] {
        text.unicodeScalars.flatMap { scalar -> [UInt8] in
            scalar == "|" ? [13, 10] : [UInt8(scalar.value)]
        }
    }
}

/// One line with every fact that differs from an empty HTTP/1.1 head.
private func summary(_ parse: HeadParse) -> String {
    guard case .success(let head) = parse else {
        guard case .failure(let error) = parse else { return "" }
        return "\(error)"
    }
    var words = ["\(head.status)"]
    if head.minorVersion == 0 { words.append("1.0") }
    if head.hasContentLength { words.append("length=\(head.contentLength)") }
    if head.isChunked { words.append("chunked") }
    if head.hasClose { words.append("close") }
    if head.hasKeepAlive { words.append("keep-alive") }
    if head.mediaType != .absent { words.append("type=\(head.mediaType)") }
    if head.contentCoding != .identity { words.append("coding=\(head.contentCoding)") }
    if head.hasRetryAfter { words.append("retry=\(head.retryAfterSeconds)") }
    return words.joined(separator: " ")
}

private func ok(_ fields: String) -> String { "HTTP/1.1 200 OK|" + fields + "||" }

private let goodHeads: [HeadCase] = [
    HeadCase("RFC 9112 4: no fields", "HTTP/1.1 200 OK||", "200"),
    HeadCase("RFC 9112 4: empty reason", "HTTP/1.1 200 ||", "200"),
    HeadCase("RFC 9112 4: no space behind the status", "HTTP/1.1 404||", "404"),
    HeadCase("RFC 9112 4: reason with obs-text", "HTTP/1.1 599 \u{E9}t\u{E9}\tx||", "599"),
    HeadCase("RFC 9112 2.3: HTTP/1.0", "HTTP/1.0 200 OK||", "200 1.0"),
    HeadCase(
        "RFC 9112 2.2: bare LF line ends",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\n",
        "200 length=5"
    ),
    HeadCase(
        "RFC 9112 2.2: LF and CRLF mixed",
        "HTTP/1.1 200 OK\nContent-Length: 5|\n",
        "200 length=5"
    ),
    HeadCase(
        "RFC 9112 2.2: last line ends with LF, empty line with CRLF",
        "HTTP/1.1 200 OK\n|",
        "200"
    ),
    HeadCase("RFC 9110 15.2: interim", "HTTP/1.1 100 Continue||", "100"),
    HeadCase(
        "an event stream",
        ok("Content-Type: text/event-stream|Transfer-Encoding: chunked"),
        "200 chunked type=eventStream"
    ),
    HeadCase("RFC 9110 5.1: names without case", ok("cOnTeNt-LENGTH: 7"), "200 length=7"),
    HeadCase("RFC 9110 5.5: blanks around a value", ok("Content-Length:\t 7 \t "), "200 length=7"),
    HeadCase("RFC 9110 5.5: no blank before a value", ok("Content-Length:7"), "200 length=7"),
    HeadCase("RFC 9110 5.5: empty value of another field", ok("X-A:|X-B: "), "200"),
    HeadCase("RFC 9110 5.5: colons and obs-text in a value", ok("X-A: a:b\u{FF}\t:"), "200"),
    HeadCase("RFC 9110 5.6.2: every kind of name byte", ok("!#$%&'*+-.^_`~09azAZ: x"), "200"),
    HeadCase("RFC 9110 8.6: length 0", ok("Content-Length: 0"), "200 length=0"),
    HeadCase("RFC 9110 8.6: leading zeros", ok("Content-Length: 0005"), "200 length=5"),
    HeadCase("RFC 9110 8.6: list of equal lengths", ok("Content-Length: 5, 5,05"), "200 length=5"),
    HeadCase(
        "RFC 9110 8.6: equal lengths in two fields",
        ok("Content-Length: 5|Content-Length: 5"),
        "200 length=5"
    ),
    HeadCase(
        "RFC 9110 8.6: largest length",
        ok("Content-Length: 9223372036854775807"),
        "200 length=9223372036854775807"
    ),
    HeadCase("RFC 9112 7: coding without case", ok("Transfer-Encoding: Chunked"), "200 chunked"),
    HeadCase(
        "RFC 9110 5.6.1: empty list elements",
        ok("Transfer-Encoding: , chunked ,,"),
        "200 chunked"
    ),
    HeadCase(
        "RFC 9112 6.1: Transfer-Encoding beside Content-Length",
        ok("Content-Length: 5|Transfer-Encoding: chunked"),
        "200 length=5 chunked"
    ),
    HeadCase("RFC 9112 9.3: close", ok("Connection: close"), "200 close"),
    HeadCase(
        "RFC 9112 9.3: options among others, without case",
        ok("Connection: x, Keep-Alive ,CLOSE"),
        "200 close keep-alive"
    ),
    HeadCase(
        "RFC 9110 7.6.1: options in two fields",
        ok("Connection: close|Connection: keep-alive"),
        "200 close keep-alive"
    ),
    HeadCase("an option is a whole element", ok("Connection: closed, xkeep-alive"), "200"),
    HeadCase(
        "RFC 9110 8.3: type with parameters",
        ok("Content-Type: Text/Event-Stream ; charset=utf-8"),
        "200 type=eventStream"
    ),
    HeadCase("RFC 9110 8.3: JSON", ok("Content-Type: application/json;x"), "200 type=json"),
    HeadCase("x-ndjson", ok("Content-Type: application/x-ndjson"), "200 type=ndjson"),
    HeadCase("ndjson", ok("Content-Type: application/ndjson"), "200 type=ndjson"),
    HeadCase(
        "a type that only begins alike",
        ok("Content-Type: text/event-streams"),
        "200 type=other"
    ),
    HeadCase("a type split by a blank", ok("Content-Type: text/event-stream x"), "200 type=other"),
    HeadCase("an empty type", ok("Content-Type:"), "200 type=other"),
    HeadCase(
        "the last of two types counts",
        ok("Content-Type: a/b|Content-Type: application/json"),
        "200 type=json"
    ),
    HeadCase("RFC 9110 8.4: gzip", ok("Content-Encoding: GZip"), "200 coding=gzip"),
    HeadCase("RFC 9110 8.4.1.3: x-gzip", ok("Content-Encoding: x-gzip"), "200 coding=gzip"),
    HeadCase("RFC 9110 8.4: deflate", ok("Content-Encoding: deflate"), "200 coding=deflate"),
    HeadCase("RFC 9110 8.4: br", ok("Content-Encoding: br"), "200 coding=other"),
    HeadCase("RFC 9110 8.4: identity", ok("Content-Encoding: identity,"), "200"),
    HeadCase(
        "RFC 9110 8.4: two codings",
        ok("Content-Encoding: gzip|Content-Encoding: gzip"),
        "200 coding=other"
    ),
    HeadCase("RFC 9110 10.2.3: seconds", ok("Retry-After: 120"), "200 retry=120"),
    HeadCase("RFC 9110 10.2.3: 0 seconds", ok("Retry-After: 0"), "200 retry=0"),
    HeadCase(
        "RFC 9110 10.2.3: more seconds than fit",
        ok("Retry-After: 99999999999999999999999"),
        "200 retry=2147483647"
    ),
    HeadCase(
        "RFC 9110 10.2.3: a date",
        ok("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"),
        "200 retry=-1"
    ),
    HeadCase(
        "names of the same length are told apart",
        ok("Xontent-Length: z|Content-Typo: x"),
        "200"
    ),
]

private let badHeads: [HeadCase] = [
    HeadCase("RFC 9112 2.2: an empty line first", "||", "notHTTP"),
    HeadCase("another protocol", "SSH-2.0-OpenSSH||", "notHTTP"),
    HeadCase("lower case name", "http/1.1 200 OK||", "notHTTP"),
    HeadCase("no slash", "HTTPS1.1 200 OK||", "notHTTP"),
    HeadCase("only the name", "HTTP||", "notHTTP"),
    HeadCase("RFC 9112 2.3: HTTP/2", "HTTP/2 200 OK||", "versionUnsupported"),
    HeadCase("RFC 9112 2.3: HTTP/1.2", "HTTP/1.2 200 OK||", "versionUnsupported"),
    HeadCase("RFC 9112 2.3: HTTP/2.0", "HTTP/2.0 200 OK||", "versionUnsupported"),
    HeadCase("RFC 9112 2.3: two digits", "HTTP/1.10 200 OK||", "versionUnsupported"),
    HeadCase("RFC 9112 2.3: tab behind", "HTTP/1.1\t200 OK||", "versionUnsupported"),
    HeadCase("RFC 9112 4: nothing behind the version", "HTTP/1.1||", "statusLineInvalid"),
    HeadCase("RFC 9112 4: two digits", "HTTP/1.1 20 OK||", "statusLineInvalid"),
    HeadCase("RFC 9112 4: two digits at the end", "HTTP/1.1 20||", "statusLineInvalid"),
    HeadCase("RFC 9112 4: four digits", "HTTP/1.1 2000 OK||", "statusLineInvalid"),
    HeadCase("RFC 9112 4: two spaces", "HTTP/1.1  200 OK||", "statusLineInvalid"),
    HeadCase("RFC 9112 4: signed", "HTTP/1.1 +20 OK||", "statusLineInvalid"),
    HeadCase("RFC 9110 15: below 100", "HTTP/1.1 099 X||", "statusLineInvalid"),
    HeadCase("RFC 9110 15: above 599", "HTTP/1.1 600 X||", "statusLineInvalid"),
    HeadCase("RFC 9110 7.8: unasked upgrade", "HTTP/1.1 101 Switching||", "upgradeUnexpected"),
    HeadCase("RFC 9112 4: NUL in the reason", "HTTP/1.1 200 O\u{0}K||", "fieldValueInvalid"),
    HeadCase("RFC 9112 2.2: bare CR in the reason", "HTTP/1.1 200 O\rK||", "bareCarriageReturn"),
    HeadCase("RFC 9112 2.2: CR CR LF", "HTTP/1.1 200 OK\r||", "bareCarriageReturn"),
    HeadCase("RFC 9112 5: no colon", ok("Content-Length 5"), "fieldWhitespaceBeforeColon"),
    HeadCase("RFC 9112 5: only a name", ok("Content-Length"), "fieldNameInvalid"),
    HeadCase("RFC 9112 5: empty name", ok(": 5"), "fieldNameInvalid"),
    HeadCase("RFC 9110 5.6.2: a byte no name may have", ok("X(a): 5"), "fieldNameInvalid"),
    HeadCase("RFC 9110 5.6.2: NUL in a name", ok("X\u{0}a: 5"), "fieldNameInvalid"),
    HeadCase("RFC 9110 5.6.2: obs-text in a name", ok("X\u{E9}: 5"), "fieldNameInvalid"),
    HeadCase("RFC 9112 5.1: space before the colon", ok("X-A : 5"), "fieldWhitespaceBeforeColon"),
    HeadCase("RFC 9112 5.1: tab before the colon", ok("X-A\t: 5"), "fieldWhitespaceBeforeColon"),
    HeadCase("RFC 9112 5.2: folded with space", ok("X-A: 5| b"), "fieldFolded"),
    HeadCase("RFC 9112 5.2: folded with tab", ok("X-A: 5|\tb"), "fieldFolded"),
    HeadCase("RFC 9112 2.2: blank before the first field", ok(" X-A: 5"), "fieldFolded"),
    HeadCase("RFC 9110 5.5: NUL in a value", ok("X-A: a\u{0}b"), "fieldValueInvalid"),
    HeadCase("RFC 9110 5.5: DEL in a value", ok("X-A: a\u{7F}"), "fieldValueInvalid"),
    HeadCase("RFC 9110 5.5: ESC in a value", ok("X-A: \u{1B}[2J"), "fieldValueInvalid"),
    HeadCase("RFC 9112 2.2: bare CR in a value", ok("X-A: a\rb"), "bareCarriageReturn"),
    HeadCase("RFC 9112 2.2: bare CR before CRLF", ok("X-A: a\r"), "bareCarriageReturn"),
    HeadCase("RFC 9110 8.6: differing list", ok("Content-Length: 5, 6"), "contentLengthConflict"),
    HeadCase(
        "RFC 9110 8.6: differing fields",
        ok("Content-Length: 5|Content-Length: 6"),
        "contentLengthConflict"
    ),
    HeadCase(
        "RFC 9110 8.6: 0 differs from a length",
        ok("Content-Length: 0|Content-Length: 6"),
        "contentLengthConflict"
    ),
    HeadCase("RFC 9110 8.6: signed", ok("Content-Length: +5"), "contentLengthInvalid"),
    HeadCase("RFC 9110 8.6: negative", ok("Content-Length: -5"), "contentLengthInvalid"),
    HeadCase("RFC 9110 8.6: hexadecimal", ok("Content-Length: 0x5"), "contentLengthInvalid"),
    HeadCase("RFC 9110 8.6: two numbers", ok("Content-Length: 5 5"), "contentLengthInvalid"),
    HeadCase("RFC 9110 8.6: empty", ok("Content-Length:"), "contentLengthInvalid"),
    HeadCase("RFC 9110 8.6: empty element", ok("Content-Length: 5,,5"), "contentLengthInvalid"),
    HeadCase(
        "RFC 9110 8.6: 2^63",
        ok("Content-Length: 9223372036854775808"),
        "contentLengthOverflow"
    ),
    HeadCase(
        "RFC 9110 8.6: 2^64 + 5",
        ok("Content-Length: 18446744073709551621"),
        "contentLengthOverflow"
    ),
    HeadCase("RFC 9112 6.1: empty", ok("Transfer-Encoding: ,"), "transferEncodingInvalid"),
    HeadCase(
        "RFC 9112 6.1: chunked twice",
        ok("Transfer-Encoding: chunked, chunked"),
        "transferEncodingInvalid"
    ),
    HeadCase(
        "RFC 9112 6.1: chunked in two fields",
        ok("Transfer-Encoding: chunked|Transfer-Encoding: chunked"),
        "transferEncodingInvalid"
    ),
    HeadCase(
        "RFC 9112 7.1: parameter of chunked",
        ok("Transfer-Encoding: chunked;q=1"),
        "transferEncodingInvalid"
    ),
    HeadCase(
        "RFC 9112 7.2: gzip before chunked",
        ok("Transfer-Encoding: gzip, chunked"),
        "transferCodingUnsupported"
    ),
    HeadCase(
        "RFC 9112 6.3: chunked not last",
        ok("Transfer-Encoding: chunked, gzip"),
        "transferCodingUnsupported"
    ),
    HeadCase(
        "RFC 9112 7: identity",
        ok("Transfer-Encoding: identity"),
        "transferCodingUnsupported"
    ),
    HeadCase(
        "RFC 9112 6.1: a coding that only begins alike",
        ok("Transfer-Encoding: chunkedx"),
        "transferCodingUnsupported"
    ),
]

/// Feeds growing prefixes of `bytes`, one for each given length, as a connection would.
private func scan(_ bytes: [UInt8], lengths: [Int], limits: WireLimits) -> HeadScan {
    var resume = 0
    var last = HeadScan.needMore(resumeAt: 0)
    for length in lengths {
        last = GuardedBuffer(Array(bytes[..<length])).withBytes {
            ResponseHead.scan($0, from: resume, limits: limits)
        }
        guard case .needMore(let next) = last else { return last }
        resume = next
    }
    return last
}

private func parse(_ bytes: [UInt8]) -> HeadParse {
    GuardedBuffer(bytes).withBytes { ResponseHead.parse($0) }
}

@Suite struct ResponseHeadTests {
    @Test("A well-formed head yields its facts", arguments: goodHeads)
    func parsesGood(_ item: HeadCase) {
        #expect(summary(parse(item.bytes)) == item.expected)
    }

    @Test("A malformed head yields the error that names it", arguments: badHeads)
    func parsesBad(_ item: HeadCase) {
        #expect(summary(parse(item.bytes)) == item.expected)
    }

    @Test("The end of a head is found at every split", arguments: goodHeads)
    func scansAtEverySplit(_ item: HeadCase) {
        let head = item.bytes
        let bytes = head + Array("\r\n\r\ndata: x\n\n".utf8)
        let expected = HeadScan.complete(length: head.count)
        for cut in 0...bytes.count {
            let found = scan(bytes, lengths: [cut, bytes.count], limits: WireLimits())
            #expect(found == expected, "cut at \(cut)")
        }
        let single = scan(bytes, lengths: Array(1...bytes.count), limits: WireLimits())
        #expect(single == expected)
        for length in 0..<head.count {
            let found = scan(head, lengths: [length], limits: WireLimits())
            #expect(found == .needMore(resumeAt: length))
        }
    }

    @Test("No truncated head is read beyond its end", arguments: goodHeads + badHeads)
    func parsesTruncated(_ item: HeadCase) {
        let bytes = item.bytes
        for length in 0..<bytes.count {
            let outcome = parse(Array(bytes[..<length]))
            if length < 12 { #expect(summary(outcome).contains(/^[a-z]/), "\(length) bytes") }
        }
    }

    @Test("A peer of another protocol fails at its first wrong byte, at every split")
    func scansForeign() {
        let foreign: [[UInt8]] = [
            Array("SSH-2.0-x".utf8), [0x15, 3, 3, 0, 2, 2, 40], [0, 0, 18, 4, 0, 0, 0, 0, 0],
            Array("HTTQ".utf8), Array("HTTP 1.1 200 OK".utf8), Array("\r\n".utf8),
        ]
        for bytes in foreign {
            for cut in 0...bytes.count {
                let found = scan(bytes, lengths: [cut, bytes.count], limits: WireLimits())
                #expect(found == .failure(.notHTTP))
            }
            let single = scan(bytes, lengths: Array(1...bytes.count), limits: WireLimits())
            #expect(single == .failure(.notHTTP))
        }
        for length in 0...5 {
            let start = Array("HTTP/".utf8.prefix(length))
            let found = scan(start, lengths: [length], limits: WireLimits())
            #expect(found == .needMore(resumeAt: length))
        }
    }

    @Test("The head limit counts the whole head and acts alike at every split")
    func limitsHead() {
        let head = Array("HTTP/1.1 200 OK\r\nX: 1234567890\r\n\r\n".utf8)
        let bytes = head + Array("body".utf8)
        for cut in 0...bytes.count {
            let lengths = [cut, bytes.count]
            let fits = scan(bytes, lengths: lengths, limits: WireLimits(headBytes: head.count))
            #expect(fits == .complete(length: head.count), "cut at \(cut)")
            let over = WireLimits(headBytes: head.count - 1)
            #expect(scan(bytes, lengths: lengths, limits: over) == .failure(.headTooLarge))
        }
        let endless = Array("HTTP/1.1 200 OK\r\n".utf8) + [UInt8](repeating: 0x61, count: 64 << 10)
        let all = scan(endless, lengths: [endless.count], limits: WireLimits())
        #expect(all == .failure(.headTooLarge))
    }

    @Test("Mutated heads are judged alike at random splits and never read out of bounds")
    func mutatesHeads() {
        var random = SplitMix(state: 0x5EED)
        let alphabet: [UInt8] = [0, 9, 10, 13, 32, 44, 58, 59, 0x31, 0x48, 0x7F, 0xFF]
        let cases = goodHeads + badHeads
        for round in 0..<3000 {
            var bytes = cases[Int(random.next() % UInt64(cases.count))].bytes
            for _ in 0...(random.next() % 3) where !bytes.isEmpty {
                let place = Int(random.next() % UInt64(bytes.count))
                bytes[place] = alphabet[Int(random.next() % UInt64(alphabet.count))]
            }
            let whole = scan(bytes, lengths: [bytes.count], limits: WireLimits())
            let cuts = (0..<3).map { _ in Int(random.next() % UInt64(bytes.count + 1)) }.sorted()
            let split = scan(bytes, lengths: cuts + [bytes.count], limits: WireLimits())
            #expect(whole == split, "round \(round)")
            if case .complete(let length) = whole {
                // What follows the head must not matter to its reading.
                #expect(parse(Array(bytes[..<length])) == parse(bytes), "round \(round)")
            }
        }
    }

    @Test("Header fields are listed in order, duplicates kept, values trimmed")
    func listsFields() {
        let text = "HTTP/1.1 200 OK\r\nA: 1 \r\nbad\r\nSet-Cookie:x\r\nA:\u{E9}\r\n\r\nB: 2\r\n"
        let fields = GuardedBuffer(Array(text.utf8)).withBytes { ResponseHead.fields(of: $0) }
        #expect(fields.map(\.name) == ["A", "Set-Cookie", "A"])
        #expect(fields.map(\.value) == ["1", "x", "\u{E9}"])
        let none = GuardedBuffer([]).withBytes { ResponseHead.fields(of: $0) }
        #expect(none.isEmpty)
    }

    @Test("A parsed head stays a small plain value")
    func isSmall() {
        #expect(MemoryLayout<ResponseHead>.size <= 24)
        #expect(_isPOD(ResponseHead.self))
    }

    @Test("Every protocol error has a sentence of its own")
    func namesErrors() {
        let sentences = Set(ProtocolError.allCases.map { $0.sentence(WireLimits()) })
        #expect(sentences.count == ProtocolError.allCases.count)
        #expect(sentences.allSatisfy { !$0.isEmpty && !$0.hasSuffix(".") })
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
