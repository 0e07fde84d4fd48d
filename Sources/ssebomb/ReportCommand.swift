// `ssebomb report`: draws a stored result again, as text and in every format that a run writes.

import ArgumentParser
import SSEBombCore
import SSEBombReport

/// Draws one result.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Draw a stored result again: text, and the formats of other tools.",
        discussion: HelpText.report
    )

    @Argument(help: ArgumentHelp("A result that '-o' wrote; '-' is standard input."))
    var result: String

    @Option(help: ArgumentHelp("What standard output gets.", valueName: "FORMAT"))
    var format: OutputFormat = .text

    @OptionGroup(title: "Exports") var exports: ExportOptions

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The requests that the result keeps, of a run with -o and --per-request, one JSON "
                + "object a line.",
            valueName: "FILE"
        )
    )
    var perRequest: String?

    func run() throws {
        let run = try ResultInput.read(result, for: "report")
        let requests = try perRequest.map { (path) throws(SetupError) in
            try checkRequests(of: run)
            return (flag: "--per-request", path: path, export: RunExport.requests)
        }
        let publisher = try ResultPublisher(
            output: nil,
            format: format,
            exports: exports,
            more: requests.map { [$0] } ?? [],
            inputs: [result]
        )
        if !publisher.publish(run) { throw ExitCode(ExitStatus.failure) }
    }

    /// Says what `--per-request` can't have of this result.
    private func checkRequests(of run: FinishedRun) throws(SetupError) {
        let name = FileInput.name(of: result)
        guard let (kept, leftOut) = run.keptRequests else {
            throw SetupError(
                .usage,
                "report: \(name) keeps no single requests: a run does with both -o and "
                    + "--per-request, a merge doesn't"
            )
        }
        guard leftOut > 0 else { return }
        Terminal.message(
            "warning: \(name) keeps the first \(kept) requests; the \(leftOut) that ended later "
                + "are only in the run's own --per-request"
        )
    }
}

/// Reading stored results.
enum ResultInput {
    /// The run in `path` for the subcommand `name`.
    static func read(_ path: String, for name: String) throws(SetupError) -> FinishedRun {
        let bytes = try FileInput.read(path, for: name)
        do throws(StoredResultError) {
            return try FinishedRun(reading: bytes, path: FileInput.name(of: path))
        } catch {
            throw SetupError(.usage, "\(name): \(error.sentence)")
        }
    }
}
