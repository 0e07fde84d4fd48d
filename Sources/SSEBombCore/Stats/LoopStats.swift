// Everything one loop records, in memory that only it writes and anybody may read.

/// The recorders of one loop. A handle; made before the clock starts, destroyed after the merge.
struct LoopStats {
    let counters = CounterBlock(count: Counter.allCases.count)
    /// All failures, and those of belonging requests, by kind.
    let failures = CounterBlock(count: StreamFailure.count)
    let windowFailures = CounterBlock(count: StreamFailure.count)
    /// Final responses of belonging requests, by status code.
    let status = CounterBlock(count: 600)
    /// Belonging requests that missed each of the objectives, by place.
    let missedObjectives = CounterBlock(count: Metric.allCases.count)

    let ttft = Histogram()
    let ttftFresh = Histogram()
    let ttftSched = Histogram()
    let ttfe = Histogram()
    let ttfo = Histogram()
    let gap = Histogram()
    let oneWay = Histogram()
    let itl = Histogram()
    let tpot = Histogram()
    let e2e = Histogram()
    let e2eSched = Histogram()
    let lastToken = Histogram()
    let maxGap = Histogram()
    let headers = Histogram()
    let connect = Histogram()
    let tls = Histogram()
    let reconnect = Histogram()
    let serverPrefill = Histogram()
    let serverDecode = Histogram()
    let serverQueue = Histogram()
    let deliveryLag = Histogram()
    let sendLag = Histogram()
    /// Of reads that held several events.
    let stampWindow = Histogram()
    /// Of coalesced gaps, one entry a gap: divided into "at arrival" and "at reading" when the
    /// median gap is known.
    let coalescedGapWindow = Histogram()
    /// Of completed streams whose tokens came in one lump, one entry a stream: the longest stamp
    /// window among the reads that held several of its tokens. Divided like coalesced gaps.
    let lumpWindow = Histogram()
    /// The same of completed streams most of whose gaps were coalesced.
    let burstWindow = Histogram()
    /// Of reads whose last token-bearing event had other bytes behind it: the stamp is theirs.
    let inexactStampWindow = Histogram()
    /// Open model: due instant to start, of belonging requests that did not wait for a slot.
    let pacingError = Histogram()

    /// With sessions: latencies by turn.
    let turns: TurnStats?

    init(hasSessions: Bool = false) { turns = hasSessions ? TurnStats() : nil }

    /// Takes the memory of what every run with tokens records, some 3 MB.
    ///
    /// - Parameter isOpen: the load has arrivals.
    func populate(isOpen: Bool) {
        let always = [
            ttft, ttftFresh, ttfe, ttfo, gap, itl, tpot, e2e, lastToken, maxGap, headers,
            deliveryLag, sendLag, stampWindow, coalescedGapWindow, lumpWindow, burstWindow,
            inexactStampWindow,
        ]
        for histogram in always { histogram.populate() }
        if isOpen { for histogram in [ttftSched, e2eSched, pacingError] { histogram.populate() } }
    }

    /// The recorder of a metric.
    func histogram(_ metric: Metric) -> Histogram {
        switch metric {
        case .ttft: ttft
        case .ttftFresh: ttftFresh
        case .ttftSched: ttftSched
        case .ttfe: ttfe
        case .ttfo: ttfo
        case .gap: gap
        case .oneWay: oneWay
        case .itl: itl
        case .tpot: tpot
        case .e2e: e2e
        case .e2eSched: e2eSched
        case .lastToken: lastToken
        case .maxGap: maxGap
        case .headers: headers
        case .connect: connect
        case .tls: tls
        case .reconnect: reconnect
        case .serverPrefill: serverPrefill
        case .serverDecode: serverDecode
        case .serverQueue: serverQueue
        case .deliveryLag: deliveryLag
        case .sendLag: sendLag
        case .stampWindow: stampWindow
        }
    }

    @inline(__always)  // Runs per event.
    func count(_ counter: Counter, _ amount: UInt64 = 1) {
        counters.add(amount, at: counter.rawValue)
    }

    /// Notes that from `now` on, so many streams are in flight. Owner only; twice a request.
    func setInFlight(_ streams: Int, at now: Instant) {
        let since = value(.inFlightSince)
        let instant = max(since, UInt64(max(0, now.nanoseconds)))
        if since > 0 { count(.inFlightTime, value(.inFlight) &* (instant - since)) }
        counters.set(UInt64(max(0, streams)), at: Counter.inFlight.rawValue)
        counters.set(instant, at: Counter.inFlightSince.rawValue)
    }

    /// Stream-nanoseconds in flight up to `now`. Anybody; a change that happens meanwhile may be
    /// missed until the next look.
    func inFlightTime(at now: Instant) -> UInt64 {
        let since = value(.inFlightSince)
        let instant = max(since, UInt64(max(0, now.nanoseconds)))
        return value(.inFlightTime) &+ (since > 0 ? value(.inFlight) &* (instant - since) : 0)
    }

    func value(_ counter: Counter) -> UInt64 { counters.value(at: counter.rawValue) }

    func destroy() {
        counters.destroy()
        failures.destroy()
        windowFailures.destroy()
        status.destroy()
        missedObjectives.destroy()
        for metric in Metric.allCases { histogram(metric).destroy() }
        coalescedGapWindow.destroy()
        lumpWindow.destroy()
        burstWindow.destroy()
        inexactStampWindow.destroy()
        pacingError.destroy()
        turns?.destroy()
    }
}
