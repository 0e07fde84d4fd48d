// The timer wheel against a list of deadlines: what fires, when, and when the loop must look again.

import Testing

@testable import SSEBombCore

private let tick: Int64 = 1 << TimerWheel.tickShift
private let hour = Nanoseconds.seconds(3_600)

/// A wheel over links of its own, beside a model that knows only deadlines.
private final class Bench {
    let links: UnsafeMutablePointer<TimerLink>
    let wheel: TimerWheel
    let capacity: Int
    var now: Instant
    var deadlines: [UInt32: Instant] = [:]

    init(capacity: Int, now: Int64 = 987_654_321_987) {
        self.capacity = capacity
        self.now = Instant(nanoseconds: now)
        links = .allocate(capacity: capacity)
        links.initialize(repeating: TimerLink(), count: capacity)
        wheel = TimerWheel(
            links: UnsafeMutableRawPointer(links),
            stride: MemoryLayout<TimerLink>.stride,
            now: self.now
        )
    }

    deinit {
        wheel.destroy()
        links.deallocate()
    }

    func arm(_ index: UInt32, in delay: Int64) {
        deadlines[index] = now + delay
        wheel.arm(index, at: now + delay)
    }

    func disarm(_ index: UInt32) {
        deadlines[index] = nil
        wheel.disarm(index)
    }

    /// Takes what is due now; each must be armed in the model, and is then taken out of it.
    func pop() -> [UInt32] {
        var fired: [UInt32] = []
        while let index = wheel.popDue(now: now) {
            fired.append(index)
            let deadline = deadlines.removeValue(forKey: index)
            guard let deadline else {
                Issue.record("timer \(index) fired without being armed")
                continue
            }
            if deadline > now { Issue.record("timer \(index) fired \(deadline - now) ns early") }
            if links[Int(index)].isArmed { Issue.record("timer \(index) fired and is still armed") }
        }
        return fired
    }

    /// Moves on, takes what is due, and compares what is left with the model.
    func advance(by step: Int64) {
        now = now + step
        _ = pop()
        for (index, deadline) in deadlines where deadline.nanoseconds <= now.nanoseconds - tick {
            Issue.record("timer \(index) is late by \(now - deadline) ns")
        }
        checkBookkeeping()
    }

    func checkBookkeeping() {
        #expect(wheel.count == deadlines.count)
        for index in 0..<capacity
        where links[index].isArmed != (deadlines[UInt32(index)] != nil) {
            Issue.record("timer \(index) is armed in one of wheel and model only")
        }
        let earliest = deadlines.values.min()
        guard let wake = wheel.nextWake() else {
            #expect(earliest == nil, "no next wake although timers are armed")
            return
        }
        guard let earliest else {
            Issue.record("a next wake although no timer is armed")
            return
        }
        // Later than the tick in which it is due, or than now, would be too late.
        let latest = max(
            earliest.nanoseconds > .max - tick ? .max : earliest.nanoseconds + tick,
            now.nanoseconds
        )
        if wake.nanoseconds > latest { Issue.record("the next wake is \(wake - earliest) ns late") }
    }
}

@Suite("Timer wheel") struct TimerWheelTests {
    /// Delays of all magnitudes, beyond the wheel's reach of 156 hours included.
    private static func delay(_ random: inout SeededRandom) -> Int64 {
        let magnitude = Int64.random(in: 0...60, using: &random)
        let delay = Int64.random(in: 0...(1 << magnitude), using: &random)
        return Int.random(in: 0..<16, using: &random) == 0 ? -delay : delay
    }

    @Test("Random arming, disarming and waiting agree with a list of deadlines", arguments: 1...12)
    func agreesWithModel(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let bench = Bench(capacity: 40, now: Int64.random(in: 1...(1 << 55), using: &random))
        for _ in 0..<1_500 {
            let index = UInt32.random(in: 0..<40, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0...3: bench.arm(index, in: Self.delay(&random))
            case 4: bench.disarm(index)
            default:
                let magnitude = Int64.random(in: 0...53, using: &random)
                bench.advance(by: Int64.random(in: 0...(1 << magnitude), using: &random))
            }
            bench.checkBookkeeping()
        }
        // Delays end below 2^60 ns, and the clock stands below 2^55 + 1500 * 2^53.
        bench.advance(by: 1 << 60)
        #expect(bench.deadlines.isEmpty)
    }

    @Test("A loop that sleeps until the next wake fires each timer in its tick, after few wakes")
    func sleepingUntilNextWake() throws {
        var random = SeededRandom(seed: 5)
        let bench = Bench(capacity: 300)
        for index in 0..<UInt32(300) {
            let magnitude = Int64.random(in: 10...58, using: &random)
            bench.arm(index, in: Int64.random(in: 0...(1 << magnitude), using: &random))
        }
        var wakes = 0
        while let wake = bench.wheel.nextWake() {
            // The loop can't wake before now, and a wake that changes nothing would spin.
            bench.now = max(bench.now, wake)
            for index in bench.pop() { #expect(bench.deadlines[index] == nil) }
            for deadline in bench.deadlines.values
            where deadline.nanoseconds <= bench.now.nanoseconds - tick {
                Issue.record("late by \(bench.now - deadline) ns")
            }
            wakes += 1
            try #require(wakes < 5_000, "the wheel makes the loop spin")
        }
        #expect(bench.deadlines.isEmpty)
        // Each timer comes down at most three levels; those beyond reach once more per 155 hours.
        #expect(wakes <= 300 * 5 + 600)
    }

    /// Ticks around the ends of each level's turn.
    static let boundaryDelays: [Int64] = [8, 16, 24, 32].flatMap { bits in
        [-2, -1, 0, 1, 2].map { ((Int64(1) << bits) + $0) }
    }

    @Test(
        "Timers at the ends of a level's turn fire in their tick, from any start inside a turn",
        arguments: boundaryDelays
    )
    func boundaries(delay: Int64) {
        for start in [0, 1, 254, 255, 256, 65_535, 65_536, (1 << 24) - 1, (1 << 24) + 77] as [Int64]
        {
            let bench = Bench(capacity: 1, now: (start + (1 << 33)) * tick)
            bench.arm(0, in: delay * tick)
            bench.advance(by: (delay - 1) * tick)
            #expect(bench.wheel.count == 1, "early from \(start)")
            bench.now = bench.now + (tick - 1)
            #expect(bench.pop() == [], "early from \(start)")
            bench.now = bench.now + 1
            #expect(bench.pop() == [0], "late from \(start)")
        }
    }

    @Test("Between two ticks a deadline waits for the second")
    func roundsUp() {
        let bench = Bench(capacity: 1, now: 100 * tick)
        bench.arm(0, in: 1)
        #expect(bench.pop() == [])
        bench.now = Instant(nanoseconds: 101 * tick - 1)
        #expect(bench.pop() == [])
        bench.now = Instant(nanoseconds: 101 * tick)
        #expect(bench.pop() == [0])
    }

    @Test("A deadline in the past fires at the next look", arguments: [0, 1, tick, hour])
    func past(age: Int64) {
        let bench = Bench(capacity: 2, now: 10 * hour)
        bench.arm(1, in: -age)
        #expect(bench.wheel.nextWake().map { $0 <= bench.now + tick } == true)
        bench.now = bench.now + tick
        #expect(bench.pop() == [1])
        #expect(bench.pop() == [])
    }

    @Test("What is armed for the past while due timers are taken is taken as well")
    func armedWhileTaking() {
        let bench = Bench(capacity: 2, now: 10 * hour)
        bench.arm(0, in: 5 * tick)
        bench.now = bench.now + 100 * tick
        #expect(bench.wheel.popDue(now: bench.now) == 0)
        bench.wheel.arm(1, at: bench.now + -50 * tick)
        #expect(bench.wheel.popDue(now: bench.now) == 1)
        #expect(bench.wheel.popDue(now: bench.now) == nil)
    }

    @Test("Timers fire after a sleep of hours or weeks", arguments: [1, 7, 155, 156, 157, 1_000])
    func longSleep(hours: Int64) {
        let bench = Bench(capacity: 5)
        bench.arm(0, in: 1)
        bench.arm(1, in: Nanoseconds.seconds(1))
        bench.arm(2, in: hours * hour - tick)
        bench.arm(3, in: hours * hour + tick)
        bench.now = bench.now + hours * hour
        #expect(Set(bench.pop()) == [0, 1, 2])
        #expect(bench.wheel.count == 1)
        bench.now = bench.now + 2 * tick
        #expect(bench.pop() == [3])
    }

    @Test("A deadline in the distant future never fires and can be disarmed")
    func distantFuture() {
        let bench = Bench(capacity: 2)
        bench.wheel.arm(0, at: .distantFuture)
        bench.deadlines[0] = .distantFuture
        for _ in 0..<6 { bench.advance(by: 100 * hour) }
        #expect(bench.wheel.count == 1)
        bench.disarm(0)
        bench.checkBookkeeping()
        #expect(bench.wheel.nextWake() == nil)
    }

    @Test("Arming again replaces the deadline") func rearming() {
        let bench = Bench(capacity: 3)
        bench.arm(0, in: hour)
        bench.arm(0, in: 4 * tick)
        #expect(bench.wheel.count == 1)
        bench.advance(by: 6 * tick)
        #expect(bench.deadlines.isEmpty)
        bench.arm(0, in: 4 * tick)
        bench.arm(0, in: hour)
        bench.advance(by: 6 * tick)
        #expect(bench.wheel.count == 1)
    }

    @Test("Disarming takes a timer out of the middle, the front and the end of its tick")
    func disarmingNeighbours() {
        for gone in 0..<UInt32(3) {
            let bench = Bench(capacity: 3)
            for index in 0..<UInt32(3) { bench.arm(index, in: 10 * tick) }
            bench.disarm(gone)
            bench.disarm(gone)
            bench.now = bench.now + 12 * tick
            #expect(Set(bench.pop()) == Set(0..<3).subtracting([gone]))
            bench.checkBookkeeping()
        }
    }
}
