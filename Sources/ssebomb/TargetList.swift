// Several targets of one load: which URLs, with which weights, and what falls to each of them.

import SSEBombCore

/// One URL of several and its weight.
struct WeightedTarget: Equatable {
    var url: String
    /// Above 0; of a load, each target gets its weight's share.
    var weight = 1.0
}

/// The targets of a load.
enum TargetList {
    /// Beyond, the smallest share of a load would take for ever to come.
    private static let greatestRatio = 1e6
    /// So that no sum of weights overflows.
    private static let greatestWeight = 1e9

    /// Whether a target's weight can be `number`.
    static func isWeight(_ number: Double) -> Bool { number > 0 && number <= greatestWeight }

    /// The targets that the command line names: URLs with `--weights`, then those of `--urls`.
    static func resolve(
        _ urls: [String],
        _ options: TargetListOptions
    ) throws(SetupError) -> [WeightedTarget] {
        var targets = urls.map { WeightedTarget(url: $0) }
        if let weights = options.weights {
            guard weights.count == targets.count, targets.count > 1 else {
                throw SetupError(
                    .usage,
                    "--weights has \(weights.count) for \(targets.count) URLs on the command line:"
                        + " give one for each of several URLs"
                )
            }
            for index in targets.indices { targets[index].weight = weights[index] }
        }
        if let path = options.urlsFile { targets += try read(path) }
        if targets.count > 1 {
            for target in targets where !target.url.contains("://") {
                // Most often the rest of an unquoted header value, which may be a secret.
                throw SetupError(
                    .usage,
                    "of several URLs one has no http:// or https://: put values with spaces in"
                        + " quotes, as in -H 'Name: value'"
                )
            }
        }
        try check(targets)
        return targets
    }

    private static func check(_ targets: [WeightedTarget]) throws(SetupError) {
        guard targets.count <= ClassLoad.most else {
            throw SetupError(
                .usage,
                "\(targets.count) URLs are more than the \(ClassLoad.most) that one run can have:"
                    + " run several processes"
            )
        }
        let weights = targets.map(\.weight)
        guard let least = weights.min(), let most = weights.max() else { return }
        guard most / least <= greatestRatio else {
            throw SetupError(
                .usage,
                "the weights of the URLs differ by more than a factor of 1,000,000: bring them"
                    + " closer together"
            )
        }
    }

    /// `URL` or `URL WEIGHT` a line; empty lines and those that begin with "#" are skipped.
    private static func read(_ path: String) throws(SetupError) -> [WeightedTarget] {
        let text = String(decoding: try FileInput.read(path, for: "--urls"), as: UTF8.self)
        var targets: [WeightedTarget] = []
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let url = words.first, !url.hasPrefix("#") else { continue }
            let weight = words.count == 2 ? Double(words[1]) : 1
            guard url.contains("://"), words.count <= 2, let weight, isWeight(weight)
            else {
                throw SetupError(
                    .usage,
                    "--urls: \(path), line \(index + 1): expected a URL with http:// or https://,"
                        + " and behind a blank its weight above 0, and 1e9 at most, if any"
                )
            }
            do throws(ValueError) {
                _ = try TargetURL(String(url))
            } catch {
                throw SetupError(
                    .usage,
                    "--urls: \(path), line \(index + 1): \(error.description)"
                )
            }
            targets.append(WeightedTarget(url: String(url), weight: weight))
        }
        guard !targets.isEmpty else {
            throw SetupError(.usage, "--urls: \(path) has no URL: put one in each line")
        }
        return targets
    }

    /// `total` shared out by weight, in whole numbers that add up to it: what rounding leaves goes
    /// to the largest remainders. Everybody gets at least 1; nil where there isn't enough for that.
    static func share(_ total: Int, by weights: [Double]) -> [Int]? {
        guard total >= weights.count else { return nil }
        let sum = weights.reduce(0, +)
        // One for everybody first, so that a small weight isn't rounded to nothing.
        let rest = Double(total)
        let exact = weights.map { rest * $0 / sum }
        var parts = exact.map { max(1, Int($0.rounded(.down))) }
        var left = total - parts.reduce(0, +)
        let byRemainder = exact.indices.sorted { first, second in
            let (one, other) = (
                exact[first] - exact[first].rounded(.down),
                exact[second] - exact[second].rounded(.down)
            )
            return one == other ? first < second : one > other
        }
        for index in byRemainder where left > 0 {
            parts[index] += 1
            left -= 1
        }
        // Those that were lifted to 1 took it from the largest.
        while left < 0, let largest = parts.indices.max(by: { parts[$0] < parts[$1] }) {
            parts[largest] -= 1
            left += 1
        }
        return parts
    }

    /// What each gets of `room` who wants so many: all of it where that fits, else shares by
    /// weight, in which what one doesn't want is for the others. At least 1, even without room.
    static func fit(_ wanted: [Int], into room: Int, by weights: [Double]) -> [Int] {
        var shares = wanted
        var open = Array(wanted.indices)
        var left = room
        while open.reduce(0, { $0 + wanted[$1] }) > left {
            guard let parts = share(left, by: open.map { weights[$0] }) else {
                for index in open { shares[index] = 1 }
                break
            }
            let content = zip(open, parts).filter { wanted[$0] <= $1 }.map(\.0)
            if content.isEmpty {
                for (index, part) in zip(open, parts) { shares[index] = part }
                break
            }
            left -= content.reduce(0) { $0 + wanted[$1] }
            open.removeAll { content.contains($0) }
        }
        return shares
    }

    /// Names that tell targets apart: the host and port, with the path where that isn't enough.
    static func names(_ urls: [TargetURL]) -> [String] {
        let hosts = urls.map { url in
            let host = url.host.contains(":") ? "[\(url.host)]" : url.host
            return "\(host):\(url.port)"
        }
        guard Set(hosts).count < hosts.count else { return hosts }
        let paths = zip(hosts, urls).map { $0 + $1.target.prefix { $0 != "?" } }
        guard Set(paths).count < paths.count else { return paths }
        return paths.enumerated().map { "\($1) #\($0 + 1)" }
    }
}
