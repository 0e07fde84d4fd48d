// The flags that say what users do besides waiting for the end of a stream, and what they make of a
// plan.

import ArgumentParser
import SSEBombCore

/// Users that leave early.
struct BehaviourOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Close streams before their end: after '50 tokens' or a time such as 2s; also exp:2s, "
                + "lognormal:2s,0.5, 'uniform:10,80 tokens'.",
            valueName: "WHEN"
        )
    )
    var cancelAfter: String?

    @Option(
        help: ArgumentHelp("Share of the requests closed so (default: all).", valueName: "SHARE"),
        transform: ValueParsing.share
    )
    var cancelShare: Double?

    /// Adds what was asked for to `plan`.
    func apply(to plan: inout RunPlan) throws(SetupError) {
        plan.cancellation = try cancellation()
    }

    private func cancellation() throws(SetupError) -> Cancellation? {
        guard let text = cancelAfter else {
            if cancelShare == nil { return nil }
            throw SetupError(
                .usage,
                "--cancel-share needs --cancel-after: say when, such as --cancel-after 2s"
            )
        }
        var value = Substring(text)
        let suffix = ["tokens", "token"].first { value.hasSuffix($0) }
        if let suffix {
            value.removeLast(suffix.count)
            while value.last == " " { value.removeLast() }
        }
        let after = try Distribution(
            parsing: String(value),
            as: suffix == nil ? .duration : .count,
            flag: "--cancel-after"
        )
        return Cancellation(
            after: after,
            unit: suffix == nil ? .time : .tokens,
            share: cancelShare ?? 1,
            text: text
        )
    }
}

extension ValueParsing {
    /// "20%" or "0.2": a share above 0, 1 at most.
    static func share(_ text: String) throws(ValueError) -> Double {
        let isPercent = text.hasSuffix("%")
        let digits = isPercent ? text.dropLast() : Substring(text)
        let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
        let value = isNumber ? Double(digits).map { isPercent ? $0 / 100 : $0 } : nil
        guard let value, value > 0, value <= 1 else {
            throw ValueError("write a share above 0 and up to 1, such as 20% or 0.2")
        }
        return value
    }
}
