// The limits every decoder of wire bytes obeys, and the named ways in which an HTTP/1.1 response
// can be malformed, reaching such a limit included. Both are plain values that the command line
// and the reports also use; nothing here knows a decoder, a connection or a failure count.

/// How much of each kind a peer may send before it counts as malformed. All sizes are bytes.
public struct WireLimits: Sendable, Equatable {
    /// A response head, from the status line to the empty line, line ends included.
    public var headBytes: Int
    /// One line of an event stream, without its line end.
    public var lineBytes: Int
    /// The joined `data` of one server-sent event.
    public var eventBytes: Int
    /// Responses with a 1xx status before the final one (RFC 9110 section 15.2 sets no bound).
    public var interimResponses: Int
    /// A chunk-size line with its extensions and its CRLF. Values under 32 act as 32, values over
    /// 1 GiB as 1 GiB.
    public var chunkLineBytes: Int
    /// The trailer section behind the last chunk, with its closing CRLF. Values under 2 act as 2,
    /// values over 1 GiB as 1 GiB.
    public var trailerBytes: Int

    /// The defaults are the least values that the documentation promises to accept.
    public init(
        headBytes: Int = 64 << 10,
        lineBytes: Int = 1 << 20,
        eventBytes: Int = 4 << 20,
        interimResponses: Int = 16,
        chunkLineBytes: Int = 4 << 10,
        trailerBytes: Int = 64 << 10
    ) {
        self.headBytes = headBytes
        self.lineBytes = lineBytes
        self.eventBytes = eventBytes
        self.interimResponses = interimResponses
        self.chunkLineBytes = chunkLineBytes
        self.trailerBytes = trailerBytes
    }

    /// Of each limit the greater one.
    func loosest(_ other: WireLimits) -> WireLimits {
        WireLimits(
            headBytes: max(headBytes, other.headBytes),
            lineBytes: max(lineBytes, other.lineBytes),
            eventBytes: max(eventBytes, other.eventBytes),
            interimResponses: max(interimResponses, other.interimResponses),
            chunkLineBytes: max(chunkLineBytes, other.chunkLineBytes),
            trailerBytes: max(trailerBytes, other.trailerBytes)
        )
    }

    /// `chunkLineBytes` as it is obeyed: the longest size (16 digits) and a CRLF fit, and the sum
    /// of two such limits is far below 2^32.
    var chunkLine: Int { min(max(chunkLineBytes, 32), 1 << 30) }
    /// `trailerBytes` as it is obeyed: the closing CRLF fits.
    var trailer: Int { min(max(trailerBytes, 2), 1 << 30) }
}

/// One way for a response to be malformed. Each is met by exactly one decoder and ends the
/// response: there is no resynchronising on a byte stream whose framing is lost.
public enum ProtocolError: UInt8, Error, CaseIterable, BitwiseCopyable, Sendable {
    // The head.
    case notHTTP
    case versionUnsupported
    case statusLineInvalid
    case headTooLarge
    case tooManyInterimResponses
    case upgradeUnexpected
    case fieldNameInvalid
    case fieldWhitespaceBeforeColon
    case fieldValueInvalid
    case fieldFolded
    case bareCarriageReturn
    case contentLengthInvalid
    case contentLengthOverflow
    case contentLengthConflict
    case transferEncodingInvalid
    case transferCodingUnsupported

    // The chunked body.
    case chunkSizeInvalid
    case chunkSizeOverflow
    case chunkExtensionInvalid
    case chunkLineEndInvalid
    case chunkLineTooLong
    case chunkDataUnterminated
    case chunkOverhead
    case trailerTooLarge
    case trailerLineEndInvalid

    /// One sentence for reports, without a full stop: what the server sent that it must not, and
    /// where one of `limits` was reached, which flag raises it.
    func sentence(_ limits: WireLimits) -> String {
        switch self {
        case .notHTTP: "the response does not start with \"HTTP/\""
        case .versionUnsupported: "the response is neither HTTP/1.0 nor HTTP/1.1"
        case .statusLineInvalid: "the status line has no status between 100 and 599"
        case .headTooLarge:
            "the response head is larger than \(limits.headBytes) bytes; raise it with"
                + " --limit head=SIZE"
        case .tooManyInterimResponses:
            "more 1xx responses than \(limits.interimResponses) precede the final one; raise it"
                + " with --limit interim=COUNT"
        case .upgradeUnexpected: "the server switched protocols without being asked (status 101)"
        case .fieldNameInvalid: "a header line has no valid name before a colon"
        case .fieldWhitespaceBeforeColon: "a header name is followed by whitespace"
        case .fieldValueInvalid: "a header value or the status line holds a control byte"
        case .fieldFolded: "a header line is folded (starts with whitespace)"
        case .bareCarriageReturn: "the response head has a CR that is not followed by LF"
        case .contentLengthInvalid: "Content-Length is not a decimal number"
        case .contentLengthOverflow: "Content-Length does not fit 63 bits"
        case .contentLengthConflict: "Content-Length is given twice with different values"
        case .transferEncodingInvalid: "Transfer-Encoding is empty or applies chunked wrongly"
        case .transferCodingUnsupported: "Transfer-Encoding names a coding other than chunked"
        case .chunkSizeInvalid: "a chunk does not start with a hexadecimal size"
        case .chunkSizeOverflow: "a chunk size does not fit 64 bits"
        case .chunkExtensionInvalid: "a chunk extension holds a control byte or an open quote"
        case .chunkLineEndInvalid: "a chunk-size line does not end with CRLF"
        case .chunkLineTooLong:
            "a chunk-size line is longer than \(limits.chunkLine) bytes; raise it with"
                + " --limit chunk-line=SIZE"
        case .chunkDataUnterminated: "the data of a chunk is not followed by CRLF"
        case .chunkOverhead: "the chunked body is almost only framing"
        case .trailerTooLarge:
            "the trailer section is larger than \(limits.trailer) bytes; raise it with"
                + " --limit trailers=SIZE"
        case .trailerLineEndInvalid: "a trailer line does not end with CRLF"
        }
    }
}
