"""What every program under test is told, beside what is private to a test: what the sanitizers find ends it."""
CHECKED = {"ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:handle_sigill=1"}          # ILL is what behaviour that is undefined ends with
