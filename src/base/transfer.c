/* Running libcurl. */
#include "base/transfer.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_UP_MS 200      /* how often a silent transfer lets us see that it is cancelled */
#define CONNECT_SECONDS 15  /* at most; addresses are tried in turn */

static void start_library(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		abort();
}

/* NULL: the system's. */
static const char *certificates(void)
{
	const char *file = getenv("CURL_CA_BUNDLE");

	if (!file || !*file)
		file = getenv("SSL_CERT_FILE");
	return file && *file ? file : NULL;
}

void transfer_init(struct transfer *t, const char *protocols, char *host, double timeout)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start_library);
	*t = (struct transfer){.curl = curl_easy_init(), .host = host, .timeout = timeout};
	if (!t->curl)
		abort(); /* no memory */
	curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->reason);
	curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, protocols);
	curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, (long)(timeout * 1000));
	curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(t->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (certificates())
		curl_easy_setopt(t->curl, CURLOPT_CAINFO, certificates());
}

void transfer_release(struct transfer *t)
{
	curl_easy_cleanup(t->curl);
	free(t->host);
	*t = (struct transfer){0};
}

static bool cancelled(struct progress *p)
{
	return p && atomic_load(&p->cancel);
}

static CURLcode result_of(CURLM *m)
{
	int left;
	const CURLMsg *message = curl_multi_info_read(m, &left);

	return message ? message->data.result : CURLE_FAILED_INIT;
}

static CURLcode drive(CURLM *m, struct progress *p)
{
	int running = 1;

	while (!cancelled(p)) {
		if (curl_multi_perform(m, &running))
			return CURLE_FAILED_INIT;
		if (!running)
			return result_of(m);
		curl_multi_poll(m, NULL, 0, LOOK_UP_MS, NULL);
	}
	return CURLE_ABORTED_BY_CALLBACK;
}

CURLcode transfer_run(struct transfer *t, struct progress *p)
{
	CURLM *m = curl_multi_init();

	if (!m)
		abort();
	CURLcode code = curl_multi_add_handle(m, t->curl) ? CURLE_FAILED_INIT : drive(m, p);

	curl_multi_remove_handle(m, t->curl);
	curl_multi_cleanup(m);
	return code;
}

/* libcurl's reason without its own introduction. */
static const char *reason(const struct transfer *t, CURLcode code)
{
	static const char *const introductions[] = {"SSL certificate problem: ", "SSL: "};

	for (size_t i = 0; i < ARRAY_LEN(introductions); i++)
		if (!strncmp(t->reason, introductions[i], strlen(introductions[i])))
			return t->reason + strlen(introductions[i]);
	return *t->reason ? t->reason : curl_easy_strerror(code);
}

static int not_connected(const struct transfer *t, struct error *e)
{
	long err = 0;

	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &err);
	if (err)
		error_sys(e, (int)err, "cannot connect to %s", t->host);
	else
		error_set(e, ERR_TEMPORARY, "cannot connect to %s", t->host);
	e->kind = ERR_TEMPORARY;
	return -ERR_TEMPORARY;
}

static int bad_certificate(const struct transfer *t, CURLcode code, struct error *e)
{
	error_set(e, ERR_ACCESS, "the certificate of %s does not hold: %s", t->host, reason(t, code));
	return error_hint(e, "when it comes from an authority of your own, add that to the system's certificates, or name its file in SSL_CERT_FILE");
}

int transfer_error(const struct transfer *t, CURLcode code, struct error *e)
{
	switch (code) {
	case CURLE_ABORTED_BY_CALLBACK:
		return error_set(e, ERR_CANCELLED, "cancelled");
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(e, ERR_TEMPORARY, "cannot find the host %s", t->host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return error_set(e, ERR_TEMPORARY, "cannot find the proxy that the environment names");
	case CURLE_COULDNT_CONNECT:
		return not_connected(t, e);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(e, ERR_TEMPORARY, "%s did not answer within %.3g seconds", t->host, t->timeout);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return bad_certificate(t, code, e);
	case CURLE_SSL_CACERT_BADFILE:
		return error_set(e, ERR_ACCESS, "the file of certificates cannot be read: %s", certificates() ? certificates() : "the system's");
	case CURLE_SSL_CONNECT_ERROR:
		return error_set(e, ERR_TEMPORARY, "cannot speak TLS with %s: %s", t->host, reason(t, code));
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return error_set(e, ERR_TEMPORARY, "the connection to %s was lost: %s", t->host, reason(t, code));
	default:
		return error_set(e, ERR_TEMPORARY, "%s: %s", t->host, curl_easy_strerror(code));
	}
}
