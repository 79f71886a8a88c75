"""Reads an Iceberg table with PyIceberg and prints what it found as JSON: `read-iceberg.py <metadata.json> <metric> <from ISO> <to ISO>`."""

import json
import sys

from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan
from pyiceberg.table import StaticTable

location, metric, start, end = sys.argv[1:]
table = StaticTable.from_metadata(location)
everything = table.scan().to_arrow()
some = table.scan(row_filter=And(EqualTo("metric", metric), And(GreaterThanOrEqual("timestamp", start), LessThan("timestamp", end))))
rows = some.to_arrow()
print(
    json.dumps(
        {
            "schema": [[field.field_id, field.name, str(field.field_type)] for field in table.schema().fields],
            "partitions": [str(field.transform) for field in table.spec().fields],
            "order": [[field.source_id, str(field.transform)] for field in table.sort_order().fields],
            "snapshots": len(table.snapshots()),
            "files": len(list(table.scan().plan_files())),
            "rows": everything.num_rows,
            "sum": sum(value for value in everything["value"].to_pylist() if value is not None and value == value),
            "histograms": sum(1 for value in everything["histogram"].to_pylist() if value is not None),
            "filtered_files": len(list(some.plan_files())),
            "filtered_rows": [
                [row["metric"], dict(row["labels"]), row["series_id"].hex(), round(row["timestamp"].timestamp() * 1000), "NaN" if row["value"] is not None and row["value"] != row["value"] else row["value"]] for row in rows.to_pylist()
            ],
        }
    )
)
