#include "policy/conf_reading.h"

#include "policy/conf_fields.h"
#include "policy/conf_value.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define BAD(r, fmt, ...)                                                                                               \
    vc_conf_bad((r)->fail, (r)->file, (r)->entry.line, "%.*s: " fmt, (int)(r)->entry.key.len, (r)->entry.key.at,       \
                __VA_ARGS__)
#define NOTE(r, kind, ...)                                                                                             \
    vc_conf_notes_add((r)->notes, VC_CONF_NOTE_##kind, (r)->entry.line, (r)->entry.key, __VA_ARGS__)

/* Every text is part of one line, and a line that brings one has at least a sign or a newline more: a block of the
 * file's size holds them all with their NULs. */
static const char *keep(struct vc_conf_reading *r, struct vc_str s)
{
    char *to = r->strings_at;
    bool fits = vc_str_copy(s, to, r->strings_left);
    assert(fits);
    (void)fits;
    r->strings_at += s.len + 1;
    r->strings_left -= s.len + 1;
    return to;
}

struct vc_conf_block {
    struct vc_conf_block *next;
    max_align_t bytes[];
};

void *vc_conf_room(struct vc_conf *conf, size_t size, const char *what, struct vc_fail *fail)
{
    struct vc_conf_block *b = malloc(sizeof(*b) + size);
    if (!b) {
        (void)vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "%s", what);
        return NULL;
    }
    b->next = conf->blocks;
    conf->blocks = b;
    return b->bytes;
}

/* A list of @n members with room for one more. In a layer above the first one it begins anew, or (@on) goes on. NULL:
 * *fail says why not. */
static void *grown(struct vc_conf_reading *r, enum vc_conf_key key, bool on, void *list, size_t *n, size_t max,
                   size_t size)
{
    bool begins = r->layer != LAYER_GLOBAL && !r->begun[key];
    size_t room = 8;
    char what[64];
    r->begun[key] = true;
    if (begins && !on)
        *n = 0;
    if (*n >= max) {
        (void)BAD(r, "more than %zu lines", max);
        return NULL;
    }
    while (room <= *n)
        room *= 2;
    bool full = *n == 0 || (*n == room / 2 && room > 8);
    if (!full && !begins)
        return list;
    (void)snprintf(what, sizeof(what), "the list of %s", vc_conf_key_row(key)->name);
    char *p = vc_conf_room(r->conf, room * size, what, r->fail);
    if (p && *n > 0)
        memcpy(p, list, *n * size);
    return p;
}

static int add_ip(struct vc_conf_reading *r, enum vc_conf_key key, struct vc_ip **list, size_t *n,
                  const struct vc_ip *ip)
{
    struct vc_ip *p = grown(r, key, false, *list, n, VC_CONF_DNS_MAX, sizeof(*p));
    if (!p)
        return -1;
    *list = p;
    p[(*n)++] = *ip;
    return 0;
}

static int add_prefix(struct vc_conf_reading *r, enum vc_conf_key key, struct vc_prefix **list, size_t *n,
                      const struct vc_prefix *prefix)
{
    bool on = r->layer == LAYER_FILE && r->conf->append_routes;
    struct vc_prefix *p = grown(r, key, on, *list, n, VC_CONF_ROUTES_MAX, sizeof(*p));
    if (!p)
        return -1;
    *list = p;
    p[(*n)++] = *prefix;
    return 0;
}

static int add_split_dns(struct vc_conf_reading *r, struct vc_str domain)
{
    struct vc_conf *c = r->conf;
    const char **p =
        grown(r, VC_CONF_KEY_SPLIT_DNS, false, c->split_dns, &c->n_split_dns, VC_CONF_SPLIT_DNS_MAX, sizeof(*p));
    if (!p)
        return -1;
    c->split_dns = p;
    p[c->n_split_dns++] = keep(r, domain);
    return 0;
}

/** "Name: value": a header that says nothing of its own would change what others say. */
static bool is_header(struct vc_str s)
{
    struct vc_str value, name = vc_str_cut(s, ':', &value);
    if (name.len == 0 || name.len == s.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static int add_header(struct vc_conf_reading *r, struct vc_str header)
{
    struct vc_conf *c = r->conf;
    if (!is_header(header) || header.len > 512)
        return BAD(r, "'%.*s' is no header of up to 512 bytes: Name: value", header.len > 32 ? 32 : (int)header.len,
                   header.len > 0 ? header.at : "");
    const char **p = grown(r, VC_CONF_KEY_CUSTOM_HEADER, false, c->custom_headers, &c->n_custom_headers,
                           VC_CONF_HEADERS_MAX, sizeof(*p));
    if (!p)
        return -1;
    c->custom_headers = p;
    p[c->n_custom_headers++] = keep(r, header);
    return 0;
}

static int add_group(struct vc_conf_reading *r, const struct vc_conf_value *v)
{
    struct vc_conf *c = r->conf;
    for (size_t i = 0; i < c->n_groups && (r->layer == LAYER_GLOBAL || r->begun[VC_CONF_KEY_SELECT_GROUP]); i++) {
        if (vc_str_eq(v->text, vc_str_of(c->groups[i].name))) {
            NOTE(r, IGNORED, "the group '%s' is offered already", c->groups[i].name);
            return 0;
        }
    }
    struct vc_conf_group *p =
        grown(r, VC_CONF_KEY_SELECT_GROUP, false, c->groups, &c->n_groups, VC_CONF_GROUPS_MAX, sizeof(*p));
    if (!p)
        return -1;
    c->groups = p;
    const char *name = keep(r, v->text);
    bool own_label = v->label.at != v->text.at;
    p[c->n_groups++] = (struct vc_conf_group){.name = name, .label = own_label ? keep(r, v->label) : name};
    return 0;
}

static int read_auth_options(struct vc_conf_reading *r, struct vc_str options)
{
    struct vc_str file = {0};
    if (options.len > 0 && !memchr(options.at, '=', options.len)) { /* the old form: nothing but the file */
        file = vc_str_trim(options);
        if (memchr(options.at, ',', options.len))
            return BAD(r, "a comma in '%s'; write plain[passwd=FILE]", "plain[FILE]");
    } else {
        while (options.len > 0) {
            struct vc_str value, one = vc_str_cut(options, ',', &options);
            struct vc_str name = vc_str_trim(vc_str_cut(one, '=', &value));
            if (vc_str_eq(name, VC_STR("otp")))
                return BAD(r, "%s",
                           "one-time passwords (otp=) are not served yet, and without them logins would be weaker");
            if (!vc_str_eq(name, VC_STR("passwd")))
                return BAD(r, "'%.*s' is no option of plain", name.len > 32 ? 32 : (int)name.len, name.at);
            file = vc_str_trim(value);
        }
    }
    if (file.len == 0 || file.len > VC_CONF_PATH_MAX)
        return BAD(r, "%s", "plain needs a password file: plain[passwd=FILE]");
    r->conf->passwd_file = keep(r, file);
    return 0;
}

static int read_auth(struct vc_conf_reading *r, struct vc_str text)
{
    static const char others[] = "certificate|pam|radius|gssapi|oidc";
    struct vc_str options;
    struct vc_str method = vc_str_trim(vc_str_cut(text, '[', &options));
    int shown = method.len > 32 ? 32 : (int)method.len;
    unsigned ignored;
    if (vc_conf_choice(others, method, &ignored))
        return BAD(r, "the method '%.*s' is not served yet: only plain[passwd=FILE] is", shown, method.at);
    if (!vc_str_ieq(method, VC_STR("plain")))
        return BAD(r, "'%.*s' is no method: plain[passwd=FILE] is", shown, method.at);
    if (options.len == 0 || options.at[options.len - 1] != ']')
        return BAD(r, "%s", "plain needs a password file: plain[passwd=FILE]");
    if (r->begun[VC_CONF_KEY_AUTH])
        return BAD(r, "%s", "two methods with passwords cannot be combined");
    options.len--;
    return read_auth_options(r, options);
}

/* One pair is served. A key in a token cannot be the first: nothing else would sign. */
static int read_pem(struct vc_conf_reading *r, const struct vc_conf_field *f, unsigned *n, struct vc_str path)
{
    if ((*n)++ > 0) {
        NOTE(r, NOT_SERVED, "only the first pair of server-cert and server-key is served yet, not this one");
        return 0;
    }
    if (vc_str_istarts(path, VC_STR("pkcs11:")) || vc_str_istarts(path, VC_STR("tpmkey:")))
        return BAD(r, "%s", "keys and certificates in a token are not served yet: name a PEM file");
    vc_conf_field_set_text(r->conf, f, keep(r, path));
    return 0;
}

static void keep_domains(struct vc_conf_reading *r, struct vc_str text)
{
    char joined[VC_CONF_LINE_MAX + 1];
    struct vc_writer w = vc_writer_to(joined, sizeof(joined));
    bool blank = false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_blank = text.at[i] == ' ' || text.at[i] == '\t';
        if (!is_blank || !blank)
            vc_put_u8(&w, is_blank ? ' ' : (uint8_t)text.at[i]);
        blank = is_blank;
    }
    r->conf->default_domain = keep(r, (struct vc_str){.at = joined, .len = vc_written(&w)});
}

static void set_field(struct vc_conf_reading *r, const struct vc_conf_field *f, enum vc_conf_kind kind,
                      const struct vc_conf_value *v)
{
    if (vc_conf_kind_is_text(kind))
        vc_conf_field_set_text(r->conf, f, v->text.len > 0 ? keep(r, v->text) : NULL);
    else if (kind == VC_CONF_KIND_BOOL)
        vc_conf_field_set_number(r->conf, f, v->is_true);
    else
        vc_conf_field_set_number(r->conf, f, kind == VC_CONF_KIND_CHOICE ? v->choice : v->number);
}

static int add_route(struct vc_conf_reading *r, const struct vc_conf_value *v)
{
    struct vc_conf *c = r->conf;
    if (r->layer != LAYER_GLOBAL && !r->begun[VC_CONF_KEY_ROUTE])
        r->default_route = false;
    if (!v->is_default)
        return add_prefix(r, VC_CONF_KEY_ROUTE, &c->routes, &c->n_routes, &v->prefix);
    if (r->layer != LAYER_GLOBAL && !r->begun[VC_CONF_KEY_ROUTE])
        c->n_routes = 0;
    r->default_route = true;
    return 0;
}

static void came_from_here(struct vc_conf_reading *r, enum vc_conf_key key)
{
    r->conf->origin[key] = (struct vc_conf_origin){.file = r->kept, .line = r->entry.line};
}

/* Without a length of its own it has that of the one below; with one, a mask below counts no more. */
static int set_network4(struct vc_conf_reading *r, const struct vc_conf_value *v)
{
    struct vc_prefix *have = &r->conf->ipv4_network;
    struct vc_prefix p = v->prefix;
    if (p.ip.family != VC_FAMILY_V4)
        return BAD(r, "%s", "not an IPv4 network");
    if (!v->has_len && !r->begun[VC_CONF_KEY_IPV4_NETWORK] && r->v4_has_len)
        p = vc_prefix_of(&p.ip, have->len);
    else
        r->v4_has_len = v->has_len;
    if (v->has_len && r->layer != LAYER_GLOBAL && !r->begun[VC_CONF_KEY_IPV4_NETMASK])
        r->netmask = (struct vc_ip){0};
    *have = p;
    return 0;
}

static int set_network6(struct vc_conf_reading *r, const struct vc_conf_value *v)
{
    struct vc_prefix *have = &r->conf->ipv6_network;
    struct vc_prefix p = v->prefix;
    if (p.ip.family != VC_FAMILY_V6)
        return BAD(r, "%s", "not an IPv6 network");
    if (!v->has_len && !r->begun[VC_CONF_KEY_IPV6_NETWORK] && r->v6_has_len)
        p = vc_prefix_of(&p.ip, have->len);
    else
        r->v6_has_len = v->has_len;
    if (v->has_len && r->layer != LAYER_GLOBAL && !r->begun[VC_CONF_KEY_IPV6_PREFIX])
        r->v6_len = 0;
    *have = p;
    return 0;
}

static int set_key(struct vc_conf_reading *r, enum vc_conf_key key, const struct vc_conf_value *v)
{
    struct vc_conf *c = r->conf;
    const struct vc_conf_field *f = vc_conf_field_of(key);
    if (key == VC_CONF_KEY_AUTH)
        return read_auth(r, v->text);
    if (key == VC_CONF_KEY_SERVER_CERT)
        return read_pem(r, f, &r->n_certs, v->text);
    if (key == VC_CONF_KEY_SERVER_KEY)
        return read_pem(r, f, &r->n_keys, v->text);
    if (key == VC_CONF_KEY_SELECT_GROUP)
        return add_group(r, v);
    if (key == VC_CONF_KEY_DNS)
        return add_ip(r, key, &c->dns, &c->n_dns, &v->ip);
    if (key == VC_CONF_KEY_NBNS)
        return add_ip(r, key, &c->nbns, &c->n_nbns, &v->ip);
    if (key == VC_CONF_KEY_SPLIT_DNS)
        return add_split_dns(r, v->text);
    if (key == VC_CONF_KEY_CUSTOM_HEADER)
        return add_header(r, v->text);
    if (key == VC_CONF_KEY_NO_ROUTE)
        return add_prefix(r, key, &c->no_routes, &c->n_no_routes, &v->prefix);
    if (key == VC_CONF_KEY_IPV4_NETWORK)
        return set_network4(r, v);
    if (key == VC_CONF_KEY_IPV6_NETWORK)
        return set_network6(r, v);
    if (key == VC_CONF_KEY_ROUTE)
        return add_route(r, v);

    if (key == VC_CONF_KEY_DEFAULT_DOMAIN && v->text.len > 0) {
        keep_domains(r, v->text);
    } else if (key == VC_CONF_KEY_IPV4_NETMASK) {
        if (r->layer != LAYER_GLOBAL && !r->begun[VC_CONF_KEY_IPV4_NETWORK]) {
            came_from_here(r, VC_CONF_KEY_IPV4_NETWORK);
            r->v4_has_len = false;
        }
        r->netmask = v->ip;
    } else if (key == VC_CONF_KEY_IPV6_PREFIX) {
        if (r->layer != LAYER_GLOBAL && !r->begun[VC_CONF_KEY_IPV6_NETWORK]) {
            came_from_here(r, VC_CONF_KEY_IPV6_NETWORK);
            r->v6_has_len = false;
        }
        r->v6_len = (uint8_t)v->number;
    } else if (key == VC_CONF_KEY_DTLS_LEGACY) {
        c->dtls_legacy = v->is_true ? VC_CONF_LEGACY_ALL : VC_CONF_LEGACY_NONE;
    } else if (key == VC_CONF_KEY_ALWAYS_REQUIRE_CERT) {
        if (!v->is_true) {
            c->cisco_client_compat = true;
            came_from_here(r, VC_CONF_KEY_CISCO_CLIENT_COMPAT);
        }
    } else {
        assert(f);
        set_field(r, f, vc_conf_key_row(key)->kind, v);
    }
    if (key == VC_CONF_KEY_LISTEN_HOST)
        c->listen_ip = v->ip;
    if (key == VC_CONF_KEY_UDP_LISTEN_HOST)
        c->udp_listen_ip = v->ip;
    return 0;
}

static int read_served(struct vc_conf_reading *r, enum vc_conf_key key)
{
    const struct vc_conf_key_row *row = vc_conf_key_row(key);
    struct vc_conf_value v;
    char why[VC_CONF_WHY];
    if (row->kind == VC_CONF_KIND_SAME) {
        key = row->same_as;
        row = vc_conf_key_row(key);
    }
    if (vc_conf_value_read(row, r->entry.value, &v, why) != 0)
        return BAD(r, "%s%s", why, r->entry.repeated ? " (an indented line repeats the key above)" : "");
    if (v.odd)
        NOTE(r, BOOLEAN, "'%.*s' is neither true nor false: it counts as false",
             r->entry.value.len > 32 ? 32 : (int)r->entry.value.len, r->entry.value.len > 0 ? r->entry.value.at : "");
    came_from_here(r, key);
    if (set_key(r, key, &v) != 0)
        return -1;
    r->begun[key] = true;
    return 0;
}

/* Keys of scope U that hold for all only, so far. */
static bool is_pool(enum vc_conf_key key)
{
    return key == VC_CONF_KEY_IPV4_NETWORK || key == VC_CONF_KEY_IPV4_NETMASK || key == VC_CONF_KEY_IPV6_NETWORK ||
           key == VC_CONF_KEY_IPV6_PREFIX || key == VC_CONF_KEY_IPV6_SUBNET_PREFIX;
}

static int read_entry(struct vc_conf_reading *r)
{
    enum vc_conf_key key;
    if (!vc_conf_key_find(r->entry.key, &key)) {
        NOTE(r, UNKNOWN, "no such key: ignored");
        return 0;
    }
    const struct vc_conf_key_row *row = vc_conf_key_row(key);
    const char *does = vc_conf_key_row(row->kind == VC_CONF_KIND_SAME ? row->same_as : key)->does;
    if (r->layer == LAYER_VHOST && row->scope == VC_CONF_SCOPE_G)
        return BAD(r, "%s", "a global key, which cannot stand in a virtual host");
    if (r->layer == LAYER_FILE && row->scope != VC_CONF_SCOPE_U) {
        NOTE(r, IGNORED, "a key that cannot stand in a file of a user or group: skipped");
        return 0;
    }
    if (r->layer == LAYER_FILE && is_pool(key)) {
        NOTE(r, NOT_SERVED, "pools of single users and groups are not served yet: it would %s", does);
        return 0;
    }
    switch (row->served) {
    case VC_CONF_SERVED:
        return read_served(r, key);
    case VC_CONF_LATER:
        NOTE(r, NOT_SERVED, "it would %s", does);
        return 0;
    case VC_CONF_NOTHING:
        NOTE(r, NO_EFFECT, "%s", does);
        return 0;
    }
    return 0;
}

static void set_defaults(struct vc_conf_reading *r)
{
    for (unsigned i = 0; i < VC_N_CONF_KEYS; i++) {
        const struct vc_conf_field *f = vc_conf_field_of((enum vc_conf_key)i);
        const struct vc_conf_key_row *row = vc_conf_key_row((enum vc_conf_key)i);
        struct vc_conf_value v;
        char why[VC_CONF_WHY];
        if (!f || strcmp(row->value, "none") == 0)
            continue;
        int bad = vc_conf_value_read(row, vc_str_of(row->value), &v, why);
        assert(bad == 0);
        (void)bad;
        if (vc_conf_kind_is_text(row->kind))
            vc_conf_field_set_text(r->conf, f, row->value); /* of the table: lives forever */
        else
            set_field(r, f, row->kind, &v);
    }
    r->conf->mobile_keepalive_s = 120;
}

/* ---- layers ---- */

#define VHOST VC_STR("vhost:")

/** The name behind "vhost:"; empty: it is no section of a virtual host. */
static struct vc_str vhost_of(struct vc_str section)
{
    if (!vc_str_starts(section, VHOST))
        return (struct vc_str){0};
    return vc_str_trim((struct vc_str){.at = section.at + VHOST.len, .len = section.len - VHOST.len});
}

static const struct vc_conf_vhost *find_vhost(const struct vc_conf *conf, struct vc_str name)
{
    for (size_t i = 0; i < conf->n_vhosts; i++) {
        if (vc_str_ieq(name, vc_str_of(conf->vhosts[i].name)))
            return &conf->vhosts[i];
    }
    return NULL;
}

static bool is_host_name(struct vc_str s)
{
    bool good = s.len > 0 && s.len <= 253 && s.at[0] != '.' && s.at[s.len - 1] != '.';
    for (size_t i = 0; good && i < s.len; i++) {
        char c = s.at[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               (c == '.' && s.at[i - 1] != '.');
    }
    return good;
}

/** Takes the names of virtual hosts down; what they say is read once the global part is complete. */
static int read_section(struct vc_conf_reading *r)
{
    struct vc_conf *c = r->conf;
    struct vc_str section = r->entry.section, name = vhost_of(section);
    char shown[64];
    struct vc_writer w = vc_writer_to(shown, sizeof(shown));
    vc_put_u8(&w, '[');
    vc_put(&w, section.at, section.len < 60 ? section.len : 60);
    vc_put_u8(&w, ']');
    if (!vc_str_starts(section, VHOST)) {
        vc_conf_notes_add(r->notes, VC_CONF_NOTE_UNKNOWN, r->entry.line, (struct vc_str){shown, vc_written(&w)},
                          "no such section ([vhost:NAME] is the only kind); its keys are skipped");
        return 0;
    }
    if (name.len == 0)
        return vc_conf_bad(r->fail, r->file, r->entry.line, "a virtual host without a name");
    if (!is_host_name(name))
        return vc_conf_bad(r->fail, r->file, r->entry.line,
                           "'%.*s' is no host name (other letters: in their ASCII form, xn--...)",
                           name.len > 64 ? 64 : (int)name.len, name.at);
    if (find_vhost(c, name))
        return 0; /* it goes on */
    if (c->n_vhosts >= VC_CONF_VHOSTS_MAX)
        return vc_conf_bad(r->fail, r->file, r->entry.line, "more than %d virtual hosts", VC_CONF_VHOSTS_MAX);
    if (!c->vhosts && !(c->vhosts = vc_conf_room(c, VC_CONF_VHOSTS_MAX * sizeof(*c->vhosts), "virtual hosts", r->fail)))
        return -1;
    char *small = vc_conf_room(c, name.len + 1, "the name of a virtual host", r->fail);
    if (!small)
        return -1;
    for (size_t i = 0; i < name.len; i++) {
        small[i] = name.at[i];
        if (small[i] >= 'A' && small[i] <= 'Z')
            small[i] = (char)(small[i] + 'a' - 'A');
    }
    small[name.len] = 0;
    c->vhosts[c->n_vhosts++] = (struct vc_conf_vhost){.name = small};
    vc_conf_notes_add(r->notes, VC_CONF_NOTE_NOT_SERVED, r->entry.line, (struct vc_str){shown, vc_written(&w)},
                      "virtual hosts are not served yet: the global part answers for it");
    return 0;
}

/** What follows belongs to the next layer, where lists begin anew. */
static void next_layer(struct vc_conf_reading *r, enum vc_conf_layer layer, struct vc_conf_notes *notes)
{
    r->layer = layer;
    r->notes = notes;
    r->n_certs = r->n_keys = 0;
    memset(r->begun, 0, sizeof(r->begun));
}

/** @vhost: NULL for the global part. */
static int read_part(struct vc_conf_reading *r, const void *bytes, size_t len, const char *vhost)
{
    struct vc_conf_reader reader = vc_conf_reader_of(r->file, bytes, len);
    struct vc_conf_notes *notes = r->notes;
    int got;
    if (vhost)
        r->notes = NULL; /* of the global part they were taken down */
    while ((got = vc_conf_reader_next(&reader, &r->entry, r->fail)) > 0) {
        bool global = r->entry.section.len == 0;
        if (got == VC_CONF_SECTION) {
            if (!vhost && read_section(r) != 0)
                return -1;
            continue;
        }
        if (!global && (!vhost || !vc_str_ieq(vhost_of(r->entry.section), vc_str_of(vhost))))
            continue;
        if (!global && r->layer == LAYER_GLOBAL)
            next_layer(r, LAYER_VHOST, notes);
        if (read_entry(r) != 0)
            return -1;
    }
    if (vhost && r->layer == LAYER_GLOBAL) /* it says nothing of its own */
        next_layer(r, LAYER_VHOST, notes);
    return got == VC_CONF_END ? vc_conf_check(r) : -1;
}

/** A model with room for the texts of a file of @len bytes. */
static int begin(struct vc_conf_reading *r, const char *file, size_t len)
{
    struct vc_conf *c = r->conf;
    char *kept = vc_conf_room(c, strlen(file) + 1, "the configuration", r->fail);
    r->strings_at = kept ? vc_conf_room(c, len + 1, "the configuration", r->fail) : NULL;
    if (!r->strings_at)
        return -1;
    memcpy(kept, file, strlen(file) + 1);
    r->file = r->kept = kept;
    r->strings_left = len + 1;
    return 0;
}

static int read_vhost(struct vc_conf_vhost *v, const char *file, const void *bytes, size_t len,
                      struct vc_conf_notes *notes, struct vc_fail *fail)
{
    struct vc_conf_reading r = {.conf = v->conf, .notes = notes, .fail = fail};
    if (begin(&r, file, len) != 0)
        return -1;
    set_defaults(&r);
    return read_part(&r, bytes, len, v->name);
}

static int read_file(struct vc_conf *conf, const char *file, const void *bytes, size_t len, struct vc_conf_notes *notes,
                     struct vc_fail *fail)
{
    struct vc_conf_reading r = {.conf = conf, .notes = notes, .fail = fail};
    if (begin(&r, file, len) != 0)
        return -1;
    set_defaults(&r);
    if (read_part(&r, bytes, len, NULL) != 0)
        return -1;
    for (size_t i = 0; i < conf->n_vhosts; i++) {
        struct vc_conf_vhost *v = &conf->vhosts[i];
        v->conf = vc_conf_room(conf, sizeof(*v->conf), "a virtual host", fail);
        if (!v->conf)
            return -1;
        *v->conf = (struct vc_conf){0};
        if (read_vhost(v, file, bytes, len, notes, fail) != 0)
            return -1;
    }
    return 0;
}

int vc_conf_read(struct vc_conf *conf, const char *file_name, const void *bytes, size_t len,
                 struct vc_conf_notes *notes, struct vc_fail *fail)
{
    *conf = (struct vc_conf){0};
    if (read_file(conf, file_name, bytes, len, notes, fail) == 0)
        return 0;
    vc_conf_deinit(conf);
    return -1;
}

const struct vc_conf *vc_conf_of_host(const struct vc_conf *conf, struct vc_str name)
{
    if (name.len > 0 && name.at[name.len - 1] == '.')
        name.len--;
    const struct vc_conf_vhost *v = name.len > 0 ? find_vhost(conf, name) : NULL;
    return v ? v->conf : conf;
}

static int read_overlay(struct vc_conf_reading *r, const char *file, const void *bytes, size_t len)
{
    if (begin(r, file, len) != 0)
        return -1;
    struct vc_conf_reader reader = vc_conf_reader_of(r->file, bytes, len);
    int got;
    while ((got = vc_conf_reader_next(&reader, &r->entry, r->fail)) > 0) {
        if (got == VC_CONF_SECTION)
            return vc_conf_bad(r->fail, r->file, r->entry.line, "a section: files of users and groups have none");
        if (read_entry(r) != 0)
            return -1;
    }
    return got == VC_CONF_END ? vc_conf_check(r) : -1;
}

int vc_conf_overlay(struct vc_conf *conf, const struct vc_conf *base, const char *file_name, const void *bytes,
                    size_t len, struct vc_conf_notes *notes, struct vc_fail *fail)
{
    *conf = *base;
    conf->blocks = NULL;
    conf->vhosts = NULL;
    conf->n_vhosts = 0;
    struct vc_conf_reading r = {.conf = conf,
                                .layer = LAYER_FILE,
                                .notes = notes,
                                .fail = fail,
                                .v4_has_len = base->ipv4_network.ip.family != VC_FAMILY_NONE,
                                .v6_has_len = base->ipv6_network.ip.family != VC_FAMILY_NONE};
    if (read_overlay(&r, file_name, bytes, len) == 0)
        return 0;
    vc_conf_deinit(conf);
    return -1;
}

bool vc_conf_by_url(const struct vc_conf *conf, enum vc_conf_key *said_by)
{
    bool implied = !conf->select_group_by_url && conf->cisco_client_compat;
    *said_by = implied ? VC_CONF_KEY_CISCO_CLIENT_COMPAT : VC_CONF_KEY_SELECT_GROUP_BY_URL;
    return conf->select_group_by_url || implied;
}

enum vc_conf_dtls_legacy vc_conf_dtls_legacy(const struct vc_conf *conf, enum vc_conf_key *said_by)
{
    *said_by = VC_CONF_KEY_DTLS_LEGACY;
    if (conf->cisco_client_compat && conf->dtls_legacy != VC_CONF_LEGACY_ALL) {
        *said_by = VC_CONF_KEY_CISCO_CLIENT_COMPAT;
        return VC_CONF_LEGACY_ALL;
    }
    if (conf->match_tls_dtls_ciphers && conf->dtls_legacy == VC_CONF_LEGACY_12) {
        *said_by = VC_CONF_KEY_MATCH_TLS_DTLS_CIPHERS;
        return VC_CONF_LEGACY_NONE;
    }
    return conf->dtls_legacy;
}

void vc_conf_deinit(struct vc_conf *conf)
{
    for (size_t i = 0; i < conf->n_vhosts; i++) {
        if (conf->vhosts[i].conf)
            vc_conf_deinit(conf->vhosts[i].conf);
    }
    while (conf->blocks) {
        struct vc_conf_block *next = conf->blocks->next;
        free(conf->blocks);
        conf->blocks = next;
    }
    *conf = (struct vc_conf){0};
}
