#ifndef VC_WIRE_AUTH_XML_H
#define VC_WIRE_AUTH_XML_H

#include "base/str.h"
#include "base/writer.h"
#include "event/fail.h"
#include "wire/auth_handle.h"

/** The documents of aggregate authentication (1-login.md 4): reads what a client posts, writes what a gateway answers.
 *
 *  Reading: a whole document at once, UTF-8 alone, any document type refused before a byte of it is used, elements and
 *  attributes that are not known skipped, CDATA and references resolved by expat. An element of the tables below that
 *  occurs twice is refused: two readers could disagree which one counts.
 *
 *  Secrets: the struct holds them in clear until vc_auth_xml_wipe; every failure wipes it before it returns. All heap
 *  that expat takes is wiped when it gives it back, and so is the reader's own scratch space. The caller's document is
 *  not touched: who owns that buffer wipes it. */

#define VC_AUTH_DOCUMENT_MAX 65536 /* bytes; 3.10 and threats.md for these four */
#define VC_AUTH_DEPTH_MAX 16
#define VC_AUTH_ELEMENTS_MAX 4096
#define VC_AUTH_ATTRIBUTES_MAX 32 /* of one element */

enum vc_auth_kind { VC_AUTH_INIT, VC_AUTH_REPLY, VC_AUTH_LOGOUT };

/** The elements with text that a client sends: element, its parent, member of the struct, most bytes, and what happens
 *  with the text. CUT: trimmed, cut behind the last whole character that fits. TRIM: trimmed, refused when longer.
 *  KEEP: a credential, taken as it stands, refused when longer. `group_list` is what version 1 calls group-select. */
// clang-format off
#define VC_AUTH_FIELDS(X) \
    X(VERSION,            "version",            CONFIG_AUTH, version,            64,   CUT) \
    X(DEVICE,             "device-id",          CONFIG_AUTH, device,             64,   CUT) \
    X(SESSION_ID,         "session-id",         CONFIG_AUTH, session_id,         64,   CUT) \
    X(SESSION_TOKEN,      "session-token",      CONFIG_AUTH, session_token,      1024, TRIM) \
    X(GROUP_SELECT,       "group-select",       CONFIG_AUTH, group_select,       256,  TRIM) \
    X(GROUP_ACCESS,       "group-access",       CONFIG_AUTH, group_access,       1024, TRIM) \
    X(AGGAUTH_HANDLE,     "aggauth-handle",     OPAQUE,      aggauth_handle,     64,   CUT) \
    X(AUTH_HANDLE,        "auth-handle",        OPAQUE,      auth_handle,        64,   CUT) \
    X(GROUP_LIST,         "group_list",         AUTH,        group_list,         256,  TRIM) \
    X(USERNAME,           "username",           AUTH,        username,           256,  KEEP) \
    X(PASSWORD,           "password",           AUTH,        password,           1024, KEEP) \
    X(ANSWER,             "answer",             AUTH,        answer,             1024, KEEP) \
    X(SECONDARY_USERNAME, "secondary_username", AUTH,        secondary_username, 256,  KEEP) \
    X(SECONDARY_PASSWORD, "secondary_password", AUTH,        secondary_password, 1024, KEEP) \
    X(SSO_TOKEN,          "sso-token",          AUTH,        sso_token,          1024, KEEP)

/** Attributes of device-id (2.2), each cut at 64 bytes. */
#define VC_AUTH_DEVICE(X) \
    X("computer-name",    computer_name) \
    X("device-type",      device_type) \
    X("platform-version", platform_version) \
    X("unique-id",        unique_id) \
    X("unique-id-global", unique_id_global)

/** What a client says it can do (4.2, auth-method). */
#define VC_AUTH_METHODS(X) \
    X(MULTIPLE_CERT,      "multiple-cert") \
    X(SSO_V2,             "single-sign-on-v2") \
    X(SSO_EXTERNAL,       "single-sign-on-external-browser")
// clang-format on

enum vc_auth_field {
#define X(id, element, parent, member, max, how) VC_AUTH_##id,
    VC_AUTH_FIELDS(X)
#undef X
        VC_N_AUTH_FIELDS
};

enum vc_auth_method {
#define X(id, text) VC_AUTH_METHOD_##id,
    VC_AUTH_METHODS(X)
#undef X
        VC_N_AUTH_METHODS
};

#define VC_AUTH_DEVICE_MAX 64

/** A client's document: a value, about 7 KiB. Texts are valid UTF-8 and end with a NUL (XML cannot carry one); absent
 *  and empty elements both give "": ask vc_auth_has for the difference. Nothing in it is trusted. */
struct vc_auth_client {
    enum vc_auth_kind kind;
    bool auth;             /* there was an <auth>, perhaps empty */
    bool opaque;           /* there was an <opaque> of the gateway's */
    bool client_cert_fail; /* 1.5 */
    uint32_t present;      /* a bit for each enum vc_auth_field */
    uint32_t methods;      /* a bit for each enum vc_auth_method */
#define X(id, element, parent, member, max, how) char member[(max) + 1];
    VC_AUTH_FIELDS(X)
#undef X
#define X(attribute, member) char member[VC_AUTH_DEVICE_MAX + 1];
    VC_AUTH_DEVICE(X)
#undef X
};

static inline bool vc_auth_has(const struct vc_auth_client *c, enum vc_auth_field field)
{
    return (c->present & 1u << field) != 0;
}

/**
 * Reads a client's document: config-auth of type init, auth-reply or logout.
 * @doc, @len  the whole body; borrowed, not changed, not kept
 * @out        owned by the caller, who ends it with vc_auth_xml_wipe; wiped on failure
 * Returns 0; or -1 with *fail: XML_MALFORMED, XML_DTD, XML_LIMIT, XML_ENCODING, XML_UNEXPECTED (another document, an
 * element twice), NO_MEMORY. The detail never quotes text of an element.
 */
int vc_auth_xml_read(const void *doc, size_t len, struct vc_auth_client *out, struct vc_fail *fail);
void vc_auth_xml_wipe(struct vc_auth_client *c);

/* ---- what a gateway answers ---- */

/** A template (4.4): text with up to two %s, its parameters, the id of a translation. */
struct vc_auth_message {
    struct vc_str text, param1, param2;
    unsigned id;
    bool numbered; /* id, param1 and param2 are written, even when empty */
};

enum vc_auth_input_type { VC_AUTH_INPUT_TEXT, VC_AUTH_INPUT_PASSWORD, VC_AUTH_INPUT_HIDDEN };

struct vc_auth_input {
    enum vc_auth_input_type type;
    const char *name; /* a XML name: ours, never from outside */
    const char *label;
    struct vc_str value; /* written when not empty */
};

struct vc_auth_option {
    struct vc_str value; /* what the client sends; written only when it differs from the label */
    struct vc_str label;
    bool selected; /* at most one; written first, since some clients take the first for the current one (5.2) */
};

/** An auth-request (4.3, 4.4). Views are borrowed until the document is written; empty parts are left out. */
struct vc_auth_request {
    bool opaque; /* the next four go into <opaque> */
    struct vc_str tunnel_group, group_alias;
    uint64_t handle;
    uint64_t config_hash; /* ms since 1970: when the configuration was read */
    const char *id;       /* of auth: "main" */
    struct vc_str title;
    struct vc_auth_message message;
    struct vc_str banner;
    struct vc_auth_message error;
    bool form;
    const struct vc_auth_input *inputs;
    size_t n_inputs;
    const struct vc_auth_option *options; /* of the select group_list; none: no select */
    size_t n_options;
};

/** A complete document (4.7). Without a token it is the one of X-CSTP-Post-Auth-XML (2-tunnel.md 2.7). */
struct vc_auth_complete {
    uint64_t session_id; /* 0: left out */
    struct vc_str token; /* empty: left out */
    struct vc_str banner;
    const uint8_t *server_cert_sha1; /* 20 bytes: of the leaf that this connection was shown; NULL: left out */
    struct vc_str split_exclude, split_include; /* comma lists for dynamic split tunnelling; empty: left out */
    struct vc_str profile_uri;                  /* empty: no profile */
    const uint8_t *profile_sha1;                /* 20 bytes, when there is a profile_uri */
};

/** All writers escape; what XML forbids (control characters, bytes that are not UTF-8) becomes '?'. A document that
 * does not fit poisons the writer. None writes a newline, a DOCTYPE or a blank between elements. */
void vc_auth_request_write(struct vc_writer *w, const struct vc_auth_request *r);
void vc_auth_complete_write(struct vc_writer *w, const struct vc_auth_complete *c);
/** The same for a header line: one line of ASCII, everything else as character references. Never writes the token. */
void vc_auth_post_auth_write(struct vc_writer *w, const struct vc_auth_complete *c);

/** Text of an element, escaped as above. */
void vc_auth_xml_put(struct vc_writer *w, struct vc_str text);

#endif
