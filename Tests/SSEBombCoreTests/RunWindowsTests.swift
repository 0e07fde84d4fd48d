// The phases of a run, how requests and streams are shared out, and the switches loops share.

import Testing

@testable import SSEBombCore

/// A plan for one loop without a target; only times and counts matter to its users.
func planWithoutTarget(streams: Int = 10, duration: Int64? = Nanoseconds.seconds(10)) -> RunPlan {
    let request = RequestSpecification(
        method: "POST",
        scheme: "http",
        host: "127.0.0.1",
        port: 80,
        target: "/v1/chat/completions"
    )
    return RunPlan(
        request: request,
        addresses: [],
        streams: streams,
        duration: duration,
        threads: 1,
        cpus: []
    )
}

@Suite("Run windows") struct RunWindowsTests {
    private func windows(_ duration: Int64?, drain: Int64 = 5) -> RunWindows {
        var plan = planWithoutTarget(duration: duration)
        plan.ramp = 10
        plan.warmup = 20
        plan.drain = drain
        return RunWindows(plan: plan, start: Instant(nanoseconds: 1_000))
    }

    @Test(
        "Each instant has its phase; a window's end is outside of it",
        arguments: [
            (1_000, .ramp), (1_009, .ramp), (1_010, .warmup), (1_029, .warmup), (1_030, .measured),
            (1_129, .measured), (1_130, .drain), (1_134, .drain), (1_135, .ended),
            (Int64.max, .ended),
        ] as [(Int64, RunPhase)]
    )
    func phases(at: Int64, phase: RunPhase) {
        let windows = windows(100)
        let instant = Instant(nanoseconds: at)
        #expect(windows.phase(at: instant) == phase)
        #expect(windows.isMeasured(instant) == (phase == .measured))
    }

    @Test("Without a duration the measured window has no end") func endless() {
        let windows = windows(nil)
        #expect(windows.measureEnd == .distantFuture && windows.drainEnd == .distantFuture)
        #expect(windows.phase(at: Instant(nanoseconds: .max - 1)) == .measured)
    }

    @Test("Durations beyond the clock's end saturate") func saturates() {
        let windows = windows(.max, drain: .max)
        #expect(windows.measureEnd == .distantFuture && windows.drainEnd == .distantFuture)
    }
}

@Suite("Run switches") struct RunSwitchesTests {
    @Test("As many requests are taken as the limit allows") func requests() {
        let switches = RunSwitches(classes: 2)
        defer { switches.destroy() }
        #expect(!switches.areTaken(limit: 3, of: 1))
        let taken = (0..<5).map { _ in switches.takeRequest(limit: 3, of: 1) }
        #expect(taken == [0, 1, 2, nil, nil])
        #expect(switches.areTaken(limit: 3, of: 1))
        #expect(!switches.areTaken(limit: 1, of: 0) && switches.interrupt == 0)
    }

    @Test("Any signal number interrupts, that of a failed loop included", arguments: [2, 15, -1])
    func interrupt(signal: Int32) {
        let switches = RunSwitches(classes: 1)
        defer { switches.destroy() }
        #expect(switches.interrupt == 0)
        switches.interrupt = signal
        #expect(switches.interrupt == signal)
        #expect(!switches.areTaken(limit: 1, of: 0))
    }
}
