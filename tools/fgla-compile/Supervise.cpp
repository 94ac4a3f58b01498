//===- Supervise.cpp - fgla-compile as compiler/fgla_compiler.h starts it -===//

#include "tools/fgla-compile/Supervise.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// Of the child; -1 where nobody asked.
static int donePipe = -1;

/// Waits for the child and says what became of it.
[[noreturn]] static void watch(pid_t child, int pipe) {
  int status = 0;
  rusage usage = {};
  while (wait4(child, &status, 0, &usage) < 0)
    if (errno != EINTR)
      _exit(1);
  dprintf(pipe, "ended %d %ld\n", status, usage.ru_maxrss);
  if (WIFSIGNALED(status) && getpgrp() == getpid())
    kill(0, SIGKILL); // what it started and could not end, this process too
  _exit(0);
}

void fgla::tools::superviseIfAsked(int &argc, char **argv) {
  int pipe;
  unsigned long long bytes;
  if (argc < 2 || std::sscanf(argv[1], "--supervised=%d,%llu", &pipe, &bytes) != 2)
    return;
  std::copy(argv + 2, argv + argc + 1, argv + 1);
  --argc;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  pid_t self = getpid(), child = fork();
  if (child < 0) {
    std::perror("error: cannot start a process");
    _exit(1);
  }
  if (child > 0)
    watch(child, pipe);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != self)
    _exit(1);
  if (bytes > 0) {
    const rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_AS, &limit);
  }
  fcntl(pipe, F_SETFD, FD_CLOEXEC); // not for the linker and ptxas
  donePipe = pipe;
}

void fgla::tools::reportDone() {
  if (donePipe >= 0)
    dprintf(donePipe, "done\n");
}
