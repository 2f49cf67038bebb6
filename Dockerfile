# A Planwright worker, and the command line: docker-compose.yml starts both from this image.
#
# Pinned to an exact version, not to a digest: no image registry could be asked for it where this was written.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package's install script is needed, so none may run.
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.mjs
RUN npm prune --omit=dev --ignore-scripts

FROM node:20.20.2-bookworm-slim
# git for repository plans (with ssh and certificates for its remotes); util-linux (unshare, setpriv, flock) and perl
# hold a step's processes together. Steps find here what is installed here: plans that need more build on this image.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git openssh-client perl util-linux \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# What the npm package holds, and no more: without scripts/ nothing is built or installed again. All of it belongs to
# root, so that no step can change the program that runs it.
COPY package.json README.md LICENSE CHANGELOG.md ./
COPY bin ./bin
COPY config ./config
COPY plans ./plans
COPY schema ./schema
COPY src ./src
COPY workstreams ./workstreams
COPY deploy/worker ./deploy/worker
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# A new volume takes the owner of the folder it is mounted on.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/planwright \
  && install --directory --owner=node --group=node /workspace
USER node
ENV NODE_ENV=production
WORKDIR /workspace
ENTRYPOINT ["/bin/sh", "/app/deploy/worker/entrypoint.sh"]
