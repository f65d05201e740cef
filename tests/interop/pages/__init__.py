"""The pages in real Chromium, against a running switch."""
