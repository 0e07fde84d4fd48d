// `ssebomb serve` as a process of its own, so that the client that is tested shares no thread,
// memory or lock with the server that it is held against. Every wait is bounded. Knows the mock's
// command line and its two lines of output, not what it is used for.

import Glibc
import SSEBombCore

/// A running mock. It ends when `finish` says so, when nothing refers to it any more, and with this
/// process, however that ends.
final class MockProcess {
    /// The base of its URLs.
    let url: TargetURL

    private let pid: pid_t
    private let output: Int32
    private var isOver = false

    /// For starting, and for printing the truth, once it is told to: both take moments.
    private static let patience = Nanoseconds.seconds(10)
    /// No truth is as long: its histograms, some 10 KB of text, are the most of it.
    private static let mostOutput = 4 << 20

    /// Starts the mock with these flags of `serve` and waits until it listens. To be called on a
    /// thread that lives as long as the mock shall.
    init(_ arguments: [String]) throws(SetupError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw Self.failure("no pipe: \(Errno(code: errno).sentence)")
        }
        // Nobody else starts a process in between.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let life = ["--end-with", "\(getpid())"]
        let spawned = Self.spawn(["ssebomb", "serve"] + life + arguments, output: ends[1])
        close(ends[1])
        guard case .success(let pid) = spawned else {
            close(ends[0])
            if case .failure(let error) = spawned { throw Self.failure(error.sentence) }
            throw Self.failure("no process")
        }
        let line = Self.read(from: ends[0], untilLine: true)
        let words = line.split(separator: UInt8(ascii: " "))
        guard let last = words.last, let url = Self.url(last) else {
            Self.end(pid, ends[0])
            throw Self.failure("it named no URL; its own message stands above")
        }
        self.pid = pid
        self.url = url
        output = ends[0]
    }

    deinit { if !isOver { Self.end(pid, output) } }

    /// Has the mock end and returns what it printed then: its truth, as JSON.
    func finish() throws(SetupError) -> [UInt8] {
        kill(pid, SIGTERM)
        let text = Self.read(from: output, untilLine: false)
        isOver = true
        Self.end(pid, output)
        guard !text.isEmpty else { throw Self.failure("it ended without its truth") }
        return text
    }

    private static func failure(_ cause: String) -> SetupError {
        SetupError(.system, "the mock server for the self-test failed: \(cause); try again")
    }

    private static func url(_ word: ArraySlice<UInt8>) -> TargetURL? {
        let text = String(decoding: word, as: UTF8.self)
        return try? TargetURL(String(text.prefix { $0 != "\n" }))
    }

    // MARK: The process

    /// Starts this very program, in a process group of its own: an interrupt from the keyboard is
    /// for the self-test, which ends the mock in good order.
    private static func spawn(_ arguments: [String], output: Int32) -> Result<pid_t, Errno> {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &words, environ)
        return result == 0 ? .success(pid) : .failure(Errno(code: result))
    }

    /// Waits for the end of a mock that should be ending; kills it where it isn't.
    private static func end(_ pid: pid_t, _ output: Int32) {
        close(output)
        let deadline = Instant.now() + patience
        var status = Int32(0)
        kill(pid, SIGTERM)
        while waitpid(pid, &status, WNOHANG) == 0 {
            guard Instant.now() < deadline else {
                kill(pid, SIGKILL)
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                return
            }
            usleep(1_000)
        }
    }

    /// What comes until a line end, or until the other side closes; less when that takes too long.
    private static func read(from descriptor: Int32, untilLine: Bool) -> [UInt8] {
        let deadline = Instant.now() + patience
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < mostOutput {
            let left = deadline - .now()
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard left > 0 else { return [] }
            let ready = poll(&entry, 1, Int32(left / 1_000_000 + 1))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return [] }
            let count = Glibc.read(descriptor, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return bytes }
            bytes += block[..<count]
            if untilLine, block[..<count].contains(UInt8(ascii: "\n")) { return bytes }
        }
        return bytes
    }
}
