#ifndef VC_CRYPTO_WIPE_H
#define VC_CRYPTO_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/** Overwrites a secret; never optimised away. */
void vc_wipe(void *secret, size_t len);
/** Compares in a time that depends on @len alone. */
bool vc_same(const void *a, const void *b, size_t len);

#endif
