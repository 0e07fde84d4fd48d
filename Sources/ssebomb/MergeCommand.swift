// `ssebomb merge`: one result from several, which can be reported, gated and merged again.

import ArgumentParser
import SSEBombCore
import SSEBombReport

/// Joins results.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "One result from many (hosts, processes, days), without loss.",
        discussion: HelpText.merge
    )

    @Argument(help: ArgumentHelp("Results that '-o' wrote, or that were merged before."))
    var results: [String]

    @Option(
        name: [.customShort("o"), .long],
        parsing: .unconditional,
        help: ArgumentHelp(
            "Write the merged result here; '-' is standard output, in place of the text.",
            valueName: "FILE"
        )
    )
    var output: String?

    @Flag(help: "Merge runs whose plans ask for different things, too.")
    var allowUnlike = false

    @Flag(help: "Merge some of a load's ranks (--rank), to merge the others later.")
    var allowMissing = false

    @Option(
        name: .customLong("threshold"),
        help: ArgumentHelp(
            "A gate on the merged result, as for run; repeatable. Those of the parts are left out.",
            valueName: "GATE"
        ),
        transform: ThresholdParsing.threshold
    )
    var thresholds: [Threshold] = []

    @Option(help: ArgumentHelp("What standard output gets.", valueName: "FORMAT"))
    var format: OutputFormat = .text

    @OptionGroup(title: "Exports") var exports: ExportOptions

    func run() throws {
        guard results.count >= 2 else {
            throw SetupError(.usage, "merge: name two results or more; report draws one")
        }
        var parts: [ResultMerge.Part] = []
        for path in results { parts.append((path, try ResultInput.read(path, for: "merge"))) }
        let publisher = try ResultPublisher(
            output: output,
            format: format,
            exports: exports,
            inputs: results
        )
        var whole: FinishedRun
        do throws(MergeError) {
            whole = try ResultMerge.merge(
                parts,
                allowUnlike: allowUnlike,
                toolVersion: PlanBuilder.version
            )
        } catch {
            throw SetupError(.usage, "merge: \(error.sentence)")
        }
        if let sentence = ResultMerge.missingRanks(parts) {
            guard allowMissing else {
                throw SetupError(
                    .usage,
                    "merge: \(sentence): name their results, too, or give --allow-missing"
                )
            }
            Terminal.message("merge: \(sentence)")
        }
        try checkThresholds(whole.result.plan)
        whole.thresholds = thresholds.map { $0.judge(whole.result) }
        let written = publisher.publish(whole)
        if let sentence = whole.thresholds.complaint { Terminal.message(sentence) }
        if !written { throw ExitCode(ExitStatus.failure) }
        if whole.thresholds.isMissed { throw ExitCode(ExitStatus.missed) }
        if whole.thresholds.isUnjudged { throw ExitCode(ExitStatus.unjudged) }
    }

    /// Refuses gates that no merge of these parts could be judged by.
    private func checkThresholds(_ plan: RunPlan) throws(SetupError) {
        guard plan.objectives == nil,
            let gate = thresholds.first(where: { [.attainment, .goodput].contains($0.subject) })
        else { return }
        throw SetupError(
            .usage,
            "merge: --threshold '\(gate.expression)': \(gate.subject.name) is measured with --slo "
                + "alone, which no part had: leave the gate out"
        )
    }
}
