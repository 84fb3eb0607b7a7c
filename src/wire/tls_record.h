#ifndef VC_WIRE_TLS_RECORD_H
#define VC_WIRE_TLS_RECORD_H

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "wire/key_limit.h"

/** TLS 1.2 and 1.3 records behind a completed handshake (RFC 5246 6.2, RFC 8446 5, RFC 5288, RFC 7905; 2-tunnel.md 17):
 *  the channel that OpenSSL opened and we go on with. AEAD suites only. type(1) version(2) = 0303 length(2) fragment.
 */
enum vc_tls_version { VC_TLS_NONE = 0, VC_TLS_1_2 = 0x0303, VC_TLS_1_3 = 0x0304 };

enum vc_tls_type { VC_TLS_CCS = 20, VC_TLS_ALERT = 21, VC_TLS_HANDSHAKE = 22, VC_TLS_DATA = 23 };

#define VC_TLS_HEADER 5
#define VC_TLS_HEAD_MAX (VC_TLS_HEADER + 8) /* room in front of a payload, for any direction */
#define VC_TLS_TAIL_MAX (1 + VC_AEAD_TAG)   /* room behind it: inner type (1.3) and tag */
#define VC_TLS_PLAIN_MAX 16384              /* 2^14 */
#define VC_TLS_RECORD_MAX (VC_TLS_HEADER + 8 + VC_TLS_PLAIN_MAX + VC_TLS_TAIL_MAX) /* the largest that is opened */

/** One direction. A value: copy it, pack it, move it; its expanded key (vc_aead_new of alg and key) is not part of it
 * and must be made anew after vc_tls_key_update. Whoever seals with one copy owns it alone: two copies would use a
 * nonce twice. Zeroed: no keys. */
struct vc_tls_dir {
    uint16_t version; /* enum vc_tls_version */
    uint8_t alg;      /* enum vc_aead_alg */
    uint8_t hash;     /* enum vc_hash of the suite */
    uint8_t key[VC_AEAD_KEY_MAX];
    uint8_t iv[VC_AEAD_NONCE];   /* 1.2 GCM: the first 4 bytes */
    uint8_t secret[VC_HASH_MAX]; /* 1.3: the traffic secret, for the next KeyUpdate; else 0 */
    uint64_t seq;                /* of the next record */
    uint64_t explicit_next; /* 1.2 GCM, sending: explicit nonce of the next record. Set it to one more than the last
                               that OpenSSL wrote (2-tunnel.md 17.6); else 0 */
};

/** From a 1.3 traffic secret of @hash's length. @seq: of the next record (2-tunnel.md 17.4). Returns 0, or -1 when
 *  libcrypto refuses or the cipher is none; *dir is then zero. */
int vc_tls_dir_13(struct vc_tls_dir *dir, enum vc_aead_alg alg, enum vc_hash hash, const uint8_t *secret, uint64_t seq);

/** Both directions of 1.2 from master secret (48 bytes) and randoms (32 each); seq and explicit_next are 0: set them.
 *  @hash: of the suite's PRF. Returns 0, or -1 with both zero. */
int vc_tls_dirs_12(enum vc_aead_alg alg, enum vc_hash hash, const uint8_t *master, const uint8_t *client_random,
                   const uint8_t *server_random, struct vc_tls_dir *client, struct vc_tls_dir *server);

/** 1.3: to the next secret, key and iv; seq 0. Make the expanded key anew. Returns 0, or -1 with *dir zero. */
int vc_tls_key_update(struct vc_tls_dir *dir);
void vc_tls_dir_wipe(struct vc_tls_dir *dir);

/** Bytes that sealing puts in front of a payload (5; 1.2 GCM 13), and in all. */
size_t vc_tls_head(const struct vc_tls_dir *dir);
size_t vc_tls_overhead(const struct vc_tls_dir *dir);

/** One record inside a buffer. */
struct vc_tls_record {
    uint8_t type; /* enum vc_tls_type. 1.3: 23 until it is opened, the inner type then; sealing: the inner type */
    uint8_t *raw; /* the whole record; borrowed from the buffer */
    size_t raw_len;
    uint8_t *body; /* the fragment as it came; once opened, or before it is sealed: the plaintext */
    size_t len;
};

/** What a peer may do wrong; each ends the connection, after the alert. */
enum vc_tls_fault {
    VC_TLS_FINE = 0,
    VC_TLS_BAD_TYPE,    /* not a record type that may come here: CCS after the handshake, 1.3 in the clear */
    VC_TLS_BAD_VERSION, /* not 0303: hardly TLS */
    VC_TLS_TOO_LONG,
    VC_TLS_TOO_SHORT, /* shorter than nonce and tag */
    VC_TLS_BAD_TAG,   /* changed on the way, or other keys: body is wiped */
    VC_TLS_NO_INNER,  /* 1.3: nothing but padding, or an inner type that does not exist */
    VC_TLS_N_FAULTS
};
const char *vc_tls_fault_name(enum vc_tls_fault fault); /* "bad-tag": lower case, dashes */
uint8_t vc_tls_fault_alert(enum vc_tls_fault fault);    /* the description byte of the fatal alert that is due */

/**
 * Finds the whole records that @buf holds. It may end anywhere: what is left behind them is the begin of one that is
 * still on its way. A bad header is told as soon as it is whole.
 * @max   records that fit @recs
 * @used  bytes of the records found; the caller moves on by as many
 * @want  bytes that the record behind them will have, as far as the header tells; 0: the header is not whole, or @max
 *        was reached
 * @fault FINE, or why the bytes behind @used are no record: nothing will come after them
 * Returns the number of records.
 */
size_t vc_tls_scan(const struct vc_tls_dir *dir, uint8_t *buf, size_t len, struct vc_tls_record *recs, size_t max,
                   size_t *used, size_t *want, enum vc_tls_fault *fault);

/**
 * Seals records in place.
 * @recs  type, body and len are given, raw and raw_len come out; vc_tls_head bytes in front of body and 1 +
 *        VC_AEAD_TAG behind it belong to the record and are overwritten. len <= VC_TLS_PLAIN_MAX
 * @aead  expanded from dir->alg and dir->key
 * Returns how many were sealed: @n, or fewer when the key ends (vc_key_end).
 */
size_t vc_tls_seal(struct vc_tls_dir *dir, struct vc_aead *aead, struct vc_tls_record *recs, size_t n);

/**
 * Opens records in place, in order, from vc_tls_scan. Stops behind one whose (inner) type is not 23: it may be a
 * KeyUpdate, and what follows it has other keys. Call it again for the rest.
 * @fault  FINE; or why the record behind the last opened one ends the connection
 * Returns how many were opened.
 */
size_t vc_tls_open(struct vc_tls_dir *dir, struct vc_aead *aead, struct vc_tls_record *recs, size_t n,
                   enum vc_tls_fault *fault);

/** @mtu: inner, bytes. */
enum vc_key_limit vc_tls_limit(const struct vc_tls_dir *dir, size_t mtu);

/** Values between processes. An unknown version, cipher or hash poisons the reader. */
void vc_tls_dir_pack(const struct vc_tls_dir *dir, struct vc_writer *to);
void vc_tls_dir_unpack(struct vc_tls_dir *dir, struct vc_reader *from);

#endif
