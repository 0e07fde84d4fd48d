// Carries the kernel's receive stamps, which are CLOCK_REALTIME, over to the monotonic clock.

import CSupport

/// The offset between the two clocks, as well as it can be known.
///
/// One reading is a bracket: monotonic, real, monotonic. The true offset lies inside it, however
/// long the thread was interrupted, so the tightest of several brackets wins, and an offset is
/// given up only when a tight bracket excludes it (a step, or slewing that added up).
struct WallClock {
    /// Real time minus monotonic time, nanoseconds.
    private(set) var offset: Int64
    /// Half the width of the bracket that the offset came from: how far it can be wrong.
    private(set) var uncertainty: Int64

    private static let attempts = 8
    /// A bracket wider than this was interrupted and excludes nothing.
    private static let tightWidth: Int64 = 2_000

    private struct Bracket {
        var lowest: Int64
        var highest: Int64
        var width: Int64 { highest - lowest }

        static func read() -> Bracket {
            let before = csup_now()
            let real = csup_realtime()
            let after = csup_now()
            return Bracket(lowest: real - after, highest: real - before)
        }

        static func tightest() -> Bracket {
            var best = read()
            for _ in 1..<WallClock.attempts {
                let next = read()
                if next.width < best.width { best = next }
            }
            return best
        }
    }

    /// Measures the offset.
    init() {
        let bracket = Bracket.tightest()
        offset = bracket.lowest + bracket.width / 2
        uncertainty = bracket.width / 2 + 1
    }

    /// Looks whether the offset still holds, and measures it anew if not. Three clock reads when it
    /// does; meant to be called every few tens of milliseconds.
    mutating func refresh() {
        let bracket = Bracket.read()
        if bracket.lowest <= offset && offset <= bracket.highest { return }
        guard bracket.width <= Self.tightWidth else { return }
        self = WallClock()
    }

    /// Measures anew, whatever the offset was: the wall clock was stepped.
    mutating func stepped() { self = WallClock() }

    /// The monotonic instant of a real-time stamp.
    @inline(__always)  // One subtraction per read.
    func monotonic(fromRealtime nanoseconds: Int64) -> Instant {
        Instant(nanoseconds: nanoseconds &- offset)
    }
}
