"""A Kafka consumer that delivers Segment events to Seg.

One event's way: poll, decode, translate, schedule, deliver, settle, commit.
`flow.pipeline` holds that loop; `docs/architecture.md` is the map.
"""
