// Stands before a Kafka server that answers fetches at once, also when it has nothing, and holds such answers as Kafka does:
// until something comes for one of the partitions, or for as long as the consumer wants to wait (`fetch.wait.max.ms`).
// Without it every idle consumer asks ten thousand times a second, and two processors do little else.
//
// usage: longpoll PORT SERVER_PORT        both on 127.0.0.1
//
// Two threads a connection pass the bytes on. What comes is known from the server's answers to those that produce, or that
// end a transaction; then the server is asked again. Addresses in its answers (metadata, coordinators) are changed to this
// program's port, so that clients stay with it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PRODUCE = 0, FETCH = 1, END_TXN = 26 };
enum { PENDING = 4096, SMALL = 64 << 10, CHUNK = 256 << 10, PARTITIONS = 64 };

static int own_port, server_port;

// A request whose answer is looked at. Clients number theirs one by one, so the place is the number's rest.
struct asked {
  int32_t id;
  int16_t kind, version;
  // The partitions, a bit for some of them each: all, where they are not known.
  uint64_t partitions;
  // Of a fetch that may be asked again: itself, whole.
  uint8_t *bytes;
  // When it was passed on, in events; and until when there is time to wait.
  uint64_t since;
  struct timespec until;
};

// A client's connection and the server's, with what is under way on them.
struct pair {
  int client, server;
  // Guards what is asked.
  pthread_mutex_t lock;
  // One request at a time goes to the server.
  pthread_mutex_t sending;
  struct asked asked[PENDING];
  // While it waits.
  pthread_cond_t woken;
  uint64_t wanted;
  struct pair *next;
};

// What has come: events are counted, and each of the partitions' bits has the number of its last one.
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t events, last_event[PARTITIONS];
static struct pair *waiting;

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

static uint64_t partition_bit(const uint8_t *name, size_t length, uint32_t index) {
  uint64_t hash = index;
  for (size_t at = 0; at < length; at++) hash = (hash ^ name[at]) * 0x100000001b3;
  return 1ull << ((hash ^ hash >> 32) % PARTITIONS);
}

static void skip_text(struct reader *request) {
  int16_t length = small_number(skip(request, 2));
  if (length > 0) skip(request, (size_t)length);
}

// The partition that a request to produce is for; all, where it is not one of one topic and in the form of versions 3 to 8.
// `count` bytes of it are there, from its length on.
static uint64_t produced(const uint8_t *bytes, size_t count, int16_t version) {
  struct reader request = {bytes, bytes + count, version < 3 || version > 8};
  skip(&request, 12);
  skip_text(&request);
  skip_text(&request);
  skip(&request, 6);
  int32_t topics = (int32_t)number(skip(&request, 4));
  int16_t length = small_number(skip(&request, 2));
  const uint8_t *name = skip(&request, length > 0 ? (size_t)length : 0);
  int32_t partitions = (int32_t)number(skip(&request, 4));
  uint32_t index = number(skip(&request, 4));
  if (request.failed || topics != 1 || partitions != 1 || length <= 0) return ~0ull;
  return partition_bit(name, (size_t)length, index);
}

// Reads how long a fetch may wait (milliseconds), and for what; whether it may be asked again. Versions 4 to 11.
static int read_fetch(const uint8_t *bytes, size_t count, int16_t version, uint32_t *wait, uint64_t *partitions) {
  struct reader request = {bytes, bytes + count, version < 4 || version > 11};
  uint64_t bits = 0;
  *wait = 5;
  *partitions = ~0ull;
  skip(&request, 12);
  skip_text(&request);
  skip(&request, 4);
  uint32_t milliseconds = number(skip(&request, 4));
  skip(&request, 9);
  // Of a session the next request says only what is new: it cannot be asked twice.
  if (version >= 7 && (int32_t)number(skip(&request, 8) + 4) != -1) request.failed = 1;
  for (int32_t topics = (int32_t)number(skip(&request, 4)); topics > 0 && !request.failed; topics--) {
    int16_t length = small_number(skip(&request, 2));
    const uint8_t *name = skip(&request, length > 0 ? (size_t)length : 0);
    for (int32_t left = (int32_t)number(skip(&request, 4)); left > 0 && !request.failed; left--) {
      bits |= partition_bit(name, length > 0 ? (size_t)length : 0, number(skip(&request, 4)));
      skip(&request, (version >= 9 ? 4 : 0) + 8 + (version >= 5 ? 8 : 0) + 4);
    }
  }
  if (request.failed) return 0;
  *wait = milliseconds < 10000 ? milliseconds : 10000;
  *partitions = bits;
  return 1;
}

static uint64_t count_events(void) {
  pthread_mutex_lock(&events_lock);
  uint64_t count = events;
  pthread_mutex_unlock(&events_lock);
  return count;
}

// Something has come for these.
static void came(uint64_t partitions) {
  pthread_mutex_lock(&events_lock);
  events++;
  for (int bit = 0; bit < PARTITIONS; bit++) {
    if (partitions >> bit & 1) last_event[bit] = events;
  }
  for (struct pair *pair = waiting; pair; pair = pair->next) {
    if (pair->wanted & partitions) pthread_cond_signal(&pair->woken);
  }
  pthread_mutex_unlock(&events_lock);
}

// Waits until something has come for a fetch since it was passed on; 0: nothing has, and its time is over.
static int has_come(struct pair *pair, const struct asked *fetch) {
  int found = 0, late = 0;
  pthread_mutex_lock(&events_lock);
  pair->wanted = fetch->partitions;
  pair->next = waiting;
  waiting = pair;
  for (;;) {
    for (int bit = 0; bit < PARTITIONS && !late; bit++) {
      if (fetch->partitions >> bit & 1 && last_event[bit] > fetch->since) found = 1;
    }
    if (found || late) break;
    late = pthread_cond_timedwait(&pair->woken, &events_lock, &fetch->until) != 0;
  }
  struct pair **place = &waiting;
  while (*place != pair) place = &(*place)->next;
  *place = pair->next;
  pthread_mutex_unlock(&events_lock);
  return found;
}

static void remember(struct pair *pair, struct asked asked) {
  asked.since = count_events();
  pthread_mutex_lock(&pair->lock);
  struct asked *place = &pair->asked[(uint32_t)asked.id % PENDING];
  free(place->bytes);
  *place = asked;
  pthread_mutex_unlock(&pair->lock);
}

// What an answer belongs to; its kind is -1 where that is nothing that is looked at.
static struct asked recall(struct pair *pair, int32_t id) {
  struct asked found = {.kind = -1};
  pthread_mutex_lock(&pair->lock);
  struct asked *place = &pair->asked[(uint32_t)id % PENDING];
  if (place->kind >= 0 && place->id == id) {
    found = *place;
    place->kind = -1;
    place->bytes = NULL;
  }
  pthread_mutex_unlock(&pair->lock);
  return found;
}

static struct timespec in(uint32_t milliseconds) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  now.tv_sec += milliseconds / 1000;
  now.tv_nsec += (long)(milliseconds % 1000) * 1000000;
  if (now.tv_nsec >= 1000000000) {
    now.tv_sec++;
    now.tv_nsec -= 1000000000;
  }
  return now;
}

// Reads what is to be known of a request from its first `count` bytes; it has `size` in all.
static struct asked look_at(const uint8_t *bytes, size_t count, size_t size) {
  struct asked asked = {
      .id = (int32_t)number(bytes + 8), .kind = small_number(bytes + 4), .version = small_number(bytes + 6),
      .partitions = ~0ull};
  if (asked.kind == PRODUCE) {
    asked.partitions = produced(bytes, count, asked.version);
  } else if (asked.kind == FETCH) {
    uint32_t wait;
    int may_repeat = read_fetch(bytes, count, asked.version, &wait, &asked.partitions) && count == size;
    asked.until = in(wait);
    if (may_repeat && (asked.bytes = malloc(size))) memcpy(asked.bytes, bytes, size);
  }
  return asked;
}

static void *requests(void *argument) {
  struct pair *pair = argument;
  uint8_t *buffer = malloc(CHUNK);
  while (take(pair->client, buffer, 12)) {
    size_t size = (size_t)number(buffer) + 4, count = size < SMALL ? size : SMALL;
    if (size < 12 || !take(pair->client, buffer + 12, count - 12)) break;
    struct asked asked = look_at(buffer, count, size);
    if (asked.kind == PRODUCE || asked.kind == FETCH || asked.kind == END_TXN) remember(pair, asked);
    pthread_mutex_lock(&pair->sending);
    int is_sent = put(pair->server, buffer, count) && pass(pair->client, pair->server, buffer, size - count);
    pthread_mutex_unlock(&pair->sending);
    if (!is_sent) break;
  }
  free(buffer);
  shutdown(pair->client, SHUT_RDWR);
  shutdown(pair->server, SHUT_RDWR);
  return NULL;
}

// Asks the server again; 0: it does not listen any more.
static int ask_again(struct pair *pair, struct asked fetch) {
  size_t size = (size_t)number(fetch.bytes) + 4;
  uint8_t *bytes = malloc(size);
  memcpy(bytes, fetch.bytes, size);
  remember(pair, fetch);
  pthread_mutex_lock(&pair->sending);
  int is_sent = put(pair->server, bytes, size);
  pthread_mutex_unlock(&pair->sending);
  free(bytes);
  return is_sent;
}

static void *answers(void *argument) {
  struct pair *pair = argument;
  uint8_t *buffer = malloc(CHUNK);
  while (take(pair->server, buffer, 8)) {
    size_t count = number(buffer);
    if (count < 4) break;
    struct asked asked = recall(pair, (int32_t)number(buffer + 4));
    int is_sent;
    if (count > SMALL) {
      is_sent = put(pair->client, buffer, 8) && pass(pair->server, pair->client, buffer, count - 4);
    } else if (!take(pair->server, buffer + 8, count - 4)) {
      is_sent = 0;
    } else if (asked.kind == FETCH && is_empty(buffer + 4, count, asked.version) && has_come(pair, &asked) &&
               asked.bytes) {
      is_sent = ask_again(pair, asked);
      asked.bytes = NULL;
    } else {
      if (asked.kind != FETCH) redirect(buffer + 4, count);
      is_sent = put(pair->client, buffer, count + 4);
    }
    free(asked.bytes);
    if (asked.kind == PRODUCE || asked.kind == END_TXN) came(asked.partitions);
    if (!is_sent) break;
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
  for (int place = 0; place < PENDING; place++) free(pair->asked[place].bytes);
  free(pair);
  return NULL;
}

static struct sockaddr_in local(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  own_port = atoi(argv[1]);
  server_port = atoi(argv[2]);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
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
    for (int place = 0; place < PENDING; place++) pair->asked[place].kind = -1;
    pthread_mutex_init(&pair->lock, NULL);
    pthread_mutex_init(&pair->sending, NULL);
    pthread_cond_init(&pair->woken, &monotonic);
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
