"""The version of this package, where it can be read without importing Pulumi."""

__version__ = "0.1.0"
