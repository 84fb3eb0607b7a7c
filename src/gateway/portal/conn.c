/* One connection of a portal: socket, TLS, deadlines. What a request means is request.c's, what CONNECT means
 * handover.c's. */
#include "gateway/portal/portal.h"

#include "crypto/wipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX 16384

struct vc_event vc_conn_event(const struct vc_conn *c, enum vc_event_id id, enum vc_outcome outcome)
{
    char text[VC_ENDPOINT_TEXT];
    struct vc_event e = vc_event_of(id, outcome, c->id, c->session);
    vc_endpoint_print(&c->source, text);
    vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(text));
    return e;
}

struct vc_conn *vc_conn_find(struct vc_portal *p, uint64_t id)
{
    return vc_map_get(&p->by_id, &id);
}

/** There is room for it: no connection is without an end. */
static void set_deadline(struct vc_conn *c, uint64_t at_ns)
{
    int r = vc_heap_set(&c->portal->deadlines, &c->deadline, at_ns);
    assert(r == 0);
    (void)r;
}

void vc_conn_deadline(struct vc_conn *c, uint64_t seconds)
{
    set_deadline(c, c->portal->child.loop.now_ns + seconds * 1000000000U);
}

static void forget_request(struct vc_conn *c)
{
    if (c->in)
        vc_wipe(c->in, c->in_cap);
    free(c->in);
    c->in = NULL;
    c->in_len = c->in_cap = 0;
    c->scan = (struct vc_http_scan){0};
}

/** The authority need not answer any more. */
static void take_back(struct vc_conn *c)
{
    struct vc_msg m = {.type = VC_IPC_GONE, .GONE = {.conn = c->id}};
    (void)vc_port_send(&c->portal->authority, &m, -1);
}

void vc_conn_free(struct vc_conn *c)
{
    struct vc_portal *p = c->portal;
    if (c->state == VC_CONN_ASKED || c->state == VC_CONN_CONNECTING)
        take_back(c);
    vc_slots_give(&p->slots, c->slot);
    vc_watch_stop(&c->watch);
    vc_heap_remove(&p->deadlines, &c->deadline);
    (void)vc_map_remove(&p->by_id, &c->id);
    vc_tls_conn_free(c->tls);
    forget_request(c);
    if (c->connect) {
        vc_connect_request_wipe(c->connect);
        free(c->connect);
    }
    if (c->fd >= 0)
        (void)close(c->fd);
    vc_wipe(c->ticket, sizeof(c->ticket));
    free(c);
    vc_door_open(p);
}

void vc_conn_fail(struct vc_conn *c, enum vc_event_id id, const struct vc_fail *fail)
{
    struct vc_event e = vc_conn_event(c, id, VC_OUTCOME_FAILED);
    e.fail = *fail;
    vc_child_emit(&c->portal->child, &e);
    if (c->state == VC_CONN_ADOPTING)
        (void)shutdown(c->fd,
                       SHUT_RDWR); /* a tunnel process may hold it, too: the client is not left waiting for that */
    vc_conn_free(c);
}

/** Sends what TLS has to send. 1: all of it left; 0: the socket is full; -1: the connection is gone. */
static int flush(struct vc_conn *c)
{
    size_t len;
    const uint8_t *out;
    while (out = vc_tls_conn_out(c->tls, &len), len > 0) {
        ssize_t n = send(c->fd, out, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        vc_tls_conn_sent(c->tls, (size_t)n);
    }
    return 1;
}

/** Whether this state reads from the socket; the others leave it to the kernel, so that what a client sends too early
 *  is bounded by its buffers. */
static bool wants_bytes(const struct vc_conn *c)
{
    switch (c->state) {
    case VC_CONN_HANDSHAKE:
    case VC_CONN_REQUEST:
        return vc_tls_conn_room(c->tls) > 0;
    case VC_CONN_WAITING:
    case VC_CONN_ASKED:
    case VC_CONN_CONNECTING:
    case VC_CONN_GRANTED:
    case VC_CONN_ADOPTING:
    case VC_CONN_CLOSING:
        return false;
    }
    return false;
}

/** The last byte has left: waits for the client's end, and throws away what still comes. A socket that is closed with
 *  bytes unread resets the connection, and the answer is lost on many a client's side. */
static void linger(struct vc_conn *c)
{
    if (shutdown(c->fd, SHUT_WR) != 0) {
        vc_conn_free(c);
        return;
    }
    c->lingers = true;
    vc_tls_conn_free(c->tls);
    c->tls = NULL;
    vc_watch_set(&c->watch, true, false);
}

static void discard(struct vc_conn *c)
{
    uint8_t buf[READ_MAX];
    ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        vc_conn_free(c);
}

/** Flushes, then waits for what the state waits for, or ends what is over. The connection may be gone afterwards. */
static void settle(struct vc_conn *c)
{
    int r = c->state == VC_CONN_ADOPTING ? 1 : flush(c);
    if (r < 0) {
        vc_conn_free(c);
        return;
    }
    if (r > 0 && c->state == VC_CONN_CLOSING) {
        linger(c);
        return;
    }
    if (r > 0 && c->state == VC_CONN_GRANTED) {
        vc_handover_written(c);
        return;
    }
    vc_watch_set(&c->watch, wants_bytes(c), r == 0);
}

/** As vc_conn_fail, but the alert that TLS wrote is delivered. */
static void fail_with_alert(struct vc_conn *c, enum vc_event_id id, const struct vc_fail *fail)
{
    size_t len;
    (void)vc_tls_conn_out(c->tls, &len);
    if (len == 0) {
        vc_conn_fail(c, id, fail);
        return;
    }
    struct vc_event e = vc_conn_event(c, id, VC_OUTCOME_FAILED);
    e.fail = *fail;
    vc_child_emit(&c->portal->child, &e);
    c->state = VC_CONN_CLOSING;
    vc_conn_deadline(c, VC_PORTAL_CLOSING_S);
    settle(c);
}

void vc_conn_answer(struct vc_conn *c, struct vc_http_answer *a)
{
    static uint8_t buf[131072]; /* larger than any document or stub */
    struct vc_fail fail = {0};
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    if (c->close_after || ++c->requests >= VC_PORTAL_REQUESTS_MAX)
        a->close = true;
    vc_http_put_answer(&w, a);
    forget_request(c);
    if (w.bad || vc_tls_conn_write(c->tls, buf, vc_written(&w), &fail) != 0) {
        if (fail.cause == VC_CAUSE_NONE)
            vc_fail_set(&fail, VC_CAUSE_NO_MEMORY, 0, "an answer that does not fit");
        vc_wipe(buf, vc_written(&w));
        vc_conn_fail(c, VC_EVENT_HTTP_REFUSED, &fail);
        return;
    }
    vc_wipe(buf, vc_written(&w));
    if (a->close) {
        c->state = VC_CONN_CLOSING;
        vc_tls_conn_close(c->tls);
        vc_conn_deadline(c, VC_PORTAL_CLOSING_S);
    } else {
        c->state = VC_CONN_REQUEST;
        uint64_t now = c->portal->child.loop.now_ns;
        if (c->form_sent && c->login_by_ns > now)
            set_deadline(c, c->login_by_ns);
        else
            vc_conn_deadline(c, VC_PORTAL_IDLE_S);
    }
    settle(c);
}

static struct vc_http_request req;
static char req_path[VC_HTTP_MAX_REQUEST_LINE];

bool vc_conn_waits(struct vc_conn *c)
{
    if (vc_port_is_open(&c->portal->authority))
        return false;
    c->state = VC_CONN_WAITING;
    vc_watch_set(&c->watch, false, false);
    vc_conn_deadline(c, VC_PORTAL_AUTHORITY_S);
    return true;
}

static void handle(struct vc_conn *c)
{
    if (vc_tls_conn_want(c->tls) == 0)
        req.pipelined = true; /* whole records behind it; CONNECT takes them along */
    vc_conn_deadline(c, VC_PORTAL_ANSWER_S);
    vc_request_handle(c, &req);
}

/** A request that waited: it is read again, since all that was made of it lay where the next one's is. */
static void handle_waiting(struct vc_conn *c)
{
    struct vc_fail fail = {0};
    c->state = VC_CONN_REQUEST;
    if (vc_http_request_read(&c->scan, c->in, c->in_len, &vc_http_gateway_limits, req_path, &req, &fail) == VC_HTTP_OK)
        handle(c);
    else
        vc_conn_fail(c, VC_EVENT_HTTP_REFUSED, &fail);
}

/** Reads plaintext until a request is whole; handles it. The connection may be gone afterwards. */
static void read_request(struct vc_conn *c)
{
    struct vc_portal *p = c->portal;
    struct vc_fail fail = {0};
    for (;;) {
        size_t got = 0;
        if (c->in_cap - c->in_len < READ_MAX) { /* one record of plaintext at a time */
            size_t cap = c->in_cap ? c->in_cap * 2 : (size_t)2 * READ_MAX;
            uint8_t *bigger = malloc(cap);
            if (!bigger) {
                vc_fail_set(&fail, VC_CAUSE_NO_MEMORY, 0, "request");
                vc_conn_fail(c, VC_EVENT_HTTP_REFUSED, &fail);
                return;
            }
            if (c->in_len)
                memcpy(bigger, c->in, c->in_len);
            if (c->in)
                vc_wipe(c->in, c->in_cap);
            free(c->in);
            c->in = bigger;
            c->in_cap = cap;
        }
        int r = vc_tls_conn_read(c->tls, c->in + c->in_len, READ_MAX, &got, &fail);
        if (r < 0) {
            fail_with_alert(c, VC_EVENT_HTTP_REFUSED, &fail);
            return;
        }
        if (r == VC_TLS_GOT_CLOSE) {
            if (c->in_len > 0) {
                vc_fail_set(&fail, VC_CAUSE_HTTP_PEER_CLOSED, 0, "after %zu bytes of a request", c->in_len);
                vc_conn_fail(c, VC_EVENT_HTTP_REFUSED, &fail);
            } else {
                vc_conn_free(c); /* between requests: the usual end */
            }
            return;
        }
        if (r == VC_TLS_GOT_NOTHING) {
            if (c->in_len == 0)
                forget_request(c); /* an idle connection holds no buffer */
            settle(c);
            return;
        }
        bool first = c->in_len == 0;
        size_t head = c->scan.head;
        c->in_len += got;
        if (first && c->in_len > 0)
            vc_conn_deadline(c, VC_PORTAL_HEAD_S);
        switch (vc_http_request_read(&c->scan, c->in, c->in_len, &vc_http_gateway_limits, req_path, &req, &fail)) {
        case VC_HTTP_NEED_MORE:
            if (head == 0 && c->scan.head != 0)
                vc_conn_deadline(c, VC_PORTAL_BODY_S);
            if (c->scan.want_continue) {
                c->scan.want_continue = false;
                if (vc_tls_conn_write(c->tls, VC_HTTP_CONTINUE, sizeof(VC_HTTP_CONTINUE) - 1, &fail) != 0) {
                    vc_conn_fail(c, VC_EVENT_HTTP_REFUSED, &fail);
                    return;
                }
            }
            break;
        case VC_HTTP_OK:
            handle(c);
            return;
        case VC_HTTP_BAD: {
            struct vc_event e = vc_conn_event(c, VC_EVENT_HTTP_REFUSED, VC_OUTCOME_REFUSED);
            e.fail = fail;
            vc_event_number(&e, VC_FIELD_STATUS, (uint64_t)req.status);
            vc_child_emit(&p->child, &e);
            vc_request_status(c, req.status, NULL, NULL, true);
            return;
        }
        }
    }
}

static void handshake(struct vc_conn *c)
{
    struct vc_fail fail = {0};
    int r = vc_tls_conn_handshake(c->tls, &fail);
    if (r < 0) {
        fail_with_alert(c, VC_EVENT_TLS_FAILED, &fail);
        return;
    }
    if (r != VC_TLS_STEP_DONE) {
        settle(c);
        return;
    }
    struct vc_tls_facts facts;
    struct vc_event e = vc_conn_event(c, VC_EVENT_TLS_UP, VC_OUTCOME_OK);
    vc_tls_conn_facts(c->tls, &facts);
    vc_event_text(&e, VC_FIELD_VERSION, vc_str_of(facts.version));
    vc_event_text(&e, VC_FIELD_SUITE, vc_str_of(facts.suite->name));
    vc_child_emit(&c->portal->child, &e);
    vc_slots_up(&c->portal->slots, c->slot);
    memcpy(c->cert_sha1, c->portal->cert_sha1, sizeof(c->cert_sha1));
    c->state = VC_CONN_REQUEST;
    vc_conn_deadline(c, VC_PORTAL_IDLE_S);
    read_request(c);
}

void vc_conn_go_on(struct vc_conn *c)
{
    switch (c->state) {
    case VC_CONN_HANDSHAKE:
        handshake(c);
        break;
    case VC_CONN_REQUEST:
        read_request(c);
        break;
    case VC_CONN_WAITING:
    case VC_CONN_ASKED:
    case VC_CONN_CONNECTING:
    case VC_CONN_GRANTED:
    case VC_CONN_ADOPTING:
    case VC_CONN_CLOSING:
        settle(c);
        break;
    }
}

static void on_ready(struct vc_watch *w, bool readable, bool writable)
{
    struct vc_conn *c = w->owner;
    uint8_t buf[READ_MAX];
    (void)writable;
    if (c->lingers) {
        discard(c);
        return;
    }
    if (readable && wants_bytes(c)) {
        size_t room = vc_tls_conn_room(c->tls);
        ssize_t n = recv(c->fd, buf, room < sizeof(buf) ? room : sizeof(buf), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            struct vc_fail fail = {0};
            if (c->state == VC_CONN_HANDSHAKE) {
                (void)vc_tls_conn_eof(c->tls, &fail);
                vc_conn_fail(c, VC_EVENT_TLS_FAILED, &fail);
            } else if (c->in_len > 0) {
                vc_fail_set(&fail, VC_CAUSE_HTTP_PEER_CLOSED, n < 0 ? errno : 0, "after %zu bytes of a request",
                            c->in_len);
                vc_conn_fail(c, VC_EVENT_HTTP_REFUSED, &fail);
            } else {
                vc_conn_free(c);
            }
            return;
        }
        if (n > 0)
            (void)vc_tls_conn_feed(c->tls, buf, (size_t)n);
    }
    vc_conn_go_on(c);
}

void vc_conn_timeout(struct vc_conn *c)
{
    struct vc_fail fail = {0};
    switch (c->state) {
    case VC_CONN_HANDSHAKE:
        vc_fail_set(&fail, VC_CAUSE_TLS_TIMEOUT, 0, "%d s", VC_PORTAL_HANDSHAKE_S);
        vc_conn_fail(c, VC_EVENT_TLS_FAILED, &fail);
        return;
    case VC_CONN_REQUEST:
        if (c->in_len == 0) {
            vc_conn_free(c); /* idle between requests */
            return;
        }
        vc_fail_set(&fail, VC_CAUSE_HTTP_TIMEOUT, 0, "%zu bytes came", c->in_len);
        struct vc_event e = vc_conn_event(c, VC_EVENT_HTTP_REFUSED, VC_OUTCOME_REFUSED);
        e.fail = fail;
        vc_child_emit(&c->portal->child, &e);
        vc_request_status(c, 408, NULL, NULL, true);
        return;
    case VC_CONN_WAITING:
        if (vc_port_is_open(&c->portal->authority)) {
            handle_waiting(c);
            return;
        }
        /* fall through */
    case VC_CONN_ASKED:
    case VC_CONN_CONNECTING:
        vc_fail_set(&fail, VC_CAUSE_AUTHORITY_SILENT, 0, "no answer in %d s, or it ended",
                    c->state == VC_CONN_WAITING ? VC_PORTAL_AUTHORITY_S : VC_PORTAL_ANSWER_S);
        struct vc_event silent = vc_conn_event(c, VC_EVENT_HTTP_REFUSED, VC_OUTCOME_FAILED);
        silent.fail = fail;
        vc_child_emit(&c->portal->child, &silent);
        if (c->state != VC_CONN_WAITING)
            take_back(c);
        vc_request_status(c, 503, NULL, "The gateway is busy, try again", true);
        return;
    case VC_CONN_GRANTED:
    case VC_CONN_ADOPTING:
        vc_fail_set(&fail, VC_CAUSE_HANDOVER_LOST, 0, "no answer in %d s", VC_PORTAL_ADOPT_S);
        vc_conn_fail(c, VC_EVENT_CSTP_HANDOVER, &fail);
        return;
    case VC_CONN_CLOSING:
        vc_conn_free(c);
        return;
    }
}

void vc_conn_signed(struct vc_portal *p, const struct vc_msg *m)
{
    struct vc_tls_conn *tls =
        vc_tls_signed(p->tls, m->SIGNED.handshake, m->SIGNED.ok, m->SIGNED.signature.at, m->SIGNED.signature.len);
    if (tls)
        vc_conn_go_on(vc_tls_conn_owner(tls));
}

int vc_conn_begin(struct vc_portal *p, int fd, const struct vc_endpoint *source, const struct vc_endpoint *local,
                  unsigned slot, struct vc_fail *fail)
{
    struct vc_conn *c = calloc(1, sizeof(*c));
    if (!c)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "connection");
    *c = (struct vc_conn){.id = p->next_id,
                          .portal = p,
                          .fd = fd,
                          .source = *source,
                          .local = *local,
                          .tls = vc_tls_conn_new(p->tls, fail),
                          .slot = slot};
    if (!c->tls || vc_map_put(&p->by_id, &c->id, c) != 0) {
        if (c->tls)
            vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "connection");
        vc_tls_conn_free(c->tls);
        free(c);
        return -1;
    }
    p->next_id++;
    c->deadline.owner = c;
    vc_tls_conn_set_owner(c->tls, c);
    vc_watch_start(&c->watch, &p->child.loop, fd, true, false, on_ready, c);
    vc_conn_deadline(c, VC_PORTAL_HANDSHAKE_S);
    struct vc_event e = vc_conn_event(c, VC_EVENT_TLS_ACCEPTED, VC_OUTCOME_INFO);
    vc_child_emit(&p->child, &e);
    return 0;
}

void vc_conn_dismiss(struct vc_conn *c, const struct vc_fail *fail)
{
    if (c->state != VC_CONN_CLOSING) { /* that is told already */
        struct vc_event e = vc_conn_event(
            c, c->state == VC_CONN_HANDSHAKE ? VC_EVENT_TLS_FAILED : VC_EVENT_HTTP_REFUSED, VC_OUTCOME_REFUSED);
        e.fail = *fail;
        vc_child_emit(&c->portal->child, &e);
    }
    if (c->state == VC_CONN_REQUEST || c->state == VC_CONN_WAITING ||
        c->state == VC_CONN_ASKED) { /* in order, as far as that needs no waiting */
        vc_tls_conn_close(c->tls);
        (void)flush(c);
    }
    vc_conn_free(c);
}
