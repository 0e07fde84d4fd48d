// What the rates of a result are made of. Of one run that is the measured window and what was
// counted in it, and so it is of merged results whose parts have one window; where windows differ,
// it is the part of them that all have in common, by the time line. Must not know how rates are
// shown.

public import SSEBombCore

/// What happened in the window that a result's rates are of.
public struct RateWindow: Sendable, Equatable {
    /// Its length, above 0.
    public var seconds: Double
    /// Requests of the measured window completed in it.
    public var requests: UInt64
    /// Tokens that arrived in it, in steps of `TokenSum.step`.
    public var tokens: Double
    /// Events that arrived in it.
    public var events: UInt64
    /// Those of these requests that met their objectives.
    public var good: UInt64
}

extension RunResult {
    /// nil where nothing was measured, or where merged results have no second in common.
    public var rateWindow: RateWindow? {
        if let merged, !merged.isSameWindow { return merged.window.map { commonWindow($0) } }
        guard let seconds = measuredSeconds else { return nil }
        return RateWindow(
            seconds: seconds,
            requests: counts.completedInWindow,
            tokens: TokenSum.exact(counts.tokensInWindow),
            events: counts.events,
            good: counts.objectives?.goodInWindow ?? 0
        )
    }

    /// When that window begins, in seconds on the axis of the intervals.
    var windowStart: Double {
        guard let window = merged?.window else { return Double(plan.ramp + plan.warmup) / 1e9 }
        let second = Nanoseconds.seconds(1)
        return Double(window.start - startedAt / second * second) / 1e9
    }

    /// Why there are no rates.
    var rateAbsence: String {
        guard let merged, merged.window == nil else {
            return "no request was due in the measured window"
        }
        return "the merged runs have no window in common"
    }

    /// What the time line tells of the window that all parts have in common. An interval that
    /// isn't there is one in which nothing happened.
    private func commonWindow(_ window: MergedRun.Window) -> RateWindow {
        let inside = intervals(in: window)
        let tokenEvents = inside.reduce(0) { $0 &+ $1.tokenEvents }
        return RateWindow(
            seconds: Double(window.length) / 1e9,
            requests: inside.reduce(0) { $0 &+ $1.completedInWindow },
            tokens: TokenSum.exact(Double(tokenEvents) * (tokensPerEvent ?? 0)),
            events: inside.reduce(0) { $0 &+ $1.events },
            good: inside.reduce(0) { $0 &+ $1.goodInWindow }
        )
    }

    /// The intervals that lie in the window of a merged result with all of their length.
    func intervals(in window: MergedRun.Window) -> [RunInterval] {
        let second = Nanoseconds.seconds(1)
        // Intervals of merged results begin with whole seconds of the wall clock.
        let origin = startedAt / second
        return intervals.filter {
            (origin + Int64($0.startSeconds)) * second >= window.start
                && (origin + Int64($0.startSeconds + $0.seconds)) * second <= window.end
        }
    }

    /// Subscriptions under way, as the mean over the whole seconds of the measured window; nil
    /// without subscriptions or such a second.
    var heldSubscriptions: Double? {
        let parts = classes.isEmpty ? [self] : classes.map(\.result)
        let held = parts.filter(\.plan.eventSource).compactMap(\.streamsHeld)
        return held.isEmpty ? nil : held.reduce(0, +)
    }

    private var streamsHeld: Double? {
        let start = plan.ramp + plan.warmup
        let inside =
            if let merged { merged.window.map { intervals(in: $0) } ?? [] } else {
                wholeIntervals(from: start, to: start + measured)
            }
        let seconds = inside.reduce(0) { $0 + $1.seconds }
        guard seconds > 0 else { return nil }
        return inside.reduce(0) { $0 + $1.inFlight * Double($1.seconds) } / Double(seconds)
    }

    /// What one token-bearing event is worth, over the measured window: the time line counts
    /// events, and its tokens are on the basis of the token rates. Nil where no tokens were
    /// counted.
    var tokensPerEvent: Double? {
        guard hasTokens else { return nil }
        if counts.throughputBasis == .event { return 1 }
        guard counts.tokenEvents > 0 else { return nil }
        return TokenSum.exact(counts.tokensInWindow) / Double(counts.tokenEvents)
    }
}

extension MergedRun.Window {
    /// The whole intervals of the wall clock in it; nil where there is none. A part's window cut to
    /// them before it is intersected with others, or after, comes to the same: an interval is a
    /// power of two seconds long, and so never straddles two of a finer time line.
    func wholeIntervals(of seconds: Int) -> Self? {
        let step = Nanoseconds.seconds(Int64(seconds))
        let first = start / step + (start % step > 0 ? 1 : 0)
        let whole = Self(start: first * step, end: end / step * step)
        return whole.length > 0 ? whole : nil
    }
}

/// Sums of tokens that were scaled, and so are no whole numbers.
enum TokenSum {
    /// A power of two: sums of multiples of it are exact up to 2^43 tokens, and so the same in
    /// whatever order results are merged.
    static let step = 1.0 / 1_024

    /// The nearest multiple of the step; what is no number stays what it is.
    static func exact(_ tokens: Double) -> Double {
        tokens.isFinite ? (tokens / step).rounded() * step : tokens
    }
}
