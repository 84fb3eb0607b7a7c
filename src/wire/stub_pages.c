#include "wire/stub_pages.h"

static const char manifest[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vpn rev=\"1.0\">\n</vpn>\n";
static const char html[] = "<html></html>\n";
static const char probe[] = "<html><body></body></html>\n";
static const char version[] = "0,0,0000\n";
static const char script[] = "#!/bin/sh\n\nexit 0\n";

/* Under both / and /CACHE/stc/. */
// clang-format off
static const struct {
    const char *path;
    const char *type;
    const char *body;
} stubs[] = {
    {"VPNManifest.xml",            "text/xml; charset=utf-8",  manifest},
    {"1/VPNManifest.xml",          "text/xml; charset=utf-8",  manifest},
    {"1/index.html",               "text/html; charset=utf-8", html},
    {"1/Linux",                    "text/html; charset=utf-8", html},
    {"1/Linux_64",                 "text/html; charset=utf-8", html},
    {"1/Windows",                  "text/html; charset=utf-8", html},
    {"1/Windows_ARM64",            "text/html; charset=utf-8", html},
    {"1/Darwin_i386",              "text/html; charset=utf-8", html},
    {"1/binaries/update.txt",      "text/plain",               version},
    {"1/binaries/vpndownloader.sh", "application/x-sh",        script},
};
// clang-format on

static bool cut_prefix(struct vc_str *s, struct vc_str prefix)
{
    if (!vc_str_starts(*s, prefix))
        return false;
    s->at += prefix.len;
    s->len -= prefix.len;
    return true;
}

/* openconnect writes the port behind the path, not behind the host. */
static struct vc_str without_port(struct vc_str path)
{
    size_t n = path.len;
    while (n > 0 && path.at[n - 1] >= '0' && path.at[n - 1] <= '9')
        n--;
    if (n > 0 && n < path.len && path.at[n - 1] == ':')
        path.len = n - 1;
    return path;
}

struct vc_page vc_stub_page(struct vc_str path, struct vc_str agent)
{
    path = without_port(path);
    if (vc_str_eq(path, VC_STR("/"))) {
        if (!vc_str_istarts(agent, VC_STR("Cisco AnyConnect VPN Agent")))
            return (struct vc_page){.kind = VC_PAGE_NOT_FOUND};
        return (struct vc_page){VC_PAGE_PROBE, "text/html; charset=utf-8", vc_str_of(probe)};
    }
    if (vc_str_eq(path, VC_STR("/logout")) || vc_str_eq(path, VC_STR("/+webvpn+/webvpn_logout.html")))
        return (struct vc_page){.kind = VC_PAGE_LOGOUT};

    if (!cut_prefix(&path, VC_STR("/CACHE/stc/")) && !cut_prefix(&path, VC_STR("/")))
        return (struct vc_page){.kind = VC_PAGE_NOT_FOUND};
    for (size_t i = 0; i < sizeof(stubs) / sizeof(stubs[0]); i++)
        if (vc_str_eq(path, vc_str_of(stubs[i].path)))
            return (struct vc_page){VC_PAGE_STUB, stubs[i].type, vc_str_of(stubs[i].body)};
    if (vc_str_starts(path, VC_STR("+CSCOT+/"))) /* translation-table, oem-customization: none */
        return (struct vc_page){VC_PAGE_STUB, "text/xml; charset=utf-8", vc_str_of(manifest)};
    if (vc_str_starts(path, VC_STR("profiles/")))
        return (struct vc_page){.kind = VC_PAGE_PROFILE};
    return (struct vc_page){.kind = VC_PAGE_NOT_FOUND};
}
