// A run's result together with what was made of it: what every report, export and file is drawn
// from, whether the run has just ended or was stored long ago.

public import SSEBombCore

/// Everything that is known of a run once it is over.
public struct FinishedRun: Sendable {
    /// What was measured.
    public var result: RunResult
    /// Whether it is to be believed.
    public var verdict: Verdict
    /// What became of its gates.
    public var thresholds: [ThresholdResult]
    /// Name, labels and machine.
    public var context: RunContext

    /// A run that has just ended.
    public init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult] = [],
        context: RunContext
    ) {
        self.result = result
        self.verdict = verdict
        self.thresholds = thresholds
        self.context = context
    }

    /// The text report, ending with a line end.
    public func text(color: Bool) -> String {
        TextReport(result, verdict: verdict, thresholds: thresholds, color: color).render()
    }

    /// What is written with `-o`.
    public var file: ResultFile {
        ResultFile(result, verdict: verdict, thresholds: thresholds, context: context)
    }
}
