// Control groups and pressure: the kernel's files in both layouts, and files that are damaged.

import Testing

@testable import SSEBombCore

@Suite("Machine pressure") struct MachinePressureTests {
    @Test("Throttled time is read in nanoseconds (v1) and microseconds (v2)") func throttled() {
        let v1 = "nr_periods 10\nnr_throttled 3\nthrottled_time 1500\n"
        let v2 = "usage_usec 9\nnr_throttled 3\nthrottled_usec 1500\n"
        #expect(MachinePressure.throttled(in: v1) == 1_500)
        #expect(MachinePressure.throttled(in: v2) == 1_500_000)
        for text in ["", "throttled_time", "throttled_time -3\n", "throttled_time x\n"] {
            #expect(MachinePressure.throttled(in: text) == nil)
        }
        #expect(MachinePressure.throttled(in: "throttled_usec \(Int64.max)\n") == .max)
    }

    @Test("Full stalls are read from pressure stall information") func stalls() {
        let text = """
            some avg10=0.00 avg60=0.00 avg300=0.00 total=99
            full avg10=0.00 avg60=0.00 avg300=0.00 total=12

            """
        #expect(MachinePressure.fullStall(in: text) == 12_000)
        for broken in ["", "full avg10=0.00\n", "full total=-1\n", "some total=5\n"] {
            #expect(MachinePressure.fullStall(in: broken) == nil)
        }
    }

    @Test("Groups are found in the v1 layout") func groupsV1() {
        let groups = ControlGroups(
            membership: "3:cpu,cpuacct:/a/b\n2:memory:/m\n1:name=systemd:/\n0::/u\n",
            mounts: """
                30 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
                32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
                41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw

                """
        )
        let cpu = "/sys/fs/cgroup/cpu,cpuacct"
        let unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/u"]
        #expect(groups.unified == unified)
        #expect(groups.cpu == [cpu, "\(cpu)/a", "\(cpu)/a/b"] + unified)
    }

    @Test("Groups are found in the v2 layout, also inside a container") func groupsV2() {
        let mount = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
        let groups = ControlGroups(membership: "0::/user.slice/x\n", mounts: mount)
        let top = "/sys/fs/cgroup"
        #expect(groups.unified == [top, "\(top)/user.slice", "\(top)/user.slice/x"])
        // The container's mount shows its own group as the top.
        let inside = "41 31 0:38 /docker/1 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
        #expect(
            ControlGroups(membership: "0::/docker/1/y\n", mounts: inside).cpu == [top, "\(top)/y"]
        )
        #expect(ControlGroups(membership: "0::/elsewhere\n", mounts: inside).cpu == [top])
    }

    @Test("Nonsense is no group") func nonsense() {
        for text in ["", "x", "0:", "::::", "0::"] {
            let groups = ControlGroups(membership: text, mounts: "1 2 3\n- - -\n - cgroup2\n")
            #expect(groups.cpu.isEmpty)
        }
    }

    @Test("Two readings have their difference, and nothing where one has nothing") func difference()
    {
        let before = MachinePressure(throttled: 5, memoryStall: nil)
        let after = MachinePressure(throttled: 9, memoryStall: 7)
        #expect(after.since(before) == MachinePressure(throttled: 4, memoryStall: nil))
        #expect(before.since(after).throttled == 0)
        _ = MachinePressure.read()
    }
}
