// The gates of one run, from its start to its result: those that may end it are judged while it
// goes on, all of them at its end. Must not know who ends the run, nor what the exit status is.

public import SSEBombCore

/// Judges gates during a run and after it.
public struct ThresholdWatch: Sendable {
    private let thresholds: [Threshold]
    /// By place in `thresholds`, those that have ended the run.
    private var ended: [Int: ThresholdResult] = [:]

    /// Watches over `thresholds`.
    public init(_ thresholds: [Threshold]) { self.thresholds = thresholds }

    /// Whether any gate may end the run.
    public var canAbort: Bool { thresholds.contains { $0.abortAfter != nil } }

    /// Whether the run should end now: a gate that may end it is missed by what is known so far.
    public mutating func shouldAbort(_ standing: RunResult) -> Bool {
        for (index, threshold) in thresholds.enumerated() {
            guard let delay = threshold.abortAfter, standing.measured > 0,
                standing.measured >= delay
            else { continue }
            var result = threshold.judge(standing)
            guard result.outcome == .missed else { continue }
            result.hasEndedRun = true
            let after = Units.duration(standing.measured)
            result.sentence = "ended the run after \(after): \(result.sentence)"
            ended[index] = result
        }
        return !ended.isEmpty
    }

    /// What became of the gates, in their order. One that ended the run stays missed: what it went
    /// by is what it is reported with.
    public func results(_ result: RunResult) -> [ThresholdResult] {
        thresholds.enumerated().map { index, threshold in ended[index] ?? threshold.judge(result) }
    }
}

extension [ThresholdResult] {
    /// Whether a gate was missed.
    public var isMissed: Bool { contains { $0.outcome == .missed } }
    /// Whether a gate could not be judged.
    public var isUnjudged: Bool { contains(where: \.isUnjudged) }

    /// One sentence that names the gates that did not pass; nil where all did.
    public var complaint: String? {
        func names(_ outcome: ThresholdResult.Outcome) -> String {
            filter { $0.outcome == outcome }.map {
                "'\(PrintableText.line($0.threshold.expression))'"
            }
            .joined(separator: ", ")
        }
        let (missed, unjudged) = (names(.missed), names(.notJudged))
        var parts: [String] = []
        if !missed.isEmpty { parts.append("threshold missed: \(missed)") }
        if !unjudged.isEmpty { parts.append("threshold not judged: \(unjudged)") }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }
}
