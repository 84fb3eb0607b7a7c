#ifndef VC_TESTS_DTLS_RIG_H
#define VC_TESTS_DTLS_RIG_H

/** The rig with a client whose DTLS is of one of the modes, and the way that a packet takes. */
#include "rig.h"

static const struct {
    const char *name;
    enum vc_dtls_mode mode;
    uint16_t suite;
    enum vc_aead_alg psk_aead;
} modes[] = {
    {"resumption, AES-128", VC_DTLS_MODE_RESUME, 0x009c, VC_AEAD_NONE},
    {"resumption, AES-256", VC_DTLS_MODE_RESUME, 0xc030, VC_AEAD_NONE},
    {"resumption, ChaCha20", VC_DTLS_MODE_RESUME, 0xcca8, VC_AEAD_NONE},
    {"PSK, AES-128", VC_DTLS_MODE_PSK, 0, VC_AEAD_AES_128_GCM},
    {"PSK, AES-256", VC_DTLS_MODE_PSK, 0, VC_AEAD_AES_256_GCM},
    {"PSK, ChaCha20", VC_DTLS_MODE_PSK, 0, VC_AEAD_CHACHA20_POLY1305},
};
#define N_MODES (sizeof(modes) / sizeof(*modes))

RIG_API struct client *client_of(struct rig *r, size_t mode, uint8_t id)
{
    struct client *c = client_new(r, RIG_13_AES128, id);
    client_terms(c, modes[mode].mode, modes[mode].suite);
    c->s.facts.terms.aead = c->terms.aead = (uint8_t)modes[mode].psk_aead;
    client_udp(c, 1);
    return c;
}

RIG_API void expect_packet(struct rig *r, const uint8_t *packet, size_t len)
{
    static uint8_t got[65536];
    assert_int_equal(tun_get(r, got, NULL), len);
    assert_memory_equal(got, packet, len);
}

/** A packet goes up over DTLS; true when it arrived. */
RIG_API bool up_arrives(struct client *c, uint8_t id)
{
    uint8_t packet[200];
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, id, 99, 30, 1));
    return tun_drain(c->rig) == 1;
}

enum way { NOWHERE, BY_TLS, BY_DTLS };

/** A packet goes down; says which way it took. */
RIG_API enum way down(struct client *c, uint8_t id)
{
    uint8_t packet[200], got[2048];
    size_t n = packet_of(packet, 99, id, 30, 2), len;
    const struct got *g;
    enum way way = NOWHERE;
    tun_put(c->rig, packet, n);
    rig_turn(c->rig);
    while ((g = next_got(c)))
        way = g->tls == VC_TLS_DATA && g->type == VC_CSTP_DATA && g->len == n ? BY_TLS : way;
    while (c->udp >= 0 && (len = dtls_recv(c, got, NULL)) > 0)
        way = got[0] == VC_CSTP_DATA && len == 1 + n ? BY_DTLS : way;
    return way;
}

#endif
