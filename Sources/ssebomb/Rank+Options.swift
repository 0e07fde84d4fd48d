// From `--rank` and `--ranks` to one process's part of a load that several share. What each part's
// requests are, RequestNumbers says.

import ArgumentParser
import SSEBombCore

/// Which of several processes this one is.
struct RankOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Which of the --ranks processes that share the load this one is, from 0.",
            valueName: "R"
        ),
        transform: ValueParsing.count
    )
    var rank: UInt64?

    @Option(
        help: ArgumentHelp(
            "Processes that share the load: -c, -R, -n and stages are those of all, and each is "
                + "started with the same flags and its own --rank.",
            valueName: "N"
        ),
        transform: ValueParsing.positiveCount
    )
    var ranks: UInt64?
}

extension RankOptions {
    /// The process that was named.
    func resolved() throws(SetupError) -> ProcessRank {
        guard let ranks else {
            guard rank == nil else {
                throw SetupError(
                    .usage,
                    "--rank needs --ranks: say how many processes share the load"
                )
            }
            return .alone
        }
        guard ranks <= UInt64(ProcessRank.most) else {
            throw SetupError(
                .usage,
                "--ranks \(ranks) is over the limit of \(ProcessRank.most) processes"
            )
        }
        guard let rank else {
            throw SetupError(
                .usage,
                "--ranks needs --rank: say which of the \(ranks) processes this is, from 0"
            )
        }
        guard rank < ranks else {
            throw SetupError(
                .usage,
                "--rank \(rank) is none of \(ranks) ranks: they go from 0 to \(ranks - 1)"
            )
        }
        return ProcessRank(Int(rank), of: Int(ranks))
    }
}

extension LoadShape {
    /// This process's part of a load, or of what falls to one of its targets. With arrivals
    /// `streams` bound each process.
    func part(of rank: ProcessRank) throws(SetupError) -> LoadShape {
        guard !rank.isAlone else { return self }
        var part = self
        part.rank = rank
        part.requests = requests.map { rank.share(of: $0) }
        // With fewer, some process would have nothing to do.
        if let requests, requests < UInt64(rank.count) {
            throw SetupError(
                .usage,
                "-n \(requests) (for each URL) doesn't reach for \(rank.count) ranks: ask for at"
                    + " least one request each"
            )
        }
        guard arrivals == nil else { return part }
        guard streams >= rank.count else {
            throw SetupError(
                .usage,
                "\(streams) streams for each URL don't reach for \(rank.count) ranks: ask for at"
                    + " least one each with -c"
            )
        }
        part.streams = rank.share(of: streams)
        part.threads = min(threads, part.streams)
        return part
    }
}
