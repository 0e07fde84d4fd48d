// `ssebomb compare`: is NEW worse than BASE? Reads stored results, shows the comparison, and
// answers with the exit status. How runs are compared is SSEBombReport's.

import ArgumentParser
import Glibc
import SSEBombCore
import SSEBombReport

/// Compares stored results.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Say whether one result is worse than another.",
        usage: "ssebomb compare [options] BASE NEW",
        discussion: HelpText.compare
    )

    @Argument(
        help: ArgumentHelp(
            "Result file; several repeats as FILE,FILE,... or a directory of them.",
            valueName: "BASE"
        )
    )
    var base: String

    @Argument(help: ArgumentHelp("The same of what is held against it.", valueName: "NEW"))
    var new: String

    @Option(
        name: .customLong("fail-if"),
        help: ArgumentHelp(
            "What is a regression, such as 'ttft.p99 > +10%' or 'tokens.rate < -5%'; repeatable "
                + "(default: any figure that is worse).",
            valueName: "CHANGE"
        ),
        transform: CompareCommand.gate
    )
    var gates: [ComparisonGate] = []

    @Option(
        help: ArgumentHelp(
            "Differences up to this never count (default: 1%).",
            valueName: "PERCENT"
        ),
        transform: CompareCommand.margin
    )
    var margin: Double?

    @Option(help: ArgumentHelp("What standard output gets.", valueName: "FORMAT"))
    var format: ComparisonFormat = .text

    @Flag(help: "Compare runs of unlike plans.")
    var allowUnlike = false

    @Flag(help: "Compare runs whose verdict is 'invalid'.")
    var allowInvalid = false

    func run() throws {
        var options = ComparisonOptions()
        options.gates = gates
        options.allowsUnlike = allowUnlike
        options.allowsInvalid = allowInvalid
        if let margin { options.margin = margin }
        let (left, right) = (try StoredRuns.read(base), try StoredRuns.read(new))
        let comparison: Comparison
        do throws(ComparisonRefusal) {
            comparison = try Comparison(base: left, new: right, options: options)
        } catch {
            guard error.isDisbelief else { throw SetupError(.usage, error.sentence) }
            Terminal.message(error.sentence)
            throw ExitCode(ExitStatus.disbelieved)
        }
        try show(comparison)
        switch comparison.outcome {
        case .passed: break
        case .regression: throw ExitCode(ExitStatus.regression)
        case .unjudged: throw ExitCode(ExitStatus.unjudged)
        }
    }

    /// What standard output can't take goes to standard error, as text.
    private func show(_ comparison: Comparison) throws(SetupError) {
        guard case .failed(let cause) = Terminal.output(try text(comparison)) else { return }
        Terminal.error(ComparisonReport(comparison).text())
        throw SetupError(
            .system,
            "can't write the comparison to standard output: \(cause.sentence); it stands above"
        )
    }

    private func text(_ comparison: Comparison) throws(SetupError) -> String {
        let report = ComparisonReport(comparison, color: Terminal.canColor())
        switch format {
        case .text: return report.text()
        case .markdown: return report.markdown()
        case .json:
            do throws(OutputError) {
                return String(decoding: try report.json(), as: UTF8.self)
            } catch {
                throw SetupError(.system, error.sentence)
            }
        }
    }

    private static func gate(_ text: String) throws(ComparisonGateError) -> ComparisonGate {
        try ComparisonGate(reading: text)
    }

    private static func margin(_ text: String) throws(ValueError) -> Double {
        guard text.hasSuffix("%"), let percent = DecimalText.value(text.dropLast()),
            percent < 100
        else { throw ValueError("write a difference from 0% to below 100%, such as 2%") }
        return percent / 100
    }
}

/// What `compare` prints.
enum ComparisonFormat: String, ExpressibleByArgument, CaseIterable {
    case text, markdown, json
}

/// The runs of one side, as its argument names them.
enum StoredRuns {
    /// More repeats than anybody makes; each is held in memory.
    private static let most = 256

    /// A file; several, separated by commas; or a directory, whose `.json` files they are.
    static func read(_ argument: String) throws(SetupError) -> [ComparedRun] {
        let paths = try paths(argument)
        guard paths.count <= most else {
            throw SetupError(
                .usage,
                "\(argument) names \(paths.count) results: at most \(most) can be compared"
            )
        }
        var runs: [ComparedRun] = []
        for path in paths { runs.append(try run(path)) }
        return runs
    }

    private static func run(_ path: String) throws(SetupError) -> ComparedRun {
        let bytes = try FileInput.read(path, for: "compare")
        do throws(StoredResultError) {
            let run = try FinishedRun(reading: bytes, path: path)
            return ComparedRun(
                run.result,
                verdict: run.verdict,
                name: path,
                id: run.context.id
            )
        } catch {
            throw SetupError(.usage, error.sentence)
        }
    }

    private static func paths(_ argument: String) throws(SetupError) -> [String] {
        if isDirectory(argument) {
            let names = entries(of: argument).filter { $0.hasSuffix(".json") }.sorted()
            guard !names.isEmpty else {
                throw SetupError(.usage, "\(argument) holds no .json file: name a result")
            }
            return names.map { "\(argument)/\($0)" }
        }
        // A comma may be part of a name.
        if access(argument, F_OK) == 0 { return [argument] }
        return argument.split(separator: ",").map(String.init)
    }

    private static func isDirectory(_ path: String) -> Bool {
        var facts = stat()
        return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
    }

    private static func entries(of directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }
}
