// The flags of `run` alone: how much load, on which threads, and what becomes of the result.
// Declarations only: PlanBuilder and RunCommand give them their meaning.

import ArgumentParser
import SSEBombCore

/// How much load: streams held open, or arrivals at a rate.
struct LoadOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .long],
        help: ArgumentHelp("Streams held open (default: 1).", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var streams: UInt64?

    @Option(
        name: [.customShort("R"), .long],
        help: ArgumentHelp(
            "Requests that arrive per second, whether earlier ones have ended or not; not with -c.",
            valueName: "N/s"
        ),
        transform: ValueParsing.arrivalRate
    )
    var rate: Double?

    @Option(
        help: ArgumentHelp(
            "Law of the arrivals of -R: poisson (default), constant, or gamma:CV with the "
                + "coefficient of variation CV; or trace:FILE, as --trace.",
            valueName: "LAW"
        ),
        transform: ValueParsing.arrivals
    )
    var arrivals: ArrivalChoice?

    @Option(
        help: ArgumentHelp(
            "Go in a straight line to so many streams, or arrivals a second (N/s), in time T; "
                + "repeatable. From -c, or -R, or 0 on. T of 0 jumps.",
            valueName: "T:N"
        ),
        transform: ValueParsing.stage
    )
    var stage: [StageValue] = []

    @Option(
        help: ArgumentHelp(
            "Time that streams get to finish when --stage asks for fewer (default: 30s; 0: cut "
                + "them).",
            valueName: "T"
        ),
        transform: ValueParsing.duration
    )
    var rampDown: Int64?

    @OptionGroup var trace: TraceOptions
    @OptionGroup var session: SessionOptions

    @Option(
        help: ArgumentHelp(
            "Arrivals: streams open at a time at most (default: what fits, up to 10000); further "
                + "arrivals wait.",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var maxStreams: UInt64?

    @Option(
        name: [.customShort("d"), .long],
        help: ArgumentHelp(
            "Measured time, without ramp and warm-up (default: 10s unless -n is given).",
            valueName: "T"
        ),
        transform: ValueParsing.positiveDuration
    )
    var duration: Int64?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Requests to start in all; with -d, what ends first.", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var requests: UInt64?

    @Option(
        help: ArgumentHelp("Start the streams spread over this time (default: 0).", valueName: "T"),
        transform: ValueParsing.duration
    )
    var ramp: Int64?

    @Option(
        help: ArgumentHelp(
            "Time after the ramp that is not measured (default: 0).",
            valueName: "T"
        ),
        transform: ValueParsing.duration
    )
    var warmup: Int64?

    @Option(
        help: ArgumentHelp(
            "Time that running streams get to finish at the end (default: 30s; 0: cut them).",
            valueName: "T"
        ),
        transform: ValueParsing.duration
    )
    var drain: Int64?

    @Option(
        help: ArgumentHelp(
            "Pause between a stream's end and the next in its place, or the session's next turn "
                + "(default: 0).",
            valueName: "T"
        ),
        transform: ValueParsing.pause
    )
    var think: DrawnValue?

    @Option(
        help: ArgumentHelp(
            "Connections opened per second at most (default: 5000; 0: all at once).",
            valueName: "N/s"
        ),
        transform: ValueParsing.rate
    )
    var connectRate: Double?

    @Option(help: ArgumentHelp("Seed of everything random.", valueName: "N"))
    var seed: UInt64 = 1

    @OptionGroup var share: RankOptions

    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp("Loop threads (default: one a usable CPU).", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var threads: UInt64?

    @Option(
        help: ArgumentHelp(
            "Confine the process to these CPUs, e.g. 0,2-5; one loop each unless -t is given.",
            valueName: "LIST"
        ),
        transform: ValueParsing.cpuList
    )
    var cpus: [Int32]?

    @Option(
        help: ArgumentHelp(
            "Scheduling of loop threads; realtime where the machine permits it.",
            valueName: "PRIORITY"
        )
    )
    var priority: PriorityName = .normal
}

/// Recorded arrivals.
struct TraceOptions: ParsableArguments {
    @Option(
        name: .customLong("trace"),
        parsing: .unconditional,
        help: ArgumentHelp(
            "Requests arrive as recorded in this file: Mooncake, BurstGPT, Azure LLM, or JSON "
                + "lines of ssebomb's own.",
            valueName: "FILE"
        )
    )
    var file: String?

    @Option(
        help: ArgumentHelp("Replay the trace so many times as fast (default: 1).", valueName: "X"),
        transform: ValueParsing.speed
    )
    var speed: Double?

    @Option(
        name: .customLong("trace-window"),
        help: ArgumentHelp(
            "Replay only this part of the trace, in its own time: A..B, A.. or ..B.",
            valueName: "A..B"
        ),
        transform: ValueParsing.traceWindow
    )
    var window: TraceWindow?

    @Option(
        name: .customLong("trace-context"),
        help: ArgumentHelp(
            "Refuse a trace that has a row with more tokens, prompt and answer together.",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var context: UInt64?
}

/// Scheduling of loop threads, as `--priority` names it.
enum PriorityName: String, ExpressibleByArgument, CaseIterable {
    case normal, realtime
}

/// What stdout holds.
enum DocumentFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

/// What stdout holds, of a run.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json, markdown
}

/// What becomes of the result.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .long],
        parsing: .unconditional,
        help: ArgumentHelp(
            "Write the result file (JSON) here; '-' is standard output, in place of the text.",
            valueName: "FILE"
        )
    )
    var output: String?

    @Option(help: ArgumentHelp("What standard output gets.", valueName: "FORMAT"))
    var format: OutputFormat = .text

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Write every event of the first streams here, one JSON object a line.",
            valueName: "FILE"
        )
    )
    var eventLog: String?

    @Option(
        help: ArgumentHelp("Streams in the event log (default: 100).", valueName: "N"),
        transform: ValueParsing.positiveCount
    )
    var eventLogStreams: UInt64?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Write every request with all its stamps here, one JSON object a line.",
            valueName: "FILE"
        )
    )
    var perRequest: String?

    @Option(
        help: ArgumentHelp(
            "Serve GET /metrics for Prometheus here while the run goes on; :PORT is on 127.0.0.1, "
                + "port 0 lets the kernel choose.",
            valueName: "ADDR:PORT"
        )
    )
    var listen: String?

    @Option(
        name: .customLong("repeat"),
        help: ArgumentHelp(
            "Run so many times, with results in FILE-1.json, FILE-2.json, ... of -o FILE.json.",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var repeats: UInt64?

    @Option(
        help: ArgumentHelp("Label kept in the result file; repeatable.", valueName: "K=V")
    )
    var label: [String] = []

    @Flag(name: [.customShort("q"), .long], help: "No progress, no warnings: errors only.")
    var quiet = false

    @Flag(help: "No progress on standard error.")
    var noProgress = false

    @Flag(help: "Show the resolved plan and the request's bytes; send nothing.")
    var dryRun = false
}
