// The report's part on sessions: what became of them, and the latencies of each turn.

import SSEBombCore

extension TextReport {
    /// What the plan says of sessions, behind what it says of the load.
    var sessionWords: String {
        guard let sessions = result.plan.sessions else { return "" }
        let turns = PrintableText.line(sessions.turnsText, limit: 40)
        let think = PrintableText.line(sessions.thinkText, limit: 40)
        return ", sessions of \(turns) turns" + (think.isEmpty ? "" : ", think \(think)")
    }

    func sessions(_ layout: inout TextLayout, ofClass: Bool = false) {
        guard let sessions = result.sessions else { return }
        if !ofClass { layout.section("Sessions") }
        layout.field(
            "sessions",
            "\(Units.count(sessions.started)) = \(Units.count(sessions.completed)) completed"
                + " + \(Units.count(sessions.failed)) failed"
                + " + \(Units.count(sessions.tooLong)) too long"
                + " + \(Units.count(sessions.unfinished)) unfinished"
        )
        guard let table = turnTable else { return }
        layout.line("")
        layout.table(table)
    }

    /// A row for each turn that was observed; nil without one.
    var turnTable: TextTable? {
        guard let sessions = result.sessions, !sessions.turns.isEmpty else { return nil }
        var table = TextTable()
        table.heading(["Turn", "completed", "ttft p50", "p99", "e2e p50"])
        for turn in sessions.turns {
            table.row(
                [turn.name, Units.count(turn.e2e.count)].map { TextTable.Cell(text: $0) }
                    + percentiles(turn.ttft) + percentiles(turn.e2e).prefix(1)
            )
        }
        return table
    }
}
