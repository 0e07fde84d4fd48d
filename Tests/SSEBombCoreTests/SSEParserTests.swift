// The event stream parser against the WHATWG standard's edges, at every split, and against a second
// reading of the format on random bodies.

import Testing

@testable import SSEBombCore

/// Parses `body` cut into `pieces`, each piece in memory of its own that ends at a forbidden page
/// and is gone when the next piece comes.
private func parse(
    _ pieces: [[UInt8]],
    lineLimit: UInt32 = 1 << 20,
    eventLimit: UInt32 = 4 << 20
) -> [SSEItem] {
    let pool = SpillPool()
    defer { pool.destroy() }
    var parser = SSEParser(lineLimit: lineLimit, eventLimit: eventLimit)
    defer { parser.release(to: pool) }
    var items: [SSEItem] = []
    for piece in pieces {
        let failed = GuardedBuffer(piece).withBytes { bytes in
            feed(bytes, to: &parser, pool, &items)
        }
        if failed { break }
    }
    return items
}

/// Feeds one input until it is used up; true when the stream failed.
private func feed(
    _ bytes: UnsafeRawBufferPointer,
    to parser: inout SSEParser,
    _ pool: SpillPool,
    _ items: inout [SSEItem]
) -> Bool {
    var offset = 0
    while true {
        switch parser.next(bytes, &offset, pool: pool) {
        case .needMore:
            #expect(offset == bytes.count)
            return false
        case .event:
            let (data, type) = (Array(parser.data), Array(parser.eventType))
            items.append(.event(data: data, type: type, id: Array(parser.lastEventID)))
        case .comment:
            items.append(.comment)
        case .retry(let time):
            items.append(.retry(time))
        case .failure(let error):
            items.append(error == .lineTooLong ? .lineTooLong : .eventTooLarge)
            #expect(parser.next(bytes, &offset, pool: pool) == .failure(error))
            return true
        }
    }
}

/// Every way to cut `body` that the tests try: whole, two pieces everywhere, single bytes.
private func everyCut(_ body: [UInt8]) -> [[[UInt8]]] {
    var cuts = [[body], body.map { [$0] }]
    for index in 0...body.count {
        cuts.append([Array(body[..<index]), Array(body[index...])])
    }
    return cuts
}

struct SSECase: Sendable, CustomTestStringConvertible {
    let name: String
    let body: [UInt8]
    let items: [SSEItem]
    var testDescription: String { name }

    init(_ name: String, _ body: String, _ items: [SSEItem]) {
        self.init(name, bytes: Array(body.utf8), items)
    }

    init(_ name: String, bytes: [UInt8], _ items: [SSEItem]) {
        self.name = name
        self.body = bytes
        self.items = items
    }
}

private let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

private let lineAndFieldCases: [SSECase] = [
    SSECase("one event", "data: {\"a\":1}\n\n", [.event("{\"a\":1}")]),
    SSECase("two events", "data: a\n\ndata: b\n\n", [.event("a"), .event("b")]),
    SSECase("CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", [.event("a"), .event("b")]),
    SSECase("CR", "data: a\r\rdata: b\r\r", [.event("a"), .event("b")]),
    SSECase("mixed ends", "data: a\r\ndata: b\r\n\ndata: c\n\r", [.event("a\nb"), .event("c")]),
    SSECase("data after CR CR LF", "data: a\r\r\ndata: b\n\n", [.event("a"), .event("b")]),
    SSECase("LF CR is two ends", "data: a\n\rdata: b\n\n", [.event("a"), .event("b")]),
    SSECase("joined data", "data: a\ndata:b\ndata\ndata:  c\n\n", [.event("a\nb\n\n c")]),
    SSECase("no space", "data:a\n\n", [.event("a")]),
    SSECase("one space goes, no tab", "data:  a\n\ndata:\tb\n\n", [.event(" a"), .event("\tb")]),
    SSECase(
        "empty data is an event",
        "data\n\ndata:\n\ndata: \n\n",
        .init(repeating: .event(""), count: 3)
    ),
    SSECase("two empty lines of data", "data\ndata\n\ndata:\n", [.event("\n")]),
    SSECase("empty first line", "data:\ndata: x\n\n", [.event("\nx")]),
    SSECase("colons in data", "data: a:b: c\n\ndata::\n\n", [.event("a:b: c"), .event(":")]),
    SSECase("no event without data", "event: x\n\ndata: a\n\n", [.event("a")]),
    SSECase(
        "type is per event",
        "event: x\ndata: a\n\ndata: b\n\n",
        [.event("a", type: "x"), .event("b")]
    ),
    SSECase("type after data", "data: a\nevent:x\n\n", [.event("a", type: "x")]),
    SSECase("last type counts", "event: x\nevent: yy\ndata: a\n\n", [.event("a", type: "yy")]),
    SSECase("empty type is message", "event: x\nevent\ndata: a\n\n", [.event("a")]),
    SSECase(
        "unknown fields",
        "foo: a\ndatax: b\ndat: c\n data: d\nDATA: e\ndata: f\n\n",
        [.event("f")]
    ),
    SSECase(
        "field names are whole",
        "events: a\nidd: 1\nretry2: 5\ndata : x\ndata: f\n\n",
        [.event("f")]
    ),
    SSECase("fields without colon", "event\nid\nretry\nfoo\ndata: a\n\n", [.event("a")]),
    SSECase("blank lines alone", "\n\n\r\r\r\n\r\n", []),
    SSECase("multi-byte text", "data: \u{1F600}\u{20AC}ä\n\n", [.event("\u{1F600}\u{20AC}ä")]),
    SSECase("end without blank line", "data: a\n\ndata: b\n", [.event("a")]),
    SSECase("end inside a line", "data: a\n\ndata: b", [.event("a")]),
    SSECase("empty body", "", []),
    SSECase(
        "long event",
        "data: \(String(repeating: "0123456789", count: 30))\n\n",
        [.event(String(repeating: "0123456789", count: 30))]
    ),
]

private let otherCases: [SSECase] = [
    SSECase("comments", ":\n: ping\n:data: a\n\n", [.comment, .comment, .comment]),
    SSECase("comment inside an event", "data: a\n: ping\ndata: b\n\n", [.comment, .event("a\nb")]),
    SSECase(
        "comment after type",
        "event: x\n: ping\ndata: b\n\n",
        [.comment, .event("b", type: "x")]
    ),
    SSECase(
        "id stays",
        "id: 1\ndata: a\n\ndata: b\n\n",
        [.event("a", id: "1"), .event("b", id: "1")]
    ),
    SSECase("id without data counts", "id: 7\n\ndata: a\n\n", [.event("a", id: "7")]),
    SSECase(
        "empty id clears",
        "id: 1\ndata: a\n\nid\ndata: b\n\n",
        [.event("a", id: "1"), .event("b")]
    ),
    SSECase("last id counts", "id: 1\nid: 22\ndata: a\n\n", [.event("a", id: "22")]),
    SSECase(
        "ids grow and shrink",
        "id: 1\ndata\n\nid: 12345\ndata\n\nid: 12\ndata\n\n",
        [.event("", id: "1"), .event("", id: "12345"), .event("", id: "12")]
    ),
    SSECase(
        "NUL in id",
        "id: 1\ndata: a\n\nid: 2\u{0}3\ndata: b\n\n",
        [.event("a", id: "1"), .event("b", id: "1")]
    ),
    SSECase("NUL in data", "data: a\u{0}b\n\n", [.event("a\u{0}b")]),
    SSECase(
        "retry",
        "retry: 1000\n\nretry:0\ndata: a\n\n",
        [.retry(1000), .retry(0), .event("a")]
    ),
    SSECase("retry inside an event", "data: a\nretry: 5\n\n", [.retry(5), .event("a")]),
    SSECase("odd retry", "retry: -1\nretry: 1x\nretry: 1 \nretry:\nretry: 0x5\nretry:  7\n\n", []),
    SSECase(
        "retry saturates",
        "retry: 4294967295\nretry: 4294967296\nretry: 99999999999999999999999\n",
        [.retry(.max), .retry(.max), .retry(.max)]
    ),
    SSECase("mark at the start", bytes: mark + Array("data: a\n\n".utf8), [.event("a")]),
    SSECase(
        "only one mark",
        bytes: mark + mark + Array("data: a\n\ndata: b\n\n".utf8),
        [.event("b")]
    ),
    SSECase(
        "mark later",
        bytes: Array("data: a\n\n".utf8) + mark + Array("data: b\n\n".utf8),
        [.event("a")]
    ),
    SSECase(
        "mark inside data",
        bytes: Array("data: ".utf8) + mark + Array("\n\n".utf8),
        [.event("\u{FEFF}")]
    ),
    SSECase(
        "half a mark",
        bytes: [0xEF, 0xBB] + Array("data: a\n\ndata: b\n\n".utf8),
        [.event("b")]
    ),
    SSECase(
        "half a mark and a line end",
        bytes: [0xEF, 0x0A] + Array("data: b\n\n".utf8),
        [.event("b")]
    ),
    SSECase("mark alone", bytes: mark, []),
]

@Suite struct SSEParserTests {
    @Test(
        "the events don't depend on where the bytes are cut",
        arguments: lineAndFieldCases + otherCases
    )
    func everySplit(_ example: SSECase) {
        #expect(SSEOracle.decode(example.body, lineLimit: 1000, eventLimit: 1000) == example.items)
        for pieces in everyCut(example.body) {
            #expect(parse(pieces) == example.items, "cut \(pieces.map(\.count))")
        }
    }

    @Test(
        "random bodies give what a plain reading gives, under loose and tight limits",
        arguments: 0..<8
    )
    func randomBodies(_ seed: UInt64) {
        let words: [[UInt8]] = [
            [0x0A], [0x0A], [0x0A, 0x0A], [0x0D], [0x0D, 0x0A], [0x3A], [0x20], mark, [0xEF], [0],
            Array("data".utf8), Array("data: ".utf8), Array("event:".utf8), Array("id:".utf8),
            Array("retry:".utf8), Array("42".utf8), Array("x".utf8), Array("0123456789abcdef".utf8),
        ]
        var random = SeededRandom(seed: seed)
        for _ in 0..<150 {
            var body: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<60, using: &random) {
                body += words.randomElement(using: &random) ?? []
            }
            var pieces: [[UInt8]] = []
            var rest = body[...]
            while !rest.isEmpty {
                let length = Int.random(in: 1...min(rest.count, 40), using: &random)
                pieces.append(Array(rest.prefix(length)))
                rest = rest.dropFirst(length)
            }
            let limits: [(UInt32, UInt32)] = [
                (1 << 20, 1 << 20), (24, 40), (40, 10), (3, 3), (4, 0),
            ]
            for (line, event) in limits {
                let expected = SSEOracle.decode(body, lineLimit: Int(line), eventLimit: Int(event))
                for cut in [pieces, [body]] {
                    let found = parse(cut, lineLimit: line, eventLimit: event)
                    #expect(
                        found == expected,
                        "\(body) cut \(cut.map(\.count)) limits \(line) \(event)"
                    )
                }
            }
        }
    }

    @Test("a line may have exactly the limit's bytes, and one more is a named failure")
    func lineLimit() {
        for (text, items) in [
            ("data: 4567\n\n", [SSEItem.event("4567")]), ("data: 45678\n\n", [.lineTooLong]),
            ("data: a\n\n:123456789\n", [.event("a"), .comment]),
            ("data: a\n\n:1234567890\n", [.event("a"), .lineTooLong]),
            ("data: a\n\nx1234567890", [.event("a"), .lineTooLong]),
        ] {
            for pieces in everyCut(Array(text.utf8)) {
                #expect(parse(pieces, lineLimit: 10) == items, "\(text.debugDescription)")
            }
        }
    }

    @Test("joined data may have exactly the limit's bytes, and one more is a named failure")
    func eventLimit() {
        for (text, items) in [
            ("data: 12345\n\n", [SSEItem.event("12345")]), ("data: 123456\n\n", [.eventTooLarge]),
            ("data: 12\ndata: 34\n\n", [.event("12\n34")]),
            ("data: 12\ndata: 345\n\n", [.eventTooLarge]),
            ("data\ndata\ndata\ndata\ndata\ndata\n\n", [.event("\n\n\n\n\n")]),
            ("data\ndata\ndata\ndata\ndata\ndata\ndata\n\n", [.eventTooLarge]),
        ] {
            for pieces in everyCut(Array(text.utf8)) {
                #expect(parse(pieces, eventLimit: 5) == items, "\(text.debugDescription)")
            }
        }
    }

    @Test("an event ended by CR CR is dispatched at once, without waiting for an LF")
    func promptCR() {
        #expect(parse([Array("data: a\r\r".utf8)]) == [.event("a")])
        #expect(parse([Array("data: a\r\n\r".utf8)]) == [.event("a")])
    }

    @Test("whole events are not copied")
    func zeroCopy() {
        let pool = SpillPool()
        defer { pool.destroy() }
        var parser = SSEParser(lineLimit: 1000, eventLimit: 1000)
        let body = GuardedBuffer(Array("data: a\n\nevent: x\r\ndata: bc\r\n\r\n".utf8))
        body.withBytes { bytes in
            var offset = 0
            #expect(parser.next(bytes, &offset, pool: pool) == .event)
            #expect(offset == 9)
            #expect(parser.data.baseAddress == bytes.baseAddress.map { $0 + 6 })
            #expect(parser.next(bytes, &offset, pool: pool) == .event)
            #expect(parser.data.baseAddress == bytes.baseAddress.map { $0 + 25 })
            #expect(parser.eventType.baseAddress == bytes.baseAddress.map { $0 + 16 })
            #expect(parser.heldBytes == 0)
            #expect(parser.next(bytes, &offset, pool: pool) == .needMore)
        }
    }

    @Test("between events no memory is held, but for a non-empty last event ID")
    func idleMemory() {
        let pool = SpillPool()
        defer { pool.destroy() }
        var parser = SSEParser(lineLimit: 1000, eventLimit: 1000)
        var items: [SSEItem] = []
        func send(_ text: String) -> Int {
            GuardedBuffer(Array(text.utf8)).withBytes { bytes in
                _ = feed(bytes, to: &parser, pool, &items)
            }
            return parser.heldBytes
        }
        #expect(send("event: abc\nda") > 0)
        #expect(send("ta: x") > 0)
        #expect(send("yz\ndata: second\n") > 0)
        #expect(send("\n") == 0)
        #expect(items == [.event("xyz\nsecond", type: "abc")])
        #expect(send("id: 5\n\n") > 0)
        #expect(send("id\n\n") == 0)
        #expect(send("id: 6\n") > 0)
        parser.reset(pool: pool)
        #expect(parser.heldBytes == 0)
    }

    @Test("a reset drops what is unfinished and keeps the last event ID; a release drops that too")
    func resetKeepsID() {
        let pool = SpillPool()
        defer { pool.destroy() }
        var parser = SSEParser(lineLimit: 1000, eventLimit: 1000)
        var items: [SSEItem] = []
        func send(_ text: String) {
            GuardedBuffer(Array(text.utf8)).withBytes { bytes in
                _ = feed(bytes, to: &parser, pool, &items)
            }
        }
        send("id: 41\ndata: a\n\nid: 42\nevent: x\ndata: b\nda")
        #expect(Array(parser.lastEventID) == Array("41".utf8))
        parser.reset(pool: pool)
        send("\u{FEFF}data: c\n\n")
        parser.release(to: pool)
        send("data: d\n\n")
        #expect(items == [.event("a", id: "41"), .event("c", id: "41"), .event("d")])
        #expect(parser.heldBytes == 0)
    }

    @Test("the parser of an idle stream stays small")
    func size() {
        #expect(MemoryLayout<SSEParser>.stride <= 112)
    }
}
