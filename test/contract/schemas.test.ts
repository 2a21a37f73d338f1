/** The published JSON Schemas of inputs agree with the checks of the workflows: what a workflow accepts, its schema accepts. */
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSchema, SCHEMA_TYPES } from '../../scripts/docs/schemas.ts';
import { checkEligibilityCheck, checkEligibilityList, checkErasure } from '../../src/contract/consent.ts';
import type { Checked } from '../../src/contract/input.ts';
import { OPERATIONS } from '../../src/contract/operations.ts';
import { checkCampaignSelection } from '../../src/contract/selection-update.ts';
import { SAMPLES } from './samples.ts';

interface Schema {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

type Check = (value: unknown) => Checked<unknown>;

const CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(
    Object.entries(OPERATIONS).map(([kind, spec]) => [
      `${kind.charAt(0).toUpperCase()}${kind.slice(1)}Input`,
      (value: unknown) => spec.check(value),
    ]),
  ),
  CampaignSelectionInput: checkCampaignSelection,
  EligibilityCheckInput: checkEligibilityCheck,
  EligibilityListInput: checkEligibilityList,
  ErasureInput: checkErasure,
};

const ajv = new Ajv({ allErrors: true });
const schemaOf = (type: string) => createSchema(type) as Schema;
const accepts = (check: Check, value: unknown): boolean => 'input' in check(value);

/** Values that most fields refuse. */
const WRONG = [null, 0, -1.5, '', 'no such word', true, [], ['L1'], {}, { path: 7 }];

it('every schema is valid, and that of each input is compared with its check', () => {
  for (const type of SCHEMA_TYPES) expect(() => ajv.compile(createSchema(type)), type).not.toThrow();
  expect(SCHEMA_TYPES.filter((type) => type.endsWith('Input'))).toEqual(Object.keys(CHECKS));
});

describe.each(Object.entries(CHECKS))('the schema of %s', (type, check) => {
  const schema = schemaOf(type);
  const validate = ajv.compile(schema);
  const fields = Object.keys(schema.properties);

  it('has exactly the fields that the workflow knows', () => {
    const unknown = check({ noSuchField: 1 });
    const [, known = ''] = /known fields: (.*)$/m.exec(JSON.stringify(unknown)) ?? [];
    expect(fields.toSorted()).toEqual(known.replace(/".*$/, '').split(', ').toSorted());
    expect(validate({ ...required(schema), noSuchField: 1 })).toBe(false);
  });

  it('requires what the workflow requires', () => {
    for (const field of schema.required ?? []) {
      const { [field]: _, ...rest } = required(schema);
      expect([validate(rest), accepts(check, rest)], `without ${field}`).toEqual([false, false]);
    }
  });

  it('takes whatever the workflow takes', () => {
    const good = (field: string) => fc.constantFrom(...(SAMPLES[field] ?? []));
    const mostlyGood = (field: string) =>
      fc.oneof({ arbitrary: good(field), weight: 20 }, { arbitrary: fc.constantFrom(...WRONG), weight: 1 });
    const input = fc.record(Object.fromEntries(fields.map((field) => [field, mostlyGood(field)])), {
      requiredKeys: [...(schema.required ?? [])],
    });
    let taken = 0;
    fc.assert(
      fc.property(input, (given) => {
        if (!accepts(check, given)) return;
        taken += 1;
        expect(validate(given), JSON.stringify(validate.errors)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    expect(taken, 'inputs that the workflow takes').toBeGreaterThan(10);
  });

  it.each(fields)('refuses %s as a fraction', (field) => {
    expect(validate({ ...required(schema), [field]: 7.5 })).toBe(false);
  });
});

const required = ({ required: names = [] }: Schema): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, SAMPLES[name]?.[0]]));
