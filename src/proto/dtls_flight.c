#include "proto/dtls_flight.h"
#include "crypto/prf.h"
#include "crypto/wipe.h"

#include <assert.h>

void vc_dtls_terms_wipe(struct vc_dtls_terms *t)
{
    vc_wipe(t, sizeof(*t));
}

void vc_dtls_done_wipe(struct vc_dtls_done *d)
{
    vc_wipe(d, sizeof(*d));
}

void vc_dtls_hold(struct vc_dtls_held *h, const struct vc_dtls_record *rec)
{
    if (rec->raw_len > VC_DTLS_HELD_MAX)
        return; /* no Finished of any suite is that long */
    memcpy(h->bytes, rec->raw, rec->raw_len);
    h->len = (uint8_t)rec->raw_len;
}

bool vc_dtls_unhold(struct vc_dtls_held *h, uint8_t to[VC_DTLS_HELD_MAX], struct vc_dtls_record *rec)
{
    struct vc_dtls_walk walk = vc_dtls_walk_of(to, h->len);
    memcpy(to, h->bytes, h->len);
    h->len = 0;
    return vc_dtls_next(&walk, rec);
}

int vc_dtls_verify_data(enum vc_hash hash, const uint8_t *master, bool client, const struct vc_piece *messages,
                        size_t n, uint8_t out[VC_DTLS_VERIFY_DATA])
{
    uint8_t digest[VC_HASH_MAX];
    if (vc_hash(hash, messages, n, digest) != 0)
        return -1;
    return vc_prf(hash, master, VC_DTLS_MASTER, client ? "client finished" : "server finished", digest,
                  vc_hash_len(hash), NULL, 0, out, VC_DTLS_VERIFY_DATA);
}

int vc_dtls_psk_master(enum vc_hash hash, const uint8_t *psk, bool ems, const uint8_t *client_random,
                       const uint8_t *server_random, const struct vc_piece *messages, size_t n,
                       uint8_t master[VC_DTLS_MASTER])
{
    uint8_t pre[2 + VC_DTLS_PSK_LEN + 2 + VC_DTLS_PSK_LEN];
    uint8_t digest[VC_HASH_MAX];
    struct vc_writer w = vc_writer_to(pre, sizeof(pre));
    int r;
    vc_put_u16(&w, VC_DTLS_PSK_LEN);
    memset(vc_put_space(&w, VC_DTLS_PSK_LEN), 0, VC_DTLS_PSK_LEN);
    vc_put_u16(&w, VC_DTLS_PSK_LEN);
    vc_put(&w, psk, VC_DTLS_PSK_LEN);
    if (!ems)
        r = vc_prf(hash, pre, sizeof(pre), "master secret", client_random, VC_DTLS_RANDOM, server_random,
                   VC_DTLS_RANDOM, master, VC_DTLS_MASTER);
    else if ((r = vc_hash(hash, messages, n, digest)) == 0)
        r = vc_prf(hash, pre, sizeof(pre), "extended master secret", digest, vc_hash_len(hash), NULL, 0, master,
                   VC_DTLS_MASTER);
    vc_wipe(pre, sizeof(pre));
    return r;
}

void vc_dtls_finished_message(uint16_t seq, const uint8_t *verify_data, uint8_t out[VC_DTLS_FINISHED_LEN])
{
    struct vc_writer w = vc_writer_to(out, VC_DTLS_FINISHED_LEN);
    size_t where = vc_dtls_message_begin(&w, VC_DTLS_FINISHED, seq);
    vc_dtls_finished_put(&w, verify_data);
    vc_dtls_message_end(&w, where);
    assert(!w.bad);
}

void vc_dtls_put_sealed(struct vc_writer *w, struct vc_dtls_dir *send, struct vc_aead *aead, uint8_t type,
                        const void *plain, size_t len)
{
    struct vc_aead *mine = aead ? NULL : vc_aead_new(send->alg, send->key, VC_AEAD_AUTO);
    uint8_t *space = vc_put_space(w, vc_dtls_overhead(send->alg) + len);
    if (space && (aead || mine)) {
        struct vc_dtls_record rec = {.type = type, .body = space + vc_dtls_head(send->alg), .len = len};
        memcpy(rec.body, plain, len);
        if (vc_dtls_seal(send, aead ? aead : mine, &rec, 1) != 1)
            w->bad = true;
    } else {
        w->bad = true;
    }
    vc_aead_free(mine);
}

void vc_dtls_put_finished(struct vc_writer *w, uint64_t *seq0, struct vc_dtls_dir *send, struct vc_aead *aead,
                          uint16_t seq, const uint8_t *verify_data)
{
    uint8_t message[VC_DTLS_FINISHED_LEN];
    vc_dtls_put_plain(w, VC_DTLS_CCS, VC_DTLS_1_2, (*seq0)++, "\x01", 1);
    vc_dtls_finished_message(seq, verify_data, message);
    vc_dtls_put_sealed(w, send, aead, VC_DTLS_HANDSHAKE, message, sizeof(message));
}

bool vc_dtls_open_one(struct vc_dtls_dir *recv, struct vc_replay *window, struct vc_dtls_record *rec)
{
    struct vc_aead *aead = vc_aead_new(recv->alg, recv->key, VC_AEAD_AUTO);
    bool opened = aead && vc_dtls_open(recv, aead, window, rec, 1) == 1;
    vc_aead_free(aead);
    return opened;
}

int vc_dtls_fail_alert(struct vc_dtls_out *out, enum vc_dtls_alert_code code, uint64_t seq0, struct vc_dtls_dir *send,
                       struct vc_fail *fail, const char *detail)
{
    const uint8_t alert[2] = {VC_DTLS_FATAL, (uint8_t)code};
    struct vc_writer w = vc_writer_to(out->datagram, sizeof(out->datagram));
    if (send)
        vc_dtls_put_sealed(&w, send, NULL, VC_DTLS_ALERT, alert, sizeof(alert));
    else
        vc_dtls_put_plain(&w, VC_DTLS_ALERT, VC_DTLS_1_2, seq0, alert, sizeof(alert));
    out->len = w.bad ? 0 : vc_written(&w);
    out->alert = out->len > 0;
    return vc_fail_set(fail, VC_CAUSE_DTLS_HANDSHAKE, 0, "%s", detail);
}

void vc_dtls_late_answer(struct vc_dtls_late *l, struct vc_dtls_dir *send, struct vc_aead *aead, const uint8_t *plain,
                         size_t len, struct vc_dtls_out *out)
{
    struct vc_reader r = vc_reader_of(plain, len);
    struct vc_dtls_message m;
    struct vc_writer w = vc_writer_to(out->datagram, sizeof(out->datagram));
    out->len = out->used = 0;
    out->alert = out->early = false;
    if (!l->last || vc_dtls_message_read(&r, &m) != VC_DTLS_READ_OK)
        return;
    if (m.type != VC_DTLS_FINISHED || m.seq != l->peer_finished_seq)
        return;
    vc_dtls_put_finished(&w, &l->seq0, send, aead, l->finished_seq, l->finished);
    out->len = w.bad ? 0 : vc_written(&w);
}
