// A comparison as text, markdown and JSON. Must not know how it was made.

import FoundationEssentials
import SSEBombCore

/// Shows a comparison.
public struct ComparisonReport {
    let comparison: Comparison
    let color: Bool

    /// - Parameter color: whether the reader is a terminal that shows colours.
    public init(_ comparison: Comparison, color: Bool = false) {
        self.comparison = comparison
        self.color = color
    }

    private static let headings = ["", "base", "new", "difference", "95 % interval", "NEW is"]

    /// Name, base, new, difference, interval, word.
    private func cells(_ row: ComparisonRow) -> [String] {
        let figure = row.figure
        return [
            figure.name,
            row.base.map { figure.text($0) } ?? "-",
            row.new.map { figure.text($0) } ?? "-",
            row.difference.map { figure.text(difference: $0) } ?? "-",
            row.interval.map {
                "\(figure.text(difference: $0.lowerBound)) to "
                    + figure.text(difference: $0.upperBound)
            } ?? "-",
            word(row),
        ]
    }

    private func word(_ row: ComparisonRow) -> String {
        switch row.finding {
        case .worse: "worse"
        case .better: "better"
        case .same: "the same"
        case .unclear: "can't be told"
        }
    }

    /// What stands below the table: why nothing can be told, and what would help.
    private var notes: [String] {
        var notes = comparison.rows.filter { !$0.reason.isEmpty }
            .map { "\($0.figure.name): \($0.reason)" }
        let times = comparison.method == .seconds ? "as long" : "as many runs"
        for row in comparison.rows {
            guard let longer = row.longer else { continue }
            let factor = longer < 100 ? Units.rate(max(longer, 1)) : "more than 100"
            notes.append(
                "\(row.figure.name): a difference of this size would be told with \(factor) times "
                    + times
            )
        }
        return notes
    }

    /// The last line: what it comes to.
    private var conclusion: String {
        func names(_ finding: ComparisonFinding) -> [String] {
            comparison.rows.filter { $0.finding == finding }.map(\.figure.name)
        }
        let (worse, better) = (names(.worse), names(.better))
        var parts: [String] = []
        if !worse.isEmpty { parts.append("NEW is worse in \(worse.joined(separator: ", "))") }
        if !better.isEmpty {
            parts.append(
                "\(parts.isEmpty ? "NEW is " : "")better in \(better.joined(separator: ", "))"
            )
        }
        if parts.isEmpty { return "NEW is neither worse nor better in anything that can be told." }
        return parts.joined(separator: ", ") + "."
    }

    private var basis: String {
        let margin = Units.share(comparison.margin)
        let how =
            switch comparison.method {
            case .seconds: "from the seconds of the runs, drawn anew in blocks"
            case .runs: "between the runs"
            }
        return "Intervals \(how). Words hold for all figures together at 95 %; differences up to "
            + "\(margin) never count."
    }

    // MARK: Text

    /// For a terminal, ending with a line end.
    public func text() -> String {
        var layout = TextLayout(paint: Paint(isOn: color))
        layout.field("base", Self.list(comparison.base), indent: 0)
        layout.field("new", Self.list(comparison.new), indent: 0)
        for warning in comparison.warnings {
            layout.field("warning", PrintableText.line(warning), indent: 0) { $0.red }
        }
        if !comparison.gates.isEmpty { gates(&layout) }
        layout.line("")
        var table = TextTable()
        table.heading(Self.headings)
        for row in comparison.rows { table.row(cells(row).map { TextTable.Cell(text: $0) }) }
        layout.table(table)
        layout.line("")
        for note in notes { layout.note(PrintableText.line(note)) { $0.dim } }
        layout.note(basis) { $0.dim }
        layout.line("")
        layout.note(conclusion, indent: 0) { $0.bold }
        return layout.text
    }

    private func gates(_ layout: inout TextLayout) {
        layout.section("Gates")
        for result in comparison.gates {
            let text =
                "\(Self.mark(result.outcome)) \(result.gate.expression): \(result.sentence)"
            layout.note(text) { paint in
                switch result.outcome {
                case .passed: paint.green
                case .failed: paint.red
                case .notJudged: paint.bold
                }
            }
        }
    }

    private static func mark(_ outcome: ComparisonGateResult.Outcome) -> String {
        switch outcome {
        case .passed: "✓ passed"
        case .failed: "✗ failed"
        case .notJudged: "? not judged"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.map { PrintableText.line($0) }.joined(separator: " ")
    }

    // MARK: Markdown

    /// A section for a merge request.
    public func markdown() -> String {
        var lines = ["### \(conclusion)", ""]
        for result in comparison.gates {
            let gate = Self.code(result.gate.expression)
            lines.append("- \(Self.mark(result.outcome)) \(gate): \(Self.cell(result.sentence))")
        }
        if !comparison.gates.isEmpty { lines.append("") }
        lines.append("| \(Self.headings.joined(separator: " | ")) |")
        lines.append("|---|---:|---:|---:|---:|---|")
        for row in comparison.rows {
            var cells = cells(row).map(Self.cell)
            if row.finding == .worse || row.finding == .better { cells[5] = "**\(cells[5])**" }
            lines.append("| \(cells.joined(separator: " | ")) |")
        }
        lines.append("")
        for warning in comparison.warnings { lines.append("- warning: \(Self.cell(warning))") }
        for note in notes { lines.append("- \(Self.cell(note))") }
        lines.append("- \(basis)")
        let (base, new) = (Self.list(comparison.base), Self.list(comparison.new))
        lines.append("- base \(Self.code(base)), new \(Self.code(new))")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Nothing in a name may end a cell or begin markup that HTML would obey.
    private static func cell(_ text: String) -> String {
        PrintableText.line(text, limit: 500).replacing("|", with: "\\|").replacing("`", with: "'")
            .replacing("<", with: "&lt;")
    }

    /// A code span: nothing in it is markup but its own mark (CommonMark 0.31, 6.1).
    private static func code(_ text: String) -> String {
        "`\(PrintableText.line(text, limit: 500).replacing("`", with: "'"))`"
    }

    // MARK: JSON

    /// As UTF-8, keys sorted, with a line end behind it.
    public func json() throws(OutputError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try Array(encoder.encode(ComparisonDocument(comparison))) + [UInt8(ascii: "\n")]
        } catch {
            throw OutputError(sentence: "can't write the comparison as JSON: \(error)")
        }
    }
}

/// The shape of `compare --format json` (docs/COMPARE.md).
struct ComparisonDocument: Codable, Equatable {
    var schemaVersion = 1
    var base: [String]
    var new: [String]
    var method: String
    var margin: Double
    var outcome: String
    var rows: [Row]
    var gates: [Gate]
    var warnings: [String]

    struct Row: Codable, Equatable {
        var figure: String
        var base: Double?
        var new: Double?
        var difference: Double?
        var low: Double?
        var high: Double?
        var p: Double?
        var finding: String
        var longer: Double?
        var reason: String?
    }

    struct Gate: Codable, Equatable {
        var expression: String
        var outcome: String
        var sentence: String
    }

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case base, new, method, margin, outcome, rows, gates, warnings
    }

    init(_ comparison: Comparison) {
        /// JSON has no infinities.
        func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
        base = comparison.base
        new = comparison.new
        method = comparison.method.rawValue
        margin = comparison.margin
        outcome =
            switch comparison.outcome {
            case .passed: "passed"
            case .regression: "regression"
            case .unjudged: "not_judged"
            }
        rows = comparison.rows.map { row in
            Row(
                figure: row.figure.name,
                base: finite(row.base),
                new: finite(row.new),
                difference: finite(row.difference),
                low: finite(row.interval?.lowerBound),
                high: finite(row.interval?.upperBound),
                p: finite(row.probability),
                finding: row.finding.rawValue,
                longer: finite(row.longer),
                reason: row.reason.isEmpty ? nil : row.reason
            )
        }
        gates = comparison.gates.map {
            Gate(
                expression: $0.gate.expression,
                outcome: $0.outcome.rawValue,
                sentence: $0.sentence
            )
        }
        warnings = comparison.warnings
    }
}
