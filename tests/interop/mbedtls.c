/* What mbedTLS says of a chain: mbedtls ANCHORS CHAIN LISTS, each in PEM. Prints "accepted", or the flags of its refusal and
 * what they mean; ends with 2 where a file cannot be read. */
#include <mbedtls/x509_crt.h>
#include <stdio.h>

int main(int count, char **arguments)
{
    mbedtls_x509_crt anchors, chain;
    mbedtls_x509_crl lists;
    uint32_t flags = 0;
    char text[512];
    if (count != 4) {
        return 2;
    }
    mbedtls_x509_crt_init(&anchors);
    mbedtls_x509_crt_init(&chain);
    mbedtls_x509_crl_init(&lists);
    if (mbedtls_x509_crt_parse_file(&anchors, arguments[1]) != 0 ||
        mbedtls_x509_crt_parse_file(&chain, arguments[2]) != 0 ||
        mbedtls_x509_crl_parse_file(&lists, arguments[3]) != 0) {
        return 2;
    }
    if (mbedtls_x509_crt_verify(&chain, &anchors, &lists, NULL, &flags, NULL, NULL) == 0) {
        puts("accepted");
    } else {
        mbedtls_x509_crt_verify_info(text, sizeof text, "", flags);
        printf("%s%s", (flags & MBEDTLS_X509_BADCERT_REVOKED) != 0 ? "revoked\n" : "refused\n", text);
    }
    mbedtls_x509_crl_free(&lists);
    mbedtls_x509_crt_free(&chain);
    mbedtls_x509_crt_free(&anchors);
    return 0;
}
