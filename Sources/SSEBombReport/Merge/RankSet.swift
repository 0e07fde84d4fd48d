// Whether results are of the processes that shared one load (`--rank`, `--ranks`): what was merged
// before doesn't say. Must not know how results are joined.

import SSEBombCore

/// The ranks among the parts of a merge.
struct RankSet {
    private var names: [Int: String] = [:]
    private var count: Int?

    /// Refuses parts that can't be of one load.
    init(_ parts: [ResultMerge.Part]) throws(MergeError) {
        let known = parts.filter { $0.run.result.plan.knownRank != nil }
        guard let first = known.first, let rank = first.run.result.plan.knownRank else { return }
        count = rank.count
        for part in parts where part.run.result.merged == nil {
            guard let own = part.run.result.plan.knownRank, own.count == rank.count else {
                throw MergeError(
                    sentence: "\(first.name) is of a load of \(rank.count) ranks, and \(part.name) "
                        + "is not: leave one of them out, or give --allow-unlike"
                )
            }
            if let other = names[own.number] {
                throw MergeError(
                    sentence: "\(other) and \(part.name) are both rank \(own.number) of "
                        + "\(own.count): leave one of them out, or give --allow-unlike"
                )
            }
            guard part.run.result.plan.seed == first.run.result.plan.seed else {
                throw MergeError(
                    sentence: "\(first.name) and \(part.name) are ranks with unlike seeds, so of "
                        + "unlike loads: give all the same --seed, or merge with --allow-unlike"
                )
            }
            names[own.number] = part.name
        }
    }

    /// Which ranks are missing, in a sentence; nil where none is.
    var missing: String? {
        guard let count, names.count < count else { return nil }
        let lost = (0..<count).filter { names[$0] == nil }
        let shown = lost.prefix(8).map { "\($0)" }.joined(separator: ", ")
        let more = lost.count > 8 ? " and \(Units.count(lost.count - 8)) more" : ""
        return
            "of \(Units.count(count)) ranks \(shown)\(more) are missing: their share of the load "
            + "is not in the result"
    }
}
