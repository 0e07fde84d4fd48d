// What became of one stage of a load that changes. Must not know how it is counted: the report does
// that, from the time line.

/// One stage of a run's load that takes time.
public struct StageAccount: Sendable, Equatable {
    /// From the start of the run, nanoseconds.
    public var start: Int64
    /// Nanoseconds, above 0.
    public var duration: Int64
    /// Level at its start: streams, or arrivals a second.
    public var from: Double
    /// Level at its end.
    public var target: Double
    /// Seconds of the time line that lie wholly in it, as far as the run came.
    public var seconds: Int
    /// Mean level asked for in these; nil without one, and for a part of a schedule.
    public var asked: Double?
    /// Open model: requests started a second in these. Closed model: mean of streams in flight.
    public var achieved: Double?

    /// An account.
    public init(
        start: Int64,
        duration: Int64,
        from: Double,
        target: Double,
        seconds: Int,
        asked: Double?,
        achieved: Double?
    ) {
        self.start = start
        self.duration = duration
        self.from = from
        self.target = target
        self.seconds = seconds
        self.asked = asked
        self.achieved = achieved
    }
}

extension LoadLine {
    /// The line that stages with these accounts follow. One that begins elsewhere than the last
    /// ended had a jump before it.
    public init(following accounts: [StageAccount]) {
        let first = accounts.first?.from ?? 0
        var stages: [LoadStage] = []
        var level = first
        for account in accounts {
            if account.from != level {
                stages.append(LoadStage(duration: 0, target: account.from))
            }
            stages.append(LoadStage(duration: account.duration, target: account.target))
            level = account.target
        }
        self.init(from: first, stages: stages)
    }
}

extension RunPlan {
    /// Makes the load follow these accounts at the mean rate that it has.
    public mutating func follow(_ accounts: [StageAccount]) {
        let line = LoadLine(following: accounts)
        guard let load = arrivals else {
            stages = line
            return
        }
        arrivals = OpenLoad(line, law: load.law)
        arrivals?.rate = load.rate
    }
}
