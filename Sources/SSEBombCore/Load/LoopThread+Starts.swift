// When requests start, and how their connections come about: pacing, connect, TLS handshake.

import CSupport
import Glibc

extension LoopThread {
    // MARK: Starting

    /// Spreads the first starts over the ramp, each at a random phase; in the open model all slots
    /// are free.
    @inline(never)
    mutating func scheduleFirstStarts() {
        liveSlots = slotCount
        // Beside a class of arrivals the run begins some time after the loop: what started before
        // would be of no window.
        let first = max(began, windows.start)
        for number in 0..<classCount {
            current = classes + number
            let slots = current.pointee.slots
            if let free = arrivals?.pointee.free {
                // The first slot is to be the first that is taken.
                for index in slots.reversed() { free.push(index, isConnected: false) }
                continue
            }
            for index in slots {
                if isStaged {
                    coldScheduleStaged(index, slab[index], notBefore: first, began)
                } else if plan.ramp > 0 {
                    var random = SeededRandom(
                        seed: RequestRandom.key(plan.seed, .phase, stream(of: index))
                    )
                    let phase = Int64(random.unit() * Double(plan.ramp))
                    slab[index].pointee.sched = windows.start + phase
                    wheel.arm(index, at: windows.start + phase)
                } else {
                    slab[index].pointee.sched = first
                    if first > began { wheel.arm(index, at: first) } else { ready.push(index) }
                }
            }
        }
    }

    /// A timer of this slot is due: it starts its next request, or a limit is reached.
    @inline(never)
    mutating func timerFired(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        if slot.pointee.flags.contains(.retired) { return }
        if slot.pointee.life.state == .idle {
            if isPaused { return wheel.arm(index, at: now + Nanoseconds.milliseconds(50)) }
            begin(index, slot, now)
        } else {
            checkLimit(index, slot, now)
        }
    }

    /// Starts the slot's next request, or says when its connect may start.
    @inline(never)
    mutating func begin(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        if slot.pointee.flags.contains(.retired) { return }
        endBackOff(slot, now)
        if !slot.pointee.flags.contains(.hasTicket) {
            let isResumed = slot.pointee.turn > 0
            guard isResumed ? resumeSession(index, slot, now) : takeTicket(index, slot, now) else {
                return
            }
            if slot.pointee.fd < 0, !paceConnect(index, slot, now) { return }
        } else if now >= windows.measureEnd {
            // Its paced turn comes after the last start.
            return retire(index, slot)
        }
        if isStaged, !coldTakesPart(index, slot, now) { return }
        slot.pointee.flags.remove(.hasTicket)
        startRequest(index, slot, now)
    }

    /// Starts a request on an idle slot whose `sched` is set.
    mutating func startRequest(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        slot.pointee.flags.remove(.belongs)
        slot.pointee.beginRequest(
            dialect: dialect,
            limits: plan.limits,
            keepsID: plan.eventSource,
            pool: pool
        )
        if windows.isMeasured(slot.pointee.sched) { slot.pointee.flags.insert(.belongs) }
        if let sessions = plan.sessions {
            coldRenderTurn(sessions, slot)
        } else if plan.source != nil {
            coldRender(slot)
        }
        if plan.hasBehaviour { coldDrawBehaviour(index, slot) }
        if let requests { coldBeginNotes(requests, index) }
        stats.count(.started)
        if slot.pointee.flags.isOfWindow { stats.count(.windowStarted) }
        changeInFlight(by: 1, at: now)
        let action = slot.pointee.life.begin(onKeptConnection: slot.pointee.fd >= 0)
        perform(action, index, slot, now)
    }

    /// Makes the request's bytes, before anything of it is timed.
    @inline(never)
    private mutating func coldRender(_ slot: UnsafeMutablePointer<StreamSlot>) {
        plan.source?.render(
            slot.pointee.number,
            seed: plan.seed,
            recorded: arrivals?.pointee.recorded,
            into: &slot.pointee.rendered,
            &scratch,
            pool
        )
    }

    /// Takes a request off the plan; retires the slot when there is none.
    private mutating func takeTicket(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) -> Bool {
        let isOver = isStopping || now >= windows.measureEnd
        guard !isOver, let number = takeNumber() else {
            retire(index, slot)
            return false
        }
        slot.pointee.number = number
        slot.pointee.flags.insert(.hasTicket)
        return true
    }

    /// The number of the next request: of all loops' where they are counted, else every loop has
    /// numbers of its own. nil when the plan has no more.
    private mutating func takeNumber() -> UInt64? {
        if let limit = plan.requests {
            return switches.takeRequest(limit: limit, of: current.pointee.number)
                .map { plan.requestNumber($0) }
        }
        defer { current.pointee.nextNumber += UInt64(current.pointee.loops) }
        return plan.requestNumber(current.pointee.nextNumber)
    }

    /// Whether the connect may start now. If not, the slot is armed for its turn, and that is when
    /// the load model wanted it: pacing is part of the plan, not lateness.
    private mutating func paceConnect(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) -> Bool {
        guard connectInterval > 0 else { return true }
        // What was not used is lost after 10 ms: a pause must not be followed by a burst.
        let turn = max(nextConnect, now + -Nanoseconds.milliseconds(10))
        nextConnect = turn + connectInterval
        if turn <= now { return true }
        slot.pointee.sched = turn
        wheel.arm(index, at: turn)
        return false
    }

    /// Counts streams in flight and publishes the number.
    mutating func changeInFlight(by change: Int, at now: Instant) {
        inFlight += change
        stats.setInFlight(inFlight, at: now)
    }

    // MARK: Connecting

    /// Opens a connection for the request that the slot has begun.
    @inline(never)
    mutating func openConnection(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        let which = nextAddress()
        let address = plan.addresses[which]
        let fd = csup_stream_socket(address.family)
        guard fd >= 0 else {
            return fail(Self.connectFailure(-fd), index, slot, now) { Errno(code: -fd).sentence }
        }
        slot.pointee.fd = fd
        slot.pointee.generation &+= 1
        slot.pointee.addressIndex = UInt32(which)
        slot.pointee.requestsOnConnection = 0
        slot.pointee.flags.insert(.fresh)
        slot.pointee.flags.remove([.kernelStamps, .undrained])
        if !address.isUnix { _ = csup_set_nodelay(fd) }
        let isSlow = slot.pointee.flags.contains(.readsSlowly)
        if isSlow { narrow(fd) }
        if plan.clock == .kernel, !address.isUnix, !isSlow, csup_want_stamps(fd) == 0 {
            slot.pointee.flags.insert(.kernelStamps)
        }
        connectsStarted += 1
        let bound = bindSource(fd)
        // Read anew: a loop that opens many connections in a row is late with the last of them.
        if !slot.pointee.flags.contains(.awaitsRoom) { slot.pointee.conn0 = .now() }
        slot.pointee.flags.remove(.awaitsRoom)
        if let error = bound ?? connect(fd, address) {
            if error == EAGAIN, address.isUnix { return awaitRoom(index, slot, now) }
            return connectFailed(error, index, slot, now)
        }
        slot.pointee.interest = PollMask.write
        let key = PollKey(index: index, generation: slot.pointee.generation)
        do {
            try poller.add(fd, mask: PollMask.write, key: key)
        } catch {
            return fail(.localResource, index, slot, now) { error.sentence }
        }
        armLimit(index, slot, now)
    }

    /// The listen queue of a unix socket is full. TCP would wait in the kernel; here the connect
    /// has to be tried again, and the time it takes is the server's as it would be with TCP.
    private mutating func awaitRoom(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        closeConnection(slot)
        slot.pointee.flags.insert(.awaitsRoom)
        wheel.arm(index, at: now + Nanoseconds.milliseconds(2))
    }

    /// nil, or the errno for which the connect failed at once.
    private func connect(_ fd: Int32, _ address: SocketAddress) -> Int32? {
        let result = address.withRaw { csup_connect(fd, $0, address.length) }
        return result == 0 || result == -EINPROGRESS ? nil : -result
    }

    private func bindSource(_ fd: Int32) -> Int32? {
        guard !plan.sourceAddresses.isEmpty else { return nil }
        // Sources turn once per round of addresses, so that every pair is used.
        let turn = connectsStarted / max(1, plan.addresses.count)
        let source = plan.sourceAddresses[
            (turn &+ self.index) % plan.sourceAddresses.count
        ]
        let result = source.withRaw { csup_bind(fd, $0, source.length, 1) }
        return result < 0 ? -result : nil
    }

    private mutating func nextAddress() -> Int {
        let count = plan.addresses.count
        if count == 1 { return 0 }
        for step in 0..<count {
            let candidate = (connectsStarted &+ step &+ index) % count
            if addressStates[candidate] != .setAside { return candidate }
        }
        return 0
    }

    /// The kernel says how the connect went.
    @inline(never)
    mutating func connectReady(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        let now = Instant.now()
        let error = csup_socket_error(slot.pointee.fd)
        if error != 0 { return connectFailed(abs(error), index, slot, now) }
        slot.pointee.conn1 = now
        slot.pointee.emptySince = now
        addressStates[Int(slot.pointee.addressIndex)] = .good
        stats.count(.connectionsOpened)
        if slot.pointee.flags.contains(.belongs) {
            stats.connect.record(now - slot.pointee.conn0)
        }
        if isTraced { traceConnected(slot) }
        perform(slot.pointee.life.connected(withTLS: tlsContext != nil), index, slot, now)
    }

    @inline(never)
    private mutating func connectFailed(
        _ error: Int32,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        let kind = Self.connectFailure(error)
        let which = Int(slot.pointee.addressIndex)
        // "localhost" often has two addresses of which a server listens on one. An address that
        // never worked is set aside while another is left; one that did work fails the request.
        let isRefusal = kind == .connectRefused || kind == .connectOther
        let hasOther = addressStates.indices.contains {
            $0 != which && addressStates[$0] != .setAside
        }
        // Connects that were under way when it was set aside go elsewhere, too.
        if isRefusal, addressStates[which] != .good, hasOther {
            addressStates[which] = .setAside
            closeConnection(slot)
            return openConnection(index, slot, now)
        }
        let text = plan.addresses[which].text
        fail(kind, index, slot, now) { "connect to \(text): \(Errno(code: error).sentence)" }
    }

    /// The kind of a failed socket, bind or connect.
    static func connectFailure(_ error: Int32) -> StreamFailure {
        switch error {
        case ECONNREFUSED: .connectRefused
        // An RST that meets a half-open connect shows as ECONNREFUSED: this one was established,
        // and reset before the loop learned of it.
        case ECONNRESET: .reset
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EADDRINUSE: .localResource
        default: .connectOther
        }
    }

    // MARK: TLS handshake

    @inline(never)
    mutating func startTLS(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        guard let context = tlsContext,
            let session = TLSSession(
                client: context,
                feed: feed,
                descriptor: slot.pointee.fd,
                resume: true
            )
        else {
            return fail(.localResource, index, slot, now) { "out of memory for a TLS connection" }
        }
        slot.pointee.tls = session
        setInterest(PollMask.read, index, slot)
        handshake(session, index, slot, now)
    }

    /// The socket of an unfinished handshake is ready.
    @inline(never)
    mutating func handshakeReady(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        guard let session = slot.pointee.tls else { return }
        var stamp: Int64 = 0
        let count = csup_recv(slot.pointee.fd, buffer.base, ReceiveBuffer.size, &stamp)
        let now = Instant.now()
        if count == -Int(EAGAIN) {
            // Writable only: OpenSSL has more to send.
            session.offer(UnsafeRawBufferPointer(start: nil, count: 0))
        } else if count <= 0 {
            let words = count == 0 ? "closed by the peer" : Errno(code: Int32(-count)).sentence
            return fail(.tlsHandshake, index, slot, now) { "TLS handshake: \(words)" }
        } else {
            stats.count(.bytesReceived, UInt64(count))
            slot.pointee.emptySince = lastClock
            session.offer(UnsafeRawBufferPointer(start: buffer.base, count: count))
        }
        lastClock = now
        handshake(session, index, slot, now)
    }

    private mutating func handshake(
        _ session: TLSSession,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        switch session.handshake() {
        case .wantRead: setInterest(PollMask.read, index, slot)
        case .wantWrite: setInterest(PollMask.read | PollMask.write, index, slot)
        case .failed(let reason):
            fail(reason.streamFailure, index, slot, now) { "TLS: \(session.failureReason)" }
        case .done:
            let done = Instant.now()
            slot.pointee.tls1 = done
            if session.isResumed { stats.count(.tlsResumed) }
            if slot.pointee.flags.contains(.belongs) {
                stats.tls.record(done - slot.pointee.conn1)
            }
            if isTraced { traceSecured(slot, session) }
            let generation = slot.pointee.generation
            perform(slot.pointee.life.secured(), index, slot, done)
            // What came behind the handshake is still in the feed: session tickets, or a refusal.
            if slot.pointee.generation == generation, slot.pointee.fd >= 0 {
                var arrival = Arrival(at: done, readAt: done)
                arrival.emptyAt = slot.pointee.emptySince
                decrypt(session, index, slot, &arrival)
                if isNoted { finishRead(index, arrival) }
            }
        }
    }
}
