/* Views, numbers, UTF-8, hexadecimal and Base64: tables of what is taken and what is refused. */
#include "base/str.h"

#include "table.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

/** A view of a heap copy of exactly its size. */
static struct vc_str view(struct bytes b)
{
    return (struct vc_str){.at = exact(b.at, b.len), .len = b.len};
}

static void drop(struct vc_str s)
{
    free((void *)s.at);
}

static void compare(void **state)
{
    static const struct {
        struct bytes a, b;
        bool eq, ieq, starts, istarts;
    } rows[] = {
        {BYTES("abc"), BYTES("abc"), true, true, true, true},
        {BYTES("aBc"), BYTES("Abc"), false, true, false, true},
        {BYTES("abc"), BYTES("ab"), false, false, true, true},
        {BYTES("ab"), BYTES("abc"), false, false, false, false},
        {BYTES("ABc"), BYTES("aB"), false, false, false, true},
        {BYTES("abc"), BYTES(""), false, false, true, true},
        {BYTES(""), BYTES(""), true, true, true, true},
        {BYTES("@["), BYTES("`{"), false, false, false, false}, /* beside the letters: 0x20 apart, not letters */
        {BYTES("\xc3\x84"), BYTES("\xc3\xa4"), false, false, false, false}, /* only ASCII has cases here */
        {BYTES("a\0b"), BYTES("a\0c"), false, false, false, false},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_str a = view(rows[i].a), b = view(rows[i].b);
        char name[16];
        (void)snprintf(name, sizeof(name), "row %zu", i);
        assert_case(name, vc_str_eq(a, b) == rows[i].eq);
        assert_case(name, vc_str_ieq(a, b) == rows[i].ieq);
        assert_case(name, vc_str_starts(a, b) == rows[i].starts);
        assert_case(name, vc_str_istarts(a, b) == rows[i].istarts);
        drop(a);
        drop(b);
    }
    assert_true(vc_str_eq((struct vc_str){0}, VC_STR("")));
    assert_int_equal(vc_str_of(NULL).len, 0);
}

static void trim(void **state)
{
    static const struct {
        const char *in, *want;
    } rows[] = {{"a", "a"}, {" \t\r\na b\n ", "a b"}, {"", ""}, {" \t ", ""}, {"\va\f", "\va\f"}};
    (void)state;
    for (size_t i = 0; i < N(rows); i++)
        assert_case(rows[i].want, vc_str_eq(vc_str_trim(vc_str_of(rows[i].in)), vc_str_of(rows[i].want)));
}

static void cut(void **state)
{
    static const struct {
        const char *in, *before, *rest;
    } rows[] = {{"a=b", "a", "b"}, {"a=b=c", "a", "b=c"}, {"=b", "", "b"},
                {"a=", "a", ""},   {"ab", "ab", ""},      {"", "", ""}};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_str rest, before = vc_str_cut(vc_str_of(rows[i].in), '=', &rest);
        assert_case(rows[i].in, vc_str_eq(before, vc_str_of(rows[i].before)));
        assert_case(rows[i].in, vc_str_eq(rest, vc_str_of(rows[i].rest)));
    }
}

static void numbers(void **state)
{
    static const struct {
        const char *in;
        uint64_t max, want;
        bool ok;
    } rows[] = {
        {"0", 0, 0, true},
        {"1", 0, 0, false},
        {"007", 7, 7, true},
        {"255", 255, 255, true},
        {"256", 255, 0, false},
        {"18446744073709551615", UINT64_MAX, UINT64_MAX, true},
        {"18446744073709551616", UINT64_MAX, 0, false},
        {"99999999999999999999", UINT64_MAX, 0, false},
        {"", 9, 0, false},
        {"+1", 9, 0, false},
        {"-1", UINT64_MAX, 0, false},
        {" 1", 9, 0, false},
        {"1 ", 9, 0, false},
        {"1x", 9, 0, false},
        {"0x1", 9, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_str s = view((struct bytes){.at = (const uint8_t *)rows[i].in, .len = strlen(rows[i].in)});
        uint64_t v = 77;
        assert_case(rows[i].in, vc_str_u64(s, rows[i].max, &v) == rows[i].ok);
        assert_case(rows[i].in, v == (rows[i].ok ? rows[i].want : 77)); /* untouched when refused */
        drop(s);
    }
}

static void copy(void **state)
{
    char to[4] = "zzz";
    (void)state;
    assert_true(vc_str_copy(VC_STR("abc"), to, sizeof(to)));
    assert_string_equal(to, "abc");
    assert_false(vc_str_copy(VC_STR("abcd"), to, sizeof(to)));
    assert_string_equal(to, "");
    assert_false(vc_str_copy(VC_STR("a\0b"), to, sizeof(to)));
    assert_string_equal(to, "");
    assert_true(vc_str_copy((struct vc_str){0}, to, 1));
    assert_string_equal(to, "");
    to[0] = 'k';
    assert_false(vc_str_copy(VC_STR(""), to, 0));
    assert_int_equal(to[0], 'k');
}

static void utf8(void **state)
{
    static const struct {
        const char *name;
        struct bytes in;
        bool ok;
    } rows[] = {
        {"ASCII", BYTES("plain ~\x7f\x01"), true},
        {"empty", BYTES(""), true},
        {"two bytes", BYTES("\xc2\x80\xdf\xbf"), true},
        {"three bytes", BYTES("\xe0\xa0\x80\xef\xbf\xbf"), true},
        {"four bytes", BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), true},
        {"NUL", BYTES("a\0b"), false},
        {"overlong slash", BYTES("\xc0\xaf"), false},
        {"overlong 0x7f", BYTES("\xc1\xbf"), false},
        {"overlong, three bytes", BYTES("\xe0\x9f\xbf"), false},
        {"overlong, four bytes", BYTES("\xf0\x8f\xbf\xbf"), false},
        {"overlong NUL", BYTES("\xc0\x80"), false},
        {"surrogate, first", BYTES("\xed\xa0\x80"), false},
        {"surrogate, last", BYTES("\xed\xbf\xbf"), false},
        {"before the surrogates", BYTES("\xed\x9f\xbf"), true},
        {"behind the surrogates", BYTES("\xee\x80\x80"), true},
        {"above 10ffff", BYTES("\xf4\x90\x80\x80"), false},
        {"five bytes", BYTES("\xf8\x88\x80\x80\x80"), false},
        {"lone continuation", BYTES("a\x80"), false},
        {"cut after one of two", BYTES("a\xc3"), false},
        {"cut after two of three", BYTES("\xe2\x82"), false},
        {"cut after three of four", BYTES("\xf0\x9f\x98"), false},
        {"ASCII in the middle", BYTES("\xe2(\x82"), false},
        {"0xff", BYTES("\xff"), false},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_str s = view(rows[i].in);
        assert_case(rows[i].name, vc_str_utf8(s) == rows[i].ok);
        drop(s);
    }
}

static void clean(void **state)
{
    static const struct {
        const char *name;
        struct bytes in;
        size_t cap;
        const char *want;
    } rows[] = {
        {"plain", BYTES("a \"b\\c'"), 64, "a \"b\\c'"},
        {"empty", BYTES(""), 64, ""},
        {"C0 and DEL", BYTES("a\nb\tc\033[2Jd\x7f\0e"), 64, "a?b?c?[2Jd??e"},
        {"C1", BYTES("x\xc2\x9by\xc2\xa0z"), 64, "x??y\xc2\xa0z"},
        {"UTF-8 stays", BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"), 64, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"},
        {"not UTF-8", BYTES("\xc3\xa4\xff."), 64, "???."},
        {"Latin-1", BYTES("M\xfcller"), 64, "M?ller"},
        {"NUL makes it not UTF-8", BYTES("\xc3\xa4\0"), 64, "???"},
        {"fits", BYTES("12345"), 6, "12345"},
        {"cut", BYTES("123456"), 6, "12345"},
        {"cut before two bytes", BYTES("1234\xc3\xa4"), 6, "1234"},
        {"cut before four bytes", BYTES("123\xf0\x9f\x94\x91"), 7, "123"},
        {"cut behind two bytes", BYTES("123\xc3\xa4x"), 6, "123\xc3\xa4"},
        {"C1 at the edge", BYTES("1234\xc2\x9b"), 7, "1234??"},
        {"nothing but continuation", BYTES("\x80\x80\x80\x80"), 3, ""},
        {"room for the NUL only", BYTES("abc"), 1, ""},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_str s = view(rows[i].in);
        char *to = malloc(rows[i].cap), again[64];
        vc_str_clean(s, to, rows[i].cap);
        assert_case(rows[i].name, strcmp(to, rows[i].want) == 0);
        assert_case(rows[i].name, vc_str_utf8(vc_str_of(to)));
        vc_str_clean(vc_str_of(to), again, sizeof(again));
        assert_case(rows[i].name, strcmp(to, again) == 0);
        free(to);
        drop(s);
    }
}

static void hex(void **state)
{
    static const struct {
        const char *in;
        size_t n;
        bool ok;
    } rows[] = {{"00ff7A", 3, true}, {"", 0, true},    {"00ff7", 3, false}, {"00ff7a0", 3, false}, {"0g", 1, false},
                {"g0", 1, false},    {" 0", 1, false}, {"0x", 1, false},    {":f", 1, false},      {"`a", 1, false}};
    uint8_t to[4];
    char text[9];
    (void)state;
    for (size_t i = 0; i < N(rows); i++)
        assert_case(rows[i].in, vc_hex_decode(vc_str_of(rows[i].in), to, rows[i].n) == rows[i].ok);
    assert_true(vc_hex_decode(VC_STR("00fF7a90"), to, 4));
    assert_memory_equal(to, "\x00\xff\x7a\x90", 4);
    vc_hex_encode(to, 4, text);
    assert_string_equal(text, "00ff7a90");
    vc_hex_encode_upper(to, 4, text);
    assert_string_equal(text, "00FF7A90");
}

static void base64_vectors(void **state)
{
    static const struct {
        struct bytes plain;
        const char *std, *url;
    } rows[] = {
        /* RFC 4648 10 */
        {BYTES(""), "", ""},
        {BYTES("f"), "Zg==", "Zg"},
        {BYTES("fo"), "Zm8=", "Zm8"},
        {BYTES("foo"), "Zm9v", "Zm9v"},
        {BYTES("foob"), "Zm9vYg==", "Zm9vYg"},
        {BYTES("fooba"), "Zm9vYmE=", "Zm9vYmE"},
        {BYTES("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        /* where the alphabets differ */
        {BYTES("\xfb\xff\xbf"), "+/+/", "-_-_"},
        {BYTES("\xff"), "/w==", "_w"},
        {BYTES("\0\0\0\0"), "AAAAAA==", "AAAAAA"},
    };
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        char text[16];
        uint8_t back[16], *in = exact(rows[i].plain.at, rows[i].plain.len);
        size_t n = rows[i].plain.len, got, cap;
        cap = strlen(rows[i].std) + 1;
        assert_case(rows[i].std, vc_base64_encode(in, n, text, cap) && strcmp(text, rows[i].std) == 0);
        assert_case(rows[i].std, !vc_base64_encode(in, n, text, cap - 1));
        cap = strlen(rows[i].url) + 1;
        assert_case(rows[i].url, vc_base64url_encode(in, n, text, cap) && strcmp(text, rows[i].url) == 0);
        assert_case(rows[i].url, !vc_base64url_encode(in, n, text, cap - 1));
        assert_case(rows[i].std, vc_base64_decode(vc_str_of(rows[i].std), back, n, &got) && got == n &&
                                     (n == 0 || memcmp(back, in, n) == 0));
        assert_case(rows[i].url, vc_base64url_decode(vc_str_of(rows[i].url), back, n, &got) && got == n &&
                                     (n == 0 || memcmp(back, in, n) == 0));
        if (n > 0) {
            assert_case(rows[i].std, !vc_base64_decode(vc_str_of(rows[i].std), back, n - 1, &got) && got == 0);
            assert_case(rows[i].url, !vc_base64url_decode(vc_str_of(rows[i].url), back, n - 1, &got) && got == 0);
        }
        free(in);
    }
}

static void base64_refused(void **state)
{
    static const struct {
        const char *in;
        bool url;
    } rows[] = {
        {"Z", false},     {"Zg", false},       {"Zg=", false},  {"Zg===", false},  {"Z===", false},  {"====", false},
        {"=", false},     {"Zg==Zg==", false}, {"Zh==", false}, {"Zm9=", false},   {"Zm9 ", false},  {"Zm\n9", false},
        {"Zm9v ", false}, {"-_-_", false},     {"Z=g=", false}, {"Zg==\n", false}, {"Zm9v=", false}, {"Z", true},
        {"Zg==", true},   {"Zh", true},        {"Zm9", true},   {"+/+/", true},    {"Zm9vY", true},  {"Zm9v=", true},
    };
    uint8_t to[16];
    size_t n;
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct vc_str s = view((struct bytes){.at = (const uint8_t *)rows[i].in, .len = strlen(rows[i].in)});
        bool ok = rows[i].url ? vc_base64url_decode(s, to, sizeof(to), &n) : vc_base64_decode(s, to, sizeof(to), &n);
        assert_case(rows[i].in, !ok && n == 0);
        drop(s);
    }
}

static void base64_round_trip(void **state)
{
    uint64_t seed = 4648;
    (void)state;
    for (size_t n = 0; n < 70; n++) {
        uint8_t in[70], back[70];
        char text[100];
        size_t got;
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)test_random(&seed);
        assert_true(vc_base64_encode(in, n, text, sizeof(text)));
        assert_int_equal(strlen(text), 4 * ((n + 2) / 3));
        assert_true(vc_base64_decode(vc_str_of(text), back, sizeof(back), &got));
        assert_int_equal(got, n);
        assert_memory_equal(in, back, n);
        assert_true(vc_base64url_encode(in, n, text, sizeof(text)));
        assert_true(vc_base64url_decode(vc_str_of(text), back, sizeof(back), &got));
        assert_int_equal(got, n);
        assert_memory_equal(in, back, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare),
        cmocka_unit_test(trim),
        cmocka_unit_test(cut),
        cmocka_unit_test(numbers),
        cmocka_unit_test(copy),
        cmocka_unit_test(utf8),
        cmocka_unit_test(clean),
        cmocka_unit_test(hex),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_refused),
        cmocka_unit_test(base64_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
