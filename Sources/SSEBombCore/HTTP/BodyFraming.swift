// How the end of a response body is known, whether a close of the connection is that end, and
// whether the connection may carry another request (RFC 9112 sections 6.3, 8 and 9.3). Pure
// rules over a parsed head; it must not know bytes, sockets or requests beyond two facts of them.

/// What delimits the body of a response.
enum BodyFraming: Equatable {
    /// There is no body, whatever the head announces.
    case none
    /// The chunked coding delimits it.
    case chunked
    /// It has this many bytes, which may be 0.
    case length(UInt64)
    /// It ends where the connection does.
    case untilClose

    /// Decides in the order of RFC 9112 section 6.3. An interim response has no body either; the
    /// head that follows it is to be read next.
    static func of(_ head: ResponseHead, requestMethodIsHEAD: Bool) -> BodyFraming {
        if requestMethodIsHEAD || head.isInterim || head.status == 204 || head.status == 304 {
            return .none
        }
        if head.isChunked { return .chunked }
        if head.hasContentLength { return .length(head.contentLength) }
        return .untilClose
    }

    /// Whether the connection may carry another request once this response has been read to its
    /// end. The caller must besides have seen no byte behind that end.
    static func mayReuse(
        _ head: ResponseHead,
        framing: BodyFraming,
        requestAskedClose: Bool
    ) -> Bool {
        if requestAskedClose || head.hasClose || framing == .untilClose { return false }
        // Section 6.1: after both length fields, or a Transfer-Encoding in HTTP/1.0, two parties
        // on the way may disagree on where the response ended.
        if head.hasAmbiguousLength { return false }
        if head.minorVersion == 0 { return head.hasKeepAlive && !head.isChunked }
        // A 204 must announce no body (section 6.1, RFC 9110 section 8.6). One that does may
        // be followed by one.
        let announcesBody = head.isChunked || head.contentLength > 0
        return !(head.status == 204 && announcesBody)
    }

    /// Whether a body of which this much has come is complete when the connection closes (section
    /// 8). Under TLS the close of an `untilClose` body is an end only with a close_notify, which
    /// is the caller's to know.
    ///
    /// - Parameters:
    ///   - received: payload bytes seen so far
    ///   - chunkedIsComplete: the decoder's `isComplete`, for a chunked body
    func endedCleanly(received: UInt64, chunkedIsComplete: Bool) -> Bool {
        switch self {
        case .none, .untilClose: true
        case .chunked: chunkedIsComplete
        case .length(let length): received == length
        }
    }
}
