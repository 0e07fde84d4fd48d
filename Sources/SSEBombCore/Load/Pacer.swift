// One loop's part of the open load model: which arrivals are its own, which slots are free for
// them, and when it really started them. Knows no socket; LoopThread+Arrivals acts on it.

/// Every n-th arrival of the schedule, as instants.
///
/// Each loop draws the whole sequence and keeps the arrivals whose number modulo the number of
/// processes, and then of loops, is its own: the same seed gives the same load for any number of
/// them, and nothing is shared.
struct ArrivalPacer: BitwiseCopyable {
    private var schedule: ArrivalSchedule
    private let start: Instant
    private let end: Instant
    private let limit: UInt64
    private let loops: UInt64
    private let loop: UInt64
    private let rank: ProcessRank
    private let share: ArrivalShare?
    private let seed: UInt64
    /// Arrivals of the process and the share so far: their number modulo `loops` says whose they
    /// are.
    private var numberInShare: UInt64 = 0
    /// When the next arrival is due; `distantFuture` after the last.
    private(set) var next = Instant.distantFuture
    /// Arrivals passed so far.
    private(set) var passed: UInt64 = 0

    /// - Parameters:
    ///   - start: where the schedule's offsets count from.
    ///   - end: nothing arrives from here on.
    ///   - limit: number of arrivals of the process, of all targets together; nil is no limit.
    ///   - rank: which process this is.
    ///   - loop: which of `loops` this is.
    init(
        _ load: OpenLoad,
        seed: UInt64,
        start: Instant,
        end: Instant,
        limit: UInt64?,
        rank: ProcessRank = .alone,
        loop: Int,
        of loops: Int
    ) {
        schedule = ArrivalSchedule(load, seed: seed)
        self.start = start
        self.end = end
        self.limit = limit.map { rank.whole($0) } ?? .max
        self.rank = rank
        self.loops = UInt64(loops)
        self.loop = UInt64(loop)
        self.seed = seed
        share = load.share
        passToOwn()
        look()
    }

    /// Number of the next arrival in the run, from 0.
    var number: UInt64 { schedule.number }

    /// Of all copies together.
    func destroy() { schedule.destroy() }

    /// The row of the trace that asks for the next arrival; nil without a trace.
    var row: TraceRow? { schedule.row }

    /// The run's number of requests leaves none for this loop.
    var hasReachedLimit: Bool { schedule.number >= limit }

    /// Passes on to the loop's next arrival.
    mutating func advance() {
        step()
        passToOwn()
        passed += 1
        look()
    }

    private mutating func step() {
        if isInShare { numberInShare += 1 }
        schedule.advance()
    }

    private var isInShare: Bool {
        rank.owns(schedule.number) && share?.contains(schedule.number, seed: seed) ?? true
    }

    /// Goes on to the first arrival from here that is the loop's own. Ends: of a share that holds
    /// nothing nobody makes a pacer.
    private mutating func passToOwn() {
        while numberInShare % loops != loop || !isInShare {
            if hasReachedLimit { return }
            step()
        }
    }

    private mutating func look() {
        let offset = Int64(exactly: schedule.offset.rounded()) ?? .max
        let instant = start + offset
        next = instant < end && !hasReachedLimit ? instant : .distantFuture
    }
}

/// Slots without a request: those with a kept connection, and those without one. Of each the one
/// that was freed last is taken first, so that as few connections as possible are in use.
///
/// A handle; single-threaded. A kept connection that its server closes meanwhile stays where it is:
/// the loop notices when it takes the slot.
struct FreeSlots {
    private struct State {
        var kept = 0
        var empty = 0
    }
    private let kept: UnsafeMutablePointer<UInt32>
    private let empty: UnsafeMutablePointer<UInt32>
    private let state: UnsafeMutablePointer<State>
    private let capacity: Int

    /// A slot is free at most once, so `capacity` is the number of slots.
    init(capacity: Int) {
        self.capacity = capacity
        kept = .allocate(capacity: max(1, capacity))
        empty = .allocate(capacity: max(1, capacity))
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    func destroy() {
        kept.deallocate()
        empty.deallocate()
        state.deallocate()
    }

    var isEmpty: Bool { state.pointee.kept + state.pointee.empty == 0 }

    func push(_ index: UInt32, isConnected: Bool) {
        precondition(state.pointee.kept + state.pointee.empty < capacity, "a slot is free twice")
        if isConnected {
            kept[state.pointee.kept] = index
            state.pointee.kept += 1
        } else {
            empty[state.pointee.empty] = index
            state.pointee.empty += 1
        }
    }

    func popKept() -> UInt32? {
        guard state.pointee.kept > 0 else { return nil }
        state.pointee.kept -= 1
        return kept[state.pointee.kept]
    }

    func popEmpty() -> UInt32? {
        guard state.pointee.empty > 0 else { return nil }
        state.pointee.empty -= 1
        return empty[state.pointee.empty]
    }
}

/// The instants at which a loop started its first requests of the measured window; what comes after
/// `capacity` of them is not kept. Memory that is not written costs none.
struct StartRecord {
    static let capacity = 1 << 16

    private let instants: UnsafeMutablePointer<Int64>
    private let count: UnsafeMutablePointer<Int>

    init() {
        instants = .allocate(capacity: Self.capacity)
        count = .allocate(capacity: 1)
        count.initialize(to: 0)
    }

    func destroy() {
        instants.deallocate()
        count.deallocate()
    }

    func add(_ instant: Instant) {
        guard count.pointee < Self.capacity else { return }
        instants[count.pointee] = instant.nanoseconds
        count.pointee += 1
    }

    /// In the order of the starts.
    var all: [Int64] { Array(UnsafeBufferPointer(start: instants, count: count.pointee)) }
}

/// What a loop of the open model keeps besides its streams.
///
/// Arrivals that wait for a slot need no memory: they are those that the schedule has come to and
/// the pacer has not.
struct LoopArrivals {
    var pacer: ArrivalPacer
    /// The same sequence, up to now.
    private var schedule: ArrivalPacer
    let free: FreeSlots
    let starts = StartRecord()
    /// What the trace says of the arrival that starts now; nil without a trace.
    var recorded: TraceRow?
    /// Until then no slot was free: what was due before had to wait for one.
    var noSlotUntil = Instant.none
    /// Until then starts were paused by hand: what was due before had to wait for the end of that.
    var pausedUntil = Instant.none
    var lastStart = Instant.none
    /// The most that a start of the measured window came after its instant, waits included.
    var greatestLateness: Int64 = 0
    var isOver = false

    init(_ pacer: ArrivalPacer, slots: Int) {
        self.pacer = pacer
        schedule = pacer
        free = FreeSlots(capacity: slots)
    }

    func destroy() {
        pacer.destroy()
        free.destroy()
        starts.destroy()
    }

    /// Number of arrivals that are due at `now` and have not started.
    mutating func waiting(at now: Instant) -> UInt64 {
        if schedule.passed < pacer.passed { schedule = pacer }
        while schedule.next <= now, schedule.next != .distantFuture { schedule.advance() }
        return schedule.passed - pacer.passed
    }
}
