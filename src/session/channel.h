#ifndef VC_SESSION_CHANNEL_H
#define VC_SESSION_CHANNEL_H

#include "base/addr.h"
#include "wire/dtls_record.h"
#include "wire/replay.h"
#include "wire/tls_record.h"

/** One encrypted channel of a session, as a value: everything needed to go on with it in another process, but the fd
 * and what can be made from it (expanded keys). It has one owner: whoever hands it on seals nothing more and wipes its
 * own copy, for a key never encrypts under the same sequence number twice. Zeroed: no channel. */
enum vc_channel_kind { VC_CHANNEL_NONE, VC_CHANNEL_TLS_1_2, VC_CHANNEL_TLS_1_3, VC_CHANNEL_DTLS_1_2 };

struct vc_channel {
    uint8_t kind;            /* enum vc_channel_kind */
    uint16_t mtu;            /* of the tunnel, inner, bytes; the limits of the keys depend on it */
    struct vc_endpoint peer; /* outer address of the other end */
    union {
        struct {
            struct vc_tls_dir in, out;
        } tls; /* TLS_1_2, TLS_1_3 */
        struct {
            struct vc_dtls_dir in, out;
            struct vc_replay window;
        } dtls; /* DTLS_1_2 */
    };
};

#define VC_CHANNEL_PACKED_MAX 512 /* bytes that pack writes at most */

/** The worse of both directions; NONE: SPENT. */
enum vc_key_limit vc_channel_limit(const struct vc_channel *c);

/** Forgets the keys; the channel is NONE then. Harmless twice. */
void vc_channel_wipe(struct vc_channel *c);

/** Values between processes, behind a version byte: the old set of processes and the new one may differ. What no
 * packing could have written poisons the reader, and leaves a zeroed channel. */
void vc_channel_pack(const struct vc_channel *c, struct vc_writer *to);
void vc_channel_unpack(struct vc_channel *c, struct vc_reader *from);

#endif
