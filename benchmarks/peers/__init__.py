"""Others doing the same job, each written as its own documentation teaches.

They read the same topic, POST calls of the same size to the same sink, one by one and in order,
and commit only what was taken. They run in a virtual environment of their own (`tools`) and know
nothing of `consumer`.
"""
