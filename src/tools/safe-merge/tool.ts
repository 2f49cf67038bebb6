/**
 * What every tool of the safe merge is, is given and gives back.
 */
import type { Repository } from '../git/repository.js';
import type { Invoker } from './events.js';
import type { Report } from './reasons.js';
import type { RunKey, ToolName } from './state.js';
import type { Target } from './target.js';

/** An option of one tool, beside those that all have. */
export interface ToolOption {
  /** As commander reads it: `--max-stray <count>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
}

/** The values of a tool's own options by long name: text for those with a value, true for flags that were given. */
export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

export interface Context {
  readonly repository: Repository;
  /** The directory that was named or stood in. Relative paths in options count from `cwd`, not from here. */
  readonly cwd: string;
  readonly run: RunKey;
  /** The run's reports. */
  readonly directory: string;
  readonly target: Target;
  readonly invoker: Invoker;
  /** Of the process: where programs named by a person get theirs from. */
  readonly env: NodeJS.ProcessEnv;
  /** Say what would be done, and change nothing but our own refs and reports. */
  readonly dryRun: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Says something while the tool works. */
  readonly say: (text: string) => void;
}

/** What a tool that went on found. */
export interface Finding {
  /** One line for a person. */
  readonly summary: string;
  readonly report: Report;
  /** Small values for the plan's `outputs`; they are in the result file. */
  readonly result?: Report;
}

export interface Tool {
  readonly name: ToolName;
  readonly patternId: string;
  /** Position in the pipeline: 0 to 6. */
  readonly phase: number;
  readonly phaseName: string;
  /** What stands behind its name, if anything: the run. */
  readonly argument?: string;
  /** For the help; default: one with a branch. */
  readonly example?: string;
  /** One sentence for the list of tools. */
  readonly summary: string;
  /** More, for `--help`: what it reads, what its exit codes mean. */
  readonly help: string;
  readonly options: readonly ToolOption[];
  /** It is the last of its phase: its success is an event of its own. */
  readonly endsPhase?: boolean;
  /** A failure of this tool does not end the pipeline: a later one decides. */
  readonly tolerated: boolean;
  /**
   * @throws Stopped when the pipeline must not go on
   */
  run(context: Context, options: OptionValues): Promise<Finding>;
}
