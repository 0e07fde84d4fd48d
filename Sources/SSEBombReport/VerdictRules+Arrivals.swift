// What speaks against a run of the open load model: starts that the client made late, and arrivals
// that never started. The bounds stand in VerdictBounds.swift.

import SSEBombCore

extension Verdict {
    /// Waiting for a slot is not in it: that is what `ttft_sched` is there to show.
    static func pacingError(_ result: RunResult) -> Reason? {
        guard let errors = result.arrivals?.pacingError, !errors.isEmpty else { return nil }
        let whole =
            result.histograms[.ttftSched]?.percentile(50)
            ?? result.histograms[.e2eSched]?.percentile(50) ?? 0
        let percentile = supportedPercentile(errors)
        let error = Double(errors.percentile(percentile))
        guard whole > 0, error > VerdictBound.harmlessPacingError else { return nil }
        return reason("pacing_error", error / Double(whole), .pacingError) { bound in
            "Requests started late although a stream was free: pacing error p\(Int(percentile)) is"
                + " \(time(error)), more than \(Units.share(bound)) of the median ttft_sched, which"
                + " has it in it; give the client more CPU, or lower the rate."
        }
    }

    static func rateAchieved(_ result: RunResult) -> Reason? {
        guard let share = result.missingArrivals else { return nil }
        return reason("rate_achieved", share, .missingArrivals) { bound in
            "\(missing(result)) never started, \(Units.share(share)) of them (bound"
                + " \(Units.share(bound))): all \(Units.count(result.plan.streams)) streams were"
                + " taken, and the rate was lower by as much; allow more with --max-streams, or"
                + " lower -R."
        }
    }

    /// Where they are too few for `rateAchieved`.
    static func dropped(_ result: RunResult) -> Reason? {
        guard let share = result.missingArrivals, share <= VerdictBound.missingArrivals.suspect
        else { return nil }
        let bound = VerdictBound(suspect: 0, invalid: .infinity)
        return reason("dropped", Double(result.counts.dropped), bound) { _ in
            "\(missing(result)) still waited for a free stream at the end (bound 0), and have no"
                + " latency; allow more with --max-streams, or lower -R."
        }
    }

    private static func missing(_ result: RunResult) -> String {
        let due = Units.count(result.arrivals?.due ?? 0)
        return "\(Units.count(result.counts.dropped)) of \(due) arrivals"
    }
}

extension RunResult {
    /// Share of the window's arrivals that were never started; nil in the closed model, and where
    /// a signal or a threshold ended the run, or starts were paused: that is a reason of its own.
    fileprivate var missingArrivals: Double? {
        guard let due = arrivals?.due, due > 0, interruptedBy == nil, !isAborted, pausedByHand == 0
        else { return nil }
        return Double(counts.dropped) / Double(due)
    }
}
