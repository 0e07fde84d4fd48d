// Waits that never ended: they have no latency, but leaving them out would make a server that hangs
// look better than one that is slow.

/// Number and greatest age of the unfinished waits of one loop, by the metric they would have
/// entered.
struct UnfinishedTable {
    private(set) var ttft = UnfinishedWaits(count: 0, greatestAge: 0)
    private(set) var ttfe = UnfinishedWaits(count: 0, greatestAge: 0)
    private(set) var gap = UnfinishedWaits(count: 0, greatestAge: 0)
    private(set) var e2e = UnfinishedWaits(count: 0, greatestAge: 0)

    /// Enters the waits of a request that ended at `now` without completing. A request that was
    /// never sent waited for no answer.
    mutating func add(_ slot: StreamSlot, now: Instant) {
        guard slot.send0.isSet else { return }
        let age = now - slot.send0
        Self.add(age, to: &e2e)
        if !slot.ev0.isSet { Self.add(age, to: &ttfe) }
        if slot.tok0.isSet {
            Self.add(now - slot.tokN, to: &gap)
        } else {
            Self.add(age, to: &ttft)
        }
    }

    private static func add(_ age: Int64, to waits: inout UnfinishedWaits) {
        waits.count += 1
        waits.greatestAge = max(waits.greatestAge, age)
    }

    /// The non-empty ones.
    var all: [Metric: UnfinishedWaits] {
        let pairs: [(Metric, UnfinishedWaits)] = [
            (.ttft, ttft), (.ttfe, ttfe), (.gap, gap), (.e2e, e2e),
        ]
        return Dictionary(uniqueKeysWithValues: pairs.filter { $0.1.count > 0 })
    }
}
