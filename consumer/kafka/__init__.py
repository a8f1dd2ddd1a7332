"""Everything that speaks to Kafka; the only package that knows confluent-kafka.

source         the group member: records in, commits out
ownership      which partitions are ours, and who is told
dead_letters   the dead-letter topic
connectivity   whether the brokers let us in, and why not
inspect        topics, rights and offsets, seen from outside the group
start          what is checked before the first record is read
produce        Segment calls onto a topic
embedded       a broker in a child process, for the demo and the tests
"""
