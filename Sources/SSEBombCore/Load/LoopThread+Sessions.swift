// Sessions in a loop: a slot is a user who keeps it, with its connection, from turn to turn. What
// was said so far lies in a spill of the slot. A plan without sessions comes here never.

extension LoopThread {
    private func key(ofSession slot: UnsafeMutablePointer<StreamSlot>) -> RequestKey {
        RequestKey(stream: UInt64(current.pointee.number), number: slot.pointee.number)
    }

    /// Begins the slot's next turn, or the first one of a session: makes the request's bytes, and
    /// takes what the user says now into the conversation.
    @inline(never)  // Once a request.
    mutating func coldRenderTurn(
        _ sessions: Sessions,
        _ slot: UnsafeMutablePointer<StreamSlot>
    ) {
        if slot.pointee.turn == 0 {
            stats.count(.sessionsStarted)
            slot.pointee.turns = sessions.drawTurns(seed: plan.seed, key(ofSession: slot))
        }
        slot.pointee.turn += 1
        if slot.pointee.turn > 1, slot.pointee.flags.contains(.belongs) {
            stats.count(.windowLaterTurns)
        }
        var conversation = slot.pointee.conversation
        let fits = plan.source?.renderTurn(
            ConversationTurn(
                session: slot.pointee.number,
                turn: slot.pointee.turn,
                history: conversation.bytes
            ),
            promptsApart: sessions.promptsApart,
            seed: plan.seed,
            isLast: slot.pointee.turn == slot.pointee.turns,
            into: &slot.pointee.rendered,
            &conversation,
            &scratch,
            pool
        )
        slot.pointee.conversation = conversation
        if fits == false { slot.pointee.flags.insert(.conversationTooLong) }
    }

    /// Keeps what an event says of the answer.
    @inline(never)  // Keeps the usual run's path short.
    func coldKeepAnswer(_ text: UnsafeRawBufferPointer, _ slot: UnsafeMutablePointer<StreamSlot>) {
        guard let base = text.baseAddress, !text.isEmpty,
            slot.pointee.turn < slot.pointee.turns,
            !slot.pointee.flags.contains(.conversationTooLong)
        else { return }
        guard slot.pointee.conversation.count + text.count <= ConversationTurn.limit else {
            slot.pointee.flags.insert(.conversationTooLong)
            return
        }
        slot.pointee.conversation.append(base, text.count, pool: pool)
    }

    /// After the end of a turn: schedules the next one, or ends the session.
    ///
    /// - Returns: whether the slot's user stays.
    @inline(never)
    mutating func coldContinueSession(
        _ sessions: Sessions,
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) -> Bool {
        // What is cut at the end of the run has no end of its own.
        guard slot.pointee.turn > 0, now < windows.drainEnd, switches.interrupt == 0 else {
            return false
        }
        let flags = slot.pointee.flags
        let end: Counter? =
            if flags.contains(.failedLast) {
                .sessionsFailed
            } else if slot.pointee.turn >= slot.pointee.turns {
                .sessionsCompleted
            } else if flags.contains(.conversationTooLong) {
                .sessionsTooLong
            } else {
                nil
            }
        if let end {
            stats.count(end)
            forgetSession(slot)
            return false
        }
        guard now < windows.measureEnd, !areTicketsVoid else { return false }
        plan.source?.endAnswer(in: &slot.pointee.conversation, pool)
        let pause = sessions.drawThink(
            before: slot.pointee.turn + 1,
            seed: plan.seed,
            key(ofSession: slot)
        )
        // The answer ended when its last event came, not when the connection had settled.
        let ended = flags.contains(.settles) ? slot.pointee.entered : now
        slot.pointee.sched = ended + pause
        if slot.pointee.sched <= now {
            ready.push(index)
        } else {
            wheel.arm(index, at: slot.pointee.sched)
        }
        return true
    }

    /// Whether the next turn of the slot's session may start; it has no need of a new number.
    mutating func resumeSession(
        _ index: UInt32,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) -> Bool {
        guard now < windows.measureEnd, !areTicketsVoid else {
            retire(index, slot)
            return false
        }
        slot.pointee.flags.insert(.hasTicket)
        return true
    }

    /// Gives back what a session needed, however it ended.
    mutating func forgetSession(_ slot: UnsafeMutablePointer<StreamSlot>) {
        slot.pointee.turn = 0
        slot.pointee.turns = 0
        slot.pointee.conversation.release(to: pool)
    }
}
