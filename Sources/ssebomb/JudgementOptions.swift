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

    /// Refuses gates that no run of this plan could be judged by.
    func check(_ plan: RunPlan) throws(SetupError) {
        guard plan.tls == nil, let gate = thresholds.first(where: { $0.subject == .metric(.tls) })
        else { return }
        throw SetupError(
            .usage,
            "--threshold '\(gate.expression)': tls is timed for https:// URLs alone: correct the "
                + "URL, or leave the gate out"
        )
    }
}
