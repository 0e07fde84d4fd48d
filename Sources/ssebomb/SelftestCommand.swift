// `ssebomb selftest`: how far this machine can be trusted, found out by holding the client against
// a mock server that knows its own truth. Flags, their checks, and what becomes of the report; the
// loads are carried out in SelftestRun.swift.

import ArgumentParser
import Glibc
import SSEBombCore
import SSEBombReport

/// Holds the client against the mock, load by load.
struct SelftestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "selftest",
        abstract: "Find out how far this machine can be trusted, against a mock server.",
        discussion: HelpText.selftest
    )

    @OptionGroup(title: "Loads") var loads: SelftestLoadOptions
    @OptionGroup(title: "Output") var output: SelftestOutputOptions

    func run() throws {
        let places = SelftestPlaces(cpus: try CPUConfinement.apply(loads.cpus))
        let watch = SignalWatch()
        let (matrix, warnings) = try loads.matrix()
        try output.check()
        if !output.quiet {
            for warning in warnings { Terminal.message("warning: \(warning)") }
        }
        // Until there is something to cut, a signal only keeps the next load from starting.
        watch.attach { _ in }
        let run = SelftestRun(
            places: places,
            loads: matrix,
            time: loads.time,
            watch: watch,
            progress: output.progressStyle
        )
        let report = try run.carryOut()
        let written = publish(report)
        if let signal = watch.received { throw ExitCode(ExitStatus.signalled(signal)) }
        if !written { throw ExitCode(ExitStatus.failure) }
        if !report.isTrusted { throw ExitCode(ExitStatus.disbelieved) }
    }

    /// Writes file and text; false where one of them couldn't be.
    private func publish(_ report: SelftestReport) -> Bool {
        var complaints: [String] = []
        for path in output.jsonPaths {
            do throws(OutputError) {
                try report.write(to: path)
            } catch  where !error.isBrokenPipe {
                complaints.append(error.sentence)
            } catch {}
        }
        if !output.wantsJSONOnOutput {
            let text = report.text(color: Terminal.canColor())
            if case .failed(let cause) = Terminal.output(text) {
                complaints.append("can't write to standard output: \(cause.sentence)")
            }
        }
        for complaint in complaints { Terminal.message(complaint) }
        return complaints.isEmpty
    }
}

/// Which CPUs the two sides are confined to.
struct SelftestPlaces {
    let all: [Int32]
    let mock: [Int32]
    let client: [Int32]

    /// The mock on the first, one client loop on the last: CPUs with neighbouring numbers are often
    /// two threads of one core. With one CPU both share it.
    ///
    /// One loop, because a mock on one CPU can feed no more than one to its limit, and because
    /// loops share nothing: what one can be trusted with, each can.
    init(cpus: [Int32]) {
        all = cpus
        mock = Array(cpus.prefix(1))
        client = Array(cpus.suffix(1))
    }
}

/// Which loads are tried.
struct SelftestLoadOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .long],
        help: ArgumentHelp(
            "Numbers of streams, e.g. 500,2k (default: see above).",
            valueName: "LIST"
        ),
        transform: ValueParsing.positiveCounts
    )
    var streams: [UInt64]?

    @Option(
        help: ArgumentHelp("Events a second of each stream, e.g. 10,50.", valueName: "LIST"),
        transform: ValueParsing.positiveRates
    )
    var rate: [Double]?

    @Option(
        help: ArgumentHelp("Time of one load (default: 5s).", valueName: "T"),
        transform: ValueParsing.positiveDuration
    )
    var time = Nanoseconds.seconds(5)

    @Flag(help: "Try the whole matrix, which takes some minutes.")
    var full = false

    @Option(
        help: ArgumentHelp(
            "The mock's CPU is the first of these, the client's the last (default: all usable).",
            valueName: "LIST"
        ),
        transform: ValueParsing.cpuList
    )
    var cpus: [Int32]?

    /// Largest lists of each kind: their product is tried twice.
    private static let mostEntries = 16
    /// The mock keeps its times to a millisecond: faster streams would come in bursts.
    private static let highestRate = 1_000.0
    private static let standard = (streams: [250, 1_000, 4_000], rates: [25.0, 50.0])
    private static let whole = (
        streams: [100, 500, 1_000, 2_000, 4_000, 8_000], rates: [10.0, 25.0, 50.0, 100.0]
    )

    /// The loads, small ones first, so that an interrupted self-test has all that are smaller than
    /// its last; and what should be said before it.
    func matrix() throws(SetupError) -> (loads: [SelftestLoad], warnings: [String]) {
        let preset = full ? Self.whole : Self.standard
        let rates = Set(rate ?? preset.rates).sorted()
        try check(rates)
        let capacity = Capacity(threads: 1)
        let room = min(capacity.descriptorsFree, capacity.portsPerPair)
        var streamCounts = Set(streams.map { $0.map { Int(clamping: $0) } } ?? preset.streams)
            .sorted()
        var warnings: [String] = []
        if let most = streamCounts.last, most > room {
            let words = "this process has descriptors and ports for \(room) streams"
            guard streams == nil, room >= streamCounts[0] else {
                throw SetupError(.usage, "--streams \(most): \(words): ask for fewer")
            }
            streamCounts.removeAll { $0 > room }
            warnings.append("\(words): larger loads are left out")
        }
        guard streamCounts.count <= Self.mostEntries, rates.count <= Self.mostEntries else {
            throw SetupError(
                .usage,
                "--streams and --rate take up to \(Self.mostEntries) numbers each: give fewer"
            )
        }
        let timing = SelftestTiming(time: time)
        var loads: [SelftestLoad] = []
        for streams in streamCounts {
            for rate in rates {
                for transport in SelftestTransport.allCases {
                    loads.append(
                        SelftestLoad(
                            transport: transport,
                            streams: streams,
                            rate: rate,
                            tokens: timing.tokens(at: rate),
                            loops: 1
                        )
                    )
                }
            }
        }
        return (loads, warnings)
    }

    private func check(_ rates: [Double]) throws(SetupError) {
        if let highest = rates.last, highest > Self.highestRate {
            throw SetupError(
                .usage,
                "--rate \(Units.number(highest)): the mock keeps its times to a millisecond: give "
                    + "\(Units.number(Self.highestRate)) or less"
            )
        }
        if let lowest = rates.first, SelftestTiming(time: time).tokens(at: lowest) < 2 {
            throw SetupError(
                .usage,
                "--rate \(Units.number(lowest)): a stream would have less than two events in "
                    + "--time \(DryRun.spell(time)): give a longer time or a higher rate"
            )
        }
    }
}

/// What becomes of the report.
struct SelftestOutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long],
        parsing: .unconditional,
        help: ArgumentHelp(
            "Write the file for 'run --calibration' here; '-' is standard output.",
            valueName: "FILE"
        )
    )
    var output: String?

    @Option(help: ArgumentHelp("What standard output gets.", valueName: "FORMAT"))
    var format: DocumentFormat = .text

    @Flag(name: [.customShort("q"), .long], help: "No progress, no warnings: errors only.")
    var quiet = false

    @Flag(help: "No progress on standard error.")
    var noProgress = false

    /// Whether standard output gets the file in place of the text.
    var wantsJSONOnOutput: Bool { format == .json || output == "-" }

    /// Where the file goes.
    var jsonPaths: [String] {
        var paths = wantsJSONOnOutput ? ["-"] : []
        if let output, output != "-" { paths.append(output) }
        return paths
    }

    /// How progress is shown.
    var progressStyle: ProgressStyle {
        if quiet || noProgress { return .none }
        return Terminal.canRedraw() ? .live : .plain
    }

    /// Refuses a file that couldn't be written at the end.
    func check() throws(SetupError) {
        guard let output else { return }
        do throws(OutputError) {
            try AtomicFile.check(output)
        } catch {
            throw SetupError(.usage, error.sentence)
        }
    }
}
