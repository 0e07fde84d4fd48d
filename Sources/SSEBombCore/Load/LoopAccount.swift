// What a loop took and lost, as the kernel accounts for it, at the borders of the measured window:
// the verdict judges the client's figures over the time that the others speak of. Read a few times
// a run.

import CSupport

/// One reading of a loop's account of itself.
struct LoopAccount {
    var at = Instant.none
    /// Time spent waiting in epoll since the loop began.
    var idle: UInt64 = 0
    /// Time that the thread could run and did not; nil where the kernel doesn't say.
    var runDelay: Int64?
    var involuntarySwitches: Int64 = 0
    /// Time of pauses, see `LoopThread.coldNotePause`.
    var paused: UInt64 = 0
}

/// What happened between two readings.
struct LoopUsage: Sendable {
    /// Nanoseconds between them, at least 1.
    var time: Int64 = 1
    /// Share in which the loop did not wait in epoll.
    var busy: Double = 0
    var runDelay: Int64?
    var involuntarySwitches: Int64 = 0
    var paused: Int64 = 0

    init() {}

    init(from start: LoopAccount, to end: LoopAccount) {
        time = max(1, end.at - start.at)
        busy = max(0, 1 - Double(end.idle &- start.idle) / Double(time))
        if let after = end.runDelay, let before = start.runDelay {
            // The kernel's sum may contain a wait that began before the first reading.
            runDelay = min(time, max(0, after - before))
        }
        involuntarySwitches = end.involuntarySwitches - start.involuntarySwitches
        paused = Int64(clamping: end.paused &- start.paused)
    }
}

extension LoopThread {
    /// Shorter pauses are the loop's work, or the kernel's.
    static var leastPause: Int64 { Nanoseconds.milliseconds(1) }

    func account(_ now: Instant) -> LoopAccount {
        var account = LoopAccount(at: now, idle: own.value(.idleNanoseconds))
        var usage = csup_usage()
        if csup_usage(1, &usage) == 0 { account.involuntarySwitches = usage.involuntary_switches }
        if schedstat >= 0 {
            let delay = csup_run_delay(schedstat)
            if delay >= 0 { account.runDelay = delay }
        }
        account.paused = own.value(.pausedNanoseconds)
        return account
    }

    /// Takes the readings at the borders of the window, as far as they are due.
    @inline(never)  // Twenty times a second.
    mutating func coldTakeAccount(_ now: Instant) {
        if accountAtStart == nil, now >= windows.measureStart { accountAtStart = account(now) }
        if accountAtEnd == nil, now >= windows.measureEnd { accountAtEnd = account(now) }
    }

    /// The loop was away for this long: it did not wait, or came back from a wait long after that
    /// was over. What was read then is late, and where there is no stamp nothing else tells.
    @inline(never)
    func coldNotePause(_ pause: Int64) {
        own.count(.pausedNanoseconds, UInt64(max(0, pause)))
    }
}
