#include "wire/dtls_names.h"

// clang-format off
#define AES128 VC_AEAD_AES_128_GCM
#define AES256 VC_AEAD_AES_256_GCM
#define CHACHA VC_AEAD_CHACHA20_POLY1305
#define NONE   VC_AEAD_NONE

static const struct vc_dtls_name names[] = {
    /* name                             code    record  PRF               class */
    {"PSK-NEGOTIATE",                   0x0000, NONE,   VC_HASH_NONE,     VC_DTLS_CLASS_NEGOTIATE},

    {"AES128-GCM-SHA256",               0x009c, AES128, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},
    {"AES256-GCM-SHA384",               0x009d, AES256, VC_HASH_SHA384,   VC_DTLS_CLASS_X12},
    {"DHE-RSA-AES128-GCM-SHA256",       0x009e, AES128, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},
    {"DHE-RSA-AES256-GCM-SHA384",       0x009f, AES256, VC_HASH_SHA384,   VC_DTLS_CLASS_X12},
    {"ECDHE-ECDSA-AES128-GCM-SHA256",   0xc02b, AES128, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},
    {"ECDHE-ECDSA-AES256-GCM-SHA384",   0xc02c, AES256, VC_HASH_SHA384,   VC_DTLS_CLASS_X12},
    {"ECDHE-RSA-AES128-GCM-SHA256",     0xc02f, AES128, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},
    {"ECDHE-RSA-AES256-GCM-SHA384",     0xc030, AES256, VC_HASH_SHA384,   VC_DTLS_CLASS_X12},
    {"ECDHE-RSA-CHACHA20-POLY1305",     0xcca8, CHACHA, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},
    {"ECDHE-ECDSA-CHACHA20-POLY1305",   0xcca9, CHACHA, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},
    {"DHE-RSA-CHACHA20-POLY1305",       0xccaa, CHACHA, VC_HASH_SHA256,   VC_DTLS_CLASS_X12},

    {"PSK-AES128-GCM-SHA256",           0x00a8, AES128, VC_HASH_SHA256,   VC_DTLS_CLASS_PSK},
    {"PSK-AES256-GCM-SHA384",           0x00a9, AES256, VC_HASH_SHA384,   VC_DTLS_CLASS_PSK},
    {"PSK-CHACHA20-POLY1305",           0xccab, CHACHA, VC_HASH_SHA256,   VC_DTLS_CLASS_PSK},

    {"OC-DTLS1_2-AES128-GCM",           0x009c, AES128, VC_HASH_SHA256,   VC_DTLS_CLASS_OC},
    {"OC-DTLS1_2-AES256-GCM",           0x009d, AES256, VC_HASH_SHA384,   VC_DTLS_CLASS_OC},
    {"OC2-DTLS1_2-CHACHA20-POLY1305",   0xccab, CHACHA, VC_HASH_SHA256,   VC_DTLS_CLASS_OC},

    {"AES128-SHA",                      0x002f, NONE,   VC_HASH_MD5_SHA1, VC_DTLS_CLASS_LEGACY},
    {"AES256-SHA",                      0x0035, NONE,   VC_HASH_MD5_SHA1, VC_DTLS_CLASS_LEGACY},

    {"DES-CBC3-SHA",                    0x000a, NONE,   VC_HASH_MD5_SHA1, VC_DTLS_CLASS_UNSUPPORTED},
    {"DHE-RSA-AES128-SHA",              0x0033, NONE,   VC_HASH_MD5_SHA1, VC_DTLS_CLASS_UNSUPPORTED},
    {"DHE-RSA-AES256-SHA",              0x0039, NONE,   VC_HASH_MD5_SHA1, VC_DTLS_CLASS_UNSUPPORTED},
    {"AES128-SHA256",                   0x003c, NONE,   VC_HASH_SHA256,   VC_DTLS_CLASS_UNSUPPORTED},
    {"AES256-SHA256",                   0x003d, NONE,   VC_HASH_SHA256,   VC_DTLS_CLASS_UNSUPPORTED},
};
// clang-format on

#define N_NAMES (sizeof(names) / sizeof(names[0]))

const struct vc_dtls_name *vc_dtls_name_find(struct vc_str name)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (vc_str_eq(name, vc_str_of(names[i].name)))
            return &names[i];
    return NULL;
}

const struct vc_dtls_name *vc_dtls_name_of_code(uint16_t code)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (code != 0 && names[i].code == code && names[i].aead != VC_AEAD_NONE)
            return &names[i];
    return NULL;
}

const struct vc_dtls_name *vc_dtls_name_agreed(uint16_t code, enum vc_dtls_mode mode)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        bool psk = names[i].kind == VC_DTLS_CLASS_PSK;
        if (code != 0 && names[i].code == code && names[i].aead != VC_AEAD_NONE && psk == (mode == VC_DTLS_MODE_PSK))
            return &names[i];
    }
    return NULL;
}

const struct vc_dtls_name *vc_dtls_name_at(size_t i)
{
    return i < N_NAMES ? &names[i] : NULL;
}
