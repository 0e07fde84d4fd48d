// JUnit XML: a test case for each gate, so that a job's page shows what was missed. A gate that
// couldn't be judged is an error, a missed one a failure.

import SSEBombCore

/// The `--junit` file.
enum JUnitExport {
    static func text(_ run: FinishedRun) -> String {
        let gates = run.thresholds
        let missed = gates.count { $0.outcome == .missed }
        let unjudged = gates.count { $0.outcome == .notJudged }
        let time = Decimal3.text(Double(run.result.length) / 1e9)
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        text += "  <testsuite name=\"ssebomb\" tests=\"\(gates.count)\" failures=\"\(missed)\" "
        text += "errors=\"\(unjudged)\" skipped=\"0\" time=\"\(time)\" "
        text += "timestamp=\"\(Timestamp.rfc3339(run.result.startedAt).dropLast(5))\">\n"
        text += "    <properties>\n"
        for (name, value) in properties(run) {
            text += "      <property name=\"\(escaped(name))\" value=\"\(escaped(value))\"/>\n"
        }
        text += "    </properties>\n"
        for gate in gates { text += testCase(gate) }
        return text + "  </testsuite>\n</testsuites>\n"
    }

    private static func properties(_ run: FinishedRun) -> [(String, String)] {
        var properties = [
            ("run", run.context.id), ("version", run.context.toolVersion),
            ("verdict", run.verdict.state.rawValue),
        ]
        let requests = run.result.requests
        if let url = requests.common({ Redaction.url(of: $0) }) {
            properties.append(("url", url))
        } else {
            for (part, request) in zip(run.result.classes, requests) {
                properties.append(("url.\(part.name)", Redaction.url(of: request)))
            }
        }
        for reason in run.verdict.reasons { properties.append((reason.code, reason.sentence)) }
        for (name, value) in run.context.labels.sorted(by: { $0.key < $1.key }) {
            properties.append(("label.\(name)", value))
        }
        return properties
    }

    private static func testCase(_ gate: ThresholdResult) -> String {
        let name = escaped(gate.threshold.expression)
        let sentence = escaped(gate.sentence)
        let head = "    <testcase classname=\"ssebomb.threshold\" name=\"\(name)\" time=\"0\">\n"
        let body =
            switch gate.outcome {
            case .passed: "      <system-out>\(sentence)</system-out>\n"
            case .missed: "      <failure type=\"missed\" message=\"\(sentence)\"/>\n"
            case .notJudged: "      <error type=\"not_judged\" message=\"\(sentence)\"/>\n"
            }
        return head + body + "    </testcase>\n"
    }

    /// For text and attribute values alike; what XML 1.0 can't hold is replaced.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in PrintableText.line(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
