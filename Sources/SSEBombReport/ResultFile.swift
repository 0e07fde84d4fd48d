// The result file: one JSON document, complete enough to draw every report from it again and to be
// merged with others without loss. What each field means stands in docs/RESULT-FORMAT.md; how a run
// becomes a document, in ResultFile+Building.swift.

import FoundationEssentials
public import SSEBombCore

/// What the command line knows of a run beside its result.
public struct RunContext: Sendable {
    /// Version of the program.
    public var toolVersion: String
    /// The user's own marks (`--label k=v`).
    public var labels: [String: String]
    /// The command line that runs it again, word by word and without secrets; empty where it isn't
    /// known.
    public var command: [String]
    /// Names this run in whatever stores results.
    public var id: String
    /// The machine.
    public var environment: RunEnvironment

    /// Makes a context; the id is 16 random hexadecimal digits unless given.
    public init(
        toolVersion: String,
        labels: [String: String] = [:],
        command: [String] = [],
        id: String? = nil,
        environment: RunEnvironment = .current()
    ) {
        self.toolVersion = toolVersion
        self.labels = labels
        self.command = command
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        self.id = id ?? String(repeating: "0", count: 16 - digits.count) + digits
        self.environment = environment
    }
}

/// A run's result as it is stored (`-o FILE`, `--format json`).
public struct ResultFile: Sendable {
    let document: ResultDocument

    /// Takes over everything a run measured, without its secrets, and what was made of it.
    public init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult] = [],
        context: RunContext
    ) {
        self.init(
            result,
            verdict: verdict,
            thresholds: thresholds,
            context: context,
            lanes: nil,
            requests: nil
        )
    }

    /// - Parameters:
    ///   - lanes: streams that were sampled, to the precision of the file.
    ///   - requests: single requests, where they are wanted.
    init(
        _ result: RunResult,
        verdict: Verdict,
        thresholds: [ThresholdResult],
        context: RunContext,
        lanes: [StreamSample.Lane]?,
        requests: StoredRequests?
    ) {
        document = ResultDocument(
            result,
            verdict: verdict,
            thresholds: thresholds,
            context: context,
            lanes: lanes,
            requests: requests
        )
    }

    /// The document as UTF-8, keys sorted but for the checksum, with a line end behind it.
    public func encoded() throws(OutputError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try ResultChecksum.stamped(Array(encoder.encode(document)))
                + [UInt8(ascii: "\n")]
        } catch {
            // Only a figure that JSON can't hold gets here; every one is checked when it is taken.
            throw OutputError(sentence: "can't write the result as JSON: \(error)")
        }
    }

    /// Writes the document under `path`, whole or not at all; "-" is standard output.
    public func write(to path: String) throws(OutputError) {
        try AtomicFile.write(encoded(), to: path)
    }
}
