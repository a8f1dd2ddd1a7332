"""The source of the dashboards; `python -m deploy.grafana` writes them into the chart.

headline    the first row: what is wrong
objectives  how bad it is, and how far it is behind
records     what came, what became of it, how late
machine     what it runs on: group, saturation, scaling
board       the dashboard around the rows: variables, annotations, layout
runbooks    a second dashboard: the page of each alert, where the panels' links lead
panels      what a panel is, and its JSON; tables: how its series become rows
"""
