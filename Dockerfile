# Speaks the Airbyte protocol: docker run … spec | check | discover | read
# The base is the one of metadata.yaml; another can be given.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.0.2@sha256:9fdb1888c4264cf6fee473649ecb593f56f58e5d0096a87ee0b231777e2e3e73

FROM ${BASE_IMAGE} AS build
# hadolint ignore=DL3002
USER 0:0
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv /poetry \
    && /poetry/bin/pip install poetry==2.5.1 poetry-plugin-export==1.10.1 \
    && python3 -m venv --without-pip /connector
# What is installed is what poetry.lock says, checked by hash. This layer stands until the lock changes.
# The dependencies' own tests, a fifth of their size, are left out.
COPY pyproject.toml poetry.lock ./
RUN /poetry/bin/poetry export --output locked.txt \
    && /poetry/bin/pip --python /connector/bin/python install --require-hashes --no-deps --requirement locked.txt \
    && find /connector -type d -name tests -prune -exec rm -r {} +
COPY README.md ./
COPY source_kore_llm_logs ./source_kore_llm_logs
RUN /poetry/bin/poetry build --format wheel \
    && /poetry/bin/pip --python /connector/bin/python install --no-deps --root /code dist/*.whl

FROM ${BASE_IMAGE}
# Two layers: a new version of the connector is a small one on top of the dependencies.
COPY --from=build /connector /connector
COPY --from=build /code/connector /connector
# glibc keeps up to 64 MB of free memory for each thread, which of pages of 50 MB is more than the rows themselves: one
# arena, for one thread at a time runs Python; blocks of 128 KB are given back when freed, and what is more than 8 MB.
ENV PATH=/connector/bin:$PATH PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=8388608 \
    AIRBYTE_ENTRYPOINT="env --block-signal=TERM,INT /connector/bin/source-kore-llm-logs"
LABEL io.airbyte.name=airbyte/source-kore-llm-logs \
    io.airbyte.version=0.2.0 \
    org.opencontainers.image.title=source-kore-llm-logs \
    org.opencontainers.image.description="Airbyte source connector: Kore.ai LLM usage logs, completely and once." \
    org.opencontainers.image.version=0.2.0 \
    org.opencontainers.image.licenses=MIT
# The one place that is written to: a read-only root file system needs nothing more.
VOLUME /tmp
WORKDIR /connector
# The base's own user, named by number so that Kubernetes sees that it is not root.
USER 1000:1000
# Process 1 would lose a signal that comes while Python itself starts. A blocked one waits until the connector takes it.
ENTRYPOINT ["env", "--block-signal=TERM,INT", "/connector/bin/source-kore-llm-logs"]
