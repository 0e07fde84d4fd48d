// Carries the kernel's receive stamps, which are CLOCK_REALTIME, over to the monotonic clock.

import CSupport

/// The offset between the two clocks, as well as it can be known.
///
/// One reading is a bracket: monotonic, real, monotonic. The true offset lies inside it, however
/// long the thread was interrupted, so the tightest of several brackets wins, and an offset is
/// given up only when that excludes it. Only a step does: slewing moves both clocks alike.
struct WallClock {
    /// Real time minus monotonic time, nanoseconds.
    private(set) var offset: Int64
    /// Half the width of the bracket that the offset came from: how far it can be wrong.
    private(set) var uncertainty: Int64

    private static let attempts = 8

    /// What one reading says: the offset lies between two bounds, in nanoseconds.
    struct Bracket {
        var lowest: Int64
        var highest: Int64
        var width: Int64 { highest - lowest }

        func contains(_ offset: Int64) -> Bool { lowest <= offset && offset <= highest }

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
    init() { self.init(Bracket.tightest()) }

    init(_ bracket: Bracket) {
        offset = bracket.lowest + bracket.width / 2
        uncertainty = bracket.width / 2 + 1
    }

    /// Looks whether the offset still holds, and measures it anew if not. Three clock reads when it
    /// does; meant to be called every few tens of milliseconds.
    mutating func refresh() {
        if Bracket.read().contains(offset) { return }
        refresh(Bracket.tightest())
    }

    /// Gives the offset up if `bracket` excludes it.
    mutating func refresh(_ bracket: Bracket) {
        if !bracket.contains(offset) { self = WallClock(bracket) }
    }

    /// Measures anew, whatever the offset was: the wall clock was stepped.
    mutating func stepped() { self = WallClock() }

    /// The monotonic instant of a real-time stamp.
    @inline(__always)  // One subtraction per read.
    func monotonic(fromRealtime nanoseconds: Int64) -> Instant {
        Instant(nanoseconds: nanoseconds &- offset)
    }
}
