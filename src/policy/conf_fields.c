#include "policy/conf_fields.h"

#include <assert.h>

#define FIELD(key, member)                                                                                             \
    {                                                                                                                  \
        VC_CONF_KEY_##key, offsetof(struct vc_conf, member), sizeof(((struct vc_conf *)0)->member)                     \
    }

static const struct vc_conf_field fields[] = {
    FIELD(DEFAULT_SELECT_GROUP, default_select_group),
    FIELD(SELECT_GROUP_BY_URL, select_group_by_url),
    FIELD(LIST_GROUPS, list_groups),
    FIELD(UNKNOWN_URL, unknown_url),
    FIELD(BANNER, banner),
    FIELD(PRE_LOGIN_BANNER, pre_login_banner),
    FIELD(AUTH_TIMEOUT, auth_timeout_s),
    FIELD(COOKIE_TIMEOUT, cookie_timeout_s),
    FIELD(PERSISTENT_COOKIES, persistent_cookies),
    FIELD(MAX_CLIENTS, max_clients),
    FIELD(MAX_SAME_CLIENTS, max_same_clients),
    FIELD(SAME_CLIENTS, same_clients),
    FIELD(DENY_ROAMING, deny_roaming),
    FIELD(LISTEN_HOST_IS_DYNDNS, listen_host_is_dyndns),
    FIELD(PROXY_URL, proxy_url),
    FIELD(MOBILE_IDLE_TIMEOUT, mobile_idle_timeout_s),
    FIELD(CONFIG_PER_USER, config_per_user),
    FIELD(CONFIG_PER_GROUP, config_per_group),
    FIELD(DEFAULT_USER_CONFIG, default_user_config),
    FIELD(DEFAULT_GROUP_CONFIG, default_group_config),
    FIELD(LISTEN_HOST, listen_host),
    FIELD(UDP_LISTEN_HOST, udp_listen_host),
    FIELD(TCP_PORT, tcp_port),
    FIELD(UDP_PORT, udp_port),
    FIELD(SERVER_CERT, server_cert),
    FIELD(SERVER_KEY, server_key),
    FIELD(TLS_PRIORITIES, tls_priorities),
    FIELD(TLS_MAX, tls_max),
    FIELD(RUN_AS_USER, run_as_user),
    FIELD(RUN_AS_GROUP, run_as_group),
    FIELD(OCCTL_SOCKET_FILE, occtl_socket_file),
    FIELD(PID_FILE, pid_file),
    FIELD(STATE_DIR, state_dir),
    FIELD(USE_OCCTL, use_occtl),
    FIELD(LOG_LEVEL, log_level),
    FIELD(SYSLOG_FACILITY, syslog_facility),
    FIELD(LOG_FORMAT, log_format),
    FIELD(TUNNEL_PROCESSES, tunnel_processes),
    FIELD(PORTAL_PROCESSES, portal_processes),
    FIELD(SEC_MOD_SCALE, verifiers),
    FIELD(DEVICE, device),
    FIELD(IPV6_SUBNET_PREFIX, ipv6_subnet_prefix),
    FIELD(PREDICTABLE_IPS, predictable_ips),
    FIELD(NAT, nat),
    FIELD(DEFAULT_DOMAIN, default_domain),
    FIELD(TUNNEL_ALL_DNS, tunnel_all_dns),
    FIELD(APPEND_ROUTES, append_routes),
    FIELD(CLIENT_BYPASS_PROTOCOL, client_bypass_protocol),
    FIELD(IDLE_TIMEOUT, idle_timeout_s),
    FIELD(SESSION_TIMEOUT, session_timeout_s),
    FIELD(KEEPALIVE, keepalive_s),
    FIELD(DPD, dpd_s),
    FIELD(MOBILE_DPD, mobile_dpd_s),
    FIELD(SWITCH_TO_TCP_TIMEOUT, switch_to_tcp_s),
    FIELD(REKEY_TIME, rekey_s),
    FIELD(REKEY_METHOD, rekey_method),
    FIELD(MTU, mtu),
    FIELD(NO_UDP, no_udp),
    FIELD(DTLS_PSK, dtls_psk),
    FIELD(MATCH_TLS_DTLS_CIPHERS, match_tls_dtls_ciphers),
    FIELD(CISCO_CLIENT_COMPAT, cisco_client_compat),
    FIELD(DTLS_COOKIE, dtls_cookie),
    FIELD(CISCO_BYE, cisco_bye),
};

const struct vc_conf_field *vc_conf_field_of(enum vc_conf_key key)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].key == key)
            return &fields[i];
    }
    return NULL;
}

bool vc_conf_kind_is_text(enum vc_conf_kind kind)
{
    return kind != VC_CONF_KIND_BOOL && kind != VC_CONF_KIND_NUMBER && kind != VC_CONF_KIND_CHOICE;
}

void vc_conf_field_set_number(struct vc_conf *conf, const struct vc_conf_field *f, uint64_t v)
{
    char *to = (char *)conf + f->offset;
    if (f->size == sizeof(uint32_t)) {
        uint32_t n = (uint32_t)v;
        memcpy(to, &n, sizeof(n));
    } else if (f->size == sizeof(uint16_t)) {
        uint16_t n = (uint16_t)v;
        memcpy(to, &n, sizeof(n));
    } else {
        assert(f->size == sizeof(uint8_t) && v <= UINT8_MAX);
        uint8_t n = (uint8_t)v; /* a bool too: 0 or 1 */
        memcpy(to, &n, sizeof(n));
    }
}

uint64_t vc_conf_field_number(const struct vc_conf *conf, const struct vc_conf_field *f)
{
    const char *from = (const char *)conf + f->offset;
    uint32_t n32 = 0;
    uint16_t n16 = 0;
    if (f->size == sizeof(n32)) {
        memcpy(&n32, from, sizeof(n32));
        return n32;
    }
    if (f->size == sizeof(n16)) {
        memcpy(&n16, from, sizeof(n16));
        return n16;
    }
    return *(const uint8_t *)from;
}

void vc_conf_field_set_text(struct vc_conf *conf, const struct vc_conf_field *f, const char *text)
{
    assert(f->size == sizeof(text));
    memcpy((char *)conf + f->offset, &text, sizeof(text));
}

const char *vc_conf_field_text(const struct vc_conf *conf, const struct vc_conf_field *f)
{
    const char *text = NULL;
    assert(f->size == sizeof(text));
    memcpy(&text, (const char *)conf + f->offset, sizeof(text));
    return text;
}
