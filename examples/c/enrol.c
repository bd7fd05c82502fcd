/* Enrols a device with its owner over the TLS of the firmware, here the C API of OpenSSL: the library says what to send and
 * judges who answers; sockets, TLS and HTTP are the program's own.   enrol FOLDER HOST:PORT NAME [renew|prove]
 * `renew` does the same with the identity in use; aseptic_renewal_next says when. `prove` shows the new identity for the first
 * time, and ends its probation. The stages of the local identity and of its successor are printed. The exit status is 0 for
 * done, 1 for a refusal (the reason is printed), 2 for misuse, 3 where the registrar wants time. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "platform.h"

#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_SIZE = 65536 + 4096, CERTIFICATE_SIZE = 2048, CHAIN = 4 };

static aseptic_device device;
static aseptic_workspace work;
static aseptic_identity identity;
static aseptic_peer registrar;
static const char *name;

static int refused(const char *what, aseptic_status status)
{
    aseptic_slice cause = aseptic_status_cause(status);
    (void)fprintf(stderr, "%s: %.*s (E%d)\n", what, (int)cause.len, (const char *)cause.ptr, (int)status);
    return 1;
}

/* OpenSSL has the chain of the other side and asks whether it is good. That it owns the key is for OpenSSL to check. */
static int judge(X509_STORE_CTX *context, void *nothing)
{
    static uint8_t room[CHAIN][CERTIFICATE_SIZE];
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(context);
    aseptic_slice links[CHAIN], host = { (const uint8_t *)name, strlen(name) };
    int count = sk_X509_num(chain);
    (void)nothing;
    for (int at = 0; at < count && at < CHAIN; at++) {
        uint8_t *end = room[at];
        int length = i2d_X509(sk_X509_value(chain, at), NULL);
        if (length <= 0 || length > CERTIFICATE_SIZE) {
            return 0;
        }
        (void)i2d_X509(sk_X509_value(chain, at), &end);
        links[at].ptr = room[at];
        links[at].len = (size_t)length;
    }
    aseptic_status status = aseptic_peer_verify(&device, ASEPTIC_PURPOSE_ENROLMENT, host, links, (size_t)count, &registrar);
    return status == ASEPTIC_OK ? 1 : !refused("registrar", status);
}

/* The private key never leaves the key store: OpenSSL asks for the signature of the handshake alone. */
static int sign(int type, const unsigned char *digest, int length, unsigned char *out, unsigned *written,
                const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
    aseptic_slice input = { digest, (size_t)length };
    aseptic_buf room = { out, 72, 0 };
    (void)type, (void)kinv, (void)r, (void)key;
    aseptic_status status = aseptic_identity_sign(&device, &identity, &registrar, input, &room);
    *written = (unsigned)room.len;
    return status == ASEPTIC_OK;
}

/* Shows this identity of the device. */
static aseptic_status show(SSL_CTX *tls, uint8_t which)
{
    aseptic_status status = aseptic_identity_load(&device, which, &identity);
    for (uint32_t at = 0; status == ASEPTIC_OK; at++) {
        uint8_t der[CERTIFICATE_SIZE];
        aseptic_buf out = { der, sizeof der, 0 };
        const unsigned char *begin = der;
        status = aseptic_identity_certificate(&device, &identity, at, &out);
        X509 *link = status == ASEPTIC_OK ? d2i_X509(NULL, &begin, (long)out.len) : NULL;
        if (link != NULL && at > 0) {
            (void)SSL_CTX_add0_chain_cert(tls, link);
        } else if (link != NULL) {
            EC_KEY *key = EC_KEY_dup(EVP_PKEY_get0_EC_KEY(X509_get0_pubkey(link)));
            EC_KEY_METHOD *method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
            EVP_PKEY *signer = EVP_PKEY_new();
            EC_KEY_METHOD_set_sign(method, sign, NULL, NULL);
            int set = EC_KEY_set_method(key, method) && EVP_PKEY_assign_EC_KEY(signer, key)
                      && SSL_CTX_use_certificate(tls, link) && SSL_CTX_use_PrivateKey(tls, signer);
            X509_free(link);
            EVP_PKEY_free(signer);
            status = set ? status : ASEPTIC_INTERNAL;
        }
    }
    return status == ASEPTIC_PLATFORM_NOT_FOUND ? ASEPTIC_OK : status;
}

static aseptic_slice field(const char *head, const char *wanted)
{
    const char *found = strstr(head, wanted);
    const char *value = found == NULL ? "" : found + strlen(wanted);
    aseptic_slice slice = { (const uint8_t *)value, strcspn(value, "\r") };
    return slice;
}

/* One exchange on a connection of its own. A firmware has an HTTP client that does this better. */
static int exchange(SSL_CTX *tls, const char *place, const aseptic_enrol_action *action, aseptic_est_answer *answer)
{
    static char room[ANSWER_SIZE];
    size_t total = 0, got = 0;
    BIO *line = BIO_new_ssl_connect(tls);
    (void)BIO_set_conn_hostname(line, place);
    (void)BIO_printf(line, "%.*s %.*s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: %.*s\r\n"
                     "Content-Length: %lu\r\n\r\n", (int)action->method.len, (const char *)action->method.ptr,
                     (int)action->path.len, (const char *)action->path.ptr, name, (int)action->content_type.len,
                     (const char *)action->content_type.ptr, (unsigned long)action->body.len);
    (void)BIO_write(line, action->body.ptr, (int)action->body.len);
    while (BIO_read_ex(line, room + total, sizeof room - 1 - total, &got)) {
        total += got;
    }
    BIO_free_all(line);
    room[total] = '\0';
    char *body = strstr(room, "\r\n\r\n");
    if (body == NULL) {
        return 0;
    }
    aseptic_buf content = { (uint8_t *)body + 4, total - (size_t)(body + 4 - room), total - (size_t)(body + 4 - room) };
    aseptic_est_answer told = { (uint32_t)strtoul(room + strcspn(room, " "), NULL, 10), 0, field(room, "\r\ncontent-type: "),
                                field(room, "\r\nretry-after: "), field(room, "\r\nlocation: "), content };
    body[2] = '\0';
    *answer = told;
    return 1;
}

/* Gets a certificate for a new key by the identity that is shown: the birth identity, or the one in use to renew itself. */
static aseptic_status enrol(SSL_CTX *tls, const char *place, uint8_t which, int *done)
{
    aseptic_enroller enroller = { { 0 } };
    aseptic_enrol_action action = { 0 };
    aseptic_est_answer answer;
    aseptic_est_terms terms = { which, which == ASEPTIC_IDENTITY_BIRTH, 0, { 0 } };
    aseptic_status status = aseptic_enroller_begin_with(&device, &work, &terms, &enroller);
    status = status == ASEPTIC_OK ? aseptic_enroller_step(&device, &work, &enroller, NULL, NULL, &action) : status;
    while (status == ASEPTIC_OK && action.kind == ASEPTIC_ENROL_REQUEST && action.authority.len == 0) {
        status = exchange(tls, place, &action, &answer) ? ASEPTIC_OK : ASEPTIC_PLATFORM_UNAVAILABLE;
        status = status == ASEPTIC_OK ? aseptic_enroller_step(&device, &work, &enroller, &answer, &registrar, &action) : status;
    }
    *done = action.kind == ASEPTIC_ENROL_DONE;
    return status;
}

/* A server of the owner that answers has taken the identity. Here it is the registrar, asked for what it gives everybody. */
static aseptic_status prove(SSL_CTX *tls, const char *place)
{
    static const char get[] = "GET", path[] = "/.well-known/est/cacerts";
    aseptic_enrol_action action = { 0 };
    aseptic_est_answer answer;
    action.method.ptr = (const uint8_t *)get, action.method.len = sizeof get - 1;
    action.path.ptr = (const uint8_t *)path, action.path.len = sizeof path - 1;
    if (!exchange(tls, place, &action, &answer) || answer.status != 200) {
        return ASEPTIC_PLATFORM_UNAVAILABLE;
    }
    return aseptic_identity_confirm(&device, &work, &identity, &registrar);
}

static aseptic_status tell_stages(void)
{
    uint8_t local = 0, successor = 0;
    aseptic_status status = aseptic_identity_stage(&device, ASEPTIC_IDENTITY_LOCAL, &local);
    status = status == ASEPTIC_OK ? aseptic_identity_stage(&device, ASEPTIC_IDENTITY_SUCCESSOR, &successor) : status;
    (void)printf("local %u successor %u\n", local, successor);
    return status;
}

int main(int count, char **words)
{
    aseptic_platform platform;
    const char *what = count == 5 ? words[4] : "enrol";
    int proving = strcmp(what, "prove") == 0, renewing = strcmp(what, "renew") == 0, done = 1;
    uint8_t which = proving ? ASEPTIC_IDENTITY_LOCAL : renewing ? ASEPTIC_IDENTITY_FALLBACK : ASEPTIC_IDENTITY_BIRTH;
    if (count < 4 || count > 5 || platform_open(&platform, words[1]) != ASEPTIC_OK) {
        return 2;
    }
    name = words[3];
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls, judge, NULL);
    aseptic_status status = aseptic_device_init(&device, &platform, NULL);
    status = status == ASEPTIC_OK ? show(tls, which) : status;
    if (status == ASEPTIC_OK) {
        status = proving ? prove(tls, words[2]) : enrol(tls, words[2], which, &done);
    }
    status = status == ASEPTIC_OK ? tell_stages() : status;
    SSL_CTX_free(tls);
    aseptic_device_wipe(&device);
    return status != ASEPTIC_OK ? refused(what, status) : done ? 0 : 3;
}
