// One TLS connection as the loop sees it: a handle of one pointer whose calls return what happened.
// Ciphertext comes from a feed that the loop fills with its own receive calls. Must not know epoll,
// HTTP, or what is counted.

import CSupport

/// Why a TLS connection is dead.
enum TLSFailure: UInt8, Sendable {
    /// No common version or cipher, not TLS at all, closed or reset halfway through the handshake.
    case handshake
    /// The peer's certificate was not accepted.
    case verify
    /// A fatal alert from the peer at any time (a TLS 1.3 server refuses a client certificate only
    /// after the client's handshake is done), or the alert that a protocol error of the peer after
    /// the handshake made this side send.
    case alert
    /// Sending failed on an established connection; `TLSSession.failureErrno` has the cause.
    case transport
    /// This side is out of memory, or the peer sends a lot while it takes nothing.
    case localResource

    /// The kind under which a stream that dies of this is counted.
    var streamFailure: StreamFailure {
        switch self {
        case .handshake: .tlsHandshake
        case .verify: .tlsVerify
        case .alert: .tlsAlert
        case .transport: .send
        case .localResource: .localResource
        }
    }
}

/// What a step of the handshake led to.
enum TLSHandshakeOutcome: Equatable, Sendable {
    /// Established. The feed may still hold bytes: read until `wantRead` before filling it again.
    case done
    case wantRead
    case wantWrite
    case failed(TLSFailure)
}

/// What a read led to.
enum TLSReadOutcome: Equatable, Sendable {
    /// So many bytes of plaintext, at least one; there may be more, so read again.
    case bytes(Int)
    /// The feed is used up; wait for the socket to be readable.
    case wantRead
    /// A reply of the record layer doesn't fit the send buffer; wait for the socket to be writable
    /// before reading from it again.
    case wantWrite
    /// The peer ended its direction with close_notify: an orderly end. A socket that ends without
    /// it was truncated (RFC 8446 section 6.1).
    case closeNotify
    case failed(TLSFailure)
}

/// What a write led to.
enum TLSWriteOutcome: Equatable, Sendable {
    /// So many bytes of plaintext were taken, perhaps fewer than offered.
    case accepted(Int)
    /// Next time offer the same bytes again, at any address.
    case wantRead
    /// As `wantRead`, once the socket is writable.
    case wantWrite
    case failed(TLSFailure)
}

/// What one loop lends to its TLS connections: the bytes of its latest receive call, and the newest
/// resumable session.
///
/// A handle: copies refer to the same feed. Single-threaded; must outlive its sessions.
struct TLSFeed {
    fileprivate let state: UnsafeMutablePointer<csup_tls_feed>

    init() {
        state = .allocate(capacity: 1)
        state.initialize(to: csup_tls_feed())
    }

    func destroy() {
        csup_tls_feed_forget(state)
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Bytes that were offered and not yet consumed.
    @inline(__always) var unread: Int { state.pointee.count }

    /// Ciphertext bytes that the kernel has accepted from all connections of this feed.
    @inline(__always) var sentBytes: UInt64 { state.pointee.sent }

    /// Whether a session is at hand that the next connection can offer for resumption.
    var hasSession: Bool { state.pointee.session != nil }

    /// Makes the next handshake a full one.
    func forgetSession() { csup_tls_feed_forget(state) }
}

/// A TLS connection on a socket that stays the caller's.
///
/// Trivially copyable; copies refer to the same connection. One thread at a time. `close()` ends
/// it. The order of calls on a readable socket: one receive into the loop's buffer, `offer`, then
/// `handshake` or `read` until it wants more.
struct TLSSession {
    private let handle: OpaquePointer

    /// A client's connection; nil when memory runs out.
    ///
    /// - Parameters:
    ///   - resume: offer the feed's session, if it has one, for an abbreviated handshake.
    init?(client context: TLSContext, feed: TLSFeed, descriptor: Int32, resume: Bool) {
        guard
            let handle = csup_tls_new_client(
                context.handle,
                feed.state,
                descriptor,
                context.serverName,
                resume ? 1 : 0
            )
        else { return nil }
        self.handle = handle
    }

    /// A server's connection; nil when memory runs out.
    init?(server context: TLSContext, feed: TLSFeed, descriptor: Int32) {
        guard let handle = csup_tls_new_server(context.handle, feed.state, descriptor)
        else { return nil }
        self.handle = handle
    }

    /// Lends the ciphertext of one receive call, in place of anything offered before to any
    /// connection of the feed. The bytes must stay as they are until the feed is used up.
    @inline(__always)
    func offer(_ bytes: UnsafeRawBufferPointer) {
        csup_tls_offer(handle, bytes.baseAddress, bytes.count)
    }

    /// Takes the handshake as far as the offered bytes allow.
    func handshake() -> TLSHandshakeOutcome {
        switch csup_tls_handshake(handle) {
        case 0: .done
        case Int32(CSUP_TLS_WANT_READ): .wantRead
        case Int32(CSUP_TLS_WANT_WRITE): .wantWrite
        default: .failed(failure)
        }
    }

    /// Decrypts into `buffer`, which must not be empty and must not overlap the offered bytes.
    ///
    /// Call until the outcome is something else than `bytes`: what OpenSSL holds decrypted raises
    /// no event on the socket. After that the feed is empty.
    @inline(__always)
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSReadOutcome {
        let result = csup_tls_read(handle, buffer.baseAddress, buffer.count)
        if result > 0 { return .bytes(Int(result)) }
        return switch result {
        case Int64(CSUP_TLS_WANT_READ): .wantRead
        case Int64(CSUP_TLS_WANT_WRITE): .wantWrite
        case Int64(CSUP_TLS_CLOSED): .closeNotify
        default: .failed(failure)
        }
    }

    /// Encrypts and sends. Writing nothing is accepted without effect.
    @inline(__always)
    func write(_ bytes: UnsafeRawBufferPointer) -> TLSWriteOutcome {
        let result = csup_tls_write(handle, bytes.baseAddress, bytes.count)
        if result >= 0 { return .accepted(Int(result)) }
        return switch result {
        case Int64(CSUP_TLS_WANT_READ): .wantRead
        case Int64(CSUP_TLS_WANT_WRITE): .wantWrite
        default: .failed(failure)
        }
    }

    /// Frees the connection, after one attempt to send close_notify where that is asked for and
    /// possible. Never blocks. The socket stays open; the handle is dead.
    func close(notify: Bool) {
        if notify { csup_tls_shutdown(handle) }
        csup_tls_free(handle)
    }

    /// Sends close_notify, at most once and without waiting, and keeps the connection readable.
    func endWriting() { csup_tls_shutdown(handle) }
}

// Cold: asked once per connection, or when a failure is kept as a sample.
extension TLSSession {
    /// The kind of the failure; meaningful after an outcome `failed`.
    @inline(never)
    var failure: TLSFailure {
        switch csup_tls_failure(handle) {
        case Int32(CSUP_TLS_FAILURE_VERIFY): .verify
        case Int32(CSUP_TLS_FAILURE_ALERT): .alert
        case Int32(CSUP_TLS_FAILURE_TRANSPORT): .transport
        case Int32(CSUP_TLS_FAILURE_MEMORY): .localResource
        default: .handshake
        }
    }

    /// The errno of a failed send; 0 where there is none.
    var failureErrno: Int32 { csup_tls_failure_errno(handle) }

    /// The failure in words, such as "certificate has expired". Allocates.
    @inline(never)
    var failureReason: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { text in
            csup_tls_failure_text(handle, text.baseAddress, text.count)
            return text.baseAddress.map { String(cString: $0) } ?? ""
        }
    }

    /// Whether the handshake was an abbreviated one.
    var isResumed: Bool { csup_tls_resumed(handle) != 0 }

    /// Negotiated protocol version, such as "TLSv1.3".
    var version: String { String(cString: csup_tls_version(handle)) }

    /// OpenSSL's name of the negotiated cipher.
    var cipher: String { String(cString: csup_tls_cipher(handle)) }
}
