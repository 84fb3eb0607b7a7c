/* Input: a path, a line end, a User-Agent. Property: a page has type and body or neither, only what begins with a slash
 * is found, and a port behind the path changes nothing. */
#include "wire/stub_pages.h"

#include <stdlib.h>

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char with_port[512];
    struct vc_str agent, path = vc_str_cut((struct vc_str){.at = (const char *)data, .len = size}, '\n', &agent);
    struct vc_page page = vc_stub_page(path, agent);
    bool has_body = page.kind == VC_PAGE_STUB || page.kind == VC_PAGE_PROBE;
    must(has_body == (page.type != NULL) && has_body == (page.body.len > 0));
    must(page.kind == VC_PAGE_NOT_FOUND || vc_str_starts(path, VC_STR("/")));
    must(page.body.len == 0 || page.body.at < (const char *)data || page.body.at >= (const char *)data + size);
    must(page.kind != VC_PAGE_PROBE || vc_str_istarts(agent, VC_STR("Cisco AnyConnect VPN Agent")));
    if (path.len + 4 > sizeof(with_port) || (path.len > 0 && memchr(path.at, ':', path.len)))
        return 0;
    if (path.len > 0)
        memcpy(with_port, path.at, path.len);
    memcpy(with_port + path.len, ":443", 4);
    struct vc_page same = vc_stub_page((struct vc_str){.at = with_port, .len = path.len + 4}, agent);
    must(same.kind == page.kind && same.type == page.type && vc_str_eq(same.body, page.body));
    return 0;
}
