// The flags that say what users do besides waiting for the end of a stream, and what they make of a
// plan.

import ArgumentParser
import SSEBombCore

/// Users that leave early, read slowly, or stay subscribed.
struct BehaviourOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Close streams before their end: after '50 tokens' or a time such as 2s; also exp:2s, "
                + "normal:2s,500ms, lognormal:2s,0.5, 'uniform:10,80 tokens'.",
            valueName: "WHEN"
        )
    )
    var cancelAfter: String?

    @Option(
        help: ArgumentHelp("Share of the requests closed so (default: all).", valueName: "SHARE"),
        transform: ValueParsing.share
    )
    var cancelShare: Double?

    @Option(
        help: ArgumentHelp(
            "Read streams at this rate and no faster, from a small receive buffer, e.g. 2k/s.",
            valueName: "BYTES/s"
        ),
        transform: ValueParsing.readRate
    )
    var readRate: Double?

    @Option(
        help: ArgumentHelp("Share of the requests read so (default: all).", valueName: "SHARE"),
        transform: ValueParsing.share
    )
    var slowShare: Double?

    @Flag(
        name: .customLong("eventsource"),
        help: "Streams are subscriptions: one that ends reconnects as a browser does; with -c."
    )
    var eventSource = false

    /// Adds what was asked for to `plan`.
    func apply(to plan: inout RunPlan) throws(SetupError) {
        plan.cancellation = try cancellation()
        if eventSource { try subscribe(&plan) }
        if readRate == nil, slowShare != nil {
            throw SetupError(
                .usage,
                "--slow-share needs --read-rate: say how fast, such as --read-rate 2k/s"
            )
        }
        plan.slowReaders = readRate.map { SlowReaders(rate: $0, share: slowShare ?? 1) }
    }

    private func subscribe(_ plan: inout RunPlan) throws(SetupError) {
        let headers = plan.request.headers
        let obstacles: [(Bool, String)] = [
            (plan.sessions != nil, "--turns: a subscriber says nothing; leave it out"),
            (plan.arrivals != nil, "-R: subscriptions stay, so say how many with -c"),
            (
                plan.request.method != "GET" || plan.request.body != nil,
                "a method other than GET, or a body: leave them out"
            ),
            (plan.until != nil, "--until: a subscription has no last event: leave it out"),
            (
                headers.contains { $0.name.lowercased() == "last-event-id" },
                "-H 'Last-Event-ID': the field is made of the IDs that come: leave it out"
            ),
        ]
        if let obstacle = obstacles.first(where: \.0) {
            throw SetupError(.usage, "--eventsource doesn't go with \(obstacle.1)")
        }
        plan.eventSource = true
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
        let after = try? Distribution(
            parsing: String(value),
            as: suffix == nil ? .duration : .count,
            flag: "--cancel-after"
        )
        guard let after else {
            throw SetupError(
                .usage,
                "--cancel-after can't be '\(text)': write '50 tokens', 2s, exp:2s, normal:2s,500ms,"
                    + " lognormal:2s,0.5, uniform:1s,5s or 'uniform:10,200 tokens'"
            )
        }
        if after.isZero {
            throw SetupError(.usage, "--cancel-after '\(text)': it must be above 0")
        }
        return Cancellation(
            after: after,
            unit: suffix == nil ? .time : .tokens,
            share: cancelShare ?? 1,
            text: text
        )
    }
}

extension ValueParsing {
    /// "2k/s", "512": bytes a second, k, M and G as powers of 1,024.
    static func readRate(_ text: String) throws(ValueError) -> Double {
        let size = text.hasSuffix("/s") ? String(text.dropLast(2)) : text
        guard let bytes = try? Self.size(size), bytes > 0 else {
            throw ValueError("write bytes a second such as 512, 2k/s or 1M/s (k is 1,024)")
        }
        return Double(bytes)
    }

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
