/**
 * The JSON Schema of plan files, for editors: made from the definition the loader reads with.
 */
import * as z from 'zod';
import { planDocument } from './schema.js';
import { STEP_TYPES } from './step-types/registry.js';

type Schema = Record<string, unknown>;

/**
 * Returns the schema (draft 7, which editors know best).
 *
 * It is a little stricter than the loader: where the loader warns of a key it does not know, the schema has none, so
 * that an editor underlines it. At the top level plans carry keys of their own, and may.
 */
export function planJsonSchema(): Schema {
  const plan = converted(planDocument);
  const definitions = Object.fromEntries(
    STEP_TYPES.map((type) => [definitionOf(type.uses), closed(converted(type.schema))]),
  );
  const properties = plan['properties'] as Schema;
  const steps = { ...(properties['steps'] as Schema), items: stepSchema() };
  for (const key of ['globals', 'variables']) properties[key] = closed(properties[key] as Schema);
  delete plan['$schema'];
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Planwright plan',
    description: 'A graph of steps that Planwright runs durably.',
    ...plan,
    properties: { ...properties, steps },
    definitions,
  };
}

const definitionOf = (uses: string): string => `${uses}Step`;

function converted(schema: z.ZodType): Schema {
  const made = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as Schema;
  delete made['$schema'];
  return made;
}

/** Chooses the definition by `uses`: an editor then offers only the fields of that type. */
function stepSchema(): Schema {
  const [fallback, ...others] = STEP_TYPES;
  const reference = (uses: string): Schema => ({ $ref: `#/definitions/${definitionOf(uses)}` });
  return others.reduce<Schema>(
    (otherwise, { uses }) => ({
      if: { type: 'object', properties: { uses: { const: uses } }, required: ['uses'] },
      then: reference(uses),
      else: otherwise,
    }),
    reference(fallback!.uses),
  );
}

/** Objects that the loader knows all keys of. */
const FREE_FORM = new Set(['ui_hints', 'metadata']);

/** Allows no keys but those that are listed, here and below. */
function closed(schema: Schema): Schema {
  const { properties, additionalProperties } = schema;
  if (typeof properties !== 'object' || properties === null) {
    return typeof additionalProperties === 'object' && additionalProperties !== null
      ? { ...schema, additionalProperties: closed(additionalProperties as Schema) }
      : schema;
  }
  const below = Object.entries(properties as Record<string, Schema>).map(([key, value]) => [
    key,
    FREE_FORM.has(key) ? value : closed(value),
  ]);
  return { ...schema, properties: Object.fromEntries(below) as Schema, additionalProperties: false };
}
