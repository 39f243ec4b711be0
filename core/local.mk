# SPDX-License-Identifier: BSD-3-Clause
# libradcore, which the tests link too, and the program.
pkginclude_HEADERS = \
  include/rademacher/abi.h \
  include/rademacher/backend.h \
  include/rademacher/compressor.h \
  include/rademacher/data.h \
  include/rademacher/dataset.h \
  include/rademacher/executor.h \
  include/rademacher/exporter.h \
  include/rademacher/fit.h \
  include/rademacher/hooks.h \
  include/rademacher/lab.h \
  include/rademacher/layer.h \
  include/rademacher/logger.h \
  include/rademacher/loss.h \
  include/rademacher/measure.h \
  include/rademacher/model.h \
  include/rademacher/noise.h \
  include/rademacher/optimizer.h \
  include/rademacher/pruner.h \
  include/rademacher/rademacher.h \
  include/rademacher/regularizer.h \
  include/rademacher/schedule.h \
  include/rademacher/search.h

CORE_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/core \
  -DPKGLIBDIR='"$(pkglibdir)"' -DPKGDATADIR='"$(pkgdatadir)"' \
  -DSOURCE_CONFIGS='"$(abs_top_srcdir)/configs"' \
  $(INIH_CFLAGS) $(JANSSON_CFLAGS) $(MD_CFLAGS) $(PNG_CFLAGS) $(ZLIB_CFLAGS)

noinst_LTLIBRARIES = core/libradcore.la
core_libradcore_la_SOURCES = \
  core/arena.c \
  core/arm.c \
  core/arm.h \
  core/arrays.c \
  core/arrays.h \
  core/axes.c \
  core/axes.h \
  core/batch.c \
  core/blocks.c \
  core/blocks.h \
  core/cache.c \
  core/chains.c \
  core/chains.h \
  core/checkpoint.c \
  core/cmd_check.c \
  core/cmd_complete.c \
  core/cmd_data.c \
  core/cmd_export.c \
  core/cmd_help.c \
  core/cmd_new.c \
  core/cmd_plugins.c \
  core/cmd_report.c \
  core/cmd_run.c \
  core/cmd_show.c \
  core/cmd_trials.c \
  core/cmd_watch.c \
  core/commands.c \
  core/commands.h \
  core/compress.c \
  core/config.c \
  core/config.h \
  core/config_index.c \
  core/config_parts.h \
  core/config_read.c \
  core/config_set.c \
  core/cost.c \
  core/cost.h \
  core/cut.c \
  core/data.h \
  core/data_fetch.c \
  core/data_rebuild.c \
  core/data_sets.c \
  core/data_sets.h \
  core/defaults.c \
  core/derive.c \
  core/diag.c \
  core/diag.h \
  core/evaluate.c \
  core/events.c \
  core/experiment.c \
  core/experiment.h \
  core/fit.c \
  core/final.c \
  core/flop.c \
  core/folders.c \
  core/fs.c \
  core/fs.h \
  core/fs_data.c \
  core/fs_read.c \
  core/fuse.c \
  core/given.c \
  core/graph.c \
  core/host.c \
  core/host.h \
  core/importance.c \
  core/importance.h \
  core/ini.c \
  core/inifile.h \
  core/inspect.c \
  core/jobs.c \
  core/journal.c \
  core/json.c \
  core/json.h \
  core/keys.c \
  core/keys.h \
  core/kinds.c \
  core/lab.c \
  core/layout.c \
  core/manifest.c \
  core/mask.c \
  core/math.c \
  core/memory.c \
  core/metric.c \
  core/model.c \
  core/model.h \
  core/names.c \
  core/moments.c \
  core/network.c \
  core/number.c \
  core/options.c \
  core/options.h \
  core/pass.c \
  core/philox.c \
  core/philox.h \
  core/philox_lanes.c \
  core/philox_lanes.h \
  core/plugin.c \
  core/plugin.h \
  core/plugin_file.h \
  core/plugin_ops.c \
  core/plugins_path.c \
  core/paths.c \
  core/point.c \
  core/portable.c \
  core/prune.c \
  core/record.c \
  core/record.h \
  core/references.c \
  core/report.c \
  core/report.h \
  core/report_chains.c \
  core/report_compare.c \
  core/report_curves.c \
  core/report_figure.c \
  core/report_images.c \
  core/report_importance.c \
  core/report_html.c \
  core/report_kept.c \
  core/report_page.c \
  core/report_run.c \
  core/report_search.c \
  core/report_sweep.c \
  core/report_verdict.c \
  core/report_weights.c \
  core/reports.c \
  core/results.c \
  core/reuse.c \
  core/running.h \
  core/safetensors.c \
  core/safetensors.h \
  core/score.c \
  core/same.c \
  core/samples.c \
  core/scratch.c \
  core/searched.c \
  core/sections.c \
  core/sections.h \
  core/services.c \
  core/services.h \
  core/services_files.c \
  core/setup.c \
  core/size.c \
  core/source.c \
  core/source.h \
  core/space.c \
  core/spawn.c \
  core/stages.c \
  core/store.c \
  core/store.h \
  core/study.c \
  core/study.h \
  core/study_measures.c \
  core/summary.c \
  core/targets.c \
  core/team.c \
  core/team.h \
  core/text.c \
  core/text.h \
  core/train.c \
  core/train.h \
  core/tree.c \
  core/trial.c \
  core/trial_table.c \
  core/trial_table.h \
  core/utf8.h \
  core/vectors.c \
  core/vectors.h \
  core/verdict.c \
  core/verdict_print.c \
  core/verdict.h \
  core/weights.c \
  core/weights.h \
  core/worker.c
core_libradcore_la_CPPFLAGS = $(CORE_CPPFLAGS) $(NATIVE_CPPFLAGS)
core_libradcore_la_LIBADD = $(LANES) $(INIH_LIBS) $(JANSSON_LIBS) $(MD_LIBS) $(PNG_LIBS) $(ZLIB_LIBS)
core_libradcore_la_LDFLAGS =

# The same source once more for each instruction set; philox.c chooses.
LANES =
if HAVE_AVX2
noinst_LTLIBRARIES += core/libphilox_avx2.la
LANES += core/libphilox_avx2.la
core_libphilox_avx2_la_SOURCES = core/philox_lanes.c core/philox_lanes.h
core_libphilox_avx2_la_CPPFLAGS = $(CORE_CPPFLAGS) -DPHILOX_LANES=avx2
core_libphilox_avx2_la_CFLAGS = $(AM_CFLAGS) $(AVX2_CFLAGS)
core_libphilox_avx2_la_LDFLAGS =
endif
if HAVE_AVX512
noinst_LTLIBRARIES += core/libphilox_avx512.la
LANES += core/libphilox_avx512.la
core_libphilox_avx512_la_SOURCES = core/philox_lanes.c core/philox_lanes.h
core_libphilox_avx512_la_CPPFLAGS = $(CORE_CPPFLAGS) -DPHILOX_LANES=avx512
core_libphilox_avx512_la_CFLAGS = $(AM_CFLAGS) $(AVX512_CFLAGS)
core_libphilox_avx512_la_LDFLAGS =
endif

bin_PROGRAMS = rademacher
rademacher_SOURCES = core/main.c
rademacher_CPPFLAGS = $(CORE_CPPFLAGS)
rademacher_LDADD = core/libradcore.la
rademacher_LDFLAGS =
