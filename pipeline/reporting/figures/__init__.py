"""The figures of a report, each as a Vega-Lite description."""
