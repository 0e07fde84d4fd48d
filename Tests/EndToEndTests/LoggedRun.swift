// A run of the real binary with one of its logs: the result file, and each line of the log.

import Testing

struct LoggedRun {
    let outcome: Outcome
    let result: JSONValue
    let lines: [JSONValue]

    /// - Parameter flag: the flag that names the log's file.
    static func run(_ flag: String, _ arguments: [String]) async throws -> LoggedRun {
        let directory = try TemporaryDirectory()
        let outcome = try await Binary.run(
            ["--no-progress", "-o", directory.file("r.json"), flag, directory.file("log.ndjson")]
                + arguments
        )
        #expect(directory.names == ["log.ndjson", "r.json"], "\(outcome.stderr)")
        let lines = try directory.text("log.ndjson").split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        let result = try JSONValue(parsing: directory.text("r.json"))
        return LoggedRun(outcome: outcome, result: result, lines: lines)
    }
}
