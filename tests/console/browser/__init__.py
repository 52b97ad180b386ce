"""The console in a real browser: Chromium without a screen, over the whole service."""
