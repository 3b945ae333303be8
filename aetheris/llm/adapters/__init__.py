"""One vendor, one file. Each is registered under its provider's name, the part of `provider:model` before the colon."""
