#ifndef VC_IPC_SCHEMA_H
#define VC_IPC_SCHEMA_H

#include "base/addr.h"
#include "base/reader.h"
#include "base/writer.h"

/** The processes of the gateway (docs/architecture.md, "Processes of the gateway"). */
// clang-format off
#define VC_ROLES(X) \
    X(SUPERVISOR, "supervisor") \
    X(SIGNER,     "signer") \
    X(AUTHORITY,  "authority") \
    X(VERIFIER,   "verifier") \
    X(PORTAL,     "portal") \
    X(TUNNEL,     "tunnel")

/** Every message between processes. Reading this table is reading the architecture: who may send what to whom, with how
 *  many fds, how large, and when its reader accepts it. A message that breaks its line ends the port it came over, and
 *  with it the sender; never the reader. Of "when" the port itself checks ANSWER; what connections, tokens, tickets and
 *  hand-overs allow their owner checks, who drops what an honest sender may have sent too late, and nothing else.
 *
 *  When: AT_START     before START, from the supervisor; dropped when late
 *        ALWAYS       any time
 *        ANSWER       to a question of the reader (VC_IPC_ANSWERS): never more of them than were asked
 *        HANDSHAKE    once per TLS handshake
 *        BEFORE_SUCCESS  for a connection without an open question; a login that succeeded takes no more of them
 *        WITH_TOKEN   the token decides, whoever brings it
 *        WITH_TICKET  once per ticket, which the authority gave both sides
 *        ADOPTING     in a hand-over that is under way
 *
 *    message         from        to          fds  largest  when */
#define VC_IPC_MESSAGES(X) \
    X(PEER,           SUPERVISOR, ANY,        1,   64,      ALWAYS) \
    X(START,          SUPERVISOR, ANY,        0,   16,      AT_START) \
    X(STOP,           SUPERVISOR, ANY,        0,   16,      ALWAYS) \
    X(PING,           SUPERVISOR, ANY,        0,   16,      ALWAYS) \
    X(PONG,           ANY,        SUPERVISOR, 0,   16,      ANSWER) \
    X(READY,          ANY,        SUPERVISOR, 0,   16,      ANSWER) \
    X(EVENT,          ANY,        SUPERVISOR, 0,   4096,    ALWAYS) \
    X(PRIVATE_KEY,    SUPERVISOR, SIGNER,     0,   33000,   AT_START) \
    X(PORTAL_SETUP,   SUPERVISOR, PORTAL,     0,   70000,   AT_START) \
    X(PORTAL_CHAIN,   SUPERVISOR, PORTAL,     0,   66000,   ALWAYS) \
    X(LISTENER,       SUPERVISOR, PORTAL,     1,   16,      AT_START) \
    X(SLOTS,          SUPERVISOR, PORTAL,     1,   16,      AT_START) \
    X(TUNNEL_SETUP,   SUPERVISOR, TUNNEL,     0,   256,     AT_START) \
    X(TUN_QUEUE,      SUPERVISOR, TUNNEL,     1,   64,      AT_START) \
    X(UDP_SOCKET,     SUPERVISOR, TUNNEL,     1,   16,      AT_START) \
    X(AUTHORITY_SETUP, SUPERVISOR, AUTHORITY, 1,   1024,    AT_START) \
    X(PASSWORD_FILE,  SUPERVISOR, AUTHORITY,  1,   16,      ALWAYS) \
    X(CONTROL_SOCKET, SUPERVISOR, AUTHORITY,  1,   16,      AT_START) \
    X(STORY,          SUPERVISOR, AUTHORITY,  0,   4096,    ALWAYS) \
    X(PLEASE,         AUTHORITY,  SUPERVISOR, 0,   64,      ALWAYS) \
    X(FILES,          AUTHORITY,  SUPERVISOR, 0,   1100,    ALWAYS) \
    X(FILE,           SUPERVISOR, AUTHORITY,  1,   4200,    ALWAYS) \
    X(FILES_END,      SUPERVISOR, AUTHORITY,  0,   256,     ANSWER) \
    X(SIGN,           PORTAL,     SIGNER,     0,   4400,    HANDSHAKE) \
    X(SIGNED,         SIGNER,     PORTAL,     0,   2100,    ANSWER) \
    X(LOGIN,          PORTAL,     AUTHORITY,  0,   8192,    BEFORE_SUCCESS) \
    X(FORM,           AUTHORITY,  PORTAL,     0,   60000,   ANSWER) \
    X(SUCCESS,        AUTHORITY,  PORTAL,     0,   8192,    ANSWER) \
    X(CONNECT,        PORTAL,     AUTHORITY,  0,   32768,   WITH_TOKEN) \
    X(GRANT,          AUTHORITY,  PORTAL,     0,   101000,  ANSWER) \
    X(DENY,           AUTHORITY,  PORTAL,     0,   512,     ANSWER) \
    X(LOGOUT,         PORTAL,     AUTHORITY,  0,   128,     WITH_TOKEN) \
    X(LOGGED_OUT,     AUTHORITY,  PORTAL,     0,   64,      ANSWER) \
    X(GONE,           PORTAL,     AUTHORITY,  0,   64,      ALWAYS) \
    X(VERIFY,         AUTHORITY,  VERIFIER,   0,   6144,    ALWAYS) \
    X(VERDICT,        VERIFIER,   AUTHORITY,  0,   64,      ANSWER) \
    X(EXPECT,         AUTHORITY,  TUNNEL,     0,   1024,    ALWAYS) \
    X(ROUTE,          AUTHORITY,  TUNNEL,     0,   128,     ALWAYS) \
    X(CLOSE,          AUTHORITY,  TUNNEL,     0,   512,     ALWAYS) \
    X(COUNT,          AUTHORITY,  TUNNEL,     0,   64,      ALWAYS) \
    X(COUNTS,         TUNNEL,     AUTHORITY,  0,   1024,    ANSWER) \
    X(SESSION_COUNTS, TUNNEL,     AUTHORITY,  0,   512,     ALWAYS) \
    X(UP,             TUNNEL,     AUTHORITY,  0,   64,      ALWAYS) \
    X(DOWN,           TUNNEL,     AUTHORITY,  0,   512,     ALWAYS) \
    X(DTLS_STATE,     TUNNEL,     AUTHORITY,  0,   256,     ALWAYS) \
    X(ADOPT,          PORTAL,     TUNNEL,     1,   120000,  WITH_TICKET) \
    X(ADOPTED,        TUNNEL,     PORTAL,     0,   64,      ADOPTING) \
    X(NOT_ADOPTED,    TUNNEL,     PORTAL,     0,   64,      ADOPTING) \
    X(OWN,            PORTAL,     TUNNEL,     0,   64,      ADOPTING) \
    X(FORWARD,        TUNNEL,     TUNNEL,     0,   66000,   ALWAYS) \
    X(CLAIM,          TUNNEL,     TUNNEL,     0,   64,      ALWAYS) \
    X(PACKETS,        TUNNEL,     TUNNEL,     0,   66000,   ALWAYS) \
    X(RENEW,          PORTAL,     SUPERVISOR, 0,   16,      ALWAYS) \
    X(LEAVE,          SUPERVISOR, PORTAL,     0,   16,      ALWAYS)

/** Which question an answer is to. */
#define VC_IPC_ANSWERS(X) \
    X(READY,      START) \
    X(PONG,       PING) \
    X(FILES_END,  FILES) \
    X(SIGNED,     SIGN) \
    X(FORM,       LOGIN) \
    X(SUCCESS,    LOGIN) \
    X(GRANT,      CONNECT) \
    X(DENY,       CONNECT) \
    X(LOGGED_OUT, LOGOUT) \
    X(VERDICT,    VERIFY) \
    X(COUNTS,     COUNT)

/** The fields of each message: kind, name, largest size (0 where the kind says it).
 *  U8 U16 U32 U64; TEXT (valid UTF-8, no NUL), BYTES, SECRET (wiped behind the reader): views, borrowed until the port's
 *  next receive; IP, ENDPOINT. */
#define VC_MSG_PEER(F)  F(U8, role, 0) F(U16, index, 0)
#define VC_MSG_START(F)
#define VC_MSG_STOP(F)
#define VC_MSG_READY(F)
#define VC_MSG_PING(F)
#define VC_MSG_PONG(F)
#define VC_MSG_EVENT(F) F(BYTES, event, 4000)                       /* vc_event_pack */
#define VC_MSG_STORY(F) F(BYTES, event, 4000)                       /* an event on its way to `varcoctl events` */
#define VC_MSG_PRIVATE_KEY(F) F(U16, number, 0) F(SECRET, pem, 32768)
#define VC_MSG_PORTAL_SETUP(F) F(U16, index, 0) F(U64, first_login, 0) F(U32, logins_max, 0) F(U8, tls_max, 0) F(BYTES, tls_priority, 100) F(U32, auth_timeout_s, 0) F(U16, max_connections, 0) \
    F(U8, hide_groups, 0) F(TEXT, own_label, 256) F(TEXT, pre_banner, 4096) F(TEXT, banner, 4096) F(U64, config_hash, 0) \
    F(BYTES, groups, 51000)                                         /* u16 length and name, u16 length and label, ... */
#define VC_MSG_PORTAL_CHAIN(F) F(BYTES, chain, 65536)               /* PEM, leaf first */
#define VC_MSG_LISTENER(F)
#define VC_MSG_SLOTS(F) F(U16, portals, 0)                          /* fd: memory (gateway/common/slots.h) */
#define VC_MSG_TUNNEL_SETUP(F) F(U16, index, 0) F(U16, count, 0) F(U8, dtls_cookie, 0) F(BYTES, cookie_key, 32) \
    F(IP, v4, 0) F(U8, v4_len, 0) F(IP, v6, 0) F(U8, v6_len, 0)    /* the clients' networks */
#define VC_MSG_TUN_QUEUE(F) F(TEXT, device, 16) F(U32, offloads, 0)
#define VC_MSG_UDP_SOCKET(F) F(U8, family, 0)
#define VC_MSG_AUTHORITY_SETUP(F) F(TEXT, config_path, 512) F(U32, supervisor_pid, 0) F(U16, n_tunnels, 0) F(U64, config_hash, 0) \
    F(TEXT, device, 16)                                             /* fd: the configuration, to be read from offset 0 */
#define VC_MSG_PASSWORD_FILE(F)                                     /* fd: read from offset 0 */
#define VC_MSG_CONTROL_SOCKET(F)                                    /* fd: a listening Unix socket */
#define VC_MSG_PLEASE(F) F(U8, what, 0) F(U8, role, 0) F(U16, index, 0) /* enum vc_please; whom to REPLACE */
#define VC_MSG_FILES(F)  F(U64, query, 0) F(TEXT, vhost, 256) F(TEXT, group, 256) F(TEXT, user, 256) /* whose settings */
#define VC_MSG_FILE(F)   F(U64, query, 0) F(TEXT, path, 4096)       /* fd: the group's, then the user's; those there are */
#define VC_MSG_FILES_END(F) F(U64, query, 0) F(U16, cause, 0) F(U32, sys_errno, 0) F(TEXT, detail, 160) /* NONE: that was all */
#define VC_MSG_SIGN(F)   F(U64, handshake, 0) F(U16, key, 0) F(U16, scheme, 0) F(BYTES, tbs, 4300)
#define VC_MSG_SIGNED(F) F(U64, handshake, 0) F(U8, ok, 0) F(BYTES, signature, 2048)
#define VC_MSG_LOGIN(F)  F(U64, conn, 0) F(U8, kind, 0) F(ENDPOINT, source, 0) F(U8, has, 0) F(U64, opaque, 0) \
    F(U64, cookie, 0) F(TEXT, path, 4096) F(TEXT, access, 1024) F(TEXT, select, 256) F(TEXT, user, 256) \
    F(SECRET, password, 1024) F(TEXT, agent, 64) F(TEXT, version, 64) /* vc_login_request (proto/login_gateway.h) */
#define VC_MSG_FORM(F)   F(U64, conn, 0) F(U8, refuse, 0) F(U8, form, 0) F(U8, error, 0) F(U64, handle, 0) F(U8, own, 0) \
    F(U8, select, 0) F(TEXT, group, 256)                            /* vc_login_answer */
#define VC_MSG_SUCCESS(F) F(U64, conn, 0) F(U64, session, 0) F(SECRET, token, 32)
#define VC_MSG_CONNECT(F) F(U64, conn, 0) F(ENDPOINT, source, 0) F(ENDPOINT, local, 0) F(SECRET, token, 32) \
    F(U8, tls_version, 0) F(U8, aead, 0) F(TEXT, suite, 64) F(U16, pmtu, 0) F(U8, timestamps, 0) F(TEXT, agent, 64) \
    F(BYTES, request, 20000)                                        /* vc_connect_request_pack: without the secret */
#define VC_MSG_GRANT(F)  F(U64, conn, 0) F(U64, session, 0) F(BYTES, ticket, 16) F(U16, tunnel, 0) F(U8, dtls_mode, 0) \
    F(BYTES, head, 100000)                                           /* the 200 answer, up to Post-Auth-XML and the end */
#define VC_MSG_DENY(F)   F(U64, conn, 0) F(U16, status, 0) F(TEXT, reason, 200)
#define VC_MSG_LOGOUT(F) F(U64, conn, 0) F(SECRET, token, 32)
#define VC_MSG_LOGGED_OUT(F) F(U64, conn, 0)
#define VC_MSG_GONE(F)   F(U64, conn, 0)
#define VC_MSG_VERIFY(F) F(U64, job, 0) F(SECRET, password, 1024) F(SECRET, hash, 512) \
    F(BYTES, beside, 4096)                                          /* u16 length and hash, ...: computed, not compared */
#define VC_MSG_VERDICT(F) F(U64, job, 0) F(U8, ok, 0)
#define VC_MSG_EXPECT(F) F(BYTES, ticket, 16) F(U64, session, 0) F(U32, generation, 0) F(IP, v4, 0) F(IP, v6, 0) \
    F(U8, v6_len, 0) F(U16, cstp_mtu, 0) F(U16, dtls_mtu, 0) F(U32, dpd_s, 0) F(U32, keepalive_s, 0) \
    F(U32, idle_s, 0) F(U32, remaining_s, 0) F(U32, rekey_s, 0) \
    F(U8, rekey_ssl, 0) F(U8, dtls_mode, 0) F(U16, dtls_suite, 0) F(U8, dtls_aead, 0) F(BYTES, dtls_id, 32) F(U8, bye_logout, 0) \
    F(U32, switch_to_tcp_s, 0) F(TEXT, user, 256)
#define VC_MSG_ROUTE(F)  F(U16, owner, 0) F(U64, session, 0) F(IP, v4, 0) F(IP, v6, 0) F(U8, v6_len, 0) \
    F(BYTES, dtls_id, 32) F(IP, outer, 0)                                           /* owner 0xffff: nobody any more */
#define VC_MSG_CLOSE(F)  F(U64, session, 0) F(U32, generation, 0) F(U8, how, 0) F(U16, cause, 0) F(TEXT, reason, 128)
#define VC_MSG_COUNT(F)  F(U64, query, 0)
#define VC_MSG_COUNTS(F) F(U64, query, 0) F(U16, n_sessions, 0) F(BYTES, counters, 900)
#define VC_MSG_SESSION_COUNTS(F) F(U64, session, 0) F(U64, rx_bytes, 0) F(U64, tx_bytes, 0) F(U64, rx_packets, 0) \
    F(U64, tx_packets, 0) F(U32, idle_s, 0) F(U8, on_dtls, 0) F(U16, mtu, 0)
#define VC_MSG_UP(F)     F(U64, session, 0) F(U32, generation, 0)
#define VC_MSG_DOWN(F)   F(U64, session, 0) F(U32, generation, 0) F(U8, how, 0) F(U16, cause, 0) F(U64, rx_bytes, 0) \
    F(U64, tx_bytes, 0) F(TEXT, detail, 160)
#define VC_MSG_DTLS_STATE(F) F(U64, session, 0) F(U8, up, 0) F(TEXT, suite, 64) F(ENDPOINT, peer, 0)
#define VC_MSG_ADOPT(F)  F(BYTES, ticket, 16) F(SECRET, channel, 1024) F(BYTES, plain, 20000) F(BYTES, cipher, 90000) \
    F(SECRET, dtls_secret, 48)                                      /* fd: the TCP connection */
#define VC_MSG_ADOPTED(F) F(BYTES, ticket, 16)
#define VC_MSG_NOT_ADOPTED(F) F(BYTES, ticket, 16) F(U16, cause, 0)
#define VC_MSG_OWN(F)    F(BYTES, ticket, 16)
#define VC_MSG_FORWARD(F) F(ENDPOINT, from, 0) F(IP, local, 0) F(U16, segment, 0) F(U8, believed, 0) F(U8, taken, 0) \
    F(BYTES, datagrams, 65536)                                      /* enum vc_worker_at; somebody else has this address */
#define VC_MSG_CLAIM(F)  F(ENDPOINT, from, 0) F(U8, at, 0)           /* enum vc_worker_at: what is at it, not as believed */
#define VC_MSG_PACKETS(F) F(BYTES, frame, 65600)                    /* vnet header and super-packet, as read from the TUN */
#define VC_MSG_RENEW(F)                                             /* it has served its share of logins */
#define VC_MSG_LEAVE(F)                                             /* its successor serves */
// clang-format on

enum vc_role {
#define X(id, name) VC_ROLE_##id,
    VC_ROLES(X)
#undef X
        VC_N_ROLES,
    VC_ROLE_ANY = VC_N_ROLES
};

enum vc_ipc_when {
    VC_WHEN_AT_START,
    VC_WHEN_ALWAYS,
    VC_WHEN_ANSWER,
    VC_WHEN_HANDSHAKE,
    VC_WHEN_BEFORE_SUCCESS,
    VC_WHEN_WITH_TOKEN,
    VC_WHEN_WITH_TICKET,
    VC_WHEN_ADOPTING
};

enum vc_ipc_type {
#define X(id, from, to, fds, largest, when) VC_IPC_##id,
    VC_IPC_MESSAGES(X)
#undef X
        VC_N_IPC
};

/** What the authority may ask of the supervisor. */
enum vc_please {
    VC_PLEASE_STOP,
    VC_PLEASE_RELOAD,
    VC_PLEASE_STORY_ON,
    VC_PLEASE_STORY_OFF,
    VC_PLEASE_REPLACE, /* end a process that broke the schema or does not answer; a fresh one takes its place */
    VC_N_PLEASE
};

/** Bits of LOGIN.has. */
#define VC_HAS_OPAQUE 1
#define VC_HAS_COOKIE 2
#define VC_HAS_ACCESS 4
#define VC_HAS_SELECT 8
#define VC_HAS_USER 16
#define VC_HAS_PASSWORD 32

/** CLOSE.how: what the client is told; DOWN.how: what became of the channel. */
enum vc_close_how {
    VC_CLOSE_BYE,   /* 0x05 with the reason: the session is over */
    VC_CLOSE_QUIET, /* close_notify and FIN only: the session can be taken up again */
    VC_N_CLOSE_HOWS
};
enum vc_down_how {
    VC_DOWN_LOST,     /* closed, dead or broken: the session waits for its client */
    VC_DOWN_DETACHED, /* the client said it will come back */
    VC_DOWN_LOGOUT,   /* the client logged off */
    VC_DOWN_IDLE,     /* idle-timeout or session-timeout: the session is over */
    VC_DOWN_CLOSED,   /* by CLOSE */
    VC_DOWN_REPLACED, /* a newer generation took over in the same process */
    VC_N_DOWN_HOWS
};

struct vc_bytes {
    const uint8_t *at; /* borrowed */
    size_t len;
};

#define VC_DECL_U8(name) uint8_t name;
#define VC_DECL_U16(name) uint16_t name;
#define VC_DECL_U32(name) uint32_t name;
#define VC_DECL_U64(name) uint64_t name;
#define VC_DECL_TEXT(name) struct vc_str name;
#define VC_DECL_BYTES(name) struct vc_bytes name;
#define VC_DECL_SECRET(name) struct vc_bytes name;
#define VC_DECL_IP(name) struct vc_ip name;
#define VC_DECL_ENDPOINT(name) struct vc_endpoint name;
#define VC_DECL(kind, name, max) VC_DECL_##kind(name)

/** One message: its type and its fields, `m.sign.tbs`. A value; views are borrowed. */
struct vc_msg {
    enum vc_ipc_type type;
    union {
#define X(id, from, to, fds, largest, when)                                                                            \
    struct {                                                                                                           \
        VC_MSG_##id(VC_DECL) uint8_t end_;                                                                             \
    } id;
        VC_IPC_MESSAGES(X)
#undef X
    };
};

const char *vc_role_name(enum vc_role role);
const char *vc_ipc_name(enum vc_ipc_type type);
unsigned vc_ipc_fds(enum vc_ipc_type type);
size_t vc_ipc_largest(enum vc_ipc_type type);
enum vc_ipc_when vc_ipc_when(enum vc_ipc_type type);
/** What this one answers; VC_N_IPC: it is no answer. */
enum vc_ipc_type vc_ipc_question(enum vc_ipc_type type);
const char *vc_ipc_when_name(enum vc_ipc_when when);
enum vc_role vc_ipc_from(enum vc_ipc_type type);
enum vc_role vc_ipc_to(enum vc_ipc_type type);
bool vc_ipc_has_secret(enum vc_ipc_type type);
/** The table lets @from send this to @to. */
bool vc_ipc_allowed(enum vc_ipc_type type, enum vc_role from, enum vc_role to);

/** Wire form between processes of one build: u16 type, then the fields in order; numbers big-endian, texts and bytes
 *  with a 32-bit length. Bad writer: a field larger than the schema allows, or no room. */
void vc_ipc_pack(const struct vc_msg *m, struct vc_writer *w);
/** Checks type, direction, total size, each length, text, and that nothing is left over. Returns 0, or -1. Views point
 *  into @bytes. */
int vc_ipc_unpack(struct vc_msg *m, enum vc_role from, enum vc_role to, const void *bytes, size_t len);

#endif
