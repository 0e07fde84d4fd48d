// How objectives are written (`--slo`), from text to limits. Pure functions; what a request is
// judged by them to be, the engine knows.

import SSEBombCore

/// Reads `METRIC<TIME[,METRIC<TIME...]`; `<=` includes the bound. Spaces don't matter.
enum ObjectiveParsing {
    private static let example = "write for example ttft<500ms,max_gap<200ms,e2e<20s"

    /// The objectives that `text` describes.
    static func objectives(_ text: String) throws(ValueError) -> ServiceObjectives {
        var limits: [Objective] = []
        let spaceless = text.filter { $0 != " " }
        for part in spaceless.split(separator: ",", omittingEmptySubsequences: false) {
            let limit = try limit(part)
            guard !limits.contains(where: { $0.metric == limit.metric }) else {
                throw ValueError("\(limit.metric.rawValue) is limited twice: keep one of them")
            }
            limits.append(limit)
        }
        return ServiceObjectives(limits)
    }

    private static func limit(_ text: Substring) throws(ValueError) -> Objective {
        guard let sign = text.firstIndex(where: { "<>=!:".contains($0) }) else {
            throw ValueError("'\(text)' has no limit: \(example)")
        }
        let name = String(text[..<sign])
        guard text[sign] != ":" else {
            throw ValueError(
                "'\(text)' is a gate's notation: an objective is for each request, as in "
                    + "\(name)<500ms"
            )
        }
        guard text[sign] == "<" else {
            throw ValueError("'\(text)' must use < or <=: \(example)")
        }
        guard let metric = Metric(rawValue: name), ServiceObjectives.metrics.contains(metric) else {
            let names = ServiceObjectives.metrics.map(\.rawValue).joined(separator: ", ")
            throw ValueError("'\(name)' isn't one of \(names): \(example)")
        }
        var bound = text[text.index(after: sign)...]
        let isInclusive = bound.hasPrefix("=")
        if isInclusive { bound = bound.dropFirst() }
        // The flags' bare seconds beside k6's bare milliseconds would be a trap here.
        guard bound.contains(where: \.isLetter),
            let time = try? ValueParsing.duration(String(bound))
        else { throw ValueError("'\(bound)' isn't a time with its unit: \(example)") }
        guard isInclusive || time > 0 else {
            throw ValueError("'\(text)' can't be kept: nothing takes less than no time")
        }
        return Objective(
            metric: metric,
            greatest: isInclusive ? time : time - 1,
            text: String(text)
        )
    }
}
