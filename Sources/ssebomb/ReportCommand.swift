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

    func run() throws {
        let run = try ResultInput.read(result, for: "report")
        let publisher = try ResultPublisher(
            output: nil,
            format: format,
            exports: exports,
            inputs: [result]
        )
        if !publisher.publish(run) { throw ExitCode(ExitStatus.failure) }
    }
}

/// Reading stored results.
enum ResultInput {
    /// The run in `path` for the subcommand `name`.
    static func read(_ path: String, for name: String) throws(SetupError) -> FinishedRun {
        let bytes = try FileInput.read(path, for: name)
        do throws(StoredResultError) {
            return try FinishedRun(
                reading: bytes,
                path: path == "-" ? "standard input" : path
            )
        } catch {
            throw SetupError(.usage, "\(name): \(error.sentence)")
        }
    }
}
