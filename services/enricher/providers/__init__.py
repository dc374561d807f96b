"""Data vendors as their presets say: questions become HTTP requests, replies become facts. Pure."""
