// What a loop keeps for each class of load: its plan, its recorders, its slots, where it stands. A
// run without a scenario has one class. A slot belongs to one class as long as the run lasts.

/// One class's part of one loop.
struct LoopClass {
    // MARK: Fixed before the clock starts

    /// Which of the run's classes this is, from 0.
    let number: Int
    let plan: RunPlan
    let stats: LoopStats
    /// The request's bytes; owned by the coordinator, outlives the loop.
    let request: UnsafeRawBufferPointer
    let requestIsHead: Bool
    let requestAsksClose: Bool
    let tlsContext: TLSContext?
    let until: UnsafeRawBufferPointer
    /// Set with `--field`; the memory is the coordinator's.
    let fields: FieldReader?
    /// First slot of the loop's slab that belongs to the class.
    let firstSlot: UInt32
    /// Slots of the class in this loop; a class of few streams has none in some loops.
    let slotCount: UInt32
    /// Number of the first of them among the process's streams, those of all classes and loops,
    /// from 0.
    let firstStream: Int
    /// Slots whose events are handed over: the first so many.
    let loggedSlots: Int
    /// Time between two connects.
    let connectInterval: Int64
    /// Loops that the class has streams in, and which of these this one is.
    let (loops, rank): (Int, Int)
    /// The number of streams follows stages.
    let isStaged: Bool
    /// Answers are carried on: to ask the plan would copy it.
    let hasSessions: Bool

    // MARK: Owned machinery

    let feed = TLSFeed()
    let finishReasons = NameCounts()
    let eventTypes = NameCounts()
    let errors = ErrorLog()
    /// Set in the open load model. A pointer, because a copy of its value at each look would cost
    /// more than the look.
    let arrivals: UnsafeMutablePointer<LoopArrivals>?

    // MARK: Running state

    /// No request starts any more.
    var isStopping = false
    /// Nor those that took a request off the plan and wait for their connect's turn.
    var areTicketsVoid = false
    /// Dialect that streams begin with: given, the path's, or recognised on an earlier stream of
    /// the class in this loop.
    var dialect: Dialect
    /// Whether events decided it.
    var isDialectRecognised = false
    var inFlight = 0
    /// When the next connect may start.
    var nextConnect: Instant
    var connectsStarted = 0
    /// Addresses that refused before they ever worked, while another is left.
    var addressStates: [AddressState]
    var unfinished = UnfinishedTable()
    /// Number of this loop's next request of the class, where the plan counts none.
    var nextNumber: UInt64
    /// When the last request ended.
    var lastFinish = Instant.none
    /// What of the loop's counts belongs to a request's notes already.
    var noted = ReadCounts()

    enum AddressState { case untried, good, setAside }

    init(_ setup: LoopClassSetup, number: Int, firstSlot: UInt32, windows: RunWindows) {
        self.number = number
        plan = setup.plan
        stats = setup.stats
        request = setup.request
        requestIsHead = setup.requestIsHead
        requestAsksClose = setup.requestAsksClose
        tlsContext = setup.tlsContext
        until = setup.until
        fields = setup.fields
        self.firstSlot = firstSlot
        slotCount = UInt32(setup.share.streams)
        firstStream = setup.streamsBefore + setup.share.firstStream
        loggedSlots = setup.share.sample(setup.plan.sampledStreams)
        arrivals = setup.arrivals(windows)
        dialect = setup.plan.dialect
        addressStates = Array(repeating: .untried, count: setup.plan.addresses.count)
        let rate = setup.plan.connectRate
        // A year between two connects is as good as never, and fits.
        connectInterval =
            rate > 0 ? Int64(min(1e9 * Double(setup.share.loops) / rate, 3.2e16)) : 0
        nextConnect = windows.start
        (loops, rank) = (setup.share.loops, setup.share.rank)
        isStaged = setup.plan.stages != nil
        hasSessions = setup.plan.sessions != nil
        nextNumber = UInt64(setup.share.rank)
    }

    func destroy() {
        feed.destroy()
        arrivals?.pointee.destroy()
        arrivals?.deallocate()
        finishReasons.destroy()
        eventTypes.destroy()
    }

    /// The class's slots.
    var slots: Range<UInt32> { firstSlot..<(firstSlot + slotCount) }

    var isOpen: Bool { arrivals != nil }

    /// Hands over what the class recorded in this loop, besides counters and histograms.
    var outcome: ClassOutcome {
        ClassOutcome(
            dialect: dialect,
            isDialectRecognised: isDialectRecognised,
            finishReasons: finishReasons.all(),
            eventTypes: eventTypes.all(),
            errors: errors.entries,
            unfinished: unfinished.all,
            lastFinish: lastFinish,
            tlsBytesSent: feed.sentBytes,
            starts: arrivals?.pointee.starts.all ?? [],
            lastStart: arrivals?.pointee.lastStart ?? .none,
            greatestLateness: arrivals?.pointee.greatestLateness ?? 0
        )
    }
}

/// What the coordinator gives a loop for one class.
// Unchecked: the coordinator owns the memory behind the pointers until the loop's thread has ended.
struct LoopClassSetup: @unchecked Sendable {
    var plan: RunPlan
    var stats: LoopStats
    var request: UnsafeRawBufferPointer
    var requestIsHead: Bool
    var requestAsksClose: Bool
    var tlsContext: TLSContext?
    var until: UnsafeRawBufferPointer
    var fields: FieldReader?
    var share: LoopShare
    /// Streams of all classes before this one.
    var streamsBefore: Int

    /// The loop's part of an open load; nil in the closed model.
    func arrivals(_ windows: RunWindows) -> UnsafeMutablePointer<LoopArrivals>? {
        plan.arrivals.map { load in
            let pacer = ArrivalPacer(
                load,
                seed: plan.seed,
                start: windows.start,
                end: share.streams > 0 ? windows.measureEnd : windows.start,
                limit: plan.requests,
                rank: plan.rank,
                loop: share.rank,
                of: share.loops
            )
            let memory = UnsafeMutablePointer<LoopArrivals>.allocate(capacity: 1)
            memory.initialize(to: LoopArrivals(pacer, slots: share.streams))
            return memory
        }
    }
}

/// Which of a class's streams, arrivals and requests fall to one loop.
struct LoopShare: Sendable, Equatable {
    /// Loops that the class has streams in.
    let loops: Int
    /// Which of these the loop is; beyond them it has nothing of the class.
    let rank: Int
    /// Streams of the class in this loop.
    let streams: Int
    /// Number of the first of them in the class.
    let firstStream: Int
    private let total: Int

    /// - Parameters:
    ///   - total: streams of the class.
    ///   - number: which class of the run it is. Classes begin at different loops, so that many
    ///     small ones don't all fall to the first.
    init(of total: Int, class number: Int, loop: Int, among count: Int) {
        self.total = total
        loops = max(1, min(count, total))
        rank = (loop + number) % count
        guard rank < loops else {
            (streams, firstStream) = (0, total)
            return
        }
        // The first loops have one more where it doesn't come out even: so stream n of all, dealt
        // out in turn, is stream n / loops of loop n % loops.
        firstStream = total / loops * rank + min(rank, total % loops)
        streams = total / loops + (rank < total % loops ? 1 : 0)
    }

    /// Streams of this loop that belong to a sample of `size`: as many as fall to it when the
    /// sample is spread evenly over all streams, so never more than the loop has.
    func sample(_ size: Int) -> Int {
        guard total > 0 else { return 0 }
        func before(_ stream: Int) -> Int { (min(size, total) * stream + total - 1) / total }
        return before(firstStream + streams) - before(firstStream)
    }
}

// MARK: - The class at hand

extension LoopThread {
    /// Makes the slot's class the one that `plan`, `stats` and the others below speak of.
    @inline(__always)  // One comparison a read while there is one class.
    mutating func select(_ index: UInt32) {
        if index &- current.pointee.firstSlot >= current.pointee.slotCount { coldSelect(index) }
    }

    @inline(never)
    private mutating func coldSelect(_ index: UInt32) {
        current = classes + Int(classOf[Int(index)])
    }

    // Projections, not copies: a plan holds arrays, and the recorders are many.

    var plan: RunPlan { @inline(__always) _read { yield current.pointee.plan } }
    var stats: LoopStats { @inline(__always) _read { yield current.pointee.stats } }
    var until: UnsafeRawBufferPointer { current.pointee.until }
    var fields: FieldReader? { current.pointee.fields }
    var request: UnsafeRawBufferPointer { current.pointee.request }
    var requestIsHead: Bool { current.pointee.requestIsHead }
    var requestAsksClose: Bool { current.pointee.requestAsksClose }
    var tlsContext: TLSContext? { _read { yield current.pointee.tlsContext } }
    var feed: TLSFeed { current.pointee.feed }
    var finishReasons: NameCounts { current.pointee.finishReasons }
    var eventTypes: NameCounts { @inline(__always) _read { yield current.pointee.eventTypes } }
    var errors: ErrorLog { _read { yield current.pointee.errors } }
    var isOpen: Bool { current.pointee.isOpen }
    var isStaged: Bool { current.pointee.isStaged }
    var connectInterval: Int64 { current.pointee.connectInterval }

    /// Number of the slot's stream among those of all classes, loops and processes, from 0.
    func stream(of index: UInt32) -> UInt64 {
        let place = Int(index &- current.pointee.firstSlot)
        return plan.rank.whole(UInt64(current.pointee.firstStream + place))
    }

    var arrivals: UnsafeMutablePointer<LoopArrivals>? { current.pointee.arrivals }
    var isStopping: Bool {
        get { current.pointee.isStopping }
        nonmutating set { current.pointee.isStopping = newValue }
    }
    var areTicketsVoid: Bool {
        get { current.pointee.areTicketsVoid }
        nonmutating set { current.pointee.areTicketsVoid = newValue }
    }
    var dialect: Dialect {
        @inline(__always) get { current.pointee.dialect }
        nonmutating set { current.pointee.dialect = newValue }
    }
    var isDialectRecognised: Bool {
        get { current.pointee.isDialectRecognised }
        nonmutating set { current.pointee.isDialectRecognised = newValue }
    }
    var inFlight: Int {
        get { current.pointee.inFlight }
        nonmutating set { current.pointee.inFlight = newValue }
    }
    var nextConnect: Instant {
        get { current.pointee.nextConnect }
        nonmutating set { current.pointee.nextConnect = newValue }
    }
    var connectsStarted: Int {
        get { current.pointee.connectsStarted }
        nonmutating set { current.pointee.connectsStarted = newValue }
    }
    var addressStates: [LoopClass.AddressState] {
        _read { yield current.pointee.addressStates }
        nonmutating _modify { yield &current.pointee.addressStates }
    }
    var unfinished: UnfinishedTable {
        _read { yield current.pointee.unfinished }
        nonmutating _modify { yield &current.pointee.unfinished }
    }
    var lastFinish: Instant {
        get { current.pointee.lastFinish }
        nonmutating set { current.pointee.lastFinish = newValue }
    }
}
