/* The thread that looks after what nobody waits for: event streams, clients that take too long, and files that are old. It rests
 * as long as there are no connections. */
#ifndef WEB_KEEPER_H
#define WEB_KEEPER_H

#include "base/error.h"

struct events;
struct watch;
struct keeper;
/* All three arguments are only borrowed. */
int keeper_start(const char *state_dir, struct events *events, struct watch *watch, struct keeper **out, struct error *e) MUST_USE;
void keeper_nudge(struct keeper *k);            /* there is a connection: no more rest */
void keeper_stop(struct keeper *k);             /* NULL is legal */

#endif
