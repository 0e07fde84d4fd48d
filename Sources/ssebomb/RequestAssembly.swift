// From the request's flags to the request: body, method and header fields put together, and
// everything about them that can be wrong said before any load. Sends nothing, resolves nothing.

import SSEBombCore

/// A request and what should be said about it.
struct AssembledRequest {
    var url: TargetURL
    var specification: RequestSpecification
    /// What requests that differ are made of; the specification's body is then empty.
    var parts: RequestParts?
    /// The same without the switch that a server may refuse.
    var fallback: RequestParts?
    /// What the body is called in a sentence.
    var origin = ""
    /// One sentence each, for standard error: nothing is wrong.
    var notes: [String] = []
    /// One sentence each, for standard error: something is left out.
    var warnings: [String] = []
}

extension RequestOptions {
    /// Puts the request together.
    func assemble(
        api: APIName?,
        keepAlive: Bool,
        imported: ImportedRequest? = nil,
        prompts: PromptOptions,
        hasSessions: Bool = false,
        trace: ArrivalTrace? = nil,
        environment: (String) -> String? = FileInput.environment
    ) throws(SetupError) -> AssembledRequest {
        let target = try parsedURL(url ?? imported?.url)
        var fields = try HeaderFields.parse(headers)
        if let variable = bearerEnv {
            try refuseSecondAuthorization(in: fields, beside: "--bearer-env")
            fields.append(try HeaderFields.bearer(variable: variable, environment: environment))
        }
        var given = try bodyBytes()
        let hasRows = trace?.summary.hasBodiesOnly == true
        let theirBody = imported?.body.flatMap {
            hasSessions || hasRows || prompts.replaces($0) ? nil : $0
        }
        let usesImportedBody = given == nil && theirBody != nil
        if usesImportedBody, let theirBody { given = (theirBody, imported?.bodyOrigin ?? "") }
        let theirs = imported?.fields(without: fields, usesBody: usesImportedBody) ?? []
        fields = theirs + fields
        // As in curl, a field that is written out goes before what the URL says.
        let hasTheirs = url == nil && theirs.contains { $0.name.lowercased() == "authorization" }
        if let credentials = target.credentials, !hasTheirs {
            try refuseSecondAuthorization(in: fields, beside: "the URL's user name")
            fields.append(HeaderFields.basic(credentials))
        }
        if !keepAlive, !fields.contains(where: { $0.name.lowercased() == "connection" }) {
            fields.append(HeaderField(name: "Connection", value: "close"))
        }
        let type = fields.last { $0.name.lowercased() == "content-type" }?.value
        let body = try SourceAssembly(
            options: prompts,
            api: api,
            target: target.target,
            isJSON: Self.saysJSON(type ?? "application/json"),
            hasSessions: hasSessions,
            trace: trace
        ).body(given)
        for field in body.fields
        where !fields.contains(where: { $0.name.lowercased() == field.name.lowercased() }) {
            fields.append(field)
        }
        let content = body.parts == nil ? body.content : []
        let method = try self.method(or: imported?.method)
        let specification = RequestSpecification(
            method: method ?? (content == nil ? "GET" : "POST"),
            scheme: target.scheme,
            host: target.host,
            port: target.port,
            target: target.target,
            headers: fields,
            body: content
        )
        var request = AssembledRequest(
            url: target,
            specification: specification,
            parts: body.parts,
            fallback: body.fallback,
            origin: body.origin,
            notes: body.notes
        )
        request.warnings =
            (imported?.notes ?? []).map { "\(imported?.origin ?? ""): \($0)" } + body.warnings
        keepInCommon(given?.bytes, of: &request, prompts)
        return request
    }

    /// What the request's bodies have in common where each is made of parts; then its head.
    private func keepInCommon(
        _ body: [UInt8]?,
        of request: inout AssembledRequest,
        _ prompts: PromptOptions
    ) {
        if request.parts != nil {
            request.specification.commonBody = body ?? prompts.parameterValues
            request.specification.commonTexts = [prompts.prompt, prompts.system].compactMap { $0 }
        }
        fillHead(of: &request, prompts.isTemplate)
    }

    /// Makes path, query and header fields templates where they hold one of the names, or where
    /// everything shall be one.
    private func fillHead(of request: inout AssembledRequest, _ isTemplate: Bool?) {
        let specification = request.specification
        let texts = [specification.target] + specification.headers.map(\.value)
        guard isTemplate ?? texts.contains(where: { TemplateScan.holdsName($0.utf8) }) else {
            return
        }
        var parts = request.parts ?? RequestParts()
        if request.parts == nil, let body = specification.body {
            var pattern = RequestPattern()
            pattern.append(literal: body)
            parts.body = .pattern(pattern)
            request.specification.commonBody = body
            request.specification.body = []
        }
        parts.fillsHead = true
        if isTemplate == nil {
            request.notes.append(
                "URL and header fields are filled in for each request; --no-template sends them "
                    + "as they stand"
            )
        }
        request.parts = parts
        request.fallback?.fillsHead = true
    }

    private func method(or imported: String?) throws(SetupError) -> String? {
        guard let method = method ?? imported else { return nil }
        if method.isEmpty {
            throw SetupError(.usage, "-X: the method is empty: name one such as GET or POST")
        }
        return method
    }

    private func parsedURL(_ url: String?) throws(SetupError) -> TargetURL {
        guard let url else {
            throw SetupError(
                .usage,
                "no target: give a URL such as http://127.0.0.1:8080/path, or --from-curl"
            )
        }
        do throws(ValueError) {
            return try TargetURL(url)
        } catch {
            throw SetupError(.usage, error.description)
        }
    }

    private func refuseSecondAuthorization(
        in fields: [HeaderField],
        beside other: String
    ) throws(SetupError) {
        guard fields.contains(where: { $0.name.lowercased() == "authorization" }) else { return }
        throw SetupError(.usage, "Authorization is given twice, also by \(other): keep one of them")
    }

    /// The body and what to call it in a sentence.
    private func bodyBytes() throws(SetupError) -> (bytes: [UInt8], origin: String)? {
        if let path = post {
            guard body == nil else {
                throw SetupError(.usage, "--post and --body both give a body: keep one of them")
            }
            let bytes = try FileInput.read(path, for: "--post")
            let origin = FileInput.name(of: path)
            guard !bytes.isEmpty else {
                throw SetupError(.usage, "--post: \(origin) is empty: put the request body in it")
            }
            return (bytes, origin)
        }
        guard let text = body else { return nil }
        guard !text.isEmpty else {
            throw SetupError(.usage, "--body is empty: give the body's text, or leave the flag out")
        }
        return (Array(text.utf8), "--body")
    }

    /// Refuses a body that says JSON and isn't; returns what the API is going to miss in it.
    static func checkBody(
        of request: RequestSpecification,
        origin: String,
        api: APIName?
    ) throws(SetupError) -> [String] {
        let needs = BodyNeeds(api: api, target: request.target)
        guard let body = request.body else {
            guard let needs, request.method != "HEAD" else { return [] }
            return ["\(needs.name) wants a JSON body: give one with --post or --body"]
        }
        let type = request.headers.last { $0.name.lowercased() == "content-type" }?.value
        guard saysJSON(type ?? "application/json") else { return [] }
        let outline: JSONOutline
        do throws(JSONFault) {
            outline = try JSONCheck.outline(of: body)
        } catch {
            let place = body.withUnsafeBytes { TextPlace(of: error.offset, in: $0) }
            throw SetupError(
                .usage,
                "\(origin) isn't JSON (line \(place.line), column \(place.column): "
                    + "\(error.problem)): correct it, or name its type with -H 'Content-Type: ...'"
            )
        }
        return needs?.warnings(about: outline, origin: origin) ?? []
    }

    /// "application/json" and everything with the "+json" suffix (RFC 6839, 3.1).
    static func saysJSON(_ contentType: String) -> Bool {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        return type == "application/json" || type.hasSuffix("+json")
    }
}
