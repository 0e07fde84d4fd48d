// What speaks against a run, found in its result alone: one function for each figure, which answers
// with a reason or with nothing. The bounds, and why they are what they are, stand in
// VerdictBounds.swift.

public import SSEBombCore

extension Verdict {
    /// Judges a run by everything that it recorded of the client, and by what its gates needed.
    public static func judge(
        _ result: RunResult,
        thresholds: [ThresholdResult] = []
    ) -> Verdict {
        let rules: [(RunResult) -> Reason?] = [
            nothingMeasured, lateGaps, busy, runQueueWait, involuntarySwitches, stampWindow,
            deliveryLag, sendLag, pacingError, missingStreams, rateAchieved, dropped, backOff,
            localResource, throttled, memoryStall,
            fullReads, stampsReplaced, clockSteps,
        ]
        return Verdict(
            reasons: rules.compactMap { $0(result) }
                + [tooFewSamples(thresholds)].compactMap { $0 },
            server: [bursts(result), lumps(result)].compactMap { $0 }
        )
    }

    /// A reason where `value` exceeds a bound. `sentence` gets the bound that was exceeded.
    static func reason(
        _ code: String,
        _ value: Double,
        _ bound: VerdictBound,
        sentence: (Double) -> String
    ) -> Reason? {
        guard value > bound.suspect, value.isFinite else { return nil }
        let isInvalid = value > bound.invalid
        let exceeded = isInvalid ? bound.invalid : bound.suspect
        return Reason(
            code: code,
            state: isInvalid ? .invalid : .suspect,
            sentence: sentence(exceeded),
            value: value,
            bound: exceeded
        )
    }

    private static func nothingMeasured(_ result: RunResult) -> Reason? {
        guard result.counts.started == 0, result.counts.dropped == 0 else { return nil }
        return Reason(
            code: "nothing_measured",
            state: .invalid,
            sentence: "No request was due inside the measured window, which needs at least 1: make"
                + " it longer with -d, or shorten --ramp and --warmup.",
            value: 0,
            bound: 1
        )
    }

    private static func tooFewSamples(_ thresholds: [ThresholdResult]) -> Reason? {
        let short = thresholds.filter(\.lacksSamples)
        guard let worst = short.max(by: { $0.floor - $0.samples < $1.floor - $1.samples }) else {
            return nil
        }
        let others = short.count > 1 ? ", and \(short.count - 1) more likewise" : ""
        return Reason(
            code: "too_few_samples",
            state: .suspect,
            sentence:
                "The threshold \(worst.threshold.expression) needs \(Units.count(worst.floor))"
                + " samples and has \(Units.count(worst.samples))\(others); measure longer, or with"
                + " more streams.",
            value: Double(worst.samples),
            bound: Double(worst.floor)
        )
    }

    // MARK: How prompt the client was

    private static func lateGaps(_ result: RunResult) -> Reason? {
        let late = result.counts.coalescedAtReading
        guard let share = result.lateGapShare, late >= VerdictBound.leastLateGaps else {
            return nil
        }
        return reason("late_gaps", share, .lateGaps) { bound in
            "\(Units.share(share)) of the gaps were coalesced at reading (bound"
                + " \(Units.share(bound))): the client came so late that gap and itl hold"
                + " values that no server made, from p\(share > 0.005 ? "99" : "99.9") on at the"
                + " latest; give the client more CPU, or lower the load."
        }
    }

    private static func busy(_ result: RunResult) -> Reason? {
        guard let loop = result.loops.max(by: { $0.busy < $1.busy }) else { return nil }
        let bound = result.hasUserClock ? VerdictBound.busyWithoutStamps : .busy
        return reason("loop_busy", loop.busy, bound) { bound in
            "\(name(loop, in: result)) was busy \(Units.share(loop.busy)) of its time (bound"
                + " \(Units.share(bound))\(stampNote(result))), so events waited for the client;"
                + " give it more CPUs (-t, --cpus) or less load, or run several processes."
        }
    }

    private static func runQueueWait(_ result: RunResult) -> Reason? {
        let shares = result.loops.compactMap { loop in
            loop.runQueueShare.map { (loop: loop, share: $0) }
        }
        guard let worst = shares.max(by: { $0.share < $1.share }) else { return nil }
        let bound =
            result.hasUserClock ? VerdictBound.runQueueWaitWithoutStamps : .runQueueWait
        let late = Units.share(result.lateGapShare ?? 0)
        return reason("run_queue_wait", worst.share, bound) { bound in
            "\(name(worst.loop, in: result)) was ready to run and did not for"
                + " \(Units.share(worst.share)) of its time (bound \(Units.share(bound))"
                + "\(stampNote(result))); \(late) of the gaps were coalesced at reading. Something"
                + " else uses its CPU: end it, keep it away (--cpus), or try --priority realtime."
        }
    }

    private static func involuntarySwitches(_ result: RunResult) -> Reason? {
        let rates = result.loops.filter { $0.lifetime > 0 }.map { loop in
            (loop: loop, rate: Double(loop.involuntarySwitches) * 1e9 / Double(loop.lifetime))
        }
        guard let worst = rates.max(by: { $0.rate < $1.rate }) else { return nil }
        return reason("involuntary_switches", worst.rate, .involuntarySwitches) { bound in
            "\(name(worst.loop, in: result)) lost its CPU \(Units.rate(worst.rate)) times a second"
                + " (bound \(Units.rate(bound))); end what else runs there, or keep it away"
                + " (--cpus)."
        }
    }

    private static func stampWindow(_ result: RunResult) -> Reason? {
        guard let gap = result.medianGap, let windows = result.histograms[.stampWindow],
            let gaps = result.histograms[.gap]?.count, gaps > 0
        else { return nil }
        let coalesced = result.counts.coalescedAtArrival + result.counts.coalescedAtReading
        guard Double(coalesced) >= VerdictBound.leastCoalesced * Double(gaps) else { return nil }
        let window = Double(windows.percentile(99))
        guard window > VerdictBound.harmlessLag else { return nil }
        return reason("stamp_window", window / gap, .stampWindow) { bound in
            "Reads that held several events leave open when these came: stamp_window p99 is"
                + " \(time(window)), more than \(times(bound)) the median gap (\(time(gap)));"
                + " give the client more CPU, or lower the load."
        }
    }

    private static func deliveryLag(_ result: RunResult) -> Reason? {
        guard let gap = result.medianGap, let lags = result.histograms[.deliveryLag] else {
            return nil
        }
        let lag = Double(lags.percentile(99))
        guard lag > VerdictBound.harmlessLag else { return nil }
        return reason("delivery_lag", lag / gap, .deliveryLag) { bound in
            "The client read late: delivery_lag p99 is \(time(lag)), more than \(times(bound)) the"
                + " median gap (\(time(gap))); give the client more CPU, or lower the load."
        }
    }

    // MARK: Asked against achieved

    private static func sendLag(_ result: RunResult) -> Reason? {
        guard result.plan.arrivals == nil, let lags = result.histograms[.sendLag], !lags.isEmpty,
            let whole = result.histograms[.e2e]?.percentile(50), whole > 0
        else { return nil }
        let percentile = supportedPercentile(lags)
        let lag = Double(lags.percentile(percentile))
        guard lag > VerdictBound.harmlessSendLag else { return nil }
        return reason("send_lag", lag / Double(whole), .sendLag) { bound in
            "Requests started late: send_lag p\(Int(percentile)) is \(time(lag)), more than"
                + " \(Units.share(bound)) of the median e2e, and lowered the load by as much; give"
                + " the client more CPU, or spread the starts with --ramp."
        }
    }

    /// The highest percentile that the samples support: of a few starts the latest is none.
    static func supportedPercentile(_ lags: HistogramSnapshot) -> Double {
        let supported = [99.0, 95, 90].first {
            HistogramSnapshot.isSupported(percentile: $0, count: lags.count)
        }
        return supported ?? 50
    }

    private static func missingStreams(_ result: RunResult) -> Reason? {
        guard let held = result.meanStreamsHeld else { return nil }
        let asked = Double(result.plan.streams)
        return reason("streams_held", 1 - held / asked, .missingStreams) { bound in
            let least = Units.count(UInt64((asked * (1 - bound)).rounded(.up)))
            return "Of \(Units.count(result.plan.streams)) streams asked for,"
                + " \(Units.count(UInt64(held.rounded()))) were held on average (bound \(least));"
                + " open them before the measured window with --ramp, or see the failures."
        }
    }

    private static func backOff(_ result: RunResult) -> Reason? {
        let time = Double(result.plan.streams) * Double(result.wholeTime)
        guard time > 0 else { return nil }
        let share = Double(result.counts.backoff) / time
        return reason("back_off", share, .backOff) { bound in
            "Slots waited after failures for \(Units.share(share)) of their time (bound"
                + " \(Units.share(bound))), and the load was lower by as much; mend the cause of"
                + " the failures."
        }
    }

    // MARK: What the machine lacked

    private static func localResource(_ result: RunResult) -> Reason? {
        let failures = result.counts.failures[.localResource] ?? 0
        guard failures > 0, result.counts.started > 0 else { return nil }
        let share = Double(failures) / Double(result.counts.started)
        return reason("local_resource", share, .localResource) { _ in
            "\(Units.count(failures)) requests (\(Units.share(share))) failed because this machine"
                + " was out of descriptors, ports or memory (bound 0): keep connections open, use"
                + " more source addresses (--source-ip), or raise the limits."
        }
    }

    private static func throttled(_ result: RunResult) -> Reason? {
        guard let time = result.throttled, result.wholeTime > 0 else { return nil }
        let share = Double(time) / Double(result.wholeTime)
        return reason("cpu_throttled", share, .throttled) { bound in
            "The control group's CPU limit stopped the client for \(Units.duration(time)),"
                + " \(Units.share(share)) of the run (bound \(Units.share(bound))); raise the limit"
                + " (cpu.max, cpu.cfs_quota_us, a container's cpus)."
        }
    }

    private static func memoryStall(_ result: RunResult) -> Reason? {
        guard let time = result.memoryStall, result.wholeTime > 0 else { return nil }
        let share = Double(time) / Double(result.wholeTime)
        return reason("memory_stall", share, .memoryStall) { bound in
            "Everything waited for memory for \(Units.duration(time)), \(Units.share(share)) of the"
                + " run (bound \(Units.share(bound))); give the machine, or the container, more"
                + " memory."
        }
    }

    // MARK: How the arrivals were stamped

    private static func fullReads(_ result: RunResult) -> Reason? {
        guard result.counts.reads > 0 else { return nil }
        let share = Double(result.counts.fullReads) / Double(result.counts.reads)
        return reason("full_reads", share, .fullReads) { bound in
            "\(Units.share(share)) of the reads filled the buffer (bound \(Units.share(bound))):"
                + " the streams brought more than the client took, and events lost their own"
                + " stamps; give the client more CPU, or fewer streams."
        }
    }

    private static func stampsReplaced(_ result: RunResult) -> Reason? {
        guard result.counts.reads > 0 else { return nil }
        let share = Double(result.counts.stampsReplaced) / Double(result.counts.reads)
        return reason("stamps_replaced", share, .stampsReplaced) { bound in
            "\(Units.share(share)) of the reads had no plausible kernel stamp and were timed by the"
                + " reading (bound \(Units.share(bound))); leave the wall clock alone while a run"
                + " goes on."
        }
    }

    private static func clockSteps(_ result: RunResult) -> Reason? {
        let steps = result.counts.clockSteps
        return reason("clock_step", Double(steps), VerdictBound(suspect: 0, invalid: .infinity)) {
            _ in
            "The wall clock was stepped while the run went on (noticed"
                + " \(Units.count(steps)) times by the loops, bound 0);"
                + " \(Units.count(result.counts.stampsReplaced)) reads were timed by the reading."
                + " Let the clock be slewed, not stepped, during a run."
        }
    }
}

// MARK: - Figures and words

extension Verdict {
    private static func name(_ loop: LoopReport, in result: RunResult) -> String {
        guard result.loops.count > 1 else { return "The loop" }
        return loop.cpu.map { "The loop on CPU \($0)" } ?? "One of \(result.loops.count) loops"
    }

    private static func stampNote(_ result: RunResult) -> String {
        result.hasUserClock ? " where arrivals have no kernel stamps" : ""
    }

    static func time(_ nanoseconds: Double) -> String {
        Units.duration(Int64(clamping: nanoseconds))
    }

    private static func times(_ bound: Double) -> String {
        bound == 0.5 ? "half" : "\(Units.rate(bound)) times"
    }
}

extension LoopReport {
    /// Share of its life that the loop was ready to run and did not; nil where the kernel doesn't
    /// say.
    fileprivate var runQueueShare: Double? {
        guard let wait = runQueueWait, lifetime > 0 else { return nil }
        return Double(wait) / Double(lifetime)
    }
}

extension RunResult {
    /// Some arrivals are the loop's own readings.
    fileprivate var hasUserClock: Bool { counts.userClockStreams > 0 }

    /// From the first loop's start to the last one's end, nanoseconds.
    fileprivate var wholeTime: Int64 { loops.map(\.lifetime).max() ?? 0 }

    /// Share of gaps coalesced at reading; nil without gaps.
    var lateGapShare: Double? {
        guard let gaps = histograms[.gap]?.count, gaps > 0 else { return nil }
        return Double(counts.coalescedAtReading) / Double(gaps)
    }

    /// Median of the gaps above 0, in nanoseconds: coalesced gaps are 0 themselves.
    var medianGap: Double? {
        guard let gap = histograms[.gap] else { return nil }
        let zeros = gap.count(atMost: 0)
        guard gap.count > zeros else { return nil }
        let rank = Double(zeros) + Double(gap.count - zeros) / 2
        let median = gap.percentile(100 * rank / Double(gap.count))
        return median > 0 ? Double(median) : nil
    }

    /// Mean of streams in flight over the whole seconds of the measured window; nil where it says
    /// nothing about what was asked: slots that pause by plan, runs that end with a number of
    /// requests, were interrupted or ask for a rate, and windows of less than two whole seconds.
    fileprivate var meanStreamsHeld: Double? {
        guard plan.think == 0, plan.requests == nil, interruptedBy == nil, !isAborted,
            plan.streams > 0, plan.arrivals == nil
        else { return nil }
        let first = Double(plan.ramp + plan.warmup) / 1e9
        let last = first + Double(measured) / 1e9
        let whole = intervals.filter {
            Double($0.startSeconds) >= first && Double($0.startSeconds + $0.seconds) <= last
        }
        let seconds = whole.reduce(0) { $0 + $1.seconds }
        guard seconds >= 2 else { return nil }
        return whole.reduce(0) { $0 + $1.inFlight * Double($1.seconds) } / Double(seconds)
    }
}
