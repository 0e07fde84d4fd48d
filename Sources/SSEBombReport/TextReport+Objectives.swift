// What the report says of goodput and attainment: one line in its head, and which limits were
// missed how often. Must not know how a request is judged.

import SSEBombCore

extension TextReport {
    /// The answer to whether the server is good enough, in the report's head.
    func objectivesLine(_ layout: inout TextLayout) {
        guard let counts = result.counts.objectives else { return }
        let limits = result.plan.objectives?.text ?? ""
        let owner = result.classes.isEmpty ? "part" : "class"
        let asked = limits.isEmpty ? "the objectives of their \(owner)" : limits
        guard let share = Units.share(counts.good, of: counts.decided) else {
            return layout.field("slo", "not one request was decided (\(asked))", indent: 0)
        }
        let rate = result.goodput.map { ", goodput \(Units.rate($0))/s" } ?? ""
        layout.field("slo", "\(share) of the requests kept \(asked)\(rate)", indent: 0) { $0.bold }
    }

    /// Behind the requests' counts: those by judgement, then each limit.
    func objectives(_ layout: inout TextLayout) {
        guard let counts = result.counts.objectives else { return }
        var bad = "\(Units.count(counts.bad)) bad"
        let (failed, dropped) = (result.counts.failed, result.counts.dropped)
        var among = failed > 0 ? ["\(Units.count(failed)) failed"] : []
        if dropped > 0 { among.append("\(Units.count(dropped)) dropped") }
        // Where only some classes have objectives, these counts are of others, too.
        if result.classes.isEmpty, !among.isEmpty {
            bad += " (\(among.joined(separator: ", ")) among them)"
        }
        var text = "\(Units.count(counts.good)) good, \(bad)"
        if counts.undecided > 0 {
            text += "; \(Units.count(counts.undecided)) were left undecided, in neither"
        }
        layout.field("slo", text)
        let limits = zip(result.plan.objectives?.limits ?? [], counts.missed)
        let missed = limits.filter { $0.1 > 0 }.map { limit, missed in
            let share = Units.share(missed, of: counts.decided).map { " (\($0))" } ?? ""
            return "\(limit.text) by \(Units.count(missed))\(share)"
        }
        if !missed.isEmpty { layout.field("missed", missed.joined(separator: ", ")) }
    }
}
