/* A private, throw-away MariaDB server for a rehearsal: on a unix socket only, in a folder of its own. */
#include "engine/my_restore.h"

#include "base/mem.h"
#include "base/path.h"
#include "engine/scratch_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET "s"
#define START_SECONDS 60

struct own {
	struct scratch_server server;
	struct my_place place;            /* of its superuser, no database */
};

static void own_free(struct own *o)
{
	if (!o)
		return;
	scratch_server_close(&o->server);
	my_place_release(&o->place);
	free(o);
}

static void own_drop(struct own **o)
{
	own_free(*o);
}

static void close_scratch(struct engine_scratch *s)
{
	own_free(s->own);
	source_url_release(&s->target);
	*s = (struct engine_scratch){0};
}

/* A server's program: PATH need not have its folder. */
static char *find_program(const char *name)
{
	static const char *const folders[] = {"/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/libexec", "/opt/homebrew/bin"};
	const char *own = getenv("BACKSTAY_MYSQL_BIN");
	if (own && *own) {
		AUTO_FREE char *path = path_join(own, name);
		if (proc_available(path))
			return TAKE(path);
	}
	if (proc_available(name))
		return mem_string(name);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		AUTO_FREE char *path = path_join(folders[i], name);
		if (proc_available(path))
			return TAKE(path);
	}
	return NULL;
}

static int find_programs(char **install, char **server, struct error *e)
{
	*install = find_program("mariadb-install-db");
	*server = find_program("mariadbd");
	if (*install && *server)
		return 0;
	error_set(e, ERR_NOT_FOUND, "%s is not installed, which a throw-away server for the rehearsal needs",
		*server ? "mariadb-install-db" : "mariadbd");
	return error_hint(e, "install mariadb-server (no service needs to run), set BACKSTAY_VERIFY_MYSQL to the URL of a server to rehearse on, or verify with "
		"--level 2");
}

static int install(const struct own *o, const char *program, const char *data, struct error *e)
{
	AUTO_FREE char *dir = mem_printf("--datadir=%s", data);
	const char *const argv[] = {program, "--no-defaults", dir, "--auth-root-authentication-method=normal", "--skip-test-db",
		"--innodb-log-file-size=16M", NULL};
	int err = scratch_server_run(&o->server, argv, NULL, e);
	return err ? error_wrap(e, "installing a throw-away server") : 0;
}

static int is_ready(void *ctx, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	struct own *o = ctx;
	int err = my_connect(&o->place, "", &c, e);
	if (err)
		error_clear(e);
	return err != 0;
}

/* Nothing has to survive a crash here, and no event may happen. */
static int start(struct own *o, const char *program, const char *data, struct error *e)
{
	CLEANUP(strlist_release) struct strlist argv = {0};
	strlist_add(&argv, program);
	strlist_add(&argv, "--no-defaults");
	strlist_addf(&argv, "--datadir=%s", data);
	strlist_addf(&argv, "--socket=%s", o->place.socket);
	strlist_addf(&argv, "--pid-file=%s/pid", o->server.dir);
	strlist_addf(&argv, "--tmpdir=%s", o->server.dir);
	static const char *const options[] = {"--skip-networking", "--skip-log-bin", "--event-scheduler=OFF", "--innodb-flush-log-at-trx-commit=0",
		"--innodb-doublewrite=OFF", "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=128M", "--performance-schema=OFF",
		"--max-allowed-packet=1G", "--log-bin-trust-function-creators=1", "--skip-name-resolve"};
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		strlist_add(&argv, options[i]);
	strlist_take(&argv, NULL);
	return scratch_server_start(&o->server, (const char *const *)argv.v, NULL, START_SECONDS, is_ready, o, NULL, e);
}

/* Views and routines only work for definers that exist. */
static int make_accounts(MYSQL *c, const struct strlist *accounts, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < accounts->n && !err; i++) {
		const char *who = accounts->v[i];
		if (!strchr(who, '@')) {
			err = my_exec(c, e, my_sql("CREATE ROLE IF NOT EXISTS %s", who));
			continue;
		}
		err = my_exec(c, e, my_sql("CREATE USER IF NOT EXISTS %s", who));
		if (!err)
			err = my_exec(c, e, my_sql("GRANT ALL ON *.* TO %s", who));
	}
	return err ? error_wrap(e, "making the accounts that definitions belong to") : 0;
}

static void add_encoded(struct buf *b, const char *text)
{
	for (; *text; text++)
		buf_printf(b, "%%%02X", (unsigned char)*text);
}

static int make_target(const struct own *o, const char *database, struct source_url *out, struct error *e)
{
	CLEANUP(buf_release) struct buf rest = BUF_INIT;
	buf_add_str(&rest, "//root@localhost/");
	add_encoded(&rest, database);
	buf_add_str(&rest, "?socket=");
	add_encoded(&rest, o->place.socket);
	*out = (struct source_url){.engine = &engine_mysql};
	out->rest = mem_string(buf_text(&rest));
	out->text = mem_printf("mysql:%s", buf_text(&rest));
	int err = my_parse(out, e);
	if (err)
		source_url_release(out);
	return err;
}

static int prepare(struct own *o, const struct stored *s, struct source_url *target, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	CLEANUP(strlist_release) struct strlist accounts = {0};
	AUTO_FREE char *database = NULL;
	int err = my_definers_of(s, &accounts, &database, e);
	if (!err)
		err = my_connect(&o->place, "", &c, e);
	if (!err)
		err = make_accounts(c, &accounts, e);
	/* Definitions may name their own database. */
	bool usable = database && *database && strcasecmp(database, "mysql") != 0 && strcasecmp(database, "sys") != 0;
	return err ? err : make_target(o, usable ? database : "restored", target, e);
}

int my_scratch(const char *dir, const struct stored *s, struct engine_scratch *out, struct error *e)
{
	if (engine_verify_server(&engine_mysql))
		return my_verify_scratch(s, out, e);
	static const char *const users[] = {"mysql", "nobody", NULL};
	AUTO_FREE char *install_path = NULL, *server_path = NULL;
	CLEANUP(own_drop) struct own *o = mem_zero(sizeof *o);
	*out = (struct engine_scratch){0};
	int err = find_programs(&install_path, &server_path, e);
	if (!err)
		err = scratch_server_open(&o->server, dir, users, SOCKET, e);
	if (err)
		return err;
	AUTO_FREE char *data = path_join(o->server.dir, "data");
	o->place.user = mem_string("root");
	o->place.password = mem_string("");
	o->place.database = mem_string("mysql");
	o->place.socket = path_join(o->server.socket_dir, SOCKET);
	err = install(o, install_path, data, e);
	if (!err)
		err = start(o, server_path, data, e);
	if (!err)
		err = prepare(o, s, &out->target, e);
	if (err)
		return err;
	out->own = TAKE(o);
	out->close = close_scratch;
	out->where = mem_string("a throw-away server");
	return 0;
}
