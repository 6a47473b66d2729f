"""The dbt package run on tables that PyAirbyte, Airbyte's destinations and dlt write."""
