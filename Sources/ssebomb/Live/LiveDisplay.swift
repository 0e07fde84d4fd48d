// The progress of a run on a terminal: the view where there is room for it, one line where there
// isn't, and what keys do. Called on the coordinator's thread; the loops know nothing of it.

import Glibc
import SSEBombCore
import SSEBombReport

/// Shows one run.
struct LiveDisplay {
    /// What a key asks for.
    enum Wish: Equatable {
        case finish
        case pause(Bool)
    }

    private let subject: LiveSubject
    private let style: ProgressStyle
    private var gates: [ThresholdResult] = []
    private var isPaused = false
    private var line: ProgressLine
    /// For a run that was started in the background, until it comes to the foreground.
    private var plainLine: ProgressLine?
    private var lastDrawn: Int64?
    /// Whether there is a view, and not a line.
    let hasView: Bool

    init(_ subject: LiveSubject, style: ProgressStyle) {
        self.subject = subject
        self.style = style
        line = ProgressLine(plan: subject.plan, target: subject.target, style: style)
        hasView = style == .live && Self.hasRoom
        if style == .live {
            plainLine = ProgressLine(plan: subject.plan, target: subject.target, style: .plain)
        }
        guard hasView else { return }
        LiveScreen.want()
        if LiveScreen.hold() { plainLine = nil }
    }

    private static var hasRoom: Bool {
        guard let size = Terminal.size(of: STDERR_FILENO) else { return false }
        return size.columns >= LiveView.leastColumns && size.rows >= LiveView.leastRows
    }

    /// Shows how gates stand.
    mutating func show(gates: [ThresholdResult]) { self.gates = gates }

    /// Shows `progress` where it is time to; returns what keys have asked for.
    mutating func update(_ progress: RunProgress) -> [Wish] {
        guard style == .live else {
            line.update(progress)
            return []
        }
        // Sent to the background it says nothing: the terminal is another's.
        guard hasView ? LiveScreen.hold() : Terminal.isInForeground() else {
            plainLine?.update(progress)
            return []
        }
        plainLine = nil
        guard hasView else {
            line.update(progress)
            return []
        }
        let wishes = wishes()
        for case .pause(let isPaused) in wishes { self.isPaused = isPaused }
        let isDue = lastDrawn.map { progress.elapsed - $0 >= ProgressLine.liveInterval } ?? true
        if isDue || !wishes.isEmpty { draw(progress) }
        return wishes
    }

    private mutating func draw(_ progress: RunProgress) {
        lastDrawn = progress.elapsed
        let view = LiveView(
            progress: progress,
            subject: subject,
            gates: gates,
            isPaused: isPaused,
            hasKeys: LiveScreen.hasKeys
        )
        // Asked for anew each time: a resize needs nothing else.
        let size = Terminal.size(of: STDERR_FILENO) ?? (80, 24)
        let color = Terminal.canColor(STDERR_FILENO)
        // In the last column a terminal waits with the cursor on the cell, and what clears the rest
        // of the line would clear that.
        LiveScreen.draw(view.lines(columns: size.columns - 1, rows: size.rows, color: color))
    }

    private func wishes() -> [Wish] {
        var isPaused = isPaused
        return LiveScreen.keys().compactMap { key in
            switch key {
            case UInt8(ascii: "q"), UInt8(ascii: "Q"): return .finish
            case UInt8(ascii: "p"), UInt8(ascii: "P"):
                isPaused.toggle()
                return .pause(isPaused)
            default: return nil
            }
        }
    }
}
