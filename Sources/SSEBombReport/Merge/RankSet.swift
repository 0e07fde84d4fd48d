// Whether results are of the processes that shared one load (`--rank`, `--ranks`), whether merged
// before or not. Must not know how results are joined.

import SSEBombCore

extension RunResult {
    /// The processes of a load that the result is of, and how many runs of it are none; nil where a
    /// merged result of before it was kept doesn't say.
    var heldRanks: (ranks: [MergedRun.Rank], others: Int)? {
        guard let merged else {
            let own = plan.knownRank.map { MergedRun.Rank($0, seed: plan.seed) }
            return (own.map { [$0] } ?? [], own == nil ? 1 : 0)
        }
        return merged.ranks.map { ($0, merged.parts.count - $0.count) }
    }
}

/// The ranks among the parts of a merge.
struct RankSet {
    private var names: [Int: String] = [:]
    private var count: Int?

    /// Refuses parts that can't be of one load.
    init(_ parts: [ResultMerge.Part]) throws(MergeError) {
        let held = parts.map { (name: $0.name, ranks: $0.run.result.heldRanks) }
        guard let first = held.first(where: { $0.ranks?.ranks.isEmpty == false }),
            let one = first.ranks?.ranks.first
        else { return }
        let all = one.rank.count
        count = all
        for (name, ranks) in held {
            guard let ranks else { continue }
            guard ranks.others == 0, ranks.ranks.allSatisfy({ $0.rank.count == all }) else {
                let odd =
                    name == first.name ? "not all of its parts are" : "\(name) is not"
                throw MergeError(
                    sentence:
                        "\(first.name) is of a load of \(all) ranks, and \(odd): leave one of "
                        + "them out, or give --allow-unlike"
                )
            }
            for own in ranks.ranks {
                try check(own, of: name)
                guard own.seed == one.seed else {
                    throw MergeError(
                        sentence: "\(first.name) and \(name) are ranks with unlike seeds, so of "
                            + "unlike loads: give all the same --seed, or merge with --allow-unlike"
                    )
                }
            }
        }
    }

    private mutating func check(_ own: MergedRun.Rank, of name: String) throws(MergeError) {
        let rank = "rank \(own.rank.number) of \(own.rank.count)"
        switch names.updateValue(name, forKey: own.rank.number) {
        case nil: return
        case name:
            throw MergeError(
                sentence: "\(name) has \(rank) twice: leave it out, or give --allow-unlike"
            )
        case let other?:
            throw MergeError(
                sentence: "\(other) and \(name) are both \(rank): leave one of them out, or give "
                    + "--allow-unlike"
            )
        }
    }

    /// Which ranks are missing, in a sentence; nil where none is.
    var missing: String? {
        guard let count, names.count < count else { return nil }
        let lost = (0..<count).filter { names[$0] == nil }
        let shown = lost.prefix(8).map { "\($0)" }.joined(separator: ", ")
        let more = lost.count > 8 ? " and \(Units.count(lost.count - 8)) more" : ""
        return
            "of \(Units.count(count)) ranks \(shown)\(more) \(lost.count == 1 ? "is" : "are") "
            + "missing, and so is their share of the load"
    }
}
