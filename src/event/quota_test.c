/* The quota of strangers' events: who has one, how much, what comes back, and what is told of the rest. */
#include "event/quota.h"

#include "table.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define SECOND 1000000000ULL
#define START (500 * SECOND)

static struct vc_quota quota;

static int fresh(void **state)
{
    (void)state;
    quota = (struct vc_quota){0};
    return 0;
}

static struct vc_event of(enum vc_event_id id, uint64_t session, const char *source)
{
    struct vc_event e = vc_event_of(id, VC_OUTCOME_REFUSED, 7, session);
    if (source)
        vc_event_text(&e, VC_FIELD_SOURCE, vc_str_of(source));
    return e;
}

static bool told(enum vc_event_id id, uint64_t session, const char *source, uint64_t now_ns)
{
    struct vc_event e = of(id, session, source);
    return vc_quota_take(&quota, &e, now_ns);
}

/** How many of @n refusals of this source are told. */
static unsigned some(unsigned n, const char *source, uint64_t now_ns)
{
    unsigned k = 0;
    while (n-- > 0)
        k += told(VC_EVENT_TLS_FAILED, 0, source, now_ns);
    return k;
}

static void so_many_at_once_and_so_many_a_minute(void **state)
{
    (void)state;
    assert_int_equal(some(VC_QUOTA_AT_ONCE - 1, "192.0.2.1:99", START), VC_QUOTA_AT_ONCE - 1);
    assert_int_equal(some(1, "192.0.2.1:99", START), 1);
    assert_int_equal(some(1, "192.0.2.1:99", START), 0);
    assert_int_equal(some(1, "192.0.2.1:99", START + 6 * SECOND - 1), 0);
    assert_int_equal(some(2, "192.0.2.1:99", START + 6 * SECOND), 1);
    assert_int_equal(some(100, "192.0.2.1:99", START + 66 * SECOND), VC_QUOTA_PER_MINUTE);
    assert_int_equal(some(1000, "192.0.2.1:99", START + 10000 * SECOND), VC_QUOTA_AT_ONCE);
}

static void who_is_one_source(void **state)
{
    /* the first has used its quota up: has the second? */
    static const struct {
        const char *name, *one, *other;
        bool same;
    } cases[] = {
        {"another port", "192.0.2.1:99", "192.0.2.1:1024", true},
        {"without a port", "192.0.2.1:99", "192.0.2.1", true},
        {"another address", "192.0.2.1:99", "192.0.2.2:99", false},
        {"IPv6, another port", "[2001:db8::1]:99", "[2001:db8::1]:1024", true},
        {"IPv6, without a port", "[2001:db8::1]:99", "2001:db8::1", true},
        {"IPv6, the same /64", "[2001:db8::1]:99", "[2001:db8::ffff:0:0:1]:99", true},
        {"IPv6, the /64 beside it", "[2001:db8::1]:99", "[2001:db8:0:1::1]:99", false},
        {"IPv4 beside IPv6", "192.0.2.1:99", "[c000:201::]:99", false},
        {"no address", "none", "[", true},
        {"no address beside one", "none", "192.0.2.1:99", false},
    };
    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        quota = (struct vc_quota){0};
        (void)some(1000, cases[i].one, START);
        assert_case(cases[i].name, some(1, cases[i].other, START) == !cases[i].same);
    }
}

static void whose_events_are_never_left_out(void **state)
{
    (void)state;
    (void)some(1000, "192.0.2.1:99", START);
    for (unsigned i = 0; i < VC_N_EVENTS; i++) {
        enum vc_event_id id = (enum vc_event_id)i;
        bool own = vc_event_phase(id) == VC_PHASE_PROCESS;
        bool welcome = id == VC_EVENT_USER_SUCCESS || id == VC_EVENT_CSTP_CONNECT;
        if (!welcome) {
            assert_case(vc_event_name(id), told(id, 0, "192.0.2.1", START) == own);
            assert_case(vc_event_name(id), told(id, 5, "192.0.2.1", START));
        }
        assert_case(vc_event_name(id), told(id, 0, NULL, START));
    }
}

static void who_logs_in_has_it_all_again(void **state)
{
    static const enum vc_event_id ids[] = {VC_EVENT_USER_SUCCESS, VC_EVENT_CSTP_CONNECT};
    (void)state;
    for (size_t i = 0; i < N(ids); i++) {
        (void)some(1000, "192.0.2.1:99", START);
        (void)some(1000, "192.0.2.2:99", START);
        assert_true(told(ids[i], 5, "192.0.2.1", START));
        assert_int_equal(some(1000, "192.0.2.1:99", START), VC_QUOTA_AT_ONCE);
        assert_int_equal(some(1, "192.0.2.2:99", START), 0);
        assert_true(told(ids[i], 5, "192.0.2.3", START)); /* nobody heard of it before: it takes no place */
    }
    assert_int_equal(some(1000, "192.0.2.3", START), VC_QUOTA_AT_ONCE);
}

static uint64_t number(const struct vc_event *e, enum vc_field field)
{
    for (unsigned i = 0; i < e->n_fields; i++) {
        if (e->fields[i].field == field)
            return e->fields[i].number;
    }
    return 0;
}

static void assert_summary(const struct vc_event *e, const char *source, uint64_t count, const char *kinds)
{
    assert_int_equal(e->id, VC_EVENT_LEFT_OUT);
    assert_int_equal(e->fail.cause, VC_CAUSE_SOURCE_FLOOD);
    assert_int_equal(e->fields[0].field, VC_FIELD_SOURCE);
    assert_string_equal(e->fields[0].text, source);
    assert_int_equal(number(e, VC_FIELD_COUNT), count);
    assert_string_equal(e->fail.detail, kinds);
}

static void what_was_left_out_is_told_once_a_minute(void **state)
{
    const uint64_t minute = 60 * SECOND;
    struct vc_event e;
    (void)state;
    assert_int_equal(vc_quota_due(&quota), UINT64_MAX);
    assert_int_equal(some(130, "192.0.2.1:99", START), 120);
    assert_false(told(VC_EVENT_TLS_ACCEPTED, 0, "192.0.2.1:98", START + SECOND));
    assert_int_equal(some(125, "[2001:db8::9]:99", START + 2 * SECOND), 120);
    assert_int_equal(vc_quota_due(&quota), START + minute);
    assert_false(vc_quota_tell(&quota, START + minute - 1, &e));
    assert_true(vc_quota_tell(&quota, START + minute, &e));
    assert_summary(&e, "192.0.2.1", 11, "tls.accepted, tls.failed");
    assert_false(vc_quota_tell(&quota, START + minute, &e));
    assert_int_equal(vc_quota_due(&quota), START + minute + 2 * SECOND);
    /* the next minute of a source begins with what is left out in it */
    assert_int_equal(some(13, "192.0.2.1:99", START + minute), 10);
    assert_true(vc_quota_tell(&quota, START + minute + 2 * SECOND, &e));
    assert_summary(&e, "2001:db8::/64", 5, "tls.failed");
    assert_int_equal(vc_quota_due(&quota), START + minute + 2 * SECOND);
    assert_false(vc_quota_tell(&quota, START + minute + 2 * SECOND, &e));
    assert_int_equal(vc_quota_due(&quota), START + 2 * minute);
    assert_true(vc_quota_tell(&quota, UINT64_MAX, &e)); /* as at the end of the gateway */
    assert_summary(&e, "192.0.2.1", 3, "tls.failed");
    assert_false(vc_quota_tell(&quota, UINT64_MAX, &e));
    assert_int_equal(vc_quota_due(&quota), UINT64_MAX);
}

static void kinds_that_do_not_fit(void **state)
{
    struct vc_event e;
    (void)state;
    (void)some(1000, "192.0.2.1:99", START);
    for (unsigned i = 0; i < VC_N_EVENTS; i++)
        (void)told((enum vc_event_id)i, 0,
                   i == VC_EVENT_USER_SUCCESS || i == VC_EVENT_CSTP_CONNECT ? NULL : "192.0.2.1", START);
    assert_true(vc_quota_tell(&quota, UINT64_MAX, &e));
    size_t n = strlen(e.fail.detail);
    assert_true(n > 100 && n < sizeof(e.fail.detail) - 1);
    assert_string_equal(e.fail.detail + n - 5, ", ...");
}

static const char *stranger(unsigned i)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "10.0.%u.%u:1", i / 256, i % 256);
    return text;
}

static void more_sources_than_places(void **state)
{
    struct vc_event e;
    (void)state;
    for (unsigned i = 0; i < VC_QUOTA_SOURCES; i++)
        assert_int_equal(some(2, stranger(i), START), 2);
    /* the others share one; those before them have theirs */
    assert_int_equal(some(100, "192.0.2.1:99", START), 100);
    assert_int_equal(some(100, "192.0.2.2:99", START), 20);
    assert_int_equal(some(1, stranger(VC_QUOTA_SOURCES - 1), START), 1);
    assert_true(vc_quota_tell(&quota, UINT64_MAX, &e));
    assert_summary(&e, "others", 80, "tls.failed");
    assert_false(vc_quota_tell(&quota, UINT64_MAX, &e));
    /* a place is free when its bucket is full again, not before, and not before what was left out is told */
    assert_int_equal(some(1000, stranger(0), START), VC_QUOTA_AT_ONCE - 2);
    assert_int_equal(some(1000, stranger(1), START + 12 * SECOND - 1), VC_QUOTA_AT_ONCE - 1);
    assert_int_equal(some(1000, "192.0.2.1:99", START + 12 * SECOND), VC_QUOTA_AT_ONCE);
    assert_int_equal(some(1000, stranger(0), START + 12 * SECOND), 2);
    for (unsigned i = 0; i < VC_QUOTA_SOURCES; i++)
        assert_int_equal(some(1, stranger(5000 + i), START + 10000 * SECOND), 1);
    for (unsigned n = 0; n < 3; n++)
        assert_true(vc_quota_tell(&quota, UINT64_MAX, &e));
    assert_false(vc_quota_tell(&quota, UINT64_MAX, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(so_many_at_once_and_so_many_a_minute, fresh),
        cmocka_unit_test_setup(who_is_one_source, fresh),
        cmocka_unit_test_setup(whose_events_are_never_left_out, fresh),
        cmocka_unit_test_setup(who_logs_in_has_it_all_again, fresh),
        cmocka_unit_test_setup(what_was_left_out_is_told_once_a_minute, fresh),
        cmocka_unit_test_setup(kinds_that_do_not_fit, fresh),
        cmocka_unit_test_setup(more_sources_than_places, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
