#include "proto/dtls_client.h"
#include "crypto/wipe.h"
#include "wire/dtls_names.h"

#define SECOND_NS 1000000000u
#define SUITES_MAX 6
#define HELLO_MAX                                                                                                      \
    (VC_DTLS_MESSAGE_HEADER + 2 + VC_DTLS_RANDOM + 1 + VC_DTLS_SESSION_ID_MAX + 1 + VC_DTLS_COOKIE_MAX + 2 +           \
     SUITES_MAX + 2 + 2 + 4)

static const uint16_t psk_suites[] = {0x00a9, 0x00a8, 0xccab}; /* in our order */
#define PSK_IDENTITY ((struct vc_dtls_view){(const uint8_t *)"psk", 3})
#define KEY_EXCHANGE_LEN (VC_DTLS_MESSAGE_HEADER + 2 + 3)

/* ------ our flights ------ */

static size_t client_hello(const struct vc_dtls_client *c, uint8_t out[HELLO_MAX])
{
    static const uint8_t null_compression[] = {0}, ems[] = {0, VC_DTLS_EXT_EMS, 0, 0};
    uint8_t suites[SUITES_MAX];
    struct vc_writer s = vc_writer_to(suites, sizeof(suites));
    struct vc_writer w = vc_writer_to(out, HELLO_MAX);
    bool psk = c->mode == VC_DTLS_MODE_PSK;
    if (!psk)
        vc_put_u16(&s, c->suite);
    for (size_t i = 0; psk && i < sizeof(psk_suites) / sizeof(psk_suites[0]); i++)
        if (c->psk_aead == VC_AEAD_NONE || vc_dtls_name_of_code(psk_suites[i])->aead == c->psk_aead)
            vc_put_u16(&s, psk_suites[i]);
    size_t where = vc_dtls_message_begin(&w, VC_DTLS_CLIENT_HELLO, c->first_seq);
    /* resumption: no extension at all, EMS above all (RFC 7627 5.3) */
    vc_dtls_client_hello_put(&w, &(struct vc_dtls_client_hello){.version = VC_DTLS_1_2,
                                                                .random = c->client_random,
                                                                .session_id = {c->id, c->id_len},
                                                                .cookie = {c->cookie, c->cookie_len},
                                                                .suites = {suites, vc_written(&s)},
                                                                .compressions = {null_compression, 1},
                                                                .extensions = {ems, sizeof(ems)},
                                                                .has_extensions = psk});
    vc_dtls_message_end(&w, where);
    return vc_written(&w);
}

static void put_hello(struct vc_dtls_client *c, struct vc_dtls_out *out)
{
    uint8_t hello[HELLO_MAX];
    struct vc_writer w = vc_writer_to(out->datagram, sizeof(out->datagram));
    size_t len = client_hello(c, hello);
    vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, c->seq0++, hello, len);
    out->len = w.bad ? 0 : vc_written(&w);
}

static size_t key_exchange(const struct vc_dtls_client *c, uint8_t out[KEY_EXCHANGE_LEN])
{
    struct vc_writer w = vc_writer_to(out, KEY_EXCHANGE_LEN);
    size_t where = vc_dtls_message_begin(&w, VC_DTLS_CLIENT_KEY_EXCHANGE, (uint16_t)(c->first_seq + 1));
    vc_dtls_client_key_exchange_put(&w, PSK_IDENTITY);
    vc_dtls_message_end(&w, where);
    return vc_written(&w);
}

/** message_seq of a Finished: behind the hellos, and in PSK behind one more message of each end. */
static uint16_t finished_seq(const struct vc_dtls_client *c)
{
    return (uint16_t)(c->first_seq + (c->mode == VC_DTLS_MODE_PSK ? 2 : 1));
}

/** PSK: ClientKeyExchange; both modes: ChangeCipherSpec, Finished. */
static void put_flight(struct vc_dtls_client *c, struct vc_dtls_out *out)
{
    uint8_t exchange[KEY_EXCHANGE_LEN];
    struct vc_writer w = vc_writer_to(out->datagram, sizeof(out->datagram));
    if (c->mode == VC_DTLS_MODE_PSK) {
        size_t len = key_exchange(c, exchange);
        vc_dtls_put_plain(&w, VC_DTLS_HANDSHAKE, VC_DTLS_1_2, c->seq0++, exchange, len);
    }
    vc_dtls_put_finished(&w, &c->seq0, &c->send, NULL, finished_seq(c), c->finished);
    out->len = w.bad ? 0 : vc_written(&w);
}

static int no_libcrypto(struct vc_fail *fail)
{
    return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "libcrypto refused while a DTLS handshake derived its keys");
}

/** Resumption, from the ServerHello on: the gateway's Finished comes first. Harmless when done again for another
 *  ServerHello: nothing is sealed before that Finished was right. */
static int derive_resumed(struct vc_dtls_client *c, const struct vc_dtls_message *answer)
{
    uint8_t hello[HELLO_MAX], finished[VC_DTLS_FINISHED_LEN];
    const struct vc_piece pieces[] = {
        {hello, client_hello(c, hello)}, {answer->raw, answer->raw_len}, {finished, sizeof(finished)}};
    if (vc_dtls_verify_data(c->hash, c->secret, false, pieces, 2, c->peer_finished) != 0)
        return -1;
    vc_dtls_finished_message(finished_seq(c), c->peer_finished, finished);
    if (vc_dtls_verify_data(c->hash, c->secret, true, pieces, 3, c->finished) != 0)
        return -1;
    c->window = (struct vc_replay){0};
    return vc_dtls_derive(c->alg, c->hash, c->secret, c->client_random, c->server_random, &c->send, &c->recv);
}

/** PSK, at the ServerHelloDone: our Finished comes first. Done once: it is followed by a sealed record. */
static int derive_psk(struct vc_dtls_client *c, const struct vc_dtls_message *hello_done)
{
    uint8_t hello[HELLO_MAX], exchange[KEY_EXCHANGE_LEN], finished[VC_DTLS_FINISHED_LEN];
    uint8_t master[VC_DTLS_MASTER];
    const struct vc_piece pieces[] = {{hello, client_hello(c, hello)},
                                      {c->server_hello, c->server_hello_len},
                                      {hello_done->raw, hello_done->raw_len},
                                      {exchange, key_exchange(c, exchange)},
                                      {finished, sizeof(finished)}};
    int r = vc_dtls_psk_master(c->hash, c->secret, c->ems, c->client_random, c->server_random, pieces, 4, master);
    if (r == 0)
        r = vc_dtls_verify_data(c->hash, master, true, pieces, 4, c->finished);
    if (r == 0) {
        vc_dtls_finished_message(finished_seq(c), c->finished, finished);
        r = vc_dtls_verify_data(c->hash, master, false, pieces, 5, c->peer_finished);
    }
    if (r == 0)
        r = vc_dtls_derive(c->alg, c->hash, master, c->client_random, c->server_random, &c->send, &c->recv);
    vc_wipe(master, sizeof(master));
    return r;
}

/* ------ the machine ------ */

void vc_dtls_client_wipe(struct vc_dtls_client *c)
{
    vc_wipe(c, sizeof(*c));
}

static void out_clear(struct vc_dtls_out *out)
{
    out->len = out->used = 0;
    out->alert = out->early = false;
}

/** When the @n-th try would be due: 1, 3, 7... s after the start. */
static uint64_t try_ns(const struct vc_dtls_client *c, unsigned n)
{
    return c->start_ns + (((uint64_t)1 << n) - 1) * SECOND_NS;
}

int vc_dtls_client_start(struct vc_dtls_client *c, const struct vc_dtls_terms *terms, const uint8_t *client_random,
                         unsigned tries, uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail)
{
    const struct vc_dtls_name *suite = vc_dtls_name_of_code(terms->suite);
    bool resume = terms->mode == VC_DTLS_MODE_RESUME;
    out_clear(out);
    vc_dtls_client_wipe(c);
    if (terms->mode == VC_DTLS_MODE_NONE || (resume && !suite) || terms->id_len == 0 || tries == 0 || tries > 16)
        return vc_fail_set(fail, VC_CAUSE_DTLS_NOT_OFFERED, 0, "no suite of ours was agreed (%04x)", terms->suite);
    c->state = VC_DTLS_CLIENT_WAITS_HELLO;
    c->mode = terms->mode;
    c->psk_aead = terms->aead;
    if (resume) {
        c->suite = suite->code;
        c->alg = suite->aead;
        c->hash = suite->hash;
    }
    c->id_len = terms->id_len;
    memcpy(c->id, terms->id, terms->id_len);
    memcpy(c->secret, terms->secret, sizeof(c->secret));
    memcpy(c->client_random, client_random, VC_DTLS_RANDOM);
    c->tries = (uint8_t)tries;
    c->tried = 1;
    c->start_ns = now_ns;
    c->end_ns = try_ns(c, tries);
    c->due_ns = try_ns(c, 1);
    put_hello(c, out);
    return VC_DTLS_STEP_MORE;
}

/** Alert in the epoch that we write in: in PSK our ChangeCipherSpec is out once the keys are there. */
static int fail_alert(struct vc_dtls_client *c, struct vc_dtls_out *out, enum vc_dtls_alert_code code,
                      struct vc_fail *fail, const char *detail)
{
    bool keyed = c->mode == VC_DTLS_MODE_PSK && c->state == VC_DTLS_CLIENT_WAITS_FINISHED;
    return vc_dtls_fail_alert(out, code, c->seq0, keyed ? &c->send : NULL, fail, detail);
}

static int peer_alert(const uint8_t *body, size_t len, struct vc_fail *fail)
{
    struct vc_dtls_alert a;
    if (vc_dtls_alert_read(body, len, &a) != VC_DTLS_READ_OK || a.level != VC_DTLS_FATAL)
        return VC_DTLS_STEP_MORE;
    return vc_fail_set(fail, VC_CAUSE_DTLS_HANDSHAKE, 0, "the gateway sent alert %u", a.code);
}

static void complete(struct vc_dtls_client *c, struct vc_dtls_out *out, struct vc_dtls_done *done)
{
    bool resume = c->mode == VC_DTLS_MODE_RESUME;
    out->len = 0;
    if (resume)
        put_flight(c, out);
    *done = (struct vc_dtls_done){.send = c->send,
                                  .recv = c->recv,
                                  .window = c->window,
                                  .late = {.finished_seq = finished_seq(c),
                                           .peer_finished_seq = finished_seq(c),
                                           .last = resume,
                                           .seq0 = c->seq0},
                                  .suite = c->suite,
                                  .mode = c->mode,
                                  .ems = c->ems};
    memcpy(done->late.client_random, c->client_random, VC_DTLS_RANDOM);
    memcpy(done->late.finished, c->finished, VC_DTLS_VERIFY_DATA);
}

/** A record of epoch 1 whose keys are known. */
static int sealed(struct vc_dtls_client *c, struct vc_dtls_record *rec, struct vc_dtls_out *out,
                  struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_dtls_message m;
    const uint8_t *verify;
    if (!vc_dtls_open_one(&c->recv, &c->window, rec))
        return VC_DTLS_STEP_MORE;
    if (rec->type == VC_DTLS_ALERT)
        return peer_alert(rec->body, rec->len, fail);
    struct vc_reader r = vc_reader_of(rec->body, rec->len);
    if (vc_dtls_message_read(&r, &m) != VC_DTLS_READ_OK || r.left > 0 || m.type != VC_DTLS_FINISHED ||
        m.seq != finished_seq(c) || vc_dtls_finished_read(m.body, m.len, &verify) != VC_DTLS_READ_OK)
        return fail_alert(c, out, VC_DTLS_HANDSHAKE_FAILURE, fail, "the gateway sent something else than its Finished");
    if (!vc_same(verify, c->peer_finished, VC_DTLS_VERIFY_DATA))
        return fail_alert(c, out, VC_DTLS_DECRYPT_ERROR, fail,
                          "the gateway's Finished is wrong: the ends saw different messages");
    complete(c, out, done);
    return VC_DTLS_STEP_COMPLETE;
}

static int hello_verify(struct vc_dtls_client *c, const struct vc_dtls_message *m, struct vc_dtls_out *out)
{
    struct vc_dtls_hello_verify_request v;
    if (c->state != VC_DTLS_CLIENT_WAITS_HELLO || c->server_hello_len > 0 || m->seq > c->first_seq ||
        c->first_seq == VC_DTLS_HELLO_VERIFY)
        return VC_DTLS_STEP_MORE;
    if (vc_dtls_hello_verify_request_read(m->body, m->len, &v) != VC_DTLS_READ_OK || v.cookie.len == 0)
        return VC_DTLS_STEP_MORE;
    if (v.cookie.len == c->cookie_len && memcmp(v.cookie.at, c->cookie, v.cookie.len) == 0)
        return VC_DTLS_STEP_MORE; /* the one that we obeyed */
    c->first_seq++;
    c->hello_done = false;
    c->cookie_len = (uint8_t)v.cookie.len;
    memcpy(c->cookie, v.cookie.at, v.cookie.len);
    put_hello(c, out);
    return VC_DTLS_STEP_MORE;
}

/** PSK: when the second flight is sent again. */
static void wait_for(struct vc_dtls_client *c, uint64_t now_ns, uint64_t wait_ns)
{
    c->wait_ns = wait_ns;
    c->due_ns = now_ns + wait_ns < c->end_ns ? now_ns + wait_ns : c->end_ns;
}

/** PSK: ServerHello and ServerHelloDone are there. */
static int second_flight(struct vc_dtls_client *c, const struct vc_dtls_message *m, uint64_t now_ns,
                         struct vc_dtls_out *out, struct vc_fail *fail)
{
    if (derive_psk(c, m) != 0)
        return no_libcrypto(fail);
    c->state = VC_DTLS_CLIENT_WAITS_FINISHED;
    wait_for(c, now_ns, SECOND_NS);
    put_flight(c, out);
    return VC_DTLS_STEP_MORE;
}

/** The body of every ServerHelloDone. */
static struct vc_dtls_message empty_done(const struct vc_dtls_client *c, uint8_t raw[VC_DTLS_MESSAGE_HEADER])
{
    struct vc_writer w = vc_writer_to(raw, VC_DTLS_MESSAGE_HEADER);
    uint16_t seq = (uint16_t)(c->first_seq + 1);
    vc_dtls_message_end(&w, vc_dtls_message_begin(&w, VC_DTLS_SERVER_HELLO_DONE, seq));
    return (struct vc_dtls_message){
        .type = VC_DTLS_SERVER_HELLO_DONE, .seq = seq, .raw = raw, .raw_len = VC_DTLS_MESSAGE_HEADER};
}

static int server_hello(struct vc_dtls_client *c, const struct vc_dtls_message *m, uint64_t now_ns,
                        struct vc_dtls_out *out, struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_dtls_server_hello h;
    struct vc_dtls_record rec;
    uint8_t copy[VC_DTLS_HELD_MAX], raw[VC_DTLS_MESSAGE_HEADER];
    bool psk = c->mode == VC_DTLS_MODE_PSK;
    if (m->seq != c->first_seq || (psk && c->server_hello_len > 0)) /* PSK: a repeated one says nothing new */
        return VC_DTLS_STEP_MORE;
    if (vc_dtls_server_hello_read(m->body, m->len, &h) != VC_DTLS_READ_OK || m->raw_len > sizeof(c->server_hello))
        return fail_alert(c, out, VC_DTLS_ILLEGAL_PARAMETER, fail, "the ServerHello is malformed");
    const struct vc_dtls_name *suite = vc_dtls_name_of_code(h.suite);
    bool same_id = h.session_id.len == c->id_len && memcmp(h.session_id.at, c->id, c->id_len) == 0;
    if (h.version != VC_DTLS_1_2 || h.compression != 0)
        return fail_alert(c, out, VC_DTLS_ILLEGAL_PARAMETER, fail, "the ServerHello is not of DTLS 1.2");
    if (!psk && !same_id) /* 2-tunnel.md 8.3: whoever does this does not know the master secret */
        return fail_alert(c, out, VC_DTLS_HANDSHAKE_FAILURE, fail,
                          "a full handshake was answered instead of resumption: possibly an attack");
    if (psk && same_id)
        return fail_alert(c, out, VC_DTLS_ILLEGAL_PARAMETER, fail, "the gateway resumes where it cannot");
    if (!suite || (psk ? suite->kind != VC_DTLS_CLASS_PSK || (c->psk_aead && suite->aead != c->psk_aead)
                       : suite->code != c->suite))
        return fail_alert(c, out, VC_DTLS_ILLEGAL_PARAMETER, fail, "the ServerHello has a suite that was not offered");
    memcpy(c->server_random, h.random, VC_DTLS_RANDOM);
    if (!psk) {
        if (derive_resumed(c, m) != 0)
            return no_libcrypto(fail);
        c->state = VC_DTLS_CLIENT_WAITS_FINISHED;
        return vc_dtls_unhold(&c->held, copy, &rec) ? sealed(c, &rec, out, done, fail) : VC_DTLS_STEP_MORE;
    }
    c->suite = suite->code;
    c->alg = suite->aead;
    c->hash = suite->hash;
    c->ems = h.ems;
    c->server_hello_len = (uint16_t)m->raw_len;
    memcpy(c->server_hello, m->raw, m->raw_len);
    if (!c->hello_done)
        return VC_DTLS_STEP_MORE;
    struct vc_dtls_message hello_done = empty_done(c, raw);
    return second_flight(c, &hello_done, now_ns, out, fail);
}

static int server_hello_done(struct vc_dtls_client *c, const struct vc_dtls_message *m, uint64_t now_ns,
                             struct vc_dtls_out *out, struct vc_fail *fail)
{
    if (c->mode != VC_DTLS_MODE_PSK || m->len != 0 || m->seq != c->first_seq + 1)
        return VC_DTLS_STEP_MORE;
    if (c->state == VC_DTLS_CLIENT_WAITS_FINISHED) { /* the gateway waits: our flight was lost */
        if (out->len == 0)
            put_flight(c, out);
        return VC_DTLS_STEP_MORE;
    }
    if (c->server_hello_len > 0)
        return second_flight(c, m, now_ns, out, fail);
    c->hello_done = true;
    return VC_DTLS_STEP_MORE;
}

static int messages(struct vc_dtls_client *c, const struct vc_dtls_record *rec, uint64_t now_ns,
                    struct vc_dtls_out *out, struct vc_dtls_done *done, struct vc_fail *fail)
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
        if (m.type == VC_DTLS_HELLO_VERIFY_REQUEST)
            step = hello_verify(c, &m, out);
        else if (m.type == VC_DTLS_SERVER_HELLO)
            step = server_hello(c, &m, now_ns, out, done, fail);
        else if (m.type == VC_DTLS_SERVER_HELLO_DONE)
            step = server_hello_done(c, &m, now_ns, out, fail);
        else if (m.type == VC_DTLS_SERVER_KEY_EXCHANGE && c->state == VC_DTLS_CLIENT_WAITS_HELLO)
            step = fail_alert(c, out, VC_DTLS_HANDSHAKE_FAILURE, fail, "the gateway wants another key exchange");
        /* others have no business in epoch 0: ignored, anybody can write there */
    }
    return step;
}

static int record(struct vc_dtls_client *c, struct vc_dtls_record *rec, uint64_t now_ns, struct vc_dtls_out *out,
                  struct vc_dtls_done *done, struct vc_fail *fail)
{
    bool keys = c->state == VC_DTLS_CLIENT_WAITS_FINISHED;
    switch ((enum vc_dtls_type)rec->type) {
    case VC_DTLS_CCS: /* says nothing that the epoch of the next record does not */
        return VC_DTLS_STEP_MORE;
    case VC_DTLS_ALERT:
        if (rec->epoch == 0)
            return peer_alert(rec->body, rec->len, fail);
        return keys ? sealed(c, rec, out, done, fail) : VC_DTLS_STEP_MORE;
    case VC_DTLS_HANDSHAKE:
        if (rec->epoch == 0)
            return messages(c, rec, now_ns, out, done, fail);
        if (keys)
            return sealed(c, rec, out, done, fail);
        vc_dtls_hold(&c->held, rec);
        return VC_DTLS_STEP_MORE;
    case VC_DTLS_DATA:
        out->early |= rec->epoch == 1;
        return VC_DTLS_STEP_MORE;
    }
    return VC_DTLS_STEP_MORE;
}

int vc_dtls_client_datagram(struct vc_dtls_client *c, uint8_t *datagram, size_t len, uint64_t now_ns,
                            struct vc_dtls_out *out, struct vc_dtls_done *done, struct vc_fail *fail)
{
    struct vc_dtls_walk walk = vc_dtls_walk_of(datagram, len);
    struct vc_dtls_record rec;
    int step = VC_DTLS_STEP_MORE;
    out_clear(out);
    out->used = len;
    while (c->state != VC_DTLS_CLIENT_IDLE && step == VC_DTLS_STEP_MORE && vc_dtls_next(&walk, &rec)) {
        step = record(c, &rec, now_ns, out, done, fail);
        if (step != VC_DTLS_STEP_MORE)
            out->used = (size_t)(rec.raw + rec.raw_len - datagram);
    }
    if (step == VC_DTLS_STEP_COMPLETE || step < 0)
        vc_dtls_client_wipe(c);
    return step;
}

uint64_t vc_dtls_client_due(const struct vc_dtls_client *c)
{
    return c->state == VC_DTLS_CLIENT_IDLE ? UINT64_MAX : c->due_ns;
}

int vc_dtls_client_tick(struct vc_dtls_client *c, uint64_t now_ns, struct vc_dtls_out *out, struct vc_fail *fail)
{
    out_clear(out);
    if (now_ns < vc_dtls_client_due(c))
        return VC_DTLS_STEP_MORE;
    if (now_ns >= c->end_ns) {
        bool silent = c->state == VC_DTLS_CLIENT_WAITS_HELLO && c->first_seq == 0;
        vc_dtls_client_wipe(c);
        return silent ? vc_fail_set(fail, VC_CAUSE_DTLS_UNANSWERED, 0, "no answer to the ClientHellos")
                      : vc_fail_set(fail, VC_CAUSE_DTLS_HANDSHAKE, 0, "the gateway did not finish the handshake");
    }
    if (c->mode == VC_DTLS_MODE_PSK && c->state == VC_DTLS_CLIENT_WAITS_FINISHED) {
        wait_for(c, now_ns, c->wait_ns * 2);
        put_flight(c, out);
        return VC_DTLS_STEP_MORE;
    }
    c->tried++;
    c->due_ns = try_ns(c, c->tried);
    put_hello(c, out);
    return VC_DTLS_STEP_MORE;
}
