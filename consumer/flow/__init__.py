"""The loop: what moves a record from the topic to Seg and its offset into a commit.

`pipeline` is the loop; the other modules own one decision each. Pure but for what it is given.
"""
