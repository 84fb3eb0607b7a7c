#ifndef VC_BASE_HEAP_H
#define VC_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Who is due first: a binary heap of nodes that lie inside their owners. Grows when a node is added or by a reserve,
 *  never otherwise. */
struct vc_heap_node {
    uint64_t due; /* monotonic ns; UINT64_MAX: never */
    size_t at;    /* place in the heap plus 1; 0: not in it */
    void *owner;
};

struct vc_heap {
    struct vc_heap_node **nodes;
    size_t n, cap;
};

void vc_heap_deinit(struct vc_heap *h);
/** Room for @n nodes in all: as many are added without fail. Returns 0, or -1: no memory. */
int vc_heap_reserve(struct vc_heap *h, size_t n);
/** Adds the node or moves it to its new time. Returns 0, or -1: no memory (only when it was not in the heap yet). */
int vc_heap_set(struct vc_heap *h, struct vc_heap_node *node, uint64_t due);
void vc_heap_remove(struct vc_heap *h, struct vc_heap_node *node); /* harmless when it is not in it */
static inline struct vc_heap_node *vc_heap_first(const struct vc_heap *h)
{
    return h->n ? h->nodes[0] : NULL;
}

#endif
