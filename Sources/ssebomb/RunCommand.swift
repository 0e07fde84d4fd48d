// `ssebomb run`: puts load on a URL and reports. Order matters here: everything that can be wrong
// is found before the first connection, and everything measured is shown before the process ends.

import ArgumentParser
import Glibc
import SSEBombCore
import SSEBombReport

/// The default subcommand.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Put load on an SSE or LLM server and report what arrived, when.",
        usage: "ssebomb [run] [options] URL",
        discussion: HelpText.run
    )

    @OptionGroup(title: "Request") var request: RequestOptions
    @OptionGroup(title: "Targets") var targets: TargetListOptions
    @OptionGroup(title: "Bodies and prompts") var prompts: PromptOptions
    @OptionGroup(title: "Load") var load: LoadOptions
    @OptionGroup(title: "Streams") var stream: StreamOptions
    @OptionGroup(title: "Users") var behaviour: BehaviourOptions
    @OptionGroup(title: "Time limits") var timeLimits: TimeLimitOptions
    @OptionGroup(title: "Connections") var connection: ConnectionOptions
    @OptionGroup(title: "TLS") var tls: TLSOptions
    @OptionGroup(title: "Judgement") var judgement: JudgementOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Exports") var exports: ExportOptions

    func run() throws {
        guard let path = targets.scenario else { return try run(arguments: Self.given, nil) }
        let table = OptionTable.run()
        let file = try ScenarioFile(reading: path, table: table)
        try file.check(Self.given, table)
        // What the command line says of the whole run goes before what the file says.
        let whole = try file.command(file.runArguments + Self.given, nil)
        try whole.run(arguments: file.runArguments + Self.given, file)
    }

    /// The flags of this command line.
    private static var given: [String] {
        let arguments = AttachedValues.split(Array(CommandLine.arguments.dropFirst()))
        return arguments.first == configuration.commandName
            ? Array(arguments.dropFirst()) : arguments
    }

    private func run(arguments: [String], _ scenario: ScenarioFile?) throws {
        let usable = try CPUConfinement.apply(load.cpus)
        let watch = SignalWatch()
        var labels = try output.labels()
        var prepared = try PreparedLoad(self, arguments: arguments, scenario, usable: usable)
        let redaction = Redaction(prepared.classes.map(\.run.plan.request))
        labels = labels.mapValues { redaction.apply(to: $0) }
        let publisher = try output.publisher(exports)
        let repeats = try repeatPlan()
        let calibration = try judgement.readCalibration()
        output.apply(to: &prepared, exports)
        if output.dryRun || prepared.asksServers {
            // What a run refuses before its start (descriptors, ports, certificates) is refused
            // here, before anything is sent.
            _ = try Coordinator(prepared.loads)
        }
        if output.dryRun { return try Self.show(DryRun.text(prepared)) }
        if prepared.plan.priority == .realtime, let refusal = RealtimeRight.refusal() {
            prepared.warnings.append(refusal)
        }
        if !output.quiet {
            for note in prepared.notes { Terminal.message(note) }
            for warning in prepared.warnings { Terminal.message("warning: \(warning)") }
        }
        var context = context(labels)
        let metrics = try output.serveMetrics(
            LiveRun(
                plan: prepared.plan,
                requests: prepared.classes.map(\.run.plan.request),
                context: context
            )
        )
        try askServers(&prepared)
        if let repeats {
            return try carryOut(repeats, prepared, watch, labels, calibration)
        }
        let logs = try output.openLogs(prepared, hasPage: exports.html != nil)
        let (result, gates) = try carryOut(prepared, watch, logs, metrics)
        let (verdict, thresholds) = judge(result, gates, calibration)
        // Taking the command line apart costs milliseconds that the start hasn't got.
        context.command = Self.shown(prepared)
        let finished = FinishedRun(
            result,
            verdict: verdict,
            thresholds: thresholds,
            context: context,
            sample: logs.sample,
            requests: logs.requests
        )
        let written = publisher.publish(
            finished,
            watch,
            isQuiet: output.quiet,
            others: logs.finish
        )
        if let sentence = result.hopelessSentence ?? result.strangeSentence {
            Terminal.message(sentence)
        }
        complain(of: thresholds, verdict)
        let status = status(result, thresholds, verdict, watch, isWritten: written)
        if status != ExitStatus.success { throw ExitCode(status) }
    }

    /// Asks what only servers know; what they say may change what is sent.
    private func askServers(_ prepared: inout PreparedLoad) throws {
        if prepared.asksServers, !output.quiet {
            Terminal.message("continuous usage: asking once, before the run")
        }
        for index in prepared.classes.indices {
            let sentence = try ContinuousUsage.settle(&prepared.classes[index].run)
            guard let sentence, !output.quiet else { continue }
            let name = prepared.classes[index].name
            let note = name.isEmpty ? sentence : "\(Terminal.printable(name)): \(sentence)"
            Terminal.message(note)
            prepared.notes.append(note)
        }
    }

    /// Whether the run is to be believed, and what its gates are worth then.
    func judge(
        _ result: RunResult,
        _ gates: [ThresholdResult],
        _ calibration: Calibration?
    ) -> (Verdict, [ThresholdResult]) {
        var verdict = Verdict.judge(result, thresholds: gates)
        if let calibration { verdict = verdict.judged(by: calibration, result) }
        return (verdict, judgement.strict ? gates.map { $0.withheld(because: verdict) } : gates)
    }

    /// Why the exit status isn't 0, where gates or verdict are the reason.
    func complain(of thresholds: [ThresholdResult], _ verdict: Verdict) {
        if let sentence = thresholds.complaint { Terminal.message(sentence) }
        if judgement.strict, verdict.isDoubted {
            Terminal.message("the measurement is \(verdict.state.rawValue), which --strict refuses")
        }
    }

    /// The command line as a result keeps it.
    static func shown(_ prepared: PreparedLoad) -> [String] {
        let redaction = Redaction(prepared.classes.map(\.run.plan.request))
        return GivenCommand.words(given, .run(), redaction)
    }

    /// What the result file says beside the result.
    func context(_ labels: [String: String]) -> RunContext {
        RunContext(
            toolVersion: PlanBuilder.version,
            labels: labels,
            environment: .current(tlsLibrary: tlsLibraryVersion())
        )
    }

    /// The exit status that a run alone would have.
    func status(
        _ result: RunResult,
        _ thresholds: [ThresholdResult],
        _ verdict: Verdict,
        _ watch: SignalWatch,
        isWritten: Bool
    ) -> Int32 {
        ExitStatus.afterRun(
            interruptedBy: result.interruptedBy ?? watch.received,
            couldNotWrite: !isWritten,
            served: result.served,
            failed: result.counts.failed,
            isDisbelieved: judgement.strict && verdict.isDoubted,
            thresholds: thresholds
        )
    }

    /// What is asked of whom, without several targets.
    var target: TargetOptions {
        TargetOptions(
            request: request,
            prompts: prompts,
            stream: stream,
            timeLimits: timeLimits,
            connection: connection,
            tls: tls
        )
    }

    /// One run from its first connection to its result.
    func carryOut(
        _ prepared: PreparedLoad,
        _ watch: SignalWatch,
        _ logs: RunLogs,
        _ metrics: MetricsServer?
    ) throws(SetupError) -> (RunResult, [ThresholdResult]) {
        let coordinator = try Coordinator(prepared.loads)
        let asides = logs.asides
        if !asides.isEmpty { watch.beforeLeaving { for path in asides { unlink(path) } } }
        watch.attach { coordinator.interrupt(signal: $0) }
        var display = LiveDisplay(
            prepared.subject(metricsURL: metrics?.url),
            style: output.progressStyle
        )
        defer { ProgressLine.clearIfDrawn() }
        var gates = ThresholdWatch(prepared.thresholds)
        // The result as it stands has its price, so only gates that may end the run, or are shown,
        // ask for it.
        let areShown = display.hasView && !prepared.thresholds.isEmpty
        func judge(_ standing: RunResult) -> Bool {
            if areShown { display.show(gates: gates.results(standing)) }
            metrics?.update { live in
                live.standing = standing
                live.thresholds = gates.results(standing)
            }
            return gates.canAbort && gates.shouldAbort(standing)
        }
        let result = try coordinator.run(
            progress: { progress in
                metrics?.update { $0.progress = progress }
                for wish in display.update(progress) {
                    switch wish {
                    case .finish: coordinator.interrupt(signal: SIGINT)
                    case .pause(let isPaused): coordinator.setPaused(isPaused)
                    }
                }
            },
            judge: gates.canAbort || areShown || metrics != nil ? judge : nil,
            judgedClasses: Set(prepared.thresholds.compactMap(\.scope)),
            events: logs.eventSink,
            requests: logs.requestSink
        )
        return (result, gates.results(result))
    }

    /// Prints `text`; a reader that went away is no error.
    static func show(_ text: String) throws(SetupError) {
        if case .failed(let cause) = Terminal.output(text) {
            throw SetupError(
                .system,
                "can't write to standard output: \(cause.sentence); redirect it elsewhere"
            )
        }
    }
}

extension LoadOptions {
    /// Fills in what only `run` lets a user choose.
    func apply(to plan: inout RunPlan) {
        if let ramp { plan.ramp = ramp }
        if let warmup { plan.warmup = warmup }
        if let drain { plan.drain = drain }
        if session.turns == nil, let pause = think?.pause { plan.think = pause }
        if let rampDown { plan.rampDown = rampDown }
        if let connectRate { plan.connectRate = connectRate }
        // Pacing would hide that a request starts late.
        if plan.arrivals != nil { plan.connectRate = 0 }
        plan.seed = seed
        switch priority {
        case .normal: plan.priority = .normal
        case .realtime: plan.priority = .realtime
        }
    }
}

extension OutputOptions {
    /// How progress is shown.
    var progressStyle: ProgressStyle {
        if quiet || noProgress { return .none }
        return Terminal.canRedraw() ? .live : .plain
    }

    /// Where everything goes at the end; refuses what couldn't be written then.
    func publisher(_ exports: ExportOptions) throws(SetupError) -> ResultPublisher {
        if eventLog == nil, eventLogStreams != nil {
            throw SetupError(.usage, "--event-log-streams needs --event-log: name its file")
        }
        for (flag, path) in ownFiles {
            if path == "-" {
                throw SetupError(.usage, "\(flag): standard output has the report: name a file")
            }
            do throws(OutputError) { try AtomicFile.check(path, flag: flag) } catch {
                throw SetupError(.usage, error.sentence)
            }
        }
        return try ResultPublisher(
            output: output,
            format: format,
            exports: exports,
            others: ownFiles
        )
    }

    /// How many streams the event log, or the page, samples, and whether requests are logged.
    func apply(to load: inout PreparedLoad, _ exports: ExportOptions) {
        if exports.html != nil { sample(StreamSample.mostStreams, of: &load, \.drawnStreams) }
        if eventLog != nil {
            sample(Int(clamping: eventLogStreams ?? 100), of: &load, \.loggedStreams)
        }
        guard perRequest != nil else { return }
        for index in load.classes.indices { load.classes[index].run.plan.recordsRequests = true }
    }

    /// Of several classes each gets its share, by their streams.
    private func sample(
        _ count: Int,
        of load: inout PreparedLoad,
        _ field: WritableKeyPath<RunPlan, Int>
    ) {
        let streams = load.classes.map { Double($0.run.plan.streams) }
        let most = min(count, load.plan.streams)
        let parts = TargetList.share(max(most, streams.count), by: streams) ?? []
        for (index, part) in parts.enumerated() {
            load.classes[index].run.plan[keyPath: field] = part
        }
    }

    /// The server of `--listen`, if one is wanted; says where it is.
    func serveMetrics(_ run: LiveRun) throws(SetupError) -> MetricsServer? {
        guard let listen else { return nil }
        let place = try ListenAddress(parsing: listen, usualHost: "127.0.0.1", example: 9400)
        let server = try MetricsServer(at: place, run)
        if !quiet { Terminal.message("metrics at \(server.url)") }
        return server
    }

    /// The labels by name.
    func labels() throws(SetupError) -> [String: String] {
        var labels: [String: String] = [:]
        for text in label {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw SetupError(.usage, "--label '\(text)': write NAME=VALUE")
            }
            let name = String(text[..<equals])
            guard labels[name] == nil else {
                throw SetupError(.usage, "--label: '\(name)' is given twice: keep one of them")
            }
            labels[name] = String(text[text.index(after: equals)...])
        }
        return labels
    }
}
