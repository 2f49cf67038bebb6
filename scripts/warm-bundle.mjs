// @ts-check
/**
 * Keeps the machine's form of a bundle, with what a command has used of it by then.
 *
 *   node scripts/warm-bundle.mjs BUNDLE [COMMAND…]        each COMMAND, a line of words, is run first
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { cacheFile, compileBundle, loadBundle } from '../src/os/load-bundle.mjs';

/** What comes later is waiting: for a server that is not there. */
const LIMIT_MS = 1_000;

const [bundle = '', ...commands] = process.argv.slice(2);
const url = pathToFileURL(bundle);
const script = compileBundle(url);
const { main } = loadBundle(url, script);
for (const command of commands) await Promise.race([main(command.split(' ')), sleep(LIMIT_MS)]);
const file = cacheFile(url);
const draft = `${file.pathname}.${process.pid}.draft`;
writeFileSync(draft, script.createCachedData());
renameSync(draft, file);
process.exit(0);
