// One class of load of a run as the coordinator gets it, and the memory its loops share.

/// A class of load: what is asked of whom, how often, and how its streams are read.
///
/// A run has one of these, or several that run side by side. What concerns the whole run (windows,
/// loops, clock, priority, observing single events) is that of the first class's plan.
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

    /// The plan that stands for those of several classes: the first one's, with the streams,
    /// requests and arrivals of all.
    public static func joint(_ plans: [RunPlan]) -> RunPlan {
        var plan = plans[0]
        guard plans.count > 1 else { return plan }
        plan.streams = plans.reduce(0) { $0 + $1.streams }
        // Each class follows its own.
        plan.stages = nil
        plan.loggedStreams = plans.reduce(0) { $0 + $1.loggedStreams }
        if plans.contains(where: { $0.dialect != plan.dialect }) { plan.dialect = .undetermined }
        if plans.contains(where: { $0.cancellation != plan.cancellation }) {
            plan.cancellation = nil
        }
        plan.eventSource = plans.contains(where: \.eventSource)
        plan.slowReaders = plans.compactMap(\.slowReaders).first
        if plans.contains(where: { $0.sessions != plan.sessions }) { plan.sessions = nil }
        if plans.contains(where: { $0.dialectOrigin != plan.dialectOrigin }) {
            plan.dialectOrigin = nil
        }
        if plans.contains(where: { $0.fields != plan.fields }) { plan.fields = nil }
        plan.objectives = ServiceObjectives.joint(plans.map(\.objectives))
        plan.arrivals = OpenLoad.joint(plans.map(\.arrivals))
        // The number of requests of a joint schedule is that of all; and one class that only time
        // ends makes the whole such a run.
        if plan.arrivals == nil {
            let requests = plans.compactMap(\.requests)
            plan.requests = requests.count == plans.count ? requests.reduce(0, +) : nil
        }
        return plan
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
