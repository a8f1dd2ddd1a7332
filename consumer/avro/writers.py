"""What the schemas of other programs say beside Avro's own words.

Kafka Connect and Debezium name the meaning of a type by `connect.name`, and give a decimal's scale
in `connect.parameters`. Java's `avro.java.string`, `java-class` and the like say how Java holds a
value and change none of its bytes.

Sources: Confluent's AvroData; Debezium, "Temporal types" (its timestamps have no time zone).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consumer.avro.nodes import Schema

_CONNECT: Final = "org.apache.kafka.connect.data."
_DEBEZIUM: Final = "io.debezium.time."
_LOGICAL: Final = {
    ("int", f"{_CONNECT}Date"): "date",
    ("int", f"{_CONNECT}Time"): "time-millis",
    ("long", f"{_CONNECT}Timestamp"): "timestamp-millis",
    ("bytes", f"{_CONNECT}Decimal"): "decimal",
    ("int", f"{_DEBEZIUM}Date"): "date",
    ("int", f"{_DEBEZIUM}Time"): "time-millis",
    ("long", f"{_DEBEZIUM}MicroTime"): "time-micros",
    ("long", f"{_DEBEZIUM}NanoTime"): "time-nanos",
    ("long", f"{_DEBEZIUM}Timestamp"): "local-timestamp-millis",
    ("long", f"{_DEBEZIUM}MicroTimestamp"): "local-timestamp-micros",
    ("long", f"{_DEBEZIUM}NanoTimestamp"): "local-timestamp-nanos",
}


def logical_type(schema: dict[str, Schema]) -> str | None:
    """Return the logical type of *schema*, by Avro's word or by Connect's; None where it has none.

    Raises nothing: what is no text, or does not fit the type, says nothing (Avro's rule).
    """
    logical = schema.get("logicalType")
    if isinstance(logical, str):
        return logical
    kind, name = schema["type"], schema.get("connect.name")
    return _LOGICAL.get((kind, name)) if isinstance(kind, str) and isinstance(name, str) else None


def scale_of(schema: dict[str, Schema]) -> Schema:
    """Return what *schema* says of a decimal's scale; 0 where it says nothing."""
    if "scale" in schema:
        return schema["scale"]
    parameters = schema.get("connect.parameters")
    scale = parameters.get("scale", 0) if isinstance(parameters, dict) else 0
    return int(scale) if isinstance(scale, str) and scale.isdigit() else scale
