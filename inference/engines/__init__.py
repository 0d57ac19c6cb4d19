"""Engines: chat requests in, text out."""
