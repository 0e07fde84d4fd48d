// Handing a request to the kernel, and what epoll watches a descriptor for.

import CSupport
import Glibc

extension LoopThread {
    /// Sends what is left of the request.
    @inline(never)
    mutating func send(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        if !slot.pointee.send0.isSet { noteSendStart(slot) }
        let request = bytes(of: slot)
        while Int(slot.pointee.sentBytes) < request.count {
            let rest = UnsafeRawBufferPointer(
                rebasing: request[Int(slot.pointee.sentBytes)...]
            )
            let taken: Int
            if let session = slot.pointee.tls {
                switch session.write(rest) {
                case .accepted(let count): taken = count
                case .wantRead, .wantWrite:
                    setInterest(PollMask.read | PollMask.write, index, slot)
                    return armLimit(index, slot, now)
                case .failed(let reason):
                    return lost(reason.streamFailure, index, slot, now) {
                        "TLS: \(session.failureReason)"
                    }
                }
            } else {
                taken = csup_send(slot.pointee.fd, rest.baseAddress, rest.count)
            }
            if taken == -Int(EAGAIN) {
                setInterest(PollMask.read | PollMask.write, index, slot)
                return armLimit(index, slot, now)
            }
            if taken < 0 {
                return sendFailed(Errno(code: Int32(-taken)), index, slot, now)
            }
            slot.pointee.sentBytes += UInt32(taken)
            if slot.pointee.tls == nil { stats.count(.bytesSent, UInt64(taken)) }
        }
        slot.pointee.life.sent()
        if let requests { coldNoteSent(requests, index) }
        releaseSent(slot)
        setInterest(PollMask.read, index, slot)
        armLimit(index, slot, now)
    }

    /// The bytes of the slot's request.
    func bytes(of slot: UnsafeMutablePointer<StreamSlot>) -> UnsafeRawBufferPointer {
        slot.pointee.rendered.isEmpty ? request : slot.pointee.rendered.bytes
    }

    /// Gives the request's own bytes back once the kernel has them all and they can't be needed
    /// again: a prompt is many times as large as a slot.
    func releaseSent(_ slot: UnsafeMutablePointer<StreamSlot>) {
        guard !slot.pointee.rendered.isEmpty, !slot.pointee.life.mayBeSentAgain,
            Int(slot.pointee.sentBytes) == slot.pointee.rendered.count
        else { return }
        slot.pointee.rendered.release(to: pool)
    }

    /// The kernel refuses the rest of the request. What the server said before it gave up, such as
    /// a 413, may lie in the receive queue still, and names the failure better.
    private mutating func sendFailed(
        _ error: Errno,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        let generation = slot.pointee.generation
        slot.pointee.flags.insert(.sendFailed)
        readable(index, slot)
        guard slot.pointee.generation == generation, slot.pointee.fd >= 0 else { return }
        slot.pointee.flags.remove(.sendFailed)
        switch slot.pointee.life.state {
        case .sampling: setInterest(PollMask.read, index, slot)
        default: lost(.send, index, slot, now) { "send: \(error.sentence)" }
        }
    }

    /// Stamps `send0` and what is measured from it.
    private mutating func noteSendStart(_ slot: UnsafeMutablePointer<StreamSlot>) {
        let now = Instant.now()
        slot.pointee.send0 = now
        slot.pointee.requestsOnConnection += 1
        // Nothing of a response can be there before the request: the socket was empty until now.
        // Under TLS 1.3 session tickets can be (RFC 8446, 4.6.1).
        if slot.pointee.tls == nil {
            slot.pointee.emptySince = max(slot.pointee.emptySince, now)
        }
        slot.pointee.flags.remove(.undrained)
        // A request that is sent again was counted the first time.
        if slot.pointee.life.wasRetried { return }
        if !slot.pointee.flags.contains(.fresh) { stats.count(.connectionsReused) }
        let usesKernel = slot.pointee.flags.contains(.kernelStamps)
        // Nothing of a slow reader is timed.
        if slot.pointee.flags.contains(.readsSlowly) { return }
        stats.count(usesKernel ? .kernelClockStreams : .userClockStreams)
        if slot.pointee.flags.contains(.belongs) {
            let isFresh = slot.pointee.flags.contains(.fresh)
            let begun = isFresh ? slot.pointee.conn0 : now
            stats.sendLag.record(begun - slot.pointee.sched)
        }
    }

    /// The socket takes bytes again.
    @inline(never)
    mutating func writable(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        let isSendable =
            slot.pointee.life.state == .sending || slot.pointee.life.state == .streaming
        if isSendable, Int(slot.pointee.sentBytes) < bytes(of: slot).count {
            // A server may begin its answer before it has read the whole request.
            send(index, slot, lastClock)
        } else if let session = slot.pointee.tls {
            // A reply of the record layer was stuck; reading lets it go.
            setInterest(PollMask.read, index, slot)
            session.offer(UnsafeRawBufferPointer(start: nil, count: 0))
            var arrival = Arrival(at: lastClock, readAt: lastClock)
            arrival.isMeasured = windows.isMeasured(lastClock)
            decrypt(session, index, slot, &arrival)
            if isNoted { finishRead(index, arrival) }
        } else {
            setInterest(PollMask.read, index, slot)
        }
    }

    /// Changes what epoll watches; a system call only when it differs.
    func setInterest(_ mask: UInt32, _ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        guard slot.pointee.interest != mask else { return }
        slot.pointee.interest = mask
        let key = PollKey(index: index, generation: slot.pointee.generation)
        poller.change(slot.pointee.fd, mask: mask, key: key)
    }
}
