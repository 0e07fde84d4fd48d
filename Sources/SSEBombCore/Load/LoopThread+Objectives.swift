// Goodput in a loop: once a request, when it is over, it is good, bad, or was given up before that
// was decided; and which limits it missed.

import CSupport

/// What a request that is over counts as (METRICS: goodput).
enum RequestJudgement {
    case good, bad, undecided

    /// - Parameter worst: of what the request says about each limit.
    init(_ outcome: StreamOutcome, _ worst: ObjectiveState) {
        switch outcome {
        case .failed: self = .bad
        case .completed: self = worst == .missed ? .bad : .good
        // It could still have failed, so nothing makes it good.
        case .cut: self = worst == .missed ? .bad : .undecided
        // The client had what it wanted: good where no wait was left open.
        case .cancelled:
            self = worst == .missed ? .bad : worst == .kept ? .good : .undecided
        }
    }
}

extension LoopThread {
    /// Judges a request that is over by the class's objectives.
    @inline(never)
    mutating func coldJudge(
        _ outcome: StreamOutcome,
        _ slot: UnsafeMutablePointer<StreamSlot>,
        _ now: Instant
    ) {
        // What a slow reader sees is its own doing.
        guard let limits = plan.objectives?.limits, !slot.pointee.flags.contains(.readsSlowly)
        else {
            return
        }
        let belongs = slot.pointee.flags.contains(.belongs)
        var worst = ObjectiveState.kept
        for (index, limit) in limits.enumerated() {
            let state = limit.state(slot.pointee, now: now, outcome)
            if state == .missed, belongs { stats.missedObjectives.add(1, at: index) }
            worst = max(worst, state)
        }
        let judgement = RequestJudgement(outcome, worst)
        if judgement == .good { stats.count(.good) }
        if judgement == .bad { stats.count(.bad) }
        guard belongs else { return }
        switch judgement {
        case .good:
            stats.count(.windowGood)
            if now < windows.measureEnd { stats.count(.windowGoodInside) }
        case .bad: stats.count(.windowBad)
        case .undecided: stats.count(.windowUndecided)
        }
    }

    /// Counts arrivals that never got a slot: bad ones, where there are objectives.
    func judgeDropped(_ count: UInt64) {
        guard plan.objectives != nil else { return }
        stats.count(.bad, count)
        stats.count(.windowBad, count)
    }
}

extension ResultMerger {
    /// nil where nothing was to be kept.
    func objectiveCounts() -> ObjectiveCounts? {
        guard let objectives = plan.objectives else { return nil }
        var counts = ObjectiveCounts()
        counts.good = total(.windowGood)
        counts.goodInWindow = total(.windowGoodInside)
        counts.bad = total(.windowBad)
        counts.undecided = total(.windowUndecided)
        counts.missed = objectives.limits.indices.map { index in
            stats.reduce(0) { $0 + $1.missedObjectives.value(at: index) }
        }
        return counts
    }
}
