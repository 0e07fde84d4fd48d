// The report's first section: what became of each gate, by a mark, a word and a sentence, so that
// neither colour nor font is needed to tell.

import SSEBombCore

extension TextReport {
    /// An expression up to this long has its sentence beside it, a longer one below it.
    private static let widestExpression = 28

    func gates(_ layout: inout TextLayout) {
        guard !thresholds.isEmpty else { return }
        layout.section("Thresholds")
        let words = thresholds.map { Self.word($0.outcome) }
        let wordWidth = words.map(\.count).max() ?? 0
        // The name of a class in it, as in the sentence, may hold anything.
        let expressions = thresholds.map { PrintableText.line($0.threshold.expression) }
        let width = expressions.map(\.count).filter { $0 <= Self.widestExpression }.max() ?? 0
        for (place, (result, word)) in zip(thresholds, words).enumerated() {
            let style: (String) -> String =
                switch result.outcome {
                case .passed: layout.paint.green
                case .missed: layout.paint.red
                case .notJudged: layout.paint.bold
                }
            let expression = expressions[place]
            let head = "  " + style(word.padded(to: wordWidth)) + "  "
            let margin = 2 + wordWidth + 2 + width + 2
            let parts = TextLayout.wrap(
                PrintableText.line(result.sentence),
                columns: TextLayout.columns - margin
            )
            let fits = expression.count <= width
            layout.line(
                head + (fits ? expression.padded(to: width) + "  " + parts[0] : expression)
            )
            for part in parts.dropFirst(fits ? 1 : 0) {
                layout.line(String(repeating: " ", count: margin) + part)
            }
        }
        layout.line("")
    }

    private static func word(_ outcome: ThresholdResult.Outcome) -> String {
        switch outcome {
        case .passed: "✓ passed"
        case .missed: "✗ missed"
        case .notJudged: "? not judged"
        }
    }
}
