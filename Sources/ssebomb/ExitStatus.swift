// The exit statuses of ssebomb, which scripts rely on, and who decides which one applies. Must not
// know how anything is printed.

import SSEBombCore
import SSEBombReport

/// Every status that ssebomb exits with. Stable: documented in the help and in CLI documents.
enum ExitStatus {
    /// The run (or probe) was carried out.
    static let success: Int32 = 0
    /// Internal failure, a result that couldn't be written, or a failed probe.
    static let failure: Int32 = 1
    /// The arguments, or files named by them, are at fault (EX_USAGE).
    static let usage: Int32 = 64
    /// Not one request completed and some failed, or the target's name is unknown (EX_UNAVAILABLE).
    static let unavailable: Int32 = 69
    /// A gate could not be judged: too few samples, or nothing measured.
    static let unjudged: Int32 = 96
    /// The measurement is not valid, and `--strict` asks for that; `selftest`: not one load could
    /// be trusted.
    static let disbelieved: Int32 = 97
    /// `compare` found a regression.
    static let regression: Int32 = 98
    /// A gate was missed; k6's number.
    static let missed: Int32 = 99
    /// SIGHUP, SIGINT or SIGTERM: 128 plus the signal, that is 129, 130 or 143.
    static func signalled(_ signal: Int32) -> Int32 { 128 + signal }

    /// The status of a set-up error.
    static func of(_ error: SetupError) -> Int32 {
        switch error.kind {
        case .usage: usage
        case .unavailable: unavailable
        case .system: failure
        }
    }

    /// The status after a run. Where several apply, a signal comes first, then what couldn't be
    /// written, then a target that served nothing, then a verdict that `--strict` can't take,
    /// then gates: missed before not judged.
    static func afterRun(
        interruptedBy signal: Int32?,
        couldNotWrite: Bool,
        served: UInt64,
        failed: UInt64,
        isDisbelieved: Bool,
        thresholds: [ThresholdResult]
    ) -> Int32 {
        if let signal { return signalled(signal) }
        if couldNotWrite { return failure }
        if served == 0 && failed > 0 { return unavailable }
        if isDisbelieved { return disbelieved }
        if thresholds.isMissed { return missed }
        return thresholds.isUnjudged ? unjudged : success
    }

    /// The status of several runs: that which comes first of theirs, in the order above.
    static func worst(_ statuses: [Int32]) -> Int32 {
        let order = [failure, unavailable, disbelieved, missed, unjudged]
        return statuses.first { $0 > 128 }
            ?? order.first { statuses.contains($0) }
            ?? success
    }
}
