"""What the manifest cannot say in YAML, one idea a module."""
