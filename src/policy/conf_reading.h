#ifndef VC_POLICY_CONF_READING_H
#define VC_POLICY_CONF_READING_H

#include "policy/conf.h"
#include "policy/conf_reader.h"

enum vc_conf_place { IN_GLOBAL, IN_VHOST, IN_UNKNOWN };

/** Within policy/: what the reading of a configuration knows beside the model. */
struct vc_conf_reading {
    struct vc_conf *conf;
    const char *file;
    struct vc_conf_notes *notes;
    struct vc_fail *fail;
    struct vc_conf_entry entry;
    enum vc_conf_place place;
    unsigned n_certs, n_keys;
    bool default_route;
    bool v4_has_len, v6_has_len;
    struct vc_ip netmask; /* ipv4-netmask */
    uint8_t v6_len;       /* ipv6-prefix; 0: absent */
    char *strings_at;
    size_t strings_left;
};

/** When all lines are read: is everything there, does it go together? Fills in what follows from several keys, and
 * notes what only the whole shows. Returns 0, or -1 with *fail. */
int vc_conf_check(struct vc_conf_reading *r);

#endif
