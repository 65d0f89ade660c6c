// Preloaded into the program under test: the system gives it THREADS threads in its life, and no more, so one that ends makes no
// room for another.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

static int given;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
  const char *most = getenv("THREADS");
  if (most && __atomic_add_fetch(&given, 1, __ATOMIC_RELAXED) > atoi(most)) return EAGAIN;
  return real(thread, attributes, body, argument);
}
