// One run from plan to result: makes the loops, lets them go, watches, merges. The only place that
// sees more than one loop.

import CSupport
import Glibc
import Synchronization

/// Carries out a `RunPlan`.
///
/// `run` may be called once; `interrupt` at any time and from any thread.
public final class Coordinator: Sendable {
    let plan: RunPlan
    let template: RequestTemplate
    let trace: EventTrace?
    let tlsContext: TLSContext?
    private let switches = RunSwitches()
    /// Wakes the coordinator and every loop.
    private let wakeDescriptors: [Int32]
    private let doneDescriptor: Int32
    private let loopsRunning = Atomic<Int>(0)

    /// Checks that the machine has room for the plan, and builds what must exist before the clock
    /// starts, the TLS context included.
    public init(
        plan: RunPlan,
        template: RequestTemplate,
        trace: EventTrace? = nil
    ) throws(SetupError) {
        try Capacity(threads: plan.threads).check(plan)
        var plan = plan
        // A loop without a stream would only wait.
        plan.threads = max(1, min(plan.threads, plan.streams))
        plan.dialect = Self.dialect(plan)
        self.plan = plan
        self.template = template
        self.trace = trace
        if let options = plan.tls {
            do {
                tlsContext = try TLSContext.client(options, host: plan.request.host)
            } catch {
                throw SetupError(.usage, error.sentence)
            }
        } else {
            tlsContext = nil
        }
        wakeDescriptors = (0..<plan.threads).map { _ in csup_eventfd() }
        doneDescriptor = csup_eventfd()
        guard (wakeDescriptors + [doneDescriptor]).allSatisfy({ $0 >= 0 }) else {
            throw SetupError(.system, "can't make an eventfd: too many open descriptors")
        }
    }

    deinit {
        for descriptor in wakeDescriptors + [doneDescriptor] { close(descriptor) }
        switches.destroy()
    }

    /// Ends the run now: what still runs is cut and counted. Async-signal-safe.
    public func interrupt(signal: Int32) {
        switches.interrupt = signal
        for descriptor in wakeDescriptors { _ = csup_eventfd_signal(descriptor) }
    }

    /// The path of a known API names the dialect; else the first events do.
    private static func dialect(_ plan: RunPlan) -> Dialect {
        guard plan.dialect == .undetermined else { return plan.dialect }
        let path = plan.request.target.prefix { $0 != "?" }
        if path.hasSuffix("/chat/completions") { return .openaiChat }
        if path.hasSuffix("/completions") { return .openaiCompletions }
        return .undetermined
    }

    /// Runs the plan to its end.
    ///
    /// - Parameters:
    ///   - progress: called on this thread about ten times a second.
    ///   - judge: called on this thread about once a second with the result as it stands: what the
    ///     loops publish without a lock, so without unfinished waits, names and kept errors, and
    ///     without the loops' own account. Where it returns true the run ends as an interrupt would
    ///     end it, and it is not asked again.
    ///   - events: called on this thread about ten times a second with the events of sampled
    ///     streams, those of one stream in order. What it takes too long to take is lost, and
    ///     counted.
    public func run(
        progress: ((RunProgress) -> Void)? = nil,
        judge: ((RunResult) -> Bool)? = nil,
        events: EventSink? = nil
    ) throws(SetupError) -> RunResult {
        let stats = (0..<plan.threads).map { _ in LoopStats() }
        defer { for loop in stats { loop.destroy() } }
        let request = Self.copy(template.bytes)
        let until = Self.copy(plan.until ?? [])
        let observers = Observers(plan, hasSink: events != nil)
        defer {
            request.deallocate()
            until.deallocate()
            observers.destroy()
        }
        let pressure = MachinePressure.read()
        var before = csup_usage()
        _ = csup_usage(0, &before)
        let lead = plan.arrivals == nil ? 0 : OpenLoad.lead
        let startedAt = csup_realtime() + lead
        let windows = RunWindows(plan: plan, start: .now() + lead)
        let outcomes = LoopOutcomes(loops: plan.threads)
        loopsRunning.store(plan.threads, ordering: .relaxed)

        let threads = try start(stats, request, until, observers, windows, outcomes)
        var recorder = IntervalRecorder(loops: stats, start: windows.start)
        var merger = ResultMerger(plan: plan, windows: windows, stats: stats)
        merger.startedAt = startedAt
        merger.usageBefore = before
        let isAborted = watch(merger, &recorder, progress, judge) { observers.drain(into: events) }
        for thread in threads { thread.join() }
        observers.drain(into: events)
        let ended = Instant.now()
        recorder.closeSecond(at: ended)
        recorder.finish()

        merger.ended = ended
        merger.interruptedBy = switches.interrupt
        merger.outcomes = try outcomes.all()
        merger.pressure = MachinePressure.read().since(pressure)
        var result = merger.merge(recorder)
        result.isAborted = isAborted
        return result
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(memory)
    }

    // MARK: Loops

    private func start(
        _ stats: [LoopStats],
        _ request: UnsafeRawBufferPointer,
        _ until: UnsafeRawBufferPointer,
        _ observers: Observers,
        _ windows: RunWindows,
        _ outcomes: LoopOutcomes
    ) throws(SetupError) -> [PinnedThread] {
        var threads: [PinnedThread] = []
        for index in 0..<plan.threads {
            let setup = LoopSetup(
                index: index,
                plan: plan,
                windows: windows,
                switches: switches,
                stats: stats[index],
                request: request,
                requestIsHead: template.isHead,
                requestAsksClose: template.asksClose,
                tlsContext: tlsContext,
                until: until,
                trace: trace,
                sendTimes: observers.sendTimes,
                log: observers.rings.isEmpty ? nil : observers.rings[index],
                loggedSlots: Self.sample(plan.loggedStreams, of: plan, for: index),
                firstStream: Self.firstStream(of: index, plan.streams, among: plan.threads),
                wakeDescriptor: wakeDescriptors[index],
                slotCount: Self.share(of: plan.streams, for: index, among: plan.threads)
            )
            let cpus = plan.cpus.isEmpty ? [] : [plan.cpus[index % plan.cpus.count]]
            do {
                let thread = try PinnedThread(name: "ssebomb-\(index)", cpus: cpus) {
                    [self] in runLoop(setup, cpus.first, outcomes)
                }
                threads.append(thread)
            } catch {
                abandon(threads)
                throw SetupError(.system, "can't start loop thread \(index): \(error.sentence)")
            }
        }
        return threads
    }

    /// Body of a loop's thread. The loop is made here, so that its memory is local to its CPU.
    private func runLoop(_ setup: LoopSetup, _ cpu: Int32?, _ outcomes: LoopOutcomes) {
        do {
            var loop = LoopThread(setup, poller: try Poller())
            try loop.prepare()
            loop.run()
            outcomes.deposit(.success(loop.outcome(cpu: cpu)), from: setup.index)
        } catch {
            outcomes.deposit(.failure(error), from: setup.index)
            interrupt(signal: -1)
        }
        loopsRunning.subtract(1, ordering: .releasing)
        _ = csup_eventfd_signal(doneDescriptor)
    }

    private func abandon(_ threads: [PinnedThread]) {
        interrupt(signal: -1)
        for thread in threads { thread.join() }
    }

    /// Streams of loop `index`: as equal as whole numbers allow.
    static func share(of total: Int, for index: Int, among count: Int) -> Int {
        firstStream(of: index + 1, total, among: count)
            - firstStream(of: index, total, among: count)
    }

    private static func firstStream(of index: Int, _ total: Int, among count: Int) -> Int {
        total * index / count
    }

    /// Streams of loop `index` that belong to a sample of `size`: as many as fall to it when the
    /// sample is spread evenly over all streams, so never more than the loop has.
    static func sample(_ size: Int, of plan: RunPlan, for index: Int) -> Int {
        func before(_ stream: Int) -> Int {
            (min(size, plan.streams) * stream + plan.streams - 1) / plan.streams
        }
        let first = firstStream(of: index, plan.streams, among: plan.threads)
        let end = firstStream(of: index + 1, plan.streams, among: plan.threads)
        return before(end) - before(first)
    }

    // MARK: Watching

    private static let lookInterval = Nanoseconds.milliseconds(100)

    /// Looks ten times a second until every loop has ended; returns whether the judge ended them.
    private func watch(
        _ merger: ResultMerger,
        _ recorder: inout IntervalRecorder,
        _ progress: ((RunProgress) -> Void)?,
        _ judge: ((RunResult) -> Bool)?,
        _ drain: () -> Void
    ) -> Bool {
        let windows = merger.windows
        var isAborted = false
        var nextLook = windows.start + Self.lookInterval
        var nextSecond = windows.start + Nanoseconds.seconds(1)
        while loopsRunning.load(ordering: .acquiring) > 0 {
            waitForLoops(until: nextLook)
            let now = Instant.now()
            guard now >= nextLook else { continue }
            let isSecond = now >= nextSecond
            while now >= nextSecond {
                recorder.closeSecond(at: min(now, nextSecond + Nanoseconds.seconds(1)))
                nextSecond = nextSecond + Nanoseconds.seconds(1)
            }
            if isSecond, !isAborted, switches.interrupt == 0, let judge {
                var standing = merger
                standing.ended = now
                isAborted = judge(standing.merge(recorder))
                if isAborted { interrupt(signal: -1) }
            }
            // Not past the second, whose counts would then be those of a longer one.
            nextLook = min(now + Self.lookInterval, nextSecond)
            if let progress { progress(look(windows, merger.stats, recorder, now)) }
            drain()
        }
        return isAborted
    }

    private func waitForLoops(until deadline: Instant) {
        let left = max(0, deadline - .now())
        var watched = pollfd(fd: doneDescriptor, events: Int16(POLLIN), revents: 0)
        // Rounded up: poll counts milliseconds.
        if poll(&watched, 1, Int32(left / 1_000_000 + 1)) > 0 { csup_eventfd_drain(doneDescriptor) }
    }

    private func look(
        _ windows: RunWindows,
        _ stats: [LoopStats],
        _ recorder: IntervalRecorder,
        _ now: Instant
    ) -> RunProgress {
        var failures: [StreamFailure: UInt64] = [:]
        for kind in StreamFailure.allCases {
            let count = stats.reduce(0) { $0 + $1.failures.value(at: Int(kind.rawValue)) }
            if count > 0 { failures[kind] = count }
        }
        return RunProgress(
            phase: windows.phase(at: now),
            elapsed: now - windows.start,
            inFlight: recorder.total(.inFlight),
            started: recorder.total(.started),
            waiting: recorder.total(.waiting),
            completed: recorder.total(.completed),
            failed: recorder.total(.failed),
            events: recorder.total(.events),
            tokenEvents: recorder.total(.tokenEvents),
            failures: failures,
            ttft: recorder.ttft,
            gap: recorder.gap
        )
    }
}

/// Takes the events of sampled streams; they are gone when it returns.
public typealias EventSink = (UnsafeBufferPointer<LoggedEvent>) -> Void

/// What loops look at single events with, where somebody asked for it. A handle.
private struct Observers {
    let sendTimes: SendTimeReader?
    /// One a loop, or none.
    let rings: [EventRing]

    init(_ plan: RunPlan, hasSink: Bool) {
        sendTimes = plan.sendTime.map { SendTimeReader($0) }
        rings = plan.loggedStreams > 0 && hasSink ? (0..<plan.threads).map { _ in EventRing() } : []
    }

    func drain(into events: EventSink?) {
        guard let events else { return }
        for ring in rings { ring.drain(events) }
    }

    func destroy() {
        sendTimes?.destroy()
        for ring in rings { ring.destroy() }
    }
}

/// What loops hand over when they end.
// Unchecked: each loop writes a place of its own, and they are read after its thread was joined.
// No lock: the thread sanitizer can't see that of the standard library.
final class LoopOutcomes: @unchecked Sendable {
    private let places: UnsafeMutableBufferPointer<Result<LoopOutcome, Errno>?>

    init(loops: Int) {
        places = .allocate(capacity: loops)
        places.initialize(repeating: nil)
    }

    deinit {
        places.deinitialize()
        places.deallocate()
    }

    /// To be called once by each loop.
    func deposit(_ outcome: Result<LoopOutcome, Errno>, from index: Int) { places[index] = outcome }

    /// All outcomes in the loops' order; throws the first failure to set up a loop. To be called
    /// after the loops' threads were joined.
    func all() throws(SetupError) -> [LoopOutcome] {
        var outcomes: [LoopOutcome] = []
        for place in places {
            switch place {
            case .success(let outcome): outcomes.append(outcome)
            case .failure(let error):
                throw SetupError(.system, "can't set up a loop: \(error.sentence)")
            case nil: break
            }
        }
        return outcomes
    }
}
