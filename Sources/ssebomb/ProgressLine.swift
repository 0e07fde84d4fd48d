// What is shown on standard error while a run goes on: one line redrawn in place on a terminal, one
// plain line every ten seconds elsewhere. Only words and figures; the engine says when.

import Glibc
import SSEBombCore
import SSEBombReport
import Synchronization

/// How progress is shown.
enum ProgressStyle: Equatable {
    case live, plain, none
}

/// The progress of one run. Called from one thread.
struct ProgressLine {
    /// Nanoseconds between two plain lines.
    static let plainInterval = Nanoseconds.seconds(10)
    /// A live line at most ten times a second; the slack lets a ten-a-second caller pass.
    static let liveInterval = Nanoseconds.milliseconds(95)
    /// The stretch that "tokens/s" is taken over.
    static let rateWindow = Nanoseconds.seconds(1)

    /// Whether a live line stands on the terminal: the signal thread must know.
    private static let isDrawn = Atomic<Bool>(false)

    private struct Sample {
        var at: Int64
        var tokenEvents: UInt64
    }

    private let plan: RunPlan
    private let target: LiveTarget
    private let style: ProgressStyle
    private let columns: () -> Int
    private let write: (String) -> Void
    private var lastShown: Int64?
    private var lastPhase: RunPhase?
    private var samples: [Sample] = []

    init(
        plan: RunPlan,
        target: LiveTarget? = nil,
        style: ProgressStyle,
        columns: @escaping () -> Int = { Terminal.columns(of: STDERR_FILENO, otherwise: 80) },
        write: @escaping (String) -> Void = Terminal.progress
    ) {
        self.plan = plan
        self.target = target ?? LiveTarget([plan])
        self.style = style
        self.columns = columns
        self.write = write
    }

    /// Shows `progress` where it is time to.
    mutating func update(_ progress: RunProgress) {
        guard style != .none, progress.phase != .ended else { return }
        keepSample(of: progress)
        let interval = style == .live ? Self.liveInterval : Self.plainInterval
        if progress.phase == lastPhase, let last = lastShown, progress.elapsed - last < interval {
            return
        }
        lastShown = progress.elapsed
        lastPhase = progress.phase
        switch style {
        case .none: break
        case .plain: write(text(progress, columns: .max) + "\n")
        case .live:
            // One column is left free: a full line would make some terminals scroll.
            let room = max(columns() - 1, 1)
            Self.isDrawn.store(true, ordering: .relaxed)
            write("\r" + text(progress, columns: room) + "\u{1B}[K")
        }
    }

    /// Draws a line of another command's making in the live line's place.
    static func redraw(_ text: String) {
        guard Terminal.isInForeground() else { return }
        let room = max(Terminal.columns(of: STDERR_FILENO, otherwise: 80) - 1, 1)
        isDrawn.store(true, ordering: .relaxed)
        Terminal.error("\r" + text.prefix(room) + "\u{1B}[K")
    }

    /// Takes the live line, or the live view, away; the report comes next.
    static func clearIfDrawn() {
        LiveScreen.leave()
        if isDrawn.exchange(false, ordering: .relaxed) { Terminal.error("\r\u{1B}[K") }
    }

    private func text(_ progress: RunProgress, columns: Int) -> String {
        Self.text(
            progress,
            plan,
            target,
            eventRate.map { $0 * progress.tokensPerEvent },
            columns: columns
        )
    }

    private mutating func keepSample(of progress: RunProgress) {
        samples.append(Sample(at: progress.elapsed, tokenEvents: progress.tokenEvents))
        // The oldest kept sample is the youngest that is a whole window old.
        while samples.count > 2, progress.elapsed - samples[1].at >= Self.rateWindow {
            samples.removeFirst()
        }
    }

    /// Token-bearing events per second over the last window; nil until there are two samples.
    private var eventRate: Double? {
        guard let first = samples.first, let last = samples.last, last.at > first.at,
            last.tokenEvents >= first.tokenEvents
        else { return nil }
        return Double(last.tokenEvents - first.tokenEvents) * 1e9 / Double(last.at - first.at)
    }
}

extension ProgressLine {
    /// The line: in full words where there is room for all of it, else in short ones, with as many
    /// kinds of failure as leave room for the rest; where even without them not all of it fits, as
    /// many parts as do in order of importance.
    ///
    /// - Parameter tokenRate: tokens a second; nil where nobody knows it yet.
    static func text(
        _ progress: RunProgress,
        _ plan: RunPlan,
        _ target: LiveTarget,
        _ tokenRate: Double?,
        columns: Int
    ) -> String {
        func parts(kinds: Int, inShort: Bool) -> [String] {
            self.parts(progress, plan, target, tokenRate, kinds: kinds, inShort: inShort)
        }
        let full = parts(kinds: .max, inShort: false).joined(separator: " | ")
        if full.count <= columns { return full }
        for kinds in stride(from: progress.failures.count, through: 1, by: -1) {
            let line = parts(kinds: kinds, inShort: true).joined(separator: "  ")
            if line.count <= columns { return line }
        }
        var line = ""
        for part in parts(kinds: 0, inShort: true) {
            let joined = line.isEmpty ? part : "\(line)  \(part)"
            if joined.count > columns { break }
            line = joined
        }
        return line.isEmpty ? String(name(of: progress.phase).prefix(columns)) : line
    }

    private static func parts(
        _ progress: RunProgress,
        _ plan: RunPlan,
        _ target: LiveTarget,
        _ tokenRate: Double?,
        kinds: Int,
        inShort: Bool
    ) -> [String] {
        var parts = [clock(progress, plan)]
        let held = target.shortStreams(progress)
        parts.append(inShort && held.contains("/") ? held : "\(held) streams")
        if progress.waiting > 0 { parts.append("\(Units.count(progress.waiting)) waiting") }
        if progress.failed > 0 { parts.append(failures(progress, kinds: kinds)) }
        parts.append("\(Units.count(progress.completed)) done")
        if progress.cancelled > 0 {
            parts.append("\(Units.count(progress.cancelled)) cancelled")
        }
        if let share = Units.share(progress.good, of: progress.good + progress.bad) {
            parts.append("\(share) good")
        }
        if let tokenRate {
            parts.append(
                "\(Units.rate(tokenRate)) \(inShort ? "tok/s" : "tokens/s")\(basis(progress))"
            )
        }
        let separator = inShort ? "" : " "
        func time(_ histogram: HistogramSnapshot, _ percentile: Double) -> String {
            Units.duration(histogram.percentile(percentile), separator: separator)
        }
        if !progress.ttft.isEmpty { parts.append("ttft p50 \(time(progress.ttft, 50))") }
        if !progress.gap.isEmpty {
            parts.append("gap p50 \(time(progress.gap, 50)) p99 \(time(progress.gap, 99))")
        }
        return parts
    }

    /// Phase, time since its start and its length, e.g. "measured 12/60 s".
    static func clock(_ progress: RunProgress, _ plan: RunPlan) -> String {
        let measuredFrom = plan.ramp + plan.warmup
        let begin: Int64
        let length: Int64?
        switch progress.phase {
        case .ramp: (begin, length) = (0, plan.ramp)
        case .warmup: (begin, length) = (plan.ramp, plan.warmup)
        case .measured: (begin, length) = (measuredFrom, plan.duration)
        case .drain, .ended:
            // With -n alone nobody knows beforehand when draining begins.
            guard let duration = plan.duration, plan.requests == nil else {
                return name(of: progress.phase)
            }
            (begin, length) = (measuredFrom + duration, plan.drain)
        }
        let seconds = max(0, progress.elapsed - begin) / Nanoseconds.seconds(1)
        let total = length.map { "/\(wholeSeconds($0))" } ?? ""
        return "\(name(of: progress.phase)) \(seconds)\(total) s"
    }

    private static func wholeSeconds(_ time: Int64) -> String {
        time % Nanoseconds.seconds(1) == 0
            ? "\(time / Nanoseconds.seconds(1))"
            : "\(Double(time / Nanoseconds.milliseconds(1)) / 1_000)"
    }

    /// Their number, and that of the most frequent kinds.
    static func failures(_ progress: RunProgress, kinds most: Int = .max) -> String {
        let all = progress.failures.filter { $0.value > 0 }
        var kinds = all.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .prefix(most)
            .map { "\($0.key.name) \(Units.count($0.value))" }
        let total = "\(Units.count(progress.failed)) failed"
        if kinds.isEmpty { return total }
        if kinds.count < all.count { kinds.append("…") }
        return "\(total): \(kinds.joined(separator: ", "))"
    }

    /// What tokens are, behind their rate, where they aren't token-bearing events.
    static func basis(_ progress: RunProgress) -> String {
        progress.tokenBasis == .event ? "" : " (\(progress.tokenBasis.rawValue))"
    }

    private static func name(of phase: RunPhase) -> String {
        switch phase {
        case .ramp: "ramp"
        case .warmup: "warm-up"
        case .measured: "measured"
        case .drain: "drain"
        case .ended: "ended"
        }
    }
}
