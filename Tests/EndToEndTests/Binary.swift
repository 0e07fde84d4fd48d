// The real binary as tests drive it: run to its end, or started in the background and stopped by
// process id. Every wait is bounded.

import Foundation
import Glibc

/// What a process left behind.
struct Outcome: Sendable {
    /// Exit status; 128 plus the signal where one killed the process.
    var status: Int32
    var stdout: String
    var stderr: String
}

/// A test's complaint about the binary itself.
struct BinaryError: Error, CustomStringConvertible {
    let description: String
}

/// Starts the binary under test.
enum Binary {
    /// Beside the test bundle, or where `SSEBOMB_BINARY` says.
    static let path: String = {
        if let given = ProcessInfo.processInfo.environment["SSEBOMB_BINARY"] { return given }
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return own.deletingLastPathComponent().appendingPathComponent("ssebomb").path
    }()

    /// Whether it was built with a sanitizer, whose runtime is linked into it.
    static let isSanitized: Bool = {
        guard let file = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        else { return false }
        return ["__asan_init", "__tsan_init"].contains { file.range(of: Data($0.utf8)) != nil }
    }()

    /// Runs to the end. `stdin` nil is the null device; `environment` adds to a small fixed one.
    static func run(
        _ arguments: [String],
        stdin: String? = nil,
        environment: [String: String] = [:],
        timeout: Duration = .seconds(40)
    ) async throws -> Outcome {
        let process = try start(arguments, stdin: stdin, environment: environment)
        return try await process.outcome(within: timeout)
    }

    /// Starts in the background.
    static func start(
        _ arguments: [String],
        stdin: String? = nil,
        environment: [String: String] = [:],
        keepsStdinOpen: Bool = false
    ) throws -> RunningBinary {
        try Tool.start(
            path,
            arguments,
            environment: environment,
            stdin: stdin,
            keepsStdinOpen: keepsStdinOpen
        )
    }
}

/// A started process. Ended by `outcome`; killed when nothing refers to it any more.
final class RunningBinary: @unchecked Sendable {
    private let process: Process
    private let directory: TemporaryDirectory
    private let input: Pipe?

    init(process: Process, directory: TemporaryDirectory, input: Pipe?) {
        self.process = process
        self.directory = directory
        self.input = input
    }

    deinit {
        if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    }

    var pid: Int32 { process.processIdentifier }
    /// What has been written so far.
    var stdout: String { directory.text("stdout") }
    var stderr: String { directory.text("stderr") }

    func send(signal: Int32) { Glibc.kill(pid, signal) }

    /// Waits until `text` holds, or gives up.
    func wait(
        within limit: Duration = .seconds(30),
        until condition: (RunningBinary) -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        while !condition(self) {
            guard ContinuousClock.now < deadline, process.isRunning else {
                throw BinaryError(description: "never came true; stderr: \(stderr)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Waits for the end; kills and throws when that takes longer than `limit`.
    func outcome(within limit: Duration = .seconds(40)) async throws -> Outcome {
        let deadline = ContinuousClock.now + limit
        while process.isRunning {
            if ContinuousClock.now > deadline {
                send(signal: SIGKILL)
                throw BinaryError(
                    description: "still running after \(limit); stdout: \(stdout) stderr: \(stderr)"
                )
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let wasKilled = process.terminationReason == .uncaughtSignal
        let status = wasKilled ? 128 + process.terminationStatus : process.terminationStatus
        return Outcome(status: status, stdout: stdout, stderr: stderr)
    }
}

/// A directory that goes away with its last reference.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let name = "ssebomb-test-\(UUID().uuidString)"
        path = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Path of a file in it.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file; returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    /// A new file open for writing.
    func emptyFile(_ name: String) throws -> FileHandle {
        try write(name, [])
        return try FileHandle(forWritingTo: URL(fileURLWithPath: file(name)))
    }

    func text(_ name: String) -> String {
        guard let data = FileManager.default.contents(atPath: file(name)) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
    }
}
