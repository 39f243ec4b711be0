# SPDX-License-Identifier: BSD-3-Clause
# A plugin is one line here; its source is the .c file of the same name. Below, what a few of them
# need beside the C library.
plugindir = $(pkglibdir)
nobase_plugin_LTLIBRARIES = \
  plugins/backend/native.la \
  plugins/backend/openblas.la \
  plugins/backend/reference.la \
  plugins/compressor/distill.la \
  plugins/compressor/low_rank.la \
  plugins/compressor/magnitude.la \
  plugins/compressor/quantize.la \
  plugins/compressor/random_subspace.la \
  plugins/compressor/unit_ablation.la \
  plugins/dataset/blobs.la \
  plugins/dataset/cifar.la \
  plugins/dataset/folder.la \
  plugins/dataset/gaussian.la \
  plugins/dataset/idx.la \
  plugins/dataset/uniform.la \
  plugins/executor/local.la \
  plugins/exporter/npz.la \
  plugins/exporter/onnx.la \
  plugins/exporter/safetensors.la \
  plugins/fit/gradient.la \
  plugins/fit/kernel.la \
  plugins/fit/theorem1.la \
  plugins/layer/add.la \
  plugins/layer/avg_pool.la \
  plugins/layer/batch_norm.la \
  plugins/layer/concat.la \
  plugins/layer/conv2d.la \
  plugins/layer/convex_conv2d.la \
  plugins/layer/convex_dense.la \
  plugins/layer/dense.la \
  plugins/layer/elu.la \
  plugins/layer/flatten.la \
  plugins/layer/global_avg_pool.la \
  plugins/layer/identity.la \
  plugins/layer/leaky_relu.la \
  plugins/layer/lrn.la \
  plugins/layer/max_pool.la \
  plugins/layer/relu.la \
  plugins/layer/sigmoid.la \
  plugins/layer/softplus.la \
  plugins/layer/tanh.la \
  plugins/logger/console.la \
  plugins/logger/csv.la \
  plugins/logger/jsonl.la \
  plugins/logger/tensorboard.la \
  plugins/loss/bootstrapping.la \
  plugins/loss/cross_entropy.la \
  plugins/loss/gce.la \
  plugins/loss/kl.la \
  plugins/loss/mse.la \
  plugins/loss/sce.la \
  plugins/measure/accuracy.la \
  plugins/measure/coherence.la \
  plugins/measure/confusion.la \
  plugins/measure/critical_sample_ratio.la \
  plugins/measure/epochs_to_fit.la \
  plugins/measure/forgetting.la \
  plugins/measure/loss.la \
  plugins/measure/loss_sensitivity.la \
  plugins/measure/margin.la \
  plugins/measure/memorization.la \
  plugins/measure/norms.la \
  plugins/measure/per_example_loss.la \
  plugins/measure/sharpness.la \
  plugins/noise/add_gaussian.la \
  plugins/noise/asymmetric.la \
  plugins/noise/fresh_gaussian.la \
  plugins/noise/fresh_uniform.la \
  plugins/noise/gaussian_pixels.la \
  plugins/noise/label_file.la \
  plugins/noise/pair_flip.la \
  plugins/noise/random_crop.la \
  plugins/noise/random_flip.la \
  plugins/noise/random_labels.la \
  plugins/noise/random_pixels.la \
  plugins/noise/salt_pepper.la \
  plugins/noise/shuffled_pixels.la \
  plugins/noise/swap_dataset.la \
  plugins/optimizer/adam.la \
  plugins/optimizer/sgd.la \
  plugins/pruner/curve.la \
  plugins/pruner/halving.la \
  plugins/pruner/hyperband.la \
  plugins/pruner/median.la \
  plugins/pruner/subset.la \
  plugins/regularizer/dropout.la \
  plugins/regularizer/early_stopping.la \
  plugins/regularizer/ioc.la \
  plugins/regularizer/l1.la \
  plugins/regularizer/max_norm.la \
  plugins/regularizer/mixup.la \
  plugins/regularizer/noise_penalty.la \
  plugins/regularizer/subspace.la \
  plugins/regularizer/weight_decay.la \
  plugins/schedule/constant.la \
  plugins/schedule/cosine.la \
  plugins/schedule/exponential.la \
  plugins/schedule/plateau.la \
  plugins/schedule/step.la \
  plugins/search/bayes.la \
  plugins/search/cma_es.la \
  plugins/search/evolution.la \
  plugins/search/grid.la \
  plugins/search/nsga2.la \
  plugins/search/quasi_random.la \
  plugins/search/random.la \
  plugins/search/tpe.la

# Where there is SQLite.
if HAVE_SQLITE
nobase_plugin_LTLIBRARIES += plugins/logger/optuna.la
endif
plugins_logger_optuna_la_SOURCES = \
  plugins/logger/optuna.c plugins/logger/optuna.h plugins/logger/sql.h plugins/quote.h
plugins_logger_optuna_la_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
plugins_logger_optuna_la_LIBADD = $(SQLITE_LIBS)

# One library per instruction set, from the same sources. Fused multiply-adds are wanted here: the
# backend's identity names the set.
noinst_LTLIBRARIES += plugins/backend/native/libbaseline.la
plugins_backend_native_la_SOURCES = plugins/backend/native.c
plugins_backend_native_la_CPPFLAGS = $(AM_CPPFLAGS) $(NATIVE_CPPFLAGS)
plugins_backend_native_la_LIBADD = plugins/backend/native/libbaseline.la
NATIVE_SOURCES = \
  plugins/backend/act.h \
  plugins/backend/pool.h \
  plugins/backend/native/conv.c \
  plugins/backend/native/conv.h \
  plugins/backend/native/conv_weight.c \
  plugins/backend/native/corr.c \
  plugins/backend/native/dest.h \
  plugins/backend/native/gemm.c \
  plugins/backend/native/gemm64.c \
  plugins/backend/native/isa.h \
  plugins/backend/native/pack.c \
  plugins/backend/native/planes.c \
  plugins/backend/native/planes.h \
  plugins/backend/native/pool.c \
  plugins/backend/native/side.c \
  plugins/backend/native/side.h \
  plugins/backend/native/sparse.c \
  plugins/backend/native/sparse_conv.c \
  plugins/backend/native/table.c \
  plugins/backend/native/tile.h \
  plugins/backend/native/vec.h
NATIVE_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
plugins_backend_native_libbaseline_la_SOURCES = $(NATIVE_SOURCES)
plugins_backend_native_libbaseline_la_CPPFLAGS = $(AM_CPPFLAGS) -DRAD_ISA=baseline -DRAD_VL=4
plugins_backend_native_libbaseline_la_CFLAGS = $(NATIVE_CFLAGS)
plugins_backend_native_libbaseline_la_LDFLAGS =
if HAVE_AVX2
noinst_LTLIBRARIES += plugins/backend/native/libavx2.la
plugins_backend_native_la_LIBADD += plugins/backend/native/libavx2.la
plugins_backend_native_libavx2_la_SOURCES = $(NATIVE_SOURCES)
plugins_backend_native_libavx2_la_CPPFLAGS = $(AM_CPPFLAGS) -DRAD_ISA=avx2 -DRAD_VL=8
plugins_backend_native_libavx2_la_CFLAGS = $(NATIVE_CFLAGS) $(AVX2_CFLAGS)
plugins_backend_native_libavx2_la_LDFLAGS =
endif
if HAVE_AVX512
noinst_LTLIBRARIES += plugins/backend/native/libavx512.la
plugins_backend_native_la_LIBADD += plugins/backend/native/libavx512.la
plugins_backend_native_libavx512_la_SOURCES = $(NATIVE_SOURCES)
plugins_backend_native_libavx512_la_CPPFLAGS = $(AM_CPPFLAGS) -DRAD_ISA=avx512 -DRAD_VL=16
plugins_backend_native_libavx512_la_CFLAGS = $(NATIVE_CFLAGS) $(AVX512_CFLAGS)
plugins_backend_native_libavx512_la_LDFLAGS =
if HAVE_AVX512BF16
noinst_LTLIBRARIES += plugins/backend/native/libbf16.la
plugins_backend_native_la_LIBADD += plugins/backend/native/libbf16.la
plugins_backend_native_libbf16_la_SOURCES = \
  plugins/backend/native/bf16.c plugins/backend/native/pairs.h
plugins_backend_native_libbf16_la_CPPFLAGS = $(plugins_backend_native_libavx512_la_CPPFLAGS)
plugins_backend_native_libbf16_la_CFLAGS = $(NATIVE_CFLAGS) $(AVX512BF16_CFLAGS)
plugins_backend_native_libbf16_la_LDFLAGS =
endif
endif

plugins_backend_openblas_la_SOURCES = \
  plugins/backend/openblas.c plugins/backend/act.h plugins/backend/pool.h
plugins_backend_openblas_la_CPPFLAGS = $(AM_CPPFLAGS) $(OPENBLAS_CFLAGS)
plugins_backend_openblas_la_LIBADD = $(OPENBLAS_LIBS)
plugins_backend_reference_la_SOURCES = \
  plugins/backend/reference.c plugins/backend/pool.h plugins/backend/sparse.h
plugins_compressor_distill_la_SOURCES = plugins/compressor/distill.c \
  plugins/compressor/units.h plugins/compressor/units_keep.h
plugins_compressor_low_rank_la_SOURCES = plugins/compressor/low_rank.c plugins/compressor/eigen.h
plugins_compressor_unit_ablation_la_SOURCES = \
  plugins/compressor/unit_ablation.c plugins/compressor/units.h plugins/compressor/units_keep.h
plugins_dataset_folder_la_SOURCES = \
  plugins/dataset/folder.c plugins/dataset/image.c plugins/dataset/image.h
plugins_dataset_folder_la_CPPFLAGS = $(AM_CPPFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS)
plugins_dataset_folder_la_LIBADD = $(PNG_LIBS) $(JPEG_LIBS)
plugins_exporter_npz_la_LIBADD = $(ZLIB_LIBS)
plugins_exporter_npz_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
plugins_exporter_onnx_la_SOURCES = plugins/exporter/onnx.c plugins/proto.h
plugins_exporter_safetensors_la_SOURCES = plugins/exporter/safetensors.c plugins/quote.h
plugins_fit_kernel_la_SOURCES = plugins/fit/kernel.c plugins/fit/cholesky.h
plugins_layer_avg_pool_la_SOURCES = plugins/layer/avg_pool.c plugins/layer/pool.h
plugins_layer_conv2d_la_SOURCES = plugins/layer/conv2d.c plugins/layer/conv2d.h
plugins_layer_convex_conv2d_la_SOURCES = \
  plugins/layer/convex_conv2d.c plugins/layer/conv2d.h plugins/layer/convex.h
plugins_layer_convex_dense_la_SOURCES = \
  plugins/layer/convex_dense.c plugins/layer/convex.h plugins/layer/dense.h
plugins_layer_dense_la_SOURCES = plugins/layer/dense.c plugins/layer/dense.h
plugins_layer_max_pool_la_SOURCES = plugins/layer/max_pool.c plugins/layer/pool.h
noinst_HEADERS = \
  plugins/measure/gradients.h plugins/measure/samples.h plugins/measure/spectral.h
plugins_logger_jsonl_la_SOURCES = plugins/logger/jsonl.c plugins/quote.h
plugins_logger_tensorboard_la_CPPFLAGS = $(AM_CPPFLAGS) $(PNG_CFLAGS)
plugins_logger_tensorboard_la_LIBADD = $(PNG_LIBS)
plugins_logger_tensorboard_la_SOURCES = \
  plugins/logger/tensorboard.c plugins/logger/tfhparams.h plugins/logger/tfimage.h \
  plugins/logger/tfrecord.h plugins/proto.h
plugins_noise_asymmetric_la_SOURCES = \
  plugins/noise/asymmetric.c plugins/noise/labels.h plugins/noise/table.h
plugins_noise_label_file_la_SOURCES = \
  plugins/noise/label_file.c plugins/noise/labels.h plugins/noise/table.h
plugins_noise_pair_flip_la_SOURCES = plugins/noise/pair_flip.c plugins/noise/labels.h
plugins_noise_random_labels_la_SOURCES = plugins/noise/random_labels.c plugins/noise/labels.h
plugins_noise_random_pixels_la_SOURCES = plugins/noise/random_pixels.c plugins/noise/pixels.h
plugins_noise_shuffled_pixels_la_SOURCES = plugins/noise/shuffled_pixels.c plugins/noise/pixels.h
plugins_logger_console_la_SOURCES = plugins/logger/console.c plugins/logger/board.h
plugins_pruner_halving_la_SOURCES = plugins/pruner/halving.c plugins/pruner/halving.h
plugins_pruner_hyperband_la_SOURCES = plugins/pruner/hyperband.c plugins/pruner/halving.h
plugins_pruner_subset_la_SOURCES = plugins/pruner/subset.c plugins/pruner/halving.h
plugins_search_bayes_la_SOURCES = plugins/search/bayes.c plugins/search/belief.h \
  plugins/search/gp.h plugins/search/point.h plugins/search/sobol.h
plugins_search_cma_es_la_SOURCES = plugins/search/cma_es.c plugins/search/point.h
plugins_search_evolution_la_SOURCES = \
  plugins/search/evolution.c plugins/search/point.h plugins/search/sobol.h
plugins_search_nsga2_la_SOURCES = \
  plugins/search/nsga2.c plugins/search/point.h plugins/search/sobol.h
plugins_search_quasi_random_la_SOURCES = \
  plugins/search/quasi_random.c plugins/search/point.h plugins/search/sobol.h
plugins_search_random_la_SOURCES = plugins/search/random.c plugins/search/point.h
plugins_loss_bootstrapping_la_SOURCES = plugins/loss/bootstrapping.c plugins/loss/softmax.h
plugins_loss_cross_entropy_la_SOURCES = plugins/loss/cross_entropy.c plugins/loss/softmax.h
plugins_loss_gce_la_SOURCES = plugins/loss/gce.c plugins/loss/softmax.h
plugins_loss_sce_la_SOURCES = plugins/loss/sce.c plugins/loss/softmax.h
plugins_search_tpe_la_SOURCES = \
  plugins/search/tpe.c plugins/search/parzen.h plugins/search/point.h plugins/search/sobol.h

# libtool installs its own description of each plugin; only the .so is wanted.
install-data-hook:
	cd "$(DESTDIR)$(plugindir)" && rm -f $(nobase_plugin_LTLIBRARIES)
uninstall-hook:
	for f in $(nobase_plugin_LTLIBRARIES:.la=.so); do rm -f "$(DESTDIR)$(plugindir)/$$f"; done
