/* One JSON line comes in, one JSON document goes out; `events` goes on until the reader leaves. Only root and our own
 * user are listened to; each has a deadline and bounded buffers. */
#include "gateway/authority/control.h"
#include "gateway/authority/show.h"

#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define NS 1000000000ULL
#define CLIENTS_MAX 32
#define REQUEST_MAX 4096
#define REQUEST_S 5
#define ANSWER_S 30
#define COUNT_NS 500000000ULL   /* that long the tunnel processes may take to count */
#define FOLLOW_MAX (256U << 10) /* bytes of events that wait for a slow reader; the rest is lost and counted */

enum client_state {
    FREE,
    READING,
    COUNTING,  /* waits for the tunnel processes' counters */
    WRITING,   /* the last bytes go out */
    FOLLOWING, /* events */
};

enum command {
    SHOW_STATUS,
    SHOW_USERS,
    SHOW_USER,
    SHOW_ID,
    DISCONNECT_USER,
    DISCONNECT_ID,
    EVENTS,
    STOP_NOW,
    RELOAD,
    N_COMMANDS
};

// clang-format off
static const struct {
    const char *words;
    bool argument, counts;
} commands[N_COMMANDS] = {
    [SHOW_STATUS]     = {"show status",     false, true},
    [SHOW_USERS]      = {"show users",      false, true},
    [SHOW_USER]       = {"show user",       true,  true},
    [SHOW_ID]         = {"show id",         true,  true},
    [DISCONNECT_USER] = {"disconnect user", true,  false},
    [DISCONNECT_ID]   = {"disconnect id",   true,  false},
    [EVENTS]          = {"events",          false, false},
    [STOP_NOW]        = {"stop now",        false, false},
    [RELOAD]          = {"reload",          false, false},
};
// clang-format on

struct client {
    struct vc_control *control;
    enum client_state state;
    int fd, pid;
    struct vc_watch watch;
    uint64_t deadline_ns;
    char in[REQUEST_MAX];
    size_t in_len;
    uint8_t *out;
    size_t out_len, out_at;
    enum command command;
    char argument[VC_LOGIN_NAME_MAX + 1];
    bool json; /* events as JSON lines, not as text */
    uint64_t lost;
    uint64_t query, asked; /* asked: a bit for each tunnel process that has not answered */
    struct vc_show_counters counters;
};

struct vc_control {
    struct vc_authority *a;
    int listener;
    struct vc_watch watch;
    uint64_t again_ns; /* out of fds: when to accept again; 0: no pause */
    uint64_t last_query;
    struct client clients[CLIENTS_MAX];
};

static bool anybody_follows(const struct vc_control *c)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (c->clients[i].state == FOLLOWING)
            return true;
    }
    return false;
}

static void ask_story(struct vc_control *c, bool on)
{
    struct vc_msg m = {.type = VC_IPC_PLEASE, .PLEASE = {.what = on ? VC_PLEASE_STORY_ON : VC_PLEASE_STORY_OFF}};
    (void)vc_port_send(&c->a->child.supervisor, &m, -1);
}

static void leave(struct client *cl)
{
    struct vc_control *c = cl->control;
    bool followed = cl->state == FOLLOWING;
    vc_watch_stop(&cl->watch);
    (void)close(cl->fd);
    free(cl->out);
    *cl = (struct client){.control = c, .fd = -1};
    vc_watch_set(&c->watch, true, false); /* there is room again */
    if (followed && !anybody_follows(c))
        ask_story(c, false);
}

/* ---- writing ---- */

static void flush(struct client *cl)
{
    while (cl->out_at < cl->out_len) {
        ssize_t n = send(cl->fd, cl->out + cl->out_at, cl->out_len - cl->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            vc_watch_set(&cl->watch, cl->state == FOLLOWING, true);
            return;
        }
        if (n <= 0) {
            leave(cl);
            return;
        }
        cl->out_at += (size_t)n;
    }
    cl->out_at = cl->out_len = 0;
    if (cl->state == WRITING)
        leave(cl);
    else
        vc_watch_set(&cl->watch, true, false);
}

/** False: no memory. */
static bool append(struct client *cl, const void *bytes, size_t len)
{
    if (cl->out_at > 0) {
        memmove(cl->out, cl->out + cl->out_at, cl->out_len - cl->out_at);
        cl->out_len -= cl->out_at;
        cl->out_at = 0;
    }
    uint8_t *bigger = realloc(cl->out, cl->out_len + len);
    if (!bigger)
        return false;
    cl->out = bigger;
    memcpy(cl->out + cl->out_len, bytes, len);
    cl->out_len += len;
    return true;
}

/** Takes over @doc. Sends it and closes behind it. */
static void answer(struct client *cl, json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    json_decref(doc);
    bool ok = text && append(cl, text, strlen(text)) && append(cl, "\n", 1);
    free(text);
    if (!ok) {
        leave(cl);
        return;
    }
    cl->state = WRITING;
    cl->deadline_ns = vc_authority_now(cl->control->a) + ANSWER_S * NS;
    flush(cl);
}

static void answer_error(struct client *cl, int code, const char *text)
{
    answer(cl, json_pack("{s:i, s:s}", "code", code, "error", text));
}

static void answer_result(struct client *cl, json_t *result)
{
    answer(cl, json_pack("{s:i, s:o}", "code", 0, "result", result));
}

/* ---- commands ---- */

static void show(struct client *cl)
{
    struct vc_authority *a = cl->control->a;
    int64_t now_s = (int64_t)(vc_clock_wall_ns() / NS);
    uint64_t id = 0;
    json_t *doc = NULL;
    switch (cl->command) {
    case SHOW_STATUS:
        answer_result(cl, vc_show_status(a, &cl->counters, now_s));
        return;
    case SHOW_USERS:
        answer_result(cl, vc_show_users(a, NULL, 0, now_s));
        return;
    case SHOW_ID:
        if (!vc_str_u64(vc_str_of(cl->argument), UINT32_MAX, &id) || id == 0) {
            answer_error(cl, 2, "user or ID not found");
            return;
        }
        doc = vc_show_users(a, NULL, id, now_s);
        break;
    case SHOW_USER:
        doc = vc_show_users(a, cl->argument, 0, now_s);
        break;
    case DISCONNECT_USER:
    case DISCONNECT_ID:
    case EVENTS:
    case STOP_NOW:
    case RELOAD:
    case N_COMMANDS:
        leave(cl);
        return;
    }
    if (json_array_size(doc) > 0) {
        answer_result(cl, doc);
        return;
    }
    json_decref(doc);
    answer_error(cl, 2, "user or ID not found");
}

static void count(struct client *cl)
{
    struct vc_authority *a = cl->control->a;
    struct vc_msg m = {.type = VC_IPC_COUNT, .COUNT = {.query = ++cl->control->last_query}};
    cl->state = COUNTING;
    cl->query = m.COUNT.query;
    cl->deadline_ns = vc_authority_now(a) + COUNT_NS;
    for (unsigned i = 0; i < VC_AUTHORITY_PEERS_MAX; i++) {
        if (vc_port_is_open(&a->tunnels[i]))
            cl->asked |= 1ULL << i;
    }
    for (unsigned i = 0; i < VC_AUTHORITY_PEERS_MAX && cl->state == COUNTING; i++) {
        if (cl->asked >> i & 1)
            (void)vc_port_send(&a->tunnels[i], &m, -1);
    }
    if (cl->state == COUNTING && cl->asked == 0)
        show(cl);
}

/** Ends the sessions of a user, or one: whether they have a tunnel or wait for their client. */
static void disconnect(struct client *cl)
{
    struct vc_authority *a = cl->control->a;
    struct vc_member *m;
    uint64_t id = 0;
    unsigned n = 0;
    if (cl->command == DISCONNECT_ID && !vc_str_u64(vc_str_of(cl->argument), UINT32_MAX, &id))
        id = 0;
    for (size_t at = 0; (m = vc_members_next(&a->members, &at));) {
        bool wanted = cl->command == DISCONNECT_ID ? id != 0 && m->id == id : strcmp(m->user, cl->argument) == 0;
        if (!wanted || m->closing_ns != 0 || (a->conf.persistent_cookies && !vc_member_is_live(m)))
            continue;
        bool stays = vc_member_is_live(m);
        n++;
        vc_sessions_leave(a, m, VC_CAUSE_ADMIN, "Disconnected by the administrator");
        if (!stays)
            at = 0; /* it is gone, and the map has changed */
    }
    if (n == 0)
        answer_error(cl, 2, "user or ID not found");
    else
        answer_result(cl, json_pack("{s:I}", "disconnected", (json_int_t)n));
}

static void follow(struct client *cl)
{
    bool first = !anybody_follows(cl->control);
    cl->state = FOLLOWING;
    cl->deadline_ns = UINT64_MAX;
    vc_watch_set(&cl->watch, true, false); /* to see it leave */
    if (first)
        ask_story(cl->control, true);
}

static void run(struct client *cl)
{
    struct vc_msg stop = {.type = VC_IPC_PLEASE, .PLEASE = {.what = VC_PLEASE_STOP}};
    struct vc_port *supervisor = &cl->control->a->child.supervisor;
    switch (cl->command) {
    case SHOW_STATUS:
    case SHOW_USERS:
    case SHOW_USER:
    case SHOW_ID:
        count(cl);
        break;
    case DISCONNECT_USER:
    case DISCONNECT_ID:
        disconnect(cl);
        break;
    case EVENTS:
        follow(cl);
        break;
    case STOP_NOW:
        answer_result(cl, json_object());
        (void)vc_port_send(supervisor, &stop, -1);
        break;
    case RELOAD:
        answer_error(cl, 1, "reload is not served yet: restart the gateway; clients come back by their cookies");
        break;
    case N_COMMANDS:
        break;
    }
}

static void tell_command(struct client *cl)
{
    struct vc_event e = vc_event_of(VC_EVENT_CONTROL, VC_OUTCOME_INFO, 0, 0);
    char text[VC_FIELD_TEXT];
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    vc_put_fmt(&w, "%s%s%.60s", commands[cl->command].words, cl->argument[0] ? " " : "", cl->argument);
    vc_event_text(&e, VC_FIELD_COMMAND, (struct vc_str){.at = text, .len = vc_written(&w)});
    vc_event_number(&e, VC_FIELD_PID, (uint64_t)(cl->pid > 0 ? cl->pid : 0));
    vc_authority_emit(cl->control->a, &e);
}

/** {"command": "...", "argument": "...", "json": true} */
static void take_request(struct client *cl, size_t len)
{
    json_t *doc = json_loadb(cl->in, len, JSON_REJECT_DUPLICATES, NULL);
    const char *words = json_string_value(json_object_get(doc, "command"));
    const char *argument = json_string_value(json_object_get(doc, "argument"));
    cl->command = N_COMMANDS;
    for (enum command k = 0; words && k < N_COMMANDS; k++) {
        if (strcmp(words, commands[k].words) == 0)
            cl->command = k;
    }
    cl->json = json_is_true(json_object_get(doc, "json"));
    bool good = cl->command != N_COMMANDS && commands[cl->command].argument == (argument && argument[0]) &&
                vc_str_copy(vc_str_of(argument ? argument : ""), cl->argument, sizeof(cl->argument));
    json_decref(doc);
    if (!good) {
        answer_error(cl, 1, "no such command");
        return;
    }
    tell_command(cl);
    run(cl);
}

/* ---- the sockets ---- */

static void read_some(struct client *cl)
{
    char rest[64];
    if (cl->state != READING) { /* nothing more is expected: only the end */
        ssize_t n = recv(cl->fd, rest, sizeof(rest), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            leave(cl);
        return;
    }
    ssize_t n = recv(cl->fd, cl->in + cl->in_len, sizeof(cl->in) - cl->in_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        leave(cl);
        return;
    }
    cl->in_len += (size_t)n;
    const char *end = memchr(cl->in, '\n', cl->in_len);
    if (end) {
        vc_watch_set(&cl->watch, false, false);
        take_request(cl, (size_t)(end - cl->in));
    } else if (cl->in_len == sizeof(cl->in)) {
        answer_error(cl, 1, "the request is too long");
    }
}

static void on_client(struct vc_watch *w, bool readable, bool writable)
{
    struct client *cl = w->owner;
    if (writable && cl->state != FREE)
        flush(cl);
    if (readable && cl->state != FREE)
        read_some(cl);
}

static struct client *spare(struct vc_control *c)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (c->clients[i].state == FREE)
            return &c->clients[i];
    }
    return NULL;
}

static void refuse(struct vc_control *c, int fd, unsigned uid, int pid)
{
    struct vc_event e = vc_event_of(VC_EVENT_CONTROL, VC_OUTCOME_REFUSED, 0, 0);
    vc_fail_set(&e.fail, VC_CAUSE_CONTROL_REFUSED, 0, "uid %u", uid);
    vc_event_number(&e, VC_FIELD_PID, (uint64_t)(pid > 0 ? pid : 0));
    vc_authority_emit(c->a, &e);
    (void)close(fd);
}

/** Root, and who started the gateway (where that is somebody else). Not our own user: the signer and the verifiers have
 *  it too, and are no administrators. */
static bool may_ask(const struct vc_control *c, unsigned uid)
{
    unsigned starter = 0;
    int pid;
    return uid == 0 || (vc_sock_peer_uid(c->a->child.supervisor.fd, &starter, &pid) == 0 && uid == starter);
}

static void on_listener(struct vc_watch *w, bool readable, bool writable)
{
    struct vc_control *c = w->owner;
    unsigned uid = 0;
    int pid = 0;
    (void)readable;
    (void)writable;
    struct client *cl = spare(c);
    if (!cl) {
        vc_watch_set(&c->watch, false, false); /* the others wait in the backlog */
        return;
    }
    int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            vc_watch_set(&c->watch, false, false);
            c->again_ns = vc_authority_now(c->a) + NS;
        }
        return;
    }
    if (vc_sock_peer_uid(fd, &uid, &pid) != 0 || !may_ask(c, uid)) {
        refuse(c, fd, uid, pid);
        return;
    }
    *cl = (struct client){
        .control = c, .state = READING, .fd = fd, .pid = pid, .deadline_ns = vc_authority_now(c->a) + REQUEST_S * NS};
    vc_watch_start(&cl->watch, &c->a->child.loop, fd, true, false, on_client, cl);
}

struct vc_control *vc_control_new(struct vc_authority *a, int listener)
{
    struct vc_control *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)close(listener);
        return NULL;
    }
    c->a = a;
    c->listener = listener;
    for (int i = 0; i < CLIENTS_MAX; i++)
        c->clients[i] = (struct client){.control = c, .fd = -1};
    (void)fcntl(listener, F_SETFL, O_NONBLOCK);
    vc_watch_start(&c->watch, &a->child.loop, listener, true, false, on_listener, c);
    return c;
}

void vc_control_free(struct vc_control *c)
{
    if (!c)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (c->clients[i].state == FREE)
            continue;
        vc_watch_stop(&c->clients[i].watch);
        (void)close(c->clients[i].fd);
        free(c->clients[i].out);
    }
    vc_watch_stop(&c->watch);
    (void)close(c->listener);
    free(c);
}

/* ---- what others tell ---- */

static void answered(struct client *cl, uint16_t process)
{
    cl->asked &= ~(1ULL << process);
    if (cl->asked == 0)
        show(cl);
}

void vc_control_counts(struct vc_authority *a, uint16_t process, const struct vc_msg *m)
{
    struct vc_reader r = vc_reader_of(m->COUNTS.counters.at, m->COUNTS.counters.len);
    for (int i = 0; a->control && i < CLIENTS_MAX; i++) {
        struct client *cl = &a->control->clients[i];
        if (cl->state != COUNTING || cl->query != m->COUNTS.query || !(cl->asked >> process & 1))
            continue;
        cl->counters.n_processes++;
        cl->counters.n_sessions += m->COUNTS.n_sessions;
        for (size_t k = 0; k < VC_WORKER_N_COUNTERS && r.left >= 8; k++)
            cl->counters.value[k] += vc_take_u64(&r);
        answered(cl, process);
    }
}

void vc_control_tunnel_lost(struct vc_authority *a, uint16_t process)
{
    for (int i = 0; a->control && i < CLIENTS_MAX; i++) {
        struct client *cl = &a->control->clients[i];
        if (cl->state == COUNTING && (cl->asked >> process & 1))
            answered(cl, process);
    }
}

static size_t render(const struct client *cl, const struct vc_event *e, char *line, size_t cap)
{
    size_t n = cl->json ? vc_event_print_json(e, line, cap - 1) : vc_event_print(e, line, cap - 1);
    if (n > 0)
        line[n++] = '\n';
    return n;
}

static void feed(struct client *cl, const struct vc_event *e)
{
    char line[4400];
    size_t n;
    if (cl->lost > 0 && cl->out_len - cl->out_at < FOLLOW_MAX / 2) {
        struct vc_event missing = vc_event_lost(e->at_ns, cl->lost, "the reader is too slow");
        n = render(cl, &missing, line, sizeof(line));
        if (append(cl, line, n))
            cl->lost = 0;
    }
    n = render(cl, e, line, sizeof(line));
    if (cl->lost > 0 || cl->out_len - cl->out_at + n > FOLLOW_MAX || !append(cl, line, n)) {
        cl->lost++;
        return;
    }
    flush(cl);
}

void vc_control_story(struct vc_authority *a, const struct vc_msg *m)
{
    struct vc_reader r = vc_reader_of(m->STORY.event.at, m->STORY.event.len);
    struct vc_event e;
    vc_event_unpack(&e, &r);
    for (int i = 0; a->control && vc_reader_done(&r) && i < CLIENTS_MAX; i++) {
        if (a->control->clients[i].state == FOLLOWING)
            feed(&a->control->clients[i], &e);
    }
}

/* ---- time ---- */

uint64_t vc_control_due(const struct vc_authority *a)
{
    uint64_t due = a->control && a->control->again_ns ? a->control->again_ns : UINT64_MAX;
    for (int i = 0; a->control && i < CLIENTS_MAX; i++) {
        const struct client *cl = &a->control->clients[i];
        if (cl->state != FREE && cl->deadline_ns < due)
            due = cl->deadline_ns;
    }
    return due;
}

void vc_control_tick(struct vc_authority *a, uint64_t now_ns)
{
    if (a->control && a->control->again_ns != 0 && a->control->again_ns <= now_ns) {
        a->control->again_ns = 0;
        vc_watch_set(&a->control->watch, true, false);
    }
    for (int i = 0; a->control && i < CLIENTS_MAX; i++) {
        struct client *cl = &a->control->clients[i];
        if (cl->state == FREE || cl->deadline_ns > now_ns)
            continue;
        if (cl->state == COUNTING)
            show(cl); /* with what came in time */
        else
            leave(cl);
    }
}
