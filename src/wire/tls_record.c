#include "wire/tls_record.h"

#include "crypto/prf.h"
#include "crypto/wipe.h"

#include <assert.h>

#define EXPLICIT 8 /* 1.2 GCM: the part of the nonce that travels (RFC 5288) */
#define GCM_SALT 4 /* and the part that does not */
#define BATCH 32   /* records that go to the cipher in one call */
#define AAD_MAX 13

static bool is_gcm(uint8_t alg)
{
    return alg == VC_AEAD_AES_128_GCM || alg == VC_AEAD_AES_256_GCM;
}

static bool has_secret(uint8_t hash)
{
    return hash == VC_HASH_SHA256 || hash == VC_HASH_SHA384; /* the hashes of the AEAD suites */
}

static size_t explicit_len(const struct vc_tls_dir *dir)
{
    return dir->version == VC_TLS_1_2 && is_gcm(dir->alg) ? EXPLICIT : 0;
}

static size_t inner_len(const struct vc_tls_dir *dir)
{
    return dir->version == VC_TLS_1_3 ? 1 : 0;
}

static size_t iv_len(const struct vc_tls_dir *dir)
{
    return explicit_len(dir) > 0 ? GCM_SALT : VC_AEAD_NONCE;
}

size_t vc_tls_head(const struct vc_tls_dir *dir)
{
    return VC_TLS_HEADER + explicit_len(dir);
}

size_t vc_tls_overhead(const struct vc_tls_dir *dir)
{
    return vc_tls_head(dir) + inner_len(dir) + VC_AEAD_TAG;
}

static int expand(struct vc_tls_dir *dir)
{
    enum vc_hash hash = (enum vc_hash)dir->hash;
    if (vc_hkdf_expand_label(hash, dir->secret, "key", NULL, 0, dir->key, vc_aead_key_len(dir->alg)) == 0 &&
        vc_hkdf_expand_label(hash, dir->secret, "iv", NULL, 0, dir->iv, sizeof(dir->iv)) == 0)
        return 0;
    vc_tls_dir_wipe(dir);
    return -1;
}

int vc_tls_dir_13(struct vc_tls_dir *dir, enum vc_aead_alg alg, enum vc_hash hash, const uint8_t *secret, uint64_t seq)
{
    *dir = (struct vc_tls_dir){0};
    if (vc_aead_key_len(alg) == 0 || !has_secret((uint8_t)hash))
        return -1;
    dir->version = VC_TLS_1_3;
    dir->alg = (uint8_t)alg;
    dir->hash = (uint8_t)hash;
    dir->seq = seq;
    memcpy(dir->secret, secret, vc_hash_len(hash));
    return expand(dir);
}

int vc_tls_dirs_12(enum vc_aead_alg alg, enum vc_hash hash, const uint8_t *master, const uint8_t *client_random,
                   const uint8_t *server_random, struct vc_tls_dir *client, struct vc_tls_dir *server)
{
    struct vc_tls_dir dir = {.version = VC_TLS_1_2, .alg = (uint8_t)alg, .hash = (uint8_t)hash};
    uint8_t block[2 * VC_AEAD_KEY_MAX + 2 * VC_AEAD_NONCE];
    size_t key_len = vc_aead_key_len(alg), block_len = 2 * key_len + 2 * iv_len(&dir);
    *client = *server = (struct vc_tls_dir){0};
    if (key_len == 0 || !has_secret((uint8_t)hash) ||
        vc_prf(hash, master, 48, "key expansion", server_random, 32, client_random, 32, block, block_len) != 0)
        return -1;
    *client = *server = dir;
    struct vc_reader r = vc_reader_of(block, block_len);
    vc_take_copy(&r, client->key, key_len);
    vc_take_copy(&r, server->key, key_len);
    vc_take_copy(&r, client->iv, iv_len(&dir));
    vc_take_copy(&r, server->iv, iv_len(&dir));
    assert(vc_reader_done(&r));
    vc_wipe(block, sizeof(block));
    return 0;
}

int vc_tls_key_update(struct vc_tls_dir *dir)
{
    uint8_t next[VC_HASH_MAX] = {0};
    size_t len = vc_hash_len((enum vc_hash)dir->hash);
    assert(dir->version == VC_TLS_1_3);
    if (vc_hkdf_expand_label((enum vc_hash)dir->hash, dir->secret, "traffic upd", NULL, 0, next, len) != 0) {
        vc_tls_dir_wipe(dir);
        return -1;
    }
    memcpy(dir->secret, next, len);
    vc_wipe(next, sizeof(next));
    dir->seq = 0;
    return expand(dir);
}

void vc_tls_dir_wipe(struct vc_tls_dir *dir)
{
    vc_wipe(dir, sizeof(*dir));
}

/* name, alert: RFC 8446 6.2 */
static const struct {
    const char *name;
    uint8_t alert;
} faults[VC_TLS_N_FAULTS] = {
    [VC_TLS_FINE] = {"fine", 0},
    [VC_TLS_BAD_TYPE] = {"bad-type", 10},       /* unexpected_message */
    [VC_TLS_BAD_VERSION] = {"bad-version", 70}, /* protocol_version */
    [VC_TLS_TOO_LONG] = {"too-long", 22},       /* record_overflow */
    [VC_TLS_TOO_SHORT] = {"too-short", 20},     /* no tag is right that is not there: bad_record_mac */
    [VC_TLS_BAD_TAG] = {"bad-tag", 20},         /* bad_record_mac */
    [VC_TLS_NO_INNER] = {"no-inner-type", 10},  /* unexpected_message */
};

const char *vc_tls_fault_name(enum vc_tls_fault fault)
{
    return faults[fault].name;
}

uint8_t vc_tls_fault_alert(enum vc_tls_fault fault)
{
    return faults[fault].alert;
}

static enum vc_tls_fault judge(const struct vc_tls_dir *dir, uint8_t type, uint16_t version, size_t len)
{
    size_t least = explicit_len(dir) + inner_len(dir) + VC_AEAD_TAG;
    bool known =
        type == VC_TLS_DATA || (dir->version == VC_TLS_1_2 && (type == VC_TLS_ALERT || type == VC_TLS_HANDSHAKE));
    if (!known)
        return VC_TLS_BAD_TYPE;
    if (version != 0x0303)
        return VC_TLS_BAD_VERSION;
    if (len > least + VC_TLS_PLAIN_MAX)
        return VC_TLS_TOO_LONG;
    return len < least ? VC_TLS_TOO_SHORT : VC_TLS_FINE;
}

size_t vc_tls_scan(const struct vc_tls_dir *dir, uint8_t *buf, size_t len, struct vc_tls_record *recs, size_t max,
                   size_t *used, size_t *want, enum vc_tls_fault *fault)
{
    struct vc_reader r = vc_reader_of(buf, len);
    size_t n = 0;
    *used = *want = 0;
    *fault = VC_TLS_FINE;
    while (n < max && r.left >= VC_TLS_HEADER) {
        uint8_t type = vc_take_u8(&r);
        uint16_t version = vc_take_u16(&r);
        uint16_t body_len = vc_take_u16(&r);
        *fault = judge(dir, type, version, body_len);
        if (*fault != VC_TLS_FINE)
            break;
        if (r.left < body_len) {
            *want = (size_t)VC_TLS_HEADER + body_len;
            break;
        }
        (void)vc_take(&r, body_len);
        uint8_t *raw = buf + *used;
        recs[n++] = (struct vc_tls_record){.type = type,
                                           .raw = raw,
                                           .raw_len = (size_t)VC_TLS_HEADER + body_len,
                                           .body = raw + VC_TLS_HEADER,
                                           .len = body_len};
        *used += (size_t)VC_TLS_HEADER + body_len;
    }
    return n;
}

/* 1.3: the header as it travels. 1.2: seq, type, version, length of the plaintext. Returns its length. */
static size_t put_aad(const struct vc_tls_dir *dir, uint64_t seq, uint8_t type, size_t plain_len, uint8_t aad[AAD_MAX])
{
    struct vc_writer w = vc_writer_to(aad, AAD_MAX);
    if (dir->version == VC_TLS_1_2)
        vc_put_u64(&w, seq);
    vc_put_u8(&w, type);
    vc_put_u16(&w, 0x0303);
    vc_put_be(&w, dir->version == VC_TLS_1_2 ? plain_len : plain_len + VC_AEAD_TAG, 2);
    assert(!w.bad);
    return vc_written(&w);
}

/* RFC 5288: salt, then what travels. RFC 7905 and 1.3: all of the iv, the counter over its end. */
static void make_nonce(const struct vc_tls_dir *dir, uint64_t seq, const uint8_t *explicit,
                       uint8_t nonce[VC_AEAD_NONCE])
{
    memcpy(nonce, dir->iv, VC_AEAD_NONCE);
    if (explicit_len(dir) > 0) {
        memcpy(nonce + GCM_SALT, explicit, EXPLICIT);
        return;
    }
    for (int i = 0; i < 8; i++)
        nonce[VC_AEAD_NONCE - 1 - i] ^= (uint8_t)(seq >> 8 * i);
}

size_t vc_tls_seal(struct vc_tls_dir *dir, struct vc_aead *aead, struct vc_tls_record *recs, size_t n)
{
    uint64_t end = vc_key_end(dir->alg);
    size_t left = dir->seq >= end ? 0 : end - dir->seq < n ? (size_t)(end - dir->seq) : n;
    size_t head = vc_tls_head(dir), inner = inner_len(dir);
    for (size_t done = 0; done < left;) {
        struct vc_aead_op ops[BATCH];
        uint8_t aad[BATCH][AAD_MAX];
        size_t batch = left - done < BATCH ? left - done : BATCH;
        for (size_t i = 0; i < batch; i++) {
            struct vc_tls_record *rec = &recs[done + i];
            uint8_t outer = inner > 0 ? VC_TLS_DATA : rec->type;
            uint64_t seq = dir->seq++;
            size_t len = rec->len + inner; /* what is encrypted */
            assert(rec->len <= VC_TLS_PLAIN_MAX);
            rec->raw = rec->body - head;
            rec->raw_len = head + len + VC_AEAD_TAG;
            struct vc_writer w = vc_writer_to(rec->raw, head);
            vc_put_u8(&w, outer);
            vc_put_u16(&w, 0x0303);
            vc_put_be(&w, head - VC_TLS_HEADER + len + VC_AEAD_TAG, 2);
            if (head > VC_TLS_HEADER)
                vc_put_u64(&w, dir->explicit_next++);
            assert(!w.bad);
            if (inner > 0)
                rec->body[rec->len] = rec->type;
            ops[i] = (struct vc_aead_op){.aad = aad[i],
                                         .aad_len = put_aad(dir, seq, outer, len, aad[i]),
                                         .data = rec->body,
                                         .len = len,
                                         .tag = rec->body + len};
            make_nonce(dir, seq, rec->raw + VC_TLS_HEADER, ops[i].nonce);
        }
        vc_aead_seal(aead, ops, batch);
        done += batch;
    }
    return left;
}

/* 1.3: content, type, zeros. The type is the last byte that is not zero. */
static bool strip(struct vc_tls_record *rec)
{
    size_t len = rec->len;
    while (len > 0 && rec->body[len - 1] == 0)
        len--;
    if (len == 0)
        return false;
    rec->type = rec->body[len - 1];
    rec->len = len - 1;
    return rec->type >= VC_TLS_ALERT && rec->type <= VC_TLS_DATA;
}

size_t vc_tls_open(struct vc_tls_dir *dir, struct vc_aead *aead, struct vc_tls_record *recs, size_t n,
                   enum vc_tls_fault *fault)
{
    size_t extra = explicit_len(dir);
    *fault = VC_TLS_FINE;
    /* one by one: what follows a KeyUpdate would be lost if it were tried with the old key */
    for (size_t i = 0; i < n; i++) {
        struct vc_tls_record *rec = &recs[i];
        struct vc_reader r = vc_reader_of(rec->body, rec->len);
        const uint8_t *explicit = vc_take(&r, extra);
        uint8_t aad[AAD_MAX];
        if (r.bad || r.left < VC_AEAD_TAG) {
            *fault = VC_TLS_TOO_SHORT;
            return i;
        }
        size_t len = r.left - VC_AEAD_TAG;
        if (len > VC_TLS_PLAIN_MAX + inner_len(dir)) {
            *fault = VC_TLS_TOO_LONG;
            return i;
        }
        struct vc_aead_op op = {.aad = aad, .aad_len = put_aad(dir, dir->seq, rec->type, len, aad)};
        make_nonce(dir, dir->seq, explicit, op.nonce);
        rec->body += extra;
        rec->len = len;
        op.data = rec->body;
        op.len = len;
        op.tag = rec->body + len;
        if (vc_aead_open(aead, &op, 1) != 1) {
            *fault = VC_TLS_BAD_TAG;
            return i;
        }
        dir->seq++;
        if (dir->version == VC_TLS_1_3 && !strip(rec)) {
            *fault = VC_TLS_NO_INNER;
            return i;
        }
        if (rec->type != VC_TLS_DATA)
            return i + 1;
    }
    return n;
}

enum vc_key_limit vc_tls_limit(const struct vc_tls_dir *dir, size_t mtu)
{
    return vc_key_limit(dir->alg, dir->seq, mtu);
}

void vc_tls_dir_pack(const struct vc_tls_dir *dir, struct vc_writer *to)
{
    vc_put_u16(to, dir->version);
    vc_put_u8(to, dir->alg);
    vc_put_u8(to, dir->hash);
    vc_put(to, dir->key, vc_aead_key_len(dir->alg));
    vc_put(to, dir->iv, iv_len(dir));
    if (dir->version == VC_TLS_1_3)
        vc_put(to, dir->secret, vc_hash_len((enum vc_hash)dir->hash));
    vc_put_u64(to, dir->seq);
    vc_put_u64(to, dir->explicit_next);
}

void vc_tls_dir_unpack(struct vc_tls_dir *dir, struct vc_reader *from)
{
    *dir = (struct vc_tls_dir){.version = vc_take_u16(from), .alg = vc_take_u8(from), .hash = vc_take_u8(from)};
    if ((dir->version != VC_TLS_1_2 && dir->version != VC_TLS_1_3) || dir->alg == VC_AEAD_NONE ||
        dir->alg >= VC_N_AEADS || !has_secret(dir->hash)) {
        *dir = (struct vc_tls_dir){0};
        from->bad = true;
        return;
    }
    vc_take_copy(from, dir->key, vc_aead_key_len(dir->alg));
    vc_take_copy(from, dir->iv, iv_len(dir));
    if (dir->version == VC_TLS_1_3)
        vc_take_copy(from, dir->secret, vc_hash_len((enum vc_hash)dir->hash));
    dir->seq = vc_take_u64(from);
    dir->explicit_next = vc_take_u64(from);
    if (from->bad)
        vc_tls_dir_wipe(dir);
}
