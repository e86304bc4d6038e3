/* Sessions by their texts. */
#include "base/codec.h"
#include "base/mem.h"
#include "catalog/audit.h"
#include "catalog/setting.h"
#include "job/access.h"
#include "job/access_inner.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM = 32, AGENT_LONGEST = 200 };

int access_session_begin(struct catalog *c, const struct user_record *u, const char *address, const char *agent, int64_t now,
			 struct session_record *out, char **text, struct error *e)
{
	unsigned char csrf[RANDOM];
	uint64_t hours;
	int rc = setting_number(c, "session_hours", &hours, e);

	*text = NULL;
	*out = (struct session_record){.user = u->id, .created = {.tv_sec = now}, .used = {.tv_sec = now}};
	if (rc)
		return rc;
	AUTO_FREE char *secret = access_random_text("", out->hash);

	random_bytes(csrf, sizeof csrf);
	hex_encode(csrf, sizeof csrf, out->csrf);
	out->address = address ? mem_string(address) : NULL;
	out->agent = agent ? mem_string_n(agent, strnlen(agent, AGENT_LONGEST)) : NULL;
	out->expires.tv_sec = now + (int64_t)hours * 3600;
	rc = session_add(c, out, e);
	if (rc)
		session_record_release(out);
	else
		*text = TAKE(secret);
	return rc;
}

int access_session_find(struct catalog *c, const char *text, int64_t now, struct session_record *out, struct user_record *user,
			struct error *e)
{
	struct timespec t = {.tv_sec = now};
	struct error ignored = {0};
	unsigned char hash[USER_HASH_LEN];

	access_hash(text, hash);
	int rc = session_find(c, hash, t, out, user, e);

	if (!rc && access_use_due(out->used, now))
		(void)!session_touch(c, out->id, t, &ignored);
	return rc;
}

int access_logout(struct catalog *c, const char *who, const char *address, int64_t session, struct error *e)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = session_get(c, session, &s, e);
	if (!rc)
		rc = session_remove(c, session, e);
	if (!rc)
		rc = audit_add(c, who, address, "logout", s.user_name, e, "%s", s.address ? s.address : "");
	return catalog_end(c, rc, e);
}

