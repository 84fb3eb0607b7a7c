#include "sys/networks.h"

#include "sys/udp.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>

static bool ip_of(const struct sockaddr *sa, struct vc_ip *out)
{
    struct sockaddr_storage ss = {0};
    struct vc_endpoint e;
    if (!sa || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
        return false;
    memcpy(&ss, sa, sa->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    if (!vc_endpoint_of(&ss, &e))
        return false;
    *out = e.ip;
    return true;
}

static uint8_t length_of(const struct vc_ip *mask)
{
    unsigned bits = 0;
    for (size_t i = 0; i < sizeof(mask->bytes); i++)
        bits += (unsigned)__builtin_popcount(mask->bytes[i]);
    return (uint8_t)bits;
}

static enum vc_networks_verdict compare(const struct vc_prefix *pool, const struct ifaddrs *a,
                                        struct vc_prefix *network)
{
    const unsigned lone = IFF_POINTOPOINT | IFF_LOOPBACK; /* nobody on it asks by ARP or NDP where an address is */
    struct vc_ip own, mask, far;
    if (!(a->ifa_flags & IFF_UP) || !ip_of(a->ifa_addr, &own) || own.family != pool->ip.family ||
        !ip_of(a->ifa_netmask, &mask))
        return VC_NETWORKS_FREE;
    /* between two ends the kernel's route is to the other one's network */
    if (!(a->ifa_flags & IFF_POINTOPOINT) || !ip_of(a->ifa_dstaddr, &far) || far.family != own.family)
        far = own;
    *network = vc_prefix_of(&far, length_of(&mask));
    if (vc_prefix_has(pool, &own))
        return VC_NETWORKS_TAKEN;
    if (!vc_prefix_has(pool, &network->ip) && !vc_prefix_has(network, &pool->ip))
        return VC_NETWORKS_FREE;
    return a->ifa_flags & lone || network->len >= pool->len ? VC_NETWORKS_TAKEN : VC_NETWORKS_INSIDE;
}

int vc_networks_compare(const struct vc_prefix *pool, struct vc_networks_found *found, struct vc_fail *fail)
{
    enum vc_networks_verdict worst = VC_NETWORKS_FREE;
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "the addresses of this host");
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        struct vc_prefix network;
        enum vc_networks_verdict v = compare(pool, a, &network);
        if (v <= worst)
            continue;
        worst = v;
        found->network = network;
        (void)vc_str_copy(vc_str_of(a->ifa_name), found->interface, sizeof(found->interface));
    }
    freeifaddrs(all);
    return (int)worst;
}
