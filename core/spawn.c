/* SPDX-License-Identifier: BSD-3-Clause
 * spawn.c - runs one of the user's own programs to its end, without a shell. */
#include "data_sets.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The program in the absolute folders of PATH; others would depend on the working directory. */
static char *find_program(arena *mem, const char *name)
{
  const char *path = getenv("PATH");
  while (path && *path) {
    const size_t n = strcspn(path, ":");
    const char *folder = *path == '/' ? arena_strndup(mem, path, n) : NULL;
    char *file = folder ? fs_join(mem, folder, name) : NULL;
    if (file && fs_is_file(file) && access(file, X_OK) == 0)
      return file;
    path += n + (path[n] == ':');
  }
  return NULL;
}

/* In the child: only what is safe after fork. */
static void become(const char *file, char *const argv[], const char *dir, const char *log)
{
  const int in = open("/dev/null", O_RDONLY);
  const int out = log ? open(log, O_WRONLY | O_CREAT | O_APPEND, 0666) : STDERR_FILENO;
  signal(SIGPIPE, SIG_DFL);
  if (in >= 0 && out >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
      dup2(out, STDERR_FILENO) >= 0 && chdir(dir) == 0)
    execv(file, argv);
  _exit(127);
}

static rad_status wait_for(pid_t pid, const char *name, diag *d)
{
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return diag_error(d, RAD_EIO, (origin){0}, "cannot wait for %s: %s", name, strerror(errno));
  if (WIFSIGNALED(status))
    return diag_error(
        d, WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM ? RAD_ECANCEL : RAD_EIO,
        (origin){0}, "%s was ended by signal %d", name, WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return diag_error(d, RAD_EIO, (origin){0}, "%s ended with status %d", name,
                      WEXITSTATUS(status));
  return RAD_OK;
}

rad_status spawn_run(const char *const argv[], const char *dir, const char *log, diag *d)
{
  arena mem = {0};
  size_t n = 0;
  while (argv[n])
    n++;
  char **copy = arena_alloc(&mem, (n + 1) * sizeof *copy); /* execv wants it writable */
  for (size_t i = 0; copy && i < n; i++)
    copy[i] = arena_strdup(&mem, argv[i]);
  const char *file = find_program(&mem, argv[0]);
  rad_status s = RAD_DONE;
  if (file && copy) {
    const pid_t pid = fork();
    if (pid == 0)
      become(file, copy, dir, log);
    s = pid < 0
            ? diag_error(d, RAD_EIO, (origin){0}, "cannot start %s: %s", argv[0], strerror(errno))
            : wait_for(pid, argv[0], d);
  }
  arena_free(&mem);
  return s;
}
