#include "tls/wiping.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static void *take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(n);
}

static void give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p)
        OPENSSL_cleanse(p, malloc_usable_size(p));
    free(p);
}

/* realloc() would leave the old bytes where they were. */
static void *move(void *p, size_t n, const char *file, int line)
{
    if (!p)
        return malloc(n);
    if (n == 0) {
        give(p, file, line);
        return NULL;
    }
    size_t had = malloc_usable_size(p);
    void *q = malloc(n);
    if (!q)
        return NULL;
    memcpy(q, p, had < n ? had : n);
    give(p, file, line);
    return q;
}

int vc_tls_wipe_freed(void)
{
    return CRYPTO_set_mem_functions(take, move, give) == 1 ? 0 : -1;
}
