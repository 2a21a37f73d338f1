/** JSON Schemas of what workflows take and return, from the types in src/contract and their comments. */
import { createGenerator, type SchemaGenerator } from 'ts-json-schema-generator';
import { OPERATIONS } from '../../src/contract/operations.ts';

/** Of what belongs to no operation, or to all. */
const FURTHER_INPUTS = [
  'CampaignSelectionInput',
  'EligibilityCheckInput',
  'EligibilityListInput',
  'ErasureInput',
  'Decision',
];
const FURTHER_RESULTS = [
  'CampaignSelectionResult',
  'Eligibility',
  'EligibilityListResult',
  'ErasureResult',
  'Progress',
];

const typesOfOperations = (suffix: 'Input' | 'Result'): readonly string[] =>
  Object.keys(OPERATIONS).map((kind) => `${kind.charAt(0).toUpperCase()}${kind.slice(1)}${suffix}`);

const INPUTS = [...typesOfOperations('Input'), ...FURTHER_INPUTS];

/** The types that have a schema, in docs/schemas/<type>.json. */
export const SCHEMA_TYPES: readonly string[] = [
  ...INPUTS,
  ...typesOfOperations('Result'),
  ...FURTHER_RESULTS,
];

/** JSON Schema, draft 7. An input with an unknown field is invalid; a result may get further fields. */
export function createSchema(type: string): object {
  return (INPUTS.includes(type) ? inputs() : results()).createSchema(type);
}

const inputs = lazyGenerator(false);
const results = lazyGenerator(true);

/** Reading the types takes seconds, so it happens once, and only if a schema is needed. */
function lazyGenerator(additionalProperties: boolean): () => SchemaGenerator {
  let generator: SchemaGenerator | undefined;
  return () => {
    generator ??= createGenerator({
      path: 'src/contract/*.ts',
      tsconfig: 'tsconfig.json',
      // The type check of the repository has done it.
      skipTypeCheck: true,
      topRef: false,
      jsDoc: 'extended',
      additionalProperties,
    });
    return generator;
  };
}

export const renderSchema = (type: string): string => `${JSON.stringify(createSchema(type), null, 2)}\n`;
