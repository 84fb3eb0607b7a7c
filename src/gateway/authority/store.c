#include "gateway/authority/store.h"

#include <sqlite3.h>
#include <stdlib.h>

#define VERSION 3

struct vc_store {
    sqlite3 *db;
    sqlite3_stmt *put, *take, *remove, *alive;
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE sessions("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, token_hash BLOB NOT NULL UNIQUE, user TEXT NOT NULL, grp TEXT NOT NULL,"
    " agent TEXT NOT NULL, source TEXT NOT NULL, created_s INTEGER NOT NULL, ends_s INTEGER NOT NULL,"
    " waits_s INTEGER NOT NULL, v4 TEXT UNIQUE, v6 TEXT UNIQUE, generation INTEGER NOT NULL, dtls_id BLOB NOT NULL,"
    " rx_bytes INTEGER NOT NULL, tx_bytes INTEGER NOT NULL, process INTEGER NOT NULL, up INTEGER NOT NULL,"
    " suite TEXT NOT NULL, hostname TEXT NOT NULL, mtu INTEGER NOT NULL, dpd_s INTEGER NOT NULL,"
    " keepalive_s INTEGER NOT NULL) STRICT;"
    "CREATE TABLE gateway(one INTEGER PRIMARY KEY CHECK (one = 1), alive_s INTEGER NOT NULL) STRICT;"
    "PRAGMA user_version = 3;"
    "COMMIT;";

/* Nobody knows in which process the tunnels of version 1 were: they are closed, and their clients come back. */
static const char to_2_sql[] = "BEGIN IMMEDIATE;"
                               "ALTER TABLE sessions ADD COLUMN process INTEGER NOT NULL DEFAULT 65535;"
                               "ALTER TABLE sessions ADD COLUMN up INTEGER NOT NULL DEFAULT 0;"
                               "PRAGMA user_version = 2;"
                               "COMMIT;";
/* What is shown of a tunnel that lives on beside a new authority. */
static const char to_3_sql[] = "BEGIN IMMEDIATE;"
                               "ALTER TABLE sessions ADD COLUMN suite TEXT NOT NULL DEFAULT '';"
                               "ALTER TABLE sessions ADD COLUMN hostname TEXT NOT NULL DEFAULT '';"
                               "ALTER TABLE sessions ADD COLUMN mtu INTEGER NOT NULL DEFAULT 0;"
                               "ALTER TABLE sessions ADD COLUMN dpd_s INTEGER NOT NULL DEFAULT 0;"
                               "ALTER TABLE sessions ADD COLUMN keepalive_s INTEGER NOT NULL DEFAULT 0;"
                               "PRAGMA user_version = 3;"
                               "COMMIT;";

/* not REPLACE: that would throw out the session that has the address */
static const char put_sql[] =
    "INSERT INTO sessions(id, token_hash, user, grp, agent, source, created_s, ends_s, waits_s, v4, v6, generation,"
    " dtls_id, rx_bytes, tx_bytes, process, up, suite, hostname, mtu, dpd_s, keepalive_s)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)"
    " ON CONFLICT(id) DO UPDATE SET agent = ?5, source = ?6, waits_s = ?9, v4 = ?10, v6 = ?11, generation = ?12,"
    " dtls_id = ?13, rx_bytes = ?14, tx_bytes = ?15, process = ?16, up = ?17,"
    " suite = ?18, hostname = ?19, mtu = ?20, dpd_s = ?21, keepalive_s = ?22";
static const char take_sql[] = "UPDATE sessions SET v4 = CASE WHEN v4 = ?2 THEN NULL ELSE v4 END,"
                               " v6 = CASE WHEN v6 = ?3 THEN NULL ELSE v6 END WHERE id <> ?1 AND (v4 = ?2 OR v6 = ?3)";
static const char remove_sql[] = "DELETE FROM sessions WHERE id = ?1";
static const char alive_sql[] =
    "INSERT INTO gateway(one, alive_s) VALUES(1, ?1) ON CONFLICT(one) DO UPDATE SET alive_s = ?1";
static const char load_sql[] =
    "SELECT id, token_hash, user, grp, agent, source, created_s, ends_s, waits_s, v4, v6,"
    " generation, dtls_id, rx_bytes, tx_bytes, process, up, suite, hostname, mtu, dpd_s, keepalive_s"
    " FROM sessions ORDER BY waits_s <> 0, id";
static const char sweep_sql[] = "DELETE FROM sessions WHERE NOT kept(id)";
static const char left_sql[] = "SELECT count(*) FROM sessions WHERE NOT kept(id)";

/* The write-ahead log never shrinks while it is open: what these bytes made of it can be written again on a full disk,
 * once what it holds is in the file itself, which has got room for that by the same means. */
static const char reserve_sql[] = "BEGIN IMMEDIATE; DROP TABLE IF EXISTS reserve; CREATE TABLE reserve(bytes BLOB);"
                                  "INSERT INTO reserve VALUES(zeroblob(131072)); COMMIT;"
                                  "PRAGMA wal_checkpoint(RESTART); DROP TABLE reserve;";

static int failed(struct vc_store *s, const char *what, struct vc_fail *fail)
{
    return vc_fail_set(fail, VC_CAUSE_STORE, sqlite3_system_errno(s->db), "%s: %s", what, sqlite3_errmsg(s->db));
}

static int run(struct vc_store *s, const char *sql, const char *what, struct vc_fail *fail)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(s, what, fail);
}

/** The first column of the first row: a number, or (with @text) some text. */
static int ask(struct vc_store *s, const char *sql, int64_t *number, char *text, size_t cap)
{
    sqlite3_stmt *q = NULL;
    int r = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        *number = sqlite3_column_int64(q, 0);
        if (text)
            (void)vc_str_copy(vc_str_of((const char *)sqlite3_column_text(q, 0)), text, cap);
        r = 0;
    }
    (void)sqlite3_finalize(q);
    return r;
}

static int check(struct vc_store *s, struct vc_fail *fail)
{
    char text[100] = "";
    int64_t version;
    if (ask(s, "PRAGMA quick_check(1)", &version, text, sizeof(text)) != 0)
        return failed(s, "damaged or not a store", fail);
    if (!vc_str_eq(vc_str_of(text), VC_STR("ok")))
        return vc_fail_set(fail, VC_CAUSE_STORE, 0, "damaged (%s): mend it with sqlite3, or move it away", text);
    if (ask(s, "PRAGMA user_version", &version, NULL, 0) != 0)
        return failed(s, "its version cannot be read", fail);
    if (version > VERSION)
        return vc_fail_set(fail, VC_CAUSE_STORE, 0, "a newer Varco wrote it (version %lld)", (long long)version);
    if (version == 1 && run(s, to_2_sql, "the tables cannot be brought up to date", fail) != 0)
        return -1;
    if (version == 1 || version == 2)
        return run(s, to_3_sql, "the tables cannot be brought up to date", fail);
    return version == 0 ? run(s, schema, "the tables cannot be made", fail) : 0;
}

/* SQLite would make an absolute path of the name; we may enter our directory, but perhaps not the ones above it. */
static int as_it_is(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
    (void)vfs;
    return vc_str_copy(vc_str_of(name), out, (size_t)cap) ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const char *here(void)
{
    static sqlite3_vfs vfs;
    if (!vfs.zName) {
        const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);
        if (!usual)
            return NULL;
        vfs = *usual;
        vfs.zName = "here";
        vfs.pNext = NULL;
        vfs.xFullPathname = as_it_is;
        (void)sqlite3_vfs_register(&vfs, 0);
    }
    return vfs.zName;
}

int vc_store_open(struct vc_store **store, const char *file, struct vc_fail *fail)
{
    struct vc_store *s = calloc(1, sizeof(*s));
    const unsigned flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    *store = NULL;
    if (!s)
        return vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "%s", file);
    int r = sqlite3_open_v2(file, &s->db, (int)flags, here()) == SQLITE_OK ? 0 : -1;
    if (r != 0 && !s->db)
        vc_fail_set(fail, VC_CAUSE_NO_MEMORY, 0, "%s", file);
    else if (r != 0)
        (void)failed(s, file, fail);
    if (r == 0)
        (void)sqlite3_busy_timeout(s->db, 100);
    /* nobody else opens it: no shared memory file, and a second process finds it locked */
    if (r == 0 &&
        (run(s, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;", file,
             fail) != 0 ||
         run(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", file, fail) != 0 || check(s, fail) != 0))
        r = -1;
    if (r == 0 && sqlite3_exec(s->db, reserve_sql, NULL, NULL, NULL) != SQLITE_OK)
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); /* the disk is full already */
    if (r == 0 &&
        (sqlite3_prepare_v3(s->db, put_sql, -1, SQLITE_PREPARE_PERSISTENT, &s->put, NULL) != SQLITE_OK ||
         sqlite3_prepare_v3(s->db, take_sql, -1, SQLITE_PREPARE_PERSISTENT, &s->take, NULL) != SQLITE_OK ||
         sqlite3_prepare_v3(s->db, remove_sql, -1, SQLITE_PREPARE_PERSISTENT, &s->remove, NULL) != SQLITE_OK ||
         sqlite3_prepare_v3(s->db, alive_sql, -1, SQLITE_PREPARE_PERSISTENT, &s->alive, NULL) != SQLITE_OK))
        r = failed(s, file, fail);
    if (r != 0) {
        vc_store_close(s);
        return -1;
    }
    *store = s;
    return 0;
}

void vc_store_close(struct vc_store *s)
{
    if (!s)
        return;
    (void)sqlite3_finalize(s->put);
    (void)sqlite3_finalize(s->take);
    (void)sqlite3_finalize(s->remove);
    (void)sqlite3_finalize(s->alive);
    (void)sqlite3_close(s->db);
    free(s);
}

static bool take_text(sqlite3_stmt *q, int column, char *to, size_t cap)
{
    return vc_str_copy((struct vc_str){.at = (const char *)sqlite3_column_text(q, column),
                                       .len = (size_t)sqlite3_column_bytes(q, column)},
                       to, cap);
}

static bool take_blob(sqlite3_stmt *q, int column, uint8_t to[32])
{
    if (sqlite3_column_bytes(q, column) != 32)
        return false;
    memcpy(to, sqlite3_column_blob(q, column), 32);
    return true;
}

static bool take_ip(sqlite3_stmt *q, int column, struct vc_ip *ip)
{
    *ip = (struct vc_ip){0};
    if (sqlite3_column_type(q, column) == SQLITE_NULL)
        return true;
    return vc_ip_parse((struct vc_str){.at = (const char *)sqlite3_column_text(q, column),
                                       .len = (size_t)sqlite3_column_bytes(q, column)},
                       ip);
}

static bool take_row(sqlite3_stmt *q, struct vc_store_row *row)
{
    *row = (struct vc_store_row){.id = (uint64_t)sqlite3_column_int64(q, 0),
                                 .created_s = sqlite3_column_int64(q, 6),
                                 .ends_s = sqlite3_column_int64(q, 7),
                                 .waits_s = sqlite3_column_int64(q, 8),
                                 .generation = (uint32_t)sqlite3_column_int64(q, 11),
                                 .rx_bytes = (uint64_t)sqlite3_column_int64(q, 13),
                                 .tx_bytes = (uint64_t)sqlite3_column_int64(q, 14),
                                 .process = (uint16_t)sqlite3_column_int64(q, 15),
                                 .up = (uint32_t)sqlite3_column_int64(q, 16),
                                 .mtu = (uint16_t)sqlite3_column_int64(q, 19),
                                 .dpd_s = (uint32_t)sqlite3_column_int64(q, 20),
                                 .keepalive_s = (uint32_t)sqlite3_column_int64(q, 21)};
    return take_blob(q, 1, row->token_hash) && take_text(q, 2, row->user, sizeof(row->user)) &&
           take_text(q, 3, row->group, sizeof(row->group)) && take_text(q, 4, row->agent, sizeof(row->agent)) &&
           (take_ip(q, 5, &row->source) || true) && take_ip(q, 9, &row->v4) && take_ip(q, 10, &row->v6) &&
           take_blob(q, 12, row->dtls_id) && take_text(q, 17, row->suite, sizeof(row->suite)) &&
           take_text(q, 18, row->hostname, sizeof(row->hostname));
}

int vc_store_load(struct vc_store *s, int (*row)(void *arg, const struct vc_store_row *row), void *arg,
                  struct vc_fail *fail)
{
    sqlite3_stmt *q = NULL;
    struct vc_store_row one;
    int step = sqlite3_prepare_v2(s->db, load_sql, -1, &q, NULL), r = 0;
    if (step == SQLITE_OK) {
        while (r == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
            if (take_row(q, &one))
                r = row(arg, &one);
            else
                r = vc_fail_set(fail, VC_CAUSE_STORE, 0, "session %lld is malformed", (long long)one.id);
        }
    }
    if (r == 0 && step != SQLITE_DONE)
        r = failed(s, "sessions", fail);
    (void)sqlite3_finalize(q);
    return r;
}

static void put_text(sqlite3_stmt *q, int at, const char *text)
{
    (void)sqlite3_bind_text(q, at, text, -1, SQLITE_STATIC);
}

/** @text keeps the bytes until the statement is done. */
static void put_ip(sqlite3_stmt *q, int at, const struct vc_ip *ip, char text[VC_IP_TEXT])
{
    vc_ip_print(ip, text);
    if (ip->family == VC_FAMILY_NONE)
        (void)sqlite3_bind_null(q, at);
    else
        put_text(q, at, text);
}

/** Runs a statement that gives no rows, and makes it ready for the next time. */
static int done(struct vc_store *s, sqlite3_stmt *q, const char *what, struct vc_fail *fail)
{
    int r = sqlite3_step(q) == SQLITE_DONE ? 0 : failed(s, what, fail);
    if (r != 0 && sqlite3_errcode(s->db) == SQLITE_CONSTRAINT)
        r = VC_STORE_TAKEN;
    (void)sqlite3_reset(q);
    (void)sqlite3_clear_bindings(q);
    return r;
}

/** The log begins anew at its front, where it needs no new room. */
static bool rewind_log(struct vc_store *s)
{
    return sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL) == SQLITE_OK;
}

int vc_store_put(struct vc_store *s, const struct vc_store_row *row, struct vc_fail *fail)
{
    char v4[VC_IP_TEXT], v6[VC_IP_TEXT], source[VC_IP_TEXT];
    vc_ip_print(&row->source, source);
    (void)sqlite3_bind_int64(s->put, 1, (sqlite3_int64)row->id);
    (void)sqlite3_bind_blob(s->put, 2, row->token_hash, sizeof(row->token_hash), SQLITE_STATIC);
    put_text(s->put, 3, row->user);
    put_text(s->put, 4, row->group);
    put_text(s->put, 5, row->agent);
    put_text(s->put, 6, source);
    (void)sqlite3_bind_int64(s->put, 7, row->created_s);
    (void)sqlite3_bind_int64(s->put, 8, row->ends_s);
    (void)sqlite3_bind_int64(s->put, 9, row->waits_s);
    put_ip(s->put, 10, &row->v4, v4);
    put_ip(s->put, 11, &row->v6, v6);
    (void)sqlite3_bind_int64(s->put, 12, row->generation);
    (void)sqlite3_bind_blob(s->put, 13, row->dtls_id, sizeof(row->dtls_id), SQLITE_STATIC);
    (void)sqlite3_bind_int64(s->put, 14, (sqlite3_int64)row->rx_bytes);
    (void)sqlite3_bind_int64(s->put, 15, (sqlite3_int64)row->tx_bytes);
    (void)sqlite3_bind_int64(s->put, 16, row->process);
    (void)sqlite3_bind_int64(s->put, 17, row->up);
    put_text(s->put, 18, row->suite);
    put_text(s->put, 19, row->hostname);
    (void)sqlite3_bind_int64(s->put, 20, row->mtu);
    (void)sqlite3_bind_int64(s->put, 21, row->dpd_s);
    (void)sqlite3_bind_int64(s->put, 22, row->keepalive_s);
    return done(s, s->put, "a session was not written", fail);
}

int vc_store_take_addresses(struct vc_store *s, const struct vc_store_row *row, struct vc_fail *fail)
{
    char v4[VC_IP_TEXT], v6[VC_IP_TEXT];
    (void)sqlite3_bind_int64(s->take, 1, (sqlite3_int64)row->id);
    put_ip(s->take, 2, &row->v4, v4);
    put_ip(s->take, 3, &row->v6, v6);
    return done(s, s->take, "an address was not taken", fail);
}

static int remove_one(struct vc_store *s, uint64_t id, struct vc_fail *fail)
{
    (void)sqlite3_bind_int64(s->remove, 1, (sqlite3_int64)id);
    return done(s, s->remove, "a session was not removed", fail);
}

int vc_store_remove(struct vc_store *s, uint64_t id, struct vc_fail *fail)
{
    int r = remove_one(s, id, fail);
    return r != 0 && rewind_log(s) ? remove_one(s, id, fail) : r;
}

struct sweep {
    bool (*keep)(void *arg, uint64_t id);
    void *arg;
};

static void kept(sqlite3_context *c, int n, sqlite3_value **v)
{
    const struct sweep *w = sqlite3_user_data(c);
    (void)n;
    sqlite3_result_int(c, w->keep(w->arg, (uint64_t)sqlite3_value_int64(v[0])));
}

int vc_store_sweep(struct vc_store *s, bool (*keep)(void *arg, uint64_t id), void *arg, uint64_t *n_left,
                   struct vc_fail *fail)
{
    static const char what[] = "ended sessions were not removed";
    struct sweep w = {.keep = keep, .arg = arg};
    int64_t left = 0;
    if (sqlite3_create_function_v2(s->db, "kept", 1, SQLITE_UTF8, &w, kept, NULL, NULL, NULL) != SQLITE_OK)
        return failed(s, what, fail);
    int r = run(s, sweep_sql, what, fail);
    if (r != 0 && rewind_log(s))
        r = run(s, sweep_sql, what, fail);
    if (r != 0)
        (void)ask(s, left_sql, &left, NULL, 0);
    if (n_left)
        *n_left = (uint64_t)left;
    return r;
}

int vc_store_alive(struct vc_store *s, int64_t now_s, struct vc_fail *fail)
{
    (void)sqlite3_bind_int64(s->alive, 1, now_s);
    return done(s, s->alive, "the time was not written", fail);
}

int64_t vc_store_last_alive(struct vc_store *s)
{
    int64_t at = 0;
    return ask(s, "SELECT alive_s FROM gateway", &at, NULL, 0) == 0 ? at : 0;
}

uint64_t vc_store_last_id(struct vc_store *s)
{
    int64_t id = 0;
    return ask(s, "SELECT seq FROM sqlite_sequence WHERE name = 'sessions'", &id, NULL, 0) == 0 && id > 0 ? (uint64_t)id
                                                                                                          : 0;
}
