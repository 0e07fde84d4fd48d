// Realtime priority of loop threads: asking the kernel for it, saying why it refuses, and the
// bounds that keep a loop from locking up the machine. Must not know what a loop does.

import CSupport
import Glibc
import Synchronization

/// How loop threads are scheduled (`--priority`).
public enum LoopPriority: String, Sendable {
    /// As every other program.
    case normal
    /// Before every normal program: SCHED_FIFO, at its lowest priority.
    case realtime

    /// CPU time in nanoseconds that a loop may use without sleeping before it gives realtime
    /// priority up. Longer than a healthy loop works in one go, even in a burst of thousands of
    /// connects, and so short that a person at the machine notices a hitch at most.
    public static let mostWithoutSleep = Nanoseconds.milliseconds(250)
}

/// One loop's hold on realtime priority. Used by the loop's thread alone.
///
/// Priority shortens the wait for a CPU. A thread that never sleeps has no wait to shorten: it has
/// all of its CPU, and nobody else has any. So the hold ends, for good, when the thread has used
/// `LoopPriority.mostWithoutSleep` of CPU time since it last blocked. The thread looks at that
/// itself, between two turns of its loop; should one turn never end, the kernel's own bound is
/// left.
///
/// Both bounds count the CPU time since the thread last woke from a sleep (RLIMIT_RTTIME by ticks,
/// set to 0 by a wake-up; here by voluntary context switches). So the kernel's, which is higher,
/// can't come first as long as two looks are not further apart than the bounds.
struct RealtimeHold {
    /// Above the loop's own bound by more than the longest time between two looks: 50 ms and one
    /// turn, which takes about 0.5 s with 512 TLS handshakes in it. Then SIGXCPU ends the hold.
    static let kernelBound = Nanoseconds.seconds(2)
    /// Where even that doesn't help, the kernel ends the process.
    static let kernelKill = Nanoseconds.seconds(5)

    /// What is in force, or was when the loop ended.
    private(set) var priority = LoopPriority.normal
    /// When the thread gave it up.
    private(set) var gaveUpAt: Instant?
    /// Voluntary switches at the last look, and the CPU time of the first look that saw as many.
    private var switches: Int64 = -1
    private var cpuTimeAtSwitch: Int64 = 0

    /// Puts the calling thread under realtime priority. Where the machine refuses that, or the
    /// kernel's bound, the thread stays at normal priority.
    mutating func take() {
        let (soft, hard) = (UInt64(Self.kernelBound / 1_000), UInt64(Self.kernelKill / 1_000))
        guard csup_bound_realtime(soft, hard) == 0, csup_take_realtime() == 0 else { return }
        priority = .realtime
    }

    /// Gives the priority up when the thread has not slept for too long. To be called by the thread
    /// every few tens of milliseconds.
    mutating func look(_ now: Instant) {
        guard priority == .realtime else { return }
        var usage = csup_usage()
        guard csup_usage(1, &usage) == 0 else { return }
        let isOver = isOverdue(
            switches: usage.voluntary_switches,
            cpuTime: usage.user_ns + usage.system_ns
        )
        // The kernel's bound may have ended the hold in the middle of a turn.
        guard isOver || csup_is_realtime() != 1 else { return }
        leave()
        priority = .normal
        gaveUpAt = now
    }

    /// Back to normal priority at the end of the loop.
    mutating func end(_ now: Instant) {
        look(now)
        if priority == .realtime { leave() }
    }

    private func leave() {
        _ = csup_leave_realtime()
        // Realtime threads have no timer slack; the way back restores the default of 50 µs.
        _ = csup_short_timer_slack()
    }

    /// Whether the thread has used too much CPU time since its last voluntary switch.
    ///
    /// - Parameters:
    ///   - switches: voluntary switches of the thread until now.
    ///   - cpuTime: nanoseconds of CPU time that it has used until now.
    mutating func isOverdue(switches: Int64, cpuTime: Int64) -> Bool {
        if switches != self.switches {
            self.switches = switches
            cpuTimeAtSwitch = cpuTime
        }
        return cpuTime - cpuTimeAtSwitch >= LoopPriority.mostWithoutSleep
    }
}

/// The machine's answer to who asks for realtime priority.
public enum RealtimeRight {
    private final class Answer: Sendable {
        let code = Atomic<Int32>(-EAGAIN)
    }

    /// Why this process gets no realtime priority, and the remedy; nil when it does.
    ///
    /// Tried on a thread of its own: the answer depends on capabilities, limits, control groups and
    /// filters of system calls, and only the kernel knows them all.
    public static func refusal() -> String? {
        let answer = Answer()
        do throws(Errno) {
            let thread = try PinnedThread(name: "ssebomb-try", cpus: []) {
                answer.code.store(csup_take_realtime(), ordering: .relaxed)
            }
            thread.join()
        } catch {
            answer.code.store(-error.code, ordering: .relaxed)
        }
        let code = answer.code.load(ordering: .relaxed)
        if code >= 0 { return nil }
        var limits: (soft: UInt64, hard: UInt64) = (0, 0)
        _ = csup_realtime_limits(&limits.soft, &limits.hard)
        return sentence(
            Errno(code: -code),
            hasRight: limits.soft > 0 || csup_has_nice_capability() == 1,
            hardLimit: limits.hard
        )
    }

    /// - Parameters:
    ///   - hasRight: the process has CAP_SYS_NICE or a limit above 0, and was refused all the same.
    ///   - hardLimit: the hard limit of RLIMIT_RTPRIO.
    static func sentence(_ error: Errno, hasRight: Bool, hardLimit: UInt64) -> String {
        let remedy: String
        if hasRight {
            remedy =
                "its control group has no realtime time (cpu.rt_runtime_us) or its container "
                + "forbids it, so start it outside of them"
        } else if hardLimit > 0 {
            remedy = "raise the limit with 'ulimit -r 1'"
        } else {
            remedy =
                "give the program the capability with 'sudo setcap cap_sys_nice=ep FILE', or its "
                + "user a limit ('ulimit -r 1', allowed by rtprio in /etc/security/limits.conf)"
        }
        return
            "--priority realtime: the kernel refuses it to this process (\(error.sentence)), and "
            + "loops run at normal priority; \(remedy)"
    }
}
