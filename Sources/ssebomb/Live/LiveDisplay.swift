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

    private let plan: RunPlan
    private let title: String
    private let hasKeys: Bool
    private var gates: [ThresholdResult] = []
    private var isPaused = false
    private var line: ProgressLine
    private var lastDrawn: Int64?
    /// Whether the view is drawn; the line is, otherwise.
    let isOnScreen: Bool

    /// - Parameter title: the target, without secrets.
    init(_ plan: RunPlan, title: String, style: ProgressStyle) {
        self.plan = plan
        self.title = title
        line = ProgressLine(plan: plan, style: style)
        isOnScreen = style == .live && Self.hasRoom
        hasKeys = isOnScreen && LiveScreen.enter()
    }

    private static var hasRoom: Bool {
        guard let size = Terminal.size(of: STDERR_FILENO) else { return false }
        return size.columns >= LiveView.leastColumns && size.rows >= LiveView.leastRows
    }

    /// Shows how gates stand.
    mutating func show(gates: [ThresholdResult]) { self.gates = gates }

    /// Shows `progress` where it is time to; returns what keys have asked for.
    mutating func update(_ progress: RunProgress) -> [Wish] {
        guard isOnScreen else {
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
            plan: plan,
            title: title,
            gates: gates,
            isPaused: isPaused,
            hasKeys: hasKeys
        )
        // Asked for anew each time: a resize needs nothing else.
        let size = Terminal.size(of: STDERR_FILENO) ?? (80, 24)
        let color = Terminal.canColor(STDERR_FILENO)
        LiveScreen.draw(view.lines(columns: size.columns, rows: size.rows, color: color))
    }

    private func wishes() -> [Wish] {
        guard hasKeys else { return [] }
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
