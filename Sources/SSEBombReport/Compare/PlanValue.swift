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
        case .list(let list):
            list.isEmpty ? Self.none : list.map(\.words).joined(separator: ",")
        case .fields(let fields):
            // A limit's text says it all; what is behind it is the same in numbers.
            fields["limit"]?.words
                ?? fields.sorted { $0.key < $1.key }.map(Self.member).joined(separator: " ")
        }
    }

    fileprivate static let none = "none"

    /// "idle 30 s" of `idle_s`.
    private static func member(_ name: String, _ value: PlanValue) -> String {
        guard name.hasSuffix("_s"), case .number = value else { return "\(name) \(value.words)" }
        return "\(name.dropLast(2)) \(value.words) s"
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
            PlanValue.fields([
                "for_s": .number(Double(stage.duration) / 1e9), "to": .number(stage.target),
            ])
        }
        if !stages.isEmpty { fields["stages"] = .list(stages) }
        for (place, part) in result.classes.enumerated() {
            // By place: with several URLs the name says where the server stands. The digest of the
            // whole is over all of them, and an API may not be known where nothing was answered.
            let own = facets(of: part.result).filter {
                !["request_digest", "api", "api_from"].contains($0.key)
            }
            fields["classes.\(place)"] = .fields(own)
        }
        return fields
    }
}

/// One field in which plans differ.
public struct PlanDifference: Sendable, Equatable {
    /// Name of the field in the result file, of one within another "timeouts.idle_s".
    public let field: String
    /// What it is in either run; "none" where it isn't set.
    public let base: String
    /// See `base`.
    public let new: String

    /// Absent from results of before there was one.
    static let digest = "request_digest"

    /// Where plans differ, by name.
    static func between(_ base: ComparedRun, _ new: ComparedRun) -> [PlanDifference] {
        let isKnown = base.plan[digest] != nil && new.plan[digest] != nil
        return between(base.plan, new.plan, within: "").filter { isKnown || $0.field != digest }
    }

    private static func between(
        _ base: [String: PlanValue],
        _ new: [String: PlanValue],
        within: String
    ) -> [PlanDifference] {
        Set(base.keys).union(new.keys).sorted().flatMap { name -> [PlanDifference] in
            let (left, right) = (base[name], new[name])
            guard left != right else { return [] }
            // Two of these have most of their members in common.
            if case .fields(let one) = left, case .fields(let two) = right {
                return between(one, two, within: "\(within)\(name).")
            }
            return [
                PlanDifference(
                    field: within + name,
                    base: left?.words ?? PlanValue.none,
                    new: right?.words ?? PlanValue.none
                )
            ]
        }
    }
}
