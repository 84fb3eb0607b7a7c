#ifndef VC_POLICY_CONF_READING_H
#define VC_POLICY_CONF_READING_H

#include "policy/conf.h"
#include "policy/conf_reader.h"

enum vc_conf_layer {
    LAYER_GLOBAL, /* lines above the first section */
    LAYER_VHOST,  /* those of one virtual host, over them */
    LAYER_FILE,   /* of a group or a user, over either */
};

/** Within policy/: what the reading of a configuration knows beside the model. */
struct vc_conf_reading {
    struct vc_conf *conf;
    const char *file; /* for messages */
    const char *kept; /* the same, the model's own */
    struct vc_conf_notes *notes;
    struct vc_fail *fail;
    struct vc_conf_entry entry;
    enum vc_conf_layer layer;
    bool begun[VC_N_CONF_KEYS]; /* set in this layer, by main names */
    unsigned n_certs, n_keys;   /* lines of this layer */
    bool default_route;
    bool v4_has_len, v6_has_len;
    struct vc_ip netmask; /* ipv4-netmask */
    uint8_t v6_len;       /* ipv6-prefix; 0: absent */
    char *strings_at;
    size_t strings_left;
};

/** Memory that lives as long as the model; NULL: *fail says so. */
void *vc_conf_room(struct vc_conf *conf, size_t size, const char *what, struct vc_fail *fail);

/** When all lines are read: is everything there, does it go together? Fills in what follows from several keys, and
 * notes what only the whole shows. Returns 0, or -1 with *fail. */
int vc_conf_check(struct vc_conf_reading *r);

#endif
