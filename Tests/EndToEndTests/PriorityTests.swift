// `--priority realtime`: which threads of the real binary the kernel runs under SCHED_FIFO, what a
// machine that refuses it gets to see, and that a loop which never sleeps gives it up.

import Foundation
import Glibc
import SSEBombCore
import Testing

@Suite(
    "Realtime priority",
    .serialized,
    .enabled(if: Contention.isAlone, Comment(rawValue: Contention.notAlone))
)
struct PriorityTests {
    private static let refusal = RealtimeRight.refusal()
    private static let why = Comment(rawValue: refusal ?? "")

    /// Name and scheduling policy (field 41 of stat(5)) of each thread of a process.
    private static func policies(of pid: Int32) -> [(name: String, policy: String)] {
        let tasks =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.compactMap { task in
            let path = "/proc/\(pid)/task/\(task)/stat"
            guard let data = FileManager.default.contents(atPath: path) else { return nil }
            let text = String(decoding: data, as: UTF8.self)
            // The name, in parentheses, may hold anything; field 3 follows it.
            guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")") else {
                return nil
            }
            let fields = text[text.index(after: close)...].split(separator: " ")
            guard fields.count > 38 else { return nil }
            return (String(text[text.index(after: open)..<close]), String(fields[38]))
        }
    }

    private static let fifo = String(SCHED_FIFO)

    /// Threads of a process that are under SCHED_FIFO.
    private static func realtime(_ pid: Int32) -> [String] {
        policies(of: pid).filter { $0.policy == fifo }.map(\.name).sorted()
    }

    @Test(
        "the loops, and no other thread, run under SCHED_FIFO",
        .enabled(if: refusal == nil, why)
    )
    func loopsOnly() async throws {
        let mock = try await Mock(["--itl", "20ms", "--tokens", "200"])
        let load = try LoadRun.start(
            Mock.chatBody + ["-c", "4", "-t", "2", "-d", "1s", "--drain", "0"]
                + ["--priority", "realtime", mock.chat]
        )
        try await load.process.wait { Self.realtime($0.pid).count >= 2 }
        #expect(Self.realtime(load.process.pid) == ["ssebomb-0", "ssebomb-1"])
        #expect(Self.policies(of: load.process.pid).count > 2)
        let run = try await load.finish()
        #expect(run.outcome.stderr.isEmpty)
        #expect(run.result["plan"]["priority"].text == "realtime")
        #expect(run.result["client"]["priority"].text == "realtime")
        for loop in run.result["client"]["loops"].array ?? [] {
            #expect(loop["priority"].text == "realtime")
            #expect(!loop["priority_given_up_at_s"].exists)
        }
        #expect(run.outcome.stdout.contains("priority        realtime\n"))
    }

    @Test("nothing runs under SCHED_FIFO unless it is asked for")
    func normal() async throws {
        let mock = try await Mock(["--itl", "20ms", "--tokens", "200"])
        let load = try LoadRun.start(Mock.chatBody + ["-d", "400ms", "--drain", "0", mock.chat])
        try await load.process.wait {
            Self.policies(of: $0.pid).contains { $0.name == "ssebomb-0" }
        }
        #expect(Self.realtime(load.process.pid) == [])
        let run = try await load.finish()
        #expect(run.result["client"]["priority"].text == "normal")
        #expect(run.result["plan"]["priority"].text == "normal")
        #expect(!run.outcome.stdout.contains("\n  priority "))
    }

    // MARK: Refusals

    /// What a run without realtime priority says and does all the same.
    private func expectRefused(
        _ outcome: Outcome,
        remedy: String,
        _ directory: TemporaryDirectory
    ) throws {
        #expect(outcome.status == 0)
        let warnings = outcome.stderr.split(separator: "\n")
        #expect(warnings.count == 1, "\(outcome.stderr)")
        let beginning = "ssebomb: warning: --priority realtime: the kernel refuses it"
        #expect(outcome.stderr.hasPrefix(beginning))
        #expect(outcome.stderr.contains(remedy), "\(outcome.stderr)")
        #expect(outcome.stdout.contains("priority        normal, the machine refused realtime\n"))
        let result = try JSONValue(parsing: directory.text("r.json"))
        #expect(result["plan"]["priority"].text == "realtime")
        #expect(result["client"]["priority"].text == "normal")
        #expect(result["client"]["loops"][0]["priority"].text == "normal")
        #expect(!result["client"]["loops"][0]["priority_given_up_at_s"].exists)
    }

    /// Words before a command that take the right to realtime priority away.
    private func unprivileged() throws -> [String] {
        if Self.refusal != nil { return ["/usr/bin/env"] }
        guard geteuid() == 0 else {
            try Test.cancel("only root can drop a capability that it has")
        }
        return [
            "/usr/bin/setpriv", "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice",
            "/usr/bin/prlimit", "--rtprio=0:0",
        ]
    }

    @Test("without the right to it a warning names cause and remedy, and the run goes on")
    func refusedByRight() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let prefix = try unprivileged()
        let command =
            prefix.dropFirst() + [Binary.path]
            + ["-n", "2", "--priority", "realtime", "--no-progress", mock.events]
        let remedy = Self.refusal ?? "setcap cap_sys_nice=ep"
        let outcome = try await Tool.run(prefix[0], command + ["-o", directory.file("r.json")])
        try expectRefused(outcome, remedy: remedy, directory)
        let dry = try await Tool.run(prefix[0], command + ["--dry-run"])
        #expect(dry.stdout.contains("normal (--priority realtime: the kernel refuses it"))
        #expect(dry.stdout.contains(remedy))
    }

    @Test(
        "a control group without realtime time is named as the cause",
        .enabled(if: refusal == nil, why)
    )
    func refusedByGroup() async throws {
        let group = "/sys/fs/cgroup/cpu/ssebomb-test-\(getpid())"
        guard FileManager.default.fileExists(atPath: "/sys/fs/cgroup/cpu/cpu.rt_runtime_us"),
            mkdir(group, 0o755) == 0
        else { try Test.cancel("needs control groups of version 1 that it may write to") }
        defer { rmdir(group) }
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let script = "echo $$ > \(group)/cgroup.procs && exec \"$@\""
        let outcome = try await Tool.run(
            "/bin/sh",
            ["-c", script, "sh", Binary.path, "-n", "2", "--priority", "realtime"]
                + ["--no-progress", "-o", directory.file("r.json"), mock.events]
        )
        try expectRefused(outcome, remedy: "cpu.rt_runtime_us", directory)
    }

    @Test("--dry-run says what would be in force", .enabled(if: refusal == nil, why))
    func dryRun() async throws {
        let outcome = try await Binary.run([
            "--dry-run", "--priority", "realtime", CommandLineTests.refused,
        ])
        #expect(outcome.stdout.contains(/\npriority +realtime\n/))
    }

    // MARK: The bound

    @Test(
        "a loop that never sleeps gives its priority up for the rest of the run, and says so",
        .enabled(if: refusal == nil, why)
    )
    func saturated() async throws {
        // More than any loop can parse: each connection always has something to read.
        let flood = Wire.chunk(String(repeating: Wire.delta("x"), count: 4_000))
        let server = try ScriptedServer(
            [.readRequest, .send(Wire.head())]
                + Array(repeating: .send(Array(flood.utf8)), count: 100_000)
        )
        defer { server.stop() }
        let load = try LoadRun.start([
            "-c", "4", "-d", "2s", "--drain", "0", "--priority", "realtime", server.url,
        ])
        try await load.process.wait { Self.realtime($0.pid) == ["ssebomb-0"] }
        try await load.process.wait(within: .seconds(2)) { Self.realtime($0.pid).isEmpty }
        let run = try await load.finish()
        let loop = run.result["client"]["loops"][0]
        #expect((loop["busy"].double ?? 0) > 0.9)
        #expect(loop["priority"].text == "normal")
        #expect(run.result["client"]["priority"].text == "mixed")
        let lost = try #require(loop["priority_given_up_at_s"].double)
        #expect(lost >= 0.25 && lost < 1.5, "\(lost)")
        #expect(run.outcome.stdout.contains("given up by 1 of 1 loops"))
        #expect(run.outcome.status == 0)
    }
}
