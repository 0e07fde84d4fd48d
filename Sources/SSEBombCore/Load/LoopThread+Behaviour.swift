// Users that do more than wait for the end: what a request is going to do is drawn when it starts,
// and carried out here. A plan without such behaviour comes here never.

import CSupport

extension LoopThread {
    /// Draws what the request that the slot begins is going to do.
    @inline(never)  // Once a request.
    mutating func coldDrawBehaviour(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>
    ) {
        let request = key(index, slot)
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

    private func key(_ index: UInt32, _ slot: UnsafeMutablePointer<StreamSlot>) -> RequestKey {
        if let arrivals {
            // The pacer stands behind the arrival that starts.
            return RequestKey(
                stream: UInt64(current.pointee.number),
                number: arrivals.pacer.lastNumber
            )
        }
        let before = index &- current.pointee.firstSlot
        return RequestKey(
            stream: UInt64(current.pointee.firstStream) &+ UInt64(before),
            number: UInt64(slot.pointee.requestNumber)
        )
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
