"""Spark: `read-spark.py <task> <jar>…`. Prints its answers as JSON, as reader-answers.ts has them."""

import json
import sys

from pyspark.sql import SparkSession

task = json.loads(sys.argv[1])
builder = SparkSession.builder.master("local[1]").config("spark.jars", ",".join(sys.argv[2:]))
local = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.session.timeZone": "UTC"}
catalog = {
    "": "org.apache.iceberg.spark.SparkCatalog",
    ".type": "rest",
    ".uri": f"{task['baseUrl']}/iceberg",
    ".warehouse": task["tenant"],
    ".token": task["key"],
    ".header.X-Iceberg-Access-Delegation": "vended-credentials",
    ".io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
}
for name, value in {**local, **{f"spark.sql.catalog.varve{name}": value for name, value in catalog.items()}}.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("OFF")
where = f"metric = '{task['metric']}' AND labels['zone'] = '{task['zone']}' AND timestamp >= TIMESTAMP '{task['from']}' AND timestamp < TIMESTAMP '{task['to']}'"
selected = spark.sql(f"SELECT count(*), sum(value) FROM varve.metrics.samples WHERE {where}").collect()[0]
assert spark.sql("SELECT * FROM varve.metrics.samples.snapshots").count() >= 1
try:
    spark.sql("DELETE FROM varve.metrics.samples WHERE metric >= 'a'")
    write = "accepted"
except Exception:  # noqa: BLE001 - whatever it says, it must not have been done
    write = "refused"
print(
    json.dumps(
        {
            "tables": [row.tableName for row in spark.sql("SHOW TABLES IN varve.metrics").collect()],
            "byMetric": {row[0]: [row[1], row[2]] for row in spark.sql("SELECT metric, count(*), sum(value) FROM varve.metrics.samples GROUP BY metric").collect()},
            "selected": [selected[0], selected[1]],
            "write": write,
        }
    )
)
