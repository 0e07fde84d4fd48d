// Points of the one monotonic clock that every stamp of ssebomb belongs to.

import CSupport

/// Nanoseconds of CLOCK_MONOTONIC. A type of its own, so that a wall-clock time, a duration and a
/// stamp can't be mistaken for one another.
public struct Instant: Sendable, Hashable, Comparable, BitwiseCopyable {
    /// Nanoseconds since an arbitrary origin (boot); 0 never occurs and stands for "not yet".
    public var nanoseconds: Int64

    /// Wraps a clock reading.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// "Has not happened."
    public static let none = Instant(nanoseconds: 0)
    /// Later than everything.
    public static let distantFuture = Instant(nanoseconds: .max)

    /// Reads the clock (20 to 30 ns through the vDSO).
    @inline(__always)  // Once per read; a call would cost a fifth of the clock itself.
    public static func now() -> Instant { Instant(nanoseconds: csup_now()) }

    /// Whether the stamp has been taken.
    public var isSet: Bool { nanoseconds != 0 }

    /// Earlier means less.
    public static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
    /// Nanoseconds from `right` to `left`. Both come from one clock, so 2^63 is out of reach.
    public static func - (left: Instant, right: Instant) -> Int64 {
        left.nanoseconds &- right.nanoseconds
    }
    /// The instant `right` nanoseconds later; saturates at `distantFuture`.
    public static func + (left: Instant, right: Int64) -> Instant {
        let (sum, overflow) = left.nanoseconds.addingReportingOverflow(right)
        return Instant(nanoseconds: overflow ? .max : sum)
    }
}

/// Durations as plain nanosecond counts, spelled so that a literal carries its unit.
public enum Nanoseconds {
    /// `n` microseconds.
    public static func microseconds(_ n: Int64) -> Int64 { n * 1_000 }
    /// `n` milliseconds.
    public static func milliseconds(_ n: Int64) -> Int64 { n * 1_000_000 }
    /// `n` seconds.
    public static func seconds(_ n: Int64) -> Int64 { n * 1_000_000_000 }
}
