// One class of load of a run as the coordinator gets it, and the memory its loops share.

/// A class of load: what is asked of whom, how often, and how its streams are read.
///
/// A run has one of these, or several that run side by side. What concerns the whole run (windows
/// but for their ramp, loops, clock, priority, observing single events) is that of the first
/// class's plan.
public struct ClassLoad: Sendable {
    /// Name in reports; empty where the run has one class only.
    public var name: String
    /// What the class does.
    public var plan: RunPlan
    /// Its request, rendered.
    public var template: RequestTemplate

    /// The most classes of one run: each has recorders of its own in every loop.
    public static let most = 256

    /// Makes a class.
    public init(name: String, plan: RunPlan, template: RequestTemplate) {
        self.name = name
        self.plan = plan
        self.template = template
    }

    /// The plan that stands for those of several classes: streams, requests, arrivals, connects and
    /// addresses of all, and what all have in common. The request is the first one's.
    public static func joint(_ plans: [RunPlan]) -> RunPlan {
        var plan = plans[0]
        guard plans.count > 1 else { return plan }
        func keepCommon<Value: Equatable>(_ field: WritableKeyPath<RunPlan, Value?>) {
            let first = plan[keyPath: field]
            if plans.contains(where: { $0[keyPath: field] != first }) { plan[keyPath: field] = nil }
        }
        keepCommon(\.cancellation)
        keepCommon(\.sessions)
        keepCommon(\.dialectOrigin)
        keepCommon(\.fields)
        keepCommon(\.until)
        keepCommon(\.maxEvents)
        keepCommon(\.reuseLimit)
        keepCommon(\.timeouts.connect)
        keepCommon(\.timeouts.header)
        keepCommon(\.timeouts.firstEvent)
        keepCommon(\.timeouts.idle)
        keepCommon(\.timeouts.total)
        if plans.contains(where: { $0.dialect != plan.dialect }) { plan.dialect = .undetermined }
        if plans.contains(where: { $0.think != plan.think }) { plan.think = 0 }
        plan.eventSource = plans.contains(where: \.eventSource)
        plan.slowReaders = plans.compactMap(\.slowReaders).first
        plan.keepAlive = plans.contains(where: \.keepAlive)
        plan.tls = plans.compactMap(\.tls).first
        plan.limits = plans.map(\.limits).reduce(plan.limits) { $0.loosest($1) }
        plan.objectives = ServiceObjectives.joint(plans.map(\.objectives))
        plan.addLoads(of: plans)
        return plan
    }
}

extension RunPlan {
    fileprivate mutating func addLoads(of plans: [RunPlan]) {
        streams = plans.reduce(0) { $0 + $1.streams }
        loggedStreams = plans.reduce(0) { $0 + $1.loggedStreams }
        // Each class follows its own.
        stages = nil
        // All share one window, which begins when the last of them is there.
        ramp = plans.reduce(0) { max($0, $1.ramp) }
        addresses = Self.distinct(plans.flatMap(\.addresses))
        sourceAddresses = Self.distinct(plans.flatMap(\.sourceAddresses))
        let isLimited = plans.allSatisfy { $0.connectRate > 0 }
        // Shares of one rate add up to it again: their last bits don't.
        let connects = plans.reduce(0) { $0 + $1.connectRate }
        connectRate = isLimited ? (connects * 1e6).rounded() / 1e6 : 0
        arrivals = OpenLoad.joint(plans.map(\.arrivals))
        // The number of requests of a joint schedule is that of all; and one class that only time
        // ends makes the whole such a run.
        if arrivals == nil {
            let counts = plans.compactMap(\.requests)
            requests = counts.count == plans.count ? counts.reduce(0, +) : nil
        }
    }

    private static func distinct(_ addresses: [SocketAddress]) -> [SocketAddress] {
        var seen: Set<SocketAddress> = []
        return addresses.filter { seen.insert($0).inserted }
    }
}

/// What the loops of one class share, and what each records. Made before the clock starts, and
/// destroyed after the merge.
struct ClassLane {
    let load: ClassLoad
    /// One a loop.
    let stats: [LoopStats]
    let request: UnsafeRawBufferPointer
    let until: UnsafeRawBufferPointer
    let fields: FieldReader?

    init(_ load: ClassLoad, loops: Int) {
        self.load = load
        stats = (0..<loops).map { _ in LoopStats(hasSessions: load.plan.sessions != nil) }
        // With a source every slot has its own.
        request = Self.copy(load.plan.source == nil ? load.template.bytes : [])
        until = Self.copy(load.plan.until ?? [])
        fields = load.plan.fields.map { FieldReader($0) }
    }

    func destroy() {
        for loop in stats { loop.destroy() }
        request.deallocate()
        until.deallocate()
        fields?.destroy()
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(memory)
    }
}
