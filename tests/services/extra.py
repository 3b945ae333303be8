"""An app that `--app` names in the tests."""
