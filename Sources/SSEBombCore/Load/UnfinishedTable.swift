// Waits that never ended: they have no latency, but leaving them out would make a server that hangs
// look better than one that is slow.

/// The ages of the unfinished waits of one loop, by the metric they would have entered. Touched
/// once per request that did not complete.
struct UnfinishedTable {
    /// The non-empty ones.
    private(set) var all: [Metric: UnfinishedWaits] = [:]

    /// Enters every wait of a request that ended at `now` without completing. A request that was
    /// never sent waited for no answer, only for its connection.
    mutating func add(_ slot: StreamSlot, now: Instant) {
        addCancelled(slot, now: now)
        add(.e2eSched, since: slot.sched, unless: .none, now)
        if slot.send0.isSet { add(.e2e, since: slot.send0, unless: .none, now) }
    }

    /// Enters the waits of a request that the client gave up: it asked for no end, so those for the
    /// end are none. Whoever leaves at a token doesn't wait for the next one.
    mutating func addCancelled(_ slot: StreamSlot, now: Instant) {
        add(.ttftSched, since: slot.sched, unless: slot.tok0, now)
        guard slot.send0.isSet else {
            if slot.conn1.isSet {
                add(.tls, since: slot.conn1, unless: slot.tls1, now)
            } else {
                add(.connect, since: slot.conn0, unless: .none, now)
            }
            return
        }
        add(.headers, since: slot.send0, unless: slot.hdr, now)
        add(.ttfe, since: slot.send0, unless: slot.ev0, now)
        add(.ttft, since: slot.send0, unless: slot.tok0, now)
        add(.ttfo, since: slot.send0, unless: slot.out0, now)
        if slot.flags.contains(.fresh) {
            add(.ttftFresh, since: slot.conn0, unless: slot.tok0, now)
        }
        guard !slot.flags.contains(.cancelsByTokens) || now > slot.tokN else { return }
        add(.gap, since: slot.tokN, unless: .none, now)
        add(.itl, since: slot.tokN, unless: .none, now)
    }

    /// Enters a subscriber that was still without a connection.
    mutating func addLost(since lost: Instant, now: Instant) {
        add(.reconnect, since: lost, unless: .none, now)
    }

    /// Enters the ages of arrivals that never got a slot.
    mutating func addDropped(_ ages: HistogramSnapshot) {
        all[.ttftSched, default: UnfinishedWaits()].ages.merge(ages)
        all[.e2eSched, default: UnfinishedWaits()].ages.merge(ages)
    }

    /// Counts a wait that began, and whose end was not stamped.
    private mutating func add(
        _ metric: Metric,
        since start: Instant,
        unless end: Instant,
        _ now: Instant
    ) {
        guard start.isSet, !end.isSet else { return }
        all[metric, default: UnfinishedWaits()].ages.record(now - start)
    }
}
