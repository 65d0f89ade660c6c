"""The reference job with Spark's DataFrames, on two threads of this machine."""
import sys

from pyspark.sql import SparkSession, Window, functions as F

source, out = sys.argv[1:3]
FEATURES = ["invoicing", "banking", "payroll", "expenses", "tax", "projects", "estimates", "timeslips"]
spark = (SparkSession.builder.master("local[2]").appName("customer360")
         .config("spark.sql.shuffle.partitions", 8).config("spark.sql.session.timeZone", "UTC")
         .config("spark.driver.memory", "6g").config("spark.ui.enabled", False)
         .config("spark.sql.parquet.compression.codec", "zstd").getOrCreate())
spark.sparkContext.setLogLevel("ERROR")

attributes = spark.read.csv(
    f"{source}/attributes", header=True,
    schema="customer_id string, signup_date date, country string, plan string, company_size long, is_trial boolean, churned long")

of = lambda feature: F.coalesce(F.sum(F.when(F.col("feature") == feature, F.col("cnt"))), F.lit(0)).alias(f"usage_{feature}")
usage = (spark.read.csv(f"{source}/usage", sep="|",
                        schema="customer_id string, event_ts timestamp, feature string, cnt long, duration_s double")
         .groupBy("customer_id").agg(
             F.count("*").alias("usage_rows"), F.sum("cnt").alias("usage_cnt"), F.sum("duration_s").alias("usage_dur_sum"),
             F.avg("duration_s").alias("usage_dur_mean"), F.max("event_ts").alias("usage_last"),
             F.count(F.when(F.col("event_ts") >= F.lit("2026-07-22").cast("timestamp"), 1)).alias("usage_30d"),
             *map(of, FEATURES)))

billing = spark.read.json(
    f"{source}/billing",
    schema="customer struct<id string, region string>, subscription struct<status string, "
           "plan struct<name string, price double>, items array<struct<sku string, amount double, qty long>>>, "
           "updated_at timestamp")
billing = billing.select(
    F.col("customer.id").alias("customer_id"), F.col("customer.region").alias("region"),
    F.col("subscription.status").alias("status"), F.col("subscription.plan.name").alias("plan_name"),
    F.col("subscription.plan.price").alias("plan_price"), F.size("subscription.items").alias("items"),
    F.aggregate("subscription.items.amount", F.lit(0.0), lambda sum, amount: sum + amount).alias("items_amount"),
    "updated_at")
newest = Window.partitionBy("customer_id").orderBy(F.col("updated_at").desc())
billing = billing.withColumn("place", F.row_number().over(newest)).where("place = 1").drop("place")

zeros = {name: 0 for name in ["usage_rows", "usage_cnt", "usage_30d", *(f"usage_{feature}" for feature in FEATURES)]}
joined = (attributes.join(usage, "customer_id", "left").join(billing, "customer_id", "left").fillna(zeros)
          .withColumn("h", F.abs(F.hash("customer_id")) % 100).cache())
for split, condition in (("train", "h < 80"), ("eval", "h >= 80")):
    joined.where(condition).drop("h").coalesce(1).write.mode("overwrite").parquet(f"{out}/{split}")
print(joined.agg(F.count("*"), F.sum("usage_rows"), F.sum("usage_cnt"), F.round(F.sum("usage_dur_sum"), 2),
                 F.round(F.sum("items_amount"), 2), F.sum("usage_30d")).collect())
spark.stop()
