/* One transfer of libcurl, as http.c and mail_send.c share it: set up with what holds for all of them, run so that it can be
 * cancelled, its failures in our words. Nothing else includes this.
 *
 * Certificates are checked against the system's, or those in the file that CURL_CA_BUNDLE or SSL_CERT_FILE names, as curl's own
 * program does it. */
#ifndef BASE_TRANSFER_H
#define BASE_TRANSFER_H

#include "base/error.h"
#include "base/progress.h"

#include <curl/curl.h>

struct transfer {
	CURL *curl;
	char *host;                       /* "hooks.example.org", "localhost:8080": how texts call the other side */
	double timeout;
	char reason[CURL_ERROR_SIZE];     /* libcurl's */
};

/* A handle for these protocols ("http,https"), with all limits set. t must stay where it is until it is released. */
void transfer_init(struct transfer *t, const char *protocols, char *host /* heap, taken over */, double timeout);
void transfer_release(struct transfer *t);
/* To its end; CURLE_ABORTED_BY_CALLBACK when p is cancelled, which is seen within a fifth of a second. */
CURLcode transfer_run(struct transfer *t, struct progress *p);
/* The error for a code other than CURLE_OK: -ERR_CANCELLED, -ERR_ACCESS for a certificate that does not hold, -ERR_TEMPORARY for all that
 * may pass. Never has more of a URL than its host. */
int transfer_error(const struct transfer *t, CURLcode code, struct error *e);

#endif
