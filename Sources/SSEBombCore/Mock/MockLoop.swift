// One thread of the mock: its connections, what they wait for, who comes and goes. What is said on
// them stands in the other MockLoop files. Shares nothing with other loops but read-only state.

import CSupport
import Glibc
import Synchronization

/// What all loops of a server and its owner share.
final class MockShared: Sendable {
    let plan: MockPlan
    let counters: [MockCounters]
    let context: TLSContext?
    let isStopping = Atomic(false)

    init(plan: MockPlan, counters: [MockCounters], context: TLSContext?) {
        self.plan = plan
        self.counters = counters
        self.context = context
    }

    deinit { for loop in counters { loop.destroy() } }

    func truth() -> MockTruth { MockTruth(reading: counters) }
}

/// How a stream of the mock ends; each has its count.
enum MockStreamEnd {
    /// Everything was sent.
    case completed
    /// The client is gone.
    case abandoned
    /// A fault ends it.
    case broken
    /// The client is too far behind.
    case slowReader
}

/// An event loop with its connections. Lives on its thread.
struct MockLoop: ~Copyable {
    let shared: MockShared
    let number: UInt32
    let listener: Int32
    let wake: Int32
    let counters: MockCounters
    let poller: Poller
    /// Readable when the wall clock is stepped; negative where the kernel has none to give, and
    /// stamps are wrong and replaced until the next housekeeping after a step.
    let clockWatch: Int32
    let slab: Slab<MockConnection>
    let wheel: TimerWheel
    let pool = SpillPool()
    let received = ReceiveBuffer()
    let decrypted = ReceiveBuffer()
    /// Where byte strings are put together.
    let scratch: UnsafeMutableRawPointer
    let feed = TLSFeed()
    var wall = WallClock()
    var templates: EventTemplates

    // Fields of the plan that are looked at per event.
    let groupSize: UInt32
    let pieceSize: Int
    let ping: Int64?
    let reasoningTokens: UInt32

    private var freeHead: UInt32 = 0
    private var usedSlots: UInt32 = 0
    private var connectionOrdinal: UInt32 = 0
    private var acceptAgain = Instant.none
    private var housekeepingDue = Instant.none

    /// A group of the most events, and a head of 100 KiB, fit.
    static let scratchSize = 512 << 10
    private static let mostTimersPerTurn = 4_096
    private static let acceptPause = Nanoseconds.milliseconds(10)
    private static let housekeepingPeriod = Nanoseconds.milliseconds(50)
    private static let lingerTime = Nanoseconds.seconds(2)

    init(
        shared: MockShared,
        number: Int,
        listener: Int32,
        wake: Int32,
        poller: consuming Poller,
        capacity: Int
    ) {
        self.shared = shared
        self.number = UInt32(number)
        self.listener = listener
        self.wake = wake
        counters = shared.counters[number]
        clockWatch = csup_clock_watch()
        if clockWatch >= 0 {
            try? poller.add(clockWatch, mask: PollMask.read, key: .clockStep)
        }
        self.poller = poller
        slab = Slab(capacity: capacity)
        wheel = TimerWheel(
            links: slab.firstField(\.timer),
            stride: Slab<MockConnection>.stride,
            now: .now()
        )
        scratch = .allocate(byteCount: Self.scratchSize, alignment: 4_096)
        templates = EventTemplates(manner: EventManner(shared.plan))
        switch shared.plan.chunking {
        case .events(let count): (groupSize, pieceSize) = (count, 0)
        case .bytes(let count): (groupSize, pieceSize) = (1, Int(count))
        }
        ping = shared.plan.ping
        reasoningTokens = shared.plan.reasoningTokens
        _ = csup_short_timer_slack()
    }

    deinit {
        slab.destroy()
        wheel.destroy()
        pool.destroy()
        templates.destroy()
        feed.destroy()
        scratch.deallocate()
        if clockWatch >= 0 { _ = Glibc.close(clockWatch) }
    }

    /// A poller that watches what every loop has.
    static func makePoller(listener: Int32, wake: Int32) throws(Errno) -> Poller {
        let poller = try Poller()
        try poller.add(listener, mask: PollMask.read, key: .listener)
        try poller.add(wake, mask: PollMask.read, key: .wake)
        return poller
    }

    /// Serves until the server stops.
    mutating func run() {
        while !shared.isStopping.load(ordering: .relaxed) {
            let count = poller.wait(timeout: timeout(now: .now())) ?? 0
            // First of all, as arrivals are judged by the wall clock's offset.
            let woken = Instant.now()
            if woken >= housekeepingDue { keepHouse(woken) }
            for index in 0..<count { dispatch(poller.key(index), poller.mask(index)) }
            let now = count == 0 ? woken : .now()
            fireTimers(now)
        }
        // Streams that the server's own end cuts stay in the account as open ones.
        for index in 0..<usedSlots where slab[index].pointee.phase != .free {
            slab[index].pointee.isStream = false
            close(index)
        }
        publishUsage()
    }

    /// What falls due within one of these is sent together, as an inference server sends the tokens
    /// of one step: a wake-up a millisecond instead of one an event is most of the difference
    /// between a mock that keeps up and one that doesn't.
    private static let step = Nanoseconds.milliseconds(1)

    private func timeout(now: Instant) -> Int64 {
        var wakeAt = wheel.nextWake() ?? .distantFuture
        if acceptAgain.isSet { wakeAt = min(wakeAt, acceptAgain) }
        guard wakeAt != .distantFuture else { return -1 }
        guard wakeAt > now else { return 0 }
        let steps = (wakeAt.nanoseconds + Self.step - 1) / Self.step
        return steps * Self.step - now.nanoseconds
    }

    private mutating func dispatch(_ key: PollKey, _ mask: UInt32) {
        switch key {
        case .listener: acceptConnections()
        case .wake: csup_eventfd_drain(wake)
        case .clockStep:
            wall.stepped()
            _ = csup_clock_rearm(clockWatch)
        default:
            guard slab[key.index].pointee.generation == key.generation,
                slab[key.index].pointee.phase != .free
            else { return }
            connectionReady(key.index, mask)
        }
    }

    private mutating func connectionReady(_ index: UInt32, _ mask: UInt32) {
        let connection = slab[index]
        if mask & PollMask.failed != 0 { return close(index) }
        if mask & PollMask.write != 0 {
            guard becameWritable(index) else { return }
        }
        if mask & PollMask.read != 0 {
            // Its bytes stay unread for ever: all that can be heard is the end.
            if connection.pointee.isReadPaused { return close(index) }
            becameReadable(index)
        }
    }

    /// Serves what is due. Bounded, as a stream without gaps is due again at once, and the others'
    /// sockets must have their turn.
    private mutating func fireTimers(_ now: Instant) {
        for _ in 0..<Self.mostTimersPerTurn {
            guard let index = wheel.popDue(now: now) else { return }
            timerFired(index)
        }
    }

    private mutating func timerFired(_ index: UInt32) {
        switch slab[index].pointee.phase {
        case .streaming: streamDue(index)
        case .answering: answerDue(index)
        case .lingering: close(index)
        default: break
        }
    }

    // MARK: - Housekeeping

    private mutating func keepHouse(_ now: Instant) {
        housekeepingDue = now + Self.housekeepingPeriod
        wall.refresh()
        publishUsage()
        if acceptAgain.isSet, now >= acceptAgain {
            acceptAgain = .none
            poller.change(listener, mask: PollMask.read, key: .listener)
        }
    }

    /// Makes the thread's CPU time readable by others: the kernel tells it to the thread alone.
    func publishUsage() {
        var usage = csup_usage()
        guard csup_usage(1, &usage) == 0 else { return }
        counters.set(.userTime, UInt64(max(0, usage.user_ns)))
        counters.set(.systemTime, UInt64(max(0, usage.system_ns)))
    }

    // MARK: - Coming and going

    private mutating func acceptConnections() {
        // Bounded, so that a flood of connects doesn't starve running streams; the rest is
        // reported again.
        for _ in 0..<256 {
            let descriptor = csup_accept(listener)
            guard descriptor >= 0 else {
                switch -descriptor {
                case EAGAIN: return
                // Nothing to be had until something closes: asking on would only spin.
                case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pauseAccepting()
                // The peer has gone already; errors of the network come up here as well.
                default: continue
                }
            }
            counters.add(.connections)
            guard let index = takeSlot() else {
                _ = Glibc.close(descriptor)
                return pauseAccepting()
            }
            admit(descriptor, index)
        }
    }

    private mutating func pauseAccepting() {
        acceptAgain = .now() + Self.acceptPause
        housekeepingDue = min(housekeepingDue, acceptAgain)
        poller.change(listener, mask: 0, key: .listener)
    }

    private mutating func takeSlot() -> UInt32? {
        if freeHead != 0 {
            let index = freeHead - 1
            freeHead = slab[index].pointee.nextFree
            return index
        }
        guard Int(usedSlots) < slab.capacity else { return nil }
        usedSlots += 1
        return usedSlots - 1
    }

    private mutating func admit(_ descriptor: Int32, _ index: UInt32) {
        let connection = slab[index]
        var random = SeededRandom(
            seed: shared.plan.seed,
            loop: number,
            connection: connectionOrdinal,
            request: .max
        )
        let fault = FaultChoice.choose(
            from: shared.plan.faults,
            atAccept: true,
            draw: random.unit()
        )
        let isStalled = fault?.kind == .stall
        let key = PollKey(index: index, generation: connection.pointee.generation &+ 1)
        connection.pointee = MockConnection(
            descriptor: descriptor,
            generation: key.generation,
            ordinal: connectionOrdinal,
            phase: isStalled ? .stalled : shared.context == nil ? .reading : .handshaking,
            interest: isStalled ? PollMask.hangup : PollMask.read
        )
        connectionOrdinal &+= 1
        if let fault { counters.add(fault.kind) }
        switch fault?.kind {
        case .reset:
            _ = csup_set_reset_on_close(descriptor)
            return close(index)
        case .close: return close(index)
        case .stall: break
        default:
            if let context = shared.context {
                let tls = TLSSession(server: context, feed: feed, descriptor: descriptor)
                guard tls != nil else { return close(index) }
                connection.pointee.tls = tls
            }
        }
        do throws(Errno) {
            try poller.add(descriptor, mask: connection.pointee.interest, key: key)
        } catch { close(index) }
    }

    /// Frees the slot and closes its socket.
    ///
    /// - Parameters:
    ///   - orderly: whether TLS says goodbye; without, the peer sees a truncation.
    ///   - end: of a stream that is under way. That nothing can be read or sent any more is the
    ///     peer's doing.
    mutating func close(
        _ index: UInt32,
        orderly: Bool = false,
        as end: MockStreamEnd = .abandoned
    ) {
        let connection = slab[index]
        endStream(index, end)
        wheel.disarm(index)
        connection.pointee.tls?.close(notify: orderly)
        connection.pointee.tls = nil
        connection.pointee.input.release(to: pool)
        connection.pointee.output.release(to: pool)
        // Closing takes the descriptor out of epoll's set: nothing else refers to the socket.
        _ = Glibc.close(connection.pointee.descriptor)
        connection.pointee.phase = .free
        connection.pointee.nextFree = freeHead
        freeHead = index + 1
    }

    /// Ends this side, and closes when the peer has done so or some time has passed.
    mutating func linger(_ index: UInt32) {
        let connection = slab[index]
        connection.pointee.tls?.endWriting()
        shutdown(connection.pointee.descriptor, Int32(SHUT_WR))
        connection.pointee.phase = .lingering
        wheel.arm(index, at: .now() + Self.lingerTime)
    }

    /// Counts a stream's end, once.
    func endStream(_ index: UInt32, _ end: MockStreamEnd) {
        let connection = slab[index]
        guard connection.pointee.isStream else { return }
        connection.pointee.isStream = false
        counters.subtract(.streamsOpen)
        switch end {
        case .completed: counters.add(.completed)
        case .abandoned: counters.add(.abandoned)
        case .broken: counters.add(.broken)
        case .slowReader: counters.add(.slowReaders)
        }
    }

    /// Sets what epoll watches for, where that changes.
    func watch(_ index: UInt32, _ mask: UInt32) {
        let connection = slab[index]
        guard connection.pointee.interest != mask else { return }
        connection.pointee.interest = mask
        let key = PollKey(index: index, generation: connection.pointee.generation)
        poller.change(connection.pointee.descriptor, mask: mask, key: key)
    }
}
