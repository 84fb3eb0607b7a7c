#include "wire/stub_pages.h"

#include "table.h"

#define AGENT "Cisco AnyConnect VPN Agent for Windows 4.10.06079"
#define UI "AnyConnect Windows 4.10.06079"

// clang-format off
static const struct {
    const char *path, *agent;
    enum vc_page_kind kind;
    const char *type, *body; /* body: how it begins */
} cases[] = {
    {"/",                                        AGENT,              VC_PAGE_PROBE,     "text/html",  "<html>"},
    {"/",                                        "cisco anyconnect vpn agent for Linux 5", VC_PAGE_PROBE, "text/html", "<html>"},
    {"/",                                        UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/",                                        "Mozilla/5.0",      VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/",                                        "",                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/favicon.ico",                             AGENT,              VC_PAGE_NOT_FOUND, NULL, NULL},
    {"",                                         UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"*",                                        UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/VPNManifest.xml",                         UI,                 VC_PAGE_STUB,      "text/xml",   "<?xml"},
    {"/1/VPNManifest.xml",                       UI,                 VC_PAGE_STUB,      "text/xml",   "<?xml"},
    {"/CACHE/stc/VPNManifest.xml",               UI,                 VC_PAGE_STUB,      "text/xml",   "<?xml"},
    {"/CACHE/stc/1/VPNManifest.xml",             UI,                 VC_PAGE_STUB,      "text/xml",   "<?xml"},
    {"/1/index.html",                            UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/CACHE/stc/1/index.html",                  UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/1/Linux",                                 UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/1/Linux_64",                              UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/CACHE/stc/1/Windows",                     UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/1/Windows_ARM64",                         UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/1/Darwin_i386",                           UI,                 VC_PAGE_STUB,      "text/html",  "<html>"},
    {"/1/binaries/update.txt",                   UI,                 VC_PAGE_STUB,      "text/plain", "0,0,0000\n"},
    {"/CACHE/stc/1/binaries/update.txt:4443",    UI,                 VC_PAGE_STUB,      "text/plain", "0,0,0000\n"},
    {"/1/binaries/update.txt:",                  UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/1/binaries/update.txt443",                UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/1/binaries/vpndownloader.sh",             UI,                 VC_PAGE_STUB,      "application/x-sh", "#!/bin/sh"},
    {"/CACHE/stc/1/binaries/vpndownloader.exe",  UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/1/binaries/",                             UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/1/linux",                                 UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/CACHE/stc/../1/Linux",                    UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"//1/Linux",                                UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/+CSCOT+/translation-table",               UI,                 VC_PAGE_STUB,      "text/xml",   "<?xml"},
    {"/+CSCOT+/oem-customization",               UI,                 VC_PAGE_STUB,      "text/xml",   "<?xml"},
    {"/+CSCOE+/logon.html",                      UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"/profiles/staff.xml",                      UI,                 VC_PAGE_PROFILE,   NULL, NULL},
    {"/CACHE/stc/profiles/staff.xml:4443",       UI,                 VC_PAGE_PROFILE,   NULL, NULL},
    {"/logout",                                  UI,                 VC_PAGE_LOGOUT,    NULL, NULL},
    {"/+webvpn+/webvpn_logout.html",             UI,                 VC_PAGE_LOGOUT,    NULL, NULL},
    {":443",                                     UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
    {"443",                                      UI,                 VC_PAGE_NOT_FOUND, NULL, NULL},
};
// clang-format on

static void pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i].path);
        char *path = exact(cases[i].path, n);
        struct vc_page page = vc_stub_page((struct vc_str){.at = path, .len = n}, vc_str_of(cases[i].agent));
        assert_case(cases[i].path, page.kind == cases[i].kind);
        assert_case(cases[i].path, !page.type == !cases[i].type);
        if (cases[i].type)
            assert_case(cases[i].path, vc_str_starts(vc_str_of(page.type), vc_str_of(cases[i].type)));
        assert_case(cases[i].path, (page.body.len == 0) == !cases[i].body);
        if (cases[i].body)
            assert_case(cases[i].path, vc_str_starts(page.body, vc_str_of(cases[i].body)));
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
