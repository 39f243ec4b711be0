/* SPDX-License-Identifier: BSD-3-Clause
 * kinds.c - every kind of section, and the keys that the core itself reads in it. */
#include "keys.h"
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PLUGIN(T)    RAD_KEY(T, plugin, NULL, 0, 0, 0, "which plugin of this kind")
#define ENABLED(T)   RAD_KEY(T, enabled, "true", 0, 0, RAD_FIXED, "false: as if it were not there")

static const double two53 = 9007199254740992.0;
static const char *const inits[] = {
    "kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal", "normal", "zero", NULL};
static const char *const masks[] = {"uniform", "erdos_renyi", "concentrated", NULL};
static const char *const scales[] = {"none", "unit", "standardize", "whiten", NULL};
static const char *const directions[] = {"sum", "pareto", NULL};
static const char *const goals[] = {"max", "min", NULL};

static const rad_key run[] = {
    RAD_KEY(run_keys, epochs, "10", 1, 1e6, RAD_LOG, "passes over the training samples"),
    RAD_KEY(run_keys, batch, "128", 1, 1e6, RAD_LOG, "samples per step"),
    RAD_KEY(run_keys, evaluate, "1", 1, 1e6, RAD_FIXED,
            "epochs between evaluations of the splits; the last epoch is always evaluated"),
    RAD_KEY(run_keys, eval_batch, "256", 1, 1e6, RAD_FIXED, "samples per pass of an evaluation"),
    RAD_KEY(run_keys, threads, "1", 1, MAX_WORKERS, RAD_FIXED,
            "threads of one training; the results are the same for any number"),
    RAD_KEY(run_keys, checkpoint, "10", 0, 1e6, RAD_FIXED,
            "seconds between checkpoints, 0 for one after every epoch; a signal always leaves one"),
    RAD_KEY(run_keys, seeds, "1", 0, two53, RAD_FIXED, "each trial is run with each of these"),
    RAD_KEY(run_keys, data_seed, "0", 0, two53, RAD_FIXED, "of the cut of val and of limit"),
    RAD_KEY(run_keys, weights, "", 0, 0, RAD_FILE,
            "a safetensors file with the weights to begin with, of `export` or of PyTorch; empty: "
            "they are drawn"),
};
static const rad_key dataset[] = {
    PLUGIN(dataset_keys),
    RAD_KEY(dataset_keys, val, "0.1", 0, 0.9, 0, "share of the training samples cut off as val"),
    RAD_KEY(dataset_keys, subset, "1", 1e-9, 1, 0,
            "share of the training samples to train on, another one with each seed; the others are "
            "the split `rest`"),
    RAD_KEY(dataset_keys, limit, "0", 0, 1e12, RAD_LOG, "training samples to take, 0 for all"),
    RAD_CHOICE(dataset_keys, scale, "unit", scales, "how inputs are scaled"),
    RAD_KEY(dataset_keys, crop, "0", 0, 65536, 0, "side of the centre window, 0 for the whole"),
    ENABLED(dataset_keys),
};
static const rad_key noise[] = {
    PLUGIN(noise_keys),
    RAD_KEY(noise_keys, splits, "", 0, 0, RAD_FIXED,
            "of train, val, test; empty: train for labels, all for inputs"),
    RAD_KEY(noise_keys, fixed, "false", 0, 0, RAD_FIXED,
            "drawn by data_seed, the same for every seed; false: other draws with each seed"),
    ENABLED(noise_keys),
};
static const rad_key layer[] = {
    PLUGIN(layer_keys),
    RAD_KEY(layer_keys, input, "", 0, 0, RAD_FIXED,
            "layers or blocks it reads; empty: the one before"),
    RAD_CHOICE(layer_keys, init, "kaiming_uniform", inits, "distribution of the initial weights"),
    RAD_KEY(layer_keys, gain, "1", 0, 1e6, 0, "factor of the initial weights"),
    RAD_KEY(layer_keys, freeze, "false", 0, 0, 0, "keep the initial weights"),
    RAD_KEY(layer_keys, density, "1", 1e-9, 1, RAD_LOG, "share of the weights that there are"),
    RAD_CHOICE(layer_keys, mask, "uniform", masks,
               "which these are: of each layer its own share; shared out among all that say so by "
               "their widths; of each layer its own share, most of it on few outputs"),
    ENABLED(layer_keys),
};
static const rad_key block[] = {
    RAD_KEY(block_keys, layers, NULL, 0, 0, RAD_FIXED, "consecutive layers or blocks"),
    RAD_KEY(block_keys, repeat, "1", 1, 1000, 0, "copies, one after the other"),
    RAD_KEY(block_keys, same, "true", 0, 0, RAD_FIXED,
            "one value of each searched key for all copies; false: a value each"),
    ENABLED(block_keys),
};
static const rad_key optimizer[] = {
    PLUGIN(optimizer_keys),
    RAD_KEY(optimizer_keys, lr, "0.1", 1e-12, 1e3, RAD_LOG, "learning rate, before the schedule"),
    RAD_KEY(optimizer_keys, apply, "", 0, 0, RAD_FIXED,
            "layers or blocks it is for; empty: all others"),
    ENABLED(optimizer_keys),
};
static const rad_key hook[] = {
    PLUGIN(hook_keys),
    RAD_KEY(hook_keys, apply, "", 0, 0, RAD_FIXED, "layers or blocks it is for; empty: all"),
    RAD_KEY(hook_keys, every, "1", 1, 1e6, RAD_FIXED, "epochs between its calls after an epoch"),
    ENABLED(hook_keys),
};
static const rad_key search[] = {
    PLUGIN(search_keys),
    RAD_KEY(search_keys, trials, "0", 0, 1e9, RAD_FIXED, "0: as many as the space holds"),
    RAD_KEY(search_keys, jobs, "0", 0, 4096, RAD_FIXED, "worker processes, 0 for one per core"),
    RAD_KEY(search_keys, lag, "8", 1, 10000, RAD_FIXED,
            "trial i is proposed from the results of the trials below i - lag"),
    RAD_KEY(search_keys, retries, "1", 0, 100, RAD_FIXED, "new starts of a job that crashed"),
    RAD_KEY(search_keys, cache, "", 0, 0, RAD_FIXED | RAD_FILE,
            "a folder that keeps what jobs have come to, for other studies; empty: none"),
};
static const rad_key pruner[] = {
    PLUGIN(pruner_keys),
    RAD_KEY(pruner_keys, metric, "", 0, 0, RAD_FIXED,
            "what it watches; empty: the first metric of the objective with a positive weight, "
            "arms with a noise or a data set of their own left out"),
    RAD_CHOICE(pruner_keys, goal, "max", goals,
               "which way `metric` is better; one of the objective goes by its weight"),
    ENABLED(pruner_keys),
};
static const rad_key final[] = {
    RAD_KEY(final_keys, seeds, NULL, 0, two53, RAD_FIXED, "with which; none of those of [run]"),
    RAD_KEY(final_keys, val, "0", 0, 0.9, RAD_FIXED,
            "share of the training samples to keep as val; 0: it is trained on too"),
    ENABLED(final_keys),
};
static const rad_key compressor[] = {
    PLUGIN(compressor_keys),
    RAD_KEY(compressor_keys, apply, "", 0, 0, RAD_FIXED,
            "layers or blocks it may change; empty: all"),
    RAD_KEY(compressor_keys, rounds, "20", 1, 1000, RAD_LOG,
            "at most so many, each of the last's result"),
    RAD_KEY(compressor_keys, metric, "train.accuracy", 0, 0, RAD_FIXED,
            "of each round's network: what is to be kept; more is better"),
    RAD_KEY(compressor_keys, floor, "0", 0, 1, 0,
            "ends the chain once the metric is below this share of the first network's"),
    RAD_KEY(compressor_keys, min_parameters, "0", 0, 1e12, RAD_LOG,
            "ends the chain once no more parameters than this are left"),
    RAD_KEY(compressor_keys, control, "false", 0, 0, RAD_FIXED,
            "also train each round's network from its initial weights, as the arm was trained"),
    ENABLED(compressor_keys),
};
static const rad_key plain[] = {PLUGIN(plain_keys), ENABLED(plain_keys)};
static const rad_key free_keys[] = {ENABLED(free_section_keys)};
static const rad_key objective[] = {
    RAD_CHOICE(objective_keys, direction, "sum", directions,
               "maximise the weighted sum of the terms, or keep them apart"),
    RAD_KEY(objective_keys, allow_test, "false", 0, 0, RAD_FIXED,
            "let what selects see the test split; reports say so"),
};
/* The widest finite range stands for "no limit" here; who reads a constraint asks whether the key
 * was given. */
static const rad_key constraint[] = {
    RAD_KEY(constraint_keys, metric, NULL, 0, 0, RAD_FIXED, "what is limited"),
    RAD_KEY(constraint_keys, min, "-1e308", -1e308, 1e308, RAD_FIXED, "smallest value allowed"),
    RAD_KEY(constraint_keys, max, "1e308", -1e308, 1e308, RAD_FIXED, "greatest value allowed"),
    ENABLED(constraint_keys),
};

#define KIND(name_, id, flags_, table, T, help_)                                                   \
  {                                                                                                \
    .name = name_, .kind = id, .flags = flags_, .common = table, .ncommon = COUNT(table),          \
    .size = sizeof(T), .help = help_                                                               \
  }
static const kind_info kinds[] = {
    KIND("run", 0, 0, run, run_keys, "length of the trainings, seeds"),
    KIND("dataset", RAD_DATASET, KIND_PLUGIN | KIND_BOTH, dataset, dataset_keys,
         "samples; named ones are extra, for plugins that ask for them"),
    KIND("noise", RAD_NOISE, KIND_PLUGIN | KIND_NAMED, noise, noise_keys,
         "corrupts labels or inputs, in file order"),
    KIND("layer", RAD_LAYER, KIND_PLUGIN | KIND_NAMED, layer, layer_keys,
         "one operation of the network, in file order"),
    KIND("block", 0, KIND_NAMED, block, block_keys, "repeats consecutive layers"),
    KIND("loss", RAD_LOSS, KIND_PLUGIN, plain, plain_keys, "how far outputs are from targets"),
    KIND("optimizer", RAD_OPTIMIZER, KIND_PLUGIN | KIND_BOTH, optimizer, optimizer_keys,
         "from gradient to step; named ones are for groups of layers"),
    KIND("schedule", RAD_SCHEDULE, KIND_PLUGIN, plain, plain_keys, "factor of the learning rate"),
    KIND("regularizer", RAD_REGULARIZER, KIND_PLUGIN | KIND_NAMED, hook, hook_keys,
         "changes the training"),
    KIND("measure", RAD_MEASURE, KIND_PLUGIN | KIND_NAMED, hook, hook_keys, "watches the training"),
    KIND("fit", RAD_FIT, KIND_PLUGIN, plain, plain_keys, "how the parameters are found"),
    KIND("search", RAD_SEARCH, KIND_PLUGIN | KIND_STUDY, search, search_keys,
         "which point is tried next"),
    KIND("pruner", RAD_PRUNER, KIND_PLUGIN | KIND_STUDY, pruner, pruner_keys,
         "which trials are given up"),
    KIND("compressor", RAD_COMPRESSOR, KIND_PLUGIN | KIND_BOTH, compressor, compressor_keys,
         "makes a trained network smaller"),
    KIND("executor", RAD_EXECUTOR, KIND_PLUGIN | KIND_STUDY, plain, plain_keys,
         "where jobs are run"),
    KIND("logger", RAD_LOGGER, KIND_PLUGIN | KIND_NAMED | KIND_STUDY, plain, plain_keys,
         "draws the journal in another format"),
    KIND("exporter", RAD_EXPORTER, KIND_PLUGIN | KIND_NAMED | KIND_STUDY, plain, plain_keys,
         "what `rademacher export` writes"),
    KIND("backend", RAD_BACKEND, KIND_PLUGIN, plain, plain_keys, "arithmetic"),
    KIND("arm", 0, KIND_NAMED | KIND_FREE, free_keys, free_section_keys,
         "one training: keys that differ from the rest of the file"),
    KIND("objective", 0, KIND_FREE | KIND_STUDY, objective, objective_keys,
         "metric = weight: what the search maximises"),
    KIND("constraint", 0, KIND_NAMED | KIND_STUDY, constraint, constraint_keys,
         "limits of a metric"),
    KIND("final", 0, KIND_STUDY, final, final_keys,
         "once the search is over: the best trial again, on train and val, with fresh seeds"),
    KIND("axis", 0, KIND_NAMED | KIND_FREE | KIND_STUDY, free_keys, free_section_keys,
         "row = key=value, key=value: a dimension of keys that change together"),
    KIND("point", 0, KIND_NAMED | KIND_FREE | KIND_STUDY, free_keys, free_section_keys,
         "key=value of searched keys: a point that is tried before the search proposes its own"),
};

const kind_info *kind_list(size_t *n)
{
  *n = COUNT(kinds);
  return kinds;
}

const kind_info *kind_by_name(const char *name)
{
  for (size_t i = 0; i < COUNT(kinds); i++)
    if (strcmp(kinds[i].name, name) == 0)
      return &kinds[i];
  return NULL;
}

const kind_info *kind_by_id(uint32_t kind)
{
  for (size_t i = 0; i < COUNT(kinds); i++)
    if (kind != 0 && kinds[i].kind == kind)
      return &kinds[i];
  return NULL;
}

const char *kind_hint(char out[96], const char *word)
{
  const char *name[COUNT(kinds)];
  for (size_t i = 0; i < COUNT(kinds); i++)
    name[i] = kinds[i].name;
  return text_hint(out, word, name, COUNT(kinds));
}
