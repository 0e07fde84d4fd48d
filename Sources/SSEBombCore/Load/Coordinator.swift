// One run from plan to result: makes the loops, lets them go, watches, merges. The only place that
// sees more than one loop.

import CSupport
import Glibc
import Synchronization

/// Carries out a `RunPlan`.
///
/// `run` may be called once; `interrupt` at any time and from any thread.
public final class Coordinator: Sendable {
    /// At least one; what concerns the whole run is that of the first.
    let loads: [ClassLoad]
    let trace: EventTrace?
    private let tlsContexts: [TLSContext?]
    private let switches: RunSwitches
    /// Wakes the coordinator and every loop.
    private let wakeDescriptors: [Int32]
    private let doneDescriptor: Int32
    private let loopsRunning = Atomic<Int>(0)
    private let pauses = Mutex(PauseClock())

    /// Checks that the machine has room for the plan, and builds what must exist before the clock
    /// starts, the TLS context included.
    public convenience init(
        plan: RunPlan,
        template: RequestTemplate,
        trace: EventTrace? = nil
    ) throws(SetupError) {
        try self.init([ClassLoad(name: "", plan: plan, template: template)], trace: trace)
    }

    /// The same for a run of several classes of load, which share loops, windows and clock: those
    /// of the first one's plan, with the longest ramp of all. At least one, `ClassLoad.most` at
    /// most.
    public init(_ loads: [ClassLoad], trace: EventTrace? = nil) throws(SetupError) {
        precondition(!loads.isEmpty && loads.count <= ClassLoad.most, "no load, or too many")
        try Capacity(threads: loads[0].plan.threads).check(loads.map(\.plan))
        // A loop without a stream would only wait.
        let streams = loads.reduce(0) { $0 + $1.plan.streams }
        let threads = max(1, min(loads[0].plan.threads, streams))
        self.loads = loads.map { load in
            var load = load
            load.plan.threads = threads
            Self.recognise(&load.plan)
            return load
        }
        self.trace = trace
        var contexts: [TLSContext?] = []
        for load in loads { contexts.append(try Self.tlsContext(load.plan)) }
        tlsContexts = contexts
        switches = RunSwitches(classes: loads.count)
        wakeDescriptors = (0..<threads).map { _ in csup_eventfd() }
        doneDescriptor = csup_eventfd()
        guard (wakeDescriptors + [doneDescriptor]).allSatisfy({ $0 >= 0 }) else {
            throw SetupError(.system, "can't make an eventfd: too many open descriptors")
        }
    }

    private static func tlsContext(_ plan: RunPlan) throws(SetupError) -> TLSContext? {
        guard let options = plan.tls else { return nil }
        do {
            return try TLSContext.client(options, host: plan.request.host)
        } catch {
            throw SetupError(.usage, error.sentence)
        }
    }

    /// The plan of what concerns the whole run.
    private var plan: RunPlan { loads[0].plan }

    deinit {
        for descriptor in wakeDescriptors + [doneDescriptor] { close(descriptor) }
        switches.destroy()
    }

    /// Ends the run now: what still runs is cut and counted. Async-signal-safe.
    public func interrupt(signal: Int32) {
        switches.interrupt = signal
        for descriptor in wakeDescriptors { _ = csup_eventfd_signal(descriptor) }
    }

    /// What the user named is the dialect; else the path of a known API says what to expect, until
    /// events say otherwise.
    private static func recognise(_ plan: inout RunPlan) {
        plan.dialectOrigin = .flag
        guard plan.dialect == .undetermined else { return }
        plan.dialect = Dialect(target: plan.request.target)
        plan.dialectOrigin = plan.dialect == .undetermined ? nil : .path
    }

    /// Lets no request start until it is called again with false; running ones go on. What falls
    /// due meanwhile is late, and the result says how long that was. Any thread but a loop's.
    public func setPaused(_ isPaused: Bool) {
        pauses.withLock { $0.set(isPaused, at: .now()) }
        switches.isPaused = isPaused
        for descriptor in wakeDescriptors { _ = csup_eventfd_signal(descriptor) }
    }

    /// Runs the plan to its end.
    ///
    /// - Parameters:
    ///   - progress: called on this thread about ten times a second.
    ///   - judge: called on this thread about once a second with the result as it stands: what the
    ///     loops publish without a lock, so without unfinished waits, names and kept errors, and
    ///     without the loops' own account and the histograms of intervals. Where it returns true
    ///     the run ends as an interrupt would end it, and it is not asked again.
    ///   - judgedClasses: names of the classes of load whose histograms and intervals `judge`
    ///     needs; of the others it gets counts alone.
    ///   - events: called on this thread about ten times a second with the events of sampled
    ///     streams, those of one stream in order. What it takes too long to take is lost, and
    ///     counted.
    ///   - requests: called like that with the requests that have ended, those of one loop in the
    ///     order of their ends, if the plan has them handed over.
    public func run(
        progress: ((RunProgress) -> Void)? = nil,
        judge: ((RunResult) -> Bool)? = nil,
        judgedClasses: Set<String> = [],
        events: EventSink? = nil,
        requests: RequestSink? = nil
    ) throws(SetupError) -> RunResult {
        let lanes = loads.map { ClassLane($0, loops: plan.threads) }
        let slots = (0..<plan.threads).map { loop in
            parts(of: loop, lanes).reduce(0) { $0 + $1.share.streams }
        }
        var observers = Observers(plan, events, requests, slots: slots)
        defer {
            for lane in lanes { lane.destroy() }
            observers.destroy()
        }
        let pressure = MachinePressure.read()
        var before = csup_usage()
        _ = csup_usage(0, &before)
        let lead = loads.contains { $0.plan.arrivals != nil } ? OpenLoad.lead : 0
        let startedAt = csup_realtime() + lead
        let joint = ClassLoad.joint(loads.map(\.plan))
        let windows = RunWindows(plan: joint, start: .now() + lead)
        observers.start = RunStart(at: windows.start, wall: startedAt)
        let outcomes = LoopOutcomes(loops: plan.threads)
        loopsRunning.store(plan.threads, ordering: .relaxed)

        let threads = try start(lanes, observers, windows, outcomes)
        var recorder = RunRecorder(lanes, windows)
        recorder.startedAt = startedAt
        recorder.usageBefore = before
        let judgeStanding = judge.map { judge in
            { (recorder: RunRecorder, now: Instant) in
                judge(recorder.standing(at: now, judged: judgedClasses))
            }
        }
        recorder.isAborted = watch(&recorder, progress, judgeStanding) { observers.drain() }
        for thread in threads { thread.join() }
        observers.drain()
        recorder.end(at: .now())
        recorder.interruptedBy = switches.interrupt
        recorder.outcomes = try outcomes.all()
        recorder.pressure = MachinePressure.read().since(pressure)
        recorder.pausedByHand = pauses.withLock { $0.total(until: .now()) }
        return recorder.result()
    }

    // MARK: Loops

    private func start(
        _ lanes: [ClassLane],
        _ observers: Observers,
        _ windows: RunWindows,
        _ outcomes: LoopOutcomes
    ) throws(SetupError) -> [PinnedThread] {
        var threads: [PinnedThread] = []
        for index in 0..<plan.threads {
            let setup = LoopSetup(
                index: index,
                classes: parts(of: index, lanes),
                windows: windows,
                switches: switches,
                trace: trace,
                sendTimes: observers.sendTimes,
                log: observers.rings.isEmpty ? nil : observers.rings[index],
                requests: observers.logs.isEmpty ? nil : observers.logs[index],
                wakeDescriptor: wakeDescriptors[index]
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

    /// What loop `index` gets of each class.
    private func parts(of index: Int, _ lanes: [ClassLane]) -> [LoopClassSetup] {
        var streamsBefore = 0
        return lanes.enumerated().map { number, lane in
            let load = lane.load
            defer { streamsBefore += load.plan.streams }
            return LoopClassSetup(
                plan: load.plan,
                stats: lane.stats[index],
                request: lane.request,
                requestIsHead: load.template.isHead,
                requestAsksClose: load.template.asksClose,
                tlsContext: tlsContexts[number],
                until: lane.until,
                fields: lane.fields,
                share: LoopShare(
                    of: load.plan.streams,
                    class: number,
                    loop: index,
                    among: load.plan.threads
                ),
                streamsBefore: streamsBefore
            )
        }
    }

    // MARK: Watching

    private static let lookInterval = Nanoseconds.milliseconds(100)

    /// Looks ten times a second until every loop has ended; returns whether the judge ended them.
    private func watch(
        _ recorder: inout RunRecorder,
        _ progress: ((RunProgress) -> Void)?,
        _ judge: ((RunRecorder, Instant) -> Bool)?,
        _ drain: () -> Void
    ) -> Bool {
        var isAborted = false
        var nextLook = recorder.windows.start + Self.lookInterval
        var nextSecond = recorder.windows.start + Nanoseconds.seconds(1)
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
                isAborted = judge(recorder, now)
                if isAborted { interrupt(signal: -1) }
            }
            // Not past the second, whose counts would then be those of a longer one.
            nextLook = min(now + Self.lookInterval, nextSecond)
            if let progress { progress(recorder.progress(at: now)) }
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
}

/// How long starts were held back.
private struct PauseClock {
    private var since: Instant?
    private var sum: Int64 = 0

    mutating func set(_ isPaused: Bool, at now: Instant) {
        if let since, !isPaused { sum += now - since }
        since = isPaused ? since ?? now : nil
    }

    func total(until now: Instant) -> Int64 { sum + (since.map { now - $0 } ?? 0) }
}

/// Takes the events of sampled streams; they are gone when it returns.
public typealias EventSink = (UnsafeBufferPointer<LoggedEvent>) -> Void

/// What loops look at single events and requests with, where somebody asked for it, and who gets
/// them.
private struct Observers {
    let sendTimes: SendTimeReader?
    /// One a loop, or none.
    private(set) var rings: [EventRing] = []
    /// One a loop, or none.
    private(set) var logs: [RequestLog] = []
    private let events: EventSink?
    private let requests: RequestSink?
    var start = RunStart(at: .none, wall: 0)

    /// - Parameter slots: of each loop.
    init(_ plan: RunPlan, _ events: EventSink?, _ requests: RequestSink?, slots: [Int]) {
        sendTimes = plan.sendTime.map { SendTimeReader($0) }
        self.events = events
        self.requests = requests
        if events != nil, plan.sampledStreams > 0 {
            let isLogged = plan.loggedStreams > 0
            let capacity = isLogged ? EventRing.usualCapacity : EventRing.drawnCapacity
            rings = slots.map { _ in EventRing(capacity: capacity) }
        }
        guard requests != nil, plan.recordsRequests else { return }
        // All streams of a loop may end at once: an interrupt cuts them.
        logs = slots.map { RequestLog(slots: $0, room: plan.requestRoom + $0) }
    }

    func drain() {
        if let events { for ring in rings { ring.drain(events) } }
        if let requests { for log in logs { log.ring.drain { requests($0, start) } } }
    }

    func destroy() {
        sendTimes?.destroy()
        for ring in rings { ring.destroy() }
        for log in logs { log.destroy() }
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
