#include "session/channel.h"

#include "crypto/wipe.h"

#include <assert.h>

#define VERSION 1

static_assert(sizeof(struct vc_channel) <= 1024, "a channel is a small value");

static enum vc_key_limit worse(enum vc_key_limit a, enum vc_key_limit b)
{
    return a > b ? a : b;
}

enum vc_key_limit vc_channel_limit(const struct vc_channel *c)
{
    switch ((enum vc_channel_kind)c->kind) {
    case VC_CHANNEL_NONE:
        break;
    case VC_CHANNEL_TLS_1_2:
    case VC_CHANNEL_TLS_1_3:
        return worse(vc_tls_limit(&c->tls.in, c->mtu), vc_tls_limit(&c->tls.out, c->mtu));
    case VC_CHANNEL_DTLS_1_2:
        return worse(vc_dtls_limit(&c->dtls.in, c->mtu), vc_dtls_limit(&c->dtls.out, c->mtu));
    }
    return VC_KEY_SPENT;
}

void vc_channel_wipe(struct vc_channel *c)
{
    vc_wipe(c, sizeof(*c));
}

void vc_channel_pack(const struct vc_channel *c, struct vc_writer *to)
{
    vc_put_u8(to, VERSION);
    vc_put_u8(to, c->kind);
    vc_put_u16(to, c->mtu);
    vc_put_endpoint(to, &c->peer);
    switch ((enum vc_channel_kind)c->kind) {
    case VC_CHANNEL_NONE:
        break;
    case VC_CHANNEL_TLS_1_2:
    case VC_CHANNEL_TLS_1_3:
        vc_tls_dir_pack(&c->tls.in, to);
        vc_tls_dir_pack(&c->tls.out, to);
        break;
    case VC_CHANNEL_DTLS_1_2:
        vc_dtls_dir_pack(&c->dtls.in, to);
        vc_dtls_dir_pack(&c->dtls.out, to);
        vc_replay_pack(&c->dtls.window, to);
        break;
    }
}

/* Both ends of one connection agreed on these. */
static bool tls_pair(const struct vc_channel *c, uint16_t version)
{
    const struct vc_tls_dir *in = &c->tls.in, *out = &c->tls.out;
    return in->version == version && out->version == version && in->alg == out->alg && in->hash == out->hash;
}

void vc_channel_unpack(struct vc_channel *c, struct vc_reader *from)
{
    vc_channel_wipe(c); /* all of the union: an initializer reaches its first member only */
    bool sane = vc_take_u8(from) == VERSION;
    c->kind = vc_take_u8(from);
    c->mtu = vc_take_u16(from);
    vc_take_endpoint(from, &c->peer);
    switch (sane ? c->kind : UINT8_MAX) {
    case VC_CHANNEL_NONE:
        break;
    case VC_CHANNEL_TLS_1_2:
    case VC_CHANNEL_TLS_1_3:
        vc_tls_dir_unpack(&c->tls.in, from);
        vc_tls_dir_unpack(&c->tls.out, from);
        sane = tls_pair(c, c->kind == VC_CHANNEL_TLS_1_3 ? VC_TLS_1_3 : VC_TLS_1_2);
        break;
    case VC_CHANNEL_DTLS_1_2:
        vc_dtls_dir_unpack(&c->dtls.in, from);
        vc_dtls_dir_unpack(&c->dtls.out, from);
        vc_replay_unpack(&c->dtls.window, from);
        sane = c->dtls.in.alg == c->dtls.out.alg && c->dtls.in.seq == c->dtls.window.next;
        break;
    default:
        sane = false;
    }
    if (!sane)
        from->bad = true;
    if (from->bad)
        vc_channel_wipe(c);
}
