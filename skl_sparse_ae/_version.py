"""The version: stamped into saved files, so it must not import anything."""

__version__ = "0.1.0.dev0"
