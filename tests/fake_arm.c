/* SPDX-License-Identifier: BSD-3-Clause
 * fake_arm.c - a training that only pretends, in the place of arm.c and inspect.c: it writes what
 * arm.h says a job leaves in its folder, and misbehaves as the environment asks.
 *
 * After epoch e with seed s and learning rate lr, on the share p of the samples: val.accuracy =
 * 1 - 1 / (1 + 0.37 e p + 0.11 s + lr), and train.loss = 1 / (e + lr). */
#include "arm.h"
#include "experiment.h"
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool asked(const char *what, const char *arm)
{
  const char *v = getenv(what);
  return v && strcmp(v, arm) == 0;
}

static void put_epoch(FILE *f, uint64_t e, double accuracy, double loss)
{
  fprintf(f,
          "{\"epoch\": %" PRIu64 ", \"seconds\": %ld, \"metrics\": {\"val.accuracy\": %.17g, "
          "\"train.loss\": %.17g}}\n",
          e, (long)getpid(), accuracy, loss);
  fflush(f);
}

static uint64_t read_checkpoint(const char *path)
{
  uint64_t e = 0;
  FILE *f = fopen(path, "r");
  if (f && fscanf(f, "%" SCNu64, &e) != 1)
    e = 0;
  if (f)
    fclose(f);
  return e;
}

static void write_checkpoint(env *v, const char *path, uint64_t e)
{
  char line[32];
  const int n = snprintf(line, sizeof line, "%" PRIu64 "\n", e);
  fs_write(path, line, (size_t)n, v->diag);
}

static rad_status misbehave(const arm_job *j, uint64_t e, const char *once)
{
  while (e == 2 && asked("FAKE_HANG", j->arm)) /* deaf to signals */
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
  if (e == 2 && asked("FAKE_CRASH", j->arm)) {
    fprintf(stderr, "an ounce of \"quicksilver\"\n");
    raise(SIGKILL);
  }
  if (e == 2 && asked("FAKE_CRASH_ONCE", j->arm) && !fs_is_file(once)) {
    close(open(once, O_CREAT | O_WRONLY, 0666));
    raise(SIGABRT);
  }
  if (e == 3 && asked("FAKE_FULL", j->arm)) {
    fprintf(stderr, "no space left\n");
    return RAD_EIO;
  }
  return e == 3 && asked("FAKE_DIVERGE", j->arm) ? RAD_EDIVERGED : RAD_OK;
}

static rad_status write_result(env *v, const char *path, const char *state, int64_t epochs,
                               double accuracy, double loss)
{
  text out = {0};
  text_printf(
      &out,
      "{\"state\": \"%s\", \"reason\": \"\", \"epochs\": %d, \"seconds\": %ld, "
      "\"metrics\": {\"val.accuracy\": {\"last\": %.17g, \"max\": %.17g, \"min\": \"nan\"}, "
      "\"train.loss\": {\"last\": %.17g, \"max\": 9.5, \"min\": %.17g}}}",
      state, (int)epochs, (long)getpid(), accuracy, accuracy, loss, loss);
  const rad_status s = fs_write(path, out.s, out.n, v->diag);
  text_free(&out);
  return s;
}

static rad_status train_one(env *v, const arm_job *j, uint64_t e, const char *check,
                            const char *once)
{
  if (getenv("FAKE_SLOW"))
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
  RAD_TRY(misbehave(j, e, once));
  if (*v->cancelled)
    return RAD_ECANCEL;
  write_checkpoint(v, check, e);
  return RAD_OK;
}

static rad_status train(env *v, const arm_job *j, double lr, int64_t epochs, arena *mem)
{
  const double share = j->share > 0.0 ? j->share : 1.0;
  const char *check = fs_join(mem, j->dir, "last"),
             *once = fs_join(mem, j->dir, share < 1.0 ? "../once" : "once");
  const uint64_t start = read_checkpoint(check);
  FILE *f = fopen(fs_join(mem, j->dir, "metrics.jsonl"), "w"); /* told anew, with other times */
  rad_status s = f ? RAD_OK : RAD_EIO;
  double accuracy = 0.0, loss = 0.0;
  for (uint64_t e = 1; e <= (uint64_t)epochs && s == RAD_OK; e++) {
    accuracy = 1.0 - 1.0 / (1.0 + 0.37 * (double)e * share + 0.11 * (double)j->seed + lr);
    loss = 1.0 / ((double)e + lr);
    put_epoch(f, e, accuracy, loss);
    if (e > start)
      s = train_one(v, j, e, check, once);
    if (s == RAD_OK && e == j->until && e < (uint64_t)epochs) {
      write_result(v, fs_join(mem, j->dir, "paused.json"), "paused", (int64_t)e, accuracy, loss);
      s = RAD_ECANCEL;
    }
  }
  if (f)
    fclose(f);
  if (s != RAD_OK && s != RAD_EDIVERGED)
    return s;
  return write_result(v, fs_join(mem, j->dir, "result.json"), s == RAD_OK ? "complete" : "diverged",
                      epochs, accuracy, loss);
}

rad_status arm_run(env *v, const arm_job *j)
{
  config c = {0};
  arena mem = {0};
  double lr = 0.0;
  int64_t epochs = 0;
  RAD_TRY(experiment_arm(v, j->trial, j->arm, &c));
  text_to_double(section_value(config_find(&c, "optimizer", ""), "lr", "0"), &lr);
  text_to_int64(section_value(config_find(&c, "run", ""), "epochs", "0"), &epochs);
  const rad_status s = train(v, j, lr, epochs, &mem);
  config_free(&c);
  arena_free(&mem);
  return s;
}

rad_status arm_inspect(env *v, const config *trial_config, const char *arm, arm_plan *p, text *t)
{
  config c = {0};
  int64_t units = 0;
  (void)t;
  RAD_TRY(experiment_arm(v, trial_config, arm, &c));
  text_to_int64(section_value(config_find(&c, "layer", "h"), "units", "0"), &units);
  *p = (arm_plan){.active_weights = (size_t)units * 10, .parameters = (size_t)units * 11};
  config_free(&c);
  return RAD_OK;
}

rad_status arm_fingerprint(env *v, const config *trial_config, const char *arm, text *out)
{
  (void)v;
  (void)trial_config;
  (void)arm;
  text_puts(out, getenv("FAKE_PRINT") ? getenv("FAKE_PRINT") : "pretended arithmetic");
  return RAD_OK;
}
