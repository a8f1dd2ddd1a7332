"""What people see of a running consumer: metrics, probes and logs.

`metrics` declares what is counted and the loop counts into it; `exposition` shows it to Prometheus.
"""
