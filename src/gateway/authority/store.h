#ifndef VC_GATEWAY_AUTHORITY_STORE_H
#define VC_GATEWAY_AUTHORITY_STORE_H

#include "base/addr.h"
#include "event/fail.h"

/** Sessions on disk, so that they outlive the gateway: who they belong to, until when, their addresses. Of a token only
 *  the SHA-256 is kept, and nothing that decrypts. One process uses the file. Times are seconds since 1970.
 *
 *  A full disk: adding and changing fail, removing does not as long as the file system lets us overwrite what is there
 *  (some room is taken in advance): an ended session is not to rise again. */
struct vc_store;

#define VC_STORE_NAME 257

struct vc_store_row {
    uint64_t id;
    uint8_t token_hash[32];
    char user[VC_STORE_NAME], group[VC_STORE_NAME], agent[65];
    struct vc_ip source;
    int64_t created_s;
    int64_t ends_s;  /* session-timeout; 0: none */
    int64_t waits_s; /* the token is good until then; 0: a tunnel was up */
    struct vc_ip v4, v6;
    uint32_t generation; /* of the last grant, and the tunnel process that got it */
    uint16_t process;
    uint32_t up;         /* generation of the tunnel that was up, in the same process; 0: none */
    uint8_t dtls_id[32]; /* public: it stands in the ClientHello */
    uint64_t rx_bytes, tx_bytes;
    char suite[64], hostname[64]; /* as struct vc_member_tunnel has them, to be shown; so the next three */
    uint16_t mtu;
    uint32_t dpd_s, keepalive_s;
};

/**
 * Opens or makes the file. -1 with *fail (STORE): it cannot be made or written, is damaged, or a newer Varco wrote it.
 * A file that we do not understand is left as it is.
 */
int vc_store_open(struct vc_store **store, const char *file, struct vc_fail *fail);
void vc_store_close(struct vc_store *s); /* NULL is fine */

/** Every session, those whose tunnel was up first. @row: -1 ends the walk. */
int vc_store_load(struct vc_store *s, int (*row)(void *arg, const struct vc_store_row *row), void *arg,
                  struct vc_fail *fail);
/** Adds or changes one. Returns 0; VC_STORE_TAKEN with *fail: another row has an address or the token of this one; -1
 *  with *fail: the next call may succeed. Then nothing was changed. */
#define VC_STORE_TAKEN 1
int vc_store_put(struct vc_store *s, const struct vc_store_row *row, struct vc_fail *fail);
/** No row but this one has its addresses any more. The sessions that had them stay, and get others when they connect.
 */
int vc_store_take_addresses(struct vc_store *s, const struct vc_store_row *row, struct vc_fail *fail);
int vc_store_remove(struct vc_store *s, uint64_t id, struct vc_fail *fail);
/** Removes every row that @keep does not want: all of them or, with -1 and *fail, none. *n_left (may be NULL): how many
 *  of them are still there. */
int vc_store_sweep(struct vc_store *s, bool (*keep)(void *arg, uint64_t id), void *arg, uint64_t *n_left,
                   struct vc_fail *fail);
/** When we were last seen alive: by it the next life knows how long the sessions have waited. 0: never. */
int vc_store_alive(struct vc_store *s, int64_t now_s, struct vc_fail *fail);
int64_t vc_store_last_alive(struct vc_store *s);
/** The highest number that a session ever had. */
uint64_t vc_store_last_id(struct vc_store *s);

#endif
