// One result from several: threads of a split run, hosts, days. Histograms and counters add, so the
// order and the grouping of the parts change nothing; what can't be added (a steady window, a test
// of arrivals, gates) is left out. Must not know files or flags.

import SSEBombCore

/// Why results can't be merged: one sentence that names the parts.
public struct MergeError: Error, Equatable, Sendable {
    /// For the user.
    public let sentence: String
}

/// Merges results.
public enum ResultMerge {
    /// A result and the name of the file it came from.
    public typealias Part = (name: String, run: FinishedRun)

    /// One sentence on the ranks of a load that are not among the parts; nil where all are, and
    /// where nobody knows.
    public static func missingRanks(_ parts: [Part]) -> String? {
        guard parts.allSatisfy({ $0.run.result.heldRanks != nil }) else { return nil }
        return (try? RankSet(parts))?.missing
    }

    /// The parts as one result.
    ///
    /// - Parameters:
    ///   - allowUnlike: whether parts whose plans ask for different things are merged, too.
    ///   - toolVersion: of the program that merges.
    public static func merge(
        _ parts: [Part],
        allowUnlike: Bool,
        toolVersion: String
    ) throws(MergeError) -> FinishedRun {
        guard let first = parts.first else {
            throw MergeError(sentence: "there is nothing to merge")
        }
        var owners: [String: String] = [:]
        // Not every part has a digest.
        let known = parts.first { $0.run.result.requestDigest != nil }
        for part in parts {
            for id in part.run.asPart.result.merged?.parts ?? [] {
                if let owner = owners[id] {
                    let shown = PrintableText.line(id, limit: 40)
                    throw MergeError(
                        sentence: "\(owner) and \(part.name) hold the same run '\(shown)', which "
                            + "would count twice: leave one of them out"
                    )
                }
                owners[id] = part.name
            }
            if let cause = first.run.result.obstacle(to: part.run.result) {
                throw MergeError(sentence: "\(first.name) and \(part.name) \(cause)")
            }
            if !allowUnlike, let field = first.run.result.unlikeField(part.run.result) {
                throw MergeError(
                    sentence: "\(first.name) and \(part.name) have unlike plans (\(field)): "
                        + "merge runs of one plan, or give --allow-unlike"
                )
            }
            if !allowUnlike, let known, part.run.result.asksUnlike(known.run.result) {
                throw MergeError(
                    sentence: "\(known.name) and \(part.name) asked for different work "
                        + "(\(RequestDigest.words)): merge runs of one load, or give --allow-unlike"
                )
            }
        }
        if !allowUnlike { _ = try RankSet(parts) }
        var whole = first.run.asPart
        for part in parts.dropFirst() { whole = whole.merged(with: part.run.asPart) }
        whole.context.toolVersion = toolVersion
        return whole
    }
}

extension FinishedRun {
    /// The run in the form that merging goes by; a merged one has it.
    var asPart: FinishedRun {
        guard result.merged == nil else { return self }
        var part = self
        part.result = result.asPart(named: context.id)
        part.thresholds = []
        part.verdict = part.verdict.ofOnePart
        part.context.id = Self.id(of: [context.id])
        return part
    }

    /// Both in one. Both are parts.
    fileprivate func merged(with other: FinishedRun) -> FinishedRun {
        var both = self
        both.result = result.merged(with: other.result)
        both.verdict = verdict.merged(
            with: other.verdict,
            parts: both.result.merged?.parts.count ?? 0
        )
        both.context.labels = context.labels.filter { other.context.labels[$0.key] == $0.value }
        if context.command != other.context.command { both.context.command = [] }
        both.context.environment = context.environment.common(with: other.context.environment)
        both.context.id = Self.id(of: both.result.merged?.parts ?? [])
        return both
    }

    /// Depends on the parts alone (FNV-1a over their ids), so that merging the same ones again
    /// gives the same file.
    private static func id(of parts: [String]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in parts.joined(separator: ",").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension Verdict {
    /// That of a part: of each reason the worst, whatever the class it is of.
    fileprivate var ofOnePart: Verdict {
        func own(_ reasons: [Reason]) -> [Reason] {
            Reason.worst(reasons) { _ in Reason.Parts(count: 1, all: 1) }
        }
        return Verdict(reasons: own(reasons), server: own(server), calibration: calibration)
    }

    /// As bad as the worse of both, with the worst of each reason.
    ///
    /// - Parameter all: how many parts both are made of.
    fileprivate func merged(with other: Verdict, parts all: Int) -> Verdict {
        func united(_ reasons: [Reason]) -> [Reason] {
            Reason.worst(reasons) { same in
                // In a file of before they were counted a reason may stand several times.
                let counts = same.compactMap(\.parts?.count)
                guard counts.count == same.count else { return nil }
                return Reason.Parts(count: counts.reduce(0, +), all: all)
            }
        }
        return Verdict(
            // Gates are not merged, so what was held against a part for their sake isn't either.
            reasons: united((reasons + other.reasons).filter { $0.code != Reason.tooFewSamples }),
            server: united(server + other.server),
            calibration: calibration == other.calibration ? calibration : nil
        )
    }
}

extension Verdict.Reason {
    /// The worst of each code, in the order of the codes. `parts` gets all of a code.
    fileprivate static func worst(
        _ reasons: [Self],
        parts: ([Self]) -> Parts?
    ) -> [Self] {
        let known = Dictionary(grouping: reasons, by: \.code).sorted { $0.key < $1.key }
        return known.compactMap { code, same in
            guard let worst = same.max(by: { $0.isMilder(than: $1) }) else { return nil }
            return Self(
                code: code,
                state: worst.state,
                sentence: worst.finding,
                value: worst.value,
                bound: worst.bound,
                parts: parts(same)
            )
        }
    }

    /// A total order of reasons with one code, so that neither order nor grouping decides which of
    /// them is kept.
    private func isMilder(than other: Self) -> Bool {
        (state, distance, value, bound, finding)
            < (other.state, other.distance, other.value, other.bound, other.finding)
    }

    /// From the bound, in bounds: those of two parts may differ.
    private var distance: Double { abs(value - bound) / max(abs(bound), 1e-9) }
}

extension RunEnvironment {
    /// What is the same on both machines.
    fileprivate func common(with other: RunEnvironment) -> RunEnvironment {
        func same<Value: Equatable>(_ path: KeyPath<RunEnvironment, Value?>) -> Value? {
            self[keyPath: path] == other[keyPath: path] ? self[keyPath: path] : nil
        }
        var both = RunEnvironment()
        both.kernel = same(\.kernel)
        both.machine = same(\.machine)
        both.cpuModel = same(\.cpuModel)
        both.cpus = same(\.cpus)
        both.descriptors = same(\.descriptors)
        both.ports = same(\.ports)
        both.tlsLibrary = same(\.tlsLibrary)
        return both
    }
}
