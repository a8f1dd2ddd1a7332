"""A seeded random soak: real processes, real kills, rebalances and outages; `make soak`.

traffic    what is written: users with numbered calls, so that loss and order can be seen
members    the consumers: started, killed, stopped, measured
trouble    what goes wrong, and when
verdict    what arrived, in which order, how often
"""
