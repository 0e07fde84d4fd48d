// Realtime priority of a thread: what it takes to lose it, and the words of a refusal. Whether the
// machine permits it at all decides what can be tried.

import CSupport
import Glibc
import Synchronization
import Testing

@testable import SSEBombCore

@Suite("Realtime priority", .serialized) struct LoopPriorityTests {
    /// What a thread saw.
    private final class Finding: Sendable {
        let value = Atomic<Int64>(-1)
    }

    private func onThread(_ body: @escaping @Sendable () -> Int64) throws -> Int64 {
        let finding = Finding()
        let thread = try PinnedThread(name: "test", cpus: []) {
            finding.value.store(body(), ordering: .relaxed)
        }
        thread.join()
        return finding.value.load(ordering: .relaxed)
    }

    /// Nanoseconds of CPU time that the calling thread has used.
    private static func cpuTime() -> Int64 {
        var usage = csup_usage()
        _ = csup_usage(1, &usage)
        return usage.user_ns + usage.system_ns
    }

    /// Timer slack of the calling thread, as the kernel writes it; a thread has no file of its own
    /// for that under /proc/thread-self.
    private static func timerSlack() -> String {
        var link = [CChar](repeating: 0, count: 64)
        let length = readlink("/proc/thread-self", &link, link.count)
        let path = String(
            decoding: link.prefix(max(0, length)).map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
        guard let thread = path.split(separator: "/").last else { return "" }
        var text = [UInt8](repeating: 0, count: 16)
        let count = csup_read_file("/proc/\(thread)/timerslack_ns", &text, text.count)
        return String(decoding: text.prefix(max(0, count)), as: UTF8.self)
    }

    @Test("A thread that sleeps keeps its priority, however much it works")
    func sleeping() {
        var hold = RealtimeHold()
        let step = LoopPriority.mostWithoutSleep - 1
        for turn in 0..<100 {
            let isOverdue = hold.isOverdue(switches: Int64(turn), cpuTime: Int64(turn) * step)
            #expect(!isOverdue)
        }
    }

    @Test("A thread is overdue when it has used the bound since its last sleep, not before")
    func overdue() {
        var hold = RealtimeHold()
        let (start, bound) = (Nanoseconds.seconds(7), LoopPriority.mostWithoutSleep)
        let looks: [(switches: Int64, cpuTime: Int64, isOverdue: Bool)] = [
            (5, start, false), (5, start + bound - 1, false), (5, start + bound, true),
            (6, start + bound, false), (6, start + 2 * bound - 1, false),
            (6, start + 2 * bound, true),
        ]
        for look in looks {
            let isOverdue = hold.isOverdue(switches: look.switches, cpuTime: look.cpuTime)
            #expect(isOverdue == look.isOverdue, "\(look)")
        }
    }

    @Test("The thread's own bound lies below the kernel's by more than two looks are apart")
    func order() {
        let looks = 2 * (Nanoseconds.milliseconds(50) + Nanoseconds.milliseconds(500))
        #expect(LoopPriority.mostWithoutSleep + looks < RealtimeHold.kernelBound)
        #expect(RealtimeHold.kernelBound < RealtimeHold.kernelKill)
    }

    @Test("A refusal names its cause, and the remedy that fits it")
    func sentences() {
        let refused = Errno(code: EPERM)
        let poor = RealtimeRight.sentence(refused, hasRight: false, hardLimit: 0)
        #expect(poor.contains("Operation not permitted"))
        #expect(poor.contains("setcap cap_sys_nice=ep") && poor.contains("ulimit -r 1"))
        let modest = RealtimeRight.sentence(refused, hasRight: false, hardLimit: 1)
        #expect(modest.contains("ulimit -r 1") && !modest.contains("setcap"))
        let confined = RealtimeRight.sentence(refused, hasRight: true, hardLimit: 0)
        #expect(confined.contains("cpu.rt_runtime_us") && !confined.contains("ulimit"))
    }

    // MARK: For real

    private static let refusal = RealtimeRight.refusal()
    private static let why = Comment(rawValue: refusal ?? "")
    /// Whether this process has the machine for itself, as 'make test' says.
    private static let isAlone = getenv("SSEBOMB_TEST_ALONE") != nil

    @Test(
        "Holding and ending: SCHED_FIFO, then normal with the shortest timer slack",
        .enabled(if: refusal == nil, why)
    )
    func holding() throws {
        let seen = try onThread {
            var hold = RealtimeHold()
            hold.take()
            let during = csup_is_realtime()
            hold.look(.now())
            hold.end(.now())
            let isShort = Self.timerSlack() == "1\n"
            let wasHeld = hold.priority == .realtime && hold.gaveUpAt == nil
            return during == 1 && csup_is_realtime() == 0 && isShort && wasHeld ? 1 : 0
        }
        #expect(seen == 1)
    }

    @Test(
        "One that is stuck loses it to the kernel's bound, and the process lives on",
        .enabled(if: isAlone, "takes a CPU from all others: 'make test' runs it after them"),
        .enabled(if: refusal == nil, why)
    )
    func stuck() throws {
        let used = try onThread {
            guard csup_bound_realtime(40_000, 5_000_000) == 0 else { return -2 }
            guard csup_take_realtime() == 0 else { return -3 }
            let began = Self.cpuTime()
            while csup_is_realtime() == 1, Self.cpuTime() - began < Nanoseconds.seconds(2) {}
            return csup_is_realtime() == 0 ? Self.cpuTime() - began : -4
        }
        // Counted in ticks of 10 ms at most: the first may have begun long before.
        #expect(used >= Nanoseconds.milliseconds(20))
        #expect(used < Nanoseconds.milliseconds(500))
    }
}
