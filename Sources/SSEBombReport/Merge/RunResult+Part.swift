// A run's result as a part of a whole, class by class: sums in steps that add up exactly, and what
// stands in the way of adding two of them. Must not know how parts are added.

import SSEBombCore

extension RunResult {
    /// The result in the form that merging goes by: its window and its intervals on the clock of
    /// `MergedRun`, sums in steps that add up exactly.
    func asPart(named id: String) -> RunResult {
        let lead = plan.ramp + plan.warmup
        let step = Nanoseconds.seconds(Int64(intervalSeconds))
        // Both are moved back alike.
        let start = startedAt / step * step + lead
        var part = withExactSums
        (part.intervals, part.intervalSeconds) = TimelineMerge.joined([part])
        let merged = MergedRun(
            parts: [id],
            window: measured > 0 ? .init(start: start, end: start + measured) : nil,
            isSameWindow: measured > 0,
            ranks: heldRanks?.ranks,
            measuredFrom: measured > 0 ? startedAt + lead : nil
        )
        part.setOrigin(merged)
        part.classes = classes.map { own in
            var result = own.result.withExactSums
            result.setOrigin(merged)
            result.intervals = TimelineMerge.joined([result], step: part.intervalSeconds).intervals
            result.intervalSeconds = part.intervalSeconds
            return ClassResult(own.name, result)
        }
        return part
    }

    private mutating func setOrigin(_ merged: MergedRun) {
        self.merged = merged
        measured = merged.window?.length ?? 0
    }

    private var withExactSums: RunResult {
        var part = self
        part.steady = nil
        let accounts = stageAccounts
        if !accounts.isEmpty {
            let exact = accounts.map(\.exact)
            part.knownStages = exact
            part.plan.follow(exact)
        }
        part.counts.tokensInWindow = TokenSum.exact(counts.tokensInWindow)
        if !hasTokens { part.counts.forgetTokens() }
        part.arrivals?.test = nil
        part.errors = ErrorMerge.sorted(errors)
        part.loops = LoopMerge.sorted(loops)
        for index in part.intervals.indices {
            let mean = part.intervals[index].inFlight
            part.intervals[index].inFlight = mean.isFinite ? TokenSum.exact(mean) : 0
        }
        // Streams, rates and requests of a process that shares a load are its own.
        part.plan.storedRank = nil
        part.plan.storedRequests = plan.requestFacts
        part.plan.storedRequests?.digest = plan.requestDigest
        part.plan.arrivals?.rate.makeExact()
        part.plan.connectRate.makeExact()
        return part
    }

    // MARK: What can't be added

    /// Why two results can't be added whatever a user allows, as the end of a sentence about both;
    /// nil where they can.
    func obstacle(to other: RunResult) -> String? {
        guard classes.map(\.name) == other.classes.map(\.name) else {
            return "have unlike classes of load (\(classNames) and \(other.classNames)): merge "
                + "runs with the same classes in the same order"
        }
        guard loadModel == other.loadModel else {
            return "have unlike load models (\(loadModel) and \(other.loadModel)): merge runs that "
                + "hold streams open, or runs that start requests at a rate"
        }
        guard stageAccounts.map(\.duration) == other.stageAccounts.map(\.duration) else {
            return "have unlike stages: merge runs whose stages last equally long"
        }
        for (one, two) in zip(classes, other.classes) {
            if let cause = one.result.obstacle(to: two.result) {
                return "in class \(PrintableText.line(one.name, limit: 40)) \(cause)"
            }
        }
        return nil
    }

    private var classNames: String {
        guard !classes.isEmpty else { return "none" }
        return PrintableText.line(classes.map(\.name).joined(separator: ", "), limit: 100)
    }

    /// The first field of the plan, by name, in which two results can't be parts of one run; nil
    /// where there is none.
    func unlikeField(_ other: RunResult) -> String? {
        let (mine, theirs) = (ResultDocument.Plan(self), ResultDocument.Plan(other))
        // A part without events doesn't know its API.
        if let one = mine.api, let two = theirs.api, one != two { return "plan.api" }
        if let field = ResultDocument.Plan.difference(mine.asPart, theirs.asPart) {
            return "plan.\(field)"
        }
        for (one, two) in zip(classes, other.classes) {
            if let field = one.result.unlikeField(two.result) {
                return "\(field) of class \(PrintableText.line(one.name, limit: 40))"
            }
        }
        return nil
    }
}

extension StageAccount {
    /// The same with levels that add up exactly.
    fileprivate var exact: StageAccount {
        var account = self
        account.from.makeExact()
        account.target.makeExact()
        account.asked?.makeExact()
        account.achieved?.makeExact()
        return account
    }
}

extension RunCounts {
    /// Without a known API there are none.
    fileprivate mutating func forgetTokens() {
        (completionTokens, requestsWithPrompt, tokensInWindow) = (0, 0, 0)
        (promptTokens, cachedTokens, reasoningTokens) = (nil, nil, nil)
        (completedTokens, completedPromptTokens, requestsWithTokens) = (0, 0, 0)
    }
}

extension Double {
    /// To the nearest multiple of 2^-30: sums of such rates are exact up to 2^23.
    fileprivate mutating func makeExact() {
        let steps = 1_073_741_824.0
        if isFinite, self < 1e9 { self = (self * steps).rounded() / steps }
    }
}
