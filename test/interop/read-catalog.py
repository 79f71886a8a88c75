"""Reads the table `samples` by an Iceberg REST catalog with PyIceberg and prints what it found as JSON: `read-catalog.py <uri> <warehouse> <token> <namespace>`."""

import json
import sys

from pyiceberg.catalog import load_catalog

uri, warehouse, token, namespace = sys.argv[1:]
catalog = load_catalog("mirror", type="rest", uri=uri, warehouse=warehouse, token=token)
table = catalog.load_table((namespace, "samples"))
rows = table.scan().to_arrow()
print(
    json.dumps(
        {
            "tables": sorted(name for _, name in catalog.list_tables(namespace)),
            "snapshots": [snapshot.snapshot_id for snapshot in table.snapshots()],
            "fields": [[field.field_id, field.name] for field in table.schema().fields],
            "rows": rows.num_rows,
            "sum": sum(value for value in rows["value"].to_pylist() if value is not None),
            "metrics": sorted(set(rows["metric"].to_pylist())),
        }
    )
)
