#ifndef VC_GATEWAY_AUTHORITY_CONTROL_H
#define VC_GATEWAY_AUTHORITY_CONTROL_H

#include "gateway/authority/authority.h"

/** The control socket: varcoctl's and occtl's commands. */

struct vc_control;

/** Takes over the listening socket. NULL: no memory. */
struct vc_control *vc_control_new(struct vc_authority *a, int listener);
void vc_control_free(struct vc_control *c);
/** A tunnel process answered COUNT, or will not any more. */
void vc_control_counts(struct vc_authority *a, uint16_t process, const struct vc_msg *m);
void vc_control_tunnel_lost(struct vc_authority *a, uint16_t process);
/** An event on its way to those who follow them. */
void vc_control_story(struct vc_authority *a, const struct vc_msg *m);
uint64_t vc_control_due(const struct vc_authority *a);
void vc_control_tick(struct vc_authority *a, uint64_t now_ns);

#endif
