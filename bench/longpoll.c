// Stands before a Kafka server that answers fetches at once, also when it has nothing, and holds such answers for a while,
// as Kafka does. Without it every idle consumer asks ten thousand times a second, and two processors do little else.
//
// usage: longpoll PORT SERVER_PORT MILLISECONDS        both on 127.0.0.1
//
// Two threads a connection pass the bytes on. Addresses in the server's answers (metadata, coordinators) are changed to
// this program's port, so that clients stay with it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FETCH = 1, PENDING = 256, SMALL = 64 << 10, CHUNK = 256 << 10 };

static int own_port, server_port, hold_microseconds;

// A client's connection and the server's, with the fetches that are under way on them.
struct pair {
  int client, server;
  pthread_mutex_t lock;
  struct { int32_t id; int16_t version; } fetches[PENDING];
  unsigned first, end;
};

static uint32_t number(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static int16_t small_number(const uint8_t *at) { return (int16_t)(at[0] << 8 | at[1]); }

static int put(int socket, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = send(socket, bytes, count, MSG_NOSIGNAL);
    if (written <= 0) return 0;
    bytes += written;
    count -= (size_t)written;
  }
  return 1;
}

static int take(int socket, uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t got = recv(socket, bytes, count, 0);
    if (got <= 0) return 0;
    bytes += got;
    count -= (size_t)got;
  }
  return 1;
}

static int pass(int from, int to, uint8_t *buffer, size_t count) {
  while (count > 0) {
    ssize_t got = recv(from, buffer, count < CHUNK ? count : CHUNK, 0);
    if (got <= 0 || !put(to, buffer, (size_t)got)) return 0;
    count -= (size_t)got;
  }
  return 1;
}

// Reads an answer from its front; `failed` once it is not what was expected.
struct reader {
  const uint8_t *at, *end;
  int failed;
};

static const uint8_t *skip(struct reader *answer, size_t count) {
  const uint8_t *at = answer->at;
  if ((size_t)(answer->end - at) < count) {
    answer->failed = 1;
    return (const uint8_t *)"\0\0\0\0\0\0\0";
  }
  answer->at += count;
  return at;
}

// A count: of 4 bytes, or one more than it in groups of 7 bits. -1: null.
static int32_t counted(struct reader *answer, int is_compact) {
  if (!is_compact) return (int32_t)number(skip(answer, 4));
  uint32_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    uint8_t byte = *skip(answer, 1);
    value |= (uint32_t)(byte & 127) << shift;
    if (byte < 128) break;
  }
  return (int32_t)value - 1;
}

static void skip_tags(struct reader *answer, int is_compact) {
  if (is_compact && counted(answer, 1) >= 0) answer->failed = 1;
}

// Whether a fetch's answer (versions 4 to 17, without its length) has neither records nor errors.
static int is_empty(const uint8_t *bytes, size_t count, int16_t version) {
  struct reader answer = {bytes, bytes + count, version < 4 || version > 17};
  int compact = version >= 12;
  skip(&answer, 4);
  skip_tags(&answer, compact);
  skip(&answer, 4);
  if (version >= 7 && (small_number(skip(&answer, 2)) != 0 || !skip(&answer, 4))) return 0;
  for (int32_t topics = counted(&answer, compact); topics > 0 && !answer.failed; topics--) {
    if (version >= 13) {
      skip(&answer, 16);
    } else {
      skip(&answer, compact ? (size_t)counted(&answer, 1) : (size_t)small_number(skip(&answer, 2)));
    }
    for (int32_t partitions = counted(&answer, compact); partitions > 0 && !answer.failed; partitions--) {
      skip(&answer, 4);
      if (small_number(skip(&answer, 2)) != 0) return 0;
      skip(&answer, version >= 5 ? 24 : 16);
      int32_t aborted = counted(&answer, compact);
      if (aborted > 0) return 0;
      skip(&answer, version >= 11 ? 4 : 0);
      if (counted(&answer, compact) > 0) return 0;
      skip_tags(&answer, compact);
    }
    skip_tags(&answer, compact);
  }
  return !answer.failed;
}

static void redirect(uint8_t *answer, size_t count) {
  static const char host[] = "127.0.0.1";
  uint8_t *at = answer, *end = answer + count;
  while (end - at >= 13 && (at = memmem(at, (size_t)(end - at), host, 9)) && end - at >= 13) {
    at += 9;
    if (number(at) == (uint32_t)server_port) {
      uint32_t port = htonl((uint32_t)own_port);
      memcpy(at, &port, 4);
    }
  }
}

static void *requests(void *argument) {
  struct pair *pair = argument;
  uint8_t *buffer = malloc(CHUNK), head[12];
  while (take(pair->client, head, sizeof head)) {
    if (small_number(head + 4) == FETCH) {
      pthread_mutex_lock(&pair->lock);
      unsigned place = pair->end++ % PENDING;
      pair->fetches[place].id = (int32_t)number(head + 8);
      pair->fetches[place].version = small_number(head + 6);
      pthread_mutex_unlock(&pair->lock);
    }
    if (!put(pair->server, head, sizeof head)) break;
    if (!pass(pair->client, pair->server, buffer, number(head) - 8)) break;
  }
  free(buffer);
  shutdown(pair->client, SHUT_RDWR);
  shutdown(pair->server, SHUT_RDWR);
  return NULL;
}

// The version of the fetch that an answer belongs to; 0: it is no fetch's. Answers come in the requests' order.
static int16_t fetch_version(struct pair *pair, int32_t id) {
  int16_t version = 0;
  pthread_mutex_lock(&pair->lock);
  if (pair->first != pair->end && pair->fetches[pair->first % PENDING].id == id) {
    version = pair->fetches[pair->first++ % PENDING].version;
  }
  pthread_mutex_unlock(&pair->lock);
  return version;
}

static void *answers(void *argument) {
  struct pair *pair = argument;
  uint8_t *buffer = malloc(CHUNK);
  while (take(pair->server, buffer, 8)) {
    size_t count = number(buffer);
    int16_t version = fetch_version(pair, (int32_t)number(buffer + 4));
    if (count > SMALL) {
      if (!put(pair->client, buffer, 8) || !pass(pair->server, pair->client, buffer, count - 4)) break;
      continue;
    }
    if (!take(pair->server, buffer + 8, count - 4)) break;
    if (version == 0) {
      redirect(buffer + 4, count);
    } else if (is_empty(buffer + 4, count, version)) {
      usleep((useconds_t)hold_microseconds);
    }
    if (!put(pair->client, buffer, count + 4)) break;
  }
  free(buffer);
  shutdown(pair->client, SHUT_RDWR);
  shutdown(pair->server, SHUT_RDWR);
  return NULL;
}

static void *serve(void *argument) {
  struct pair *pair = argument;
  pthread_t up;
  pthread_create(&up, NULL, requests, pair);
  answers(pair);
  pthread_join(up, NULL);
  close(pair->client);
  close(pair->server);
  free(pair);
  return NULL;
}

static struct sockaddr_in local(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  own_port = atoi(argv[1]);
  server_port = atoi(argv[2]);
  hold_microseconds = atoi(argv[3]) * 1000;
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = local(own_port), server = local(server_port);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
    perror("listen");
    return 1;
  }
  for (;;) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    struct pair *pair = calloc(1, sizeof *pair);
    pair->client = client;
    pair->server = socket(AF_INET, SOCK_STREAM, 0);
    pthread_mutex_init(&pair->lock, NULL);
    if (connect(pair->server, (struct sockaddr *)&server, sizeof server)) {
      close(client);
      close(pair->server);
      free(pair);
      continue;
    }
    setsockopt(pair->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(pair->server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_t thread;
    pthread_create(&thread, NULL, serve, pair);
    pthread_detach(thread);
  }
}
