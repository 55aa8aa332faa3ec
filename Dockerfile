# The gateway alone, without build tools. It keeps what survives a restart in /data and writes nowhere else:
#   docker run --read-only -p 8000:8000 -v batch-gateway:/data \
#     -v "$PWD/gateway.toml:/etc/batch-gateway/gateway.toml:ro" batch-gateway
FROM python:3.11.14-slim-bookworm AS build
# otel adds traces: --build-arg EXTRAS=otel
ARG EXTRAS=
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv --without-pip /opt/batch-gateway
COPY pyproject.toml .constraints.txt README.md LICENSE ./
COPY adapters adapters
COPY gateway gateway
COPY schema schema
RUN pip install -c .constraints.txt setuptools \
    && pip wheel --no-build-isolation --no-deps --wheel-dir wheels . \
    && pip --python /opt/batch-gateway/bin/python install -c .constraints.txt "$(echo wheels/*.whl)${EXTRAS:+[$EXTRAS]}"

FROM python:3.11.14-slim-bookworm
RUN pip uninstall --yes setuptools wheel pip \
    && rm -r /usr/local/lib/python3.11/ensurepip \
    && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin gateway \
    && install --directory --owner gateway --group gateway /data
COPY --from=build /opt/batch-gateway /opt/batch-gateway
# the variables win over the file: the health check and the published port find the gateway where they expect it
ENV PATH=/opt/batch-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_DATA_HOME=/data \
    BATCH_GATEWAY_SERVER__HOST=0.0.0.0 \
    BATCH_GATEWAY_SERVER__PORT=8000
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["batch-gateway"]
CMD ["serve", "--config", "/etc/batch-gateway/gateway.toml"]
