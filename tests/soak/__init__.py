"""A seeded random soak: real processes, real kills, rebalances and outages; `make soak`.

soak       one soak, from its first record to its figures
traffic    what is written: users with numbered calls, so that loss and order can be seen
members    the consumers: started, killed, stopped, measured
trouble    what goes wrong, and when
chronicle  what was wrong when, and so why a call came twice
seg        what can go wrong at Seg
brokers    what can go wrong at the brokers: the embedded ones, or three real ones
verdict    what arrived, in which order, how often
"""
