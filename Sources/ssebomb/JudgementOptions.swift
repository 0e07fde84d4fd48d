// The flags of `run` that turn a result into a decision. The grammar of gates is in
// ThresholdParsing, their judgement in SSEBombReport; CalibrationInput reads calibrations.

import ArgumentParser
import SSEBombCore
import SSEBombReport

/// What a run is judged by, and what makes one that was carried out a failed one.
struct JudgementOptions: ParsableArguments {
    @Option(
        name: .customLong("threshold"),
        help: ArgumentHelp(
            "A gate such as ttft:p99<500ms, tpot:avg<25ms, failures:share<0.01 or tokens:rate>20k; "
                + "with ,abort[,delay=T] missing it ends the run; repeatable. See exit status.",
            valueName: "GATE"
        ),
        transform: ThresholdParsing.threshold
    )
    var thresholds: [Threshold] = []

    @Option(
        name: .customLong("slo"),
        help: ArgumentHelp(
            "What each request has to keep, such as ttft<500ms,max_gap<200ms,e2e<20s: gives "
                + "goodput and attainment.",
            valueName: "LIMITS"
        ),
        transform: ObjectiveParsing.objectives
    )
    var objectives: ServiceObjectives?

    @Flag(help: "Exit 97 unless the verdict is 'valid'.")
    var strict = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Judge the run by what 'ssebomb selftest -o FILE' showed this machine to do.",
            valueName: "FILE"
        )
    )
    var calibration: String?

    /// Refuses gates that no run of these plans could be judged by.
    func check(_ gates: [Threshold], _ plans: [RunPlan]) throws(SetupError) {
        for gate in gates {
            let needs = plans.map { Self.missing(for: gate.subject, in: $0) }
            guard let need = needs.first ?? nil, needs.allSatisfy({ $0 != nil }) else { continue }
            throw SetupError(
                .usage,
                "--threshold '\(gate.expression)': \(gate.subject.name) is measured with \(need) "
                    + "alone: add that, or leave the gate out"
            )
        }
    }

    /// Refuses objectives that no request of this plan could be judged by.
    func checkObjectives(_ plan: RunPlan) throws(SetupError) {
        for limit in plan.objectives?.limits ?? [] {
            guard let need = Self.missing(for: .metric(limit.metric), in: plan) else { continue }
            throw SetupError(
                .usage,
                "--slo '\(limit.text)': \(limit.metric.rawValue) is measured with \(need) alone: "
                    + "add that, or leave the limit out"
            )
        }
    }

    /// What a plan lacks for a figure; nil where it may be measured.
    private static func missing(for subject: Threshold.Subject, in plan: RunPlan) -> String? {
        switch subject {
        case .metric(.tls): plan.tls == nil ? "an https:// URL" : nil
        case .metric(.oneWay): plan.sendTime == nil ? "--sent-at" : nil
        case .metric(.reconnect): plan.eventSource ? nil : "--eventsource"
        case .metric(.deliveryLag): plan.clock == .kernel ? nil : "--clock kernel"
        case .attainment, .goodput: plan.objectives == nil ? "--slo" : nil
        default: nil
        }
    }
}
