// Whether two plans can be those of one run's parts: the same in everything but what tells parts
// apart. Goes by the plan as it is stored, so that every field there counts unless it is named
// here.

import FoundationEssentials

extension ResultDocument.Plan {
    /// The plan without what differs between parts of one run, and without the API and the digest
    /// of requests, which a part may not know.
    var asPart: ResultDocument.Plan {
        var plan = self
        (plan.streams, plan.threads, plan.seed) = (0, 0, 0)
        (plan.rank, plan.ranks, plan.requestDigest) = (nil, nil, nil)
        (plan.api, plan.apiFrom) = (nil, nil)
        (plan.rate, plan.requests, plan.connectRate, plan.eventLogStreams) = (nil, nil, nil, nil)
        (plan.cpus, plan.addresses, plan.sourceAddresses) = ([], [], [])
        return plan
    }

    /// The name of the first field in which the two differ, nil where they are the same.
    static func difference(_ left: Self, _ right: Self) -> String? {
        guard left != right else { return nil }
        let (one, two) = (left.members, right.members)
        let names = Set(one.keys).union(two.keys).sorted()
        return names.first { one[$0] != two[$0] } ?? "url"
    }

    /// An order of plans that differ, for choosing one of them whatever the order of the files.
    func isBefore(_ other: Self) -> Bool { text.lexicographicallyPrecedes(other.text) }

    private var text: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }

    /// Each field as its JSON text.
    private var members: [String: String] {
        let decoder = JSONDecoder()
        let values = try? decoder.decode([String: AnyText].self, from: Data(text))
        return values?.mapValues(\.text) ?? [:]
    }

    /// Any JSON value as a text that is the same for the same value.
    private struct AnyText: Decodable {
        let text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self.text = "s\(text)"
            } else if let flag = try? container.decode(Bool.self) {
                text = "b\(flag)"
            } else if let number = try? container.decode(Double.self) {
                text = "n\(number)"
            } else if let list = try? container.decode([AnyText].self) {
                text = "[" + list.map(\.text).joined(separator: ",") + "]"
            } else if let object = try? container.decode([String: AnyText].self) {
                let members = object.map { "\($0.key):\($0.value.text)" }.sorted()
                text = "{" + members.joined(separator: ",") + "}"
            } else {
                text = "null"
            }
        }
    }
}
