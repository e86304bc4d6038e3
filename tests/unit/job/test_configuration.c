#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/audit.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/setting.h"
#include "catalog/source.h"
#include "catalog/user.h"
#include "job/configuration.h"

static struct error e;
static struct secret phrase;

/* The n-th machine's catalog. */
static struct catalog *machine(int n)
{
	struct catalog *c;
	AUTO_FREE char *name = mem_printf("machine%d", n);
	assert_int_equal(fs_make_dirs(at(name), 0700, &e), 0);
	if (catalog_open(at(name), &c, &e))
		fail_msg("%s", e.text);
	return c;
}

static void must(int rc)
{
	if (rc)
		fail_msg("%s", e.text);
}

/* A repository and a source with passwords, a schedule, a webhook, an admin, two settings. */
static struct catalog *furnished(int n)
{
	struct catalog *c = machine(n);
	struct place_record p = {.name = mem_string("main"), .location = mem_string("/srv/b")};
	secret_set(&p.password, "secret-place", 12);
	must(place_add(c, &p, &e));
	place_record_release(&p);
	struct source_record s = {.name = mem_string("shop"), .url = mem_string("postgresql://u:secret-url@db/shop"), .shown = mem_string("postgresql://u@db/shop"), .engine = mem_string("postgresql")};
	must(source_add(c, &s, &e));
	source_record_release(&s);
	struct schedule_record t = schedule_record_new();
	t.name = mem_string("nightly");
	strlist_add(&t.sources, "shop");
	t.keep.days = 30;
	must(schedule_add(c, &t, &e));
	schedule_record_release(&t);
	struct notice_record w = {.name = mem_string("ops"), .kind = mem_string("webhook"), .enabled = true, .url = mem_string("https://hooks.example.org/secret-hook")};
	must(notice_add(c, &w, &e));
	notice_record_release(&w);
	struct user_record u = {.name = mem_string("maria"), .role = ROLE_ADMIN, .password = mem_string("scrypt$15$8$1$c2VjcmV0LXVzZXI=$eHh4")};
	must(user_add(c, &u, &e));
	user_record_release(&u);
	must(setting_set(c, "jobs", "4", &e));
	must(setting_set(c, "smtp_password", "secret-smtp", &e));
	return c;
}

static char *export(struct catalog *c, bool with_secrets)
{
	struct buf b = BUF_INIT;
	struct json_out w;
	jw_init(&w, &b);
	must(configuration_export(c, with_secrets ? &phrase : NULL, &w, &e));
	return buf_take_text(&b);
}

/* The changes, one a line, or the error. */
static char *try_apply(struct catalog *c, const char *text, struct configuration_apply how)
{
	CLEANUP(strlist_release) struct strlist changes = {0};
	how.who = "root on the command line";
	if (configuration_apply(c, text, strlen(text), &how, &changes, &e))
		return mem_string(e.text);
	return strlist_join(&changes, "\n");
}

static void assert_applies(struct catalog *c, const char *text, struct configuration_apply how, const char *wanted)
{
	AUTO_FREE char *got = try_apply(c, text, how);
	assert_string_equal(got, wanted);
}

static const struct configuration_apply plainly;
#define ADDED \
	"repository main is added\nsource shop is added\nschedule nightly is added\nnotice ops is added\nuser maria is added"

/* ---- what is wrong ---- */

static void what_is_no_configuration_is_told(void **state)
{
	struct catalog *c = machine(1);
	assert_applies(c, "", plainly, "this is no configuration: invalid JSON at byte 0: it is no object");
	assert_applies(c, "[1]", plainly, "this is no configuration: invalid JSON at byte 0: it is no object");
	assert_applies(c, "{}", plainly, "this is no configuration: \"backstay\": 1 is missing");
	assert_applies(c, "{\"backstay\":1", plainly, "this is no configuration: invalid JSON at byte 13: unexpected end");
	assert_applies(c, "{\"backstay\":2}", plainly, "the configuration was written by a newer Backstay: its version is 2, this program knows up to 1");
	assert_applies(c, "{\"backstay\":1,\"sorces\":[]}", plainly, "a configuration has no section \"sorces\"");
	assert_applies(c, "{\"backstay\":1,\"sources\":{}}", plainly, "the section \"sources\" must be a list");
	assert_applies(c, "{\"backstay\":1,\"settings\":[]}", plainly, "the section \"settings\" must be an object");
	assert_applies(c, "{\"backstay\":1,\"sources\":[{}]}", plainly, "a source of the configuration has no name");
	assert_applies(c, "{\"backstay\":1,\"users\":[7]}", plainly, "a user of the configuration has no name");
	assert_applies(c, "{\"backstay\":1,\"settings\":{\"jobs\":[]}}", plainly, "setting jobs must be a text, a number, true, false or null");
	assert_applies(c, "{\"backstay\":1,\"settings\":{\"jobs\":\"many\"}}", plainly, "jobs cannot be \"many\"; it is a number, 1 to 64");
	assert_applies(c, "{\"backstay\":1,\"settings\":{\"jbs\":1}}", plainly, "there is no setting \"jbs\"");
	catalog_close(c);
}

static void one_thing_that_is_wrong_changes_nothing_at_all(void **state)
{
	struct catalog *c = machine(1);
	AUTO_FREE char *empty = export(c, false);
	put_file("a.db", "");
	AUTO_FREE char *text = mem_printf("{\"backstay\":1,\"settings\":{\"jobs\":4},\"sources\":[{\"name\":\"a\",\"url\":\"%s\"},{\"name\":\"b\",\"url\":\"%s\",\"chek\":\"full\"}]}", at("."), at("."));
	assert_applies(c, text, plainly, "source b: a source has no field \"chek\"");
	AUTO_FREE char *after = export(c, false);
	assert_string_equal(after, empty);
	AUTO_FREE char *twice = mem_printf("{\"backstay\":1,\"sources\":[{\"name\":\"a\",\"url\":\"%s\"},{\"name\":\"a\",\"url\":\"%s\"}]}", at("."), at("."));
	assert_applies(c, twice, plainly, "the configuration has two of source a");
	assert_applies(c, "{\"backstay\":1,\"schedules\":[{\"name\":\"n\",\"sources\":[\"nothing\"]}]}", plainly, "schedule n: there is no source named \"nothing\"");
	catalog_close(c);
}

static void a_wrong_passphrase_changes_nothing(void **state)
{
	CLEANUP(secret_release) struct secret wrong = {0};
	struct catalog *c = furnished(1), *other = machine(2);
	AUTO_FREE char *text = export(c, true);
	secret_set(&wrong, "wrong", 5);
	assert_applies(other, text, (struct configuration_apply){.passphrase = &wrong}, "the passphrase does not open the secrets, or they were changed");
	assert_int_equal(e.kind, ERR_PASSWORD);
	AUTO_FREE char *after = export(other, false);
	assert_non_null(strstr(after, "\"sources\":[]"));
	catalog_close(c);
	catalog_close(other);
}

static void costs_that_would_eat_the_memory_are_refused(void **state)
{
	const char *const costs[] = {"\"n\":1073741824,\"r\":8,\"p\":1", "\"n\":32767,\"r\":8,\"p\":1", "\"n\":32768,\"r\":8,\"p\":1000", "\"n\":0,\"r\":8,\"p\":1", "\"n\":32768,\"r\":0,\"p\":1"};
	struct catalog *c = machine(1);
	for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
		AUTO_FREE char *text = mem_printf("{\"backstay\":1,\"secrets\":{\"kdf\":\"scrypt\",%s,\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"sealed\":\"v1.AAAA\"}}", costs[i]);
		assert_applies(c, text, (struct configuration_apply){.passphrase = &phrase}, "the sealed secrets are not what this program makes");
	}
	catalog_close(c);
}

/* ---- without secrets ---- */

static void an_export_without_secrets_has_none_and_names_them(void **state)
{
	struct catalog *c = furnished(1);
	AUTO_FREE char *text = export(c, false);
	assert_null(strstr(text, "secret-"));
	assert_null(strstr(text, "scrypt"));
	assert_non_null(strstr(text, "{\"backstay\":1,\"settings\":{\"jobs\":4},\"repositories\":[{\"name\":\"main\",\"location\":\"/srv/b\",\"is_default\":true,\"low_space\":0,\"secrets\":[\"password\"]}],"
		"\"sources\":[{\"name\":\"shop\",\"url\":\"postgresql://u@db/shop\","));
	assert_non_null(strstr(text, "\"secrets\":[\"url\"]"));
	assert_non_null(strstr(text, "\"users\":[{\"name\":\"maria\",\"role\":\"admin\",\"disabled\":false,\"secrets\":[\"password\"]}]}"));
	assert_false(configuration_has_secrets(text, strlen(text)));
	catalog_close(c);
}

static void on_a_new_machine_what_lacks_its_secrets_is_told(void **state)
{
	struct catalog *c = furnished(1), *other = machine(2);
	AUTO_FREE char *text = export(c, false);
	assert_applies(other, text, plainly,
		"setting jobs becomes \"4\"\nrepository main is added without its secrets (password)\nsource shop is added without its secrets (url)\nschedule nightly is added\n"
		"notice ops is left out, for want of its secrets (url): a webhook notice needs a URL\nuser maria is added without its secrets (password)");
	catalog_close(c);
	catalog_close(other);
}

static void on_the_same_machine_secrets_stay(void **state)
{
	struct catalog *c = furnished(1);
	struct source_record s;
	AUTO_FREE char *text = export(c, false);
	assert_applies(c, text, plainly, "");
	must(source_find(c, "shop", &s, &e));
	assert_string_equal(s.url, "postgresql://u:secret-url@db/shop");
	source_record_release(&s);
	catalog_close(c);
}

/* ---- with secrets ---- */

static void with_its_secrets_another_machine_becomes_the_same(void **state)
{
	struct catalog *c = furnished(1), *other = machine(2);
	AUTO_FREE char *text = export(c, true), *shown = export(c, false);
	assert_null(strstr(text, "secret-"));
	assert_true(configuration_has_secrets(text, strlen(text)));
	const struct configuration_apply with = {.passphrase = &phrase};
	assert_applies(other, text, with, "setting jobs becomes \"4\"\nsetting smtp_password changes\n" ADDED);
	assert_applies(other, text, with, "");
	AUTO_FREE char *there = export(other, false);
	assert_string_equal(there, shown);
	struct notice_record n;
	struct place_record p;
	struct user_record u;
	must(notice_find(other, "ops", &n, &e));
	assert_string_equal(n.url, "https://hooks.example.org/secret-hook");
	notice_record_release(&n);
	must(place_find(other, "main", &p, &e));
	assert_string_equal((char *)p.password.p, "secret-place");
	place_record_release(&p);
	must(user_find(other, "maria", &u, &e));
	assert_string_equal(u.password, "scrypt$15$8$1$c2VjcmV0LXVzZXI=$eHh4");
	user_record_release(&u);
	AUTO_FREE char *smtp = NULL;
	must(setting_text(other, "smtp_password", &smtp, NULL, &e));
	assert_string_equal(smtp, "secret-smtp");
	catalog_close(c);
	catalog_close(other);
}

static void secrets_that_changed_are_told_without_a_word_of_them(void **state)
{
	struct catalog *c = furnished(1), *other = furnished(2);
	struct place_record p;
	must(place_find(c, "main", &p, &e));
	secret_set(&p.password, "secret-new", 10);
	must(place_update(c, &p, &e));
	place_record_release(&p);
	must(setting_set(c, "smtp_password", "secret-newer", &e));
	AUTO_FREE char *text = export(c, true);
	assert_applies(other, text, (struct configuration_apply){.passphrase = &phrase}, "setting smtp_password changes\nrepository main: secrets");
	catalog_close(c);
	catalog_close(other);
}

/* ---- changes ---- */

static void a_change_names_its_fields(void **state)
{
	struct catalog *c = furnished(1);
	const char *text = "{\"backstay\":1,\"settings\":{\"jobs\":null,\"log_format\":\"json\"},\"schedules\":[{\"name\":\"nightly\",\"time\":\"03:30\",\"keep\":{\"days\":60}}],"
		"\"users\":[{\"name\":\"maria\",\"role\":\"admin\"},{\"name\":\"carl\",\"role\":\"viewer\"}]}";
	const char *changes = "setting jobs goes back to its default, \"2\"\nsetting log_format becomes \"json\"\nschedule nightly: time, keep\nuser carl is added";
	AUTO_FREE char *before = export(c, false);
	assert_applies(c, text, (struct configuration_apply){.dry_run = true}, changes);
	AUTO_FREE char *still = export(c, false);
	assert_string_equal(still, before);
	assert_applies(c, text, plainly, changes);
	AUTO_FREE char *after = export(c, false);
	assert_non_null(strstr(after, "\"time\":\"03:30\""));
	assert_non_null(strstr(after, "\"days\":60"));
	catalog_close(c);
}

static void every_change_is_in_the_audit_trail(void **state)
{
	CLEANUP(audit_list_release) struct audit_list l = {0};
	struct catalog *c = machine(1);
	assert_applies(c, "{\"backstay\":1,\"settings\":{\"jobs\":4,\"log_format\":\"json\"}}", plainly, "setting jobs becomes \"4\"\nsetting log_format becomes \"json\"");
	must(audit_list_some(c, &(struct audit_filter){.action = "config-apply"}, &(struct catalog_page){0}, &l, NULL, &e));
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[1].details, "setting jobs becomes \"4\"");
	assert_string_equal(l.v[1].who, "root on the command line");
	catalog_close(c);
}

static void what_is_not_named_stays_unless_all_is_replaced(void **state)
{
	struct catalog *c = furnished(1);
	const char *text = "{\"backstay\":1,\"settings\":{},\"schedules\":[],\"sources\":[]}";
	assert_applies(c, text, plainly, "");
	assert_applies(c, text, (struct configuration_apply){.replace = true}, "setting jobs goes back to its default, \"2\"\nschedule nightly is removed\nsource shop is removed");
	AUTO_FREE char *after = export(c, false);
	assert_non_null(strstr(after, "\"name\":\"main\""));
	assert_non_null(strstr(after, "\"sources\":[],\"schedules\":[]"));
	catalog_close(c);
}

static void the_last_admin_is_never_removed(void **state)
{
	struct catalog *c = furnished(1);
	AUTO_FREE char *got = try_apply(c, "{\"backstay\":1,\"users\":[]}", (struct configuration_apply){.replace = true});
	assert_memory_equal(got, "removing user maria: ", 21);
	assert_int_equal(e.kind, ERR_REFUSED);
	catalog_close(c);
}

static void another_repository_may_become_the_default_one(void **state)
{
	struct catalog *c = furnished(1);
	const char *text = "{\"backstay\":1,\"repositories\":[{\"name\":\"main\",\"location\":\"/srv/b\",\"is_default\":false},{\"name\":\"new\",\"location\":\"/srv/c\",\"is_default\":true}]}";
	assert_applies(c, text, plainly, "repository new is added");
	struct place_record p;
	must(place_default(c, &p, &e));
	assert_string_equal(p.name, "new");
	place_record_release(&p);
	catalog_close(c);
}

static void a_repository_that_is_only_remembered_is_none_until_it_is_named(void **state)
{
	struct catalog *c = machine(1);
	struct place_record p;
	must(place_remember(c, "/srv/b", &p, &e));
	AUTO_FREE char *text = export(c, false);
	assert_non_null(strstr(text, "\"repositories\":[]"));
	AUTO_FREE char *named = mem_printf("{\"backstay\":1,\"repositories\":[{\"name\":\"%s\",\"location\":\"/srv/b\"}]}", p.name);
	AUTO_FREE char *wanted = mem_printf("repository %s is added", p.name);
	assert_applies(c, named, plainly, wanted);
	assert_applies(c, named, plainly, "");
	place_record_release(&p);
	catalog_close(c);
}

static void a_setting_of_the_environment_stays_and_is_told(void **state)
{
	struct catalog *c = machine(1);
	setenv("BACKUP_RETENTION_DAYS", "7", 1);
	assert_applies(c, "{\"backstay\":1,\"settings\":{\"retention_days\":8,\"jobs\":3}}", plainly,
		"setting retention_days stays as it is: retention_days is given by BACKUP_RETENTION_DAYS in the environment\nsetting jobs becomes \"3\"");
	unsetenv("BACKUP_RETENTION_DAYS");
	catalog_close(c);
}

static void names_that_differ_by_case_are_two(void **state)
{
	struct catalog *c = machine(1), *other = machine(2);
	const char *const names[] = {"shop", "Shop"};
	for (size_t i = 0; i < 2; i++) {
		struct source_record s = {.name = mem_string(names[i]), .url = mem_printf("postgresql://u:secret%zu@db/%s", i, names[i]), .shown = mem_printf("postgresql://u@db/%s", names[i]), .engine = mem_string("postgresql")};
		must(source_add(c, &s, &e));
		source_record_release(&s);
	}
	AUTO_FREE char *text = export(c, true);
	AUTO_FREE char *changes = try_apply(other, text, (struct configuration_apply){.passphrase = &phrase});
	assert_string_equal(changes, "source Shop is added\nsource shop is added");
	struct source_record s;
	must(source_find(other, "shop", &s, &e));
	assert_string_equal(s.url, "postgresql://u:secret0@db/shop");
	source_record_release(&s);
	catalog_close(c);
	catalog_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(what_is_no_configuration_is_told),
		IN_ROOM(one_thing_that_is_wrong_changes_nothing_at_all),
		IN_ROOM(a_wrong_passphrase_changes_nothing),
		IN_ROOM(costs_that_would_eat_the_memory_are_refused),
		IN_ROOM(an_export_without_secrets_has_none_and_names_them),
		IN_ROOM(on_a_new_machine_what_lacks_its_secrets_is_told),
		IN_ROOM(on_the_same_machine_secrets_stay),
		IN_ROOM(with_its_secrets_another_machine_becomes_the_same),
		IN_ROOM(secrets_that_changed_are_told_without_a_word_of_them),
		IN_ROOM(a_change_names_its_fields),
		IN_ROOM(every_change_is_in_the_audit_trail),
		IN_ROOM(what_is_not_named_stays_unless_all_is_replaced),
		IN_ROOM(the_last_admin_is_never_removed),
		IN_ROOM(another_repository_may_become_the_default_one),
		IN_ROOM(a_repository_that_is_only_remembered_is_none_until_it_is_named),
		IN_ROOM(a_setting_of_the_environment_stays_and_is_told),
		IN_ROOM(names_that_differ_by_case_are_two),
	};
	secret_set(&phrase, "correct horse", 13);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	secret_release(&phrase);
	return rc;
}
