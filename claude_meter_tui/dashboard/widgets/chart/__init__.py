"""The chart: its picture cell by cell, its scales, its thin lines, and the widget that shows it."""
