#ifndef VC_SYS_HARDEN_H
#define VC_SYS_HARDEN_H

/** What every process of ours does first in main: not traceable, no core dumps, SIGPIPE, SIGXFSZ, SIGINT and SIGHUP
 *  ignored. */
void vc_harden_self(void);

#endif
