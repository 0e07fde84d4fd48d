// `--cpus`: the process confined to a list of CPUs. Threads inherit the mask of their creator, so
// this happens before the first one starts.

import SSEBombCore

/// The CPUs of this process.
enum CPUConfinement {
    /// The CPUs to plan with: all usable ones, or `asked`, to which the process is then confined.
    static func apply(_ asked: [Int32]?) throws(SetupError) -> [Int32] {
        let usable = usableCPUs()
        guard let asked else { return usable }
        if let missing = asked.first(where: { !usable.contains($0) }) {
            throw SetupError(
                .usage,
                "--cpus: CPU \(missing) isn't usable by this process: choose from \(spell(usable))"
            )
        }
        do throws(Errno) {
            try confineProcess(to: asked)
        } catch {
            throw SetupError(
                .system,
                "--cpus: the kernel refused \(spell(asked)): \(error.sentence); leave the flag out"
            )
        }
        return asked
    }

    /// A list as taskset(1) writes it, e.g. "0-3,8".
    static func spell(_ cpus: [Int32]) -> String {
        var ranges: [ClosedRange<Int32>] = []
        for cpu in cpus.sorted() {
            if let last = ranges.last, last.upperBound == cpu - 1 {
                ranges[ranges.count - 1] = last.lowerBound...cpu
            } else {
                ranges.append(cpu...cpu)
            }
        }
        return ranges.map {
            $0.lowerBound == $0.upperBound
                ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }.joined(separator: ",")
    }
}
