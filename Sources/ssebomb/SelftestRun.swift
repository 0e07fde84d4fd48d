// The self-test's loads, one after the other: a mock in a process of its own on one CPU, the client
// of this process on another, and the accounts of both. Knows nothing of what they are held to.

import Glibc
import SSEBombCore
import SSEBombReport

/// Carries out a self-test.
struct SelftestRun {
    let places: SelftestPlaces
    let loads: [SelftestLoad]
    /// Planned time of one load.
    let time: Int64
    let watch: SignalWatch
    let progress: ProgressStyle

    /// Of a mock's start and end, beside its load: for the estimate alone.
    private static let overhead = Nanoseconds.milliseconds(400)

    /// Tries every load, until a signal comes.
    func carryOut() throws(SetupError) -> SelftestReport {
        var report = SelftestReport(
            toolVersion: PlanBuilder.version,
            mockCPUs: places.mock,
            clientCPUs: places.client
        )
        defer { ProgressLine.clearIfDrawn() }
        for (index, load) in loads.enumerated() {
            guard watch.received == nil, try carryOut(load, index, into: &report) else {
                report.interrupt()
                break
            }
        }
        return report
    }

    /// One load; false where a signal cut it, so that it showed nothing.
    private func carryOut(
        _ load: SelftestLoad,
        _ index: Int,
        into report: inout SelftestReport
    ) throws(SetupError) -> Bool {
        show(index, elapsed: 0)
        let timing = SelftestTiming(time: time)
        // Before this thread is confined: the mock may not use a CPU that its parent may not.
        let mock = try MockProcess(mockFlags(load))
        let (plan, template) = try plan(load, timing, mock.url)
        let coordinator = try Coordinator(plan: plan, template: template)
        watch.attach { coordinator.interrupt(signal: $0) }
        // One that came while nothing listened to it.
        if let signal = watch.received { coordinator.interrupt(signal: signal) }
        try confine(to: places.client)
        defer { try? confine(to: places.all) }
        let result = try coordinator.run { look in
            if progress == .live { show(index, elapsed: look.elapsed) }
        }
        let truth = try mock.finish()
        guard result.interruptedBy == nil else { return false }
        try report.add(load, result, Verdict.judge(result), truth: truth)
        return true
    }

    private func confine(to cpus: [Int32]) throws(SetupError) {
        do throws(Errno) { try confineProcess(to: cpus) } catch {
            throw SetupError(
                .system,
                "the kernel refused CPU \(CPUConfinement.spell(cpus)): \(error.sentence)"
            )
        }
    }

    // MARK: Both sides

    private func mockFlags(_ load: SelftestLoad) -> [String] {
        let gap = Int64((1e9 / load.rate).rounded())
        var flags = ["--cpus", CPUConfinement.spell(places.mock)]
        flags += ["--ttft", SelftestTiming.ttft, "--itl", "\(gap)ns", "--tokens", "\(load.tokens)"]
        if load.transport == .tls { flags.append("--tls-self-signed") }
        return flags
    }

    /// Each stream is one request that runs to its end and nothing is warm-up, so that both sides
    /// have the same requests and gaps in their histograms.
    private func plan(
        _ load: SelftestLoad,
        _ timing: SelftestTiming,
        _ url: TargetURL
    ) throws(SetupError) -> (RunPlan, RequestTemplate) {
        let body = #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#
        let request = RequestSpecification(
            method: "POST",
            scheme: url.scheme,
            host: url.host,
            port: url.port,
            target: "/v1/chat/completions",
            body: Array(body.utf8)
        )
        var plan = RunPlan(
            request: request,
            addresses: try SocketAddress.resolve(host: url.host, port: url.port, numericOnly: true),
            streams: load.streams,
            duration: timing.limit,
            threads: load.loops,
            cpus: places.client
        )
        plan.requests = UInt64(load.streams)
        plan.drain = 0
        plan.connectRate = Double(load.streams) * 1e9 / Double(timing.spread)
        if load.transport == .tls {
            plan.tls = TLSClientOptions()
            plan.tls?.verify = false
        }
        let agent = "ssebomb/\(PlanBuilder.version)"
        return (plan, try RequestTemplate(request, userAgent: agent))
    }

    // MARK: Progress

    private func show(_ index: Int, elapsed: Int64) {
        let load = loads[index]
        let each = time + Self.overhead
        let left = max(0, each * Int64(loads.count - index) - elapsed) / Nanoseconds.seconds(1)
        let text =
            "load \(index + 1) of \(loads.count): \(Units.count(load.streams)) streams x "
            + "\(Units.number(load.rate))/s over \(load.transport == .tls ? "TLS" : "TCP"), "
            + "about \(left) s left"
        switch progress {
        case .none: break
        case .plain: Terminal.error(text + "\n")
        case .live: ProgressLine.redraw(text)
        }
    }
}

/// How the time of one load is spent.
struct SelftestTiming {
    /// Over this the connects are spread: a burst of them would delay the mock.
    let spread: Int64
    /// From its connect to its end a stream takes about this long; so for what is left of it after
    /// the last connect, all are open.
    let life: Int64
    /// What runs longer is cut: then one side could not carry the load.
    let limit: Int64

    /// Median time to the first token. Spread, so that the streams don't keep the order and the
    /// distance of their connects.
    static let ttft = "lognormal:50ms,0.3"
    private static let medianTTFT = Nanoseconds.milliseconds(50)

    init(time: Int64) {
        spread = time / 10 * 3
        life = time / 10 * 7
        limit = time / 10 * 14
    }

    /// Events of a stream of this rate.
    func tokens(at rate: Double) -> Int {
        Int(max(0, Double(life - Self.medianTTFT)) / 1e9 * rate)
    }
}
