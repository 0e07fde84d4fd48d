// `ssebomb probe`: one stream through the same engine, and everything seen on it.

import ArgumentParser
import Glibc
import SSEBombCore
import SSEBombReport

/// Shows one stream event by event.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Open one stream and show everything that arrives on it.",
        discussion: HelpText.probe
    )

    @OptionGroup(title: "Request") var request: RequestOptions
    @OptionGroup(title: "Bodies and prompts") var prompts: PromptOptions
    @OptionGroup(title: "Stream") var stream: StreamOptions
    @OptionGroup(title: "Time limits") var timeLimits: TimeLimitOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions
    @OptionGroup(title: "TLS") var tls: TLSOptions

    @Flag(help: "One JSON object a line, for programs.")
    var json = false

    func run() throws {
        let watch = SignalWatch()
        guard request.urls.count <= 1 else {
            throw SetupError(
                .usage,
                "probe opens one stream, and there is more than one URL: give one, and put values"
                    + " with spaces in quotes, as in -H 'Name: value'"
            )
        }
        let prepared = try PlanBuilder.prepare(
            TargetOptions(
                request: request,
                prompts: prompts,
                stream: stream,
                timeLimits: timeLimits,
                connection: connection,
                tls: tls
            ),
            load: .single(cpus: try CPUConfinement.apply(nil))
        )
        for warning in prepared.warnings { Terminal.message("warning: \(warning)") }
        let trace = EventTrace()
        let coordinator = try Coordinator(
            plan: prepared.plan,
            template: prepared.template,
            trace: trace
        )
        watch.attach { coordinator.interrupt(signal: $0) }
        let columns = Terminal.columns(of: STDOUT_FILENO, otherwise: 160)
        let (source, seed) = (prepared.plan.source, prepared.plan.seed)
        let own = source.map { [$0.preview(0, seed: seed).body] } ?? []
        let redaction = Redaction([prepared.plan.request], bodies: own)
        var view = ProbeView(
            style: json ? .json : .text(columns: columns),
            redaction: redaction,
            hasSendTimes: stream.sentAt != nil
        )
        var outcome = OutputOutcome.written
        func showNews() {
            for record in trace.drain() where outcome == .written {
                outcome = Terminal.output(view.render(record))
                // Nobody reads on: nothing is left to be done on this stream.
                if outcome != .written { coordinator.interrupt(signal: SIGPIPE) }
            }
        }
        let result = try coordinator.run { _ in showNews() }
        showNews()
        if !json { explain(result, redaction) }
        try conclude(result, outcome, signal: watch.received)
    }

    /// The kept error body on standard error: what one wants to read after a failed probe.
    private func explain(_ result: RunResult, _ redaction: Redaction) {
        for sample in result.errors where !sample.sample.isEmpty {
            let body = redaction.apply(to: String(decoding: sample.sample, as: UTF8.self))
            for line in body.split(separator: "\n").prefix(20) {
                Terminal.error("  \(Terminal.printable(String(line), limit: 2_048))\n")
            }
        }
    }

    private func conclude(
        _ result: RunResult,
        _ outcome: OutputOutcome,
        signal: Int32?
    ) throws {
        if let signal { throw ExitCode(ExitStatus.signalled(signal)) }
        switch outcome {
        case .readerGone: return
        case .failed(let cause):
            throw SetupError(
                .system,
                "can't write to standard output: \(cause.sentence); redirect it elsewhere"
            )
        case .written: if result.counts.completed == 0 { throw ExitCode(ExitStatus.failure) }
        }
    }
}
