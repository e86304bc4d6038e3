/* Tools that a killed job left running. A job has BACKSTAY_JOB=<id> in its environment, and so has everything it starts, in
 * whatever process group: by this they are found (/proc/<pid>/environ of this user's processes, or of all for root). */
#ifndef JOB_LEFTOVER_H
#define JOB_LEFTOVER_H

#include <stddef.h>

/* End every process of this job but this one itself: SIGKILL, again until none is found. Only for a job whose own process is gone.
 * Returns how many there were. */
size_t leftover_kill(const char *job_id);

#endif
