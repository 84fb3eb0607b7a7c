#include "policy/conf_reading.h"

#include "policy/conf_fields.h"
#include "policy/conf_value.h"

#include <assert.h>
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

/* A list of @n members with room for one more; NULL: *fail says why not. */
static void *grown(struct vc_conf_reading *r, void *list, size_t n, size_t max, size_t size)
{
    if (n >= max) {
        (void)BAD(r, "more than %zu lines", max);
        return NULL;
    }
    if (n != 0 && (n < 8 || (n & (n - 1)) != 0)) /* room is made at 0, 8, 16, 32 ... */
        return list;
    void *p = reallocarray(list, n < 8 ? 8 : 2 * n, size);
    if (!p)
        (void)vc_fail_set(r->fail, VC_CAUSE_NO_MEMORY, 0, "the list of %.*s", (int)r->entry.key.len, r->entry.key.at);
    return p;
}

static int add_ip(struct vc_conf_reading *r, struct vc_ip **list, size_t *n, const struct vc_ip *ip)
{
    struct vc_ip *p = grown(r, *list, *n, VC_CONF_DNS_MAX, sizeof(*p));
    if (!p)
        return -1;
    *list = p;
    p[(*n)++] = *ip;
    return 0;
}

static int add_prefix(struct vc_conf_reading *r, struct vc_prefix **list, size_t *n, const struct vc_prefix *prefix)
{
    struct vc_prefix *p = grown(r, *list, *n, VC_CONF_ROUTES_MAX, sizeof(*p));
    if (!p)
        return -1;
    *list = p;
    p[(*n)++] = *prefix;
    return 0;
}

static int add_split_dns(struct vc_conf_reading *r, struct vc_str domain)
{
    struct vc_conf *c = r->conf;
    const char **p = grown(r, c->split_dns, c->n_split_dns, VC_CONF_SPLIT_DNS_MAX, sizeof(*p));
    if (!p)
        return -1;
    c->split_dns = p;
    p[c->n_split_dns++] = keep(r, domain);
    return 0;
}

static int add_group(struct vc_conf_reading *r, const struct vc_conf_value *v)
{
    struct vc_conf *c = r->conf;
    for (size_t i = 0; i < c->n_groups; i++) {
        if (vc_str_eq(v->text, vc_str_of(c->groups[i].name))) {
            NOTE(r, IGNORED, "the group '%s' is offered already", c->groups[i].name);
            return 0;
        }
    }
    struct vc_conf_group *p = grown(r, c->groups, c->n_groups, VC_CONF_GROUPS_MAX, sizeof(*p));
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
    if (r->conf->passwd_file)
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
        return add_ip(r, &c->dns, &c->n_dns, &v->ip);
    if (key == VC_CONF_KEY_NBNS)
        return add_ip(r, &c->nbns, &c->n_nbns, &v->ip);
    if (key == VC_CONF_KEY_SPLIT_DNS)
        return add_split_dns(r, v->text);
    if (key == VC_CONF_KEY_NO_ROUTE)
        return add_prefix(r, &c->no_routes, &c->n_no_routes, &v->prefix);
    if (key == VC_CONF_KEY_ROUTE && !v->is_default)
        return add_prefix(r, &c->routes, &c->n_routes, &v->prefix);

    if (key == VC_CONF_KEY_ROUTE) {
        r->default_route = true;
    } else if (key == VC_CONF_KEY_DEFAULT_DOMAIN && v->text.len > 0) {
        keep_domains(r, v->text);
    } else if (key == VC_CONF_KEY_IPV4_NETWORK) {
        if (v->prefix.ip.family != VC_FAMILY_V4)
            return BAD(r, "%s", "not an IPv4 network");
        c->ipv4_network = v->prefix;
        r->v4_has_len = v->has_len;
    } else if (key == VC_CONF_KEY_IPV4_NETMASK) {
        r->netmask = v->ip;
    } else if (key == VC_CONF_KEY_IPV6_NETWORK) {
        if (v->prefix.ip.family != VC_FAMILY_V6)
            return BAD(r, "%s", "not an IPv6 network");
        c->ipv6_network = v->prefix;
        r->v6_has_len = v->has_len;
    } else if (key == VC_CONF_KEY_IPV6_PREFIX) {
        r->v6_len = (uint8_t)v->number;
    } else if (key == VC_CONF_KEY_DTLS_LEGACY) {
        c->dtls_legacy = v->is_true ? VC_CONF_LEGACY_ALL : VC_CONF_LEGACY_NONE;
    } else if (key == VC_CONF_KEY_ALWAYS_REQUIRE_CERT) {
        if (!v->is_true) {
            c->cisco_client_compat = true;
            c->line[VC_CONF_KEY_CISCO_CLIENT_COMPAT] = r->entry.line;
        }
    } else if (key == VC_CONF_KEY_SAME_CLIENTS) {
        if (v->choice > 0)
            NOTE(r, NOT_SERVED, "oldest is not served yet: a login beyond max-same-clients is refused");
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

static int read_section(struct vc_conf_reading *r)
{
    struct vc_str name = r->entry.section;
    char shown[64];
    struct vc_writer w = vc_writer_to(shown, sizeof(shown));
    vc_put_u8(&w, '[');
    vc_put(&w, name.at, name.len < 60 ? name.len : 60);
    vc_put_u8(&w, ']');
    struct vc_str key = {.at = shown, .len = vc_written(&w)};

    if (vc_str_eq(name, VC_STR("vhost:")))
        return vc_conf_bad(r->fail, r->file, r->entry.line, "a virtual host without a name");
    if (vc_str_starts(name, VC_STR("vhost:"))) {
        r->place = IN_VHOST;
        vc_conf_notes_add(r->notes, VC_CONF_NOTE_NOT_SERVED, r->entry.line, key,
                          "virtual hosts are not served yet; its keys are skipped, the global part answers for it");
    } else {
        r->place = IN_UNKNOWN;
        vc_conf_notes_add(r->notes, VC_CONF_NOTE_UNKNOWN, r->entry.line, key,
                          "no such section ([vhost:NAME] is the only kind); its keys are skipped");
    }
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
    r->conf->line[key] = r->entry.line;
    return set_key(r, key, &v);
}

static int read_entry(struct vc_conf_reading *r)
{
    enum vc_conf_key key;
    if (r->place == IN_UNKNOWN)
        return 0;
    if (!vc_conf_key_find(r->entry.key, &key)) {
        NOTE(r, UNKNOWN, "no such key: ignored");
        return 0;
    }
    const struct vc_conf_key_row *row = vc_conf_key_row(key);
    const char *does = vc_conf_key_row(row->kind == VC_CONF_KIND_SAME ? row->same_as : key)->does;
    if (r->place == IN_VHOST)
        return row->scope != VC_CONF_SCOPE_G ? 0 : BAD(r, "%s", "a global key, which cannot stand in a virtual host");
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

static int read_all(struct vc_conf_reading *r, const void *bytes, size_t len)
{
    struct vc_conf_reader reader = vc_conf_reader_of(r->file, bytes, len);
    int got;
    while ((got = vc_conf_reader_next(&reader, &r->entry, r->fail)) > 0) {
        if ((got == VC_CONF_SECTION ? read_section(r) : read_entry(r)) != 0)
            return -1;
    }
    return got == VC_CONF_END ? vc_conf_check(r) : -1;
}

int vc_conf_read(struct vc_conf *conf, const char *file_name, const void *bytes, size_t len,
                 struct vc_conf_notes *notes, struct vc_fail *fail)
{
    *conf = (struct vc_conf){.strings = malloc(len + 1)};
    if (!conf->strings)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "the configuration");
    struct vc_conf_reading r = {.conf = conf,
                                .file = file_name,
                                .notes = notes,
                                .fail = fail,
                                .strings_at = conf->strings,
                                .strings_left = len + 1};
    set_defaults(&r);
    if (read_all(&r, bytes, len) != 0) {
        vc_conf_deinit(conf);
        return -1;
    }
    return 0;
}

void vc_conf_deinit(struct vc_conf *conf)
{
    free(conf->groups);
    free(conf->dns);
    free(conf->nbns);
    free(conf->split_dns);
    free(conf->routes);
    free(conf->no_routes);
    free(conf->strings);
    *conf = (struct vc_conf){0};
}
