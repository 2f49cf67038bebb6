#!/usr/bin/env node
// The command, in a checkout and installed. Old syntax on purpose: an old Node must be able to read the refusal.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 20)) {
  console.error(
    `planwright: Node ${process.versions.node} is too old: 20.20 or newer is needed (https://nodejs.org).`,
  );
  process.exitCode = 2;
} else {
  import('./start.mjs').then((start) => start.run());
}
