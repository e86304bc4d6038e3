#include "base/fs.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/names.h"
#include "cli/present.h"
#include "job/password.h"

#include <stdlib.h>
#include <string.h>

static const struct opt options[] = {
	{"new-password-file", 0, OPT_STRING, "FILE", "read the new password from FILE instead of asking", NULL},
	COMMON_YES,
	{0},
};

/* ---- list ---- */

struct keys {
	struct key_file *v;
	size_t n, damaged;
};

static void keys_release(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		key_file_release(&k->v[i]);
	free(k->v);
}

static void print_keys(const struct repository *r, const struct keys *k)
{
	static const char *const headers[] = {"ID", "AGE", "USER", "HOST", ""};
	struct table *t = table_new(headers, "lllLl");

	for (size_t i = 0; i < k->n; i++) {
		const struct key_file *f = &k->v[i];
		AUTO_FREE char *age = present_age(f->created);
		char hex[ID_HEX_LEN + 1];

		id_hex(&f->id, hex);
		hex[8] = '\0';
		const char *const row[] = {hex, age, f->username, f->hostname, id_equal(&f->id, &r->repo->key_id) ? "in use" : ""};

		table_row(t, row);
	}
	table_print(t);
}

static int keys_document(const struct repository *r, const struct keys *k, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d;

	common_document_begin(&d, r);
	jw_name(&d.w, "keys");
	jw_array(&d.w);
	for (size_t i = 0; i < k->n; i++) {
		const struct key_file *f = &k->v[i];

		jw_object(&d.w);
		present_id_json("id", &f->id, &d.w);
		present_time_json("created", f->created, &d.w);
		jw_kv_string(&d.w, "username", f->username);
		jw_kv_string(&d.w, "hostname", f->hostname);
		jw_kv_bool(&d.w, "current", id_equal(&f->id, &r->repo->key_id));
		jw_object_end(&d.w);
	}
	jw_array_end(&d.w);
	jw_kv_u64(&d.w, "damaged", k->damaged);
	return out_document_end(&d, e);
}

static int list(struct repository *r, const struct parsed *p, struct error *e)
{
	CLEANUP(keys_release) struct keys k = {0};
	int rc = key_list(r->repo->store, &k.v, &k.n, &k.damaged, e);

	if (rc)
		return rc;
	if (k.damaged)
		out_warn("%zu key file%s damaged", k.damaged, k.damaged == 1 ? " is" : "s are");
	if (out_mode.json)
		return keys_document(r, &k, e);
	print_keys(r, &k);
	return 0;
}

/* ---- add, passwd, remove ---- */

/* {"added": id or null, "removed": id or null}, or a sentence. */
static int show_change(const struct repository *r, const struct id *added, const struct id *removed, const char *sentence, struct error *e)
{
	CLEANUP(out_document_release) struct out_document d = {0};

	if (!out_mode.json) {
		out_print("%s\n", sentence);
		return 0;
	}
	common_document_begin(&d, r);
	if (added)
		present_id_json("added", added, &d.w);
	else
		jw_kv_string(&d.w, "added", NULL);
	if (removed)
		present_id_json("removed", removed, &d.w);
	else
		jw_kv_string(&d.w, "removed", NULL);
	return out_document_end(&d, e);
}

static int add_key(struct repository *r, const struct parsed *p, struct secret *password, struct id *id, struct error *e)
{
	int rc = common_new_password(opt_text(p, "new-password-file"), password, e);

	return rc ? rc : key_add(r->repo->store, &r->repo->key, password, &KEY_PARAMS_HUMAN, id, e);
}

static int add(struct repository *r, const struct parsed *p, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	char hex[ID_HEX_LEN + 1];
	struct id id;
	int rc = add_key(r, p, &password, &id, e);

	if (rc)
		return rc;
	AUTO_FREE char *sentence = mem_printf("key %.8s added: its password opens the repository too", id_hex(&id, hex));

	return show_change(r, &id, NULL, sentence, e);
}

/* A repository that is configured is opened by the daemon, which nobody can tell the new password later. */
static int keep_in_catalog(struct repository *r, const struct secret *password, bool has_file, bool *kept, struct error *e)
{
	CLEANUP(place_record_release) struct place_record place = {0};
	struct error unknown = {0};

	if (!names_catalog() || place_find_location(names_catalog(), r->location, &place, &unknown) != 0)
		return 0;
	*kept = place.password.len || (!has_file && !place.remembered);
	if (!*kept)
		return 0;
	secret_set(&place.password, password->p, password->len);
	return place_update(names_catalog(), &place, e);
}

/* Where the password is kept on this machine, the new one takes its place. */
static int keep_password(struct repository *r, const struct secret *password, struct error *e)
{
	AUTO_FREE char *file = NULL;
	AUTO_FREE char *kept = NULL;
	bool sealed = false;
	int rc = password_file_for(r->location, &file, e);
	bool has_file = !rc && fs_exists(file);

	if (!rc)
		rc = keep_in_catalog(r, password, has_file, &sealed, e);
	if (!rc && has_file)
		rc = password_keep(r->location, password, &kept, e);
	if (rc)
		return rc;
	if (kept)
		out_say("the new password is kept in %s; the recovery sheet has the old one", kept);
	else
		out_say(sealed ? "the new password is kept in the catalog, sealed; a recovery sheet has the old one"
			       : "the password is not kept on this machine: change it where it came from");
	return 0;
}

/* The new key is there, and kept, before the old one goes: whenever it is cut short, one of both opens. */
static int change_password(struct repository *r, const struct parsed *p, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	struct id id;
	int rc = add_key(r, p, &password, &id, e);

	if (!rc)
		rc = keep_password(r, &password, e);
	if (!rc)
		rc = key_remove(r->repo->store, &r->repo->key_id, e);
	return rc ? rc : show_change(r, &id, &r->repo->key_id, "the password was changed", e);
}

static int remove_key(struct repository *r, const struct parsed *p, struct error *e)
{
	char hex[ID_HEX_LEN + 1];
	struct id id;
	int rc = repo_resolve(r->repo, STORE_KEY, p->args.v[1], &id, e);

	if (rc)
		return error_wrap(e, "key %s", p->args.v[1]);
	id_hex(&id, hex);
	if (id_equal(&id, &r->repo->key_id)) {
		error_set(e, ERR_REFUSED, "key %.8s is the one in use", hex);
		return error_hint_typed(e, "open with another password to remove it, or change it",
					": backstay key passwd");
	}
	AUTO_FREE char *question = mem_printf("Remove key %.8s? Its password will no longer open the repository.", hex);

	if (out_mode.interactive)
		rc = out_confirm(opt_flag(p, "yes"), question, e);
	if (!rc)
		rc = key_remove(r->repo->store, &id, e);
	AUTO_FREE char *sentence = mem_printf("key %.8s removed", hex);

	return rc ? rc : show_change(r, NULL, &id, sentence, e);
}

static const struct action {
	const char *name;
	size_t args;
	enum repository_access access;
	int (*run)(struct repository *r, const struct parsed *p, struct error *e);
} actions[] = {
	{"list", 1, REPOSITORY_READ, list},
	{"add", 1, REPOSITORY_WRITE, add},
	{"remove", 2, REPOSITORY_EXCLUSIVE, remove_key},
	{"passwd", 1, REPOSITORY_EXCLUSIVE, change_password},
};

static int run(const struct parsed *p, struct error *e)
{
	CLEANUP(repository_release) struct repository r = {0};
	const struct action *a = actions;

	while (strcmp(a->name, p->args.v[0]) != 0)
		a++;
	if (p->args.n != a->args)
		return error_set(e, ERR_USAGE, a->args == 2 ? "key %s needs the ID of a key" : "key %s takes nothing more", a->name);
	int rc = common_open(p, a->access, COMMON_NO_INDEX, &r, e);

	return rc ? rc : a->run(&r, p, e);
}

const struct command cmd_key = {
	.name = "key",
	.arguments = "list|add|remove ID|passwd",
	.summary = "list, add, remove and change passwords",
	.details =
		"Each key has a password of its own, and each opens everything. \"passwd\"\n"
		"replaces the key in use. Whoever knew a password may have read the master key:\n"
		"removing a key does not make old copies of the repository unreadable.\n",
	.examples =
		"backstay key list\n"
		"backstay key add --new-password-file /root/second-password\n"
		"backstay key remove 1a2b3c4d\n"
		"backstay key passwd\n",
	.min_args = 1,
	.max_args = 2,
	.choices = "list|add|remove|passwd",
	.options = options,
	.run = run,
};
