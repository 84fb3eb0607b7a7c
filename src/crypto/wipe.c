#include "crypto/wipe.h"

#include <string.h>

#include <openssl/crypto.h>

void vc_wipe(void *secret, size_t len)
{
    if (len > 0)
        explicit_bzero(secret, len);
}

bool vc_same(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}
