/**
 * Puts variables into one text of a plan, by the rules of the slot it stands in.
 */
import { folderLeft } from '../climbing.js';
import { lateText } from '../late.js';
import { quote, quoteAll } from '../quote.js';
import { escapeLiteral, type OutputReference } from '../references.js';
import type { Findings, ProblemCode } from './diagnostics.js';
import type { PlanPath } from './places.js';
import type { Slot } from './step-types/step-type.js';
import { piecesOf, type Locals, type Piece } from './template.js';
import type { VariableScope } from './variables.js';

/** Where a text stands. */
export interface Spot {
  readonly path: PlanPath;
  readonly slot: Slot;
  /** Who is meant in a message: `step "build": `, or nothing. */
  readonly subject: string;
  /** The step's index, or null for a text of the plan itself. */
  readonly stepIndex: number | null;
  /** For a part of a shell line, the names of its environment; null for all else. */
  readonly shellEnv: ReadonlySet<string> | null;
  /** The text is one of `args`. */
  readonly isArgument: boolean;
  /** The text is a path, of a folder or a program. */
  readonly isPath: boolean;
  /** The text is a program, handed to an interpreter as an argument (`sh -c`, `node -e`). */
  readonly isScript: boolean;
  /** Names of its own that the text has. */
  readonly locals: Locals;
}

/** A reference to an output, and where it stands. */
export interface PlacedReference extends OutputReference {
  readonly stepIndex: number;
  readonly path: PlanPath;
}

/** Characters of all texts together: a few letters in a file may stand for a long value each. */
const MAX_TOTAL = 16 * 1024 * 1024;
/** Bytes of one argument; a character is a byte or more. */
const MAX_TEXT = 131_071;

/** Slots whose texts are filled when their step starts. */
const HOLD_OUTPUTS: readonly Slot[] = ['argument', 'question', 'environment', 'items', 'sub-plan-variable'];

const USE_FILES = 'pass large values as files';

/** Fills texts, and remembers what it met in them. */
export class TextFiller {
  readonly references: PlacedReference[] = [];
  /** Names that stand somewhere, with a value or not. */
  readonly used = new Set<string>();
  /** Names without a value, with their first place. */
  readonly unresolved = new Map<string, { readonly path: PlanPath; places: number }>();
  /** Characters of the texts that were filled. */
  characters = 0;

  constructor(
    private readonly scope: VariableScope,
    private readonly findings: Findings,
  ) {}

  /** Returns the text with its variables put in. What cannot be put in is reported. */
  fill(text: string, spot: Spot): string {
    if (!text.includes('${')) return text;
    const filled =
      spot.shellEnv === null ? this.fillPlain(text, spot) : this.fillShellLine(text, spot, spot.shellEnv);
    if (spot.isPath) this.refuseClimbing(text, filled, spot);
    this.characters += filled.length;
    if (filled.length <= MAX_TEXT && this.characters <= MAX_TOTAL) return filled;
    this.add('too-large', spot, `with its variables put in ${quote(text)} becomes too long`, USE_FILES);
    return text;
  }

  private fillPlain(text: string, spot: Spot): string {
    const isEnvironment = spot.slot === 'environment' || spot.slot === 'shared-environment';
    const pieces = piecesOf(text, spot.locals);
    const only = pieces.length === 1 ? pieces[0]! : null;
    if (isEnvironment && only?.kind === 'variable' && this.scope.secrets.has(only.name)) {
      this.used.add(only.name);
      return text;
    }
    // References stay for the time when the step starts; what is between them must then be read as it is now.
    const isTemplate = spot.slot !== 'text' && spot.slot !== 'command';
    const settled = (literal: string): string => (isTemplate ? escapeLiteral(literal) : literal);
    let before = '';
    let literal = '';
    for (const piece of pieces) {
      const late = this.lateTextOf(piece);
      if (late !== null) {
        this.checkLate(late.written, spot, literal);
        before += settled(literal) + late.text;
        literal = '';
      } else if (piece.kind === 'variable') {
        const opens = before === '' && literal === '';
        literal += this.valueOf(piece.name, spot, opens);
      } else if (piece.kind === 'output') {
        this.reference(piece.reference, spot, literal);
        before += settled(literal) + referenceText(piece.reference);
        literal = '';
      } else if (piece.kind !== 'late') {
        literal += this.plain(piece, spot);
      }
    }
    if (isEnvironment && before === '') this.refuseFalseSecret(literal, spot);
    return before + settled(literal);
  }

  private refuseClimbing(text: string, filled: string, spot: Spot): void {
    const folder = folderLeft(text, filled);
    if (folder === null) return;
    const names = piecesOf(text, spot.locals).flatMap((piece) =>
      piece.kind === 'variable' && !this.scope.vetted.has(piece.name) ? [piece.name] : [],
    );
    if (names.length === 0) return;
    const message = `the path ${quote(text)} would leave the folder ${quote(folder)}: it becomes ${quote(filled)}`;
    const hint = `declare ${quoteAll(names, 'and')} with a "pattern" or "enum" that allows it`;
    this.add('bad-variable', spot, message, hint);
  }

  private plain(piece: Piece & { kind: 'literal' | 'malformed' }, spot: Spot): string {
    if (piece.kind === 'malformed') {
      const hint = 'write ${steps.<step id>.outputs.<name>}';
      this.add('bad-reference', spot, `${quote(piece.text)} is not a reference to an output`, hint);
    }
    return piece.text;
  }

  private valueOf(name: string, spot: Spot, opens: boolean): string {
    this.used.add(name);
    const asWritten = `\${${name}}`;
    if (this.scope.secrets.has(name)) {
      this.refuseSecret(name, spot);
      return asWritten;
    }
    const value = this.scope.values.get(name);
    if (value === undefined) {
      const seen = this.unresolved.get(name);
      if (seen === undefined) this.unresolved.set(name, { path: spot.path, places: 1 });
      else seen.places += 1;
      return asWritten;
    }
    const isVetted = this.scope.vetted.has(name);
    if (spot.isArgument && opens && value.startsWith('-') && !isVetted) {
      // Whoever gives a value gives data. At the beginning of an argument "--force" would be an option.
      const message = `the argument ${quote(asWritten)} would become an option: the value of ${quote(name)} begins with "-"`;
      const hint = `write --option=${asWritten}, or declare ${quote(name)} with a "pattern" or "enum" that allows it`;
      this.add('bad-variable', spot, message, hint);
    }
    if (spot.isScript && !isVetted) {
      const message = `the value of ${quote(name)} becomes a part of a program here`;
      const hint = `write "env": {"${name}": "${asWritten}"} and let the program read it`;
      this.add('shell-text', spot, message, hint, 'warning');
    }
    return value;
  }

  /** Returns how a piece stands in the plan whose value comes later, or null for any other. */
  private lateTextOf(piece: Piece): { readonly text: string; readonly written: string } | null {
    if (piece.kind === 'late') return { text: lateText(piece.late), written: piece.written };
    if (piece.kind !== 'variable' || !this.scope.late.has(piece.name)) return null;
    this.used.add(piece.name);
    return { text: lateText({ kind: 'variable', name: piece.name }), written: `\${${piece.name}}` };
  }

  private checkLate(written: string, spot: Spot, literal: string): void {
    this.refuseDollar(literal, spot);
    const isItemName = spot.slot === 'item-name' && spot.locals === 'item';
    if (isItemName || spot.slot === 'shared-environment' || HOLD_OUTPUTS.includes(spot.slot)) return;
    const message = `${quote(written)} has its value only when the step that gives it starts, and cannot be used here`;
    this.add(
      'bad-reference',
      spot,
      message,
      'only args, cwd, env and the message of an approval can hold it',
    );
  }

  private refuseDollar(literal: string, spot: Spot): void {
    if (!literal.endsWith('$')) return;
    // `$${` is the mark of a literal: together they would be read as one when the step starts.
    this.add('bad-reference', spot, 'a "$" cannot stand right before a reference to an output', null);
  }

  private reference(reference: OutputReference, spot: Spot, literal: string): void {
    this.refuseDollar(literal, spot);
    if (HOLD_OUTPUTS.includes(spot.slot) && spot.stepIndex !== null) {
      this.references.push({ ...reference, stepIndex: spot.stepIndex, path: spot.path });
      return;
    }
    const message = `the output ${quote(referenceText(reference))} cannot be used here; only args, cwd, values of a step's env, the message of an approval, items and variables of a sub-plan can hold one`;
    this.add('bad-reference', spot, message, null);
  }

  /** A shell gets values through the environment: put into its line, a value would be read as commands. */
  private fillShellLine(text: string, spot: Spot, env: ReadonlySet<string>): string {
    let line = '';
    for (const piece of piecesOf(text, spot.locals)) {
      if (piece.kind === 'late') {
        const name = piece.written
          .slice(2, -1)
          .replace(/[^A-Za-z0-9_]/g, '_')
          .toUpperCase();
        const message = `${quote(piece.written)} stands in a shell line, where its value would be read as commands`;
        this.add(
          'shell-text',
          spot,
          message,
          `write "env": {"${name}": "${piece.written}"} and "$${name}" in the line`,
        );
      } else if (piece.kind === 'variable') {
        this.leaveToShell(piece.name, spot, env);
        line += `\${${piece.name}}`;
      } else if (piece.kind === 'output') {
        const written = referenceText(piece.reference);
        const name = piece.reference.output.toUpperCase();
        const hint = `write "env": {"${name}": "${written}"} and "$${name}" in the line`;
        this.add(
          'shell-text',
          spot,
          `${quote(written)} stands in a shell line, where its value would be read as commands`,
          hint,
        );
      } else {
        line += this.plain(piece, spot);
      }
    }
    return spot.slot === 'argument' ? escapeLiteral(line) : line;
  }

  /** `${HOME}` is the shell's own; a variable of the plan is not, unless `env` hands it over. */
  private leaveToShell(name: string, spot: Spot, env: ReadonlySet<string>): void {
    const { values, secrets, late, declared } = this.scope;
    const isOurs = values.has(name) || secrets.has(name) || late.has(name) || declared?.has(name) === true;
    if (!isOurs) return;
    this.used.add(name);
    if (env.has(name)) return;
    const message = `the variable ${quote(name)} stands in a shell line, where its value would be read as commands`;
    this.add('shell-text', spot, message, `write "env": {"${name}": "\${${name}}"}; the shell puts it in`);
  }

  private refuseSecret(name: string, spot: Spot): void {
    const message = `the secret ${quote(name)} may only be the whole value of an environment variable`;
    const hint =
      spot.slot === 'sub-plan-variable'
        ? 'let the sub-plan declare the same secret'
        : `write "env": {"${name}": "\${${name}}"} and let the program read $${name}`;
    this.add('misplaced-secret', spot, message, hint);
  }

  /** The worker takes exactly `${NAME}` for a secret: a text that merely comes out as that must not be one. */
  private refuseFalseSecret(text: string, spot: Spot): void {
    const name = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(text)?.[1];
    if (name === undefined || !this.scope.secrets.has(name)) return;
    this.add(
      'misplaced-secret',
      spot,
      `this value comes out as ${quote(text)}, which would ask for a secret`,
      null,
    );
  }

  private add(
    code: ProblemCode,
    spot: Spot,
    message: string,
    hint: string | null,
    severity: 'error' | 'warning' = 'error',
  ): void {
    this.findings.add({ code, severity, path: spot.path, message: `${spot.subject}${message}`, hint });
  }
}

const referenceText = ({ step, output }: OutputReference): string => `\${steps.${step}.outputs.${output}}`;
