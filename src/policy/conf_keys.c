#include "policy/conf_keys.h"

#include <inttypes.h>
#include <stdio.h>

#define K(k) .kind = VC_CONF_KIND_##k
#define K_LIST(k) .kind = VC_CONF_KIND_##k, .list = true
#define K_NUMBER(from, to) .kind = VC_CONF_KIND_NUMBER, .least = (from), .most = (to)
#define K_CHOICE(of) .kind = VC_CONF_KIND_CHOICE, .choices = (of)
#define K_TEXT(max) .kind = VC_CONF_KIND_TEXT, .most = (max)
#define K_SAME(as) .kind = VC_CONF_KIND_SAME, .same_as = VC_CONF_KEY_##as
#define S_SERVED VC_CONF_SERVED
#define S_LATER VC_CONF_LATER
#define S_NOTHING VC_CONF_NOTHING

static const struct vc_conf_key_row rows[VC_N_CONF_KEYS] = {
#define X(id, name_, scope_, reload_, kind_, served_, value_, does_)                                                   \
    [VC_CONF_KEY_##id] = {.name = (name_),                                                                             \
                          .scope = VC_CONF_SCOPE_##scope_,                                                             \
                          .reload = VC_CONF_RELOAD_##reload_,                                                          \
                          kind_,                                                                                       \
                          .served = S_##served_,                                                                       \
                          .value = (value_),                                                                           \
                          .does = (does_)},
    VC_CONF_KEYS(X)
#undef X
};

const struct vc_conf_key_row *vc_conf_key_row(enum vc_conf_key key)
{
    return &rows[key];
}

bool vc_conf_key_find(struct vc_str name, enum vc_conf_key *out)
{
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        if (vc_str_eq(name, vc_str_of(rows[i].name))) {
            *out = (enum vc_conf_key)i;
            return true;
        }
    }
    return false;
}

bool vc_conf_choice(const char *choices, struct vc_str value, unsigned *out)
{
    struct vc_str rest = vc_str_of(choices);
    for (unsigned i = 0; rest.len > 0; i++) {
        struct vc_str one = vc_str_cut(rest, '|', &rest);
        if (vc_str_eq(one, value)) {
            *out = i;
            return true;
        }
    }
    return false;
}

struct vc_str vc_conf_choice_name(const char *choices, unsigned at)
{
    struct vc_str rest = vc_str_of(choices);
    for (unsigned i = 0; rest.len > 0; i++) {
        struct vc_str one = vc_str_cut(rest, '|', &rest);
        if (i == at)
            return one;
    }
    return (struct vc_str){0};
}

static void print_choices(const char *choices, char *out, size_t cap)
{
    size_t n = 0;
    for (; *choices && n + 3 < cap; choices++) {
        if (*choices != '|') {
            out[n++] = *choices;
            continue;
        }
        out[n++] = ',';
        out[n++] = ' ';
    }
    out[n] = 0;
}

void vc_conf_kind_print(const struct vc_conf_key_row *row, char *out, size_t cap)
{
    static const char *const words[] = {
        [VC_CONF_KIND_BOOL] = "boolean",
        [VC_CONF_KIND_NUMBER] = "number",
        [VC_CONF_KIND_CHOICE] = "choice",
        [VC_CONF_KIND_TEXT] = "text",
        [VC_CONF_KIND_PATH] = "path",
        [VC_CONF_KIND_NAME] = "name",
        [VC_CONF_KIND_HOST] = "address or host name",
        [VC_CONF_KIND_ADDRESS] = "address",
        [VC_CONF_KIND_NETWORK] = "network",
        [VC_CONF_KIND_ROUTE] = "network, or default",
        [VC_CONF_KIND_DOMAIN] = "domain",
        [VC_CONF_KIND_DOMAINS] = "domains",
        [VC_CONF_KIND_DEVICE] = "name",
        [VC_CONF_KIND_GROUP] = "name, or name[Label]",
        [VC_CONF_KIND_AUTH] = "method[options]",
        [VC_CONF_KIND_SAME] = "the same",
    };
    if (row->kind == VC_CONF_KIND_NUMBER) {
        (void)snprintf(out, cap, "%" PRIu64 " to %" PRIu64, row->least, row->most);
    } else if (row->kind == VC_CONF_KIND_CHOICE) {
        print_choices(row->choices, out, cap);
    } else if (row->kind == VC_CONF_KIND_SAME) {
        (void)snprintf(out, cap, "as %s", rows[row->same_as].name);
    } else {
        (void)snprintf(out, cap, "%s%s", words[row->kind], row->list ? "; repeatable" : "");
    }
}
