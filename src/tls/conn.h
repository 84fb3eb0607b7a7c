#ifndef VC_TLS_CONN_H
#define VC_TLS_CONN_H

#include "tls/export.h"
#include "tls/server.h"

/** One TLS connection of a portal, from the first byte to the cut behind CONNECT. Ciphertext and plaintext are bytes in
 *  memory. OpenSSL is given whole records only, so that at any moment all that it has not opened lies here. */

#define VC_TLS_HELLO_MAX 65536      /* bytes of a ClientHello, fragmented or not */
#define VC_TLS_HANDSHAKE_MAX 163840 /* bytes from the client in a handshake: two such hellos and what else it sends */
#define VC_TLS_IN_MAX 36874         /* ciphertext that waits in a connection: two records of the largest size */
#define VC_TLS_KEY_UPDATES_MAX 32   /* from the client, while OpenSSL has the connection */

struct vc_tls_conn *vc_tls_conn_new(struct vc_tls_server *s, struct vc_fail *fail);
/** Wipes. Sends nothing: see vc_tls_conn_close. A handshake that waits for the signer is given up. NULL is fine. */
void vc_tls_conn_free(struct vc_tls_conn *c);
void vc_tls_conn_set_owner(struct vc_tls_conn *c, void *owner); /* whatever the caller wants to find again */
void *vc_tls_conn_owner(const struct vc_tls_conn *c);
uint64_t vc_tls_conn_handshake_number(const struct vc_tls_conn *c); /* 0: the signer was not asked yet */

/** Ciphertext from the client: takes as much as there is room for, returns how much. */
size_t vc_tls_conn_feed(struct vc_tls_conn *c, const void *bytes, size_t len);
size_t vc_tls_conn_room(const struct vc_tls_conn *c);
/** How many bytes end the record that is on its way (or its header, while that is not whole). Whoever reads no more
 * than this from the socket never holds a byte of the next record; 0: there are whole records to be read first. */
size_t vc_tls_conn_want(const struct vc_tls_conn *c);
/** Ciphertext for the client, after every call below; what was sent is taken away with vc_tls_conn_sent. */
const uint8_t *vc_tls_conn_out(const struct vc_tls_conn *c, size_t *len);
void vc_tls_conn_sent(struct vc_tls_conn *c, size_t len);

/** -1 is final: the alert, if one is due, is in vc_tls_conn_out. */
enum vc_tls_step {
    VC_TLS_STEP_DONE,
    VC_TLS_STEP_MORE,   /* needs more from the client */
    VC_TLS_STEP_SIGNER, /* waits for vc_tls_signed; ciphertext may be fed meanwhile */
};
/** Causes: TLS_NOT_TLS, TLS_VERSION, TLS_NO_SHARED_SUITE, TLS_ALERT, TLS_PEER_CLOSED, TLS_HELLO_TOO_LARGE,
 *  SIGNER_REFUSED, TLS_HANDSHAKE. */
int vc_tls_conn_handshake(struct vc_tls_conn *c, struct vc_fail *fail);
/** The client's connection ended in the handshake: cause TLS_PEER_CLOSED or TLS_NOT_TLS, and how far it had come. -1.
 */
int vc_tls_conn_eof(const struct vc_tls_conn *c, struct vc_fail *fail);

enum vc_tls_got {
    VC_TLS_GOT_BYTES,
    VC_TLS_GOT_NOTHING, /* no whole record is there */
    VC_TLS_GOT_CLOSE,   /* close_notify */
};
/** Plaintext of at most one record (what does not fit waits for the next call): stop when a request is complete. -1:
 * cause TLS_RECORD or TLS_ALERT. */
int vc_tls_conn_read(struct vc_tls_conn *c, void *to, size_t cap, size_t *len, struct vc_fail *fail);
/** All of it, as records of up to 16 KiB in vc_tls_conn_out: drain that before the next piece. -1: cause TLS_RECORD. */
int vc_tls_conn_write(struct vc_tls_conn *c, const void *bytes, size_t len, struct vc_fail *fail);
/** Puts close_notify into vc_tls_conn_out. */
void vc_tls_conn_close(struct vc_tls_conn *c);

/** After the handshake. */
struct vc_tls_facts {
    const struct vc_tls_suite *suite; /* and with it the version */
    const char *version;              /* "TLSv1.2", "TLSv1.3" */
    char server_name[256];            /* SNI as sent, "" without one; not checked */
};
void vc_tls_conn_facts(const struct vc_tls_conn *c, struct vc_tls_facts *out);
/** The PSK of PSK-NEGOTIATE (2-tunnel.md 8.4); before the cut. */
int vc_tls_conn_psk(struct vc_tls_conn *c, uint8_t psk[32], struct vc_fail *fail);

/** A connection without its socket, as it leaves OpenSSL: keys, counters and all that was read already. */
struct vc_tls_cut {
    struct vc_tls_dir in, out; /* from the client, to the client */
    uint8_t *plain;            /* opened, not yet read; comes first */
    size_t plain_len;
    uint8_t *cipher; /* from the socket, not opened: whole records and perhaps a part of one; comes second */
    size_t cipher_len;
};
/** Takes the connection out of OpenSSL. The request was read, the answer was written and vc_tls_conn_out is empty. The
 *  connection can do nothing more: free it. Returns -1 (TLS_HANDSHAKE, NO_MEMORY) when it is not at rest. */
int vc_tls_cut(struct vc_tls_conn *c, struct vc_tls_cut *cut, struct vc_fail *fail);
void vc_tls_cut_wipe(struct vc_tls_cut *cut); /* frees and wipes; harmless twice */

#endif
