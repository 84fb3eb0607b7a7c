#ifndef VC_BASE_MAP_H
#define VC_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A hash map from keys of one fixed length to pointers. Keys that strangers choose cannot be made to collide: SipHash
 *  with a seed from the owner. Looking up allocates nothing; adding may grow the table. Zeroed is an empty map that
 * must be given its key length and seed by vc_map_init before the first use. */
#define VC_MAP_KEY_MAX 40

struct vc_map_slot {
    void *value; /* NULL: empty */
    uint8_t key[VC_MAP_KEY_MAX];
};

struct vc_map {
    struct vc_map_slot *slots;
    size_t cap, n; /* cap: a power of two, or 0 */
    size_t key_len;
    uint64_t seed[2];
};

void vc_map_init(struct vc_map *m, size_t key_len, const uint64_t seed[2]);
void vc_map_deinit(struct vc_map *m); /* the values are the owner's */
void *vc_map_get(const struct vc_map *m, const void *key);
/** Makes room for one key more: the next vc_map_put does not fail. Returns 0, or -1: no memory. */
int vc_map_reserve(struct vc_map *m);
/** Replaces the value of an existing key, which cannot fail. @value must not be NULL. Returns 0, or -1: no memory. */
int vc_map_put(struct vc_map *m, const void *key, void *value);
/** Returns the value that was removed, or NULL. */
void *vc_map_remove(struct vc_map *m, const void *key);
/** Walks in no order: *at starts at 0; NULL at the end. The map must not change meanwhile. */
void *vc_map_next(const struct vc_map *m, size_t *at);

#endif
