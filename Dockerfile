# Runs the Airbyte protocol commands: docker run … spec | check | discover | read
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.0.2@sha256:9fdb1888c4264cf6fee473649ecb593f56f58e5d0096a87ee0b231777e2e3e73
FROM ${BASE_IMAGE} AS build
USER root
WORKDIR /build
RUN python3 -m venv /connector && python3 -m venv /poetry && /poetry/bin/pip install --no-cache-dir poetry poetry-plugin-export
COPY pyproject.toml poetry.lock ./
RUN /poetry/bin/poetry export --output locked.txt && /connector/bin/pip install --no-cache-dir --require-hashes --no-deps -r locked.txt
COPY README.md ./
COPY source_kore_llm_logs ./source_kore_llm_logs
RUN /connector/bin/pip install --no-cache-dir --no-deps .

FROM ${BASE_IMAGE}
COPY --from=build /connector /connector
ENV PATH=/connector/bin:$PATH AIRBYTE_ENTRYPOINT=source-kore-llm-logs PYTHONUNBUFFERED=1
LABEL io.airbyte.name=airbyte/source-kore-llm-logs io.airbyte.version=0.1.0
WORKDIR /tmp
USER 1000:1000
ENTRYPOINT ["source-kore-llm-logs"]
