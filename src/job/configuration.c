#include "job/configuration.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/seal.h"
#include "catalog/setting.h"
#include "job/configuration_inner.h"

#include <stdlib.h>
#include <string.h>

#define ABOUT "backstay configuration"
#define SALT 16
#define MEMORY_MAX ((uint64_t)256 << 20)

/* ---- objects as text ---- */

static bool is_among(const char *names, const char *name)
{
	AUTO_FREE char *marked = mem_printf("|%s|", name);
	return strstr(names, marked) != NULL;
}

void configuration_copy_members(const void *text, size_t n, const char *left_out, struct json_out *w)
{
	struct json j;
	json_init(&j, text, n);
	json_object_begin(&j);
	while (json_member(&j)) {
		AUTO_FREE char *name = mem_string(json_name(&j));
		const char *p = NULL;
		size_t len = 0;
		json_raw(&j, &p, &len);
		if (!p || is_among(left_out, name))
			continue;
		jw_name(w, name);
		jw_raw(w, p, len);
	}
	json_release(&j);
}

bool configuration_member(const void *text, size_t n, const char *name, const char **p, size_t *len)
{
	struct json j;
	*p = NULL;
	json_init(&j, text, n);
	json_object_begin(&j);
	while (json_member(&j)) {
		bool is_it = !strcmp(json_name(&j), name);    /* names of records differ by case, too */
		const char *value = NULL;
		size_t value_len = 0;
		json_raw(&j, &value, &value_len);
		if (is_it && value) {
			*p = value;
			*len = value_len;
		}
	}
	json_release(&j);
	return *p != NULL;
}

/* ---- sealing ---- */

static int derive(const struct digest_cost *cost, const struct secret *passphrase, const void *salt, size_t salt_len, struct secret *key, struct error *e)
{
	unsigned char bytes[SEAL_KEY_LEN];
	int rc = digest_scrypt(cost, passphrase, salt, salt_len, bytes, sizeof bytes, e);
	if (!rc)
		secret_set(key, bytes, sizeof bytes);
	secret_wipe(bytes, sizeof bytes);
	return rc;
}

static int write_sealed(const struct buf *plain, const struct secret *passphrase, struct json_out *w, struct error *e)
{
	static const struct digest_cost cost = {.n = 1 << 15, .r = 8, .p = 1};
	CLEANUP(secret_release) struct secret key = {0};
	CLEANUP(buf_release) struct buf salt_text = BUF_INIT;
	unsigned char salt[SALT];
	random_bytes(salt, sizeof salt);
	int rc = derive(&cost, passphrase, salt, sizeof salt, &key, e);
	if (rc)
		return rc;
	AUTO_FREE char *sealed = seal_text(&key, ABOUT, plain->p, plain->len);
	base64_encode(salt, sizeof salt, &salt_text);
	jw_name(w, "secrets");
	jw_object(w);
	jw_kv_string(w, "kdf", "scrypt");
	jw_kv_u64(w, "n", cost.n);
	jw_kv_u64(w, "r", cost.r);
	jw_kv_u64(w, "p", cost.p);
	jw_kv_string(w, "salt", buf_text(&salt_text));
	jw_kv_string(w, "sealed", sealed);
	jw_object_end(w);
	return 0;
}

static int read_sealed(const void *text, size_t n, struct digest_cost *cost, struct buf *salt, struct buf *sealed, struct error *e)
{
	CLEANUP(buf_release) struct buf kdf = BUF_INIT, encoded = BUF_INIT;
	struct json j;
	json_init(&j, text, n);
	json_object_begin(&j);
	while (json_member(&j))
		if (json_name_is(&j, "kdf"))
			json_string(&j, &kdf);
		else if (json_name_is(&j, "n"))
			cost->n = json_u64(&j);
		else if (json_name_is(&j, "r"))
			cost->r = json_u64(&j);
		else if (json_name_is(&j, "p"))
			cost->p = json_u64(&j);
		else if (json_name_is(&j, "salt"))
			json_string(&j, &encoded);
		else if (json_name_is(&j, "sealed"))
			json_string(&j, sealed);
		else
			json_skip(&j);
	if (json_finish(&j, e))
		return error_wrap(e, "the sealed secrets");
	bool cheap = cost->n >= 2 && (cost->n & (cost->n - 1)) == 0 && cost->n <= MEMORY_MAX && cost->r >= 1 && cost->r <= 64 && cost->p >= 1 && cost->p <= 16 && 128 * cost->n * cost->r <= MEMORY_MAX;
	if (strcmp(buf_text(&kdf), "scrypt") != 0 || !cheap || !base64_decode(buf_text(&encoded), encoded.len, salt) || salt->len < 8)
		return error_set(e, ERR_CORRUPT, "the sealed secrets are not what this program makes");
	return 0;
}

int configuration_open_secrets(const void *text, size_t n, const struct secret *passphrase, struct secret *out, struct error *e)
{
	CLEANUP(buf_release) struct buf salt = BUF_INIT, sealed = BUF_INIT;
	CLEANUP(secret_release) struct secret key = {0};
	struct digest_cost cost = {0};
	int rc = read_sealed(text, n, &cost, &salt, &sealed, e);
	if (!rc)
		rc = derive(&cost, passphrase, salt.p, salt.len, &key, e);
	if (!rc && seal_open(&key, ABOUT, buf_text(&sealed), out, e))
		rc = error_set(e, ERR_PASSWORD, "the passphrase does not open the secrets, or they were changed");
	return rc;
}

/* ---- export ---- */

/* "secrets": the names of what is not there. */
static void name_secrets(const struct buf *secrets, struct json_out *w)
{
	struct json j;
	jw_name(w, "secrets");
	jw_array(w);
	json_init(&j, secrets->p, secrets->len);
	json_object_begin(&j);
	while (json_member(&j)) {
		jw_string(w, json_name(&j));
		json_skip(&j);
	}
	json_release(&j);
	jw_array_end(w);
}

/* `plain` gets the secrets, by the record's name; NULL: they are only named. */
static int export_record(struct catalog *c, const struct configuration_kind *k, const char *name, struct json_out *w, struct json_out *plain, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT, secrets = BUF_INIT;
	AUTO_FREE void *record = mem_zero(k->size);
	struct json_out all, hidden;
	int rc = k->find(c, name, record, e);
	if (rc)
		return rc;
	jw_init(&all, &text);
	k->json(record, &all);
	jw_init(&hidden, &secrets);
	jw_object(&hidden);
	k->secrets(record, &hidden);
	jw_object_end(&hidden);
	k->release(record);
	jw_object(w);
	configuration_copy_members(text.p, text.len, k->left_out, w);
	if (plain && secrets.len > 2) {
		jw_name(plain, name);
		jw_raw(plain, buf_text(&secrets), secrets.len);
	} else if (secrets.len > 2) {
		name_secrets(&secrets, w);
	}
	jw_object_end(w);
	secret_wipe(secrets.p, secrets.len);
	return 0;
}

static int export_section(struct catalog *c, const struct configuration_kind *k, struct json_out *w, struct json_out *plain, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	int rc = k->names(c, &names, e);
	jw_name(w, k->section);
	jw_array(w);
	if (plain) {
		jw_name(plain, k->section);
		jw_object(plain);
	}
	for (size_t i = 0; !rc && i < names.n; i++)
		rc = export_record(c, k, names.v[i], w, plain, e);
	if (plain)
		jw_object_end(plain);
	jw_array_end(w);
	return rc;
}

int configuration_export(struct catalog *c, const struct secret *passphrase, struct json_out *w, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct json_out hidden, *plain = passphrase ? &hidden : NULL;
	int rc = 0;
	jw_init(&hidden, &text);
	jw_object(&hidden);
	jw_object(w);
	jw_kv_u64(w, "backstay", CONFIGURATION_VERSION);
	jw_name(w, "settings");
	rc = settings_export(c, false, w, e);
	if (!rc && plain) {
		jw_name(plain, "settings");
		rc = settings_export(c, true, plain, e);
	}
	for (const struct configuration_kind *k = configuration_kinds; !rc && k->section; k++)
		rc = export_section(c, k, w, plain, e);
	jw_object_end(&hidden);
	if (!rc && passphrase)
		rc = write_sealed(&text, passphrase, w, e);
	jw_object_end(w);
	secret_wipe(text.p, text.len);
	return rc;
}
