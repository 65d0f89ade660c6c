"""The features of examples/complete-journey, computed by DuckDB from the same lake: what the snapshot must hold."""

from pathlib import Path

import duckdb
import pyarrow as pa

QUERY = """
with
labels as (
  select household_id, redeemed
  from read_csv('{lake}/labels/*.csv', header = true, columns = {{household_id: BIGINT, redeemed: BIGINT}})),
demographics as (
  select household_id, age, income, home_ownership, marital_status married, household_size, kids_count kids
  from read_csv('{lake}/demographics/*.csv', header = true, columns = {{
    household_id: BIGINT, age: VARCHAR, income: VARCHAR, home_ownership: VARCHAR, marital_status: VARCHAR,
    household_size: VARCHAR, household_comp: VARCHAR, kids_count: VARCHAR}})),
receipts as (
  select * replace (parse_filename(filename) as filename), row_number() over () as line
  from read_csv('{lake}/transactions/*.gz', header = false, delim = '|', filename = true, columns = {{
    household_id: BIGINT, basket_id: BIGINT, bought_at: TIMESTAMP, store_id: BIGINT, product_id: BIGINT,
    quantity: BIGINT, sales_value: DOUBLE, retail_disc: DOUBLE, coupon_disc: 'DECIMAL(10,2)', department: VARCHAR,
    brand: VARCHAR}})
  where bought_at < {as_of}),
transactions as (
  select household_id,
    count(*) lines,
    count(distinct basket_id) trips,
    count(distinct basket_id) filter (bought_at >= {as_of} - interval 30 day) trips_30d,
    count(distinct store_id) stores,
    last(store_id order by bought_at, filename, line) last_store,
    min(bought_at) first_purchase,
    max(bought_at) last_purchase,
    sum(quantity)::BIGINT quantity,
    fsum(sales_value) spend,
    coalesce(fsum(sales_value) filter (bought_at >= {as_of} - interval 30 day), 0) spend_30d,
    coalesce(fsum(sales_value) filter (bought_at >= {as_of} - interval 90 day), 0) spend_90d,
    favg(sales_value) spend_mean,
    stddev_samp(sales_value) spend_sd,
    coalesce(fsum(sales_value) filter (department = 'GROCERY'), 0) spend_grocery,
    coalesce(fsum(sales_value) filter (department = 'DRUG GM'), 0) spend_drugs,
    coalesce(fsum(sales_value) filter (department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'DELI')), 0) spend_fresh,
    coalesce(fsum(sales_value) filter (department = 'FUEL'), 0) spend_fuel,
    count(*) filter (brand = 'Private' and quantity > 0) private_lines,
    fsum(retail_disc) loyalty_discount,
    sum(coupon_disc) coupon_discount
  from receipts group by all),
documents as (
  select household.id household_id, updated_at, len(campaigns) campaigns,
    list_sum(list_transform(campaigns, lambda c: c.coupons))::BIGINT coupons_sent,
    latest.campaign.type campaign_type, latest.campaign.ends campaign_ends
  from read_json('{lake}/crm/*.json.gz', format = 'newline_delimited', columns = {{
    household: 'STRUCT(id BIGINT)', updated_at: 'TIMESTAMP',
    campaigns: 'STRUCT(id BIGINT, "type" VARCHAR, ends DATE, coupons BIGINT)[]',
    latest: 'STRUCT(campaign STRUCT(id BIGINT, "type" VARCHAR, ends DATE, coupons BIGINT))'}})
  where updated_at < {as_of}),
crm as (
  select * exclude (updated_at) from documents
  qualify row_number() over (partition by household_id order by updated_at desc) = 1),
redemptions as (
  select household.id household_id,
    count(*) redeemed_before,
    count(*) filter (redeemed_at >= {as_of} - interval 90 day) redeemed_90d,
    count(distinct coupon.upc) coupons_redeemed,
    max(redeemed_at) last_redemption
  from read_json('{lake}/redemptions/*.json.gz', format = 'newline_delimited', columns = {{
    redeemed_at: 'TIMESTAMP', household: 'STRUCT(id BIGINT)',
    coupon: 'STRUCT(upc VARCHAR, campaign STRUCT(id BIGINT, "type" VARCHAR))'}})
  where redeemed_at < {as_of} group by all)
select labels.household_id, redeemed,
  demographics.* exclude (household_id),
  coalesce(lines, 0) lines, coalesce(trips, 0) trips, coalesce(trips_30d, 0) trips_30d, coalesce(stores, 0) stores,
  last_store, first_purchase, last_purchase, quantity, spend,
  coalesce(spend_30d, 0) spend_30d, coalesce(spend_90d, 0) spend_90d, spend_mean, spend_sd,
  coalesce(spend_grocery, 0) spend_grocery, coalesce(spend_drugs, 0) spend_drugs,
  coalesce(spend_fresh, 0) spend_fresh, coalesce(spend_fuel, 0) spend_fuel,
  coalesce(private_lines, 0) private_lines, loyalty_discount, coupon_discount,
  campaigns, coupons_sent, campaign_type, campaign_ends,
  coalesce(redeemed_before, 0) redeemed_before, coalesce(redeemed_90d, 0) redeemed_90d,
  coalesce(coupons_redeemed, 0) coupons_redeemed, last_redemption
from labels left join demographics using (household_id) left join transactions using (household_id)
  left join crm using (household_id) left join redemptions using (household_id)
"""


def expected(lake: Path, as_of: str = "timestamp '2017-10-01'") -> pa.Table:
    """One row per household, columns as the definition names them."""
    connection = duckdb.connect()
    connection.execute("set threads = 1")  # so that `line` follows the file
    return connection.sql(QUERY.format(lake=lake, as_of=as_of)).to_arrow_table()
