#include "policy/migration.h"

/* A default that differs matters where the key is absent; what a key means matters where it is set. */
enum when { ABSENT, PRESENT, ALWAYS };

static const struct {
    enum vc_conf_key key;
    enum when when;
    const char *words;
} differences[] = {
    {VC_CONF_KEY_KEEPALIVE, ABSENT, "20 s here, 120 for mobile clients; ocserv: 32400"},
    {VC_CONF_KEY_DPD, ABSENT, "30 s here; ocserv: 90"},
    {VC_CONF_KEY_MOBILE_DPD, ABSENT, "300 s here; ocserv: 1800"},
    {VC_CONF_KEY_REKEY_TIME, ABSENT, "86400 s here; ocserv: 172800"},
    {VC_CONF_KEY_REKEY_METHOD, ABSENT, "ssl over TLS 1.3 here, new-tunnel over TLS 1.2"},
    {VC_CONF_KEY_USE_OCCTL, ABSENT, "on here, for root and varcod's own user; ocserv: off"},
    {VC_CONF_KEY_DTLS_LEGACY, ABSENT, "resumption with DTLS 1.2 alone here; ocserv: with 0x0100 too"},
    {VC_CONF_KEY_RUN_AS_USER, ABSENT, "varco-net here; ocserv: the workers stay root"},
    {VC_CONF_KEY_CISCO_CLIENT_COMPAT, PRESENT,
     "TLS 1.3 stays on here, where ocserv switches it off: tls-max, or -VERS-TLS1.3 in tls-priorities, does that"},
    {VC_CONF_KEY_MAX_CLIENTS, ALWAYS,
     "at the limit a new login is told that the gateway is full, and known sessions come back; ocserv stops accepting"},
    {VC_CONF_KEY_DEVICE, ALWAYS,
     "one interface for all clients, the name with a 0 behind it: rules of a firewall for the others match nothing"},
    {VC_CONF_KEY_AUTH, ALWAYS, "a user with an empty hash in the password file cannot log in here"},
    {VC_CONF_KEY_LOG_LEVEL, ALWAYS,
     "log lines have another form, text or JSON by log-format: filters that read ocserv's lines must be changed"},
};

static bool applies(const struct vc_conf *conf, enum vc_conf_key key, enum when when)
{
    bool present = conf->origin[key].file != NULL;
    return when == ALWAYS || present == (when == PRESENT);
}

static void put_place(struct vc_writer *w, const char *file, unsigned line, const char *key)
{
    vc_put_text(w, file);
    if (line > 0)
        vc_put_fmt(w, ":%u", line);
    vc_put_fmt(w, ": %s: ", key);
}

size_t vc_migration_print(const struct vc_conf *conf, const char *file, const struct vc_conf_notes *notes,
                          struct vc_writer *w)
{
    size_t n = 0;
    for (size_t i = 0; i < notes->n; i++, n++) {
        const struct vc_conf_note *note = &notes->at[i];
        put_place(w, file, note->line, note->key);
        vc_put_fmt(w, "%s: %s\n", vc_conf_note_kind_name(note->kind), note->words);
    }
    for (size_t i = 0; conf && i < sizeof(differences) / sizeof(differences[0]); i++) {
        enum vc_conf_key key = differences[i].key;
        if (!applies(conf, key, differences[i].when) ||
            (key == VC_CONF_KEY_CISCO_CLIENT_COMPAT && !conf->cisco_client_compat))
            continue;
        put_place(w, file, conf->origin[key].line, vc_conf_key_row(key)->name);
        vc_put_fmt(w, "%s%s\n", differences[i].when == ABSENT ? "absent: " : "", differences[i].words);
        n++;
    }
    return n;
}
