// The time line: once a second, what has changed in the loops' counters and histograms. Runs on the
// coordinator's thread and only reads what the loops publish.

/// Collects one entry a second; when there are too many, neighbours merge and the step doubles.
struct IntervalRecorder {
    /// Ten minutes at one a second; a longer run has coarser entries, not more.
    static let mostIntervals = 600
    /// Bytes that the histograms of a run's time lines take together, packed: about 800,000 cells,
    /// each about a byte of the result file. Beyond them entries become coarser, too.
    static let mostBytes = 1_536 << 10
    /// So few entries stay, however large their histograms are.
    static let leastIntervals = 16

    private let stats: [LoopStats]
    /// Those of them that hold the loops' accounts of themselves, one a loop.
    private let loops: [LoopStats]
    private var ttftReaders: [HistogramSnapshot.IntervalReader]
    private var gapReaders: [HistogramSnapshot.IntervalReader]
    private var tpotReaders: [HistogramSnapshot.IntervalReader]
    private var e2eReaders: [HistogramSnapshot.IntervalReader]
    private var lastCounts: [Counter: UInt64] = [:]
    private var lastFailures: [UInt64]
    private var lastClose: Instant
    private var lastInFlightTime: UInt64 = 0
    private var lastIdle: [UInt64]
    private var secondsTaken = 0
    private var partial: RunInterval?

    private var store: IntervalStore
    private(set) var step = 1
    /// The last full seconds, for the display; of these the last few with `ttft` and `gap`.
    private(set) var recent: [RunInterval] = []
    private static let mostRecent = 60
    /// Everything so far, for the display.
    private(set) var ttft = HistogramSnapshot()
    private(set) var gap = HistogramSnapshot()

    private static let counters: [Counter] = [.started, .completed, .failed, .events, .tokenEvents]

    /// - Parameters:
    ///   - stats: whose counts and histograms make the time line.
    ///   - loops: one a loop, with the loop's account of itself.
    ///   - reserve: bytes for histograms that are taken at once.
    init(stats: [LoopStats], loops: [LoopStats], start: Instant, reserve: Int = 0) {
        store = IntervalStore(reserve: reserve, most: Self.mostIntervals)
        self.stats = stats
        self.loops = loops
        lastClose = start
        ttftReaders = stats.map { HistogramSnapshot.IntervalReader($0.ttft) }
        gapReaders = stats.map { HistogramSnapshot.IntervalReader($0.gap) }
        tpotReaders = stats.map { HistogramSnapshot.IntervalReader($0.tpot) }
        e2eReaders = stats.map { HistogramSnapshot.IntervalReader($0.e2e) }
        lastFailures = Array(repeating: 0, count: StreamFailure.count)
        lastIdle = Array(repeating: 0, count: loops.count)
    }

    /// The time line so far, without the entry that is not full yet.
    var intervals: [RunInterval] { store.all }
    /// The same without histograms.
    var countsAlone: [RunInterval] { store.entries }
    /// How many these are.
    var count: Int { store.count }
    /// Bytes that their histograms take.
    var bytes: Int { store.used }

    func total(_ counter: Counter) -> UInt64 { stats.reduce(0) { $0 + $1.value(counter) } }

    /// Closes the current second at `now`.
    mutating func closeSecond(at now: Instant) {
        var second = RunInterval(
            startSeconds: secondsTaken,
            ttft: HistogramSnapshot(),
            gap: HistogramSnapshot()
        )
        second.busiest = busiest(until: now)
        second.inFlight = meanInFlight(until: now)
        for reader in ttftReaders { second.ttft.merge(reader.next()) }
        for reader in gapReaders { second.gap.merge(reader.next()) }
        for reader in tpotReaders { second.tpot.merge(reader.next()) }
        for reader in e2eReaders { second.e2e.merge(reader.next()) }
        ttft.merge(second.ttft)
        gap.merge(second.gap)
        second.started = gained(.started)
        second.completed = gained(.completed)
        second.failed = gained(.failed)
        second.cancelled = gained(.cancelled)
        second.completedInWindow = gained(.windowCompletedInside)
        second.good = gained(.good)
        second.bad = gained(.bad)
        second.goodInWindow = gained(.windowGoodInside)
        second.events = gained(.events)
        second.tokenEvents = gained(.tokenEvents)
        for kind in StreamFailure.allCases {
            let now = stats.reduce(0) { $0 + $1.failures.value(at: Int(kind.rawValue)) }
            let before = lastFailures[Int(kind.rawValue)]
            if now > before { second.failures[kind] = now - before }
            lastFailures[Int(kind.rawValue)] = now
        }
        secondsTaken += 1
        remember(second)
        append(second)
    }

    private mutating func remember(_ second: RunInterval) {
        if recent.count == Self.mostRecent { recent.removeFirst() }
        recent.append(second)
        (recent[recent.count - 1].tpot, recent[recent.count - 1].e2e) = (.init(), .init())
        let old = recent.count - 1 - RunProgress.secondsOfLatencies
        if old >= 0 { (recent[old].ttft, recent[old].gap) = (.init(), .init()) }
    }

    /// Mean of streams in flight since the last call: stream-time over time.
    private mutating func meanInFlight(until now: Instant) -> Double {
        let time = stats.reduce(0) { $0 &+ $1.inFlightTime(at: now) }
        let gained = Int64(bitPattern: time &- lastInFlightTime)
        let length = max(1, now - lastClose)
        lastInFlightTime = time
        lastClose = now
        return Double(max(0, gained)) / Double(length)
    }

    /// Share of the time since the last call in which the busiest loop did not wait. A wait counts
    /// when it ends, so one that is under way belongs to the next second: at most 50 ms of it.
    private mutating func busiest(until now: Instant) -> Double {
        var least = UInt64.max
        for index in loops.indices {
            // What a loop that is over doesn't wait any more is no work.
            if loops[index].value(.loopsEnded) > 0 { continue }
            let idle = loops[index].value(.idleNanoseconds)
            least = min(least, idle &- lastIdle[index])
            lastIdle[index] = idle
        }
        return max(0, 1 - Double(least) / Double(max(1, now - lastClose)))
    }

    private mutating func gained(_ counter: Counter) -> UInt64 {
        let now = total(counter)
        defer { lastCounts[counter] = now }
        return now - (lastCounts[counter] ?? 0)
    }

    private mutating func append(_ second: RunInterval) {
        let whole = partial.map { Self.joined($0, second) } ?? second
        if secondsTaken % step == 0 {
            store.append(whole)
            partial = nil
        } else {
            partial = whole
        }
        if store.count > Self.mostIntervals { halve() }
    }

    /// Joins neighbours, and doubles the step.
    mutating func halve() {
        let rest = store.halve(Self.joined)
        // What is not full yet comes behind the last full one.
        if let rest { partial = partial.map { Self.joined(rest, $0) } ?? rest }
        step *= 2
    }

    /// Makes the time lines of one run coarser, all alike, until their histograms fit.
    static func bound(_ timeLines: inout [IntervalRecorder]) {
        while timeLines.reduce(0, { $0 + $1.bytes }) > mostBytes,
            timeLines.allSatisfy({ $0.count > leastIntervals })
        {
            for index in timeLines.indices { timeLines[index].halve() }
        }
    }

    /// Ends the time line; an unfinished step is kept as it is.
    mutating func finish() {
        if partial != nil, store.count == Self.mostIntervals { halve() }
        if let rest = partial { store.append(rest) }
        partial = nil
    }

    private static func joined(_ first: RunInterval, _ second: RunInterval) -> RunInterval {
        var whole = first
        whole.started += second.started
        whole.completed += second.completed
        whole.failed += second.failed
        whole.cancelled += second.cancelled
        whole.completedInWindow += second.completedInWindow
        whole.good += second.good
        whole.bad += second.bad
        whole.goodInWindow += second.goodInWindow
        whole.events += second.events
        whole.tokenEvents += second.tokenEvents
        whole.inFlight =
            (first.inFlight * Double(first.seconds) + second.inFlight * Double(second.seconds))
            / Double(first.seconds + second.seconds)
        whole.busiest = max(first.busiest, second.busiest)
        whole.seconds = first.seconds + second.seconds
        whole.ttft.merge(second.ttft)
        whole.gap.merge(second.gap)
        whole.tpot.merge(second.tpot)
        whole.e2e.merge(second.e2e)
        whole.failures.merge(second.failures, uniquingKeysWith: +)
        return whole
    }
}
