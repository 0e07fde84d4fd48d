// The head of an HTTP/1.x response: finding its end while it arrives, and reading from it the few
// facts that decide framing, reuse and judgement (RFC 9110, RFC 9112 sections 2 to 6). It must not
// know the connection, the request, or what a status means for a run.

import Glibc

/// What `ResponseHead.scan` found.
enum HeadScan: Equatable {
    /// The head is not complete. Scan again from `resumeAt` when more bytes have been appended.
    case needMore(resumeAt: Int)
    /// The head, its closing empty line included, is the first `length` bytes.
    case complete(length: Int)
    /// What came so far can't become a head.
    case failure(ProtocolError)
}

/// What `ResponseHead.parse` made of a complete head.
enum HeadParse: Equatable {
    case success(ResponseHead)
    case failure(ProtocolError)
}

/// The facts of one response head, without any reference to its bytes.
struct ResponseHead: Equatable {
    /// The essence of Content-Type (type and subtype, parameters ignored).
    enum MediaType: UInt8 {
        case absent
        /// text/event-stream
        case eventStream
        /// application/json
        case json
        /// application/x-ndjson or application/ndjson
        case ndjson
        case other
    }

    /// The codings of all Content-Encoding fields together.
    enum ContentCoding: UInt8 {
        /// No field, or nothing but `identity` in it.
        case identity
        /// gzip or x-gzip (RFC 9110 section 8.4.1.3 has recipients treat them alike)
        case gzip
        case deflate
        /// Anything else, or more than one coding.
        case other
    }

    /// The bytes announced by Content-Length, at most 2^63 - 1; 0 without `hasContentLength`.
    private(set) var contentLength: UInt64 = 0
    /// Retry-After in seconds, at most 2^31 - 1; -1 when absent or given as a date.
    private(set) var retryAfterSeconds: Int32 = -1
    /// 100 to 599, never 101.
    private(set) var status: UInt16 = 0
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    private(set) var minorVersion: UInt8 = 1
    private(set) var mediaType = MediaType.absent
    private(set) var contentCoding = ContentCoding.identity
    private(set) var hasContentLength = false
    /// The body is chunked. True whenever there is a Transfer-Encoding: no other one is accepted.
    private(set) var isChunked = false
    /// Connection has the option `close`.
    private(set) var hasClose = false
    /// Connection has the option `keep-alive`.
    private(set) var hasKeepAlive = false
    /// There is a Retry-After field, in whatever form.
    private(set) var hasRetryAfter = false

    /// An interim response, which a final one follows on the same connection.
    var isInterim: Bool { status < 200 }
    /// Both Transfer-Encoding and Content-Length are there: the former decides, and the connection
    /// must not be used again (RFC 9112 section 6.1).
    var hasAmbiguousLength: Bool { isChunked && hasContentLength }
}

// MARK: - Finding the end

extension ResponseHead {
    /// Looks for the empty line that ends a head. `bytes` is all that came since the head began;
    /// `resume` is 0 at first, then the `resumeAt` of the scan before. No byte is searched twice:
    /// at a line feed only the two bytes before it are looked at again.
    ///
    /// A line ends with CRLF or, as RFC 9112 section 2.2 allows a recipient to accept, a bare LF.
    /// Bytes that can't begin a status line fail at once, so that a peer of another protocol
    /// is not waited for.
    static func scan(
        _ bytes: UnsafeRawBufferPointer,
        from resume: Int,
        limits: WireLimits
    ) -> HeadScan {
        let end = min(bytes.count, max(limits.headBytes, 0))
        var position = min(max(resume, 0), end)
        if position < 5 && !startsLikeHTTP(bytes) { return .failure(.notHTTP) }
        while let lineFeed = bytes.firstIndex(ofByte: FieldByte.lineFeed, in: position..<end) {
            position = lineFeed + 1
            var before = lineFeed - 1
            if before >= 0 && bytes[before] == FieldByte.carriageReturn { before -= 1 }
            if before >= 0 && bytes[before] == FieldByte.lineFeed {
                return .complete(length: position)
            }
        }
        guard bytes.count < limits.headBytes else { return .failure(.headTooLarge) }
        return .needMore(resumeAt: end)
    }

    /// Whether the bytes, of which there may be none yet, are a beginning of `HTTP/...`.
    private static func startsLikeHTTP(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // "HTTP" as a number in network order, compared as far as there are bytes.
        let name: UInt32 = 0x4854_5450
        for index in 0..<min(bytes.count, 4) {
            let expected = UInt8(truncatingIfNeeded: name >> (24 - 8 * UInt32(index)))
            if bytes[index] != expected { return false }
        }
        return bytes.count < 5 || bytes[4] == FieldByte.slash
    }
}

// MARK: - Reading a complete head

extension ResponseHead {
    /// Reads a complete head, as delimited by `scan`. What stands behind the first empty line is
    /// not looked at.
    static func parse(_ head: UnsafeRawBufferPointer) -> HeadParse {
        var result = ResponseHead()
        var lines = FieldLines(head)
        guard let statusLine = lines.next() else { return .failure(.notHTTP) }
        if let broken = result.readStatusLine(statusLine) { return .failure(broken) }
        while let line = lines.next(), line.count > 0 {
            switch FieldLines.split(line) {
            case .failure(let broken):
                return .failure(broken)
            case .field(let name, let value):
                if let broken = result.readField(name: name, value: value) {
                    return .failure(broken)
                }
            }
        }
        return .success(result)
    }

    /// The header fields of a head in their order, for display. Cold: it allocates. Lines that are
    /// no field are left out; bytes that are no UTF-8 are replaced.
    static func fields(of head: UnsafeRawBufferPointer) -> [(name: String, value: String)] {
        var result: [(name: String, value: String)] = []
        var lines = FieldLines(head)
        guard lines.next() != nil else { return result }
        while let line = lines.next(), line.count > 0 {
            if case .field(let name, let value) = FieldLines.split(line) {
                let nameText = String(decoding: name, as: UTF8.self)
                result.append((nameText, String(decoding: value, as: UTF8.self)))
            }
        }
        return result
    }

    /// `HTTP/1.1 200 OK`. The space and the reason behind the status may both be missing: RFC 9112
    /// section 4 demands the space of servers, and many leave it out.
    private mutating func readStatusLine(_ line: UnsafeRawBufferPointer) -> ProtocolError? {
        guard Self.startsLikeHTTP(line), line.count >= 5 else { return .notHTTP }
        guard line.count >= 8, line[5] == 0x31, line[6] == 0x2E, line[7] & 0xFE == 0x30,
            line.count == 8 || line[8] == FieldByte.space
        else { return .versionUnsupported }
        minorVersion = line[7] & 1
        guard line.count >= 12 else { return .statusLineInvalid }
        var code: UInt16 = 0
        for index in 9..<12 {
            let digit = line[index] &- 0x30
            guard digit < 10 else { return .statusLineInvalid }
            code = code * 10 + UInt16(digit)
        }
        guard (100...599).contains(code) else { return .statusLineInvalid }
        guard line.count == 12 || line[12] == FieldByte.space else { return .statusLineInvalid }
        // RFC 9110 section 7.8: a server must not switch to a protocol the client didn't name.
        guard code != 101 else { return .upgradeUnexpected }
        status = code
        for index in 12..<line.count where FieldByte.isControl(line[index]) {
            return line[index] == FieldByte.carriageReturn
                ? .bareCarriageReturn : .fieldValueInvalid
        }
        return nil
    }

    private mutating func readField(
        name: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer
    ) -> ProtocolError? {
        switch name.count {
        case 10 where name.isEqualIgnoringCase("connection"):
            readConnection(value)
        case 11 where name.isEqualIgnoringCase("retry-after"):
            readRetryAfter(value)
        case 12 where name.isEqualIgnoringCase("content-type"):
            mediaType = Self.mediaType(value)
        case 14 where name.isEqualIgnoringCase("content-length"):
            return readContentLength(value)
        case 16 where name.isEqualIgnoringCase("content-encoding"):
            readContentEncoding(value)
        case 17 where name.isEqualIgnoringCase("transfer-encoding"):
            return readTransferEncoding(value)
        default:
            break
        }
        return nil
    }

    /// RFC 9110 section 8.6: a list of equal numbers counts as the number, however it came about.
    private mutating func readContentLength(
        _ value: UnsafeRawBufferPointer
    ) -> ProtocolError? {
        var elements = ListElements(value)
        var isEmpty = true
        while let element = elements.next() {
            isEmpty = false
            guard element.count > 0 else { return .contentLengthInvalid }
            var length: Int64 = 0
            for byte in element {
                let digit = byte &- 0x30
                guard digit < 10 else { return .contentLengthInvalid }
                let (product, overflows) = length.multipliedReportingOverflow(by: 10)
                let (sum, carries) = product.addingReportingOverflow(Int64(digit))
                guard !overflows && !carries else { return .contentLengthOverflow }
                length = sum
            }
            guard !hasContentLength || contentLength == UInt64(length) else {
                return .contentLengthConflict
            }
            hasContentLength = true
            contentLength = UInt64(length)
        }
        return isEmpty ? .contentLengthInvalid : nil
    }

    /// RFC 9112 section 6.1: chunked is applied once and last, and has no parameters (section
    /// 7.1). Other codings can't be undone here, and a body can't be framed without.
    private mutating func readTransferEncoding(
        _ value: UnsafeRawBufferPointer
    ) -> ProtocolError? {
        var elements = ListElements(value)
        while let element = elements.next() {
            // Section 5.6.1 of RFC 9110: empty list elements are ignored.
            if element.count == 0 { continue }
            let end = element.firstIndex(ofByte: FieldByte.semicolon, in: 0..<element.count)
            let coding = element.trimmed(0..<(end ?? element.count))
            guard coding.isEqualIgnoringCase("chunked") else { return .transferCodingUnsupported }
            guard end == nil && !isChunked else { return .transferEncodingInvalid }
            isChunked = true
        }
        return isChunked ? nil : .transferEncodingInvalid
    }

    private mutating func readConnection(_ value: UnsafeRawBufferPointer) {
        var elements = ListElements(value)
        while let element = elements.next() {
            if element.isEqualIgnoringCase("close") { hasClose = true }
            if element.isEqualIgnoringCase("keep-alive") { hasKeepAlive = true }
        }
    }

    private mutating func readContentEncoding(_ value: UnsafeRawBufferPointer) {
        var elements = ListElements(value)
        while let element = elements.next() {
            if element.count == 0 || element.isEqualIgnoringCase("identity") { continue }
            let coding: ContentCoding =
                if element.isEqualIgnoringCase("gzip") || element.isEqualIgnoringCase("x-gzip") {
                    .gzip
                } else if element.isEqualIgnoringCase("deflate") {
                    .deflate
                } else {
                    .other
                }
            contentCoding = contentCoding == .identity ? coding : .other
        }
    }

    private mutating func readRetryAfter(_ value: UnsafeRawBufferPointer) {
        hasRetryAfter = true
        var seconds: Int64 = 0
        for byte in value {
            let digit = byte &- 0x30
            guard digit < 10 else { return }
            // Clamped at each digit, so it can't grow beyond ten times the largest Int32.
            seconds = min(seconds * 10 + Int64(digit), Int64(Int32.max))
        }
        if value.count > 0 { retryAfterSeconds = Int32(seconds) }
    }

    private static func mediaType(_ value: UnsafeRawBufferPointer) -> MediaType {
        let end = value.firstIndex(ofByte: FieldByte.semicolon, in: 0..<value.count)
        let essence = value.trimmed(0..<(end ?? value.count))
        return switch essence.count {
        case 17 where essence.isEqualIgnoringCase("text/event-stream"): .eventStream
        case 16 where essence.isEqualIgnoringCase("application/json"): .json
        case 20 where essence.isEqualIgnoringCase("application/x-ndjson"): .ndjson
        case 18 where essence.isEqualIgnoringCase("application/ndjson"): .ndjson
        default: .other
        }
    }
}

// MARK: - Lines, fields and lists

/// The bytes with a meaning in heads, chunk lines and trailers, and the classes of the others.
enum FieldByte {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D
    static let space: UInt8 = 0x20
    static let quote: UInt8 = 0x22
    static let comma: UInt8 = 0x2C
    static let slash: UInt8 = 0x2F
    static let colon: UInt8 = 0x3A
    static let semicolon: UInt8 = 0x3B
    static let backslash: UInt8 = 0x5C

    /// Control bytes other than HTAB: never allowed in a value (RFC 9110 section 5.5).
    @inline(__always)
    static func isControl(_ byte: UInt8) -> Bool {
        byte < 0x20 && byte != tab || byte == 0x7F
    }

    /// `tchar` of RFC 9110 section 5.6.2.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        // ! # $ % & ' * + - .
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E: true
        // ^ _ ` | ~
        case 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }
}

/// Walks the lines of a head, each without its LF or CRLF.
private struct FieldLines {
    /// A header line taken apart.
    enum Split {
        /// The name is a token, the value is trimmed and free of control bytes.
        case field(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)
        case failure(ProtocolError)
    }

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The next line, or nil at the end. A last line without LF counts as a line.
    mutating func next() -> UnsafeRawBufferPointer? {
        guard position < bytes.count else { return nil }
        let start = position
        let found = bytes.firstIndex(ofByte: FieldByte.lineFeed, in: start..<bytes.count)
        var end = found ?? bytes.count
        position = found == nil ? end : end + 1
        if found != nil && end > start && bytes[end - 1] == FieldByte.carriageReturn { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// Takes a non-empty header line apart (RFC 9112 section 5). Folded lines (section 5.2) and
    /// blanks before the colon (section 5.1) are refused.
    static func split(_ line: UnsafeRawBufferPointer) -> Split {
        var colon = 0
        while colon < line.count && FieldByte.isToken(line[colon]) { colon += 1 }
        guard colon < line.count else { return .failure(.fieldNameInvalid) }
        guard line[colon] == FieldByte.colon && colon > 0 else {
            let isBlank = line[colon] == FieldByte.space || line[colon] == FieldByte.tab
            guard isBlank else { return .failure(.fieldNameInvalid) }
            return .failure(colon == 0 ? .fieldFolded : .fieldWhitespaceBeforeColon)
        }
        for index in colon + 1..<line.count where FieldByte.isControl(line[index]) {
            let isReturn = line[index] == FieldByte.carriageReturn
            return .failure(isReturn ? .bareCarriageReturn : .fieldValueInvalid)
        }
        return .field(
            name: UnsafeRawBufferPointer(rebasing: line[..<colon]),
            value: line.trimmed(colon + 1..<line.count)
        )
    }
}

/// Walks the elements of a comma-separated list, trimmed, empty ones included. Quoted strings are
/// not honoured: no list that is read here has any.
private struct ListElements {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The next element, or nil behind the last. An empty list has one empty element.
    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= bytes.count else { return nil }
        let start = position
        let comma = bytes.firstIndex(ofByte: FieldByte.comma, in: start..<bytes.count)
        let end = comma ?? bytes.count
        position = end + 1
        return bytes.trimmed(start..<end)
    }
}

private extension UnsafeRawBufferPointer {
    /// The index of the first such byte in a range, which must lie in this buffer.
    @inline(__always)
    func firstIndex(ofByte byte: UInt8, in range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        guard let baseAddress, range.count > 0 else { return nil }
        let found = memchr(baseAddress + range.lowerBound, Int32(byte), range.count)
        guard let found else { return nil }
        return UnsafeRawPointer(found) - baseAddress
    }

    /// The bytes of a range without the spaces and tabs at both its ends.
    func trimmed(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end && (self[start] == FieldByte.space || self[start] == FieldByte.tab) {
            start += 1
        }
        while start < end && (self[end - 1] == FieldByte.space || self[end - 1] == FieldByte.tab) {
            end -= 1
        }
        return UnsafeRawBufferPointer(rebasing: self[start..<end])
    }

    /// Whether these bytes are the given lower-case ASCII text, letters compared without case.
    func isEqualIgnoringCase(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count {
            let byte = self[index]
            let isUpper = byte &- 0x41 < 26
            if (isUpper ? byte | 0x20 : byte) != text.utf8Start[index] { return false }
        }
        return true
    }
}
