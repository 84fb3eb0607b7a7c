#include "wire/auth_handle.h"

uint64_t vc_auth_handle_parse(struct vc_str s)
{
    uint64_t handle = 0;
    if (s.len == 0 || s.len > 19 || s.at[0] == '0' || !vc_str_u64(s, INT64_MAX, &handle))
        return 0;
    return handle;
}
