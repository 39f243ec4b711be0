# SPDX-License-Identifier: BSD-3-Clause
# A suite of Check is one program, a script tests the program from outside.
TEST_CPPFLAGS = $(CORE_CPPFLAGS) $(CHECK_CFLAGS)
LDADD = core/libradcore.la $(CHECK_LIBS)

C_TESTS = tests/compress \
  tests/compressors \
  tests/conformance \
  tests/convex \
  tests/core_config \
  tests/core_data \
  tests/core_experiment \
  tests/core_fetch \
  tests/core_final \
  tests/core_formats \
  tests/core_fs \
  tests/core_host \
  tests/core_importance \
  tests/core_keys \
  tests/core_model \
  tests/core_philox \
  tests/core_plugin \
  tests/core_pruning \
  tests/core_reuse \
  tests/core_safetensors \
  tests/core_study \
  tests/core_text \
  tests/core_train \
  tests/files \
  tests/fits \
  tests/measures \
  tests/noise_inputs \
  tests/noise_labels \
  tests/pruner \
  tests/regularizers \
  tests/search
SH_TESTS = \
  tests/analysis.sh \
  tests/browser.sh \
  tests/chains.sh \
  tests/cli.sh \
  tests/configs.sh \
  tests/data.sh \
  tests/export.sh \
  tests/import.sh \
  tests/install.sh \
  tests/kill.sh \
  tests/memory.sh \
  tests/no-globals.sh \
  tests/noise.sh \
  tests/plugins.sh \
  tests/report.sh \
  tests/shells.sh \
  tests/source.sh \
  tests/study.sh
if HAVE_CHECK
TESTS += $(C_TESTS)
check_PROGRAMS += $(C_TESTS)
endif
TESTS += $(SH_TESTS)
EXTRA_DIST += $(SH_TESTS) tests/folder.h tests/sanitized.h tests/lib.sh tests/check-portable.sh tests/bench/bench.py \
  tests/bench/nets.py tests/bench/torch_side.py tests/golden tests/peers

STUDY_RIG = tests/fake_arm.c tests/study_rig.c tests/study_rig.h
COMPRESS_RIG = tests/compress_rig.c tests/compress_rig.h
tests_compress_SOURCES = tests/compress.c $(COMPRESS_RIG)
tests_compress_CPPFLAGS = $(TEST_CPPFLAGS)
tests_compress_LDFLAGS =
tests_compressors_SOURCES = tests/compressors.c $(COMPRESS_RIG)
tests_compressors_CPPFLAGS = $(TEST_CPPFLAGS)
tests_compressors_LDFLAGS =
tests_conformance_SOURCES = \
  tests/conformance.c \
  tests/conformance.h \
  tests/conformance_backend.c \
  tests/conformance_conv.c \
  tests/conformance_course.c \
  tests/conformance_data.c \
  tests/conformance_hooks.c \
  tests/conformance_image.c \
  tests/conformance_layer.c \
  tests/conformance_loss.c \
  tests/conformance_packed.c \
  tests/conformance_pool.c \
  tests/conformance_rig.c \
  tests/conformance_rig.h \
  tests/conformance_search.c \
  tests/conformance_sparse.c \
  tests/lab_stub.c
tests_conformance_CPPFLAGS = $(TEST_CPPFLAGS)
tests_conformance_LDFLAGS =
tests_convex_CPPFLAGS = $(TEST_CPPFLAGS)
tests_convex_LDFLAGS =
tests_core_config_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_config_LDFLAGS =
tests_core_data_SOURCES = tests/core_data.c tests/data_lab.c tests/data_lab.h $(FIXTURES)
tests_core_data_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_core_data_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_core_data_LDFLAGS =
tests_core_experiment_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_experiment_LDFLAGS =
tests_core_fetch_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_fetch_LDFLAGS =
tests_core_formats_SOURCES = tests/core_formats.c tests/data_lab.c tests/data_lab.h $(FIXTURES)
tests_core_formats_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_core_formats_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_core_formats_LDFLAGS =
tests_core_fs_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_fs_LDFLAGS =
tests_core_host_CPPFLAGS = $(TEST_CPPFLAGS) -DZOO='"$(abs_builddir)/tests/zoo"'
tests_core_host_LDFLAGS =
tests_core_importance_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_importance_LDFLAGS =
tests_core_keys_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_keys_LDFLAGS =
tests_core_model_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_model_LDFLAGS =
tests_core_philox_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_philox_LDFLAGS =
tests_core_plugin_CPPFLAGS = $(TEST_CPPFLAGS) -DZOO='"$(abs_builddir)/tests/zoo"'
tests_core_plugin_LDFLAGS =
tests_core_reuse_SOURCES = tests/core_reuse.c $(STUDY_RIG)
tests_core_reuse_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_reuse_LDFLAGS =
tests_core_safetensors_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_safetensors_LDFLAGS =
tests_core_final_SOURCES = tests/core_final.c $(STUDY_RIG)
tests_core_final_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_final_LDFLAGS =
tests_core_pruning_SOURCES = tests/core_pruning.c $(STUDY_RIG)
tests_core_pruning_CPPFLAGS = $(TEST_CPPFLAGS) -DZOO='"$(abs_builddir)/tests/zoo"'
tests_core_pruning_LDFLAGS =
tests_core_study_SOURCES = tests/core_study.c $(STUDY_RIG)
tests_core_study_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_study_LDFLAGS =
tests_core_text_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_text_LDFLAGS =
tests_core_train_CPPFLAGS = $(TEST_CPPFLAGS)
tests_core_train_LDFLAGS =
tests_measures_SOURCES = \
  tests/measures.c tests/measures_loss.c tests/measures_run.c tests/measures_study.c \
  tests/measure_rig.c tests/measure_rig.h
tests_measures_CPPFLAGS = $(TEST_CPPFLAGS)
tests_measures_LDFLAGS =
tests_noise_inputs_SOURCES = tests/noise_inputs.c tests/data_lab.c tests/data_lab.h $(FIXTURES)
tests_noise_inputs_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_noise_inputs_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_noise_inputs_LDFLAGS =
tests_noise_labels_SOURCES = tests/noise_labels.c tests/data_lab.c tests/data_lab.h $(FIXTURES)
tests_noise_labels_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_noise_labels_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_noise_labels_LDFLAGS =
tests_pruner_CPPFLAGS = $(TEST_CPPFLAGS)
tests_pruner_LDFLAGS =
tests_regularizers_SOURCES = tests/regularizers.c tests/data_lab.c tests/data_lab.h $(FIXTURES)
tests_regularizers_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_regularizers_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_regularizers_LDFLAGS =

tests_files_SOURCES = tests/files.c tests/files_rig.c tests/files_rig.h
tests_files_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(SQLITE_CFLAGS)
tests_files_LDADD = $(LDADD) $(PNG_LIBS) $(SQLITE_LIBS)
tests_files_LDFLAGS =
tests_fits_SOURCES = tests/fits.c tests/data_lab.c tests/data_lab.h $(FIXTURES)
tests_fits_CPPFLAGS = $(TEST_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_fits_LDADD = $(LDADD) $(PNG_LIBS) $(JPEG_LIBS)
tests_fits_LDFLAGS =
tests_search_SOURCES = \
  tests/search.c \
  tests/search.h \
  tests/search_model.c \
  tests/search_parts.c \
  tests/search_plain.c \
  tests/search_rig.c \
  tests/search_rig.h
tests_search_CPPFLAGS = $(TEST_CPPFLAGS)
tests_search_LDFLAGS =

# Small data sets, whole and damaged.
FIXTURES = tests/fixtures.c tests/fixtures.h
check_PROGRAMS += tests/make_fixtures
tests_make_fixtures_SOURCES = tests/make_fixtures.c $(FIXTURES)
tests_make_fixtures_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core $(PNG_CFLAGS) $(JPEG_CFLAGS)
tests_make_fixtures_LDADD = core/libradcore.la $(PNG_LIBS) $(JPEG_LIBS) $(ZLIB_LIBS)
tests_make_fixtures_LDFLAGS =

# Plugins with one fault each, and those of earlier headers, in one folder.
ZOO = \
  tests/abi/old.c \
  tests/bad_plugins/aimless.c \
  tests/bad_plugins/bad_name.c \
  tests/bad_plugins/empty.c \
  tests/bad_plugins/endless.c \
  tests/bad_plugins/escape.c \
  tests/bad_plugins/good.c \
  tests/bad_plugins/half_pointer.c \
  tests/bad_plugins/key_clash.c \
  tests/bad_plugins/key_default.c \
  tests/bad_plugins/key_nan.c \
  tests/bad_plugins/key_outside.c \
  tests/bad_plugins/key_stride.c \
  tests/bad_plugins/key_twice.c \
  tests/bad_plugins/meddling.c \
  tests/bad_plugins/moody.c \
  tests/bad_plugins/newer.c \
  tests/bad_plugins/no_ops.c \
  tests/bad_plugins/no_plan.c \
  tests/bad_plugins/no_symbol.c \
  tests/bad_plugins/null_list.c \
  tests/bad_plugins/other_abi.c \
  tests/bad_plugins/other_release.c \
  tests/bad_plugins/short_descriptor.c \
  tests/bad_plugins/short_ops.c \
  tests/bad_plugins/twice.c \
  tests/bad_plugins/unknown_kind.c
tests/zoo/stamp: $(ZOO) tests/bad_plugins/zoo.h $(pkginclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) tests/zoo && for f in $(ZOO); do \
	  $(CC) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) \
	    -o "tests/zoo/`basename $$f .c`.so" "$(srcdir)/$$f" || exit 1; done
	@touch $@
check_DATA = tests/zoo/stamp
EXTRA_DIST += $(ZOO) tests/bad_plugins/zoo.h

# For `make bench` and `make check-peers`.
EXTRA_PROGRAMS += tests/bench/peak tests/bench/sparse tests/peers/driver \
  tests/peers/network_driver tests/peers/search_driver
tests_bench_peak_CFLAGS = $(STD_CFLAGS) $(WARN_CFLAGS) -O3 -ffp-contract=fast
tests_bench_peak_LDADD =
tests_bench_peak_LDFLAGS =
tests_bench_sparse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core
tests_bench_sparse_LDADD = core/libradcore.la
tests_bench_sparse_LDFLAGS =
tests_peers_driver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core
tests_peers_driver_LDADD = core/libradcore.la
tests_peers_driver_LDFLAGS =
tests_peers_network_driver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core
tests_peers_network_driver_LDADD = core/libradcore.la
tests_peers_network_driver_LDFLAGS =
tests_peers_search_driver_SOURCES = \
  tests/peers/search_driver.c tests/search_rig.c tests/search_rig.h
tests_peers_search_driver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/core -I$(top_srcdir)/tests
tests_peers_search_driver_LDADD = core/libradcore.la
tests_peers_search_driver_LDFLAGS =
CLEANFILES += $(EXTRA_PROGRAMS)

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
  RADEMACHER='$(abs_builddir)/rademacher'; export RADEMACHER; \
  RAD_PLUGIN_PATH='$(abs_builddir)/plugins'; export RAD_PLUGIN_PATH; \
  RADEMACHER_DEFAULTS='$(abs_top_srcdir)/configs/defaults.ini'; export RADEMACHER_DEFAULTS; \
  top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
  top_builddir='$(abs_top_builddir)'; export top_builddir; \
  CC='$(CC)'; export CC; LC_ALL=C; export LC_ALL; \
  CK_DEFAULT_TIMEOUT=120; export CK_DEFAULT_TIMEOUT;
