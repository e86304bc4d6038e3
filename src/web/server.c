/* The HTTP library (libmicrohttpd): sockets, threads, and between its callbacks and our exchanges.
 *
 * Its threads answer what the catalog alone can answer. What may take longer (WEB_SLOW) is done by threads of a pool, while the
 * connection sleeps; event streams sleep whenever there is nothing to tell. One more thread, the keeper, looks after them and
 * after slow clients. */
#include "web/web.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/timefmt.h"
#include "catalog/setting.h"
#include "web/answer.h"
#include "web/events.h"
#include "web/exchange.h"
#include "web/keeper.h"
#include "web/listen.h"
#include "web/watch.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 600
#define CONNECTION_MEMORY ((size_t)32 << 10)   /* for one head, and for what is read and written */
#define SLOW_THREADS 4
#define SLOW_WAITING 16
#define QUIET_DRAIN ((uint64_t)1 << 20)        /* of a body that was refused, this much is read before the answer */
#define LINGER_DRAIN ((uint64_t)64 << 20)      /* and this much after it */
#define STOP_SECONDS 5.0

struct web_server {
	struct exchange_site site;
	char *listen_name, *state_dir, *program;
	struct listen listen;
	struct MHD_Daemon *daemon;
	struct watch *watch;
	struct pool *slow;
	atomic_int slow_count, calls;
	pthread_key_t own;              /* of each thread: struct own */
	struct keeper *keeper;
};

/* What a thread has for itself. */
struct own {
	struct catalog *catalog;
	struct exchange_settings settings;
};

enum phase { CALL_HEAD, CALL_BODY, CALL_SLOW, CALL_LINGER };
struct call {
	struct web_server *server;
	struct MHD_Connection *connection;
	struct watch_connection *watched;
	struct exchange *exchange;
	enum phase phase;
	char *target;                   /* as it came */
	struct framing_header headers[FRAMING_HEADERS_MAX + 1];
	struct framing head;
	uint64_t received, drained;     /* of the body; of it, for nothing */
};

/* ---- what a thread has for itself ---- */

static void own_free(void *p)
{
	struct own *o = p;

	catalog_close(o->catalog);
	exchange_settings_release(&o->settings);
	free(o);
}

/* Its catalog, open, and settings that are not old. */
static int own_get(struct web_server *s, struct own **out, struct error *e)
{
	struct own *o = pthread_getspecific(s->own);

	if (!o) {
		o = mem_zero(sizeof *o);
		pthread_setspecific(s->own, o);
	}
	*out = o;
	int rc = o->catalog ? 0 : catalog_open(s->state_dir, &o->catalog, e);

	return rc ? rc : exchange_settings_read(&o->settings, o->catalog, e);
}

/* ---- sending ---- */

static void add_headers(struct MHD_Response *m, const struct web_response *out)
{
	for (size_t i = 0; i < out->headers.n; i++) {
		char *colon = strchr(out->headers.v[i], ':');

		*colon = '\0';
		MHD_add_response_header(m, out->headers.v[i], colon + 2);
		*colon = ':';
	}
}

static void sleep_connection(void *connection)
{
	MHD_suspend_connection(connection);
}

static void wake_connection(void *connection)
{
	MHD_resume_connection(connection);
}

static ssize_t read_stream(void *stream, uint64_t at, char *p, size_t n)
{
	ssize_t got = events_read(stream, p, n);

	return got < 0 ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

static void close_stream(void *stream)
{
	events_close(stream);
}

static struct MHD_Response *stream_response(struct call *call)
{
	struct web_stream *s = call->exchange->out.stream;
	const struct events_connection at = {call->connection, sleep_connection, wake_connection, call->exchange->fd};

	call->exchange->out.stream = NULL;
	events_attach(s, &at);
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, s, close_stream);
}

static struct MHD_Response *response_of(struct call *call)
{
	struct exchange *x = call->exchange;
	struct buf *body = &x->out.body;

	/* Nobody who asks for the head alone listens. */
	if (x->out.stream && !strcmp(call->head.method, "HEAD")) {
		events_close(x->out.stream);
		x->out.stream = NULL;
	}
	if (x->out.stream)
		return stream_response(call);
	if (x->part.fd >= 0) {
		int fd = x->part.fd;

		x->part.fd = -1;
		return MHD_create_response_from_fd_at_offset64(x->part.length, fd, x->part.from);
	}
	size_t n = body->len;

	return MHD_create_response_from_buffer(n, buf_take_text(body), MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result queue_answer(struct call *call)
{
	const struct web_response *out = &call->exchange->out;
	struct MHD_Response *m = response_of(call);

	if (!m)
		return MHD_NO;
	add_headers(m, out);
	watch_answering(call->server->watch, call->watched);
	enum MHD_Result queued = MHD_queue_response(call->connection, (unsigned)out->status, m);

	MHD_destroy_response(m);
	return queued;
}

/* The answer while the body is still coming: the library has no way to send one then. What comes meanwhile is read and forgotten for a
 * while, because a connection that is closed with something unread in it may take the answer with it. */
static enum MHD_Result answer_at_once(struct call *call)
{
	const struct web_response *out = &call->exchange->out;
	CLEANUP(buf_release) struct buf text = BUF_INIT;

	buf_printf(&text, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n", out->status, answer_reason(out->status), out->body.len);
	for (size_t i = 0; i < out->headers.n; i++)
		buf_printf(&text, "%s\r\n", out->headers.v[i]);
	buf_add_str(&text, "\r\n");
	if (strcmp(call->head.method, "HEAD"))
		buf_add(&text, out->body.p, out->body.len);
	ssize_t sent = send(call->exchange->fd, text.p, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	call->phase = CALL_LINGER;
	return sent == (ssize_t)text.len ? MHD_YES : MHD_NO;
}

/* ---- the head ---- */

static enum MHD_Result add_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct call *call = ctx;

	call->headers[call->head.count++] = (struct framing_header){name, value ? value : ""};
	return call->head.count <= FRAMING_HEADERS_MAX ? MHD_YES : MHD_NO;
}

static void read_head(struct call *call, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *size = MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	call->head = (struct framing){.method = method, .target = call->target, .version = version, .headers = call->headers};
	call->head.size = size ? size->header_size : 0;
	MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_header, call);
}

/* What is to be done with a body that nobody wants. */
static enum MHD_Result refuse_body(struct call *call)
{
	const struct exchange *x = call->exchange;
	uint64_t left = x->length == FRAMING_CHUNKED ? UINT64_MAX : x->length - call->received;

	if (left <= QUIET_DRAIN)
		return MHD_YES;
	/* Who waits for "100 Continue" has not begun to send it. */
	if (call->phase == CALL_HEAD && framing_get(&call->head, "Expect"))
		return queue_answer(call);
	return answer_at_once(call);
}

static enum MHD_Result take_head(struct call *call, const char *method, const char *version)
{
	struct web_server *s = call->server;
	struct exchange *x = call->exchange;
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char address[LISTEN_ADDRESS_MAX];
	struct own *own;
	struct error e = {0};

	read_head(call, method, version);
	listen_address(peer->client_addr, address);
	if (own_get(s, &own, &e))
		exchange_refuse(x, 503, &e);
	else
		exchange_begin(x, &call->head, address, own->catalog, &own->settings);
	watch_body(s->watch, call->watched);
	if (x->answered && x->close)
		return queue_answer(call);
	if (x->answered && x->length && refuse_body(call) == MHD_NO)
		return MHD_NO;
	if (call->phase == CALL_HEAD)
		call->phase = CALL_BODY;
	return MHD_YES;
}

/* ---- the body ---- */

static enum MHD_Result take_body(struct call *call, const char *p, size_t n)
{
	struct exchange *x = call->exchange;
	bool answered = x->answered;

	call->received += n;
	watch_received(call->server->watch, call->watched, n);
	if (answered)
		call->drained += n;
	if (call->phase == CALL_LINGER)
		return call->drained <= LINGER_DRAIN ? MHD_YES : MHD_NO;
	if (answered)
		return call->drained <= QUIET_DRAIN ? MHD_YES : answer_at_once(call);
	exchange_feed(x, p, n);
	return x->answered ? refuse_body(call) : MHD_YES;
}

/* ---- the answer ---- */

static void run_slow(int worker, void *item, void *ctx)
{
	struct web_server *s = ctx;
	struct call *call = item;
	struct own *own;
	struct error e = {0};

	if (own_get(s, &own, &e))
		exchange_refuse(call->exchange, 503, &e);
	else
		exchange_run(call->exchange, own->catalog);
	atomic_fetch_sub(&s->slow_count, 1);
	MHD_resume_connection(call->connection);
}

static enum MHD_Result begin_slow(struct call *call)
{
	struct web_server *s = call->server;
	struct error e = {0};

	if (atomic_fetch_add(&s->slow_count, 1) >= SLOW_THREADS + SLOW_WAITING || atomic_load(&s->site.stopping)) {
		atomic_fetch_sub(&s->slow_count, 1);
		error_set(&e, ERR_TEMPORARY, "%d requests of this kind wait already", SLOW_WAITING);
		answer_header(&call->exchange->out, "Retry-After", "5");
		exchange_refuse(call->exchange, 0, &e);
		return queue_answer(call);
	}
	call->phase = CALL_SLOW;
	watch_answering(s->watch, call->watched);
	MHD_suspend_connection(call->connection);
	pool_submit(s->slow, call);
	return MHD_YES;
}

/* The whole request is there, or a slow answer is. */
static enum MHD_Result finish(struct call *call)
{
	struct own *own;
	struct error e = {0};

	if (call->phase == CALL_LINGER)
		return MHD_NO;
	if (call->phase == CALL_SLOW)
		return queue_answer(call);
	if (exchange_is_slow(call->exchange))
		return begin_slow(call);
	if (call->exchange->answered)
		return queue_answer(call);
	if (own_get(call->server, &own, &e))
		exchange_refuse(call->exchange, 503, &e);
	else
		exchange_run(call->exchange, own->catalog);
	return queue_answer(call);
}

/* ---- what the library calls ---- */

/* The first line is there: the request begins. */
static void *begin_call(void *ctx, const char *target, struct MHD_Connection *connection)
{
	struct web_server *s = ctx;
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *watched = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct call *call = mem_zero(sizeof *call);

	call->server = s;
	call->connection = connection;
	call->watched = watched->socket_context;
	call->target = mem_string(target);
	call->exchange = exchange_new(&s->site, fd->connect_fd);
	atomic_fetch_add(&s->calls, 1);
	return call;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
			      const char *p, size_t *n, void **own)
{
	struct call *call = *own;

	if (call->phase == CALL_HEAD)
		return take_head(call, method, version);
	if (!*n)
		return finish(call);
	enum MHD_Result go_on = take_body(call, p, *n);

	*n = 0;
	return go_on;
}

static void end_call(void *ctx, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode how)
{
	struct call *call = *own;

	if (!call)
		return;
	*own = NULL;
	watch_waiting(call->server->watch, call->watched);
	exchange_free(call->exchange);
	atomic_fetch_sub(&call->server->calls, 1);
	free(call->target);
	free(call);
}

static void watch_connection(void *ctx, struct MHD_Connection *connection, void **own, enum MHD_ConnectionNotificationCode what)
{
	struct web_server *s = ctx;
	char address[LISTEN_ADDRESS_MAX];

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		watch_remove(s->watch, *own);
		return;
	}
	listen_address(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, address);
	*own = watch_add(s->watch, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, address);
	keeper_nudge(s->keeper);
}

/* Targets are decoded by us, once. */
static size_t leave_as_it_is(void *ctx, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

/* ---- beginning and end ---- */

static struct web_server *new_server(const struct web_options *o)
{
	struct web_server *s = mem_zero(sizeof *s);

	s->listen = (struct listen){.fd = -1};
	s->listen_name = mem_string(o->listen);
	s->state_dir = mem_string(o->state_dir);
	s->program = mem_string(o->program);
	s->site = (struct exchange_site){.listen = s->listen_name, .state_dir = s->state_dir, .program = s->program, .wake = o->wake, .ctx = o->ctx};
	s->site.events = events_new(s->state_dir);
	pthread_key_create(&s->own, own_free);
	return s;
}

/* While the server ends nobody new comes in. MHD_quiesce_daemon() would do, but it and the library's threads may take the
 * listening socket out of the same epoll set at once, and the later of them ends the process (0.9.75). */
static enum MHD_Result admit(void *ctx, const struct sockaddr *from, socklen_t len)
{
	const struct web_server *s = ctx;

	(void)from;
	(void)len;
	return atomic_load(&s->site.stopping) ? MHD_NO : MHD_YES;
}

/* The library owns the listening socket from here on. */
static int start_library(struct web_server *s, unsigned patience, struct error *e)
{
	unsigned threads = (unsigned)pool_cpus(4);

	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, admit, s, handle, NULL,
		MHD_OPTION_LISTEN_SOCKET, s->listen.fd,
		MHD_OPTION_THREAD_POOL_SIZE, threads < 2 ? 2u : threads,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, patience,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, begin_call, s,
		MHD_OPTION_NOTIFY_COMPLETED, end_call, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, watch_connection, s,
		MHD_OPTION_END);
	if (!s->daemon)
		return error_set(e, ERR_INTERNAL, "the HTTP library could not be started on %s", s->listen_name);
	s->listen.fd = -1;
	return 0;
}

/* What is needed before anybody can come; what earlier lives have left goes. */
static int prepare(struct web_server *s, uint64_t *patience, struct error *e)
{
	struct catalog *c = NULL;
	int rc = catalog_open(s->state_dir, &c, e);

	if (!rc)
		rc = setting_number(c, "web_patience", patience, e);
	if (!rc)
		upload_sweep(c, 0);
	catalog_close(c);
	return rc;
}

static int start(struct web_server *s, struct error *e)
{
	uint64_t patience;
	int rc = prepare(s, &patience, e);

	if (!rc)
		rc = listen_open(s->listen_name, &s->listen, e);
	if (rc)
		return rc;
	s->watch = watch_new((double)patience);
	s->slow = pool_new("web-slow", SLOW_THREADS, SLOW_WAITING, run_slow, s);
	rc = keeper_start(s->state_dir, s->site.events, s->watch, &s->keeper, e);
	return rc ? rc : start_library(s, (unsigned)patience, e);
}

int web_start(const struct web_options *o, struct web_server **out, struct error *e)
{
	struct web_server *s = new_server(o);
	int rc = start(s, e);

	if (rc) {
		web_stop(s);
		return rc;
	}
	if (s->listen.port)
		log_write(LOG_NOTICE, "web", "listening on %.*s:%d", (int)(strrchr(o->listen, ':') - o->listen), o->listen, s->listen.port);
	else
		log_write(LOG_NOTICE, "web", "listening on %s", o->listen);
	*out = s;
	return 0;
}

int web_port(const struct web_server *s)
{
	return s->listen.port;
}

/* No new connections; streams and waiting ones end; the others have a moment. */
static void stop_library(struct web_server *s)
{
	double until = time_monotonic() + STOP_SECONDS;

	while (atomic_load(&s->calls) && time_monotonic() < until)
		time_sleep(0.01);
	pool_free(TAKE(s->slow));
	MHD_stop_daemon(s->daemon);
}

void web_stop(struct web_server *s)
{
	if (!s)
		return;
	atomic_store(&s->site.stopping, true);
	events_stop(s->site.events);
	if (s->daemon)
		stop_library(s);
	keeper_stop(s->keeper);
	pool_free(s->slow);
	pthread_key_delete(s->own);
	events_free(s->site.events);
	watch_free(s->watch);
	listen_close(&s->listen);
	free(s->listen_name);
	free(s->state_dir);
	free(s->program);
	free(s);
}
