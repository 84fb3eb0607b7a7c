#include "proto/dtls_gateway.h"
#include "crypto/prf.h"
#include "crypto/wipe.h"
#include "wire/dtls_names.h"

#define FIRST_WAIT_NS 400000000u

/* The longest of ours: ServerHello with both extensions. */
#define SERVER_HELLO_MAX (VC_DTLS_MESSAGE_HEADER + 2 + VC_DTLS_RANDOM + 1 + VC_DTLS_SESSION_ID_MAX + 2 + 1 + 2 + 4 + 5)

/* ------ before there is a machine ------ */

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

enum vc_dtls_kind vc_dtls_peek(uint8_t *datagram, size_t len, struct vc_dtls_peek *out)
{
    struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
    struct vc_dtls_record rec;
    struct vc_dtls_peek p = {.len = len};
    if (!vc_dtls_next(&walk, &rec) || walk.skipped > 0)
        return VC_DTLS_KIND_NOTHING;
    if (rec.epoch != 0)
        return VC_DTLS_KIND_SEALED;
    if (rec.type != VC_DTLS_HANDSHAKE)
        return VC_DTLS_KIND_OTHER;
    struct vc_reader r = vc_reader_of(rec.body, rec.len);
    if (vc_dtls_message_read(&r, &p.message) != VC_DTLS_READ_OK)
        return VC_DTLS_KIND_NOTHING;
    if (p.message.type != VC_DTLS_CLIENT_HELLO)
        return VC_DTLS_KIND_OTHER;
    if (vc_dtls_client_hello_read(p.message.body, p.message.len, &p.hello) != VC_DTLS_READ_OK)
        return VC_DTLS_KIND_NOTHING;
    p.id = p.hello.app_id.at ? p.hello.app_id : p.hello.session_id;
    p.record_seq = rec.seq;
    if (p.hello.version != VC_DTLS_1_2 || p.message.seq > VC_DTLS_HELLO_SEQ_MAX || p.id.len == 0)
        return VC_DTLS_KIND_NOTHING;
    if (all_zero(p.hello.random, VC_DTLS_RANDOM) || p.record_seq >= VC_DTLS_SEQ_END / 2)
        return VC_DTLS_KIND_NOTHING;
    *out = p;
    return VC_DTLS_KIND_HELLO;
}

int vc_dtls_cookie(const uint8_t key[VC_DTLS_COOKIE_KEY], const struct vc_endpoint *from, const struct vc_dtls_peek *p,
                   uint8_t out[VC_DTLS_COOKIE])
{
    uint8_t where[64], mac[VC_HASH_MAX];
    struct vc_writer w = vc_writer_to(where, sizeof(where));
    vc_put_endpoint(&w, from); /* of fixed length, as the random: no two inputs give the same bytes */
    const struct vc_piece pieces[] = {
        {where, vc_written(&w)}, {p->hello.random, VC_DTLS_RANDOM}, {p->hello.session_id.at, p->hello.session_id.len}};
    if (w.bad || vc_hmac(VC_HASH_SHA256, key, VC_DTLS_COOKIE_KEY, pieces, 3, mac) != 0)
        return -1;
    memcpy(out, mac, VC_DTLS_COOKIE);
    return 0;
}

bool vc_dtls_cookie_right(const uint8_t key[VC_DTLS_COOKIE_KEY], const struct vc_endpoint *from,
                          const struct vc_dtls_peek *p)
{
    uint8_t want[VC_DTLS_COOKIE];
    return p->hello.cookie.len == VC_DTLS_COOKIE && vc_dtls_cookie(key, from, p, want) == 0 &&
           vc_same(want, p->hello.cookie.at, VC_DTLS_COOKIE);
}

size_t vc_dtls_hello_verify(const uint8_t key[VC_DTLS_COOKIE_KEY], const struct vc_endpoint *from,
                            const struct vc_dtls_peek *p, uint8_t out[VC_DTLS_HELLO_VERIFY_LEN])
{
    uint8_t cookie[VC_DTLS_COOKIE], message[VC_DTLS_HELLO_VERIFY_LEN - VC_DTLS_HEADER];
    struct vc_writer m = vc_writer_to(message, sizeof(message));
    struct vc_writer w = vc_writer_to(out, VC_DTLS_HELLO_VERIFY_LEN);
    if (p->len < VC_DTLS_HELLO_VERIFY_LEN || vc_dtls_cookie(key, from, p, cookie) != 0)
        return 0;
    size_t where = vc_dtls_message_begin(&m, VC_DTLS_HELLO_VERIFY_REQUEST, p->message.seq);
    vc_dtls_hello_verify_request_put(
        &m, &(struct vc_dtls_hello_verify_request){.version = VC_DTLS_1_2, .cookie = {cookie, sizeof(cookie)}});
    vc_dtls_message_end(&m, where);
    vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, p->record_seq, message, vc_written(&m));
    return m.bad || w.bad ? 0 : vc_written(&w);
}

/* ------ our flights ------ */

static size_t server_hello(const struct vc_dtls_gateway *g, uint8_t out[SERVER_HELLO_MAX])
{
    static const uint8_t none[] = "", ems[] = "\0\x17\0\0", info[] = "\xff\x01\0\x01\0",
                         both[] = "\xff\x01\0\x01\0\0\x17\0\0";
    struct vc_writer w = vc_writer_to(out, SERVER_HELLO_MAX);
    struct vc_dtls_view ext = {none, 0};
    if (g->ems && g->renegotiation)
        ext = (struct vc_dtls_view){both, sizeof(both) - 1};
    else if (g->ems)
        ext = (struct vc_dtls_view){ems, sizeof(ems) - 1};
    else if (g->renegotiation)
        ext = (struct vc_dtls_view){info, sizeof(info) - 1};
    size_t where = vc_dtls_message_begin(&w, VC_DTLS_SERVER_HELLO, g->first_seq);
    vc_dtls_server_hello_put(&w, &(struct vc_dtls_server_hello){.version = VC_DTLS_1_2,
                                                                .random = g->server_random,
                                                                .session_id = {g->id, g->id_len},
                                                                .suite = g->suite,
                                                                .extensions = ext,
                                                                .has_extensions = ext.len > 0});
    vc_dtls_message_end(&w, where);
    return vc_written(&w);
}

static size_t server_hello_done(const struct vc_dtls_gateway *g, uint8_t out[VC_DTLS_MESSAGE_HEADER])
{
    struct vc_writer w = vc_writer_to(out, VC_DTLS_MESSAGE_HEADER);
    vc_dtls_message_end(&w, vc_dtls_message_begin(&w, VC_DTLS_SERVER_HELLO_DONE, (uint16_t)(g->first_seq + 1)));
    return vc_written(&w);
}

/** message_seq of a Finished: behind the hellos, and in PSK behind one more message of each end. */
static uint16_t finished_seq(const struct vc_dtls_gateway *g)
{
    return (uint16_t)(g->first_seq + (g->mode == VC_DTLS_MODE_PSK ? 2 : 1));
}

/** The flight that the client has not answered yet, under new record numbers. */
static void put_flight(struct vc_dtls_gateway *g, struct vc_dtls_out *out)
{
    uint8_t hello[SERVER_HELLO_MAX], done[VC_DTLS_MESSAGE_HEADER];
    struct vc_writer w = vc_writer_to(out->datagram, sizeof(out->datagram));
    size_t len = server_hello(g, hello);
    vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, g->seq0++, hello, len);
    if (g->mode == VC_DTLS_MODE_PSK) {
        len = server_hello_done(g, done);
        vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, g->seq0++, done, len);
    } else {
        vc_dtls_put_finished(&w, &g->seq0, &g->send, NULL, finished_seq(g), g->finished);
    }
    out->len = w.bad ? 0 : vc_written(&w);
}

static int no_libcrypto(struct vc_fail *fail)
{
    return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "libcrypto refused while a DTLS handshake derived its keys");
}

/** Resumption: everything is known from the hello on. */
static int derive_resumed(struct vc_dtls_gateway *g, const struct vc_dtls_message *hello)
{
    uint8_t answer[SERVER_HELLO_MAX], finished[VC_DTLS_FINISHED_LEN];
    const struct vc_piece pieces[] = {
        {hello->raw, hello->raw_len}, {answer, server_hello(g, answer)}, {finished, sizeof(finished)}};
    if (vc_dtls_verify_data(g->hash, g->secret, false, pieces, 2, g->finished) != 0)
        return -1;
    vc_dtls_finished_message(finished_seq(g), g->finished, finished);
    if (vc_dtls_verify_data(g->hash, g->secret, true, pieces, 3, g->peer_finished) != 0)
        return -1;
    return vc_dtls_derive(g->alg, g->hash, g->secret, g->client_random, g->server_random, &g->recv, &g->send);
}

/** PSK: from the ClientKeyExchange on. Harmless when repeated: nothing was sealed under these keys yet. */
static int derive_psk(struct vc_dtls_gateway *g, const struct vc_dtls_message *exchange)
{
    uint8_t answer[SERVER_HELLO_MAX], done[VC_DTLS_MESSAGE_HEADER], finished[VC_DTLS_FINISHED_LEN];
    uint8_t master[VC_DTLS_MASTER];
    const struct vc_piece pieces[] = {{g->hello, g->hello_len},
                                      {answer, server_hello(g, answer)},
                                      {done, server_hello_done(g, done)},
                                      {exchange->raw, exchange->raw_len},
                                      {finished, sizeof(finished)}};
    int r = vc_dtls_psk_master(g->hash, g->secret, g->ems, g->client_random, g->server_random, pieces, 4, master);
    if (r == 0)
        r = vc_dtls_verify_data(g->hash, master, true, pieces, 4, g->peer_finished);
    if (r == 0) {
        vc_dtls_finished_message(finished_seq(g), g->peer_finished, finished);
        r = vc_dtls_verify_data(g->hash, master, false, pieces, 5, g->finished);
    }
    if (r == 0)
        r = vc_dtls_derive(g->alg, g->hash, master, g->client_random, g->server_random, &g->recv, &g->send);
    g->window = (struct vc_replay){0};
    vc_wipe(master, sizeof(master));
    return r;
}

/* ------ the machine ------ */

void vc_dtls_gateway_wipe(struct vc_dtls_gateway *g)
{
    vc_wipe(g, sizeof(*g));
}

static void out_clear(struct vc_dtls_out *out)
{
    out->len = out->used = 0;
    out->alert = out->early = false;
}

/** The suite that this hello and the terms agree on; NULL: none. PSK: the client's order. */
static const struct vc_dtls_name *choose(const struct vc_dtls_terms *t, const struct vc_dtls_client_hello *h)
{
    const struct vc_dtls_name *name;
    if (t->mode == VC_DTLS_MODE_RESUME)
        return vc_dtls_client_hello_offers(h, t->suite) ? vc_dtls_name_of_code(t->suite) : NULL;
    struct vc_reader r = vc_reader_of(h->suites.at, h->suites.len);
    while (r.left >= 2) {
        name = vc_dtls_name_of_code(vc_take_u16(&r));
        if (name && name->kind == VC_DTLS_CLASS_PSK && (t->aead == VC_AEAD_NONE || t->aead == name->aead))
            return name;
    }
    return NULL;
}

int vc_dtls_gateway_start(struct vc_dtls_gateway *g, const struct vc_dtls_terms *terms,
                          const struct vc_dtls_peek *hello, const uint8_t *server_random, struct vc_dtls_view fresh_id,
                          uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail)
{
    const struct vc_dtls_client_hello *h = &hello->hello;
    uint64_t seq0 = hello->message.seq > 0 ? hello->record_seq : 0; /* behind our HelloVerifyRequest */
    const struct vc_dtls_name *suite = choose(terms, h);
    bool psk = terms->mode == VC_DTLS_MODE_PSK;
    out_clear(out);
    vc_dtls_gateway_wipe(g);
    if (terms->mode == VC_DTLS_MODE_NONE)
        return vc_fail_set(fail, VC_CAUSE_DTLS_HANDSHAKE, 0, "a ClientHello for a session without DTLS");
    if (!suite)
        return vc_dtls_fail_alert(out, VC_DTLS_HANDSHAKE_FAILURE, seq0, NULL, fail,
                                  "the ClientHello lacks the suite that was agreed");
    if (!h->null_compression)
        return vc_dtls_fail_alert(out, VC_DTLS_ILLEGAL_PARAMETER, seq0, NULL, fail,
                                  "the ClientHello lacks the null compression");
    if (!psk && (h->session_id.len != terms->id_len || memcmp(h->session_id.at, terms->id, terms->id_len) != 0))
        return vc_dtls_fail_alert(out, VC_DTLS_HANDSHAKE_FAILURE, seq0, NULL, fail,
                                  "the ClientHello does not resume the session that it names");
    if (psk && (hello->message.raw_len > VC_DTLS_HELLO_MAX || fresh_id.len > VC_DTLS_SESSION_ID_MAX))
        return vc_dtls_fail_alert(out, VC_DTLS_HANDSHAKE_FAILURE, seq0, NULL, fail, "the ClientHello is too long");

    g->mode = terms->mode;
    g->alg = suite->aead;
    g->hash = suite->hash;
    g->suite = suite->code;
    g->first_seq = hello->message.seq;
    g->seq0 = seq0;
    memcpy(g->client_random, h->random, VC_DTLS_RANDOM);
    memcpy(g->server_random, server_random, VC_DTLS_RANDOM);
    memcpy(g->secret, terms->secret, sizeof(g->secret));
    if (psk) {
        g->state = VC_DTLS_GATEWAY_WAITS_KEY;
        g->ems = h->ems;
        g->renegotiation = h->renegotiation;
        g->id_len = (uint8_t)fresh_id.len;
        if (fresh_id.len > 0)
            memcpy(g->id, fresh_id.at, fresh_id.len);
        g->hello_len = (uint16_t)hello->message.raw_len;
        memcpy(g->hello, hello->message.raw, hello->message.raw_len);
    } else {
        g->state = VC_DTLS_GATEWAY_WAITS_FINISHED;
        g->id_len = terms->id_len;
        memcpy(g->id, terms->id, terms->id_len);
        if (derive_resumed(g, &hello->message) != 0) {
            vc_dtls_gateway_wipe(g);
            return no_libcrypto(fail);
        }
    }
    g->wait_ns = FIRST_WAIT_NS;
    g->due_ns = now_ns + g->wait_ns;
    put_flight(g, out);
    return VC_DTLS_STEP_MORE;
}

/** Alert in the epoch that we write in: in resumption our ChangeCipherSpec is out already. */
static int fail_alert(struct vc_dtls_gateway *g, struct vc_dtls_out *out, enum vc_dtls_alert_code code,
                      struct vc_fail *fail, const char *detail)
{
    return vc_dtls_fail_alert(out, code, g->seq0, g->mode == VC_DTLS_MODE_RESUME ? &g->send : NULL, fail, detail);
}

static int peer_alert(const uint8_t *body, size_t len, struct vc_fail *fail)
{
    struct vc_dtls_alert a;
    if (vc_dtls_alert_read(body, len, &a) != VC_DTLS_READ_OK || a.level != VC_DTLS_FATAL)
        return VC_DTLS_STEP_MORE;
    return vc_fail_set(fail, VC_CAUSE_DTLS_HANDSHAKE, 0, "the client sent alert %u", a.code);
}

static void complete(struct vc_dtls_gateway *g, struct vc_dtls_out *out, struct vc_dtls_done *done)
{
    bool psk = g->mode == VC_DTLS_MODE_PSK;
    out->len = 0;
    if (psk) {
        struct vc_writer w = vc_writer_to(out->datagram, sizeof(out->datagram));
        vc_dtls_put_finished(&w, &g->seq0, &g->send, NULL, finished_seq(g), g->finished);
        out->len = w.bad ? 0 : vc_written(&w);
    }
    *done = (struct vc_dtls_done){
        .send = g->send,
        .recv = g->recv,
        .window = g->window,
        .late = {.finished_seq = finished_seq(g), .peer_finished_seq = finished_seq(g), .last = psk, .seq0 = g->seq0},
        .suite = g->suite,
        .mode = g->mode,
        .ems = g->ems};
    memcpy(done->late.client_random, g->client_random, VC_DTLS_RANDOM);
    memcpy(done->late.finished, g->finished, VC_DTLS_VERIFY_DATA);
}

/** A record of epoch 1 whose keys are known. */
static int sealed(struct vc_dtls_gateway *g, struct vc_dtls_record *rec, struct vc_dtls_out *out,
                  struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_dtls_message m;
    const uint8_t *verify;
    if (!vc_dtls_open_one(&g->recv, &g->window, rec))
        return VC_DTLS_STEP_MORE;
    if (rec->type == VC_DTLS_ALERT)
        return peer_alert(rec->body, rec->len, fail);
    struct vc_reader r = vc_reader_of(rec->body, rec->len);
    if (vc_dtls_message_read(&r, &m) != VC_DTLS_READ_OK || r.left > 0 || m.type != VC_DTLS_FINISHED ||
        m.seq != finished_seq(g) || vc_dtls_finished_read(m.body, m.len, &verify) != VC_DTLS_READ_OK)
        return fail_alert(g, out, VC_DTLS_HANDSHAKE_FAILURE, fail, "the client sent something else than its Finished");
    if (!vc_same(verify, g->peer_finished, VC_DTLS_VERIFY_DATA))
        return fail_alert(g, out, VC_DTLS_DECRYPT_ERROR, fail,
                          "the client's Finished is wrong: the ends saw different messages");
    complete(g, out, done);
    return VC_DTLS_STEP_COMPLETE;
}

/** Another ClientHello in this handshake's address. */
static int hello_again(struct vc_dtls_gateway *g, const struct vc_dtls_message *m, struct vc_dtls_out *out)
{
    struct vc_dtls_client_hello h;
    if (vc_dtls_client_hello_read(m->body, m->len, &h) != VC_DTLS_READ_OK)
        return VC_DTLS_STEP_MORE;
    if (memcmp(h.random, g->client_random, VC_DTLS_RANDOM) != 0)
        return VC_DTLS_STEP_OTHER;
    if (m->seq != g->first_seq) /* lower: late; higher: the client obeyed a HelloVerifyRequest that it got beside us */
        return m->seq > g->first_seq ? VC_DTLS_STEP_OTHER : VC_DTLS_STEP_MORE;
    if (out->len == 0 && g->repeats < VC_DTLS_REPEATS) {
        g->repeats++;
        put_flight(g, out);
    }
    return VC_DTLS_STEP_MORE;
}

static int key_exchange(struct vc_dtls_gateway *g, const struct vc_dtls_message *m, struct vc_dtls_out *out,
                        struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_dtls_view identity; /* its value is ignored: 2-tunnel.md 8.4 */
    uint8_t copy[VC_DTLS_HELD_MAX];
    struct vc_dtls_record rec;
    if (g->mode != VC_DTLS_MODE_PSK || m->seq != g->first_seq + 1)
        return VC_DTLS_STEP_MORE;
    if (vc_dtls_client_key_exchange_read(m->body, m->len, &identity) != VC_DTLS_READ_OK)
        return VC_DTLS_STEP_MORE;
    if (derive_psk(g, m) != 0)
        return no_libcrypto(fail);
    g->state = VC_DTLS_GATEWAY_WAITS_FINISHED;
    return vc_dtls_unhold(&g->held, copy, &rec) ? sealed(g, &rec, out, done, fail) : VC_DTLS_STEP_MORE;
}

static int messages(struct vc_dtls_gateway *g, const struct vc_dtls_record *rec, struct vc_dtls_out *out,
                    struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_reader r = vc_reader_of(rec->body, rec->len);
    struct vc_dtls_message m;
    enum vc_dtls_read how;
    int step = VC_DTLS_STEP_MORE;
    while (r.left > 0 && step == VC_DTLS_STEP_MORE) {
        how = vc_dtls_message_read(&r, &m);
        if (how == VC_DTLS_READ_MALFORMED)
            break;
        if (how == VC_DTLS_READ_FRAGMENT)
            continue;
        if (m.type == VC_DTLS_CLIENT_HELLO)
            step = hello_again(g, &m, out);
        else if (m.type == VC_DTLS_CLIENT_KEY_EXCHANGE)
            step = key_exchange(g, &m, out, done, fail);
        /* others have no business in epoch 0: ignored, anybody can write there */
    }
    return step;
}

static int record(struct vc_dtls_gateway *g, struct vc_dtls_record *rec, struct vc_dtls_out *out,
                  struct vc_dtls_done *done, struct vc_fail *fail)
{
    bool keys = g->state == VC_DTLS_GATEWAY_WAITS_FINISHED;
    switch ((enum vc_dtls_type)rec->type) {
    case VC_DTLS_CCS: /* says nothing that the epoch of the next record does not */
        return VC_DTLS_STEP_MORE;
    case VC_DTLS_ALERT:
        if (rec->epoch == 0)
            return peer_alert(rec->body, rec->len, fail);
        return keys ? sealed(g, rec, out, done, fail) : VC_DTLS_STEP_MORE;
    case VC_DTLS_HANDSHAKE:
        if (rec->epoch == 0)
            return messages(g, rec, out, done, fail);
        if (keys)
            return sealed(g, rec, out, done, fail);
        vc_dtls_hold(&g->held, rec);
        return VC_DTLS_STEP_MORE;
    case VC_DTLS_DATA:
        out->early |= rec->epoch == 1;
        return VC_DTLS_STEP_MORE;
    }
    return VC_DTLS_STEP_MORE;
}

int vc_dtls_gateway_datagram(struct vc_dtls_gateway *g, uint8_t *datagram, size_t len, struct vc_dtls_out *out,
                             struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
    struct vc_dtls_record rec;
    int step = VC_DTLS_STEP_MORE;
    out_clear(out);
    out->used = len;
    while (g->state != VC_DTLS_GATEWAY_IDLE && step == VC_DTLS_STEP_MORE && vc_dtls_next(&walk, &rec)) {
        step = record(g, &rec, out, done, fail);
        if (step != VC_DTLS_STEP_MORE)
            out->used = (size_t)(rec.raw + rec.raw_len - datagram);
    }
    if (step == VC_DTLS_STEP_COMPLETE || step < 0)
        vc_dtls_gateway_wipe(g);
    return step;
}

uint64_t vc_dtls_gateway_due(const struct vc_dtls_gateway *g)
{
    return g->state == VC_DTLS_GATEWAY_IDLE ? UINT64_MAX : g->due_ns;
}

int vc_dtls_gateway_tick(struct vc_dtls_gateway *g, uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail)
{
    out_clear(out);
    if (now_ns < vc_dtls_gateway_due(g))
        return VC_DTLS_STEP_MORE;
    if (g->resends == VC_DTLS_RESENDS) {
        vc_dtls_gateway_wipe(g);
        return vc_fail_set(fail, VC_CAUSE_DTLS_ONE_WAY, 0, "the client did not finish the handshake that it began");
    }
    g->resends++;
    g->wait_ns *= 2;
    g->due_ns = now_ns + g->wait_ns;
    put_flight(g, out);
    return VC_DTLS_STEP_MORE;
}
