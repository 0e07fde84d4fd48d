// The closed load model whose number of streams changes: which slots take part when, and until when
// a request may go on. Knows no socket.

extension LoopThread {
    /// The level from which on the slot takes part. Streams are dealt out to processes and loops in
    /// turn, so that the load is the same for any number of them and even among them. A half below
    /// whole numbers: so the streams differ from the line by no more than that.
    private func level(of index: UInt32) -> Double {
        let load = current.pointee
        let own = Int(index - load.firstSlot) * load.loops + load.rank
        return Double(plan.rank.whole(UInt64(own))) + 0.5
    }

    /// Schedules the slot's next request for when the load model wants it: at the end of its pause,
    /// or when the stages next ask for so many streams. Where they never do again the slot rests to
    /// the end.
    @inline(never)
    mutating func coldScheduleStaged(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        notBefore: Instant,
        _ now: Instant
    ) {
        let start = stageStart(level(of: index), from: notBefore)
        if start > notBefore {
            // Its user is gone meanwhile: the pause ends here, and so does the connection.
            endBackOff(slot, notBefore)
            closeConnection(slot)
        }
        guard start < windows.measureEnd else { return }
        slot.pointee.sched = start
        if start <= now { ready.push(index) } else { wheel.arm(index, at: start) }
    }

    /// Whether the stages want the slot's request now, which may have waited for its connect's
    /// turn. If so, notes when it has to be over; if not, schedules it.
    @inline(never)
    mutating func coldTakesPart(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) -> Bool {
        let level = level(of: index)
        if stageStart(level, from: now) > now {
            coldScheduleStaged(index, slot, notBefore: now, now)
            return false
        }
        slot.pointee.leaves = stageEnd(level, from: now)
        return true
    }

    private func stageStart(_ level: Double, from instant: Instant) -> Instant {
        let from = seconds(instant)
        guard let start = plan.stages?.view({ $0.rises(to: level, from: from) }) else {
            return .distantFuture
        }
        // Not by way of a division and a product, which might be a nanosecond later.
        return start == from ? instant : max(instant, self.instant(start))
    }

    /// none where the stages don't ask for fewer streams any more.
    private func stageEnd(_ level: Double, from instant: Instant) -> Instant {
        let end = plan.stages?.view { $0.falls(below: level, from: seconds(instant)) }
        return end.map { self.instant($0) + plan.rampDown } ?? .none
    }

    private func seconds(_ instant: Instant) -> Double { Double(instant - windows.start) / 1e9 }

    private func instant(_ seconds: Double) -> Instant {
        windows.start + Int64((seconds * 1e9).rounded(.up))
    }
}
