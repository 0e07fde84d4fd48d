// Which numbers requests have: those of the whole load, of which a plan may be the part of one of
// several targets, and of one of several processes. Everything that differs from request to request
// follows from its number, so no number may come twice. Knows no loop.

/// Which of several processes that share one load this is (`--rank`, `--ranks`).
public struct ProcessRank: Sendable, Equatable, BitwiseCopyable {
    /// From 0.
    public let number: Int
    /// Processes of the load.
    public let count: Int

    /// A load of one process.
    public static let alone = ProcessRank(0, of: 1)
    /// The most processes of one load: each makes the schedule of all.
    public static let most = 1_000

    /// - Precondition: `number` is one of `count`.
    public init(_ number: Int, of count: Int) {
        precondition(number >= 0 && number < count, "no such rank")
        self.number = number
        self.count = count
    }

    /// No other process has a part of the load.
    public var isAlone: Bool { count == 1 }

    /// How many of `total` fall to this process where they are dealt out in turn.
    public func share(of total: Int) -> Int { Int(share(of: UInt64(total))) }

    /// How many of `total` fall to this process where they are dealt out in turn.
    public func share(of total: UInt64) -> UInt64 {
        total / UInt64(count) + (UInt64(number) < total % UInt64(count) ? 1 : 0)
    }

    /// The part of a level, such as a rate, that falls to this process. In whole steps of 2^-30, so
    /// that the parts of all processes are exactly the whole of such steps.
    public func share(of level: Double) -> Double {
        let step = 0x1p-30
        guard !isAlone, level >= 0, level < 1e9 else { return level / Double(count) }
        return Double(share(of: UInt64((level / step).rounded()))) * step
    }

    /// The number in the whole of this process's own `number`.
    func whole(_ number: UInt64) -> UInt64 {
        number &* UInt64(count) &+ UInt64(self.number)
    }

    /// Whether `number` of the whole is this process's own.
    func owns(_ number: UInt64) -> Bool { number % UInt64(count) == UInt64(self.number) }
}

/// Which numbers of a closed load's requests fall to one of several targets. With arrivals the
/// schedule says that.
public struct TargetNumbers: Sendable, Equatable, BitwiseCopyable {
    /// Those of the only target.
    public static let all = TargetNumbers(from: 0)

    private let first: UInt64
    private let place: UInt64
    private let targets: UInt64

    /// Where it is said how many requests each target gets: the target's begin with `first`.
    public init(from first: UInt64) {
        self.first = first
        place = 0
        targets = 1
    }

    /// Where only time ends them: one of each `targets` numbers.
    public init(place: Int, of targets: Int) {
        first = 0
        self.place = UInt64(place)
        self.targets = UInt64(targets)
    }

    /// The number in the load of the target's own `number`.
    func whole(_ number: UInt64, seed: UInt64) -> UInt64 {
        guard targets > 1 else { return first &+ number }
        // Each round is dealt out anew: else a target would get the same few rows of a file whose
        // size divides by the number of targets.
        let turn = RequestRandom.key(seed, .target, number) % targets
        return number &* targets &+ (place &+ turn) % targets
    }
}

extension RunPlan {
    /// The number in the whole load of this plan's own `number`. In the open model the schedule has
    /// numbers of its own.
    func requestNumber(_ number: UInt64) -> UInt64 {
        numbers.whole(rank.whole(number), seed: seed)
    }

    /// Number of the plan's first request, as far as it is known without a schedule.
    public var firstRequestNumber: UInt64 {
        arrivals == nil ? requestNumber(0) : UInt64(rank.number)
    }

    /// Arrivals per second that are asked of this process; nil in the closed model, and of a trace
    /// too short for a rate.
    public var askedRate: Double? {
        guard let whole = arrivals?.ownRate, whole > 0 else { return nil }
        return rank.share(of: whole)
    }

    /// The process's place among others, as reports name it; nil where it is alone.
    public var knownRank: ProcessRank? { storedRank ?? (rank.isAlone ? nil : rank) }
}
