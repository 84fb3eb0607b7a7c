/* A script of datagrams and time against the gateway's machine, whose secrets and randoms are those of the test
 * vectors. Whatever comes: views lie inside the datagram, nothing is answered to a hello with more bytes than it had
 * before its address is known, no record number of ours is used twice under one key, and an ended machine stays silent.
 *
 * Input: mode(1) suite(2), then steps: length(2), and that many bytes; or 8000 | n: n * 100 ms pass. */
#include "proto/dtls_gateway.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void inside(const uint8_t *from, size_t len, struct vc_dtls_view v)
{
    check(v.len == 0 || (v.at >= from && v.len <= len && (size_t)(v.at - from) <= len - v.len));
}

/** Right is the cookie that we give for this address, and no other. */
static void cookies(const uint8_t *key, const struct vc_endpoint *from, const struct vc_dtls_peek *p)
{
    struct vc_endpoint other = *from;
    struct vc_dtls_peek with = *p;
    uint8_t verify[VC_DTLS_HELLO_VERIFY_LEN];
    size_t len = vc_dtls_hello_verify(key, from, p, verify);
    check(len <= p->len);
    if (len == 0)
        return;
    with.hello.cookie = (struct vc_dtls_view){verify + len - VC_DTLS_COOKIE, VC_DTLS_COOKIE};
    other.port++;
    check(vc_dtls_cookie_right(key, from, &with) && !vc_dtls_cookie_right(key, &other, &with));
    verify[len - 1] ^= 1;
    check(!vc_dtls_cookie_right(key, from, &with));
}

/** Our records of this machine: epoch 1 counts up. */
static void ours(const struct vc_dtls_out *out, uint64_t *next)
{
    uint8_t copy[VC_DTLS_FLIGHT_MAX];
    struct vc_dtls_record rec;
    check(out->len <= sizeof(copy));
    memcpy(copy, out->datagram, out->len);
    struct vc_dtls_walk walk = vc_dtls_walk_of(copy, out->len);
    while (vc_dtls_next(&walk, &rec)) {
        check(rec.seq >= next[rec.epoch]);
        next[rec.epoch] = rec.seq + 1;
    }
    check(walk.left == 0 && walk.skipped == 0);
}

/** A handshake that is over: its keys live. */
struct live {
    struct vc_dtls_done done;
    uint64_t next[2];
};

/** A datagram for the live keys: only the client's Finished brings our last flight once more. */
static void late(struct live *l, uint8_t *datagram, size_t len)
{
    struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
    struct vc_dtls_record rec;
    struct vc_dtls_out out = {0};
    while (vc_dtls_next(&walk, &rec)) {
        if (rec.epoch != 1 || !vc_dtls_open_one(&l->done.recv, &l->done.window, &rec))
            continue;
        struct vc_aead *aead = vc_aead_new(l->done.send.alg, l->done.send.key, VC_AEAD_AUTO);
        check(aead != NULL);
        struct vc_reader r = vc_reader_of(rec.body, rec.len);
        struct vc_dtls_message m;
        bool finished = vc_dtls_message_read(&r, &m) == VC_DTLS_READ_OK && m.type == VC_DTLS_FINISHED;
        vc_dtls_late_answer(&l->done.late, &l->done.send, aead, rec.body, rec.len, &out);
        vc_aead_free(aead);
        check((out.len > 0) == (l->done.late.last && finished && m.seq == l->done.late.peer_finished_seq));
        ours(&out, l->next);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[VC_DTLS_COOKIE_KEY] = {1};
    static const struct vc_endpoint from = {.ip = {.family = VC_FAMILY_V4, .bytes = {192, 0, 2, 1}}, .port = 4000};
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t mode = vc_take_u8(&r), random[VC_DTLS_RANDOM], fresh[32];
    struct vc_dtls_terms t = {.suite = vc_take_u16(&r), .id_len = 32};
    struct vc_dtls_gateway g = {0};
    uint64_t now_ns = 0, next[2] = {0};
    struct live l = {0};
    t.mode = mode & 8 ? VC_DTLS_MODE_NONE : mode & 1 ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME;
    for (unsigned i = 0; i < VC_DTLS_MASTER; i++)
        t.secret[i] = (uint8_t)i;
    for (unsigned i = 0; i < 32; i++) {
        random[i] = (uint8_t)(0x80 + i);
        t.id[i] = (uint8_t)(0xa0 + i);
        fresh[i] = (uint8_t)(0xe0 + i);
    }
    while (r.left >= 2) {
        struct vc_dtls_out out = {0};
        struct vc_dtls_done done;
        struct vc_dtls_peek p;
        struct vc_fail fail = {0};
        uint16_t what = vc_take_u16(&r);
        bool pending = g.state != VC_DTLS_GATEWAY_IDLE;
        int step = VC_DTLS_STEP_OTHER;
        if (what & 0x8000) {
            now_ns += (what & 0x7fff) * (uint64_t)100000000;
            step = vc_dtls_gateway_tick(&g, now_ns, &out, &fail);
            check(pending || (step == VC_DTLS_STEP_MORE && out.len == 0));
            ours(&out, next);
            continue;
        }
        size_t len = what < r.left ? what : r.left;
        const uint8_t *bytes = vc_take(&r, len);
        uint8_t *datagram = malloc(len ? len : 1);
        check(datagram != NULL);
        memcpy(datagram, bytes, len);
        if (pending) {
            step = vc_dtls_gateway_datagram(&g, datagram, len, &out, &done, &fail);
            check(out.used <= len);
            ours(&out, next);
            check(step >= 0 || fail.cause != VC_CAUSE_NONE);
            check((g.state == VC_DTLS_GATEWAY_IDLE) == (step < 0 || step == VC_DTLS_STEP_COMPLETE));
            if (step == VC_DTLS_STEP_COMPLETE) {
                check(done.recv.seq > 0 && done.send.seq == next[1] && done.mode == t.mode);
                l = (struct live){.done = done, .next = {next[0], next[1]}};
                vc_dtls_done_wipe(&done);
            }
            memcpy(datagram, bytes, len);
        }
        if (step == VC_DTLS_STEP_OTHER && vc_dtls_peek(datagram, len, &p) == VC_DTLS_KIND_HELLO) {
            check(p.id.len > 0 && p.len == len);
            inside(datagram, len, p.id);
            inside(datagram, len, p.hello.suites);
            cookies(key, &from, &p);
            if (!(mode & 2) || p.hello.cookie.len > 0) {
                next[0] = next[1] = 0;
                step = vc_dtls_gateway_start(&g, &t, &p, random, (struct vc_dtls_view){fresh, mode & 4 ? 32 : 0},
                                             now_ns, &out, &fail);
                ours(&out, next);
                check((g.state == VC_DTLS_GATEWAY_IDLE) == (step < 0) && out.alert <= (step < 0));
            }
        }
        if (!pending && l.done.mode != VC_DTLS_MODE_NONE)
            late(&l, datagram, len);
        free(datagram);
    }
    vc_dtls_terms_wipe(&t);
    check(t.suite == 0 && t.secret[1] == 0 && t.id[0] == 0);
    return 0;
}
