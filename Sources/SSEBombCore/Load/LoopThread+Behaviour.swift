// Users that do more than wait for the end: what a request is going to do is drawn when it starts,
// and carried out here. A plan without such behaviour comes here never.

import CSupport
import Glibc

extension LoopThread {
    /// Draws what the request that the slot begins is going to do.
    @inline(never)  // Once a request.
    mutating func coldDrawBehaviour(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>
    ) {
        let request = key(slot)
        if plan.eventSource { addLastEventID(slot) }
        if let readers = plan.slowReaders, readers.draw(seed: plan.seed, request) {
            beginSlowReading(slot)
        }
        if let cancellation = plan.cancellation,
            let after = cancellation.draw(seed: plan.seed, request)
        {
            switch cancellation.unit {
            case .time: slot.pointee.cancelAfter = Int64(after.rounded())
            case .tokens:
                slot.pointee.flags.insert(.cancelsByTokens)
                // A draw below one token: whoever leaves at a token has seen one.
                slot.pointee.cancelTokens = UInt32(min(max(after.rounded(), 1), 4e9))
            }
        }
    }

    /// A slow reader has a connection of its own, whose buffer is small from the start: a window
    /// that was offered can't be taken back (RFC 9293, 3.8.6).
    private mutating func beginSlowReading(_ slot: UnsafeMutablePointer<StreamSlot>) {
        closeConnection(slot)
        slot.pointee.flags.insert(.readsSlowly)
        guard slot.pointee.flags.contains(.belongs) else { return }
        slot.pointee.flags.remove(.belongs)
        slot.pointee.flags.insert(.slowOfWindow)
        stats.count(.windowSlowReaders)
    }

    private func key(_ slot: UnsafeMutablePointer<StreamSlot>) -> RequestKey {
        RequestKey(stream: UInt64(current.pointee.number), number: slot.pointee.number)
    }

    // MARK: Reading slowly

    /// Makes the receive buffer of a socket small. To be called before the connect, which offers
    /// the window.
    func narrow(_ fd: Int32) {
        _ = csup_set_int(fd, SOL_SOCKET, SO_RCVBUF, SlowReaders.receiveBuffer)
    }

    /// One receive call on a slow reader's connection, after which the socket is left alone until
    /// the rate allows the next.
    @inline(never)
    mutating func coldReadSlowly(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        guard let readers = plan.slowReaders else { return }
        let generation = slot.pointee.generation
        let received = stats.value(.bytesReceived)
        // Without a stamp of its own a read says nothing of when the kernel collected the events.
        let bounds = (earliestArrival, earliestStamp)
        read(index, slot, atMost: readers.bytesAtOnce)
        (earliestArrival, earliestStamp) = bounds
        let count = stats.value(.bytesReceived) - received
        guard count > 0, slot.pointee.generation == generation, slot.pointee.fd >= 0,
            slot.pointee.life.state != .sending
        else { return }
        let now = lastClock
        let cost = Int64(min(Double(count) * 1e9 / readers.rate, 8.64e13))
        slot.pointee.nextRead = max(slot.pointee.nextRead, now + -SlowReaders.patience) + cost
        guard slot.pointee.nextRead > now else { return }
        slot.pointee.flags.insert(.pausesReading)
        setInterest(slot.pointee.interest & ~PollMask.read, index, slot)
        armLimit(index, slot, now)
    }

    /// The rate allows the next read.
    func readOn(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) {
        slot.pointee.flags.remove(.pausesReading)
        setInterest(slot.pointee.interest | PollMask.read, index, slot)
    }

    // MARK: Subscriptions

    /// Renders the slot's request with the last event ID as one more field (HTML standard, 9.2.3).
    /// The ID can hold no line break, because a line held it.
    private func addLastEventID(_ slot: UnsafeMutablePointer<StreamSlot>) {
        let id = slot.pointee.sse.lastEventID
        let whole = bytes(of: slot)
        guard let base = whole.baseAddress, let start = id.baseAddress, !id.isEmpty,
            id.count <= Reconnection.longestID, let fields = Self.endOfFields(whole)
        else { return }
        var own = Spill()
        func add(_ text: StaticString) {
            own.append(text.utf8Start, text.utf8CodeUnitCount, pool: pool)
        }
        own.append(base, fields, pool: pool)
        add("Last-Event-ID: ")
        own.append(start, id.count, pool: pool)
        add("\r\n")
        own.append(base + fields, whole.count - fields, pool: pool)
        slot.pointee.rendered.release(to: pool)
        slot.pointee.rendered = own
    }

    /// Where the empty line behind the header fields begins.
    private static func endOfFields(_ request: UnsafeRawBufferPointer) -> Int? {
        let end: [UInt8] = [13, 10, 13, 10]
        guard request.count >= end.count else { return nil }
        return (0...(request.count - end.count)).first { start in
            request[start..<(start + end.count)].elementsEqual(end)
        }.map { $0 + 2 }
    }

    /// Nanoseconds until the subscriber reconnects; nil where the server has ended its
    /// subscription. After failures it waits as every client does, where that is longer.
    mutating func reconnectionDelay(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) -> Int64? {
        guard !slot.pointee.flags.contains(.endsSubscription) else {
            slot.pointee.lostAt = .none
            stats.count(.subscriptionsEnded)
            return nil
        }
        if !slot.pointee.lostAt.isSet { slot.pointee.lostAt = now }
        let delay = Reconnection.delay(
            retry: slot.pointee.reconnectionTime,
            seed: plan.seed,
            key(slot)
        )
        return slot.pointee.flags.contains(.failedLast) ? max(delay, backOff(slot)) : delay
    }

    /// A subscriber's response is accepted.
    func noteSubscribed(_ slot: UnsafeMutablePointer<StreamSlot>, _ arrival: Arrival) {
        if slot.pointee.flags.isOfWindow { stats.count(.subscribed) }
        guard slot.pointee.lostAt.isSet else { return }
        if slot.pointee.flags.isOfWindow { stats.count(.reconnects) }
        if slot.pointee.flags.contains(.belongs) {
            stats.reconnect.record(max(0, arrival.at - slot.pointee.lostAt))
        }
        slot.pointee.lostAt = .none
    }

    /// A subscriber starts nothing more.
    mutating func endSubscriber(_ slot: UnsafeMutablePointer<StreamSlot>, _ now: Instant) {
        slot.pointee.sse.release(to: pool)
        if slot.pointee.lostAt.isSet { unfinished.addLost(since: slot.pointee.lostAt, now: now) }
    }

    // MARK: Leaving before the end

    /// Gives the stream up. HTTP/1.1 knows no other way than to close the connection.
    @inline(never)
    mutating func cancel(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        perform(slot.pointee.life.cancel(), index, slot, now)
    }

    /// An event has come on a stream that is given up by its tokens.
    @inline(never)
    mutating func coldCancelByTokens(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ arrival: Arrival
    ) {
        let tokens = max(slot.pointee.runningTokens, Int64(slot.pointee.tokens))
        guard tokens >= Int64(slot.pointee.cancelTokens) else { return }
        cancel(index, slot, arrival.at)
    }
}
