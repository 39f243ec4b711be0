/* SPDX-License-Identifier: BSD-3-Clause
 * local.c - jobs as processes of this machine, each in a process group of its own. The handle is
 * the process id: enough for the coordinator that started it; a later one finds the job lost.
 *
 * Each child alone holds the write end of a pipe. When it ends, however it ends, the read end
 * becomes readable: that is what `wait` sleeps on, without SIGCHLD, which is the program's. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rademacher/executor.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ; /* POSIX: every program has it, no header declares it */

enum { MOST = 4096, PARENT = 40 };

typedef struct table { /* of the jobs that run; poll(2) skips those below 0 */
  nfds_t n;
  struct pollfd end[MOST];
  pid_t pid[MOST];
} table;
typedef struct local {
  int32_t jobs;
  table *table;
} local;
static const rad_key keys[] = {
    RAD_KEY(local, jobs, "4096", 1, MOST, RAD_FIXED, "most processes at once"),
};

static rad_status init(rad_ctx *c, void *self)
{
  local *v = self;
  v->table = c->host->alloc(c, 1, sizeof *v->table);
  return v->table ? RAD_OK : rad_fail(c, RAD_ENOMEM, "no memory for the table of processes");
}

static void fini(rad_ctx *c, void *self)
{
  const local *v = self;
  (void)c;
  for (nfds_t i = 0; i < v->table->n; i++)
    if (v->table->end[i].fd >= 0)
      close(v->table->end[i].fd);
}

static rad_status slots(rad_ctx *c, void *self, uint32_t *n)
{
  (void)c;
  *n = (uint32_t)((local *)self)->jobs;
  return RAD_OK;
}

/* --- starting --- */
static bool same_name(const char *a, const char *b) /* of "NAME=value" */
{
  const size_t n = strcspn(a, "=");
  return strncmp(a, b, n + 1) == 0;
}

/* The environment with what the job adds and who its parent is; gone when the call returns. */
static const char **environment(rad_ctx *c, const rad_job *j, char parent[PARENT])
{
  size_t old = 0, added = 0, n = 0;
  while (environ[old])
    old++;
  while (j->env && j->env[added])
    added++;
  const char **v = c->host->scratch(c, (old + added + 2) * sizeof *v);
  if (!v)
    return NULL;
  snprintf(parent, PARENT, "RADEMACHER_PARENT=%ld", (long)getpid());
  v[n++] = parent;
  for (size_t i = 0; i < added; i++)
    v[n++] = j->env[i];
  const size_t ours = n;
  for (size_t i = 0; i < old; i++) {
    bool replaced = false;
    for (size_t k = 0; k < ours; k++)
      replaced = replaced || same_name(v[k], environ[i]);
    if (!replaced)
      v[n++] = environ[i];
  }
  v[n] = NULL;
  return v;
}

_Noreturn static void child(const rad_job *j, const char *const *env, int log, int alive)
{ /* between fork and exec: only what is safe in a signal handler */
  setpgid(0, 0);
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
    _exit(126);
  if (null > 2)
    close(null);
  if (fcntl(alive, F_SETFD, 0) < 0 || chdir(j->dir) != 0)
    _exit(126);
  execve(j->argv[0], (char *const *)(uintptr_t)j->argv, (char *const *)(uintptr_t)env);
  _exit(127);
}

static bool private_pipe(int fd[2])
{
  if (pipe(fd) != 0)
    return false;
  if (fcntl(fd[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd[1], F_SETFD, FD_CLOEXEC) == 0)
    return true;
  close(fd[0]);
  close(fd[1]);
  return false;
}

static nfds_t free_place(const table *t)
{
  nfds_t i = 0;
  while (i < t->n && t->end[i].fd >= 0)
    i++;
  return i;
}

/* -1: errno says why. *end becomes readable when the process has ended. */
static pid_t begin(const rad_job *j, const char *const *env, int log, int *end)
{
  int fd[2];
  if (!private_pipe(fd))
    return -1;
  const pid_t p = fork();
  if (p == 0)
    child(j, env, log, fd[1]);
  const int why = errno;
  close(fd[1]);
  if (p < 0)
    close(fd[0]);
  *end = fd[0];
  errno = why;
  return p;
}

static rad_status start(rad_ctx *c, const void *self, rad_job *j)
{
  table *t = ((const local *)self)->table;
  const nfds_t place = free_place(t);
  char parent[PARENT];
  int end = -1;
  if (place == MOST)
    return rad_fail(c, RAD_EINVAL, "more than %d processes", MOST);
  if (j->deadline > 0.0)
    return rad_fail(c, RAD_EINVAL, "processes of this machine have no deadlines");
  const char *const *env = environment(c, j, parent);
  if (!env)
    return RAD_ENOMEM;
  const int log = open(j->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (log < 0) /* here, where a full disk can be told from a job that crashed */
    return rad_fail(c, RAD_EIO, "cannot open %s: %s", j->log, strerror(errno));
  const pid_t p = begin(j, env, log, &end);
  const int why = errno;
  close(log);
  if (p < 0)
    return rad_fail(c, RAD_EIO, "cannot start a process: %s", strerror(why));
  setpgid(p, p); /* here too: whoever is first, it is in its group before it can be stopped */
  t->end[place] = (struct pollfd){.fd = end, .events = POLLIN};
  t->pid[place] = p;
  t->n = place == t->n ? t->n + 1 : t->n;
  snprintf(j->handle, sizeof j->handle, "%ld", (long)p);
  return RAD_OK;
}

/* --- watching --- */
static pid_t pid_of(const rad_job *j)
{
  const long v = strtol(j->handle, NULL, 10);
  return v > 1 ? (pid_t)v : 0;
}

static void forget(table *t, pid_t p)
{
  for (nfds_t i = 0; i < t->n; i++)
    if (t->end[i].fd >= 0 && t->pid[i] == p) {
      close(t->end[i].fd);
      t->end[i].fd = -1;
    }
}

static rad_status poll_job(rad_ctx *c, const void *self, rad_job *j)
{
  int st = 0;
  (void)c;
  const pid_t p = pid_of(j), ended = p > 0 ? waitpid(p, &st, WNOHANG) : -1;
  if (ended == 0 || (ended < 0 && errno == EINTR && p > 0))
    return RAD_OK;
  j->exit = ended > 0 && WIFEXITED(st) ? WEXITSTATUS(st) : -1;
  j->signal = ended > 0 && WIFSIGNALED(st) ? WTERMSIG(st) : 0;
  forget(((const local *)self)->table, p);
  return RAD_DONE;
}

static rad_status wait_any(rad_ctx *c, const void *self, uint32_t ms)
{
  table *t = ((const local *)self)->table;
  const int n = poll(t->end, t->n, ms < 60000 ? (int)ms : 60000);
  if (n < 0 && errno != EINTR)
    return rad_fail(c, RAD_EIO, "cannot wait for processes: %s", strerror(errno));
  if (n > 0) /* its files are closed a moment before a process can be waited for */
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
  return RAD_OK;
}

static rad_status stop(rad_ctx *c, const void *self, rad_job *j, bool now)
{
  const pid_t p = pid_of(j);
  (void)self;
  if (p > 0 && kill(-p, now ? SIGKILL : SIGTERM) != 0 && errno != ESRCH)
    return rad_fail(c, RAD_EIO, "cannot stop process %s: %s", j->handle, strerror(errno));
  return RAD_OK;
}

static const rad_executor_ops ops = {.size = sizeof ops,
                                     .slots = slots,
                                     .start = start,
                                     .poll = poll_job,
                                     .wait = wait_any,
                                     .stop = stop};
static const rad_plugin local_plugin = {RAD_PLUGIN(RAD_EXECUTOR, "local", local, &ops),
                                        RAD_KEYS(keys),
                                        .init = init,
                                        .fini = fini,
                                        .version = "1",
                                        .summary = "processes of this machine"};
RAD_EXPORT(&local_plugin)
