#include "sys/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

/** Sends one request and waits for its acknowledgement. */
static int ask(struct nlmsghdr *request)
{
    char answer[8192];
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    int r = -1, err;
    if (!nl)
        return -1;
    request->nlmsg_flags = (uint16_t)(request->nlmsg_flags | NLM_F_REQUEST | NLM_F_ACK);
    request->nlmsg_seq = 1;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(nl, request, request->nlmsg_len) > 0) {
        ssize_t n = mnl_socket_recvfrom(nl, answer, sizeof(answer));
        r = n > 0 && mnl_cb_run(answer, (size_t)n, 1, mnl_socket_get_portid(nl), NULL, NULL) >= 0 ? 0 : -1;
    }
    err = errno;
    (void)mnl_socket_close(nl);
    errno = err;
    return r;
}

int vc_netlink_link_up(const char *device, unsigned mtu, unsigned txqueuelen, struct vc_fail *fail)
{
    char buf[512];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = RTM_NEWLINK;
    struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
    ifi->ifi_family = AF_UNSPEC;
    ifi->ifi_index = (int)if_nametoindex(device);
    ifi->ifi_flags = IFF_UP;
    ifi->ifi_change = IFF_UP;
    mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
    mnl_attr_put_u32(nlh, IFLA_TXQLEN, txqueuelen);
    if (ifi->ifi_index == 0 || ask(nlh) != 0)
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot bring %s up", device);
    return 0;
}

int vc_netlink_addr_add(const char *device, const struct vc_ip *ip, unsigned len, struct vc_fail *fail)
{
    char buf[512], text[VC_IP_TEXT];
    bool v4 = ip->family == VC_FAMILY_V4;
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    nlh->nlmsg_type = RTM_NEWADDR;
    nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
    struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
    ifa->ifa_family = v4 ? AF_INET : AF_INET6;
    ifa->ifa_prefixlen = (uint8_t)len;
    ifa->ifa_flags = v4 ? 0 : IFA_F_NODAD;
    ifa->ifa_index = if_nametoindex(device);
    size_t n = v4 ? 4 : 16;
    mnl_attr_put(nlh, IFA_LOCAL, n, ip->bytes);
    mnl_attr_put(nlh, IFA_ADDRESS, n, ip->bytes);
    if (ifa->ifa_index == 0 || ask(nlh) != 0) {
        vc_ip_print(ip, text);
        return vc_fail_set(fail, VC_CAUSE_SYSTEM, errno, "cannot give %s/%u to %s", text, len, device);
    }
    return 0;
}
