#ifndef VC_CRYPTO_SELFTEST_H
#define VC_CRYPTO_SELFTEST_H

/** What a process that works with keys does before it serves: the libraries behind the ciphers and the PRF give known
 *  answers and agree with each other. It also brings their code and tables into memory before the first packet needs
 *  them (and, later, before a sandbox closes). Returns NULL, or the name of what failed. */
const char *vc_crypto_selftest(void);

#endif
