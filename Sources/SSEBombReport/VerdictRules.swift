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
            lateGaps, busy, runQueueWait, involuntarySwitches, stampWindow, deliveryLag, pauses,
            pausedByHand, localResource, throttled, memoryStall, fullReads, stampsReplaced,
            clockSteps,
        ]
        return Verdict(
            reasons: judgeLoad(result) + rules.compactMap { $0(result) }
                + [tooFewSamples(thresholds)].compactMap { $0 },
            server: [bursts(result), lumps(result)].compactMap { $0 }
        )
    }

    /// What was asked of the server against what came of it: of each class, where there are
    /// several.
    private static func judgeLoad(_ result: RunResult) -> [Reason] {
        let rules: [(RunResult) -> Reason?] = [
            nothingMeasured, sendLag, pacingError, missingStreams, rateAchieved, dropped, backOff,
        ]
        guard !result.classes.isEmpty else { return rules.compactMap { $0(result) } }
        return result.classes.flatMap { part in
            rules.compactMap { $0(part.result) }.map { reason in
                Reason(
                    code: reason.code,
                    state: reason.state,
                    sentence: "Class \(PrintableText.line(part.name)): \(reason.sentence)",
                    value: reason.value,
                    bound: reason.bound
                )
            }
        }
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
        let counts = result.counts
        let sentence: String
        if counts.started + counts.dropped == 0 {
            // Subscribers of the ramp stay for the whole run.
            if result.plan.eventSource, counts.startedOutsideWindow > 0 { return nil }
            // All of the load's arrivals may be those of other ranks.
            if result.plan.knownRank != nil, result.plan.arrivals != nil { return nil }
            sentence =
                result.pausedByHand > 0
                ? "No request started inside the measured window, which needs at least 1: starts"
                    + " were paused by hand; leave the run alone."
                : "No request was due inside the measured window, which needs at least 1: make it"
                    + " longer with -d, or shorten --ramp and --warmup."
        } else if counts.started > 0, counts.completed + counts.failed == 0,
            result.histograms[.ttfe] == nil
        {
            sentence =
                "Not one of \(Units.count(counts.started)) requests brought an event or an end"
                + " (bound 1): give them more time with -d or --drain, or a limit such as"
                + " --first-event-timeout, which makes failures of them."
        } else {
            return nil
        }
        return Reason(
            code: "nothing_measured",
            state: .invalid,
            sentence: sentence,
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
            code: Reason.tooFewSamples,
            state: .suspect,
            sentence:
                "The threshold \(PrintableText.line(worst.threshold.expression)) needs"
                + " \(Units.count(worst.floor)) samples and has"
                + " \(Units.count(worst.samples))\(others); measure longer, or with more streams.",
            value: Double(worst.samples),
            bound: Double(worst.floor)
        )
    }

    // MARK: How prompt the client was

    private static func lateGaps(_ result: RunResult) -> Reason? {
        let late = result.lateGaps
        guard let share = result.lateGapShare, late >= VerdictBound.leastLateGaps else {
            return nil
        }
        return reason("late_gaps", share, .lateGaps) { bound in
            "\(Units.share(share)) of the gaps were coalesced at reading, or end in the stamp of"
                + " later bytes (bound \(Units.share(bound))): the client came so late that gap and"
                + " itl hold values that no server made, from p\(share > 0.005 ? "99" : "99.9")"
                + " on at the latest; give the client more CPU, or lower the load."
        }
    }

    private static func busy(_ result: RunResult) -> Reason? {
        guard let loop = result.judgedLoops.max(by: { $0.busy < $1.busy }) else {
            return nil
        }
        let bound = result.hasUserClock ? VerdictBound.busyWithoutStamps : .busy
        return reason("loop_busy", loop.busy, bound) { bound in
            "\(name(loop, in: result)) was busy \(Units.share(loop.busy)) of its time (bound"
                + " \(Units.share(bound))\(stampNote(result))), so events waited for the client;"
                + " give it more CPUs (-t, --cpus) or less load, or run several processes."
        }
    }

    private static func runQueueWait(_ result: RunResult) -> Reason? {
        let shares = result.judgedLoops.compactMap { loop in
            loop.runQueueWait.map { (loop: loop, share: Double($0) / Double(loop.window)) }
        }
        guard let worst = shares.max(by: { $0.share < $1.share }) else { return nil }
        let late = Units.share(result.lateGapShare ?? 0)
        return reason("run_queue_wait", worst.share, .runQueueWait) { bound in
            "\(name(worst.loop, in: result)) was ready to run and did not for"
                + " \(Units.share(worst.share)) of its time (bound \(Units.share(bound)));"
                + " \(late) of the gaps were coalesced at reading. Something else uses its CPU:"
                + " end it, keep it away (--cpus), or try --priority realtime."
        }
    }

    /// With stamps of the kernel a pause shows where it did harm: in the gaps coalesced at reading.
    private static func pauses(_ result: RunResult) -> Reason? {
        let shares = result.judgedLoops.map { loop in
            (loop: loop, share: Double(loop.paused) / Double(loop.window))
        }
        guard result.hasUserClock, let worst = shares.max(by: { $0.share < $1.share }) else {
            return nil
        }
        return reason("loop_paused", worst.share, .paused) { bound in
            "\(name(worst.loop, in: result)) was away for"
                + " \(Units.duration(worst.loop.paused)), \(Units.share(worst.share)) of its time"
                + " (bound \(Units.share(bound))\(stampNote(result))): what came meanwhile was"
                + " timed late. End what else uses its CPU, or give the client more."
        }
    }

    private static func involuntarySwitches(_ result: RunResult) -> Reason? {
        let rates = result.judgedLoops.map { loop in
            (loop: loop, rate: Double(loop.involuntarySwitches) * 1e9 / Double(loop.window))
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
        // Whose slot was free during a pause by hand started late for that: a reason of its own.
        guard result.plan.arrivals == nil, result.pausedByHand == 0,
            let lags = result.histograms[.sendLag], !lags.isEmpty,
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
        guard let streams = result.streamsHeld else { return nil }
        let (held, asked) = (streams.held, streams.asked)
        return reason("streams_held", 1 - held / asked, .missingStreams) { bound in
            // Few streams in hundredths: a whole number would hide what was missing.
            func figure(_ streams: Double) -> String {
                asked < 100
                    ? Units.number((100 * streams).rounded() / 100)
                    : Units.count(UInt64(streams.rounded()))
            }
            let share = asked * (1 - bound)
            let least = figure(asked < 100 ? share : share.rounded(.up))
            let remedy =
                result.plan.stages == nil
                ? "open them before the measured window with --ramp" : "give the stages more time"
            return "Of \(Units.count(UInt64(asked.rounded()))) streams asked for,"
                + " \(figure(held)) were held on average (bound \(least));"
                + " \(remedy), or see the failures."
        }
    }

    private static func backOff(_ result: RunResult) -> Reason? {
        let streams =
            (result.plan.stages == nil ? nil : result.plan.line)?.mean(from: 0, to: result.length)
            ?? Double(result.plan.streams)
        let time = streams * Double(result.length)
        guard time > 0 else { return nil }
        let share = Double(result.counts.backoff) / time
        return reason("back_off", share, .backOff) { bound in
            "Slots waited after failures for \(Units.share(share)) of their time (bound"
                + " \(Units.share(bound))), and the load was lower by as much; mend the cause of"
                + " the failures."
        }
    }

    private static func pausedByHand(_ result: RunResult) -> Reason? {
        let bound = VerdictBound(suspect: 0, invalid: .infinity)
        return reason("paused", Double(result.pausedByHand), bound) { _ in
            "Starts were paused by hand for \(Units.duration(result.pausedByHand)) (bound 0): what"
                + " fell due meanwhile came late or not at all; leave the run alone."
        }
    }

    // MARK: What the machine lacked

    private static func localResource(_ result: RunResult) -> Reason? {
        let failures = result.counts.failures[.localResource] ?? 0
        guard failures > 0, result.counts.decided > 0 else { return nil }
        let share = Double(failures) / Double(result.counts.decided)
        return reason("local_resource", share, .localResource) { _ in
            "\(Units.count(failures)) requests (\(Units.share(share))) failed because this machine"
                + " was out of descriptors, ports or memory (bound 0): keep connections open, use"
                + " more source addresses (--source-ip), or raise the limits."
        }
    }

    private static func throttled(_ result: RunResult) -> Reason? {
        guard let time = result.throttled, result.length > 0 else { return nil }
        let share = Double(time) / Double(result.length)
        return reason("cpu_throttled", share, .throttled) { bound in
            "The control group's CPU limit stopped the client for \(Units.duration(time)),"
                + " \(Units.share(share)) of the run (bound \(Units.share(bound))); raise the limit"
                + " (cpu.max, cpu.cfs_quota_us, a container's cpus)."
        }
    }

    private static func memoryStall(_ result: RunResult) -> Reason? {
        guard let time = result.memoryStall, result.length > 0 else { return nil }
        let share = Double(time) / Double(result.length)
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
        let counts = result.counts
        guard counts.reads > 0, counts.stampsReplaced >= VerdictBound.leastStampsReplaced else {
            return nil
        }
        let share = Double(counts.stampsReplaced) / Double(counts.reads)
        let remedy =
            counts.clockSteps > 0
            ? "leave the wall clock alone while a run goes on" : "look at the clock of this machine"
        return reason("stamps_replaced", share, .stampsReplaced) { bound in
            "\(Units.share(share)) of the reads had no plausible kernel stamp and were timed by the"
                + " reading (bound \(Units.share(bound))); \(remedy)."
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

extension RunResult {
    /// Some arrivals are the loop's own readings.
    var hasUserClock: Bool { counts.userClockStreams > 0 }

    /// The loops whose window is long enough for shares of it: in some milliseconds a single switch
    /// would be most of it.
    fileprivate var judgedLoops: [LoopReport] {
        loops.filter { $0.window >= Nanoseconds.seconds(1) }
    }

    /// Share of gaps that the client's lateness made wrong: coalesced at reading, or ending in a
    /// stamp of later bytes; nil without gaps.
    var lateGapShare: Double? {
        guard let gaps = histograms[.gap]?.count, gaps > 0 else { return nil }
        return min(1, Double(lateGaps) / Double(gaps))
    }

    fileprivate var lateGaps: UInt64 { counts.coalescedAtReading &+ counts.lateStamps }

    /// Median of the gaps above 1 ms, in nanoseconds: those inside a burst say nothing of how often
    /// a stream's events come. Of the gaps above 0 where there are no others.
    var medianGap: Double? {
        guard let gap = histograms[.gap] else { return nil }
        return (gap.medianAbove(Nanoseconds.milliseconds(1)) ?? gap.medianAbove(0)).map(Double.init)
    }

    /// Mean of streams in flight, and of those asked for, over the whole seconds of the measured
    /// window; nil where it says nothing about what was asked: slots that pause by plan, runs that
    /// ended before their time, were paused by hand or ask for a rate, and windows without a whole
    /// second.
    ///
    /// With stages, what is over the asked number in one second, finishing while the line falls,
    /// doesn't make up for what another lacks.
    fileprivate var streamsHeld: (held: Double, asked: Double)? {
        // A number of requests that is used up leaves slots idle.
        let isWhole = plan.duration.map { measured >= $0 } ?? false
        // A subscriber that waits to reconnect obeys its server.
        guard !hasPauses, !plan.eventSource, isWhole, interruptedBy == nil, !isAborted,
            pausedByHand == 0, plan.streams > 0, plan.arrivals == nil
        else { return nil }
        let first = Double(plan.ramp + plan.warmup) / 1e9
        let last = first + Double(measured) / 1e9
        let whole = intervals.filter {
            Double($0.startSeconds) >= first && Double($0.startSeconds + $0.seconds) <= last
        }
        let seconds = Double(whole.reduce(0) { $0 + $1.seconds })
        guard seconds >= 1 else { return nil }
        var (held, asked) = (0.0, 0.0)
        let line = plan.line
        for interval in whole {
            let wanted = line?.mean(of: interval) ?? Double(plan.streams)
            let counted = plan.stages == nil ? interval.inFlight : min(wanted, interval.inFlight)
            held += counted * Double(interval.seconds)
            asked += wanted * Double(interval.seconds)
        }
        return asked > 0 ? (held / seconds, asked / seconds) : nil
    }

    /// Users pause by plan, between requests or between turns.
    private var hasPauses: Bool {
        let plans = [plan] + classes.map(\.result.plan)
        return plans.contains { $0.think > 0 || $0.sessions?.hasThink == true }
    }
}
