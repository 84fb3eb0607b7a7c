/* The cursor: what it gives, and that the first short read poisons all later ones. */
#include "base/reader.h"

#include "table.h"

static void numbers(void **state)
{
    static const struct {
        const char *name;
        struct bytes in;
        size_t n;
        uint64_t want;
        bool bad;
    } rows[] = {
        {"u8", BYTES("\x80"), 1, 0x80, false},
        {"u16", BYTES("\x80\x01"), 2, 0x8001, false},
        {"u24", BYTES("\xff\x00\x01"), 3, 0xff0001, false},
        {"u32", BYTES("\xff\xff\xff\xfe"), 4, 0xfffffffe, false},
        {"u48", BYTES("\x01\x02\x03\x04\x05\x06"), 6, 0x010203040506, false},
        {"u64", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), 8, UINT64_MAX, false},
        {"one byte short", BYTES("\x01"), 2, 0, true},
        {"nothing there", BYTES(""), 1, 0, true},
        {"u64 of 7 bytes", BYTES("\x01\x02\x03\x04\x05\x06\x07"), 8, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t *in = exact(rows[i].in.at, rows[i].in.len);
        struct vc_reader r = vc_reader_of(in, rows[i].in.len), s = r;
        assert_case(rows[i].name, vc_take_be(&r, rows[i].n) == rows[i].want);
        assert_case(rows[i].name, r.bad == rows[i].bad);
        assert_case(rows[i].name, vc_reader_done(&r) == !rows[i].bad);
        uint64_t named = rows[i].n == 1   ? vc_take_u8(&s)
                         : rows[i].n == 2 ? vc_take_u16(&s)
                         : rows[i].n == 3 ? vc_take_u24(&s)
                         : rows[i].n == 4 ? vc_take_u32(&s)
                         : rows[i].n == 6 ? vc_take_u48(&s)
                                          : vc_take_u64(&s);
        assert_case(rows[i].name, named == rows[i].want);
        free(in);
    }
}

static void first_short_read_poisons(void **state)
{
    uint8_t *in = exact("abcd", 4), copy[2] = {7, 7};
    struct vc_reader r = vc_reader_of(in, 4);
    (void)state;
    assert_ptr_equal(vc_take(&r, 1), in);
    assert_null(vc_take(&r, 4)); /* three are left */
    assert_true(r.bad);
    assert_null(vc_take(&r, 1)); /* and what would have fitted comes no more */
    assert_null(vc_take(&r, 0));
    assert_int_equal(vc_take_u8(&r), 0);
    vc_take_copy(&r, copy, 2);
    assert_int_equal(copy[0] | copy[1], 0);
    struct vc_reader sub = vc_take_sub(&r, 1);
    assert_true(sub.bad);
    assert_int_equal(sub.left, 0);
    assert_false(vc_reader_done(&r));
    free(in);
}

static void views_lie_inside(void **state)
{
    uint8_t *in = exact("\x03xyz!", 5), copy[2];
    struct vc_reader r = vc_reader_of(in, 5);
    (void)state;
    struct vc_reader sub = vc_take_sub(&r, vc_take_u8(&r));
    assert_ptr_equal(sub.at, in + 1);
    assert_int_equal(sub.left, 3);
    assert_null(vc_take(&sub, 4)); /* the byte behind is the outer reader's */
    assert_false(r.bad);
    vc_take_copy(&r, copy, 1);
    assert_int_equal(copy[0], '!');
    assert_true(vc_reader_done(&r));
    free(in);
}

static void empty_is_valid(void **state)
{
    struct vc_reader zeroed = {0}, none = vc_reader_of(NULL, 0);
    (void)state;
    assert_true(vc_reader_done(&zeroed));
    (void)vc_take(&none, 0);
    vc_take_copy(&none, NULL, 0);
    struct vc_reader sub = vc_take_sub(&none, 0);
    assert_true(vc_reader_done(&none));
    assert_true(vc_reader_done(&sub));
    assert_null(vc_take(&none, 1));
    assert_true(none.bad);
}

static void lengths_do_not_wrap(void **state)
{
    struct vc_reader r = vc_reader_of("ab", 2);
    (void)state;
    assert_int_equal(vc_take_u8(&r), 'a');
    assert_null(vc_take(&r, SIZE_MAX));
    assert_true(r.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(first_short_read_poisons),
        cmocka_unit_test(views_lie_inside),
        cmocka_unit_test(empty_is_valid),
        cmocka_unit_test(lengths_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
