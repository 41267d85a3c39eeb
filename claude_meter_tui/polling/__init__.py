"""The one part that asks: when, for whom, and what the answer changes. Knows neither HTTP nor the screen."""
