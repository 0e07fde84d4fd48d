// Where the program starts: subcommands, the bare help, and every error as one line with its exit
// status.

import ArgumentParser
import Glibc
import SSEBombCore

/// The program.
@main
struct SSEBomb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssebomb",
        abstract: "Load generator for Server-Sent Events and LLM token streams.",
        version: PlanBuilder.version,
        subcommands: [
            RunCommand.self, ProbeCommand.self, ServeCommand.self, SelftestCommand.self,
            ReportCommand.self, MergeCommand.self, CompareCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )

    static func main() {
        StandardDescriptors.prepare()
        mapMemory(from: 16 << 10)
        let arguments = AttachedValues.split(Array(CommandLine.arguments.dropFirst()))
        // The parser alone would list the subcommands and none of the flags everybody types.
        if ["--help", "-h", "help"].contains(arguments.first), arguments.count == 1 {
            if case .failed = Terminal.output(bareHelp) { Glibc.exit(ExitStatus.failure) }
            Glibc.exit(ExitStatus.success)
        }
        do {
            if arguments.first == "help", let topic = arguments.dropFirst().first {
                try checkHelp(topic)
            }
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch {
            leave(with: error, of: arguments.first)
        }
    }

    private static func checkHelp(_ topic: String) throws(SetupError) {
        let names = configuration.subcommands.compactMap { $0.configuration.commandName }
        guard !names.contains(topic), !topic.hasPrefix("-") else { return }
        throw SetupError(
            .usage,
            "help: no such subcommand: name one of \(names.joined(separator: ", "))"
        )
    }

    private static var bareHelp: String {
        let commands = configuration.subcommands.map {
            (name: $0.configuration.commandName ?? "", abstract: $0.configuration.abstract)
        }
        return "\(helpMessage(for: RunCommand.self))\n\(HelpText.subcommands(commands))"
    }

    private static func sentence(for error: any Error, of command: String?) -> String {
        let message = UsageSentence.safe(message(for: error))
        // What isn't a flag may be a part of a secret: never repeated.
        guard message.contains("nexpected argument"), let command else { return message }
        if command == "report" { return "more than one result: report draws one, merge joins them" }
        if command == "compare" {
            return "compare takes two results, BASE and NEW: separate repeats by commas"
        }
        return "\(command) takes flags alone: leave out what isn't one"
    }

    /// One line on standard error, then out; help and version go their own way.
    private static func leave(with error: any Error, of command: String?) -> Never {
        ProgressLine.clearIfDrawn()
        if let error = error as? SetupError {
            Terminal.message(error.sentence)
            Glibc.exit(ExitStatus.of(error))
        }
        let status = exitCode(for: error).rawValue
        guard status == ExitStatus.usage else { exit(withError: error) }
        Terminal.message("\(sentence(for: error, of: command)) (see 'ssebomb --help')")
        Glibc.exit(status)
    }
}
