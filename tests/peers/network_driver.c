/* SPDX-License-Identifier: BSD-3-Clause
 * network_driver.c - the outputs of a network that a run has trained, for scripts that compare them
 * with those of another program.
 *
 *   network_driver DIR ARM SEED   in:  u64 n; f32 x (n,sample), of trial 0 of the run in DIR
 *                                 out: f32 y (n,out) of the network as it ended, in inference */
#include "experiment.h"
#include "weights.h"
#include <stdio.h>
#include <stdlib.h>

static rad_status forward(trainer *t, size_t n)
{
  const model *m = t->model;
  const size_t width = m->node[m->pub.nnode - 1].width, wide = rad_count(&t->data->facts.sample);
  float *x = calloc(n * wide + 1, sizeof *x);
  uint64_t *id = calloc(n + 1, sizeof *id);
  rad_status s = x && id && fread(x, sizeof *x, n * wide, stdin) == n * wide ? RAD_OK : RAD_EINVAL;
  if (s >= 0)
    s = model_forward(t->model, &(model_pass){.x = x, .n = n, .id = id});
  if (s >= 0 && fwrite(model_y(m), sizeof *x, n * width, stdout) != n * width)
    s = RAD_EIO;
  free(x);
  free(id);
  return s;
}

static rad_status run(env *e, char **argv)
{
  config trial = {0}, own = {0};
  trainer *t = NULL;
  uint64_t n = 0;
  char *ini = arena_printf(&e->mem, "%s/trials/0000/config.ini", argv[1]);
  char *file =
      arena_printf(&e->mem, "%s/trials/0000/%s/%s/last.safetensors", argv[1], argv[2], argv[3]);
  e->seed = (uint64_t)strtoull(argv[3], NULL, 10);
  rad_status s = ini && file && fread(&n, sizeof n, 1, stdin) == 1 ? RAD_OK : RAD_EINVAL;
  if (s >= 0)
    s = config_read(&trial, NULL, ini, NULL, 0, e->diag);
  if (s >= 0)
    s = experiment_arm(e, &trial, argv[2], &own);
  if (s >= 0)
    s = network_open(&t, e, &own, file, (size_t)n);
  if (s >= 0)
    s = forward(t, (size_t)n);
  trainer_free(t);
  config_free(&own);
  config_free(&trial);
  return s;
}

int main(int argc, char **argv)
{
  diag d = {0};
  env e = {.diag = &d};
  rad_status s = argc == 4 ? plugins_new(&e.plugins, NULL, &d) : RAD_EINVAL;
  if (s >= 0)
    s = run(&e, argv);
  diag_flush(&d);
  plugins_free(e.plugins);
  env_free(&e);
  diag_free(&d);
  return s < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
