#ifndef VC_EVENT_FAIL_H
#define VC_EVENT_FAIL_H

#include "event/phase.h"

#include <stdbool.h>
#include <stddef.h>

/** What a person may do next. */
enum vc_next {
    VC_NEXT_NONE,      /* nothing to do: informative */
    VC_NEXT_STOP,      /* trying again changes nothing until somebody mends it */
    VC_NEXT_RETRY,     /* the same again, later */
    VC_NEXT_ASK,       /* the person must type something else */
    VC_NEXT_LOGIN,     /* log in again */
    VC_NEXT_FALL_BACK, /* goes on by another way */
    VC_NEXT_REPORT,    /* a fault of Varco: send the event to its makers */
};

/** The catalogue of failures. The table, not the call site, knows phase, next step and the words for a person.
 *  Add lines in the block of their phase; ids are never reused. UNKNOWN must never be seen: the tests fail on it. */
// clang-format off
#define VC_CAUSES(X) \
    X(NONE,                PROCESS,  NONE,      "nothing went wrong") \
    X(UNKNOWN,             PROCESS,  REPORT,    "no cause was recorded: report this event to the makers of Varco") \
    X(NO_MEMORY,           PROCESS,  RETRY,     "no memory left: free some, or lower max-clients") \
    X(SYSTEM,              PROCESS,  STOP,      "the system refused a call: see the detail") \
    X(CONFIG,              PROCESS,  STOP,      "the configuration has a bad value: mend the line that is named") \
    X(CONFIG_NOT_SERVED,   PROCESS,  NONE,      "this key is known but not served yet: the gateway starts without it") \
    X(CONFIG_UNKNOWN,      PROCESS,  NONE,      "there is no such key or section: it is ignored; look for a slip of the pen") \
    X(CONFIG_NO_EFFECT,    PROCESS,  NONE,      "this key has no effect here: it may stay or go") \
    X(CONFIG_BOOLEAN,      PROCESS,  NONE,      "the value is neither true nor false, and counts as false: write one of them") \
    X(CONFIG_IGNORED,      PROCESS,  NONE,      "this line adds nothing: it may go") \
    X(EVENTS_LOST,         PROCESS,  NONE,      "more events came than could be written: some are missing") \
    X(SOURCE_FLOOD,        PROCESS,  NONE,      "so many events came from this source that some are left out: if it attacks, keep it out by a firewall") \
    X(STORE,               PROCESS,  STOP,      "the store could not be read or written: check the disk and the rights of state-dir") \
    X(STORE_LOCKED,        PROCESS,  STOP,      "another gateway uses this store: stop it first, or set another state-dir") \
    X(CHILD_DIED,          PROCESS,  NONE,      "one of our processes ended: it is started again") \
    X(IPC_MALFORMED,       PROCESS,  REPORT,    "one of our processes sent a malformed message: it is ended and replaced") \
    X(NO_USER_ID,          PROCESS,  NONE,      "a system user is missing: its processes run as nobody; create it with systemd-sysusers or useradd") \
    X(NO_OFFLOAD,          PROCESS,  NONE,      "the kernel lacks an offload: packets cost more here, nothing else changes") \
    X(NO_FORWARDING,       PROCESS,  NONE,      "IP forwarding is off: packets reach this host only; set the sysctl, or nat = true for IPv4") \
    X(POOL_TAKEN,          PROCESS,  STOP,      "a network for clients overlaps one of this host's: choose a free one in the line that is named, or take the interface down") \
    X(POOL_INSIDE,         PROCESS,  NONE,      "a network for clients is a part of this host's LAN: its neighbours find clients only by proxy ARP or proxy NDP there") \
    X(NO_DTLS,             PROCESS,  NONE,      "no udp-port in the configuration: clients get no DTLS and stay on TLS") \
    X(SIGNAL_NOT_SERVED,   PROCESS,  NONE,      "this signal does nothing yet: the gateway goes on as it was; SIGTERM stops it") \
    X(CHILD_SILENT,        PROCESS,  REPORT,    "one of our processes did not answer in time: it was killed") \
    X(CONTROL_REFUSED,     PROCESS,  STOP,      "only root, and who started the gateway, may use the control socket") \
    X(HASH_KINDS,          PROCESS,  NONE,      "the password file has hashes of many kinds: the time of an answer may tell who exists; set old passwords anew") \
    X(HASH_COSTLY,         PROCESS,  NONE,      "this password hash takes too long to check, so the user cannot log in: set the password again with varcoctl passwd") \
    X(TLS_HANDSHAKE,       TLS,      STOP,      "the TLS handshake failed: see the detail for the side that ended it") \
    X(TLS_NO_SHARED_SUITE, TLS,      STOP,      "client and gateway have no cipher suite in common: the client offers only legacy ones, or see tls-priorities") \
    X(TLS_VERSION,         TLS,      STOP,      "the client speaks no TLS version that is allowed here: update it, or see tls-max and tls-priorities") \
    X(TLS_TIMEOUT,         TLS,      RETRY,     "the TLS handshake did not end in time: network loss, or a client that only holds the connection") \
    X(TLS_NOT_TLS,         TLS,      STOP,      "the bytes are not TLS: something else speaks to this port") \
    X(TLS_PEER_CLOSED,     TLS,      RETRY,     "the client closed the connection during the handshake: often an untrusted certificate") \
    X(TLS_ALERT,           TLS,      STOP,      "the client sent a TLS alert: usually it does not trust the certificate") \
    X(TLS_HELLO_TOO_LARGE, TLS,      STOP,      "the ClientHello is larger than the limit") \
    X(TLS_RECORD,          TLS,      RETRY,     "a TLS record could not be opened: something in between changes it, or the client fails") \
    X(SIGNER_REFUSED,      TLS,      REPORT,    "the signer refused to sign: the request did not look like a handshake") \
    X(SIGNER_ABSENT,       TLS,      RETRY,     "the signer is being started again: the client may try again; see process.ended for why it ended") \
    X(AUTHORITY_SILENT,    USER,     RETRY,     "the authority did not answer in time: the client may try again") \
    X(SIGNER_SILENT,       TLS,      RETRY,     "the signer did not answer in time") \
    X(TOO_MANY,            TLS,      RETRY,     "too many connections: raise the limit, or look who opens them") \
    X(HTTP_MALFORMED,      GROUP,    STOP,      "the request is not well-formed HTTP/1.1: not a VPN client, or something in between changes it") \
    X(HTTP_TOO_LARGE,      GROUP,    STOP,      "the request is larger than the limit") \
    X(HTTP_TIMEOUT,        GROUP,    RETRY,     "the request did not arrive in time") \
    X(HTTP_NOT_FOUND,      GROUP,    NONE,      "nothing lies at this path: a browser or a scanner, or a group URL that does not exist") \
    X(HTTP_METHOD,         GROUP,    NONE,      "this method is not served") \
    X(HTTP_PEER_CLOSED,    GROUP,    RETRY,     "the client closed the connection before its request was answered") \
    X(HTTP_ANSWER_MALFORMED, GROUP,  STOP,      "the answer is not well-formed HTTP: no VPN gateway answers there, or something in between changes it") \
    X(HTTP_ANSWER_TOO_LARGE, GROUP,  STOP,      "the gateway's answer is larger than the limit") \
    X(HTTP_ANSWER_CUT,     GROUP,    RETRY,     "the gateway closed the connection before its answer was complete: try again") \
    X(XML_MALFORMED,       GROUP,    STOP,      "the XML document is malformed: not a VPN client, or something in between changes it") \
    X(XML_DTD,             GROUP,    STOP,      "the XML document has a document type, which is never read") \
    X(XML_LIMIT,           GROUP,    STOP,      "the XML document passes a limit (size, depth, elements, attributes)") \
    X(XML_ENCODING,        GROUP,    STOP,      "the XML document is not UTF-8") \
    X(XML_UNEXPECTED,      GROUP,    STOP,      "the XML document is not one that a client sends here") \
    X(NO_V2,               GROUP,    STOP,      "the client speaks only version 1 of the login, which is not served yet: update the client") \
    X(UNKNOWN_GROUP,       GROUP,    NONE,      "the client asked for a group that does not exist: it was offered the default") \
    X(LOGIN_EXPIRED,       USER,     LOGIN,     "the login took too long or is not known any more: start again") \
    X(STATE_MISMATCH,      USER,     NONE,      "opaque and the webvpncontext cookie name different logins: opaque was believed") \
    X(PASSWORD,            USER,     ASK,       "name or password not accepted: type them again") \
    X(NO_SUCH_USER,        USER,     ASK,       "there is no such user in the password file: add it with varcoctl passwd, or correct the name") \
    X(USER_LOCKED,         USER,     STOP,      "the user is locked in the password file: unlock with varcoctl passwd -u") \
    X(HASH_UNUSABLE,       USER,     STOP,      "the user's password hash is empty, too costly, or of a kind this system lacks: set a new one with varcoctl passwd") \
    X(NOT_IN_GROUP,        USER,     STOP,      "the user does not belong to the group that was chosen: see the password file") \
    X(TOO_MANY_TRIES,      USER,     LOGIN,     "three wrong answers: the client must start a new login") \
    X(TOO_MANY_ROUNDS,     USER,     LOGIN,     "the login went on for 32 requests: the client must start a new one") \
    X(USER_CHANGED,        USER,     ASK,       "a later answer of the login named another user: type the name again") \
    X(PASSWD_FIELD,        USER,     ASK,       "this cannot stand in a password file: choose another") \
    X(VERIFIER_BUSY,       USER,     RETRY,     "too many logins wait for a password check: try again") \
    X(VERIFIER_DIED,       USER,     RETRY,     "the password check was interrupted: try again") \
    X(CREDENTIALS_MISSING, USER,     ASK,       "the answer lacks the user name or the password") \
    X(USER_FILE,           USER,     STOP,      "the file of settings of this user or group cannot be read, and without it the login would have others: mend what is named") \
    X(MAX_CLIENTS,         USER,     RETRY,     "the gateway is full (max-clients): raise it, or end other sessions") \
    X(MAX_SAME_CLIENTS,    USER,     RETRY,     "the user has max-same-clients sessions already: end one, or raise it") \
    X(NOTHING_TO_FETCH,    DOWNLOAD, NONE,      "no profile and no packages are offered: there was nothing to fetch") \
    X(DOWNLOAD_NO_TOKEN,   DOWNLOAD, LOGIN,     "a download needs the token of a session") \
    X(COOKIE_MISSING,      CSTP,     LOGIN,     "CONNECT came without a webvpn cookie: the client must log in first") \
    X(COOKIE_MALFORMED,    CSTP,     LOGIN,     "the webvpn cookie has not the form of a token: it is another gateway's, or was cut") \
    X(COOKIE_UNKNOWN,      CSTP,     LOGIN,     "the token is not known: the session ended, or is another gateway's; log in again") \
    X(COOKIE_EXPIRED,      CSTP,     LOGIN,     "the session was not taken up within cookie-timeout: log in again") \
    X(ROAMING_DENIED,      CSTP,     STOP,      "the token came from another address than it was given to, and deny-roaming is on for this user: the client must log in again") \
    X(NO_ADDRESS,          CSTP,     RETRY,     "no address is free: enlarge ipv4-network, or end other sessions") \
    X(CONNECT_MALFORMED,   CSTP,     STOP,      "the CONNECT request is malformed") \
    X(CONNECT_ANSWER,      CSTP,     STOP,      "the gateway's answer to CONNECT is malformed or passes a limit") \
    X(NO_TUNNEL,           CSTP,     RETRY,     "no tunnel process can take the session at the moment") \
    X(HANDOVER_LOST,       CSTP,     RETRY,     "the connection was lost on its way to the tunnel process: the client comes back by its token") \
    X(HANDOVERS_MAX,       CSTP,     RETRY,     "too many connections wait to be handed over at once: their clients come back; look who connects so often") \
    X(CSTP_FRAMING,        CSTP,     RETRY,     "the client broke the framing of the tunnel: the connection ends, the session stays") \
    X(CSTP_RECORD,         CSTP,     RETRY,     "a TLS record could not be opened: the connection ends, the session stays") \
    X(CSTP_PEER_CLOSED,    CSTP,     RETRY,     "the client's connection ended without a log-off: the session waits for its return") \
    X(CSTP_DEAD_PEER,      CSTP,     RETRY,     "the client did not answer dead peer detection: the session waits for its return") \
    X(CSTP_SLOW_PEER,      CSTP,     RETRY,     "the client does not read: its connection ends, the session stays") \
    X(CSTP_FLOOD,          CSTP,     RETRY,     "the client passed a limit of the record layer (KeyUpdate, empty records, alerts)") \
    X(CSTP_DETACHED,       CSTP,     NONE,      "the client said that it will come back: the session waits for it") \
    X(CSTP_UNKNOWN_FRAME,  CSTP,     NONE,      "the client sent a frame of a type that we do not know: ignored") \
    X(CSTP_KEY_LIMIT,      CSTP,     RETRY,     "the TLS key reached its limit: the connection ends, the session stays") \
    X(CSTP_REPLACED,       CSTP,     NONE,      "a newer connection of the same session took over") \
    X(LOGOUT,              CSTP,     NONE,      "the client logged off") \
    X(ADMIN,               CSTP,     LOGIN,     "an administrator ended the session") \
    X(IDLE_TIMEOUT,        CSTP,     LOGIN,     "the session was idle for idle-timeout") \
    X(SESSION_TIMEOUT,     CSTP,     LOGIN,     "the session reached session-timeout") \
    X(STOPPING,            CSTP,     RETRY,     "the gateway stops: the session can be taken up after its next start") \
    X(INNER_SOURCE,        CSTP,     NONE,      "a packet from the client has a source that is not its lease: dropped") \
    X(DTLS_NOT_OFFERED,    DTLS,     FALL_BACK, "the client offers no DTLS that is allowed here: it stays on TLS") \
    X(DTLS_BAD_SECRET,     DTLS,     FALL_BACK, "X-DTLS-Master-Secret is malformed: no DTLS, the client stays on TLS") \
    X(DTLS_SILENT,         DTLS,     FALL_BACK, "no DTLS handshake came: let UDP through to this port, or stay on TLS") \
    X(DTLS_UNANSWERED,     DTLS,     FALL_BACK, "no answer came over UDP: let UDP through to the gateway, or stay on TLS") \
    X(DTLS_HANDSHAKE,      DTLS,     FALL_BACK, "the DTLS handshake failed: the client stays on TLS") \
    X(DTLS_ONE_WAY,        DTLS,     FALL_BACK, "the client began a DTLS handshake and did not go on: let UDP through in both directions, or stay on TLS") \
    X(DTLS_DEAD_PEER,      DTLS,     FALL_BACK, "nothing comes back over UDP any more: data goes over TLS until it does") \
    X(DTLS_CLOSED,         DTLS,     FALL_BACK, "the client closed the DTLS channel: data goes over TLS") \
    X(DTLS_UNREACHABLE,    DTLS,     FALL_BACK, "the client's UDP port is unreachable: data goes over TLS") \
    X(DTLS_KEY_LIMIT,      DTLS,     FALL_BACK, "the DTLS key reached its limit: a new handshake is needed") \
    X(DTLS_TCP_DATA,       DTLS,     FALL_BACK, "the client sends data over TLS again: so does the gateway")
// clang-format on

enum vc_cause {
#define X(id, phase, next, words) VC_CAUSE_##id,
    VC_CAUSES(X)
#undef X
        VC_N_CAUSES
};

/** Why something is over; travels unchanged from where it happened to a person. */
struct vc_fail {
    enum vc_cause cause; /* phase, next and advice follow from it; also the metric's label */
    int sys_errno;       /* 0: no system call was involved */
    char detail[160];    /* facts of this case, printable, redacted where they are written; never a secret */
};

const char *vc_cause_name(enum vc_cause cause); /* "cookie-unknown": lower case, dashes */
const char *vc_cause_words(enum vc_cause cause);
enum vc_phase vc_cause_phase(enum vc_cause cause);
enum vc_next vc_cause_next(enum vc_cause cause);
const char *vc_next_name(enum vc_next next);

/** Fills *fail (which may be NULL) and returns -1, so that a function can end with it. The detail is made printable
 *  (vc_str_clean), too long a one is cut. */
__attribute__((format(printf, 4, 5))) int vc_fail_set(struct vc_fail *fail, enum vc_cause cause, int sys_errno,
                                                      const char *fmt, ...);

/** "words (detail: errno text)" for a terminal: one line, NUL-terminated, cut where it does not fit. */
void vc_fail_print(const struct vc_fail *fail, char *out, size_t cap);

#endif
