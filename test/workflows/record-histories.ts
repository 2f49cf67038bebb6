/**
 * Writes `test/histories` anew: `npm run record-histories`, or some of them: `npm run record-histories -- success retry`.
 * All are written on purpose, when the workflow changes so that open runs of the release before need no care; one is
 * written with its scenario. Never by a check.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { findJobs } from '../../src/activities/job/find-jobs.js';
import { findProgram } from '../../src/server/find-program.js';
import { packageRoot } from '../../src/package.js';
import { openEngine, type Engine } from './engine.js';
import { Shop } from './landing-stand-in.js';
import { furtherLegs, scenarios } from './scenarios.js';

const root = packageRoot();
const folder = join(root, 'test', 'histories');
const chosen = process.argv.slice(2);
if (chosen.length === 0) rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const program = (await findProgram(process.env, console.error)).path;
const bundle = join(root, 'dist', 'workflow-bundle.js');
for (const [name, play] of Object.entries(scenarios)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const more = { ...new Shop().activities, findJobs };
  const engine = await openEngine({ program, bundle, more, holdsJobs: true });
  // Ids of children are made from the run's: a replay must be given the same.
  const named: Engine = { ...engine, start: (plan, options) => engine.start(plan, { id: name, ...options }) };
  const handle = await play(named);
  for (const suffix of ['', ...(furtherLegs[name] ?? [])]) {
    const history = await engine.client.workflow.getHandle(handle.workflowId + suffix).fetchHistory();
    // Where the code lay when this was recorded is nobody's business.
    const text = historyToJSON(history).replaceAll(/"stackTrace": "(?:[^"\\]|\\.)*"/g, '"stackTrace": ""');
    writeFileSync(join(folder, `${name}${suffix}.json`), `${text}\n`);
    console.error(`${name}${suffix}: ${history.events?.length ?? 0} events`);
  }
  await engine.close();
}
process.exit(0); // the SDK's runtime keeps the process
