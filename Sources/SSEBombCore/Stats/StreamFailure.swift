// The kinds of failure a stream can have, as documented in docs/MEASUREMENT.md: one stable word
// each, used in the report, the result file and the exit logic. Must not know who detects a
// failure, how it is counted or how it is shown.

/// Why a stream did not complete. Exactly one kind per failed request: the first cause.
///
/// The raw value indexes arrays of `count` counters; the order is that of the documentation. The
/// five limits `connectTimeout` and `timeout…` answer one flag each. A response is judged in the
/// order head and framing, status, content type, SSE, API, and the first that fails names the kind.
public enum StreamFailure: UInt8, CaseIterable, Sendable, BitwiseCopyable {
    /// The peer answered the connect with a refusal (`ECONNREFUSED`): nobody listens there. A peer
    /// that doesn't answer at all is `connectTimeout`.
    case connectRefused
    /// The time limit for opening the connection passed before the connection, TLS included, was
    /// ready for a request.
    case connectTimeout
    /// The connect failed otherwise: unreachable network or host, or the kernel's own connect
    /// timeout. Want of local ports or descriptors is `localResource`.
    case connectOther
    /// The TLS handshake failed for a reason that is neither the peer's certificate (`tlsVerify`)
    /// nor an alert from the peer (`tlsAlert`): no common version, not TLS at all, closed or reset
    /// halfway.
    case tlsHandshake
    /// The peer's certificate was not accepted: expired, wrong name, unknown root.
    case tlsVerify
    /// The peer sent a fatal TLS alert, during the handshake or after it.
    case tlsAlert
    /// Sending the request failed on an established connection. A reset that shows up in reading
    /// is `reset`.
    case send
    /// The connection was reset (`ECONNRESET`) after it was established and before the stream's
    /// end. An orderly close is `closedEarly`.
    case reset
    /// An orderly end of the connection or of the body came before the end marker, or before the
    /// framing said that the body was whole. Under TLS also a close without close_notify.
    case closedEarly
    /// The time limit for the response head passed.
    case timeoutHeader
    /// The time limit for the first SSE event passed, before or after the head.
    case timeoutFirstEvent
    /// Nothing arrived on a stream that had begun for longer than the idle limit.
    case timeoutIdle
    /// The whole request took longer than its limit, however lively the stream was.
    case timeoutTotal
    /// A well-formed response whose status is not 2xx; counted by code beside this.
    case httpStatus
    /// Malformed response head or framing, or one of their limits reached: head size, interim
    /// responses, chunk-size line, trailers.
    case httpProtocol
    /// The body is compressed without having been asked for, and was not decoded.
    case contentEncoding
    /// A 2xx body that is not a sound event stream: wrong content type, or a line over the limit.
    case sseProtocol
    /// A sound event stream that carries the API's error object.
    case errorEvent
    /// This machine ran out of something: descriptors, local ports or memory. Says nothing about
    /// the server.
    case localResource

    /// Number of kinds: the size of an array indexed by raw value.
    public static let count = 19

    /// The stable snake_case word of the report and the result file.
    public var name: String {
        switch self {
        case .connectRefused: "connect_refused"
        case .connectTimeout: "connect_timeout"
        case .connectOther: "connect_other"
        case .tlsHandshake: "tls_handshake"
        case .tlsVerify: "tls_verify"
        case .tlsAlert: "tls_alert"
        case .send: "send"
        case .reset: "reset"
        case .closedEarly: "closed_early"
        case .timeoutHeader: "timeout_header"
        case .timeoutFirstEvent: "timeout_first_event"
        case .timeoutIdle: "timeout_idle"
        case .timeoutTotal: "timeout_total"
        case .httpStatus: "http_status"
        case .httpProtocol: "http_protocol"
        case .contentEncoding: "content_encoding"
        case .sseProtocol: "sse_protocol"
        case .errorEvent: "error_event"
        case .localResource: "local_resource"
        }
    }
}
