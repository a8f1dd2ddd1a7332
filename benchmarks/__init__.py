"""What an event costs, against the bare libraries and against others: `make bench`.

load         the events: the mix
sink, server the other end: an HTTP server that only counts, in a process of its own
stage        a broker with a filled topic, and the contenders' processes
contenders   who takes part
    floor    the bare libraries in a loop: no order, no retries, no promise
    ours     the consumer itself
    peers/   others doing the same job, as their documentation teaches
    posts    a pure load for the sink
versus       throughput, a slow Seg, and a steady stream (pace)
parallel     ours and a peer outside Python
tls          floor and ours at a sink that speaks TLS
scale        partitions, members, sizes, ignored events, latency, a backlog
memory       with a full window
measure      what a contender is told, and what it uses
figures      of several rounds, and their ratios
report       the tables, and what was to be reached
"""
