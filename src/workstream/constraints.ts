/**
 * What a patch may be, beside its scope: limits that a project sets, and may tighten for a part, never loosen.
 */

export interface PatchConstraints {
  /** Added and removed lines together; null: any number. */
  readonly maxLines: number | null;
  readonly maxFiles: number | null;
  /** Of one file after the change. */
  readonly maxFileBytes: number | null;
  readonly allowBinary: boolean;
  /** Patterns of paths that no patch may touch, whatever its scope. */
  readonly forbidden: readonly string[];
  /** Whoever changes a path that fits `changed` must change one that fits `tests` too. */
  readonly testsRequired: readonly { readonly changed: string; readonly tests: string }[];
  /** Patterns of paths that hold tests: deleting one needs its exact path in the scope. */
  readonly tests: readonly string[];
}

export const DEFAULT_CONSTRAINTS: PatchConstraints = {
  maxLines: null,
  maxFiles: null,
  maxFileBytes: 50 * 1024 * 1024,
  allowBinary: true,
  forbidden: ['secrets/'],
  testsRequired: [],
  tests: [
    ...['test/**', 'tests/**', '**/test/**', '**/tests/**', '**/__tests__/**', 'spec/**', '**/spec/**'],
    ...[
      '**/test_*.py',
      '**/*_test.py',
      '**/*_test.go',
      '**/*.test.*',
      '**/*.spec.*',
      '**/*Test.java',
      '**/*Tests.cs',
      '**/conftest.py',
    ],
  ],
};

const smaller = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b);

/** Returns both together: of each limit the tighter one. */
export function tightened(global: PatchConstraints, own: Partial<PatchConstraints>): PatchConstraints {
  return {
    maxLines: smaller(global.maxLines, own.maxLines ?? null),
    maxFiles: smaller(global.maxFiles, own.maxFiles ?? null),
    maxFileBytes: smaller(global.maxFileBytes, own.maxFileBytes ?? null),
    allowBinary: global.allowBinary && (own.allowBinary ?? true),
    forbidden: [...new Set([...global.forbidden, ...(own.forbidden ?? [])])],
    testsRequired: [...global.testsRequired, ...(own.testsRequired ?? [])],
    tests: [...new Set([...global.tests, ...(own.tests ?? [])])],
  };
}
