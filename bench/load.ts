/**
 * How long a plan takes to load, and to pack for its way to the server: `node scripts/run-ts.mjs bench/load.ts`.
 */
import { loadPlan } from '../src/plan/load/load-plan.js';
import { packPlan, unpackPlan } from '../src/plan/wire.js';

interface Shape {
  readonly name: string;
  readonly steps: number;
  readonly dependsOn: (index: number) => readonly number[];
  readonly condition?: (index: number) => string | null;
}

/** Layers of `width` steps, each depending on all of the layer above. */
const layered = (width: number) => (index: number) => {
  const above = Math.floor(index / width) - 1;
  return above < 0 ? [] : Array.from({ length: width }, (_, at) => above * width + at);
};

const SHAPES: readonly Shape[] = [
  { name: 'chain of 100', steps: 100, dependsOn: (index) => (index === 0 ? [] : [index - 1]) },
  { name: '1,000 steps, 20 × 50 all-to-all', steps: 1_000, dependsOn: layered(50) },
  { name: '10,000 steps, three dependencies each', steps: 10_000, dependsOn: threeAbove },
  { name: '10,000 steps in 500 layers of 20, all-to-all', steps: 10_000, dependsOn: layered(20) },
  { name: 'chain of 5,000', steps: 5_000, dependsOn: (index) => (index === 0 ? [] : [index - 1]) },
  {
    name: '10,000 steps with a condition each',
    steps: 10_000,
    dependsOn: threeAbove,
    condition: (index) =>
      index < 3
        ? null
        : `steps.step-${index - 1}.state == "succeeded"`.replace(/steps\.(\S+)\.state/, 'steps["$1"].state'),
  },
];

function threeAbove(index: number): number[] {
  return [1, 7, 100].map((distance) => index - distance).filter((above) => above >= 0);
}

function textOf(shape: Shape): string {
  const steps = Array.from({ length: shape.steps }, (_, index) => ({
    id: `step-${index}`,
    name: `Step ${index}`,
    description: 'One of many',
    command: 'node',
    args: ['-e', `console.log(${index}, process.env.BRANCH)`],
    env: { BRANCH: '${BRANCH}' },
    depends_on: shape.dependsOn(index).map((above) => `step-${above}`),
    timeout_sec: 60,
    retries: index % 3,
    condition: shape.condition?.(index) ?? null,
    provides: [`result-${index}`],
    consumes:
      index === 0
        ? []
        : shape
            .dependsOn(index)
            .slice(0, 1)
            .map((above) => `result-${above}`),
    tags: [`phase:${index % 7}`],
  }));
  const globals = { max_concurrency: 16, env: { LC_ALL: 'C' } };
  return JSON.stringify(
    { plan_id: 'BENCH', version: '1', globals, variables: { BRANCH: { default: 'main' } }, steps },
    null,
    2,
  );
}

for (const shape of SHAPES) {
  const text = textOf(shape);
  const loads: number[] = [];
  const cpu: number[] = [];
  let line = '';
  for (let round = 0; round < 5; round += 1) {
    const started = performance.now();
    const before = process.cpuUsage();
    const { plan, problems } = await loadPlan({ path: 'bench.json', readText: () => text });
    loads.push(performance.now() - started);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1_000);
    if (plan === null) throw new Error(problems.map((problem) => problem.message).join('\n'));
    const packing = performance.now();
    const packed = packPlan(plan);
    const unpacking = performance.now();
    unpackPlan(packed);
    const done = performance.now();
    line = `packed ${(packed.length / 1024).toFixed(0)} KB in ${(unpacking - packing).toFixed(0)} ms, unpacked in ${(done - unpacking).toFixed(0)} ms`;
  }
  const [first] = loads;
  const middle = (list: readonly number[]): string => [...list].sort((a, b) => a - b)[2]!.toFixed(0);
  const size = `${(text.length / 1024 / 1024).toFixed(1)} MB`;
  console.log(
    `${shape.name} (${size}): first ${first!.toFixed(0)} ms, median ${middle(loads)} ms (processor ${middle(cpu)} ms); ${line}`,
  );
}
