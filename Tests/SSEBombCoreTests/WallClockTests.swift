// The offset between the two clocks, and points of time as a type.

import CSupport
import Testing

@testable import SSEBombCore

@Suite("Wall clock") struct WallClockTests {
    /// A real-time stamp taken between two monotonic ones must come back between them.
    private func check(_ clock: WallClock) {
        let before = Instant.now()
        let real = csup_realtime()
        let after = Instant.now()
        let carried = clock.monotonic(fromRealtime: real)
        let slack = clock.uncertainty
        #expect(carried + slack >= before)
        #expect(carried <= after + slack)
    }

    @Test("A real-time stamp is carried over to where it lies") func carries() {
        let clock = WallClock()
        #expect(clock.uncertainty > 0)
        check(clock)
        #expect(clock.monotonic(fromRealtime: clock.offset + 5) == Instant(nanoseconds: 5))
    }

    @Test("Refreshing and stepping leave an offset that holds") func refreshing() {
        var clock = WallClock()
        for _ in 0..<2_000 { clock.refresh() }
        check(clock)
        clock.stepped()
        check(clock)
    }

    @Test("Two measurements differ by no more than what they may be wrong") func agreement() {
        let (one, other) = (WallClock(), WallClock())
        #expect(abs(one.offset - other.offset) <= one.uncertainty + other.uncertainty)
    }

    @Test("An offset is the middle of its bracket, and wrong by half its width at most")
    func middle() {
        let clock = WallClock(WallClock.Bracket(lowest: 1_000, highest: 1_061))
        #expect(clock.offset == 1_030)
        #expect(clock.offset - clock.uncertainty <= 1_000)
        #expect(clock.offset + clock.uncertainty >= 1_061)
    }

    @Test(
        "A bracket that contains the offset leaves it, however wide or much tighter it is",
        arguments: [(0, 3_600_000_000_000), (1_030, 1_030), (1_000, 1_030), (1_030, 1_500)]
            as [(Int64, Int64)]
    )
    func kept(lowest: Int64, highest: Int64) {
        var clock = WallClock(WallClock.Bracket(lowest: 1_000, highest: 1_061))
        let uncertainty = clock.uncertainty
        clock.refresh(WallClock.Bracket(lowest: lowest, highest: highest))
        #expect(clock.offset == 1_030)
        #expect(clock.uncertainty == uncertainty)
    }

    @Test(
        "One that excludes it gives the new offset: a step forwards, back, large and small",
        arguments: [3_600_000_000_000, -3_600_000_000_000, 5_000_000, -5_000_000, 62, -62]
            as [Int64]
    )
    func givenUp(step: Int64) {
        var clock = WallClock(WallClock.Bracket(lowest: 1_000, highest: 1_060))
        clock.refresh(WallClock.Bracket(lowest: 1_000 + step, highest: 1_060 + step))
        #expect(clock.offset == 1_030 + step)
        let instant = clock.monotonic(fromRealtime: 5_000 + step + 1_030)
        #expect(instant == Instant(nanoseconds: 5_000))
    }
}

@Suite("Instant") struct InstantTests {
    @Test("Adding saturates at the distant future") func saturates() {
        #expect(Instant.distantFuture + 1 == .distantFuture)
        #expect(Instant(nanoseconds: .max - 5) + 6 == .distantFuture)
        #expect(Instant(nanoseconds: .max - 5) + 5 == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: 10) + -3 == Instant(nanoseconds: 7))
    }

    @Test("The clock runs forwards and is never unset") func now() {
        let first = Instant.now()
        let second = Instant.now()
        #expect(first.isSet && first <= second && second - first < Nanoseconds.seconds(60))
        #expect(!Instant.none.isSet)
        #expect(Instant.none < first && first < .distantFuture)
    }

    @Test("Units are what they say") func units() {
        #expect(Nanoseconds.microseconds(3) == 3_000)
        #expect(Nanoseconds.milliseconds(3) == 3_000_000)
        #expect(Nanoseconds.seconds(3) == 3_000_000_000)
    }
}
