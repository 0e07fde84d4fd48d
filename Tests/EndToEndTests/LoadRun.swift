// One run of the real binary with its result file, and the mock as a process. What holds for every
// run, that its counts add up, is checked here.

import Foundation
import Glibc
import Testing

/// What `ssebomb run` left behind.
struct LoadRun {
    let outcome: Outcome
    /// The result file.
    let result: JSONValue
    /// The result file as it stands on the disk.
    let resultText: String
    /// When that was written.
    let written: Date

    /// Runs `ssebomb` with `-o` and without progress, on one thread unless `arguments` say
    /// otherwise.
    static func run(
        _ arguments: [String],
        stdin: String? = nil,
        environment: [String: String] = [:],
        timeout: Duration = .seconds(30),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> LoadRun {
        let directory = try TemporaryDirectory()
        let all = fixed(arguments, directory)
        await Gate.shared.enter()
        let outcome: Outcome
        do {
            outcome = try await Binary.run(
                all,
                stdin: stdin,
                environment: environment,
                timeout: timeout
            )
        } catch {
            await Gate.shared.leave()
            throw error
        }
        await Gate.shared.leave()
        return try LoadRun(outcome, directory, sourceLocation)
    }

    /// The same in the background; `finish` gives what it left behind.
    static func start(_ arguments: [String]) throws -> LoadInBackground {
        let directory = try TemporaryDirectory()
        let process = try Binary.start(fixed(arguments, directory))
        return LoadInBackground(process: process, directory: directory)
    }

    private static func fixed(_ arguments: [String], _ directory: TemporaryDirectory) -> [String] {
        var all = arguments + ["--no-progress", "-o", directory.file("result.json")]
        if !arguments.contains("-t") { all += ["-t", "1"] }
        return all
    }

    fileprivate init(
        _ outcome: Outcome,
        _ directory: TemporaryDirectory,
        _ location: SourceLocation
    ) throws {
        self.outcome = outcome
        resultText = directory.text("result.json")
        guard !resultText.isEmpty else {
            throw TestFailure("no result file; status \(outcome.status): \(outcome.stderr)")
        }
        result = try JSONValue(parsing: resultText)
        let facts = try FileManager.default.attributesOfItem(atPath: directory.file("result.json"))
        written = facts[.modificationDate] as? Date ?? .distantFuture
        #expect(directory.names == ["result.json"], sourceLocation: location)
        expectSums(location)
    }

    // MARK: What tests ask for

    func requests(_ name: String) -> Int? { result["counts"]["requests"][name].int }
    var started: Int? { requests("started") }
    var completed: Int? { requests("completed") }
    var failures: [String: Int]? { result["counts"]["failures"].counts }
    var statuses: [String: Int]? { result["counts"]["status"].counts }
    var events: Int? { result["counts"]["events"].int }
    var comments: Int? { result["counts"]["comments"].int }
    var opened: Int? { result["counts"]["connections"]["opened"].int }
    var reused: Int? { result["counts"]["connections"]["reused"].int }
    func count(of metric: String) -> Int? { result["metrics"][metric]["count"].int }
    /// The kept errors of a kind.
    func errors(_ kind: String) -> [JSONValue] {
        (result["errors"].array ?? []).filter { $0["kind"].text == kind }
    }

    /// Every request has exactly one end.
    private func expectSums(_ location: SourceLocation) {
        let parts = ["completed", "failed", "cancelled", "cut"].map { requests($0) ?? -1 }
        #expect(started == parts.reduce(0, +), "requests: \(parts)", sourceLocation: location)
        let failed = failures?.values.reduce(0, +)
        #expect(requests("failed") == failed, sourceLocation: location)
        // Kept errors are those of the whole run, counts those of the measured window.
        let logged = result["errors"].array?.reduce(0) { $0 + ($1["count"].int ?? 0) } ?? -1
        let outside = requests("outside_window") ?? -1
        let fits = (failed ?? -1)...(failed ?? -1) + outside
        #expect(fits.contains(logged), "\(logged) errors kept", sourceLocation: location)
    }
}

/// A run that goes on.
struct LoadInBackground {
    let process: RunningBinary
    fileprivate let directory: TemporaryDirectory

    func finish(
        within limit: Duration = .seconds(20),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> LoadRun {
        let outcome = try await process.outcome(within: limit)
        return try LoadRun(outcome, directory, sourceLocation)
    }
}

/// `ssebomb serve` as a process.
struct Mock {
    private let process: RunningBinary
    let url: String

    /// Starts it with `arguments` and waits until it listens. Quick unless told otherwise: 2 ms to
    /// the first token, then 1 ms each, 10 tokens.
    init(_ arguments: [String] = []) async throws {
        var all = ["serve"]
        let quick = [("--ttft", "2ms"), ("--itl", "1ms"), ("--tokens", "10")]
        for (flag, value) in quick where !arguments.contains(flag) { all += [flag, value] }
        process = try Binary.start(all + arguments)
        url = try await Tool.url(saidBy: process)
    }

    var chat: String { "\(url)/v1/chat/completions" }
    var events: String { "\(url)/events" }
    var port: String { String(url.split(separator: ":").last ?? "") }

    /// Ends it; returns its truth.
    func stop() async throws -> JSONValue {
        process.send(signal: SIGTERM)
        let outcome = try await process.outcome()
        guard outcome.status == 0, let last = outcome.stdout.split(separator: "\n").last else {
            throw TestFailure("the mock ended with \(outcome.status): \(outcome.stderr)")
        }
        return try JSONValue(parsing: String(last))
    }

    /// Arguments of a run that asks for a streamed chat.
    static let chatBody = [
        "--body", #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
    ]
}

/// Lets only a few runs go on at a time: each is a client and a server that want a CPU.
actor Gate {
    static let shared = Gate()

    private var free = 4
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func enter() async {
        if free > 0 {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

extension String {
    /// A result without its checksum: one that somebody may have changed.
    var unsealed: String {
        replacing(/\n *"checksum" : "[0-9a-f]{8}",/, with: "", maxReplacements: 1)
    }
}
