/* The authority and its store: what one life leaves for the next, on good disks and on full ones. */
#include "authority_rig.h"

#include "crypto/hash.h"
#include "gateway/authority/store.h"
#include "proto/login_gateway.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct rig rig;

static int end(void **state)
{
    (void)state;
    if (rig.dir[0] != 0)
        rig_close(&rig);
    rig = (struct rig){0};
    return 0;
}

/* ---- the store itself, while no authority has it ---- */

struct rows {
    struct vc_store_row at[2048];
    unsigned n;
};
static struct rows rows;

static int take(void *arg, const struct vc_store_row *row)
{
    struct rows *r = arg;
    assert_true(r->n < sizeof(r->at) / sizeof(r->at[0]));
    r->at[r->n++] = *row;
    return 0;
}

static struct vc_store *open_store(void)
{
    char file[128];
    struct vc_fail fail = {0};
    struct vc_store *s;
    (void)snprintf(file, sizeof(file), "%s/state/varco.db", rig.dir);
    if (vc_store_open(&s, file, &fail) != 0)
        fail_msg("%s", fail.detail);
    return s;
}

static const struct rows *stored(void)
{
    struct vc_fail fail;
    struct vc_store *s = open_store();
    rows.n = 0;
    assert_int_equal(vc_store_load(s, take, &rows, &fail), 0);
    vc_store_close(s);
    return &rows;
}

static struct vc_store_row row_of(uint64_t id, int64_t waits_s, struct vc_ip v4)
{
    struct vc_store_row r = {.id = id, .user = "alice", .created_s = 1000, .waits_s = waits_s, .v4 = v4};
    memset(r.token_hash, 0x7f, sizeof(r.token_hash));
    memcpy(r.token_hash, &id, sizeof(id));
    return r;
}

static struct vc_ip ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct vc_ip){.family = VC_FAMILY_V4, .bytes = {a, b, c, d}};
}

static void limit(rlim_t bytes)
{
    const struct rlimit l = {bytes, RLIM_INFINITY};
    assert_int_equal(prlimit(rig.pid, RLIMIT_FSIZE, &l, NULL), 0);
}

#define NO_DISK 4096 /* nothing behind it can be written */

/** Files can be overwritten, and cannot grow. */
static void limit_to_what_is_there(void)
{
    char file[128];
    struct stat db, wal;
    (void)snprintf(file, sizeof(file), "%s/state/varco.db", rig.dir);
    assert_int_equal(stat(file, &db), 0);
    (void)snprintf(file, sizeof(file), "%s/state/varco.db-wal", rig.dir);
    assert_int_equal(stat(file, &wal), 0);
    limit((rlim_t)(db.st_size > wal.st_size ? db.st_size : wal.st_size));
}

static uint64_t number_of(const struct vc_event *e, enum vc_field field)
{
    for (unsigned i = 0; i < e->n_fields; i++) {
        if (e->fields[i].field == field)
            return e->fields[i].number;
    }
    fail_msg("%s has no %s", vc_event_name(e->id), vc_field_name(field));
    return 0;
}

/* ---- left-overs ---- */

/* However many cookies expired while the gateway was down: their rows go, and their addresses are free for others. */
static void test_expired_rows_free_their_addresses(void **state)
{
    struct rig_grant g;
    struct vc_fail fail = {0};
    rig_open(&rig, "");
    struct vc_store *s = open_store();
    for (unsigned i = 1; i <= 1000; i++) { /* the pool's own last, behind those that any bounded list would hold */
        struct vc_ip v4 = i > 747 ? ip4(10, 9, 0, (uint8_t)(i - 747 + 1)) : ip4(10, 8, (uint8_t)(i / 250), (uint8_t)i);
        struct vc_store_row row = row_of(i, 2000, v4);
        assert_int_equal(vc_store_put(s, &row, &fail), 0);
    }
    vc_store_close(s);
    rig_start(&rig);
    for (uint64_t conn = 64; conn < 74; conn += 2) {
        struct rig_session one = rig_success(&rig, conn, "alice");
        assert_true(one.id > 1000);
        rig_connect(&rig, conn + 1, &one, &g);
    }
    rig_kill(&rig);
    const struct rows *now = stored();
    assert_int_equal(now->n, 5);
    for (unsigned i = 0; i < now->n; i++)
        assert_int_equal(now->at[i].v4.family, VC_FAMILY_V4);
    (void)state;
}

/* A session whose addresses the pools no longer give keeps its cookie; who gets one of them has it in the store too. */
static void test_an_address_of_changed_pools(void **state)
{
    struct rig_grant g;
    struct vc_fail fail = {0};
    rig_open(&rig, "ipv4-network = 10.9.0.0/30\n"); /* one client */
    struct vc_store *s = open_store();
    struct vc_store_row old = row_of(1, (int64_t)time(NULL) + 200, ip4(10, 9, 0, 2));
    assert_true(vc_ip_parse(VC_STR("fd00:8::2"), &old.v6));
    assert_int_equal(vc_store_put(s, &old, &fail), 0);
    vc_store_close(s);
    rig_start(&rig);
    struct rig_session one = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &one, &g);
    rig_kill(&rig);
    const struct rows *now = stored();
    assert_int_equal(now->n, 2);
    assert_int_equal(now->at[0].id, 1);
    assert_int_equal(now->at[0].v4.family, VC_FAMILY_NONE);
    assert_int_equal(now->at[1].id, one.id);
    assert_true(vc_ip_eq(&now->at[1].v4, &g.v4));
    for (unsigned i = 0; i < rig.n_events; i++)
        assert_int_not_equal(rig.events[i].fail.cause, VC_CAUSE_STORE);
    (void)state;
}

/* ---- tunnels that outlive the authority ---- */

/* A tunnel process, taken over, gets no session of another one by saying that it has it; nor a later number. */
static void test_only_who_had_it_gets_it_back(void **state)
{
    struct rig_grant g, again;
    rig_open(&rig, "");
    rig_start(&rig);
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_up_routed(&rig, &g);
    rig_kill(&rig);
    rig_start(&rig);
    uint16_t other = g.tunnel == 0;
    rig_up_refused(&rig, other, s.id, g.generation);
    rig_up_refused(&rig, other, s.id, UINT32_MAX);
    rig_up_refused(&rig, g.tunnel, s.id, g.generation + 1);
    rig_nothing(&rig, rig.tunnel[other]);
    rig_up_routed(&rig, &g);
    rig_up_refused(&rig, other, s.id, g.generation);
    rig_connect(&rig, 66, &s, &again);
    assert_int_equal(again.generation, g.generation + 1);
    assert_int_equal(again.tunnel, g.tunnel);
    rig_kill(&rig);
    rig_start(&rig);
    rig_new_tunnel(&rig, g.tunnel); /* a fresh one in its place has inherited nothing */
    rig_nothing(&rig, rig.portal);
    rig_up_refused(&rig, g.tunnel, s.id, g.generation);
    rig_up_refused(&rig, g.tunnel, s.id, again.generation);
    (void)state;
}

/* The authority dies between grant and UP: neither the tunnel that was up nor the one on the way is lost. */
static void test_a_grant_outlives_the_authority(void **state)
{
    struct rig_grant g, again, third;
    rig_open(&rig, "");
    rig_start(&rig);
    struct rig_session s = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &s, &g);
    rig_kill(&rig);
    rig_start(&rig);
    rig_up_routed(&rig, &g);
    rig_connect(&rig, 66, &s, &again);
    rig_kill(&rig);
    rig_start(&rig);
    rig_up(&rig, &g);
    for (int i = 0; i < TUNNELS; i++)
        assert_int_equal(rig_next(&rig, rig.tunnel[i], VC_IPC_ROUTE)->ROUTE.owner, g.tunnel);
    rig_up_routed(&rig, &again);
    rig_up_refused(&rig, g.tunnel, s.id, g.generation);
    rig_connect(&rig, 67, &s, &third);
    assert_int_equal(third.generation, again.generation + 1);
    (void)state;
}

/* A number is never used twice, whatever the store says: the last one there is ends the session's life. */
static void test_the_last_generation(void **state)
{
    static const uint8_t token[32] = "a token of thirty-two characters";
    const struct vc_piece piece = {token, sizeof(token)};
    uint8_t hash[VC_HASH_MAX];
    struct vc_fail fail = {0};
    rig_open(&rig, "");
    struct vc_store *s = open_store();
    struct vc_store_row row = row_of(1, (int64_t)time(NULL) + 200, (struct vc_ip){0});
    assert_int_equal(vc_hash(VC_HASH_SHA256, &piece, 1, hash), 0);
    memcpy(row.token_hash, hash, sizeof(row.token_hash));
    row.process = 0xffff;
    row.generation = UINT32_MAX - 1;
    assert_int_equal(vc_store_put(s, &row, &fail), 0);
    vc_store_close(s);
    rig_start(&rig);
    struct rig_session one = {.id = 1};
    struct rig_grant g;
    memcpy(one.token, token, sizeof(token));
    rig_connect(&rig, 64, &one, &g);
    assert_int_equal(g.generation, UINT32_MAX);
    assert_int_equal(rig_denied(&rig, 65, token), 401);
    rig_event(&rig, VC_EVENT_CSTP_REFUSED, VC_CAUSE_COOKIE_EXPIRED);
    (void)state;
}

/* ---- full disks ---- */

/* What could not be written is written when the disk works again, though the next write was another session's. */
static void test_every_change_is_written_in_the_end(void **state)
{
    struct rig_grant g;
    rig_open(&rig, "");
    rig_start(&rig);
    struct rig_session a = rig_success(&rig, 64, "alice");
    rig_connect(&rig, 65, &a, &g);
    rig_up_routed(&rig, &g);
    limit(NO_DISK);
    rig_down(&rig, &g, VC_DOWN_LOST, VC_CAUSE_CSTP_PEER_CLOSED, 1234, 1);
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_STORE);
    limit(RLIM_INFINITY);
    (void)rig_success(&rig, 66, "bob");
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_NONE); /* it has caught up */
    rig_kill(&rig);
    const struct rows *now = stored();
    assert_int_equal(now->n, 2);
    assert_int_equal(now->at[0].id, a.id);
    assert_int_equal(now->at[0].rx_bytes, 1234);
    assert_int_not_equal(now->at[0].waits_s, 0);
    (void)state;
}

/* However many sessions end while the store cannot be written: none of their tokens is good in the next life. */
static void test_ended_tokens_stay_ended(void **state)
{
    static struct rig_session ended[300];
    const unsigned n = sizeof(ended) / sizeof(ended[0]);
    rig_open(&rig, "max-same-clients = 0\nmax-clients = 0\n");
    rig_start(&rig);
    for (unsigned i = 0; i < n; i++) {
        ended[i] = rig_success(&rig, 64 + i, "alice");
        rig_event(&rig, VC_EVENT_USER_SUCCESS, VC_CAUSE_NONE);
        rig_forget(&rig);
    }
    limit(NO_DISK);
    for (unsigned i = 0; i < n; i++) {
        rig_logout(&rig, 1000 + i, ended[i].token);
        if (i == 0)
            rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_STORE);
        rig_event(&rig, VC_EVENT_SESSION_ENDED, VC_CAUSE_LOGOUT);
        rig_forget(&rig);
    }
    limit(RLIM_INFINITY);
    struct rig_session last = rig_success(&rig, 2000, "bob");
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_NONE);
    rig_kill(&rig);
    const struct rows *now = stored();
    assert_int_equal(now->n, 1);
    assert_int_equal(now->at[0].id, last.id);
    (void)state;
}

/* A disk that is only full is no reason to keep a row: it is overwritten, at once. */
static void test_an_end_needs_no_room(void **state)
{
    rig_open(&rig, "");
    rig_start(&rig);
    struct rig_session s = rig_success(&rig, 64, "alice");
    limit_to_what_is_there();
    const struct vc_msg *m = NULL;
    for (uint64_t conn = 100; !m || m->type == VC_IPC_SUCCESS; conn++)
        m = rig_login(&rig, conn, "bob"); /* until no more fits */
    assert_int_equal(m->FORM.error, VC_LOGIN_ERROR_BUSY);
    rig_event(&rig, VC_EVENT_USER_REFUSED, VC_CAUSE_STORE);
    rig_logout(&rig, 65, s.token);
    rig_kill(&rig);
    rig_start(&rig);
    assert_int_equal(rig_denied(&rig, 66, s.token), 401);
    (void)state;
}

/* Not even that helped until the end: an administrator hears how many. */
static void test_what_could_not_be_removed_is_told(void **state)
{
    rig_open(&rig, "");
    rig_start(&rig);
    struct rig_session s = rig_success(&rig, 64, "alice"), t = rig_success(&rig, 65, "alice");
    (void)rig_success(&rig, 66, "bob");
    limit(NO_DISK);
    rig_logout(&rig, 67, s.token);
    rig_logout(&rig, 68, t.token);
    rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_STORE);
    rig_stop(&rig);
    const struct vc_event *e = rig_event(&rig, VC_EVENT_PROCESS_NOTICE, VC_CAUSE_STORE);
    assert_int_equal(number_of(e, VC_FIELD_COUNT), 2);
    (void)state;
}

/* What comes in the same breath as the end is heard or not heard, but never by an authority without a store. */
static void test_stop_under_load(void **state)
{
    struct rig_session s[8];
    struct rig_grant g[8];
    const struct vc_msg stop = {.type = VC_IPC_STOP};
    rig_open(&rig, "max-same-clients = 0\n");
    rig_start(&rig);
    for (unsigned i = 0; i < 8; i++) {
        s[i] = rig_success(&rig, 64 + i, "alice");
        rig_connect(&rig, 100 + i, &s[i], &g[i]);
        rig_up_routed(&rig, &g[i]);
    }
    rig_pause(&rig);
    rig_send(rig.supervisor, VC_ROLE_SUPERVISOR, &stop, -1);
    for (unsigned i = 0; i < 8; i++)
        rig_down(&rig, &g[i], i % 2 ? VC_DOWN_LOGOUT : VC_DOWN_LOST, VC_CAUSE_NONE, 1, 1);
    rig_ask_connect(&rig, 200, s[0].token);
    rig_send(rig.supervisor, VC_ROLE_SUPERVISOR, &stop, -1); /* twice: harmless */
    rig_resume(&rig);
    rig_ended(&rig);
    const struct rows *now = stored();
    assert_int_equal(now->n, 4); /* who logged off is not in it */
    for (unsigned i = 0; i < now->n; i++)
        assert_int_equal(now->at[i].rx_bytes, 1);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_expired_rows_free_their_addresses, end),
        cmocka_unit_test_teardown(test_an_address_of_changed_pools, end),
        cmocka_unit_test_teardown(test_only_who_had_it_gets_it_back, end),
        cmocka_unit_test_teardown(test_a_grant_outlives_the_authority, end),
        cmocka_unit_test_teardown(test_the_last_generation, end),
        cmocka_unit_test_teardown(test_every_change_is_written_in_the_end, end),
        cmocka_unit_test_teardown(test_ended_tokens_stay_ended, end),
        cmocka_unit_test_teardown(test_an_end_needs_no_room, end),
        cmocka_unit_test_teardown(test_what_could_not_be_removed_is_told, end),
        cmocka_unit_test_teardown(test_stop_under_load, end),
    };
    return cmocka_run_group_tests_name("sim/authority_store", tests, NULL, NULL);
}
