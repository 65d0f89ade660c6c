// Brings a topic's records to another topic, partition by partition, and reads them there, with librdkafka alone: what
// going through the broker costs whatever is done with the records. Has the first topic in memory before it begins: says
// "ready" then, and waits for a line. Prints records, bytes, wall and CPU seconds as JSON.
//
// usage: relay BROKERS FROM TO PARTITIONS        cc -O2 bench/relay.c -o relay -lrdkafka
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  int partition;
  size_t length;
  char *value;
} record;

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char message[256];
  if (rd_kafka_conf_set(conf, name, value, message, sizeof message) != RD_KAFKA_CONF_OK) fail(message);
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers) {
  char message[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  if (type == RD_KAFKA_CONSUMER) {
    set(conf, "group.id", "relay");
    // The benchmark's broker answers with all it has of each partition.
    set(conf, "receive.message.max.bytes", "1000000000");
    set(conf, "enable.auto.commit", "false");
  } else {
    // As the worker sends row batches, which are packed already.
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "2");
    set(conf, "compression.type", "none");
  }
  rd_kafka_t *made = rd_kafka_new(type, conf, message, sizeof message);
  if (!made) fail(message);
  if (type == RD_KAFKA_CONSUMER) rd_kafka_poll_set_consumer(made);
  return made;
}

// From the first record of each partition.
static void begin(rd_kafka_t *consumer, const char *topic, int partitions, long long *count) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; partition++) {
    int64_t first = 0, end = 0;
    if (rd_kafka_query_watermark_offsets(consumer, topic, partition, &first, &end, 10000)) fail("no bounds");
    *count += end - first;
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = first;
  }
  rd_kafka_assign(consumer, list);
  rd_kafka_topic_partition_list_destroy(list);
}

static rd_kafka_message_t *next(rd_kafka_t *consumer) {
  for (;;) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 60000);
    if (!message) fail("nothing came for a minute");
    if (!message->err) return message;
    rd_kafka_message_destroy(message);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const int partitions = atoi(argv[4]);
  rd_kafka_t *from = client(RD_KAFKA_CONSUMER, argv[1]), *to = client(RD_KAFKA_CONSUMER, argv[1]);
  rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, argv[1]);
  long long count = 0, bytes = 0, none = 0;
  begin(from, argv[2], partitions, &count);
  record *records = malloc((size_t)(count + 1) * sizeof *records);
  if (!records) fail("no memory");
  for (long long i = 0; i < count; i++) {
    rd_kafka_message_t *message = next(from);
    records[i] = (record){message->partition, message->len, malloc(message->len + 1)};
    if (!records[i].value) fail("no memory");
    memcpy(records[i].value, message->payload, message->len);
    bytes += (long long)message->len;
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(from);
  begin(to, argv[3], partitions, &none);
  puts("ready");
  fflush(stdout);
  getchar();
  const double began = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  long long read = 0;
  for (long long i = 0; i < count;) {
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(argv[3]), RD_KAFKA_V_PARTITION(records[i].partition),
        RD_KAFKA_V_VALUE(records[i].value, records[i].length), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_END);
    if (error && error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
    i += error == 0;
    rd_kafka_poll(producer, error ? 10 : 0);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(to, 0);
    if (message) {
      read += message->err == 0;
      rd_kafka_message_destroy(message);
    }
  }
  for (; read < count; read++) rd_kafka_message_destroy(next(to));
  printf("{\"records\": %lld, \"bytes\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f}\n", count, bytes,
         seconds(CLOCK_MONOTONIC) - began, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  return 0;
}
