#include "packet/ip.h"

#include "table.h"

#define FROM6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
#define TO6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
#define V6(len, next) "\x60\x20\0\0\0" len next "\x3f" FROM6 TO6
#define EMPTY_HEADER(next) next "\0\x01\x04\0\0\0\0"

// clang-format off
static const struct {
    const char *name;
    struct bytes in;
    bool good;
    uint8_t version, protocol;
    bool fragment, offset;
    size_t header_len, total_len;
} cases[] = {
    {"nothing",                       {NULL, 0},                                              false, 0, 0, 0, 0, 0, 0},
    {"version 5",                     BYTES("\x55\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), false, 0, 0, 0, 0, 0, 0},
    {"v4: header alone",              BYTES("\x45\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), true, 4, 6, 0, 0, 20, 20},
    {"v4: 19 bytes",                  BYTES("\x45\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0"), false, 0, 0, 0, 0, 0, 0},
    {"v4: header length 16",          BYTES("\x44\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), false, 0, 0, 0, 0, 0, 0},
    {"v4: total below header",        BYTES("\x45\x02\0\x13\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), false, 0, 0, 0, 0, 0, 0},
    {"v4: total beyond what came",    BYTES("\x45\x02\0\x15\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), false, 0, 0, 0, 0, 0, 0},
    {"v4: options beyond what came",  BYTES("\x46\x02\0\x18\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), false, 0, 0, 0, 0, 0, 0},
    {"v4: options and padding",       BYTES("\x46\x02\0\x18\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\x01\x01\x01\x01pad"), true, 4, 6, 0, 0, 24, 24},
    {"v4: DF is no fragment",         BYTES("\x45\x02\0\x14\0\x01\x40\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), true, 4, 6, 0, 0, 20, 20},
    {"v4: first fragment",            BYTES("\x45\x02\0\x14\0\x01\x20\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), true, 4, 6, 1, 0, 20, 20},
    {"v4: last fragment",             BYTES("\x45\x02\0\x14\0\x01\0\x01\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), true, 4, 6, 1, 1, 20, 20},
    {"v6: header alone",              BYTES(V6("\0", "\x3b")),                                true, 6, 59, 0, 0, 40, 40},
    {"v6: 39 bytes",                  BYTES("\x60\x20\0\0\0\0\x3b\x3f" FROM6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false, 0, 0, 0, 0, 0, 0},
    {"v6: payload beyond what came",  BYTES(V6("\x09", "\x11") "12345678"),                   false, 0, 0, 0, 0, 0, 0},
    {"v6: UDP and padding",           BYTES(V6("\x08", "\x11") "12345678pad"),                true, 6, 17, 0, 0, 40, 48},
    {"v6: hop by hop, options, TCP",  BYTES(V6("\x11", "\0") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x06") "t"), true, 6, 6, 0, 0, 56, 57},
    {"v6: routing of 24 bytes",       BYTES(V6("\x19", "\x2b") "\x11\x02\0\0\0\0\0\0" FROM6 "u"), true, 6, 17, 0, 0, 64, 65},
    {"v6: routing cut short",         BYTES(V6("\x17", "\x2b") "\x11\x02\0\0\0\0\0\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), false, 0, 0, 0, 0, 0, 0},
    {"v6: one byte of a header",      BYTES(V6("\x01", "\0") "\x06"),                         false, 0, 0, 0, 0, 0, 0},
    {"v6: AH of 24 bytes",            BYTES(V6("\x19", "\x33") "\x06\x04\0\0\0\0\0\0" FROM6 "t"), true, 6, 6, 0, 0, 64, 65},
    {"v6: AH of 12 bytes",            BYTES(V6("\x0c", "\x33") "\x3b\x01\0\0\0\0\0\0\0\0\0\0"), true, 6, 59, 0, 0, 52, 52},
    {"v6: first fragment",            BYTES(V6("\x10", "\x2c") "\x11\0\0\x01\0\0\0\x07" "12345678"), true, 6, 17, 1, 0, 48, 56},
    {"v6: later fragment",            BYTES(V6("\x10", "\x2c") "\x3c\0\0\x08\0\0\0\x07" "12345678"), true, 6, 60, 1, 1, 48, 56},
    {"v6: a fragment that is whole",  BYTES(V6("\x10", "\x2c") "\x11\0\0\0\0\0\0\x07" "12345678"), true, 6, 17, 0, 0, 48, 56},
    {"v6: a fragment header cut",     BYTES(V6("\x07", "\x2c") "\x11\0\0\0\0\0\0"),           false, 0, 0, 0, 0, 0, 0},
    {"v6: header behind the payload", BYTES(V6("\x04", "\0") EMPTY_HEADER("\x06")),           false, 0, 0, 0, 0, 0, 0},
    {"v6: eight headers",             BYTES(V6("\x41", "\0") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c")
        EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x06") "t"), true, 6, 6, 0, 0, 104, 105},
    {"v6: nine headers: not walked",  BYTES(V6("\x49", "\0") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c")
        EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x3c") EMPTY_HEADER("\x06") "t"), true, 6, 60, 0, 0, 104, 113},
};
// clang-format on

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vc_ip_packet ip;
        uint8_t *p = exact(cases[i].in.at, cases[i].in.len);
        assert_case(cases[i].name, vc_ip_packet_read(p, cases[i].in.len, &ip) == cases[i].good);
        if (cases[i].good) {
            assert_case(cases[i].name, ip.version == cases[i].version && ip.protocol == cases[i].protocol);
            assert_case(cases[i].name, ip.fragment == cases[i].fragment && ip.more_or_offset == cases[i].offset);
            assert_case(cases[i].name, ip.header_len == cases[i].header_len && ip.total_len == cases[i].total_len);
            assert_case(cases[i].name, ip.tos == 2 && ip.ttl == 63);
            assert_case(cases[i].name, ip.src == p + (ip.version == 4 ? 12 : 8));
            assert_case(cases[i].name, ip.dst == p + (ip.version == 4 ? 16 : 24));
        }
        free(p);
    }
}

static const struct {
    const char *name;
    struct bytes in;
    const char *src, *dst; /* NULL: refused */
} addressed[] = {
    {"nothing", {NULL, 0}, NULL, NULL},
    {"v4", BYTES("\x45\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), "10.0.0.1", "10.0.0.2"},
    {"v4 short", BYTES("\x45\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0"), NULL, NULL},
    {"v6", BYTES(V6("\0", "\x3b")), "fd00::1", "fd00::2"},
    {"v6 short", BYTES("\x60\x20\0\0\0\0\x3b\x3f" FROM6 "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), NULL, NULL},
    {"version 0", BYTES("\x05\x02\0\x14\0\x01\0\0\x3f\x06\0\0\x0a\0\0\x01\x0a\0\0\x02"), NULL, NULL},
};

static void addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(addressed) / sizeof(addressed[0]); i++) {
        struct vc_ip src, dst;
        char text[VC_IP_TEXT];
        uint8_t *p = exact(addressed[i].in.at, addressed[i].in.len);
        bool good = vc_ip_packet_addresses(p, addressed[i].in.len, &src, &dst);
        assert_case(addressed[i].name, good == (addressed[i].src != NULL));
        if (good) {
            vc_ip_print(&src, text);
            assert_string_equal(text, addressed[i].src);
            vc_ip_print(&dst, text);
            assert_string_equal(text, addressed[i].dst);
        }
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
