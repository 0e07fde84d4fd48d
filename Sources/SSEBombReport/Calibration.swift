// A self-test's file, read to judge other runs by it. Whatever is not exactly what this version
// wrote on this machine is refused with a sentence: a calibration that was guessed would be worse
// than none. Must not know how a file is opened, nor what else speaks against a run.

import FoundationEssentials
public import SSEBombCore

/// Why a calibration can't be used.
public struct CalibrationError: Error, Equatable, Sendable {
    /// One sentence that names the file and the remedy.
    public let sentence: String
}

/// What a machine was shown to do.
public struct Calibration: Sendable {
    /// The file it came from, for sentences, as it is shown.
    public let path: String
    private let trusted: [SelftestDocument.Cell]

    /// Reads what `ssebomb selftest -o` wrote.
    ///
    /// - Parameters:
    ///   - path: names the file in sentences.
    ///   - toolVersion: this program's; a file of another one says nothing about it.
    ///   - machine: the one that a run is about to use.
    public init(
        reading bytes: [UInt8],
        path: String,
        toolVersion: String,
        machine: SelftestMachine = .current()
    ) throws(CalibrationError) {
        func refuse(_ cause: String) -> CalibrationError {
            CalibrationError(
                sentence: "--calibration: \(path) \(cause): make one here with"
                    + " 'ssebomb selftest -o \(path)'"
            )
        }
        let data = Data(bytes)
        let decoder = JSONDecoder()
        let kind: Kind
        do {
            kind = try decoder.decode(Kind.self, from: data)
        } catch DecodingError.dataCorrupted {
            throw refuse("isn't JSON, or was cut")
        } catch {
            throw refuse("isn't the file of a self-test")
        }
        guard kind.format == SelftestDocument.formatName else {
            throw refuse("isn't the file of a self-test")
        }
        guard kind.formatVersion == SelftestDocument.formatVersion else {
            let version = kind.formatVersion.map { "\($0)" } ?? "none"
            throw refuse(
                "has version \(version) of the format, and this ssebomb reads "
                    + "\(SelftestDocument.formatVersion)"
            )
        }
        let document: SelftestDocument
        do {
            document = try decoder.decode(SelftestDocument.self, from: data)
        } catch {
            throw refuse("is damaged (\(Self.place(of: error)))")
        }
        if let contradiction = document.contradiction {
            throw refuse("is damaged (\(PrintableText.line(contradiction)))")
        }
        guard document.tool.version == toolVersion else {
            let version = PrintableText.line(document.tool.version)
            throw refuse("was written by ssebomb \(version), and this is \(toolVersion)")
        }
        guard document.machine.isLike(machine) else {
            throw refuse(
                "is of another machine (\(document.machine.text); this one: \(machine.text))"
            )
        }
        guard !document.cells.isEmpty else { throw refuse("holds no load that was measured") }
        self.path = PrintableText.line(path)
        trusted = document.trustedCells
    }

    /// The two fields that no version may change.
    private struct Kind: Decodable {
        var format: String?
        var formatVersion: Int?

        enum CodingKeys: String, CodingKey {
            case format
            case formatVersion = "format_version"
        }
    }

    /// Which field a decoder stopped at.
    private static func place(of error: any Error) -> String {
        let path: [any CodingKey] =
            switch error {
            case DecodingError.keyNotFound(let key, let context): context.codingPath + [key]
            case DecodingError.valueNotFound(_, let context): context.codingPath
            case DecodingError.typeMismatch(_, let context): context.codingPath
            case DecodingError.dataCorrupted(let context): context.codingPath
            default: []
            }
        let names = path.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }
        let text = PrintableText.line(names.joined(separator: "."))
        return text.isEmpty ? "its fields" : "\(text) is missing or wrong"
    }
}

// MARK: - Judging

extension Verdict {
    /// This verdict, and what `calibration` makes of the run.
    public func judged(by calibration: Calibration, _ result: RunResult) -> Verdict {
        Verdict(
            reasons: reasons + calibration.reasons(for: result),
            server: server,
            calibration: calibration.coverage(of: result)
        )
    }
}

extension Calibration {
    /// What speaks against a run that went beyond everything that was shown; empty when it didn't.
    public func reasons(for result: RunResult) -> [Verdict.Reason] {
        guard case .beyond(let reason) = standing(of: result) else { return [] }
        return [reason]
    }

    /// The trusted load that is nearest above a run's, and its error; nil where there is none.
    public func coverage(of result: RunResult) -> Coverage? {
        guard case .within(let cell) = standing(of: result) else { return nil }
        return Coverage(
            file: path,
            transport: cell.transport,
            streams: cell.streams,
            rate: cell.rate,
            loops: cell.loops,
            within: cell.greatestError
        )
    }

    /// A load that covers a run's.
    public struct Coverage: Codable, Equatable, Sendable {
        /// The self-test's.
        public let file: String
        /// How its streams were carried.
        public let transport: SelftestTransport
        /// Streams held at once.
        public let streams: Int
        /// Events a second of each.
        public let rate: Double
        /// Loop threads that carried them.
        public let loops: Int
        /// Greatest error of ttft and gap there, p50 and p99, in nanoseconds.
        public let within: Int64
    }

    /// A run's events may exceed those of a covering load by a tenth: they include the ones that
    /// begin and end each request, which a cell's rate doesn't, and no second is like another.
    private static let slack = 1.1

    private enum Standing {
        /// Nothing was carried.
        case idle
        case within(SelftestDocument.Cell)
        case beyond(Verdict.Reason)
    }

    private func standing(of result: RunResult) -> Standing {
        guard let load = LoopLoad(result) else { return .idle }
        if load.userClockStreams > 0 {
            let count = Double(load.userClockStreams)
            return .beyond(
                reason(
                    "\(Units.count(load.userClockStreams)) streams were timed by the user clock"
                        + " (bound 0), with which \(path) shows nothing: use --clock kernel, and"
                        + " TCP in place of a unix socket.",
                    value: count,
                    bound: 0
                )
            )
        }
        let cells = trusted.filter { $0.transport == load.transport }
        let covering = cells.filter {
            $0.streamsPerLoop >= load.streams && Self.slack * $0.eventsPerLoop >= load.events
        }
        let nearest = covering.min {
            ($0.eventsPerLoop, $0.streamsPerLoop) < ($1.eventsPerLoop, $1.streamsPerLoop)
        }
        if let nearest { return .within(nearest) }
        return .beyond(reasonBeyond(load, cells))
    }

    /// Events are the figure unless no cell had as many streams.
    private func reasonBeyond(
        _ load: LoopLoad,
        _ cells: [SelftestDocument.Cell]
    ) -> Verdict.Reason {
        let enough = cells.filter { $0.streamsPerLoop >= load.streams }
        let mostEvents = enough.map(\.eventsPerLoop).max()
        let mostStreams = cells.map(\.streamsPerLoop).max() ?? 0
        let carried: String
        let shown: String
        if let mostEvents {
            carried = "\(Units.rate(load.events)) events/s"
            shown = "\(Units.rate(mostEvents)) events/s with as many streams"
        } else {
            carried = "\(Units.rate(load.streams)) streams"
            shown = cells.isEmpty ? "none" : "\(Units.rate(mostStreams)) streams"
        }
        return reason(
            "A loop carried \(carried) over \(load.transport == .tls ? "TLS" : "TCP"), and \(path)"
                + " shows this machine to be right up to \(shown) a loop; spread the load over"
                + " more loops (-t) or machines, or make a calibration that covers it with"
                + " 'ssebomb selftest --streams ... --rate ...'.",
            value: mostEvents == nil ? load.streams : load.events,
            bound: mostEvents ?? mostStreams
        )
    }

    private func reason(_ sentence: String, value: Double, bound: Double) -> Verdict.Reason {
        Verdict.Reason(
            code: "beyond_calibration",
            state: .suspect,
            sentence: sentence,
            value: value,
            bound: bound
        )
    }
}

/// What the busiest loop of a run carried in its busiest interval.
private struct LoopLoad {
    let transport: SelftestTransport
    let streams: Double
    /// A second.
    let events: Double
    let userClockStreams: UInt64

    /// Nil where no event came.
    init?(_ result: RunResult) {
        let handled = result.loops.reduce(0) { $0 &+ $1.events }
        guard handled > 0 else { return nil }
        transport = result.plan.tls == nil ? .plain : .tls
        userClockStreams = result.counts.userClockStreams
        // Intervals are of all loops: the busiest one's share of them is that of the whole run.
        let share = Double(result.loops.map(\.events).max() ?? 0) / Double(handled)
        events =
            share * (result.intervals.map { Double($0.events) / $0.length(in: result) }.max() ?? 0)
        let held = result.intervals.map(\.inFlight).filter(\.isFinite).max() ?? 0
        streams = (held / Double(result.loops.count)).rounded(.up)
    }
}

extension RunInterval {
    /// Seconds that the run spent in it: the last one ends with the run.
    fileprivate func length(in result: RunResult) -> Double {
        let left = Double(result.length) / 1e9 - Double(startSeconds)
        // What is left of a run that ended on the second would make a rate of anything.
        return left > 0.05 ? min(Double(seconds), left) : Double(seconds)
    }
}
