/* SPDX-License-Identifier: BSD-3-Clause
 * plugin.h - finds, loads and checks plugins. A plugin is looked for as DIR/<kind>/<name>.so and
 * DIR/<kind>/.libs/<name>.so in each folder of the path in turn; only where that fails are the
 * folders scanned. The path: --plugin-dir, then $RAD_PLUGIN_PATH, then the build tree's plugins
 * where the program runs uninstalled, else $(pkglibdir)/plugins. Never the current directory:
 * every folder must be absolute. */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H
#include "diag.h"
#include <rademacher/rademacher.h>

typedef struct plugin { /* a checked copy: what an older plugin lacks is NULL or 0 */
  rad_plugin d;         /* d.keys has today's stride */
  union {
    rad_dataset_ops dataset;
    rad_noise_ops noise;
    rad_layer_ops layer;
    rad_loss_ops loss;
    rad_optimizer_ops optimizer;
    rad_schedule_ops schedule;
    rad_hooks hooks;
    rad_fit_ops fit;
    rad_search_ops search;
    rad_pruner_ops pruner;
    rad_compressor_ops compressor;
    rad_executor_ops executor;
    rad_exporter_ops exporter;
    rad_logger_ops logger;
    rad_math math;
  } ops;
  rad_layer_ops after;            /* of hooks.after; ops.hooks.after points here, or is NULL */
  const char *file;               /* absolute */
  const struct plugin *hidden_by; /* another of the same kind and name; known after a scan */
} plugin;
typedef struct plugins plugins;
/* May it report a metric of this name? Also where it does not say. */
bool plugin_reports(const plugin *, const char *metric);

/* First of all in main: where this program is. Without it installed plugins are used. */
rad_status plugins_set_program(const char *argv0);
const char *plugins_program(void); /* absolute path, or NULL */
/* "NAME=value", NULL-terminated: libraries that plugins bring use one thread; ours are enough. What
 * loads plugins has these in its environment before that: workers from who starts them. */
extern const char *const plugins_environment[];
rad_status plugins_set_environment(void); /* of this process */
/* `dir`: --plugin-dir or NULL. */
rad_status plugins_new(plugins **, const char *dir, diag *);
void plugins_free(plugins *); /* never dlcloses */
/* The plugin of a kind and name; lives as long as `plugins`. A file that has the name but does not
 * load, or is of another ABI, is an error that says why; no such plugin: an error with the nearest
 * name and where was looked. `title` is the section that wants it, for the message. */
const plugin *plugins_find(plugins *, uint32_t kind, const char *name, origin, const char *title,
                           diag *);
/* Every plugin that plugins_find can return, by kind and name; files that do not load are warnings
 * with the reason. plugins_all: those behind them too, with hidden_by. They live as long as
 * `plugins`. */
rad_status plugins_scan(plugins *, const plugin *const **list, size_t *n, diag *);
rad_status plugins_all(plugins *, const plugin *const **list, size_t *n, diag *);
const char *const *plugins_path(const plugins *, size_t *n); /* folders, in order */
const char *plugin_kind_name(uint32_t kind);                 /* "layer"; NULL: no such kind */
#endif
