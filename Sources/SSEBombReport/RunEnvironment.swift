// The machine that a run ran on, as far as a reader of its result has to know it to compare it with
// another. No host names, addresses or user names: results are shown to others.

import Glibc

/// Kernel, processors and limits of this process.
public struct RunEnvironment: Sendable {
    /// Name and release of the kernel, e.g. "Linux 6.1.0-18-amd64".
    var kernel: String?
    /// Hardware name, e.g. "x86_64".
    var machine: String?
    /// Model name of the first processor.
    var cpuModel: String?
    /// CPUs that this process may use.
    var cpus: Int?
    /// Soft limit of open descriptors.
    var descriptors: UInt64?
    /// Size of the range that local ports are taken from.
    var ports: Int?
    /// Version text of the TLS library.
    var tlsLibrary: String?

    /// Asks the kernel. What it doesn't say is left out.
    public static func current(tlsLibrary: String? = nil) -> RunEnvironment {
        var environment = RunEnvironment()
        environment.tlsLibrary = tlsLibrary
        var names = utsname()
        if uname(&names) == 0 {
            environment.kernel = "\(text(&names.sysname)) \(text(&names.release))"
            environment.machine = text(&names.machine)
        }
        environment.cpuModel = cpuModel()
        environment.cpus = usableCPUs()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            environment.descriptors = UInt64(limit.rlim_cur)
        }
        environment.ports = localPorts()
        return environment
    }

    /// A NUL-terminated field of a C structure.
    private static func text<Field>(_ field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// From the affinity mask, in the notation of `taskset -c`: "0-3,8".
    private static func usableCPUs() -> Int? {
        let prefix = "Cpus_allowed_list:"
        let lines = contents(of: "/proc/self/status")?.split(separator: "\n")
        guard let line = lines?.first(where: { $0.hasPrefix(prefix) }) else { return nil }
        var count = 0
        for range in line.dropFirst(prefix.count).split(whereSeparator: { ", \t".contains($0) }) {
            let ends = range.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, last >= first else { return nil }
            count += last - first + 1
        }
        return count > 0 ? count : nil
    }

    private static func cpuModel() -> String? {
        guard let lines = contents(of: "/proc/cpuinfo")?.split(separator: "\n") else { return nil }
        guard let line = lines.first(where: { $0.hasPrefix("model name") }),
            let colon = line.firstIndex(of: ":")
        else { return nil }
        return String(line[line.index(after: colon)...].drop { $0 == " " })
    }

    private static func localPorts() -> Int? {
        let range = contents(of: "/proc/sys/net/ipv4/ip_local_port_range")?
            .split { " \t\n".contains($0) }
            .compactMap { Int($0) }
        guard let range, range.count == 2, range[1] >= range[0] else { return nil }
        return range[1] - range[0] + 1
    }

    /// The first 4 KiB of a file of /proc.
    private static func contents(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
