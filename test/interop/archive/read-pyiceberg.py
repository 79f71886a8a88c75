"""PyIceberg: `read-pyiceberg.py <task>`. Prints its answers as JSON, as reader-answers.ts has them."""

import json
import sys
import urllib.request

from pyiceberg.catalog import load_catalog
from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan

task = json.loads(sys.argv[1])
properties = {"type": "rest", "uri": f"{task['baseUrl']}/iceberg", "warehouse": task["tenant"]}
catalog = load_catalog("varve", **properties, token=task["key"])
# The key as the secret of an OAuth2 client.
by_credential = load_catalog("varve", **properties, credential=f"me:{task['key']}")
assert catalog.list_namespaces() == by_credential.list_namespaces() == [("metrics",)]
assert catalog.table_exists("metrics.samples") and not catalog.table_exists("metrics.other") and not catalog.table_exists("other.samples")
table = catalog.load_table("metrics.samples")
assert by_credential.load_table("metrics.samples").metadata == table.metadata



def object_bytes():
    """Bytes of objects that the server has sent so far."""
    request = urllib.request.Request(f"{task['baseUrl']}/metrics", headers={"authorization": f"Bearer {task['operatorKey']}"})
    with urllib.request.urlopen(request) as answer:
        return sum(float(line.rsplit(" ", 1)[1]) for line in answer.read().decode().splitlines() if line.startswith("varve_object_bytes_total"))


def bytes_of(scan):
    before = object_bytes()
    scan.to_arrow()
    return object_bytes() - before


whole, narrow, short = bytes_of(table.scan()), bytes_of(table.scan(selected_fields=("timestamp",))), bytes_of(table.scan(row_filter=GreaterThanOrEqual("timestamp", task["to"])))
assert narrow < 0.7 * whole and short < 0.8 * whole, f"all of the table took {whole} bytes, one column {narrow}, some of its days {short}"
everything = table.scan(selected_fields=("metric", "value")).to_arrow()
assert everything.column_names == ["metric", "value"]
sums = everything.group_by("metric").aggregate([("value", "count"), ("value", "sum")]).to_pylist()
in_range = And(GreaterThanOrEqual("timestamp", task["from"]), LessThan("timestamp", task["to"]))
found = table.scan(row_filter=And(EqualTo("metric", task["metric"]), in_range)).to_arrow().to_pylist()
values = [row["value"] for row in found if dict(row["labels"])["zone"] == task["zone"]]
filters = ({}, {"row_filter": in_range}, {"row_filter": EqualTo("metric", "~ no metric has this name")})
planned = [len(list(table.scan(**options).plan_files())) for options in filters]
try:
    table.append(everything)
    write = "accepted"
except Exception:  # noqa: BLE001 - whatever it says, it must not have been done
    write = "refused"
print(
    json.dumps(
        {
            "tables": [name for _, name in catalog.list_tables("metrics")],
            "byMetric": {row["metric"]: [row["value_count"], row["value_sum"]] for row in sums},
            "selected": [len(values), sum(values)],
            "files": planned,
            "write": write,
        }
    )
)
