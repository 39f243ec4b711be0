/* SPDX-License-Identifier: BSD-3-Clause
 * rademacher.h - every kind's header. */
#include <rademacher/compressor.h>
#include <rademacher/dataset.h>
#include <rademacher/executor.h>
#include <rademacher/exporter.h>
#include <rademacher/fit.h>
#include <rademacher/hooks.h>
#include <rademacher/layer.h>
#include <rademacher/logger.h>
#include <rademacher/loss.h>
#include <rademacher/measure.h>
#include <rademacher/noise.h>
#include <rademacher/optimizer.h>
#include <rademacher/pruner.h>
#include <rademacher/regularizer.h>
#include <rademacher/schedule.h>
#include <rademacher/search.h>
