#include "wire/auth_xml.h"

#include "crypto/wipe.h"
#include "table.h"

#include <expat.h>

/* VC_STR and BYTES for static tables, where ISO C wants constants. */
// clang-format off
#define S(text) {.at = (text), .len = sizeof(text) - 1}
#define B(text) {.at = (const uint8_t *)(text), .len = sizeof(text) - 1}
// clang-format on

#define DECL "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define INIT DECL "<config-auth client=\"vpn\" type=\"init\" aggregate-auth-version=\"2\">"
#define REPLY DECL "<config-auth client=\"vpn\" type=\"auth-reply\" aggregate-auth-version=\"2\">"
#define END "</config-auth>"
#define TEN(x) x x x x x x x x x x

static int read_text(const char *text, size_t len, struct vc_auth_client *c, struct vc_fail *fail)
{
    void *p = exact(text, len);
    int result = vc_auth_xml_read(p, len, c, fail);
    free(p);
    return result;
}

/* ---- what is accepted: one element of each document, as it must come out ---- */

#define AT(m) offsetof(struct vc_auth_client, m)

// clang-format off
static const struct {
    const char *name, *doc;
    size_t offset; /* of a member of vc_auth_client */
    const char *text;
} texts[] = {
    {"version",             INIT "<version who=\"vpn\">v9.01-3</version>" END, AT(version), "v9.01-3"},
    {"identifiers trimmed", INIT "<group-select>\n Staff\t</group-select>" END, AT(group_select), "Staff"},
    {"credentials are not", REPLY "<auth><username> al </username></auth>" END, AT(username), " al "},
    {"nor this",            REPLY "<auth><password>\n</password></auth>" END, AT(password), "\n"},
    {"escapes",             REPLY "<auth><password>tr0ut &amp; eel &lt;&quot;&apos;&gt;</password></auth>" END, AT(password), "tr0ut & eel <\"'>"},
    {"raw quotes",          REPLY "<auth><password>\"'>]]&gt;</password></auth>" END, AT(password), "\"'>]]>"},
    {"numeric references",  REPLY "<auth><password>&#65;&#x42;&#x20ac;&#13;&#x1F600;</password></auth>" END, AT(password), "AB\xe2\x82\xac\r\xf0\x9f\x98\x80"},
    {"CDATA",               REPLY "<auth><password>a<![CDATA[<&]]]]><![CDATA[>]]>b</password></auth>" END, AT(password), "a<&]]>b"},
    {"comment inside",      REPLY "<auth><password>a<!-- <x> -->b<?pi?>c</password></auth>" END, AT(password), "abc"},
    {"an element inside",   REPLY "<auth><password>a<b>x</b>c</password></auth>" END, AT(password), "ac"},
    {"CR LF is LF",         REPLY "<auth><password>a\r\nb\rc</password></auth>" END, AT(password), "a\nb\nc"},
    {"UTF-8",               REPLY "<auth><username>\xc3\x9cn\xc3\xaf \xe2\x82\xac</username></auth>" END, AT(username), "\xc3\x9cn\xc3\xaf \xe2\x82\xac"},
    {"answer",              REPLY "<auth><answer>1</answer></auth>" END, AT(answer), "1"},
    {"secondary",           REPLY "<auth><secondary_username>u</secondary_username><secondary_password>p</secondary_password></auth>" END, AT(secondary_password), "p"},
    {"sso",                 REPLY "<auth><sso-token>K7</sso-token></auth>" END, AT(sso_token), "K7"},
    {"group_list",          REPLY "<auth><group_list>Staff</group_list></auth>" END, AT(group_list), "Staff"},
    {"only in its place",   REPLY "<username>a</username><auth><group-select>b</group-select></auth>" END, AT(username), ""},
    {"nor that one",        REPLY "<username>a</username><auth><group-select>b</group-select></auth>" END, AT(group_select), ""},
    {"nor under another",   REPLY "<x><auth><username>a</username></auth></x>" END, AT(username), ""},
    {"handle",              INIT "<opaque is-for=\"sg\"><aggauth-handle>44</aggauth-handle></opaque>" END, AT(aggauth_handle), "44"},
    {"opaque without whose", INIT "<opaque><aggauth-handle>44</aggauth-handle></opaque>" END, AT(aggauth_handle), "44"},
    {"another's opaque",    INIT "<opaque is-for=\"vpn-client\"><aggauth-handle>4</aggauth-handle></opaque><opaque is-for=\"sg\"><aggauth-handle>5</aggauth-handle></opaque>" END, AT(aggauth_handle), "5"},
    {"tunnel-group is not believed", INIT "<opaque is-for=\"sg\"><tunnel-group>x</tunnel-group></opaque>" END, AT(group_select), ""},
    {"a prefix is a name",  REPLY "<auth xmlns:v=\"u\"><v:password>p</v:password></auth>" END, AT(password), ""},
    {"device attributes",   INIT "<device-id computer-name=\" LAPTOP-7 \" unique-id=\"A1\" other=\"x\">win</device-id>" END, AT(computer_name), "LAPTOP-7"},
    {"device cut",          INIT "<device-id device-type=\"" TEN("0123456789") "\">win</device-id>" END, AT(device_type), "0123456789012345678901234567890123456789012345678901234567890123"},
    {"cut at a character",  INIT "<version>12" TEN("1\xe2\x82\xac\xe2\x82\xac") "</version>" END, AT(version), "12" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac\xe2\x82\xac" "1\xe2\x82\xac"},
    {"cut, however long",   INIT "<version>" TEN(TEN(TEN("123"))) "</version>" END, AT(version), "1231231231231231231231231231231231231231231231231231231231231231"},
    {"logout",              DECL "<config-auth client=\"vpn\" type=\"logout\"><session-token> Zm9y </session-token>" END, AT(session_token), "Zm9y"},
    {"byte order mark",     "\xef\xbb\xbf" INIT "<version>5</version>" END, AT(version), "5"},
    {"no declaration",      "<config-auth type=\"init\"><version>5</version>" END, AT(version), "5"},
    {"encoding in lower case", "<?xml version='1.0' encoding='utf-8'?><config-auth type='init'><version>5</version>" END, AT(version), "5"},
    {"blanks behind",       INIT "<version>5</version>" END " \n", AT(version), "5"},
};
// clang-format on

static void accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct vc_auth_client c;
        struct vc_fail fail = {0};
        assert_case(texts[i].name, read_text(texts[i].doc, strlen(texts[i].doc), &c, &fail) == 0);
        if (strcmp((const char *)&c + texts[i].offset, texts[i].text) != 0)
            fail_msg("case '%s': got '%s'", texts[i].name, (const char *)&c + texts[i].offset);
        vc_auth_xml_wipe(&c);
    }
}

/* ---- what is refused, and that nothing of it stays in the struct ---- */

#define DEEP(n)                                                                                                        \
    "<a><b><c><d><e><f><g><h><i><j><k><l><m><n>" n "</n></m></l></k></j></i></h></g></f></e></d></c></b></a>"
#define ATTRIBUTES_30                                                                                                  \
    "a0='' a1='' a2='' a3='' a4='' a5='' a6='' a7='' a8='' a9='' b0='' b1='' b2='' b3='' b4='' b5='' b6='' b7='' "     \
    "b8='' b9='' c0='' c1='' c2='' c3='' c4='' c5='' c6='' c7='' c8='' c9='' "

// clang-format off
static const struct {
    const char *name;
    struct bytes doc;
    enum vc_cause cause; /* NONE: accepted */
} verdicts[] = {
    {"empty",                  B(""), VC_CAUSE_XML_MALFORMED},
    {"no XML",                 B("group_list=Staff&username=alice"), VC_CAUSE_XML_MALFORMED},
    {"cut off",                B(REPLY "<auth><password>secret"), VC_CAUSE_XML_MALFORMED},
    {"crossed",                B(REPLY "<auth><password>secret</auth></password>" END), VC_CAUSE_XML_MALFORMED},
    {"two roots",              B(INIT END "<config-auth type=\"init\"/>"), VC_CAUSE_XML_MALFORMED},
    {"unknown entity",         B(REPLY "<auth><password>&nbsp;</password></auth>" END), VC_CAUSE_XML_MALFORMED},
    {"reference to NUL",       B(REPLY "<auth><password>&#0;</password></auth>" END), VC_CAUSE_XML_MALFORMED},
    {"reference to a control", B(REPLY "<auth><password>&#7;</password></auth>" END), VC_CAUSE_XML_MALFORMED},
    {"control character",      B(REPLY "<auth><password>\x07</password></auth>" END), VC_CAUSE_XML_MALFORMED},
    {"attribute twice",        B(INIT "<version a='' a=''/>" END), VC_CAUSE_XML_MALFORMED},
    {"document type",          B(DECL "<!DOCTYPE config-auth><config-auth type='init'/>"), VC_CAUSE_XML_DTD},
    {"entity bomb",            B(DECL "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>" "<config-auth type='init'><version>&b;</version></config-auth>"), VC_CAUSE_XML_DTD},
    {"external entity",        B(DECL "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><config-auth type='init'><version>&f;</version></config-auth>"), VC_CAUSE_XML_DTD},
    {"external subset",        B(DECL "<!DOCTYPE config-auth SYSTEM \"http://127.0.0.1/x.dtd\"><config-auth type='init'/>"), VC_CAUSE_XML_DTD},
    {"doctype too late",       B(INIT END "<!DOCTYPE x>"), VC_CAUSE_XML_MALFORMED},
    {"Latin-1 declared",       B("<?xml version='1.0' encoding='ISO-8859-1'?><config-auth type='init'/>"), VC_CAUSE_XML_ENCODING},
    {"UTF-16 declared",        B("<?xml version='1.0' encoding='UTF-16'?><config-auth type='init'/>"), VC_CAUSE_XML_ENCODING},
    {"UTF-7 declared",         B("<?xml version='1.0' encoding='UTF-7'?><config-auth type='init'/>"), VC_CAUSE_XML_ENCODING},
    {"UTF-16 with a mark",     B("\xff\xfe<\0a\0/\0>\0"), VC_CAUSE_XML_ENCODING},
    {"UTF-16 without",         B("<\0a\0/\0>\0"), VC_CAUSE_XML_ENCODING},
    {"Latin-1 byte",           B(REPLY "<auth><password>p\xe4ss</password></auth>" END), VC_CAUSE_XML_ENCODING},
    {"overlong UTF-8",         B(REPLY "<auth><password>\xc0\xaf</password></auth>" END), VC_CAUSE_XML_ENCODING},
    {"surrogate",              B(REPLY "<auth><password>\xed\xa0\x80</password></auth>" END), VC_CAUSE_XML_ENCODING},
    {"NUL",                    B(REPLY "<auth><password>a\0b</password></auth>" END), VC_CAUSE_XML_ENCODING},
    {"another root",           B("<auth><username>x</username></auth>"), VC_CAUSE_XML_UNEXPECTED},
    {"prefixed root",          B("<v:config-auth xmlns:v='u' type='init'/>"), VC_CAUSE_XML_UNEXPECTED},
    {"no type",                B("<config-auth client='vpn'/>"), VC_CAUSE_XML_UNEXPECTED},
    {"hello",                  B("<config-auth client='vpn' type='hello'/>"), VC_CAUSE_XML_UNEXPECTED},
    {"ack",                    B("<config-auth client='vpn' type='ack'/>"), VC_CAUSE_XML_UNEXPECTED},
    {"a gateway's",            B("<config-auth client='vpn' type='auth-request'/>"), VC_CAUSE_XML_UNEXPECTED},
    {"complete",               B("<config-auth client='vpn' type='complete'/>"), VC_CAUSE_XML_UNEXPECTED},
    {"password twice",         B(REPLY "<auth><password>secret</password><password>b</password></auth>" END), VC_CAUSE_XML_UNEXPECTED},
    {"auth twice",             B(REPLY "<auth><password>secret</password></auth><auth/>" END), VC_CAUSE_XML_UNEXPECTED},
    {"opaque twice",           B(INIT "<opaque/><opaque is-for='sg'/>" END), VC_CAUSE_XML_UNEXPECTED},
    {"capabilities twice",     B(INIT "<capabilities/><capabilities/>" END), VC_CAUSE_XML_UNEXPECTED},
    {"depth 16",               B(INIT DEEP("<o/>") END), VC_CAUSE_NONE},
    {"depth 17",               B(INIT DEEP("<o><p/></o>") END), VC_CAUSE_XML_LIMIT},
    {"32 attributes",          B(INIT "<x " ATTRIBUTES_30 "d0='' d1=''/>" END), VC_CAUSE_NONE},
    {"33 attributes",          B(INIT "<x " ATTRIBUTES_30 "d0='' d1='' d2=''/>" END), VC_CAUSE_XML_LIMIT},
};
// clang-format on

static bool is_wiped(const struct vc_auth_client *c)
{
    static const struct vc_auth_client zero;
    return vc_same(c, &zero, sizeof(zero));
}

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        struct vc_auth_client c;
        struct vc_fail fail = {0};
        int result = read_text((const char *)verdicts[i].doc.at, verdicts[i].doc.len, &c, &fail);
        if (fail.cause != verdicts[i].cause)
            fail_msg("case '%s': cause %s (%s)", verdicts[i].name, vc_cause_name(fail.cause), fail.detail);
        assert_case(verdicts[i].name, (result == 0) == (verdicts[i].cause == VC_CAUSE_NONE));
        if (result < 0)
            assert_case(verdicts[i].name, is_wiped(&c) && !strstr(fail.detail, "secret"));
        vc_auth_xml_wipe(&c);
        assert_case(verdicts[i].name, is_wiped(&c));
    }
}

/* Each limit: at it, and one above. */
static size_t fill(char *doc, const char *before, char what, size_t n, const char *after)
{
    size_t at = strlen(before);
    memcpy(doc, before, at);
    memset(doc + at, what, n);
    memcpy(doc + at + n, after, strlen(after));
    return at + n + strlen(after);
}

static void limits(void **state)
{
    static const struct {
        const char *before, *after;
        size_t max;
    } cases[] = {
        {REPLY "<auth><username>", "</username></auth>" END, 256},
        {REPLY "<auth><secondary_username>", "</secondary_username></auth>" END, 256},
        {REPLY "<auth><password>", "</password></auth>" END, 1024},
        {REPLY "<auth><answer>", "</answer></auth>" END, 1024},
        {REPLY "<auth><secondary_password>", "</secondary_password></auth>" END, 1024},
        {REPLY "<group-select>  ", "\n</group-select>" END, 256}, /* blanks at the ends do not count */
        {REPLY "<group-access>", "</group-access>" END, 1024},
        {INIT "<!--", "-->" END, VC_AUTH_DOCUMENT_MAX - (sizeof(INIT "<!---->" END) - 1)},
    };
    static char doc[VC_AUTH_DOCUMENT_MAX + 64];
    static const char open[] = INIT "<x><y/></x>"; /* 3 elements of the 4096 */
    struct vc_auth_client c;
    struct vc_fail fail;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = fill(doc, cases[i].before, 'x', cases[i].max, cases[i].after);
        assert_case(cases[i].before, read_text(doc, n, &c, &fail) == 0);
        n = fill(doc, cases[i].before, 'x', cases[i].max + 1, cases[i].after);
        assert_case(cases[i].before, read_text(doc, n, &c, &fail) == -1 && fail.cause == VC_CAUSE_XML_LIMIT);
        assert_case(cases[i].before, is_wiped(&c));
    }
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = sizeof(open) - 1;
        memcpy(doc, open, n);
        for (size_t i = 3; i < VC_AUTH_ELEMENTS_MAX + extra; i++, n += 4)
            memcpy(doc + n, "<a/>", 4);
        memcpy(doc + n, END, sizeof(END) - 1);
        int result = read_text(doc, n + sizeof(END) - 1, &c, &fail);
        assert_int_equal(result, extra == 0 ? 0 : -1);
        assert_true(extra == 0 || fail.cause == VC_CAUSE_XML_LIMIT);
    }
}

/* A document of Cisco's shape and one of openconnect 9.01, member by member. */
static void whole(void **state)
{
    static const char sc[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config-auth client=\"vpn\" type=\"init\" "
        "aggregate-auth-version=\"2\">\n<version who=\"vpn\">4.10.06079</version>\n<device-id "
        "computer-name=\"LAPTOP-7\" device-type=\"Example Book 14\" platform-version=\"10.0.19045\" "
        "unique-id=\"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\" "
        "unique-id-global=\"0123456789ABCDEF0123456789ABCDEF01234567\">win</device-id>\n<mac-address-list>"
        "<mac-address public-interface=\"true\">02-00-5e-10-00-01</mac-address></mac-address-list>\n"
        "<group-select>Staff</group-select><group-access>https://vpn.example.com</group-access>\n<capabilities>"
        "<auth-method>multiple-cert</auth-method><auth-method>single-sign-on</auth-method>"
        "<auth-method>single-sign-on-v2</auth-method></capabilities><client-cert-fail/></config-auth>\n";
    static const char oc[] =
        REPLY "<version who=\"vpn\">v9.01-3</version><device-id>linux-64</device-id><capabilities><auth-method>"
              "single-sign-on-v2</auth-method><auth-method>single-sign-on-external-browser</auth-method>"
              "</capabilities><opaque is-for=\"sg\"><tunnel-group>staff-tg</tunnel-group><group-alias>Staff"
              "</group-alias><aggauth-handle>4417095523816650931</aggauth-handle><config-hash>1767225600000"
              "</config-hash></opaque><auth><username>a&amp;b \"\xc3\x9cn\xc3\xaf\" &lt;x&gt;</username><password>"
              "tr0ut &amp; eel &lt;\"'&gt;]]&gt;</password></auth><group-select>staff</group-select>" END;
    struct vc_auth_client c;
    struct vc_fail fail;

    (void)state;
    assert_int_equal(read_text(sc, sizeof(sc) - 1, &c, &fail), 0);
    assert_int_equal(c.kind, VC_AUTH_INIT);
    assert_string_equal(c.version, "4.10.06079");
    assert_string_equal(c.device, "win");
    assert_string_equal(c.device_type, "Example Book 14");
    assert_string_equal(c.platform_version, "10.0.19045");
    assert_int_equal(strlen(c.unique_id), 64);
    assert_int_equal(strlen(c.unique_id_global), 40);
    assert_string_equal(c.group_select, "Staff");
    assert_string_equal(c.group_access, "https://vpn.example.com");
    assert_int_equal(c.methods, 1u << VC_AUTH_METHOD_MULTIPLE_CERT | 1u << VC_AUTH_METHOD_SSO_V2);
    assert_true(c.client_cert_fail && !c.auth && !c.opaque && !vc_auth_has(&c, VC_AUTH_USERNAME));

    assert_int_equal(read_text(oc, sizeof(oc) - 1, &c, &fail), 0);
    assert_int_equal(c.kind, VC_AUTH_REPLY);
    assert_true(c.opaque && c.auth);
    assert_true(vc_auth_handle_parse(vc_str_of(c.aggauth_handle)) == 4417095523816650931u);
    assert_string_equal(c.username, "a&b \"\xc3\x9cn\xc3\xaf\" <x>");
    assert_string_equal(c.password, "tr0ut & eel <\"'>]]>");
    assert_string_equal(c.group_select, "staff");
    assert_int_equal(c.methods, 1u << VC_AUTH_METHOD_SSO_V2 | 1u << VC_AUTH_METHOD_SSO_EXTERNAL);

    static const char empty[] = REPLY "<auth><password/></auth>" END;
    assert_int_equal(read_text(empty, sizeof(empty) - 1, &c, &fail), 0);
    assert_true(vc_auth_has(&c, VC_AUTH_PASSWORD) && !vc_auth_has(&c, VC_AUTH_USERNAME) && c.password[0] == '\0');
    vc_auth_xml_wipe(&c);
}

static void handles(void **state)
{
    static const struct {
        const char *text;
        uint64_t handle;
    } cases[] = {
        {"1", 1},    {"4417095523816650931", 4417095523816650931u},
        {"", 0},     {"9223372036854775807", INT64_MAX},
        {"0", 0},    {"9223372036854775808", 0},
        {"01", 0},   {"18446744073709551617", 0},
        {"-1", 0},   {"+1", 0},
        {" 1", 0},   {"1 ", 0},
        {"0x10", 0}, {"12a", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_case(cases[i].text, vc_auth_handle_parse(vc_str_of(cases[i].text)) == cases[i].handle);
}

/* ---- writing ---- */

static void assert_well_formed(const char *doc, size_t len)
{
    XML_Parser p = XML_ParserCreate(NULL);
    if (XML_Parse(p, doc, (int)len, 1) != XML_STATUS_OK)
        fail_msg("not well-formed: %s", doc);
    XML_ParserFree(p);
}

static const struct vc_auth_input inputs[] = {
    {VC_AUTH_INPUT_TEXT, "username", "Username:", {0}},
    {VC_AUTH_INPUT_PASSWORD, "password", "Password:", {0}},
    {VC_AUTH_INPUT_HIDDEN, "h", NULL, S("a\"\n<\x01")},
};

#define HEAD(type)                                                                                                     \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><config-auth client=\"vpn\" type=\"" type                               \
    "\" aggregate-auth-version=\"2\"><version who=\"sg\">1.0(1)</version>"
#define FORM                                                                                                           \
    "<form><input type=\"text\" name=\"username\" label=\"Username:\"></input>"                                        \
    "<input type=\"password\" name=\"password\" label=\"Password:\"></input>"

static void requests(void **state)
{
    static const struct vc_auth_option two[] = {
        {S("Guests"), S("Guests"), false},
        {S("staff-tg"), S("Staff"), true},
    };
    static const struct {
        struct vc_auth_request r;
        const char *doc;
    } cases[] = {
        {{.opaque = true,
          .tunnel_group = S("staff-tg"),
          .group_alias = S("Staff"),
          .handle = 4417095523816650931u,
          .config_hash = 1767225600000u,
          .id = "main",
          .title = S("Login"),
          .message = {.text = S("Please enter your username and password.")},
          .form = true,
          .inputs = inputs,
          .n_inputs = 2,
          .options = two,
          .n_options = 2},
         HEAD("auth-request") "<opaque is-for=\"sg\"><tunnel-group>staff-tg</tunnel-group><group-alias>Staff"
                              "</group-alias><aggauth-handle>4417095523816650931</aggauth-handle><config-hash>"
                              "1767225600000</config-hash></opaque><auth id=\"main\"><title>Login</title><message>"
                              "Please enter your username and password.</message>" FORM
                              "<select name=\"group_list\" label=\"GROUP:\"><option value=\"staff-tg\" "
                              "selected=\"true\">Staff</option><option>Guests</option></select></form></auth>"
                              "</config-auth>"},
        {{.id = "main", .error = {S("Login failed."), {0}, {0}, 88, true}},
         HEAD("auth-request") "<auth id=\"main\"><error id=\"88\" param1=\"\" param2=\"\">Login failed.</error></auth>"
                              "</config-auth>"},
        {{.id = "challenge",
          .message = {S("%s"), S("Enter \"it\""), {0}, 2, true},
          .banner = S("a & b\r\n\x7f\xff\xef\xbf\xbf\x02"),
          .form = true,
          .inputs = &inputs[2],
          .n_inputs = 1},
         HEAD("auth-request") "<auth id=\"challenge\"><message id=\"2\" param1=\"Enter &quot;it&quot;\" param2=\"\">%s"
                              "</message><banner>a &amp; b&#13;\n\x7f???"
                              "</banner><form><input type=\"hidden\" "
                              "name=\"h\" value=\"a&quot;&#10;&lt;?\"></input></form></auth></config-auth>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char doc[2048];
        struct vc_writer w = vc_writer_to(doc, sizeof(doc));
        vc_auth_request_write(&w, &cases[i].r);
        assert_true(vc_put_end_text(&w));
        assert_string_equal(doc, cases[i].doc);
        assert_well_formed(doc, vc_written(&w));
        for (size_t cap = 0; cap < vc_written(&w); cap++) { /* truncation is an error, never a shorter document */
            struct vc_writer less = vc_writer_to(doc, cap);
            vc_auth_request_write(&less, &cases[i].r);
            assert_true(less.bad);
        }
    }
}

static void completes(void **state)
{
    static const uint8_t hash[20] = {0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93,
                                     0xa4, 0xb5, 0xc6, 0xd7, 0xe8, 0xf9, 0x01, 0x23, 0x45, 0x67};
    static const struct vc_auth_complete all = {
        .session_id = 73291,
        .token = S("Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGV"),
        .banner = S("Gr\xc3\xbc\xc3\x9f"
                    "e &\r\n\tmore"),
        .server_cert_sha1 = hash,
        .split_exclude = S("a.example,b.example,"),
        .split_include = S("c]]>.example\r\n"),
        .profile_uri = S("/CACHE/stc/profiles/staff.xml"),
        .profile_sha1 = hash,
    };
    static const struct vc_auth_complete least = {.token = S("t")};
    static const char middle[] =
        "<message id=\"0\" param1=\"\" param2=\"\"></message></auth><capabilities><crypto-supported>ssl-dhe"
        "</crypto-supported></capabilities><config client=\"vpn\" type=\"private\"><vpn-base-config><nopkg></nopkg>";
    char doc[4096], want[4096];
    struct vc_writer w = vc_writer_to(doc, sizeof(doc));

    (void)state;
    vc_auth_complete_write(&w, &all);
    assert_true(vc_put_end_text(&w));
    assert_well_formed(doc, vc_written(&w));
    static const char tail[] =
        "<server-cert-hash>0A1B2C3D4E5F60718293A4B5C6D7E8F901234567</server-cert-hash></vpn-base-config><opaque "
        "is-for=\"vpn-client\"><custom-attr><dynamic-split-exclude-domains><![CDATA[a.example,b.example,]]>"
        "</dynamic-split-exclude-domains><dynamic-split-include-domains><![CDATA[c?"
        "?>.example?"
        "?]]>"
        "</dynamic-split-include-domains></custom-attr></opaque><vpn-profile-manifest><vpn rev=\"1.0\"><file "
        "type=\"profile\" service-type=\"user\"><uri>/CACHE/stc/profiles/staff.xml</uri><hash type=\"sha1\">"
        "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567</hash></file></vpn></vpn-profile-manifest></config></config-auth>";
    (void)snprintf(want, sizeof(want), "%s%s%s%s%s",
                   HEAD("complete") "<session-id>73291</session-id><session-token>"
                                    "Zm9ydHkgdHdvIGJ5dGVzIG9mIG5vIG1lYW5pbmcgaGV</session-token><auth id=\"success\">",
                   "<banner>Gr\xc3\xbc\xc3\x9f"
                   "e &amp;&#13;\n\tmore</banner>",
                   middle, tail, "");
    assert_string_equal(doc, want);

    w = vc_writer_to(doc, sizeof(doc));
    vc_auth_post_auth_write(&w, &all);
    assert_true(vc_put_end_text(&w));
    assert_well_formed(doc, vc_written(&w));
    (void)snprintf(want, sizeof(want), "%s%s%s%s",
                   HEAD("complete") "<session-id>73291</session-id><auth id=\"success\">",
                   "<banner>Gr&#252;&#223;e &amp;&#13;&#10;&#9;more</banner>", middle, tail);
    assert_string_equal(doc, want);
    for (size_t i = 0; doc[i]; i++)
        assert_true(doc[i] >= 0x20 && doc[i] < 0x7f);

    w = vc_writer_to(doc, sizeof(doc));
    vc_auth_complete_write(&w, &least);
    assert_true(vc_put_end_text(&w));
    (void)snprintf(want, sizeof(want), "%s%s%s",
                   HEAD("complete") "<session-token>t</session-token><auth id=\"success\">", middle,
                   "</vpn-base-config></config></config-auth>");
    assert_string_equal(doc, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(refused),  cmocka_unit_test(limits),    cmocka_unit_test(whole),
        cmocka_unit_test(handles),  cmocka_unit_test(requests), cmocka_unit_test(completes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
