/* The input is a cipher byte and a datagram, as a stranger sends it. Every record lies inside the datagram; what an
 * engine with keys makes of it is never OPENED, never moves the window, and leaves no ciphertext behind that it tried.
 * Then the datagram's bytes are sealed as payloads, and must come back. */
#include "wire/dtls_record.h"

#include <assert.h>
#include <stdlib.h>

static struct vc_aead *key_of(uint8_t alg)
{
    static struct vc_aead *aeads[VC_N_AEADS]; /* of an all-zero key; reachable until the end */
    static const uint8_t key[VC_AEAD_KEY_MAX];
    if (!aeads[alg])
        aeads[alg] = vc_aead_new((enum vc_aead_alg)alg, key, VC_AEAD_AUTO);
    assert(aeads[alg]);
    return aeads[alg];
}

static void round_trip(struct vc_dtls_dir dir, struct vc_aead *aead, const uint8_t *payload, size_t len)
{
    size_t head = vc_dtls_head(dir.alg);
    if (len > VC_DTLS_PLAIN_MAX)
        return;
    uint8_t *buf = malloc(len + vc_dtls_overhead(dir.alg));
    assert(buf);
    memcpy(buf + head, payload, len);
    struct vc_dtls_record rec = {.type = VC_DTLS_DATA, .body = buf + head, .len = len};
    struct vc_dtls_dir in = dir;
    struct vc_replay window = {0};
    assert(vc_dtls_seal(&dir, aead, &rec, 1) == 1);
    assert(rec.raw == buf && rec.raw_len == len + vc_dtls_overhead(dir.alg));
    struct vc_dtls_walk walk = vc_dtls_walk_of(buf, rec.raw_len);
    assert(vc_dtls_next(&walk, &rec) && walk.left == 0);
    assert(vc_dtls_open(&in, aead, &window, &rec, 1) == 1 && rec.state == VC_DTLS_OPENED);
    assert(rec.len == len && (len == 0 || memcmp(rec.body, payload, len) == 0));
    assert(vc_dtls_open(&in, aead, &window, &rec, 1) == 0); /* never twice */
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 64 };
    struct vc_reader r = vc_reader_of(data, size);
    struct vc_dtls_dir dir = {.alg = (uint8_t)(1 + vc_take_u8(&r) % (VC_N_AEADS - 1)), .epoch = 1};
    if (r.bad)
        return 0;
    uint8_t *datagram = malloc(r.left + 1), *end = datagram + r.left;
    assert(datagram);
    if (r.left > 0)
        memcpy(datagram, r.at, r.left);
    struct vc_dtls_record recs[MAX];
    struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, r.left);
    size_t n = 0;
    uint8_t *at = datagram;
    while (n < MAX && vc_dtls_next(&walk, &recs[n])) {
        struct vc_dtls_record *rec = &recs[n++];
        assert(rec->raw >= at && rec->raw + rec->raw_len <= end);
        assert(rec->body == rec->raw + VC_DTLS_HEADER && rec->body + rec->len == rec->raw + rec->raw_len);
        assert(rec->seq < VC_DTLS_SEQ_END && rec->epoch <= 1);
        at = rec->raw + rec->raw_len;
        if (rec->epoch == 0 && rec->len <= VC_DTLS_PLAIN_MAX) { /* prints as it was read */
            uint8_t again[VC_DTLS_HEADER + VC_DTLS_PLAIN_MAX];
            struct vc_writer w = vc_writer_to(again, sizeof(again));
            vc_dtls_put_plain(&w, rec->type, rec->version, rec->seq, rec->body, rec->len);
            assert(!w.bad && vc_written(&w) == rec->raw_len && memcmp(again, rec->raw, rec->raw_len) == 0);
        }
    }
    assert(n == MAX || walk.left == 0);
    /* an attacker may know the all-zero key of this target: only then is a record authentic */
    struct vc_replay window = {0};
    size_t opened = vc_dtls_open(&dir, key_of(dir.alg), &window, recs, n), count = 0, forged = 0;
    for (size_t i = 0; i < n; i++) {
        count += recs[i].state == VC_DTLS_OPENED;
        forged += recs[i].state == VC_DTLS_FORGED;
        assert(recs[i].state != VC_DTLS_CLOSED);
        for (size_t k = 0; recs[i].state == VC_DTLS_FORGED && k < recs[i].len; k++)
            assert(recs[i].body[k] == 0);
    }
    assert(count == opened && dir.failed == forged && dir.seq == window.next && (opened > 0) == (window.next > 0));
    free(datagram);
    round_trip((struct vc_dtls_dir){.alg = dir.alg, .epoch = 1, .seq = size}, key_of(dir.alg), r.at, r.left);
    if (r.left >= 48) { /* keys from secrets of the input */
        struct vc_dtls_dir client, server;
        assert(vc_dtls_derive((enum vc_aead_alg)dir.alg, VC_HASH_SHA384, r.at, r.at, r.at + 16, &client, &server) == 0);
        struct vc_aead *aead = vc_aead_new((enum vc_aead_alg)client.alg, client.key, VC_AEAD_AUTO);
        assert(aead && vc_dtls_limit(&client, size) == VC_KEY_GOOD);
        round_trip(client, aead, r.at, r.left);
        vc_aead_free(aead);
    }

    struct vc_dtls_dir back; /* the same bytes as a packed direction */
    r = vc_reader_of(data, size);
    vc_dtls_dir_unpack(&back, &r);
    if (!r.bad) {
        uint8_t again[sizeof(back)];
        struct vc_writer w = vc_writer_to(again, sizeof(again));
        vc_dtls_dir_pack(&back, &w);
        assert(!w.bad && vc_written(&w) == size - r.left && memcmp(again, data, vc_written(&w)) == 0);
    }
    return 0;
}
