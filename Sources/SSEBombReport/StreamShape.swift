// What the arrivals say about the server: whether it, or a proxy before it, sends tokens one by one
// or holds them back. Judged only by what is coalesced at arrival, so that a late client is never
// taken for a bursty server.

import SSEBombCore

extension Verdict {
    /// Most gaps are 0 because the events arrived together.
    static func bursts(_ result: RunResult) -> Reason? {
        guard let gaps = result.histograms[.gap], gaps.count > 0 else { return nil }
        let share = Double(result.counts.coalescedAtArrival) / Double(gaps.count)
        let streams = result.counts.streamsInBursts
        let all = result.counts.streamsOfSeveralTokens
        // Few bursty streams among many are named as well: one server of several may be.
        let streamShare = all > 0 ? Double(streams) / Double(all) : 0
        let isMost = share > VerdictBound.bursts
        guard isMost || streamShare > VerdictBound.lumps else { return nil }
        guard isMost else {
            return Reason(
                code: "bursts",
                state: .valid,
                sentence:
                    "\(Units.count(streams)) of \(Units.count(all)) streams came in bursts (bound"
                    + " \(Units.share(VerdictBound.lumps))): most of their gaps were coalesced at"
                    + " arrival. One server or proxy of several may hold its events back.",
                value: streamShare,
                bound: VerdictBound.lumps
            )
        }
        let shape = BurstShape(gaps, lateGaps: result.counts.coalescedAtReading, of: result)
        return Reason(
            code: "bursts",
            state: .valid,
            sentence: "The server or a proxy sends in bursts of about"
                + " \(Units.rate(shape.events)) events\(shape.rhythm):"
                + " \(Units.share(share)) of the gaps were coalesced at arrival (bound"
                + " \(Units.share(VerdictBound.bursts))). Readers get the tokens of a burst at"
                + " once; switch buffering off (nginx: proxy_buffering off; haproxy: option"
                + " http-no-delay).",
            value: share,
            bound: VerdictBound.bursts
        )
    }

    /// Streams that are none: all tokens came together, after a wait.
    static func lumps(_ result: RunResult) -> Reason? {
        let (lumps, all) = (result.counts.streamsInOneLump, result.counts.streamsOfSeveralTokens)
        guard all > 0 else { return nil }
        let share = Double(lumps) / Double(all)
        guard share > VerdictBound.lumps else { return nil }
        return Reason(
            code: "one_lump",
            state: .valid,
            sentence: "\(Units.count(lumps)) of \(Units.count(all)) streams came in one lump, all"
                + " their tokens within 1 % of their e2e (bound"
                + " \(Units.share(VerdictBound.lumps))): the server or a proxy holds the answer"
                + " back until it is whole, and ttft, gap and tpot are not those of its tokens."
                + " Look for buffering or compression on the way.",
            value: share,
            bound: VerdictBound.lumps
        )
    }
}

/// Size and rhythm of bursts, from the gaps alone: events less than a millisecond, or a tenth of
/// the median gap, apart belong to one burst.
struct BurstShape {
    /// Mean of token-bearing events in a burst.
    let events: Double
    /// Median time between bursts, nanoseconds; nil where no stream had a second one.
    let period: Int64?

    init(_ gaps: HistogramSnapshot, lateGaps: UInt64, of result: RunResult) {
        let bound = min(1e6, (result.medianGap ?? 1e7) / 10)
        // What was coalesced at reading is no burst of the server's.
        let within = gaps.count(atMost: Int64(bound)) - min(lateGaps, gaps.count(atMost: 0))
        let between = gaps.count - min(gaps.count, within)
        let streams = result.histograms[.ttft]?.count ?? 0
        let bursts = max(1, between + streams)
        events = Double(gaps.count + streams) / Double(bursts)
        guard between > 0 else {
            period = nil
            return
        }
        let rank = Double(gaps.count - between) + Double(between) / 2
        period = gaps.percentile(100 * rank / Double(gaps.count))
    }

    /// ", one every 200 ms" where it is known.
    var rhythm: String { period.map { ", one every \(Units.duration($0))" } ?? "" }
}
