#include "base/heap.h"

#include <stdlib.h>

void vc_heap_deinit(struct vc_heap *h)
{
    free(h->nodes);
    *h = (struct vc_heap){0};
}

static void place(struct vc_heap *h, struct vc_heap_node *node, size_t i)
{
    h->nodes[i] = node;
    node->at = i + 1;
}

static void settle(struct vc_heap *h, struct vc_heap_node *node, size_t i)
{
    while (i > 0 && h->nodes[(i - 1) / 2]->due > node->due) {
        place(h, h->nodes[(i - 1) / 2], i);
        i = (i - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < h->n && h->nodes[child + 1]->due < h->nodes[child]->due)
            child++;
        if (child >= h->n || h->nodes[child]->due >= node->due)
            break;
        place(h, h->nodes[child], i);
        i = child;
    }
    place(h, node, i);
}

int vc_heap_reserve(struct vc_heap *h, size_t n)
{
    if (n <= h->cap)
        return 0;
    struct vc_heap_node **bigger = realloc(h->nodes, n * sizeof(struct vc_heap_node *));
    if (!bigger)
        return -1;
    h->nodes = bigger;
    h->cap = n;
    return 0;
}

int vc_heap_set(struct vc_heap *h, struct vc_heap_node *node, uint64_t due)
{
    if (node->at == 0) {
        if (h->n == h->cap && vc_heap_reserve(h, h->cap ? h->cap * 2 : 64) != 0)
            return -1;
        node->due = due;
        h->nodes[h->n] = node;
        node->at = ++h->n;
    }
    node->due = due;
    settle(h, node, node->at - 1);
    return 0;
}

void vc_heap_remove(struct vc_heap *h, struct vc_heap_node *node)
{
    if (node->at == 0)
        return;
    size_t i = node->at - 1;
    struct vc_heap_node *last = h->nodes[--h->n];
    node->at = 0;
    if (last != node)
        settle(h, last, i);
}
