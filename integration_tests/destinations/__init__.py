"""What arrives where the records are written: every row, every column, every type.

Tests and emulator run in `.venv`; what writes runs in an environment of its own and is spoken to as a process:
PyAirbyte in `.venv-demo`, dlt and an S3 server in `.venv-lake`, a Snowflake stand-in in `.venv-snowflake`.
"""
