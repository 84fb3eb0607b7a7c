#ifndef VC_POLICY_CONF_VALUE_H
#define VC_POLICY_CONF_VALUE_H

#include "base/addr.h"
#include "policy/conf_keys.h"

/** One value of the configuration, read by its key's kind. Which members are set follows from the kind. */
struct vc_conf_value {
    bool is_true;            /* BOOL */
    bool odd;                /* BOOL: neither true, yes, false nor no; it counts as false, and is named */
    bool is_default;         /* ROUTE: "default" */
    uint64_t number;         /* NUMBER */
    unsigned choice;         /* CHOICE: the position */
    struct vc_ip ip;         /* ADDRESS; HOST when it is an address */
    struct vc_prefix prefix; /* NETWORK, ROUTE; host bits are zero */
    bool has_len;            /* NETWORK: a length or mask was given */
    struct vc_str text;      /* the value; GROUP: the name. Borrowed */
    struct vc_str label;     /* GROUP: what is shown; the name when there is no label. Borrowed */
};

#define VC_CONF_PATH_MAX 1023
#define VC_CONF_WHY 144 /* room for a reason */

/** Reads @text as a value of @row (whose kind is not SAME). Returns 0; or 1 when it is none: @why then says so in words
 *  that fit behind "KEY: ", with no more than the beginning of the value. */
int vc_conf_value_read(const struct vc_conf_key_row *row, struct vc_str text, struct vc_conf_value *out,
                       char why[VC_CONF_WHY]);

#endif
