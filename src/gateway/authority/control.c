#include "gateway/authority/control.h"

#include <stdlib.h>
#include <unistd.h>

struct vc_control {
    int listener;
};

struct vc_control *vc_control_new(struct vc_authority *a, int listener)
{
    struct vc_control *c = calloc(1, sizeof(*c));
    (void)a;
    if (c)
        c->listener = listener;
    return c;
}

void vc_control_free(struct vc_control *c)
{
    free(c);
}

void vc_control_counts(struct vc_authority *a, uint16_t process, const struct vc_msg *m)
{
    (void)a;
    (void)process;
    (void)m;
}

void vc_control_tunnel_lost(struct vc_authority *a, uint16_t process)
{
    (void)a;
    (void)process;
}

void vc_control_story(struct vc_authority *a, const struct vc_msg *m)
{
    (void)a;
    (void)m;
}

uint64_t vc_control_due(const struct vc_authority *a)
{
    (void)a;
    return UINT64_MAX;
}

void vc_control_tick(struct vc_authority *a, uint64_t now_ns)
{
    (void)a;
    (void)now_ns;
}
