"""Where notices go in tests: a mail server and a web server on loopback that keep what they are sent, and fail as told."""
import asyncio
import email
import email.policy
import http.server
import json
import ssl
import subprocess
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


class Certificate:
    """A certificate of our own for 127.0.0.1 (or for `name`), which SSL_CERT_FILE=certificate.pem makes a good one."""

    def __init__(self, folder, name="IP:127.0.0.1"):
        self.pem, self.key = folder / f"{name.replace(':', '-')}.pem", folder / f"{name.replace(':', '-')}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", "/CN=sink",
                        "-addext", f"subjectAltName={name}", "-keyout", self.key, "-out", self.pem], check=True, capture_output=True)
        self.environment = {"SSL_CERT_FILE": str(self.pem)}

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        return context


class Mail:
    def __init__(self, session, envelope, encrypted):
        self.sender, self.recipients, self.content = envelope.mail_from, envelope.rcpt_tos, envelope.original_content
        self.tls = encrypted
        self.user = session.auth_data.login.decode() if session.auth_data else None
        self.message = email.message_from_bytes(self.content, policy=email.policy.default)

    def part(self, kind):
        """The text of a part as it was written."""
        return self.message.get_body((kind,)).get_content().replace("\r\n", "\n")


class MailSink:
    """`with MailSink() as sink:` and then 127.0.0.1:{sink.port}; sink.mails holds what came.

    tls: None, "starttls" (needed before anything else) or "implicit", with a Certificate. auth: (user, password) are needed. fail: so many mails get 451 first.
    refused: recipients that are told 550. logins: all that was tried, (user, password, encrypted)."""

    def __init__(self, certificate=None, tls=None, auth=None, fail=0, refused=()):
        self.certificate, self.tls, self.auth, self.fail, self.refused = certificate, tls, auth, fail, refused
        self.mails, self.logins = [], []

    def _encrypted(self, session):
        return self.tls == "implicit" or session.ssl is not None

    # ---- what aiosmtpd calls ----

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refused:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.fail > 0:
            self.fail -= 1
            return "451 4.3.0 come again later"
        self.mails.append(Mail(session, envelope, self._encrypted(session)))
        return "250 2.0.0 kept"

    def login(self, server, session, envelope, mechanism, data):
        user, password = data.login.decode(), data.password.decode()
        self.logins.append((user, password, self._encrypted(session)))
        return AuthResult(success=(user, password) == self.auth, handled=False, auth_data=data)

    # ---- running ----

    def _protocol(self):
        options = {"hostname": "sink.test", "enable_SMTPUTF8": True}
        if self.tls == "starttls":
            options.update(tls_context=self.certificate.context(), require_starttls=True)
        if self.auth:
            options.update(authenticator=self.login, auth_required=True, auth_require_tls=self.tls == "starttls")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a password in clear is a risk: it is what is tested
            return SMTP(self, **options)

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        context = self.certificate.context() if self.tls == "implicit" else None
        making = self.loop.create_server(self._protocol, "127.0.0.1", 0, ssl=context)
        self.server = asyncio.run_coroutine_threadsafe(making, self.loop).result(60)
        self.port = self.server.sockets[0].getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"
        return self

    async def _end(self):
        self.server.close()
        await self.server.wait_closed()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Request:
    def __init__(self, handler, body):
        self.method, self.path, self.headers, self.body = handler.command, handler.path, handler.headers, body

    @property
    def json(self):
        return json.loads(self.body)


class HookSink:
    """`with HookSink() as sink:`; sink.requests holds what came, sink.url(path) is where it goes.

    answers: what the next requests get, each a status or (status, headers, body) or "drop" (the connection is closed) or "slow" (no answer before the end);
    then 200. With a Certificate it speaks TLS."""

    def __init__(self, *answers, certificate=None):
        self.answers, self.requests, self.certificate, self.ended = list(answers), [], certificate, threading.Event()

    def url(self, path="/"):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}{path}"

    def _answer(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.requests.append(Request(handler, body))
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "slow":
            self.ended.wait(60)
        if answer in ("slow", "drop"):
            handler.close_connection = True
            return
        status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, b"")
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def __enter__(self):
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                sink._answer(self)

            do_GET = do_PUT = do_HEAD = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that trusts no certificate of ours goes away

        self.server = Server(("127.0.0.1", 0), Handler)
        if self.certificate:
            self.server.socket = self.certificate.context().wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
