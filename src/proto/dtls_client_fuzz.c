/* A script of datagrams and time against the client's machine, whose secrets and randoms are those of the test vectors.
 * Whatever comes: no record number of ours is used twice under one key, and an ended machine stays silent.
 *
 * Input: mode(1) suite(2), then steps: length(2), and that many bytes; or 8000 | n: n * 100 ms pass. */
#include "proto/dtls_client.h"

#include <stdlib.h>

static void check(bool ok)
{
    if (!ok)
        abort();
}

/** Our records: both epochs count up. */
static void ours(const struct vc_dtls_out *out, uint64_t *next)
{
    uint8_t copy[VC_DTLS_FLIGHT_MAX];
    struct vc_dtls_record rec;
    check(out->len <= sizeof(copy));
    memcpy(copy, out->datagram, out->len);
    struct vc_dtls_walk walk = vc_dtls_walk_of(copy, out->len);
    while (vc_dtls_next(&walk, &rec)) {
        check(rec.seq == next[rec.epoch]);
        next[rec.epoch] = rec.seq + 1;
    }
    check(walk.left == 0 && walk.skipped == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t mode = vc_take_u8(&r), random[VC_DTLS_RANDOM];
    struct vc_dtls_terms t = {.suite = vc_take_u16(&r), .id_len = 32};
    struct vc_dtls_client c = {0};
    struct vc_dtls_done done;
    struct vc_dtls_out out = {0};
    struct vc_fail fail = {0};
    uint64_t now_ns = 0, next[2] = {0};
    bool complete = false;
    t.mode = mode & 1 ? VC_DTLS_MODE_PSK : VC_DTLS_MODE_RESUME;
    t.aead = mode >> 1 & 3;
    for (unsigned i = 0; i < VC_DTLS_MASTER; i++)
        t.secret[i] = (uint8_t)i;
    for (unsigned i = 0; i < 32; i++) {
        random[i] = (uint8_t)(0x40 + i);
        t.id[i] = (uint8_t)(0xa0 + i);
    }
    int step = vc_dtls_client_start(&c, &t, random, mode & 8 ? VC_DTLS_TRIES_QUIET : VC_DTLS_TRIES, 0, &out, &fail);
    check((step < 0) == (c.state == VC_DTLS_CLIENT_IDLE));
    ours(&out, next);
    while (r.left >= 2) {
        bool pending = c.state != VC_DTLS_CLIENT_IDLE;
        uint16_t what = vc_take_u16(&r);
        if (what & 0x8000) {
            now_ns += (what & 0x7fff) * (uint64_t)100000000;
            step = vc_dtls_client_tick(&c, now_ns, &out, &fail);
        } else {
            size_t len = what < r.left ? what : r.left;
            const uint8_t *bytes = vc_take(&r, len);
            uint8_t *datagram = malloc(len ? len : 1);
            struct vc_dtls_record rec;
            check(datagram != NULL);
            memcpy(datagram, bytes, len);
            step = vc_dtls_client_datagram(&c, datagram, len, now_ns, &out, &done, &fail);
            check(out.used <= len && step != VC_DTLS_STEP_OTHER);
            memcpy(datagram, bytes, len);
            struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
            if (complete && vc_dtls_next(&walk, &rec) && vc_dtls_open_one(&done.recv, &done.window, &rec)) {
                struct vc_aead *aead = vc_aead_new(done.send.alg, done.send.key, VC_AEAD_AUTO);
                vc_dtls_late_answer(&done.late, &done.send, aead, rec.body, rec.len, &out);
                vc_aead_free(aead);
                pending = true;
            }
            free(datagram);
        }
        check(pending || (step == VC_DTLS_STEP_MORE && out.len == 0));
        ours(&out, next);
        if (step == VC_DTLS_STEP_COMPLETE) {
            check(done.recv.seq > 0 && done.send.seq == next[1] && done.mode == t.mode);
            complete = true;
        }
        check(complete || (c.state == VC_DTLS_CLIENT_IDLE) == (step < 0) || !pending);
    }
    return 0;
}
