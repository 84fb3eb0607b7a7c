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
                             .process = 3,
                             .up = 6,
                             .suite = "TLS_AES_128_GCM_SHA256",
                             .hostname = "host",
                             .mtu = 1400,
                             .dpd_s = 90,
                             .keepalive_s = 32400,
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
    struct vc_store_row rows[64];
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
    assert_true(vc_ip_parse(VC_STR("fd00::2"), &a.v6));
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    assert_int_equal(vc_store_put(s, &b, &fail), VC_STORE_TAKEN); /* the address */
    assert_int_equal(fail.cause, VC_CAUSE_STORE);
    memcpy(c.token_hash, a.token_hash, sizeof(c.token_hash));
    assert_int_equal(vc_store_put(s, &c, &fail), VC_STORE_TAKEN); /* the token */
    c = row_of(3, "10.0.0.3");
    assert_int_equal(vc_store_put(s, &c, &fail), 0);
    c.v4 = a.v4;
    assert_int_equal(vc_store_put(s, &c, &fail), VC_STORE_TAKEN); /* the address, later */
    load(s, &l);
    assert_int_equal(l.n, 2);
    assert_memory_equal(&l.rows[0], &a, sizeof(a)); /* who had it still has it */
    assert_int_equal(vc_store_take_addresses(s, &c, &fail), 0);
    assert_int_equal(vc_store_put(s, &c, &fail), 0);
    load(s, &l);
    assert_int_equal(l.n, 2);
    a.v4 = (struct vc_ip){0}; /* that one; the other it keeps */
    assert_memory_equal(&l.rows[0], &a, sizeof(a));
    assert_memory_equal(&l.rows[1], &c, sizeof(c));
    vc_store_close(s);
    (void)state;
}

static bool is_odd(void *arg, uint64_t id)
{
    (void)arg;
    return id % 2 != 0;
}

static void test_sweep(void **state)
{
    struct vc_fail fail = {0};
    struct loaded l;
    uint64_t n_left = 99;
    struct vc_store *s = open_store();
    for (uint64_t id = 1; id <= 60; id++) {
        struct vc_store_row r = row_of(id, NULL);
        r.waits_s = id > 50 ? 0 : 1500;
        assert_int_equal(vc_store_put(s, &r, &fail), 0);
    }
    for (int i = 0; i < 2; i++) { /* harmless twice */
        assert_int_equal(vc_store_sweep(s, is_odd, NULL, &n_left, &fail), 0);
        assert_int_equal(n_left, 0);
        load(s, &l);
        assert_int_equal(l.n, 30);
        assert_int_equal(l.rows[0].id, 51); /* its tunnel was up */
        assert_int_equal(l.rows[5].id, 1);
    }
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
    sql("PRAGMA user_version = 3");

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

/* What the first version wrote: its sessions are kept, and no process has a claim to them. */
static void test_version_1(void **state)
{
    struct vc_fail fail = {0};
    struct loaded l;
    sql("CREATE TABLE sessions("
        " id INTEGER PRIMARY KEY AUTOINCREMENT, token_hash BLOB NOT NULL UNIQUE, user TEXT NOT NULL, grp TEXT NOT NULL,"
        " agent TEXT NOT NULL, source TEXT NOT NULL, created_s INTEGER NOT NULL, ends_s INTEGER NOT NULL,"
        " waits_s INTEGER NOT NULL, v4 TEXT UNIQUE, v6 TEXT UNIQUE, generation INTEGER NOT NULL, dtls_id BLOB NOT NULL,"
        " rx_bytes INTEGER NOT NULL, tx_bytes INTEGER NOT NULL) STRICT;"
        "CREATE TABLE gateway(one INTEGER PRIMARY KEY CHECK (one = 1), alive_s INTEGER NOT NULL) STRICT;"
        "INSERT INTO sessions VALUES(5, zeroblob(32), 'u', 'g', 'a', '10.0.0.1', 1, 1, 0, NULL, NULL, 9, zeroblob(32), "
        "1, 2);"
        "PRAGMA user_version = 1;");
    struct vc_store *s = open_store();
    load(s, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.rows[0].generation, 9);
    assert_int_equal(l.rows[0].tx_bytes, 2);
    assert_int_equal(l.rows[0].process, 0xffff);
    assert_int_equal(l.rows[0].up, 0);
    assert_string_equal(l.rows[0].suite, "");
    struct vc_store_row a = row_of(6, "10.0.0.2");
    assert_int_equal(vc_store_put(s, &a, &fail), 0);
    vc_store_close(s);
    vc_store_close(open_store()); /* and once is enough */
    (void)state;
}

static void test_malformed_row(void **state)
{
    struct vc_fail fail = {0};
    struct loaded l = {0};
    vc_store_close(open_store());
    sql("INSERT INTO sessions VALUES(5, x'00', 'u', 'g', 'a', '10.0.0.1', 1, 1, 1, NULL, NULL, 1, x'00', 0, 0, 1, 1, "
        "'', '', "
        "0, 0, 0)");
    struct vc_store *s = open_store();
    assert_int_equal(vc_store_load(s, take, &l, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_STORE);
    assert_int_equal(l.n, 0);
    vc_store_close(s);
    (void)state;
}

static bool is_even(void *arg, uint64_t id)
{
    return !is_odd(arg, id);
}

/* No file can be written at all. */
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
        uint64_t n_left;
        assert_int_equal(vc_store_sweep(s, is_odd, NULL, &n_left, &fail), 0); /* there is nothing to do */
        assert_int_equal(vc_store_sweep(s, is_even, NULL, &n_left, &fail), -1);
        assert_int_equal(fail.cause, VC_CAUSE_STORE);
        assert_int_equal(n_left, 1);
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

static bool nobody(void *arg, uint64_t id)
{
    (void)arg;
    (void)id;
    return false;
}

/* No file can grow: what can be removed is removed. */
static void test_full_disk_can_be_overwritten(void **state)
{
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    struct vc_fail fail = {0};
    struct loaded l;
    struct stat db, wal;
    struct vc_store *s = open_store();
    uint64_t id = 0, n_left;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++) {
            struct vc_store_row r = row_of(++id, NULL);
            assert_int_equal(vc_store_put(s, &r, &fail), 0);
        }
        assert_true(stat("db", &db) == 0 && stat("db-wal", &wal) == 0);
        const struct rlimit full = {(rlim_t)(db.st_size > wal.st_size ? db.st_size : wal.st_size), RLIM_INFINITY};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        int r = 0;
        for (struct vc_store_row more; r == 0; id += r == 0) {
            more = row_of(id + 1, NULL);
            r = vc_store_put(s, &more, &fail);
        }
        for (uint64_t one = id; one > id - 10; one--)
            assert_int_equal(vc_store_remove(s, one, &fail), 0);
        id -= 10;
        do { /* full again */
            struct vc_store_row more = row_of(id + 1, NULL);
            r = vc_store_put(s, &more, &fail);
            id += r == 0;
        } while (r == 0);
        assert_int_equal(vc_store_sweep(s, is_odd, NULL, &n_left, &fail), 0);
        assert_int_equal(n_left, 0);
        assert_int_equal(vc_store_sweep(s, nobody, NULL, &n_left, &fail), 0);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
        load(s, &l);
        assert_int_equal(l.n, 0);
    }
    vc_store_close(s);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_round_trip, clean),
        cmocka_unit_test_teardown(test_nothing_is_given_twice, clean),
        cmocka_unit_test_teardown(test_refused, clean),
        cmocka_unit_test_teardown(test_version_1, clean),
        cmocka_unit_test_teardown(test_malformed_row, clean),
        cmocka_unit_test_teardown(test_sweep, clean),
        cmocka_unit_test_teardown(test_full_disk, clean),
        cmocka_unit_test_teardown(test_full_disk_can_be_overwritten, clean),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
