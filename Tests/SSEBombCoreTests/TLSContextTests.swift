// TLS settings: what is accepted, and the sentence for what is not.

import Testing

@testable import SSEBombCore

@Suite struct TLSContextTests {
    let certificates = Certificates.shared

    private func sentence(_ change: (inout TLSClientOptions) -> Void) -> String {
        do {
            _ = try certificates.client(change)
            return "no error"
        } catch {
            return (error as? TLSSetupError)?.sentence ?? "another error"
        }
    }

    @Test func `a file that is missing or no PEM is named with the remedy`() {
        let missing = "/nonexistent/file.pem"
        #expect(sentence { $0.caFile = missing }.contains("cannot read the CA file '\(missing)'"))
        #expect(sentence { $0.caFile = missing }.contains("--cacert"))
        #expect(sentence { $0.certFile = missing }.contains("the certificate file '\(missing)'"))
        let script = certificates.key("good")
        #expect(sentence { $0.caFile = script }.contains("'\(script)' holds no usable PEM"))
        #expect(sentence { $0.certFile = script }.contains("certificate file '\(script)' is not"))
        let client = certificates.pem("client")
        #expect(sentence { $0.certFile = client }.contains("key file '\(client)' is not usable"))
    }

    @Test func `a key of another certificate or without one is refused`() {
        let mismatch = sentence {
            $0.certFile = certificates.pem("client")
            $0.keyFile = certificates.key("good")
        }
        #expect(mismatch.contains("does not belong to the certificate"))
        #expect(sentence { $0.keyFile = certificates.key("good") }.contains("with --cert"))
    }

    @Test func `the system's roots are trusted by default, and only they`() throws {
        let context: TLSContext
        do {
            context = try TLSContext.client(TLSClientOptions(), host: "localhost")
        } catch {
            #expect(error.sentence.contains("no CA certificates were found"))
            return
        }
        let pair = try TLSPair(client: context, server: certificates.server())
        pair.settle()
        #expect(pair.client.handshake == .failed(.verify))
    }

    @Test func `versions that exclude each other are refused`() {
        let text = sentence {
            $0.minVersion = .tls13
            $0.maxVersion = .tls12
        }
        #expect(text == "--tls-min 1.3 is above --tls-max 1.2; swap them")
    }

    @Test(
        arguments: [
            ("TLS_AES_128_GCM_SHA256", "TLSv1.3", "TLS_AES_128_GCM_SHA256"),
            ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"),
            (
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "TLSv1.2",
                "ECDHE-ECDSA-AES256-GCM-SHA384"
            ),
        ]
    )
    func `ciphers of any version and either naming are taken from one list`(
        list: String,
        version: String,
        cipher: String
    ) throws {
        let client = try certificates.client {
            $0.ciphers = list
            $0.maxVersion = version == "TLSv1.2" ? .tls12 : .tls13
        }
        let pair = try TLSPair(client: client, server: certificates.server()).connected()
        #expect(pair.client.session.version == version)
        #expect(pair.client.session.cipher == cipher)
    }

    @Test(arguments: ["NO-SUCH-CIPHER", "AES128-SHA:NO-SUCH-CIPHER", "TLS_NO_SUCH", "", ":"])
    func `a cipher that OpenSSL doesn't know is refused`(list: String) {
        #expect(sentence { $0.ciphers = list }.contains("--ciphers: OpenSSL has nothing for"))
    }

    @Test func `an empty server name is refused because it would switch the check off`() {
        #expect(throws: TLSSetupError.self) { try certificates.client(host: "") }
        #expect(throws: TLSSetupError.self) { try certificates.client(host: ".") }
    }

    @Test func `a certificate made at start serves a client that verifies nothing, and no other`()
        throws
    {
        let server = try TLSContext.server(TLSServerOptions(.selfSigned))
        let accepting = try certificates.client { $0.verify = false }
        let pair = try TLSPair(client: accepting, server: server).connected()
        #expect(pair.client.session.version == "TLSv1.3")
        let refusing = try TLSPair(client: certificates.client(), server: server)
        refusing.settle()
        #expect(refusing.client.handshake == .failed(.verify))
    }

    @Test func `version names are those of the flags`() {
        #expect(TLSVersion.allCases.map(\.name) == ["1.0", "1.1", "1.2", "1.3"])
        #expect(TLSVersion(name: "1.2") == .tls12)
        #expect(TLSVersion(name: "1.4") == nil)
    }

    @Test func `the oldest version is spoken where both sides are asked for it`() throws {
        let client = try certificates.client { $0.maxVersion = .tls10 }
        let server = try certificates.server(max: .tls10)
        let pair = try TLSPair(client: client, server: server).connected()
        #expect(pair.client.session.version == "TLSv1")
    }
}
