"""What every program under test is told, beside what is private to a test: what the sanitizers find ends it."""
CHECKED = {"ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
