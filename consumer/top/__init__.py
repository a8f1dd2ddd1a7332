"""A live view of running consumers, out of what they show to Prometheus.

observe/scrape   one look at one member
figures          two looks become rates, lag, latency and state
show             figures become a screen
"""
