/* The filling cursor: exact bytes, and that what does not fit poisons and never writes behind the buffer. */
#include "base/writer.h"

#include "table.h"

static void numbers(void **state)
{
    static const struct {
        const char *name;
        uint64_t value;
        size_t n;
        struct bytes want; /* empty: poisons */
    } rows[] = {
        {"u8", 0xff, 1, BYTES("\xff")},
        {"u8 too large", 0x100, 1, BYTES("")},
        {"u16", 0x0102, 2, BYTES("\x01\x02")},
        {"u16 too large", 0x10000, 2, BYTES("")},
        {"u24", 0xfffffe, 3, BYTES("\xff\xff\xfe")},
        {"u24 too large", 0x1000000, 3, BYTES("")},
        {"u32", 1, 4, BYTES("\0\0\0\x01")},
        {"u48", 0xffffffffffff, 6, BYTES("\xff\xff\xff\xff\xff\xff")},
        {"u48 too large", 0x1000000000000, 6, BYTES("")},
        {"u64", UINT64_MAX, 8, BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *buf = exact("????????", rows[i].n);
        struct vc_writer w = vc_writer_to(buf, rows[i].n);
        vc_put_be(&w, rows[i].value, rows[i].n);
        assert_case(rows[i].name, w.bad == (rows[i].want.len == 0));
        if (!w.bad) {
            assert_case(rows[i].name, vc_written(&w) == rows[i].n && w.left == 0);
            assert_case(rows[i].name, memcmp(buf, rows[i].want.at, rows[i].n) == 0);
        }
        w = vc_writer_to(buf, rows[i].n - 1); /* one byte less */
        vc_put_be(&w, 0, rows[i].n);
        assert_case(rows[i].name, w.bad);
        free(buf);
    }
}

static void all_kinds(void **state)
{
    static const char want[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
                               "\x11\x12\x13\x14\x15\x16\x17\x18"
                               "textn=7 raw";
    uint8_t *buf = exact(want, sizeof(want)); /* one spare byte, which printf needs */
    struct vc_writer w = vc_writer_to(buf, sizeof(want));
    (void)state;
    memset(buf, 0xee, sizeof(want));
    vc_put_u8(&w, 0x01);
    vc_put_u16(&w, 0x0203);
    vc_put_u24(&w, 0x040506);
    vc_put_u32(&w, 0x0708090a);
    vc_put_u48(&w, 0x0b0c0d0e0f10);
    vc_put_u64(&w, 0x1112131415161718);
    vc_put_text(&w, "text");
    vc_put_fmt(&w, "%s=%d ", "n", 7);
    vc_put(&w, "raw", 3);
    assert_false(w.bad);
    assert_int_equal(vc_written(&w), sizeof(want) - 1);
    assert_memory_equal(buf, want, sizeof(want) - 1);
    free(buf);
}

static void first_overflow_poisons(void **state)
{
    uint8_t *buf = exact("....", 4);
    struct vc_writer w = vc_writer_to(buf, 4);
    (void)state;
    vc_put_u16(&w, 1);
    vc_put(&w, "xyz", 3);
    assert_true(w.bad);
    vc_put_u8(&w, 9); /* would fit */
    vc_put_text(&w, "a");
    vc_put_fmt(&w, "a");
    assert_null(vc_put_space(&w, 0));
    assert_false(vc_put_end_text(&w));
    assert_int_equal(vc_written(&w), 2);
    assert_memory_equal(buf, "\0\x01..", 4); /* nothing of it was written */
    free(buf);
}

static void printf_never_truncates(void **state)
{
    char *buf = exact("......", 6);
    struct vc_writer w = vc_writer_to(buf, 6);
    (void)state;
    vc_put_fmt(&w, "%s", "12345"); /* and its NUL */
    assert_false(w.bad);
    assert_int_equal(vc_written(&w), 5);
    assert_true(vc_put_end_text(&w));
    assert_string_equal(buf, "12345");
    w = vc_writer_to(buf, 6);
    vc_put_fmt(&w, "%s", "123456");
    assert_true(w.bad);
    w = vc_writer_to(buf, 0);
    vc_put_fmt(&w, "%s", "");
    assert_true(w.bad);
    free(buf);
}

static void lengths(void **state)
{
    static const struct {
        const char *name;
        size_t n, body;
        bool bad;
    } rows[] = {
        {"empty", 1, 0, false},           {"u8 at the limit", 1, 255, false},
        {"u8 above it", 1, 256, true},    {"u16 at the limit", 2, 65535, false},
        {"u16 above it", 2, 65536, true}, {"u24", 3, 65536, false},
        {"u32", 4, 70000, false},
    };
    static uint8_t buf[70010], zeros[70000];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vc_writer w = vc_writer_to(buf, sizeof(buf));
        vc_put_u8(&w, 0xaa);
        size_t where = vc_put_len_begin(&w, rows[i].n);
        vc_put(&w, zeros, rows[i].body);
        vc_put_len_end(&w, where, rows[i].n);
        assert_case(rows[i].name, w.bad == rows[i].bad);
        if (w.bad)
            continue;
        uint64_t len = 0;
        for (size_t k = 0; k < rows[i].n; k++)
            len = len << 8 | buf[1 + k];
        assert_case(rows[i].name, buf[0] == 0xaa && len == rows[i].body);
        assert_case(rows[i].name, vc_written(&w) == 1 + rows[i].n + rows[i].body);
    }
    struct vc_writer w = vc_writer_to(buf, 1); /* no room for the length itself */
    size_t where = vc_put_len_begin(&w, 2);
    vc_put_len_end(&w, where, 2);
    assert_true(w.bad);
}

static void nested_lengths(void **state)
{
    uint8_t buf[16];
    struct vc_writer w = vc_writer_to(buf, sizeof(buf));
    (void)state;
    size_t outer = vc_put_len_begin(&w, 2);
    vc_put_u8(&w, 'a');
    size_t inner = vc_put_len_begin(&w, 1);
    vc_put_text(&w, "bcd");
    vc_put_len_end(&w, inner, 1);
    vc_put_len_end(&w, outer, 2);
    assert_int_equal(vc_written(&w), 7);
    assert_memory_equal(buf,
                        "\0\x05"
                        "a\x03"
                        "bcd",
                        7);
}

static void empty_is_valid(void **state)
{
    struct vc_writer w = {0};
    (void)state;
    vc_put(&w, NULL, 0);
    assert_false(w.bad);
    assert_int_equal(vc_written(&w), 0);
    assert_false(vc_put_end_text(&w));
    w = (struct vc_writer){0};
    vc_put_u8(&w, 0);
    assert_true(w.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(first_overflow_poisons),
        cmocka_unit_test(printf_never_truncates),
        cmocka_unit_test(lengths),
        cmocka_unit_test(nested_lengths),
        cmocka_unit_test(empty_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
