/* Packets between TUN and clients: super-packets cut and joined, sources, sizes, strays. */
#include "faults.h"
#include "rig.h"

#include "datapath/live.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ALL_OFFLOADS (VC_TUN_CSUM | VC_TUN_TSO4 | VC_TUN_TSO6 | VC_TUN_USO)

static struct client *client_on(struct rig *r, bool dtls, uint8_t id)
{
    struct client *c = client_new(r, RIG_13_AES128, id);
    uint8_t packet[100];
    if (dtls) {
        client_terms(c, VC_DTLS_MODE_RESUME, 0x009c);
        client_udp(c, 1);
    }
    rig_start(c);
    if (dtls) {
        dtls_handshake(c);
        dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, id, 99, 1, 0)); /* from here on data goes this way */
        (void)tun_drain(r);
    }
    return c;
}

/** The next packet that the client got, whichever way; 0: none. */
static size_t client_packet(struct client *c, uint8_t *packet)
{
    uint8_t plain[20000];
    const struct got *g;
    size_t n;
    while ((g = next_got(c))) {
        if (g->tls != VC_TLS_DATA || g->type != VC_CSTP_DATA)
            continue;
        memcpy(packet, g->payload, g->len);
        return g->len;
    }
    while (c->udp >= 0 && (n = dtls_recv(c, plain, NULL)) > 0) {
        if (plain[0] != VC_CSTP_DATA)
            continue;
        memcpy(packet, plain + 1, n - 1);
        return n - 1;
    }
    return 0;
}

static void client_sends(struct client *c, const uint8_t *packet, size_t len)
{
    if (c->udp >= 0)
        dtls_send(c, VC_CSTP_DATA, packet, len);
    else
        send_frame(c, VC_CSTP_DATA, packet, len);
}

static void put_super(struct rig *r, const struct vc_super *super, const uint8_t *packet, size_t len)
{
    static uint8_t frame[VC_TUN_FRAME_MAX];
    vc_tun_hdr_write(super, frame);
    memcpy(frame + VC_TUN_HDR, packet, len);
    assert_int_equal(send(r->tun, frame, VC_TUN_HDR + len, 0), VC_TUN_HDR + len);
}

static uint8_t stream[60000];

static struct spec segment(bool v6, uint8_t src, uint8_t dst, uint32_t seq, size_t len)
{
    return (struct spec){.v6 = v6,
                         .tcp = true,
                         .src = src,
                         .dst = dst,
                         .sport = 5000,
                         .dport = 80,
                         .ttl = 64,
                         .place = 0x4000,
                         .seq = seq,
                         .ack = 7,
                         .flags = 0x10,
                         .window = 1000,
                         .payload = stream + seq,
                         .payload_len = len};
}

/** 50000 bytes of the stream in one super-packet, cut every @size bytes. */
static void put_stream(struct rig *r, bool v6, uint16_t size)
{
    static uint8_t super_packet[65536];
    for (size_t i = 0; i < sizeof(stream); i++)
        stream[i] = (uint8_t)(i * 7 + i / 251);
    struct spec whole = segment(v6, 99, 7, 0, 50000);
    size_t len = spec_build(&whole, true, super_packet), ip = v6 ? 40 : 20;
    struct vc_super super = {.needs_csum = true,
                             .gso = v6 ? VC_GSO_TCP6 : VC_GSO_TCP4,
                             .hdr_len = (uint16_t)(ip + 20),
                             .gso_size = size,
                             .csum_start = (uint16_t)ip,
                             .csum_offset = 16};
    put_super(r, &super, super_packet, len);
}

/** One super-packet from the kernel: the client gets what one-by-one sending would have given. */
static void cut_for_the_client(void **state)
{
    static uint8_t got[2048], want[2048];
    (void)state;
    for (int k = 0; k < 4; k++) {
        bool dtls = k & 1, v6 = k & 2;
        struct rig *r = rig_new((struct rig_options){.offloads = ALL_OFFLOADS});
        struct client *c = client_on(r, dtls, 7);
        int size = 4 << 20;
        (void)setsockopt(c->udp, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        uint64_t sends = vc_worker_counters(r->w)->udp_sends + vc_worker_counters(r->w)->tcp_sends;
        put_stream(r, v6, 1300);
        rig_turn(r);
        uint32_t seq = 0;
        for (uint16_t id = 0; seq < 50000; id++, seq += 1300) {
            struct spec one = segment(v6, 99, 7, seq, 50000 - seq < 1300 ? 50000 - seq : 1300);
            one.id = id;
            size_t n = client_packet(c, got);
            assert_int_equal(n, spec_build(&one, false, want));
            assert_memory_equal(got, want, n);
        }
        assert_int_equal(client_packet(c, got), 0);
        assert_int_equal(vc_worker_counters(r->w)->tun_in, 39);
        sends = vc_worker_counters(r->w)->udp_sends + vc_worker_counters(r->w)->tcp_sends - sends;
        assert_true(sends * 8 < 39);
        client_free(c);
        rig_free(r);
    }
}

/* Segments of one flow that a client sends together reach the kernel as one frame. */
static void joined_for_the_kernel(void **state)
{
    static uint8_t packet[2048], got[65536];
    (void)state;
    for (int k = 0; k < 4; k++) {
        bool dtls = k & 1, v6 = k & 2;
        struct rig *r = rig_new((struct rig_options){.offloads = ALL_OFFLOADS});
        struct client *c = client_on(r, dtls, 7);
        struct buf *b = calloc(1, sizeof(*b));
        struct vc_super super;
        uint64_t before = vc_worker_counters(r->w)->tun_writes;
        for (uint16_t i = 0; i < 20; i++) {
            struct spec one = segment(v6, 7, 99, i * 1300U, 1300);
            one.id = i;
            size_t n = spec_build(&one, false, packet);
            if (dtls) {
                size_t len = dtls_seal(c, VC_DTLS_DATA, VC_CSTP_DATA, packet, n, b->at, sizeof(b->at));
                udp_put(c, b->at, len);
            } else {
                put_frame(c, b, VC_CSTP_DATA, packet, n);
            }
        }
        if (!dtls)
            send_all(c, b->at, b->len);
        rig_turn(r);
        assert_int_equal(tun_get(r, got, &super), (v6 ? 60 : 40) + 20 * 1300);
        assert_int_equal(super.gso, v6 ? VC_GSO_TCP6 : VC_GSO_TCP4);
        assert_int_equal(super.gso_size, 1300);
        assert_memory_equal(got + (v6 ? 60 : 40), stream, (size_t)20 * 1300);
        assert_int_equal(tun_drain(r), 0);
        assert_int_equal(vc_worker_counters(r->w)->tun_writes - before, 1);
        free(b);
        client_free(c);
        rig_free(r);
    }
}

/* Only the lease is a source. It is told once for each session; another session's address is no better than any. */
static void wrong_source(void **state)
{
    uint8_t packet[200];
    (void)state;
    for (int dtls = 0; dtls < 2; dtls++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_on(r, dtls, 7), *d = client_on(r, false, 8);
        size_t n = 0;
        for (int i = 0; i < 5; i++) {
            n = packet_of(packet, 8, 99, 20, 1);
            client_sends(c, packet, n); /* its neighbour's */
            n = packet_of(packet, 1, 99, 20, 1);
            client_sends(c, packet, n); /* ours */
            struct spec v6 = {.v6 = true, .src = 8, .dst = 99, .ttl = 64, .payload = stream, .payload_len = 10};
            n = spec_build(&v6, false, packet);
            client_sends(c, packet, n);
        }
        memset(packet, 0, sizeof(packet));
        client_sends(c, packet, 40); /* no IP at all */
        packet[0] = 0x45;
        client_sends(c, packet, 19);
        assert_int_equal(tun_drain(r), 0);
        assert_int_equal(count_events(r, VC_EVENT_PACKET_DROPPED), 1);
        assert_int_equal(vc_worker_counters(r->w)->dropped_source, 15);
        assert_int_equal(vc_worker_counters(r->w)->dropped_stray, 2);
        assert_int_equal(vc_live_session(vc_live_find(r->w, 7))->count.rx_dropped, 17);
        n = packet_of(packet, 9, 99, 20, 1);
        send_frame(d, VC_CSTP_DATA, packet, n);
        assert_int_equal(count_events(r, VC_EVENT_PACKET_DROPPED), 2); /* another session's first */
        n = packet_of(packet, 7, 99, 20, 1);
        client_sends(c, packet, n);
        struct spec v6 = {.v6 = true, .src = 7, .dst = 99, .ttl = 64, .payload = stream, .payload_len = 10};
        n = spec_build(&v6, false, packet);
        client_sends(c, packet, n);
        assert_int_equal(tun_drain(r), 2);
        assert_int_equal(r->n_told, 0);
        client_free(c);
        client_free(d);
        rig_free(r);
    }
}

/** A packet of 10.0.0.7 (fd00::7) to an address in text. */
static size_t packet_to(uint8_t *out, const char *to, bool tcp, uint16_t port)
{
    struct vc_ip ip;
    assert_true(vc_ip_parse(vc_str_of(to), &ip));
    struct spec s = {.v6 = ip.family == VC_FAMILY_V6,
                     .tcp = tcp,
                     .src = 7,
                     .ttl = 64,
                     .sport = 1000,
                     .dport = port,
                     .payload = stream,
                     .payload_len = 20};
    size_t n = spec_build(&s, false, out);
    memcpy(out + (s.v6 ? 24 : 16), ip.bytes, s.v6 ? 16 : 4);
    if (!s.v6)
        sum_ip4(out);
    return n;
}

/* Destinations that nothing is passed on to: dropped and counted, without an event, and idle-timeout hears nothing. */
static void martian_targets(void **state)
{
    static const char *const bad[] = {"224.0.0.251", "239.1.2.3", "255.255.255.255", "10.0.0.255",     "10.0.0.0",
                                      "127.0.0.1",   "0.0.0.0",   "169.254.1.1",     "ff02::fb",       "ff0e::1",
                                      "::1",         "::",        "fe80::1",         "::ffff:10.0.0.9"};
    static const char *const good[] = {"10.0.0.1", "10.0.0.254", "10.0.1.255", "240.0.0.1", "fd00::ff", "2001:db8::1"};
    struct vc_prefix inner;
    uint8_t packet[200];
    (void)state;
    assert_true(vc_prefix_parse(VC_STR("10.0.0.0/24"), &inner));
    for (int dtls = 0; dtls < 2; dtls++) {
        struct rig *r = rig_new((struct rig_options){.inner = {inner}});
        struct client *c = client_on(r, dtls, 7);
        const struct vc_session *s = vc_live_session(vc_live_find(r->w, 7));
        uint64_t packets = s->count.rx_packets;
        for (size_t i = 0; i < N(bad); i++) {
            client_sends(c, packet, packet_to(packet, bad[i], false, 5353));
            assert_case(bad[i], tun_drain(r) == 0);
            assert_case(bad[i], vc_worker_counters(r->w)->dropped_martian == i + 1);
        }
        assert_int_equal(s->count.rx_packets, packets);
        assert_int_equal(s->count.rx_dropped, N(bad));
        for (size_t i = 0; i < N(good); i++) {
            client_sends(c, packet, packet_to(packet, good[i], false, 5353));
            assert_case(good[i], tun_drain(r) == 1);
        }
        assert_int_equal(count_events(r, VC_EVENT_PACKET_DROPPED), 0);
        assert_int_equal(vc_worker_counters(r->w)->dropped_source, 0);
        client_free(c);
        rig_free(r);
    }
}

/* The tunnel is not led into itself: packets to either of its ends. Other ports of the same hosts are nobody's tunnel.
 */
static void own_ends(void **state)
{
    struct rig *r = rig_new((struct rig_options){0});
    struct client *c = client_on(r, true, 7);
    struct vc_live *l = vc_live_find(r->w, 7);
    uint8_t packet[200];
    static const struct {
        const char *to;
        bool tcp;
        uint16_t port; /* 0: ours of UDP */
        bool dropped;
    } rows[] = {{"192.0.2.1", true, 443, true},       {"192.0.2.1", true, 444, false},
                {"192.0.2.1", false, 0, true},        {"192.0.2.1", false, 53, false},
                {"192.0.2.2", true, 443, false},      {"192.0.2.3", false, 0, true},
                {"198.51.100.9", true, 40000, true},  {"198.51.100.9", true, 443, false},
                {"198.51.100.9", false, 41000, true}, {"198.51.100.9", false, 40000, false}};
    uint64_t dropped = 0;
    (void)state;
    l->our_end = (struct vc_endpoint){.ip = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1}}, .port = 443};
    l->udp_local = (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 3}};
    l->s.tcp.peer.ip = (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {198, 51, 100, 9}}; /* port 40000 */
    struct vc_endpoint real = l->udp_peer;
    for (size_t i = 0; i < N(rows); i++) {
        size_t n = packet_to(packet, rows[i].to, rows[i].tcp, rows[i].port ? rows[i].port : r->gateway.port);
        l->udp_peer = (struct vc_endpoint){.ip = l->s.tcp.peer.ip, .port = 41000};
        send_frame(c, VC_CSTP_DATA, packet, n);
        l->udp_peer = real;
        dropped += rows[i].dropped;
        assert_case(rows[i].to, tun_drain(r) == !rows[i].dropped);
        assert_case(rows[i].to, vc_worker_counters(r->w)->dropped_loop == dropped);
    }
    size_t n = packet_to(packet, "192.0.2.1", true, 443);
    packet[7] = 1; /* a fragment behind the first: no ports, and nothing without the first */
    sum_ip4(packet);
    send_frame(c, VC_CSTP_DATA, packet, n);
    assert_int_equal(tun_drain(r), 1);
    packet[7] = 0;
    put16(packet + 2, 22); /* too short for ports */
    sum_ip4(packet);
    send_frame(c, VC_CSTP_DATA, packet, 22);
    assert_int_equal(vc_worker_counters(r->w)->dropped_loop, dropped);
    assert_int_equal(count_events(r, VC_EVENT_PACKET_DROPPED), 0);
    client_free(c);
    rig_free(r);
}

/* A client's address is no path for a channel, be it the own one or a neighbour's: what is sent there would enter a
 * tunnel again. */
static void path_through_a_tunnel(void **state)
{
    struct vc_prefix inner[2];
    uint8_t plain[2048], packet[200];
    (void)state;
    assert_true(vc_prefix_parse(VC_STR("127.0.0.8/29"), &inner[0]));
    assert_true(vc_prefix_parse(VC_STR("fd00::/64"), &inner[1]));
    struct rig *r = rig_new((struct rig_options){.inner = {inner[0], inner[1]}});
    struct client *c = client_on(r, true, 7);
    unsigned up = r->n_up;
    client_udp(c, 9);
    dtls_hello(c);
    rig_turn(r);
    assert_int_equal(udp_get(c, plain, sizeof(plain)), 0);
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 20, 1)); /* newer than all seen */
    assert_int_equal(tun_drain(r), 0);
    assert_int_equal(vc_worker_counters(r->w)->dropped_loop, 2);
    assert_int_equal(vc_worker_counters(r->w)->moved_peer, 0);
    assert_int_equal(r->n_up, up);
    client_udp(c, 16); /* beside that network */
    dtls_handshake(c);
    dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 20, 1));
    assert_int_equal(tun_drain(r), 1);
    client_free(c);
    rig_free(r);
}

/* A lease of a /64: every address of it is the client's, in both directions. */
static void leases_by_prefix(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_new(r, RIG_12_AES128, 7), *d = client_new(r, RIG_12_AES128, 8);
    uint8_t packet[200], got[2048];
    (void)state;
    c->s.facts.v6 = (struct vc_ip){.family = VC_FAMILY_V6, .bytes = {0xfd, [7] = 1}};
    c->s.facts.v6_len = 64;
    rig_start(c);
    rig_start(d); /* a /128 */
    struct spec up = {.v6 = true, .src = 77, .dst = 99, .ttl = 64, .payload = stream, .payload_len = 10};
    size_t n = spec_build(&up, false, packet);
    packet[15] = 1;
    send_frame(c, VC_CSTP_DATA, packet, n);
    assert_int_equal(tun_drain(r), 1);
    packet[15] = 2;
    send_frame(c, VC_CSTP_DATA, packet, n);
    assert_int_equal(tun_drain(r), 0);
    struct spec down = {.v6 = true, .src = 99, .dst = 123, .ttl = 64, .payload = stream, .payload_len = 10};
    n = spec_build(&down, false, packet);
    packet[31] = 1;
    tun_put(r, packet, n);
    rig_turn(r);
    assert_int_equal(client_packet(c, got), n);
    down.dst = 8;
    n = spec_build(&down, false, packet);
    tun_put(r, packet, n);
    rig_turn(r);
    assert_int_equal(client_packet(d, got), n);
    client_free(c);
    client_free(d);
    rig_free(r);
}

/* Larger than the channel takes: the sender hears the MTU, or its packet is cut where it may be. */
static void too_large(void **state)
{
    static uint8_t packet[65536], got[65536];
    (void)state;
    for (int dtls = 0; dtls < 2; dtls++) {
        struct rig *r = rig_new((struct rig_options){0});
        struct client *c = client_on(r, dtls, 7);
        uint16_t mtu = dtls ? RIG_MTU + 20 : RIG_MTU;
        struct spec df = {.src = 99, .dst = 7, .ttl = 64, .place = 0x4000, .payload = stream, .payload_len = mtu - 27U};
        size_t n = spec_build(&df, false, packet); /* one byte too many */
        assert_int_equal(n, mtu + 1);
        tun_put(r, packet, n);
        rig_turn(r);
        assert_int_equal(client_packet(c, got), 0);
        n = tun_get(r, got, NULL);
        assert_true(n > 28 && got[9] == 1 && got[20] == 3 && got[21] == 4 && got[19] == 99);
        assert_int_equal(get16(got + 26), mtu);
        df.payload_len--;
        n = spec_build(&df, false, packet);
        tun_put(r, packet, n);
        rig_turn(r);
        assert_int_equal(client_packet(c, got), n);
        assert_int_equal(tun_drain(r), 0);
        struct spec v6 = {.v6 = true, .src = 99, .dst = 7, .ttl = 64, .payload = stream, .payload_len = mtu - 47U};
        n = spec_build(&v6, false, packet);
        tun_put(r, packet, n);
        rig_turn(r);
        n = tun_get(r, got, NULL);
        assert_true(n > 48 && n <= 1280 && got[6] == 58 && got[40] == 2 && got[39] == 99);
        assert_int_equal(get16(got + 46), mtu);
        assert_int_equal(vc_worker_counters(r->w)->dropped_large, 2);
        /* without DF: fragments that are the packet */
        struct spec cut = {.src = 99, .dst = 7, .ttl = 64, .id = 9, .payload = stream, .payload_len = 5000};
        n = spec_build(&cut, false, packet);
        tun_put(r, packet, n);
        rig_turn(r);
        size_t at = 20, len;
        while ((len = client_packet(c, got)) > 0) {
            assert_true(len <= mtu);
            assert_int_equal((get16(got + 6) & 0x1fff) * 8, at - 20);
            assert_memory_equal(got + 20, packet + at, len - 20);
            at += len - 20;
        }
        assert_int_equal(at, n);
        client_free(c);
        rig_free(r);
    }
}

/* A super-packet whose packets are too large: told once, and each of them is counted. */
static void too_large_by_the_train(void **state)
{
    static uint8_t got[2048];
    (void)state;
    for (int dtls = 0; dtls < 2; dtls++) {
        struct rig *r = rig_new((struct rig_options){.offloads = ALL_OFFLOADS});
        struct client *c = client_on(r, dtls, 7);
        put_stream(r, true, 1450);
        rig_turn(r);
        assert_int_equal(client_packet(c, got), 0);
        assert_int_equal(tun_drain(r), 1);
        const unsigned n = (50000 + 1449) / 1450;
        assert_int_equal(vc_worker_counters(r->w)->tun_in, n);
        assert_int_equal(vc_worker_counters(r->w)->dropped_large, n);
        assert_int_equal(vc_live_session(vc_live_find(r->w, 7))->count.tx_dropped, n);
        client_free(c);
        rig_free(r);
    }
}

/** Takes the stream of put_stream, in order, and returns how many packets of it came; @dtls: how many over UDP. Those
 *  come first. */
static unsigned take_stream(struct client *c, size_t size, unsigned *dtls)
{
    static uint8_t plain[20000];
    size_t at = 0, n;
    unsigned packets = 0;
    const struct got *g;
    while ((n = dtls_recv(c, plain, NULL)) > 0) {
        if (plain[0] != VC_CSTP_DATA)
            continue;
        assert_memory_equal(plain + 1 + 40, stream + at, n - 41);
        at += n - 41;
        packets++;
    }
    *dtls = packets;
    while ((g = next_got(c))) {
        if (g->tls != VC_TLS_DATA || g->type != VC_CSTP_DATA)
            continue;
        assert_true(g->len - 40 <= size);
        assert_memory_equal(g->payload + 40, stream + at, g->len - 40);
        at += g->len - 40;
        packets++;
    }
    assert_int_equal(at, packets ? 50000 : 0);
    return packets;
}

/* A path with a smaller MTU than was agreed: what does not fit goes over TLS, from the first packet on. */
static void past_the_path(void **state)
{
    static uint8_t packet[6000], got[2048];
    unsigned by_dtls;
    (void)state;
    for (int old = 0; old < 2; old++) { /* with other keys before */
        struct rig *r = rig_new((struct rig_options){.offloads = ALL_OFFLOADS});
        struct client *c = client_on(r, true, 7);
        if (old) {
            dtls_handshake(c);
            dtls_send(c, VC_CSTP_DATA, packet, packet_of(packet, 7, 99, 1, 0));
            (void)tun_drain(r);
        }
        const struct vc_worker_counters *count = vc_worker_counters(r->w);
        const struct vc_session *s = vc_live_session(vc_live_find(r->w, 7));
        fault_datagram_max = 1000;
        put_stream(r, false, 1300); /* 39 packets, the last of 600 bytes fits */
        put_stream(r, false, 1300);
        rig_turn(r);
        static uint8_t twice[100000];
        size_t at = 0, n;
        unsigned packets = 0;
        while ((n = client_packet(c, got)) > 0) {
            memcpy(twice + at, got + 40, n - 40);
            at += n - 40;
            packets++;
        }
        assert_int_equal(packets, 78);
        assert_int_equal(at, 100000); /* of the last ones TCP knows the place */
        assert_int_equal(count->dropped_kernel, 0);
        assert_int_equal(s->count.tx_packets, 78);
        assert_int_equal(s->count.tx_bytes, 100000 + 78 * 40);
        assert_int_equal(s->count.tx_dropped, 0);
        /* from now on it is known: nothing is tried in vain */
        uint64_t sends = count->udp_sends;
        put_stream(r, false, 1300);
        rig_turn(r);
        assert_int_equal(take_stream(c, 1300, &by_dtls), 39);
        assert_int_equal(by_dtls, 0);
        /* nor for fragments */
        struct spec whole = {.src = 99, .dst = 7, .ttl = 64, .id = 9, .payload = stream, .payload_len = 5000};
        n = spec_build(&whole, false, packet);
        tun_put(r, packet, n);
        rig_turn(r);
        size_t came = 20, len;
        while ((len = client_packet(c, got)) > 0)
            came += len - 20;
        assert_int_equal(came, n);
        assert_int_equal(count->udp_sends - sends, 1); /* the last fragment, which is short */
        /* what fits goes over DTLS as before; an answer of a size that does not fit is not sent */
        tun_put(r, packet, packet_of(packet, 99, 7, 500, 1));
        rig_turn(r);
        expect_nothing(c);
        assert_int_equal(dtls_recv(c, got, NULL), 1 + 528);
        fault_datagram_max = 0;
        assert_int_equal(r->n_down, 0);
        client_free(c);
        rig_free(r);
    }
}

/* The same for a client that does not read: its packets are lost and said to be. */
static void past_the_path_unread(void **state)
{
    static uint8_t packet[2000];
    struct rig *r = rig_new((struct rig_options){.offloads = ALL_OFFLOADS});
    struct client *c = client_on(r, true, 7);
    const struct vc_session *s = vc_live_session(vc_live_find(r->w, 7));
    (void)state;
    for (int i = 0; i < 100; i++) { /* over TLS: too large for its DTLS, once that is known */
        fault_datagram_max = 1000;
        put_stream(r, false, 1300);
        rig_turn(r);
    }
    fault_datagram_max = 900; /* a shorter way than before */
    uint64_t sent = s->count.tx_packets, dropped = s->count.tx_dropped, bytes = s->count.tx_bytes;
    assert_true(dropped > 0);
    tun_put(r, packet, packet_of(packet, 99, 7, 920 - 28, 1));
    rig_turn(r);
    fault_datagram_max = 0;
    assert_int_equal(s->count.tx_packets, sent);
    assert_int_equal(s->count.tx_bytes, bytes);
    assert_int_equal(s->count.tx_dropped, dropped + 1);
    client_free(c);
    rig_free(r);
}

/* The key ends in the middle of a super-packet: the rest goes over TLS, and none is lost. */
static void key_ends_on_the_way(void **state)
{
    (void)state;
    for (unsigned left = 0; left < 40; left += 13) {
        struct rig *r = rig_new((struct rig_options){.offloads = ALL_OFFLOADS});
        struct client *c = client_on(r, true, 7);
        struct vc_session *s = (struct vc_session *)(uintptr_t)vc_live_session(vc_live_find(r->w, 7));
        unsigned by_dtls, want = left < 39 ? left : 39;
        s->udp.dtls.out.seq = (1ULL << 32) - left;
        put_stream(r, false, 1300);
        rig_turn(r);
        assert_int_equal(take_stream(c, 1300, &by_dtls), 39);
        assert_int_equal(by_dtls, want);
        assert_int_equal(s->count.tx_packets, 39);
        assert_int_equal(s->count.tx_bytes, 50000 + 39 * 40);
        assert_int_equal(r->n_down, 1);
        client_free(c);
        rig_free(r);
    }
}

/* For nobody here: the owner hears of it, once; what a neighbour passed on is not passed on again. */
static void strays(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_on(r, false, 7);
    uint8_t frame[400] = {0}, got[2048];
    (void)state;
    size_t n = packet_of(frame + VC_TUN_HDR, 99, 50, 20, 1);
    assert_int_equal(send(r->tun, frame, VC_TUN_HDR + n, 0), VC_TUN_HDR + n);
    rig_turn(r);
    assert_int_equal(r->n_stray_frames, 1);
    assert_int_equal(vc_worker_counters(r->w)->dropped_stray, 0);
    vc_worker_frame(r->w, frame, VC_TUN_HDR + n);
    assert_int_equal(r->n_stray_frames, 1);
    assert_int_equal(vc_worker_counters(r->w)->dropped_stray, 1);
    r->no_neighbour = true; /* asked, and nobody has it */
    assert_int_equal(send(r->tun, frame, VC_TUN_HDR + n, 0), VC_TUN_HDR + n);
    rig_turn(r);
    assert_int_equal(r->n_stray_frames, 2);
    assert_int_equal(vc_worker_counters(r->w)->dropped_stray, 2);
    n = packet_of(frame + VC_TUN_HDR, 99, 7, 20, 1);
    vc_worker_frame(r->w, frame, VC_TUN_HDR + n);
    assert_int_equal(client_packet(c, got), n);
    uint64_t before = vc_worker_counters(r->w)->dropped_stray;
    frame[1] = 77; /* a kind of super-packet that does not exist */
    vc_worker_frame(r->w, frame, VC_TUN_HDR + n);
    frame[1] = 1; /* one that this packet is not */
    vc_worker_frame(r->w, frame, VC_TUN_HDR + n);
    frame[1] = 0;
    vc_worker_frame(r->w, frame, VC_TUN_HDR);
    vc_worker_frame(r->w, frame, VC_TUN_HDR + 19);
    vc_worker_frame(r->w, frame, 0);
    assert_int_equal(vc_worker_counters(r->w)->dropped_stray - before, 5);
    assert_int_equal(client_packet(c, got), 0);
    client_free(c);
    rig_free(r);
}

/* The device is removed under us: told once, and the loop does not spin. */
static void tun_removed(void **state)
{
    struct rig *r = rig_new((struct rig_options){.no_udp = true});
    struct client *c = client_on(r, false, 7);
    (void)state;
    (void)close(r->tun);
    r->tun = -1;
    for (int i = 0; i < 10; i++)
        rig_turn(r);
    assert_int_equal(count_events(r, VC_EVENT_PROCESS_NOTICE), 1);
    send_frame(c, VC_CSTP_DPD_REQ, "x", 1); /* the rest goes on */
    expect_frame(c, VC_CSTP_DPD_RESP, "x", 1);
    client_free(c);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_for_the_client),
        cmocka_unit_test(joined_for_the_kernel),
        cmocka_unit_test(wrong_source),
        cmocka_unit_test(leases_by_prefix),
        cmocka_unit_test(too_large),
        cmocka_unit_test(strays),
        cmocka_unit_test(tun_removed),
        cmocka_unit_test(too_large_by_the_train),
        cmocka_unit_test(past_the_path),
        cmocka_unit_test(past_the_path_unread),
        cmocka_unit_test(key_ends_on_the_way),
        cmocka_unit_test(martian_targets),
        cmocka_unit_test(own_ends),
        cmocka_unit_test(path_through_a_tunnel),
    };
    return cmocka_run_group_tests_name("datapath/tun_lane", tests, NULL, NULL);
}
