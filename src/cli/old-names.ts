/**
 * What hands still type: commands, scripts and calls of the earlier system, and words of other programs. Each with what is
 * typed now.
 */
const NAMES: Readonly<Record<string, string>> = {
  // words of other programs
  run: 'start',
  exec: 'start',
  execute: 'start',
  check: 'validate',
  lint: 'validate',
  plan: 'validate',
  upgrade: 'migrate',
  ls: 'list',
  ps: 'list',
  runs: 'list',
  describe: 'show',
  history: 'events',
  log: 'logs',
  tail: 'logs',
  follow: 'watch',
  attach: 'watch',
  stop: 'cancel',
  kill: 'cancel',
  abort: 'cancel',
  continue: 'resume',
  unpause: 'resume',
  reject: 'approve',
  rerun: 'retry',
  lock: 'lease',
  leases: 'lease',
  flock: 'lease',
  breakers: 'breaker',
  'reset-breaker': 'breaker reset',
  reset_circuit_breaker: 'breaker reset',
  gc: 'prune',
  clean: 'prune',
  workers: 'worker list',
  patches: 'patch list',
  worktrees: 'worktree list',
  // the engine and its calls
  orchestrator: 'start',
  'core.engine': 'start',
  'core.engine.orchestrator': 'start',
  'run-plan': 'start',
  run_plan: 'start',
  'start-plan': 'start',
  execute_plan: 'start',
  create_run: 'start',
  start_run: 'start',
  load_plan: 'validate',
  list_runs: 'list',
  get_run_status: 'show',
  get_run_steps: 'show',
  get_run_events: 'events',
  cancel_run: 'cancel',
  status: 'show',
  // workstreams
  run_workstream: 'workstream run',
  execute_next_workstreams: 'workstream next',
  track_workstream_status: 'workstream status',
  sync_workstreams_to_github: 'workstream sync',
  spec_to_workstream: 'workstream from-spec',
  validate_workstreams: 'workstream validate',
  validate_workstreams_authoring: 'workstream validate',
  simple_workstream_executor: 'workstream next',
  uet_execute_workstreams: 'workstream run',
  multi_agent_workstream_coordinator: 'workstream run',
  multi_agent_orchestrator: 'workstream run',
  uet_workstream_loader: 'workstream validate',
  run_uet_workstreams: 'workstream run',
  uet_init_db: 'up',
  uet_spawn_workers: 'worker list',
  worktree_manager: 'worktree list',
  validate_workstream: 'workstream validate',
  complete_task: 'workstream complete',
  fail_task: 'workstream fail',
  fail_workstream: 'workstream fail',
  reset_task: 'workstream reset',
  unblock_task: 'workstream unblock',
  rollback_patch: 'workstream rollback',
  // jobs
  'run-job': 'job run',
  run_job: 'job run',
  submit: 'job submit',
  submit_job: 'job submit',
  'start-workers': 'job workers',
  stats: 'job stats',
  queue: 'job list',
  // safe merge
  safe_merge: 'start plans/safe_merge.json',
  'safe-merge': 'start plans/safe_merge.json',
  safe_merge_auto: 'start plans/safe_merge.json',
  safe_merge_orchestrator: 'start plans/safe_merge.json',
  multi_clone_guard: 'lease run',
  'multi-clone-guard': 'lease run',
};

/**
 * Returns what is typed now instead of an old name, or null. Case, `-` and `_`, the endings of scripts and the path in front
 * do not matter: `python scripts/run_workstream.py` is meant by each of its parts.
 */
export function newNameOf(text: string): string | null {
  const last = text.replace(/^.*[/\\]/, '').replace(/\.(py|ps1|sh|bat|cmd)$/i, '');
  const forms = [text, last, last.replace(/^(?:scripts|core|modules|tools|engine)\./, '')].flatMap((form) => {
    const lower = form.toLowerCase();
    const camel = form.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
    return [form, lower, camel, camel.replaceAll('-', '_'), lower.replaceAll('_', '-')];
  });
  const dotted = /\.([A-Za-z_]+)$/.exec(last)?.[1];
  for (const form of [...forms, ...(dotted === undefined ? [] : [dotted.toLowerCase()])])
    if (Object.hasOwn(NAMES, form)) return NAMES[form]!;
  return null;
}

export const oldNames: readonly string[] = Object.keys(NAMES);
/** Each once. */
export const newNames: readonly string[] = [...new Set(Object.values(NAMES))];
