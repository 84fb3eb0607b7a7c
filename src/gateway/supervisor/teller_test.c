/* Who may tell what, and how much of it. */
#include "gateway/supervisor/teller.h"

#include "table.h"

static uint8_t buf[4000];

static struct vc_bytes packed(const struct vc_event *e)
{
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    vc_event_pack(e, &w);
    assert_false(w.bad);
    return (struct vc_bytes){.at = buf, .len = vc_written(&w)};
}

/** What was taken, from the supervisor's point of view; -1: refused. */
static int take(struct vc_teller *t, enum vc_event_id id, uint64_t now_ns, uint64_t *lost)
{
    struct vc_event e = vc_event_of(id, VC_OUTCOME_OK, 0, 0), got;
    struct vc_fail fail = {0};
    struct vc_bytes b = packed(&e);
    int r = vc_teller_take(t, &b, now_ns, &got, lost, &fail);
    assert_int_equal(r < 0 ? fail.cause : VC_CAUSE_IPC_MALFORMED, VC_CAUSE_IPC_MALFORMED);
    return r;
}

static void each_role_tells_its_own(void **state)
{
    static const struct {
        const char *name;
        enum vc_role role;
        enum vc_event_id id;
        int want;
    } rows[] = {
        {"a portal's own", VC_ROLE_PORTAL, VC_EVENT_TLS_UP, 0},
        {"a login that a portal made up", VC_ROLE_PORTAL, VC_EVENT_USER_SUCCESS, -1},
        {"the authority's own", VC_ROLE_AUTHORITY, VC_EVENT_USER_SUCCESS, 0},
        {"a tunnel process's own", VC_ROLE_TUNNEL, VC_EVENT_DTLS_UP, 0},
        {"a tunnel process as the supervisor", VC_ROLE_TUNNEL, VC_EVENT_GATEWAY_STOPPING, -1},
        {"a verifier as the authority", VC_ROLE_VERIFIER, VC_EVENT_CONTROL, -1},
        {"the signer refuses", VC_ROLE_SIGNER, VC_EVENT_TLS_FAILED, 0},
        {"anybody notices something", VC_ROLE_VERIFIER, VC_EVENT_PROCESS_NOTICE, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_teller t = {.role = rows[i].role};
        uint64_t lost;
        assert_case(rows[i].name, take(&t, rows[i].id, 0, &lost) == rows[i].want);
    }
}

static void malformed(void **state)
{
    struct vc_teller t = {.role = VC_ROLE_PORTAL, .index = 3, .pid = 77};
    struct vc_event e = vc_event_of(VC_EVENT_TLS_UP, VC_OUTCOME_OK, 0, 0), got;
    struct vc_bytes b = packed(&e);
    struct vc_fail fail = {0};
    uint64_t lost;
    (void)state;
    b.len--;
    assert_int_equal(vc_teller_take(&t, &b, 0, &got, &lost, &fail), -1);
    assert_int_equal(fail.cause, VC_CAUSE_IPC_MALFORMED);
}

/** Who it was cannot be forged, nor crowded out. */
static void signed_by_the_supervisor(void **state)
{
    struct vc_teller t = {.role = VC_ROLE_PORTAL, .index = 3, .pid = 77};
    struct vc_fail fail = {0};
    uint64_t lost;
    (void)state;
    for (int crowded = 0; crowded < 2; crowded++) {
        struct vc_event e = vc_event_of(VC_EVENT_PROCESS_ENDED, VC_OUTCOME_FAILED, 0, 0), got;
        vc_event_text(&e, VC_FIELD_PROCESS, VC_STR("authority"));
        if (!crowded)
            vc_event_text(&e, VC_FIELD_BY, VC_STR("authority-0[1]"));
        for (unsigned f = 0; f < VC_N_FIELDS && crowded; f++) {
            vc_event_number(&e, (enum vc_field)f, 1);
            if (f != VC_FIELD_BY)
                vc_event_text(&e, (enum vc_field)f, VC_STR("x"));
        }
        struct vc_bytes b = packed(&e);
        assert_int_equal(vc_teller_take(&t, &b, 0, &got, &lost, &fail), VC_TELLER_TOOK);
        unsigned found = 0;
        for (unsigned i = 0; i < got.n_fields; i++) {
            if (got.fields[i].field == VC_FIELD_BY)
                found += strcmp(got.fields[i].text, "portal-3[77]") == 0;
            if (got.fields[i].field == VC_FIELD_PROCESS)
                assert_string_equal(got.fields[i].text, "portal");
        }
        assert_int_equal(found, 1);
    }
}

static void at_a_bounded_rate(void **state)
{
    struct vc_teller t = {.role = VC_ROLE_PORTAL, .index = 3, .pid = 77};
    uint64_t lost, second = 1000000000U;
    (void)state;
    for (int i = 0; i < VC_TELLER_PER_SECOND; i++)
        assert_int_equal(take(&t, VC_EVENT_TLS_UP, second + (uint64_t)i, &lost), VC_TELLER_TOOK);
    assert_int_equal(take(&t, VC_EVENT_TLS_UP, 2 * second - 1, &lost), VC_TELLER_TOO_MANY);
    assert_int_equal(take(&t, VC_EVENT_TLS_UP, 2 * second - 1, &lost), VC_TELLER_TOO_MANY);
    assert_int_equal(take(&t, VC_EVENT_TLS_UP, 2 * second, &lost), VC_TELLER_TOOK);
    assert_int_equal(lost, 2);
    assert_int_equal(take(&t, VC_EVENT_TLS_UP, 2 * second, &lost), VC_TELLER_TOOK);
    assert_int_equal(lost, 0); /* told once */
    for (int i = 0; i < 2 * VC_TELLER_PER_SECOND; i++) {
        assert_int_equal(take(&t, VC_EVENT_TLS_FAILED, 3 * second, &lost), VC_TELLER_TOOK);
        vc_teller_left_out(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_tells_its_own),
        cmocka_unit_test(malformed),
        cmocka_unit_test(signed_by_the_supervisor),
        cmocka_unit_test(at_a_bounded_rate),
    };
    return cmocka_run_group_tests_name("supervisor/teller", tests, NULL, NULL);
}
