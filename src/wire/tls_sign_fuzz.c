#include "wire/tls_sign.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Input: key type, scheme (2), the bytes. What is accepted holds its promise: one form only, by an independent look,
 * and no byte more or less would be accepted as the same message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    enum vc_tls_key_type key = data[0] % 5;
    uint16_t scheme = (uint16_t)(data[1] << 8 | data[2]);
    const uint8_t *bytes = data + 3;
    size_t len = size - 3;
    enum vc_tls_sign verdict = vc_tls_sign_check(key, scheme, bytes, len);
    assert(strlen(vc_tls_sign_name(verdict)) > 0 && strlen(vc_tls_key_type_name(key)) > 0);
    if (!vc_tls_sign_ok(verdict))
        return 0;
    assert(key != VC_TLS_KEY_NONE && len <= VC_TLS_SIGN_BYTES_MAX);
    assert((scheme & 0xff) == 3 ? key != VC_TLS_KEY_RSA : key == VC_TLS_KEY_RSA);
    assert(vc_tls_sign_check(key, scheme, bytes, len - 1) == VC_TLS_SIGN_BAD_BYTES);
    switch (verdict) {
    case VC_TLS_SIGN_13:
        assert(memmem(bytes, len, "server CertificateVerify", 25) == bytes + 64 + 9);
        break;
    case VC_TLS_SIGN_12_ECDHE:
        assert(bytes[64] == 3 && 68 + (size_t)bytes[67] == len);
        break;
    case VC_TLS_SIGN_12_DHE:
        assert((size_t)(bytes[64] << 8 | bytes[65]) >= 256 && bytes[66] >= 0x80);
        break;
    case VC_TLS_SIGN_BAD_SCHEME:
    case VC_TLS_SIGN_BAD_BYTES:
        break;
    }
    return 0;
}
