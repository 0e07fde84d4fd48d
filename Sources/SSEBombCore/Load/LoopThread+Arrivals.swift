// The open load model in a loop: the wait that ends when a request shall start, starts on whatever
// slot is free, and what still waits for one when the run ends.

import CSupport

extension LoopThread {
    /// Starts in one turn of the loop at most: what is late is caught up, but not at the expense of
    /// the streams' events.
    private static var mostStartsPerTurn: Int { 64 }

    /// A sleep is ended so long before an arrival is due, and the rest is spent looking: a sleeping
    /// thread wakes up late by tens of microseconds.
    private static var wakeAhead: Int64 { Nanoseconds.microseconds(150) }

    // MARK: Waiting

    /// Waits for events, but not past the next arrival.
    ///
    /// - Parameter before: clock reading now; afterwards that of just before the kernel last looked
    ///   at the sockets.
    /// - Returns: as `Poller.wait`.
    @inline(never)  // Not for the closed model, whose wait is one call.
    mutating func waitForArrival(_ before: inout Instant) -> Int? {
        let other = timeout(from: before)
        let due = nextArrival()
        let sleep = due - before - Self.wakeAhead
        if other <= sleep { return poller.wait(timeout: other) }
        var named = poller.wait(timeout: max(0, sleep))
        while named == 0 {
            let now = Instant.now()
            if now >= due { break }
            // This is waiting, not work.
            own.count(.idleNanoseconds, UInt64(max(0, now - before)))
            before = now
            named = poller.wait(timeout: 0)
        }
        return named
    }

    /// When the next arrival that a slot is free for is due: without one it can only wait for an
    /// event.
    private func nextArrival() -> Instant {
        var next = Instant.distantFuture
        if isPaused { return next }
        for number in 0..<classCount {
            guard let arrivals = classes[number].arrivals else { continue }
            if arrivals.pointee.free.isEmpty || classes[number].isStopping { continue }
            next = min(next, arrivals.pointee.pacer.next)
        }
        return next
    }

    // MARK: Starting

    /// Starts what is due in each class, as far as slots are free.
    @inline(never)
    mutating func startArrivals() {
        if isPaused { return }
        for number in 0..<classCount {
            current = classes + number
            startArrivals(atMost: Self.mostStartsPerTurn)
        }
    }

    /// The same of the class at hand, and not more than `most`.
    private mutating func startArrivals(atMost most: Int) {
        for _ in 0..<most {
            guard let arrivals, !arrivals.pointee.isOver, !arrivals.pointee.free.isEmpty else {
                return
            }
            let now = Instant.now()
            if arrivals.pointee.pacer.next > now { return }
            coldStartArrival(now)
        }
    }

    /// Starts the next arrival; there is one, and a slot for it.
    @inline(never)
    private mutating func coldStartArrival(_ now: Instant) {
        guard let index = takeFreeSlot(), let arrivals else { return }
        let slot = slab[index]
        let due = arrivals.pointee.pacer.next
        arrivals.pointee.recorded = arrivals.pointee.pacer.row
        slot.pointee.sched = due
        slot.pointee.number = arrivals.pointee.pacer.number
        arrivals.pointee.pacer.advance()
        arrivals.pointee.lastStart = now
        if windows.isMeasured(due) {
            arrivals.pointee.starts.add(now)
            let lateness = max(arrivals.pointee.greatestLateness, now - due)
            arrivals.pointee.greatestLateness = lateness
            // What falls due while that is caught up waits behind it.
            if due <= arrivals.pointee.pausedUntil { arrivals.pointee.noSlotUntil = now }
            if due > arrivals.pointee.noSlotUntil {
                stats.pacingError.record(now - due)
            } else {
                stats.count(.windowWaited)
            }
        }
        startRequest(index, slot, now)
    }

    /// One with a kept connection where there is one.
    private func takeFreeSlot() -> UInt32? {
        guard let free = arrivals?.pointee.free else { return nil }
        while let index = free.popKept() {
            if slab[index].pointee.fd >= 0 { return index }
            // Its connection was closed while it was free.
            free.push(index, isConnected: false)
        }
        return free.popEmpty()
    }

    /// The slot has no request any more: it may take the next arrival.
    mutating func freeSlot(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        guard let free = arrivals?.pointee.free else { return }
        if free.isEmpty { arrivals?.pointee.noSlotUntil = .now() }
        free.push(index, isConnected: slot.pointee.fd >= 0)
    }

    // MARK: Housekeeping

    /// Starts go on after a pause by hand.
    @inline(never)
    mutating func coldEndPause(_ now: Instant) {
        for number in 0..<classCount { classes[number].arrivals?.pointee.pausedUntil = now }
    }

    /// Publishes how many arrivals wait for a slot.
    @inline(never)  // Twenty times a second.
    mutating func coldPublishWaiting(_ now: Instant) {
        let waiting = arrivals?.pointee.waiting(at: now) ?? 0
        stats.counters.set(waiting, at: Counter.waiting.rawValue)
    }

    /// Ends the arrivals: what is due and finds a free slot still starts, unless the run was
    /// interrupted or starts are paused; what waits is dropped.
    @inline(never)
    mutating func coldEndArrivals(_ now: Instant) {
        guard let arrivals, !arrivals.pointee.isOver else { return }
        if switches.interrupt == 0, !isPaused { startArrivals(atMost: .max) }
        arrivals.pointee.isOver = true
        let ages = Histogram()
        defer { ages.destroy() }
        while arrivals.pointee.pacer.next <= now {
            let due = arrivals.pointee.pacer.next
            // What was due in the warm-up belongs to no window.
            if windows.isMeasured(due) { ages.record(now - due) }
            arrivals.pointee.pacer.advance()
        }
        let dropped = HistogramSnapshot(reading: ages)
        if !dropped.isEmpty {
            stats.count(.windowDropped, dropped.count)
            judgeDropped(dropped.count)
            unfinished.addDropped(dropped)
        }
        stats.counters.set(0, at: Counter.waiting.rawValue)
    }
}
