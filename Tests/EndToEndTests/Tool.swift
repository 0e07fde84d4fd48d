// Programs and files that tests use besides the binary under test: Python, nginx, certificates, the
// fixtures. Knows where they are and how to start them, not what they are for.

import Foundation
import Glibc

/// What surrounds the tests.
enum Tool {
    /// The package's directory.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    /// Where a missing tool must fail a test instead of skipping it.
    static let mustExist = environment("CI") != nil
    /// Python of the virtual environment that the test set-up makes.
    static let python = environment("SSEBOMB_TEST_PYTHON") ?? "\(root)/.build-tools/venv/bin/python"
    static let hasPython = mustExist || FileManager.default.isExecutableFile(atPath: python)
    static let noPython = "there is no \(python): run 'make test-deps'"
    static let nginx = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    static let hasNginx = mustExist || nginx != nil
    static let noNginx = "nginx isn't installed: run 'make test-deps'"
    static let haproxy = ["/usr/sbin/haproxy", "/usr/bin/haproxy", "/usr/local/sbin/haproxy"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    static let hasHAProxy = mustExist || haproxy != nil
    static let noHAProxy = "haproxy isn't installed: run 'make test-deps'"

    static let tmux = ["/usr/bin/tmux", "/usr/local/bin/tmux"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    static let hasTmux = mustExist || tmux != nil
    static let noTmux = "tmux isn't installed: run 'make test-deps'"

    /// The system's C compiler, for fixtures that have to be preloaded.
    static let compiler =
        ([environment("CC")].compactMap { $0 } + ["/usr/bin/cc", "/usr/bin/clang"])
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    static let noCompiler = "there is no C compiler: install gcc, or name one with CC=/path"

    /// Whether this machine has an IPv6 loopback.
    static let hasIPv6 = {
        guard let server = try? ScriptedServer([], at: .ipv6) else { return mustExist }
        server.stop()
        return true
    }()

    /// What `make test-asan` tells the sanitizer's leak check goes for programs under test as well.
    static let passedOn = ProcessInfo.processInfo.environment.filter { $0.key == "LSAN_OPTIONS" }

    static func environment(_ name: String) -> String? {
        ProcessInfo.processInfo.environment[name]
    }

    static func fixture(_ name: String) -> String { "\(root)/Tests/Fixtures/\(name)" }

    /// Starts any program in the background. `stdin` nil is the null device; `environment` adds to
    /// a small fixed one.
    static func start(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        stdin: String? = nil,
        keepsStdinOpen: Bool = false
    ) throws -> RunningBinary {
        let directory = try TemporaryDirectory()
        let output = try directory.emptyFile("stdout")
        let complaints = try directory.emptyFile("stderr")
        var input: FileHandle?
        var pipe: Pipe?
        // Foundation keeps what it gave to a process until its own end; and with more than about
        // 1,350 descriptors open its next start reads past the list of them (`Process.run`).
        defer { for handle in [output, complaints, input] { try? handle?.close() } }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
            .merging(passedOn) { $1 }
            .merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = complaints
        if keepsStdinOpen {
            pipe = Pipe()
            process.standardInput = pipe
        } else if let stdin {
            let file = try directory.write("stdin", Array(stdin.utf8))
            input = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
            process.standardInput = input
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        return RunningBinary(process: process, directory: directory, input: pipe)
    }

    /// Runs any program to its end.
    static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        timeout: Duration = .seconds(30)
    ) async throws -> Outcome {
        let process = try start(path, arguments, environment: environment)
        return try await process.outcome(within: timeout)
    }

    /// Starts a server that prints `... http://HOST:PORT` as its first line; returns that URL.
    static func server(
        _ path: String,
        _ arguments: [String]
    ) async throws -> (process: RunningBinary, url: String) {
        let process = try start(path, arguments)
        return (process, try await url(saidBy: process))
    }

    static func url(saidBy process: RunningBinary) async throws -> String {
        try await process.wait { $0.stdout.contains("\n") }
        let line = process.stdout.prefix { $0 != "\n" }
        guard let url = line.split(separator: " ").last, url.contains("://") else {
            throw TestFailure("the server's first line names no URL: \(line)")
        }
        return String(url)
    }
}

/// Certificates for tests, made once a process by `make-certs.sh`.
enum Certificates {
    private static let place = Result { try TemporaryDirectory() }
    private static let made = Task { () throws -> TemporaryDirectory in
        let directory = try place.get()
        // What a static property holds is never released.
        atexit {
            if case .success(let directory) = Certificates.place {
                try? FileManager.default.removeItem(atPath: directory.path)
            }
        }
        let script = Tool.fixture("make-certs.sh")
        let outcome = try await Tool.run("/bin/sh", [script, directory.path])
        guard outcome.status == 0 else {
            throw TestFailure("make-certs.sh failed: \(outcome.stderr)")
        }
        return directory
    }

    /// Path of `NAME.pem` or `NAME.key`.
    static func file(_ name: String) async throws -> String {
        try await made.value.file(name)
    }

    /// Flags with which the mock serves under the certificate `name`.
    static func serving(_ name: String) async throws -> [String] {
        ["--tls-cert", try await file("\(name).pem"), "--tls-key", try await file("\(name).key")]
    }
}
