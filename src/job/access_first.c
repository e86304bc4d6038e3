/* The first admin. */
#include "base/mem.h"
#include "catalog/audit.h"
#include "job/access.h"
#include "job/access_inner.h"

#include <string.h>

#define VALID_SECONDS 86400

int access_first_link(struct catalog *c, int64_t now, char **text, struct error *e)
{
	unsigned char hash[USER_HASH_LEN];
	uint64_t users;
	int rc = user_count(c, &users, e);

	*text = NULL;
	if (rc || users)
		return rc;
	AUTO_FREE char *link = access_random_text("", hash);

	rc = user_link_add(c, hash, (struct timespec){.tv_sec = now + VALID_SECONDS}, e);
	if (!rc)
		*text = TAKE(link);
	return rc;
}

static int too_late(struct error *e)
{
	return error_set(e, ERR_NOT_FOUND, "the link is not valid any more");
}

/* The link comes first: nobody without one has us stretch a password. */
static int make_admin(struct catalog *c, const unsigned char hash[USER_HASH_LEN], const struct secret *password, const char *address,
		      int64_t now, struct user_record *u, struct error *e)
{
	uint64_t users;
	int rc = user_link_take(c, hash, (struct timespec){.tv_sec = now}, e);

	if (!rc)
		rc = user_count(c, &users, e);
	if (!rc && users)
		rc = too_late(e);
	if (!rc)
		rc = access_hash_password(u->name, password, &u->password, e);
	if (!rc)
		rc = user_add(c, u, e);
	return rc ? rc : audit_add(c, u->name, address, "user-add", u->name, e, "the first admin, by the one-time link");
}

int access_first_admin(struct catalog *c, const char *link, const char *name, const struct secret *password, const char *address, int64_t now,
		       struct user_record *out, struct error *e)
{
	unsigned char hash[USER_HASH_LEN];

	*out = (struct user_record){.name = mem_string(name), .role = ROLE_ADMIN};
	access_hash(link, hash);
	uint64_t users;
	int rc = user_count(c, &users, e);

	/* Once it is too late nobody has us write to the catalog either. */
	if (!rc && users)
		rc = too_late(e);
	if (!rc)
		rc = catalog_begin(c, e);
	if (!rc)
		rc = catalog_end(c, make_admin(c, hash, password, address, now, out, e), e);
	if (rc)
		user_record_release(out);
	return rc;
}
