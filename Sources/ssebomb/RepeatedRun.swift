// `run --repeat N`: the same run several times, each with fresh connections and a file of its own,
// and how far they lie apart. What one run is, RunCommand says.

import ArgumentParser
import SSEBombCore
import SSEBombReport

/// How often, and where each result goes.
struct RepeatPlan {
    let count: Int
    /// As `-o` names it; nil writes no files.
    let output: String?

    /// A day of runs of a minute; each result is kept for the comparison at the end.
    static let most: UInt64 = 1_000

    /// The file of a run, counted from 1: `FILE-1.json` for `FILE.json`.
    func path(_ number: Int) -> String? {
        output.map { name in
            let directory = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
            guard let point = name[directory...].lastIndex(of: "."), point > directory else {
                return "\(name)-\(number)"
            }
            return "\(name[..<point])-\(number)\(name[point...])"
        }
    }
}

/// Lines on standard output, and on standard error from the first that it doesn't take whole: no
/// run is given up for that.
private struct LineOutput {
    private(set) var refusal: Errno?

    mutating func show(_ text: String) {
        if refusal == nil, case .failed(let cause) = Terminal.output(text) { refusal = cause }
        if refusal != nil { Terminal.error(text) }
    }
}

extension RunCommand {
    /// The plan of `--repeat`; nil where there is none. Refuses what only one run can have.
    func repeatPlan() throws(SetupError) -> RepeatPlan? {
        guard let count = output.repeats else { return nil }
        guard count <= RepeatPlan.most else {
            throw SetupError(.usage, "--repeat \(count) is over the limit of \(RepeatPlan.most)")
        }
        if let export = exports.wanted.first {
            throw SetupError(
                .usage,
                "\(export.flag) is of one run: write it from a result with 'ssebomb report'"
            )
        }
        if output.format != .text || output.output == "-" {
            throw SetupError(
                .usage,
                "--repeat prints a line for each run: name a file with -o FILE for the results"
            )
        }
        if let (flag, _) = output.ownFiles.first {
            throw SetupError(.usage, "\(flag) is of one run: leave it or --repeat out")
        }
        if exports.otlp != nil {
            throw SetupError(
                .usage,
                "--otlp is of one run: send each result with 'ssebomb report'"
            )
        }
        if output.listen != nil {
            throw SetupError(.usage, "--listen is of one run: leave it or --repeat out")
        }
        let plan = RepeatPlan(count: Int(count), output: output.output)
        for number in [1, plan.count] {
            guard let path = plan.path(number) else { continue }
            do throws(OutputError) {
                try AtomicFile.check(path, flag: "-o")
            } catch {
                throw SetupError(.usage, error.sentence)
            }
        }
        return plan
    }

    /// Carries the runs out, one after the other, until they are done or a signal comes.
    func carryOut(
        _ repeats: RepeatPlan,
        _ prepared: PreparedLoad,
        _ watch: SignalWatch,
        _ labels: [String: String],
        _ calibration: Calibration?
    ) throws {
        var statuses: [Int32] = []
        var lines = LineOutput()
        var runs: [ComparedRun] = []
        for number in 1...repeats.count where watch.received == nil {
            var prepared = prepared
            // The same arrivals again and again would hide what they decide.
            for index in prepared.classes.indices {
                prepared.classes[index].run.plan.seed &+= UInt64(number - 1)
            }
            prepared.place = "run \(number) of \(repeats.count)"
            let (result, gates) = try carryOut(prepared, watch, RunLogs(), nil)
            var context = context(labels)
            context.command = Self.shown(prepared)
            context.labels["repeat"] = context.labels["repeat"] ?? "\(number)/\(repeats.count)"
            let (verdict, thresholds) = judge(result, gates, calibration)
            var isWritten = true
            if let path = repeats.path(number) {
                let file = ResultFile(
                    result,
                    verdict: verdict,
                    thresholds: thresholds,
                    context: context
                )
                do throws(OutputError) {
                    try file.write(to: path)
                } catch {
                    isWritten = false
                    Terminal.message(error.sentence)
                }
            }
            let run = ComparedRun(
                result,
                verdict: verdict,
                name: repeats.path(number) ?? "run \(number)",
                id: context.id
            )
            runs.append(run)
            lines.show(RepeatReport.line(run, number: number, of: repeats.count))
            complain(of: thresholds, verdict)
            statuses.append(status(result, thresholds, verdict, watch, isWritten: isWritten))
        }
        lines.show(RepeatReport.spread(runs))
        if let refusal = lines.refusal {
            Terminal.message(
                "can't write to standard output: \(refusal.sentence); what it didn't take stands "
                    + "above"
            )
            statuses.append(ExitStatus.failure)
        }
        let status = ExitStatus.worst(statuses)
        if status != ExitStatus.success { throw ExitCode(status) }
    }
}
