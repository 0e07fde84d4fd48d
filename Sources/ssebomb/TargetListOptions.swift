// The flags that name the targets of a run. Declarations only: TargetList gives them their meaning.

import ArgumentParser

/// Which URLs get the load beside those that are arguments.
struct TargetListOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Shares of several URLs, in their order: 3,1.", valueName: "LIST"),
        transform: ValueParsing.weights
    )
    var weights: [Double]?

    @Option(
        name: .customLong("urls"),
        parsing: .unconditional,
        help: ArgumentHelp(
            "More URLs, one a line, each with its weight behind a blank if any.",
            valueName: "FILE"
        )
    )
    var urlsFile: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Several classes of load in one run, from this TOML file; see --dry-run.",
            valueName: "FILE"
        )
    )
    var scenario: String?
}

extension ValueParsing {
    /// Weights with commas between them.
    static func weights(_ text: String) throws(ValueError) -> [Double] {
        var weights: [Double] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let weight = Double(part), TargetList.isWeight(weight) else {
                throw ValueError(
                    "'\(part)' is no weight above 0, and 1e9 at most: write for example 3,1"
                )
            }
            weights.append(weight)
        }
        return weights
    }
}
