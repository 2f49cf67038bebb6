/**
 * Writes schema/plan.schema.json from the definition in src/plan/load/schema.ts. Run it after changing that, from the
 * root of the checkout: `npm run schema`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { planJsonSchema } from '../src/plan/load/json-schema.js';

const target = join('schema', 'plan.schema.json');
await writeFile(target, `${JSON.stringify(planJsonSchema(), null, 2)}\n`);
console.error(`wrote ${target}`);
