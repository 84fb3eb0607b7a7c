#ifndef VC_PROTO_DTLS_FLIGHT_H
#define VC_PROTO_DTLS_FLIGHT_H

#include "crypto/hash.h"
#include "event/fail.h"
#include "wire/dtls_handshake.h"
#include "wire/dtls_names.h"
#include "wire/dtls_record.h"

/** What both ends of the two DTLS handshakes share (2-tunnel.md 8.3, 8.4, 9.3 to 9.7): the terms that CONNECT agreed,
 *  what a machine gives its owner, and what outlives it. All of it values. */
#define VC_DTLS_MASTER 48
#define VC_DTLS_PSK_LEN 32
#define VC_DTLS_FLIGHT_MAX 512 /* the longest datagram that either machine sends */

/** What CONNECT agreed; lives with the session, any number of handshakes may be made of it. */
struct vc_dtls_terms {
    uint8_t mode;                       /* enum vc_dtls_mode */
    uint8_t aead;                       /* PSK: only suites with this AEAD (enum vc_aead_alg); NONE: any of the three */
    uint16_t suite;                     /* RESUME: the code point of the agreed name */
    uint8_t secret[VC_DTLS_MASTER];     /* RESUME: X-DTLS-Master-Secret; PSK: the first VC_DTLS_PSK_LEN bytes, from the
                                           exporter */
    uint8_t id[VC_DTLS_SESSION_ID_MAX]; /* X-DTLS-Session-ID or X-DTLS-App-ID, as bytes */
    uint8_t id_len;
};
void vc_dtls_terms_wipe(struct vc_dtls_terms *t);

/** What became of an input; -1 beside it: the handshake failed, *fail says why. */
enum vc_dtls_step {
    VC_DTLS_STEP_MORE = 0,
    VC_DTLS_STEP_COMPLETE, /* the keys are in the struct vc_dtls_done */
    VC_DTLS_STEP_OTHER,    /* gateway only: the datagram brings the ClientHello of another handshake (9.7) */
};

/** What the owner is to do. Filled by every call that has one; one call makes at most one datagram. */
struct vc_dtls_out {
    uint8_t datagram[VC_DTLS_FLIGHT_MAX];
    size_t len;  /* send that many bytes of it, 0: nothing */
    bool alert;  /* the datagram is an alert (the step was -1): one a second per session at most (9.8) */
    bool early;  /* the datagram that came in holds records which cannot be opened yet: data that overtook the Finished.
                  * Keep it, as a whole, at most 8 of them for at most 1 s; after COMPLETE give them to the new keys */
    size_t used; /* bytes of the datagram that were looked at; after COMPLETE the rest belongs to the new keys */
};

/** What stays beside the keys when the handshake is over: enough to know its hello again, and to repeat its last flight
 *  when the peer repeats what that flight answers. No secret in it. */
struct vc_dtls_late {
    uint8_t client_random[VC_DTLS_RANDOM];
    uint8_t finished[VC_DTLS_VERIFY_DATA]; /* ours */
    uint16_t finished_seq, peer_finished_seq;
    bool last;     /* the last flight was ours */
    uint64_t seq0; /* the next record of epoch 0 */
};

/** The result of a complete handshake. Move it, then wipe what is left. */
struct vc_dtls_done {
    struct vc_dtls_dir send, recv;
    struct vc_replay window; /* of recv; the peer's Finished is marked in it */
    struct vc_dtls_late late;
    uint16_t suite;
    uint8_t mode; /* enum vc_dtls_mode */
    bool ems;     /* PSK: extended master secret */
};
void vc_dtls_done_wipe(struct vc_dtls_done *d);

/**
 * A handshake record that the new keys opened after COMPLETE. When it is the peer's Finished once more, our last flight
 * was lost: it is made again under new record numbers. Anything else is ignored.
 * @plain, @len  the opened fragment
 * @send, @aead  the live sending direction, and its expanded key
 */
void vc_dtls_late_answer(struct vc_dtls_late *l, struct vc_dtls_dir *send, struct vc_aead *aead, const uint8_t *plain,
                         size_t len, struct vc_dtls_out *out);

/* ------ for the two machines only ------ */

#define VC_DTLS_HELD_MAX 64 /* a Finished record: 13 + 8 + 24 + 16 */

/** A Finished that overtook the messages before it; the newest one. */
struct vc_dtls_held {
    uint8_t len;
    uint8_t bytes[VC_DTLS_HELD_MAX];
};
void vc_dtls_hold(struct vc_dtls_held *h, const struct vc_dtls_record *rec);
/** Copies it to @to as a record and forgets it; false when there is none. */
bool vc_dtls_unhold(struct vc_dtls_held *h, uint8_t to[VC_DTLS_HELD_MAX], struct vc_dtls_record *rec);

/** PRF(master, "client finished" | "server finished", Hash(messages)). -1: libcrypto refused. */
int vc_dtls_verify_data(enum vc_hash hash, const uint8_t *master, bool client, const struct vc_piece *messages,
                        size_t n, uint8_t out[VC_DTLS_VERIFY_DATA]);
/** Master secret of PSK (2-tunnel.md 9.6) from the messages ClientHello to ClientKeyExchange. */
int vc_dtls_psk_master(enum vc_hash hash, const uint8_t *psk, bool ems, const uint8_t *client_random,
                       const uint8_t *server_random, const struct vc_piece *messages, size_t n,
                       uint8_t master[VC_DTLS_MASTER]);

/** Finished as a message of VC_DTLS_FINISHED_LEN bytes. */
void vc_dtls_finished_message(uint16_t seq, const uint8_t *verify_data, uint8_t out[VC_DTLS_FINISHED_LEN]);
/** ChangeCipherSpec in epoch 0 and the Finished sealed behind it. @aead NULL: expanded for this one record. */
void vc_dtls_put_finished(struct vc_writer *w, uint64_t *seq0, struct vc_dtls_dir *send, struct vc_aead *aead,
                          uint16_t seq, const uint8_t *verify_data);
/** Seals one record of epoch 1; poisons @w when it cannot. */
void vc_dtls_put_sealed(struct vc_writer *w, struct vc_dtls_dir *send, struct vc_aead *aead, uint8_t type,
                        const void *plain, size_t len);
/** Opens one record of epoch 1; its key is expanded for it alone: a handshake has few of them. */
bool vc_dtls_open_one(struct vc_dtls_dir *recv, struct vc_replay *window, struct vc_dtls_record *rec);

/** Makes *out the alert, in epoch 1 where @send is given, else in epoch 0; and *fail what happened. Returns -1. */
int vc_dtls_fail_alert(struct vc_dtls_out *out, enum vc_dtls_alert_code code, uint64_t seq0, struct vc_dtls_dir *send,
                       struct vc_fail *fail, const char *detail);

#endif
