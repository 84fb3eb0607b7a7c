#ifndef VC_POLICY_CONF_FIELDS_H
#define VC_POLICY_CONF_FIELDS_H

#include "policy/conf.h"

/** Within policy/: which member of struct vc_conf holds a key with one plain value. The key's kind says the type: bool,
 *  an unsigned number of `size` bytes, an enum (choices in the order of its names), or a text. Keys that need more than
 *  one member (lists, networks, auth, dtls-legacy) have none. */
struct vc_conf_field {
    enum vc_conf_key key;
    size_t offset, size;
};

/** NULL: the key has none. */
const struct vc_conf_field *vc_conf_field_of(enum vc_conf_key key);

void vc_conf_field_set_number(struct vc_conf *conf, const struct vc_conf_field *f,
                              uint64_t v); /* BOOL, NUMBER, CHOICE */
uint64_t vc_conf_field_number(const struct vc_conf *conf, const struct vc_conf_field *f);
void vc_conf_field_set_text(struct vc_conf *conf, const struct vc_conf_field *f, const char *text); /* borrowed */
const char *vc_conf_field_text(const struct vc_conf *conf, const struct vc_conf_field *f);
bool vc_conf_kind_is_text(enum vc_conf_kind kind);

#endif
