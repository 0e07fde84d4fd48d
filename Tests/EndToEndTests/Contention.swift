// What takes something from a client under test: processes on its CPU, a stop, a limit of its
// control group. Knows how to bring it about, not what the verdict makes of it.

import Foundation
import Glibc

/// Ways to hinder a process, and the CPUs to do it on.
enum Contention {
    /// The suites that need the machine for themselves run in a pass of their own.
    static let isAlone = Tool.environment("SSEBOMB_TEST_ALONE") != nil
    static let notAlone = "needs the machine for itself: 'make test' runs it after the others"

    /// Two CPUs, one for the server and one for the client.
    static let cpus: (server: String, client: String)? = {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let list = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        let ranges = list?.split { ":\t, ".contains($0) }.dropFirst() ?? []
        let usable = ranges.flatMap { range -> [Int] in
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last else { return [] }
            return Array(first...last)
        }
        return usable.count > 1 ? ("\(usable[0])", "\(usable[1])") : nil
    }()

    /// A process that never rests, on one CPU.
    static func spinner(on cpu: String) throws -> RunningBinary {
        try Tool.start("/usr/bin/taskset", ["-c", cpu, "/bin/sh", "-c", "while :; do :; done"])
    }

    /// A process that takes the CPU for itself some thousand times a second, by a priority above
    /// all usual ones. nil where the machine doesn't permit that.
    static func preemptor(on cpu: String) async throws -> RunningBinary? {
        let script = """
            import os, time
            os.sched_setaffinity(0, {\(cpu)})
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            print("ready", flush=True)
            while True:
                end = time.perf_counter() + 100e-6
                while time.perf_counter() < end: pass
                time.sleep(100e-6)
            """
        let process = try Tool.start("/usr/bin/env", ["python3", "-c", script])
        do {
            try await process.wait(within: .seconds(5)) { $0.stdout.contains("ready") }
        } catch {
            return nil
        }
        return process
    }

    /// Stops `process` for a while.
    static func stop(_ process: RunningBinary, for time: Duration) async throws {
        process.send(signal: SIGSTOP)
        try await Task.sleep(for: time)
        process.send(signal: SIGCONT)
    }
}
