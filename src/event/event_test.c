/* Events: the catalogue, both renderings under hostile texts, and their form between processes. */
#include "event/event.h"

#include "table.h"

#include <errno.h>

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct vc_str str_of(struct bytes b)
{
    return (struct vc_str){.at = (const char *)b.at, .len = b.len};
}

static char *flow_page(void)
{
    FILE *f = fopen(VC_DOCS "/flow.md", "rb");
    char *text = calloc(1, 65536);
    if (!f || !text || fread(text, 1, 65535, f) == 0)
        fail_msg("docs/flow.md cannot be read");
    (void)fclose(f);
    return text;
}

static void catalogue_is_complete(void **state)
{
    char *flow = flow_page();
    (void)state;
    for (unsigned i = 0; i < VC_N_EVENTS; i++) {
        enum vc_event_id id = (enum vc_event_id)i;
        const char *name = vc_event_name(id), *phase = vc_phase_name(vc_event_phase(id));
        assert_case(name, strncmp(name, phase, strlen(phase)) == 0 && name[strlen(phase)] == '.');
        assert_case(name, strspn(name, "abcdefghijklmnopqrstuvwxyz-.") == strlen(name) && strlen(name) < 40);
        assert_case(name, strlen(vc_event_tells(id)) >= 10);
        assert_case(name, vc_event_by(id) != 0 && vc_event_by(id) <= VC_BY_ANY);
        if (*vc_event_flow(id)) {
            char row[16];
            (void)snprintf(row, sizeof(row), "\n| %s |", vc_event_flow(id));
            assert_case(name, strstr(flow, row) != NULL);
        }
        for (unsigned k = 0; k < i; k++)
            assert_case(name, strcmp(name, vc_event_name((enum vc_event_id)k)) != 0);
    }
    static const char *const fixed[] = {"time",    "event", "phase",  "flow", "outcome", "login",
                                        "session", "cause", "advice", "next", "detail",  "errno"};
    for (unsigned i = 0; i < VC_N_FIELDS; i++) {
        const char *name = vc_field_name((enum vc_field)i);
        assert_case(name, strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name));
        for (unsigned k = 0; k < i; k++)
            assert_case(name, strcmp(name, vc_field_name((enum vc_field)k)) != 0);
        for (size_t k = 0; k < N(fixed); k++)
            assert_case(name, strcmp(name, fixed[k]) != 0);
    }
    for (unsigned i = 0; i < VC_N_OUTCOMES; i++)
        assert_true(strlen(vc_outcome_name((enum vc_outcome)i)) > 1);
    free(flow);
}

static void as_committed(void **state)
{
    static char text[65536];
    static const char *const processes[] = {"supervisor", "signer", "authority", "verifier", "portal", "tunnel"};
    struct vc_writer w = vc_writer_to(text, sizeof(text));
    (void)state;
    vc_put_text(&w, "# event | by | flow | tells. Written by event/event_test.c\n");
    for (unsigned i = 0; i < VC_N_EVENTS; i++) {
        enum vc_event_id id = (enum vc_event_id)i;
        const char *flow = *vc_event_flow(id) ? vc_event_flow(id) : "-";
        vc_put_fmt(&w, "%s |", vc_event_name(id));
        for (unsigned k = 0; k < 6 && vc_event_by(id) != VC_BY_ANY; k++) {
            if (vc_event_by(id) >> k & 1)
                vc_put_fmt(&w, " %s", processes[k]);
        }
        vc_put_fmt(&w, "%s | %s | %s\n", vc_event_by(id) == VC_BY_ANY ? " any" : "", flow, vc_event_tells(id));
    }
    vc_put_text(&w, "# fields\n");
    for (unsigned i = 0; i < VC_N_FIELDS; i++) {
        struct vc_event e = vc_event_of(VC_EVENT_TLS_UP, VC_OUTCOME_OK, 0, 0);
        vc_event_text(&e, (enum vc_field)i, VC_STR("x"));
        const char *type = e.n_fields ? "text" : "number";
        vc_event_secret(&e, (enum vc_field)i, (const uint8_t *)"\1\2\3\4");
        if (e.n_fields && strcmp(e.fields[0].text, "01020304") == 0)
            type = "secret";
        vc_put_fmt(&w, "%s | %s\n", vc_field_name((enum vc_field)i), type);
    }
    assert_true(vc_put_end_text(&w));
    snapshot("events.txt", text);
}

static void text_rendering(void **state)
{
    struct vc_event e = vc_event_of(VC_EVENT_USER_REFUSED, VC_OUTCOME_REFUSED, 7, 0);
    char text[4096];
    (void)state;
    vc_event_text(&e, VC_FIELD_USER, VC_STR("al\"ice\\ cause=none\n2026 dtls.up"));
    vc_event_number(&e, VC_FIELD_COUNT, 3);
    vc_fail_set(&e.fail, VC_CAUSE_PASSWORD, 0, "second try");
    size_t n = vc_event_print(&e, text, sizeof(text));
    assert_string_equal(text, "user.refused refused login=7 user=\"al\\\"ice\\\\ cause=none?2026 dtls.up\" count=3 "
                              "cause=password: name or password not accepted: type them again (second try)");
    assert_int_equal(n, strlen(text));
    e = vc_event_of(VC_EVENT_CSTP_UP, VC_OUTCOME_OK, 0, 12);
    assert_int_equal(vc_event_print(&e, text, sizeof(text)), strlen("cstp.up session=12"));
    assert_string_equal(text, "cstp.up session=12");
}

static void json_rendering(void **state)
{
    struct vc_event e = vc_event_of(VC_EVENT_CSTP_REFUSED, VC_OUTCOME_REFUSED, 7, 9);
    char text[4096];
    (void)state;
    e.at_ns = 1700000000123456789U;
    vc_event_number(&e, VC_FIELD_STATUS, 401);
    vc_event_secret(&e, VC_FIELD_TOKEN, (const uint8_t *)"\xde\xad\xbe\xef");
    vc_fail_set(&e.fail, VC_CAUSE_COOKIE_UNKNOWN, ECONNRESET, "x");
    assert_true(vc_event_print_json(&e, text, sizeof(text)) > 0);
    assert_string_equal(text,
                        "{\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"cstp.refused\",\"phase\":\"cstp\","
                        "\"flow\":\"F5.5\",\"outcome\":\"refused\",\"login\":7,\"session\":9,\"status\":401,"
                        "\"token\":\"deadbeef\",\"cause\":\"cookie-unknown\",\"advice\":\"the token is not known: "
                        "the session ended, or is another gateway's; log in again\",\"next\":\"login\","
                        "\"detail\":\"x\",\"errno\":\"Connection reset by peer\"}");
}

/** Whatever a stranger puts into a text: one JSON object, one line, the text back as it was made printable. */
static void hostile_texts(void **state)
{
    static const struct {
        const char *name;
        struct bytes in;
        const char *want;
    } rows[] = {
        {"quotes", BYTES("\",\"outcome\":\"ok"), "\",\"outcome\":\"ok"},
        {"backslash at the end", BYTES("a\\"), "a\\"},
        {"escape in the text", BYTES("\\u0041\\n"), "\\u0041\\n"},
        {"newline", BYTES("a\r\nb"), "a??b"},
        {"NUL", BYTES("a\0b"), "a?b"},
        {"escape sequence", BYTES("\033]0;title\007"), "?]0;title?"},
        {"C1", BYTES("\xc2\x9b"), "??"},
        {"invalid UTF-8", BYTES("\xff\xfe\x80"), "???"},
        {"surrogate", BYTES("\xed\xa0\x80"), "???"},
        {"overlong", BYTES("\xc0\xae"), "??"},
        {"script", BYTES("</script><b>&amp;"), "</script><b>&amp;"},
        {"format", BYTES("%s%n%x"), "%s%n%x"},
        {"UTF-8", BYTES("\xe2\x82\xac \xf0\x9f\x94\x91"), "\xe2\x82\xac \xf0\x9f\x94\x91"},
        {"empty", BYTES(""), ""},
    };
    char json[4096], text[4096];
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        uint8_t *in = exact(rows[i].in.at, rows[i].in.len);
        struct vc_event e = vc_event_of(VC_EVENT_USER_REFUSED, VC_OUTCOME_REFUSED, 1, 2);
        json_error_t why;
        vc_event_text(&e, VC_FIELD_USER, (struct vc_str){.at = (const char *)in, .len = rows[i].in.len});
        vc_fail_set(&e.fail, VC_CAUSE_PASSWORD, 0, "%.*s", (int)rows[i].in.len, (const char *)in);
        assert_case(rows[i].name, vc_event_print_json(&e, json, sizeof(json)) == strlen(json));
        assert_case(rows[i].name, vc_event_print(&e, text, sizeof(text)) == strlen(text));
        assert_case(rows[i].name, !strpbrk(json, "\n\r\033") && !strpbrk(text, "\n\r\033"));
        json_t *o = json_loads(json, JSON_REJECT_DUPLICATES, &why);
        if (!o)
            fail_msg("%s: %s: %s", rows[i].name, why.text, json);
        assert_case(rows[i].name, strcmp(json_string_value(json_object_get(o, "user")), rows[i].want) == 0);
        assert_case(rows[i].name, strcmp(json_string_value(json_object_get(o, "outcome")), "refused") == 0);
        json_decref(o);
        free(in);
    }
}

static void setters_keep_to_their_types(void **state)
{
    struct vc_event e = vc_event_of(VC_EVENT_TLS_UP, VC_OUTCOME_OK, 0, 0);
    (void)state;
    vc_event_text(&e, VC_FIELD_TOKEN, VC_STR("the secret itself")); /* a secret's field takes no text */
    vc_event_text(&e, VC_FIELD_MTU, VC_STR("1400"));
    vc_event_number(&e, VC_FIELD_USER, 5);
    vc_event_number(&e, VC_FIELD_TOKEN, 5);
    vc_event_secret(&e, VC_FIELD_USER, (const uint8_t *)"\1\2\3\4");
    assert_int_equal(e.n_fields, 0);
    vc_event_text(&e, VC_FIELD_USER, VC_STR("first"));
    vc_event_number(&e, VC_FIELD_MTU, 1400);
    vc_event_text(&e, VC_FIELD_USER, VC_STR("2")); /* the later one counts, once */
    assert_int_equal(e.n_fields, 2);
    assert_string_equal(e.fields[0].text, "2");
    for (unsigned i = 0; i < VC_N_FIELDS; i++) { /* what is too many is dropped */
        vc_event_text(&e, (enum vc_field)i, VC_STR("t"));
        vc_event_number(&e, (enum vc_field)i, 1);
    }
    assert_int_equal(e.n_fields, VC_EVENT_FIELDS_MAX);
    assert_int_equal(e.fields[1].field, VC_FIELD_MTU);
    assert_int_equal(e.fields[1].number, 1);
}

/** No rendering and no packed form of an event shows a byte of a secret but its fingerprint. */
static void secrets_never_show(void **state)
{
    static const char secret[] = "Zm9ydHkgdHdvIGJ5dGVz";
    struct vc_event e = vc_event_of(VC_EVENT_USER_SUCCESS, VC_OUTCOME_OK, 1, 2);
    char json[4096], text[4096];
    uint8_t packed[4096];
    (void)state;
    for (unsigned i = 0; i < VC_N_FIELDS; i++) {
        struct vc_event probe = vc_event_of(VC_EVENT_USER_SUCCESS, VC_OUTCOME_OK, 0, 0);
        vc_event_secret(&probe, (enum vc_field)i, (const uint8_t *)"\xca\xfe\xba\xbe");
        if (probe.n_fields == 0)
            continue;
        vc_event_text(&e, (enum vc_field)i, str_of(BYTES(secret)));
        vc_event_secret(&e, (enum vc_field)i, (const uint8_t *)"\xca\xfe\xba\xbe");
    }
    assert_true(e.n_fields > 0);
    memset(packed, 0, sizeof(packed));
    struct vc_writer w = vc_writer_to(packed, sizeof(packed));
    vc_event_pack(&e, &w);
    assert_true(vc_event_print(&e, text, sizeof(text)) > 0 && vc_event_print_json(&e, json, sizeof(json)) > 0);
    assert_non_null(strstr(text, "token=\"cafebabe\""));
    assert_non_null(strstr(json, "\"token\":\"cafebabe\""));
    for (size_t i = 0; i + 4 <= strlen(secret); i++) {
        char part[5] = {secret[i], secret[i + 1], secret[i + 2], secret[i + 3]};
        assert_null(strstr(text, part));
        assert_null(strstr(json, part));
        assert_null(memmem(packed, sizeof(packed), part, 4));
        assert_null(memmem(&e, sizeof(e), part, 4));
    }
}

/** As large as an event can be: it still fits what the header promises. */
static struct vc_event largest(void)
{
    struct vc_event e = vc_event_of(VC_EVENT_USER_STATE_MISMATCH, VC_OUTCOME_REFUSED, INT64_MAX, INT64_MAX);
    char quotes[VC_FIELD_TEXT + 50];
    memset(quotes, '"', sizeof(quotes));
    for (unsigned i = 0; i < VC_N_FIELDS; i++)
        vc_event_text(&e, (enum vc_field)i, (struct vc_str){.at = quotes, .len = sizeof(quotes)});
    for (unsigned i = 0; i < VC_N_CAUSES; i++) {
        if (strlen(vc_cause_words((enum vc_cause)i)) > strlen(vc_cause_words(e.fail.cause)))
            e.fail.cause = (enum vc_cause)i;
    }
    vc_fail_set(&e.fail, e.fail.cause, EAFNOSUPPORT, "%*s\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"", 140, "x");
    e.at_ns = UINT64_MAX;
    return e;
}

static void room(void **state)
{
    struct vc_event e = largest();
    static char buf[4096];
    (void)state;
    assert_int_equal(e.n_fields, VC_EVENT_FIELDS_MAX);
    size_t json = vc_event_print_json(&e, buf, sizeof(buf)), text = vc_event_print(&e, buf, sizeof(buf));
    assert_true(json > 2000 && text > 2000);
    for (size_t cap = 0; cap <= json + 1; cap += cap < json - 3 ? 97 : 1) { /* all or nothing, never a cut line */
        char *out = malloc(cap + !cap);
        assert_int_equal(vc_event_print_json(&e, out, cap), cap > json ? json : 0);
        free(out);
    }
    for (size_t cap = 0; cap <= text + 1; cap += cap < text - 3 ? 97 : 1) {
        char *out = malloc(cap + !cap);
        assert_int_equal(vc_event_print(&e, out, cap), cap > text ? text : 0);
        free(out);
    }
}

static bool same_event(const struct vc_event *a, const struct vc_event *b)
{
    if (a->id != b->id || a->outcome != b->outcome || a->at_ns != b->at_ns || a->login != b->login ||
        a->session != b->session || a->n_fields != b->n_fields || a->fail.cause != b->fail.cause ||
        a->fail.sys_errno != b->fail.sys_errno || strcmp(a->fail.detail, b->fail.detail) != 0)
        return false;
    for (unsigned i = 0; i < a->n_fields; i++) {
        const struct vc_event_field *x = &a->fields[i], *y = &b->fields[i];
        if (x->field != y->field || x->number != y->number || strcmp(x->text, y->text) != 0)
            return false;
    }
    return true;
}

static struct vc_event any_event(uint64_t *seed)
{
    struct vc_event e = vc_event_of((enum vc_event_id)(test_random(seed) % VC_N_EVENTS),
                                    (enum vc_outcome)(test_random(seed) % VC_N_OUTCOMES), test_random(seed),
                                    test_random(seed) % 2 ? test_random(seed) : 0);
    unsigned n = (unsigned)(test_random(seed) % 12);
    e.at_ns = test_random(seed);
    for (unsigned i = 0; i < n; i++) {
        enum vc_field f = (enum vc_field)(test_random(seed) % VC_N_FIELDS);
        uint8_t noise[200];
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)(test_random(seed) % (i % 2 ? 256 : 128));
        vc_event_text(&e, f, (struct vc_str){.at = (const char *)noise, .len = test_random(seed) % sizeof(noise)});
        vc_event_number(&e, f, test_random(seed));
        vc_event_secret(&e, f, noise);
    }
    if (test_random(seed) % 2)
        vc_fail_set(&e.fail, (enum vc_cause)(test_random(seed) % VC_N_CAUSES), (int)(test_random(seed) % 134), "%*s",
                    (int)(test_random(seed) % 200), "\xe2\x82\xac");
    return e;
}

static void between_processes(void **state)
{
    uint64_t seed = 2024;
    static uint8_t buf[4000]; /* what the IPC schema has room for */
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct vc_event e = i == 0 ? largest() : any_event(&seed), back;
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_event_pack(&e, &w);
        assert_false(w.bad);
        uint8_t *in = exact(buf, vc_written(&w));
        struct vc_reader r = vc_reader_of(in, vc_written(&w));
        vc_event_unpack(&back, &r);
        assert_true(vc_reader_done(&r));
        assert_true(same_event(&e, &back));
        size_t n = vc_written(&w);
        assert_case("there is something to cut", n > 0);
        size_t cut = test_random(&seed) % n;
        r = vc_reader_of(in, cut);
        vc_event_unpack(&back, &r);
        assert_true(r.bad);
        assert_int_equal(back.n_fields, 0);
        free(in);
    }
}

// clang-format off
static void packed_oddities(void **state)
{
#define HEAD(id, outcome, cause) id outcome "\0\0\0\0\0\0\0\1" "\0\0\0\0\0\0\0\2" "\0\0\0\0\0\0\0\3" cause "\0\0"
#define GOOD HEAD("\0\0", "\0", "\0\0")
    static const struct {
        const char *name;
        struct bytes in;
        bool bad;
    } rows[] = {
        {"no fields", BYTES(GOOD "\0" "\0"), false},
        {"a detail", BYTES(GOOD "\x03" "abc" "\0"), false},
        {"a text", BYTES(GOOD "\0" "\1" "\0" "\3" "xyz"), false},
        {"unknown event", BYTES(HEAD("\x0f\xff", "\0", "\0\0") "\0" "\0"), true},
        {"unknown outcome", BYTES(HEAD("\0\0", "\4", "\0\0") "\0" "\0"), true},
        {"unknown cause", BYTES(HEAD("\0\0", "\0", "\x0f\xff") "\0" "\0"), true},
        {"ten fields", BYTES(GOOD "\0" "\x0a" "\0\0" "\2\0" "\3\0" "\4\0" "\5\0" "\6\0" "\7\0" "\x08\0" "\x09\0"
                             "\x0a\0"), false},
        {"eleven fields", BYTES(GOOD "\0" "\x0b" "\0\0" "\2\0" "\3\0" "\4\0" "\5\0" "\6\0" "\7\0" "\x08\0" "\x09\0"
                                "\x0a\0" "\x0b\0"), true},
        {"unknown field", BYTES(GOOD "\0" "\1" "\xff" "\0"), true},
        {"the same field twice", BYTES(GOOD "\0" "\2" "\0\1a" "\0\1b"), true},
        {"control character in a text", BYTES(GOOD "\0" "\1" "\0" "\3" "x\nz"), true},
        {"not UTF-8 in a text", BYTES(GOOD "\0" "\1" "\0" "\3" "x\xffz"), true},
        {"NUL in a text", BYTES(GOOD "\0" "\1" "\0" "\3" "x\0z"), true},
        {"control character in the detail", BYTES(GOOD "\1" "\x1b" "\0"), true},
        {"detail too long", BYTES(GOOD "\xa0" "0123456789012345678901234567890123456789012345678901234567890123456789"
                                  "0123456789012345678901234567890123456789012345678901234567890123456789"
                                  "01234567890123456789" "\0"), true},
        {"text longer than the message", BYTES(GOOD "\0" "\1" "\0" "\4" "xyz"), true},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        uint8_t *in = exact(rows[i].in.at, rows[i].in.len);
        struct vc_reader r = vc_reader_of(in, rows[i].in.len);
        struct vc_event e;
        vc_event_unpack(&e, &r);
        assert_case(rows[i].name, r.bad == rows[i].bad);
        assert_case(rows[i].name, r.bad || r.left == 0);
        free(in);
    }
}
// clang-format on

static void packed_secrets(void **state)
{
    /* a secret's field holds eight digits as the setter writes them, whoever packed it */
    static const struct {
        struct bytes text;
        bool bad;
    } secrets[] = {{BYTES("cafebabe"), false},
                   {BYTES("CAFEBABE"), true},
                   {BYTES("cafebab"), true},
                   {BYTES("password"), true},
                   {BYTES(""), true}};
    (void)state;
    for (size_t i = 0; i < N(secrets); i++) {
        uint8_t buf[100];
        struct vc_event e = vc_event_of(VC_EVENT_TLS_UP, VC_OUTCOME_OK, 0, 0);
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_event_pack(&e, &w);
        buf[vc_written(&w) - 1] = 1; /* one field */
        vc_put_u8(&w, VC_FIELD_TOKEN);
        vc_put_u8(&w, (uint8_t)secrets[i].text.len);
        vc_put(&w, secrets[i].text.at, secrets[i].text.len);
        struct vc_reader r = vc_reader_of(buf, vc_written(&w));
        vc_event_unpack(&e, &r);
        assert_case((const char *)secrets[i].text.at, r.bad == secrets[i].bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue_is_complete), cmocka_unit_test(as_committed),
        cmocka_unit_test(text_rendering),        cmocka_unit_test(json_rendering),
        cmocka_unit_test(hostile_texts),         cmocka_unit_test(setters_keep_to_their_types),
        cmocka_unit_test(secrets_never_show),    cmocka_unit_test(room),
        cmocka_unit_test(between_processes),     cmocka_unit_test(packed_oddities),
        cmocka_unit_test(packed_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
