# Aliases for those who expect make; the build itself is meson.
.PHONY: all test lint format install clean

all:
	tools/packages build
	[ -f build/build.ninja ] || meson setup build
	ninja -C build

test:
	./test

lint:
	/usr/bin/python3 -m pytest -q -p no:cacheprovider tests/house

format:
	clang-format-14 -i src/*/*.[ch] tests/unit/*/*.[ch] tests/fuzz/*.c

install: all
	meson install -C build

clean:
	rm -rf build build-asan build-tsan
