# The service for machines without a GPU. deploy/Dockerfile.cuda is the one for those with one.
#
#   docker build -t rag-router .
#   docker run --read-only --tmpfs /tmp -v rag-data:/data -v rag-models:/models \
#     -e RAG_ROUTER_SERVE__KEY_FILE=/run/secrets/key -v ./key:/run/secrets/key:ro \
#     -p 127.0.0.1:8600:8600 rag-router
FROM python:3.11-slim AS build
# Where CPU wheels of torch are; left out, the platform's usual ones are taken, which are larger.
ARG TORCH_INDEX=""
WORKDIR /src
RUN python -m venv /opt/rag-router
ENV PATH=/opt/rag-router/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt ./
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY rag_router ./rag_router
RUN pip install --constraint constraints.txt ".[api,postgres,telemetry]"

FROM python:3.11-slim
RUN groupadd --gid 10001 rag && useradd --uid 10001 --gid rag --no-create-home --shell /usr/sbin/nologin rag \
    && install -d -o rag -g rag /data /models
COPY --from=build /opt/rag-router /opt/rag-router
# Nothing is written but to /data, /models and /tmp, so that the root can be read-only.
ENV PATH=/opt/rag-router/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    RAG_ROUTER_HOME=/data \
    RAG_ROUTER_MODELS=/models \
    RAG_ROUTER_SERVE__HOST=0.0.0.0 \
    RAG_ROUTER_SERVE__DRAIN_SECONDS=5
USER 10001:10001
VOLUME ["/data", "/models"]
EXPOSE 8600
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8600/health/ready', timeout=4)"]
ENTRYPOINT ["rag-router"]
CMD ["serve"]
