// Holds one thread of another process still, by its name, as a debugger would: `holdthread PID NAME`.
//
// The thread is stopped only while it sleeps, so that it holds no lock that others wait for, and goes on once this
// program ends. Prints "held" when it stands.
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "holdthread: %s: %s\n", what, strerror(errno));
  exit(1);
}

// The number of the process's thread of that name; 0: there is none.
static pid_t find(pid_t process, const char *name) {
  char path[64], text[64];
  snprintf(path, sizeof path, "/proc/%d/task", process);
  DIR *tasks = opendir(path);
  if (!tasks) fail(path);
  pid_t found = 0;
  for (struct dirent *entry; !found && (entry = readdir(tasks));) {
    pid_t thread = atoi(entry->d_name);
    if (thread <= 0) continue;
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", process, thread);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    if (fgets(text, sizeof text, file)) {
      text[strcspn(text, "\n")] = 0;
      if (!strcmp(text, name)) found = thread;
    }
    fclose(file);
  }
  closedir(tasks);
  return found;
}

// Waits in a sleep by the clock: not for a lock, a device or a processor.
static int sleeps(pid_t process, pid_t thread) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", process, thread);
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  if (!fgets(text, sizeof text, file)) text[0] = 0;
  fclose(file);
  // 35: nanosleep, 230: clock_nanosleep.
  return !strncmp(text, "35 ", 3) || !strncmp(text, "230 ", 4);
}

int main(int count, char **values) {
  if (count != 3) {
    fprintf(stderr, "usage: holdthread PID NAME\n");
    return 2;
  }
  pid_t process = atoi(values[1]), thread = find(process, values[2]);
  if (!thread) {
    fprintf(stderr, "holdthread: process %d has no thread %s\n", process, values[2]);
    return 1;
  }
  for (int tries = 0; tries < 10000; tries++, usleep(1000)) {
    if (!sleeps(process, thread)) continue;
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL)) fail("seize");
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL)) fail("interrupt");
    int status;
    if (waitpid(thread, &status, __WALL) < 0) fail("wait");
    puts("held");
    fflush(stdout);
    pause();
    return 0;
  }
  fprintf(stderr, "holdthread: thread %s never sleeps\n", values[2]);
  return 1;
}
