#ifndef VC_BASE_GROUP_H
#define VC_BASE_GROUP_H

#include "base/map.h"

/** Things of one key, any number of them: a ring through the things themselves, found by a map from the key to one of
 * them. The map is the owner's and holds nothing else; after its init it is used through these alone. Nothing is
 * allocated but the table of the map. */
struct vc_group {
    struct vc_group *next, *prev; /* NULL: in no group */
    void *owner;                  /* of which this is a part */
};

/** Returns 0, or -1: no memory. @member is in no group and gives its owner. */
int vc_group_add(struct vc_map *groups, const void *key, struct vc_group *member);
/** Harmless for what is in no group. @key: what it was added under. */
void vc_group_remove(struct vc_map *groups, const void *key, struct vc_group *member);
/** One of the key's, the others behind it in a ring; NULL: none. */
static inline struct vc_group *vc_group_of(const struct vc_map *groups, const void *key)
{
    return vc_map_get(groups, key);
}
/** From now on vc_group_of gives this member of the key's: the next search goes on where one ended. */
void vc_group_turn(struct vc_map *groups, const void *key, struct vc_group *member);

#endif
