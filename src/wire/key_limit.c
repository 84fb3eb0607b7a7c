#include "wire/key_limit.h"

/* Columns: inner MTU up to VC_KEY_LARGE_MTU, and above it. ChaCha20 has no collision bound: its counter ends with
 * DTLS's sequence numbers. */
// clang-format off
static const struct {
    uint64_t renew[2], spent[2];
} table[VC_N_AEADS] = {
    [VC_AEAD_NONE]              = {{0, 0},                                 {0, 0}},
    [VC_AEAD_AES_128_GCM]       = {{UINT64_C(1) << 28, UINT64_C(1) << 24}, {UINT64_C(1) << 32, UINT64_C(1) << 28}},
    [VC_AEAD_AES_256_GCM]       = {{UINT64_C(1) << 28, UINT64_C(1) << 24}, {UINT64_C(1) << 32, UINT64_C(1) << 28}},
    [VC_AEAD_CHACHA20_POLY1305] = {{UINT64_C(1) << 47, UINT64_C(1) << 47},
                                   {(UINT64_C(1) << 48) - 1, (UINT64_C(1) << 48) - 1}},
};
// clang-format on

enum vc_key_limit vc_key_limit(enum vc_aead_alg alg, uint64_t records, size_t mtu)
{
    int large = mtu > VC_KEY_LARGE_MTU;
    if (records >= table[alg].spent[large])
        return VC_KEY_SPENT;
    return records >= table[alg].renew[large] ? VC_KEY_RENEW : VC_KEY_GOOD;
}

uint64_t vc_key_end(enum vc_aead_alg alg)
{
    return table[alg].spent[0];
}
