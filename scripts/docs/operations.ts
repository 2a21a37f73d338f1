/** What each operation needs of CXone: a table for Markdown, and comments for docker-compose.yml. */
import { addressSettings, productionHosts, type Site } from '../../src/config/families.ts';
import { OPERATIONS, type OperationNeeds } from '../../src/config/operations.ts';
import { FAMILIES } from '../../src/cxone/families.wire.ts';
import { code, table } from './markdown.ts';

type Region = NonNullable<Site['region']>;

/** The family is the one that the operation adds to the one it extends. */
const nameOf = ({ name, base }: OperationNeeds): string =>
  base === undefined ? name : `${name}, in addition`;

/** Without families, and without operations that extend others, it is short enough for the README. */
export function renderOperations({ withFamily }: { readonly withFamily: boolean }): string {
  const listed = OPERATIONS.filter(({ base }) => withFamily || base === undefined);
  const rows = listed.map((operation) => [
    nameOf(operation),
    ...(withFamily ? [code(operation.family)] : []),
    renderAddresses(operation),
    FAMILIES[operation.family].scopes.map(code).join(' '),
  ]);
  const head = ['operation', ...(withFamily ? ['family'] : []), 'address', 'scopes of the OAuth client'];
  return table(head, rows);
}

function renderAddresses(operation: OperationNeeds): string {
  const [us, eu] = (['us', 'eu'] as const).map((region) => renderAddress(operation, region));
  return us === eu ? `${us}` : `${us} (EU: ${eu})`;
}

function renderAddress({ family }: OperationNeeds, region: Region): string {
  const place = { region, listsRegion: '', instance: '' };
  const named = { region, listsRegion: '{CXONE_LISTS_REGION}', instance: '{CXONE_INSTANCE}' };
  const address = productionHosts(place)[family].api || productionHosts(named)[family].api;
  return address ? code(address) : `set ${addressSettings(family, region).join(' or ')}`;
}

export function renderOperationComments(): string {
  return OPERATIONS.flatMap((operation) => {
    const { family } = operation;
    const [us, eu] = (['us', 'eu'] as const).map((region) => addressSettings(family, region).join(' or '));
    const address = us === eu ? us : `in the US ${us || 'none'}, in the EU ${eu || 'none'}`;
    return [
      `#   ${nameOf(operation).replaceAll('`', '')}: ${family}`,
      `#     scopes ${FAMILIES[family].scopes.join(' ')}`,
      ...(address ? [`#     address ${address}`] : []),
    ];
  }).join('\n');
}
