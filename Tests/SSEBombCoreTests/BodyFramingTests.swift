// The rules for the end of a body, for ends by close, and for reuse, as tables over real heads.

import Testing

@testable import SSEBombCore

private func head(_ lines: String...) throws -> ResponseHead {
    let text = lines.joined(separator: "\r\n") + "\r\n\r\n"
    let parse = GuardedBuffer(Array(text.utf8)).withBytes { ResponseHead.parse($0) }
    guard case .success(let head) = parse else { throw MalformedFixture(text: text) }
    return head
}

private struct MalformedFixture: Error {
    let text: String
}

struct FramingCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let status: String
    let fields: String
    let isHEAD: Bool
    let framing: BodyFraming
    let reusable: Bool

    init(
        _ name: String,
        _ status: String,
        _ fields: String,
        isHEAD: Bool = false,
        _ framing: BodyFraming,
        reusable: Bool
    ) {
        testDescription = name
        self.status = status
        self.fields = fields
        self.isHEAD = isHEAD
        self.framing = framing
        self.reusable = reusable
    }
}

private let chunked = "Transfer-Encoding: chunked"
private let framings: [FramingCase] = [
    FramingCase("RFC 9112 6.3 #1: HEAD", "1.1 200", chunked, isHEAD: true, .none, reusable: true),
    FramingCase(
        "RFC 9112 6.3 #1: HEAD, length",
        "1.1 200",
        "Content-Length: 9",
        isHEAD: true,
        .none,
        reusable: true
    ),
    FramingCase("RFC 9112 6.3 #1: 1xx", "1.1 103", "X: y", .none, reusable: true),
    FramingCase("RFC 9112 6.3 #1: 204", "1.1 204", "X: y", .none, reusable: true),
    FramingCase("RFC 9112 6.3 #1: 304", "1.1 304", "Content-Length: 9", .none, reusable: true),
    FramingCase(
        "RFC 9110 8.6: 204 with a length",
        "1.1 204",
        "Content-Length: 9",
        .none,
        reusable: false
    ),
    FramingCase(
        "RFC 9110 8.6: 204 with length 0",
        "1.1 204",
        "Content-Length: 0",
        .none,
        reusable: true
    ),
    FramingCase("RFC 9112 6.1: 204 with chunks", "1.1 204", chunked, .none, reusable: false),
    FramingCase(
        "RFC 9112 6.3 #3: both",
        "1.1 200",
        "Content-Length: 9\r\n" + chunked,
        .chunked,
        reusable: false
    ),
    FramingCase("RFC 9112 6.3 #4: chunked", "1.1 200", chunked, .chunked, reusable: true),
    FramingCase(
        "RFC 9112 6.1: chunked in 1.0",
        "1.0 200",
        chunked + "\r\nConnection: keep-alive",
        .chunked,
        reusable: false
    ),
    FramingCase(
        "RFC 9112 6.3 #6: length",
        "1.1 500",
        "Content-Length: 9",
        .length(9),
        reusable: true
    ),
    FramingCase(
        "RFC 9112 6.3 #6: length 0",
        "1.1 200",
        "Content-Length: 0",
        .length(0),
        reusable: true
    ),
    FramingCase("RFC 9112 6.3 #8: neither", "1.1 200", "X: y", .untilClose, reusable: false),
    FramingCase(
        "RFC 9112 6.3 #8: neither, keep-alive",
        "1.1 200",
        "Connection: keep-alive",
        .untilClose,
        reusable: false
    ),
    FramingCase(
        "RFC 9112 9.3: close",
        "1.1 200",
        "Content-Length: 9\r\nConnection: close",
        .length(9),
        reusable: false
    ),
    FramingCase(
        "RFC 9112 9.3: close wins",
        "1.1 200",
        "Content-Length: 9\r\nConnection: keep-alive, close",
        .length(9),
        reusable: false
    ),
    FramingCase("RFC 9112 9.3: 1.0", "1.0 200", "Content-Length: 9", .length(9), reusable: false),
    FramingCase(
        "RFC 9112 9.3: 1.0 keep-alive",
        "1.0 200",
        "Content-Length: 9\r\nConnection: keep-alive",
        .length(9),
        reusable: true
    ),
]

@Suite struct BodyFramingTests {
    @Test("The head decides framing and reuse", arguments: framings)
    func decides(_ item: FramingCase) throws {
        let head = try head("HTTP/\(item.status) x", item.fields)
        let framing = BodyFraming.of(head, requestMethodIsHEAD: item.isHEAD)
        #expect(framing == item.framing)
        let reuse = BodyFraming.mayReuse(head, framing: framing, requestAskedClose: false)
        #expect(reuse == item.reusable)
        #expect(!BodyFraming.mayReuse(head, framing: framing, requestAskedClose: true))
    }

    @Test("A close ends a body cleanly only where nothing is missing (RFC 9112 section 8)")
    func closes() {
        #expect(BodyFraming.none.endedCleanly(received: 0, chunkedIsComplete: false))
        #expect(BodyFraming.untilClose.endedCleanly(received: 0, chunkedIsComplete: false))
        #expect(BodyFraming.length(0).endedCleanly(received: 0, chunkedIsComplete: false))
        #expect(BodyFraming.length(5).endedCleanly(received: 5, chunkedIsComplete: false))
        #expect(!BodyFraming.length(5).endedCleanly(received: 4, chunkedIsComplete: true))
        #expect(BodyFraming.chunked.endedCleanly(received: 9, chunkedIsComplete: true))
        #expect(!BodyFraming.chunked.endedCleanly(received: 9, chunkedIsComplete: false))
    }
}
