#ifndef VC_EVENT_EVENT_H
#define VC_EVENT_EVENT_H

#include "base/addr.h"
#include "event/fail.h"

/** Every step of every phase of every attempt is one event (docs/architecture.md, "Events"). Logs, the live stream and
 *  the demo are renderings of events; nothing on the path of a connection writes a line any other way.
 *  Columns: id, name (`phase.what`), phase, which processes tell it (the supervisor takes it from no other), id of the
 *  flow (docs/flow.md; "" where none), what it tells. */
// clang-format off
#define VC_EVENTS(X) \
    X(PROCESS_STARTED,     "process.started",           PROCESS,   VC_BY_SUPERVISOR,                "",      "a process of the gateway is ready") \
    X(PROCESS_ENDED,       "process.ended",             PROCESS,   VC_BY_ANY,                       "",      "a process of the gateway ended") \
    X(PROCESS_NOTICE,      "process.notice",            PROCESS,   VC_BY_ANY,                       "",      "something an administrator should know") \
    X(GATEWAY_UP,          "process.gateway-up",        PROCESS,   VC_BY_SUPERVISOR,                "",      "the gateway serves") \
    X(GATEWAY_STOPPING,    "process.gateway-stopping",  PROCESS,   VC_BY_SUPERVISOR,                "",      "the gateway stops") \
    X(CONFIG_KEY,          "process.config-key",        PROCESS,   VC_BY_SUPERVISOR | VC_BY_AUTHORITY, "",      "a configuration key that is not served, unknown, or has no effect") \
    X(CONTROL,             "process.control",           PROCESS,   VC_BY_AUTHORITY,                 "",      "a command came over the control socket") \
    X(LEFT_OUT,            "process.left-out",          PROCESS,   VC_BY_SUPERVISOR,                "",      "events of one source were left out, as there were too many of them") \
    X(TLS_ACCEPTED,        "tls.accepted",              TLS,       VC_BY_PORTAL,                    "F1.1",  "a connection came in") \
    X(TLS_UP,              "tls.up",                    TLS,       VC_BY_PORTAL,                    "F1.8",  "the TLS handshake is complete") \
    X(TLS_FAILED,          "tls.failed",                TLS,       VC_BY_PORTAL | VC_BY_SIGNER,     "F1.2",  "the TLS handshake failed") \
    X(HTTP_REFUSED,        "group.http-refused",        GROUP,     VC_BY_PORTAL,                    "",      "a request was refused") \
    X(GROUP_FORM,          "group.form",                GROUP,     VC_BY_AUTHORITY,                 "F2.3",  "the form of a group was sent") \
    X(GROUP_CHOSEN,        "group.chosen",              GROUP,     VC_BY_AUTHORITY,                 "F2.5",  "the group of the login is chosen") \
    X(GROUP_UNKNOWN,       "group.unknown",             GROUP,     VC_BY_AUTHORITY,                 "F2.5",  "a group was asked for that does not exist") \
    X(USER_STATE_MISMATCH, "user.state-mismatch",       USER,      VC_BY_AUTHORITY,                 "F3.1",  "opaque and cookie name different logins") \
    X(USER_ANSWER,         "user.answer",               USER,      VC_BY_AUTHORITY,                 "F3.1",  "credentials came in and are checked") \
    X(USER_REFUSED,        "user.refused",              USER,      VC_BY_AUTHORITY,                 "F3.5",  "the credentials were not accepted") \
    X(USER_SUCCESS,        "user.success",              USER,      VC_BY_AUTHORITY,                 "F3.3",  "the login is complete, a session token was given") \
    X(DOWNLOAD_NOTHING,    "download.nothing",          DOWNLOAD,  VC_BY_PORTAL,                    "F4.4",  "there is nothing to fetch") \
    X(DOWNLOAD_SENT,       "download.sent",             DOWNLOAD,  VC_BY_PORTAL,                    "F4.4",  "an item was sent") \
    X(DOWNLOAD_REFUSED,    "download.refused",          DOWNLOAD,  VC_BY_PORTAL,                    "F4.4",  "an item was refused") \
    X(CSTP_CONNECT,        "cstp.connect",              CSTP,      VC_BY_AUTHORITY,                 "F5.2",  "CONNECT was accepted: addresses are leased, the answer is sent") \
    X(CSTP_REFUSED,        "cstp.refused",              CSTP,      VC_BY_PORTAL | VC_BY_AUTHORITY,  "F5.5",  "CONNECT was refused") \
    X(CSTP_HANDOVER,       "cstp.handover",             CSTP,      VC_BY_PORTAL,                    "",      "the connection goes from the portal to a tunnel process") \
    X(CSTP_UP,             "cstp.up",                   CSTP,      VC_BY_TUNNEL,                    "F5.4",  "the TLS channel carries packets") \
    X(CSTP_DOWN,           "cstp.down",                 CSTP,      VC_BY_TUNNEL,                    "F7.2",  "the TLS channel is gone") \
    X(CSTP_REKEYED,        "cstp.rekeyed",              CSTP,      VC_BY_TUNNEL,                    "F7.1",  "the TLS channel has new keys") \
    X(CSTP_NOTICE,         "cstp.notice",               CSTP,      VC_BY_TUNNEL,                    "",      "something unusual on the TLS channel") \
    X(SESSION_ENDED,       "cstp.session-ended",        CSTP,      VC_BY_AUTHORITY,                 "F7.3",  "the session is over, its lease is free") \
    X(DTLS_OFFERED,        "dtls.offered",              DTLS,      VC_BY_AUTHORITY,                 "F6.2",  "a DTLS mode and suite were chosen") \
    X(DTLS_NONE,           "dtls.none",                 DTLS,      VC_BY_AUTHORITY,                 "F6.2",  "no DTLS for this connection") \
    X(DTLS_COOKIE,         "dtls.cookie",               DTLS,      VC_BY_TUNNEL,                    "F6.3",  "a ClientHello from elsewhere, or under load, was asked to prove that it hears us") \
    X(DTLS_HELLO,          "dtls.hello",                DTLS,      VC_BY_TUNNEL,                    "F6.3",  "a DTLS handshake began") \
    X(DTLS_UP,             "dtls.up",                   DTLS,      VC_BY_TUNNEL,                    "F6.3",  "the DTLS handshake is complete, data moves to DTLS") \
    X(DTLS_FAILED,         "dtls.failed",               DTLS,      VC_BY_TUNNEL,                    "F6.2",  "the DTLS handshake failed") \
    X(DTLS_SILENT,         "dtls.silent",               DTLS,      VC_BY_TUNNEL,                    "F6.4",  "no DTLS handshake came") \
    X(DTLS_DOWN,           "dtls.down",                 DTLS,      VC_BY_TUNNEL,                    "F6.6",  "data goes over TLS again") \
    X(DTLS_MOVED,          "dtls.moved",                DTLS,      VC_BY_TUNNEL,                    "",      "the client's UDP address changed") \
    X(PACKET_DROPPED,      "cstp.packet-dropped",       CSTP,      VC_BY_TUNNEL,                    "",      "a packet was dropped by a rule")

/** Facts that an event may carry. SECRET fields never hold the secret: their setter takes a fingerprint only. */
#define VC_FIELDS(X) \
    X(PROCESS,   "process",   TEXT) \
    X(PID,       "pid",       NUMBER) \
    X(SOURCE,    "source",    TEXT) \
    X(USER,      "user",      TEXT) \
    X(GROUP,     "group",     TEXT) \
    X(AGENT,     "agent",     TEXT) \
    X(PATH,      "path",      TEXT) \
    X(VERSION,   "version",   TEXT) \
    X(SUITE,     "suite",     TEXT) \
    X(MODE,      "mode",      TEXT) \
    X(ADDRESS4,  "address4",  TEXT) \
    X(ADDRESS6,  "address6",  TEXT) \
    X(MTU,       "mtu",       NUMBER) \
    X(FILE,      "file",      TEXT) \
    X(LINE,      "line",      NUMBER) \
    X(KEY,       "key",       TEXT) \
    X(COMMAND,   "command",   TEXT) \
    X(COUNT,     "count",     NUMBER) \
    X(STATUS,    "status",    NUMBER) \
    X(TUNNEL,    "tunnel",    NUMBER) \
    X(BYTES_IN,  "bytes-in",  NUMBER) \
    X(BYTES_OUT, "bytes-out", NUMBER) \
    X(SECONDS,   "seconds",   NUMBER) \
    X(TOKEN,     "token",     SECRET) \
    X(BY,        "by",        TEXT) /* which process told it: written by the supervisor */
// clang-format on

/** Processes, as bits in the order of ipc/schema.h's roles. */
enum vc_event_by {
    VC_BY_SUPERVISOR = 1,
    VC_BY_SIGNER = 2,
    VC_BY_AUTHORITY = 4,
    VC_BY_VERIFIER = 8,
    VC_BY_PORTAL = 16,
    VC_BY_TUNNEL = 32,
    VC_BY_ANY = 63
};

enum vc_event_id {
#define X(id, name, phase, by, flow, tells) VC_EVENT_##id,
    VC_EVENTS(X)
#undef X
        VC_N_EVENTS
};

enum vc_field {
#define X(id, name, type) VC_FIELD_##id,
    VC_FIELDS(X)
#undef X
        VC_N_FIELDS
};

enum vc_outcome { VC_OUTCOME_OK, VC_OUTCOME_INFO, VC_OUTCOME_REFUSED, VC_OUTCOME_FAILED, VC_N_OUTCOMES };

#define VC_EVENT_FIELDS_MAX 10
#define VC_FIELD_TEXT 128

struct vc_event_field {
    enum vc_field field;
    uint64_t number;
    char text[VC_FIELD_TEXT]; /* valid UTF-8 without control characters: made so by the setter */
};

/** One event: a value, made by the process where it happened, rendered by whoever shows it. */
struct vc_event {
    enum vc_event_id id;
    enum vc_outcome outcome;
    uint64_t at_ns;      /* wall clock, ns since 1970; set by the maker's process */
    uint64_t login;      /* 0: none; the portal's or authority's number of the attempt */
    uint64_t session;    /* 0: none; session-id of 1-login 4.7 */
    struct vc_fail fail; /* cause NONE where nothing failed */
    unsigned n_fields;
    struct vc_event_field fields[VC_EVENT_FIELDS_MAX];
};

const char *vc_event_name(enum vc_event_id id);
const char *vc_event_flow(enum vc_event_id id);
const char *vc_event_tells(enum vc_event_id id);
unsigned vc_event_by(enum vc_event_id id); /* of enum vc_event_by */
enum vc_phase vc_event_phase(enum vc_event_id id);
const char *vc_field_name(enum vc_field field);
const char *vc_outcome_name(enum vc_outcome outcome);

/** An event without fields. */
struct vc_event vc_event_of(enum vc_event_id id, enum vc_outcome outcome, uint64_t login, uint64_t session);
/** process.notice: @n events before it did not reach whoever reads; @why is its detail. */
struct vc_event vc_event_lost(uint64_t at_ns, uint64_t n, const char *why);
/** Setters. A field that is there already is replaced, a surplus one dropped; text is cut at VC_FIELD_TEXT and made
 *  printable (vc_str_clean). A setter that does not fit the field's type does nothing. */
void vc_event_text(struct vc_event *e, enum vc_field field, struct vc_str text);
void vc_event_number(struct vc_event *e, enum vc_field field, uint64_t number);
/** @fingerprint: the first 4 bytes of the secret's SHA-256. */
void vc_event_secret(struct vc_event *e, enum vc_field field, const uint8_t fingerprint[4]);

/** Renderings; both NUL-terminated, without a newline. Return the length, or 0 when @cap is too small (4 KiB is always
 *  enough). Text: "tls.up login 7 version=TLSv1.3 ..."; JSON: one object, always well-formed. */
size_t vc_event_print(const struct vc_event *e, char *out, size_t cap);
size_t vc_event_print_json(const struct vc_event *e, char *out, size_t cap);

/** Value between processes. Reading checks every number; anything odd poisons the reader. */
void vc_event_pack(const struct vc_event *e, struct vc_writer *w);
void vc_event_unpack(struct vc_event *e, struct vc_reader *r);

#endif
