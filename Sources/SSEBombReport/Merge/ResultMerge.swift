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
        }
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
        part.verdict = part.verdict.merged(with: part.verdict)
        part.context.id = Self.id(of: [context.id])
        return part
    }

    /// Both in one. Both are parts.
    fileprivate func merged(with other: FinishedRun) -> FinishedRun {
        var both = self
        both.result = result.merged(with: other.result)
        both.verdict = verdict.merged(with: other.verdict)
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
    /// As bad as the worse of both, with the reasons of both, each once.
    fileprivate func merged(with other: Verdict) -> Verdict {
        func united(_ left: [Reason], _ right: [Reason]) -> [Reason] {
            let sorted = (left + right).sorted {
                ($0.code, $0.sentence, $0.value, $0.bound)
                    < ($1.code, $1.sentence, $1.value, $1.bound)
            }
            return sorted.enumerated().filter { $0 == 0 || sorted[$0 - 1] != $1 }.map(\.element)
        }
        return Verdict(
            reasons: united(reasons, other.reasons),
            server: united(server, other.server),
            calibration: calibration == other.calibration ? calibration : nil
        )
    }
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
