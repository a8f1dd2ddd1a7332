"""The main job on this machine: a broker, the consumer and a stand-in for Seg on sample events."""

WEBSITE_ID = "abc8fb18-7559-4324-9921-a4b5015b4a1c"
"""The example in Segment's own documentation of Seg; nobody's key."""
