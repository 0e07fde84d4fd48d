// The life of one stream as a pure machine: happenings go in, the action that the loop shall carry
// out comes out. No socket, no clock, no bytes; the first cause of a failure wins.

/// What the loop shall do next.
enum StreamAction: Equatable {
    /// Nothing; wait for the next happening.
    case wait
    /// Open a connection.
    case connect
    /// Go on with the TLS handshake.
    case secure
    /// Send the request.
    case send
    /// Keep up to 2 KiB of the error body, then call `sampleEnded`.
    case collectSample
    /// The request is over: record it, then do `connection`.
    case finish(StreamOutcome, connection: ConnectionFate)
    /// The request was recorded before; only the connection is to be dealt with.
    case dispose(ConnectionFate)
    /// A kept connection turned out closed: open a fresh one for the same request, uncounted.
    case retryFresh
}

/// How a request ended.
enum StreamOutcome: Equatable {
    case completed
    case failed(StreamFailure)
    /// Given up by the client, by plan.
    case cancelled
    /// Still running when the run ended.
    case cut
}

/// What becomes of the connection after a request.
enum ConnectionFate: Equatable {
    /// The rest of the message must be read before it may carry another request.
    case settle
    case keep
    case close
}

/// The machine. Trivial: it lives inside a slot.
struct StreamLifecycle: Equatable {
    enum State: UInt8 {
        /// No request. The slot may hold an idle connection.
        case idle
        case connecting
        case securing
        /// Request partly accepted by the kernel.
        case sending
        /// Request sent, response head not complete.
        case awaitingHead
        /// Head accepted; events come.
        case streaming
        /// Head refused; its body is being sampled.
        case sampling
        /// Completed at the marker; the rest of the message is still to come.
        case settling
    }

    private(set) var state = State.idle
    /// The request runs on a connection that carried one before.
    private(set) var isReused = false
    /// At least one byte of the response has come.
    private(set) var hasResponse = false
    /// This request has been sent again on a fresh connection.
    private(set) var wasRetried = false
    /// Why the head was refused, while its body is sampled.
    private var refusal: StreamFailure = .httpStatus

    /// A request is under way.
    var isActive: Bool { state != .idle && state != .settling }
    /// The request may have to go out once more, on a fresh connection.
    var mayBeSentAgain: Bool { isReused && !hasResponse && !wasRetried && isActive }
    /// The request, or a part of it, has been handed to the kernel.
    var isAfterSend: Bool { state.rawValue >= State.sending.rawValue }

    /// The load model wants a request now.
    mutating func begin(onKeptConnection: Bool) -> StreamAction {
        precondition(state == .idle, "a request began while another was under way")
        isReused = onKeptConnection
        hasResponse = false
        wasRetried = false
        state = onKeptConnection ? .sending : .connecting
        return onKeptConnection ? .send : .connect
    }

    /// TCP is established.
    mutating func connected(withTLS: Bool) -> StreamAction {
        precondition(state == .connecting, "connected without connecting")
        state = withTLS ? .securing : .sending
        return withTLS ? .secure : .send
    }

    /// TLS is established.
    mutating func secured() -> StreamAction {
        precondition(state == .securing, "secured without a handshake")
        state = .sending
        return .send
    }

    /// The kernel has taken the last byte of the request.
    mutating func sent() {
        if state == .sending { state = .awaitingHead }
    }

    /// Bytes of a response came. In any state but these two they belong to no request.
    ///
    /// - Returns: whether they are part of a response.
    mutating func received() -> Bool {
        switch state {
        case .sending, .awaitingHead, .streaming, .sampling, .settling:
            hasResponse = true
            return true
        case .idle, .connecting, .securing:
            return false
        }
    }

    /// The final head is one that a stream may follow.
    mutating func headAccepted() { state = .streaming }

    /// The final head is judged a failure; `sampling` if its body is worth keeping.
    mutating func headRefused(_ kind: StreamFailure, sampling: Bool) -> StreamAction {
        guard sampling else { return fail(kind) }
        refusal = kind
        state = .sampling
        return .collectSample
    }

    /// Enough of the error body was kept, or there is no more of it.
    mutating func sampleEnded(connection: ConnectionFate) -> StreamAction {
        precondition(state == .sampling, "a sample ended that never began")
        state = connection == .settle ? .settling : .idle
        return .finish(.failed(refusal), connection: connection)
    }

    /// The end of the stream was seen inside the body: marker, text or number of events. What
    /// follows decides only whether the connection can be used again.
    mutating func completedAtMarker(mayReuse: Bool) -> StreamAction {
        precondition(state == .streaming, "completed without streaming")
        state = mayReuse ? .settling : .idle
        return .finish(.completed, connection: mayReuse ? .settle : .close)
    }

    /// The framing says that the message is over.
    ///
    /// - Parameter bodyEndCompletes: whether the API has no other end than that of the body.
    mutating func messageEnded(bodyEndCompletes: Bool, mayReuse: Bool) -> StreamAction {
        let fate: ConnectionFate = mayReuse ? .keep : .close
        switch state {
        case .streaming:
            state = .idle
            let outcome: StreamOutcome = bodyEndCompletes ? .completed : .failed(.closedEarly)
            return .finish(outcome, connection: fate)
        case .sampling: return sampleEnded(connection: fate)
        case .settling:
            state = .idle
            return .dispose(fate)
        case .idle, .connecting, .securing, .sending, .awaitingHead: return .wait
        }
    }

    /// The peer closed, or the connection broke, with the given kind as its name.
    ///
    /// - Parameter endsMessage: the close is how this body ends (close-framed, and under TLS with
    ///   close_notify).
    mutating func connectionLost(
        _ kind: StreamFailure,
        endsMessage: Bool,
        bodyEndCompletes: Bool
    ) -> StreamAction {
        switch state {
        case .idle: return .dispose(.close)
        case .settling:
            state = .idle
            return .dispose(.close)
        case .sampling: return sampleEnded(connection: .close)
        case .streaming where endsMessage:
            return messageEnded(bodyEndCompletes: bodyEndCompletes, mayReuse: false)
        case .sending, .awaitingHead:
            // RFC 9112, 9.3.1: a close before any byte of the response, on a connection that had
            // been idle, says that the server gave it up, not that it refused the request.
            if isReused && !hasResponse && !wasRetried {
                wasRetried = true
                isReused = false
                state = .connecting
                return .retryFresh
            }
            return fail(kind)
        case .connecting, .securing, .streaming: return fail(kind)
        }
    }

    /// Anything else that ends the request badly. The connection is of no further use.
    mutating func fail(_ kind: StreamFailure) -> StreamAction {
        switch state {
        case .idle: return .dispose(.close)
        case .settling:
            state = .idle
            return .dispose(.close)
        case .sampling: return sampleEnded(connection: .close)
        case .connecting, .securing, .sending, .awaitingHead, .streaming:
            state = .idle
            return .finish(.failed(kind), connection: .close)
        }
    }

    /// The client gives the stream up, by plan. What has completed or been refused before stays so.
    mutating func cancel() -> StreamAction { giveUp(.cancelled) }

    /// The run is over.
    mutating func cut() -> StreamAction { giveUp(.cut) }

    private mutating func giveUp(_ outcome: StreamOutcome) -> StreamAction {
        switch state {
        case .idle: return .dispose(.close)
        case .settling:
            state = .idle
            return .dispose(.close)
        case .sampling: return sampleEnded(connection: .close)
        case .connecting, .securing, .sending, .awaitingHead, .streaming:
            state = .idle
            return .finish(outcome, connection: .close)
        }
    }
}
