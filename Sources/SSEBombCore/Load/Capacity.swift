// How many streams this machine has room for, found out before the run instead of by failing in it.

import CSupport
import Glibc

/// Descriptors and ports, against what a plan asks for.
public struct Capacity: Sendable {
    /// RLIMIT_NOFILE after it was raised to its hard limit.
    public let descriptorLimit: Int
    /// Descriptors left for streams.
    public let descriptorsFree: Int
    /// Ports of one source address towards one target address.
    public let portsPerPair: Int

    /// Descriptors that a loop needs besides its streams: epoll, eventfd, clock watch, stamps.
    private static let perLoop = 4
    /// For result files, /proc, name service modules and what else may be opened meanwhile.
    private static let reserve = 16

    /// Raises the descriptor limit and looks at what is there.
    public init(threads: Int) {
        let limit = csup_raise_descriptor_limit()
        let allowed = limit > 0 ? Int(clamping: limit) : 1_024
        let open = max(3, Int(csup_open_descriptors()))
        self.init(
            descriptorLimit: allowed,
            descriptorsFree: max(0, allowed - open - threads * Self.perLoop - Self.reserve),
            portsPerPair: Self.readPortRange()
        )
    }

    init(descriptorLimit: Int, descriptorsFree: Int, portsPerPair: Int) {
        self.descriptorLimit = descriptorLimit
        self.descriptorsFree = descriptorsFree
        self.portsPerPair = portsPerPair
    }

    /// How many streams towards the plan's addresses fit.
    public func room(for plan: RunPlan) -> Int {
        if plan.addresses.contains(where: \.isUnix) { return descriptorsFree }
        return min(descriptorsFree, portRoom(for: plan))
    }

    private func portRoom(for plan: RunPlan) -> Int {
        // At most 2^16 ports, and both lists fit memory: the product is far below 2^63.
        portsPerPair * plan.addresses.count * max(1, plan.sourceAddresses.count)
    }

    /// Refuses plans that can't fit beside each other, with the number that does.
    public func check(_ plans: [RunPlan]) throws(SetupError) {
        for plan in plans { try check(plan) }
        let streams = plans.reduce(0) { $0 + $1.streams }
        guard streams > descriptorsFree else { return }
        throw SetupError(
            .usage,
            "the \(plans.count) classes ask for \(streams) streams in all, and \(descriptorsFree)"
                + " fit the \(descriptorLimit) descriptors that this process may have: lower their"
                + " streams, raise the hard limit (ulimit -Hn), or share the load: --rank, --ranks"
        )
    }

    private func check(_ plan: RunPlan) throws(SetupError) {
        let closed = plan.stages == nil ? "-c" : "--stage targets up to"
        let flag = plan.arrivals == nil ? closed : "--max-streams"
        if plan.streams > descriptorsFree {
            throw SetupError(
                .usage,
                "\(plan.streams) streams need more descriptors than the \(descriptorLimit) that"
                    + " this process may have; \(descriptorsFree) streams fit: use"
                    + " \(flag) \(descriptorsFree),"
                    + " raise the hard limit (ulimit -Hn), or share the load: --rank, --ranks"
            )
        }
        if plan.addresses.contains(where: \.isUnix) { return }
        let room = portRoom(for: plan)
        if plan.streams > room {
            throw SetupError(
                .usage,
                "\(plan.streams) streams need more local ports than net.ipv4.ip_local_port_range"
                    + " gives towards this target; \(room) streams fit: use \(flag) \(room), widen"
                    + " the range, or give more source addresses with --source-ip"
            )
        }
    }

    private static func readPortRange() -> Int {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = csup_read_file(
            "/proc/sys/net/ipv4/ip_local_port_range",
            &bytes,
            bytes.count
        )
        guard count > 0 else { return 28_232 }
        let fields = String(decoding: bytes[..<count], as: UTF8.self)
            .split { $0 == " " || $0 == "\t" || $0 == "\n" }
            .compactMap { Int($0) }
        guard fields.count == 2, fields[1] >= fields[0] else { return 28_232 }
        return fields[1] - fields[0] + 1
    }
}
