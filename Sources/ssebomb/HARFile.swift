// `--har`: the request of one entry of a HAR file, as a browser's network view saves it (HAR 1.2).
// The file is only read; its responses, times and cookies lists are not looked at.

import FoundationEssentials
import SSEBombCore

/// The part of a HAR file that a request is made of.
private struct HARDocument: Decodable {
    struct Log: Decodable { var entries: [Entry] }
    struct Entry: Decodable { var request: Request }
    struct Request: Decodable {
        var method: String
        var url: String
        var headers: [Field]?
        var postData: PostData?
    }
    struct Field: Decodable {
        var name: String
        var value: String
    }
    struct Parameter: Decodable { var name: String }
    struct PostData: Decodable {
        var mimeType: String?
        var text: String?
        /// A form's fields; some browsers write them in place of the text.
        var params: [Parameter]?
        /// Not of HAR 1.2, but of browsers: "base64".
        var encoding: String?
    }

    var log: Log
}

/// Reads requests of HAR files.
enum HARFile {
    private static let mostListed = 8

    /// The request of `entry`, a number from 1 on or a part of the URL; of the only entry without.
    static func read(_ path: String, entry: String?) throws(SetupError) -> ImportedRequest {
        let bytes = try FileInput.read(path, for: "--har")
        let name = FileInput.name(of: path)
        // For the place of a mistake, which the decoder doesn't give.
        do throws(JSONFault) {
            _ = try JSONCheck.outline(of: bytes)
        } catch {
            let place = bytes.withUnsafeBytes { TextPlace(of: error.offset, in: $0) }
            throw SetupError(
                .usage,
                "--har: \(name) isn't JSON (line \(place.line), column \(place.column): "
                    + "\(error.problem)): save the browser's network log anew"
            )
        }
        guard let document = try? JSONDecoder().decode(HARDocument.self, from: Data(bytes)) else {
            throw SetupError(
                .usage,
                "--har: \(name) has no log.entries with a request's method and url in each: "
                    + "save it as HAR"
            )
        }
        return try imported(choose(document.log.entries.map(\.request), entry, name), name)
    }

    private static func choose(
        _ requests: [HARDocument.Request],
        _ entry: String?,
        _ name: String
    ) throws(SetupError) -> HARDocument.Request {
        var numbered = Array(zip(1..., requests))
        if let entry, let number = Int(entry) {
            guard requests.indices.contains(number - 1) else {
                throw SetupError(
                    .usage,
                    "--har-entry \(number): \(name) has \(requests.count) entries, from 1 on"
                )
            }
            return requests[number - 1]
        }
        if let entry { numbered = numbered.filter { $0.1.url.contains(entry) } }
        guard let first = numbered.first else {
            let what = entry == nil ? "no entries" : "no entry whose URL has that text"
            throw SetupError(.usage, "--har-entry: \(name) has \(what): look for another")
        }
        if numbered.count == 1 { return first.1 }
        let listed = numbered.prefix(mostListed).map { number, request in
            let url = (try? TargetURL(request.url))?.redacted ?? "(no http URL)"
            return "\(number) \(Terminal.printable(request.method)) \(Terminal.printable(url))"
        }
        let more = numbered.count - listed.count
        let tail = more > 0 ? ", and \(more) more" : ""
        throw SetupError(
            .usage,
            "--har-entry: \(numbered.count) entries of \(name) would do, choose one by its number: "
                + listed.joined(separator: ", ") + tail
        )
    }

    private static func imported(
        _ request: HARDocument.Request,
        _ name: String
    ) throws(SetupError) -> ImportedRequest {
        var whole = ImportedRequest(origin: "--har \(name)")
        whole.url = request.url
        whole.method = request.method
        for field in request.headers ?? [] {
            let lower = field.name.lowercased()
            // ":authority" and its like are HTTP/2's own; these are made anew for HTTP/1.1.
            let isMadeAnew =
                lower.hasPrefix(":") || lower == "host" || lower == "connection"
                || ImportedRequest.ownFields.contains(lower)
            if !isMadeAnew {
                whole.fields.append(HeaderField(name: field.name, value: field.value))
            }
        }
        guard let post = request.postData else { return whole }
        guard let text = post.text, !text.isEmpty || post.params?.isEmpty != false else {
            guard let params = post.params, !params.isEmpty else { return whole }
            throw SetupError(
                .usage,
                "--har: the entry in \(name) has its form as fields and not as it was sent: give "
                    + "the body with --post FILE, without --har"
            )
        }
        whole.body = Array(text.utf8)
        whole.impliedType = post.mimeType.flatMap { $0.isEmpty ? nil : $0 }
        if post.encoding == "base64" {
            guard let data = Data(base64Encoded: text) else {
                throw SetupError(
                    .usage,
                    "--har: the entry's body in \(name) isn't base64: save anew"
                )
            }
            whole.body = Array(data)
        }
        return whole
    }
}
