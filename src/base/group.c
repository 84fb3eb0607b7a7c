#include "base/group.h"

int vc_group_add(struct vc_map *groups, const void *key, struct vc_group *member)
{
    struct vc_group *first = vc_map_get(groups, key);
    if (!first) {
        if (vc_map_put(groups, key, member) != 0)
            return -1;
        member->next = member->prev = member;
        return 0;
    }
    member->next = first;
    member->prev = first->prev;
    first->prev->next = member;
    first->prev = member;
    return 0;
}

void vc_group_remove(struct vc_map *groups, const void *key, struct vc_group *member)
{
    if (!member->next)
        return;
    if (member->next == member) {
        (void)vc_map_remove(groups, key);
    } else {
        if (vc_map_get(groups, key) == member)
            vc_group_turn(groups, key, member->next);
        member->prev->next = member->next;
        member->next->prev = member->prev;
    }
    member->next = member->prev = NULL;
}

void vc_group_turn(struct vc_map *groups, const void *key, struct vc_group *member)
{
    (void)vc_map_put(groups, key, member); /* the key is there: nothing is allocated */
}
