#include "wire/dtls_record.h"

#include "crypto/prf.h"
#include "crypto/wipe.h"

#include <assert.h>

#define EXPLICIT 8 /* GCM: the part of the nonce that travels (RFC 5288) */
#define GCM_SALT 4 /* and the part that does not */
#define BATCH 32   /* records that go to the cipher in one call */
#define FAILED_RENEW ((uint64_t)1 << 35)
#define FAILED_SPENT ((uint64_t)1 << 36)

static bool is_gcm(uint8_t alg)
{
    return alg == VC_AEAD_AES_128_GCM || alg == VC_AEAD_AES_256_GCM;
}

static size_t explicit_len(uint8_t alg)
{
    return is_gcm(alg) ? EXPLICIT : 0;
}

size_t vc_dtls_head(enum vc_aead_alg alg)
{
    return VC_DTLS_HEADER + explicit_len((uint8_t)alg);
}

size_t vc_dtls_overhead(enum vc_aead_alg alg)
{
    return vc_dtls_head(alg) + (alg == VC_AEAD_NONE ? 0 : VC_AEAD_TAG);
}

bool vc_dtls_next(struct vc_dtls_walk *w, struct vc_dtls_record *out)
{
    while (w->left > 0) {
        uint8_t *raw = w->at;
        struct vc_reader r = vc_reader_of(raw, w->left);
        *out = (struct vc_dtls_record){.raw = raw};
        out->type = vc_take_u8(&r);
        out->version = vc_take_u16(&r);
        out->epoch = vc_take_u16(&r);
        out->seq = vc_take_u48(&r);
        out->len = vc_take_u16(&r);
        (void)vc_take(&r, out->len);
        if (r.bad) { /* where the next one begins cannot be known */
            w->left = 0;
            w->skipped++;
            break;
        }
        out->raw_len = VC_DTLS_HEADER + out->len;
        out->body = raw + VC_DTLS_HEADER;
        w->at = raw + out->raw_len;
        w->left = r.left;
        bool version = out->version == VC_DTLS_1_2 || (out->epoch == 0 && out->version == VC_DTLS_1_0);
        if (version && out->type >= VC_DTLS_CCS && out->type <= VC_DTLS_DATA && out->epoch <= 1 &&
            out->len <= VC_DTLS_FRAGMENT_MAX)
            return true;
        w->skipped++;
    }
    *out = (struct vc_dtls_record){0};
    return false;
}

static void put_header(struct vc_writer *w, uint8_t type, uint16_t version, uint16_t epoch, uint64_t seq, size_t len)
{
    vc_put_u8(w, type);
    vc_put_u16(w, version);
    vc_put_u16(w, epoch);
    vc_put_u48(w, seq);
    vc_put_be(w, len, 2);
}

void vc_dtls_put_plain(struct vc_writer *w, uint8_t type, uint16_t version, uint64_t seq, const void *fragment,
                       size_t len)
{
    if (len > VC_DTLS_PLAIN_MAX)
        w->bad = true;
    put_header(w, type, version, 0, seq, len);
    vc_put(w, fragment, len);
}

int vc_dtls_derive(enum vc_aead_alg alg, enum vc_hash hash, const uint8_t *master, const uint8_t *client_random,
                   const uint8_t *server_random, struct vc_dtls_dir *client, struct vc_dtls_dir *server)
{
    uint8_t block[2 * VC_AEAD_KEY_MAX + 2 * VC_AEAD_NONCE];
    size_t key_len = vc_aead_key_len(alg), iv_len = is_gcm((uint8_t)alg) ? GCM_SALT : VC_AEAD_NONCE;
    size_t block_len = 2 * key_len + 2 * iv_len;
    *client = *server = (struct vc_dtls_dir){0};
    if (key_len == 0 ||
        vc_prf(hash, master, 48, "key expansion", server_random, 32, client_random, 32, block, block_len) != 0)
        return -1;
    client->alg = server->alg = (uint8_t)alg;
    client->epoch = server->epoch = 1;
    struct vc_reader r = vc_reader_of(block, block_len);
    vc_take_copy(&r, client->key, key_len);
    vc_take_copy(&r, server->key, key_len);
    vc_take_copy(&r, client->iv, iv_len);
    vc_take_copy(&r, server->iv, iv_len);
    assert(vc_reader_done(&r));
    vc_wipe(block, sizeof(block));
    return 0;
}

void vc_dtls_dir_wipe(struct vc_dtls_dir *dir)
{
    vc_wipe(dir, sizeof(*dir));
}

static uint64_t epoch_seq(const struct vc_dtls_dir *dir, uint64_t seq)
{
    return (uint64_t)dir->epoch << 48 | seq;
}

/* The additional data of RFC 5246 6.2.3.3, with epoch and seq in place of TLS's counter; 13 bytes. */
static void put_aad(uint8_t aad[VC_DTLS_HEADER], uint64_t at, uint8_t type, size_t len)
{
    struct vc_writer w = vc_writer_to(aad, VC_DTLS_HEADER);
    vc_put_u64(&w, at);
    vc_put_u8(&w, type);
    vc_put_u16(&w, VC_DTLS_1_2);
    vc_put_be(&w, len, 2);
    assert(!w.bad);
}

/* RFC 5288: salt, then what travels. RFC 7905: all of the iv, the counter over its end. */
static void make_nonce(const struct vc_dtls_dir *dir, uint64_t at, const uint8_t *explicit,
                       uint8_t nonce[VC_AEAD_NONCE])
{
    memcpy(nonce, dir->iv, VC_AEAD_NONCE);
    if (is_gcm(dir->alg)) {
        memcpy(nonce + GCM_SALT, explicit, EXPLICIT);
        return;
    }
    for (int i = 0; i < 8; i++)
        nonce[VC_AEAD_NONCE - 1 - i] ^= (uint8_t)(at >> 8 * i);
}

size_t vc_dtls_seal(struct vc_dtls_dir *dir, struct vc_aead *aead, struct vc_dtls_record *recs, size_t n)
{
    uint64_t end = vc_key_end(dir->alg);
    size_t left = dir->seq < end && end - dir->seq < n ? (size_t)(end - dir->seq) : dir->seq < end ? n : 0;
    size_t head = vc_dtls_head(dir->alg), extra = head - VC_DTLS_HEADER;
    for (size_t done = 0; done < left;) {
        struct vc_aead_op ops[BATCH];
        uint8_t aad[BATCH][VC_DTLS_HEADER];
        size_t batch = left - done < BATCH ? left - done : BATCH;
        for (size_t i = 0; i < batch; i++) {
            struct vc_dtls_record *rec = &recs[done + i];
            uint64_t at = epoch_seq(dir, dir->seq);
            assert(rec->len <= VC_DTLS_PLAIN_MAX);
            rec->version = VC_DTLS_1_2;
            rec->epoch = dir->epoch;
            rec->seq = dir->seq++;
            rec->raw = rec->body - head;
            rec->raw_len = head + rec->len + VC_AEAD_TAG;
            struct vc_writer w = vc_writer_to(rec->raw, head);
            put_header(&w, rec->type, rec->version, rec->epoch, rec->seq, extra + rec->len + VC_AEAD_TAG);
            if (extra > 0)
                vc_put_u64(&w, at);
            assert(!w.bad);
            ops[i] = (struct vc_aead_op){.aad = aad[i],
                                         .aad_len = VC_DTLS_HEADER,
                                         .data = rec->body,
                                         .len = rec->len,
                                         .tag = rec->body + rec->len};
            make_nonce(dir, at, rec->raw + VC_DTLS_HEADER, ops[i].nonce);
            put_aad(aad[i], at, rec->type, rec->len);
        }
        vc_aead_seal(aead, ops, batch);
        done += batch;
    }
    return left;
}

size_t vc_dtls_open(struct vc_dtls_dir *dir, struct vc_aead *aead, struct vc_replay *window,
                    struct vc_dtls_record *recs, size_t n)
{
    size_t extra = explicit_len(dir->alg), opened = 0;
    for (size_t done = 0; done < n;) {
        struct vc_aead_op ops[BATCH];
        struct vc_dtls_record *of[BATCH]; /* which record an op belongs to */
        uint8_t aad[BATCH][VC_DTLS_HEADER];
        size_t batch = 0;
        for (; done < n && batch < BATCH; done++) {
            struct vc_dtls_record *rec = &recs[done];
            struct vc_reader r = vc_reader_of(rec->body, rec->len);
            const uint8_t *explicit = vc_take(&r, extra);
            size_t len = r.left - VC_AEAD_TAG;
            rec->state = VC_DTLS_MISFIT;
            if (rec->epoch != dir->epoch || rec->version != VC_DTLS_1_2 || r.bad || r.left < VC_AEAD_TAG ||
                len > VC_DTLS_PLAIN_MAX)
                continue;
            rec->state = VC_DTLS_REPLAYED;
            if (!vc_replay_fresh(window, rec->seq))
                continue;
            uint64_t at = epoch_seq(dir, rec->seq);
            make_nonce(dir, at, explicit, ops[batch].nonce);
            put_aad(aad[batch], at, rec->type, len);
            rec->body += extra;
            rec->len = len;
            ops[batch].aad = aad[batch];
            ops[batch].aad_len = VC_DTLS_HEADER;
            ops[batch].data = rec->body;
            ops[batch].len = len;
            ops[batch].tag = rec->body + len;
            of[batch++] = rec;
        }
        (void)vc_aead_open(aead, ops, batch);
        for (size_t i = 0; i < batch; i++) {
            if (!ops[i].ok) {
                of[i]->state = VC_DTLS_FORGED;
                dir->failed++;
            } else if (vc_replay_mark(window, of[i]->seq)) { /* else its twin came earlier in this train */
                of[i]->state = VC_DTLS_OPENED;
                opened++;
                if (of[i]->seq >= dir->seq)
                    dir->seq = of[i]->seq + 1;
            }
        }
    }
    return opened;
}

enum vc_key_limit vc_dtls_limit(const struct vc_dtls_dir *dir, size_t mtu)
{
    enum vc_key_limit by_records = vc_key_limit(dir->alg, dir->seq, mtu);
    enum vc_key_limit by_failures = dir->failed >= FAILED_SPENT   ? VC_KEY_SPENT
                                    : dir->failed >= FAILED_RENEW ? VC_KEY_RENEW
                                                                  : VC_KEY_GOOD;
    return by_records > by_failures ? by_records : by_failures;
}

void vc_dtls_dir_pack(const struct vc_dtls_dir *dir, struct vc_writer *to)
{
    vc_put_u8(to, dir->alg);
    vc_put(to, dir->key, vc_aead_key_len(dir->alg));
    vc_put(to, dir->iv, is_gcm(dir->alg) ? GCM_SALT : VC_AEAD_NONCE);
    vc_put_u16(to, dir->epoch);
    vc_put_u64(to, dir->seq);
    vc_put_u64(to, dir->failed);
}

void vc_dtls_dir_unpack(struct vc_dtls_dir *dir, struct vc_reader *from)
{
    *dir = (struct vc_dtls_dir){.alg = vc_take_u8(from)};
    if (dir->alg == VC_AEAD_NONE || dir->alg >= VC_N_AEADS) {
        from->bad = true;
        dir->alg = VC_AEAD_NONE;
        return;
    }
    vc_take_copy(from, dir->key, vc_aead_key_len(dir->alg));
    vc_take_copy(from, dir->iv, is_gcm(dir->alg) ? GCM_SALT : VC_AEAD_NONCE);
    dir->epoch = vc_take_u16(from);
    dir->seq = vc_take_u64(from);
    dir->failed = vc_take_u64(from);
    if (dir->epoch != 1 || dir->seq > VC_DTLS_SEQ_END)
        from->bad = true;
    if (from->bad)
        vc_dtls_dir_wipe(dir);
}
