#ifndef VC_WIRE_CSTP_PARAMS_H
#define VC_WIRE_CSTP_PARAMS_H

/** What the two ends tell each other at CONNECT (2-tunnel.md 1 and 2). */
#include "wire/connect_answer.h"
#include "wire/connect_request.h"

#endif
