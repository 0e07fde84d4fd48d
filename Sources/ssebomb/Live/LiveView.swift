// The live view as lines of text: a pure function of where the run stands, the room there is, and
// whether colours are wanted. Knows no terminal.

import SSEBombCore
import SSEBombReport

/// What the view says of a run that doesn't change while it goes on.
struct LiveSubject {
    var plan: RunPlan
    var target: LiveTarget
    /// The target, or the number of classes, without secrets.
    var title: String
    /// Where metrics are served; nil for nowhere.
    var metricsURL: String?
    /// What was said before the run: the view hides it.
    var notes: [String] = []
}

/// What the view shows.
struct LiveView {
    var progress: RunProgress
    var subject: LiveSubject
    /// The gates as they stand; empty where there are none.
    var gates: [ThresholdResult] = []
    var isPaused = false
    /// Whether keys are read.
    var hasKeys = false

    /// Narrower or lower than this the one-line form says more.
    static let leastColumns = 60
    static let leastRows = 12
    /// Wider than this lines are no easier to read.
    private static let mostColumns = 200
    /// No less is left of a class's name.
    private static let leastNameColumns = 16
    /// What "the last seconds" are.
    private static let recentSeconds = RunProgress.secondsOfLatencies

    private var plan: RunPlan { subject.plan }

    /// The lines, no more than `rows`, the most important first.
    func lines(columns: Int, rows: Int, color: Bool) -> [String] {
        let width = min(columns, Self.mostColumns)
        let paper = LivePen(columns: width, color: color)
        var pen = paper
        pen.line(subject.title, style: .bold)
        if let url = subject.metricsURL { pen.field("metrics", url) }
        pen.blank()
        clock(&pen)
        load(&pen)
        rates(&pen)
        pen.blank()
        latencies(&pen)
        pen.blank()
        failures(&pen)
        client(&pen)
        let room = max(0, rows - 1)
        var lines = pen.lines
        if lines.count + gates.count + subject.notes.count > room {
            lines = lines.filter { !$0.isEmpty }
        }
        // One is kept for what gates and notes come to.
        let hasMore = !gates.isEmpty || !subject.notes.isEmpty
        lines = Array(lines.prefix(max(0, hasMore ? room - 1 : room)))
        lines += more(paper, rows: room - lines.count)
        if hasKeys, rows > 1 {
            var foot = paper
            foot.line("q finish now   p \(isPaused ? "go on" : "pause starting")", style: .dim)
            lines += foot.lines
        }
        return lines
    }

    // MARK: Parts

    private func clock(_ pen: inout LivePen) {
        var words = ProgressLine.clock(progress, plan)
        if isPaused { words += "  paused: nothing starts" }
        let room = pen.columns - words.columns - 4
        guard let share = share, room >= 10 else { return pen.line(words, style: .bold) }
        let cells = min(room, 60)
        let full = Int((share * Double(cells)).rounded(.down))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
        pen.line("\(words)  \(bar)", style: isPaused ? .warning : .bold)
    }

    /// How much of the planned time, or of the requests, is over; nil where nobody knows how long
    /// it will be.
    private var share: Double? {
        if let duration = plan.duration {
            let whole = plan.ramp + plan.warmup + duration
            return min(1, max(0, Double(progress.elapsed) / Double(max(1, whole))))
        }
        // Of sessions it is not known of how many requests they will be.
        guard let requests = plan.requests, requests > 0, plan.sessions == nil else { return nil }
        let over = progress.completed + progress.failed + progress.cancelled
        return min(1, Double(over) / Double(requests))
    }

    private func load(_ pen: inout LivePen) {
        var words = subject.target.streams(progress)
        if progress.waiting > 0 { words += ", \(Units.count(progress.waiting)) waiting" }
        pen.field("streams", words)
        let recent = progress.recent.suffix(Self.recentSeconds)
        if let starts = subject.target.starts(recent, progress) { pen.field("starts/s", starts) }
        var requests =
            "\(Units.count(progress.started)) started, \(Units.count(progress.completed)) completed"
        if progress.cancelled > 0 { requests += ", \(Units.count(progress.cancelled)) cancelled" }
        if let share = Units.share(progress.good, of: progress.good + progress.bad) {
            requests += ", \(share) good"
        }
        pen.field("requests", requests)
    }

    private func rates(_ pen: inout LivePen) {
        guard !progress.recent.isEmpty else { return }
        let requests = progress.recent.map { Double($0.completed) / Double($0.seconds) }
        let tokens = progress.recent.map {
            Double($0.tokenEvents) * progress.tokensPerEvent / Double($0.seconds)
        }
        let rows = [
            ("requests/s", requests, ""), ("tokens/s", tokens, ProgressLine.basis(progress)),
        ].map { (name: $0, values: $1, text: "\(Units.rate($1.last ?? 0))/s\($2)") }
        // One second of both stands in one column.
        let width = rows.reduce(12) { max($0, $1.text.columns) }
        for row in rows {
            let text = row.text.padded(toColumns: width)
            let room = pen.room - width - 1
            pen.field(row.name, text + " " + Sparkline.text(row.values, columns: room))
        }
    }

    private func latencies(_ pen: inout LivePen) {
        let rows: [(String, KeyPath<RunInterval, HistogramSnapshot>, HistogramSnapshot)] = [
            ("ttft", \.ttft, progress.ttft), ("gap", \.gap, progress.gap),
        ]
        for (name, path, whole) in rows where !whole.isEmpty {
            var recent = HistogramSnapshot()
            for interval in progress.recent.suffix(Self.recentSeconds) {
                recent.merge(interval[keyPath: path])
            }
            let now = "last \(Self.recentSeconds) s \(Self.figures(recent))".padded(toColumns: 34)
            pen.field(name, "\(now)  run \(Self.figures(whole))")
        }
    }

    private static func figures(_ histogram: HistogramSnapshot) -> String {
        guard !histogram.isEmpty else { return "none" }
        func time(_ percentile: Double) -> String {
            let value = min(histogram.percentile(percentile), histogram.max)
            let text = Units.duration(value, separator: "")
            let count = histogram.count
            let isSupported = HistogramSnapshot.isSupported(percentile: percentile, count: count)
            return isSupported ? text : "(\(text))"
        }
        return "p50 \(time(50)) p99 \(time(99))"
    }

    private func failures(_ pen: inout LivePen) {
        guard progress.failed > 0 else { return pen.field("failures", "none") }
        pen.field("failures", ProgressLine.failures(progress), style: .warning)
    }

    private func client(_ pen: inout LivePen) {
        guard let last = progress.recent.last else { return }
        let greatest = progress.recent.map(\.busiest).max() ?? 0
        let isHigh = last.isClientBusy
        let words =
            "busiest loop \(Units.share(last.busiest)), \(Units.share(greatest)) at most"
            + (isHigh ? ": events wait for the client" : "")
        pen.field("client", words, style: isHigh ? .warning : .plain)
    }

    // MARK: Gates and notes

    /// Gates, then notes, in so many lines; where they don't fit, missed gates come first, and the
    /// last line counts the rest.
    private func more(_ paper: LivePen, rows: Int) -> [String] {
        var pen = paper
        guard gates.count + subject.notes.count > rows else {
            for gate in gates { show(gate, &pen) }
            for note in subject.notes { pen.field("note", note) }
            return pen.lines
        }
        guard rows > 0 else { return [] }
        let order: [ThresholdResult.Outcome] = [.missed, .notJudged, .passed]
        let sorted = order.flatMap { outcome in gates.filter { $0.outcome == outcome } }
        for gate in sorted.prefix(rows - 1) { show(gate, &pen) }
        let notes = subject.notes.prefix(max(0, rows - 1 - gates.count))
        for note in notes { pen.field("note", note) }
        let hidden = sorted.dropFirst(rows - 1)
        var words = order.compactMap { outcome -> String? in
            let count = hidden.count { $0.outcome == outcome }
            return count > 0 ? "\(Units.count(count)) \(Self.word(outcome))" : nil
        }
        if !words.isEmpty { words[0] = "gates: " + words[0] }
        let left = subject.notes.count - notes.count
        if left > 0 { words.append("\(Units.count(left)) note\(left == 1 ? "" : "s")") }
        pen.field(
            "no room for",
            words.joined(separator: ", "),
            style: hidden.contains { $0.outcome == .missed } ? .warning : .plain
        )
        return pen.lines
    }

    private func show(_ gate: ThresholdResult, _ pen: inout LivePen) {
        let (mark, style): (String, LivePen.Style) =
            switch gate.outcome {
            case .passed: ("✓", .good)
            case .missed: ("✗", .warning)
            case .notJudged: ("?", .plain)
            }
        // The name of a class, or a sentence that has it, may hold anything.
        let sentence = Terminal.printable(gate.sentence)
        var words = "\(Terminal.printable(gate.threshold.expression))  \(sentence)"
        let excess = words.columns - (pen.room - 2)
        if excess > 0, let name = gate.threshold.scope {
            // Of the name enough to tell it; the figure is what the line is for.
            let whole = Terminal.printable(name)
            let length = max(Self.leastNameColumns, whole.columns - excess)
            let shown = whole.cutInside(toColumns: length)
            words = "\(shown): \(Terminal.printable(gate.threshold.condition))  \(sentence)"
        }
        pen.field("gate", "\(mark) \(words)", style: style)
    }

    private static func word(_ outcome: ThresholdResult.Outcome) -> String {
        switch outcome {
        case .passed: "passed"
        case .missed: "missed"
        case .notJudged: "not judged"
        }
    }
}
