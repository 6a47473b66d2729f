"""The CDK's schema of manifests, parsed once a process: the dearest step in building a source, and always the same."""

from functools import cache

from airbyte_cdk.sources.declarative import concurrent_declarative_source as declarative

declarative.get_declarative_component_schema = cache(declarative.get_declarative_component_schema)
declarative.get_declarative_component_schema()
