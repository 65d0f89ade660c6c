"""The training set of examples/complete-journey as one DuckDB statement.

usage: peer_journey.py LAKE OUT      OUT/train.parquet and OUT/eval.parquet

`last_store` goes by time alone: two receipts of a household at one instant in different stores would make the answer a
matter of chance, and the comparison with Tributary's snapshot would say so.
"""
import time
began = time.monotonic()
import os, sys
import duckdb
imported = time.monotonic()

lake, out = sys.argv[1:3]
os.makedirs(out, exist_ok=True)
connection = duckdb.connect()
connection.execute("set threads=2; set preserve_insertion_order=false")
connection.execute(f"""create table j as
with
labels as (
  from read_csv('{lake}/labels/*.csv', header=true, columns={{'household_id':'BIGINT','redeemed':'BIGINT'}})),
demographics as (
  select household_id, age, income, home_ownership, marital_status married, household_size, kids_count kids
  from read_csv('{lake}/demographics/*.csv', header=true, columns={{'household_id':'BIGINT','age':'VARCHAR','income':'VARCHAR',
    'home_ownership':'VARCHAR','marital_status':'VARCHAR','household_size':'VARCHAR','household_comp':'VARCHAR','kids_count':'VARCHAR'}})),
transactions as (
  select household_id, count(*) lines, count(distinct basket_id) trips,
    count(distinct basket_id) filter (bought_at >= timestamp '2017-10-01' - interval 30 day) trips_30d,
    count(distinct store_id) stores, arg_max(store_id, bought_at) last_store, min(bought_at) first_purchase,
    max(bought_at) last_purchase, sum(quantity) quantity, sum(sales_value) spend,
    sum(sales_value) filter (bought_at >= timestamp '2017-10-01' - interval 30 day) spend_30d,
    sum(sales_value) filter (bought_at >= timestamp '2017-10-01' - interval 90 day) spend_90d,
    avg(sales_value) spend_mean, stddev_samp(sales_value) spend_sd,
    sum(sales_value) filter (department = 'GROCERY') spend_grocery,
    sum(sales_value) filter (department = 'DRUG GM') spend_drugs,
    sum(sales_value) filter (department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI')) spend_fresh,
    sum(sales_value) filter (department = 'FUEL') spend_fuel,
    count(*) filter (brand = 'Private' and quantity > 0) private_lines,
    sum(retail_disc) loyalty_discount, sum(coupon_disc) coupon_discount
  from read_csv('{lake}/transactions/*.gz', header=false, delim='|', compression='gzip', columns={{'household_id':'BIGINT',
    'basket_id':'BIGINT','bought_at':'TIMESTAMP','store_id':'BIGINT','product_id':'BIGINT','quantity':'BIGINT','sales_value':'DOUBLE',
    'retail_disc':'DOUBLE','coupon_disc':'DECIMAL(10,2)','department':'VARCHAR','brand':'VARCHAR'}})
  where bought_at < timestamp '2017-10-01' group by 1),
documents as (
  select household.id household_id, updated_at, len(campaigns) campaigns,
    list_sum(list_transform(campaigns, lambda c: c.coupons)) coupons_sent,
    latest.campaign.type campaign_type, latest.campaign.ends campaign_ends
  from read_json('{lake}/crm/*.json.gz', format='newline_delimited', columns={{'household':'STRUCT(id BIGINT)','updated_at':'TIMESTAMP',
    'campaigns':'STRUCT(coupons BIGINT)[]','latest':'STRUCT(campaign STRUCT("type" VARCHAR, ends DATE))'}})
  where updated_at < timestamp '2017-10-01'),
crm as (select household_id, arg_max(documents, updated_at) r from documents group by 1),
redemptions as (
  select household.id household_id, count(*) redeemed_before,
    count(*) filter (redeemed_at >= timestamp '2017-10-01' - interval 90 day) redeemed_90d,
    count(distinct coupon.upc) coupons_redeemed, max(redeemed_at) last_redemption
  from read_json('{lake}/redemptions/*.json.gz', format='newline_delimited', columns={{'redeemed_at':'TIMESTAMP',
    'household':'STRUCT(id BIGINT)','coupon':'STRUCT(upc VARCHAR)'}})
  where redeemed_at < timestamp '2017-10-01' group by 1)
select household_id, age, income, home_ownership, married, household_size, kids,
  coalesce(lines, 0) lines, coalesce(trips, 0) trips, coalesce(trips_30d, 0) trips_30d, coalesce(stores, 0) stores,
  last_store, first_purchase, last_purchase, quantity, spend, coalesce(spend_30d, 0) spend_30d,
  coalesce(spend_90d, 0) spend_90d, spend_mean, spend_sd, coalesce(spend_grocery, 0) spend_grocery,
  coalesce(spend_drugs, 0) spend_drugs, coalesce(spend_fresh, 0) spend_fresh, coalesce(spend_fuel, 0) spend_fuel,
  coalesce(private_lines, 0) private_lines, loyalty_discount, coupon_discount,
  r.campaigns, r.coupons_sent, r.campaign_type, r.campaign_ends,
  coalesce(redeemed_before, 0) redeemed_before, coalesce(redeemed_90d, 0) redeemed_90d,
  coalesce(coupons_redeemed, 0) coupons_redeemed, last_redemption, redeemed, hash(household_id) % 100 h
from labels left join demographics using (household_id) left join transactions using (household_id)
  left join crm using (household_id) left join redemptions using (household_id)""")
for split, condition in (("train", "h < 80"), ("eval", "h >= 80")):
    connection.execute(f"copy (select * exclude h from j where {condition}) to '{out}/{split}.parquet' (format parquet)")
print(f"alone: {time.monotonic() - imported:.3f} s")
