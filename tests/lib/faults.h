#ifndef VC_TESTS_FAULTS_H
#define VC_TESTS_FAULTS_H

#include <stddef.h>

/** Calls of the tested code (not of libraries outside) that are made to fail: linked in with -Wl,--wrap. */

/** The @n-th allocation from now on fails, once; 0: none does. What is left of it is 0 when it has failed. */
extern unsigned fault_alloc;
/** Datagrams larger than this do not leave: EMSGSIZE, as on a path with a small MTU. 0: all do. */
extern size_t fault_datagram_max;

#endif
