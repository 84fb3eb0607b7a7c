#include "policy/conf_name.h"

#include "base/str.h"
#include "crypto/hash.h"

#include <stdio.h>

#define DIGITS 8

static bool is_default(const char *path)
{
    static const char *const places[] = {"/etc/varco/varcod.conf", "/etc/ocserv/ocserv.conf", "/etc/ocserv.conf"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strcmp(path, places[i]) == 0)
            return true;
    }
    return false;
}

static char safe(char c, bool first)
{
    bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alnum || c == '-' || (c == '.' && !first))
        return c;
    return '_';
}

int vc_conf_name(const char *path, const char *real_path, char out[VC_CONF_NAME_MAX], struct vc_fail *fail)
{
    uint8_t hash[VC_HASH_MAX];
    struct vc_piece piece = {.at = real_path, .len = strlen(real_path)};
    const char *slash = strrchr(real_path, '/');
    const char *base = slash ? slash + 1 : real_path;
    size_t n = 0;

    out[0] = 0;
    if (is_default(path) || is_default(real_path)) {
        (void)snprintf(out, VC_CONF_NAME_MAX, "default");
        return 0;
    }
    if (vc_hash(VC_HASH_SHA256, &piece, 1, hash) != 0)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the hash of the configuration's path");
    for (; base[n] != 0 && n < VC_CONF_NAME_MAX - DIGITS - 2; n++)
        out[n] = safe(base[n], n == 0);
    out[n++] = '-';
    vc_hex_encode(hash, DIGITS / 2, out + n);
    return 0;
}
