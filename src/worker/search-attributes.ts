/** An unregistered search attribute blocks a workflow for ever, so the worker registers them at start (decisions.md 13). */
import proto from '@temporalio/proto';
import type { NativeConnection } from '@temporalio/worker';
import { SEARCH_ATTRIBUTES } from '../contract/run.ts';

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

/** True: all of them are there. Where registering is refused (Temporal Cloud, rights), runs go without them. */
export async function registerSearchAttributes(
  connection: NativeConnection,
  namespace: string,
  wanted: 'auto' | 'off',
  warn: (why: string) => void,
): Promise<boolean> {
  if (wanted === 'off') return false;
  try {
    const known = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (known.customAttributes ?? {})));
    if (missing.length === 0) return true;
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    return true;
  } catch {
    const commands = SEARCH_ATTRIBUTES.map((name) => `--name ${name} --type Keyword`).join(' ');
    warn(
      `runs go without search attributes: register them with \`temporal operator search-attribute create ${commands}\``,
    );
    return false;
  }
}
