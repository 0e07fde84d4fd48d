// What a loop counts. One writer, any reader: the display and the interval recorder read while the
// owner counts, without a lock and without a shared cache line being written by two.

import Synchronization

/// A fixed block of counters with one writer, indexed by an enumeration or a small integer.
///
/// A handle: copies refer to the same cells. Relaxed load and store by the owner instead of an
/// atomic add: nobody else writes, and readers only need values that were true a moment ago.
struct CounterBlock {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    let count: Int

    init(count: Int) {
        self.count = count
        // A cache line pair before and behind keeps neighbours on the heap out of the way.
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: count * 8 + 256, alignment: 128)
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: count * 8 + 256)
        cells = (bytes + 128).bindMemory(to: Atomic<UInt64>.self, capacity: count)
    }

    func destroy() { (UnsafeMutableRawPointer(cells) - 128).deallocate() }

    /// Owner only.
    @inline(__always)  // Runs per event; two moves and an add.
    func add(_ amount: UInt64, at index: Int) {
        assert(index < count)
        let cell = cells + index
        cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Owner only.
    func set(_ value: UInt64, at index: Int) {
        assert(index < count)
        cells[index].store(value, ordering: .relaxed)
    }

    /// Anybody, any time.
    func value(at index: Int) -> UInt64 { cells[index].load(ordering: .relaxed) }
}

/// The single counters of a loop. "Window" is the measured window; "belonging" requests are those
/// whose `sched` lies inside it (METRICS: windows).
enum Counter: Int, CaseIterable {
    // Every request, whenever it started: what the time line and the display show.
    case started, completed, failed, cancelled, cut
    case events, tokenEvents
    /// With objectives: those that met and those that missed them.
    case good, bad
    // Requests that belong to the window.
    case windowStarted, windowCompleted, windowFailed, windowCancelled, windowCut
    /// Belonging requests that completed before the window ended.
    case windowCompletedInside
    /// Open model: belonging requests that waited for a slot, and arrivals that never got one.
    case windowWaited, windowDropped
    /// Belonging requests, by their `sched`, whose reader was slow.
    case windowSlowReaders
    /// Belonging requests that brought a subscriber a response, and that brought it back;
    /// subscriptions that a server ended.
    case subscribed, reconnects, subscriptionsEnded
    /// Sessions by what became of them, of the whole run; belonging requests that were not the
    /// first turn of one.
    case sessionsStarted, sessionsCompleted, sessionsFailed, sessionsTooLong, windowLaterTurns
    /// With objectives: belonging requests by judgement, and good ones that completed before the
    /// window ended.
    case windowGood, windowGoodInside, windowBad, windowUndecided
    case retriedStale
    case kernelClockStreams, userClockStreams
    // By arrival inside the window, of whatever request.
    case windowEvents, windowTokenEvents
    /// Tokens by running usage, where the stream has it; else one an event.
    case windowRunningTokens
    /// Token-bearing events that were only reasoning, or only tool calls.
    case windowReasoningEvents, windowToolEvents
    case comments, retryFields, unknownEvents
    // Events of belonging requests: their own send time was read, was not there, was after their
    // arrival.
    case sendTimesRead, sendTimesMissing, sentAfterArrival
    // Events of sampled streams: handed to the event log, and not, for want of room.
    case loggedEvents, unloggedEvents
    // Requests that are over: handed to the request log, and not, for want of room.
    case recordedRequests, unrecordedRequests
    /// 1 where the loop is over: it neither works nor waits any more.
    case loopsEnded
    // Bookkeeping of the client.
    case reads, wakeups, fullReads, stampsReplaced, clockSteps
    /// Time spent waiting in epoll.
    case idleNanoseconds
    /// Time of pauses: the loop neither waited nor came back from a wait in time.
    case pausedNanoseconds
    case backoffNanoseconds
    // Bytes.
    case bytesReceived, bytesSent, bytesPlain, bytesBody
    case connectionsOpened, connectionsReused, tlsResumed
    // Tokens of belonging requests.
    case completionTokens, promptTokens, cachedTokens, reasoningTokens
    /// Of the first two, those of requests that completed.
    case completedTokens, completedPromptTokens
    /// Belonging requests with a completion token.
    case requestsWithTokens
    /// Belonging requests whose usage gave each of the last three.
    case requestsWithPrompt, requestsWithCached, requestsWithReasoning
    /// Belonging completed requests with and without a usage.
    case requestsWithUsage, requestsWithoutUsage
    /// Token-bearing events and tokens of completed belonging requests without running counts: the
    /// scale of `usage_scaled`.
    case scaledEvents, scaledTokens
    /// Of these requests, those without any usage.
    case unscaledStreams
    /// Streams that gave running counts, and streams that did not (by their first token); all, and
    /// those of belonging requests.
    case runningUsageStreams, eventBasisStreams
    case windowRunningStreams, windowEventStreams
    /// Samples of `tpot` whose N is the server's, and whose N is a number of events.
    case tpotByUsage, tpotByEvent
    /// Completed belonging requests with enough tokens to tell a stream from a lump.
    case streamsOfSeveralTokens
    /// Gauges: streams in flight, since when that is so, and stream-nanoseconds until then.
    case inFlight, inFlightSince, inFlightTime
    /// Gauge: arrivals that wait for a slot.
    case waiting
}
