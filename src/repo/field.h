/* Members that trees, snapshots and locks have in common, as JSON: ids, points in time, 32-bit numbers. They read
 * and fail as the readers of base/json.h do. */
#ifndef REPO_FIELD_H
#define REPO_FIELD_H

#include "base/json.h"
#include "repo/id.h"

#include <time.h>

void field_id(struct json *j, struct id *out);
uint32_t field_u32(struct json *j);
/* RFC 3339; offset_seconds may be NULL. */
void field_time(struct json *j, struct timespec *t, int *offset_seconds);
/* Replace the heap string at *s; an empty one or null becomes NULL. */
void field_text(struct json *j, char **s);

void field_put_id(struct json_out *w, const struct id *id);
void field_put_time_local(struct json_out *w, const char *name, struct timespec t);
/* Nothing is written for NULL and "". */
void field_put_text(struct json_out *w, const char *name, const char *s);
/* Nothing is written for 0. */
void field_put_number(struct json_out *w, const char *name, uint64_t v);

#endif
