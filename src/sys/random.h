#ifndef VC_SYS_RANDOM_H
#define VC_SYS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/** Bytes from the kernel. Cannot fail once the system has booted; ends the process where it does. */
void vc_random(void *to, size_t n);
uint64_t vc_random_u64(void);

#endif
