#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

/* Constants that are macros with casts, which Swift does not import. */
static const int32_t tributary_rdkafka_partition_unassigned = RD_KAFKA_PARTITION_UA;
