"""The full-screen app. It shows a `View` and turns keys into requests; it decides nothing about windows or asking."""
