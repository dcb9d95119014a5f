# syntax=docker/dockerfile:1
# Debian, not Alpine: neonize has no wheel for musl.
FROM python:3.13-slim AS build

ARG UV=0.13.9
RUN pip install --no-cache-dir "uv==${UV}"
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/wa-supervisor \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
# Dependencies first: they change seldom, and this layer is then reused.
COPY pyproject.toml uv.lock ./
COPY loopback/pyproject.toml loopback/
RUN uv sync --frozen --no-dev --all-extras --no-extra demo --no-install-workspace
COPY README.md LICENSE ./
COPY src src
RUN uv sync --frozen --no-dev --all-extras --no-extra demo --no-editable

FROM python:3.13-slim

# neonize asks libmagic for the type of media. Debian keeps no old versions that could be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmagic1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wa \
    && install -d -o wa -g wa -m 0700 /var/lib/wa-supervisor /run/wa-supervisor
COPY --from=build /opt/wa-supervisor /opt/wa-supervisor
ENV PATH=/opt/wa-supervisor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    WA_SUPERVISOR_DATA_DIR=/var/lib/wa-supervisor \
    WA_SUPERVISOR_PAIRING__QR=payload:/run/wa-supervisor/pairing

USER 10001:10001
# A bot is looked for here, too.
WORKDIR /bot
VOLUME /var/lib/wa-supervisor
STOPSIGNAL SIGTERM
# Healthy is a session that is connected; one that waits for a scan, or for a retry, is not. See
# docs/running.md before anything restarts a container for it.
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s --retries=2 \
    CMD ["wa-supervisor", "health"]
ENTRYPOINT ["wa-supervisor"]
CMD ["run"]
