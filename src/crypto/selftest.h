#ifndef VC_CRYPTO_SELFTEST_H
#define VC_CRYPTO_SELFTEST_H

/** What a process that works with keys does before it serves: the libraries behind the ciphers, the hashes and what is
 *  made of them give known answers and agree with each other. It also brings their code and tables into memory before
 *  the first packet needs them (and, later, before a sandbox closes). Returns NULL, or the name of what failed. */
const char *vc_crypto_selftest(void);

enum vc_known {
    VC_KNOWN_AEAD, /* out: a TLS 1.3 record, its header being the additional data; by each library that is there */
    VC_KNOWN_HASH,
    VC_KNOWN_HMAC,
    VC_KNOWN_HKDF, /* Expand-Label of the secret `key`, label "key", no context */
    VC_KNOWN_PRF,  /* key expansion of the master secret `key`; in: server random, client random */
};

/** What must come out of what goes in; all hexadecimal. */
struct vc_known_answer {
    const char *name;
    enum vc_known what;
    unsigned alg; /* enum vc_aead_alg, else enum vc_hash */
    const char *key, *nonce, *in, *out;
};

/** The answers that vc_crypto_selftest looks at; the last one has no name. */
extern const struct vc_known_answer vc_known_answers[];
/** NULL where the answer comes out, else its name. */
const char *vc_known_check(const struct vc_known_answer *known);

#endif
