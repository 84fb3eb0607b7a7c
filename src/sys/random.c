#include "sys/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void vc_random(void *to, size_t n)
{
    uint8_t *p = to;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

uint64_t vc_random_u64(void)
{
    uint64_t v;
    vc_random(&v, sizeof(v));
    return v;
}
