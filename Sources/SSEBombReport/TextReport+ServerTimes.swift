// The report's part on what servers say of their own work, set beside what the client saw. Printed
// where a server said something.

import SSEBombCore

extension TextReport {
    func serverTimes(_ layout: inout TextLayout) {
        let pairs: [(says: Metric, word: String, saw: Metric?)] = [
            (.serverQueue, "queue", nil), (.serverPrefill, "prefill", .ttft),
            (.serverDecode, "decode", .lastToken),
        ]
        let lines = pairs.compactMap { pair -> String? in
            guard let said = median(pair.says) else { return nil }
            let seen = pair.saw.flatMap { saw in
                median(saw).map { ", client saw \(saw.rawValue) \($0)" }
            }
            return "server says \(pair.word) \(said)" + (seen ?? "")
        }
        guard !lines.isEmpty else { return }
        layout.section("Server's own times, medians")
        for line in lines { layout.note(line) { _ in { $0 } } }
    }

    private func median(_ metric: Metric) -> String? {
        guard let histogram = result.histograms[metric], !histogram.isEmpty else { return nil }
        let value = min(histogram.percentile(ReportedPercentile.p50.rawValue), histogram.max)
        return "\(Units.duration(value)) (n \(Units.count(histogram.count)))"
    }
}
