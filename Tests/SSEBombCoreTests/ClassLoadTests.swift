// The plan that stands for those of several classes: sums, what all have in common, and nothing
// that is one class's alone.

import Testing

@testable import SSEBombCore

@Suite("Plans of several classes") struct ClassLoadTests {
    private func joint(_ changes: ((inout RunPlan) -> Void)...) -> RunPlan {
        ClassLoad.joint(
            changes.map { change in
                var plan = planWithoutTarget()
                change(&plan)
                return plan
            }
        )
    }

    @Test("connects are those of all, and without a limit where one class has none")
    func connects() {
        #expect(joint({ $0.connectRate = 100 }, { $0.connectRate = 300 }).connectRate == 400)
        #expect(joint({ $0.connectRate = 0 }, { $0.connectRate = 300 }).connectRate == 0)
        #expect(joint({ $0.connectRate = 300 }, { $0.connectRate = 0 }).connectRate == 0)
        #expect(joint({ $0.connectRate = 0.1 }, { $0.connectRate = 0.2 }).connectRate == 0.3)
    }

    @Test("a setting is the whole's only where all classes have the same, whichever is first")
    func common() {
        func settings(_ plan: RunPlan) -> [Bool] {
            [
                plan.think == 0, plan.until == nil, plan.maxEvents == nil, plan.reuseLimit == nil,
                plan.timeouts.connect == nil, plan.timeouts.header == nil,
                plan.timeouts.firstEvent == nil, plan.timeouts.idle == nil,
                plan.timeouts.total == nil,
            ]
        }
        func set(_ plan: inout RunPlan) {
            (plan.think, plan.until, plan.maxEvents, plan.reuseLimit) = (5, [1], 7, 9)
            plan.timeouts.connect = 1
            plan.timeouts.header = 2
            plan.timeouts.firstEvent = 3
            plan.timeouts.idle = 4
            plan.timeouts.total = 5
        }
        #expect(settings(joint(set, set)).allSatisfy { !$0 })
        #expect(settings(joint(set, { _ in })).allSatisfy { $0 })
        #expect(settings(joint({ _ in }, set)).allSatisfy { $0 })
    }

    @Test("limits are the widest, and a connection that any class keeps is kept")
    func widest() {
        let plan = joint(
            { $0.limits = WireLimits(headBytes: 1, lineBytes: 20, eventBytes: 3) },
            { plan in
                plan.limits = WireLimits(headBytes: 10, lineBytes: 2, eventBytes: 30)
                plan.keepAlive = false
            }
        )
        #expect(plan.limits == WireLimits(headBytes: 10, lineBytes: 20, eventBytes: 30))
        #expect(plan.keepAlive)
        #expect(!joint({ $0.keepAlive = false }, { $0.keepAlive = false }).keepAlive)
    }

    @Test("the window begins when the longest ramp is over") func ramp() {
        #expect(joint({ $0.ramp = 3 }, { $0.ramp = 7 }, { _ in }).ramp == 7)
    }

    @Test("addresses are those of all classes, each once, and TLS is any class's")
    func addresses() throws {
        let all = try ["/a", "/b", "/c"].map { try SocketAddress(unixPath: $0) }
        let plan = joint(
            { $0.addresses = [all[0], all[1]] },
            { plan in
                plan.addresses = [all[1], all[2]]
                plan.tls = TLSClientOptions()
            }
        )
        #expect(plan.addresses == all && plan.tls == TLSClientOptions())
    }
}
