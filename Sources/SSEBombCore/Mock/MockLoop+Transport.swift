// The mock's side of the socket, plain or TLS: bytes in with their arrival, bytes out, and what the
// socket doesn't take. Knows nothing of requests and events.

import CSupport
import Glibc

extension MockLoop {
    // MARK: - In

    /// One read, and whatever follows from it.
    mutating func becameReadable(_ index: UInt32) {
        let connection = slab[index]
        var stamp: Int64 = 0
        let count = csup_recv(
            connection.pointee.descriptor,
            received.base,
            ReceiveBuffer.size,
            &stamp
        )
        guard count > 0 else {
            if count == -Int(EAGAIN) { return }
            return peerLeft(index)
        }
        let arrival = arrival(index, stamp: stamp, isDrained: count < ReceiveBuffer.size)
        let bytes = UnsafeRawBufferPointer(start: received.base, count: count)
        guard let tls = connection.pointee.tls else { return deliver(index, bytes, arrival) }
        tls.offer(bytes)
        if connection.pointee.phase == .handshaking {
            guard continueHandshake(index, tls) else { return }
        }
        readDecrypted(index, tls, arrival)
    }

    /// The arrival of the last byte read just now: the kernel's stamp, if it can be true.
    private func arrival(_ index: UInt32, stamp: Int64, isDrained: Bool) -> Instant {
        let connection = slab[index]
        let now = Instant.now()
        defer { if isDrained { connection.pointee.drainedAt = now } }
        let arrival = wall.monotonic(fromRealtime: stamp)
        if stamp != 0, arrival <= now, arrival >= connection.pointee.drainedAt { return arrival }
        // The stamp may be a hair ahead by the error of the offset; that is no replacement.
        if stamp != 0, arrival > now, arrival - now <= wall.uncertainty { return now }
        if connection.pointee.phase == .reading { counters.add(.stampsReplaced) }
        return now
    }

    /// False unless established; the connection may be gone.
    private mutating func continueHandshake(_ index: UInt32, _ tls: TLSSession) -> Bool {
        switch tls.handshake() {
        case .done:
            slab[index].pointee.phase = .reading
            watch(index, PollMask.read)
            return true
        case .wantRead: watch(index, PollMask.read)
        case .wantWrite: watch(index, PollMask.read | PollMask.write)
        case .failed: close(index)
        }
        return false
    }

    /// Decrypts all that was offered.
    private mutating func readDecrypted(
        _ index: UInt32,
        _ tls: TLSSession,
        _ arrival: Instant
    ) {
        let connection = slab[index]
        let generation = connection.pointee.generation
        let room = UnsafeMutableRawBufferPointer(
            start: decrypted.base,
            count: ReceiveBuffer.size
        )
        while true {
            switch tls.read(into: room) {
            case .bytes(let count):
                deliver(
                    index,
                    UnsafeRawBufferPointer(start: decrypted.base, count: count),
                    arrival
                )
                // Delivering may have ended the connection, and the session with it.
                guard connection.pointee.phase != .free,
                    connection.pointee.generation == generation
                else { return }
            case .wantRead: return
            case .wantWrite: return watch(index, PollMask.read | PollMask.write)
            case .closeNotify: return peerLeft(index)
            case .failed: return close(index)
            }
        }
    }

    private mutating func peerLeft(_ index: UInt32) {
        close(index, orderly: true)
    }

    // MARK: - Out

    /// Sends bytes now, and keeps what the socket doesn't take.
    ///
    /// - Parameter limit: most bytes to keep; a reader who is further behind is dropped.
    /// - Returns: false when the connection is gone.
    @discardableResult
    mutating func transmit(
        _ index: UInt32,
        _ bytes: UnsafeRawBufferPointer,
        limit: Int = MockConnection.mostUnsent
    ) -> Bool {
        let connection = slab[index]
        guard let base = bytes.baseAddress else { return true }
        var done = 0
        if connection.pointee.output.isEmpty {
            done = write(connection, base, bytes.count)
            if done == bytes.count { return true }
            guard done >= 0 else {
                close(index)
                return false
            }
            counters.add(.partialSends)
        }
        let unsent = connection.pointee.output.count - connection.pointee.outputSent
        guard unsent + (bytes.count - done) <= limit else {
            _ = csup_set_reset_on_close(connection.pointee.descriptor)
            close(index, as: .slowReader)
            return false
        }
        discardSentOutput(connection)
        connection.pointee.output.append(base + done, bytes.count - done, pool: pool)
        watch(index, PollMask.read | PollMask.write)
        return true
    }

    /// Sends what it can, in pieces where the plan says so: the bytes taken, or -1 when the
    /// connection is dead.
    private func write(
        _ connection: UnsafeMutablePointer<MockConnection>,
        _ base: UnsafeRawPointer,
        _ count: Int
    ) -> Int {
        var done = 0
        while done < count {
            let rest = count - done
            let length = pieceSize > 0 ? min(pieceSize, rest) : rest
            let taken: Int
            if let tls = connection.pointee.tls {
                let piece = UnsafeRawBufferPointer(start: base + done, count: length)
                switch tls.write(piece) {
                case .accepted(let count): taken = count
                case .wantRead, .wantWrite: taken = -Int(EAGAIN)
                case .failed: taken = -Int(EPIPE)
                }
            } else {
                taken = csup_send(connection.pointee.descriptor, base + done, length)
            }
            guard taken > 0 else { return taken == -Int(EAGAIN) ? done : -1 }
            counters.add(.sends)
            counters.add(.bytes, UInt64(taken))
            done += taken
        }
        return done
    }

    /// Moves unsent bytes to the front once that pays, so that a backlog doesn't grow for ever.
    private func discardSentOutput(_ connection: UnsafeMutablePointer<MockConnection>) {
        let sent = connection.pointee.outputSent
        let count = connection.pointee.output.count
        guard sent > 0, sent >= count / 2, let base = connection.pointee.output.base else { return }
        memmove(base, base + sent, count - sent)
        connection.pointee.output.truncate(to: count - sent)
        connection.pointee.outputSent = 0
    }

    /// Goes on where the socket didn't take more. False when the connection is gone.
    mutating func becameWritable(_ index: UInt32) -> Bool {
        let connection = slab[index]
        if let tls = connection.pointee.tls {
            if connection.pointee.phase == .handshaking { return continueHandshake(index, tls) }
            if connection.pointee.output.isEmpty {
                // A read waited for room in the socket.
                watch(index, PollMask.read)
                readDecrypted(index, tls, .now())
                return connection.pointee.phase != .free
            }
        }
        if let base = connection.pointee.output.base {
            let sent = connection.pointee.outputSent
            let rest = connection.pointee.output.count - sent
            let done = write(connection, base + sent, rest)
            guard done >= 0 else {
                close(index)
                return false
            }
            connection.pointee.outputSent = sent + done
            if done < rest { return true }
            connection.pointee.output.release(to: pool)
            connection.pointee.outputSent = 0
        }
        watch(index, PollMask.read)
        switch connection.pointee.phase {
        case .closing:
            close(index, orderly: true)
            return false
        case .flooding: return floodMore(index)
        default: return true
        }
    }
}
