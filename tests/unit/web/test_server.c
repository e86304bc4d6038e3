/* The server with its threads, asked from many sides at once: mostly for ThreadSanitizer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/thread.h"
#include "catalog/setting.h"
#include "job/access.h"
#include "unit/catalog/support.h"
#include "web/web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASKERS 6
#define REQUESTS 20

struct asker {
	pthread_t thread;
	int port;
	const char *cookie;
	int answers, streams;
};

static int connect_to(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return connect(fd, (struct sockaddr *)&a, sizeof a) ? -1 : fd;
}

static void ask(int fd, const char *method, const char *path, const char *cookie, const char *body)
{
	AUTO_FREE char *text = mem_printf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: backstay_session=%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
					  method, path, cookie, strlen(body), body);

	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
}

/* Whether something with `wanted` in it comes before the connection ends. */
static bool comes(int fd, const char *wanted)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	char block[4096];
	ssize_t n;

	while (!strstr(buf_text(&text), wanted) && (n = read(fd, block, sizeof block)) > 0)
		buf_add(&text, block, (size_t)n);
	return strstr(buf_text(&text), wanted) != NULL;
}

/* Quick ones, slow ones, refused ones, and a stream that waits for what the others do. */
static void *ask_much(void *ctx)
{
	struct asker *a = ctx;
	int stream = connect_to(a->port), fd = connect_to(a->port);

	ask(stream, "GET", "/backup/api/events/", a->cookie, "");
	for (int i = 0; i < REQUESTS; i++) {
		ask(fd, "GET", i % 3 ? "/backup/api/session/" : "/nothing", a->cookie, "");
		a->answers += comes(fd, i % 3 ? "\"vera\"" : "there is nothing");
	}
	ask(fd, "POST", "/backup/api/session/", "", "{\"name\": \"nobody\", \"password\": \"x\"}");
	/* Refused as wrong, or because too many try at once. */
	a->answers += comes(fd, "\"status\":");
	a->streams += comes(stream, "event: setting");
	close(stream);
	close(fd);
	return NULL;
}

static char *begin_session(struct support *s)
{
	CLEANUP(user_record_release) struct user_record u = {.name = mem_string("vera"), .role = ROLE_VIEWER};
	CLEANUP(session_record_release) struct session_record session = {0};
	char *text;

	assert_int_equal(user_add(s->c, &u, &s->e), 0);
	assert_int_equal(access_session_begin(s->c, &u, "127.0.0.1", NULL, time_now().tv_sec, &session, &text, &s->e), 0);
	return text;
}

static void many_are_answered_while_the_catalog_changes_under_them(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *cookie = begin_session(s);
	const struct web_options o = {.listen = "127.0.0.1:0", .state_dir = s->dir, .program = "/bin/false"};
	struct asker askers[ASKERS] = {0};
	struct web_server *server;

	assert_int_equal(web_start(&o, &server, &s->e), 0);
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){.port = web_port(server), .cookie = cookie};
		assert_int_equal(thread_start(&askers[i].thread, "asker", ask_much, &askers[i]), 0);
	}
	for (int i = 0; i < ASKERS; i++) {
		while (pthread_tryjoin_np(askers[i].thread, NULL)) {
			assert_int_equal(setting_set(s->c, "retention_days", i % 2 ? "7" : "8", &s->e), 0);
			time_sleep(0.02);
		}
		assert_int_equal(askers[i].answers, REQUESTS + 1);
		assert_int_equal(askers[i].streams, 1);
	}
	web_stop(server);
}

static void a_server_that_is_asked_nothing_ends_at_once(void **state)
{
	struct support *s = *state;
	const struct web_options o = {.listen = "127.0.0.1:0", .state_dir = s->dir, .program = "/bin/false"};
	struct web_server *server;

	assert_int_equal(web_start(&o, &server, &s->e), 0);
	int idle = connect_to(web_port(server));

	assert_true(idle >= 0);
	web_stop(server);
	assert_false(comes(idle, "anything"));
	close(idle);
}

static void a_server_whose_port_is_taken_leaves_nothing_behind(void **state)
{
	struct support *s = *state;
	const struct web_options o = {.listen = "127.0.0.1:0", .state_dir = s->dir, .program = "/bin/false"};
	struct web_server *server, *second;

	assert_int_equal(web_start(&o, &server, &s->e), 0);
	AUTO_FREE char *where = mem_printf("127.0.0.1:%d", web_port(server));
	AUTO_FREE char *text = mem_printf("another program listens on %s already", where);
	const struct web_options same = {.listen = where, .state_dir = s->dir, .program = "/bin/false"};

	assert_int_equal(web_start(&same, &second, &s->e), -ERR_EXISTS);
	assert_string_equal(s->e.text, text);
	web_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(many_are_answered_while_the_catalog_changes_under_them),
		CATALOG_TEST(a_server_that_is_asked_nothing_ends_at_once),
		CATALOG_TEST(a_server_whose_port_is_taken_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
