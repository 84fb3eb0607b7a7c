#ifndef VC_GATEWAY_SUPERVISOR_SIGNALS_H
#define VC_GATEWAY_SUPERVISOR_SIGNALS_H

/** Whatever whoever starts us left: each signal's disposition becomes the default (with SIGCHLD ignored no process
 *  could be waited for), and those that we take are blocked from here on. One that comes early waits until the loop
 *  runs, so that its end is in order too. */
void vc_signals_hold(void);
/** Gives them their default effect, for a process that only waits. */
void vc_signals_release(void);
/** Where they are read (signalfd). -1 with errno. */
int vc_signals_open(void);

#endif
