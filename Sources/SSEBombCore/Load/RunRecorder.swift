// What the coordinator collects of a run: a time line and a merger for the whole, and the same for
// each class of load where there are several.

import CSupport

/// Makes results from what the loops publish.
struct RunRecorder {
    let windows: RunWindows
    private let lanes: [ClassLane]
    /// That of the whole run; then, where there are several classes, one a class.
    private var timeLines: [IntervalRecorder]
    private var ended = Instant.none
    var startedAt: Int64 = 0
    var interruptedBy: Int32 = 0
    /// Whether the judge ended the run.
    var isAborted = false
    /// How long starts were held back by hand.
    var pausedByHand: Int64 = 0
    var usageBefore = csup_usage()
    /// What the kernel took from the process during the run.
    var pressure = MachinePressure()
    /// Empty until the loops have ended.
    var outcomes: [LoopOutcome] = []

    init(_ lanes: [ClassLane], _ windows: RunWindows) {
        self.lanes = lanes
        self.windows = windows
        let own = lanes[0].stats
        timeLines = [
            IntervalRecorder(
                stats: lanes.flatMap(\.stats),
                loops: own,
                start: windows.start,
                reserve: IntervalRecorder.mostBytes
            )
        ]
        guard lanes.count > 1 else { return }
        timeLines += lanes.map { lane in
            IntervalRecorder(
                stats: lane.stats,
                loops: own,
                start: windows.start,
                // Of many classes most would never use so much.
                reserve: lanes.count <= 4 ? IntervalRecorder.mostBytes / lanes.count : 0
            )
        }
    }

    private var whole: IntervalRecorder { timeLines[0] }

    // MARK: Recording

    /// Closes the current second at `now`.
    mutating func closeSecond(at now: Instant) {
        for index in timeLines.indices { timeLines[index].closeSecond(at: now) }
        IntervalRecorder.bound(&timeLines)
    }

    /// The loops have ended.
    mutating func end(at now: Instant) {
        ended = now
        closeSecond(at: now)
        for index in timeLines.indices { timeLines[index].finish() }
    }

    // MARK: Results

    /// The result of a run that goes on. Its intervals have no histograms, and classes other than
    /// `judged` have counts alone: all of them, made again every second, would take more memory
    /// the longer a run goes on.
    func standing(at now: Instant, judged: Set<String>) -> RunResult {
        var standing = self
        standing.ended = now
        return standing.result(.standing) { judged.contains($0) ? .standing : .counts }
    }

    func result(
        _ detail: ResultMerger.Detail = .whole,
        ofClass: (String) -> ResultMerger.Detail = { _ in .whole }
    ) -> RunResult {
        var result = merger(lanes, outcomes.map(\.classes)).merge(whole, detail)
        for (index, timeLine) in timeLines.dropFirst().enumerated() {
            let one = merger([lanes[index]], outcomes.map { [$0.classes[index]] })
            let name = lanes[index].load.name
            result.classes.append(
                ClassResult(name: name, result: one.merge(timeLine, ofClass(name)))
            )
        }
        return result
    }

    /// - Parameter classes: of each loop, what the classes that are merged came to.
    private func merger(_ lanes: [ClassLane], _ classes: [[ClassOutcome]]) -> ResultMerger {
        var merger = ResultMerger(
            plan: ClassLoad.joint(lanes.map(\.load.plan)),
            windows: windows,
            stats: lanes.flatMap(\.stats)
        )
        merger.loopStats = self.lanes[0].stats.indices.map { loop in
            self.lanes.map { $0.stats[loop] }
        }
        merger.source = lanes.count == 1 ? lanes[0].load.plan.source : nil
        merger.echoes = EchoSearch(self.lanes.compactMap(\.load.plan.source))
        merger.outcomes = classes.flatMap(\.self)
        merger.loopOutcomes = outcomes
        let loads = lanes.map(\.load.plan.arrivals)
        merger.hasSteadyWindow =
            loads.count == 1 || loads.allSatisfy { $0 == nil } || OpenLoad.joint(loads) != nil
        merger.startedAt = startedAt
        merger.ended = ended
        merger.interruptedBy = interruptedBy
        merger.isAborted = isAborted
        merger.pausedByHand = pausedByHand
        merger.usageBefore = usageBefore
        merger.pressure = pressure
        return merger
    }

    // MARK: Progress

    func progress(at now: Instant) -> RunProgress {
        let stats = lanes.flatMap(\.stats)
        var failures: [StreamFailure: UInt64] = [:]
        for kind in StreamFailure.allCases {
            let count = stats.reduce(0) { $0 + $1.failures.value(at: Int(kind.rawValue)) }
            if count > 0 { failures[kind] = count }
        }
        let phase = windows.phase(at: now)
        // Once there is a window its requests are those that reports and gates judge.
        let hasWindow = phase.rawValue >= RunPhase.measured.rawValue
        // Before, running counts can't be compared with their events.
        let hasTokens = whole.total(.windowTokenEvents) > 0
        let scale = hasTokens ? TokenScale(stats) : .events
        return RunProgress(
            phase: phase,
            elapsed: now - windows.start,
            inFlight: whole.total(.inFlight),
            started: whole.total(.started),
            waiting: whole.total(.waiting),
            completed: whole.total(.completed),
            failed: whole.total(.failed),
            cancelled: whole.total(.cancelled),
            good: whole.total(hasWindow ? .windowGood : .good),
            bad: whole.total(hasWindow ? .windowBad : .bad),
            events: whole.total(.events),
            tokenEvents: whole.total(.tokenEvents),
            tokensPerEvent: scale.tokensPerEvent,
            tokenBasis: scale.basis,
            failures: failures,
            ttft: whole.ttft,
            gap: whole.gap,
            recent: whole.recent
        )
    }
}
