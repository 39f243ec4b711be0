# SPDX-License-Identifier: BSD-3-Clause
# A suite of Check is one program, a script tests the program from outside.
TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core $(CHECK_CFLAGS)
LDADD = core/libradcore.la $(CHECK_LIBS)

C_TESTS = tests/conformance \
  tests/core_data \
  tests/core_experiment \
  tests/core_fs \
  tests/core_keys \
  tests/core_model \
  tests/core_philox \
  tests/core_safetensors \
  tests/core_text \
  tests/core_train
SH_TESTS = \
  tests/cli.sh \
  tests/install.sh \
  tests/no-globals.sh \
  tests/source.sh
if HAVE_CHECK
TESTS += $(C_TESTS)
check_PROGRAMS += $(C_TESTS)
endif
TESTS += $(SH_TESTS)
EXTRA_DIST += $(SH_TESTS) tests/lib.sh tests/check-portable.sh tests/bench/bench.py tests/peers

tests_conformance_SOURCES = \
  tests/conformance.c \
  tests/conformance.h \
  tests/conformance_backend.c \
  tests/conformance_course.c \
  tests/conformance_data.c \
  tests/conformance_hooks.c \
  tests/conformance_layer.c \
  tests/conformance_loss.c \
  tests/conformance_rig.c \
  tests/conformance_rig.h \
  tests/lab_stub.c
tests_conformance_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conformance_LDFLAGS =
tests_core_data_SOURCES = tests/core_data.c $(FIXTURES)
tests_core_data_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_core_data_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_core_data_LDFLAGS =
tests_core_experiment_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_experiment_LDFLAGS =
tests_core_fs_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_fs_LDFLAGS =
tests_core_keys_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_keys_LDFLAGS =
tests_core_model_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_model_LDFLAGS =
tests_core_philox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_philox_LDFLAGS =
tests_core_safetensors_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_safetensors_LDFLAGS =
tests_core_text_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_text_LDFLAGS =
tests_core_train_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_train_LDFLAGS =

# Small data sets, whole and damaged.
FIXTURES = tests/fixtures.c tests/fixtures.h
check_PROGRAMS += tests/make_fixtures
tests_make_fixtures_SOURCES = tests/make_fixtures.c $(FIXTURES)
tests_make_fixtures_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_make_fixtures_LDADD = core/libradcore.la $(PNG_LIBS) $(JPEG_LIBS) $(ZLIB_LIBS)
tests_make_fixtures_LDFLAGS =

# For `make bench` and `make check-peers`.
EXTRA_PROGRAMS += tests/bench/peak tests/peers/driver
tests_bench_peak_CFLAGS = $(STD_CFLAGS) $(WARN_CFLAGS) -O3 -ffp-contract=fast
tests_bench_peak_LDADD =
tests_bench_peak_LDFLAGS =
tests_peers_driver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core
tests_peers_driver_LDADD = core/libradcore.la
tests_peers_driver_LDFLAGS =
CLEANFILES += $(EXTRA_PROGRAMS)

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
  RADEMACHER='$(abs_builddir)/rademacher'; export RADEMACHER; \
  RAD_PLUGIN_PATH='$(abs_builddir)/plugins'; export RAD_PLUGIN_PATH; \
  RADEMACHER_DEFAULTS='$(abs_top_srcdir)/configs/defaults.ini'; export RADEMACHER_DEFAULTS; \
  top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
  top_builddir='$(abs_top_builddir)'; export top_builddir; \
  CC='$(CC)'; export CC; LC_ALL=C; export LC_ALL;
