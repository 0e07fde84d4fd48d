// A certificate made on the spot, for a server of tests that has no files: key, certificate and
// names. Knows nothing of connections.

#include "csup_tls.h"

#include <openssl/ec.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// An hour back, because the clock of a client in another machine may be behind; and no longer than
// anybody lets a mock run, so that a certificate that escaped is soon worth nothing.
enum { VALID_SINCE_S = -3600, VALID_FOR_S = 7 * 24 * 3600 };

static const char names[] = "DNS:localhost,IP:127.0.0.1,IP:::1";

static int set_serial(X509 *certificate) {
    uint64_t number = 0;
    // RFC 5280, 4.1.2.2: positive.
    return RAND_bytes((unsigned char *)&number, sizeof(number)) == 1
           && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number >> 1 | 1) == 1;
}

static int set_name(X509 *certificate) {
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0)
               == 1
           && X509_set_issuer_name(certificate, name) == 1;
}

static int add_alternative_names(X509 *certificate) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension
        = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names);
    int added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static X509 *make_certificate(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1
        && set_serial(certificate) && set_name(certificate)
        && X509_gmtime_adj(X509_getm_notBefore(certificate), VALID_SINCE_S) != NULL
        && X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_FOR_S) != NULL
        && X509_set_pubkey(certificate, key) == 1 && add_alternative_names(certificate)
        && X509_sign(certificate, key, EVP_sha256()) > 0) {
        return certificate;
    }
    X509_free(certificate);
    return NULL;
}

int csup_tls_context_self_signed(csup_tls_context *context) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key == NULL ? NULL : make_certificate(key);
    // The context holds references of its own.
    int done = certificate != NULL && SSL_CTX_use_certificate(context, certificate) == 1
               && SSL_CTX_use_PrivateKey(context, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done;
}
