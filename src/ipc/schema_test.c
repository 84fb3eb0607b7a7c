/* The schema: every message comes back as it went, and nothing but what the table says is taken. All of it runs over
 * all messages, by the same table. */
#include "ipc/schema.h"

#include "table.h"

#define LARGEST (128U << 10) /* as the ports' buffers */

static uint8_t buf[2 * LARGEST], pool[2 * LARGEST];

/* ---- one message with chosen fields ---- */

static uint64_t seed = 20;

enum amount { NOTHING, SOMETHING, EVERYTHING }; /* how much a field holds */

static size_t length(enum amount amount, size_t max)
{
    return amount == NOTHING ? 0 : amount == EVERYTHING ? max : test_random(&seed) % (max + 1);
}

static void make_bytes(struct vc_bytes *b, size_t max, enum amount amount)
{
    *b = (struct vc_bytes){.at = pool + test_random(&seed) % 1000, .len = length(amount, max)};
}

static void make_text(struct vc_str *s, size_t max, enum amount amount)
{
    static const char letters[] = "The quick brown fox jumps over the lazy dog. ";
    static char text[LARGEST];
    if (!text[0]) {
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = letters[i % (sizeof(letters) - 1)];
    }
    *s = (struct vc_str){.at = text + test_random(&seed) % 100, .len = length(amount, max)};
}

static void make_ip(struct vc_ip *ip)
{
    static const uint8_t families[] = {VC_FAMILY_NONE, VC_FAMILY_V4, VC_FAMILY_V6};
    *ip = (struct vc_ip){.family = families[test_random(&seed) % 3]};
    for (size_t i = 0; i < (ip->family == VC_FAMILY_NONE ? 0U : ip->family == VC_FAMILY_V4 ? 4U : 16U); i++)
        ip->bytes[i] = (uint8_t)test_random(&seed);
}

#define MAKE_U8(f, max) (f) = (uint8_t)test_random(&seed);
#define MAKE_U16(f, max) (f) = (uint16_t)test_random(&seed);
#define MAKE_U32(f, max) (f) = (uint32_t)test_random(&seed);
#define MAKE_U64(f, max) (f) = test_random(&seed);
#define MAKE_TEXT(f, max) make_text(&(f), (max), amount);
#define MAKE_BYTES(f, max) make_bytes(&(f), (max), amount);
#define MAKE_SECRET(f, max) make_bytes(&(f), (max), amount);
#define MAKE_IP(f, max) make_ip(&(f));
#define MAKE_ENDPOINT(f, max) make_ip(&(f).ip), (f).port = (uint16_t)test_random(&seed);
#define MAKE(kind, name, max) MAKE_##kind(v->name, max)

static void make(struct vc_msg *m, enum vc_ipc_type type, enum amount amount)
{
    m->type = type;
    switch (type) {
#define X(id, from, to, fds, largest, when)                                                                            \
    case VC_IPC_##id: {                                                                                                \
        __typeof__(&m->id) v = &m->id;                                                                                 \
        (void)v;                                                                                                       \
        VC_MSG_##id(MAKE) break;                                                                                       \
    }
        VC_IPC_MESSAGES(X)
#undef X
    case VC_N_IPC:
        break;
    }
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

#define SAME_U8(f) same = same && x->f == y->f;
#define SAME_U16(f) SAME_U8(f)
#define SAME_U32(f) SAME_U8(f)
#define SAME_U64(f) SAME_U8(f)
#define SAME_TEXT(f) same = same && same_bytes(x->f.at, x->f.len, y->f.at, y->f.len);
#define SAME_BYTES(f) SAME_TEXT(f)
#define SAME_SECRET(f) SAME_TEXT(f)
#define SAME_IP(f) same = same && vc_ip_eq(&x->f, &y->f);
#define SAME_ENDPOINT(f) same = same && vc_endpoint_eq(&x->f, &y->f);
#define SAME(kind, name, max) SAME_##kind(name)

static bool same_msg(const struct vc_msg *a, const struct vc_msg *b)
{
    bool same = a->type == b->type;
    switch (a->type) {
#define X(id, from, to, fds, largest, when)                                                                            \
    case VC_IPC_##id: {                                                                                                \
        __typeof__(&a->id) x = &a->id, y = &b->id;                                                                     \
        (void)x, (void)y;                                                                                              \
        VC_MSG_##id(SAME) break;                                                                                       \
    }
        VC_IPC_MESSAGES(X)
#undef X
    case VC_N_IPC:
        break;
    }
    return same;
}

/** Somebody who may send it, and somebody who may get it. */
static void ends_of(enum vc_ipc_type type, enum vc_role *from, enum vc_role *to)
{
    *from = vc_ipc_from(type) == VC_ROLE_ANY ? VC_ROLE_PORTAL : vc_ipc_from(type);
    *to = vc_ipc_to(type) == VC_ROLE_ANY ? VC_ROLE_PORTAL : vc_ipc_to(type);
}

/* ---- the same message as bytes, made without the schema's checks ---- */

struct raw {
    struct vc_writer w;
    int field, victim; /* the field that is treated */
    size_t add;        /* bytes above its largest size */
    const char *fill;  /* what its bytes are */
    size_t max;        /* of the victim; 0: it has no size of its own */
};

static void raw_bytes(struct raw *r, size_t max)
{
    bool hit = r->field++ == r->victim;
    size_t len = hit ? max + r->add : 0;
    vc_put_u32(&r->w, (uint32_t)len);
    uint8_t *p = vc_put_space(&r->w, len);
    for (size_t i = 0; p && i < len; i++)
        p[i] = (uint8_t)r->fill[i % strlen(r->fill)];
    if (hit)
        r->max = max;
}

static void raw_fixed(struct raw *r, size_t n)
{
    r->field++;
    uint8_t *p = vc_put_space(&r->w, n);
    if (p)
        memset(p, 0, n);
}

#define RAW_U8(r, max) raw_fixed(r, 1);
#define RAW_U16(r, max) raw_fixed(r, 2);
#define RAW_U32(r, max) raw_fixed(r, 4);
#define RAW_U64(r, max) raw_fixed(r, 8);
#define RAW_TEXT(r, max) raw_bytes(r, max);
#define RAW_BYTES(r, max) raw_bytes(r, max);
#define RAW_SECRET(r, max) raw_bytes(r, max);
#define RAW_IP(r, max) raw_fixed(r, 17);
#define RAW_ENDPOINT(r, max) raw_fixed(r, 19);
#define RAW(kind, name, max) RAW_##kind(r, max)

static void raw(struct raw *r, enum vc_ipc_type type)
{
    r->w = vc_writer_to(buf, sizeof(buf));
    r->field = 0;
    r->max = 0;
    vc_put_u16(&r->w, (uint16_t)type);
    switch (type) {
#define X(id, from, to, fds, largest, when)                                                                            \
    case VC_IPC_##id:                                                                                                  \
        VC_MSG_##id(RAW) break;
        VC_IPC_MESSAGES(X) // NOLINT(bugprone-branch-clone): neighbours in the table may have the same members
#undef X
    case VC_N_IPC:
        break;
    }
}

static int unpack_exact(struct vc_msg *m, enum vc_role from, enum vc_role to, const uint8_t *bytes, size_t len)
{
    uint8_t *in = exact(bytes, len);
    int r = vc_ipc_unpack(m, from, to, in, len);
    free(in); /* views in m are not used any more */
    return r;
}

/* ---- tests ---- */

static void every_message_comes_back(void **state)
{
    (void)state;
    for (unsigned t = 0; t < VC_N_IPC; t++) {
        enum vc_ipc_type type = (enum vc_ipc_type)t;
        const char *name = vc_ipc_name(type);
        enum vc_role from, to;
        ends_of(type, &from, &to);
        for (int i = 0; i < 60; i++) {
            struct vc_msg m, back;
            struct vc_writer w = vc_writer_to(buf, sizeof(buf));
            make(&m, type, i < 3 ? (enum amount)i : SOMETHING);
            vc_ipc_pack(&m, &w);
            assert_case(name, !w.bad);
            size_t len = vc_written(&w);
            assert_case(name, len <= vc_ipc_largest(type)); /* with all fields at their largest too */
            uint8_t *in = exact(buf, len);
            assert_case(name, vc_ipc_unpack(&back, from, to, in, len) == 0);
            assert_case(name, same_msg(&m, &back));
            free(in);

            assert_case(name, unpack_exact(&back, from, to, buf, len - 1) == -1);
            buf[len] = 0;
            assert_case(name, unpack_exact(&back, from, to, buf, len + 1) == -1);
            if (len > 2)
                assert_case(name, unpack_exact(&back, from, to, buf, test_random(&seed) % len) == -1);
            /* a buffer too small by one byte */
            uint8_t *out = malloc(len - 1);
            w = vc_writer_to(out, len - 1);
            vc_ipc_pack(&m, &w);
            assert_case(name, w.bad);
            free(out);
        }
    }
}

static void only_who_may(void **state)
{
    unsigned allowed = 0;
    (void)state;
    for (unsigned t = 0; t < VC_N_IPC; t++) {
        enum vc_ipc_type type = (enum vc_ipc_type)t;
        struct vc_msg m, back;
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        make(&m, type, SOMETHING);
        vc_ipc_pack(&m, &w);
        for (unsigned from = 0; from < VC_N_ROLES; from++) {
            for (unsigned to = 0; to < VC_N_ROLES; to++) {
                bool named = (vc_ipc_from(type) == from || vc_ipc_from(type) == VC_ROLE_ANY) &&
                             (vc_ipc_to(type) == to || vc_ipc_to(type) == VC_ROLE_ANY) &&
                             (from != to || vc_ipc_from(type) == vc_ipc_to(type));
                int r = unpack_exact(&back, (enum vc_role)from, (enum vc_role)to, buf, vc_written(&w));
                assert_case(vc_ipc_name(type), (r == 0) == named);
                assert_case(vc_ipc_name(type), vc_ipc_allowed(type, (enum vc_role)from, (enum vc_role)to) == named);
                allowed += named;
            }
        }
    }
    assert_true(allowed > VC_N_IPC); /* the ones from and to ANY count five times */
    /* what the architecture rests on */
    assert_false(vc_ipc_allowed(VC_IPC_SIGN, VC_ROLE_TUNNEL, VC_ROLE_SIGNER));
    assert_false(vc_ipc_allowed(VC_IPC_ADOPT, VC_ROLE_AUTHORITY, VC_ROLE_TUNNEL));
    assert_false(vc_ipc_allowed(VC_IPC_PRIVATE_KEY, VC_ROLE_SUPERVISOR, VC_ROLE_PORTAL));
    assert_false(vc_ipc_allowed(VC_IPC_LOGIN, VC_ROLE_TUNNEL, VC_ROLE_AUTHORITY));
    assert_false(vc_ipc_allowed(VC_IPC_PEER, VC_ROLE_SUPERVISOR, VC_ROLE_SUPERVISOR));
}

static void fields_are_bounded(void **state)
{
    int bounded = 0;
    (void)state;
    for (unsigned t = 0; t < VC_N_IPC; t++) {
        enum vc_ipc_type type = (enum vc_ipc_type)t;
        const char *name = vc_ipc_name(type);
        enum vc_role from, to;
        struct vc_msg m;
        ends_of(type, &from, &to);
        struct raw r = {.victim = -1};
        raw(&r, type);
        int n_fields = r.field;
        assert_case(name, unpack_exact(&m, from, to, buf, vc_written(&r.w)) == 0);
        for (r.victim = 0; r.victim < n_fields; r.victim++) {
            r.fill = "x";
            r.add = 0;
            raw(&r, type);
            assert_case(name, unpack_exact(&m, from, to, buf, vc_written(&r.w)) == 0);
            if (r.max == 0)
                continue;
            r.add = 1;
            raw(&r, type);
            assert_case(name, unpack_exact(&m, from, to, buf, vc_written(&r.w)) == -1);
            bounded++;
        }
    }
    assert_true(bounded > 30);
}

/** Packing refuses what unpacking would refuse. */
static void our_own_faults_are_caught(void **state)
{
    static const char long_text[] =
        "a reason that is longer than the schema has room for: 0123456789 0123456789 0123456789 "
        "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
        "0123456789 0123456789 0123456789 0123456789";
    struct vc_msg deny = {.type = VC_IPC_DENY, .DENY = {.conn = 1, .status = 401, .reason = VC_STR(long_text)}};
    struct vc_msg grant = {.type = VC_IPC_GRANT, .GRANT = {.ticket = {.at = pool, .len = 17}}};
    struct vc_msg nothing = {.type = VC_N_IPC};
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    (void)state;
    assert_true(sizeof(long_text) > 201);
    vc_ipc_pack(&deny, &w);
    assert_true(w.bad);
    deny.DENY.reason.len = 200;
    w = vc_writer_to(buf, sizeof(buf));
    vc_ipc_pack(&deny, &w);
    assert_false(w.bad);
    w = vc_writer_to(buf, sizeof(buf));
    vc_ipc_pack(&grant, &w);
    assert_true(w.bad);
    w = vc_writer_to(buf, sizeof(buf));
    vc_ipc_pack(&nothing, &w);
    assert_true(w.bad);
}

// clang-format off
static void odd_messages(void **state)
{
#define DENY_HEAD "\0\0\0\0\0\0\0\1" "\x01\x91"
    static const struct {
        const char *name;
        enum vc_ipc_type type;
        struct bytes in; /* behind the type */
        int want;
    } rows[] = {
        {"STOP",                    VC_IPC_STOP,                    BYTES(""),                                 0},
        {"something behind it",     VC_IPC_STOP,                    BYTES("\x01"),                             -1},
        {"nothing behind the type", VC_IPC_DENY,                    BYTES(""),                                 -1},
        {"unknown type",            (enum vc_ipc_type)VC_N_IPC,     BYTES("\x01"),                             -1},
        {"largest number",          (enum vc_ipc_type)0xffff,       BYTES("\x01"),                             -1},
        {"DENY",                    VC_IPC_DENY, BYTES(DENY_HEAD "\0\0\0\x02" "no"),         0},
        {"length beyond the end",   VC_IPC_DENY, BYTES(DENY_HEAD "\0\0\0\x03" "no"),         -1},
        {"length of 4 GiB",         VC_IPC_DENY, BYTES(DENY_HEAD "\xff\xff\xff\xff" "no"),   -1},
        {"text that is not UTF-8",  VC_IPC_DENY, BYTES(DENY_HEAD "\0\0\0\x02" "n\xff"),      -1},
        {"text with a NUL",         VC_IPC_DENY, BYTES(DENY_HEAD "\0\0\0\x02" "n\0"),        -1},
        {"something left over",     VC_IPC_DENY, BYTES(DENY_HEAD "\0\0\0\x01" "no"),         -1},
    };
    struct vc_msg m;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum vc_role from = rows[i].type == VC_IPC_DENY ? VC_ROLE_AUTHORITY : VC_ROLE_SUPERVISOR;
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_put_u16(&w, (uint16_t)rows[i].type);
        vc_put(&w, rows[i].in.at, rows[i].in.len);
        assert_case(rows[i].name, unpack_exact(&m, from, VC_ROLE_PORTAL, buf, vc_written(&w)) == rows[i].want);
    }
    assert_int_equal(unpack_exact(&m, VC_ROLE_SUPERVISOR, VC_ROLE_PORTAL, buf, 0), -1);
    assert_int_equal(unpack_exact(&m, VC_ROLE_SUPERVISOR, VC_ROLE_PORTAL, buf, 1), -1);
}
// clang-format on

static void secrets_are_known(void **state)
{
    (void)state;
    assert_true(vc_ipc_has_secret(VC_IPC_PRIVATE_KEY));
    assert_true(vc_ipc_has_secret(VC_IPC_LOGIN));
    assert_true(vc_ipc_has_secret(VC_IPC_SUCCESS));
    assert_true(vc_ipc_has_secret(VC_IPC_CONNECT));
    assert_true(vc_ipc_has_secret(VC_IPC_LOGOUT));
    assert_true(vc_ipc_has_secret(VC_IPC_VERIFY));
    assert_true(vc_ipc_has_secret(VC_IPC_ADOPT));
    assert_false(vc_ipc_has_secret(VC_IPC_FORM));
    assert_false(vc_ipc_has_secret(VC_IPC_ADOPTED));
}

#define FIELD(kind, name, max) put_field(&w, #kind, #name, max);

static void put_field(struct vc_writer *w, const char *kind, const char *name, unsigned max)
{
    vc_put_fmt(w, " %s %s", kind, name);
    if (max > 0)
        vc_put_fmt(w, " %u", max);
    vc_put_u8(w, ',');
}

static void as_committed(void **state)
{
    static char text[65536];
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    (void)state;
    vc_put_text(&w, "# message | from | to | fds | largest | when | fields. Written by ipc/schema_test.c\n");
#define X(id, from, to, fds, largest, when)                                                                            \
    vc_put_fmt(&w, "%s | %s | %s | %u | %zu | %s |", vc_ipc_name(VC_IPC_##id), vc_role_name(vc_ipc_from(VC_IPC_##id)), \
               vc_role_name(vc_ipc_to(VC_IPC_##id)), vc_ipc_fds(VC_IPC_##id), vc_ipc_largest(VC_IPC_##id),             \
               vc_ipc_when_name(vc_ipc_when(VC_IPC_##id)));                                                            \
    VC_MSG_##id(FIELD) vc_put_text(&w, "\n");
    VC_IPC_MESSAGES(X)
#undef X
    assert_true(vc_put_end_text(&w));
    for (char *c = text; *c; c++) { /* no comma behind the last field */
        if (c[0] == ',' && c[1] == '\n')
            memmove(c, c + 1, strlen(c));
    }
    snapshot("ipc.txt", text);
}

static void table_is_sound(void **state)
{
    (void)state;
    for (unsigned t = 0; t < VC_N_IPC; t++) {
        enum vc_ipc_type type = (enum vc_ipc_type)t;
        assert_case(vc_ipc_name(type), vc_ipc_fds(type) <= 1);
        assert_case(vc_ipc_name(type), vc_ipc_largest(type) <= LARGEST);
        assert_case(vc_ipc_name(type), vc_ipc_from(type) != VC_ROLE_ANY || vc_ipc_to(type) == VC_ROLE_SUPERVISOR);
        assert_case(vc_ipc_name(type), vc_ipc_when_name(vc_ipc_when(type))[0] != '?');
        enum vc_ipc_type question = vc_ipc_question(type); /* the same two, the other way round */
        assert_case(vc_ipc_name(type), (question != VC_N_IPC) == (vc_ipc_when(type) == VC_WHEN_ANSWER));
        assert_case(vc_ipc_name(type), question == VC_N_IPC || (vc_ipc_from(question) == vc_ipc_to(type) &&
                                                                vc_ipc_to(question) == vc_ipc_from(type)));
    }
    assert_string_equal(vc_ipc_name(VC_N_IPC), "?");
    assert_string_equal(vc_role_name(VC_ROLE_ANY), "any");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_back),
        cmocka_unit_test(only_who_may),
        cmocka_unit_test(fields_are_bounded),
        cmocka_unit_test(our_own_faults_are_caught),
        cmocka_unit_test(odd_messages),
        cmocka_unit_test(secrets_are_known),
        cmocka_unit_test(as_committed),
        cmocka_unit_test(table_is_sound),
    };
    for (size_t i = 0; i < sizeof(pool); i++)
        pool[i] = (uint8_t)test_random(&seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
