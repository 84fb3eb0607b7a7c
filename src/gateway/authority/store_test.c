#include "gateway/authority/store.h"

#include "table.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/varco-store-XXXXXX";

static int enter(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

static int clean(void **state)
{
    (void)state;
    (void)unlink("db");
    (void)unlink("db-wal");
    (void)unlink("db-shm");
    (void)unlink("db-journal");
    return 0;
}

static struct vc_store *open_store(void)
{
    struct vc_store *s;
    struct vc_fail fail = {0};
    if (vc_store_open(&s, "db", &fail) != 0)
        fail_msg("%s", fail.detail);
    return s;
}

static struct vc_store_row row_of(uint64_t id, const char *v4)
{
    struct vc_store_row r = {.id = id,
                             .user = "alice",
                             .group = "sales",
                             .agent = "agent",
                             .created_s = 1000,
                             .ends_s = 2000,
                             .waits_s = 1500,
                             .generation = 7,
                             .rx_bytes = 1ULL << 40,
                             .tx_bytes = 5};
    memset(r.token_hash, (int)id, sizeof(r.token_hash));
    memset(r.dtls_id, 0xd0, sizeof(r.dtls_id));
    assert_true(vc_ip_parse(VC_STR("2001:db8::1"), &r.source));
    if (v4)
        assert_true(vc_ip_parse(vc_str_of(v4), &r.v4));
    return r;
}

struct loaded {
    struct vc_store_row rows[16];
    unsigned n;
};

static int take(void *arg, const struct vc_store_row *row)
{
    struct loaded *l = arg;
    l->rows[l->n++] = *row;
    return 0;
}

static void load(struct vc_store *s, struct loaded *l)
{
    struct vc_fail fail;
    l->n = 0;
    assert_int_equal(vc_store_load(s, take, l, &fail), 0);
}

static void test_round_trip(void **state)
{
    struct vc_fail fail = {0};
    struct loaded l;
    struct vc_store *s = open_store();
    struct vc_store_row a = row_of(1, "10.0.0.2"), b = row_of(2, NULL);
    (void)snprintf(b.user, sizeof(b.user), "%s", "J\xc3\xb6rg '; DROP TABLE sessions; --");
    assert_true(vc_ip_parse(VC_STR("fd00::2"), &b.v6));
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    assert_int_equal(vc_store_put(s, &b, &fail), 0);
    a.generation++;
    a.waits_s = 0;
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    assert_int_equal(vc_store_alive(s, 1234, &fail), 0);
    assert_int_equal(vc_store_alive(s, 1235, &fail), 0);
    vc_store_close(s);
    s = open_store();
    load(s, &l);
    assert_int_equal(l.n, 2);
    assert_memory_equal(&l.rows[0], &a, sizeof(a));
    assert_memory_equal(&l.rows[1], &b, sizeof(b));
    assert_int_equal(vc_store_last_alive(s), 1235);
    assert_int_equal(vc_store_remove(s, 2, &fail), 0);
    assert_int_equal(vc_store_remove(s, 2, &fail), 0); /* harmless twice */
    load(s, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(vc_store_last_id(s), 2); /* no number comes twice */
    vc_store_close(s);
    (void)state;
}

static void test_nothing_is_given_twice(void **state)
{
    struct vc_fail fail = {0};
    struct loaded l;
    struct vc_store *s = open_store();
    struct vc_store_row a = row_of(1, "10.0.0.2"), b = row_of(2, "10.0.0.2"), c = row_of(3, "10.0.0.3");
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    assert_int_equal(vc_store_put(s, &b, &fail), -1); /* the address */
    assert_int_equal(fail.cause, VC_CAUSE_STORE);
    memcpy(c.token_hash, a.token_hash, sizeof(c.token_hash));
    assert_int_equal(vc_store_put(s, &c, &fail), -1); /* the token */
    c = row_of(3, "10.0.0.3");
    assert_int_equal(vc_store_put(s, &c, &fail), 0);
    c.v4 = a.v4;
    assert_int_equal(vc_store_put(s, &c, &fail), -1); /* the address, later */
    load(s, &l);
    assert_int_equal(l.n, 2);
    assert_memory_equal(&l.rows[0], &a, sizeof(a)); /* who had it still has it */
    vc_store_close(s);
    (void)state;
}

static void refused(const char *why)
{
    struct vc_store *s;
    struct vc_fail fail = {0};
    int r = vc_store_open(&s, "db", &fail);
    assert_case(why, r == -1 && !s && fail.cause == VC_CAUSE_STORE);
}

static void sql(const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open("db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_refused(void **state)
{
    struct vc_fail fail;
    struct vc_store *s;
    int fd = open("db", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd,
                           "this is no store, but somebody's letter to his aunt; longer than a header of 100 bytes, "
                           "so that nobody takes it for an empty file.",
                           130),
                     130);
    (void)close(fd);
    refused("not a store");
    assert_int_equal(clean(NULL), 0);

    vc_store_close(open_store());
    sql("PRAGMA user_version = 99");
    refused("a newer version");
    sql("PRAGMA user_version = 1");

    s = open_store();
    refused("in use");
    vc_store_close(s);

    s = open_store();
    struct vc_store_row a = row_of(1, "10.0.0.2");
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    vc_store_close(s);
    fd = open("db", O_WRONLY | O_CLOEXEC);
    static uint8_t junk[4096];
    memset(junk, 0xee, sizeof(junk));
    assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096), sizeof(junk));
    (void)close(fd);
    refused("a damaged page");
    assert_int_equal(clean(NULL), 0);

    assert_int_equal(mkdir("db", 0700), 0);
    refused("a folder");
    assert_int_equal(rmdir("db"), 0);
    (void)state;
}

static void test_malformed_row(void **state)
{
    struct vc_fail fail = {0};
    struct loaded l = {0};
    vc_store_close(open_store());
    sql("INSERT INTO sessions VALUES(5, x'00', 'u', 'g', 'a', '10.0.0.1', 1, 1, 1, NULL, NULL, 1, x'00', 0, 0)");
    struct vc_store *s = open_store();
    assert_int_equal(vc_store_load(s, take, &l, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_STORE);
    assert_int_equal(l.n, 0);
    vc_store_close(s);
    (void)state;
}

static void test_full_disk(void **state)
{
    const struct rlimit full = {4096, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    struct vc_fail fail = {0};
    struct loaded l;
    struct vc_store *s = open_store();
    struct vc_store_row a = row_of(1, "10.0.0.2"), b = row_of(2, "10.0.0.3");
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vc_store_put(s, &b, &fail), -1);
        assert_int_equal(fail.cause, VC_CAUSE_STORE);
        assert_int_equal(vc_store_remove(s, 1, &fail), -1);
    }
    load(s, &l); /* reading goes on */
    assert_int_equal(l.n, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(vc_store_put(s, &b, &fail), 0);
    vc_store_close(s);
    s = open_store();
    load(s, &l);
    assert_int_equal(l.n, 2);
    vc_store_close(s);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_round_trip, clean),
        cmocka_unit_test_teardown(test_nothing_is_given_twice, clean),
        cmocka_unit_test_teardown(test_refused, clean),
        cmocka_unit_test_teardown(test_malformed_row, clean),
        cmocka_unit_test_teardown(test_full_disk, clean),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
