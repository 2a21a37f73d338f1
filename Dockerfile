# Image of the worker and all other commands. Debian, because Temporal's native bridge needs glibc.
FROM node:22-slim AS build
WORKDIR /cxflow
COPY package.json package-lock.json ./
COPY scripts/setup.mjs scripts/
COPY bin bin
RUN node scripts/setup.mjs --packages
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY src src
# Keep the bridge for this platform only (all platforms: 148 MB), and of the optional packages only that of the worker:
# the image has neither the servers of `cxflow dev` nor the simulator.
RUN node scripts/build.mjs \
  && npm pkg delete 'devDependencies[@temporalio/worker]' \
  && npm prune --omit=dev --no-audit --no-fund \
  && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
       ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

FROM node:22-slim
ENV NODE_ENV=production CXFLOW_FROM=dist CXFLOW_SOURCE_DIR=/sources
WORKDIR /cxflow
COPY --from=build /cxflow/package.json ./
COPY --from=build /cxflow/node_modules node_modules
COPY --from=build /cxflow/dist dist
COPY --from=build /cxflow/bin bin
USER node
# Node is the main process, so that SIGTERM reaches the worker, which drains for a few seconds.
ENTRYPOINT ["node", "bin/cxflow.js"]
CMD ["worker"]
