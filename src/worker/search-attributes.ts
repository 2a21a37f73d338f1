/** A workflow that sets an unregistered search attribute blocks for ever, so the worker registers them when it starts. */
import proto from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';
import { SEARCH_ATTRIBUTES } from '../contract/run.ts';

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

/**
 * Returns whether all of them are registered. Where the server refuses (Temporal Cloud, missing rights), runs do without
 * them (docs/adr/0018-steering.md#search-attributes).
 */
export async function registerSearchAttributes(
  connection: NativeConnection,
  namespace: string,
  setting: 'auto' | 'off',
  warn: (message: string) => void,
): Promise<boolean> {
  if (setting === 'off') return false;
  try {
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (known.customAttributes ?? {})));
    if (missing.length === 0) return true;
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    return true;
  } catch {
    const names = SEARCH_ATTRIBUTES.map((name) => `--name ${name} --type Keyword`).join(' ');
    warn(
      `runs do without search attributes: register them with \`temporal operator search-attribute create ${names}\``,
    );
    return false;
  }
}
