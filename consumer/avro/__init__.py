"""From a Kafka record's value to a Segment event, and back.

    value -> framing -> plan (once a schema) -> fastavro -> Event

`decoder` is the way in for the pipeline, `encoder` for `seg-consumer produce`. Nothing outside this
package imports fastavro or talks to a schema registry.
"""
