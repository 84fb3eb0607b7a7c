/* The input is a byte that picks version and cipher, and a stream as it comes from the peer, cut anywhere. Records lie
 * inside the buffer, one behind the other; what cannot be opened ends it. Then the bytes are sealed and must come back.
 */
#include "wire/tls_record.h"

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

static size_t scan(const struct vc_tls_dir *dir, uint8_t *buf, size_t len, struct vc_tls_record *recs, size_t max,
                   size_t *used, enum vc_tls_fault *fault)
{
    size_t want, n = vc_tls_scan(dir, buf, len, recs, max, used, &want, fault);
    uint8_t *at = buf;
    for (size_t i = 0; i < n; i++) {
        assert(recs[i].raw == at && recs[i].raw_len <= VC_TLS_RECORD_MAX);
        assert(recs[i].body == at + VC_TLS_HEADER && recs[i].len + VC_TLS_HEADER == recs[i].raw_len);
        at += recs[i].raw_len;
    }
    assert(at == buf + *used && *used <= len);
    assert(want == 0 || (want > len - *used && *fault == VC_TLS_FINE && want <= VC_TLS_RECORD_MAX));
    assert(n == max || want > 0 || len - *used < VC_TLS_HEADER || *fault != VC_TLS_FINE);
    return n;
}

static void round_trip(struct vc_tls_dir dir, struct vc_aead *aead, uint8_t type, const uint8_t *payload, size_t len)
{
    if (len > VC_TLS_PLAIN_MAX)
        return;
    size_t head = vc_tls_head(&dir), used;
    uint8_t *buf = malloc(len + vc_tls_overhead(&dir));
    assert(buf);
    memcpy(buf + head, payload, len);
    struct vc_tls_record rec = {.type = type, .body = buf + head, .len = len};
    struct vc_tls_dir in = dir;
    enum vc_tls_fault fault;
    assert(vc_tls_seal(&dir, aead, &rec, 1) == 1);
    assert(rec.raw == buf && rec.raw_len == len + vc_tls_overhead(&in));
    assert(scan(&in, buf, rec.raw_len, &rec, 1, &used, &fault) == 1 && used == len + vc_tls_overhead(&in));
    assert(vc_tls_open(&in, aead, &rec, 1, &fault) == 1 && fault == VC_TLS_FINE);
    assert(rec.type == type && rec.len == len && (len == 0 || memcmp(rec.body, payload, len) == 0));
    assert(in.seq == dir.seq);
    free(buf);
}

/* Keys of every way they are made, from secrets of the input. */
static void derived(uint8_t alg, const uint8_t *secret, const uint8_t *payload, size_t len)
{
    struct vc_tls_dir dirs[3];
    enum vc_hash hash = alg == VC_AEAD_AES_256_GCM ? VC_HASH_SHA384 : VC_HASH_SHA256;
    assert(vc_tls_dir_13(&dirs[0], (enum vc_aead_alg)alg, hash, secret, 0) == 0);
    assert(vc_tls_key_update(&dirs[0]) == 0);
    assert(vc_tls_dirs_12((enum vc_aead_alg)alg, hash, secret, secret, secret + 16, &dirs[1], &dirs[2]) == 0);
    for (size_t i = 0; i < 3; i++) {
        struct vc_aead *aead = vc_aead_new((enum vc_aead_alg)alg, dirs[i].key, VC_AEAD_AUTO);
        assert(aead && vc_tls_limit(&dirs[i], len) == VC_KEY_GOOD);
        round_trip(dirs[i], aead, VC_TLS_DATA, payload, len);
        vc_aead_free(aead);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX = 32 };
    struct vc_reader r = vc_reader_of(data, size);
    uint8_t pick = vc_take_u8(&r);
    struct vc_tls_dir dir = {.version = pick & 1 ? VC_TLS_1_3 : VC_TLS_1_2,
                             .alg = (uint8_t)(1 + pick / 2 % (VC_N_AEADS - 1)),
                             .hash = VC_HASH_SHA256};
    if (r.bad)
        return 0;
    uint8_t *buf = malloc(r.left + 1);
    assert(buf);
    if (r.left > 0)
        memcpy(buf, r.at, r.left);
    struct vc_tls_record recs[MAX], part[MAX];
    enum vc_tls_fault fault, part_fault;
    size_t used, part_used, n = scan(&dir, buf, r.left, recs, MAX, &used, &fault);
    for (size_t cut = 0; cut < r.left && cut < 64; cut++) { /* what arrived so far gives a prefix of the same records */
        size_t m = scan(&dir, buf, cut, part, MAX, &part_used, &part_fault);
        assert(m <= n && part_used <= used);
        for (size_t i = 0; i < m; i++)
            assert(part[i].raw == recs[i].raw && part[i].raw_len == recs[i].raw_len && part[i].type == recs[i].type);
        assert(part_fault == VC_TLS_FINE || (part_fault == fault && part_used == used));
    }
    size_t done = 0;
    fault = VC_TLS_FINE;
    while (done < n && fault == VC_TLS_FINE) {
        size_t m = vc_tls_open(&dir, key_of(dir.alg), recs + done, n - done, &fault);
        assert(m > 0 || fault != VC_TLS_FINE);
        for (size_t i = done; i < done + m; i++) {
            assert(recs[i].len <= VC_TLS_PLAIN_MAX);
            assert(recs[i].body >= recs[i].raw && recs[i].body + recs[i].len <= recs[i].raw + recs[i].raw_len);
            assert(recs[i].type >= VC_TLS_ALERT && recs[i].type <= VC_TLS_DATA);
            assert(i + 1 == done + m || recs[i].type == VC_TLS_DATA);
        }
        done += m;
    }
    assert(dir.seq == done + (fault == VC_TLS_NO_INNER));
    assert((fault == VC_TLS_FINE) == (vc_tls_fault_alert(fault) == 0) && vc_tls_fault_name(fault)[0] != 0);
    free(buf);
    dir.seq = size;
    dir.explicit_next = UINT64_MAX;
    round_trip(dir, key_of(dir.alg), (uint8_t)(VC_TLS_ALERT + pick / 16 % 3), r.at, r.left);
    if (r.left >= 48)
        derived(dir.alg, r.at, r.at, r.left);

    struct vc_tls_dir back; /* the same bytes as a packed direction */
    r = vc_reader_of(data, size);
    vc_tls_dir_unpack(&back, &r);
    if (!r.bad) {
        uint8_t again[sizeof(back)];
        struct vc_writer w = vc_writer_to(again, sizeof(again));
        vc_tls_dir_pack(&back, &w);
        assert(!w.bad && vc_written(&w) == size - r.left && memcmp(again, data, vc_written(&w)) == 0);
    }
    return 0;
}
