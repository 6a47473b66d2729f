"""The CDK's standard tests take their scenarios from these hooks."""

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]
