// The result file's `requests`: its shape, how it is made of what a run kept, and how it is read
// back. Must not know how requests are told.

import FoundationEssentials
import SSEBombCore

extension ResultDocument {
    /// Single requests, compressed.
    struct RequestsRecord: Codable, Equatable, Sendable {
        /// What to add to `run.started_at` for the instant that stamps count from.
        var startOffsetNs: Int64
        var kept: Int
        var leftOut: UInt64
        /// Members of a line, in the order of their words.
        var columns: [String]
        var names: RequestNames
        /// Base64 of zlib's format.
        var data: String

        enum CodingKeys: String, CodingKey {
            case startOffsetNs = "start_offset_ns"
            case kept
            case leftOut = "left_out"
            case columns, names, data
        }

        /// - Parameter startedAt: `run.started_at`, nanoseconds since 1970.
        init(_ requests: StoredRequests, startedAt: Int64) {
            startOffsetNs = max(0, requests.startedAt - startedAt)
            kept = requests.count
            leftOut = requests.leftOut
            columns = RequestMember.allCases.map(\.rawValue)
            names = requests.names
            data = Data(ZLibFormat.compress(requests.columns)).base64EncodedString()
        }

        /// The requests of a run that began at `startedAt`.
        func requests(startedAt: Int64) throws(ResultFault) -> StoredRequests {
            guard columns == RequestMember.allCases.map(\.rawValue) else {
                throw .unknown("requests.columns", columns.joined(separator: ","))
            }
            // A run starts within the millisecond of its `started_at`.
            guard (0..<1_000_000).contains(startOffsetNs) else {
                throw .field("requests.start_offset_ns")
            }
            guard let packed = Data(base64Encoded: data),
                let plain = try? ZLibFormat.expand(
                    ArraySlice(packed),
                    limit: RequestArchive.usualRoom
                )
            else { throw .field("requests.data") }
            let requests = StoredRequests(
                startedAt: startedAt + startOffsetNs,
                names: names,
                count: kept,
                leftOut: leftOut,
                columns: plain
            )
            guard requests.forEachRow({ _ in }) else { throw .field("requests.data") }
            return requests
        }
    }
}
