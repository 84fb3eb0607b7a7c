#ifndef VC_WIRE_DTLS_RECORD_H
#define VC_WIRE_DTLS_RECORD_H

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "wire/key_limit.h"
#include "wire/replay.h"

/** DTLS 1.2 records (2-tunnel.md 9.1, 9.3, 10; RFC 6347 4.1, RFC 5288, RFC 7905): epoch 0 in the clear, epoch 1 with an
 *  AEAD. type(1) version(2) epoch(2) seq(6) length(2) fragment. */
#define VC_DTLS_1_2 0xfefd
#define VC_DTLS_1_0                                                                                                    \
    0xfeff /* only read, in the record header of epoch 0: OpenSSL's ClientHello and HelloVerifyRequest */

enum vc_dtls_type { VC_DTLS_CCS = 20, VC_DTLS_ALERT = 21, VC_DTLS_HANDSHAKE = 22, VC_DTLS_DATA = 23 };

#define VC_DTLS_HEADER 13
#define VC_DTLS_HEAD_MAX (VC_DTLS_HEADER + 8)           /* room in front of a payload, for any cipher */
#define VC_DTLS_TAIL_MAX VC_AEAD_TAG                    /* room behind it */
#define VC_DTLS_PLAIN_MAX 16384                         /* 2^14 */
#define VC_DTLS_FRAGMENT_MAX (VC_DTLS_PLAIN_MAX + 2048) /* a longer one is dropped */
#define VC_DTLS_SEQ_END ((uint64_t)1 << 48)             /* sequence numbers are below it */

/** Bytes that sealing puts in front of the payload (13; GCM 21) and in all (29; GCM 37). Epoch 0 (NONE): 13, 13. */
size_t vc_dtls_head(enum vc_aead_alg alg);
size_t vc_dtls_overhead(enum vc_aead_alg alg);

/** One record inside a datagram. */
struct vc_dtls_record {
    uint8_t type;     /* enum vc_dtls_type */
    uint16_t version; /* VC_DTLS_1_2, or in epoch 0 VC_DTLS_1_0 */
    uint16_t epoch;   /* 0, 1 */
    uint64_t seq;
    uint8_t *raw; /* the whole record; borrowed from the datagram */
    size_t raw_len;
    uint8_t *body; /* the fragment as it came; once opened, or before it is sealed: the plaintext */
    size_t len;
    uint8_t state; /* enum vc_dtls_state: set by vc_dtls_open */
};

enum vc_dtls_state {
    VC_DTLS_CLOSED = 0, /* not opened yet */
    VC_DTLS_OPENED,     /* authentic, new: body and len are the plaintext */
    VC_DTLS_REPLAYED,   /* seen, or too old for the window */
    VC_DTLS_FORGED,     /* the tag is wrong: body is wiped */
    VC_DTLS_MISFIT,     /* another epoch or version, too short for the cipher, or too long */
};

/** Walks the records of one datagram, in order. Records with a strange type, version or epoch are skipped and counted;
 * a length that runs past the datagram ends the walk (and counts). No record is an error of the datagram. */
struct vc_dtls_walk {
    uint8_t *at;
    size_t left;
    unsigned skipped;
};
static inline struct vc_dtls_walk vc_dtls_walk_of(uint8_t *datagram, size_t len)
{
    return (struct vc_dtls_walk){.at = datagram, .left = len};
}
/** The next one; false at the end. */
bool vc_dtls_next(struct vc_dtls_walk *w, struct vc_dtls_record *out);

/** Writes one record of epoch 0. @version: VC_DTLS_1_2 in all that we send; others' VC_DTLS_1_0 is for tests. More than
 *  VC_DTLS_PLAIN_MAX bytes, or a seq of 2^48, poison the writer. */
void vc_dtls_put_plain(struct vc_writer *w, uint8_t type, uint16_t version, uint64_t seq, const void *fragment,
                       size_t len);

/** One direction of epoch 1. A value: copy it, pack it, move it; its expanded key (vc_aead_new of alg and key) is not
 *  part of it. Whoever seals with one copy owns it alone: two copies would use a nonce twice. Zeroed: no keys. */
struct vc_dtls_dir {
    uint8_t alg; /* enum vc_aead_alg */
    uint8_t key[VC_AEAD_KEY_MAX];
    uint8_t iv[VC_AEAD_NONCE]; /* GCM: the first 4 bytes */
    uint16_t epoch;            /* 1 */
    uint64_t seq;              /* sending: the next one. Receiving: highest authentic one + 1; 0: none yet */
    uint64_t failed;           /* receiving: records with a wrong tag */
};

/**
 * Keys of both directions (2-tunnel.md 9.3): epoch 1, sequence number 0.
 * @hash     of the suite's PRF: VC_HASH_SHA256 or VC_HASH_SHA384
 * @master   48 bytes; @client_random, @server_random  32 bytes each
 * Returns 0, or -1 when libcrypto refuses; both directions are then zero.
 */
int vc_dtls_derive(enum vc_aead_alg alg, enum vc_hash hash, const uint8_t *master, const uint8_t *client_random,
                   const uint8_t *server_random, struct vc_dtls_dir *client, struct vc_dtls_dir *server);
void vc_dtls_dir_wipe(struct vc_dtls_dir *dir);

/**
 * Seals records in place.
 * @recs  type, body and len are given, the rest comes out; vc_dtls_head(alg) bytes in front of body and VC_AEAD_TAG
 *        behind it belong to the record and are overwritten; raw, raw_len is what goes out. len <= VC_DTLS_PLAIN_MAX
 * @aead  expanded from dir->alg and dir->key
 * Returns how many were sealed: @n, or fewer when the key ends (vc_key_end).
 */
size_t vc_dtls_seal(struct vc_dtls_dir *dir, struct vc_aead *aead, struct vc_dtls_record *recs, size_t n);

/**
 * Opens records in place, whatever their order: window before tag, tag, then window and dir->seq. Sets state in each.
 * A wrong tag wipes the body: who tries several keys on one record gives a copy to each.
 * @recs  from vc_dtls_next; any epoch (those of epoch 0 become MISFIT)
 * Returns how many are OPENED.
 */
size_t vc_dtls_open(struct vc_dtls_dir *dir, struct vc_aead *aead, struct vc_replay *window,
                    struct vc_dtls_record *recs, size_t n);

/** The worse of records and failed opens (2^35, 2^36). @mtu: inner, bytes. */
enum vc_key_limit vc_dtls_limit(const struct vc_dtls_dir *dir, size_t mtu);

/** Values between processes. An unknown cipher, an epoch other than 1, or a seq above 2^48 poisons the reader. */
void vc_dtls_dir_pack(const struct vc_dtls_dir *dir, struct vc_writer *to);
void vc_dtls_dir_unpack(struct vc_dtls_dir *dir, struct vc_reader *from);

#endif
