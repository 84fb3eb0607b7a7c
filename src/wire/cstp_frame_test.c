#include "table.h"

#include "wire/cstp_frame.h"

// clang-format off
static const struct {
    const char *name;
    struct bytes rec;
    enum vc_cstp_read want;
    size_t len;
} one[] = {
    {"data of 3",               BYTES("STF\x01\0\x03\0\0abc"),               VC_CSTP_OK,         3},
    {"empty keepalive",         BYTES("STF\x01\0\0\x07\0"),                  VC_CSTP_OK,         0},
    {"unknown type",            BYTES("STF\x01\0\x01\x55\0z"),               VC_CSTP_OK,         1},
    {"nothing",                 BYTES(""),                                   VC_CSTP_SHORT,      0},
    {"7 bytes",                 BYTES("STF\x01\0\0\x07"),                    VC_CSTP_SHORT,      0},
    {"wrong version",           BYTES("STF\x02\0\0\x07\0"),                  VC_CSTP_BAD_MAGIC,  0},
    {"wrong letter",            BYTES("STG\x01\0\0\x07\0"),                  VC_CSTP_BAD_MAGIC,  0},
    {"reserved set",            BYTES("STF\x01\0\0\x07\x01"),                VC_CSTP_BAD_MAGIC,  0},
    {"claims more than it has", BYTES("STF\x01\xff\xff\0\0abc"),             VC_CSTP_BAD_LENGTH, 0},
    {"claims one more",         BYTES("STF\x01\0\x04\0\0abc"),               VC_CSTP_BAD_LENGTH, 0},
    {"claims one less",         BYTES("STF\x01\0\x02\0\0abc"),               VC_CSTP_BAD_LENGTH, 0},
    {"a second frame behind",   BYTES("STF\x01\0\0\x07\0STF\x01\0\0\x07\0"), VC_CSTP_BAD_LENGTH, 0},
};
// clang-format on

static void test_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        struct vc_cstp_frame f = {0};
        uint8_t *rec = exact(one[i].rec.at, one[i].rec.len);
        assert_case(one[i].name, vc_cstp_frame_read(rec, one[i].rec.len, &f) == one[i].want);
        if (one[i].want == VC_CSTP_OK) {
            assert_case(one[i].name, f.len == one[i].len && f.payload + f.len == rec + one[i].rec.len);
            assert_case(one[i].name, f.type == rec[6]);
        }
        free(rec);
    }
}

static void test_largest(void **state)
{
    (void)state;
    static uint8_t rec[VC_CSTP_HEADER + VC_CSTP_PAYLOAD_MAX + 1];
    struct vc_cstp_frame f;
    assert_true(vc_cstp_header_write(rec, VC_CSTP_DATA, VC_CSTP_PAYLOAD_MAX));
    assert_int_equal(vc_cstp_frame_read(rec, sizeof(rec) - 1, &f), VC_CSTP_OK);
    assert_int_equal(f.len, VC_CSTP_PAYLOAD_MAX);
    assert_false(vc_cstp_header_write(rec, VC_CSTP_DATA, VC_CSTP_PAYLOAD_MAX + 1));
    rec[5]++; /* a length that no record can hold */
    assert_int_equal(vc_cstp_frame_read(rec, sizeof(rec), &f), VC_CSTP_BAD_LENGTH);
}

// clang-format off
static const struct {
    const char *name;
    struct bytes in;
    size_t whole;             /* frames before the end */
    enum vc_cstp_read then;
    size_t left;
} many[] = {
    {"none",               BYTES(""),                                                    0, VC_CSTP_SHORT,      0},
    {"two",                BYTES("STF\x01\0\0\x07\0STF\x01\0\x01\0\0a"),                 2, VC_CSTP_SHORT,      0},
    {"a header's half",    BYTES("STF\x01\0\0\x07\0STF\x01\0"),                          1, VC_CSTP_SHORT,      5},
    {"a payload's half",   BYTES("STF\x01\0\0\x07\0STF\x01\0\x02\0\0a"),                 1, VC_CSTP_SHORT,      9},
    {"garbage behind one", BYTES("STF\x01\0\0\x07\0GET / HTTP/1.1"),                     1, VC_CSTP_BAD_MAGIC,  0},
    {"impossible length",  BYTES("STF\x01\xff\xff\x07\0"),                               0, VC_CSTP_BAD_LENGTH, 0},
};
// clang-format on

static void test_many(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++) {
        struct vc_cstp_frame f;
        uint8_t *in = exact(many[i].in.at, many[i].in.len);
        struct vc_reader r = vc_reader_of(in, many[i].in.len);
        size_t n = 0;
        enum vc_cstp_read got;
        while ((got = vc_cstp_frame_next(&r, &f)) == VC_CSTP_OK)
            n++;
        assert_case(many[i].name, n == many[i].whole && got == many[i].then);
        assert_case(many[i].name, got == VC_CSTP_SHORT ? !r.bad && r.left == many[i].left : r.bad);
        free(in);
    }
}

/* Each committed frame is read whole, and written again byte by byte. */
static void test_vectors(void **state)
{
    (void)state;
    size_t i, seen = 0;
    json_t *v, *frames = json_object_get(vectors(), "frames");
    json_array_foreach(json_object_get(frames, "cstp"), i, v)
    {
        size_t len;
        uint8_t *rec = vector_bytes(v, "frame", &len), *again = exact(rec, len);
        struct vc_cstp_frame f;
        assert_case(vector_text(v, "note"), vc_cstp_frame_read(rec, len, &f) == VC_CSTP_OK);
        memset(again, 0xee, VC_CSTP_HEADER);
        assert_true(vc_cstp_header_write(again, f.type, f.len));
        assert_case(vector_text(v, "note"), memcmp(rec, again, len) == 0);
        free(rec);
        free(again);
        seen++;
    }
    json_array_foreach(json_object_get(frames, "dtls"), i, v)
    {
        size_t len;
        uint8_t *p = vector_bytes(v, "payload", &len);
        struct vc_cstp_frame f;
        assert_case(vector_text(v, "note"), vc_cstp_datagram_read(p, len, &f));
        assert_case(vector_text(v, "note"), f.type == p[0] && f.payload == p + 1 && f.len == len - 1);
        free(p);
        seen++;
    }
    assert_true(seen >= 17);
}

static void test_datagram_empty(void **state)
{
    (void)state;
    struct vc_cstp_frame f;
    uint8_t *p = exact("", 0);
    assert_false(vc_cstp_datagram_read(p, 0, &f));
    free(p);
}

static void test_bye(void **state)
{
    (void)state;
    uint8_t payload[1 + VC_CSTP_BYE_TEXT_MAX];
    char long_text[400];
    const uint8_t *text;
    size_t len;

    size_t n = vc_cstp_bye_write(payload, VC_CSTP_BYE_USER, "Idle Timeout");
    assert_int_equal(n, 13);
    assert_memory_equal(payload, "\xb0Idle Timeout", 13);
    struct vc_cstp_frame f = {.type = VC_CSTP_DISCONNECT, .payload = payload, .len = n};
    assert_int_equal(vc_cstp_bye_read(&f, &text, &len), 0xb0);
    assert_int_equal(len, 12);

    memset(long_text, 'x', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = 0;
    assert_int_equal(vc_cstp_bye_write(payload, 0x70, long_text), sizeof(payload));
    assert_int_equal(vc_cstp_bye_write(payload, 0xb0, "a\r\nb\xc3\xa4"), 7);
    assert_memory_equal(payload,
                        "\xb0"
                        "a??b??",
                        7);

    f = (struct vc_cstp_frame){.type = VC_CSTP_DISCONNECT};
    assert_int_equal(vc_cstp_bye_read(&f, &text, &len), 0);
    assert_int_equal(len, 0);
    f = (struct vc_cstp_frame){.payload = (uint8_t *)long_text, .len = sizeof(long_text)};
    assert_int_equal(vc_cstp_bye_read(&f, &text, &len), 'x');
    assert_int_equal(len, VC_CSTP_BYE_TEXT_MAX);
}

static void test_names(void **state)
{
    (void)state;
    for (int r = VC_CSTP_OK; r <= VC_CSTP_BAD_LENGTH; r++)
        assert_true(strlen(vc_cstp_read_name((enum vc_cstp_read)r)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),     cmocka_unit_test(test_largest),        cmocka_unit_test(test_many),
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_datagram_empty), cmocka_unit_test(test_bye),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
