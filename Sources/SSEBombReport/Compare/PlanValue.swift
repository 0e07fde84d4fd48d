// What makes two plans unlike: the fields of the result file's `plan`, whatever there are, but for
// those in which two runs of one experiment may differ.

import FoundationEssentials
import SSEBombCore

/// A value of a stored plan, whatever its type.
enum PlanValue: Decodable, Equatable, Sendable {
    case number(Double)
    case flag(Bool)
    case text(String)
    case list([PlanValue])
    case fields([String: PlanValue])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([PlanValue].self) {
            self = .list(list)
        } else {
            self = .fields(try value.decode([String: PlanValue].self))
        }
    }

    /// For people, in one line.
    var words: String {
        switch self {
        case .number(let number): number == number.rounded() ? Units.number(number) : "\(number)"
        case .flag(let flag): flag ? "yes" : "no"
        case .text(let text): PrintableText.line(text, limit: 60)
        case .list(let list): list.map(\.words).joined(separator: ",")
        case .fields(let fields):
            fields.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.words)" }
                .joined(separator: " ")
        }
    }

    /// Where the server stands and how long was measured may differ: that is what is compared, and
    /// what makes the answer surer. Nor does it change the load which CPUs made it.
    private static let free = [
        "url", "addresses", "source_addresses", "seed", "cpus", "duration_s", "requests", "drain_s",
        "event_log_streams",
    ]

    /// The fields of a run's plan that have to be alike; `path` stands for the URL.
    static func facets(of result: RunResult) -> [String: PlanValue] {
        let plan = ResultDocument.Plan(result)
        guard let bytes = try? JSONEncoder().encode(plan),
            var fields = try? JSONDecoder().decode([String: PlanValue].self, from: bytes)
        else { return [:] }
        for name in free { fields[name] = nil }
        let path = result.plan.request.target.prefix { $0 != "?" }
        fields["path"] = .text(String(path))
        let stages = result.stageAccounts.map { stage in
            PlanValue.list([.number(Double(stage.duration) / 1e9), .number(stage.target)])
        }
        if !stages.isEmpty { fields["stages"] = .list(stages) }
        return fields
    }
}

/// One field in which plans differ.
public struct PlanDifference: Sendable, Equatable {
    /// Name of the field in the result file.
    public let field: String
    /// What it is in either run; "-" where it isn't set.
    public let base: String
    /// See `base`.
    public let new: String

    /// Where plans differ, by name.
    static func between(_ base: ComparedRun, _ new: ComparedRun) -> [PlanDifference] {
        Set(base.plan.keys).union(new.plan.keys).sorted().compactMap { field in
            let (left, right) = (base.plan[field], new.plan[field])
            guard left != right else { return nil }
            return PlanDifference(
                field: field,
                base: left?.words ?? "-",
                new: right?.words ?? "-"
            )
        }
    }
}
