/* SPDX-License-Identifier: BSD-3-Clause
 * host.h - instances of plugins, and the services that they call (rad_host). */
#ifndef CORE_HOST_H
#define CORE_HOST_H
#include "config.h"
#include "keys.h"
#include "plugin.h"

typedef struct input_file { /* what was read, for the manifest */
  const char *path;
  char sha256[65];
  size_t bytes;
} input_file;
typedef struct env { /* one per process */
  plugins *plugins;
  diag *diag;
  arena mem;
  uint64_t seed;       /* of the draws of instances made from now on */
  double share;        /* of the training samples that a job trains on; 0 and 1: all */
  const char *run_dir; /* for host->append, host->path; NULL: none */
  int verbose;         /* host->log: levels from 2 - verbose on are shown; 2 = warnings always */
  bool checksums;      /* host->read computes SHA-256 */
  input_file *files;
  size_t nfiles, cfiles;
  struct scratch *scratch[MAX_WORKERS]; /* areas handed out by host->scratch, by worker */
  volatile int *cancelled;              /* set by a signal; NULL: never */
} env;
void env_free(env *);
rad_status env_add_file(env *, const char *path); /* one that no plugin has read */
/* The files that were read, as JSON: [{"path", "sha256", "bytes"}]. */
void env_files(const env *, const char *key, text *out);

typedef struct declared { /* a tensor that an instance has declared */
  rad_tensor t;           /* copied; name from the instance's arena */
  size_t count, bytes;    /* elements; bytes, 64-byte multiple */
} declared;
typedef struct instance {
  rad_ctx ctx;   /* first: worker 0's rad_ctx * is an instance *, everybody's has it as `core` */
  rad_ctx *more; /* (ctx.nworkers - 1) of workers 1, 2, ... */
  env *env;
  const plugin *plugin;
  const section *section; /* NULL: defaults only; must outlive the instance */
  void *self;
  void *common;     /* the kind's struct of keys.h, filled */
  uint64_t seedkey; /* salt: "KIND NAME"; inserted layers: "KIND NAME SITE" */
  declared *tensor;
  size_t ntensor, ctensor;
  void **state;              /* (ntensor) after instance_state; == ctx.state */
  bool planning;             /* tensors may be declared */
  const char *title;         /* "[layer h1] dense" for messages */
  arena mem;                 /* host->alloc, texts of keys, files read */
  void *owner;               /* the part of the core that made it */
  const struct instance *of; /* whose self this is (instance_site), or NULL */
  struct held *held;         /* files that host->read has mapped, paths that host->path has made */
} instance;

/* An instance of `plugin` (by name) of a kind for a section: keys filled, init called.
 * section NULL: title and defaults only. */
rad_status instance_new(instance **, env *, uint32_t kind, const char *plugin, const section *);
/* The instance of a kind that has one section: [loss], [backend]. */
rad_status instance_single(instance **, env *, const config *, uint32_t kind);
/* A second instance of the same plugin, self and keys, under another random salt (inserted
 * layers): shares self with `of`, which must outlive it. */
rad_status instance_site(instance **, const instance *of, const char *site);
void instance_free(instance *); /* calls fini; NULL is fine */
/* Allocates and fills the declared tensors of an instance that is not a layer, zero + `fill`. */
rad_status instance_state(instance *);
/* Contexts for `n` workers, like worker 0's is now: after everything in it has been set. */
rad_status instance_workers(instance *, uint32_t n);
rad_ctx *instance_ctx(const instance *, uint32_t worker);
/* Declared again for another model or run: forgets the declarations and frees the state. */
void instance_replan(instance *);

extern const rad_host host_services; /* services.c: what ctx.host points to */
size_t type_bytes(uint32_t type);    /* of one element of an array; 0: no such type */
void held_free(instance *);          /* services.c: unmaps the files */
/* memory.c: bytes that can still be had, 0: not known; of the folders of the kernel's files. */
uint64_t memory_free(void);
uint64_t memory_left(const char *proc, const char *group);

/* scratch: everything taken since the mark is given back. Every call of a callback is bracketed.
 * Each worker has areas of its own; those without a number are worker 0's. */
size_t scratch_mark(env *);
void scratch_release(env *, size_t mark);
size_t scratch_mark_of(env *, uint32_t worker);
void scratch_release_of(env *, uint32_t worker, size_t mark);
void *scratch_take(env *, uint32_t worker, size_t bytes); /* aligned to 64; NULL: no memory */
void scratch_free(env *);
#endif
