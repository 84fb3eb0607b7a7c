#ifndef VC_TLS_EXPORT_H
#define VC_TLS_EXPORT_H

#include "event/fail.h"
#include "wire/tls_record.h"

struct ssl_st;

/** From OpenSSL to our record layer (2-tunnel.md 17). */

/** The suites that the gateway offers: those that our record layer speaks, in the server's order of preference. */
struct vc_tls_suite {
    uint16_t id;      /* of IANA's registry */
    uint16_t version; /* enum vc_tls_version: a suite belongs to one */
    enum vc_aead_alg alg;
    enum vc_hash hash;
    const char *name;    /* IANA's */
    const char *openssl; /* OpenSSL's, for its lists */
};
extern const struct vc_tls_suite vc_tls_suites[];
extern const size_t vc_tls_n_suites;
/** NULL: not one of ours. */
const struct vc_tls_suite *vc_tls_suite(uint16_t id);

/** What is seen of one connection while OpenSSL has it, so that it can be taken over: fed by OpenSSL's key log and
 * message callbacks and by the bytes that it writes. Holds traffic secrets: wipe it. Zeroed: nothing was seen yet, at
 * the server's end. */
struct vc_tls_watch {
    bool client; /* ours is the client's end: set it before anything is seen */
    struct vc_tls_watch_way {
        uint64_t seq;                /* of the next record */
        uint8_t secret[VC_HASH_MAX]; /* 1.3: the traffic secret that is in force */
        size_t secret_len;           /* 0: none yet */
        unsigned key_updates;
    } in, out;    /* from the peer, to the peer */
    bool lost;    /* something came that cannot be followed: no take-over */
    int alert_in; /* description of the last alert from the peer, -1 unless alert_seen */
    bool alert_seen;
    /* the stream that is written, record by record */
    uint8_t head[VC_TLS_HEADER + 8];
    size_t head_len;  /* bytes of head that are filled */
    size_t body_left; /* bytes of the record behind head */
    uint64_t nonce;   /* the last explicit nonce behind our ChangeCipherSpec */
    bool ccs;         /* which was written */
};

/** One line of SSL_CTX_set_keylog_callback. */
void vc_tls_watch_keylog(struct vc_tls_watch *w, const char *line);
/** One call of SSL_set_msg_callback. */
void vc_tls_watch_message(struct vc_tls_watch *w, bool write, int content_type, const void *bytes, size_t len);
/** What OpenSSL writes, in any pieces. */
void vc_tls_watch_written(struct vc_tls_watch *w, const uint8_t *bytes, size_t len);
void vc_tls_watch_wipe(struct vc_tls_watch *w);

/** The keys and counters of both directions at this moment: the handshake is complete, nothing is half read or half
 *  written. Returns 0; or -1 (cause TLS_HANDSHAKE or NO_MEMORY) with both zero. */
int vc_tls_watch_export(const struct vc_tls_watch *w, struct ssl_st *ssl, struct vc_tls_dir *in, struct vc_tls_dir *out,
                        struct vc_fail *fail);

#endif
