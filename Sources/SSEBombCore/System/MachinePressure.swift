// What the kernel took from this process, beyond other threads: CPU time that its control group has
// used up, and stalls for lack of memory. Reads /proc and the control groups in both layouts (v1,
// v2); knows nothing of loops or runs.

import CSupport

/// Sums since the process's control groups, or the machine, began; the difference of two readings
/// is what happened between.
struct MachinePressure: Equatable, Sendable {
    /// Nanoseconds in which the CPU controller kept the group from running; nil without one.
    var throttled: Int64?
    /// Nanoseconds in which no task of the group could run for lack of memory ("full" of pressure
    /// stall information); nil where the kernel doesn't account for it.
    var memoryStall: Int64?

    /// Asks the kernel: the process's own groups, and for memory the machine where those say
    /// nothing.
    static func read() -> MachinePressure {
        let places = ControlGroups(
            membership: text("/proc/self/cgroup"),
            mounts: text("/proc/self/mountinfo")
        )
        var pressure = MachinePressure()
        // A limit may be set on any group above the process's own, and shows only there.
        for folder in places.cpu {
            guard let time = throttled(in: text("\(folder)/cpu.stat")) else { continue }
            pressure.throttled = max(pressure.throttled ?? 0, time)
        }
        let stalls = places.unified.map { "\($0)/memory.pressure" } + ["/proc/pressure/memory"]
        for path in stalls {
            guard let time = fullStall(in: text(path)) else { continue }
            pressure.memoryStall = max(pressure.memoryStall ?? 0, time)
        }
        return pressure
    }

    /// What has come since `earlier`; nil where either reading has nothing.
    func since(_ earlier: MachinePressure) -> MachinePressure {
        func difference(_ now: Int64?, _ before: Int64?) -> Int64? {
            guard let now, let before else { return nil }
            return max(0, now - before)
        }
        return MachinePressure(
            throttled: difference(throttled, earlier.throttled),
            memoryStall: difference(memoryStall, earlier.memoryStall)
        )
    }

    /// `throttled_time` (v1, nanoseconds) or `throttled_usec` (v2) of a `cpu.stat`.
    static func throttled(in stat: String) -> Int64? {
        for line in stat.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let value = Int64(fields[1]), value >= 0 else { continue }
            if fields[0] == "throttled_time" { return value }
            if fields[0] == "throttled_usec" { return value.multipliedClamping(by: 1_000) }
        }
        return nil
    }

    /// `total` of the `full` line of pressure stall information (microseconds), as nanoseconds.
    static func fullStall(in pressure: String) -> Int64? {
        for line in pressure.split(separator: "\n") where line.hasPrefix("full ") {
            guard let field = line.split(separator: " ").first(where: { $0.hasPrefix("total=") }),
                let value = Int64(field.dropFirst("total=".count)), value >= 0
            else { return nil }
            return value.multipliedClamping(by: 1_000)
        }
        return nil
    }

    /// The first 64 KiB of a file; empty where it can't be read.
    private static func text(_ path: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = csup_read_file(path, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : ""
    }
}

/// Folders of the control groups that a process belongs to, each with all groups above it.
struct ControlGroups: Equatable {
    /// Those whose `cpu.stat` counts throttling.
    private(set) var cpu: [String] = []
    /// Those of the unified hierarchy (v2).
    private(set) var unified: [String] = []

    /// - Parameters:
    ///   - membership: `/proc/self/cgroup`: `hierarchy:controllers:path` a line, cgroups(7).
    ///   - mounts: `/proc/self/mountinfo`, proc(5).
    init(membership: String, mounts: String) {
        for line in membership.split(separator: "\n") {
            let fields = line.split(
                separator: ":",
                maxSplits: 2,
                omittingEmptySubsequences: false
            )
            guard fields.count == 3 else { continue }
            let controllers = fields[1].split(separator: ",")
            let isUnified = fields[0] == "0" && controllers.isEmpty
            guard isUnified || controllers.contains("cpu") else { continue }
            guard let mount = Self.mount(isUnified: isUnified, mounts) else { continue }
            let folders = Self.folders(of: fields[2], under: mount)
            cpu += folders
            if isUnified { unified += folders }
        }
    }

    private struct Mount {
        /// The group that the mount shows as its top.
        var root: Substring
        var point: Substring
    }

    private static func mount(isUnified: Bool, _ mounts: String) -> Mount? {
        for line in mounts.split(separator: "\n") {
            // A hyphen ends the optional fields; type, source and options follow.
            let halves = line.split(separator: " ").split(
                separator: "-",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard halves.count == 2, let first = halves.first, let last = halves.last,
                first.count >= 5, let type = last.first
            else { continue }
            let options = last.last?.split(separator: ",") ?? []
            let fits = isUnified ? type == "cgroup2" : type == "cgroup" && options.contains("cpu")
            guard fits else { continue }
            let fields = Array(first)
            return Mount(root: fields[3], point: fields[4])
        }
        return nil
    }

    /// The folder of a group and of each one above it, up to the mount. In a container the group's
    /// path may lie outside of what is mounted; then the mount itself is all there is to see.
    private static func folders(of path: Substring, under mount: Mount) -> [String] {
        var names = path.split(separator: "/")
        let top = mount.root.split(separator: "/")
        names = names.starts(with: top) ? Array(names.dropFirst(top.count)) : []
        return (0...names.count).map { depth in
            ([String(mount.point)] + names.prefix(depth).map(String.init)).joined(separator: "/")
        }
    }
}

extension Int64 {
    fileprivate func multipliedClamping(by factor: Int64) -> Int64 {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? .max : product
    }
}
