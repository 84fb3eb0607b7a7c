#include "gateway/verifier/hashes.h"

#include "crypto/wipe.h"

#include <crypt.h>
#include <string.h>

/** The hash of @password in the form of @hash; equal means right. */
static bool verify(const struct vc_bytes *password, const struct vc_bytes *hash)
{
    static struct crypt_data data;
    char phrase[CRYPT_MAX_PASSPHRASE_SIZE + 1], setting[CRYPT_OUTPUT_SIZE];
    bool ok = false;
    if (password->len >= sizeof(phrase) || hash->len >= sizeof(setting) || hash->len == 0 ||
        memchr(password->at, 0, password->len) || memchr(hash->at, 0, hash->len))
        return false;
    memcpy(phrase, password->at, password->len);
    phrase[password->len] = 0;
    memcpy(setting, hash->at, hash->len);
    setting[hash->len] = 0;
    memset(&data, 0, sizeof(data));
    const char *out = crypt_r(phrase, setting, &data);
    if (out && out[0] != '*') {
        size_t len = strlen(out);
        ok = len == hash->len && vc_same(out, setting, len);
    }
    vc_wipe(&data, sizeof(data));
    vc_wipe(phrase, sizeof(phrase));
    vc_wipe(setting, sizeof(setting));
    return ok;
}

bool vc_hashes_verify(const struct vc_bytes *password, const struct vc_bytes *hash, const struct vc_bytes *beside)
{
    struct vc_reader r = vc_reader_of(beside->at, beside->len);
    bool ok = verify(password, hash);
    while (!r.bad && r.left > 0) {
        struct vc_bytes one = {.len = vc_take_u16(&r)};
        one.at = vc_take(&r, one.len);
        if (!r.bad)
            (void)verify(password, &one);
    }
    return ok;
}
