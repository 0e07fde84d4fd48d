// `--continuous-usage`: asks the server once, before the load, whether it takes the switch for
// running token counts. The only request that is sent before a run, and only with this flag.

import SSEBombCore

/// The question and what follows from the answer.
enum ContinuousUsage {
    /// A server that takes the switch may need as long for its first event.
    private static let patience = Nanoseconds.seconds(10)

    /// Sends the run's first request once. Where it doesn't complete, the run goes without the
    /// switch.
    ///
    /// - Returns: one sentence for standard error.
    static func settle(_ run: inout PreparedRun) throws(SetupError) -> String? {
        guard let fallback = run.fallback else { return nil }
        var plan = RunPlan(
            request: run.plan.request,
            addresses: run.plan.addresses,
            streams: 1,
            duration: nil,
            threads: 1,
            cpus: run.plan.cpus
        )
        plan.source = run.plan.source
        plan.sourceAddresses = run.plan.sourceAddresses
        plan.tls = run.plan.tls
        plan.seed = run.plan.seed
        plan.requests = 1
        // One event says that the body was taken.
        plan.maxEvents = 1
        plan.limits = run.plan.limits
        plan.timeouts = run.plan.timeouts
        plan.timeouts.total = min(plan.timeouts.total ?? patience, patience)
        let counts = try Coordinator(plan: plan, template: run.template).run().counts
        if counts.completed > 0 {
            return "continuous usage: the server takes it (asked once)"
        }
        run.plan.source = fallback
        let status = counts.status.keys.first { $0 != 200 }
        let cause = status.map { "answered \($0)" } ?? counts.failures.keys.first?.name
        // Servers that know no such member say so of the request's content (RFC 9110, 15.5.1 and
        // 15.5.21).
        let isRefused = status == 400 || status == 422
        let finding =
            isRefused ? "the server doesn't take it" : "whether the server takes it is unknown"
        return "continuous usage: \(finding) (asked once: \(cause ?? "no answer")), so the run "
            + "goes without"
    }
}
