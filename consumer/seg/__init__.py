"""Delivery to Seg over HTTP: the client, what its answers mean, and how hard to try.

`delivery` is the whole of it seen from the pipeline; the other modules know one thing each.
"""
