"""A Kafka consumer that delivers Segment events to Seg.

One event's way: poll, decode, translate, schedule, deliver, settle, commit.
`pipeline` holds that loop; start reading there.
"""
