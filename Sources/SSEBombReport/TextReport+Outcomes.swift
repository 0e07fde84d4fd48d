// What became of the requests: status codes, finish reasons, and each kind of failure with one kept
// sample. Everything a server chose is redacted first and made printable then.

import SSEBombCore

extension TextReport {
    private static let longestName = 40
    private static let mostNames = 12
    private static let excerptColumns = 94
    private static let excerptLines = 3

    func outcomes(_ layout: inout TextLayout) {
        let counts = result.counts
        guard !counts.status.isEmpty || !counts.finishReasons.isEmpty else { return }
        layout.section("Outcomes")
        if !counts.status.isEmpty {
            let named = counts.status.sorted { $0.key < $1.key }
                .map { (name: String($0.key), count: $0.value) }
            layout.field("status", shares(named))
        }
        if !counts.finishReasons.isEmpty {
            layout.field("finish reasons", shares(byCount(counts.finishReasons)))
        }
    }

    func failures(_ layout: inout TextLayout) {
        let kinds = StreamFailure.allCases
            .compactMap { kind in result.counts.failures[kind].map { (kind: kind, count: $0) } }
            .filter { $0.count > 0 }
            .sorted { $0.count > $1.count }
        let shown = Set(kinds.map(\.kind))
        let others = result.errors.filter { !shown.contains($0.kind) }
        guard !kinds.isEmpty || !others.isEmpty else { return }
        layout.section("Failures")
        for (kind, count) in kinds {
            let share = Units.share(count, of: result.counts.decided).map { " (\($0))" } ?? ""
            let text = "\(Units.count(count))\(share)"
            layout.field(kind.name, text) { $0.red }
            for error in result.errors where error.kind == kind { sample(error, &layout) }
        }
        for error in others {
            layout.field(error.kind.name, "outside the measured window")
            sample(error, &layout)
        }
    }

    private func sample(_ error: ErrorSample, _ layout: inout TextLayout) {
        let status = error.status.map { "status \($0), " } ?? ""
        let first = Units.duration(Int64(clamping: error.firstAtSeconds * 1e9))
        let times =
            error.count == 1
            ? "once, at" : "\(Units.count(error.count)) times in all, first at"
        let detail = PrintableText.line(redaction.apply(to: error.detail), limit: 300)
        let remedy = FailureRemedy.sentence(for: error)
        let words = [detail, remedy ?? ""].filter { !$0.isEmpty }.joined(separator: "; ")
        let reason = words.isEmpty ? "" : ": \(words)"
        layout.note("\(status)\(times) \(first)\(reason)", indent: 4) { $0.plain }
        let excerpt = PrintableText.escaped(redaction.apply(to: error.sample))
        let lines = PrintableText.wrapped(
            excerpt,
            columns: Self.excerptColumns,
            lines: Self.excerptLines
        )
        for line in lines { layout.excerpt(line) }
    }

    /// Counts by a name that a server chose, most frequent first.
    func byCount(_ counts: [String: UInt64]) -> [(name: String, count: UInt64)] {
        var clean: [String: UInt64] = [:]
        for (name, count) in counts {
            let shown = PrintableText.line(redaction.apply(to: name), limit: Self.longestName)
            clean[shown.isEmpty ? "(empty)" : shown, default: 0] += count
        }
        return clean.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { (name: $0.key, count: $0.value) }
    }

    /// "stop: 10,000 (83.3 %), length: 2,000 (16.7 %)"
    func shares(_ counts: [(name: String, count: UInt64)]) -> String {
        let total = counts.reduce(0) { $0 + $1.count }
        var parts = counts.prefix(Self.mostNames).map { entry in
            let share = Units.share(entry.count, of: total).map { " (\($0))" } ?? ""
            return "\(entry.name): \(Units.count(entry.count))\(share)"
        }
        let hidden = counts.count - parts.count
        if hidden > 0 { parts.append("and \(Units.count(hidden)) more") }
        return parts.joined(separator: ", ")
    }
}

extension Int64 {
    /// The nearest representable value; 0 for what is no number.
    init(clamping value: Double) {
        if value.isNaN {
            self = 0
        } else if value >= 9.2e18 {
            self = .max
        } else {
            self = value <= -9.2e18 ? .min : Int64(value)
        }
    }
}
