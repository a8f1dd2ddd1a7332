"""The source of the dashboards; `python -m deploy.grafana` writes them into the chart.

panels   what a panel is, and its JSON
service  the rows about the service: what came, what became of it, how late
machine  the rows about what it runs on: group, saturation, scaling
board    the dashboard around them: variables, links, layout
"""
