// What speaks against a comparison before a figure is looked at: a run on both sides, plans that
// are unlike, verdicts. Refusals name the flag that allows it all the same.

import SSEBombCore

/// Refuses, or says what should be known.
enum ComparisonChecks {
    /// Beyond this share of a metric's samples, waits that never ended are told.
    private static let shareOfWaits = 0.01

    static func warnings(
        _ base: [ComparedRun],
        _ new: [ComparedRun],
        _ options: ComparisonOptions
    ) throws(ComparisonRefusal) -> [String] {
        try checkIdentities(base, new)
        var warnings = try plans(base, new, options)
        warnings += try verdicts(base + new, options)
        for run in base + new {
            for metric in ComparedRun.metrics {
                guard let series = run.latencies[metric] else { continue }
                let all = Double(series.whole.count + series.unfinished)
                guard Double(series.unfinished) > shareOfWaits * all else { continue }
                warnings.append(
                    "\(run.name): \(Units.count(series.unfinished)) waits for \(metric.rawValue) "
                        + "never ended and are in none of its percentiles"
                )
            }
        }
        let bases = Set((base + new).compactMap(\.tokenBasis))
        if bases.count > 1 {
            let names = bases.map(\.rawValue).sorted().joined(separator: ", ")
            warnings.append("tokens were counted in different ways (\(names))")
        }
        return warnings
    }

    private static func checkIdentities(
        _ base: [ComparedRun],
        _ new: [ComparedRun]
    ) throws(ComparisonRefusal) {
        var seen: [String: ComparedRun] = [:]
        for run in base + new {
            for id in run.identities {
                guard let other = seen[id] else {
                    seen[id] = run
                    continue
                }
                let names = "\(run.name) and \(other.name)"
                throw ComparisonRefusal(
                    isDisbelief: false,
                    sentence: run.identities == other.identities
                        ? "\(names) are the same run: name it once"
                        : "\(names) have a run in common (\(PrintableText.line(id))): name it once"
                )
            }
        }
    }

    private static func plans(
        _ base: [ComparedRun],
        _ new: [ComparedRun],
        _ options: ComparisonOptions
    ) throws(ComparisonRefusal) -> [String] {
        let runs = base + new
        // Not every run has a digest of its requests to hold others against.
        let known = runs.first { $0.plan[PlanDifference.digest] != nil }
        guard
            let words = runs.lazy.compactMap({ other in
                runs.first.flatMap { unlike($0, other) } ?? known.flatMap { otherWork($0, other) }
            }).first
        else { return [] }
        guard options.allowsUnlike else {
            throw ComparisonRefusal(
                isDisbelief: false,
                sentence: "\(words): repeat one of them, or say --allow-unlike"
            )
        }
        return [words]
    }

    private static func unlike(_ first: ComparedRun, _ other: ComparedRun) -> String? {
        let differences = PlanDifference.between(first, other)
        guard differences.contains(where: { $0.field != PlanDifference.digest }) else {
            return nil
        }
        let named = differences.prefix(3)
            .map { "\($0.field): \($0.base) and \($0.new)" }.joined(separator: "; ")
        let more = differences.count > 3 ? "; and \(differences.count - 3) more" : ""
        return "the plans of \(first.name) and \(other.name) are unlike (\(named)\(more))"
    }

    private static func otherWork(_ one: ComparedRun, _ other: ComparedRun) -> String? {
        let digest = PlanDifference.digest
        guard let left = one.plan[digest], let right = other.plan[digest], left != right else {
            return nil
        }
        return "\(one.name) and \(other.name) asked for different work (\(RequestDigest.words))"
    }

    private static func verdicts(
        _ runs: [ComparedRun],
        _ options: ComparisonOptions
    ) throws(ComparisonRefusal) -> [String] {
        var warnings: [String] = []
        for run in runs where run.verdict.state != .valid {
            // What to do goes on the sentence.
            var reason = run.verdict.reasons.first?.sentence ?? ""
            if reason.hasSuffix(".") { reason.removeLast() }
            let words = "\(run.name) is \(run.verdict.state.rawValue): \(reason)"
            if run.verdict.state == .invalid, !options.allowsInvalid {
                throw ComparisonRefusal(
                    isDisbelief: true,
                    sentence: "\(words); repeat it, or say --allow-invalid"
                )
            }
            warnings.append(words)
        }
        return warnings
    }
}
