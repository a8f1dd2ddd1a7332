"""What an event costs, against the bare libraries doing the same: `make bench`.

load     the events: the mix, onto a topic
sink     the other end: an HTTP server that only counts, in a process of its own
floor    the bare libraries in a loop: no order, no retries, no promise
ours     the consumer itself
report   rounds, ratios, the table
"""
