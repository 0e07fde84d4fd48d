// The report's last part: what came over the wire (events, tokens, bytes), and what the client says
// of itself.

import SSEBombCore

extension TextReport {
    private static let mostLoops = 4

    func events(_ layout: inout TextLayout) {
        let counts = result.counts
        guard counts.connectionsOpened > 0 || counts.bytesSent > 0 else { return }
        layout.section("Wire")
        var kinds =
            "\(Units.count(counts.events)), \(Units.count(counts.tokenEvents)) token-bearing"
        if counts.reasoningEvents > 0 {
            kinds += ", \(Units.count(counts.reasoningEvents)) of these reasoning"
        }
        if counts.toolEvents > 0 {
            kinds += ", \(Units.count(counts.toolEvents)) of these tool calls"
        }
        layout.field("events", kinds)
        if !counts.eventTypes.isEmpty {
            layout.field("event types", shares(byCount(counts.eventTypes)))
        }
        if counts.unknownEvents > 0 {
            layout.field(
                "unknown events",
                "\(Units.count(counts.unknownEvents)) whose data has no known shape"
            )
        }
        if counts.comments > 0 { layout.field("comments", Units.count(counts.comments)) }
        if counts.retries > 0 { layout.field("retry fields", Units.count(counts.retries)) }
        coalesced(&layout)
        sendTimes(&layout)
        if result.hasTokens { tokens(&layout) }
        var bytes =
            "\(Units.bytes(counts.bytesReceived)) received, "
            + "\(Units.bytes(counts.bytesSent)) sent"
        if result.plan.tls != nil { bytes += ", \(Units.bytes(counts.bytesPlain)) after TLS" }
        layout.field("bytes", bytes + ", \(Units.bytes(counts.bytesBody)) body")
    }

    private func coalesced(_ layout: inout TextLayout) {
        let counts = result.counts
        let gaps = result.histograms[.gap]?.count ?? 0
        guard gaps > 0, counts.coalescedAtArrival <= gaps, counts.coalescedAtReading <= gaps,
            let arrival = Units.share(counts.coalescedAtArrival, of: gaps),
            let reading = Units.share(counts.coalescedAtReading, of: gaps)
        else { return }
        layout.field(
            "coalesced",
            "\(arrival) of gaps at arrival (sent in bursts), "
                + "\(reading) at reading (client late)"
        )
    }

    private func tokens(_ layout: inout TextLayout) {
        let counts = result.counts
        layout.field(
            "tokens",
            "\(Units.count(counts.completionTokens)) completion (basis: "
                + "\(counts.tokenBasis.rawValue))"
                + (counts.reasoningTokens.map { ", \(Units.count($0)) of them reasoning" } ?? "")
        )
        if let tpot = result.histograms[.tpot], !tpot.isEmpty, tpot.percentile(50) > 0 {
            layout.field(
                "tokens/s",
                "\(Units.rate(1e9 / Double(tpot.percentile(50)))) per stream (1 / median tpot)"
            )
        }
        guard let prompt = counts.promptTokens else { return }
        let cached = counts.cachedTokens.map { ", \(Units.count($0)) of them cached" } ?? ""
        layout.field("prompt tokens", Units.count(prompt) + cached)
        let ttft = result.histograms[.ttft]?.percentile(50) ?? 0
        guard counts.requestsWithPrompt > 0, ttft > 0, prompt > 0 else { return }
        let each = Double(prompt) / Double(counts.requestsWithPrompt)
        layout.field(
            "prompt tokens/s",
            "\(Units.rate(each / (Double(ttft) / 1e9))) per TTFT "
                + "(\(Units.rate(each)) a request / median ttft)"
        )
    }

    func client(_ layout: inout TextLayout) {
        let counts = result.counts
        guard !result.loops.isEmpty else { return }
        layout.section("Client")
        var clocks: [String] = []
        if counts.kernelClockStreams > 0 {
            clocks.append("kernel for \(Units.count(counts.kernelClockStreams)) streams")
        }
        if counts.userClockStreams > 0 {
            clocks.append("user for \(Units.count(counts.userClockStreams)) streams")
        }
        if !clocks.isEmpty { layout.field("clock", clocks.joined(separator: ", ")) }
        if counts.kernelClockStreams > 0 {
            layout.field(
                "stamps replaced",
                Units.count(counts.stampsReplaced)
                    + (counts.clockSteps > 0
                        ? ", after \(Units.count(counts.clockSteps)) steps of the wall clock" : "")
            )
        }
        if result.plan.priority == .realtime { layout.field("priority", priority) }
        layout.field("busy", busyShares)
        if let cost = result.cpuPerEvent {
            let user = Units.duration(result.cpuUser)
            let system = Units.duration(result.cpuSystem)
            layout.field(
                "cpu",
                "\(Units.duration(Int64(clamping: cost))) per event "
                    + "(user \(user), system \(system))"
            )
        }
        if result.peakResidentBytes > 0 {
            layout.field("peak memory", Units.bytes(UInt64(result.peakResidentBytes)))
        }
        if counts.fullReads > 0 {
            layout.field("full reads", "\(Units.count(counts.fullReads)) filled the buffer")
        }
        eventLog(&layout)
        requestLog(&layout)
        if counts.backoff > 0 {
            let seconds = Units.rate(Double(counts.backoff) / 1e9)
            layout.field("back-off", "\(seconds) slot-seconds spent waiting after failures")
        }
    }

    /// What became of the realtime priority that was asked for.
    private var priority: String {
        let loops = result.loops
        let losses = loops.compactMap(\.gaveUpPriorityAtSeconds)
        let refusals = loops.count { $0.priority == .normal } - losses.count
        if refusals == loops.count { return "normal, the machine refused realtime" }
        var text = "realtime"
        if refusals > 0 { text += ", refused to \(refusals) of \(loops.count) loops" }
        guard let first = losses.min() else { return text }
        let bound = Units.setting(LoopPriority.mostWithoutSleep)
        return text + ", given up by \(losses.count) of \(loops.count) loops, first after "
            + "\(Units.duration(Int64(first * 1e9))): no sleep in \(bound) of CPU time, so it has "
            + "more to do than it can; lower the load or add loops (-t)"
    }

    /// Each loop's share where there are few, else the extremes.
    private var busyShares: String {
        let loops = result.loops
        func name(_ loop: LoopReport) -> String {
            Units.share(loop.busy) + (loop.cpu.map { " on CPU \($0)" } ?? "")
        }
        if loops.count <= Self.mostLoops { return loops.map(name).joined(separator: ", ") }
        let sorted = loops.sorted { $0.busy < $1.busy }
        let median = Units.share(sorted[sorted.count / 2].busy)
        return "\(Units.count(loops.count)) loops, least \(name(sorted[0])), median \(median), "
            + "most \(name(sorted[sorted.count - 1]))"
    }
}
