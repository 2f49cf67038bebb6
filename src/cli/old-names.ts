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
  complete_run: 'show',
  create_step_attempt: 'show',
  complete_step_attempt: 'show',
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
  uet_spawn_workers: 'up',
  worktree_manager: 'worktree list',
  validate_workstream: 'workstream validate',
  complete_task: 'workstream complete',
  fail_task: 'workstream fail',
  fail_workstream: 'workstream fail',
  reset_task: 'workstream reset',
  unblock_task: 'workstream unblock',
  rollback_patch: 'workstream rollback',
  analyse_quarantine: 'workstream quarantine',
  analyze_quarantine: 'workstream quarantine',
  list_quarantine: 'workstream quarantine',
  quarantine: 'workstream quarantine',
  list_stuck: 'workstream stuck',
  list_stuck_entities: 'workstream stuck',
  stuck: 'workstream stuck',
  create_worktree: 'worktree create',
  list_worktrees: 'worktree list',
  remove_worktree: 'worktree remove',
  merge_worktree: 'worktree merge',
  cleanup_worktrees: 'worktree clean',
  apply_patch: 'patch apply',
  apply_patches: 'patch apply',
  check_patches: 'patch check',
  monitor: 'watch',
  // jobs
  'run-job': 'job run',
  run_job: 'job run',
  submit: 'job submit',
  submit_job: 'job submit',
  'start-workers': 'job workers',
  stats: 'job stats',
  queue: 'job list',
  queue_manager: 'job',
  submit_job_dict: 'job submit',
  get_job_status: 'job status',
  job_status: 'job status',
  list_jobs: 'job list',
  cancel_job: 'job cancel',
  get_queue_stats: 'job stats',
  wait_all: 'job wait',
  wait_until_empty: 'job wait',
  convert_workstreams: 'job convert',
  convert_workstreams_to_jobs: 'job convert',
  workstream_to_job: 'job convert',
  run_all_jobs: 'job workers',
  // safe merge
  safe_merge: 'start plans/safe_merge.json',
  'safe-merge': 'start plans/safe_merge.json',
  safe_merge_auto: 'start plans/safe_merge.json',
  safe_merge_orchestrator: 'start plans/safe_merge.json',
  safe_merge_wrapper: 'start plans/safe_merge.json',
  checkpointed_merge: 'start plans/safe_merge.json',
  multi_clone_guard: 'lease run',
  'multi-clone-guard': 'lease run',
};

/** Of the safe merge each tool is called by itself, too: by a program of its own. */
const MERGE_TOOLS: Readonly<Record<string, string>> = {
  env_scan: 'env_scan',
  merge_env_scan: 'env_scan',
  sync_summary: 'sync_health_check',
  sync_log_summary: 'sync_health_check',
  sync_health_check: 'sync_health_check',
  nested_repo_detector: 'nested_repos_detect',
  nested_repos_detect: 'nested_repos_detect',
  nested_repo_normalizer: 'nested_repos_normalize',
  nested_repo_normaliser: 'nested_repos_normalize',
  nested_repos_normalize: 'nested_repos_normalize',
  file_classifier: 'file_classification',
  merge_file_classifier: 'file_classification',
  file_classification: 'file_classification',
  timestamp_resolver: 'timestamp_resolver',
  merge_timestamp_resolver: 'timestamp_resolver',
  ai_conflict_resolver: 'ai_conflict_resolver',
  safe_pull_and_push: 'guarded_push',
  guarded_push: 'guarded_push',
  event_emitter: 'emit_success_event',
  sync_event_emitter: 'emit_success_event',
  emit_event: 'emit_success_event',
  safe_merge_emit_event: 'emit_success_event',
};

/** Flags of the scripts that workstreams were run with, and what is done now instead. */
const WORKSTREAM_FLAGS: Readonly<Record<string, string>> = {
  '--resume': 'planwright retry <run>    goes on with a run: what succeeded is used again',
  '--parallel': 'without --ws-id all are run, side by side where they can be',
  '--run-id': 'ids of runs are made; "last" stands for the latest',
  '--plan': 'planwright start <file>    runs a plan',
  '--workstreams-dir': 'the folder is an argument: planwright workstream run <folder>',
  '--dir': 'the folder is an argument: planwright workstream run <folder>',
  '--agents': '--max-workers says how many run at once',
  '--no-commit': '--prove lands nothing: it finds out which patches could',
};

/** Returns what is done now instead of an old flag, or null. */
export function insteadOfFlag(flag: string, argv: readonly string[]): string | null {
  if (flag === '--db') return 'the state directory is named by PLANWRIGHT_HOME';
  const isKnown = argv[0] === 'workstream' && Object.hasOwn(WORKSTREAM_FLAGS, flag);
  return isKnown ? WORKSTREAM_FLAGS[flag]! : null;
}

const OF_JOBS: Readonly<Record<string, string>> = { status: 'job status', run: 'job run' };

export const MERGE_PROGRAM = 'planwright-merge';

/**
 * Returns what is typed now instead of an old name, or null. Case, `-` and `_`, the endings of scripts and the path in front
 * do not matter: `python scripts/run_workstream.py` is meant by each of its parts.
 *
 * @param argv - all that was typed: some words meant a job where a flag says so
 */
export function newNameOf(text: string, argv: readonly string[] = []): string | null {
  if (argv.some((word) => /^--job-(id|file)\b/.test(word)) && Object.hasOwn(OF_JOBS, text))
    return OF_JOBS[text]!;
  const last = text.replace(/^.*[/\\]/, '').replace(/\.(py|ps1|sh|bat|cmd)$/i, '');
  const forms = [text, last, last.replace(/^(?:scripts|core|modules|tools|engine)\./, '')].flatMap((form) => {
    const lower = form.toLowerCase();
    const camel = form.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
    return [form, lower, camel, camel.replaceAll('-', '_'), lower.replaceAll('_', '-')];
  });
  const dotted = /\.([A-Za-z_]+)$/.exec(last)?.[1];
  for (const form of [...forms, ...(dotted === undefined ? [] : [dotted.toLowerCase()])])
    if (Object.hasOwn(NAMES, form)) return NAMES[form]!;
    else if (Object.hasOwn(MERGE_TOOLS, form)) return `${MERGE_PROGRAM} ${MERGE_TOOLS[form]!}`;
  return null;
}

export const oldNames: readonly string[] = Object.keys(NAMES);
/** Each once, of the tools of the safe merge. */
export const mergeTools: readonly string[] = [...new Set(Object.values(MERGE_TOOLS))];
/** Each once. */
export const newNames: readonly string[] = [...new Set(Object.values(NAMES))];
