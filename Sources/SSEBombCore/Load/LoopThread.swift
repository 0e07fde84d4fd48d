// One loop: waits, hands each readiness to the stream it belongs to, fires timers, starts what the
// plan wants started. Everything it touches while running is its own.

import CSupport
import Glibc

/// State of one loop thread. Made on the coordinator's thread, then used by the loop alone.
struct LoopThread: ~Copyable {
    // MARK: Fixed before the clock starts

    let index: Int
    let windows: RunWindows
    let switches: RunSwitches
    /// The loop's account of itself goes to the recorders of its first class.
    let own: LoopStats
    private let priority: LoopPriority
    let trace: EventTrace?
    let isTraced: Bool
    /// Set with `--sent-at`; the memory is the coordinator's.
    let sendTimes: SendTimeReader?
    /// Set with `--event-log` or `--html`; the memory is the coordinator's.
    let log: EventRing?
    /// Set with `--per-request`; the memory is the coordinator's.
    let requests: RequestLog?
    /// One of the last two is set.
    let isNoted: Bool
    /// Somebody asked for single events, or users answer to what they read.
    let isObserved: Bool
    let wakeDescriptor: Int32
    let slotCount: Int

    // MARK: Owned machinery

    var poller: Poller
    let slab: Slab<StreamSlot>
    let wheel: TimerWheel
    let pool = SpillPool()
    let buffer = ReceiveBuffer()
    /// Plaintext of TLS reads: one record holds at most 16 KiB (RFC 8446, 5.1).
    let plaintext: UnsafeMutableRawBufferPointer
    /// Where requests of a source come about.
    var scratch = RenderScratch()
    let ready: ReadyRing
    var clock = WallClock()
    var random: SeededRandom
    let classes: UnsafeMutablePointer<LoopClass>
    let classCount: Int
    /// Number of each slot's class.
    let classOf: UnsafeMutablePointer<UInt16>
    /// A class has the open load model.
    private let hasArrivals: Bool
    private let stampHolder: Int32
    private let clockWatch: Int32

    // MARK: Running state

    /// Slots that may still start or finish something.
    var liveSlots = 0
    /// No request starts for now: somebody asked for a pause.
    var isPaused = false
    /// The class of the slot that is at hand, see `select`.
    var current: UnsafeMutablePointer<LoopClass>
    /// Instant at which every socket that the last wait didn't name was empty.
    var quietSince = Instant.none
    /// Clock before and after the last wait.
    var waitBegan = Instant.none
    var waitEnded = Instant.none
    /// Reads the time this thread waited for a CPU; -1 where the kernel doesn't say.
    var schedstat: Int32 = -1
    /// That time at the last look.
    private var lastRunDelay: Int64 = 0
    /// What the last wait cost in waiting for a CPU, once it has been asked for.
    private var delayOfWait: Int64?
    /// Earliest arrival of an event that was alone in its read, since the last wait returned.
    var earliestArrival = Instant.distantFuture
    /// Earliest arrival of any read since then.
    var earliestStamp = Instant.distantFuture
    /// The last clock reading: a bound from below for "just before this read".
    var lastClock: Instant
    var began = Instant.none
    var ended = Instant.none
    /// Its realtime priority, where the plan asks for that.
    var hold = RealtimeHold()
    private var nextHousekeeping = Instant.none
    var accountAtStart: LoopAccount?
    var accountAtEnd: LoopAccount?
    /// What was taken and lost in the measured window.
    var usage = LoopUsage()

    private static let housekeepingInterval = Nanoseconds.milliseconds(50)

    init(_ setup: LoopSetup, poller: consuming Poller) {
        index = setup.index
        windows = setup.windows
        switches = setup.switches
        own = setup.classes[0].stats
        priority = setup.classes[0].plan.priority
        trace = setup.trace
        isTraced = setup.trace != nil
        sendTimes = setup.sendTimes
        log = setup.log
        requests = setup.requests
        isNoted = setup.log != nil || setup.requests != nil
        // Not from self: an autoclosure over a half-made noncopyable self makes Swift 6.3 destroy a
        // poller that was never set, and so close descriptor 0.
        isObserved =
            setup.trace != nil || setup.sendTimes != nil || setup.log != nil
            || setup.classes.contains { $0.plan.sessions != nil }
        wakeDescriptor = setup.wakeDescriptor
        slotCount = setup.classes.reduce(0) { $0 + $1.share.streams }
        classCount = setup.classes.count
        classes = .allocate(capacity: setup.classes.count)
        classOf = .allocate(capacity: max(1, slotCount))
        current = classes
        hasArrivals = setup.classes.contains { $0.plan.arrivals != nil }
        self.poller = poller
        slab = Slab(capacity: slotCount)
        plaintext = .allocate(byteCount: 16_640, alignment: 64)
        ready = ReadyRing(capacity: slotCount)
        random = SeededRandom(
            seed: setup.classes[0].plan.seed
                &+ setup.classes[0].plan.rank.whole(UInt64(setup.index)) &* 0x1000_0001
        )
        lastClock = .now()
        var first: UInt32 = 0
        for (number, part) in setup.classes.enumerated() {
            let load = LoopClass(part, number: number, firstSlot: first, windows: setup.windows)
            (classes + number).initialize(to: load)
            for slot in load.slots {
                classOf[Int(slot)] = UInt16(number)
                slab[slot].initialize(to: StreamSlot(limits: part.plan.limits))
            }
            first = load.slots.upperBound
        }
        wheel = TimerWheel(
            links: slab.firstField(\.timer),
            stride: Slab<StreamSlot>.stride,
            now: .now()
        )
        stampHolder = setup.classes[0].plan.clock == .kernel ? csup_stamp_holder() : -1
        clockWatch = csup_clock_watch()
    }

    /// Registers what the loop listens to besides its streams, and takes the memory of what it
    /// records.
    mutating func prepare() throws(Errno) {
        // Without a watch a step of the clock shows only as replaced stamps.
        if clockWatch >= 0 { try poller.add(clockWatch, mask: PollMask.read, key: .clockStep) }
        try poller.add(wakeDescriptor, mask: PollMask.read, key: .wake)
        // Of many classes most would never use so much.
        guard classCount <= 4 else { return }
        for number in 0..<classCount {
            let load = classes[number]
            load.stats.populate(isOpen: load.plan.arrivals != nil)
        }
    }

    deinit {
        for slot in 0..<UInt32(slotCount) where slab[slot].pointee.fd >= 0 {
            close(slab[slot].pointee.fd)
        }
        if stampHolder >= 0 { close(stampHolder) }
        if clockWatch >= 0 { close(clockWatch) }
        var lent = scratch
        lent.release(to: pool)
        slab.destroy()
        wheel.destroy()
        pool.destroy()
        plaintext.deallocate()
        ready.destroy()
        for number in 0..<classCount { classes[number].destroy() }
        classes.deinitialize(count: classCount)
        classes.deallocate()
        classOf.deallocate()
    }

    // MARK: The loop

    /// Runs until every slot is retired. Called on the loop's own thread.
    @inline(never)  // Root of the disassembly check.
    mutating func run() {
        _ = csup_short_timer_slack()
        schedstat = csup_schedstat_open()
        began = .now()
        if priority == .realtime { hold.take() }
        let atStart = account(began)
        scheduleFirstStarts()
        waitEnded = began
        while liveSlots > 0 {
            var before = Instant.now()
            if before - waitEnded > Self.leastPause { coldNotePause(before - waitEnded) }
            // The open model's wait is a series of short ones, and says itself when it looked last.
            let limit = hasArrivals ? 0 : timeout(from: before)
            let named = hasArrivals ? waitForArrival(&before) : poller.wait(timeout: limit)
            let count = named ?? 0
            let woke = Instant.now()
            lastClock = woke
            if count == 0, !hasArrivals, woke - (before + limit) > Self.leastPause {
                coldNotePause(woke - (before + limit))
            }
            (waitBegan, waitEnded) = (before, woke)
            delayOfWait = nil
            own.count(.idleNanoseconds, UInt64(max(0, woke - before)))
            earliestArrival = .distantFuture
            earliestStamp = .distantFuture
            own.count(.wakeups)
            for event in 0..<count {
                // While this event is read from the kernel, the next one's slot comes to the cache.
                if event + 1 < count { slab.prefetch(poller.key(event + 1).index) }
                dispatch(poller.key(event), poller.mask(event))
            }
            if let named { noteQuiet(before: before, limit: limit, woke: woke, named: named) }
            let now = Instant.now()
            lastClock = now
            startReady(now)
            fireTimers(now)
            if hasArrivals { startArrivals() }
            if now >= nextHousekeeping { keepHouse(now) }
        }
        ended = .now()
        own.count(.loopsEnded)
        hold.end(ended)
        usage = LoopUsage(from: accountAtStart ?? atStart, to: accountAtEnd ?? account(ended))
        if schedstat >= 0 { close(schedstat) }
    }

    /// Every socket that a wait did not name was empty when the kernel collected the events, unless
    /// there were more than fit. The kernel collects at `before` or later, and the way back may
    /// take any time: a thread can be stopped or preempted on it.
    ///
    /// Of a wait that ended with its time, the collecting came no earlier than that. Of one that
    /// named sockets, no earlier than what it reported: an event that was alone in its read was
    /// there, so its stamp bounds the collecting from below; else the end of the sleep does.
    private mutating func noteQuiet(before: Instant, limit: Int64, woke: Instant, named: Int) {
        guard named < Poller.capacity else { return }
        var known = named == 0 ? before + limit : earliestArrival
        if known == .distantFuture {
            known = earliestStamp == .distantFuture ? before : coldCollected(before)
        }
        quietSince = max(before, min(woke, known))
    }

    /// When the kernel collected events all of which shared their reads.
    @inline(never)
    private mutating func coldCollected(_ before: Instant) -> Instant {
        firstArrivalBound(notAfter: earliestStamp) ?? before
    }

    @inline(__always)
    private mutating func dispatch(_ key: PollKey, _ mask: UInt32) {
        guard key.isSlot else { return coldDispatch(key) }
        let slot = slab[key.index]
        guard slot.pointee.generation == key.generation, slot.pointee.fd >= 0 else { return }
        select(key.index)
        switch slot.pointee.life.state {
        case .connecting: connectReady(key.index, slot)
        case .securing: handshakeReady(key.index, slot)
        case .idle, .sending, .awaitingHead, .streaming, .sampling, .settling:
            if mask & (PollMask.read | PollMask.failed) != 0 { readable(key.index, slot) }
            if mask & PollMask.write != 0, slot.pointee.generation == key.generation {
                writable(key.index, slot)
            }
        }
    }

    @inline(never)
    private mutating func coldDispatch(_ key: PollKey) {
        if key == .clockStep {
            // Armed before the clock is read: a second step then wakes the loop again.
            _ = csup_clock_rearm(clockWatch)
            clock.stepped()
            own.count(.clockSteps)
        } else if key == .wake {
            csup_eventfd_drain(wakeDescriptor)
            nextHousekeeping = .none
        }
    }

    /// Nanoseconds until something is to be done.
    func timeout(from now: Instant) -> Int64 {
        if !ready.isEmpty, !isPaused { return 0 }
        var next = nextHousekeeping
        if let timer = wheel.nextWake(), timer < next { next = timer }
        return max(0, next - now)
    }

    /// Time this thread has waited for a CPU in its last wait, or a little more: what it waited
    /// since the look before is in it. nil where the kernel doesn't say. Asked of the kernel at
    /// most once a wait.
    mutating func runDelayOfWait() -> Int64? {
        if delayOfWait == nil { delayOfWait = lookAtRunDelay() }
        return delayOfWait
    }

    private mutating func lookAtRunDelay() -> Int64? {
        guard schedstat >= 0 else { return nil }
        let delay = csup_run_delay(schedstat)
        guard delay >= 0 else { return nil }
        defer { lastRunDelay = delay }
        return delay - lastRunDelay
    }

    // MARK: Timers and phases

    @inline(never)
    private mutating func fireTimers(_ now: Instant) {
        while let index = wheel.popDue(now: now) {
            select(index)
            timerFired(index, slab[index], now)
        }
    }

    @inline(never)
    private mutating func startReady(_ now: Instant) {
        while !isPaused, let index = ready.pop() {
            select(index)
            begin(index, slab[index], now)
        }
    }

    @inline(never)  // Twenty times a second.
    private mutating func keepHouse(_ now: Instant) {
        nextHousekeeping = now + Self.housekeepingInterval
        coldTakeAccount(now)
        nextHousekeeping = min(nextHousekeeping, windows.nextPhase(after: now))
        let wasPaused = isPaused
        isPaused = switches.isPaused
        if wasPaused, !isPaused { coldEndPause(now) }
        clock.refresh()
        hold.look(now)
        _ = lookAtRunDelay()
        let isEnd = switches.interrupt != 0 || now >= windows.drainEnd
        for number in 0..<classCount {
            current = classes + number
            if isEnd {
                if isOpen { coldEndArrivals(now) }
                cutAll(now)
            } else {
                lookAtEnd(now)
            }
        }
    }

    /// Ends the class's starts when its time or its number of requests is used up.
    private mutating func lookAtEnd(_ now: Instant) {
        if isOpen { coldPublishWaiting(now) }
        let isOver = now >= windows.measureEnd
        if isOver ? areTicketsVoid : isStopping { return }
        if allRequestsAreTaken || isOver {
            if isOpen { coldEndArrivals(now) }
            stopStarting(voidingTickets: isOver)
            // A subscription has no end of its own that the drain could wait for.
            if isOver, plan.eventSource { cutAll(now) }
        }
    }

    /// The plan's number of requests is used up.
    private var allRequestsAreTaken: Bool {
        if let arrivals { return arrivals.pointee.pacer.hasReachedLimit }
        let number = current.pointee.number
        return plan.requests.map { switches.areTaken(limit: $0, of: number) } ?? false
    }

    /// Retires every slot of the class that has no request under way; the others retire when theirs
    /// ends.
    ///
    /// - Parameter voidingTickets: also those that only wait for their connect's paced turn, or for
    ///   the next turn of their session: it would come after the last start.
    private mutating func stopStarting(voidingTickets: Bool) {
        isStopping = true
        areTicketsVoid = voidingTickets
        for index in current.pointee.slots {
            let slot = slab[index]
            let isTaken = slot.pointee.flags.contains(.hasTicket) || slot.pointee.turn > 0
            let waits = isTaken && !voidingTickets
            if slot.pointee.life.state == .idle, !waits { retire(index, slot) }
        }
    }

    private mutating func cutAll(_ now: Instant) {
        isStopping = true
        for index in current.pointee.slots {
            let slot = slab[index]
            if slot.pointee.flags.contains(.retired) { continue }
            perform(slot.pointee.life.cut(), index, slot, now)
            if !slot.pointee.flags.contains(.retired) { retire(index, slot) }
        }
    }
}

/// What a loop is made of.
// Unchecked: the coordinator owns the memory behind the pointers until the loop's thread has ended.
struct LoopSetup: @unchecked Sendable {
    var index: Int
    /// At least one.
    var classes: [LoopClassSetup]
    var windows: RunWindows
    var switches: RunSwitches
    var trace: EventTrace?
    var sendTimes: SendTimeReader?
    var log: EventRing?
    var requests: RequestLog?
    var wakeDescriptor: Int32
}

/// Slots that became free and shall start at once, in order. Starting them from inside the handler
/// that freed them would nest one request in the other.
struct ReadyRing {
    private struct State {
        var head = 0
        var count = 0
    }
    private let indices: UnsafeMutablePointer<UInt32>
    private let state: UnsafeMutablePointer<State>
    private let capacity: Int

    /// A slot stands in the ring at most once, so `capacity` is the number of slots.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
        indices = .allocate(capacity: self.capacity)
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    func destroy() {
        indices.deallocate()
        state.deallocate()
    }

    var isEmpty: Bool { state.pointee.count == 0 }

    func push(_ index: UInt32) {
        precondition(state.pointee.count < capacity, "a slot is ready twice")
        var position = state.pointee.head + state.pointee.count
        if position >= capacity { position -= capacity }
        indices[position] = index
        state.pointee.count += 1
    }

    func pop() -> UInt32? {
        guard state.pointee.count > 0 else { return nil }
        let index = indices[state.pointee.head]
        state.pointee.head += 1
        if state.pointee.head == capacity { state.pointee.head = 0 }
        state.pointee.count -= 1
        return index
    }
}
