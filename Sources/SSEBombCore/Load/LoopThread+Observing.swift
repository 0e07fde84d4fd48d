// What is done with single events where somebody asked for it: their own send times, the event log,
// the trace of a probe, the answers that sessions carry on. A run without any of these comes here
// never.

import CSupport

extension LoopThread {
    /// From here on a send time is real time: 10^18 ns is September 2001, and as time since boot
    /// it would be 31 years.
    private static var leastRealTime: Int64 { 1_000_000_000_000_000_000 }

    /// Looks at one dispatched event, before anything else is made of it.
    @inline(never)  // Keeps the usual run's path short.
    mutating func observe(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ facts: EventFacts,
        _ arrival: Arrival
    ) {
        if current.pointee.hasSessions { coldKeepAnswer(facts.contentText, slot) }
        var sent: Instant?
        if let sendTimes, !facts.contents.contains(.done) {
            if let time = sendTimes.read(slot.pointee.sse.data) { sent = instant(time) }
            if slot.pointee.flags.contains(.belongs) { recordOneWay(sent, arrival) }
        }
        let place = Int(index &- current.pointee.firstSlot)
        if let log, place < current.pointee.loggedSlots {
            let event = LoggedEvent(
                stream: stream(of: index) &+ 1,
                request: UInt64(slot.pointee.requestNumber),
                event: UInt64(slot.pointee.events),
                at: arrival.at,
                sent: sent,
                window: 0,
                isToken: facts.isTokenBearing
            )
            stats.count(log.append(event) ? .loggedEvents : .unloggedEvents)
        }
        if isTraced { traceEvent(slot, facts, arrival, sent) }
    }

    /// The same of the event that `--until` names: an end marker, whatever API it belongs to.
    @inline(never)
    mutating func coldObserveUntil(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        var facts = EventFacts()
        facts.contents = .done
        observe(index, slot, facts, arrival)
    }

    /// Tells of a request on a sampled stream that is over when it began, and how it ended.
    @inline(never)
    mutating func coldLogRequest(
        _ outcome: StreamOutcome,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        let place = Int(index &- current.pointee.firstSlot)
        guard let log, plan.drawnStreams > 0, place < current.pointee.loggedSlots else { return }
        var record = LoggedEvent(
            stream: stream(of: index) &+ 1,
            request: UInt64(slot.pointee.requestNumber),
            event: 0,
            at: slot.pointee.conn0,
            sent: nil,
            window: 0,
            isToken: false,
            kind: .connect
        )
        if record.at.isSet { log.note(record) }
        record.at = slot.pointee.send0
        record.kind = .send
        if record.at.isSet { log.note(record) }
        record.at = now
        switch outcome {
        case .completed: record.kind = .completed
        case .failed: record.kind = .failed
        case .cancelled: record.kind = .cancelled
        case .cut: record.kind = .cut
        }
        log.note(record)
    }

    /// The monotonic instant of a send time.
    private func instant(_ sent: Int64) -> Instant {
        sent < Self.leastRealTime
            ? Instant(nanoseconds: sent) : clock.monotonic(fromRealtime: sent)
    }

    private func recordOneWay(_ sent: Instant?, _ arrival: Arrival) {
        guard let sent else { return stats.count(.sendTimesMissing) }
        stats.count(.sendTimesRead)
        let delay = arrival.at - sent
        // A histogram would take it for 0, and hide that the clocks differ.
        if delay < 0 { return stats.count(.sentAfterArrival) }
        stats.oneWay.record(delay)
    }

    /// Lets the coordinator see the events of a read that is done.
    @inline(never)  // As above.
    mutating func publishEvents(_ log: EventRing, _ arrival: Arrival) {
        // Without a stamp of the kernel the arrival is the time of the read, and of no event is
        // more known than that the socket was empty before.
        if arrival.at == arrival.readAt {
            let since = max(0, arrival.at - arrival.emptyAt)
            return log.publish(window: since, last: since)
        }
        let isShared = arrival.events > 1 || arrival.hasMore
        let window = isShared ? stampWindow(arrival) : 0
        log.publish(window: window, last: arrival.hasMore ? window : 0)
    }
}
