// From `run`'s flags, or a scenario's, to the classes of load of one run: one for each target and
// each class of a scenario.

import ArgumentParser
import SSEBombCore
import SSEBombReport

/// What one run does, ready to be carried out.
struct PreparedLoad {
    /// A class of load and its name; the only one of a run has none.
    struct Part {
        var name: String
        var run: PreparedRun
        /// As of its `LoadShape`.
        var roomWeight: Double?
    }

    var classes: [Part] = []
    var warnings: [String] = []
    /// What is to be said that is no warning.
    var notes: [String] = []
    /// Which of several runs it is; empty for the only one.
    var place = ""
    var thresholds: [Threshold] = []
    /// The command line, from which a scenario can be made; nil where it named one.
    private var arguments: [String]?

    /// The load of `command`, or of the classes of `scenario`, whose run-wide flags it has.
    init(
        _ command: RunCommand,
        arguments: [String],
        _ file: ScenarioFile?,
        usable: [Int32]
    ) throws {
        guard let file else {
            try add(command, name: "", usable: usable)
            shareRoom()
            thresholds = command.judgement.thresholds
            self.arguments = arguments
            try check(command.judgement)
            return
        }
        thresholds = command.judgement.thresholds
        let table = OptionTable.run()
        let shared = table.given(arguments).flatMap { given -> [String] in
            guard case .option(let name, let value) = given, let option = table.option(named: name),
                ScenarioFile.isShared(option)
            else { return [] }
            return [option.aliases.first { $0.hasPrefix("--") } ?? option.aliases[0]]
                + (value.map { [$0] } ?? [])
        }
        for (index, own) in file.classes.enumerated() {
            var part = try file.command(shared + own.arguments, own)
            // Equal seeds would make the arrivals of all classes the same.
            part.load.seed &+= UInt64(index) &* 0x9E37_79B9_7F4A_7C15
            do throws(SetupError) {
                try add(part, name: own.name, usable: usable)
            } catch {
                guard error.kind == .usage else { throw error }
                throw file.fault(
                    file.line(of: error.sentence, in: own),
                    "class '\(own.name)': \(error.sentence)"
                )
            }
            thresholds += part.judgement.thresholds.map { $0.scoped(to: own.name) }
            // Windows are those of all classes.
            let (time, other) = (classes[0].run.plan.duration, classes[classes.count - 1])
            guard other.run.plan.duration == time else {
                throw file.fault(
                    own.line,
                    "class '\(own.name)' isn't as long as the first, by its stages or its trace:"
                        + " set a duration above all classes"
                )
            }
        }
        shareRoom()
        try check(command.judgement)
    }

    /// What concerns the whole run, and the sums of the rest.
    var plan: RunPlan { ClassLoad.joint(classes.map(\.run.plan)) }

    /// What the coordinator takes.
    var loads: [ClassLoad] {
        classes.map { ClassLoad(name: $0.name, plan: $0.run.plan, template: $0.run.template) }
    }

    /// Whether a server is asked something before the load.
    var asksServers: Bool { classes.contains { $0.run.fallback != nil } }

    /// The scenario that says the same as the command line.
    var scenario: String? { arguments.map { ScenarioText.text(of: $0, OptionTable.run()) } }

    /// What a line has room to say of it, without secrets.
    var title: String {
        let name = "ssebomb  " + (place.isEmpty ? "" : "\(place)  ")
        guard classes.count == 1, let run = classes.first?.run else {
            return "\(name)\(Units.count(classes.count)) classes"
        }
        return "\(name)\(run.plan.request.method) \(Terminal.printable(run.url.redacted))"
    }

    /// What the live view says of it.
    func subject(metricsURL: String?) -> LiveSubject {
        let said = notes + warnings.map { "warning: \($0)" }
        return LiveSubject(
            plan: plan,
            target: LiveTarget(classes.map(\.run.plan)),
            title: title,
            metricsURL: metricsURL,
            notes: said.map { Terminal.printable($0) }
        )
    }

    private func check(_ judgement: JudgementOptions) throws(SetupError) {
        for gate in thresholds {
            let parts = classes.filter { gate.scope == nil || $0.name == gate.scope }
            try judgement.check([gate], parts.map(\.run.plan))
        }
    }

    // MARK: Classes

    private mutating func add(
        _ command: RunCommand,
        name: String,
        usable: [Int32]
    ) throws(SetupError) {
        let load = try command.load.withRateOfSessions()
        var (shape, loadWarnings) = try PlanBuilder.load(load, usable: usable)
        shape.sessions = try load.sessions()
        let targets = try TargetList.resolve(command.request.urls, command.targets)
        warnings += loadWarnings
        guard targets.count > 1 else {
            var target = command.target
            if let only = targets.first { target.request.url = only.url }
            return try add(target, load, command.behaviour, shape, name, command.judgement)
        }
        let shapes = try Self.split(shape, targets.map(\.weight))
        var urls: [TargetURL] = []
        let first = classes.count
        for (target, part) in zip(targets, shapes) {
            var own = command.target
            own.request.url = target.url
            var options = load
            // A rate of connects is that of all targets.
            let share = Double(part.streams) / Double(shape.streams)
            options.connectRate = (options.connectRate ?? RunPlan.usualConnectRate) * share
            if shape.arrivals != nil { options.connectRate = nil }
            try add(own, options, command.behaviour, part, "", command.judgement)
            urls.append(classes[classes.count - 1].run.url)
        }
        let prefix = name.isEmpty ? "" : "\(name) "
        for (index, own) in TargetList.names(urls).enumerated() {
            classes[first + index].name = prefix + own
        }
    }

    private mutating func add(
        _ target: TargetOptions,
        _ options: LoadOptions,
        _ behaviour: BehaviourOptions,
        _ shape: LoadShape,
        _ name: String,
        _ judgement: JudgementOptions
    ) throws(SetupError) {
        let shape = try shape.part(of: try options.share.resolved())
        var run = try PlanBuilder.prepare(target, load: shape)
        options.apply(to: &run.plan)
        try behaviour.apply(to: &run.plan)
        run.plan.objectives = judgement.objectives
        try judgement.checkObjectives(run.plan)
        for warning in run.warnings where !warnings.contains(warning) { warnings.append(warning) }
        for note in run.notes where !notes.contains(note) { notes.append(note) }
        classes.append(Part(name: name, run: run, roomWeight: shape.roomWeight))
    }

    /// Streams that nobody gave a number for fit beside each other and those that somebody did.
    private mutating func shareRoom() {
        let plans = classes.map(\.run.plan)
        let shrinking = classes.indices.filter { classes[$0].roomWeight != nil }
        let given = plans.indices.filter { classes[$0].roomWeight == nil }
            .reduce(0) { $0 + plans[$1].streams }
        let free = Capacity(threads: plans[0].threads).descriptorsFree
        let room = free - PlanBuilder.outputDescriptors - given
        let shares = TargetList.fit(
            shrinking.map { plans[$0].streams },
            into: room,
            by: shrinking.map { classes[$0].roomWeight ?? 1 }
        )
        for (index, streams) in zip(shrinking, shares) {
            classes[index].run.plan.streams = streams
        }
    }

    /// What falls to each of several targets.
    private static func split(
        _ shape: LoadShape,
        _ weights: [Double]
    ) throws(SetupError) -> [LoadShape] {
        if shape.stages != nil {
            throw SetupError(
                .usage,
                "--stage of streams with \(weights.count) URLs: write a class for each in a"
                    + " scenario, or stages of a rate (N/s)"
            )
        }
        guard let streams = TargetList.share(shape.streams, by: weights) else {
            throw SetupError(
                .usage,
                "\(shape.streams) streams don't reach for \(weights.count) URLs: ask for at least"
                    + " one each with -c, or --max-streams with -R"
            )
        }
        let requests = shape.requests.map { TargetList.share(Int(clamping: $0), by: weights) }
        if let requests, requests == nil {
            throw SetupError(
                .usage,
                "-n \(shape.requests ?? 0) doesn't reach for \(weights.count) URLs: ask for at"
                    + " least one each"
            )
        }
        let sum = weights.reduce(0, +)
        var begin = 0.0
        var first: UInt64 = 0
        return weights.indices.map { index in
            var part = shape
            part.streams = streams[index]
            if shape.arrivals == nil {
                part.requests = (requests ?? nil).map { UInt64($0[index]) }
                part.numbers = TargetNumbers(place: index, of: weights.count)
                if let count = part.requests {
                    part.numbers = TargetNumbers(from: first)
                    first += count
                }
            }
            let end = begin + weights[index] / sum
            part.arrivals?.share = ArrivalShare(
                from: begin,
                to: index == weights.count - 1 ? 1 : end
            )
            begin = end
            part.roomWeight = shape.roomWeight.map { $0 * weights[index] / sum }
            return part
        }
    }
}

// MARK: - Scenarios

extension ScenarioFile {
    /// Run-wide flags that say how a class is planned, too.
    static func isShared(_ option: OptionTable.Option) -> Bool {
        isOfRun(option) && !["Output", "Exports", "Judgement"].contains(option.section)
    }

    /// Refuses flags on the command line that belong to a class.
    func check(_ arguments: [String], _ table: OptionTable) throws(SetupError) {
        for given in table.given(arguments) {
            switch given {
            case .word:
                throw SetupError(
                    .usage,
                    "a URL beside --scenario: each class of the file names its own"
                )
            case .option(let name, _):
                guard let option = table.option(named: name) else { continue }
                if Self.isOfRun(option) || ["scenario", "threshold"].contains(name) { continue }
                throw SetupError(
                    .usage,
                    "--\(name) beside --scenario: write it into \(path), in a class or above all"
                )
            }
        }
    }

    /// The command that `arguments` make; an error of theirs names the line of `own`'s key.
    func command(_ arguments: [String], _ own: Class?) throws -> RunCommand {
        do {
            return try RunCommand.parse(AttachedValues.split(arguments))
        } catch {
            let message = UsageSentence.safe(RunCommand.message(for: error))
            throw fault(
                line(of: message, in: own),
                (own.map { "class '\($0.name)': " } ?? "") + message
            )
        }
    }
}
