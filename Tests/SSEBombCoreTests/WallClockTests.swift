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
        // A slewed wall clock drifts by at most 500 ppm; a test's life is far below 1 s.
        let slack = clock.uncertainty + 500_000
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
        let allowed = one.uncertainty + other.uncertainty + 500_000
        #expect(abs(one.offset - other.offset) <= allowed)
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
