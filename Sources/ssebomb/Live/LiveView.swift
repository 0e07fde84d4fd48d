// The live view as lines of text: a pure function of where the run stands, the room there is, and
// whether colours are wanted. Knows no terminal.

import SSEBombCore
import SSEBombReport

/// What the view shows.
struct LiveView {
    var progress: RunProgress
    var plan: RunPlan
    /// The target, or the number of classes, without secrets.
    var title: String
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
    /// What "the last seconds" are.
    private static let recentSeconds = RunProgress.secondsOfLatencies

    /// The lines, no more than `rows`, the most important first.
    func lines(columns: Int, rows: Int, color: Bool) -> [String] {
        let width = min(columns, Self.mostColumns)
        var pen = LivePen(columns: width, color: color)
        pen.line(title, style: .bold)
        pen.blank()
        clock(&pen)
        load(&pen)
        rates(&pen)
        pen.blank()
        latencies(&pen)
        pen.blank()
        failures(&pen)
        client(&pen)
        gates(&pen)
        var lines = pen.lines
        if lines.count > rows - 1 { lines = lines.filter { !$0.isEmpty } }
        lines = Array(lines.prefix(max(0, rows - 1)))
        if hasKeys, rows > 1 {
            var foot = LivePen(columns: width, color: color)
            foot.line("q finish now   p \(isPaused ? "go on" : "pause starting")", style: .dim)
            lines += foot.lines
        }
        return lines
    }

    // MARK: Parts

    private func clock(_ pen: inout LivePen) {
        var words = ProgressLine.clock(progress, plan)
        if isPaused { words += "  paused: nothing starts" }
        let room = pen.columns - words.count - 4
        guard let share = share, room >= 10 else { return pen.line(words, style: .bold) }
        let cells = min(room, 60)
        let full = Int((share * Double(cells)).rounded(.down))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
        pen.line("\(words)  \(bar)", style: isPaused ? .warning : .bold)
    }

    /// How much of the planned time is over; nil where nobody knows how long it will be.
    private var share: Double? {
        if let duration = plan.duration {
            let whole = plan.ramp + plan.warmup + duration
            return min(1, max(0, Double(progress.elapsed) / Double(max(1, whole))))
        }
        guard let requests = plan.requests, requests > 0 else { return nil }
        return min(1, Double(progress.completed + progress.failed) / Double(requests))
    }

    private func load(_ pen: inout LivePen) {
        var words = "\(Units.count(progress.inFlight)) of \(Units.count(plan.streams)) in flight"
        if progress.waiting > 0 { words += ", \(Units.count(progress.waiting)) waiting" }
        pen.field("streams", words)
        pen.field(
            "requests",
            "\(Units.count(progress.started)) started, \(Units.count(progress.completed)) completed"
        )
    }

    private func rates(_ pen: inout LivePen) {
        guard !progress.recent.isEmpty else { return }
        func row(_ name: String, _ values: [Double]) {
            let rate = Units.rate(values.last ?? 0)
            let text = "\(rate)/s".padded(to: 12)
            let room = pen.room - text.count - 1
            pen.field(name, text + " " + Sparkline.text(values, columns: room))
        }
        row("requests/s", progress.recent.map { Double($0.completed) / Double($0.seconds) })
        row("tokens/s", progress.recent.map { Double($0.tokenEvents) / Double($0.seconds) })
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
            let now = "last \(Self.recentSeconds) s \(Self.figures(recent))".padded(to: 34)
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

    private func gates(_ pen: inout LivePen) {
        for gate in gates {
            let (mark, style): (String, LivePen.Style) =
                switch gate.outcome {
                case .passed: ("✓", .good)
                case .missed: ("✗", .warning)
                case .notJudged: ("?", .plain)
                }
            pen.field(
                "gate",
                "\(mark) \(gate.threshold.expression)  \(gate.sentence)",
                style: style
            )
        }
    }
}

extension String {
    /// With spaces behind it, at least so long.
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    /// No longer than so many columns, with an ellipsis where that takes something away: at the end
    /// of a word, if one ends in the second half of the room. Half a figure would be another one.
    fileprivate func cut(to columns: Int) -> String {
        guard count > columns else { return self }
        guard columns > 0 else { return "" }
        // The place of the ellipsis may be that of the space behind a word.
        let space = prefix(columns).lastIndex(of: " ")
        var end = index(startIndex, offsetBy: columns - 1)
        if let space, distance(from: startIndex, to: space) * 2 >= columns { end = space }
        var kept = self[..<end]
        while kept.last == " " { kept.removeLast() }
        return kept + "…"
    }
}

/// Writes lines of a width.
struct LivePen {
    enum Style { case plain, bold, dim, good, warning }

    let columns: Int
    let color: Bool
    private(set) var lines: [String] = []

    private static let nameColumns = 12

    init(columns: Int, color: Bool) {
        self.columns = columns
        self.color = color
    }

    /// Columns beside a field's name.
    var room: Int { max(0, columns - Self.nameColumns) }

    mutating func blank() { lines.append("") }

    mutating func line(_ text: String, style: Style = .plain) {
        lines.append(painted(text.cut(to: columns), style))
    }

    mutating func field(_ name: String, _ text: String, style: Style = .plain) {
        let shown = text.cut(to: room)
        let head = String(name.padded(to: Self.nameColumns).prefix(columns))
        lines.append(painted(head, .dim) + painted(shown, style))
    }

    private func painted(_ text: String, _ style: Style) -> String {
        guard color else { return text }
        let code =
            switch style {
            case .plain: ""
            case .bold: "1"
            case .dim: "2"
            case .good: "32"
            case .warning: "31"
            }
        return code.isEmpty ? text : "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

/// A row of small columns.
enum Sparkline {
    private static let blocks = Array("▁▂▃▄▅▆▇█")

    /// The last `columns` of `values`, each as high as it is compared with the greatest.
    static func text(_ values: [Double], columns: Int) -> String {
        let shown = values.suffix(max(0, columns))
        guard let greatest = shown.max(), greatest > 0 else {
            return String(repeating: blocks[0], count: shown.count)
        }
        return String(
            shown.map { value in
                let height = (value / greatest * Double(blocks.count - 1)).rounded()
                return blocks[max(0, min(blocks.count - 1, Int(height)))]
            }
        )
    }
}
