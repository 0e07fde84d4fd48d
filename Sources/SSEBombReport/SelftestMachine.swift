// Which machine a self-test speaks of, as far as it decides whether its figures hold here. No host
// name: files are shown to others.

import Glibc

/// A machine, by what makes its figures its own.
public struct SelftestMachine: Codable, Equatable, Sendable {
    /// Model name of the first processor; absent where the kernel doesn't say.
    var cpuModel: String?
    /// Hardware name, e.g. "x86_64".
    var architecture: String?
    /// CPUs that are online, whether or not this process may use them.
    var cpus: Int
    /// Name and release of the kernel; not compared.
    var kernel: String?

    enum CodingKeys: String, CodingKey {
        case cpuModel = "cpu_model"
        case architecture, cpus, kernel
    }

    /// Asks the kernel.
    public static func current() -> SelftestMachine {
        let environment = RunEnvironment.current()
        return SelftestMachine(
            cpuModel: environment.cpuModel,
            architecture: environment.machine,
            cpus: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            kernel: environment.kernel
        )
    }

    /// Whether figures taken on one of both hold on the other.
    func isLike(_ other: SelftestMachine) -> Bool {
        cpuModel == other.cpuModel && architecture == other.architecture && cpus == other.cpus
    }

    /// "4 CPUs AMD EPYC, x86_64".
    var text: String {
        let names = [cpuModel, architecture].compactMap { $0 }
            .map { PrintableText.line($0) }.joined(separator: ", ")
        return "\(cpus) \(cpus == 1 ? "CPU" : "CPUs")" + (names.isEmpty ? "" : " \(names)")
    }
}
