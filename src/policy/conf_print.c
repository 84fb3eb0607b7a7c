#include "policy/conf_fields.h"

#include <inttypes.h>

struct print {
    const struct vc_conf *conf;
    const struct vc_conf *below; /* only what it says differently; NULL: everything */
    struct vc_writer *w;
    bool origins;
};

static void end_line(const struct print *p, const struct vc_conf_origin *from)
{
    if (p->origins && from->file)
        vc_put_fmt(p->w, " # %s:%u", from->file, from->line);
    else if (p->origins)
        vc_put_text(p->w, " # default");
    vc_put_text(p->w, "\n");
}

static void end_key(const struct print *p, enum vc_conf_key key)
{
    end_line(p, &p->conf->origin[key]);
}

static void put_text(const struct print *p, enum vc_conf_key key, const char *text)
{
    if (!text && !p->below)
        return;
    vc_put_fmt(p->w, "%s = \"%s\"", vc_conf_key_row(key)->name, text ? text : "");
    end_key(p, key);
}

static void put_prefix(const struct print *p, enum vc_conf_key key, const struct vc_prefix *prefix)
{
    char text[VC_PREFIX_TEXT];
    if (prefix->ip.family == VC_FAMILY_NONE)
        return;
    vc_prefix_print(prefix, text);
    vc_put_fmt(p->w, "%s = %s", vc_conf_key_row(key)->name, text);
    end_key(p, key);
}

static void put_ips(const struct print *p, enum vc_conf_key key, const struct vc_ip *ips, size_t n)
{
    char text[VC_IP_TEXT];
    for (size_t i = 0; i < n; i++) {
        vc_ip_print(&ips[i], text);
        vc_put_fmt(p->w, "%s = %s", vc_conf_key_row(key)->name, text);
        end_key(p, key);
    }
}

static void put_field(const struct print *p, const struct vc_conf_field *f)
{
    const struct vc_conf_key_row *row = vc_conf_key_row(f->key);
    if (vc_conf_kind_is_text(row->kind)) {
        put_text(p, f->key, vc_conf_field_text(p->conf, f));
        return;
    }
    enum vc_conf_key said_by = f->key;
    uint64_t n = vc_conf_field_number(p->conf, f);
    if (f->key == VC_CONF_KEY_SELECT_GROUP_BY_URL && p->origins)
        n = vc_conf_by_url(p->conf, &said_by);
    if (row->kind == VC_CONF_KIND_NUMBER && n < row->least)
        return; /* absent, and without a default */
    bool says_more = f->key == VC_CONF_KEY_KEEPALIVE || f->key == VC_CONF_KEY_MOBILE_IDLE_TIMEOUT;
    if (says_more && !p->conf->origin[f->key].file && !p->origins)
        return; /* absent is more than its number: what another key says, or another number for mobile clients */
    vc_put_fmt(p->w, "%s = ", row->name);
    if (row->kind == VC_CONF_KIND_BOOL) {
        vc_put_text(p->w, n ? "true" : "false");
    } else if (row->kind == VC_CONF_KIND_NUMBER) {
        vc_put_fmt(p->w, "%" PRIu64, n);
    } else {
        struct vc_str name = vc_conf_choice_name(row->choices, (unsigned)n);
        vc_put(p->w, name.at, name.len);
    }
    end_key(p, said_by);
}

static void put_legacy(const struct print *p)
{
    static const char *const words[] = {[VC_CONF_LEGACY_ALL] = "true", [VC_CONF_LEGACY_NONE] = "false"};
    enum vc_conf_key said_by = VC_CONF_KEY_DTLS_LEGACY;
    enum vc_conf_dtls_legacy legacy = p->origins ? vc_conf_dtls_legacy(p->conf, &said_by) : p->conf->dtls_legacy;
    if (legacy == VC_CONF_LEGACY_12)
        return; /* that has no word */
    vc_put_fmt(p->w, "%s = %s", vc_conf_key_row(VC_CONF_KEY_DTLS_LEGACY)->name, words[legacy]);
    end_key(p, said_by);
}

static void put_routes(const struct print *p)
{
    const struct vc_conf *c = p->conf;
    for (size_t i = 0; i < c->n_routes; i++)
        put_prefix(p, VC_CONF_KEY_ROUTE, &c->routes[i]);
    if (c->n_routes == 0) {
        vc_put_text(p->w, "route = default");
        end_key(p, VC_CONF_KEY_ROUTE);
    }
}

static void put_special(const struct print *p, enum vc_conf_key key)
{
    const struct vc_conf *c = p->conf;
    if (key == VC_CONF_KEY_AUTH && c->passwd_file) {
        vc_put_fmt(p->w, "auth = \"plain[passwd=%s]\"", c->passwd_file);
        end_key(p, key);
    } else if (key == VC_CONF_KEY_SELECT_GROUP) {
        for (size_t i = 0; i < c->n_groups; i++) {
            vc_put_fmt(p->w, "select-group = \"%s[%s]\"", c->groups[i].name, c->groups[i].label);
            end_key(p, key);
        }
    } else if (key == VC_CONF_KEY_IPV4_NETWORK) {
        put_prefix(p, key, &c->ipv4_network);
    } else if (key == VC_CONF_KEY_IPV6_NETWORK) {
        put_prefix(p, key, &c->ipv6_network);
    } else if (key == VC_CONF_KEY_DNS) {
        put_ips(p, key, c->dns, c->n_dns);
    } else if (key == VC_CONF_KEY_NBNS) {
        put_ips(p, key, c->nbns, c->n_nbns);
    } else if (key == VC_CONF_KEY_SPLIT_DNS) {
        for (size_t i = 0; i < c->n_split_dns; i++)
            put_text(p, key, c->split_dns[i]);
    } else if (key == VC_CONF_KEY_CUSTOM_HEADER) {
        for (size_t i = 0; i < c->n_custom_headers; i++)
            put_text(p, key, c->custom_headers[i]);
    } else if (key == VC_CONF_KEY_ROUTE) {
        put_routes(p);
    } else if (key == VC_CONF_KEY_NO_ROUTE) {
        for (size_t i = 0; i < c->n_no_routes; i++)
            put_prefix(p, key, &c->no_routes[i]);
    } else if (key == VC_CONF_KEY_DTLS_LEGACY) {
        put_legacy(p);
    }
}

static bool same_origin(const struct vc_conf_origin *a, const struct vc_conf_origin *b)
{
    return a->line == b->line && !a->file == !b->file;
}

static void put_part(const struct print *p)
{
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        const struct vc_conf_field *f = vc_conf_field_of((enum vc_conf_key)i);
        if (p->below && same_origin(&p->conf->origin[i], &p->below->origin[i]))
            continue;
        if (f)
            put_field(p, f);
        else
            put_special(p, (enum vc_conf_key)i);
    }
}

void vc_conf_print(const struct vc_conf *conf, bool origins, struct vc_writer *w)
{
    const struct print all = {.conf = conf, .w = w, .origins = origins};
    put_part(&all);
    for (size_t i = 0; i < conf->n_vhosts && !origins; i++) {
        const struct print part = {.conf = conf->vhosts[i].conf, .below = conf, .w = w};
        vc_put_fmt(w, "[vhost:%s]\n", conf->vhosts[i].name);
        put_part(&part);
    }
}
